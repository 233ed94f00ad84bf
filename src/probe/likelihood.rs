//! How likely a mailbox exists, as far as that can be told before its host is asked.
//!
//! Only the order of questions depends on it: likely mailboxes are asked about first, so that the refusals of the
//! others meet a connection with credit. A wrong guess costs nothing but that.

use serde::{Deserialize, Serialize};

use crate::input::flags::Signal;
use crate::model::limits;

/// How likely a mailbox exists.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Likelihood {
    /// Nothing speaks against it.
    #[default]
    Good,
    /// It looks made up, or was refused before.
    Bad,
}

/// What was last heard of an address, however long ago: too old to be believed, good enough to guess by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LastWord {
    /// Nothing that settled it.
    #[default]
    Nothing,
    /// It was accepted.
    Accepted,
    /// It was refused for good, or a message to it came back.
    Refused,
}

impl Likelihood {
    /// How likely an address exists, by what was last heard of it; where nothing was, by what its text shows.
    #[must_use]
    pub fn of(last: LastWord, signals: &[Signal]) -> Self {
        match last {
            LastWord::Accepted => Likelihood::Good,
            LastWord::Refused => Likelihood::Bad,
            LastWord::Nothing if signals.iter().any(looks_made_up) => Likelihood::Bad,
            LastWord::Nothing => Likelihood::Good,
        }
    }

    /// What the answers of a domain so far say of the others in it.
    #[must_use]
    pub fn by_answers(accepted: u32, refused: u32) -> Self {
        let says_something = accepted + refused >= limits::ANSWERS_THAT_TELL;
        if says_something && refused > accepted {
            Likelihood::Bad
        } else {
            Likelihood::Good
        }
    }
}

/// Whether a sign of a spam trap is also a sign that no mailbox has the name.
fn looks_made_up(signal: &Signal) -> bool {
    match signal {
        Signal::GeneratedName(_) | Signal::TypoDomain { .. } | Signal::ClosedProvider { .. } => {
            true
        }
        // These exist all too well, or say nothing of it.
        Signal::TrapName
        | Signal::BlocklistOperator { .. }
        | Signal::Listed { .. }
        | Signal::ComplaintDesk
        | Signal::MachineName
        | Signal::ReservedName
        | Signal::CatchAll => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_heard_counts_more_than_how_it_looks() {
        let typo = [Signal::TypoDomain {
            meant: "gmail.com".into(),
        }];
        for (last, signals, wanted) in [
            (LastWord::Nothing, &[][..], Likelihood::Good),
            (LastWord::Nothing, &typo, Likelihood::Bad),
            (LastWord::Nothing, &[Signal::ReservedName], Likelihood::Good),
            (LastWord::Accepted, &typo, Likelihood::Good),
            (LastWord::Refused, &[], Likelihood::Bad),
        ] {
            assert_eq!(
                Likelihood::of(last, signals),
                wanted,
                "{last:?} {signals:?}"
            );
        }
    }

    #[test]
    fn a_domain_is_judged_by_its_answers_once_there_are_some() {
        for (accepted, refused, wanted) in [
            (0, 3, Likelihood::Good),
            (0, 4, Likelihood::Bad),
            (2, 2, Likelihood::Good),
            (10, 11, Likelihood::Bad),
            (11, 10, Likelihood::Good),
        ] {
            assert_eq!(Likelihood::by_answers(accepted, refused), wanted);
        }
    }
}
