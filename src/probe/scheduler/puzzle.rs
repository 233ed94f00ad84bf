//! Decoys refused for good in words that say nothing: an acceptance in the same transaction explains them, whichever
//! came first; that of the first recipient of a transaction, one in a later transaction of the same session, too. Words
//! that are understood once mean the same whenever their machine says them of a decoy. Where all has been asked and no
//! acceptance came beside a decoy, an accepted address is asked about once more for that.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::integrity::streak::Span;
use super::unsure::Unsure;
use super::{Asking, Awaited, Heard, Scheduler, SessionId, control};
use crate::input::address::Address;
use crate::model::limits;
use crate::model::timestamp::Timestamp;
use crate::model::verdict::Exchange;
use crate::probe::{CatchAll, CatchAllState, refused_beside_an_acceptance};

/// The words with which a machine refuses unknown recipients, where no rule knows them.
#[derive(Debug, Default)]
pub(super) struct OwnWords {
    understood: BTreeSet<Box<str>>,
    /// Decoys that were refused in words which nothing has explained yet.
    puzzles: Vec<Puzzle>,
    /// Whether an address was asked about once more to explain them: that once is all.
    is_asked_for: bool,
}

/// A decoy's answer that an acceptance beside it would explain.
#[derive(Debug)]
struct Puzzle {
    domain: usize,
    /// Which transaction of its conversation asked, from 1.
    transaction: u32,
    /// Whether it was the first recipient of that: then it is no limit on those in a transaction that refused it.
    is_first: bool,
    span: Span,
    words: Box<str>,
    /// The answer as it is read beside an acceptance.
    heard: Heard,
}

/// The words of a reply without whom they name; `None` where it has none.
fn words(exchange: &Exchange) -> Option<Box<str>> {
    let words = exchange.reply.split_whitespace();
    let words: Vec<&str> = words.filter(|word| !word.contains('@')).collect();
    let words = words.join(" ");
    words.contains(char::is_alphabetic).then(|| words.into())
}

impl Puzzle {
    /// Whether the acceptance of an address of `domain` in a transaction of a session explains it.
    fn is_explained_in(&self, session: SessionId, domain: usize, transaction: u32) -> bool {
        let is_near =
            self.transaction == transaction || (self.is_first && self.transaction < transaction);
        self.span.session == session && self.domain == domain && is_near
    }
}

impl Scheduler {
    /// What was said of a decoy, where it means more than its words: beside an acceptance in the same transaction, or
    /// in words that the same machine was heard to use so. Across transactions a limit on recipients may lie between
    /// the two; so it may before a late decoy, which comes after many acceptances.
    pub(super) fn heard_of_a_decoy(
        &mut self,
        session: SessionId,
        asked: &Awaited,
        heard: &Heard,
        now: Timestamp,
    ) -> Option<Heard> {
        if matches!(asked.whom, Asking::Subject(_)) {
            return None;
        }
        let reading = refused_beside_an_acceptance(&heard.reading, heard.exchange.code)?;
        let is_first = matches!(asked.whom, Asking::Decoy);
        let is_beside = is_first && self.sessions[&session].welcomed == asked.transaction;
        let words = words(&heard.exchange);
        if is_beside && let Some(words) = &words {
            self.mark_as_understood(session, words, now);
        }
        let machine = self.machine(session);
        let own = &self.machines.entry(machine).or_default().own_words;
        let is_understood = is_beside || words.is_some_and(|words| own.understood.contains(&words));
        is_understood.then(|| Heard {
            reading,
            ..heard.clone()
        })
    }

    /// Keeps the answer to a domain's first decoy, where an acceptance beside it, or beside another one that is
    /// refused in the same words, would explain it.
    pub(super) fn note_puzzle(&mut self, span: Span, asked: &Awaited, heard: &Heard) {
        let Some(reading) = refused_beside_an_acceptance(&heard.reading, heard.exchange.code)
        else {
            return;
        };
        let machine = self.machine(span.session);
        let puzzles = &mut self.machines.entry(machine).or_default().own_words.puzzles;
        if puzzles.len() >= limits::PUZZLES {
            puzzles.remove(0);
        }
        puzzles.push(Puzzle {
            domain: asked.domain,
            transaction: asked.transaction,
            is_first: asked.place == 1,
            span,
            words: words(&heard.exchange).unwrap_or_default(),
            heard: Heard {
                reading,
                ..heard.clone()
            },
        });
    }

