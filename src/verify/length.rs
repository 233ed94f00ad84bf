//! How long verifying a whole list will take, by a sample of it.

use std::collections::HashMap;
use std::time::Duration;

use serde::Serialize;

use super::Asking;
use crate::probe::pace::Rate;

/// How long verifying the whole list will take, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Length {
    /// At least, if nobody has us come back.
    pub soonest: u64,
    /// At most, as far as can be seen: hosts that have unknown clients come back do so, and take as long as they may.
    pub latest: u64,
}

/// What a run may ask of a host, as far as it sets how long the run takes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Recipients a second at one host.
    rate: Rate,
    /// The same at one that has borne that for a while.
    rate_max: Rate,
    /// Recipients a second at all hosts together.
    all: Rate,
    /// How long an address may wait for a host that has us come back.
    patience: Duration,
}

impl Limits {
    /// Those of a run.
    pub(super) fn of(asking: &Asking) -> Limits {
        match asking {
            Asking::World(_, config) | Asking::Engine(_, config, _) => Limits {
                rate: config.limits.ceilings.rate,
                rate_max: config.limits.rate_max,
                all: config.limits.rate,
                patience: config.limits.patience,
            },
            Asking::Nobody(..) => Limits {
                rate: Rate::UNLIMITED,
                rate_max: Rate::UNLIMITED,
                all: Rate::UNLIMITED,
                patience: Duration::ZERO,
            },
        }
    }
}

/// The rows that ask the same host, as a sample shows them: the wall time of a run is set by the longest of these queues.
#[derive(Default)]
pub(super) struct Queues {
    /// Rows by provider of the mail host, each weighed by what it stands for.
    at_provider: HashMap<String, f64>,
    /// Rows of the largest domain.
    at_domain: f64,
}

impl Queues {
    /// Queues of a list whose largest domain has so many rows.
    pub(super) fn new(largest_domain: u32) -> Queues {
        Queues {
            at_domain: f64::from(largest_domain),
            ..Queues::default()
        }
    }

    /// Adds an address that stands for so many rows.
    pub(super) fn add(&mut self, provider: Option<&str>, rows: f64) {
        if let Some(provider) = provider {
            *self.at_provider.entry(provider.to_owned()).or_default() += rows;
        }
    }

    /// How long it takes to ask about all of them, where asking about the sample took `sample` seconds; so many of so many
    /// of the sample were `known` before. `addresses` are those of the list.
    pub(super) fn length(
        &self,
        limits: Limits,
        sample: f64,
        (known, of): (u64, u64),
        addresses: u64,
    ) -> Length {
        let asked = of.saturating_sub(known);
        if of == addresses || asked == 0 {
            // Every address asked about for the sample is known.
            return Length {
                soonest: 0,
                latest: whole(sample.ceil()),
            };
        }
        #[expect(clippy::cast_precision_loss, reason = "a list is small enough")]
        let (share, all) = (
            asked as f64 / of as f64,
            addresses.saturating_sub(of) as f64,
        );
        let providers = self.at_provider.values().copied();
        let longest = providers.fold(self.at_domain, f64::max) * share;
        let takes =
            |recipients: f64, rate: Rate| rate.per_second().map_or(0.0, |rate| recipients / rate);
        let together = takes(all * share, limits.all);
        let at_best = if limits.rate.is_below(limits.rate_max) {
            limits.rate_max
        } else {
            limits.rate
        };
        // Not all rows that look alike are at the same host; and where a few had to come back, some of many will.
        let soonest = (takes(longest, at_best) * 0.8)
            .max(together)
            .max(sample / 4.0);
        // A decoy a domain, and hosts slower than they may be asked. Hosts that were not met may have us come back, but
        // seldom keep us for half of what we bear.
        let queue = takes(longest, limits.rate).max(together) * 2.0;
        let latest = queue.max(sample) + limits.patience.as_secs_f64() / 2.0;
        Length {
            soonest: whole(soonest.floor()),
            latest: whole(latest.ceil()),
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "no run takes longer, none less than no time"
)]
fn whole(seconds: f64) -> u64 {
    seconds.clamp(0.0, 1e15) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(rate: u32) -> Limits {
        Limits {
            rate: Rate::per_seconds(rate),
            rate_max: Rate::per_seconds(rate * 2),
            all: Rate::UNLIMITED,
            patience: Duration::from_secs(1_800),
        }
    }

    #[test]
    fn the_longest_line_sets_how_long_it_takes() {
        let mut queues = Queues::new(100);
        for _ in 0..50 {
            queues.add(Some("google"), 100.0);
            queues.add(None, 2.0);
        }
        let took = 20.0;
        let length = queues.length(limits(10), took, (0, 100), 10_000);
        assert_eq!((length.soonest, length.latest), (200, 1_900));
        let slower = queues.length(limits(1), took, (0, 100), 10_000);
        assert_eq!((slower.soonest, slower.latest), (2_000, 10_900));
        let mut queues = Queues::new(9_000);
        queues.add(None, 10_000.0);
        assert_eq!(
            queues.length(limits(10), took, (0, 100), 10_000).soonest,
            360
        );
    }

    #[test]
    fn what_is_known_takes_no_time() {
        let mut queues = Queues::new(5_000);
        queues.add(Some("google"), 5_000.0);
        let known = queues.length(limits(10), 0.0, (100, 100), 10_000);
        assert_eq!((known.soonest, known.latest), (0, 0));
        let half = queues.length(limits(10), 0.0, (50, 100), 10_000);
        assert_eq!(half.soonest, 100);
        let whole = queues.length(limits(10), 600.0, (0, 100), 100);
        assert_eq!(whole.soonest, 0, "all of them were asked about");
        let unlimited = queues.length(
            Limits {
                rate: Rate::UNLIMITED,
                rate_max: Rate::UNLIMITED,
                ..limits(1)
            },
            7.0,
            (0, 100),
            10_000,
        );
        assert_eq!((unlimited.soonest, unlimited.latest), (1, 907));
    }

    #[test]
    fn a_limit_of_all_hosts_together_holds_for_all_of_them() {
        let mut queues = Queues::new(10);
        queues.add(None, 100_100.0);
        let limits = Limits {
            all: Rate::per_seconds(10),
            ..limits(10)
        };
        let length = queues.length(limits, 20.0, (0, 100), 100_100);
        assert_eq!((length.soonest, length.latest), (10_000, 20_900));
    }
}
