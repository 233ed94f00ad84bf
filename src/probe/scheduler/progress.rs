//! How far the asking has come: what a person wants to see meanwhile.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Board, TalkStage};
use crate::model::timestamp::Moment;

/// A host that keeps addresses waiting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitingHost {
    /// Its key.
    pub host: String,
    /// How many wait.
    pub addresses: usize,
    /// Until when, where that is known.
    pub until: Option<Moment>,
}

/// What asking again about a sample of the refused came to: our own error, measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecondLook {
    /// Refused addresses asked about again.
    pub asked: u64,
    /// Those refused again.
    pub confirmed: u64,
    /// Those not refused the second time.
    pub changed: u64,
    /// Those without an answer that settles it.
    pub undecided: u64,
}

/// How far the asking has come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// When it was so.
    pub at: Moment,
    /// Addresses that wait for their answer.
    pub pending: usize,
    /// Addresses settled.
    pub settled: u64,
    /// Domains seen.
    pub domains: usize,
    /// Domains whose mail hosts are known, or known not to exist.
    pub resolved: usize,
    /// Conversations under way.
    pub conversations: usize,
    /// Connections asked for so far.
    pub opened: u64,
    /// Recipients asked about so far, decoys included.
    pub recipients: u64,
    /// Decoys asked about so far.
    pub decoys: u64,
    /// Questions put to DNS so far.
    pub dns_questions: u64,
    /// The host with the most addresses waiting for a later moment.
    pub waiting: Option<WaitingHost>,
    /// Addresses that wait for a later moment, at all hosts.
    pub waiting_later: usize,
    /// How long the slowest host needs at its present speed.
    pub remaining: Option<Duration>,
    /// What asking again about a sample of the refused came to so far.
    pub second_look: SecondLook,
}

impl Board {
    /// How far the asking has come at `now`.
    #[must_use]
    pub fn progress(&self, now: Moment) -> Progress {
        let until = |index: usize| self.hosts[index].until.filter(|&until| until > now);
        let waiting = self
            .hosts
            .iter()
            .enumerate()
            .filter(|(_, host)| host.waiting[1] > 0)
            .max_by_key(|(index, host)| (host.waiting[1], std::cmp::Reverse(*index)))
            .map(|(index, host)| WaitingHost {
                host: host.key.to_string(),
                addresses: host.waiting[1],
                until: until(index),
            });
        let remaining = self
            .hosts
            .iter()
            .enumerate()
            .filter_map(|(index, host)| {
                let rate = host.pace.recipients_per_second()?;
                let [at_once, later] = host.waiting;
                #[expect(clippy::cast_precision_loss, reason = "an estimate for people")]
                let asking = Duration::from_secs_f64((at_once + later) as f64 / rate);
                let standing = match later {
                    0 => Duration::ZERO,
                    _ => until(index).map_or(Duration::ZERO, |until| until.since(now)),
                };
                Some(asking + standing)
            })
            .max();
        Progress {
            at: now,
            pending: self.pending,
            settled: self.tally.settled,
            domains: self.domains.len(),
            resolved: self.tally.resolved,
            conversations: self
                .talks
                .values()
                .filter(|talk| talk.stage != TalkStage::Quitting)
                .count(),
            opened: self.tally.dials,
            recipients: self.tally.recipients,
            decoys: self.tally.decoys,
            dns_questions: 0,
            waiting,
            waiting_later: self.hosts.iter().map(|host| host.waiting[1]).sum(),
            remaining,
            second_look: self.second_look,
        }
    }
}
