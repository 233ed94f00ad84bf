//! One domain of the list: which addresses wait in it, what may be asked about it now.

use std::collections::VecDeque;
use std::sync::Arc;

use super::listed::Listed;
use super::packed_queue::Packed;
use super::{Look, Subject};
use crate::model::limits;
use crate::model::timestamp::Timestamp;
use crate::probe::{CatchAll, CatchAllState, Likelihood, Spent, next_kind};

/// A domain of the list, with the addresses of it that wait.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own about the domain"
)]
pub(super) struct Entry {
    pub(super) name: Arc<str>,
    /// The group of its mail hosts, once they are known.
    pub(super) group: Option<usize>,
    /// Whether DNS gave no usable answer to the question where another mail host of it is.
    pub(super) misses_hosts: bool,
    /// Whether no address of it can be asked about: DNS settled it.
    pub(super) closed: bool,
    /// Whether it stands in its group's queue.
    pub(super) listed: bool,
    /// Whether it goes before the others once it does: a client waits for the answer of an address in it.
    pub(super) goes_first: bool,
    /// What is known of how it answers for unknown recipients.
    pub(super) catch_all: CatchAll,
    /// Its addresses that were accepted, that were refused for good.
    answers: [u32; 2],
    /// How its addresses were answered, while no decoy was asked about.
    pub(super) listed_answers: Option<Box<Listed>>,
    /// Questions under way, the decoy's included.
    pub(super) under_way: u32,
    /// Whether an address was told to come back: then the clocks of all are started at once.
    pub(super) keeps_waiting: bool,
    /// The system of mailboxes that it is one name of.
    pub(super) system: Option<usize>,
    /// Whether the decoy of another name of that system is awaited.
    pub(super) waits_for_its_system: bool,
    /// Whether its mail hosts are known to refuse no recipient.
    pub(super) refuses_nobody: bool,
    /// Whether its decoy was answered in a session that has not ended yet: no address is settled by that answer alone.
    pub(super) unsure: bool,
    /// How many more decoys were asked about after many acceptances in a row.
    pub(super) late_decoys: u32,
    /// How many of its addresses its host's index counts as waiting: now, later.
    pub(super) booked: [u32; 2],
    /// Questions of it that its group's index counts as askable.
    pub(super) askable: u32,
    /// The first moment at which it is to be looked at, as far as there is one noted.
    pub(super) next_wake: Option<Timestamp>,
    good: Packed,
    /// Most domains have no address of the kinds in here.
    rare: Option<Box<Rare>>,
    /// Those to be asked about later, by moment, with how many they are.
    later: VecDeque<(Timestamp, Packed)>,
    later_count: u32,
    /// Attempts at resolving it that failed.
    resolutions: u8,
    /// Why the last of them did.
    trouble: Option<Box<str>>,
}

/// Addresses of kinds that wait in few domains.
#[derive(Debug, Default)]
struct Rare {
    /// Addresses known to exist: they test the host, before any other.
    controls: Packed,
    /// Addresses whose question was lost.
    first: Packed,
    bad: Packed,
}

impl Rare {
    fn is_empty(&self) -> bool {
        self.controls.is_empty() && self.first.is_empty() && self.bad.is_empty()
    }
}

/// A question that may be put now.
#[derive(Debug)]
pub(super) enum Question {
    Decoy,
    Subject(Subject),
}

impl Entry {
    pub(super) fn new(name: Arc<str>) -> Self {
        Entry {
            name,
            group: None,
            misses_hosts: false,
            closed: false,
            listed: false,
            goes_first: false,
            catch_all: CatchAll::default(),
            answers: [0; 2],
            listed_answers: None,
            under_way: 0,
            keeps_waiting: false,
            system: None,
            waits_for_its_system: false,
            refuses_nobody: false,
            unsure: false,
            late_decoys: 0,
            booked: [0; 2],
            askable: 0,
            next_wake: None,
            good: Packed::default(),
            rare: None,
            later: VecDeque::new(),
            later_count: 0,
            resolutions: 0,
            trouble: None,
        }
    }

    /// What is left of a domain that DNS settled.
    pub(super) fn spent(name: Arc<str>) -> Self {
        let mut entry = Entry::new(name);
        entry.closed = true;
        entry.catch_all.give_up();
        entry
    }

    /// Whether it is as [`Entry::spent`] makes it, in all that can matter any more.
    pub(super) fn is_spent(&self) -> bool {
        let mut catch_all = CatchAll::default();
        catch_all.give_up();
        let nobody_waits = self.waiting_now() == 0 && self.waiting_later() == 0;
        let is_unasked = self.under_way == 0 && self.answers == [0; 2];
        self.closed
            && self.group.is_none()
            && self.system.is_none()
            && self.next_wake.is_none()
            && !self.keeps_waiting
            && nobody_waits
            && is_unasked
            && self.catch_all == catch_all
    }

