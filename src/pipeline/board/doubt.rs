//! What refusals are worth: hosts that refuse everybody for a while are caught by addresses known to exist, our own
//! error is measured by asking again.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use super::outcome::{is_yes, refuses_for_good};
use super::rows::{Answer, Span, Which};
use super::{Board, Heard, Learned, Look, Subject, control};
use crate::diagnosis::Reading;
use crate::limits;
use crate::moment::Moment;
use crate::probe::{Openness, Party, Strangers};
use crate::reason::Reason;
use crate::verdict::{Exchange, Finding, Whom};

impl Board {
    /// Learns an answer about an address of the list, as far as the host is to be believed.
    pub(super) fn weigh(
        &mut self,
        span: Span,
        domain: usize,
        subject: &Subject,
        heard: &Heard,
        now: Moment,
    ) {
        let Some(at) = self.domains[domain].group else {
            return;
        };
        let answer = Answer {
            party: Party::Address(subject.address.key().into_owned().into_boxed_str()),
            span,
        };
        if is_yes(&heard.exchange) {
            let believed = self.weigh_acceptance(at, domain, subject, answer);
            self.learn_believed(believed, subject, heard, now);
            return;
        }
        if !refuses_for_good(&heard.reading) {
            self.learn_believed(true, subject, heard, now);
            return;
        }
        let group = &mut self.groups[at];
        group.rows.refuse(answer);
        let trust = &mut self.hosts[group.host].trust;
        trust.refused();
        let believed = !trust.is_lost();
        self.learn_believed(believed, subject, heard, now);
        if believed {
            self.draw_sample(subject);
        }
    }

    /// Looks into a machine's refusals after a flight, `refusal` the last of them: what came with them may have shown
    /// already that it still accepts somebody.
    pub(super) fn look_into(&mut self, group: usize, refusal: &Exchange, now: Moment) {
        let host = self.groups[group].host;
        let trust = &self.hosts[host].trust;
        if trust.is_lost() {
            return;
        }
        let jumped = trust.is_suspicious();
        if jumped || self.groups[group].rows.owe_a_control(false) {
            self.question(group, now);
        }
        if jumped && self.hosts[host].good.is_none() {
            self.distrust(group, refusal, Which::OfLate, now);
        }
    }

    /// Notes what an acceptance tells of its host. Returns whether it is to be believed.
    fn weigh_acceptance(
        &mut self,
        group: usize,
        domain: usize,
        subject: &Subject,
        answer: Answer,
    ) -> bool {
        let strangers = &self.domains[domain].strangers;
        let meant = strangers.openness() == Openness::RefusesStrangers;
        // A decoy that is being asked about may have been answered before, and then does not vouch for it.
        let may_be_meant = meant || strangers.decoy_under_way();
        let group = &mut self.groups[group];
        let host = &mut self.hosts[group.host];
        host.trust.accepted();
        host.good = Some((domain, subject.address.clone()));
        group.good.clone_from(&host.good);
        if meant {
            group.meant = Some(domain);
        }
        if !may_be_meant {
            group.rows.still_accepts(answer.span);
            return true;
        }
        if group.rows.accepts_anybody() {
            return false;
        }
        group.rows.accept(answer);
        true
    }

    fn learn_believed(&mut self, believed: bool, subject: &Subject, heard: &Heard, now: Moment) {
        match believed {
            true => self.learn_answer(subject, &heard.exchange, &heard.reading, now),
            false => self.learn_answer(subject, &heard.exchange, &held_back(), now),
        }
    }

    /// Learns what a decoy was answered, as far as the host is to be believed. Returns whether it is.
    pub(super) fn weigh_decoy(
        &mut self,
        span: Span,
        domain: usize,
        heard: &Heard,
        now: Moment,
    ) -> bool {
        let mut believed = true;
        if let Some(group) = self.domains[domain].group
            && refuses_for_good(&heard.reading)
        {
            let group = &mut self.groups[group];
            group.rows.refuse(Answer {
                party: Party::Decoy((*self.domains[domain].name).into()),
                span,
            });
            believed = !self.hosts[group.host].trust.is_lost();
        }
        let finding = Finding::Asked {
            whom: Whom::Decoy,
            exchange: heard.exchange.clone(),
            reading: match believed {
                true => heard.reading.clone(),
                false => held_back(),
            },
        };
        self.learn_of_domain(domain, finding, None, now);
        if !believed {
            let name = Arc::clone(&self.domains[domain].name);
            self.disbelieve_decoy(&name);
        }
        believed
    }

    /// A domain's decoy was refused by a host that refuses everybody: what its acceptances mean is not known.
    fn disbelieve_decoy(&mut self, domain: &str) {
        if let Some(&index) = self.by_name.get(domain) {
            self.hear_of_strangers(index, Strangers::disbelieve);
            self.tell_of_strangers(index);
        } else {
            // It was asked before this run was interrupted, and all in it is settled.
            let mut strangers = Strangers::default();
            strangers.disbelieve();
            self.learned.push(Learned::Strangers {
                name: domain.to_owned(),
                known: strangers.known(),
            });
        }
    }

    /// A host's refusals have jumped against its history, or come in a long row: somebody accepted there is asked about
    /// again, before anybody else; by the same machine where it has accepted somebody, else by another one of its key.
    pub(super) fn question(&mut self, group: usize, now: Moment) {
        let host = self.groups[group].host;
        if self.hosts[host].trust.is_questioned() {
            return;
        }
        let good = self.groups[group].good.as_ref();
        let Some((domain, address)) = good.or(self.hosts[host].good.as_ref()).cloned() else {
            return;
        };
        self.hosts[host].trust.question();
        self.hosts[host].questioned = Some(group);
        self.pending += 1;
        self.domains[domain].push(&control(address));
        self.offer_domain(domain, now);
    }

