//! Hosts that say that they take no mail at all (RFC 7504): where all mail hosts of a domain do, it has no mailbox.
//!
//! Said at the greeting, or to RCPT with 521, it is about the machine; 556 is about the recipient's domain. Some say
//! 521 to clients that they block, so a text that does not say what the code does counts for nothing here; nor does
//! that of a machine that has answered about recipients otherwise.

use std::net::IpAddr;

use super::{Asked, Asking, Heard, Scheduler, SessionId};
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
        self.takes_no_mail(machine, &heard.exchange);
        let mut all = true;
        for domain in self.groups[group].domains.clone() {
            all &= self.settle_if_nobody_takes_its_mail(domain, &heard.exchange, now);
        }
        all
    }

    /// A recipient was answered with words that its machine, or its domain, takes no mail. The other machines are asked,
    /// where there are any; when all have said so, the domain is settled. Returns whether the question is dealt with.
    pub(super) fn refuses_all_mail(
        &mut self,
        session: SessionId,
        machine: IpAddr,
        asked: Asked,
        heard: &Heard,
        now: Timestamp,
    ) -> Result<(), Asked> {
        if !says_it_takes_no_mail(&heard.exchange, &heard.reading) || self.has_answered(machine) {
            return Err(asked);
        }
        let domain = asked.domain;
        match heard.exchange.code {
            Some(521) => self.takes_no_mail(machine, &heard.exchange),
            Some(_) | None => {
                self.no_mail_for.insert((domain, machine));
            }
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
        if self.shun(group, machine, now) {
            self.put_back(asked, CatchAll::decoy_not_asked, now);
            return Ok(());
        }
        Err(asked)
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
        self.hear_of_strangers(domain, CatchAll::give_up, now);
        self.settle_rest_of(domain);
        true
    }

    fn takes_no_mail(&mut self, machine: IpAddr, words: &Exchange) {
        let known = self.machines.entry(machine).or_default();
        known.takes_no_mail = Some(Box::new(words.clone()));
    }

    /// Settles a domain whose mail hosts have said about others that they take no mail. Returns whether that is so.
    pub(super) fn is_turned_away(&mut self, domain: usize, now: Timestamp) -> bool {
        let group = self.domains[domain].group;
        let first = group.and_then(|group| self.groups[group].targets.first());
        let known = first.and_then(|(_, machine)| self.machines.get(machine));
        let words = known.and_then(|known| known.takes_no_mail.clone());
        words.is_some_and(|words| self.settle_if_nobody_takes_its_mail(domain, &words, now))
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
                || self.no_mail_for.contains(&(domain, *machine))
        };
        group.is_whole && group.targets.iter().all(|(_, machine)| says_so(machine))
    }

    /// Whether a machine has answered about a recipient as one that takes mail.
    fn has_answered(&self, machine: IpAddr) -> bool {
        let known = self.machines.get(&machine);
        known.is_some_and(|known| known.has_answered)
    }
}
