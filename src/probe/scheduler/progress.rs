//! How far the asking has come, for the screen.

use serde::{Deserialize, Serialize};

use super::{Scheduler, SessionStage, ToGo};
use crate::model::limits;
use crate::model::timestamp::Timestamp;

/// Hosts that keep addresses waiting for a later moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitingHosts {
    /// How many addresses wait.
    pub addresses: usize,
    /// At how many hosts.
    pub hosts: usize,
    /// Whether all of these hosts greylist.
    pub greylist: bool,
    /// When the last of them will have been asked about again.
    pub until: Timestamp,
    /// Those with most of them, at most [`limits::WAITING_HOSTS_TOLD`], the one with most first.
    pub largest: Vec<WaitingHost>,
}

/// A host that keeps addresses waiting for a later moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitingHost {
    /// Its key.
    pub host: String,
    /// How many addresses wait at it.
    pub addresses: usize,
    /// Whether it greylists.
    pub greylist: bool,
    /// When the last of them will have been asked about again.
    pub until: Timestamp,
}

/// Hosts that are asked faster than at first, for they answer quickly and have not complained.
#[derive(Clone, Debug, PartialEq)]
pub struct QuickHosts {
    /// How many.
    pub hosts: usize,
    /// The key of the one that is asked fastest.
    pub fastest: String,
    /// How many recipients a second that one is asked about.
    pub per_second: f64,
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

/// What others do of an asking.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Elsewhere {
    /// Who asks, by name.
    pub workers: Vec<WorkerAtWork>,
    /// Addresses that are ordered and not done.
    pub ordered: usize,
    /// The versions of workers that keep out, for they are of another one.
    pub other_versions: Vec<String>,
    /// Orders that could not be carried out, with what was said of the last of them.
    pub refused: Option<(u64, String)>,
}

/// One who asks for us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerAtWork {
    /// The worker's name.
    pub name: String,
    /// The address from which it asks, where it is set.
    pub source: Option<std::net::IpAddr>,
    /// The name by which it introduces itself.
    pub hello: String,
    /// Addresses of this run in its hands that wait for their answer.
    pub pending: usize,
    /// Addresses of this run that it has settled.
    pub settled: u64,
    /// Its sessions for this run.
    pub conversations: usize,
}

/// How far the asking has come.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Progress {
    /// When it was so.
    pub at: Timestamp,
    /// Addresses that wait for their answer.
    pub pending: usize,
    /// Addresses settled so far.
    pub settled: u64,
    /// Those of them that a host has said yes or no about.
    pub answered: u64,
    /// Domains met in the list so far.
    pub domains: usize,
    /// Domains whose mail hosts are known, or known not to exist.
    pub resolved: usize,
    /// Sessions under way.
    pub conversations: usize,
    /// Connections asked for so far.
    pub opened: u64,
    /// Recipients asked about so far, decoys included.
    pub recipients: u64,
    /// Decoys asked about so far.
    pub decoys: u64,
    /// Questions put to DNS so far.
    pub dns_questions: u64,
    /// Addresses kept in a file until their hosts have room for them.
    pub put_off: u64,
    /// The hosts that keep addresses waiting for a later moment, if any do.
    pub waiting: Option<WaitingHosts>,
    /// The hosts that are asked faster than at first, if any are.
    pub quick: Option<QuickHosts>,
    /// How long it may still take; `None` while the list is being read.
    pub to_go: Option<ToGo>,
    /// Until when sessions under way may end well, once the run is to stop.
    pub stopping: Option<Timestamp>,
    /// What asking again about a sample of the refused came to so far.
    pub second_look: SecondLook,
    /// What others do of it, where others do.
    pub elsewhere: Option<Elsewhere>,
}

impl Scheduler {
    /// How far the asking has come at `now`.
    #[must_use]
    pub fn progress(&self, now: Timestamp) -> Progress {
        Progress {
            at: now,
            pending: self.counts.waiting(),
            settled: self.counts.settled(),
            answered: self.tally.answered,
            domains: self.domains.len(),
            resolved: self.tally.resolved,
            conversations: self
                .sessions
                .values()
                .filter(|session| session.stage != SessionStage::Quitting)
                .count(),
            opened: self.tally.dials,
            recipients: self.tally.recipients,
            decoys: self.tally.decoys,
            dns_questions: 0,
            put_off: self.put_off_in_all(),
            waiting: self.waiting_for(now),
            quick: self.quick_hosts(),
            to_go: Some(self.to_go(now)),
            stopping: None,
            second_look: self.second_look,
            elsewhere: None,
        }
    }

    /// The hosts that are asked faster than at first, while addresses wait for them.
    fn quick_hosts(&self) -> Option<QuickHosts> {
        let grown = self.hosts.iter().filter(|host| host.waiting[0] > 0);
        let grown = || {
            grown
                .clone()
                .filter_map(|host| Some((host, host.pace.has_grown()?)))
        };
        let (host, per_second) = grown().max_by(|(_, a), (_, b)| a.total_cmp(b))?;
        Some(QuickHosts {
            hosts: grown().count(),
            fastest: host.key.to_string(),
            per_second,
        })
    }

    /// The hosts that keep addresses waiting for a later moment.
    fn waiting_for(&self, now: Timestamp) -> Option<WaitingHosts> {
        let places = || (0..self.hosts.len()).filter(|&host| self.hosts[host].waiting[1] > 0);
        let waits = |host: usize| self.hosts[host].waiting[1];
        let last = places().map(|host| self.last_wait(host, now)).max()?;
        let greylists = |host: usize| {
            let mut groups = self.hosts[host].groups.iter();
            groups.any(|&group| self.groups[group].greylisting)
        };
        let mut largest: Vec<usize> = Vec::new();
        for host in places() {
            // Of several with as many the first, so that the names do not jump.
            let place = largest.partition_point(|&other| waits(other) >= waits(host));
            if place < limits::WAITING_HOSTS_TOLD {
                largest.insert(place, host);
                largest.truncate(limits::WAITING_HOSTS_TOLD);
            }
        }
        let largest = largest.into_iter().map(|host| WaitingHost {
            host: self.hosts[host].key.to_string(),
            addresses: waits(host),
            greylist: greylists(host),
            until: now + self.last_wait(host, now),
        });
        let largest: Vec<WaitingHost> = largest.collect();
        Some(WaitingHosts {
            addresses: places().map(waits).sum(),
            hosts: places().count(),
            greylist: places().all(greylists),
            until: now + last,
            largest,
        })
    }
}
