//! Addresses that others ask about, or have asked us to: what is handed over, and what is done with.

use std::collections::HashSet;

use super::{Look, Scheduler};
use crate::model::timestamp::Timestamp;
use crate::probe::{CatchAll, Target, Turn};

impl Scheduler {
    /// Hands over a domain that was not routed yet, for others to ask about: the addresses of it that wait. Nothing of
    /// it is to be done here any more, and no further addresses of it are to be added.
    pub fn hand_over(&mut self, domain: &str, now: Timestamp) -> Vec<Target> {
        let index = self.entry(domain);
        let mut targets = Vec::new();
        for (not_before, subject) in self.domains[index].drain_with_times() {
            self.pending -= 1;
            if subject.look != Look::First {
                continue;
            }
            targets.push(Target {
                likelihood: subject.likelihood,
                waiting: subject.waiting(),
                not_before,
                answered: None,
                turn: Turn::InLine,
                address: subject.address,
            });
        }
        self.tally.resolved += 1;
        self.met_again.remove(&index);
        self.domains[index].closed = true;
        self.hear_of_strangers(index, CatchAll::give_up, now);
        self.domains.shed(index);
        targets
    }

    /// Those of `domains` of which nothing waits, is under way or is yet to be told.
    pub fn done_with<'a>(&self, domains: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
        let held: HashSet<&str> = self.held.domains().collect();
        let is_done = |name: &&str| {
            let Some(&index) = self.by_name.get(*name) else {
                return true;
            };
            let entry = &self.domains[index];
            let strangers = &entry.strangers;
            let nobody_waits = entry.waiting_now() == 0 && entry.waiting_later() == 0;
            let no_decoy = strangers.decoy_due().is_none() && !strangers.decoy_under_way();
            nobody_waits
                && no_decoy
                && entry.under_way == 0
                && !entry.unsure
                && !self.is_a_puzzle(index)
                && !held.contains(*name)
        };
        domains.into_iter().filter(is_done).collect()
    }
}
