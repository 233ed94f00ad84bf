//! What looks like chance and depends on a seed alone: the same on every machine, in every version of the compiler and
//! of our crates.

use std::convert::Infallible;
use std::hash::{Hash, Hasher};
use std::time::Duration;

use fnv::FnvHasher;
use rand_xoshiro::SplitMix64;
use rand_xoshiro::rand_core::{Rng, SeedableRng, TryRng};
use siphasher::sip::SipHasher13;

/// A number of 64 bits that stands for `what`: the same for the same, and nobody finds out a seed in it by what comes
/// out (SipHash-1-3). The standard hasher promises neither from one version to the next.
#[must_use]
pub fn fingerprint<T: Hash>(what: T) -> u64 {
    let mut hasher = SipHasher13::new();
    what.hash(&mut hasher);
    hasher.finish()
}

/// A stream of random numbers.
#[derive(Clone, Debug)]
pub struct SeededRng(SplitMix64);

impl SeededRng {
    /// The stream that belongs to `what` in a run with this seed.
    ///
    /// Streams of different things are independent, so one more question to one host changes nothing at another.
    #[must_use]
    pub fn of<T: Hash>(seed: u64, what: T) -> Self {
        let basis = FnvHasher::default().finish();
        let mut hasher = FnvHasher::with_key(basis ^ seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        what.hash(&mut hasher);
        SeededRng(SplitMix64::seed_from_u64(hasher.finish()))
    }

    /// A number from 0 up to, not including, 1.
    #[expect(
        clippy::cast_precision_loss,
        reason = "53 bits are what an f64 holds exactly"
    )]
    pub fn unit(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// True with the given probability, from 0 to 1.
    pub fn happens(&mut self, probability: f64) -> bool {
        probability > 0.0 && self.unit() < probability
    }

    /// A number from `low` up to `high`, both included.
    ///
    /// # Panics
    ///
    /// When `low` is over `high`.
    pub fn between(&mut self, low: usize, high: usize) -> usize {
        assert!(low <= high, "nothing lies between {low} and {high}");
        let span = (high - low) as u64 + 1;
        // The bias of a remainder is below one in 2^40 for the spans drawn here.
        low + usize::try_from(self.next_u64() % span).expect("below a usize")
    }

    /// A share from `low` up to `high`.
    pub fn share(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// One of some things, each as likely as the next.
    ///
    /// # Panics
    ///
    /// When there is none.
    pub fn one_of<'a, T>(&mut self, things: &'a [T]) -> &'a T {
        &things[self.between(0, things.len() - 1)]
    }

    /// A place in a row of `count` where the first is the likeliest: Zipf's law, by rejection-free inversion of its
    /// continuous cousin.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "counts are small, the logarithm is positive"
    )]
    pub fn rank(&mut self, count: usize) -> usize {
        let at = ((count + 1) as f64).powf(self.unit()) as usize;
        at.saturating_sub(1).min(count - 1)
    }

    /// A time between two others, as likely in each octave: short ones are common, long ones happen.
    pub fn time(&mut self, shortest: Duration, longest: Duration) -> Duration {
        let octaves = (longest.as_secs_f64() / shortest.as_secs_f64()).log2();
        let millis = (shortest.as_secs_f64() * (octaves * self.unit()).exp2() * 1000.0).round();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a number of milliseconds between two others"
        )]
        Duration::from_millis(millis as u64)
    }

    /// A time around `median`: at most the share `jitter` (0 to 1) shorter or longer, in whole milliseconds.
    pub fn around(&mut self, median: Duration, jitter: f64) -> Duration {
        let factor = 1.0 + jitter.clamp(0.0, 1.0) * (2.0 * self.unit() - 1.0);
        let time = median.mul_f64(factor);
        Duration::from_millis(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
    }
}

impl TryRng for SeededRng {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        self.0.try_next_u32()
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        self.0.try_next_u64()
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.0.try_fill_bytes(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_says_everything_of_a_stream() {
        let numbers = |seed, what: &str| {
            let mut chance = SeededRng::of(seed, what);
            [chance.next_u64(), chance.next_u64(), chance.next_u64()]
        };
        assert_eq!(numbers(7, "mx1"), numbers(7, "mx1"));
        assert_ne!(numbers(7, "mx1"), numbers(8, "mx1"));
        assert_ne!(numbers(7, "mx1"), numbers(7, "mx2"));
    }

    #[test]
    fn no_version_draws_anything_else() {
        // Written down: simulated worlds are known by their seeds, decoys and ledgers are met again by later versions.
        let mut chance = SeededRng::of(7, "mx1");
        assert_eq!(
            [chance.next_u64(), chance.next_u64()],
            [0x7c8e_84bd_f64d_138a, 0x998d_ddca_7527_caa6]
        );
        assert_eq!(fingerprint((7_u64, "acme.test")), 0x1a72_3fa9_5123_3ac0);
    }

    #[test]
    fn times_stay_within_their_jitter_with_the_median_in_the_middle() {
        let mut chance = SeededRng::of(1, "latency");
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
        let mut chance = SeededRng::of(1, "never");
        assert!((0..1_000).all(|_| !chance.happens(0.0)));
        assert!((0..1_000).all(|_| chance.happens(1.0)));
    }

    #[test]
    fn first_places_are_the_likeliest() {
        let mut chance = SeededRng::of(1, "rank");
        let mut counts = [0; 10];
        for _ in 0..10_000 {
            counts[chance.rank(10)] += 1;
        }
        assert!(
            counts.windows(2).all(|pair| pair[0] > pair[1]),
            "{counts:?}"
        );
    }

    #[test]
    fn draws_keep_to_their_bounds() {
        let mut chance = SeededRng::of(1, "bounds");
        let (short, long) = (Duration::from_millis(10), Duration::from_secs(1));
        for _ in 0..1000 {
            assert!((3..=5).contains(&chance.between(3, 5)));
            assert!((short..=long).contains(&chance.time(short, long)));
            assert!((0.2..0.4).contains(&chance.share(0.2, 0.4)));
            assert_eq!(chance.rank(1), 0);
        }
    }
}
