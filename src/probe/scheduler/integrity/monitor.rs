//! What answers are worth: hosts that refuse every recipient for a while are caught by addresses known to exist, those
//! that accept every recipient by further decoys.

use std::net::IpAddr;
use std::sync::Arc;

use crate::input::address::Address;
use crate::model::limits;
use crate::model::reading::Reading;
use crate::model::reason::{Blame, Reason};
use crate::model::timestamp::Timestamp;
use crate::model::verdict::{Exchange, Finding, Whom};
use crate::probe::scheduler::integrity::streak::{Answer, Span, Which};
use crate::probe::scheduler::integrity::{Circumstances, Observed, Order};
use crate::probe::scheduler::{Event, Heard, Look, Scheduler, SessionId, Subject, control};
use crate::probe::{Asked, CatchAll, CatchAllState, refuses_unknown_recipient};

impl Scheduler {
    /// Learns an answer about an address of the list, as far as the host is to be believed.
    pub(in crate::probe::scheduler) fn weigh(
        &mut self,
        span: Span,
        domain: usize,
        subject: &Subject,
        heard: &Heard,
        now: Timestamp,
    ) {
        let Some(at) = self.domains[domain].group else {
            return;
        };
        let answer = Answer {
            asked: subject.asked(),
            span,
        };
        if heard.reading.reason == Reason::CatchAllUntested {
            // A host that confirms no address has said nothing that may turn out to be worth less.
            self.learn_believed(true, subject, heard, now);
            return;
        }
        if heard.exchange.says_yes() {
            let believed = self.weigh_acceptance(at, domain, subject, answer);
            self.learn_believed(believed, subject, heard, now);
            return;
        }
        if !heard.reading.condemns() {
            self.learn_believed(true, subject, heard, now);
            return;
        }
        self.note_unknown_refused(span.session);
        // That a machine takes no mail for a domain is no word on its mailboxes: no address known to exist tests it.
        let is_of_the_domain =
            heard.reading.reason.blame() == Blame::Domain && !self.domains[domain].has_accepted();
        if !is_of_the_domain {
            self.note_refused(at, answer);
        }
        let group = &self.groups[at];
        let believed = !group.integrity.refuses_every_recipient();
        self.hosts[group.host].known.history.refused += 1;
        self.learn_believed(believed, subject, heard, now);
        if believed {
            self.draw_sample(subject);
        }
    }

    /// Notes that the machine of a conversation refused a recipient.
    pub(in crate::probe::scheduler) fn note_unknown_refused(&mut self, session: SessionId) {
        self.tail_refused(session);
        if let Some(t) = self.sessions.get(&session) {
            let (_, machine) = self.groups[t.group].targets[t.target];
            *self.unknown_refused.entry(machine).or_default() += 1;
        }
    }

    /// Notes an answer in which the machine of a group refused a recipient for good.
    pub(in crate::probe::scheduler) fn note_refused(&mut self, group: usize, answer: Answer) {
        if let Some(t) = self.sessions.get(&answer.span.session) {
            let (_, machine) = self.groups[t.group].targets[t.target];
            self.groups[group].refused_by = Some(machine);
        }
        let integrity = &mut self.groups[group].integrity;
        integrity.observe(Observed::Refused(answer));
    }

    /// How many the machines of a group have refused, whichever domains named them.
    pub(in crate::probe::scheduler) fn unknown_refused_at(&self, group: usize) -> u32 {
        let machines = self.groups[group].targets.iter();
        machines
            .filter_map(|(_, machine)| self.unknown_refused.get(machine).copied())
            .max()
            .unwrap_or(0)
    }

    /// Whether a group's acceptances in a row want another decoy; at a machine that was seen to turn, any at its end.
    pub(in crate::probe::scheduler) fn owes_a_decoy(&self, group: usize, at_the_end: bool) -> bool {
        let unknown_refused = match self.groups[group].turns_after {
            Some(_) => limits::MANY_UNKNOWN_RECIPIENTS,
            None => self.unknown_refused_at(group),
        };
        let integrity = &self.groups[group].integrity;
        integrity.owes_a_decoy(unknown_refused, at_the_end)
    }

