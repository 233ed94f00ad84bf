//! The ceilings at a host over all source addresses, shared out with the leases.
//!
//! A small host has one visitor, to whom all of them belong. A large operator's are divided by its slots: each partition
//! that a worker holds brings it the part of the slots that fall there. So nobody has to agree on anything but who holds
//! which lease, and the parts never come to more than the whole.

use super::order::Global;
use super::partition::{Partition, Partitions, is_large};
use crate::model::provider::Providers;
use crate::net::route::HostKey;
use crate::probe::pace::{Ceilings, Rate};

/// The ceilings at the host `key` for one who holds the partitions that `holds` names; `None` where there are none but
/// those for each source address.
#[must_use]
pub fn share(
    key: &HostKey,
    global: Global,
    providers: &Providers,
    partitions: Partitions,
    holds: impl Fn(Partition) -> bool,
) -> Option<Ceilings> {
    if global == Global::NONE {
        return None;
    }
    let (held, all) = if is_large(key, providers) {
        let slots = partitions.slots(global);
        let ours = (0..slots).filter(|slot| holds(partitions.of_slot(key, *slot)));
        let held = u32::try_from(ours.count()).unwrap_or(u32::MAX);
        (held, u32::from(slots))
    } else {
        (1, 1)
    };
    let rate = global.rate.thousandths().map_or(Rate::UNLIMITED, |rate| {
        let part = u64::from(rate) * u64::from(held) / u64::from(all);
        // A rate of zero would be none at all.
        Rate::from_thousandths(u32::try_from(part).unwrap_or(u32::MAX).max(1))
    });
    // There are never more slots than connections, so that each has at least one.
    let connections = global
        .connections
        .map_or(u32::MAX, |most| (most / all) * held);
    Some(Ceilings {
        rate,
        connections: connections.max(1),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn global(rate: u32, connections: u32) -> Global {
        Global {
            rate: Rate::per_seconds(rate),
            connections: Some(connections),
        }
    }

    #[test]
    fn a_small_hosts_ceilings_belong_to_its_one_visitor() {
        let key = HostKey("acme.test".to_owned());
        let all = Partitions::default();
        let share = share(&key, global(7, 3), &Providers::built_in(), all, |_| true);
        let whole = Ceilings {
            rate: Rate::per_seconds(7),
            connections: 3,
        };
        assert_eq!(share, Some(whole));
    }

    proptest! {
        #[test]
        fn the_parts_of_a_large_operator_never_come_to_more_than_the_whole(
            rate in 1u32..200,
            connections in 1u32..200,
            owners in prop::collection::vec(0usize..9, 64),
        ) {
            let key = HostKey("google".to_owned());
            let providers = Providers::built_in();
            let global = global(rate, connections);
            let all = Partitions::default();
            let (mut rates, mut connected) = (0, 0);
            for worker in 0..9 {
                let holds = |partition: Partition| owners[usize::from(partition.number())] == worker;
                let slots = (0..all.slots(global)).filter(|slot| holds(all.of_slot(&key, *slot)));
                if slots.count() == 0 {
                    continue;
                }
                let share = share(&key, global, &providers, all, holds).unwrap();
                rates += share.rate.thousandths().unwrap();
                connected += share.connections;
            }
            prop_assert!(rates <= rate * 1000, "{rates} of {rate}");
            prop_assert!(connected <= connections, "{connected} of {connections}");
        }
    }
}
