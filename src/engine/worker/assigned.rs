//! Which worker each partition is to fall to.

use std::collections::{BTreeMap, BTreeSet};

use crate::engine::Partition;
use crate::engine::lease::{Leases, assign};
use crate::engine::partition::Partitions;

/// Which worker each partition is to fall to, by who is there and who holds what.
#[derive(Default)]
pub(super) struct Assigned {
    pub(super) to: BTreeMap<Partition, String>,
    /// Who was there, and how often a partition had been seen to change hands.
    by: Option<(Vec<String>, u64)>,
}

impl Assigned {
    /// Assigns anew where something has changed: what comes to the same is not reckoned again, for each partition is
    /// weighed against each worker.
    pub(super) fn bring_up_to_date(
        &mut self,
        partitions: Partitions,
        workers: &BTreeSet<&str>,
        leases: &Leases,
    ) {
        let changes = leases.changes();
        let is_the_same = self.by.as_ref().is_some_and(|(before, seen)| {
            *seen == changes && before.iter().eq(workers.iter().copied())
        });
        if is_the_same {
            return;
        }
        let assigned = assign(partitions.all(), workers, &leases.holders()).into_iter();
        self.to = assigned
            .map(|(partition, worker)| (partition, worker.to_owned()))
            .collect();
        let workers = workers.iter().map(|&worker| worker.to_owned());
        self.by = Some((workers.collect(), changes));
    }
}
