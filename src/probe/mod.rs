//! Which questions to put to one host: in what order, how many, with which decoy, when again.

pub mod pace;
pub mod run;
pub mod scheduler;

mod budget;
mod catch_all;
mod decoy;
mod effort;
mod farewell;
mod likelihood;
mod memory;
mod no_mail;
mod plan;
mod quota;
mod reply_kinds;
mod retry;

pub use budget::{Budget, Caps, Spent, Used};
pub use catch_all::{
    CatchAll, CatchAllState, LISTED_AS_DECOY, SAME_SYSTEM_AS_DECOY, refused_beside_an_acceptance,
    refuses_unknown_recipient,
};
pub use decoy::decoy_local_part;
pub use effort::{Effort, InVain};
pub use farewell::{Farewell, farewell};
pub use likelihood::{LastWord, Likelihood};
#[cfg(test)]
pub use memory::InStep;
pub use memory::{Block, History, KnownDomain, KnownHost, Mute, Target, Turn};
pub use no_mail::says_it_takes_no_mail;
pub use plan::{domains_at_once, next_kind};
pub use quota::recipients_counted_over;
pub use reply_kinds::ReplyKinds;
pub use retry::{Next, Wait, Waiting, after_undecided, is_being_verified, is_for_one_connection};
pub use scheduler::integrity::known::{
    ASKED_AFRESH, Asked, KnownMachine, MAY_BE_ANOTHERS, was_to_be_asked_again,
};
pub use scheduler::integrity::replay::{KeptAnswer, Replay};
