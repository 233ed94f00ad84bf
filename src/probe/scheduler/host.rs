//! What is shared under one host key: pace, breaker, history.

use std::collections::{BTreeSet, VecDeque};
use std::net::IpAddr;

use super::SessionId;
use super::known::Known;
use crate::input::address::Address;
use crate::model::limits;
use crate::model::provider::{Blocking, Provider};
use crate::model::timestamp::Timestamp;
use crate::net::route::HostKey;
use crate::probe::pace::Pace;
use crate::probe::{KnownHost, Mute};

/// One host key with what is shared under it.
#[derive(Debug)]
pub(super) struct Host {
    pub(super) key: HostKey,
    pub(super) provider: Option<Box<Provider>>,
    pub(super) pace: Pace,
    /// All its groups.
    pub(super) groups: Vec<usize>,
    /// Groups that want a session, first come first served.
    pub(super) queue: VecDeque<usize>,
    /// Its machines that have said something in this run.
    pub(super) met: BTreeSet<IpAddr>,
    /// Whether a session with it ever came about in this run.
    pub(super) has_opened: bool,
    /// An address that was accepted there, with the index of its domain.
    pub(super) good: Option<(usize, Address)>,
    /// What is known of it, for later runs too.
    pub(super) known: Known,
    /// The group whose refusals are in question while an address known to exist is asked about, maybe at another group.
    pub(super) questioned: Option<usize>,
    /// The session that waits for the right to ask its first question: the others, which come back for more, let
    /// it go first.
    pub(super) first_in_line: Option<SessionId>,
    /// After how many recipients it last took its leave without saying why.
    pub(super) farewell_after: Option<u32>,
    /// Its addresses that wait: now, for a later moment.
    pub(super) waiting: [usize; 2],
    /// When it was first ready for questions in this run.
    pub(super) met_at: Timestamp,
    /// Addresses that it has settled.
    pub(super) answered: u32,
    /// The first of those later moments, as far as known.
    pub(super) until: Option<Timestamp>,
    /// When the last of them is asked about for the last time, as far as can be foreseen.
    pub(super) at_the_latest: Timestamp,
}

impl Host {
    pub(super) fn new(key: HostKey, provider: Option<Box<Provider>>, pace: Pace) -> Self {
        Host {
            key,
            provider,
            pace,
            groups: Vec::new(),
            queue: VecDeque::new(),
            met: BTreeSet::new(),
            has_opened: false,
            good: None,
            known: Known::default(),
            questioned: None,
            first_in_line: None,
            farewell_after: None,
            waiting: [0; 2],
            met_at: Timestamp::default(),
            answered: 0,
            until: None,
            at_the_latest: Timestamp::default(),
        }
    }

    /// Whether what one of its machines has against us is what all have.
    pub(super) fn acts_as_one(&self) -> bool {
        let provider = self.provider.as_deref();
        provider.is_some_and(|provider| provider.blocking == Blocking::AsOne)
    }

    /// Takes in what is known of it from before.
    pub(super) fn remember(&mut self, mut known: KnownHost, now: Timestamp) {
        if known.blocked_at(now).is_none() {
            known.blocked = None;
        }
        known.machines.retain(|_, block| now < block.until);
        // What was tried long ago is tried anew.
        let of_late = |mute: &Mute| now < mute.until + limits::UNREACHABLE_WAIT;
        known.mute = known.mute.filter(of_late);
        if let Some(connections) = known.connections_cap {
            self.pace.note_crowded_by(connections);
        }
        if let Some(pace) = &known.pace {
            self.pace.resume(pace, now);
        }
        self.known = known.into();
    }
}
