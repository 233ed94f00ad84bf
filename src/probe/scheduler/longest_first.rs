//! Those that wait for a turn, whoever needs longest first.
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
    order: BTreeSet<(Reverse<u64>, u64)>,
    waiting: HashMap<usize, Turn>,
    /// By their tickets.
    who: HashMap<u64, usize>,
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
            who: HashMap::default(),
            tickets: 0,
        }
    }

    /// Has `who` wait for a turn, by its number; one that waits already is known to need `need` from now on, unless it was
    /// brought to the front.
    pub(super) fn put(&mut self, who: usize, need: u64) {
        let turn = match self.waiting.get(&who).copied() {
            Some(before) => {
                self.order.remove(&self.place(before));
                let need = match before.need {
                    FRONT => FRONT,
                    _ => need,
                };
                Turn { need, ..before }
            }
            None => {
                self.tickets += 1;
                self.who.insert(self.tickets, who);
                let ticket = self.tickets;
                Turn { need, ticket }
            }
        };
        self.order.insert(self.place(turn));
        self.waiting.insert(who, turn);
    }

    fn place(&self, turn: Turn) -> (Reverse<u64>, u64) {
        (Reverse(turn.need / self.grain), turn.ticket)
    }

    /// Notes that `who` needs so much more, if it waits.
    pub(super) fn raise(&mut self, who: usize, by: u64) {
        if let Some(turn) = self.waiting.get(&who) {
            self.put(who, turn.need.saturating_add(by));
        }
    }

    /// Brings `who` before all others, if it waits.
    pub(super) fn to_the_front(&mut self, who: usize) {
        self.raise(who, FRONT);
    }

    /// Takes the one that needs longest.
    pub(super) fn pop(&mut self) -> Option<usize> {
        let (_, ticket) = self.order.pop_first()?;
        let who = self.who.remove(&ticket)?;
        self.waiting.remove(&who);
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
        self.order.clear();
        self.waiting.clear();
        self.who.clear();
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
    fn whoever_needs_longest_has_the_first_turn() {
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
    fn whoever_is_brought_to_the_front_stays_there() {
        let mut waiting = LongestFirst::with_grain(10);
        for (who, need) in [(3, 1), (2, 900), (1, 12)] {
            waiting.put(who, need);
        }
        waiting.to_the_front(1);
        waiting.put(1, 5);
        waiting.to_the_front(9);
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
        fn everybody_has_one_turn(steps in proptest::collection::vec((0usize..6, 0u64..9, 0u8..3), 0..60)) {
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
