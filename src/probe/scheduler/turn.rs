//! Machines that accept every recipient once they have refused some in a connection: caught by a decoy at its end.
//!
//! A refusal vouches for what its connection accepted before it. What was accepted last, after some refusals, nothing
//! vouches for: the machine may have turned. A decoy in the same connection shows it; if it has, all since the last
//! refusal is taken back and asked again in a fresh connection, which ends before that many are refused. So is what a
//! connection accepted last that ended before the decoy could be asked about: no promise rests on it.

use std::net::IpAddr;

use super::batch::Idle;
use super::held::Until;
use super::integrity::Observed;
use super::unsure::Unsure;
use super::{Asking, Look, Scheduler, SessionId, Subject};
use crate::model::limits;
use crate::model::reading::Reading;
use crate::model::timestamp::Timestamp;
use crate::probe::{ASKED_AFRESH, CatchAllState};
use crate::smtp::Command;
use crate::smtp::session::BatchPace;

/// What one connection has refused, and accepted since.
#[derive(Debug, Default)]
pub(super) struct Tail {
    /// Recipients that were refused, for good or for now, be it that they were told to come back: it is not known which
    /// of them a host counts.
    pub(super) refusals: u32,
    /// Addresses accepted since the last recipient was refused for good.
    accepted: Vec<Accepted>,
    /// Whether it turned out that every recipient is accepted by now.
    pub(super) turned: bool,
    /// Whether a decoy was answered in it with nothing that shows whether it has turned.
    pub(super) tested_in_vain: bool,
}

/// An address that a connection accepted.
#[derive(Clone, Debug)]
struct Accepted {
    domain: usize,
    subject: Subject,
    /// How many recipients the connection had refused by then.
    refusals: u32,
}

/// Whether a decoy is the first one of its domain, which is owed anyway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum IsOwed {
    Yes,
    No,
}

impl Scheduler {
    /// Notes that a conversation refused a recipient for good: it had not turned before.
    pub(super) fn tail_refused(&mut self, session: SessionId) {
        let Some(t) = self.sessions.get_mut(&session) else {
            return;
        };
        let group = &mut self.groups[t.group];
        let before = t.tail.refusals.saturating_sub(1);
        group.steady = group.steady.max(before);
        t.tail.accepted.clear();
        self.confirm_not_turned(session);
    }

    /// Notes that a conversation accepted an address of the list. Where its machine may have turned, that is told once
    /// it is known to be worth something.
    pub(super) fn tail_accepted(&mut self, session: SessionId, domain: usize, subject: &Subject) {
        let Some(t) = self.sessions.get_mut(&session) else {
            return;
        };
        if t.tail.refusals > 0 && subject.look == Look::First {
            t.tail.accepted.push(Accepted {
                domain,
                subject: subject.clone(),
                refusals: t.tail.refusals,
            });
            if self.may_have_turned(session) {
                self.hold(subject.asked(), Until::NotTurned(session));
            }
        }
    }

    /// Whether what a conversation accepted last may come from a machine that has turned: it has refused so many that
    /// some turn then, and this one has not shown yet that it does not.
    pub(super) fn may_have_turned(&self, session: SessionId) -> bool {
        self.may_turn_after(session, 0)
    }

    /// Whether a machine may have turned in a conversation once it has refused so many more.
    pub(super) fn may_turn_after(&self, session: SessionId, further: u32) -> bool {
        let t = &self.sessions[&session];
        self.groups[t.group].may_turn_after(t.tail.refusals + further)
    }

    /// Whether a conversation has accepted an address since it last refused one for good, when its machine may have
    /// turned.
    pub(super) fn owes_a_test(&self, session: SessionId) -> bool {
        self.doubtful(session).next().is_some()
    }

    /// What a conversation has accepted since it last refused a recipient for good, when its machine may have turned.
    fn doubtful(&self, session: SessionId) -> impl DoubleEndedIterator<Item = &Accepted> {
        let t = &self.sessions[&session];
        let group = &self.groups[t.group];
        let may_be_worthless = |accepted: &&Accepted| group.may_turn_after(accepted.refusals);
        t.tail.accepted.iter().filter(may_be_worthless)
    }

