//! What is awaited, counted: each address and each decoy comes in once and goes out once.

use std::net::IpAddr;

use super::unsure::{Probe, Unsure};
use super::{Asking, Scheduler};

/// Addresses that wait for their answer, and decoys. An address goes from waiting to settled, and back where its answer
/// is taken back; no move may be made that was not begun.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    waiting: usize,
    settled: u64,
    decoys: usize,
}

impl Counts {
    /// An address is to be asked about.
    pub(super) fn take_in(&mut self) {
        self.waiting += 1;
    }

    /// So many addresses need no answer any more.
    ///
    /// # Panics
    ///
    /// When fewer wait.
    pub(super) fn settle(&mut self, addresses: usize) {
        self.hand_over(addresses);
        self.settled += addresses as u64;
    }

    /// The answer about an address is taken back, which is to be asked about again.
    ///
    /// # Panics
    ///
    /// When none was settled.
    pub(super) fn unsettle(&mut self) {
        let left = self.settled.checked_sub(1);
        self.settled = left.expect("an answer that is taken back was given");
        self.waiting += 1;
    }

    /// So many addresses are others' to ask about.
    ///
    /// # Panics
    ///
    /// When fewer wait.
    pub(super) fn hand_over(&mut self, addresses: usize) {
        let left = self.waiting.checked_sub(addresses);
        self.waiting = left.expect("who goes has waited");
    }

    /// A decoy is owed or under way.
    pub(super) fn expect_a_decoy(&mut self) {
        self.decoys += 1;
    }

    /// A decoy was answered, or is asked about no more.
    ///
    /// # Panics
    ///
    /// When none was expected.
    pub(super) fn forget_decoy(&mut self) {
        let left = self.decoys.checked_sub(1);
        self.decoys = left.expect("a decoy that is answered was expected");
    }

    /// Addresses that wait, their questions under way among them.
    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }

    /// Addresses that need no answer any more.
    pub(super) fn settled(&self) -> u64 {
        self.settled
    }

    /// Decoys owed or under way: those accepted wait for what they tell.
    pub(super) fn decoys(&self) -> usize {
        self.decoys
    }
}

/// Most domains with which a build for tests counts everything after each step.
const COUNTED_AFTER_EACH_STEP: usize = 2_000;

impl Scheduler {
    /// In builds for tests, asserts after a step that whatever is counted is there.
    pub(super) fn has_made_a_step(&self) {
        if cfg!(debug_assertions) && self.domains.len() <= COUNTED_AFTER_EACH_STEP {
            self.assert_consistent();
        }
    }

    /// Asserts that whatever is counted is there, in so far as no question is being put or answered at the moment.
    ///
    /// # Panics
    ///
    /// When a count is not what it counts.
    fn assert_consistent(&self) {
        let mut under_way = vec![0; self.domains.len()];
        let (mut subjects, mut late_decoys) = (0, 0);
        for asked in self.sessions.values().flat_map(|session| &session.asked) {
            under_way[asked.domain] += 1;
            match asked.whom {
                Asking::Subject(_) => subjects += 1,
                Asking::LateDecoy => late_decoys += 1,
                Asking::Decoy => {}
            }
        }
        // The answer to a test was heard, and counts once its session is over.
        for unsure in self.sessions.values().flat_map(|session| &session.unsure) {
            if let Unsure::Test(tested) = unsure {
                match tested.by {
                    Probe::Subject(_) => subjects += 1,
                    Probe::LateDecoy => {
                        under_way[tested.domain] += 1;
                        late_decoys += 1;
                    }
                }
            }
        }
        let (mut waiting, mut decoys) = (subjects, late_decoys);
        let mut groups = vec![(0, 0); self.groups.len()];
        for (index, under_way) in under_way.into_iter().enumerate() {
            let entry = &self.domains[index];
            let name = self.domains.name(index);
            assert_eq!(entry.under_way, under_way, "questions under way in {name}");
            waiting += entry.waiting_now() + entry.waiting_later();
            decoys += usize::from(
                entry.catch_all.decoy_due().is_some() || entry.catch_all.decoy_under_way(),
            );
            if let Some(group) = entry.group {
                let [now, later] = entry.booked.map(|count| count as usize);
                groups[group].0 += now + later;
                groups[group].1 += entry.askable as usize;
            }
        }
        assert_eq!(self.counts.waiting(), waiting, "addresses that wait");
        assert_eq!(self.counts.decoys(), decoys, "decoys awaited");
        self.assert_groups_are_consistent(&groups);
    }

    /// The same for groups, of which `booked` tells what waits in their domains and what may be asked of it now.
    fn assert_groups_are_consistent(&self, booked: &[(usize, usize)]) {
        let mut at_hosts = vec![(0, 0); self.hosts.len()];
        let mut open = vec![(0, 0); self.groups.len()];
        for session in self.sessions.values() {
            open[session.group].0 += 1;
            open[session.group].1 += u32::from(session.makes_way);
        }
        for ((group, booked), open) in self.groups.iter().zip(booked).zip(open) {
            let machines = group.targets.iter().map(|(_, machine)| *machine);
            let machines: Vec<IpAddr> = machines.collect();
            let counted = (group.waiting, group.askable);
            assert_eq!(counted, *booked, "what waits at {machines:?}");
            let counted = (group.sessions, group.leaving);
            assert_eq!(counted, open, "sessions at {machines:?}");
            at_hosts[group.host].0 += booked.0;
            at_hosts[group.host].1 += open.0;
        }
        for (host, there) in self.hosts.iter().zip(at_hosts) {
            let waiting: usize = host.waiting.iter().sum();
            let counted = (waiting, host.pace.connections_open());
            assert_eq!(counted, there, "what waits and is open at {}", host.key.0);
        }
    }
}
