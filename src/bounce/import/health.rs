//! How a campaign fares against the marks that providers and sending platforms hold senders to.

use serde::Serialize;

/// The bounce rate from which a campaign needs watching: what large platforms recommend to stay below.
pub const BOUNCES_WATCH: f64 = 0.02;

/// The bounce rate from which platforms review or throttle a sender.
pub const BOUNCES_STOP: f64 = 0.05;

/// The complaint rate that Gmail and Yahoo tell bulk senders never to reach.
pub const COMPLAINTS_STOP: f64 = 0.003;

/// The complaint rate that the same providers recommend to stay below.
pub const COMPLAINTS_WATCH: f64 = 0.001;

/// How a rate stands against its marks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Below both marks.
    Good,
    /// Above the first.
    Watch,
    /// Above the second.
    Stop,
}

/// A rate with its 90 % interval and how it stands.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Mark {
    /// Of how many.
    pub count: u64,
    /// Events as a share of the messages sent.
    pub rate: f64,
    /// The lower end of the interval.
    pub low: f64,
    /// The upper end.
    pub high: f64,
    /// How it stands.
    pub level: Level,
}

/// How a campaign fares.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Health {
    /// Messages sent in all.
    pub sent: u64,
    /// Bounces of every kind.
    pub bounces: Mark,
    /// The rate of complaints.
    pub complaints: Mark,
}

/// The health of a campaign in which `bounces` and `complaints` came of `sent` messages. `None` when fewer were sent
/// than came back: then the number is not that of this campaign.
#[must_use]
pub fn health(sent: u64, bounces: u64, complaints: u64) -> Option<Health> {
    if sent == 0 || bounces > sent || complaints > sent {
        return None;
    }
    let mark = |count, watch, stop| {
        let (rate, low, high) = interval(count, sent);
        let level = match rate {
            rate if rate >= stop => Level::Stop,
            rate if rate >= watch => Level::Watch,
            _ => Level::Good,
        };
        Mark {
            count,
            rate,
            low,
            high,
            level,
        }
    };
    Some(Health {
        sent,
        bounces: mark(bounces, BOUNCES_WATCH, BOUNCES_STOP),
        complaints: mark(complaints, COMPLAINTS_WATCH, COMPLAINTS_STOP),
    })
}

/// A share with its 90 % interval (Wilson's score interval, which is right for few and for none).
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
pub fn interval(count: u64, total: u64) -> (f64, f64, f64) {
    const Z: f64 = 1.644_853_6;
    if total == 0 {
        return (0.0, 0.0, 1.0);
    }
    let n = total as f64;
    let share = count as f64 / n;
    let middle = share + Z * Z / (2.0 * n);
    let half = Z * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
    let scale = 1.0 + Z * Z / n;
    (
        share,
        ((middle - half) / scale).max(0.0),
        ((middle + half) / scale).min(1.0),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_marks_are_two_and_five_percent_and_three_in_a_thousand() {
        let level = |bounces, complaints| {
            let health = health(1000, bounces, complaints).unwrap();
            (health.bounces.level, health.complaints.level)
        };
        assert_eq!(level(19, 0), (Level::Good, Level::Good));
        assert_eq!(level(20, 1), (Level::Watch, Level::Watch));
        assert_eq!(level(50, 3), (Level::Stop, Level::Stop));
        assert_eq!(health(0, 0, 0), None);
        assert_eq!(health(5, 6, 0), None);
    }

    #[test]
    fn an_interval_holds_its_rate() {
        for (count, total) in [(0, 1), (1, 1), (0, 1000), (40, 500), (500, 500)] {
            let (rate, low, high) = interval(count, total);
            assert!(low <= rate && rate <= high && low >= 0.0 && high <= 1.0);
        }
        let (_, low, high) = interval(40, 500);
        assert!((0.06..0.07).contains(&low) && (0.1..0.11).contains(&high));
    }
}
