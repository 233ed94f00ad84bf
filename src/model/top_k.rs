//! The commonest of many things, counted in bounded memory.
//!
//! Counts are exact while there are few different things. Beyond that the rarest are forgotten, and what comes later
//! starts from the highest count that was forgotten: a count is then too high by at most that much, never too low
//! (Metwally, Agrawal, El Abbadi: Efficient computation of frequent and top-k elements in data streams, 2005; here the
//! rarest half goes at once, so that a count costs one look-up).

use std::borrow::Borrow;
use std::hash::Hash;

use foldhash::{HashMap, HashMapExt};

/// Counts of the commonest things, each with what else is kept of it.
#[derive(Clone, Debug)]
pub struct TopK<K, T> {
    entries: HashMap<K, Entry<T>>,
    most: usize,
    /// The highest count that was forgotten.
    floor: u64,
}

/// One thing's count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Entry<T> {
    /// At most this often.
    pub count: u64,
    /// At most this much of the count is not its own.
    pub error: u64,
    /// What else is kept of it, since it was last remembered.
    pub kept: T,
}

impl<K: Hash + Eq, T: Default> TopK<K, T> {
    /// Counts for the `most` commonest things, at least one.
    #[must_use]
    pub fn new(most: usize) -> Self {
        TopK {
            entries: HashMap::new(),
            most: most.max(1),
            floor: 0,
        }
    }

    /// Adds `weight` to the count of `key`; `make` gives the key to keep when it is new. Returns what is kept of it.
    ///
    /// # Panics
    ///
    /// When `make` makes another key than `key`.
    pub fn add<Q>(&mut self, key: &Q, weight: u64, make: impl FnOnce() -> K) -> &mut T
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        if !self.entries.contains_key(key) {
            if self.entries.len() >= self.most.saturating_mul(2) {
                self.forget_the_rarest();
            }
            self.entries.insert(
                make(),
                Entry {
                    count: self.floor,
                    error: self.floor,
                    kept: T::default(),
                },
            );
        }
        let entry = self
            .entries
            .get_mut(key)
            .expect("the key that was made is the key");
        entry.count += weight;
        &mut entry.kept
    }

    fn forget_the_rarest(&mut self) {
        let mut counts: Vec<u64> = self.entries.values().map(|entry| entry.count).collect();
        let place = counts.len() - self.most;
        let (_, &mut mark, _) = counts.select_nth_unstable(place);
        // Of those at the mark none is kept: which would be an accident of the table's order.
        self.entries.retain(|_, entry| entry.count > mark);
        self.floor = mark;
    }

    /// Everything that is remembered, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &Entry<T>)> {
        self.entries.iter()
    }

    /// Whether something was forgotten, so that counts may be too high and rare things are missing.
    #[must_use]
    pub fn forgot(&self) -> bool {
        self.floor > 0
    }
}

impl<K: Hash + Eq + Ord, T: Default> TopK<K, T> {
    /// The `most` commonest, the commonest first; equal ones by key.
    #[must_use]
    pub fn top(&self, most: usize) -> Vec<(&K, &Entry<T>)> {
        let mut all: Vec<_> = self.entries.iter().collect();
        all.sort_by(|(a, one), (b, other)| other.count.cmp(&one.count).then_with(|| a.cmp(b)));
        all.truncate(most);
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_things_are_counted_exactly() {
        let mut counts: TopK<String, u32> = TopK::new(10);
        for word in ["a", "b", "a", "c", "a", "b"] {
            *counts.add(word, 1, || word.to_owned()) += 2;
        }
        let top: Vec<(&str, u64, u32)> = counts
            .top(2)
            .into_iter()
            .map(|(word, entry)| (word.as_str(), entry.count, entry.kept))
            .collect();
        assert_eq!(top, [("a", 3, 6), ("b", 2, 4)]);
        assert!(!counts.forgot());
    }

    #[test]
    fn common_things_stand_out_of_millions_and_memory_stays() {
        let mut counts: TopK<u64, ()> = TopK::new(50);
        for n in 0..200_000_u64 {
            let key = if n % 20 < 3 { n % 20 } else { 1000 + n };
            counts.add(&key, 1, || key);
        }
        assert!(counts.forgot());
        assert!(counts.iter().count() <= 100);
        for (key, entry) in counts.top(3) {
            assert!(*key < 3);
            assert!(entry.count >= 10_000 && entry.count - entry.error <= 10_000);
        }
    }
}
