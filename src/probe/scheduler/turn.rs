//! Machines that accept everybody once they have refused some in a connection: caught by a decoy at its end.
//!
//! A refusal vouches for what its connection accepted before it. What was accepted last, after some refusals, nothing
//! vouches for: the machine may have turned. A decoy in the same connection shows it; if it has, all since the last refusal
//! is taken back and asked again in a fresh connection, which ends before that many are refused.

use std::net::IpAddr;

use super::batch::Idle;
use super::step::Unsure;
use super::{Board, Learned, Look, Subject, TalkId};
use crate::model::limits;
use crate::model::reading::Reading;
use crate::model::timestamp::Moment;
use crate::probe::{ASKED_AFRESH, Openness, Party};
use crate::smtp::Command;
use crate::smtp::session::FlightPace;

/// What one connection has refused, and accepted since.
#[derive(Debug, Default)]
pub(super) struct Tail {
    /// Recipients refused for good.
    refusals: u32,
    /// Addresses accepted since the last of them, with their domains.
    accepted: Vec<(usize, Subject)>,
    /// Whether it turned out that everybody is accepted by now.
    pub(super) turned: bool,
}

impl Board {
    /// Notes that a conversation refused somebody for good: it had not turned before.
    pub(super) fn tail_refused(&mut self, talk: TalkId) {
        let Some(t) = self.talks.get_mut(&talk) else {
            return;
        };
        let group = &mut self.groups[t.group];
        group.steady = group.steady.max(t.tail.refusals);
        t.tail.refusals += 1;
        t.tail.accepted.clear();
    }

    /// Notes that a conversation accepted an address of the list.
    pub(super) fn tail_accepted(&mut self, talk: TalkId, domain: usize, subject: &Subject) {
        if let Some(t) = self.talks.get_mut(&talk)
            && t.tail.refusals > 0
            && subject.look == Look::First
        {
            t.tail.accepted.push((domain, subject.clone()));
        }
    }

    /// Whether what a conversation accepted last may come from a machine that has turned: it has refused so many that some
    /// turn then, and this one has not shown yet that it does not.
    pub(super) fn may_have_turned(&self, talk: TalkId) -> bool {
        let t = &self.talks[&talk];
        let group = &self.groups[t.group];
        let suspicious = match group.turns_after {
            Some(_) => 1,
            None => limits::REFUSALS_BEFORE_A_TURN,
        };
        t.tail.refusals >= suspicious && t.tail.refusals > group.steady
    }

    /// The domain in which a decoy shows whether a conversation has turned, where that is to be shown.
    fn turn_to_be_tested(&self, talk: TalkId) -> Option<usize> {
        let t = &self.talks[&talk];
        if t.tail.turned || !self.may_have_turned(talk) {
            return None;
        }
        let domains = t.tail.accepted.iter().rev().map(|(domain, _)| *domain);
        let mut promised = domains.filter(|&domain| {
            self.domains[domain].strangers.openness() == Openness::RefusesStrangers
        });
        promised.next()
    }

    /// The last flight of a conversation that would end: a decoy, where what it accepted last wants one.
    pub(super) fn test_a_turn(
        &mut self,
        talk: TalkId,
        idle: Idle,
        now: Moment,
    ) -> Result<(Vec<Command>, FlightPace), Idle> {
        if matches!(&idle, Idle::Until(moment) if moment.since(now) <= limits::REST) {
            return Err(idle);
        }
        let Some(domain) = self.turn_to_be_tested(talk) else {
            return Err(idle);
        };
        let mut draft = self.draft(talk);
        let t = &self.talks[&talk];
        let spent = t.spent;
        if spent.room(draft.budget) == 0 || !self.may_address(talk, domain, draft.budget) {
            return Err(idle);
        }
        self.draw(talk, now).map_err(Idle::Until)?;
        if !self.put_late_decoy(talk, domain, &mut draft) {
            return Err(idle);
        }
        let pace = self.pace_of(talk, &draft.offer);
        self.tally.recipients += draft.asked.len() as u64;
        self.talk(talk).asked = draft.asked;
        Ok((draft.commands, pace))
    }

    /// A decoy was accepted in a conversation that had refused some before: it accepts everybody by now. Returns whether
    /// that is so; then all since the last refusal is asked again, in a fresh connection.
    pub(super) fn has_turned(&mut self, talk: TalkId, now: Moment) -> bool {
        let Some(t) = self.talks.get(&talk) else {
            return false;
        };
        let (refusals, group) = (t.tail.refusals, t.group);
        if t.tail.accepted.is_empty() || refusals <= self.groups[group].steady {
            return false;
        }
        let host = self.groups[group].host;
        let (_, machine) = self.groups[group].targets[t.target];
        self.take_back_the_tail(talk, now);
        let turns_after = self.hosts[host].known.turns_after;
        let least = turns_after.map_or(refusals, |before| before.min(refusals));
        self.hosts[host].known.turns_after = Some(least);
        for group in self.groups_at(machine) {
            let known = &mut self.groups[group].turns_after;
            *known = Some(known.map_or(refusals, |before| before.min(refusals)));
        }
        self.tell_of_host(host);
        true
    }

    /// The first decoy of a domain was accepted at a machine that was seen to turn: it takes everybody there, or has turned
    /// again. The first time it is asked again in a fresh connection. Returns whether it is.
    pub(super) fn is_asked_afresh(&mut self, talk: TalkId, domain: usize, now: Moment) -> bool {
        let is_there = |t: &super::Talk| t.tail.accepted.iter().any(|(there, _)| *there == domain);
        let seen = |t: &super::Talk| self.groups[t.group].turns_after.is_some() && is_there(t);
        let doubtful = self.talks.get(&talk).is_some_and(seen)
            && self.may_have_turned(talk)
            && !self.asked_afresh.contains(&domain);
        if doubtful {
            self.asked_afresh.insert(domain);
            self.take_back_the_tail(talk, now);
        }
        doubtful
    }

    /// Takes back whom a conversation accepted since its last refusal, and puts them up for asking again.
    fn take_back_the_tail(&mut self, talk: TalkId, now: Moment) {
        let t = self.talk(talk);
        t.tail.turned = true;
        let group = t.group;
        let tail = std::mem::take(&mut t.tail.accepted);
        // They are asked again already.
        t.proven = 0;
        t.unsure.retain(|unsure| match unsure {
            Unsure::Subject { domain, subject } => !tail
                .iter()
                .any(|(at, taken)| at == domain && taken.address == subject.address),
            Unsure::Decoy { .. } => true,
        });
        let host = self.groups[group].host;
        for (domain, subject) in tail {
            let key = subject.address.key().into_owned();
            self.groups[group].rows.forget(&key);
            self.forget_good(host, &key);
            self.learned.push(Learned::TakenBack {
                party: Party::Address(key.into_boxed_str()),
                reading: Reading {
                    rule: ASKED_AFRESH.to_owned(),
                    ..super::integrity::monitor::held_back()
                },
                at: now,
            });
            self.pending += 1;
            self.tally.settled -= 1;
            self.domains[domain].push_front(&subject);
            self.offer_domain(domain, now);
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
