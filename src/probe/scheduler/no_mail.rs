//! Hosts that say that they take no mail at all (RFC 7504): where all mail hosts of a domain do, it has no mailbox.
//!
//! Said at the greeting, or to RCPT with 521, it is about the machine; 556 is about the recipient's domain. Some say
//! 521 to clients that they block, so a text that does not say what the code does counts for nothing here; nor does
//! that of a machine that has answered about recipients otherwise. A machine that said so
//! of a domain is not asked about it again; the other machines of the domain are.

use std::net::IpAddr;

use super::{Asking, Awaited, Heard, Scheduler, SessionId};
use crate::model::reading::Reading;
use crate::model::reason::Reason;
use crate::model::stage::Stage;
use crate::model::timestamp::Timestamp;
use crate::model::verdict::{Exchange, Finding};
use crate::probe::{CatchAll, says_it_takes_no_mail};

impl Scheduler {
    /// Notes that a machine said in its greeting that it takes no mail, if it did. Returns whether all machines of its
    /// group do; then every address there is settled.
    pub(super) fn turns_mail_away(
        &mut self,
        group: usize,
        machine: IpAddr,
        heard: &Heard,
        now: Timestamp,
    ) -> bool {
        if !says_it_takes_no_mail(&heard.exchange, &heard.reading) || self.has_answered(machine) {
            return false;
        }
        self.note_no_mail(machine, heard);
        let mut all = true;
        for domain in self.groups[group].domains.clone() {
            all &= self.settle_if_nobody_takes_its_mail(domain, &heard.exchange, now);
        }
        all
    }

    /// A recipient was answered with words that its machine, or its domain, takes no mail. The other machines are
    /// asked, where there are any; when all have said so, the domain is settled. Returns whether the question is dealt
    /// with.
    pub(super) fn refuses_all_mail(
        &mut self,
        session: SessionId,
        machine: IpAddr,
        asked: Awaited,
        heard: &Heard,
        now: Timestamp,
    ) -> Result<(), Awaited> {
        if !says_it_takes_no_mail(&heard.exchange, &heard.reading) || self.has_answered(machine) {
            return Err(asked);
        }
        let domain = asked.domain;
        let is_about_the_machine = heard.exchange.code == Some(521);
        if is_about_the_machine {
            self.note_no_mail(machine, heard);
        } else {
            let words = (heard.exchange.clone(), heard.reading.clone());
            self.no_mail_for.insert((domain, machine), words);
        }
        let group = self.sessions[&session].group;
        if self.nobody_takes_its_mail(domain) {
            if let Asking::Subject(subject) = &asked.whom {
                self.learn_answer(subject, &heard.exchange, &heard.reading, now);
            }
            self.put_back(asked, CatchAll::decoy_not_asked, now);
            self.settle_if_nobody_takes_its_mail(domain, &heard.exchange, now);
            return Ok(());
        }
        let another_is_asked = if is_about_the_machine {
            self.shun(group, machine, now)
        } else {
            self.has_another_to_ask_about(domain, group, now)
        };
        if another_is_asked {
            self.put_back(asked, CatchAll::decoy_not_asked, now);
            return Ok(());
        }
        if self.has_refused_mail_for(domain, machine) && matches!(asked.whom, Asking::Subject(_)) {
            // More of the same would be no more.
            self.settle_queued(domain, &heard.exchange, &heard.reading, now);
        }
        Err(asked)
    }

    /// Whether a machine has said that it takes no mail for a domain: it is not asked about it again.
    pub(super) fn has_refused_mail_for(&self, domain: usize, machine: IpAddr) -> bool {
        self.no_mail_for.contains_key(&(domain, machine))
    }

    /// Whether a machine has said that it takes no mail for any of the domains that a group has questions about.
    pub(super) fn has_refused_all_of(&self, group: usize, machine: IpAddr) -> bool {
        let mut ready = self.groups[group].ready.iter();
        !self.no_mail_for.is_empty()
            && !self.groups[group].ready.is_empty()
            && ready.all(|&domain| self.has_refused_mail_for(domain, machine))
    }

    /// Whether a group has a machine that may be asked now and has not refused mail for a domain yet.
    fn has_another_to_ask_about(&self, domain: usize, group: usize, now: Timestamp) -> bool {
        let mut targets = self.groups[group].targets.iter();
        targets.any(|(_, machine)| {
            self.may_be_asked(group, *machine, now) && !self.has_refused_mail_for(domain, *machine)
        })
    }

