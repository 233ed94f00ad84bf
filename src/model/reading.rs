//! What a reply was read as.

use serde::{Deserialize, Serialize};

use crate::model::provider::{Provider, UnknownUser};
use crate::model::reason::Reason;

/// What the name of a rule begins with that goes by codes alone.
pub const FALLBACK: &str = "fallback: ";

/// What one answer was read as.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// What it means.
    pub reason: Reason,
    /// Whether the host said "never" rather than "not now".
    pub permanent: bool,
    /// The rule that decided, by its name in the rule book, or `fallback: ...` where none did.
    pub rule: String,
}

impl Reading {
    /// What the reading is worth as a statement about a mailbox: a provider that says "unknown user" to senders that it
    /// filters as well leaves open which it means. Of a decoy, which has no mailbox, it means what it says.
    #[must_use]
    pub(crate) fn believed_of(&self, provider: Option<&Provider>) -> Reading {
        let ambiguous =
            provider.is_some_and(|provider| provider.unknown_user == UnknownUser::Ambiguous);
        if ambiguous && self.reason == Reason::NoSuchMailbox {
            return Reading {
                reason: Reason::Unread,
                permanent: self.permanent,
                rule: format!("{}, which is ambiguous here", self.rule),
            };
        }
        self.clone()
    }

    /// Whether it condemns the address it is about: it is permanent, and blames the mailbox or its domain.
    #[must_use]
    pub fn condemns(&self) -> bool {
        self.reason.condemns(self.permanent)
    }

    /// Whether no words were understood: the code alone decided.
    #[must_use]
    pub fn goes_by_code_alone(&self) -> bool {
        self.rule.starts_with(FALLBACK)
    }
}
