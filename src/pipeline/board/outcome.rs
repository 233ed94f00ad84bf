//! What follows from what a conversation reports.

use super::{Asked, Board, Heard, Learned, Subject, TalkId, TalkStage, Wake};
use crate::diagnosis::Reading;
use crate::limits;
use crate::moment::Moment;
use crate::probe::{Block, KnownDomain, Next, after_undecided};
use crate::reason::{Blame, Reason};
use crate::smtp::Stage;
use crate::smtp::dialogue::Privacy;
use crate::verdict::{Exchange, Fact, Finding, Whom};

impl Board {
    /// A conversation could not be opened: the next address, or later, or never.
    pub(super) fn could_not_open(&mut self, talk: TalkId, heard: &Heard, now: Moment) {
        let Some(t) = self.talks.get(&talk) else {
            return;
        };
        let (group, target) = (t.group, t.target);
        let host = self.groups[group].host;
        let stage = heard.exchange.stage;
        if stage == Stage::Tls && self.groups[group].privacy == Privacy::WhenOffered {
            // The handshake failed and nobody demands it: again, in clear.
            self.groups[group].privacy = Privacy::Never;
            self.dial(talk);
            return;
        }
        match heard.reading.reason {
            reason if reason.blame() == Blame::Sender && heard.reading.permanent => {
                self.block(host, &heard.exchange, &heard.reading, now);
                self.ended(talk, now);
                return;
            }
            Reason::RateLimited | Reason::SenderBlocked => {
                self.slow_down(host, heard, now);
            }
            _ => {
                self.groups[group].is_dead(target, now);
                if let Some(next) = self.groups[group].next_target(target, now) {
                    if let Some(t) = self.talks.get_mut(&talk) {
                        t.target = next;
                    }
                    self.dial(talk);
                    return;
                }
            }
        }
        self.come_back_to(group, heard, now);
        self.ended(talk, now);
    }

    /// All of a group's hosts failed us: another round later, a limited number of times.
    fn come_back_to(&mut self, group: usize, heard: &Heard, now: Moment) {
        self.groups[group].failures += 1;
        let wait = heard.named_wait.unwrap_or(limits::UNREACHABLE_WAIT);
        if self.groups[group].failures < limits::ROUNDS && wait <= self.manners.patience {
            self.groups[group].not_before = now + wait;
            return;
        }
        // Those who wait for a later moment get their own round then.
        let listed: Vec<usize> = self.groups[group].ready.drain(..).collect();
        for domain in listed {
            self.domains[domain].listed = false;
            self.settle_queued(domain, &heard.exchange, &heard.reading, now);
        }
    }

    /// Settles those who wait in a domain with an answer that was given before anybody was asked about.
    fn settle_queued(
        &mut self,
        domain: usize,
        exchange: &Exchange,
        reading: &Reading,
        now: Moment,
    ) {
        let waiting = self.domains[domain].drain();
        for subject in &waiting {
            self.learn_answer(subject, exchange, reading, now);
        }
        self.note_settled(waiting.len());
        self.domains[domain].strangers.give_up();
    }

    /// Settles those who wait in a domain whose host blocks us.
    pub(super) fn settle_blocked(
        &mut self,
        domain: usize,
        exchange: &Exchange,
        reading: &Reading,
        now: Moment,
    ) {
        self.settle_queued(domain, exchange, reading, now);
    }

    /// The breaker: a host has shown that it blocks us, so nobody there is asked any more in this run.
    fn block(&mut self, host: usize, exchange: &Exchange, reading: &Reading, now: Moment) {
        if self.hosts[host].known.blocked.is_some() {
            return;
        }
        let wait = self.hosts[host]
            .provider
            .as_ref()
            .and_then(|provider| provider.block_wait)
            .unwrap_or(limits::BLOCK_WAIT);
        self.hosts[host].known.blocked = Some(Block {
            until: now + wait,
            exchange: exchange.clone(),
            reading: reading.clone(),
        });
        self.tell_of_host(host);
        let groups: Vec<usize> = self.hosts[host].groups.iter().copied().collect();
        let before = self.pending;
        let of_host = (0..self.domains.len()).filter(|&domain| {
            self.domains[domain]
                .group
                .is_some_and(|group| groups.contains(&group))
        });
        for domain in of_host.collect::<Vec<_>>() {
            self.domains[domain].listed = false;
            self.settle_queued(domain, exchange, reading, now);
        }
        for group in groups {
            self.groups[group].ready.clear();
        }
        self.learned.push(Learned::Blocked {
            key: self.hosts[host].key.clone(),
            exchange: exchange.clone(),
            reading: reading.clone(),
            addresses: before - self.pending,
        });
    }

