//! Whether this machine is fit to ask, and a sender fit to send.

pub mod lookup;
pub mod spf;
