//! Decoys refused for good in words that say nothing: an acceptance in the same transaction explains them, whichever came
//! first.

use super::integrity::streak::Span;
use super::unsure::Unsure;
use super::{Asked, Heard, Scheduler, SessionId};
use crate::model::timestamp::Timestamp;
use crate::probe::{CatchAllState, refused_beside_an_acceptance};

/// A decoy's answer that an acceptance beside it would explain.
#[derive(Debug)]
pub(super) struct Puzzle {
    domain: usize,
    /// Which transaction of its conversation asked, from 1.
    transaction: u32,
    span: Span,
    /// The answer as it is read beside an acceptance.
    heard: Heard,
}

impl Puzzle {
    /// The puzzle that the answer to a domain's first decoy sets, if it does.
    pub(super) fn of(span: Span, asked: &Asked, heard: &Heard) -> Option<Box<Self>> {
        let reading = refused_beside_an_acceptance(&heard.reading, heard.exchange.code)?;
        Some(Box::new(Puzzle {
            domain: asked.domain,
            transaction: asked.transaction,
            span,
            heard: Heard {
                reading,
                ..heard.clone()
            },
        }))
    }
}

impl Scheduler {
    /// An address was accepted: a decoy of its domain that was refused in the same transaction was refused for itself.
    pub(super) fn understand_the_decoy(
        &mut self,
        session: SessionId,
        domain: usize,
        transaction: u32,
        now: Timestamp,
    ) {
        let is_beside =
            |puzzle: &mut Box<Puzzle>| (puzzle.domain, puzzle.transaction) == (domain, transaction);
        let Some(puzzle) = self.session(session).puzzle.take_if(is_beside) else {
            return;
        };
        if self.domains[domain].strangers.openness() == CatchAllState::CatchAll {
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
}