    /// Whether a group's refusals in a row want an address known to exist to be asked about. Short rows are worth that
    /// only where the same machine has accepted an address: what another one of its key says tells little of them.
    pub(in crate::probe::scheduler) fn owes_a_control(
        &self,
        group: usize,
        at_the_end: bool,
    ) -> bool {
        let at_the_end = at_the_end && self.has_its_own_good(group);
        let integrity = &self.groups[group].integrity;
        integrity.owes_a_control(at_the_end, self.circumstances(group))
    }

    /// Whether a group's last answers want a question that nothing else asks for, and there is one to put.
    pub(in crate::probe::scheduler) fn wants_a_last_test(&self, index: usize) -> bool {
        if self.groups[index].is_left || self.has_nobody_left(index) {
            return false;
        }
        let by_a_decoy = self.owes_a_decoy(index, true) && self.tells_by_a_decoy(index).is_some();
        by_a_decoy
            || self.tells_by_a_control(index)
            || self.wants_an_explanation(index, None).is_some()
    }

    /// Whether a group's last refusals want an address known to exist to be asked about, and there is one.
    pub(in crate::probe::scheduler) fn tells_by_a_control(&self, index: usize) -> bool {
        self.owes_a_control(index, true)
            && !self.groups[index].integrity.refuses_every_recipient()
            && self.hosts[self.groups[index].host].questioned.is_none()
            && self.known_good(index).is_some()
    }

    /// Whether a group's last refusals want an address to be asked about that its machines accepted, and this run has met
    /// none.
    pub(in crate::probe::scheduler) fn lacks_a_good_one_of_its_own(&self, index: usize) -> bool {
        let integrity = &self.groups[index].integrity;
        !self.groups[index].is_left
            && !integrity.refuses_every_recipient()
            && self.own_good(index).is_none()
            && integrity.owes_a_control(true, self.circumstances(index))
    }

    /// The domain in which another decoy would tell whether a group's host still refuses unknown recipients.
    pub(in crate::probe::scheduler) fn tells_by_a_decoy(&self, index: usize) -> Option<usize> {
        self.groups[index].meant.filter(|&domain| {
            let entry = &self.domains[domain];
            // Before an interruption another machine may have served it.
            entry.group == Some(index) && entry.catch_all.state() == CatchAllState::RefusesUnknown
        })
    }

    /// What else is known of a group when its refusals are looked into.
    fn circumstances(&self, group: usize) -> Circumstances {
        Circumstances {
            unknown_refused: self.unknown_refused_at(group),
            accepted: self.last_accepted(group),
            has_good: self.known_good(group).is_some(),
        }
    }

    /// Judges a group's machine by what was observed of it, and does what follows; `by` is the answer that shows it.
    fn observe(&mut self, group: usize, observed: Observed, by: &Exchange, now: Timestamp) {
        for order in self.groups[group].integrity.observe(observed) {
            match order {
                Order::Retract(held) => self.hold_back(self.groups[group].host, held, by, now),
                Order::AskKnownGood => self.question(group, now),
                Order::Distrust(which) => self.distrust(group, by, which, now),
            }
        }
    }

    /// Looks into a machine's refusals after a batch, `refusal` the last of them.
    pub(in crate::probe::scheduler) fn look_into(
        &mut self,
        group: usize,
        refusal: &Exchange,
        now: Timestamp,
    ) {
        let observed = Observed::BatchEnded(self.circumstances(group));
        self.observe(group, observed, refusal, now);
    }

    /// Notes what an acceptance tells of its host. Returns whether it is to be believed.
    fn weigh_acceptance(
        &mut self,
        group: usize,
        domain: usize,
        subject: &Subject,
        answer: Answer,
    ) -> bool {
        let catch_all = &self.domains[domain].catch_all;
        let meant = catch_all.state() == CatchAllState::RefusesUnknown;
        // A decoy that is being asked about may have been answered before, and then does not vouch for it.
        let may_be_meant = meant || catch_all.decoy_under_way();
        let host = self.groups[group].host;
        self.hosts[host].known.history.accepted += 1;
        let accepts_every_recipient = self.groups[group].integrity.accepts_every_recipient();
        if !accepts_every_recipient {
            self.remember_good(group, domain, subject);
        }
        if meant {
            self.means_something(group, domain);
        }
        let span = answer.span;
        let observed = if may_be_meant {
            Observed::Accepted(answer)
        } else {
            Observed::AcceptedAnyway(span)
        };
        self.groups[group].integrity.observe(observed);
        let believed = !may_be_meant || !accepts_every_recipient;
        if believed {
            self.note_accepted(span);
        }
        believed
    }

