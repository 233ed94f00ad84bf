//! How fast a host answers, and whether it has become slow.

use std::time::Duration;

use crate::limits;

/// The reply times of a host.
#[derive(Clone, Copy, Debug, Default)]
pub struct Replies {
    /// The shortest time for one answer so far.
    best: Option<Duration>,
    /// The usual time by now: each answer moves it by an eighth (RFC 6298 §2 smooths round trips so).
    usual: Duration,
    /// Answers since it was last judged.
    since: u32,
}

impl Replies {
    /// Notes that a flight with `answers` answers took `time`. Returns whether the host has become so slow that it is
    /// better asked less: four times its best and two seconds for an answer.
    pub fn hear(&mut self, time: Duration, answers: u32) -> bool {
        let each = time / answers.max(1);
        let best = *self.best.get_or_insert(each);
        if best > each {
            self.best = Some(each);
        }
        self.usual = match self.since {
            0 if self.usual.is_zero() => each,
            _ => (self.usual * 7 + each) / 8,
        };
        self.since += 1;
        let slow = self.since >= limits::SLOW_REPLIES
            && self.usual >= limits::SLOW_REPLY
            && self.usual >= best * 4;
        if slow {
            // The next judgement is about how it does at the lower speed.
            self.since = 1;
        }
        slow
    }

    /// The time to expect for one answer.
    #[must_use]
    pub fn expected(&self) -> Duration {
        match self.best {
            Some(_) => self.usual,
            None => limits::ROUND_TRIP,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAST: Duration = Duration::from_millis(80);
    const SLOW: Duration = Duration::from_secs(4);

    #[test]
    fn a_host_that_becomes_slow_is_noticed_once_in_a_while() {
        let mut replies = Replies::default();
        assert!((0..100).all(|_| !replies.hear(FAST, 1)));
        let noticed: Vec<bool> = (0..60).map(|_| replies.hear(SLOW, 1)).collect();
        assert!(noticed.iter().any(|&slow| slow));
        let times = noticed.iter().filter(|&&slow| slow).count();
        assert!(times <= 60 / limits::SLOW_REPLIES as usize + 1, "{times}");
    }

    #[test]
    fn a_host_that_was_slow_from_the_start_is_only_far_away_or_a_tarpit() {
        let mut replies = Replies::default();
        assert!((0..100).all(|_| !replies.hear(SLOW, 1)));
        assert_eq!(replies.expected(), SLOW);
    }

    #[test]
    fn one_slow_answer_among_fast_ones_says_nothing() {
        let mut replies = Replies::default();
        assert!((0..100).all(|n| !replies.hear(if n % 20 == 19 { SLOW } else { FAST }, 1)));
    }
}
