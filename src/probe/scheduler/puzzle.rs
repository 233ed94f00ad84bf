//! Decoys refused for good in words that say nothing: an acceptance in the same transaction explains them, whichever
//! came first. Words that are understood once mean the same whenever their machine says them of a decoy.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::integrity::streak::Span;
use super::unsure::Unsure;
use super::{Asking, Awaited, Heard, Scheduler, SessionId};
use crate::model::limits;
use crate::model::timestamp::Timestamp;
use crate::model::verdict::Exchange;
use crate::probe::{CatchAllState, refused_beside_an_acceptance};

/// The words with which a machine refuses unknown recipients, where no rule knows them.
#[derive(Debug, Default)]
pub(super) struct OwnWords {
    understood: BTreeSet<Box<str>>,
    /// Decoys that were refused in words which nothing has explained yet.
    puzzles: Vec<Puzzle>,
}

/// A decoy's answer that an acceptance beside it would explain.
#[derive(Debug)]
struct Puzzle {
    domain: usize,
    /// Which transaction of its conversation asked, from 1.
    transaction: u32,
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

impl Scheduler {
    /// What was said of a decoy, where it means more than its words: beside an acceptance in the same transaction, or
    /// in words that the same machine was heard to use so. Across transactions a limit on recipients may lie between
    /// the two; so it may before a late decoy, which comes after many acceptances.
    pub(super) fn heard_of_a_decoy(
        &mut self,
        session: SessionId,
        asked: &Awaited,
        heard: &Heard,
    ) -> Option<Heard> {
        if matches!(asked.whom, Asking::Subject(_)) {
            return None;
        }
        let reading = refused_beside_an_acceptance(&heard.reading, heard.exchange.code)?;
        let is_first = matches!(asked.whom, Asking::Decoy);
        let is_beside = is_first && self.sessions[&session].welcomed == asked.transaction;
        let machine = self.machine(session);
        let own = &mut self.machines.entry(machine).or_default().own_words;
        let words = words(&heard.exchange);
        if is_beside && let Some(words) = words.clone() {
            own.remember(words);
        }
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
            span,
            words: words(&heard.exchange).unwrap_or_default(),
            heard: Heard {
                reading,
                ..heard.clone()
            },
        });
    }

    /// An address was accepted: a decoy of its domain that was refused in the same transaction was refused for itself.
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
        let is_beside = |puzzle: &&Puzzle| {
            puzzle.span.session == session
                && (puzzle.domain, puzzle.transaction) == (domain, transaction)
        };
        let Some(beside) = own.puzzles.iter().find(is_beside) else {
            return;
        };
        let words = beside.words.clone();
        let is_understood = |puzzle: &mut Puzzle| {
            is_beside(&&*puzzle) || (!words.is_empty() && puzzle.words == words)
        };
        let understood: Vec<Puzzle> = own.puzzles.extract_if(.., is_understood).collect();
        if !words.is_empty() {
            own.remember(words);
        }
        for puzzle in understood {
            self.understand(session, &puzzle, now);
        }
    }

    /// A decoy's answer is understood by what was answered in a conversation.
    fn understand(&mut self, session: SessionId, puzzle: &Puzzle, now: Timestamp) {
        let domain = puzzle.domain;
        let strangers = &self.domains[domain].strangers;
        if strangers.openness() == CatchAllState::CatchAll || strangers.decoy_under_way() {
            return;
        }
        self.is_unsure(session, Unsure::Decoy { domain });
        if self.weigh_decoy(puzzle.span, domain, &puzzle.heard, now) {
            let reading = &puzzle.heard.reading;
            self.hear_of_strangers(domain, |strangers| strangers.hear_decoy(reading, now), now);
            self.tell_of_strangers(domain);
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