    /// Takes in the answers of a flight. Returns whether the conversation goes on.
    pub(super) fn take_in(&mut self, talk: TalkId, answers: &[Option<Heard>], now: Moment) -> bool {
        let Some(t) = self.talks.get_mut(&talk) else {
            return false;
        };
        let group = t.group;
        let asked = std::mem::take(&mut t.asked);
        let host = self.groups[group].host;
        let broken = answers
            .iter()
            .flatten()
            .any(|heard| heard.exchange.code.is_none() || heard.exchange.code == Some(421));
        if broken && answers.len() > 1 {
            self.judge_pipelining(group, answers);
        }
        for asked in asked {
            let mail = asked.mail.and_then(|mail| answers[mail].as_ref());
            let mail_failed =
                asked.mail.is_some() && !mail.is_some_and(|heard| is_yes(&heard.exchange));
            if mail_failed {
                let heard = mail.cloned();
                self.mail_refused(host, group, asked, heard, now);
                continue;
            }
            match &answers[asked.rcpt] {
                Some(heard) => self.answered(talk, host, asked, heard, now),
                None => self.not_answered(asked, now),
            }
        }
        let goes_on = !broken && self.hosts[host].known.blocked.is_none();
        if broken {
            // The wire is gone; the conversation reports its end by itself.
            if let Some(t) = self.talks.get_mut(&talk) {
                t.stage = TalkStage::Quitting;
            }
            self.hang_up(talk);
        } else if !goes_on {
            self.hang_up(talk);
        }
        goes_on
    }

    /// A host that offers PIPELINING, answers the first command of a flight, then breaks: one by one from now on.
    fn judge_pipelining(&mut self, group: usize, answers: &[Option<Heard>]) {
        let replies = answers
            .iter()
            .flatten()
            .filter(|heard| heard.exchange.code.is_some())
            .count();
        if replies <= 1 {
            self.groups[group].chokes = true;
            let host = self.groups[group].host;
            self.hosts[host].known.chokes = true;
            self.tell_of_host(host);
        }
    }

    /// MAIL was refused, so nobody has been asked about.
    fn mail_refused(
        &mut self,
        host: usize,
        group: usize,
        asked: Asked,
        heard: Option<Heard>,
        now: Moment,
    ) {
        let Some(heard) = heard else {
            self.not_answered(asked, now);
            return;
        };
        if heard.reading.reason == Reason::TlsRequired
            && self.groups[group].privacy == Privacy::WhenOffered
        {
            self.groups[group].privacy = Privacy::Required;
            self.not_answered(asked, now);
            return;
        }
        if heard.reading.reason.blame() == Blame::Sender && heard.reading.permanent {
            // It is about us: the next address would hear the same.
            self.block(host, &heard.exchange, &heard.reading, now);
        } else if !heard.reading.permanent {
            self.slow_down(host, &heard, now);
        }
        self.undecided(asked, &heard, now);
    }

    /// A recipient was answered.
    fn answered(&mut self, talk: TalkId, host: usize, asked: Asked, heard: &Heard, now: Moment) {
        let accepted = is_yes(&heard.exchange);
        if let Some(t) = self.talks.get_mut(&talk) {
            match accepted {
                true => t.spent.accepted += 1,
                false => t.spent.refused += 1,
            }
        }
        let reason = heard.reading.reason;
        match reason {
            Reason::RateLimited | Reason::HostBusy => {
                self.slow_down(host, heard, now);
            }
            Reason::SenderBlocked => {
                self.hosts[host].block_signs += 1;
                if self.hosts[host].block_signs >= limits::BLOCK_SIGNS {
                    self.block(host, &heard.exchange, &heard.reading, now);
                }
            }
            _ if heard.exchange.code.is_some() => {
                self.hosts[host].block_signs = 0;
                self.hosts[host].pace.went_well();
            }
            _ => {}
        }
        if asked.subject.is_none() {
            self.decoy_answered(asked.domain, heard, now);
        } else if reason == Reason::TooManyRecipients {
            self.too_many(talk, asked, heard, now);
        } else if accepted || settles(&heard.reading) {
            self.settled_by(asked, heard, now);
        } else {
            self.undecided(asked, heard, now);
        }
    }

    /// The decoy was answered: the domain is known for what it is, or the decoy is asked again.
    fn decoy_answered(&mut self, domain: usize, heard: &Heard, now: Moment) {
        let entry = &mut self.domains[domain];
        entry.under_way -= 1;
        let retry = now + heard.named_wait.unwrap_or(limits::GREYLIST_WAIT);
        entry.strangers.hear_decoy(&heard.reading, retry);
        if let Some(due) = entry.strangers.decoy_due() {
            if due.since(now) > self.manners.patience {
                entry.strangers.give_up();
            } else {
                self.wakes.insert((due, Wake::Domain(domain)));
            }
        }
        let finding = Finding::Asked {
            whom: Whom::Decoy,
            exchange: heard.exchange.clone(),
            reading: heard.reading.clone(),
        };
        self.learn_of_domain(domain, finding, None, now);
        self.tell_of_strangers(domain);
        self.offer_domain(domain, now);
    }

