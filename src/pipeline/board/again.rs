//! Machines met before an interruption: their answers of then are worth what their answers of now make of them.

use std::collections::BTreeMap;

use super::Board;
use super::rows::Rows;
use crate::moment::Moment;
use crate::probe::{KnownDomain, KnownMachine};

impl Board {
    /// Takes up a group where the run was interrupted, if one of its machines was met before.
    pub(super) fn resume(&mut self, group: usize, now: Moment) {
        if self.past.is_empty() {
            return;
        }
        let names: Vec<String> = self.groups[group]
            .targets
            .iter()
            .map(|(name, _)| name.clone())
            .collect();
        for name in names {
            let Some(mut known) = self.past.remove(&name) else {
                continue;
            };
            let witness = known.witness.take();
            self.groups[group].rows.resume(known);
            if let Some((address, domain)) = witness {
                let index = self.meet(address.domain().wire(), &domain, now);
                let good = Some((index, address));
                let resumed = &mut self.groups[group];
                self.hosts[resumed.host].good.clone_from(&good);
                resumed.good = good;
                resumed.meant = Some(index);
            }
        }
    }

    /// When all else is done, sees to it that machines not met since the interruption are tested where their last answers
    /// want it. Returns whether there is anything to do.
    pub fn meets_again(&mut self, now: Moment) -> bool {
        if self.stopping {
            return false;
        }
        // In their order, so that a simulated run replays.
        let past: BTreeMap<String, KnownMachine> = self.past.drain().collect();
        for (name, known) in past {
            let Some((address, domain)) = &known.witness else {
                continue;
            };
            if !Rows::of(known.clone()).owes_a_test() {
                continue;
            }
            let index = self.meet(address.domain().wire(), domain, now);
            let entry = &self.domains[index];
            if entry.group.is_none() && !entry.closed {
                self.met_again.insert(index);
                self.past.insert(name, known);
            }
        }
        !self.met_again.is_empty()
    }

    /// The entry of a domain of which something is known.
    fn meet(&mut self, name: &str, known: &KnownDomain, now: Moment) -> usize {
        self.know_domain(name, known, now);
        self.entry(name)
    }

    /// Has a group tested by a conversation of its own, where its last answers want it.
    pub(super) fn owe_a_test(&mut self, group: usize) {
        let group = &mut self.groups[group];
        let blocked = self.hosts[group.host].known.blocked.is_some();
        group.test_owed = !blocked && group.rows.owes_a_test();
    }
}
