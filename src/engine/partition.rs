//! Which partition an order falls into, and which worker a partition falls to.
//!
//! A small host has one partition, so it sees one visitor: its greylist knows us again, and its limits are kept by
//! whoever keeps them. A large operator has as many as there are, chosen by the domain: it has machines enough to tell
//! our addresses apart, and nothing of a domain's mail is asked by two.

use std::fmt;

use super::digest::digest;
use crate::model::limits;
use crate::model::provider::Providers;
use crate::net::route::HostKey;

/// One of the [`limits::ENGINE_PARTITIONS`] parts that orders fall into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Partition(u16);

impl Partition {
    /// The first of them.
    pub const FIRST: Partition = Partition(0);

    /// All of them.
    pub fn all() -> impl Iterator<Item = Partition> {
        (0..limits::ENGINE_PARTITIONS).map(Partition)
    }

    /// The one of that number; `None` where there is none.
    #[must_use]
    pub fn numbered(number: u16) -> Option<Self> {
        (number < limits::ENGINE_PARTITIONS).then_some(Partition(number))
    }

    /// Its number, from 0.
    #[must_use]
    pub fn number(self) -> u16 {
        self.0
    }

    /// Where the addresses of `domain` fall that are asked about at the host `key`.
    #[must_use]
    pub fn of(key: &HostKey, domain: &str, providers: &Providers) -> Self {
        let digest = match is_large(key, providers) {
            true => digest([key.0.as_str(), domain]),
            false => digest([key.0.as_str()]),
        };
        let number = digest % u64::from(limits::ENGINE_PARTITIONS);
        Partition(u16::try_from(number).unwrap_or_default())
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

/// The worker that a partition is to fall to, of those who are there: whoever it is drawn to most (rendezvous hashing).
/// When one comes or goes, only the partitions move that it wins or had.
#[must_use]
pub fn owner<'a>(
    partition: Partition,
    workers: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let number = partition.to_string();
    let drawn_to = |worker: &str| digest([number.as_str(), worker]);
    workers
        .into_iter()
        .max_by_key(|worker| (drawn_to(worker), *worker))
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::*;

    fn names(count: usize) -> Vec<String> {
        (0..count).map(|n| format!("worker{n}")).collect()
    }

    fn owners(workers: &[String]) -> BTreeMap<Partition, Option<&str>> {
        Partition::all()
            .map(|partition| {
                (
                    partition,
                    owner(partition, workers.iter().map(String::as_str)),
                )
            })
            .collect()
    }

    #[test]
    fn a_small_host_has_one_partition_a_large_operator_many() {
        let providers = Providers::built_in();
        let of = |key: &str| -> BTreeSet<Partition> {
            let key = HostKey(key.to_owned());
            (0..1000)
                .map(|n| Partition::of(&key, &format!("firm{n}.test"), &providers))
                .collect()
        };
        assert_eq!(of("acme.test").len(), 1);
        assert_eq!(of("google").len(), usize::from(limits::ENGINE_PARTITIONS));
    }

    #[test]
    fn a_domain_always_falls_into_the_same_partition() {
        let key = HostKey("google".to_owned());
        let providers = Providers::built_in();
        let numbers = ["acme.test", "firm.test", "gmail.com"]
            .map(|domain| Partition::of(&key, domain, &providers).number());
        // Written down: machines of different versions must agree.
        assert_eq!(numbers, NUMBERS);
    }

    const NUMBERS: [u16; 3] = [55, 36, 46];

    #[test]
    fn every_worker_has_about_its_share() {
        for count in [1, 2, 4, 8] {
            let workers = names(count);
            let mut shares: BTreeMap<&str, usize> = BTreeMap::new();
            for owner in owners(&workers).into_values().flatten() {
                *shares.entry(owner).or_default() += 1;
            }
            assert_eq!(shares.len(), count, "nobody is idle: {shares:?}");
            let most = shares.values().max().copied().unwrap_or_default();
            let fair = usize::from(limits::ENGINE_PARTITIONS) / count;
            assert!(most <= 2 * fair.max(4), "{count}: {shares:?}");
        }
        assert_eq!(owner(Partition(0), []), None);
    }

    proptest! {
        #[test]
        fn only_what_must_move_moves(count in 1usize..40, who in 0usize..40) {
            let before = names(count);
            let before_owners = owners(&before);
            let mut joined = before.clone();
            joined.push("newcomer".to_owned());
            for (partition, owner) in owners(&joined) {
                prop_assert!(
                    owner == Some("newcomer") || owner == before_owners[&partition],
                    "{partition} moved between two who were there"
                );
            }
            let gone = before[who % count].clone();
            let left: Vec<String> = before.iter().filter(|name| **name != gone).cloned().collect();
            for (partition, owner) in owners(&left) {
                prop_assert!(
                    before_owners[&partition] == Some(&gone) || owner == before_owners[&partition],
                    "{partition} moved though its worker stayed"
                );
            }
        }
    }
}
