//! Who is there: workers and coordinators that write into a table all the time, so that others see that they live.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::wire::{self, Unreadable, Version};
use super::{Entry, RunId};
use crate::model::limits;
use crate::model::timestamp::Timestamp;
use crate::probe::scheduler::Progress;

/// A worker as it tells of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerCard {
    /// The address from which it asks, where it is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<IpAddr>,
    /// The name by which it introduces itself.
    pub hello: String,
    /// Grows each time that it writes.
    pub beat: u64,
    /// How many partitions it holds.
    pub partitions: usize,
    /// What it does for each run.
    #[serde(default)]
    pub runs: BTreeMap<RunId, Share>,
}

/// What a worker has done for a run so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// Orders in its hands.
    pub orders: usize,
    /// Addresses that wait for their answer.
    pub pending: usize,
    /// Addresses settled.
    pub settled: u64,
    /// Those of them that a host has said yes or no about.
    pub answered: u64,
    /// Hosts that want us to come back for some of them.
    #[serde(default)]
    pub hosts_waiting: usize,
    /// Sessions under way.
    pub conversations: usize,
    /// Connections asked for.
    pub opened: u64,
    /// Recipients asked about, decoys included.
    pub recipients: u64,
    /// Decoys asked about.
    pub decoys: u64,
    /// Whether it has ended for this run: nothing more comes from it.
    pub is_over: bool,
}

impl Share {
    /// What an asking has come to.
    #[must_use]
    pub fn of(progress: &Progress) -> Self {
        Share {
            orders: 0,
            pending: progress.pending,
            settled: progress.settled,
            answered: progress.answered,
            hosts_waiting: progress.waiting.as_ref().map_or(0, |there| there.hosts),
            conversations: progress.conversations,
            opened: progress.opened,
            recipients: progress.recipients,
            decoys: progress.decoys,
            is_over: false,
        }
    }

    /// Adds what was done to what was done before.
    pub fn add(&mut self, other: &Share) {
        self.orders += other.orders;
        self.pending += other.pending;
        self.settled += other.settled;
        self.answered += other.answered;
        self.hosts_waiting += other.hosts_waiting;
        self.conversations += other.conversations;
        self.opened += other.opened;
        self.recipients += other.recipients;
        self.decoys += other.decoys;
    }

    /// The same of one who does nothing any more.
    #[must_use]
    pub fn at_rest(self) -> Self {
        Share {
            orders: 0,
            pending: 0,
            hosts_waiting: 0,
            conversations: 0,
            ..self
        }
    }
}

/// A run as its coordinator tells of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunCard {
    /// Where it stands.
    pub stage: Stage,
    /// Grows each time that its coordinator writes.
    pub beat: u64,
}

/// Where a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Orders go out.
    Asking,
    /// All orders are done: each worker that has asked for it tests what its hosts' answers are worth, and ends.
    Closing,
    /// Nobody is to be asked for it any more.
    Withdrawn,
}

/// One of those who are there.
#[derive(Debug)]
struct Member<T> {
    card: Result<T, Unreadable>,
    revision: u64,
    /// When this revision was first seen.
    since: Timestamp,
}

/// Those who write into a table, as one who reads it knows them. Who has not written for
/// [`limits::ENGINE_LEASE`] on the reader's clock is gone.
#[derive(Debug)]
pub struct Roll<T> {
    members: BTreeMap<String, Member<T>>,
}

impl<T> Default for Roll<T> {
    fn default() -> Self {
        Roll {
            members: BTreeMap::new(),
        }
    }
}

impl<T: serde::de::DeserializeOwned> Roll<T> {
    /// Takes in what stands in the table.
    pub fn observe(&mut self, table: &[(String, Entry)], now: Timestamp) {
        for (key, entry) in table {
            let before = self.members.get(key);
            if before.is_some_and(|member| member.revision == entry.revision) {
                continue;
            }
            let member = Member {
                card: wire::decode(&entry.value),
                revision: entry.revision,
                since: now,
            };
            self.members.insert(key.clone(), member);
        }
        if self.members.len() > table.len() {
            let there: BTreeSet<&str> = table.iter().map(|(key, _)| key.as_str()).collect();
            self.members.retain(|key, _| there.contains(key.as_str()));
        }
    }

    /// Those who are there, with what they tell of themselves.
    pub fn present(&self, now: Timestamp) -> impl Iterator<Item = (&str, &T)> {
        let members = self.members.iter();
        members
            .filter(move |(_, member)| now.since(member.since) < limits::ENGINE_LEASE)
            .filter_map(|(key, member)| Some((key.as_str(), member.card.as_ref().ok()?)))
    }

    /// What one of them told of itself last, be it there or gone.
    #[must_use]
    pub fn of(&self, key: &str) -> Option<&T> {
        self.members.get(key)?.card.as_ref().ok()
    }

    /// All who have ever been there and not taken leave, with what they told of themselves last.
    pub fn known(&self) -> impl Iterator<Item = (&str, &T)> {
        let members = self.members.iter();
        members.filter_map(|(key, member)| Some((key.as_str(), member.card.as_ref().ok()?)))
    }

    /// Those who are gone without taking leave for so long that nobody waits for them: their keys, with the revisions
    /// by which to remove them.
    pub fn lost(&self, now: Timestamp) -> impl Iterator<Item = (&str, u64)> {
        let members = self.members.iter();
        members
            .filter(move |(_, member)| now.since(member.since) >= limits::ENGINE_FORGETS_WORKER)
            .map(|(key, member)| (key.as_str(), member.revision))
    }

    /// The versions of those who are there and of another version.
    #[must_use]
    pub fn other_versions(&self, now: Timestamp) -> BTreeSet<&Version> {
        let present = self.members.values();
        present
            .filter(|member| now.since(member.since) < limits::ENGINE_LEASE)
            .filter_map(|member| match &member.card {
                Err(Unreadable::OtherVersion(version)) => Some(version),
                Ok(_) | Err(Unreadable::Malformed(_)) => None,
            })
            .collect()
    }
}
