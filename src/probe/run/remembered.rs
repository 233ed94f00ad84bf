//! Mail hosts whose addresses were looked up lately, in memory that does not grow with the list.
//!
//! Domains that share a mail host are met all along a list, those that have one of their own once. So what was wanted
//! lately is kept, in two halves: when the younger one is full, it becomes the older one, whose entries go unless they
//! are wanted again.

use std::collections::HashMap;
use std::sync::Arc;

/// See the module's own words.
pub(super) struct Remembered<T> {
    young: HashMap<String, Arc<T>>,
    old: HashMap<String, Arc<T>>,
    half: usize,
}

impl<T: Default> Remembered<T> {
    /// Nothing yet; at most `most` entries.
    pub(super) fn new(most: usize) -> Self {
        Remembered {
            young: HashMap::new(),
            old: HashMap::new(),
            half: most.div_ceil(2),
        }
    }

    /// The entry of `name`: that which there is, unless it `is_stale`, else a new one.
    pub(super) fn entry(&mut self, name: &str, is_stale: impl FnOnce(&T) -> bool) -> Arc<T> {
        if let Some(known) = self.young.get_mut(name) {
            if is_stale(known) {
                *known = Arc::default();
            }
            return Arc::clone(known);
        }
        let old = self.old.remove(name).filter(|known| !is_stale(known));
        let entry = old.unwrap_or_default();
        if self.young.len() >= self.half {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(name.to_owned(), Arc::clone(&entry));
        entry
    }

    /// Forgets all but those that `are_kept`.
    pub(super) fn retain(&mut self, are_kept: impl Fn(&T) -> bool) {
        for half in [&mut self.young, &mut self.old] {
            half.retain(|_, entry| are_kept(entry));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[test]
    fn what_is_wanted_again_and_again_stays_and_the_rest_goes() {
        let mut hosts: Remembered<AtomicU32> = Remembered::new(20);
        let mut looked_up = 0;
        for n in 0..1000 {
            for name in ["shared.test", &format!("mx.d{n}.test")] {
                let entry = hosts.entry(name, |_| false);
                looked_up += u32::from(entry.fetch_add(1, Ordering::Relaxed) == 0);
            }
            assert!(hosts.young.len() + hosts.old.len() <= 20);
        }
        assert_eq!(
            looked_up, 1001,
            "the shared one once, each of the others once"
        );
        let entry = hosts.entry("shared.test", |seen| seen.load(Ordering::Relaxed) == 1000);
        assert_eq!(
            entry.load(Ordering::Relaxed),
            0,
            "a stale one is looked up anew"
        );
        hosts.retain(|_| false);
        assert_eq!(hosts.young.len() + hosts.old.len(), 0);
    }
}
