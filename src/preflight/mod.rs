//! Whether this machine is fit to ask, and a sender fit to send.
//!
//! [`sender::checks::fit_to_send`] looks at a domain and the addresses that send for it;
//! [`machine::checks::fit_to_ask`] looks at this machine. Both ask DNS through [`lookup::Lookups`], which bounds them,
//! hand what was found to pure functions, and come back with [`check::Check`]s, each failure with its fix.
//! [`render::report::Preflight`] holds the whole, for `--json`; [`render`] shows it.

pub mod auth;
pub mod host;
pub mod machine;
pub mod render;
pub mod reverse;
pub mod sender;

pub mod check;
pub mod lookup;
