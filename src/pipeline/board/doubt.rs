//! What refusals are worth: hosts that refuse everybody for a while are caught by addresses known to exist, our own
//! error is measured by asking again.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::outcome::{is_yes, refuses_for_good};
use super::{Board, Heard, Learned, Look, Subject, control};
use crate::diagnosis::Reading;
use crate::limits;
use crate::moment::Moment;
use crate::reason::Reason;
use crate::verdict::{Exchange, Fact, Finding, Whom};

impl Board {
    /// Learns an answer about an address of the list, as far as the host is to be believed.
    pub(super) fn weigh(
        &mut self,
        host: usize,
        domain: usize,
        subject: &Subject,
        heard: &Heard,
        now: Moment,
    ) {
        if is_yes(&heard.exchange) {
            let host = &mut self.hosts[host];
            host.trust.accepted();
            host.good = Some((domain, subject.address.clone()));
        }
        if !refuses_for_good(&heard.reading) {
            self.learn_answer(subject, &heard.exchange, &heard.reading, now);
            return;
        }
        let known = &mut self.hosts[host];
        known.trust.refused();
        if known.trust.is_lost() {
            self.learn_answer(subject, &heard.exchange, &held_back(), now);
            return;
        }
        let most = match known.trust.knows_the_host() {
            true => limits::TRUST_WINDOW,
            false => limits::REFUSALS_IN_A_ROW,
        };
        while known.refused.len() >= most as usize {
            known.refused.pop_front();
        }
        let key = subject.address.key().into_owned().into_boxed_str();
        known.refused.push_back((key, heard.exchange.clone()));
        self.learn_answer(subject, &heard.exchange, &heard.reading, now);
        self.draw_sample(subject);
        if self.hosts[host].trust.is_suspicious() {
            self.question(host, &heard.exchange, now);
        }
    }

    /// A host's refusals have jumped against its history: somebody it accepted is asked about again; without anybody
    /// like that its history decides.
    fn question(&mut self, host: usize, exchange: &Exchange, now: Moment) {
        match self.hosts[host].good.clone() {
            Some((domain, address)) => {
                self.hosts[host].trust.question();
                self.pending += 1;
                self.domains[domain].push(control(address));
                self.offer_domain(domain, now);
            }
            None => self.distrust(host, exchange, now),
        }
    }

    /// A control address was answered.
    pub(super) fn controlled(
        &mut self,
        host: usize,
        subject: &Subject,
        heard: &Heard,
        now: Moment,
    ) {
        if refuses_for_good(&heard.reading) {
            self.learn_answer(subject, &heard.exchange, &held_back(), now);
            self.distrust(host, &heard.exchange, now);
        } else {
            self.learn_answer(subject, &heard.exchange, &heard.reading, now);
            self.hosts[host].trust.restore();
            self.hosts[host].refused.clear();
        }
    }

    /// A host's refusals are not to be believed: those of late and those to come are held back for people to decide.
    fn distrust(&mut self, host: usize, exchange: &Exchange, now: Moment) {
        if self.hosts[host].trust.is_lost() {
            return;
        }
        self.hosts[host].trust.lose();
        let refused = std::mem::take(&mut self.hosts[host].refused);
        self.learned.push(Learned::Doubted {
            key: self.hosts[host].key.clone(),
            exchange: exchange.clone(),
            addresses: refused.len(),
        });
        for (key, exchange) in refused {
            let finding = Finding::Asked {
                whom: Whom::Subject,
                exchange,
                reading: held_back(),
            };
            self.learned.push(Learned::Address {
                key: key.into(),
                fact: Fact { at: now, finding },
            });
        }
    }

    /// Somebody who is no address of the list to be settled was left without an answer.
    pub(super) fn learned_nothing(&mut self, host: usize, subject: &Subject) {
        match subject.look {
            Look::First => {}
            Look::Second => self.second_look.undecided += 1,
            Look::Control => self.hosts[host].trust.restore(),
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
            self.domains[domain].push(Subject {
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
        rule: "held back: the host refused an address known to exist, or far more than it ever did"
            .to_owned(),
    }
}
