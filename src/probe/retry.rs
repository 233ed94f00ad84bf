//! When to ask again after an answer that settles nothing.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::limits;
use crate::model::reading::Reading;
use crate::model::reason::{Blame, Reason};
use crate::model::timestamp::Timestamp;

/// What one address has been through so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// Answers that settled nothing.
    pub tries: u8,
    /// When the first of them came.
    pub since: Option<Timestamp>,
}

/// What to do after an answer that settled nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Ask again, not before this moment.
    Again(Timestamp),
    /// Leave it at that.
    Leave,
}

/// How long a host wants us to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// As long as its words say.
    Named(Duration),
    /// As long as the software takes that uses such words.
    OfSoftware(Duration),
    /// It does not say.
    Untold,
}

impl Wait {
    /// The wait that a reply asks for, where its words name a time or are known as some software's.
    #[must_use]
    pub fn of(named: Option<Duration>, reply: &str) -> Self {
        match (named, software_wait(reply)) {
            (Some(named), _) => Wait::Named(named),
            (None, Some(usual)) => Wait::OfSoftware(usual),
            (None, None) => Wait::Untold,
        }
    }

    /// How long to stay away after `tries` earlier answers: a wait that the host did not name grows from try to try.
    /// `None` where the host names more than the `left` time, or nothing is left. A host that names no time is asked
    /// once when a patience ends that is shorter than usual.
    #[must_use]
    pub fn after(self, tries: u8, left: Duration) -> Option<Duration> {
        // Software that does not keep to its time is treated as if it were unknown.
        let untold = |tries: u8| limits::GREYLIST_WAIT * 2u32.pow(u32::from(tries));
        let (wait, margin) = match self {
            Wait::Named(named) => (named, limits::NAMED_WAIT_MARGIN),
            Wait::OfSoftware(usual) if tries == 0 => (usual, limits::NAMED_WAIT_MARGIN),
            Wait::OfSoftware(_) => (untold(tries - 1), Duration::ZERO),
            Wait::Untold => (untold(tries), Duration::ZERO),
        };
        let at_the_end = match self {
            Wait::Named(_) => false,
            Wait::OfSoftware(_) => tries <= 1,
            Wait::Untold => tries == 0,
        };
        if wait <= left {
            Some(wait + margin)
        } else {
            (at_the_end && !left.is_zero()).then_some(left)
        }
    }
}

impl Wait {
    /// When a recipient that is to be asked about again at `again`, whose `waiting` counts all answers so far, is asked
    /// about for the last time, as far as can be foreseen; `patience` is how long it may wait in all. The first wait is
    /// foreseen to be enough, as it is at most hosts; after one that was not, every further answer may be like it.
    #[must_use]
    pub fn at_the_latest(
        self,
        waiting: Waiting,
        again: Timestamp,
        patience: Duration,
    ) -> Timestamp {
        if waiting.tries <= 1 {
            return again;
        }
        let mut last = again;
        for tries in waiting.tries..limits::TRIES {
            let waited = last.since(waiting.since.unwrap_or(again));
            match self.after(tries, patience.saturating_sub(waited)) {
                Some(wait) => last = last + wait,
                None => break,
            }
        }
        last
    }
}

/// Whether and when to ask about the same recipient again.
///
/// `wait` is what the host asked for, `patience` how long one address may wait in all. Greylisting waits grow from try
/// to try: six minutes, then twelve, then twenty-four.
#[must_use]
pub fn after_undecided(
    reading: &Reading,
    waiting: Waiting,
    now: Timestamp,
    wait: Wait,
    patience: Duration,
) -> Next {
    if reading.permanent || !is_worth_another_try(reading.reason) {
        return Next::Leave;
    }
    let tries = match reading.reason {
        Reason::RateLimited | Reason::HostBusy => limits::TRIES_WHEN_TOO_FAST,
        _ => limits::TRIES,
    };
    if waiting.tries >= tries {
        return Next::Leave;
    }
    let waited = now.since(waiting.since.unwrap_or(now));
    let left = patience.saturating_sub(waited);
    wait.after(waiting.tries, left)
        .map_or(Next::Leave, |wait| Next::Again(now + wait))
}

/// How long the software takes that uses such words.
fn software_wait(reply: &str) -> Option<Duration> {
    let text = reply.to_ascii_lowercase();
    if text.contains("postgrey") {
        Some(limits::POSTGREY_WAIT)
    } else if is_being_verified(reply) {
        Some(limits::VERIFICATION_WAIT)
    } else if is_for_one_connection(reply) {
        Some(limits::POSTSCREEN_WAIT)
    } else {
        None
    }
}

/// Whether a reply says that the host has begun to verify the recipient, and knows when asked again: Postfix does so for
/// each recipient of its own (`ADDRESS_VERIFICATION_README`), and Proofpoint in its words.
#[must_use]
pub fn is_being_verified(reply: &str) -> bool {
    let text = reply.to_ascii_lowercase();
    text.contains("address verification in progress")
}

/// Whether a reply holds for the whole connection in which it is given, and for no other: postscreen gives it for every
/// recipient once a client has passed its tests, since it cannot hand the connection on (Postfix, `POSTSCREEN_README`).
#[must_use]
pub fn is_for_one_connection(reply: &str) -> bool {
    let text = reply.to_ascii_lowercase();
    text.starts_with("450") && text.contains("4.3.2 service currently unavailable")
}

