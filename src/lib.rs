//! `presend` says which addresses on a mailing list will bounce, and why, before anything is sent.
//!
//! It is a program and a library. The library is small: a [`Verifier`] is asked about an address or a [`List`],
//! [`explain`] says what a reply means, [`decide`] draws a [`Verdict`] from [`Evidence`]. Everything else is how that
//! is done, for those who read or change it.
//!
//! # The life of a row
//!
//! ```text
//! bytes ─ input::list ─▶ row ─ input::address ─▶ address ─ input::flags ─▶ flags      what the text says: nothing is asked
//!                                  │
//!                                  ├─ ledger: what is known and fresh is not asked again
//!                                  ▼
//!            net::route (MX) ─ probe::scheduler ─ probe::run ─ smtp ─▶ reply           who is asked, when, in which session
//!                                  ▲                             │
//!                                  │                        smtp::rules ─▶ reading     what the reply means, whom it blames
//!                                  │                             │
//!                                  └──────── event ◀─────────────┴─▶ fact ─ ledger     durable within a second
//!                                                                     │
//!                         model::verdict::decide(evidence) ─ policy ─▶ disposition
//!                                                                     │
//!                                 projection ─ verify::output ─▶ verified · review · rejected
//!                                              verify::report ─▶ report.json · report.html
//! ```
//!
//! The list is read twice. The first reading asks about every mailbox that needs it; the second gives each row its
//! verdict from the ledger, in the caller's order. So memory does not grow with the list, and a run that was killed
//! goes on where it was.
//!
//! # Rooms
//!
//! The modules stand in the order in which data meets them. Each imports only from those above it, which a test holds.
//! All but `net`, `smtp::connection`, `probe::run`, `ledger`, `engine`, `preflight`, `bounce::import`, `verify`,
//! `verifier` and `cli` are pure: no I/O, no clock (time is an argument), no randomness (a seed is one).
//!
//! # Where a rule lives
//!
//! | question | file |
//! |---|---|
//! | What does a reply mean, and whom does it blame? | `config/replies.toml`, read by `smtp::rules` |
//! | When is an address undeliverable? Why does a 4yz never condemn one? | `model/verdict/decide.rs` |
//! | Which list does a row go to? | `model::verdict::policy`, `config/policies.toml` |
//! | What makes a domain a catch-all? | `probe/catch_all.rs` |
//! | How long does a greylisted address wait? | `probe/retry.rs` |
//! | How fast, and in how many connections, is a host asked? | `probe::pace`; limits of operators in `config/providers.toml` |
//! | Does a host still tell the truth? | `probe::scheduler::integrity` |
//! | Which column holds the addresses? | `input/list/column.rs` |
//! | What does a bounce say, and does it condemn? | `bounce::weigh` |
//! | How large may anything become, how long may anything take? | `model::limits` |

#![cfg_attr(not(feature = "testing"), warn(unused_crate_dependencies))]

// What neither the program nor the library uses is dead, and the compiler says so; tests and benches reach everything
// through `testing`.

pub use bounce::explain::{AddressAction, RejectedBy};
pub use cli::main;
pub use input::address::{Address, Domain, Fault};
pub use input::flags::ListKind;
pub use model::ending::Ending;
pub use model::flag::Flag;
pub use model::reading::Reading;
pub use model::reason::{Blame, Reason};
pub use model::stage::Stage;
pub use model::timestamp::Timestamp;
pub use model::verdict::{
    Disposition, Evidence, Exchange, Fact, Finding, Standing, Verdict, Whom, decide,
};
pub use preflight::check::{Check, Fitness, Side, Status, Weight};
pub use verifier::{
    Builder, Checked, Error, ErrorKind, Event, Explanation, List, Meaning, Preflight, Progress,
    Run, Verifier, explain,
};

#[cfg(not(feature = "testing"))]
mod model;
#[cfg(feature = "testing")]
pub mod model;

#[cfg(not(feature = "testing"))]
mod input;
#[cfg(feature = "testing")]
pub mod input;

#[cfg(not(feature = "testing"))]
mod smtp;
#[cfg(feature = "testing")]
pub mod smtp;

#[cfg(not(feature = "testing"))]
mod net;
#[cfg(feature = "testing")]
pub mod net;

#[cfg(not(feature = "testing"))]
mod projection;
#[cfg(feature = "testing")]
pub mod projection;

#[cfg(not(feature = "testing"))]
mod probe;
#[cfg(feature = "testing")]
pub mod probe;

#[cfg(not(feature = "testing"))]
mod ledger;
#[cfg(feature = "testing")]
pub mod ledger;

#[cfg(not(feature = "testing"))]
#[allow(dead_code, reason = "who asks by it comes next")]
mod engine;
#[cfg(feature = "testing")]
pub mod engine;
#[cfg(not(feature = "testing"))]
mod preflight;
#[cfg(feature = "testing")]
pub mod preflight;

#[cfg(not(feature = "testing"))]
mod bounce;
#[cfg(feature = "testing")]
pub mod bounce;

#[cfg(not(feature = "testing"))]
mod verify;
#[cfg(feature = "testing")]
pub mod verify;

#[cfg(not(feature = "testing"))]
mod sim;
#[cfg(feature = "testing")]
pub mod sim;

#[cfg(not(feature = "testing"))]
mod verifier;
#[cfg(feature = "testing")]
pub mod verifier;

#[cfg(all(feature = "serve", not(feature = "testing")))]
mod serve;
#[cfg(all(feature = "serve", feature = "testing"))]
pub mod serve;

#[cfg(not(feature = "testing"))]
mod cli;
#[cfg(feature = "testing")]
pub mod cli;
