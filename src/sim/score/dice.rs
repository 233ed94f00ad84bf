//! Draws of all shapes from one stream of random numbers.

use std::hash::Hash;
use std::time::Duration;

use crate::sim::net::chance::Chance;

/// A stream of draws that depends on nothing but a seed.
#[derive(Clone, Debug)]
pub(super) struct Dice(Chance);

impl Dice {
    /// The stream that belongs to `what` in a world with this seed.
    pub(super) fn of<T: Hash>(seed: u64, what: T) -> Self {
        Dice(Chance::of(seed, what))
    }

    /// True with the given probability.
    pub(super) fn happens(&mut self, probability: f64) -> bool {
        self.0.happens(probability)
    }

    /// A number from `low` up to `high`, both included.
    ///
    /// # Panics
    ///
    /// When `low` is over `high`.
    pub(super) fn between(&mut self, low: usize, high: usize) -> usize {
        assert!(low <= high, "nothing lies between {low} and {high}");
        let span = (high - low) as u64 + 1;
        // The bias of a remainder is below one in 2^40 for the spans drawn here.
        low + usize::try_from(self.0.bits() % span).expect("below a usize")
    }

    /// A share from `low` up to `high`.
    pub(super) fn share(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.0.unit()
    }

    /// One of some things, each as likely as the next.
    ///
    /// # Panics
    ///
    /// When there is none.
    pub(super) fn one_of<'a, T>(&mut self, things: &'a [T]) -> &'a T {
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
    pub(super) fn rank(&mut self, count: usize) -> usize {
        let at = ((count + 1) as f64).powf(self.0.unit()) as usize;
        at.saturating_sub(1).min(count - 1)
    }

    /// A time between two others, as likely in each octave: short ones are common, long ones happen.
    pub(super) fn time(&mut self, shortest: Duration, longest: Duration) -> Duration {
        let octaves = (longest.as_secs_f64() / shortest.as_secs_f64()).log2();
        let millis = (shortest.as_secs_f64() * (octaves * self.0.unit()).exp2() * 1000.0).round();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a number of milliseconds between two others"
        )]
        Duration::from_millis(millis as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_places_are_the_likeliest() {
        let mut dice = Dice::of(1, "rank");
        let mut counts = [0; 10];
        for _ in 0..10_000 {
            counts[dice.rank(10)] += 1;
        }
        assert!(
            counts.windows(2).all(|pair| pair[0] > pair[1]),
            "{counts:?}"
        );
    }

    #[test]
    fn draws_keep_to_their_bounds() {
        let mut dice = Dice::of(1, "bounds");
        let (short, long) = (Duration::from_millis(10), Duration::from_secs(1));
        for _ in 0..1000 {
            assert!((3..=5).contains(&dice.between(3, 5)));
            assert!((short..=long).contains(&dice.time(short, long)));
            assert!((0.2..0.4).contains(&dice.share(0.2, 0.4)));
            assert_eq!(dice.rank(1), 0);
        }
    }
}