    /// Notes that one of its addresses was accepted.
    pub(super) fn accepted(&mut self) {
        self.answers[0] += 1;
    }

    /// Whether one of its addresses was accepted.
    pub(super) fn has_accepted(&self) -> bool {
        self.answers[0] > 0
    }

    /// Notes that one of its addresses was refused for good.
    pub(super) fn refused(&mut self) {
        self.answers[1] += 1;
    }

    /// How likely the addresses that are asked about next exist: those at the front, in the order that the domain's
    /// answers so far suggest.
    pub(super) fn likelihood(&self) -> Likelihood {
        let [accepted, refused] = self.answers;
        let first = |rare: &Rare| rare.controls.len() + rare.first.len();
        let first = self.rare.as_deref().map_or(0, first);
        if first == 0 && self.good.is_empty() {
            Likelihood::Bad
        } else {
            Likelihood::by_answers(accepted, refused)
        }
    }

    /// Adds an address to ask about.
    pub(super) fn push(&mut self, subject: &Subject) {
        match (subject.look, subject.likelihood) {
            (Look::Control, _) => self.rare().controls.push_back(subject),
            (Look::First | Look::Second, Likelihood::Good) => self.good.push_back(subject),
            (Look::First | Look::Second, Likelihood::Bad) => {
                self.rare().bad.push_back(subject);
            }
        }
    }

    /// Puts an address back whose question was not put.
    pub(super) fn push_front(&mut self, subject: &Subject) {
        match subject.look {
            Look::Control => self.rare().controls.push_front(subject),
            Look::First | Look::Second => self.rare().first.push_front(subject),
        }
    }

    fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    /// Adds an address to ask about at `at`.
    pub(super) fn push_later(&mut self, at: Timestamp, subject: &Subject) {
        self.later_count += 1;
        // Most come in the order of their moments, and many share one: those deferred in one batch.
        let place = self.later.partition_point(|(earlier, _)| *earlier < at);
        match self.later.get_mut(place) {
            Some((same, there)) if *same == at => there.push_back(subject),
            Some(_) | None => {
                let mut alone = Packed::default();
                alone.push_back(subject);
                if self.later.len() == self.later.capacity() {
                    self.later.reserve_exact(1.max(self.later.len() / 2));
                }
                self.later.insert(place, (at, alone));
            }
        }
    }

    /// Whether an address known to exist is to be asked about.
    pub(super) fn has_a_control(&self) -> bool {
        let rare = self.rare.as_ref();
        rare.is_some_and(|rare| !rare.controls.is_empty())
    }

    /// How many wait here now.
    pub(super) fn waiting_now(&self) -> usize {
        let rare = self.rare.as_ref().map_or(0, |rare| {
            rare.controls.len() + rare.first.len() + rare.bad.len()
        });
        rare + self.good.len()
    }

    /// How many wait here for a later moment.
    pub(super) fn waiting_later(&self) -> usize {
        self.later_count as usize
    }

