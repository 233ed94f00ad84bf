//! Addresses that others ask about, or have asked us to: what is handed over, and what is done with.

use std::collections::HashSet;

use super::{Look, Scheduler, Subject};
use crate::model::limits;
use crate::model::timestamp::Timestamp;
use crate::net::route::HostKey;
use crate::probe::{CatchAll, KnownDomain, Target, Turn};

impl Scheduler {
    /// Hands over a domain that was not routed yet, for others to ask about: the addresses of it that wait. Nothing of
    /// it is to be done here any more, and no further addresses of it are to be added.
    pub fn hand_over(&mut self, domain: &str, now: Timestamp) -> Vec<Target> {
        let index = self.entry(domain);
        let mut targets = Vec::new();
        for (not_before, subject) in self.domains[index].drain_with_times() {
            self.counts.hand_over(1);
            if subject.look != Look::First {
                continue;
            }
            targets.push(target(not_before, subject));
        }
        self.tally.resolved += 1;
        self.met_again.remove(&index);
        self.domains[index].closed = true;
        self.update_catch_all(index, CatchAll::give_up, now);
        self.domains.shed(index);
        self.look_at_blocks(now);
        targets
    }

    /// Gives back the addresses of a domain that wait, for others to ask about: whatever is under way goes on. Returns
    /// them with what is known of the domain.
    pub fn give_back(&mut self, domain: &str, now: Timestamp) -> (Vec<Target>, KnownDomain) {
        let index = self.entry(domain);
        self.ask_the_unproven_afresh(index, now);
        let entry = &mut self.domains[index];
        let known = KnownDomain {
            keeps_waiting: entry.keeps_waiting,
            ..entry.catch_all.known()
        };
        let host = entry.group.map(|group| self.groups[group].host);
        let mut targets = Vec::new();
        for (not_before, subject) in self.domains[index].drain_with_times() {
            self.counts.hand_over(1);
            if subject.look == Look::First {
                targets.push(target(not_before, subject));
            } else if let Some(host) = host {
                self.learned_nothing(host, &subject);
            }
        }
        let catch_all = &self.domains[index].catch_all;
        // A decoy by which addresses are judged that nobody takes over is asked about from here.
        if !targets.is_empty() && catch_all.decoy_due().is_some() {
            self.update_catch_all(index, CatchAll::hand_back, now);
            // The order that brings it back tells what is known of it by then.
            self.unremembered.insert(index);
        }
        self.book(index);
        (targets, known)
    }

    /// Those of `domains` in which nothing is to be done before a later moment, each with that moment.
    pub fn resting<'a>(
        &self,
        domains: impl IntoIterator<Item = &'a str>,
        now: Timestamp,
    ) -> Vec<(&'a str, Timestamp)> {
        let held: HashSet<&str> = self.held.domains().collect();
        let rests = |name: &'a str| {
            let index = *self.by_name.get(name)?;
            let entry = &self.domains[index];
            let decoy = entry.catch_all.decoy_due();
            let is_free = self.is_idle(index, &held)
                && decoy.is_none_or(|due| due > now)
                && entry.system.is_none();
            let has_waiting = entry.waiting_later() > 0;
            let until = entry.first_later(now).filter(|_| is_free && has_waiting);
            until.map(|until| (name, until))
        };
        domains.into_iter().filter_map(rests).collect()
    }

    /// Leaves hosts to others: what their last answers are worth is not tested from here.
    pub fn leave_untested(&mut self, is_left: impl Fn(&HostKey) -> bool) {
        for group in &mut self.groups {
            if is_left(&self.hosts[group.host].key) {
                group.last_tests = limits::LAST_TESTS;
                group.test_owed = false;
            }
        }
    }

    /// Those of `domains` of which nothing waits, is under way or is yet to be told.
    pub fn done_with<'a>(&self, domains: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
        let held: HashSet<&str> = self.held.domains().collect();
        let is_done = |name: &&str| {
            let Some(&index) = self.by_name.get(*name) else {
                return true;
            };
            let entry = &self.domains[index];
            self.is_idle(index, &held)
                && entry.waiting_later() == 0
                && entry.catch_all.decoy_due().is_none()
        };
        domains.into_iter().filter(is_done).collect()
    }

    /// Whether nothing of a domain may be asked now, is under way, or is yet to be told (`held` names those).
    fn is_idle(&self, index: usize, held: &HashSet<&str>) -> bool {
        let entry = &self.domains[index];
        entry.waiting_now() == 0
            && entry.under_way == 0
            && !entry.catch_all.decoy_under_way()
            && !entry.unsure
            && !self.is_a_puzzle(index)
            && !held.contains(&*entry.name)
    }
}

/// An address that waits, for others to ask about.
fn target(not_before: Timestamp, subject: Subject) -> Target {
    Target {
        likelihood: subject.likelihood,
        waiting: subject.waiting(),
        not_before,
        answered: None,
        turn: Turn::InLine,
        address: subject.address,
    }
}