    /// Remembers a domain in which an acceptance means something, to test its machine there: rather one where a new
    /// decoy may be named. A greylist knows one already, who would be asked about once more.
    fn means_something(&mut self, group: usize, domain: usize) {
        let known = self.tells_by_a_decoy(group);
        let is_worse = self.domains[domain].keeps_waiting
            && known.is_some_and(|known| !self.domains[known].keeps_waiting);
        if !is_worse {
            self.groups[group].meant = Some(domain);
        }
    }

    /// Remembers an accepted address, to test the host with: rather where that means something.
    fn remember_good(&mut self, group: usize, domain: usize, subject: &Subject) {
        let means_something =
            |domain: usize| self.domains[domain].catch_all.state() == CatchAllState::RefusesUnknown;
        let is_better = |good: &Option<(usize, Address)>| match good {
            Some((known, _)) => means_something(domain) || !means_something(*known),
            None => true,
        };
        let host = self.groups[group].host;
        let better = [
            is_better(&self.groups[group].good),
            is_better(&self.hosts[host].good),
        ];
        let good = || Some((domain, subject.address.clone()));
        if better[0] {
            self.groups[group].good = good();
        }
        if better[1] {
            self.hosts[host].good = good();
        }
    }

    /// An address to test a machine with: one that it accepted, else one that another machine of its key did.
    fn known_good(&self, group: usize) -> Option<(usize, Address)> {
        let of_its_key = || self.hosts[self.groups[group].host].good.as_ref();
        let own = self.own_good(group);
        own.or_else(|| of_its_key().filter(|good| self.is_of_use(good)))
            .cloned()
    }

    /// An address to test a machine with that it accepted itself.
    fn own_good(&self, group: usize) -> Option<&(usize, Address)> {
        let own = self.groups[group].good.as_ref();
        own.filter(|good| self.is_of_use(good))
    }

    /// Whether an accepted address may be asked about again, and its answer would tell something.
    fn is_of_use(&self, (domain, _): &(usize, Address)) -> bool {
        !self.domains[*domain].is_settled_as_a_whole()
    }

    /// Whether the address that would test a group was accepted by one of its own machines, and the one that refused last
    /// is known to accept any.
    fn has_its_own_good(&self, index: usize) -> bool {
        let serves = |(domain, _): (usize, Address)| self.domains[domain].group;
        let Some(other) = self.known_good(index).and_then(serves) else {
            return false;
        };
        let refused_by = self.groups[index].refused_by;
        let accepts = refused_by.is_none_or(|machine| self.has_accepted(machine));
        accepts && self.has_a_machine_of(index, other)
    }

    fn learn_believed(&mut self, believed: bool, subject: &Subject, heard: &Heard, now: Timestamp) {
        if believed {
            self.learn_answer(subject, &heard.exchange, &heard.reading, now);
        } else {
            self.learn_answer(subject, &heard.exchange, &held_back(), now);
        }
    }

    /// Learns what a decoy was answered, as far as the host is to be believed. Returns whether it is.
    pub(in crate::probe::scheduler) fn weigh_decoy(
        &mut self,
        span: Span,
        domain: usize,
        heard: &Heard,
        now: Timestamp,
    ) -> bool {
        let mut believed = true;
        if let Some(group) = self.domains[domain].group
            && heard.reading.condemns()
        {
            self.note_unknown_refused(span.session);
            let asked = Asked::Decoy((&**self.domains.name(domain)).into());
            self.note_refused(group, Answer { asked, span });
            believed = !self.groups[group].integrity.refuses_every_recipient();
            if believed && refuses_unknown_recipient(&heard.reading) {
                self.means_something(group, domain);
            }
        }
        self.learn_of_decoy(domain, heard, believed, now);
        if !believed {
            let name = Arc::clone(self.domains.name(domain));
            self.disbelieve_decoy(&name, now);
        }
        believed
    }

    fn learn_of_decoy(&mut self, domain: usize, heard: &Heard, believed: bool, now: Timestamp) {
        let finding = Finding::Asked {
            whom: Whom::Decoy,
            exchange: heard.exchange.clone(),
            reading: if believed {
                heard.reading.clone()
            } else {
                held_back()
            },
        };
        self.learn_of_domain(domain, finding, None, now);
    }

