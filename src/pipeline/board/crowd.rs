//! Whose further addresses are put off, so that one host's queue does not keep others out.
//!
//! The bound on all who wait is shared by a dynamic threshold (Choudhury, Hahne: Dynamic Queue Length Thresholds, 1998):
//! a host's queue may grow as long as the room that is left. One slow host alone gets half of the bound, two get a third
//! each; a host that nobody waits for finds room at any time.

use super::Board;
use crate::limits;

impl Board {
    /// Whether so many wait at the host of a domain that a further address is better put off.
    #[must_use]
    pub fn is_crowded(&self, name: &str) -> bool {
        match self.by_name.get(name) {
            Some(&domain) if self.domains[domain].is_settled_as_a_whole() => false,
            Some(&domain) => self.queue_of(domain) >= self.room_left(),
            None => self.room_left() == 0,
        }
    }

    /// Notes that an address of a domain was put off.
    pub fn put_off(&mut self, name: &str) {
        let domain = self.by_name.get(name).copied();
        let group = domain.and_then(|domain| self.domains[domain].group);
        let host = group.map(|group| self.groups[group].host);
        self.put_off.insert(host, domain);
    }

    /// Whether somebody who was put off had better be taken back, before their host has nothing left to be asked.
    #[must_use]
    pub fn is_hungry(&self) -> bool {
        let enough = self.room_left() / limits::ROOM_PER_HUNGRY_QUEUE;
        self.put_off.values().any(|domain| {
            let queue = domain.map_or(0, |domain| self.queue_of(domain));
            queue < enough
        })
    }

    /// Those who were put off are being looked at again.
    pub fn takes_back(&mut self) {
        self.put_off.clear();
    }

    /// How many wait at the host of a domain; in the domain itself while its host is not known.
    fn queue_of(&self, domain: usize) -> usize {
        let entry = &self.domains[domain];
        match entry.group {
            Some(group) => self.hosts[self.groups[group].host].waiting.iter().sum(),
            None => entry.waiting_now() + entry.waiting_later(),
        }
    }

    fn room_left(&self) -> usize {
        self.manners.pending.saturating_sub(self.pending)
    }
}
