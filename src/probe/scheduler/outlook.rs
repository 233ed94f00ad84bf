//! How long a run may still take, by what is known of its hosts: a range, for what they will answer is not known.

use std::collections::HashMap;
use std::time::Duration;

use super::{Scheduler, SessionStage};
use crate::model::count::float;
use crate::model::limits;
use crate::model::timestamp::Timestamp;

/// How long a run may still take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ToGo {
    /// It takes hardly less: hosts keep their pace and answer at the first retry for every address that they deferred.
    pub soonest: Duration,
    /// It takes hardly more: an address that is deferred stays so until our patience ends, a host that is silent stays
    /// so.
    pub latest: Duration,
}

impl ToGo {
    /// When two things go on side by side.
    #[must_use]
    fn beside(self, other: ToGo) -> ToGo {
        ToGo {
            soonest: self.soonest.max(other.soonest),
            latest: self.latest.max(other.latest),
        }
    }
}

/// What is left to do at one host. Durations count from now.
#[derive(Clone, Copy, Debug, Default)]
struct Left {
    /// Questions that may be put one after the other from now on.
    askable: u64,
    /// Addresses that wait in all, those included that may turn out to need no question.
    waiting: u64,
    /// Recipients a second at most; `None` without a limit.
    rate: Option<f64>,
    /// The time to expect for an answer.
    reply: Duration,
    /// Whether it wants us to slow down: then it may be left at any moment, with every address that waits for it.
    complains: bool,
    /// The time that an answer has taken so far, all waits included, at a host that wants us to slow down.
    so_far: Duration,
    /// Sessions under way.
    connections: u32,
    /// Until it may be asked at all.
    closed: Duration,
    /// Until every deferred address has been asked about once more.
    back_once: Duration,
    /// Until all of them have come back as often as they may.
    back_for_good: Duration,
    /// Until the sessions under way are given up in which it is silent.
    silent: Duration,
    /// Until its mail hosts, should they go on failing, are given up.
    failing: Duration,
}

/// What asking takes beside the host's own limit, as a share of it: connections that are opened, ended, lost. Our
/// choice, held by the simulated runs.
const MARGIN: f64 = 1.5;

/// What may always come between. Our choice: a connection's opening and its goodbye.
const MOMENT: Duration = Duration::from_secs(2);

/// How far from what is foreseen the end of a run may lie: as a share of the time to go, and in any case. Our choice,
/// held by the simulated runs.
const DOUBT: (f64, Duration) = (0.15, Duration::from_secs(5));

impl Left {
    fn takes(&self) -> ToGo {
        let each = self.rate.map_or(0.0, |rate| 1.0 / rate);
        let slowly = each
            .max(self.reply.as_secs_f64() / f64::from(self.connections.max(1)))
            .max(self.so_far.as_secs_f64());
        // The first of them may be asked about right away.
        let at_best = seconds(each * float(self.askable.saturating_sub(1)));
        let at_worst = seconds(slowly * float(self.waiting) * MARGIN);
        let stands = self.closed.max(self.back_once);
        let ends = stands.max(self.back_for_good);
        let given_up = self.silent.max(self.failing);
        ToGo {
            soonest: if self.complains {
                Duration::ZERO
            } else {
                stands.max(at_best)
            },
            latest: ends.max(given_up) + at_worst + MOMENT,
        }
    }
}

impl ToGo {
    /// With all the doubt there is about what is foreseen.
    fn doubted(self) -> ToGo {
        let (share, time) = DOUBT;
        ToGo {
            soonest: self.soonest.mul_f64(1.0 - share).saturating_sub(time),
            latest: self.latest.mul_f64(1.0 + share) + time,
        }
    }
}

impl Scheduler {
    /// How long what is in memory may still take at `now`, with the addresses that were put off.
    pub(super) fn to_go(&self, now: Timestamp) -> ToGo {
        let silent = self.silent(now);
        let hosts = (0..self.hosts.len()).map(|host| {
            let silent = silent.get(&host).copied().unwrap_or_default();
            self.left_at(host, silent, now).takes()
        });
        let hosts = hosts.fold(ToGo::default(), ToGo::beside);
        hosts.beside(self.looking_up()).doubted()
    }

