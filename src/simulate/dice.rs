//! Draws of all shapes from one stream of random numbers.

use std::hash::Hash;
use std::time::Duration;

use crate::world::sim::chance::Chance;

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

    /// A share from a Beta distribution with the given mean, worth `weight` observations.
    pub(super) fn beta(&mut self, mean: f64, weight: f64) -> f64 {
        let yes = self.gamma(mean * weight);
        let no = self.gamma((1.0 - mean) * weight);
        if yes + no > 0.0 {
            yes / (yes + no)
        } else {
            mean
        }
    }

    /// A draw from a Gamma distribution with scale 1 (Marsaglia and Tsang, ACM TOMS 26(3), 2000).
    fn gamma(&mut self, shape: f64) -> f64 {
        if shape <= 0.0 {
            return 0.0;
        }
        if shape < 1.0 {
            let boost = (1.0 - self.0.unit()).powf(1.0 / shape);
            return boost * self.gamma(shape + 1.0);
        }
        let d = shape - 1.0 / 3.0;
        let c = 1.0 / (9.0 * d).sqrt();
        loop {
            let normal = self.normal();
            let cubed = (1.0 + c * normal).powi(3);
            let bar = (1.0 - self.0.unit()).ln();
            if cubed > 0.0 && bar < 0.5 * normal * normal + d * (1.0 - cubed + cubed.ln()) {
                return d * cubed;
            }
        }
    }

    /// A draw from the standard normal distribution (Box and Muller).
    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.0.unit()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.0.unit()).cos()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_have_the_mean_and_the_spread_that_was_asked_for() {
        for (mean, weight) in [(0.26, 40.0), (0.01, 400.0), (0.2, 10.0), (0.97, 200.0)] {
            let draws: Vec<f64> = (0..4000)
                .map(|n| Dice::of(n, "beta").beta(mean, weight))
                .collect();
            let found = draws.iter().sum::<f64>() / 4000.0;
            let variance = draws.iter().map(|x| (x - found).powi(2)).sum::<f64>() / 4000.0;
            let wanted = mean * (1.0 - mean) / (weight + 1.0);
            assert!(
                (found - mean).abs() < 4.0 * (wanted / 4000.0).sqrt(),
                "{mean}: {found}"
            );
            assert!(
                (variance / wanted - 1.0).abs() < 0.25,
                "{mean}: {variance} for {wanted}"
            );
        }
    }

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
