//! Addresses of the list that a domain refuses as unknown are refused decoys as well: where there are enough of them,
//! no decoy is asked about.
//!
//! Enough are several, and more than twice as many as were accepted, for some domains that take every recipient refuse
//! the names that they have closed. The last of them must have been refused after an address was accepted in the same
//! session, for some machines take every recipient once they have refused some.

use std::net::IpAddr;

use super::integrity::streak::{Answer, Span};
use super::{Event, Heard, Scheduler, Subject};
use crate::model::limits;
use crate::model::reading::Reading;
use crate::model::reason::Reason;
use crate::model::timestamp::Timestamp;
use crate::model::verdict::{Fact, Finding, Whom};
use crate::probe::{Asked, CatchAll, CatchAllState, LISTED_AS_DECOY, Likelihood};

/// How the machine of a domain has answered about its addresses, while no decoy was asked about.
#[derive(Debug)]
pub(super) struct Listed {
    machine: IpAddr,
    /// Whom it refused as unknown who might as well have existed.
    refused: u32,
    accepted: u32,
    /// When it accepted an address last.
    accepted_at: Option<Span>,
}

impl Scheduler {
    /// Notes an answer about an address of the list that settles it. Returns nothing; the domain may be known to refuse
    /// unknown recipients by it.
    pub(super) fn hear_listed(
        &mut self,
        span: Span,
        domain: usize,
        subject: &Subject,
        heard: &Heard,
        now: Timestamp,
    ) {
        let entry = &self.domains[domain];
        let is_open = matches!(
            entry.catch_all.state(),
            CatchAllState::Unknown | CatchAllState::RefusesSome
        );
        if !is_open || entry.catch_all.decoys_asked() > 0 {
            self.domains[domain].listed_answers = None;
            return;
        }
        let Some(t) = self.sessions.get(&span.session) else {
            return;
        };
        let (group, (_, machine)) = (t.group, self.groups[t.group].targets[t.target].clone());
        let told = &mut self.domains[domain].listed_answers;
        let told = told.get_or_insert_with(|| Box::new(Listed::of(machine)));
        if told.machine != machine {
            **told = Listed::of(machine);
        }
        match heard.reading.reason {
            Reason::Accepted => {
                told.accepted += 1;
                told.accepted_at = Some(span);
            }
            Reason::NoSuchMailbox if heard.reading.permanent => {
                let might_exist = subject.likelihood == Likelihood::Good;
                told.refused += u32::from(might_exist && !heard.reading.goes_by_code_alone());
            }
            _ => return,
        }
        let after_an_acceptance = heard.reading.permanent
            && told
                .accepted_at
                .is_some_and(|accepted| accepted.session == span.session);
        let enough =
            told.refused >= limits::LISTED_UNKNOWN_RECIPIENTS && told.refused > told.accepted * 2;
        if after_an_acceptance && enough && !self.groups[group].integrity.refuses_every_recipient()
        {
            self.stands_for_a_decoy(span, domain, heard, now);
        }
    }

    /// An answer about an address of a domain is taken back: those that come from now on are counted, lest an address that
    /// is asked about again counts twice.
    pub(super) fn forget_listed(&mut self, domain: usize) {
        self.domains[domain].listed_answers = None;
    }

    /// A refused address of the list takes the place of the domain's decoy.
    fn stands_for_a_decoy(&mut self, span: Span, domain: usize, heard: &Heard, now: Timestamp) {
        self.domains[domain].listed_answers = None;
        let name = self.domains.name(domain).to_string();
        if let Some(group) = self.domains[domain].group {
            let answer = Answer {
                asked: Asked::Decoy(name.as_str().into()),
                span,
            };
            self.note_refused(group, answer);
            self.groups[group].meant = Some(domain);
        }
        self.remember_unsure(span.session, super::unsure::Unsure::Decoy { domain });
        let finding = Finding::Asked {
            whom: Whom::Decoy,
            exchange: heard.exchange.clone(),
            reading: Reading {
                rule: format!("{LISTED_AS_DECOY} ({})", heard.reading.rule),
                ..heard.reading.clone()
            },
        };
        self.events.push(Event::Domain {
            name,
            fact: Fact { at: now, finding },
            ttl: None,
        });
        self.update_catch_all(domain, CatchAll::hear_listed, now);
        self.report_catch_all(domain);
    }
}

impl Listed {
    fn of(machine: IpAddr) -> Self {
        Listed {
            machine,
            refused: 0,
            accepted: 0,
            accepted_at: None,
        }
    }
}
