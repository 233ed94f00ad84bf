//! Which partition an order falls into.
//!
//! A small host has one partition, so it sees one visitor: its greylist knows us again, and one worker keeps its
//! limits. A large operator has as many as there are, chosen by the domain: it has machines enough to tell our
//! addresses apart, and nothing of a domain's mail is asked by two.

use std::fmt;

use super::order::Global;
use crate::model::limits;
use crate::model::provider::Providers;
use crate::model::seeded::fingerprint;
use crate::net::route::HostKey;

/// One of the parts that orders fall into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Partition(u16);

impl Partition {
    /// The first of them.
    pub const FIRST: Partition = Partition(0);

    /// Its number, from 0.
    #[must_use]
    pub fn number(self) -> u16 {
        self.0
    }
}

/// How many partitions an engine has: no more workers than that have something to do. It is settled when the engine is
/// set up, for all who use it must agree on where a host falls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partitions(u16);

impl Default for Partitions {
    fn default() -> Self {
        Partitions(limits::ENGINE_PARTITIONS)
    }
}

impl Partitions {
    /// So many; `None` for none, or for more than [`limits::ENGINE_PARTITIONS_MOST`].
    #[must_use]
    pub fn new(count: u16) -> Option<Self> {
        (1..=limits::ENGINE_PARTITIONS_MOST)
            .contains(&count)
            .then_some(Partitions(count))
    }

    /// Enough for each of so many workers to have one, where that is possible.
    #[must_use]
    pub fn for_workers(workers: usize) -> Self {
        let count = workers
            .next_power_of_two()
            .max(usize::from(limits::ENGINE_PARTITIONS));
        let most = limits::ENGINE_PARTITIONS_MOST;
        Partitions(u16::try_from(count).unwrap_or(most).min(most))
    }

    /// How many.
    #[must_use]
    pub fn count(self) -> u16 {
        self.0
    }

    /// All of them.
    pub fn all(self) -> impl Iterator<Item = Partition> {
        (0..self.0).map(Partition)
    }

    /// The one of that number; `None` where there is none.
    #[must_use]
    pub fn numbered(self, number: u16) -> Option<Partition> {
        (number < self.0).then_some(Partition(number))
    }

    /// Where the addresses of `domain` fall that are asked about at the host `key`, under the ceilings of a run over all
    /// source addresses.
    #[must_use]
    pub fn of(
        self,
        key: &HostKey,
        domain: &str,
        providers: &Providers,
        global: Global,
    ) -> Partition {
        let slot = if is_large(key, providers) {
            fingerprint(domain) % u64::from(self.slots(global))
        } else {
            0
        };
        self.of_slot(key, u16::try_from(slot).unwrap_or_default())
    }

    /// Where a slot of the host `key` falls; all of its slots fall into different partitions.
    #[must_use]
    pub fn of_slot(self, key: &HostKey, slot: u16) -> Partition {
        let count = u64::from(self.0);
        let first = fingerprint(key.0.as_str()) % count;
        let number = (first + u64::from(slot)) % count;
        Partition(u16::try_from(number).unwrap_or_default())
    }

    /// How many slots a large operator has: as many as there are partitions, but no more than it may be connected to at
    /// once over all source addresses, so that each of them may be.
    #[must_use]
    pub fn slots(self, global: Global) -> u16 {
        let most = global.connections.unwrap_or(u32::MAX).max(1);
        u16::try_from(most).unwrap_or(u16::MAX).min(self.0)
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Whether a host is one of the large operators, which is asked from several addresses at once.
#[must_use]
pub fn is_large(key: &HostKey, providers: &Providers) -> bool {
    providers.by_id(&key.0).is_some()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_small_host_has_one_partition_a_large_operator_many() {
        let providers = Providers::built_in();
        let of = |key: &str| -> BTreeSet<Partition> {
            let key = HostKey(key.to_owned());
            (0..1000)
                .map(|n| {
                    Partitions::default().of(
                        &key,
                        &format!("firm{n}.test"),
                        &providers,
                        Global::NONE,
                    )
                })
                .collect()
        };
        assert_eq!(of("acme.test").len(), 1);
        assert_eq!(of("google").len(), usize::from(limits::ENGINE_PARTITIONS));
    }

    #[test]
    fn a_domain_always_falls_into_the_same_partition() {
        let key = HostKey("google".to_owned());
        let providers = Providers::built_in();
        let numbers = ["acme.test", "firm.test", "gmail.com"].map(|domain| {
            let partition = Partitions::default().of(&key, domain, &providers, Global::NONE);
            partition.number()
        });
        // Written down: machines of different versions must agree.
        assert_eq!(numbers, NUMBERS);
    }

    const NUMBERS: [u16; 3] = [11, 40, 47];

    #[test]
    fn there_is_a_partition_for_each_of_many_workers() {
        for (workers, wanted) in [(1, 64), (64, 64), (65, 128), (1_000, 1_024), (9_999, 4_096)] {
            let partitions = Partitions::for_workers(workers);
            assert_eq!(partitions.count(), wanted, "{workers}");
            assert_eq!(partitions.all().count(), usize::from(wanted));
        }
        let few = Partitions::new(3).unwrap();
        let key = HostKey("google".to_owned());
        let there: BTreeSet<u16> = (0..few.slots(Global::NONE))
            .map(|slot| few.of_slot(&key, slot).number())
            .collect();
        assert_eq!(there, BTreeSet::from([0, 1, 2]));
        assert_eq!(few.numbered(3), None);
        assert_eq!(Partitions::new(0), None);
    }
}
