//! A rate limit on a clock that is told the time.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use serde::{Deserialize, Serialize};

use crate::model::limits;
use crate::model::rate;
use crate::model::timestamp::Timestamp;

/// Recipients a second, in thousandths, so that one a minute can be said; or no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Rate(Option<NonZeroU32>);

impl Rate {
    /// No limit.
    pub const UNLIMITED: Rate = Rate(None);

    /// `count` a second; zero means no limit.
    #[must_use]
    pub fn per_seconds(count: u32) -> Self {
        Rate::from_thousandths(count.saturating_mul(1000))
    }

    /// `thousandths` of one a second; zero means no limit.
    #[must_use]
    pub fn from_thousandths(thousandths: u32) -> Self {
        Rate(NonZeroU32::new(thousandths))
    }

    /// How many in a thousand seconds; `None` without a limit.
    #[must_use]
    pub fn thousandths(self) -> Option<u32> {
        self.0.map(NonZeroU32::get)
    }

    /// How many a second; `None` without a limit.
    #[must_use]
    pub fn per_second(self) -> Option<f64> {
        self.0.map(|rate| f64::from(rate.get()) / 1000.0)
    }

    /// The lower of two rates.
    #[must_use]
    pub fn min(self, other: Rate) -> Rate {
        match (self.0, other.0) {
            (Some(a), Some(b)) => Rate(Some(a.min(b))),
            (a, b) => Rate(a.or(b)),
        }
    }

    /// Whether this rate is below another one.
    #[must_use]
    pub fn is_below(self, other: Rate) -> bool {
        self != other && self.min(other) == self
    }

    /// Half of this rate, not below a sixteenth of `ceiling`, or of the general rate where that is less.
    #[must_use]
    pub fn halved(self, ceiling: Rate) -> Rate {
        let general = limits::RATE_AFTER_DISPLEASURE * 1000;
        let Some(rate) = self.0 else {
            // Where there was no limit, displeasure makes one.
            return Rate::from_thousandths(general);
        };
        let ceiling = ceiling
            .0
            .map_or(general, |ceiling| ceiling.get().min(general));
        Rate::from_thousandths((rate.get() / 2).max(ceiling / 16).max(1))
    }

    /// This rate with an eighth of `ceiling` more, up to `ceiling`.
    #[must_use]
    pub fn faster(self, ceiling: Rate) -> Rate {
        match (self.0, ceiling.0) {
            (Some(rate), Some(ceiling)) => {
                Rate::from_thousandths((rate.get() + (ceiling.get() / 8).max(1)).min(ceiling.get()))
            }
            (_, None) => Rate::UNLIMITED,
            (None, Some(_)) => ceiling,
        }
    }

    /// This rate with so many a second more.
    #[must_use]
    pub fn plus(self, per_second: u32) -> Rate {
        let more = |rate: NonZeroU32| rate.saturating_add(per_second.saturating_mul(1000));
        Rate(self.0.map(more))
    }

    /// Half-way from this rate to one that is too fast; this one where that lies so near that nothing is to be gained.
    /// Twice this rate where all that is known to be too fast is no limit at all.
    #[must_use]
    pub fn towards(self, too_fast: Rate) -> Rate {
        match (self.0, too_fast.0) {
            (Some(rate), Some(too_fast)) => {
                let between = too_fast.get().saturating_sub(rate.get());
                if between > rate.get() / limits::NEAR_ENOUGH {
                    Rate::from_thousandths(rate.get() + between / 2)
                } else {
                    self
                }
            }
            (None, _) => too_fast,
            (Some(rate), None) => Rate::from_thousandths(rate.get().saturating_mul(2)),
        }
    }

    /// How many may be asked at once: what comes together in one batch without being a burst to speak of.
    fn burst(rate: NonZeroU32) -> NonZeroU32 {
        NonZeroU32::new(rate.get() / 1000).unwrap_or(NonZeroU32::MIN)
    }
}

/// A text that is no rate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no rate: write `10/s`, `30/m`, `600/h` or `unlimited`")]
pub struct BadRate(String);

impl FromStr for Rate {
    type Err = BadRate;

    fn from_str(text: &str) -> Result<Self, BadRate> {
        if text.trim().eq_ignore_ascii_case("unlimited") {
            return Ok(Rate::UNLIMITED);
        }
        let thousandths = rate::thousandths(text).ok_or_else(|| BadRate(text.to_owned()))?;
        Ok(Rate::from_thousandths(thousandths))
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.per_second() {
            None => f.write_str("unlimited"),
            Some(rate) if rate < 1.0 => write!(f, "{}/m", rate * 60.0),
            Some(rate) => write!(f, "{rate}/s"),
        }
    }
}

/// governor's clock, told the time by us: so a limit holds in simulated time, in order, and replays.
#[derive(Clone, Debug, Default)]
struct Told(Arc<AtomicU64>);

impl Clock for Told {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        Nanos::from(Duration::from_millis(self.0.load(Ordering::Relaxed)))
    }
}

type Bucket = RateLimiter<NotKeyed, InMemoryState, Told, NoOpMiddleware<Nanos>>;

