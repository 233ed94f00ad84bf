//! What a mail host answered before a run was interrupted, as far as none of its later answers vouches for it.

use serde::{Deserialize, Serialize};

use crate::input::address::Address;
use crate::probe::KnownDomain;

/// The rule by which an acceptance is taken back whose connection accepted every recipient by then.
pub const ASKED_AFRESH: &str =
    "held back: after some refusals its connection accepted everybody; asked again in another";

/// By which rule an answer is taken back that may belong to another question: its connection fell out of step.
pub const MAY_BE_ANOTHERS: &str =
    "taken back: the host sent a reply too many, so this one may answer another question";

/// Whether an answer that was taken back by this `rule` was to be asked for again: what it says against the host
/// concerns one session only.
#[must_use]
pub fn was_to_be_asked_again(rule: &str) -> bool {
    [ASKED_AFRESH, MAY_BE_ANOTHERS].contains(&rule)
}

/// The recipient that was answered for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Asked {
    /// An address of the list, by its key.
    Address(Box<str>),
    /// A decoy of the domain of that name; the first is what its acceptances are judged by.
    Decoy(Box<str>),
}

/// What one mail host, known by its name, has answered in this run so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnownMachine {
    /// How many it refused for good, decoys among them.
    pub refusals: u32,
    /// Whether it was caught at accepting every recipient, and has refused none since.
    pub accepts_every_recipient: bool,
    /// Whether it was caught at refusing every recipient.
    pub refuses_every_recipient: bool,
    /// What it accepted since its last refusal, the oldest first; only where an acceptance means something.
    pub accepted: Vec<Asked>,
    /// What it refused since its last acceptance, the oldest first.
    pub refused: Vec<Asked>,
    /// An address it accepted where that means something, with what is known of the domain.
    pub known_good: Option<(Address, KnownDomain)>,
}