    /// A control address was answered.
    pub(super) fn controlled(
        &mut self,
        span: Span,
        domain: usize,
        subject: &Subject,
        heard: &Heard,
        now: Moment,
    ) {
        let Some(group) = self.domains[domain].group else {
            return;
        };
        let host = self.groups[group].host;
        // One of the operator's own may have been asked about without any doubt: then it tests the machine that answers.
        let doubted = self.hosts[host].questioned.take().unwrap_or(group);
        if refuses_for_good(&heard.reading) {
            self.learn_answer(subject, &heard.exchange, &held_back(), now);
            // One machine that is caught for another one's refusals speaks for all that are under the key.
            let its_own = doubted == group && self.groups[group].rows.owe_a_control(true);
            let which = match its_own {
                true => Which::InARow,
                false => Which::OfLate,
            };
            self.distrust(group, &heard.exchange, which, now);
        } else {
            self.learn_answer(subject, &heard.exchange, &heard.reading, now);
            self.hosts[host].trust.restore();
            self.groups[doubted].rows.was_questioned();
            self.groups[group].rows.accepts_a_control(span);
        }
    }

    /// Another decoy was answered. Refused, the acceptances before mean what they say. Accepted, the host takes
    /// everybody by now, so those it has accepted since it last refused somebody are held back.
    pub(super) fn late_decoy_answered(
        &mut self,
        span: Span,
        domain: usize,
        heard: &Heard,
        now: Moment,
    ) {
        self.domains[domain].under_way -= 1;
        self.decoys_owed -= 1;
        if let Some(group) = self.domains[domain].group {
            let host = self.groups[group].host;
            let rows = &mut self.groups[group].rows;
            rows.testing = false;
            if is_yes(&heard.exchange) {
                let held = rows.failed_the_test(span);
                self.hold_back(host, held, &heard.exchange, now);
            } else if refuses_for_good(&heard.reading) {
                rows.passed_the_test(span);
            } else {
                rows.passed_no_test();
            }
        }
        self.offer_domain(domain, now);
    }

    /// A host's refusals are not to be believed: those before and those to come are held back for people to decide.
    fn distrust(&mut self, group: usize, exchange: &Exchange, which: Which, now: Moment) {
        let host = self.groups[group].host;
        if self.hosts[host].trust.is_lost() {
            return;
        }
        self.hosts[host].trust.lose();
        // A row is one machine's; a jump is against the history of all that are under the key.
        let groups = match which {
            Which::InARow => vec![group],
            Which::OfLate => self.hosts[host].groups.clone(),
        };
        let refused = groups
            .into_iter()
            .flat_map(|group| self.groups[group].rows.take_refused(which))
            .collect();
        self.hold_back(host, refused, exchange, now);
    }

    /// Takes back what some answers taught, and says so.
    fn hold_back(&mut self, host: usize, held: Vec<Answer>, exchange: &Exchange, now: Moment) {
        let addresses = held
            .iter()
            .filter(|answer| answer.is_about_an_address())
            .count();
        self.learned.push(Learned::Doubted {
            key: self.hosts[host].key.clone(),
            exchange: exchange.clone(),
            addresses,
        });
        for Answer { party, .. } in held {
            if let Party::Decoy(domain) = &party {
                self.disbelieve_decoy(domain);
            }
            self.learned.push(Learned::TakenBack {
                party,
                reading: held_back(),
                at: now,
            });
        }
    }

    /// Somebody who is no address of the list to be settled was left without an answer.
    pub(super) fn learned_nothing(&mut self, host: usize, subject: &Subject) {
        match subject.look {
            Look::First => {}
            Look::Second => self.second_look.undecided += 1,
            Look::Control => {
                self.hosts[host].trust.restore();
                self.hosts[host].questioned = None;
            }
        }
    }

    /// Keeps a refused address for a second look, if it is in the sample.
    fn draw_sample(&mut self, subject: &Subject) {
        let share = self.manners.second_look;
        if share <= 0.0 || self.sample.len() >= limits::SECOND_LOOKS {
            return;
        }
        let mut hasher = DefaultHasher::new();
        (self.manners.seed, "second look", &*subject.address.key()).hash(&mut hasher);
        #[expect(clippy::cast_precision_loss, reason = "a share of all numbers")]
        let place = hasher.finish() as f64 / u64::MAX as f64;
        if place < share {
            self.sample.push(subject.address.clone());
        }
    }

    /// When everything else is done and every connection closed, asks again about the sample of the refused.
    pub(super) fn look_again(&mut self, now: Moment) {
        let done = self.pending == 0 && self.decoys_owed == 0 && self.talks.is_empty();
        if self.stopping || !done {
            return;
        }
        for address in std::mem::take(&mut self.sample) {
            let domain = self.entry(address.domain().wire());
            self.pending += 1;
            self.second_look.asked += 1;
            self.domains[domain].push(&Subject {
                look: Look::Second,
                ..control(address)
            });
            self.offer_domain(domain, now);
        }
    }

    /// A refused address was answered again. A change contradicts the first answer, so the evidence decides for neither.
    pub(super) fn looked_again(&mut self, subject: &Subject, heard: &Heard, now: Moment) {
        match refuses_for_good(&heard.reading) {
            true => self.second_look.confirmed += 1,
            false => self.second_look.changed += 1,
        }
        self.learn_answer(subject, &heard.exchange, &heard.reading, now);
    }
}

/// What a refusal is read as that is not to be believed.
fn held_back() -> Reading {
    Reading {
        reason: Reason::ProviderAnomaly,
        permanent: false,
        rule:
            "held back: the host refused an address known to exist, or accepted one that does not"
                .to_owned(),
    }
}