    /// Settles the domains that a group has questions about where the machine that would be asked has refused mail for
    /// all of them. Returns whether that is so.
    pub(super) fn leave_if_it_takes_no_mail(&mut self, group: usize, now: Timestamp) -> bool {
        let machine = self.first_machine(group, now);
        if !self.has_refused_all_of(group, machine) {
            return false;
        }
        for domain in std::mem::take(&mut self.groups[group].ready) {
            self.domains[domain].listed = false;
            if let Some((exchange, reading)) = self.no_mail_for.get(&(domain, machine)).cloned() {
                self.settle_queued(domain, &exchange, &reading, now);
            }
        }
        true
    }

    /// Settles a domain of which all mail hosts say that they take no mail. Returns whether that is so.
    pub(super) fn settle_if_nobody_takes_its_mail(
        &mut self,
        domain: usize,
        exchange: &Exchange,
        now: Timestamp,
    ) -> bool {
        if self.domains[domain].closed {
            return true;
        }
        if !self.nobody_takes_its_mail(domain) {
            return false;
        }
        let Exchange { host, reply, .. } = exchange;
        let finding = Finding::Domain {
            reason: Reason::DomainNotServed,
            detail: match exchange.stage {
                Stage::Rcpt => format!("{host} takes no mail for it: {reply}"),
                Stage::Connect
                | Stage::Greeting
                | Stage::Hello
                | Stage::Tls
                | Stage::Mail
                | Stage::Data
                | Stage::Unknown => format!("{host} takes no mail: {reply}"),
            },
        };
        self.learn_of_domain(domain, finding, None, now);
        self.domains[domain].closed = true;
        self.update_catch_all(domain, CatchAll::give_up, now);
        self.settle_rest_of(domain);
        true
    }

    fn note_no_mail(&mut self, machine: IpAddr, heard: &Heard) {
        let known = self.machines.entry(machine).or_default();
        let words = (heard.exchange.clone(), heard.reading.clone());
        known.takes_no_mail = Some(Box::new(words));
    }

    /// The words with which a mail host of a domain said that it takes no mail, or none for it, if one did: where the
    /// others give no answer, that is the answer, in whatever order they were met.
    pub(super) fn no_mail_words(&self, domain: usize) -> Option<(Exchange, Reading)> {
        let group = self.domains[domain].group?;
        let mut machines = self.groups[group].targets.iter();
        machines.find_map(|(_, machine)| {
            let known = self.machines.get(machine);
            let of_all = known.and_then(|known| known.takes_no_mail.as_deref());
            let words = of_all.or_else(|| self.no_mail_for.get(&(domain, *machine)));
            words.cloned()
        })
    }

    /// Settles a domain whose mail hosts have said about others that they take no mail. Returns whether that is so.
    pub(super) fn settle_where_no_mail_is_taken(&mut self, domain: usize, now: Timestamp) -> bool {
        let group = self.domains[domain].group;
        let first = group.and_then(|group| self.groups[group].targets.first());
        let known = first.and_then(|(_, machine)| self.machines.get(machine));
        let words = known.and_then(|known| known.takes_no_mail.clone());
        words.is_some_and(|words| self.settle_if_nobody_takes_its_mail(domain, &words.0, now))
    }

    /// Whether all mail hosts of a domain have said that they take no mail, or none for it.
    fn nobody_takes_its_mail(&self, domain: usize) -> bool {
        let Some(group) = self.domains[domain].group else {
            return false;
        };
        let group = &self.groups[group];
        let says_so = |machine: &IpAddr| {
            let known = self.machines.get(machine);
            known.is_some_and(|known| known.takes_no_mail.is_some())
                || self.has_refused_mail_for(domain, *machine)
        };
        !self.domains[domain].misses_hosts
            && group.is_whole
            && group.targets.iter().all(|(_, machine)| says_so(machine))
    }

    /// Whether a machine has answered about a recipient as one that takes mail.
    fn has_answered(&self, machine: IpAddr) -> bool {
        let known = self.machines.get(&machine);
        known.is_some_and(|known| known.has_answered)
    }
}