    /// The domain in which a decoy shows whether a conversation has turned, where that is to be shown; with whether
    /// that is the first one of a domain, which is owed anyway.
    fn turn_to_be_tested(&self, session: SessionId, now: Timestamp) -> Option<(usize, IsOwed)> {
        let t = &self.sessions[&session];
        if t.tail.turned || t.tail.tested_in_vain {
            return None;
        }
        let domains = || self.doubtful(session).rev().map(|accepted| accepted.domain);
        let state = |domain: usize| self.domains[domain].catch_all.state();
        let is_promised = |domain: &usize| state(*domain) == CatchAllState::RefusesUnknown;
        // Rather where a new decoy may be named.
        let waits = |domain: &usize| self.domains[*domain].keeps_waiting;
        if let Some(domain) = domains().filter(is_promised).min_by_key(waits) {
            return Some((domain, IsOwed::No));
        }
        // That a decoy is accepted shows a turn only where the domain cannot be one that takes every recipient.
        let due = domains().filter(|&domain| self.domains[domain].decoy_is_due(now));
        let may_take_every_recipient =
            |domain: &usize| state(*domain) != CatchAllState::RefusesSome;
        if let Some(domain) = due.min_by_key(may_take_every_recipient) {
            return Some((domain, IsOwed::Yes));
        }
        // Where a promise may yet come of it, any domain shows it that is known to refuse unknown recipients.
        let is_open = |domain| {
            matches!(
                state(domain),
                CatchAllState::Unknown | CatchAllState::RefusesSome
            )
        };
        let elsewhere = self.tells_by_a_decoy(t.group);
        let elsewhere = elsewhere.filter(|_| domains().any(is_open));
        elsewhere.map(|domain| (domain, IsOwed::No))
    }

    /// The last batch of a conversation that would end: a decoy, where what it accepted last wants one.
    pub(super) fn test_a_turn(
        &mut self,
        session: SessionId,
        idle: Idle,
        now: Timestamp,
    ) -> Result<(Vec<Command>, BatchPace), Idle> {
        let rests = match &idle {
            Idle::Until(moment) => moment.since(now) <= limits::REST,
            Idle::BesideAnother(_) => true,
            Idle::Finished => false,
        };
        if rests {
            return Err(idle);
        }
        let test = self.turn_to_be_tested(session, now);
        if let Some(until) = self.awaits_a_decoy(session, test, now) {
            return Err(Idle::BesideAnother(until));
        }
        let Some((domain, is_owed)) = test else {
            return Err(idle);
        };
        let mut draft = self.draft(session);
        let refused = self.sessions[&session].spent.refused;
        // What another machine of its host was found to bear meanwhile, this one has been seen to bear: it answered.
        if refused > draft.budget.refusals {
            draft.budget.refusals = limits::REFUSED_RECIPIENTS.min(refused + 1);
        }
        if !self.may_address(session, domain, draft.budget) {
            return Err(idle);
        }
        let spent = self.spent_before_a_decoy(session, draft.budget, now);
        if spent.map_err(Idle::Until)?.room(draft.budget) == 0 {
            return Err(idle);
        }
        self.draw(session, now).map_err(Idle::Until)?;
        let goes_in = match is_owed {
            IsOwed::Yes => self.put_owed_decoy(session, domain, &mut draft, now),
            IsOwed::No => self.put_late_decoy(session, domain, &mut draft),
        };
        if !goes_in {
            return Err(idle);
        }
        let pace = self.pace_of(session, &draft.offer);
        self.tally.recipients += draft.asked.len() as u64;
        self.session(session).asked = draft.asked;
        Ok((draft.commands, pace))
    }

    /// Until when a conversation that would end rests, where no `test` tells yet whether it has turned: the decoy of a
    /// domain in which it accepted an address is under way in another one, and a further decoy there will tell.
    fn awaits_a_decoy(
        &mut self,
        session: SessionId,
        test: Option<(usize, IsOwed)>,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let tells = test.is_some_and(|(domain, is_owed)| match is_owed {
            IsOwed::No => true,
            IsOwed::Yes => {
                let state = self.domains[domain].catch_all.state();
                state == CatchAllState::RefusesSome
            }
        });
        let t = &self.sessions[&session];
        if tells || t.tail.turned || t.tail.tested_in_vain {
            return None;
        }
        // Another domain shows it too, once it is known to refuse unknown recipients.
        let group = t.group;
        let asks_a_decoy = |other: &super::Session| {
            let mut asked = other.asked.iter();
            other.group == group && asked.any(|asked| matches!(asked.whom, Asking::Decoy))
        };
        let is_asked = |accepted: &Accepted| {
            let catch_all = &self.domains[accepted.domain].catch_all;
            catch_all.decoy_under_way()
        };
        let is_telling = self.doubtful(session).any(is_asked)
            || (self.doubtful(session).next().is_some()
                && self.sessions.values().any(asks_a_decoy));
        if !is_telling {
            return None;
        }
        let since = *self.session(session).idle_since.get_or_insert(now);
        let until = since + limits::REST_BESIDE_ANOTHER;
        (until > now).then(|| until.min(now + limits::LOOKS_UP))
    }