/// A limit on how many may be asked about.
#[derive(Debug)]
pub struct Limiter {
    rate: Rate,
    saving: Saving,
    clock: Told,
    bucket: Option<Bucket>,
    /// No recipient may be asked about before this, as the last refusal said.
    refused_until: Timestamp,
}

impl Limiter {
    /// A limit of `rate`.
    #[must_use]
    pub fn new(rate: Rate) -> Self {
        let clock = Told::default();
        Limiter {
            rate,
            saving: Saving::ASecond,
            bucket: bucket(rate, Saving::ASecond, &clock),
            clock,
            refused_until: Timestamp::default(),
        }
    }

    /// The rate in force.
    #[must_use]
    pub fn rate(&self) -> Rate {
        self.rate
    }

    /// Changes the rate. A governor limiter cannot, so it is replaced by one that has nothing saved up.
    pub fn set_rate(&mut self, rate: Rate) {
        self.rate = rate;
        self.refused_until = Timestamp::default();
        self.bucket = bucket(rate, self.saving, &self.clock);
        if let Some(bucket) = &self.bucket {
            while bucket.check().is_ok() {}
        }
    }

    /// From the next change of the rate on, nothing is saved up: a host that counts by the second would take it for haste.
    pub fn save_nothing(&mut self) {
        self.saving = Saving::Nothing;
    }

    /// Takes the right to ask about one.
    ///
    /// # Errors
    ///
    /// The moment from which on there will be one.
    pub fn draw(&mut self, now: Timestamp) -> Result<(), Timestamp> {
        if now < self.refused_until {
            return Err(self.refused_until);
        }
        self.clock.0.fetch_max(now.as_millis(), Ordering::Relaxed);
        let Some(bucket) = &self.bucket else {
            return Ok(());
        };
        bucket.check().map_err(|refusal| {
            let wait = refusal.wait_time_from(self.clock.now());
            // Rounded up to our grain of time: a moment too early would only be refused again.
            self.refused_until = now + wait + Duration::from_millis(1);
            self.refused_until
        })
    }

    /// Until when the last refusal still stands, if it does.
    #[must_use]
    pub fn refuses_until(&self, now: Timestamp) -> Option<Timestamp> {
        Some(self.refused_until).filter(|&until| now < until)
    }
}

/// What a pause saves up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Saving {
    /// What may be asked in a second.
    ASecond,
    /// One question, so that all are spaced evenly.
    Nothing,
}

fn bucket(rate: Rate, saving: Saving, clock: &Told) -> Option<Bucket> {
    let rate = rate.0?;
    let period = Duration::from_nanos(1_000_000_000_000 / u64::from(rate.get()));
    let burst = match saving {
        Saving::ASecond => Rate::burst(rate),
        Saving::Nothing => NonZeroU32::MIN,
    };
    let quota = Quota::with_period(period)?.allow_burst(burst);
    Some(RateLimiter::direct_with_clock(quota, clock.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many are granted within `seconds` when asked for as fast as allowed.
    fn granted(limiter: &mut Limiter, from: u64, seconds: u64) -> u32 {
        let (mut now, mut count) = (Timestamp::from_millis(from), 0);
        let end = now + Duration::from_secs(seconds);
        while now < end {
            match limiter.draw(now) {
                Ok(()) => count += 1,
                Err(next) => {
                    assert!(next > now, "a refusal names a later moment");
                    now = next;
                }
            }
        }
        count
    }

    #[test]
    fn a_rate_is_kept_in_told_time() {
        for rate in [1, 10, 200] {
            let mut limiter = Limiter::new(Rate::per_seconds(rate));
            let count = granted(&mut limiter, 1_000, 20);
            assert!(count <= rate * 20 + rate, "{rate}: {count}");
            assert!(count >= rate * 17, "{rate}: {count}");
        }
    }

    #[test]
    fn a_changed_rate_holds_at_once_with_nothing_saved_up() {
        let mut limiter = Limiter::new(Rate::per_seconds(100));
        granted(&mut limiter, 0, 1);
        limiter.set_rate(Rate::per_seconds(10));
        let count = granted(&mut limiter, 1_000, 10);
        assert!((90..=101).contains(&count), "{count}");
    }

    #[test]
    fn without_a_limit_everything_is_granted() {
        let mut limiter = Limiter::new(Rate::UNLIMITED);
        assert!((0..10_000).all(|_| limiter.draw(Timestamp::from_millis(5)).is_ok()));
    }

    #[test]
    fn rates_are_read_as_people_write_them() {
        for (text, thousandths) in [
            ("10/s", 10_000),
            ("30/m", 500),
            ("2", 2_000),
            ("0.5/s", 500),
            (" 3600 / h ", 1_000),
        ] {
            assert_eq!(
                text.parse(),
                Ok(Rate::from_thousandths(thousandths)),
                "{text}"
            );
        }
        assert_eq!("unlimited".parse(), Ok(Rate::UNLIMITED));
        for bad in ["", "fast", "0/s", "-1/s", "1/day", "1e99/s", "NaN"] {
            assert!(bad.parse::<Rate>().is_err(), "{bad}");
        }
    }
}
