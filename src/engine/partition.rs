//! Which partition an order falls into.
//!
//! A small host has one partition, so it sees one visitor: its greylist knows us again, and its limits are kept by
//! whoever keeps them. A large operator has as many as there are, chosen by the domain: it has machines enough to tell
//! our addresses apart, and nothing of a domain's mail is asked by two.

use std::fmt;

use super::digest::digest;
use super::order::Global;
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

    /// Where the addresses of `domain` fall that are asked about at the host `key`, under the ceilings of a run over all
    /// source addresses.
    #[must_use]
    pub fn of(key: &HostKey, domain: &str, providers: &Providers, global: Global) -> Self {
        let slot = match is_large(key, providers) {
            true => digest([domain]) % u64::from(slots(global)),
            false => 0,
        };
        Partition::of_slot(key, u16::try_from(slot).unwrap_or_default())
    }

    /// Where a slot of the host `key` falls; all of its slots fall into different partitions.
    #[must_use]
    pub fn of_slot(key: &HostKey, slot: u16) -> Self {
        let first = digest([key.0.as_str()]) % u64::from(limits::ENGINE_PARTITIONS);
        let number = (first + u64::from(slot)) % u64::from(limits::ENGINE_PARTITIONS);
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

/// How many slots a large operator has: as many as there are partitions, but no more than it may be connected to at once
/// over all source addresses, so that each of them may be.
#[must_use]
pub fn slots(global: Global) -> u16 {
    let most = global.connections.unwrap_or(u32::MAX).max(1);
    let most = most.min(u32::from(limits::ENGINE_PARTITIONS));
    u16::try_from(most).unwrap_or(limits::ENGINE_PARTITIONS)
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
                .map(|n| Partition::of(&key, &format!("firm{n}.test"), &providers, Global::NONE))
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
            .map(|domain| Partition::of(&key, domain, &providers, Global::NONE).number());
        // Written down: machines of different versions must agree.
        assert_eq!(numbers, NUMBERS);
    }

    const NUMBERS: [u16; 3] = [40, 63, 14];
}
