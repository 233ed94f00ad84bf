//! Whose further addresses are put off, so that one host's queue does not keep others out.
//!
//! The bound on all addresses that wait is shared by a dynamic threshold (Choudhury, Hahne: Dynamic Queue Length
//! Thresholds, 1998): a host's queue may grow as long as the room that is left. One slow host alone gets half of the
//! bound, two get a third each; a host with an empty queue finds room as long as there is any. Where a great many hosts
//! have taken it all, every further address is put off.

use super::Scheduler;
use crate::model::limits;

/// Where an address was put off: at a host, as far as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Crowd {
    Host(usize),
    /// At a domain whose host is not known yet, by its index.
    Domain(usize),
    /// At domains that have no address in memory.
    Unmet,
}

impl Scheduler {
    /// Whether so many wait at the host of a domain that a further address is better put off.
    #[must_use]
    pub fn is_crowded(&self, name: &str) -> bool {
        match self.by_name.get(name) {
            Some(&domain) if self.domains[domain].is_settled_as_a_whole() => false,
            Some(&domain) => self.queue_of(domain) >= self.room_left(),
            None => self.room_left() == 0,
        }
    }

    /// Whether as many addresses wait as may.
    #[must_use]
    pub fn has_no_room(&self) -> bool {
        self.room_left() == 0
    }

    /// Notes that an address of a domain was put off.
    pub fn put_off(&mut self, name: &str) {
        let crowd = match self.by_name.get(name) {
            Some(&domain) => match self.domains[domain].group {
                Some(group) => Crowd::Host(self.groups[group].host),
                None => Crowd::Domain(domain),
            },
            None => Crowd::Unmet,
        };
        *self.put_off.entry(crowd).or_default() += 1;
    }

    /// Notes that a domain's host is known by now: the addresses that were put off there wait for the host.
    pub(super) fn wait_at(&mut self, host: usize, domain: usize) {
        if let Some(count) = self.put_off.remove(&Crowd::Domain(domain)) {
            *self.put_off.entry(Crowd::Host(host)).or_default() += count;
        }
    }

    /// Whether the addresses that were put off had better be taken back, before their host has nothing left to be
    /// asked: when there is room worth a pass through all of them.
    #[must_use]
    pub fn is_hungry(&self) -> bool {
        let room = self.room_left();
        // With so much room few queues are long enough, so that few are looked through.
        if room < self.limits.pending / limits::PASSES_PER_FILLING {
            return false;
        }
        let enough = room / limits::ROOM_PER_HUNGRY_QUEUE;
        self.put_off.keys().any(|&crowd| {
            let queue = match crowd {
                Crowd::Host(host) => self.queue_at(host),
                Crowd::Domain(domain) => self.queue_of(domain),
                Crowd::Unmet => 0,
            };
            queue < enough
        })
    }

    /// Notes that the addresses that were put off are being looked at again.
    pub fn note_read_from_spill(&mut self) {
        self.put_off.clear();
    }

    /// How many were put off at a host.
    pub(super) fn put_off_at(&self, host: usize) -> u64 {
        let count = self.put_off.get(&Crowd::Host(host));
        count.copied().unwrap_or_default()
    }

    /// How many were put off in all.
    pub(super) fn put_off_in_all(&self) -> u64 {
        self.put_off.values().sum()
    }

    /// Whether addresses wait in a file for their hosts to have room.
    #[must_use]
    pub fn has_put_off(&self) -> bool {
        self.put_off_in_all() > 0
    }

    /// How many wait at the host of a domain; in the domain itself while its host is not known.
    fn queue_of(&self, domain: usize) -> usize {
        let entry = &self.domains[domain];
        match entry.group {
            Some(group) => self.queue_at(self.groups[group].host),
            None => entry.waiting_now() + entry.waiting_later(),
        }
    }

    fn queue_at(&self, host: usize) -> usize {
        self.hosts[host].waiting.iter().sum()
    }

    fn room_left(&self) -> usize {
        self.limits.pending.saturating_sub(self.counts.waiting())
    }
}
