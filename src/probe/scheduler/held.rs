//! What is not told yet: an answer counts as long as its conversation turns out to have been in step, and a run that is
//! killed before that shows would keep another one's.
//!
//! At a machine that has not shown yet that it keeps in step, what is learned by an answer that settles the matter waits here
//! until the conversation is over, or a later answer shows its order. What is taken back before that was never told.

use std::collections::HashMap;

use super::{Event, Scheduler, SessionId};
use crate::model::reading::Reading;
use crate::model::timestamp::Timestamp;
use crate::probe::Party;

/// What waits to be told.
#[derive(Debug, Default)]
pub(super) struct Held {
    /// By the keys of addresses: the conversation that answered.
    addresses: HashMap<Box<str>, SessionId>,
    /// The same by the domains of decoys.
    domains: HashMap<Box<str>, SessionId>,
    bundles: HashMap<SessionId, Bundle>,
}

/// What waits for one conversation.
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
    fn talk_of(&self, about: &About<'_>) -> Option<SessionId> {
        match about {
            About::Address(key) => self.addresses.get(*key).copied(),
            About::Domain(name) => self.domains.get(*name).copied(),
            About::Nobody => None,
        }
    }

    /// Keeps back what is learned of `party` from now on, for it was answered in a conversation that may be out of step.
    pub(super) fn hold(&mut self, party: Party, session: SessionId) {
        // Answered before in another conversation, it waits for the later one.
        let before = self.forget(&party).unwrap_or_default();
        match &party {
            Party::Address(key) => self.addresses.insert(key.clone(), session),
            Party::Decoy(name) => self.domains.insert(name.clone(), session),
        };
        let bundle = self.bundles.entry(session).or_default();
        bundle.parties.push(party);
        bundle.learned.extend(before);
    }

    /// Keeps an event about an address or decoy whose events are held back. Returns an event that may be told at once.
    fn keep(&mut self, learned: Event) -> Option<Event> {
        let Some(session) = self.talk_of(&About::of(&learned)) else {
            return Some(learned);
        };
        self.bundles
            .entry(session)
            .or_default()
            .learned
            .push(learned);
        None
    }

    /// What may be told of a conversation's answers by now: they were in step.
    fn release(&mut self, session: SessionId) -> Vec<Event> {
        let Some(bundle) = self.bundles.remove(&session) else {
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
        let session = match party {
            Party::Address(key) => self.addresses.remove(key),
            Party::Decoy(name) => self.domains.remove(name),
        }?;
        let bundle = self.bundles.get_mut(&session)?;
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

    /// Tells what was kept back for a conversation: its answers were in step.
    pub(super) fn tell_held(&mut self, session: SessionId) {
        let learned = self.held.release(session);
        self.learned.extend(learned);
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