    /// A decoy was accepted in a conversation that had refused some before: it accepts every recipient by now. Returns
    /// whether that is so; then all since the last refusal is asked again, in a fresh connection.
    pub(super) fn take_back_if_turned(&mut self, session: SessionId, now: Timestamp) -> bool {
        let Some(t) = self.sessions.get(&session) else {
            return false;
        };
        let (refusals, group) = (t.tail.refusals, t.group);
        if t.tail.accepted.is_empty() || refusals <= self.groups[group].steady {
            return false;
        }
        let host = self.groups[group].host;
        let (_, machine) = self.groups[group].targets[t.target];
        self.take_back_the_tail(session, now);
        let turns_after = self.hosts[host].known.turns_after;
        let least = turns_after.map_or(refusals, |before| before.min(refusals));
        self.hosts[host].known.turns_after = Some(least);
        for group in self.groups_at(machine) {
            let known = &mut self.groups[group].turns_after;
            *known = Some(known.map_or(refusals, |before| before.min(refusals)));
        }
        self.tell_of_host(host);
        // The others that have been refused as many have turned as well.
        let has_turned_too = |t: &super::Session| {
            let (_, at) = self.groups[t.group].targets[t.target];
            at == machine && t.tail.refusals >= refusals && !t.tail.turned
        };
        let sessions = self.sessions.iter().filter(|(_, t)| has_turned_too(t));
        let others: Vec<SessionId> = sessions.map(|(id, _)| *id).collect();
        for other in others {
            self.take_back_the_tail(other, now);
        }
        true
    }

    /// The first decoy of a domain was accepted at a machine that was seen to turn: it takes every recipient there, or
    /// has turned again. The first time it is asked again in a fresh connection. Returns whether it is.
    pub(super) fn ask_afresh_in_another(
        &mut self,
        session: SessionId,
        domain: usize,
        now: Timestamp,
    ) -> bool {
        let is_there =
            |t: &super::Session| t.tail.accepted.iter().any(|tail| tail.domain == domain);
        let seen = |t: &super::Session| self.groups[t.group].turns_after.is_some() && is_there(t);
        let doubtful = self.sessions.get(&session).is_some_and(seen)
            && self.may_have_turned(session)
            && !self.asked_afresh.contains(&domain);
        if doubtful {
            self.asked_afresh.insert(domain);
            self.take_back_the_tail(session, now);
        }
        doubtful
    }

    /// A conversation is over in which a machine may have turned, and no decoy has shown that it had not: what it
    /// accepted last is taken back and asked again where it is a promise, or else once it would become one. Where that
    /// happens again, further conversations end before so many are refused.
    pub(super) fn doubt_the_tail(&mut self, session: SessionId, now: Timestamp) {
        let Some(t) = self.sessions.get(&session) else {
            return;
        };
        if t.tail.turned {
            return;
        }
        // Others of them are asked again already.
        let stands = |accepted: &&Accepted| {
            t.unsure.iter().any(|unsure| match unsure {
                Unsure::Subject { domain, subject } => {
                    *domain == accepted.domain && subject.address == accepted.subject.address
                }
                Unsure::Decoy { .. } | Unsure::Test(_) => false,
            })
        };
        let tail: Vec<Accepted> = self.doubtful(session).filter(stands).cloned().collect();
        let mut promised = Vec::new();
        for accepted in tail {
            let Accepted {
                domain, subject, ..
            } = accepted;
            let entry = &self.domains[domain];
            match entry.catch_all.state() {
                _ if entry.closed => {}
                CatchAllState::RefusesUnknown => promised.push((domain, subject)),
                CatchAllState::Unknown | CatchAllState::RefusesSome => {
                    self.held
                        .hold(subject.asked(), Until::CatchAllSettled(domain));
                    self.unproven.entry(domain).or_default().push(subject);
                }
                CatchAllState::CatchAll | CatchAllState::NotTold => {}
            }
        }
        if promised.is_empty() {
            return;
        }
        let group = self.sessions[&session].group;
        let group = &mut self.groups[group];
        group.untested_tails = group.untested_tails.saturating_add(1);
        self.take_back_accepted(session, promised, now);
    }