    /// A domain's decoy was refused by a host that refuses every recipient: what its acceptances mean is not known.
    fn disbelieve_decoy(&mut self, domain: &str, now: Timestamp) {
        // It may have been asked about before this run was interrupted, and not be met again yet.
        let index = self.entry(domain);
        self.system_takes_back(index, &held_back(), now);
        self.update_catch_all(index, CatchAll::disbelieve, now);
        self.report_catch_all(index);
    }

    /// A host's refusals have jumped against its history, or come in a long row: an address accepted there is asked
    /// about again, before any other; by the same machine where it has accepted an address, else by another one of its
    /// key.
    pub(in crate::probe::scheduler) fn question(&mut self, group: usize, now: Timestamp) {
        let host = self.groups[group].host;
        if self.hosts[host].questioned.is_some() {
            return;
        }
        // Whom a neighbour accepts says little of a machine that has accepted an address itself.
        if self.own_good(group).is_none() && self.awaits_its_known_good(group, now) {
            return;
        }
        let Some((domain, address)) = self.known_good(group) else {
            return;
        };
        let integrity = &mut self.groups[group].integrity;
        integrity.observe(Observed::KnownGoodAsked);
        self.hosts[host].questioned = Some(group);
        self.counts.take_in();
        self.domains[domain].push(&control(address));
        self.offer_domain(domain, now);
    }

    /// A control address was answered.
    pub(in crate::probe::scheduler) fn controlled(
        &mut self,
        span: Span,
        domain: usize,
        subject: &Subject,
        heard: &Heard,
        now: Timestamp,
    ) {
        let Some(group) = self.domains[domain].group else {
            return;
        };
        let host = self.groups[group].host;
        // One of the operator's own may have been asked about without any doubt: then it tests the machine that
        // answers.
        let doubted = self.hosts[host].questioned.take().unwrap_or(group);
        if heard.reading.condemns() {
            self.learn_answer(subject, &heard.exchange, &held_back(), now);
            let refused = Observed::KnownGoodRefused {
                is_its_own: doubted == group && self.has_its_own_good(group),
                unknown_refused: self.unknown_refused_at(group),
            };
            self.observe(group, refused, &heard.exchange, now);
            // No address is left that could vouch for the machine whose refusals were in question.
            self.distrust(doubted, &heard.exchange, Which::OfLate, now);
        } else {
            let integrity = &mut self.groups[group].integrity;
            let believed = !integrity.accepts_every_recipient();
            integrity.observe(Observed::KnownGoodAccepted(span));
            self.learn_believed(believed, subject, heard, now);
            if doubted != group {
                let integrity = &mut self.groups[doubted].integrity;
                integrity.observe(Observed::KnownGoodTaughtNothing);
            }
        }
    }

    /// Another decoy was answered. Refused, the acceptances before mean what they say. Accepted, the host takes
    /// every recipient by now, so those it has accepted since it last refused a recipient are held back.
    pub(in crate::probe::scheduler) fn late_decoy_answered(
        &mut self,
        span: Span,
        domain: usize,
        heard: &Heard,
        now: Timestamp,
    ) {
        self.domains[domain].under_way -= 1;
        self.counts.forget_decoy();
        if let Some(group) = self.domains[domain].group {
            let observed =
                if heard.exchange.says_yes() && self.take_back_if_turned(span.session, now) {
                    Observed::DecoySetAside
                } else if heard.exchange.says_yes() {
                    Observed::DecoyAccepted(span)
                } else if heard.reading.condemns() {
                    Observed::DecoyRefused(span)
                } else {
                    Observed::DecoyTaughtNothing
                };
            let is_refused = matches!(observed, Observed::DecoyRefused(_));
            self.observe(group, observed, &heard.exchange, now);
            let is_believed = !self.groups[group].integrity.refuses_every_recipient();
            if is_refused && is_believed && refuses_unknown_recipient(&heard.reading) {
                // A run that goes on after an interruption need not test it again.
                self.learn_of_decoy(domain, heard, true, now);
            }
        }
        self.offer_domain(domain, now);
    }

    /// A machine's refusals are not to be believed: those before and those to come are held back for people to decide.
    /// So are its neighbours' once most have been caught, or where their provider acts as one.
    fn distrust(&mut self, group: usize, exchange: &Exchange, which: Which, now: Timestamp) {
        if self.groups[group].integrity.refuses_every_recipient() {
            return;
        }
        let caught = self.lose_trust(group);
        let refused = self.take_refused(&caught, which);
        self.hold_back(self.groups[group].host, refused, exchange, now);
    }

