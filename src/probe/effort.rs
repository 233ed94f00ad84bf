//! Connections that bring nothing: how long to stay away after one, when to give a host up.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::limits;
use crate::model::reading::Reading;
use crate::model::timestamp::Timestamp;
use crate::model::verdict::Exchange;

/// What the connections to one mail host have brought so far.
///
/// A connection is fruitless when it ends without a reply about a recipient, whichever side is to blame: so even a
/// fault of ours cannot make us connect without end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Effort {
    /// Connections that brought a reply about a recipient.
    fruitful: u32,
    /// Connections that did not.
    fruitless: u32,
    /// Those since the last reply.
    row: u32,
    /// When the first of that row began.
    since: Timestamp,
    /// Not to be connected to before this.
    not_before: Timestamp,
}

/// A machine whose last connections brought nothing: for the worker that asks it after us in the same run, whose budget
/// is what is left of ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InVain {
    /// What the connections have brought.
    pub effort: Effort,
    /// Its last word that was no answer: the reason for which it would be left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub word: Option<Box<(Exchange, Reading)>>,
}

impl Effort {
    /// Notes that a connection brought a reply about a recipient.
    pub fn bore_fruit(&mut self) {
        self.fruitful += 1;
        self.row = 0;
        self.not_before = Timestamp::default();
    }

    /// Whether any connection brought a reply about a recipient.
    #[must_use]
    pub fn has_borne_fruit(&self) -> bool {
        self.fruitful > 0
    }

    /// Notes that a connection which began at `began` ended without one: the next is spaced out by 1, 2, 4, ...
    /// seconds.
    pub fn note_in_vain(&mut self, began: Timestamp, now: Timestamp) {
        if self.row == 0 {
            self.since = began;
        }
        let doublings = self.row.min(limits::FRUITLESS_DOUBLINGS);
        self.not_before = now + limits::FRUITLESS_WAIT * 2u32.pow(doublings);
        self.row += 1;
        self.fruitless += 1;
    }

    /// Whether the last connection ended without a reply about a recipient.
    #[must_use]
    pub fn was_in_vain_last(&self) -> bool {
        self.row > 0
    }

    /// The first moment for another connection.
    #[must_use]
    pub fn not_before(&self) -> Timestamp {
        self.not_before
    }

    /// Whether another machine of the same domain is worth a try instead: this one has brought nothing time and again,
    /// or not for long.
    #[must_use]
    pub fn suggests_another(&self, now: Timestamp) -> bool {
        let has_lasted = self.row > 0 && now.since(self.since) > limits::FRUITLESS_TIME;
        has_lasted || self.row >= limits::FRUITLESS_BEFORE_THE_NEXT
    }

    /// Whether the host has had its chance, when the next connection would be made at `next`: too many in vain, of late
    /// or in all, or too long since the first of them. A host that has answered much is borne with for longer. Of one
    /// in vain nobody makes much, whatever the `patience`, yet it is not come back to for ever.
    #[must_use]
    pub fn is_spent(&self, next: Timestamp, patience: Duration) -> bool {
        let in_a_row = limits::FRUITLESS_IN_A_ROW + self.fruitful.min(limits::FRUITLESS_IN_A_ROW);
        let in_all = limits::FRUITLESS_CONNECTIONS + self.fruitful / limits::FRUITFUL_PER_FRUITLESS;
        let time = if self.row >= limits::FRUITLESS_AT_LEAST {
            patience.min(limits::FRUITLESS_TIME)
        } else {
            limits::FRUITLESS_TIME
        };
        let has_lasted = self.row > 0 && next.since(self.since) > time;
        has_lasted || self.row >= in_a_row || self.fruitless >= in_all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(1800);

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    /// Fruitless connections of no length, each as soon as it may be, until the host is given up.
    fn until_spent(effort: &mut Effort, patience: Duration) -> (u32, Timestamp) {
        let mut count = 0;
        loop {
            let now = effort.not_before();
            effort.note_in_vain(now, now);
            count += 1;
            if effort.is_spent(effort.not_before(), patience) {
                return (count, now);
            }
            assert!(count < 1000, "it never ends");
        }
    }

    #[test]
    fn fruitless_connections_are_ever_further_apart() {
        let mut effort = Effort::default();
        let waits: Vec<u64> = (0..4)
            .map(|_| {
                effort.note_in_vain(at(100), at(100));
                effort.not_before().since(at(100)).as_secs()
            })
            .collect();
        assert_eq!(waits, [1, 2, 4, 8]);
        for _ in 0..100 {
            effort.note_in_vain(at(100), at(100));
        }
        let longest = limits::FRUITLESS_WAIT * 2u32.pow(limits::FRUITLESS_DOUBLINGS);
        assert_eq!(effort.not_before().since(at(100)), longest);
        effort.bore_fruit();
        assert!(effort.not_before() <= at(100), "a reply makes all good");
    }

    #[test]
    fn a_host_that_gives_nothing_is_left_after_a_few_connections() {
        let (count, _) = until_spent(&mut Effort::default(), PATIENCE);
        assert_eq!(count, limits::FRUITLESS_IN_A_ROW);
    }

    #[test]
    fn a_host_that_has_answered_is_borne_with_for_longer() {
        let mut effort = Effort::default();
        (0..100).for_each(|_| effort.bore_fruit());
        let (count, _) = until_spent(&mut effort, PATIENCE);
        assert_eq!(count, limits::FRUITLESS_IN_A_ROW * 2);
    }

    #[test]
    fn however_often_a_host_answers_between_most_connections_bring_something() {
        let mut effort = Effort::default();
        let mut fruitless = 0;
        while !effort.is_spent(effort.not_before(), PATIENCE) {
            effort.note_in_vain(at(0), at(0));
            effort.bore_fruit();
            fruitless += 1;
        }
        assert!(
            fruitless <= limits::FRUITLESS_CONNECTIONS * 8 / 7 + 1,
            "{fruitless}"
        );
    }

    #[test]
    fn nobody_is_tried_for_longer_than_the_operator_or_twenty_minutes_allow() {
        for (patience, longest) in [
            (PATIENCE, limits::FRUITLESS_TIME),
            (Duration::ZERO, Duration::ZERO),
        ] {
            let mut effort = Effort::default();
            effort.note_in_vain(at(0), at(60));
            effort.note_in_vain(at(61), at(60) + longest);
            assert!(
                effort.is_spent(effort.not_before(), patience),
                "{patience:?}"
            );
        }
        let mut once = Effort::default();
        once.note_in_vain(at(0), at(60));
        for patience in [PATIENCE, Duration::ZERO] {
            assert!(!once.is_spent(at(61), patience), "once may be chance");
            let latest = at(0) + limits::FRUITLESS_TIME;
            assert!(!once.is_spent(latest, patience));
            assert!(once.is_spent(latest + Duration::from_secs(1), patience));
        }
    }
}
