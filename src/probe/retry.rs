//! When to ask again after an answer that settles nothing.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::diagnosis::Reading;
use crate::limits;
use crate::moment::Moment;
use crate::reason::{Blame, Reason};

/// What one address has been through so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// Answers that settled nothing.
    pub tries: u8,
    /// When the first of them came.
    pub since: Option<Moment>,
}

/// What to do after an answer that settled nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Ask again, not before this moment.
    Again(Moment),
    /// Leave it at that.
    Leave,
}

/// Whether and when to ask about the same recipient again.
///
/// `named` is the wait that the host asked for, `patience` how long one address may wait in all. Greylisting waits
/// grow from try to try: six minutes, then twelve, then twenty-four.
#[must_use]
pub fn after_undecided(
    reading: &Reading,
    waiting: Waiting,
    now: Moment,
    named: Option<Duration>,
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
    let doublings = u32::from(waiting.tries);
    let wait = named.map_or(limits::GREYLIST_WAIT * 2u32.pow(doublings), |named| {
        named + limits::NAMED_WAIT_MARGIN
    });
    let again = now + wait;
    let since = waiting.since.unwrap_or(now);
    if again.since(since) > patience {
        return Next::Leave;
    }
    Next::Again(again)
}

/// How long a host asks us to wait, where its words name a time: `try again in 5 minutes`, `greylisted for 60 seconds`,
/// `retry in 00:04:30`.
#[must_use]
pub fn named_wait(reply: &str) -> Option<Duration> {
    let text = reply.to_ascii_lowercase();
    let mut words = text
        .split(|c: char| !c.is_ascii_alphanumeric() && c != ':')
        .filter(|word| !word.is_empty());
    // The code is a number too, but no time.
    let mut before = words.next()?;
    for word in words {
        if let Some(wait) = clock_time(word).or_else(|| count_of(before, word)) {
            return (wait <= limits::NAMED_WAIT).then_some(wait);
        }
        before = word;
    }
    None
}

/// `00:04:30` or `04:30` as a duration.
fn clock_time(word: &str) -> Option<Duration> {
    let parts: Vec<u64> = word
        .split(':')
        .map(str::parse)
        .collect::<Result<_, _>>()
        .ok()?;
    match parts[..] {
        [hours, minutes, seconds] if minutes < 60 && seconds < 60 && hours < 100 => {
            Some(Duration::from_secs(hours * 3600 + minutes * 60 + seconds))
        }
        [minutes, seconds] if minutes < 100 && seconds < 60 => {
            Some(Duration::from_secs(minutes * 60 + seconds))
        }
        _ => None,
    }
}

/// A number with the unit behind it, or both in one word (`300s`).
fn count_of(before: &str, word: &str) -> Option<Duration> {
    let digits = word.bytes().take_while(u8::is_ascii_digit).count();
    let (count, unit) = if digits > 0 && digits < word.len() {
        (word[..digits].parse::<u64>().ok()?, &word[digits..])
    } else {
        (before.parse::<u64>().ok()?, word)
    };
    let seconds = match unit {
        "s" | "sec" | "secs" | "second" | "seconds" => 1,
        "m" | "min" | "mins" | "minute" | "minutes" => 60,
        "h" | "hour" | "hours" => 3600,
        _ => return None,
    };
    (count > 0).then(|| Duration::from_secs(count.saturating_mul(seconds)))
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
            since: Some(Moment::default()),
        };
        after_undecided(
            &reading,
            waiting,
            Moment::default(),
            named.map(Duration::from_secs),
            patience,
        )
    }

    fn minutes(count: u64) -> Next {
        Next::Again(Moment::from_millis(count * 60_000))
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
    fn a_wait_that_the_host_names_is_kept() {
        assert_eq!(
            next(Reason::Greylisted, false, 0, Some(60), HOUR),
            Next::Again(Moment::from_millis(61_000))
        );
    }

    #[test]
    fn the_time_that_a_host_names_is_found() {
        for (reply, seconds) in [
            (
                "450 4.2.0 Greylisted, see http://postgrey.example/help",
                None,
            ),
            ("450 4.2.0 Greylisted for 300 seconds", Some(300)),
            ("451 4.7.1 Greylisted for 5 minutes", Some(300)),
            ("450 Please try again in 00:04:30", Some(270)),
            ("451 retry after 60s.", Some(60)),
            ("450 4.7.1 try in 1 hour", Some(3600)),
            ("451 come back in 99999999 hours", None),
            ("550 5.1.1 no such user", None),
            ("", None),
        ] {
            assert_eq!(
                named_wait(reply),
                seconds.map(Duration::from_secs),
                "{reply}"
            );
        }
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
