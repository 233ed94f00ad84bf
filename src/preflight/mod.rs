//! Whether this machine is fit to ask, and a sender fit to send.

pub mod announce;
pub mod blocklist;
pub mod check;
pub mod der;
pub mod dkim;
pub mod dkim_checks;
pub mod dmarc;
pub mod dmarc_checks;
pub mod host;
pub mod html;
pub mod intake;
pub mod listings;
pub mod lookup;
pub mod machine;
pub mod report;
pub mod reverse;
pub mod rules;
pub mod screen;
pub mod sender;
pub mod spf;
pub mod spf_checks;
pub mod tags;
pub mod warm_up;
