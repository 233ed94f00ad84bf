//! Recognises the cascade: too many dead addresses, so the provider begins to refuse good ones as well.
//!
//! It shows in the time line of one provider: from some hour on more comes back than before, and a greater share of it
//! blames the sender. A sender who goes on loses good addresses and the domain's reputation with them.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Fault;
use crate::model::limits;
use crate::model::timestamp::Timestamp;

const HOUR_MILLIS: u64 = 3_600_000;

/// Bounces by provider and hour.
#[derive(Debug, Default)]
pub(super) struct TimeLine {
    points: BTreeMap<(String, u64), Point>,
}

/// Bounces within one hour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Point {
    all: u64,
    sender: u64,
}

/// A stretch of time before or after the turn.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Stretch {
    /// Bounces in it.
    pub bounces: u64,
    /// Of these, the sender's doing.
    pub sender: u64,
    /// Bounces an hour.
    pub hourly: f64,
}

impl Stretch {
    /// The share of bounces that blames the sender.
    #[must_use]
    pub fn share(&self) -> f64 {
        as_f64(self.sender) / as_f64(self.bounces).max(1.0)
    }
}

/// Bounces that rise because the sender is being shut out.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Cascade {
    /// The provider's id; `None` for all mail together.
    pub provider: Option<String>,
    /// The hour in which it turned.
    pub since: Timestamp,
    /// The same counts before that.
    pub before: Stretch,
    /// From then on.
    pub after: Stretch,
}

impl TimeLine {
    /// Adds a bounce.
    pub(super) fn add(&mut self, provider: Option<&str>, at: Timestamp, fault: Fault) {
        let hour = at.as_millis() / HOUR_MILLIS;
        for name in [provider, Some("")].into_iter().flatten() {
            let key = (name.to_owned(), hour);
            if self.points.len() >= limits::TIMELINE_POINTS && !self.points.contains_key(&key) {
                continue;
            }
            let point = self.points.entry(key).or_default();
            point.all += 1;
            point.sender += u64::from(fault == Fault::Sender);
        }
    }
}

/// The cascades in a time line: of each provider, and of all mail together where no single provider explains it.
pub(super) fn recognise(line: &TimeLine) -> Vec<Cascade> {
    let mut by_provider: BTreeMap<&str, Vec<(u64, Point)>> = BTreeMap::new();
    for ((provider, hour), point) in &line.points {
        by_provider
            .entry(provider)
            .or_default()
            .push((*hour, *point));
    }
    let overall = by_provider.remove("").unwrap_or_default();
    let mut found: Vec<Cascade> = by_provider
        .into_iter()
        .filter_map(|(provider, points)| turn(Some(provider), &points))
        .collect();
    if found.is_empty() {
        found.extend(turn(None, &overall));
    }
    found
}

/// How much more often than before the sender has to be blamed for a turn, beside chance being ruled out: half as much
/// again and a fifth of all. Our choice.
const SHARE_AFTER: f64 = 0.2;
const SHARE_RATIO: f64 = 1.5;

/// How many standard deviations rule chance out, given that the best of all hours is taken. Our choice: 3.
const DEVIATIONS: f64 = 3.0;

/// The hour at which the share of the sender's blame rises most plainly, where bounces do not get fewer with it.
fn turn(provider: Option<&str>, points: &[(u64, Point)]) -> Option<Cascade> {
    let (first, last) = (points.first()?.0, points.last()?.0);
    let sum = |points: &[(u64, Point)]| {
        points
            .iter()
            .fold(Point::default(), |sum, (_, point)| Point {
                all: sum.all + point.all,
                sender: sum.sender + point.sender,
            })
    };
    let stretch = |point: Point, hours: u64| Stretch {
        bounces: point.all,
        sender: point.sender,
        hourly: as_f64(point.all) / as_f64(hours.max(1)),
    };
    let mut best: Option<(f64, Cascade)> = None;
    for at in 1..points.len() {
        let hour = points[at].0;
        let before = stretch(sum(&points[..at]), hour - first);
        let after = stretch(sum(&points[at..]), last + 1 - hour);
        if before.bounces < limits::CASCADE_BOUNCES || after.bounces < limits::CASCADE_BOUNCES {
            continue;
        }
        let pooled = as_f64(before.sender + after.sender) / as_f64(before.bounces + after.bounces);
        let spread = (pooled
            * (1.0 - pooled)
            * (1.0 / as_f64(before.bounces) + 1.0 / as_f64(after.bounces)))
        .sqrt();
        let deviations = (after.share() - before.share()) / spread.max(f64::MIN_POSITIVE);
        let turned = after.share() >= SHARE_AFTER
            && after.share() >= SHARE_RATIO * before.share()
            && after.hourly >= before.hourly
            && deviations >= DEVIATIONS;
        if turned && best.as_ref().is_none_or(|(known, _)| deviations > *known) {
            let cascade = Cascade {
                provider: provider.map(str::to_owned),
                since: Timestamp::from_millis(hour * HOUR_MILLIS),
                before,
                after,
            };
            best = Some((deviations, cascade));
        }
    }
    best.map(|(_, cascade)| cascade)
}

#[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
fn as_f64(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(hours: &[(u64, u64, u64)]) -> TimeLine {
        let mut line = TimeLine::default();
        for &(hour, list, sender) in hours {
            let at = Timestamp::from_millis(hour * HOUR_MILLIS + 5);
            for _ in 0..list {
                line.add(Some("google"), at, Fault::List);
            }
            for _ in 0..sender {
                line.add(Some("google"), at, Fault::Sender);
            }
        }
        line
    }

    #[test]
    fn forty_dead_in_the_morning_and_blocks_in_the_afternoon_are_a_cascade() {
        let found = recognise(&line(&[
            (8, 10, 0),
            (9, 14, 0),
            (10, 16, 1),
            (13, 5, 20),
            (14, 4, 40),
        ]));
        assert_eq!(found.len(), 1);
        let cascade = &found[0];
        assert_eq!(cascade.provider.as_deref(), Some("google"));
        assert_eq!(cascade.since, Timestamp::from_millis(13 * HOUR_MILLIS));
        assert_eq!((cascade.before.bounces, cascade.after.sender), (41, 60));
    }

    #[test]
    fn a_bad_list_alone_and_a_steady_block_are_none() {
        assert!(recognise(&line(&[(8, 40, 1), (9, 60, 2), (10, 80, 3)])).is_empty());
        assert!(recognise(&line(&[(8, 5, 20), (9, 6, 22), (10, 5, 25)])).is_empty());
        assert!(recognise(&line(&[(8, 3, 0), (9, 1, 6)])).is_empty());
        assert!(recognise(&TimeLine::default()).is_empty());
    }

    #[test]
    fn all_mail_together_turns_where_no_provider_is_known() {
        let mut line = TimeLine::default();
        for hour in 0..4_u64 {
            for n in 0..20_u64 {
                let fault = if hour >= 2 && n < 15 {
                    Fault::Sender
                } else {
                    Fault::List
                };
                line.add(None, Timestamp::from_millis(hour * HOUR_MILLIS), fault);
            }
        }
        let found = recognise(&line);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].provider, None);
    }
}
