//! Those that wait for a turn, the one that needs longest first.
//!
//! The time that a run takes is that of its slowest host, so what takes longest is begun first: whatever is short fits
//! beside it (Graham: Bounds on Multiprocessing Timing Anomalies, 1969, on the longest processing time first). What is
//! short keeps its order.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use foldhash::HashMap;

/// See the module's own words. Of several that need about the same, the one that came first has its turn first.
#[derive(Debug)]
pub(super) struct LongestFirst {
    /// Needs that differ by less than this are the same.
    grain: u64,
    /// By need, then ticket.
    order: BTreeSet<(Reverse<u64>, u64, usize)>,
    waiting: HashMap<usize, Turn>,
    tickets: u64,
}

/// The need of one that goes before all others.
const FRONT: u64 = u64::MAX;

/// What one waits with.
#[derive(Clone, Copy, Debug)]
struct Turn {
    need: u64,
    /// Which one came first.
    ticket: u64,
}

impl LongestFirst {
    /// Nobody, of whom needs that differ by less than `grain` are the same.
    pub(super) fn with_grain(grain: u64) -> Self {
        LongestFirst {
            grain,
            order: BTreeSet::new(),
            waiting: HashMap::default(),
            tickets: 0,
        }
    }

    /// Has `who` wait for a turn, by its number; one that waits already is known to need `need` from now on, unless it was
    /// brought forward.
    pub(super) fn put(&mut self, who: usize, need: u64) {
        let turn = if let Some(before) = self.waiting.get(&who).copied() {
            self.order.remove(&self.place(who, before));
            let is_in_front = before.need == FRONT;
            Turn {
                need: if is_in_front { FRONT } else { need },
                ..before
            }
        } else {
            self.tickets += 1;
            Turn {
                need,
                ticket: self.tickets,
            }
        };
        self.order.insert(self.place(who, turn));
        self.waiting.insert(who, turn);
    }

    fn place(&self, who: usize, turn: Turn) -> (Reverse<u64>, u64, usize) {
        (Reverse(turn.need / self.grain), turn.ticket, who)
    }

    /// Notes that `who` needs so much more, if it waits.
    pub(super) fn raise(&mut self, who: usize, by: u64) {
        if let Some(turn) = self.waiting.get(&who) {
            self.put(who, turn.need.saturating_add(by));
        }
    }

    /// Brings `who` before all others, if it waits.
    pub(super) fn bring_forward(&mut self, who: usize) {
        self.raise(who, FRONT);
    }

    /// Takes the one that needs longest.
    pub(super) fn pop(&mut self) -> Option<usize> {
        let (_, _, who) = self.order.pop_first()?;
        self.waiting.remove(&who);
        if self.order.is_empty() {
            // A long list's domains wait at its beginning; what they took is of use to others.
            self.clear();
        }
        Some(who)
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether nobody waits.
    pub(super) fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// Lets nobody wait any more.
    pub(super) fn clear(&mut self) {
        self.order = BTreeSet::new();
        self.waiting = HashMap::default();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn turns(mut waiting: LongestFirst) -> Vec<usize> {
        std::iter::from_fn(|| waiting.pop()).collect()
    }

    #[test]
    fn the_one_that_needs_longest_has_the_first_turn() {
        let mut waiting = LongestFirst::with_grain(1);
        for (who, need) in [(7, 3), (9, 5), (2, 5), (4, 1)] {
            waiting.put(who, need);
        }
        waiting.put(4, 2);
        waiting.raise(7, 4);
        waiting.raise(8, 100);
        assert_eq!(turns(waiting), [7, 9, 2, 4]);
    }

    #[test]
    fn one_that_is_brought_forward_stays_there() {
        let mut waiting = LongestFirst::with_grain(10);
        for (who, need) in [(3, 1), (2, 900), (1, 12)] {
            waiting.put(who, need);
        }
        waiting.bring_forward(1);
        waiting.put(1, 5);
        waiting.bring_forward(9);
        assert_eq!(turns(waiting), [1, 2, 3]);
    }

    #[test]
    fn what_is_short_keeps_its_order() {
        let mut waiting = LongestFirst::with_grain(10);
        for (who, need) in [(3, 1), (2, 9), (1, 12), (0, 0)] {
            waiting.put(who, need);
        }
        waiting.raise(0, 8);
        assert_eq!(turns(waiting), [1, 3, 2, 0]);
    }

    proptest! {
        #[test]
        fn each_has_one_turn(steps in proptest::collection::vec((0usize..6, 0u64..9, 0u8..3), 0..60)) {
            let mut waiting = LongestFirst::with_grain(3);
            // Who, with what it needs, in the order in which they came.
            let mut plain: Vec<(usize, u64)> = Vec::new();
            for (who, need, step) in steps {
                let known = plain.iter_mut().find(|(known, _)| *known == who);
                match (step, known) {
                    (0, known) => {
                        waiting.put(who, need);
                        match known {
                            Some((_, before)) => *before = need,
                            None => plain.push((who, need)),
                        }
                    }
                    (1, known) => {
                        waiting.raise(who, need);
                        if let Some((_, before)) = known {
                            *before += need;
                        }
                    }
                    (_, _) => {
                        let places = plain.iter().enumerate();
                        let first = places.min_by_key(|(place, (_, need))| (Reverse(need / 3), *place));
                        let first = first.map(|(place, _)| place);
                        let first = first.map(|place| plain.remove(place).0);
                        prop_assert_eq!(waiting.pop(), first);
                    }
                }
                prop_assert_eq!(waiting.len(), plain.len());
                prop_assert_eq!(waiting.is_empty(), plain.is_empty());
            }
        }
    }
}
