//! Random numbers that depend on nothing but a seed.

use std::hash::{Hash, Hasher};
use std::time::Duration;

/// A stream of random numbers (`SplitMix64`): small, fast, the same on every machine.
#[derive(Clone, Debug)]
pub struct Chance {
    state: u64,
}

impl Chance {
    /// The stream that belongs to `what` in a run with this seed.
    ///
    /// Streams of different things are independent, so one more question to one host changes nothing at another.
    #[must_use]
    pub fn of<T: Hash>(seed: u64, what: T) -> Self {
        let mut hasher = Fnv(0xcbf2_9ce4_8422_2325 ^ seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        what.hash(&mut hasher);
        Chance {
            state: hasher.finish(),
        }
    }

    /// The next 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.state;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// A number from 0 up to, not including, 1.
    #[expect(
        clippy::cast_precision_loss,
        reason = "53 bits are what an f64 holds exactly"
    )]
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// True with the given probability, from 0 to 1.
    pub fn happens(&mut self, probability: f64) -> bool {
        probability > 0.0 && self.unit() < probability
    }

    /// A time around `median`: at most the share `jitter` (0 to 1) shorter or longer, in whole milliseconds.
    pub fn around(&mut self, median: Duration, jitter: f64) -> Duration {
        let factor = 1.0 + jitter.clamp(0.0, 1.0) * (2.0 * self.unit() - 1.0);
        let time = median.mul_f64(factor);
        Duration::from_millis(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
    }
}

/// FNV-1a: unlike the standard hasher, its values are promised to stay the same between versions.
struct Fnv(u64);

impl Hasher for Fnv {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_says_everything_of_a_stream() {
        let numbers = |seed, what: &str| {
            let mut chance = Chance::of(seed, what);
            [chance.bits(), chance.bits(), chance.bits()]
        };
        assert_eq!(numbers(7, "mx1"), numbers(7, "mx1"));
        assert_ne!(numbers(7, "mx1"), numbers(8, "mx1"));
        assert_ne!(numbers(7, "mx1"), numbers(7, "mx2"));
    }

    #[test]
    fn times_stay_within_their_jitter_with_the_median_in_the_middle() {
        let mut chance = Chance::of(1, "latency");
        let median = Duration::from_millis(100);
        let times: Vec<_> = (0..1_000).map(|_| chance.around(median, 0.5)).collect();
        assert!(
            times
                .iter()
                .all(|time| (50..=150).contains(&time.as_millis()))
        );
        let below = times.iter().filter(|time| **time < median).count();
        assert!(
            (400..600).contains(&below),
            "{below} of 1000 below the median"
        );
    }

    #[test]
    fn what_cannot_happen_does_not() {
        let mut chance = Chance::of(1, "never");
        assert!((0..1_000).all(|_| !chance.happens(0.0)));
        assert!((0..1_000).all(|_| chance.happens(1.0)));
    }
}
