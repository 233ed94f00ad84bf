//! How many questions to DNS may be open at a time: as many as the resolver bears.
//!
//! A resolver that knows an answer gives it in a millisecond, one that has to go looking in a tenth of a second, and
//! then a narrow window is all that a long list waits for. One that is asked too much drops questions. So the window
//! widens as long as hardly any question is lost, and narrows when many are, a round of answers at a time (the idea of
//! RFC 5681).

use crate::model::limits;

/// See the module's own words.
#[derive(Debug)]
pub(super) struct Width {
    now: usize,
    most: usize,
    /// What the questions of this round came to: answered in whatever way, lost.
    answered: usize,
    lost: usize,
    /// Places that are to go once those who have them leave.
    owed: usize,
}

/// What becomes of the places when a question is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Places {
    /// So many are new.
    pub(super) more: usize,
    /// Whether that of the question itself is free again; else it is gone.
    pub(super) is_free: bool,
}

/// What came of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Answered,
    /// No answer came in time.
    Lost,
}

impl Width {
    /// The window at first; it never gets wider than `most`.
    pub(super) fn new(most: usize) -> Self {
        Width {
            now: most.min(limits::DNS_QUESTIONS),
            most,
            answered: 0,
            lost: 0,
            owed: 0,
        }
    }

    /// How many questions may be open.
    pub(super) fn now(&self) -> usize {
        self.now
    }

    /// Notes that a question is over, and what came of it; at the end of a round the window changes.
    pub(super) fn leave(&mut self, outcome: Outcome) -> Places {
        let before = self.now;
        self.note(outcome);
        self.owed += before.saturating_sub(self.now);
        let wider = self.now.saturating_sub(before);
        let kept = wider.min(self.owed);
        self.owed -= kept;
        let is_free = self.owed == 0;
        self.owed = self.owed.saturating_sub(1);
        Places {
            more: wider - kept,
            is_free,
        }
    }

    fn note(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Answered => self.answered += 1,
            Outcome::Lost => self.lost += 1,
        }
        let all = self.answered + self.lost;
        if all < self.now * limits::DNS_ROUND {
            return;
        }
        let lost = self.lost * 100 / all;
        self.now = if lost > limits::DNS_LOST_MANY {
            let least = limits::DNS_QUESTIONS_LEAST.min(self.most);
            (self.now * 3 / 4).max(least)
        } else if lost <= limits::DNS_LOST_FEW {
            (self.now + self.now.div_ceil(4)).min(self.most)
        } else {
            self.now
        };
        (self.answered, self.lost) = (0, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A resolver that bears so many open questions and drops the rest; how wide the window is round by round.
    fn rounds(most: usize, bears: usize, count: usize) -> Vec<usize> {
        let mut width = Width::new(most);
        let mut places = width.now();
        let mut seen = Vec::new();
        for _ in 0..count {
            let open = width.now();
            for n in 0..open * limits::DNS_ROUND {
                let is_borne = n % open < bears;
                let Places { more, is_free } = width.leave(if is_borne {
                    Outcome::Answered
                } else {
                    Outcome::Lost
                });
                places = places + more - usize::from(!is_free);
                assert_eq!(places, width.now() + width.owed);
            }
            seen.push(width.now());
        }
        seen
    }

    #[test]
    fn the_window_is_as_wide_as_the_resolver_bears() {
        let wide = rounds(1024, usize::MAX, 20);
        assert_eq!(*wide.last().unwrap(), 1024, "{wide:?}");
        assert!(wide[0] > limits::DNS_QUESTIONS);
        for bears in [40, 150, 400, 700] {
            let settled = &rounds(1024, bears, 60)[30..];
            assert!(
                settled
                    .iter()
                    .all(|width| (bears * 2 / 3..=bears * 3 / 2).contains(width)),
                "{bears}: {settled:?}"
            );
        }
        let mute = rounds(1024, 0, 40);
        assert_eq!(*mute.last().unwrap(), limits::DNS_QUESTIONS_LEAST);
        assert_eq!(rounds(5, usize::MAX, 9), [5; 9], "few files allow no more");
        assert_eq!(rounds(5, 0, 9), [5; 9]);
    }
}
