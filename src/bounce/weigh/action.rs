//! What to do with the address after an answer about it.

use std::time::Duration;

use serde::Serialize;

use crate::model::reason::Reason;
use crate::smtp::rules::{Interpretation, Reading};

/// What to do with an address on the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AddressAction {
    /// Take it off the list: it takes no mail.
    Remove,
    /// Leave it: the answer says nothing against it.
    Keep,
    /// Leave it, and try again later.
    Retry,
    /// Let a person look: it cannot be told from this answer.
    Review,
}

#[cfg(feature = "testing")]
impl AddressAction {
    /// The name used in output, such as `remove`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            AddressAction::Remove => "remove",
            AddressAction::Keep => "keep",
            AddressAction::Retry => "retry",
            AddressAction::Review => "review",
        }
    }
}

/// What to do after these readings, likeliest first. An address is removed only when every reading would remove it.
#[must_use]
pub fn action_after(readings: &[Interpretation]) -> AddressAction {
    let mut actions = readings.iter().map(|reading| action_of(&reading.reading));
    let Some(first) = actions.next() else {
        return AddressAction::Review;
    };
    match first {
        AddressAction::Remove if actions.any(|other| other != AddressAction::Remove) => {
            AddressAction::Review
        }
        AddressAction::Remove
        | AddressAction::Keep
        | AddressAction::Retry
        | AddressAction::Review => first,
    }
}

/// What to do when one reading is the truth.
fn action_of(reading: &Reading) -> AddressAction {
    let lasting = |lasting, passing| if reading.permanent { lasting } else { passing };
    match reading.reason {
        Reason::BadSyntax
        | Reason::NoSuchDomain
        | Reason::NoMailHost
        | Reason::NullMx
        | Reason::MxNotPublic
        | Reason::NoSuchMailbox
        | Reason::MailboxDisabled
        | Reason::MailboxMoved
        | Reason::DomainNotServed => lasting(AddressAction::Remove, AddressAction::Retry),
        Reason::Suppressed => AddressAction::Remove,
        Reason::Accepted
        | Reason::NoAddress
        | Reason::Duplicate
        | Reason::SenderBlocked
        | Reason::SenderUnauthenticated
        | Reason::SenderRefused
        | Reason::NeedsPtr
        | Reason::TlsRequired => AddressAction::Keep,
        Reason::RateLimited => lasting(AddressAction::Keep, AddressAction::Retry),
        Reason::DnsTrouble
        | Reason::MailboxFull
        | Reason::MailboxBusy
        | Reason::Greylisted
        | Reason::HostBusy
        | Reason::TryLater
        | Reason::TooManyRecipients
        | Reason::Unreachable
        | Reason::Expired
        | Reason::Silent
        | Reason::HungUp
        | Reason::ProtocolFault
        | Reason::ProviderAnomaly
        | Reason::NotAsked
        | Reason::Interrupted
        | Reason::Deadline => AddressAction::Retry,
        // "Relaying denied" is what a server says to an unknown client, but also for a domain that it no longer keeps.
        Reason::NotAccepting | Reason::Unread => {
            lasting(AddressAction::Review, AddressAction::Retry)
        }
        Reason::RelayDenied
        | Reason::AcceptedProvider
        | Reason::CatchAll
        | Reason::CatchAllUntested
        | Reason::Role
        | Reason::Disposable
        | Reason::TrapLike => AddressAction::Review,
    }
}

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// When to try again, where the answer itself does not say: long enough for the cause to pass.
///
/// Greylisting: six minutes, since Postgrey waits five. Busy hosts: as long as senders of mail wait at first
/// (RFC 5321 §4.5.4.1: 30 minutes). Full mailboxes: until a person has come by.
#[must_use]
pub fn usual_wait(reason: Reason) -> Duration {
    let seconds = match reason {
        Reason::Greylisted => 6 * MINUTE,
        Reason::MailboxBusy | Reason::RateLimited | Reason::SenderBlocked | Reason::DnsTrouble => {
            HOUR
        }
        Reason::MailboxFull => 3 * DAY,
        Reason::Unreachable
        | Reason::Expired
        | Reason::NotAccepting
        | Reason::ProviderAnomaly
        | Reason::ProtocolFault => DAY,
        Reason::BadSyntax
        | Reason::NoSuchDomain
        | Reason::NoMailHost
        | Reason::NullMx
        | Reason::MxNotPublic
        | Reason::Accepted
        | Reason::AcceptedProvider
        | Reason::CatchAll
        | Reason::CatchAllUntested
        | Reason::NoSuchMailbox
        | Reason::MailboxDisabled
        | Reason::MailboxMoved
        | Reason::DomainNotServed
        | Reason::HostBusy
        | Reason::TryLater
        | Reason::SenderUnauthenticated
        | Reason::SenderRefused
        | Reason::NeedsPtr
        | Reason::TlsRequired
        | Reason::TooManyRecipients
        | Reason::RelayDenied
        | Reason::Silent
        | Reason::HungUp
        | Reason::NoAddress
        | Reason::Role
        | Reason::Disposable
        | Reason::TrapLike
        | Reason::Suppressed
        | Reason::Duplicate
        | Reason::NotAsked
        | Reason::Interrupted
        | Reason::Deadline
        | Reason::Unread => 30 * MINUTE,
    };
    Duration::from_secs(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(reason: Reason, permanent: bool) -> Interpretation {
        Interpretation {
            reading: Reading {
                reason,
                permanent,
                rule: String::new(),
            },
            why: String::new(),
        }
    }

    #[test]
    fn only_what_may_reject_for_good_removes_an_address() {
        for &reason in Reason::ALL {
            let removes = action_after(&[reading(reason, true)]) == AddressAction::Remove;
            assert_eq!(
                removes,
                reason.may_reject() || reason == Reason::Suppressed,
                "{reason}"
            );
            if reason != Reason::Suppressed {
                assert_ne!(
                    action_after(&[reading(reason, false)]),
                    AddressAction::Remove,
                    "{reason}"
                );
            }
        }
    }

    #[test]
    fn a_second_reading_saves_the_address() {
        let both = [
            reading(Reason::MailboxDisabled, true),
            reading(Reason::MailboxBusy, true),
        ];
        assert_eq!(action_after(&both), AddressAction::Review);
        let agreed = [
            reading(Reason::NoSuchMailbox, true),
            reading(Reason::MailboxDisabled, true),
        ];
        assert_eq!(action_after(&agreed), AddressAction::Remove);
        assert_eq!(action_after(&[]), AddressAction::Review);
    }
}
