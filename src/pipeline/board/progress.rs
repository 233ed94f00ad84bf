//! How far the asking has come: what a person wants to see meanwhile.

use std::time::Duration;

use super::{Board, TalkStage};
use crate::moment::Moment;

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
    /// Questions put to DNS so far.
    pub dns_questions: u64,
    /// The host with the most addresses waiting for a later moment.
    pub waiting: Option<WaitingHost>,
    /// How long the slowest host needs at its present speed.
    pub remaining: Option<Duration>,
}

impl Board {
    /// How far the asking has come at `now`.
    #[must_use]
    pub fn progress(&self, now: Moment) -> Progress {
        let mut queued = vec![(0usize, 0usize, None::<Moment>); self.hosts.len()];
        let mut resolved = 0;
        for entry in &self.domains {
            resolved += usize::from(entry.group.is_some() || entry.closed);
            let Some(group) = entry.group else { continue };
            let (later, first) = entry.waiting_later();
            let host = &mut queued[self.groups[group].host];
            host.0 += entry.waiting_now();
            host.1 += later;
            host.2 = match (host.2, first) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            };
        }
        let waiting = queued
            .iter()
            .enumerate()
            .filter(|(_, (_, later, _))| *later > 0)
            .max_by_key(|(index, (_, later, _))| (*later, std::cmp::Reverse(*index)))
            .map(|(index, (_, later, until))| WaitingHost {
                host: self.hosts[index].key.to_string(),
                addresses: *later,
                until: *until,
            });
        let remaining = queued
            .iter()
            .enumerate()
            .filter_map(|(index, (waiting_now, later, until))| {
                let rate = self.hosts[index].pace.recipients_per_second()?;
                #[expect(clippy::cast_precision_loss, reason = "an estimate for people")]
                let asking = Duration::from_secs_f64((waiting_now + later) as f64 / rate);
                let standing = until.map_or(Duration::ZERO, |until| until.since(now));
                Some(asking + standing)
            })
            .max();
        Progress {
            at: now,
            pending: self.pending,
            settled: self.settled,
            domains: self.domains.len(),
            resolved,
            conversations: self
                .talks
                .values()
                .filter(|talk| talk.stage != TalkStage::Quitting)
                .count(),
            opened: self.dials,
            dns_questions: 0,
            waiting,
            remaining,
        }
    }
}