    /// A domain is known for what it is by now. Where that is to refuse unknown recipients, whom a machine accepted
    /// there that may have turned is asked about again; elsewhere it is no promise, and told.
    pub(super) fn act_on_catch_all(&mut self, domain: usize, now: Timestamp) {
        let unproven = match self.domains[domain].catch_all.state() {
            CatchAllState::Unknown | CatchAllState::RefusesSome => return,
            CatchAllState::RefusesUnknown => true,
            CatchAllState::CatchAll | CatchAllState::NotTold => false,
        };
        if unproven {
            self.ask_the_unproven_afresh(domain, now);
        }
        self.tell_held(Until::CatchAllSettled(domain));
    }

    /// Whom a machine accepted in a domain that may have turned is put up for asking again.
    pub(super) fn ask_the_unproven_afresh(&mut self, domain: usize, now: Timestamp) {
        let Some(group) = self.domains[domain].group else {
            return;
        };
        for subject in self.unproven.remove(&domain).unwrap_or_default() {
            self.ask_afresh(group, domain, &subject, now);
        }
    }

    /// Takes back whom a conversation accepted since its last refusal, and puts them up for asking again.
    fn take_back_the_tail(&mut self, session: SessionId, now: Timestamp) {
        let t = self.session(session);
        t.tail.turned = true;
        let tail = std::mem::take(&mut t.tail.accepted).into_iter();
        let tail = tail.map(|accepted| (accepted.domain, accepted.subject));
        self.take_back_accepted(session, tail.collect(), now);
    }

    /// Takes back some whom a conversation accepted, and puts them up for asking again.
    fn take_back_accepted(
        &mut self,
        session: SessionId,
        taken: Vec<(usize, Subject)>,
        now: Timestamp,
    ) {
        let t = self.session(session);
        let group = t.group;
        // They are asked again already.
        t.proven = 0;
        t.unsure.retain(|unsure| match unsure {
            Unsure::Subject { domain, subject } => !taken
                .iter()
                .any(|(at, taken)| at == domain && taken.address == subject.address),
            Unsure::Decoy { .. } | Unsure::Test(_) => true,
        });
        for (domain, subject) in taken {
            self.ask_afresh(group, domain, &subject, now);
        }
    }

    /// Takes back that an address was accepted, and puts it up for asking again.
    fn ask_afresh(&mut self, group: usize, domain: usize, subject: &Subject, now: Timestamp) {
        let asked = subject.asked();
        let withdrawn = Observed::Withdrawn(asked.clone());
        self.groups[group].integrity.observe(withdrawn);
        let key = subject.address.key();
        self.forget_good(self.groups[group].host, &key);
        let reading = Reading {
            rule: ASKED_AFRESH.to_owned(),
            ..super::integrity::monitor::held_back()
        };
        self.untell(asked, reading, now);
        self.counts.unsettle();
        self.forget_listed(domain);
        // A run that is continued asks again too.
        self.tell_of_waiting(subject, Some(now));
        self.domains[domain].push_front(subject);
        self.offer_domain(domain, now);
    }

    /// What the machine of a conversation refused does not count: it is not known any more after how many refusals it
    /// still refuses a recipient.
    pub(super) fn forget_steadiness(&mut self, session: SessionId) {
        let t = &self.sessions[&session];
        let (_, machine) = self.groups[t.group].targets[t.target];
        for group in self.groups_at(machine) {
            self.groups[group].steady = 0;
        }
    }

    /// The groups that a machine answers for.
    pub(super) fn groups_at(&self, machine: IpAddr) -> Vec<usize> {
        let is_there = |group: &usize| {
            let targets = &self.groups[*group].targets;
            targets.iter().any(|(_, at)| *at == machine)
        };
        (0..self.groups.len()).filter(is_there).collect()
    }
}
