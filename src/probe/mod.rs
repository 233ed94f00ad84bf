//! Which questions to put to one host: in what order, how many, with which decoy, when again.

mod budget;
mod decoy;
mod known;
mod machine;
mod plan;
mod prior;
mod retry;
mod strangers;
mod trust;

pub use budget::{Budget, Spent, Used};
pub use decoy::decoy_local_part;
pub use known::{Block, History, KnownDomain, KnownHost, Mute, Wanted};
pub use machine::{KnownMachine, Party};
pub use plan::{domains_at_once, is_worn_out, next_kind};
pub use prior::{LastWord, Likelihood};
pub use retry::{Next, Waiting, after_undecided, named_wait};
pub use strangers::{Openness, Strangers};
pub use trust::Trust;
