//! What the sender's domain publishes of itself: SPF, DKIM, DMARC.

pub mod age;
pub mod announce;
pub mod der;
pub mod dkim;
pub mod dkim_checks;
pub mod dmarc;
pub mod dmarc_checks;
pub mod near_miss;
pub mod spf;
pub mod spf_checks;
pub mod spf_proposal;
pub mod tags;
