//! What is not told yet: an answer counts as long as nothing takes it back, and a run that is killed before that shows
//! would keep another one's.
//!
//! What is learned by an answer that settles the matter waits here
//!
//! - until its order is sure: at a machine that has not shown yet that it keeps in step, until the session is
//!   over, or a later answer shows it; elsewhere until the next batch has been answered in step, or the session
//!   rests;
//! - where its machine may have turned, until that is tested, or the session is over;
//! - where that was not tested and the domain is not known yet for refusing unknown recipients, until it is known for
//!   what it is.
//!
//! What is taken back before that was never told: a run that goes on after a kill asks again.

use std::collections::HashMap;

use super::{Event, Scheduler, SessionId};
use crate::model::reading::Reading;
use crate::model::timestamp::Timestamp;
use crate::probe::Asked;

/// What is to show before something is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Until {
    /// That a session is in step.
    InStep(SessionId),
    /// That the machine of a session has not turned.
    NotTurned(SessionId),
    /// How a domain treats unknown recipients.
    CatchAllSettled(usize),
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
    asked: Vec<Asked>,
    /// All that was learned of them since, in its order.
    events: Vec<Event>,
}

/// What an event is about, where it may be held back.
enum About<'a> {
    Address(&'a str),
    Domain(&'a str),
    Nobody,
}

impl About<'_> {
    fn of(event: &Event) -> About<'_> {
        match event {
            Event::Address { key, .. } | Event::Waiting { key, .. } => About::Address(key),
            Event::Domain { name, .. } | Event::CatchAll { name, .. } => About::Domain(name),
            Event::TakenBack { asked, .. } => match asked {
                Asked::Address(key) => About::Address(key),
                Asked::Decoy(name) => About::Domain(name),
            },
            Event::Host { .. }
            | Event::Doubted { .. }
            | Event::Stranded { .. }
            | Event::Left { .. }
            | Event::Blocked { .. } => About::Nobody,
        }
    }

    fn is(&self, asked: &Asked) -> bool {
        match (self, asked) {
            (About::Address(key), Asked::Address(other)) => **key == **other,
            (About::Domain(name), Asked::Decoy(other)) => **name == **other,
            (About::Address(_) | About::Domain(_) | About::Nobody, _) => false,
        }
    }
}

impl Held {
    /// The domains of which something is not told yet.
    pub(super) fn domains(&self) -> impl Iterator<Item = &str> {
        let of_addresses = self.addresses.keys().filter_map(|key| key.rsplit_once('@'));
        let of_addresses = of_addresses.map(|(_, domain)| domain);
        of_addresses.chain(self.domains.keys().map(|name| &**name))
    }

    fn awaited(&self, about: &About<'_>) -> Option<Until> {
        match about {
            About::Address(key) => self.addresses.get(*key).copied(),
            About::Domain(name) => self.domains.get(*name).copied(),
            About::Nobody => None,
        }
    }

    /// Keeps back what is learned of `asked` from now on, and what is kept back of it already.
    pub(super) fn hold(&mut self, asked: Asked, until: Until) {
        let before = self.forget(&asked).unwrap_or_default();
        self.await_for(&asked, until);
        let bundle = self.bundles.entry(until).or_default();
        bundle.asked.push(asked);
        bundle.events.extend(before);
    }

    fn await_for(&mut self, asked: &Asked, until: Until) {
        match asked {
            Asked::Address(key) => self.addresses.insert(key.clone(), until),
            Asked::Decoy(name) => self.domains.insert(name.clone(), until),
        };
    }

    /// One thing has shown, for those who waited for it: now they wait for another.
    fn pass_on(&mut self, from: Until, to: Until) {
        let Some(passed) = self.bundles.remove(&from) else {
            return;
        };
        for asked in &passed.asked {
            self.await_for(asked, to);
        }
        let bundle = self.bundles.entry(to).or_default();
        bundle.asked.extend(passed.asked);
        bundle.events.extend(passed.events);
    }

    /// Keeps an event about an address or decoy whose events are held back. Returns an event that may be told at once.
    fn keep(&mut self, event: Event) -> Option<Event> {
        let Some(until) = self.awaited(&About::of(&event)) else {
            return Some(event);
        };
        self.bundles.entry(until).or_default().events.push(event);
        None
    }

    /// What may be told, for what it waited for has shown.
    fn release(&mut self, until: Until) -> Vec<Event> {
        let Some(bundle) = self.bundles.remove(&until) else {
            return Vec::new();
        };
        for asked in &bundle.asked {
            match asked {
                Asked::Address(key) => self.addresses.remove(key),
                Asked::Decoy(name) => self.domains.remove(name),
            };
        }
        bundle.events
    }

    /// Forgets what was to be told of `asked`, if it was kept back. Returns that.
    fn forget(&mut self, asked: &Asked) -> Option<Vec<Event>> {
        let until = match asked {
            Asked::Address(key) => self.addresses.remove(key),
            Asked::Decoy(name) => self.domains.remove(name),
        }?;
        let bundle = self.bundles.get_mut(&until)?;
        bundle.asked.retain(|other| other != asked);
        let forgotten = |event: &mut Event| About::of(event).is(asked);
        Some(bundle.events.extract_if(.., forgotten).collect())
    }
}

impl Scheduler {
    /// Tells what was learned, now or when it is sure.
    pub(super) fn tell(&mut self, event: Event) {
        self.events.extend(self.held.keep(event));
    }

    /// Keeps back what is learned of `asked` until something shows.
    pub(super) fn hold(&mut self, asked: Asked, until: Until) {
        self.held.hold(asked, until);
    }

    /// Tells what waited for something that has shown.
    pub(super) fn tell_held(&mut self, until: Until) {
        let events = self.held.release(until);
        self.events.extend(events);
    }

    /// The machine of a session has not turned: what it accepted is told once that is sure to be in step.
    pub(super) fn confirm_not_turned(&mut self, session: SessionId) {
        self.held
            .pass_on(Until::NotTurned(session), Until::InStep(session));
    }

    /// A further batch of a session was answered, or it rests: what was answered before is told where the machine
    /// keeps in step.
    pub(super) fn note_going_on(&mut self, session: SessionId) {
        if self.sessions.contains_key(&session) && self.keeps_in_step(session) {
            self.tell_held(Until::InStep(session));
        }
    }

    /// Takes back what `asked` was answered last: it is `reading` from now on. What was never told is told no more;
    /// returns whether it was.
    pub(super) fn untell(&mut self, asked: Asked, reading: Reading, now: Timestamp) -> bool {
        if self.held.forget(&asked).is_some() {
            return false;
        }
        self.events.push(Event::TakenBack {
            asked,
            reading,
            at: now,
        });
        true
    }
}
