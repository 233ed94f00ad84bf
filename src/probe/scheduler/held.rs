//! What is not told yet: an answer counts as long as nothing takes it back, and a run that is killed before that shows would
//! keep another one's.
//!
//! What is learned by an answer that settles the matter waits here
//!
//! - until its order is sure: at a machine that has not shown yet that it keeps in step, until the conversation is over, or a
//!   later answer shows it; elsewhere until the next batch has been answered in step, or the conversation rests;
//! - where its machine may have turned, until that is tested, or the conversation is over;
//! - where that was not tested and the domain is not known yet for refusing strangers, until it is known for what it is.
//!
//! What is taken back before that was never told: whoever goes on after a kill asks again.

use std::collections::HashMap;

use super::{Event, Scheduler, SessionId};
use crate::model::reading::Reading;
use crate::model::timestamp::Timestamp;
use crate::probe::Party;

/// What is to show before something is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Until {
    /// That a conversation is in step.
    InStep(SessionId),
    /// That the machine of a conversation has not turned.
    NotTurned(SessionId),
    /// How a domain treats strangers.
    Strangers(usize),
}

/// What waits to be told.
#[derive(Debug, Default)]
pub(super) struct Held {
    /// By the keys of addresses: what is to show.
    addresses: HashMap<Box<str>, Until>,
    /// The same by the domains of decoys.
    domains: HashMap<Box<str>, Until>,
    bundles: HashMap<Until, Bundle>,
}

/// What waits for one thing to show.
#[derive(Debug, Default)]
struct Bundle {
    parties: Vec<Party>,
    /// All that was learned of them since, in its order.
    learned: Vec<Event>,
}

/// What an event is about, where it may be held back.
enum About<'a> {
    Address(&'a str),
    Domain(&'a str),
    Nobody,
}

impl About<'_> {
    fn of(learned: &Event) -> About<'_> {
        match learned {
            Event::Address { key, .. } | Event::Waiting { key, .. } => About::Address(key),
            Event::Domain { name, .. } | Event::CatchAll { name, .. } => About::Domain(name),
            Event::TakenBack { party, .. } => match party {
                Party::Address(key) => About::Address(key),
                Party::Decoy(name) => About::Domain(name),
            },
            Event::Host { .. }
            | Event::Doubted { .. }
            | Event::Stranded { .. }
            | Event::Left { .. }
            | Event::Blocked { .. } => About::Nobody,
        }
    }

    fn is(&self, party: &Party) -> bool {
        match (self, party) {
            (About::Address(key), Party::Address(other)) => **key == **other,
            (About::Domain(name), Party::Decoy(other)) => **name == **other,
            (About::Address(_) | About::Domain(_) | About::Nobody, _) => false,
        }
    }
}

impl Held {
    fn awaited(&self, about: &About<'_>) -> Option<Until> {
        match about {
            About::Address(key) => self.addresses.get(*key).copied(),
            About::Domain(name) => self.domains.get(*name).copied(),
            About::Nobody => None,
        }
    }

    /// Keeps back what is learned of `party` from now on, and what is kept back of it already.
    pub(super) fn hold(&mut self, party: Party, until: Until) {
        let before = self.forget(&party).unwrap_or_default();
        self.await_for(&party, until);
        let bundle = self.bundles.entry(until).or_default();
        bundle.parties.push(party);
        bundle.learned.extend(before);
    }

    fn await_for(&mut self, party: &Party, until: Until) {
        match party {
            Party::Address(key) => self.addresses.insert(key.clone(), until),
            Party::Decoy(name) => self.domains.insert(name.clone(), until),
        };
    }

    /// One thing has shown, for those who waited for it: now they wait for another.
    fn pass_on(&mut self, from: Until, to: Until) {
        let Some(passed) = self.bundles.remove(&from) else {
            return;
        };
        for party in &passed.parties {
            self.await_for(party, to);
        }
        let bundle = self.bundles.entry(to).or_default();
        bundle.parties.extend(passed.parties);
        bundle.learned.extend(passed.learned);
    }

    /// Keeps an event about an address or decoy whose events are held back. Returns an event that may be told at once.
    fn keep(&mut self, learned: Event) -> Option<Event> {
        let Some(until) = self.awaited(&About::of(&learned)) else {
            return Some(learned);
        };
        self.bundles.entry(until).or_default().learned.push(learned);
        None
    }

    /// What may be told, for what it waited for has shown.
    fn release(&mut self, until: Until) -> Vec<Event> {
        let Some(bundle) = self.bundles.remove(&until) else {
            return Vec::new();
        };
        for party in &bundle.parties {
            match party {
                Party::Address(key) => self.addresses.remove(key),
                Party::Decoy(name) => self.domains.remove(name),
            };
        }
        bundle.learned
    }

    /// Forgets what was to be told of `party`, if it was kept back. Returns that.
    fn forget(&mut self, party: &Party) -> Option<Vec<Event>> {
        let until = match party {
            Party::Address(key) => self.addresses.remove(key),
            Party::Decoy(name) => self.domains.remove(name),
        }?;
        let bundle = self.bundles.get_mut(&until)?;
        bundle.parties.retain(|other| other != party);
        let forgotten = |learned: &mut Event| About::of(learned).is(party);
        Some(bundle.learned.extract_if(.., forgotten).collect())
    }
}

impl Scheduler {
    /// Tells what was learned, now or when it is sure.
    pub(super) fn tell(&mut self, learned: Event) {
        self.learned.extend(self.held.keep(learned));
    }

    /// Keeps back what is learned of `party` until something shows.
    pub(super) fn hold(&mut self, party: Party, until: Until) {
        self.held.hold(party, until);
    }

    /// Tells what waited for something that has shown.
    pub(super) fn tell_held(&mut self, until: Until) {
        let learned = self.held.release(until);
        self.learned.extend(learned);
    }

    /// The machine of a conversation has not turned: what it accepted is told once that is sure to be in step.
    pub(super) fn has_not_turned(&mut self, session: SessionId) {
        self.held
            .pass_on(Until::NotTurned(session), Until::InStep(session));
    }

    /// A further batch of a conversation was answered, or it rests: what was answered before is told where the machine keeps
    /// in step.
    pub(super) fn has_gone_on(&mut self, session: SessionId) {
        if self.sessions.contains_key(&session) && self.keeps_in_step(session) {
            self.tell_held(Until::InStep(session));
        }
    }

    /// Takes back what `party` was answered last: it is `reading` from now on. What was never told is told no more; returns
    /// whether it was.
    pub(super) fn untell(&mut self, party: Party, reading: Reading, now: Timestamp) -> bool {
        if self.held.forget(&party).is_some() {
            return false;
        }
        self.learned.push(Event::TakenBack {
            party,
            reading,
            at: now,
        });
        true
    }
}