    /// The host takes fewer recipients at once than we named: our mistake, so this one is asked again.
    fn too_many(&mut self, talk: TalkId, asked: Asked, heard: &Heard, now: Moment) {
        let had = self
            .talks
            .get(&talk)
            .and_then(|t| t.transaction)
            .map_or(1, |(_, recipients)| recipients);
        if had <= 1 {
            // One is the least: the words are not about our number.
            self.undecided(asked, heard, now);
            return;
        }
        if let Some(t) = self.talks.get_mut(&talk) {
            let cap = &mut self.groups[t.group].transaction_cap;
            *cap = Some(cap.unwrap_or(had).min(had - 1));
            // Whatever the transaction still held is asked in a new one.
            t.transaction = None;
        }
        self.not_answered(asked, now);
    }

    /// An answer that settles the matter for this address.
    fn settled_by(&mut self, asked: Asked, heard: &Heard, now: Moment) {
        let entry = &mut self.domains[asked.domain];
        entry.under_way -= 1;
        entry.strangers.hear_subject(&heard.reading);
        if let Some(subject) = asked.subject {
            self.learn_answer(&subject, &heard.exchange, &heard.reading, now);
            self.note_settled(1);
        }
        self.offer_domain(asked.domain, now);
    }

    /// An answer that settles nothing: again later, or that was it.
    fn undecided(&mut self, asked: Asked, heard: &Heard, now: Moment) {
        let entry = &mut self.domains[asked.domain];
        entry.under_way -= 1;
        let Some(mut subject) = asked.subject else {
            entry.strangers.decoy_lost(now + limits::GREYLIST_WAIT);
            self.wakes
                .insert((now + limits::GREYLIST_WAIT, Wake::Domain(asked.domain)));
            return;
        };
        entry.keeps_waiting |= heard.reading.reason == Reason::Greylisted;
        let next = after_undecided(
            &heard.reading,
            subject.waiting,
            now,
            heard.named_wait,
            self.manners.patience,
        );
        self.learn_answer(&subject, &heard.exchange, &heard.reading, now);
        match next {
            Next::Again(at) => {
                subject.waiting.tries += 1;
                subject.waiting.since.get_or_insert(now);
                self.tell_of_waiting(&subject, Some(at));
                self.domains[asked.domain].push_later(at, subject);
                self.wakes.insert((at, Wake::Domain(asked.domain)));
            }
            Next::Leave => {
                self.tell_of_waiting(&subject, None);
                self.note_settled(1);
            }
        }
        self.offer_domain(asked.domain, now);
    }

    /// A question that was not put, or whose answer was lost with the connection: it is put again, a limited number of
    /// times.
    pub(super) fn not_answered(&mut self, asked: Asked, now: Moment) {
        let entry = &mut self.domains[asked.domain];
        entry.under_way -= 1;
        match asked.subject {
            Some(subject) => entry.push_front(subject),
            None => entry.strangers.decoy_lost(now),
        }
        self.offer_domain(asked.domain, now);
    }

    /// A host asked for less.
    fn slow_down(&mut self, host: usize, heard: &Heard, now: Moment) {
        let until = self.hosts[host].pace.slow_down(now, heard.named_wait);
        self.wakes.insert((until, Wake::Host(host)));
        self.tell_of_host(host);
    }

    /// Tells what is known of a host by now.
    fn tell_of_host(&mut self, host: usize) {
        let host = &mut self.hosts[host];
        host.known.pace = Some(host.pace.known());
        self.learned.push(Learned::Host {
            key: host.key.clone(),
            known: host.known.clone(),
        });
    }

    /// Tells what an address has been through.
    fn tell_of_waiting(&mut self, subject: &Subject, again: Option<Moment>) {
        self.learned.push(Learned::Waiting {
            key: subject.address.key().into_owned(),
            waiting: subject.waiting,
            again,
        });
    }

    /// Tells what is known of a domain's decoy by now.
    fn tell_of_strangers(&mut self, domain: usize) {
        let entry = &self.domains[domain];
        self.learned.push(Learned::Strangers {
            name: entry.name.to_string(),
            known: KnownDomain {
                keeps_waiting: entry.keeps_waiting,
                ..entry.strangers.known()
            },
        });
    }

    fn learn_answer(
        &mut self,
        subject: &Subject,
        exchange: &Exchange,
        reading: &Reading,
        now: Moment,
    ) {
        let finding = Finding::Asked {
            whom: Whom::Subject,
            exchange: exchange.clone(),
            reading: reading.clone(),
        };
        self.learn_of_address(subject, finding, now);
    }

    pub(super) fn learn_of_address(&mut self, subject: &Subject, finding: Finding, now: Moment) {
        self.learned.push(Learned::Address {
            key: subject.address.key().into_owned(),
            fact: Fact { at: now, finding },
        });
    }
}

/// Whether the host said yes.
fn is_yes(exchange: &Exchange) -> bool {
    exchange.code.is_some_and(|code| (200..300).contains(&code))
}

/// Whether an answer that is no yes settles the matter for the address.
fn settles(reading: &Reading) -> bool {
    (reading.permanent && reading.reason.may_reject())
        || matches!(reading.reason, Reason::MailboxFull | Reason::MailboxBusy)
}
