//! What a mail host's reply means.

use std::sync::LazyLock;
use std::time::Duration;

use crate::bounce::explain::{self, AddressAction, Hints, Knowledge, RejectedBy};
use crate::model::provider::Providers;
use crate::model::reason::{Blame, Reason};
use crate::smtp::rules::Book;

/// What a reply or bounce message means to the sender who got it. All text in it is safe to show on a terminal.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Explanation {
    /// What it may mean, likeliest first; empty when it says nothing about any address.
    pub meanings: Vec<Meaning>,
    /// What to do with the address.
    pub address_action: AddressAction,
    /// When to try again, where that is what to do.
    pub retry_after: Option<Duration>,
    /// What the sender should do, most useful first.
    pub sender_action: Vec<String>,
    /// Which side refused.
    pub rejected_by: RejectedBy,
}

/// One thing that a reply may mean.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Meaning {
    /// The reason that it gives.
    pub reason: Reason,
    /// The party at fault.
    pub blame: Blame,
    /// Whether the host said "never" rather than "not now".
    pub permanent: bool,
    /// Why it is read so, in one sentence.
    pub why: String,
}

/// Says what a reply, a code, or a whole bounce message means, who refused, and what to do. No host is asked.
///
/// ```
/// use presend::{AddressAction, Reason, explain};
///
/// let explained = explain("550 5.1.1 <anna@example.org>: Recipient address rejected: User unknown");
/// assert_eq!(explained.meanings[0].reason, Reason::NoSuchMailbox);
/// assert_eq!(explained.address_action, AddressAction::Remove);
///
/// let explained = explain("451 4.7.1 Greylisted, please try again in 15 minutes");
/// assert_eq!(explained.address_action, AddressAction::Retry);
/// assert_eq!(explained.retry_after.unwrap().as_secs(), 15 * 60);
/// ```
#[must_use]
pub fn explain(reply: &str) -> Explanation {
    static KNOWN: LazyLock<(Providers, Book)> =
        LazyLock::new(|| (Providers::built_in(), Book::built_in()));
    let (providers, book) = &*KNOWN;
    let hints = Hints {
        stage: None,
        provider: None,
    };
    let explained = explain::explain(reply.as_bytes(), hints, Knowledge { book, providers });
    let meanings = explained.readings.into_iter().map(|one| Meaning {
        reason: one.reading.reason,
        blame: one.reading.reason.blame(),
        permanent: one.reading.permanent,
        why: one.why,
    });
    Explanation {
        meanings: meanings.collect(),
        address_action: explained.address_action,
        retry_after: explained.retry_after,
        sender_action: explained.sender_action,
        rejected_by: explained.rejected_by,
    }
}
