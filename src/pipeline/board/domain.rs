//! One domain of the list: who waits in it, what may be asked about it now.

use std::collections::{BTreeMap, VecDeque};

use super::{Look, Subject};
use crate::limits;
use crate::moment::Moment;
use crate::probe::{Likelihood, Openness, Spent, Strangers, next_kind};

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
    /// Its addresses that were accepted, that were refused for good.
    answers: [u32; 2],
    /// Questions under way, the decoy's included.
    pub(super) under_way: u32,
    /// Whether somebody was told to come back: then everybody's clock is started at once.
    pub(super) keeps_waiting: bool,
    /// How many more decoys were asked about after many acceptances in a row.
    pub(super) late_decoys: u32,
    /// How many of its addresses its host's books count as waiting: now, later.
    pub(super) booked: [usize; 2],
    /// Questions of it that its group's books count as askable.
    pub(super) askable: usize,
    /// The first moment at which it is to be looked at, as far as there is one noted.
    pub(super) next_wake: Option<Moment>,
    /// Those who are asked before anybody else: questions that were lost, control addresses.
    first: VecDeque<Subject>,
    good: VecDeque<Subject>,
    bad: VecDeque<Subject>,
    later: BTreeMap<(Moment, u32), Subject>,
    resolutions: u8,
    sequence: u32,
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
            answers: [0; 2],
            under_way: 0,
            keeps_waiting: false,
            late_decoys: 0,
            booked: [0; 2],
            askable: 0,
            next_wake: None,
            first: VecDeque::new(),
            good: VecDeque::new(),
            bad: VecDeque::new(),
            later: BTreeMap::new(),
            resolutions: 0,
            sequence: 0,
        }
    }

    /// Notes that one of its addresses was accepted.
    pub(super) fn accepted(&mut self) {
        self.answers[0] += 1;
    }

    /// Notes that one of its addresses was refused for good.
    pub(super) fn refused(&mut self) {
        self.answers[1] += 1;
    }

    /// How likely those exist who are asked about next: whoever waits first, as the domain's answers so far have it.
    pub(super) fn likelihood(&self) -> Likelihood {
        let [accepted, refused] = self.answers;
        match self.first.is_empty() && self.good.is_empty() {
            true => Likelihood::Bad,
            false => Likelihood::by_answers(accepted, refused),
        }
    }

    /// Adds somebody to ask about.
    pub(super) fn push(&mut self, subject: Subject) {
        match (subject.look, subject.likelihood) {
            (Look::Control, _) => self.first.push_back(subject),
            (Look::First | Look::Second, Likelihood::Good) => self.good.push_back(subject),
            (Look::First | Look::Second, Likelihood::Bad) => self.bad.push_back(subject),
        }
    }

    /// Puts somebody back whose question was not put.
    pub(super) fn push_front(&mut self, subject: Subject) {
        self.first.push_front(subject);
    }

    /// Adds somebody to ask about at `at`.
    pub(super) fn push_later(&mut self, at: Moment, subject: Subject) {
        self.sequence += 1;
        self.later.insert((at, self.sequence), subject);
    }

    /// How many wait here now.
    pub(super) fn waiting_now(&self) -> usize {
        self.first.len() + self.good.len() + self.bad.len()
    }

    /// How many wait here for a later moment.
    pub(super) fn waiting_later(&self) -> usize {
        self.later.len()
    }

    /// The first moment after `now` at which something changes by itself: somebody's time has come, or the decoy's.
    pub(super) fn first_later(&self, now: Moment) -> Option<Moment> {
        let subject = self.later.keys().next().map(|(at, _)| *at);
        let decoy = self.strangers.decoy_due().filter(|&due| due > now);
        match (subject, decoy) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
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
            let subject = entry.remove();
            self.push(subject);
        }
    }

    /// Whether what is known of the domain settles everybody in it.
    pub(super) fn is_settled_as_a_whole(&self) -> bool {
        self.closed || self.strangers.openness() == Openness::CatchAll
    }

    /// Empties the domain of those who wait.
    pub(super) fn drain(&mut self) -> Vec<Subject> {
        let later = std::mem::take(&mut self.later);
        self.first
            .drain(..)
            .chain(self.good.drain(..))
            .chain(self.bad.drain(..))
            .chain(later.into_values())
            .collect()
    }

    /// How many questions about real addresses may be put now; `greylisting` when the host tells strangers to come
    /// back.
    pub(super) fn askable_now(&self, greylisting: bool) -> usize {
        if self.is_settled_as_a_whole() {
            return 0;
        }
        let waiting = self.waiting_now();
        if self.keeps_waiting || greylisting || self.strangers.may_ask_together() {
            return waiting;
        }
        // The domain may yet turn out to take everybody: one question at a time shows it with the fewest.
        let alone = self.under_way == 0 && self.strangers.decoy_due().is_none();
        usize::from(alone).min(waiting)
    }

    /// Whether something may be asked now.
    pub(super) fn has_question(&self, greylisting: bool, now: Moment) -> bool {
        self.decoy_is_due(now) || self.askable_now(greylisting) > 0
    }

    fn decoy_is_due(&self, now: Moment) -> bool {
        !self.is_settled_as_a_whole() && self.strangers.decoy_due().is_some_and(|due| due <= now)
    }

    /// Takes the next question that may be put; `spent` and `asked` tell what the connection has been used for.
    pub(super) fn take_question(
        &mut self,
        greylisting: bool,
        spent: Spent,
        asked: [u32; 2],
        now: Moment,
    ) -> Option<Question> {
        if self.decoy_is_due(now) {
            self.strangers.asking_decoy();
            self.under_way += 1;
            return Some(Question::Decoy);
        }
        if self.askable_now(greylisting) == 0 {
            return None;
        }
        let subject = match self.first.pop_front() {
            Some(subject) => Some(subject),
            None => match next_kind(spent, asked, self.good.len(), self.bad.len()) {
                Likelihood::Good => self.good.pop_front(),
                Likelihood::Bad => self.bad.pop_front(),
            },
        }?;
        self.under_way += 1;
        Some(Question::Subject(subject))
    }
}
