//! Evidence, verdicts, dispositions: what is known, what it says of an address, what is done about it.
//!
//! Facts go in, a verdict comes out; nothing else is asked, and nothing is remembered. A fact is never "no answer" by
//! default: what was not asked has no fact.

mod decide;
pub mod policy;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::model::reading::Reading;
use crate::model::reason::Reason;
use crate::model::stage::Stage;
use crate::model::timestamp::Timestamp;

pub use decide::decide;
pub use policy::{Disposition, Policy};

/// What is held to be true of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Accepted where unknown recipients are refused.
    Deliverable,
    /// Refused for good, or impossible.
    Undeliverable,
    /// It takes mail, but a message may still bounce.
    Risky,
    /// Nothing is known.
    Unknown,
}

impl Standing {
    /// Every standing, best first.
    pub const ALL: [Standing; 4] = [
        Standing::Deliverable,
        Standing::Risky,
        Standing::Unknown,
        Standing::Undeliverable,
    ];

    /// The name used in lists and reports, such as `deliverable`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Standing::Deliverable => "deliverable",
            Standing::Undeliverable => "undeliverable",
            Standing::Risky => "risky",
            Standing::Unknown => "unknown",
        }
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Standing {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        Standing::ALL
            .into_iter()
            .find(|standing| standing.as_str() == word)
            .ok_or_else(|| {
                format!("`{word}` is none of deliverable, risky, unknown, undeliverable")
            })
    }
}

/// A standing with its reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Verdict {
    /// What is held to be true.
    pub standing: Standing,
    /// The reason, which says what is to blame.
    pub reason: Reason,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.standing, self.reason)
    }
}

/// Which recipient a mail host was asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Whom {
    /// The address itself.
    Subject,
    /// An unguessable local part in the same domain.
    Decoy,
}

/// One question to a mail host with its answer, verbatim.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exchange {
    /// When in the session the answer came. A refusal before RCPT concerns the subject too, but never its mailbox.
    pub stage: Stage,
    /// The mail host's name.
    pub host: String,
    /// The reply code, where there was a reply.
    pub code: Option<u16>,
    /// The reply's text with its code on one line, or what happened instead.
    pub reply: String,
}

impl Exchange {
    /// Whether the host said yes.
    #[must_use]
    pub fn says_yes(&self) -> bool {
        self.code.is_some_and(|code| (200..300).contains(&code))
    }
}

/// What was learned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Finding {
    /// The text is no address.
    Text {
        /// What is wrong with it.
        detail: String,
    },
    /// DNS settles the matter, or failed to.
    Domain {
        /// One of the domain reasons.
        reason: Reason,
        /// What DNS said.
        detail: String,
    },
    /// A mail host was asked.
    Asked {
        /// The address itself, or a decoy.
        whom: Whom,
        /// What was said.
        exchange: Exchange,
        /// What it was read as.
        reading: Reading,
    },
    /// A message was sent, and came back.
    Bounced {
        /// Why it came back.
        reason: Reason,
        /// Whether it came back for good.
        permanent: bool,
        /// The mail host's words, verbatim.
        reply: String,
    },
    /// No host was asked, or not to the end.
    Withheld {
        /// `not_asked`, `interrupted`, `deadline`, `suppressed`, or what the host said about another address.
        reason: Reason,
        /// Why, as shown to the operator.
        detail: String,
    },
}

/// One thing learned, with the time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    /// When it was learned.
    pub at: Timestamp,
    /// What was learned.
    #[serde(flatten)]
    pub finding: Finding,
}

/// Everything known of one address, in the order in which it was learned.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Evidence {
    /// The facts, oldest first.
    pub facts: Vec<Fact>,
}

impl Evidence {
    /// Evidence of nothing.
    #[must_use]
    pub fn new() -> Self {
        Evidence::default()
    }

    /// Adds what was learned.
    pub fn learn(&mut self, at: Timestamp, finding: Finding) {
        self.facts.push(Fact { at, finding });
    }

    /// When a mail host last answered about the subject; `None` when no host was asked.
    #[must_use]
    pub fn asked_at(&self) -> Option<Timestamp> {
        let asked =
            |fact: &&Fact| matches!(fact.finding, Finding::Asked { .. } | Finding::Domain { .. });
        self.facts.iter().rev().find(asked).map(|fact| fact.at)
    }
}