    /// The first moment after `now` at which something changes by itself: an address has become due, or the decoy.
    pub(super) fn first_later(&self, now: Timestamp) -> Option<Timestamp> {
        let subject = self.later.front().map(|(at, _)| *at);
        let decoy = self.catch_all.decoy_due().filter(|&due| due > now);
        match (subject, decoy) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    /// The last moment that an address in it waits for, or its decoy; `now` where none waits.
    pub(super) fn last_later(&self, now: Timestamp) -> Timestamp {
        let subject = self.later.back().map_or(now, |(at, _)| *at);
        subject
            .max(self.catch_all.decoy_due().unwrap_or(now))
            .max(now)
    }

    /// Whether another attempt at resolving it is worth it after one that failed for this reason. Where the last one of
    /// them failed for another reason than the one before, neither is to be relied on: once more.
    pub(super) fn resolved_badly(&mut self, why: &str) -> bool {
        self.resolutions += 1;
        let before = self.trouble.replace(why.into());
        let differs = before.is_some_and(|before| *before != *why);
        self.resolutions < limits::RESOLUTIONS + u8::from(differs)
    }

    /// Brings forward the addresses whose moment has come.
    pub(super) fn wake(&mut self, now: Timestamp) {
        while self.later.front().is_some_and(|(at, _)| *at <= now) {
            let Some((_, mut due)) = self.later.pop_front() else {
                break;
            };
            let name = Arc::clone(&self.name);
            self.later_count -= u32::try_from(due.len()).unwrap_or(u32::MAX);
            due.drain(&name).for_each(|subject| self.push(&subject));
        }
        if self.later.is_empty() {
            self.later = VecDeque::new();
        }
    }

    /// Whether what is known of the domain settles every address in it, but for a few that may be its exceptions.
    pub(super) fn is_settled_as_a_whole(&self) -> bool {
        self.closed || self.catch_all.state() == CatchAllState::CatchAll
    }

    /// How many more of its least likely addresses are asked about although it is a catch-all.
    fn exceptions_left(&self) -> usize {
        let left = usize::from(self.catch_all.exceptions_left());
        if self.closed || self.refuses_nobody {
            0
        } else {
            left.saturating_sub(self.under_way as usize)
        }
    }

    /// How many of those may be asked about now.
    fn exceptions_now(&self) -> usize {
        let bad = self.rare.as_ref().map_or(0, |rare| rare.bad.len());
        self.exceptions_left().min(bad)
    }

    /// Puts those of `waiting` back that are asked about although the domain is a catch-all. Returns the others.
    pub(super) fn keep_exceptions(&mut self, waiting: Vec<Subject>) -> Vec<Subject> {
        let mut left = self.exceptions_left();
        let mut settled = Vec::new();
        for subject in waiting {
            let is_one = subject.likelihood == Likelihood::Bad && subject.look == Look::First;
            if is_one && left > 0 {
                left -= 1;
                self.push(&subject);
            } else {
                settled.push(subject);
            }
        }
        settled
    }

    /// Takes all waiting addresses out of the domain.
    pub(super) fn drain(&mut self) -> Vec<Subject> {
        let name = &*self.name;
        let mut rare = self.rare.take().unwrap_or_default();
        let mut all: Vec<Subject> = rare.controls.drain(name).collect();
        all.extend(rare.first.drain(name));
        all.extend(self.good.drain(name));
        all.extend(rare.bad.drain(name));
        self.later_count = 0;
        for (_, mut packed) in std::mem::take(&mut self.later) {
            all.extend(packed.drain(name));
        }
        all
    }

    /// Takes all waiting addresses out of the domain, each with the moment before which it is not to be asked about; the
    /// epoch where it may be at once.
    pub(super) fn drain_with_times(&mut self) -> Vec<(Timestamp, Subject)> {
        let later = std::mem::take(&mut self.later);
        self.later_count = 0;
        let now = self.drain().into_iter();
        let mut all: Vec<_> = now.map(|subject| (Timestamp::default(), subject)).collect();
        for (at, mut packed) in later {
            all.extend(packed.drain(&self.name).map(|subject| (at, subject)));
        }
        all
    }

    /// How many questions about real addresses may be put now; `greylisting` when the host greylists.
    pub(super) fn askable_now(&self, greylisting: bool) -> usize {
        if self.is_settled_as_a_whole() {
            return self.exceptions_now();
        }
        let waiting = self.waiting_now();
        if self.keeps_waiting || greylisting || self.catch_all.may_ask_together() {
            return waiting;
        }
        // The domain may yet turn out to be a catch-all: one question at a time shows it with the fewest.
        let alone = self.under_way == 0 && self.catch_all.decoy_due().is_none();
        usize::from(alone).min(waiting)
    }

    /// Whether something may be asked now.
    pub(super) fn has_question(&self, greylisting: bool, now: Timestamp) -> bool {
        self.decoy_is_due(now) || self.askable_now(greylisting) > 0
    }

    pub(super) fn decoy_is_due(&self, now: Timestamp) -> bool {
        !self.is_settled_as_a_whole()
            && !self.waits_for_its_system
            && self.catch_all.decoy_due().is_some_and(|due| due <= now)
    }

    /// Takes the next question that may be put; `spent` and `asked` tell what the connection has been used for.
    pub(super) fn take_question(
        &mut self,
        greylisting: bool,
        spent: Spent,
        asked: [u32; 2],
        now: Timestamp,
    ) -> Option<Question> {
        // An address known to exist goes first, for the decoy fits whatever transaction that wants.
        let control_first = self.has_a_control() && self.askable_now(greylisting) > 0;
        if self.decoy_is_due(now) && !control_first {
            self.catch_all.asking_decoy();
            self.under_way += 1;
            return Some(Question::Decoy);
        }
        if self.askable_now(greylisting) == 0 {
            return None;
        }
        let name = &*self.name;
        let only_exceptions = self.catch_all.state() == CatchAllState::CatchAll;
        let (first, bad) = match &mut self.rare {
            Some(rare) if only_exceptions => (rare.bad.pop_front(name), None),
            Some(rare) => {
                let control = rare.controls.pop_front(name);
                let first = control.or_else(|| rare.first.pop_front(name));
                (first, Some(&mut rare.bad))
            }
            None => (None, None),
        };
        let subject = match (first, bad) {
            (Some(subject), _) => Some(subject),
            (None, Some(bad)) => match next_kind(spent, asked, self.good.len(), bad.len()) {
                Likelihood::Good => self.good.pop_front(name),
                Likelihood::Bad => bad.pop_front(name),
            },
            (None, None) => self.good.pop_front(name),
        }?;
        if self.rare.as_ref().is_some_and(|rare| rare.is_empty()) {
            self.rare = None;
        }
        self.under_way += 1;
        Some(Question::Subject(subject))
    }
}
