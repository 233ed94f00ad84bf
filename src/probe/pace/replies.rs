//! How fast a host answers, and whether it has become slow.

use std::time::Duration;

use crate::model::limits;

/// The reply times of a host.
#[derive(Clone, Copy, Debug, Default)]
pub struct Replies {
    /// The shortest time for one answer so far.
    best: Option<Duration>,
    /// The usual time by now: each answer moves it by an eighth (RFC 6298 §2 smooths round trips so).
    usual: Duration,
    /// Answers since it was last judged.
    since: u32,
    /// The usual time for one answer, whatever it is: some hosts take seconds for every refusal.
    usual_of_all: Duration,
    /// The time that the last connection took to be ready for questions.
    opening: Duration,
}

impl Replies {
    /// Notes that a batch with `answers` answers took `time`. Returns whether the host has become so slow that it is
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

    /// Notes that a batch with `answers` answers of any kind took `time`.
    pub fn hear_all(&mut self, time: Duration, answers: u32) {
        let each = time / answers.max(1);
        self.usual_of_all = if self.usual_of_all.is_zero() {
            each
        } else {
            (self.usual_of_all * 3 + each) / 4
        };
    }

    /// Notes that a connection took `time` to be ready for questions.
    pub fn opened_in(&mut self, time: Duration) {
        self.opening = time;
    }

    /// Whether it is the host's answers that take their time, rather than our limits.
    #[must_use]
    pub fn are_delayed(&self) -> bool {
        self.usual_of_all >= limits::DELAYED_ANSWER
    }

    /// Questions that wait for each connection before another is worth while: at a host that delays its answers, as
    /// many as take longer than opening one.
    #[must_use]
    pub fn questions_worth_a_connection(&self) -> usize {
        if !self.are_delayed() {
            return limits::QUESTIONS_WORTH_A_CONNECTION;
        }
        let worth = self.opening.as_millis() / self.usual_of_all.as_millis().max(1);
        usize::try_from(worth)
            .unwrap_or(usize::MAX)
            .clamp(1, limits::QUESTIONS_WORTH_A_CONNECTION)
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
    fn delayed_refusals_are_worth_another_connection_but_no_slowness() {
        let mut replies = Replies::default();
        replies.opened_in(Duration::from_millis(300));
        replies.hear_all(Duration::from_millis(700), 7);
        assert_eq!(
            replies.questions_worth_a_connection(),
            limits::QUESTIONS_WORTH_A_CONNECTION
        );
        (0..10).for_each(|_| replies.hear_all(Duration::from_secs(15), 9));
        assert_eq!(replies.questions_worth_a_connection(), 1);
        assert!((0..100).all(|_| !replies.hear(FAST, 1)), "acceptances tell");
        assert_eq!(replies.expected(), FAST);
    }

    #[test]
    fn one_slow_answer_among_fast_ones_says_nothing() {
        let mut replies = Replies::default();
        assert!((0..100).all(|n| !replies.hear(if n % 20 == 19 { SLOW } else { FAST }, 1)));
    }
}
