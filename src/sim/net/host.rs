//! A simulated mail host: what it is, what it remembers of its clients.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::habits::{Habits, HarvestDefence, KnownBy};
use super::mailbox::Mailboxes;
use crate::model::timestamp::Timestamp;

/// A mail host as it is described.
#[derive(Clone, Debug)]
pub struct Host {
    /// The name under which it is published.
    pub name: String,
    /// How it behaves.
    pub habits: Habits,
    /// How the way to it behaves.
    pub way: Way,
    /// The mailboxes that it takes mail for, by domain.
    pub domains: HashMap<String, Arc<Mailboxes>>,
}

/// How the way to a host behaves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Way {
    /// Median time there and back.
    pub round_trip: Duration,
    /// Share by which times vary, 0 to 1.
    pub jitter: f64,
    /// Probability that a segment is lost, hence comes later.
    pub loss: f64,
    /// Probability that a segment ends the connection.
    pub reset: f64,
}

/// What a host remembers between connections.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// When each was first met, on which connection.
    greylist: HashMap<String, (Timestamp, u32)>,
    unknown_refused: u32,
    alarmed_until: Option<Timestamp>,
    /// The last recipients of each client.
    recent: HashMap<IpAddr, VecDeque<Timestamp>>,
    /// Who came first.
    first: Option<IpAddr>,
}

/// How a host feels about its clients at present.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mood {
    /// As its habits say.
    Ordinary,
    /// Every recipient is accepted.
    AcceptsAll,
    /// Every recipient is refused.
    RefusesAll,
    /// Visitors are turned away.
    Blocks,
}

impl Memory {
    /// Notes a client. Returns whether it is the first that was ever met.
    pub(super) fn note_visit(&mut self, client: IpAddr) -> bool {
        *self.first.get_or_insert(client) == client
    }

    /// How long this client must stay away, in seconds; `None` when it need not.
    pub(super) fn greylists(
        &mut self,
        habits: &Habits,
        (client, connection): (IpAddr, u32),
        sender: &str,
        address: &str,
        now: Timestamp,
    ) -> Option<u64> {
        let greylist = habits.greylist?;
        let key = match greylist.by {
            KnownBy::Triplet => format!("{client} {sender} {}", address.to_lowercase()),
            KnownBy::Visitor | KnownBy::Connection => client.to_string(),
        };
        let (first, met_on) = *self.greylist.entry(key).or_insert((now, connection));
        let left = greylist.wait.saturating_sub(now.since(first));
        let is_the_first = greylist.by == KnownBy::Connection && met_on == connection;
        (is_the_first || !left.is_zero()).then(|| left.as_secs().max(1))
    }

    /// Counts an unknown recipient, and raises the alarm when there are too many.
    pub(super) fn note_unknown_recipient(&mut self, habits: &Habits, now: Timestamp) {
        let Some(harvest) = habits.harvest else {
            return;
        };
        self.unknown_refused += 1;
        if self.unknown_refused >= harvest.after {
            self.unknown_refused = 0;
            self.alarmed_until = Some(now + harvest.lasts);
        }
    }

    /// How the host feels now.
    pub(super) fn mood(&self, habits: &Habits, now: Timestamp) -> Mood {
        match (habits.harvest, self.alarmed_until) {
            (Some(harvest), Some(until)) if now < until => match harvest.then {
                HarvestDefence::AcceptsAll => Mood::AcceptsAll,
                HarvestDefence::RefusesAll => Mood::RefusesAll,
                HarvestDefence::Blocks => Mood::Blocks,
            },
            (Some(_) | None, Some(_) | None) => Mood::Ordinary,
        }
    }

    /// Whether one more recipient of a client now is more than the rate allows; if not, it is counted.
    pub(super) fn too_fast(&mut self, habits: &Habits, client: IpAddr, now: Timestamp) -> bool {
        let Some(rate) = habits.rate else {
            return false;
        };
        let recent = self.recent.entry(client).or_default();
        while recent
            .front()
            .is_some_and(|first| now.since(*first) >= rate.per)
        {
            recent.pop_front();
        }
        if recent.len() >= rate.recipients as usize {
            return true;
        }
        recent.push_back(now);
        false
    }
}