    /// How much of the time that asking a host takes another connection would save: all of it where there is none yet,
    /// nothing where it is the host's pace that sets the time.
    pub(super) fn a_place_saves(&self, index: usize) -> Duration {
        let host = &self.hosts[index];
        let waiting = host.waiting.iter().sum::<usize>() as u64 + self.put_off_at(index);
        let by_pace = host
            .pace
            .recipients_per_second()
            .map_or(0.0, |rate| 1.0 / rate);
        let takes = |connections: u32| {
            let by_reply = host.pace.reply_time().as_secs_f64() / f64::from(connections);
            float(waiting) * by_pace.max(by_reply)
        };
        seconds(match host.pace.connections_open() {
            0 => takes(1),
            open => takes(open) - takes(open + 1),
        })
    }

    /// What is left to do at a host that may go on being silent for so long.
    fn left_at(&self, index: usize, silent: Duration, now: Timestamp) -> Left {
        let host = &self.hosts[index];
        let (mut askable, mut closed, mut failing) = (0, None::<Duration>, Duration::ZERO);
        for &at in &host.groups {
            let group = &self.groups[at];
            if group.waiting == 0 {
                continue;
            }
            askable += group.askable as u64;
            let until = self.not_before(at, now).since(now);
            closed = Some(closed.map_or(until, |closed| closed.min(until)));
            let another_round = match group.failures + 1 < limits::ROUNDS {
                _ if host.has_opened || silent <= MOMENT => Duration::ZERO,
                true => silent + self.wait_for_another_round() + limits::LAST_CONNECT_WAIT,
                false => silent,
            };
            // A host that was silent before may be so again.
            let again = if group.effort.was_in_vain_last() {
                silent.max(MOMENT) + limits::RCPT_WAIT
            } else {
                Duration::ZERO
            };
            failing = failing.max(another_round).max(again);
        }
        Left {
            askable,
            waiting: host.waiting.iter().sum::<usize>() as u64 + self.put_off_at(index),
            rate: host.pace.recipients_per_second(),
            reply: host.pace.reply_time(),
            complains: host.pace.was_told_to_slow_down(),
            so_far: match host.answered {
                0 => Duration::ZERO,
                answered if host.pace.was_told_to_slow_down() => now.since(host.met_at) / answered,
                _ => Duration::ZERO,
            },
            connections: host.pace.connections_open(),
            closed: closed.map_or(Duration::ZERO, |closed| {
                closed.max(host.pace.known().not_before.since(now))
            }),
            back_once: self.last_wait(index, now),
            back_for_good: match host.waiting[1] {
                0 => Duration::ZERO,
                _ => host.at_the_latest.since(now),
            },
            silent,
            failing,
        }
    }

    /// How long the last deferred address of a host still waits, or the last decoy.
    pub(super) fn last_wait(&self, host: usize, now: Timestamp) -> Duration {
        let host = &self.hosts[host];
        if host.waiting[1] == 0 && self.counts.decoys() == 0 {
            return Duration::ZERO;
        }
        let groups = host.groups.iter().map(|&group| &self.groups[group]);
        let domains = groups.flat_map(|group| &group.domains);
        let last = domains
            .map(|&domain| &self.domains[domain])
            .filter(|domain| !domain.is_settled_as_a_whole())
            .map(|domain| domain.last_later(now));
        last.max().map_or(Duration::ZERO, |last| last.since(now))
    }

    /// Look-ups under way.
    fn looking_up(&self) -> ToGo {
        if self.tally.resolved < self.domains.len() {
            ToGo {
                soonest: Duration::ZERO,
                latest: limits::LOOK_UP_WAIT * 2 + limits::DNS_RETRY_WAIT,
            }
        } else {
            ToGo::default()
        }
    }

    /// For how long each host may go on to be silent in the sessions in which it is, by its index.
    fn silent(&self, now: Timestamp) -> HashMap<usize, Duration> {
        let mut silent: HashMap<usize, Duration> = HashMap::new();
        for session in self.sessions.values() {
            let waited = now.since(session.batch.began);
            let most = match session.stage {
                SessionStage::Opening => session.patience.to_connect() + limits::GREETING_WAIT,
                SessionStage::AwaitingReplies => limits::RCPT_WAIT,
                SessionStage::Idle | SessionStage::Quitting => continue,
            };
            // A host that has answered till now will most likely do so in a moment.
            let left = if waited > MOMENT {
                most.saturating_sub(waited)
            } else {
                MOMENT
            };
            let host = silent.entry(self.groups[session.group].host).or_default();
            *host = (*host).max(left);
        }
        silent
    }
}

fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
}