    /// An address was accepted: a decoy of its domain that was refused beside it was refused for itself.
    pub(super) fn understand_the_decoy(
        &mut self,
        session: SessionId,
        domain: usize,
        transaction: u32,
        now: Timestamp,
    ) {
        let machine = self.machine(session);
        let Some(known) = self.machines.get_mut(&machine) else {
            return;
        };
        let own = &mut known.own_words;
        let is_beside = |puzzle: &mut Puzzle| puzzle.is_explained_in(session, domain, transaction);
        let beside: Vec<Puzzle> = own.puzzles.extract_if(.., is_beside).collect();
        for puzzle in beside {
            self.understand(session, &puzzle, now);
            if !puzzle.words.is_empty() {
                self.mark_as_understood(session, &puzzle.words, now);
            }
        }
    }

    /// The words with which the machine of a conversation refuses unknown recipients are understood: so are the decoys
    /// that it has refused in them before.
    fn mark_as_understood(&mut self, session: SessionId, words: &str, now: Timestamp) {
        let machine = self.machine(session);
        let own = &mut self.machines.entry(machine).or_default().own_words;
        own.remember(words.into());
        let same = |puzzle: &mut Puzzle| *puzzle.words == *words;
        let understood: Vec<Puzzle> = own.puzzles.extract_if(.., same).collect();
        for puzzle in understood {
            self.understand(session, &puzzle, now);
        }
    }

    /// Notes an address that was accepted in a domain whose decoy has not shown yet what that means: it may have to
    /// explain the words in which that is refused.
    pub(super) fn vouches(&mut self, domain: usize, address: &Address) {
        let state = self.domains[domain].catch_all.state();
        let is_open = match state {
            CatchAllState::Unknown | CatchAllState::RefusesSome | CatchAllState::NotTold => true,
            CatchAllState::RefusesUnknown | CatchAllState::CatchAll => false,
        };
        // Rather a plain one: it may be named in a transaction that is open.
        let is_better = |known: &Address| known.needs_smtputf8() && !address.needs_smtputf8();
        if is_open && self.vouched.get(&domain).is_none_or(is_better) {
            self.vouched.insert(domain, address.clone());
        }
    }

    /// It is known by now how a domain treats unknown recipients, or that it does not tell.
    pub(super) fn waive_vouching(&mut self, domain: usize) {
        if !self.vouched.is_empty() && !self.is_a_puzzle(domain) {
            self.vouched.remove(&domain);
        }
    }

    /// Whether a domain's decoy was refused in words that nothing has explained yet, though something may.
    pub(super) fn is_a_puzzle(&self, domain: usize) -> bool {
        let entry = &self.domains[domain];
        let is_puzzling = |machine: &IpAddr| {
            let known = self.machines.get(machine);
            let own = known.map(|known| &known.own_words);
            own.is_some_and(|own| own.puzzles.iter().any(|puzzle| puzzle.domain == domain))
        };
        let group = entry.group.map(|group| &self.groups[group]);
        let mut machines = group.into_iter().flat_map(|group| &group.targets);
        entry.catch_all.state() == CatchAllState::NotTold
            && machines.any(|(_, machine)| is_puzzling(machine))
    }

    /// A domain of a group in which an address was accepted and the decoy refused in words that nothing has explained:
    /// to name both in one transaction would explain them, for all domains of that machine. Where each recipient has a
    /// transaction of its own, only a session that has asked about the decoy is good for that.
    pub(super) fn wants_an_explanation(
        &self,
        group: usize,
        session: Option<SessionId>,
    ) -> Option<usize> {
        let wants = &self.groups[group];
        if wants.is_left
            || wants.integrity.refuses_every_recipient()
            || (session.is_none() && self.takes_one_at_a_time(group))
        {
            return None;
        }
        let explains = |puzzle: &&Puzzle| {
            let entry = &self.domains[puzzle.domain];
            !puzzle.words.is_empty()
                && entry.group == Some(group)
                && entry.catch_all.state() == CatchAllState::NotTold
                && !entry.closed
                && self.vouched.contains_key(&puzzle.domain)
        };
        let machines = wants.targets.iter();
        let known = machines.filter_map(|(_, machine)| self.machines.get(machine));
        known
            .map(|known| &known.own_words)
            .filter(|own| !own.is_asked_for)
            .find_map(|own| own.puzzles.iter().rev().find(explains))
            .map(|puzzle| puzzle.domain)
    }

