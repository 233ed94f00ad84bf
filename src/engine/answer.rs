//! Answers: what was learned for an order, in the order in which it was learned.

use serde::{Deserialize, Serialize};

use super::run_id::RunId;
use super::wire::{self, Unreadable};
use crate::probe::Asked;
use crate::probe::scheduler::Event;

/// What became of an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// All its addresses are settled, or left for this run.
    Done,
    /// What is left of it went out anew, as this attempt.
    GoesOn {
        /// Which.
        attempt: u32,
    },
    /// It cannot be carried out as it is.
    Refused {
        /// Why.
        words: String,
    },
}

/// Some of what was learned for an order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answers {
    /// Whose order it is.
    pub run: RunId,
    /// Which one.
    pub number: u64,
    /// Which time it went out.
    pub attempt: u32,
    /// Who asked: the worker's name with how often the order was handed out, so that what two of them say of one
    /// attempt is told apart.
    pub by: String,
    /// Which of that one's answers these are, from 1. What was learned of one address in several steps must not be held
    /// for the same answer twice, so it is this, not the address, that makes an answer the same.
    pub place: u64,
    /// What was learned.
    pub events: Vec<Event>,
    /// How the order ended, where these are the last answers to this attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
}

/// The worker's name in what [`Answers::by`] tells.
#[must_use]
pub fn worker_of(by: &str) -> &str {
    by.rsplit_once('.').map_or(by, |(worker, _)| worker)
}

impl Answers {
    /// The name of the worker that gave them.
    #[must_use]
    pub fn worker(&self) -> &str {
        worker_of(&self.by)
    }

    /// By what answers are the same as others.
    #[must_use]
    pub fn id(&self) -> String {
        let Answers {
            run,
            number,
            attempt,
            by,
            place,
            ..
        } = self;
        format!("{run}.{number}.{attempt}.{by}.{place}")
    }

    /// Whether they name a person, by the key of an address, or an address of a domain, by `@` with its name.
    #[must_use]
    pub fn names(&self, key: &str) -> bool {
        self.events
            .iter()
            .any(|event| person(event).is_some_and(|named| is_meant(named, key)))
    }

    /// The same without a person.
    #[must_use]
    pub fn without(&self, key: &str) -> Self {
        let mut answers = self.clone();
        answers
            .events
            .retain(|event| !person(event).is_some_and(|named| is_meant(named, key)));
        answers
    }

    /// As they are written.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        wire::encode(self)
    }

    /// Reads answers.
    ///
    /// # Errors
    ///
    /// When they were written by another version, or are none.
    pub fn decode(bytes: &[u8]) -> Result<Self, Unreadable> {
        wire::decode(bytes)
    }
}

/// Whether the person `named` is the one of that key, or of the domain where `key` is `@` with a domain.
#[must_use]
pub fn is_meant(named: &str, key: &str) -> bool {
    if key.starts_with('@') {
        named.ends_with(key)
    } else {
        named == key
    }
}

/// The person whom something that was learned is about, by the key of an address.
#[must_use]
pub fn person(event: &Event) -> Option<&str> {
    match event {
        Event::Address { key, .. } | Event::Waiting { key, .. } => Some(key),
        Event::TakenBack {
            asked: Asked::Address(key),
            ..
        } => Some(key),
        Event::TakenBack {
            asked: Asked::Decoy(_),
            ..
        }
        | Event::Domain { .. }
        | Event::Host { .. }
        | Event::CatchAll { .. }
        | Event::Doubted { .. }
        | Event::Stranded { .. }
        | Event::Left { .. }
        | Event::Blocked { .. } => None,
    }
}
