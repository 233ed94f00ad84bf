//! One domain of the list: who waits in it, what may be asked about it now.

use std::collections::{BTreeMap, VecDeque};

use super::Subject;
use crate::limits;
use crate::moment::Moment;
use crate::probe::{Openness, Strangers};

/// One domain.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) name: Box<str>,
    /// The group of its mail hosts, once they are known.
    pub(super) group: Option<usize>,
    /// Whether nobody can be asked: DNS settled it.
    pub(super) closed: bool,
    /// Whether it stands in its group's queue.
    pub(super) listed: bool,
    /// What is known of how it treats strangers.
    pub(super) strangers: Strangers,
    /// Questions under way, the decoy's included.
    pub(super) under_way: u32,
    /// Whether somebody was told to come back: then everybody's clock is started at once.
    pub(super) keeps_waiting: bool,
    queue: VecDeque<Subject>,
    later: BTreeMap<(Moment, u64), Subject>,
    resolutions: u8,
    sequence: u64,
}

/// A question that may be put now.
#[derive(Debug)]
pub(super) enum Question {
    Decoy,
    Subject(Subject),
}

impl Entry {
    pub(super) fn new(name: &str) -> Self {
        Entry {
            name: name.into(),
            group: None,
            closed: false,
            listed: false,
            strangers: Strangers::default(),
            under_way: 0,
            keeps_waiting: false,
            queue: VecDeque::new(),
            later: BTreeMap::new(),
            resolutions: 0,
            sequence: 0,
        }
    }

    /// Adds somebody to ask about.
    pub(super) fn push(&mut self, subject: Subject) {
        self.queue.push_back(subject);
    }

    /// Puts somebody back whose question was not put.
    pub(super) fn push_front(&mut self, subject: Subject) {
        self.queue.push_front(subject);
    }

    /// Adds somebody to ask about at `at`.
    pub(super) fn push_later(&mut self, at: Moment, subject: Subject) {
        self.sequence += 1;
        self.later.insert((at, self.sequence), subject);
    }

    /// How many wait here now.
    pub(super) fn waiting_now(&self) -> usize {
        self.queue.len()
    }

    /// How many wait here for a later moment, with the first of those moments.
    pub(super) fn waiting_later(&self) -> (usize, Option<Moment>) {
        (
            self.later.len(),
            self.later.keys().next().map(|(at, _)| *at),
        )
    }

    /// Whether another attempt at resolving it is worth it after one that failed.
    pub(super) fn resolved_badly(&mut self) -> bool {
        self.resolutions += 1;
        self.resolutions < limits::RESOLUTIONS
    }

    /// Brings forward those whose moment has come.
    pub(super) fn wake(&mut self, now: Moment) {
        while let Some(entry) = self.later.first_entry() {
            if entry.key().0 > now {
                break;
            }
            self.queue.push_back(entry.remove());
        }
    }

    /// Whether what is known of the domain settles everybody in it.
    pub(super) fn is_settled_as_a_whole(&self) -> bool {
        self.closed || self.strangers.openness() == Openness::CatchAll
    }

    /// Empties the domain of those who wait.
    pub(super) fn drain(&mut self) -> Vec<Subject> {
        let later = std::mem::take(&mut self.later);
        self.queue.drain(..).chain(later.into_values()).collect()
    }

    /// Whether something may be asked now.
    pub(super) fn has_question(&self, now: Moment) -> bool {
        if self.is_settled_as_a_whole() {
            return false;
        }
        self.strangers.decoy_due().is_some_and(|due| due <= now)
            || (!self.queue.is_empty() && self.may_ask_subject())
    }

    /// Whether a real address may be asked about beside what is under way: where the domain may yet turn out to take
    /// everybody, one question at a time shows it with the fewest.
    fn may_ask_subject(&self) -> bool {
        let alone = self.under_way == 0 && self.strangers.decoy_due().is_none();
        alone || self.keeps_waiting || self.strangers.may_ask_together()
    }

    /// Takes the next question that may be put.
    pub(super) fn take_question(&mut self, now: Moment) -> Option<Question> {
        if self.is_settled_as_a_whole() {
            return None;
        }
        if self.strangers.decoy_due().is_some_and(|due| due <= now) {
            self.strangers.asking_decoy();
            self.under_way += 1;
            return Some(Question::Decoy);
        }
        if !self.may_ask_subject() {
            return None;
        }
        let subject = self.queue.pop_front()?;
        self.under_way += 1;
        Some(Question::Subject(subject))
    }
}