    /// Asks about an accepted address once more, beside its domain's decoy, where that would explain the words with
    /// which a machine of a group refuses unknown recipients. The decoy is asked about once more as well, unless it was
    /// refused in the open transaction of `session`, which has room for the address. Returns whether it does.
    pub(super) fn asks_for_an_explanation(
        &mut self,
        group: usize,
        session: Option<SessionId>,
        now: Timestamp,
    ) -> bool {
        let Some(domain) = self.wants_an_explanation(group, session) else {
            return false;
        };
        let Some(address) = self.vouched.get(&domain).cloned() else {
            return false;
        };
        let fits = !address.needs_smtputf8()
            && session.is_some_and(|session| self.has_a_puzzle_open(session, domain));
        if !fits && self.takes_one_at_a_time(group) {
            return false;
        }
        self.vouched.remove(&domain);
        for (_, machine) in &self.groups[group].targets {
            if let Some(known) = self.machines.get_mut(machine) {
                known.own_words.is_asked_for = true;
            }
        }
        self.counts.take_in();
        self.domains[domain].push(&control(address));
        if !fits {
            self.update_catch_all(domain, CatchAll::ask_again, now);
        }
        self.offer_domain(domain, now);
        true
    }

    /// Whether each recipient has a transaction of its own at a group.
    fn takes_one_at_a_time(&self, group: usize) -> bool {
        let wants = &self.groups[group];
        let caps = &self.hosts[wants.host].known.transaction_caps;
        let mut machines = wants.targets.iter().map(|(_, machine)| *machine);
        machines.any(|machine| caps.get(&machine) == Some(&1) || self.is_met_with_care(machine))
    }

    /// Whether a session has had a domain's decoy refused in words that nothing has explained yet, and may name another
    /// recipient that would explain them: in the open transaction, or in the next where each has one of its own.
    fn has_a_puzzle_open(&self, session: SessionId, domain: usize) -> bool {
        let t = &self.sessions[&session];
        let budget = self.draft(session).budget;
        let is_alone = budget.recipients_per_transaction == 1;
        let takes_another = if is_alone {
            t.spent.room(budget) > 0
        } else {
            let open = t.transaction.filter(|(open, _)| *open == domain);
            open.is_some_and(|(_, used)| used.may_name_another(budget))
        };
        let next = t.spent.transactions + u32::from(is_alone);
        let known = self.machines.get(&self.machine(session));
        let mut puzzles = known.iter().flat_map(|known| &known.own_words.puzzles);
        takes_another && puzzles.any(|puzzle| puzzle.is_explained_in(session, domain, next))
    }

    /// A decoy's answer is understood by what was answered in a conversation.
    fn understand(&mut self, session: SessionId, puzzle: &Puzzle, now: Timestamp) {
        let domain = puzzle.domain;
        let catch_all = &self.domains[domain].catch_all;
        if catch_all.state() == CatchAllState::CatchAll || catch_all.decoy_under_way() {
            return;
        }
        self.remember_unsure(session, Unsure::Decoy { domain });
        if self.weigh_decoy(puzzle.span, domain, &puzzle.heard, now) {
            let reading = &puzzle.heard.reading;
            self.update_catch_all(domain, |catch_all| catch_all.hear_decoy(reading, now), now);
            self.report_catch_all(domain);
        }
        self.offer_domain(domain, now);
    }

    /// A machine's replies may have belonged to other questions: what its words were taken to mean is forgotten.
    pub(super) fn forget_own_words(&mut self, machine: IpAddr) {
        if let Some(known) = self.machines.get_mut(&machine) {
            known.own_words = OwnWords::default();
        }
    }
}

impl OwnWords {
    fn remember(&mut self, words: Box<str>) {
        if self.understood.len() < limits::PUZZLES {
            self.understood.insert(words);
        }
    }
}