    /// Notes that the machines of a group are not believed any more. Returns the groups that this concerns.
    pub(in crate::probe::scheduler) fn lose_trust(&mut self, group: usize) -> Vec<usize> {
        let host = self.groups[group].host;
        let all = self.hosts[host].groups.clone();
        let is_there = |&other: &usize| self.has_a_machine_of(other, group);
        let mut caught: Vec<usize> = all.iter().copied().filter(is_there).collect();
        for &group in &caught {
            self.groups[group].integrity.observe(Observed::Caught);
        }
        let is_caught = |&&group: &&usize| self.groups[group].integrity.refuses_every_recipient();
        let lost = all.iter().filter(is_caught).count();
        let most = lost >= limits::MACHINES_THAT_SPEAK_FOR_ALL && lost * 2 > all.len();
        if most || self.hosts[host].acts_as_one() {
            for &group in &all {
                self.groups[group].integrity.observe(Observed::Caught);
            }
            caught = all;
        }
        caught
    }

    /// Whether two groups have a machine in common.
    pub(in crate::probe::scheduler) fn has_a_machine_of(&self, group: usize, other: usize) -> bool {
        let machines = &self.groups[other].targets;
        let is_there = |own: &(String, IpAddr)| machines.iter().any(|(_, there)| *there == own.1);
        group == other || self.groups[group].targets.iter().any(is_there)
    }

    /// Takes back what some answers taught, and says so.
    fn hold_back(&mut self, host: usize, held: Vec<Answer>, exchange: &Exchange, now: Timestamp) {
        let addresses = held
            .iter()
            .filter(|answer| answer.is_about_an_address())
            .count();
        self.events.push(Event::Doubted {
            key: self.hosts[host].key.clone(),
            exchange: exchange.clone(),
            addresses,
        });
        self.take_back(host, held, now);
    }

    /// Takes back what a caught machine refused of late, all groups together that it answers for.
    pub(in crate::probe::scheduler) fn take_back_refused(&mut self, group: usize, now: Timestamp) {
        let caught = self.lose_trust(group);
        let refused = self.take_refused(&caught, Which::OfLate);
        self.take_back(self.groups[group].host, refused, now);
    }

    /// The refusals of some groups.
    fn take_refused(&mut self, groups: &[usize], which: Which) -> Vec<Answer> {
        groups
            .iter()
            .flat_map(|&group| self.groups[group].integrity.take_refused(which))
            .collect()
    }

    fn take_back(&mut self, host: usize, held: Vec<Answer>, now: Timestamp) {
        for Answer { asked, .. } in held {
            match &asked {
                Asked::Decoy(domain) => self.disbelieve_decoy(domain, now),
                Asked::Address(key) => self.forget_good(host, key),
            }
            self.tell(Event::TakenBack {
                asked,
                reading: held_back(),
                at: now,
            });
        }
    }

    /// An address that may not exist tests no host.
    pub(in crate::probe::scheduler) fn forget_good(&mut self, host: usize, key: &str) {
        let is_it = |good: &mut (usize, Address)| *good.1.key() == *key;
        let known = &mut self.hosts[host];
        known.good.take_if(is_it);
        for &group in &known.groups {
            self.groups[group].good.take_if(is_it);
        }
    }

    /// An address that is not of the list, or is settled, was left without an answer.
    pub(in crate::probe::scheduler) fn learned_nothing(&mut self, host: usize, subject: &Subject) {
        match subject.look {
            Look::First => {}
            Look::Second => self.second_look.undecided += 1,
            Look::Control => {
                // The row is left as it is, or the question would be put for ever.
                if let Some(doubted) = self.hosts[host].questioned.take() {
                    let integrity = &mut self.groups[doubted].integrity;
                    integrity.observe(Observed::KnownGoodTaughtNothing);
                }
            }
        }
    }
}

/// What an answer is read as that is not to be believed.
pub(in crate::probe::scheduler) fn held_back() -> Reading {
    Reading {
        reason: Reason::ProviderAnomaly,
        permanent: false,
        rule:
            "held back: the host refused an address known to exist, or accepted one that does not"
                .to_owned(),
    }
}
