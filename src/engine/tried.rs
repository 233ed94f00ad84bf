//! What machines of a host were tried in vain for a run, so that the worker that asks them next has only what is left
//! of their chance.
//!
//! A host that answers nothing is tried for a while, then left. Each worker counts that for itself; where a partition
//! changes hands, the next one would begin anew, and hosts of a worker that dies again and again would be tried for ever.
//! So each tells what it has tried in vain, and no more: what has brought something has its whole chance again.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::RunId;
use crate::model::limits;
use crate::model::timestamp::Timestamp;
use crate::probe::InVain;

/// What was tried in vain at one host, by run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Tried(BTreeMap<RunId, Machines>);

/// Machines with what was tried in vain there, and when that was told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Machines {
    at: Timestamp,
    machines: BTreeMap<IpAddr, InVain>,
}

impl Tried {
    /// Notes what was tried in vain for a run by `now`, which may be nothing any more. Returns whether that was news.
    pub fn note(
        &mut self,
        run: &RunId,
        machines: &BTreeMap<IpAddr, InVain>,
        now: Timestamp,
    ) -> bool {
        self.0.retain(|_, told| is_of_late(told, now));
        let before = self.0.get(run).map(|told| &told.machines);
        if before == Some(machines) || (before.is_none() && machines.is_empty()) {
            return false;
        }
        if machines.is_empty() {
            self.0.remove(run);
        } else {
            let machines = machines.clone();
            self.0.insert(run.clone(), Machines { at: now, machines });
        }
        true
    }

    /// What was tried in vain for a run.
    #[must_use]
    pub fn of(&self, run: &RunId, now: Timestamp) -> BTreeMap<IpAddr, InVain> {
        let told = self.0.get(run).filter(|told| is_of_late(told, now));
        told.map(|told| told.machines.clone()).unwrap_or_default()
    }

    /// Whether nothing is noted at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether nothing that is noted counts any more.
    #[must_use]
    pub fn is_over(&self, now: Timestamp) -> bool {
        !self.0.values().any(|told| is_of_late(told, now))
    }
}

/// Whether it was told so lately that it counts: what nobody has tried for as long as it would be tried is tried anew, such
/// as a host that had blocked one of us, by another one.
fn is_of_late(told: &Machines, now: Timestamp) -> bool {
    now.since(told.at) < limits::FRUITLESS_TIME
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::probe::Effort;

    const START: Timestamp = Timestamp::from_millis(1_700_000_000_000);

    fn once(at: Timestamp) -> BTreeMap<IpAddr, InVain> {
        let mut effort = Effort::default();
        effort.note_in_vain(at, at);
        [([192, 0, 2, 1].into(), InVain { effort, word: None })].into()
    }

    #[test]
    fn what_was_tried_in_vain_counts_for_its_run_until_something_came_of_it() {
        let (run, other) = (RunId::named("a").unwrap(), RunId::named("b").unwrap());
        let mut tried = Tried::default();
        assert!(
            !tried.note(&run, &BTreeMap::new(), START),
            "nothing is no news"
        );
        assert!(tried.note(&run, &once(START), START));
        assert!(!tried.note(&run, &once(START), START));
        assert_eq!(tried.of(&run, START), once(START));
        assert_eq!(tried.of(&other, START), BTreeMap::new());
        let text = crate::engine::wire::encode(&tried_in(tried.clone()));
        assert_eq!(
            crate::engine::wire::decode(&text),
            Ok(tried_in(tried.clone()))
        );
        let later = START + limits::FRUITLESS_TIME;
        assert_eq!(tried.of(&run, later), BTreeMap::new(), "long ago");
        assert!(tried.is_over(later) && !tried.is_over(START));
        assert!(tried.note(&run, &BTreeMap::new(), START + Duration::from_secs(1)));
        assert!(tried.is_empty());
    }

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Within {
        tried: Tried,
    }

    fn tried_in(tried: Tried) -> Within {
        Within { tried }
    }
}
