//! Domains whose better mail hosts do not answer: they are asked together with those for which the next one is the
//! first.
//!
//! A machine sees one client, whichever domains' lists name it: its sessions, its pace, what it has answered belong
//! together. So where a list's first machines are dead, and the first that is alive heads the list of another group,
//! the domains move over to that group.

use std::net::IpAddr;

use super::{Scheduler, SessionStage, Wake};
use crate::model::limits;
use crate::model::timestamp::Timestamp;

/// How another group stands that is led by the machine that a group is left with.
enum Leader {
    /// This group holds a session with it.
    Talks(usize),
    /// It is about to.
    Dials,
}

impl Scheduler {
    /// Has a group's domains asked together with those of the group that is led by the machine it is left with, or
    /// waits until that is known to answer. Returns whether that is so; the group is in no queue then.
    pub(super) fn joins_another(&mut self, group: usize, now: Timestamp) -> bool {
        let machine = self.first_machine(group, now);
        let wants = &self.groups[group];
        let is_untouched = wants.sessions == 0
            && !wants.effort.has_borne_fruit()
            && wants.good.is_none()
            && wants.targets[0].1 != machine;
        if !is_untouched {
            return false;
        }
        let leader = self.leader(machine);
        if leader.is_some() {
            let queue = &mut self.hosts[self.groups[group].host].queue;
            queue.retain(|queued| *queued != group);
            self.groups[group].listed = false;
        }
        match leader {
            Some(Leader::Talks(leader)) => {
                self.move_domains(group, leader, now);
                true
            }
            Some(Leader::Dials) => {
                let soon = now + limits::CUT_WAIT;
                self.groups[group].not_before = soon;
                self.wakes.insert((soon, Wake::MxGroup(group)));
                true
            }
            None => false,
        }
    }

    /// Whether the machine that follows a group's `target` heads another group that holds a session with it, or is
    /// about to.
    pub(super) fn may_join_another(&self, group: usize, target: usize, now: Timestamp) -> bool {
        let next = self.next_target(group, target, now);
        next.is_some_and(|next| self.leader(self.groups[group].targets[next].1).is_some())
    }

    /// The group that is led by a machine, where that is alive.
    fn leader(&self, machine: IpAddr) -> Option<Leader> {
        let host = *self.by_address.get(&machine)?;
        let leads = |group: &&usize| {
            let group = &self.groups[**group];
            group.targets[0].1 == machine && !group.is_left
        };
        let leader = *self.hosts[host].groups.iter().find(leads)?;
        if self.has_nobody_left(leader) {
            return None;
        }
        if self.hosts[host].met.contains(&machine) {
            return Some(Leader::Talks(leader));
        }
        let dials = |session: &super::Session| {
            session.group == leader && session.target == 0 && session.stage == SessionStage::Opening
        };
        self.sessions.values().any(dials).then_some(Leader::Dials)
    }

    /// Moves all domains of a group none of whose addresses has been asked about yet.
    fn move_domains(&mut self, from: usize, to: usize, now: Timestamp) {
        for domain in std::mem::take(&mut self.groups[from].domains) {
            self.unbook(domain);
            self.domains[domain].listed = false;
            self.domains[domain].group = Some(to);
            self.groups[to].domains.push(domain);
            self.offer_domain(domain, now);
        }
        self.groups[from].ready.clear();
        self.groups[from].control = None;
    }
}

#[cfg(test)]
mod tests {
    use super::super::*;
    use crate::net::route::MailHost;

    const START: Timestamp = Timestamp::from_millis(1_000_000);
    const DEAD: [u8; 4] = [11, 0, 0, 1];
    const ALIVE: [u8; 4] = [11, 0, 0, 2];

    fn route(names: &[(&str, [u8; 4])]) -> Route {
        let hosts = names.iter().map(|(name, ip)| MailHost {
            name: (*name).to_owned(),
            addresses: vec![IpAddr::from(*ip)],
        });
        Route::Hosts {
            hosts: hosts.collect(),
            key: HostKey(names[0].0.to_owned()),
            is_whole: true,
            ttl: Duration::from_secs(300),
        }
    }

    fn failed() -> SessionEvent {
        SessionEvent::Failed(Heard {
            exchange: Exchange {
                stage: crate::model::stage::Stage::Connect,
                host: "dead.test".to_owned(),
                code: None,
                reply: "refused".to_owned(),
            },
            reading: Reading {
                reason: crate::model::reason::Reason::Unreachable,
                permanent: false,
                rule: "test".to_owned(),
            },
            named_wait: None,
        })
    }

    /// The sessions that are dialled.
    fn dialled(scheduler: &mut Scheduler) -> Vec<(SessionId, IpAddr)> {
        let mut dialled = Vec::new();
        while let Some(out) = scheduler.next_action() {
            if let Action::Start {
                session, address, ..
            } = out
            {
                dialled.push((session, address));
            }
        }
        dialled
    }

    #[test]
    fn a_domain_left_with_the_machine_of_others_is_asked_with_them() {
        let mut scheduler = Scheduler::new(
            super::super::tests::limits(),
            std::sync::Arc::new(Providers::default()),
        );
        let alone = route(&[("mx.alive.test", ALIVE)]);
        let spare = route(&[("mx.dead.test", DEAD), ("mx.alive.test", ALIVE)]);
        for (domain, route) in [("alone.test", alone), ("spare.test", spare.clone())] {
            for n in 0..3 {
                let address: Address = format!("a{n}@{domain}").parse().unwrap();
                scheduler.add(address.into(), START);
            }
            assert_eq!(scheduler.next_resolution().as_deref(), Some(domain));
            scheduler.routed(domain, route, START);
        }
        let both = dialled(&mut scheduler);
        let [(open, alive), (dead, _)] = both[..] else {
            panic!("{both:?}")
        };
        assert_eq!(alive, IpAddr::from(ALIVE));
        // Refused before the other one has come about: it is waited for.
        scheduler.report(dead, failed(), START);
        assert_eq!(dialled(&mut scheduler), []);
        scheduler.report(open, SessionEvent::Opened(Offer::default()), START);
        let later = START + super::limits::CUT_WAIT;
        scheduler.tick(later);
        assert_eq!(dialled(&mut scheduler), [], "no second visitor");
        let group = |domain: &str| scheduler.domains[scheduler.by_name[domain]].group;
        assert_eq!(group("spare.test"), group("alone.test"));
        assert_eq!(scheduler.groups[group("alone.test").unwrap()].waiting, 5);
        // So is a domain that is met later.
        let address: Address = "a@late.test".parse().unwrap();
        scheduler.add(address.into(), later);
        scheduler.next_resolution().unwrap();
        scheduler.routed("late.test", spare, later);
        assert_eq!(dialled(&mut scheduler), []);
        assert_eq!(
            scheduler.groups[scheduler.domains[2].group.unwrap()].waiting,
            6
        );
        assert_eq!(scheduler.pending(), 7);
    }
}
