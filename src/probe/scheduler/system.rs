//! Consumer domains that are names of one system of mailboxes: what the decoy of one shows holds for all.
//!
//! Large operators count which clients ask about unknown recipients. The first of their names where an address is
//! accepted leads: its decoy is asked about. The others wait for that answer, and take it over where the decoy is
//! refused as unknown.

use super::{Event, Heard, Scheduler};
use crate::model::reading::Reading;
use crate::model::timestamp::Timestamp;
use crate::model::verdict::{Fact, Finding, Whom};
use crate::probe::{Asked, CatchAll, SAME_SYSTEM_AS_DECOY};

/// One operator's system of mailboxes with several names.
#[derive(Debug, Default)]
pub(super) struct System {
    /// The domain whose decoy is asked about for all.
    leader: Option<usize>,
    /// What that decoy was answered, where it was refused as an unknown recipient.
    told: Option<Box<(Timestamp, Heard)>>,
    /// Domains that wait for the answer.
    waiting: Vec<usize>,
    /// Domains that have taken it over.
    followers: Vec<usize>,
}

impl Scheduler {
    /// The system of mailboxes that a domain is one name of, where its operator runs one under several names.
    pub(super) fn find_system(&mut self, domain: usize) -> Option<usize> {
        let group = self.domains[domain].group?;
        let here = self.hosts[self.groups[group].host].provider.as_deref()?;
        let named = self
            .providers
            .of_consumer_domain(self.domains.name(domain))?;
        if !here.consumer_system || here.id != named.id {
            return None;
        }
        let id = here.id.clone();
        if let Some(&system) = self.system_by_id.get(&id) {
            return Some(system);
        }
        self.systems.push(System::default());
        self.system_by_id.insert(id, self.systems.len() - 1);
        Some(self.systems.len() - 1)
    }

    /// A domain's decoy has come due: it is asked about, or waited for where another name of the same system leads, or
    /// known already.
    pub(super) fn consult_system(&mut self, domain: usize, now: Timestamp) {
        let Some(number) = self.domains[domain].system else {
            return;
        };
        let system = &mut self.systems[number];
        match (&system.told, system.leader) {
            (Some(_), _) => self.follow(number, domain, now),
            (None, Some(leader)) if leader != domain => {
                if !system.waiting.contains(&domain) {
                    system.waiting.push(domain);
                }
                self.domains[domain].waits_for_its_system = true;
            }
            (None, Some(_) | None) => system.leader = Some(domain),
        }
    }

    /// The decoy of a domain was refused as an unknown recipient, which is believed.
    pub(super) fn system_refuses_unknown(&mut self, domain: usize, heard: &Heard, now: Timestamp) {
        if let Some(number) = self.domains[domain].system {
            let system = &mut self.systems[number];
            if system.leader == Some(domain) {
                system.told = Some(Box::new((now, heard.clone())));
            }
        }
    }

    /// The decoy of a domain is awaited no more: the other names of its system follow, or ask for themselves.
    pub(super) fn tell_system(&mut self, domain: usize, now: Timestamp) {
        let Some(number) = self.domains[domain].system else {
            return;
        };
        let system = &mut self.systems[number];
        if system.leader != Some(domain) {
            return;
        }
        if system.told.is_none() {
            system.leader = None;
        }
        for waiting in std::mem::take(&mut self.systems[number].waiting) {
            self.domains[waiting].waits_for_its_system = false;
            self.consult_system(waiting, now);
            self.offer_domain(waiting, now);
        }
    }

    /// Takes over for a domain what its system's decoy was answered.
    fn follow(&mut self, number: usize, domain: usize, now: Timestamp) {
        let system = &mut self.systems[number];
        let Some(told) = &system.told else { return };
        let (at, heard) = &**told;
        let finding = Finding::Asked {
            whom: Whom::Decoy,
            exchange: heard.exchange.clone(),
            reading: Reading {
                rule: format!("{SAME_SYSTEM_AS_DECOY} ({})", heard.reading.rule),
                ..heard.reading.clone()
            },
        };
        let fact = Fact { at: *at, finding };
        system.followers.push(domain);
        self.events.push(Event::Domain {
            name: self.domains.name(domain).to_string(),
            fact,
            ttl: None,
        });
        self.update_catch_all(domain, CatchAll::hear_listed, now);
        self.report_catch_all(domain);
    }

    /// What a domain's decoy was answered is not believed any more: nor is what the other names of its system took
    /// over.
    pub(super) fn system_takes_back(&mut self, domain: usize, reading: &Reading, now: Timestamp) {
        let Some(number) = self.domains[domain].system else {
            return;
        };
        let system = &mut self.systems[number];
        if system.leader != Some(domain) {
            return;
        }
        system.told = None;
        system.leader = None;
        for follower in std::mem::take(&mut system.followers) {
            self.events.push(Event::TakenBack {
                asked: Asked::Decoy((&**self.domains.name(follower)).into()),
                reading: reading.clone(),
                at: now,
            });
            self.update_catch_all(follower, CatchAll::unhear_decoy, now);
            self.report_catch_all(follower);
            self.offer_domain(follower, now);
        }
    }
}
