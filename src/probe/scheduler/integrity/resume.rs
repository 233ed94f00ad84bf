//! Hosts whose last answers nothing vouches for: met again after an interruption, or tested when all else is done.

use std::collections::{BTreeMap, HashMap};

use crate::model::limits;
use crate::model::timestamp::Timestamp;
use crate::net::route::MailHost;
use crate::probe::scheduler::Scheduler;
use crate::probe::scheduler::integrity::{Circumstances, Integrity};
use crate::probe::{KnownDomain, KnownMachine};

/// What machines answered before this run was interrupted, until they are met again.
#[derive(Debug, Default)]
pub(in crate::probe::scheduler) struct Past {
    /// By their names, with whether their refusals are counted by now.
    machines: HashMap<String, (KnownMachine, bool)>,
    /// The names of those with a known good address, by its domain: there they are tested.
    by_domain: BTreeMap<String, Vec<String>>,
}

impl Past {
    fn of(machines: HashMap<String, KnownMachine>) -> Self {
        let mut by_domain: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, known) in &machines {
            if let Some((address, _)) = &known.known_good {
                let domain = address.domain().wire().to_owned();
                by_domain.entry(domain).or_default().push(name.clone());
            }
        }
        // In their order, so that a simulated run replays.
        for names in by_domain.values_mut() {
            names.sort();
        }
        let machines = machines
            .into_iter()
            .map(|(name, known)| (name, (known, false)))
            .collect();
        Past {
            machines,
            by_domain,
        }
    }

    /// The domains not met yet in which a machine is tested whose last answers want it.
    fn owing_a_test(&self) -> Vec<(String, KnownDomain)> {
        let owing = self.by_domain.iter().filter_map(|(domain, names)| {
            let mut machines = names.iter().filter_map(|name| self.machines.get(name));
            let (known, _) = machines.find(|(known, _)| owes_a_test(known))?;
            let (_, known_domain) = known.known_good.as_ref()?;
            Some((domain.clone(), known_domain.clone()))
        });
        owing.collect()
    }
}

impl Scheduler {
    /// Takes in what machines answered before this run was interrupted, by their names.
    pub fn know_machines(&mut self, machines: HashMap<String, KnownMachine>) {
        self.past = Past::of(machines);
    }

    /// Takes up a domain where the run was interrupted: how its machines answered for unknown recipients, and the
    /// answers for which it has a known good address. `is_new` tells that its group has not been met since.
    pub(in crate::probe::scheduler) fn resume(
        &mut self,
        domain: usize,
        group: usize,
        mail_hosts: &[MailHost],
        is_new: bool,
        now: Timestamp,
    ) {
        for host in mail_hosts {
            let Some((known, is_counted)) = self.past.machines.get_mut(&host.name) else {
                continue;
            };
            if !std::mem::replace(is_counted, true) {
                for address in &host.addresses {
                    *self.unknown_refused.entry(*address).or_default() += known.refusals;
                }
            }
            if is_new && known.accepts_every_recipient {
                self.groups[group].integrity.take_up_accepting();
            }
            if known.refuses_every_recipient {
                self.lose_trust(group);
            }
        }
        let name = &**self.domains.name(domain);
        let machines = self.past.by_domain.remove(name).unwrap_or_default();
        let mut has_accepted = false;
        for machine in machines {
            let Some((known, is_counted)) = self.past.machines.get_mut(&machine) else {
                continue;
            };
            let group = &mut self.groups[group];
            if !std::mem::replace(is_counted, true) {
                // Met by another name than then.
                let address = group.targets[0].1;
                *self.unknown_refused.entry(address).or_default() += known.refusals;
            }
            let (accepted, refused) = (&mut known.accepted, &mut known.refused);
            group.integrity.take_up(accepted, refused);
            if let Some((address, _)) = known.known_good.take() {
                group.good = Some((domain, address));
                group.meant = Some(domain);
                self.hosts[group.host].good.clone_from(&group.good);
                has_accepted = true;
            }
        }
        if has_accepted {
            self.note_accepted_before(group);
        }
        if self.groups[group].integrity.refuses_every_recipient() {
            self.take_back_refused(group, now);
        }
    }

    /// Has the domains met again in which the machines of a group accepted an address before the interruption: that one
    /// tests them best. Returns whether one of these domains is being looked up; until it is met, the test waits.
    pub(in crate::probe::scheduler) fn awaits_its_known_good(
        &mut self,
        group: usize,
        now: Timestamp,
    ) -> bool {
        let machines = self.groups[group].targets.iter();
        let known_good: Vec<_> = machines
            .filter_map(|(name, _)| self.past.machines.get(&**name))
            .filter_map(|(known, _)| known.known_good.clone())
            .collect();
        let mut awaits = false;
        for (address, known) in known_good {
            awaits |= self.meet_again(address.domain().wire(), &known, now);
        }
        awaits
    }

    /// Has the domain of a known good address of the past met again. Returns whether it is being looked up; it is not
    /// where it was met or has no mail hosts.
    fn meet_again(&mut self, domain: &str, known: &KnownDomain, now: Timestamp) -> bool {
        self.know_domain(domain, known, now);
        let index = self.entry(domain);
        let entry = &self.domains[index];
        let is_unmet = entry.group.is_none() && !entry.closed;
        if is_unmet {
            self.met_again.insert(index);
        }
        is_unmet
    }

    /// When all else is done, sees to it that hosts are tested where their last answers want it: those whose sessions
    /// ended before that, those not met since the interruption. Returns whether there is anything to do.
    pub fn tests_hosts(&mut self, now: Timestamp) -> bool {
        if self.stopping {
            return false;
        }
        let mut any = false;
        for group in 0..self.groups.len() {
            if self.lacks_a_good_one_of_its_own(group) && self.awaits_its_known_good(group, now) {
                continue;
            }
            if self.groups[group].last_tests < limits::LAST_TESTS && self.wants_a_last_test(group) {
                self.groups[group].last_tests += 1;
                self.test(group, now);
                any = true;
            }
        }
        for (domain, known) in self.past.owing_a_test() {
            self.meet_again(&domain, &known, now);
        }
        any || !self.met_again.is_empty()
    }

    /// Has a group tested: by an address known to exist, or in a session that ends with another decoy.
    fn test(&mut self, group: usize, now: Timestamp) {
        if self.tells_by_a_control(group) {
            self.question(group, now);
            return;
        }
        if self.tells_by_a_decoy(group).is_none() && self.asks_for_an_explanation(group, None, now)
        {
            return;
        }
        self.groups[group].test_owed = true;
        self.enlist(group);
        self.consider(self.groups[group].host, now);
    }
}

/// Whether a machine's last answers before the interruption want a test.
fn owes_a_test(known: &KnownMachine) -> bool {
    let mut integrity = Integrity::default();
    integrity.take_up(&mut known.accepted.clone(), &mut known.refused.clone());
    let circumstances = Circumstances {
        unknown_refused: known.refusals,
        ..Circumstances::default()
    };
    integrity.owes_a_decoy(known.refusals, true) || integrity.owes_a_control(true, circumstances)
}