/// Whether time can change the answer.
fn is_worth_another_try(reason: Reason) -> bool {
    match reason.blame() {
        Blame::Host | Blame::Nobody => true,
        // Our rate may be lower next time; a block or a missing record of ours stays.
        Blame::Sender => matches!(reason, Reason::RateLimited | Reason::TooManyRecipients),
        Blame::Mailbox | Blame::Domain | Blame::Operator | Blame::Us => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::wait::named_wait;

    const HOUR: Duration = Duration::from_secs(3600);

    fn next(
        reason: Reason,
        permanent: bool,
        tries: u8,
        named: Option<u64>,
        patience: Duration,
    ) -> Next {
        let reading = Reading {
            reason,
            permanent,
            rule: "test".to_owned(),
        };
        let waiting = Waiting {
            tries,
            since: Some(Timestamp::default()),
        };
        after_undecided(
            &reading,
            waiting,
            Timestamp::default(),
            named.map_or(Wait::Untold, |named| {
                Wait::Named(Duration::from_secs(named))
            }),
            patience,
        )
    }

    fn minutes(count: u64) -> Next {
        Next::Again(Timestamp::from_millis(count * 60_000))
    }

    #[test]
    fn greylisting_waits_grow_from_six_minutes() {
        assert_eq!(next(Reason::Greylisted, false, 0, None, HOUR), minutes(6));
        assert_eq!(next(Reason::Greylisted, false, 1, None, HOUR), minutes(12));
        assert_eq!(
            next(Reason::Greylisted, false, limits::TRIES, None, HOUR),
            Next::Leave
        );
    }

    #[test]
    fn an_address_whose_first_wait_was_not_enough_is_tried_until_the_patience_ends() {
        let answered = |tries: u8| Waiting {
            tries,
            since: Some(Timestamp::default()),
        };
        let minutes = |count: u64| Timestamp::from_millis(count * 60_000);
        let half_an_hour = HOUR / 2;
        for (wait, again, latest) in [
            (Wait::Untold, 6, 30),
            (Wait::Named(Duration::from_secs(59)), 1, 2),
            (Wait::Named(Duration::from_secs(1199)), 20, 20),
        ] {
            let at = |tries: u8| wait.at_the_latest(answered(tries), minutes(again), half_an_hour);
            assert_eq!(at(1), minutes(again), "{wait:?}: the first wait is enough");
            assert_eq!(at(2), minutes(latest), "{wait:?}");
        }
    }

    #[test]
    fn a_wait_that_the_host_names_is_kept() {
        assert_eq!(
            next(Reason::Greylisted, false, 0, Some(60), HOUR),
            Next::Again(Timestamp::from_millis(61_000))
        );
    }

    #[test]
    fn nobody_waits_longer_than_the_operator_wants() {
        assert_eq!(
            next(Reason::Greylisted, false, 0, Some(7200), HOUR),
            Next::Leave
        );
        assert_eq!(
            next(Reason::Greylisted, false, 0, None, Duration::ZERO),
            Next::Leave
        );
    }

    #[test]
    fn a_short_patience_ends_with_a_question_instead_of_none() {
        let half = Duration::from_secs(30);
        let at_its_end = Next::Again(Timestamp::from_millis(30_000));
        assert_eq!(next(Reason::Greylisted, false, 0, None, half), at_its_end);
        assert_eq!(
            next(Reason::Greylisted, false, 1, None, half),
            Next::Leave,
            "once"
        );
        assert_eq!(
            next(Reason::Greylisted, false, 0, Some(31), half),
            Next::Leave,
            "a host that names a time means it"
        );
        assert_eq!(
            next(Reason::Greylisted, false, 0, Some(30), half),
            Next::Again(Timestamp::from_millis(31_000)),
            "the margin is ours"
        );
    }

    #[test]
    fn known_software_is_given_its_own_time() {
        let secs = Duration::from_secs;
        for (reply, wait) in [
            (
                "450 4.2.0 <a@b.test>: Recipient address rejected: Greylisted, see http://postgrey.schweikert.ch/help/b.html",
                Wait::OfSoftware(limits::POSTGREY_WAIT),
            ),
            (
                "450 4.1.1 <a@b.test>: Recipient address rejected: unverified address: Address verification in progress",
                Wait::OfSoftware(limits::VERIFICATION_WAIT),
            ),
            (
                "450 4.3.2 Service currently unavailable",
                Wait::OfSoftware(limits::POSTSCREEN_WAIT),
            ),
            ("421 4.3.2 Service currently unavailable", Wait::Untold),
            (
                "450 4.2.0 Greylisted for 60 seconds, postgrey",
                Wait::Named(secs(60)),
            ),
            ("450 4.2.0 Greylisted", Wait::Untold),
        ] {
            assert_eq!(
                Wait::of(named_wait(reply, limits::NAMED_WAIT), reply),
                wait,
                "{reply}"
            );
        }
        let verification = Wait::OfSoftware(limits::VERIFICATION_WAIT);
        let waits: Vec<Option<Duration>> = (0..3)
            .map(|tries| verification.after(tries, Duration::from_secs(400)))
            .collect();
        assert_eq!(
            waits,
            [Some(secs(11)), Some(limits::GREYLIST_WAIT), None],
            "it is not believed twice"
        );
        let five_minutes = secs(300);
        assert_eq!(
            Wait::OfSoftware(limits::POSTGREY_WAIT).after(0, five_minutes),
            Some(secs(301)),
            "stock postgrey within `--wait 5m`"
        );
    }

    #[test]
    fn what_time_cannot_change_is_not_asked_again() {
        for (reason, permanent) in [
            (Reason::SenderBlocked, false),
            (Reason::Greylisted, true),
            (Reason::MailboxFull, false),
            (Reason::NeedsPtr, false),
        ] {
            assert_eq!(
                next(reason, permanent, 0, None, HOUR),
                Next::Leave,
                "{reason}"
            );
        }
        assert_ne!(next(Reason::RateLimited, false, 0, None, HOUR), Next::Leave);
    }
}
