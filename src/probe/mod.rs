//! Which questions to put to one host: in what order, how many, with which decoy, when again.

mod budget;
mod decoy;
mod known;
mod retry;
mod strangers;

pub use budget::{Budget, Spent};
pub use decoy::decoy_local_part;
pub use known::{Block, History, KnownDomain, KnownHost, Likelihood, Wanted};
pub use retry::{Next, Waiting, after_undecided, named_wait};
pub use strangers::{Openness, Strangers};
