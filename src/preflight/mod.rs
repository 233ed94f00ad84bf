//! Whether this machine is fit to ask, and a sender fit to send.

pub mod announce;
pub mod blocklist;
pub mod check;
pub mod der;
pub mod dkim;
pub mod dmarc;
pub mod host;
pub mod lookup;
pub mod reverse;
pub mod rules;
pub mod spf;
pub mod tags;
pub mod warm_up;
