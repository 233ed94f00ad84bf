//! Which questions to put to one host: in what order, how many, with which decoy, when again.

mod budget;
mod decoy;
mod effort;
mod farewell;
mod known;
mod machine;
mod plan;
mod prior;
mod retry;
mod strangers;
mod trust;

pub use budget::{Budget, Caps, Spent, Used};
pub use decoy::decoy_local_part;
pub use effort::Effort;
pub use farewell::{Farewell, farewell};
pub use known::{Block, History, KnownDomain, KnownHost, Mute, Wanted};
pub use machine::{ASKED_AFRESH, KnownMachine, MAY_BE_ANOTHERS, Party};
pub use plan::{domains_at_once, is_worn_out, next_kind};
pub use prior::{LastWord, Likelihood};
pub use retry::{Next, Wait, Waiting, after_undecided, is_for_one_connection, named_wait};
pub use strangers::{Openness, Strangers, refused_beside_an_acceptance, refuses_a_stranger};
pub use trust::Trust;
