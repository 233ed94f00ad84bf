//! What even a perfect client could learn at a mail host.

use crate::model::flag::Flags;
use crate::model::reason::Reason;
use crate::model::verdict::{Standing, Verdict};
use crate::projection::{self, Kind};
use crate::sim::net::Truth;
use crate::sim::net::habits::{Door, Greeting, Habits, Hello, Recipients, Senders, Tls};

/// What a perfect client could learn at a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prospect {
    /// Which mailboxes exist there.
    Mailboxes,
    /// Nothing, for every recipient is accepted.
    TakesAll(Reason),
    /// Nothing, for no client is told anything.
    Silent(Reason),
    /// That no mailbox exists there.
    NoMail,
}

impl Prospect {
    /// What a host with these habits tells. `provider` is whether the host is known by name to accept every recipient.
    #[must_use]
    pub fn of(habits: &Habits, provider: KnownAs) -> Self {
        match habits.door {
            Door::Open => {}
            Door::Closed => return Prospect::Silent(Reason::Unreachable),
            Door::Silent => return Prospect::Silent(Reason::Silent),
        }
        match habits.greeting {
            Greeting::Welcomes => {}
            Greeting::NotNow => return Prospect::Silent(Reason::HostBusy),
            Greeting::Blocks | Greeting::BlocksTheFirst => {
                return Prospect::Silent(Reason::SenderBlocked);
            }
            Greeting::TakesNoMail => return Prospect::NoMail,
            Greeting::Never => return Prospect::Silent(Reason::Silent),
            Greeting::HangsUp => return Prospect::Silent(Reason::HungUp),
            Greeting::Garbage => return Prospect::Silent(Reason::ProtocolFault),
        }
        match (habits.hello, habits.senders, habits.recipients) {
            (Hello::Refuses, _, _) => return Prospect::Silent(Reason::SenderRefused),
            (_, Senders::Blocked, _) | (_, _, Recipients::VisitorBlocked) => {
                return Prospect::Silent(Reason::SenderBlocked);
            }
            (_, Senders::Unauthenticated, _) => {
                return Prospect::Silent(Reason::SenderUnauthenticated);
            }
            (
                Hello::Any | Hello::HeloOnly | Hello::HangsUpOnEhlo,
                Senders::Welcome | Senders::NullRefused,
                Recipients::Checked | Recipients::AllAccepted | Recipients::NoMailTaken,
            ) => {}
        }
        if habits.tls == Tls::RequiredBroken {
            return Prospect::Silent(Reason::TlsRequired);
        }
        if !habits.speech.is_understood() {
            return Prospect::Silent(Reason::ProtocolFault);
        }
        match (habits.recipients, provider) {
            (Recipients::AllAccepted, KnownAs::AcceptsEveryone) => {
                Prospect::TakesAll(Reason::AcceptedProvider)
            }
            (Recipients::AllAccepted, KnownAs::Nobody) => Prospect::TakesAll(Reason::CatchAll),
            (Recipients::NoMailTaken, _) => Prospect::NoMail,
            (Recipients::Checked | Recipients::VisitorBlocked, _) => Prospect::Mailboxes,
        }
    }
}

/// What the world at large knows of a host by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KnownAs {
    /// Nothing is known of it.
    Nobody,
    /// It accepts every recipient, bounces later.
    AcceptsEveryone,
}

/// The verdict that a perfect client would reach on an address of that truth at a host of that prospect.
#[must_use]
pub fn best_verdict(prospect: Prospect, truth: &Truth) -> Verdict {
    let verdict = |standing, reason| Verdict { standing, reason };
    let of_the_names = match truth {
        Truth::NoSuchDomain => Some(verdict(Standing::Undeliverable, Reason::NoSuchDomain)),
        Truth::NoMailHost => Some(verdict(Standing::Undeliverable, Reason::NoMailHost)),
        Truth::NamesBroken => Some(verdict(Standing::Unknown, Reason::DnsTrouble)),
        Truth::Exists
        | Truth::Missing
        | Truth::Full
        | Truth::Disabled
        | Truth::Busy
        | Truth::Moved
        | Truth::HostsDead => None,
    };
    if let Some(verdict) = of_the_names {
        return verdict;
    }
    match (prospect, truth) {
        (Prospect::TakesAll(reason), _) => verdict(Standing::Risky, reason),
        (Prospect::Silent(reason), _) => verdict(Standing::Unknown, reason),
        (Prospect::NoMail, _) => verdict(Standing::Undeliverable, Reason::DomainNotServed),
        (Prospect::Mailboxes, Truth::Exists) => verdict(Standing::Deliverable, Reason::Accepted),
        (Prospect::Mailboxes, Truth::Full) => verdict(Standing::Risky, Reason::MailboxFull),
        (Prospect::Mailboxes, Truth::Busy) => verdict(Standing::Risky, Reason::MailboxBusy),
        (Prospect::Mailboxes, Truth::Disabled) => {
            verdict(Standing::Undeliverable, Reason::MailboxDisabled)
        }
        (Prospect::Mailboxes, Truth::Moved) => {
            verdict(Standing::Undeliverable, Reason::MailboxMoved)
        }
        (
            Prospect::Mailboxes,
            Truth::Missing
            | Truth::NoSuchDomain
            | Truth::NoMailHost
            | Truth::HostsDead
            | Truth::NamesBroken,
        ) => verdict(Standing::Undeliverable, Reason::NoSuchMailbox),
    }
}

/// The share of messages that bounce among addresses of a verdict at a domain that `provider` serves, in the world of
/// that seed, where a share of `present` of all mailboxes still exists.
///
/// Drawn from what the projection believes: worlds, providers and domains differ as much as the beliefs say that they
/// may.
#[must_use]
pub fn share_that_bounces(
    seed: u64,
    verdict: Verdict,
    provider: Option<&str>,
    domain: &str,
    present: f64,
) -> f64 {
    projection::Truth::of(seed).share(
        Kind::of(verdict, Flags::NONE),
        provider,
        domain,
        1.0 - present,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::net::Persona;

    #[test]
    fn a_host_is_known_by_its_habits() {
        let of = |persona: Persona| Prospect::of(&persona.habits(), KnownAs::Nobody);
        assert_eq!(of(Persona::Postfix), Prospect::Mailboxes);
        assert_eq!(of(Persona::Greylisting), Prospect::Mailboxes);
        assert_eq!(of(Persona::Qmail), Prospect::TakesAll(Reason::CatchAll));
        assert_eq!(
            of(Persona::BlocksSender),
            Prospect::Silent(Reason::SenderBlocked)
        );
        assert_eq!(
            of(Persona::Garbage),
            Prospect::Silent(Reason::ProtocolFault)
        );
        assert_eq!(
            Prospect::of(&Persona::Yahoo.habits(), KnownAs::AcceptsEveryone),
            Prospect::TakesAll(Reason::AcceptedProvider)
        );
    }
}
