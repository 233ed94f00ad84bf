//! The domains of the list, by number: each in full while something may be asked about it, by its name alone once DNS
//! has settled it.
//!
//! A list may name a million domains of which no host is asked. What is left of such a domain is that DNS settled it,
//! which its further addresses are answered with: its name costs a tenth of the whole.

use std::ops::{Index, IndexMut};
use std::sync::Arc;

use super::domain::Entry;

/// See the module's own words.
#[derive(Debug)]
pub(super) struct Domains {
    slots: Vec<Slot>,
    /// What every domain is that DNS settled, but for the name.
    spent: Entry,
}

#[derive(Debug)]
struct Slot {
    name: Arc<str>,
    /// None once it is spent.
    entry: Option<Box<Entry>>,
}

impl Domains {
    pub(super) fn new() -> Self {
        Domains {
            slots: Vec::new(),
            spent: Entry::spent(Arc::default()),
        }
    }

    /// How many were met.
    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Adds one by its name; its number is the count of those before.
    pub(super) fn push(&mut self, name: Arc<str>) {
        self.slots.push(Slot {
            entry: Some(Box::new(Entry::new(Arc::clone(&name)))),
            name,
        });
    }

    /// The name of a domain.
    pub(super) fn name(&self, index: usize) -> &Arc<str> {
        &self.slots[index].name
    }

    /// Keeps a domain by its name alone, if nothing else of it is of use any more.
    pub(super) fn shed(&mut self, index: usize) {
        let entry = &mut self.slots[index].entry;
        entry.take_if(|entry| entry.is_spent());
    }

    /// Those that are kept in full.
    #[cfg(test)]
    pub(super) fn in_full(&self) -> impl Iterator<Item = &Entry> {
        self.slots.iter().filter_map(|slot| slot.entry.as_deref())
    }
}

impl Index<usize> for Domains {
    type Output = Entry;

    /// The domain with that number; its name is found with [`Domains::name`].
    fn index(&self, index: usize) -> &Entry {
        self.slots[index].entry.as_deref().unwrap_or(&self.spent)
    }
}

impl IndexMut<usize> for Domains {
    fn index_mut(&mut self, index: usize) -> &mut Entry {
        let Slot { name, entry } = &mut self.slots[index];
        entry.get_or_insert_with(|| Box::new(Entry::spent(Arc::clone(name))))
    }
}
