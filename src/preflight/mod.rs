//! Whether this machine is fit to ask, and a sender fit to send.
//!
//! [`sender::fit_to_send`] looks at a domain and the addresses that send for it; [`machine::fit_to_ask`] looks at this
//! machine. Both ask DNS through [`lookup::Lookups`], which bounds them, hand what was found to pure functions, and
//! come back with [`check::Check`]s, each failure with its fix. [`report::Preflight`] holds the whole, for `--json`;
//! [`screen`] and [`html`] show it.

pub mod age;
pub mod announce;
pub mod audience;
pub mod blocklist;
pub mod check;
pub mod clock;
pub mod der;
pub mod dkim;
pub mod dkim_checks;
pub mod dmarc;
pub mod dmarc_checks;
pub mod host;
pub mod html;
pub mod intake;
pub mod interfaces;
pub mod listings;
pub mod lookup;
pub mod machine;
pub mod near_miss;
pub mod port25;
pub mod report;
pub mod resolver;
pub mod reverse;
pub mod rules;
pub mod screen;
pub mod sender;
pub mod spf;
pub mod spf_checks;
pub mod spf_edit;
pub mod start;
pub mod tags;
pub mod warm_up;
