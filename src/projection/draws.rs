//! Draws of the shapes that a projection is made of.

use rand_distr::{Beta, Binomial, Distribution, Gamma};

use crate::model::seeded::SeededRng;

/// A number from the Gamma distribution with this shape, above 0, and scale 1.
pub(super) fn gamma(rng: &mut SeededRng, shape: f64) -> f64 {
    Gamma::new(shape, 1.0).map_or(0.0, |gamma| gamma.sample(rng))
}

/// A share from the Beta distribution with this mean and weight (the sum of its parameters).
pub(super) fn beta(rng: &mut SeededRng, mean: f64, weight: f64) -> f64 {
    let yes = (mean * weight).max(LEAST_SHAPE);
    let no = ((1.0 - mean) * weight).max(LEAST_SHAPE);
    match Beta::new(yes, no).map(|beta| beta.sample(rng)) {
        Ok(share) if share.is_finite() => share,
        // Shapes near nothing may be more than its arithmetic bears; then the mean decides by lot.
        _ => f64::from(u8::from(rng.happens(mean))),
    }
}

/// How many of `trials` happen when each does with probability `share`; one below 0 is none, one above 1 is all.
pub(super) fn binomial(rng: &mut SeededRng, trials: u64, share: f64) -> u64 {
    let share = share.clamp(0.0, 1.0);
    Binomial::new(trials, share).map_or(0, |binomial| binomial.sample(rng))
}

/// Least parameter of a Beta distribution that is drawn from: below it nothing but 0 and 1 comes.
const LEAST_SHAPE: f64 = 1e-3;

#[cfg(test)]
mod tests {
    use super::*;

    fn moments(mut draw: impl FnMut() -> f64) -> (f64, f64) {
        const DRAWS: u32 = 40_000;
        let (mut sum, mut squares) = (0.0, 0.0);
        for _ in 0..DRAWS {
            let value = draw();
            sum += value;
            squares += value * value;
        }
        let mean = sum / f64::from(DRAWS);
        (mean, squares / f64::from(DRAWS) - mean * mean)
    }

    #[test]
    fn draws_have_the_moments_of_their_distribution() {
        let mut rng = SeededRng::of(7, "moments");
        for (mean, weight) in [
            (0.01, 200.0),
            (0.26, 2.0),
            (0.97, 100.0),
            (0.2, 0.5),
            (0.3, 0.02),
        ] {
            let (found, variance) = moments(|| beta(&mut rng, mean, weight));
            let wanted = mean * (1.0 - mean) / (weight + 1.0);
            assert!((found - mean).abs() < 0.01, "{mean} {weight}: {found}");
            assert!(
                (variance / wanted - 1.0).abs() < 0.1,
                "{mean} {weight}: {variance} {wanted}"
            );
        }
        for (trials, share) in [(10_u32, 0.01), (1000, 0.02), (100_000, 0.3), (50, 0.9)] {
            let n = f64::from(trials);
            #[expect(clippy::cast_precision_loss, reason = "small counts")]
            let (found, variance) = moments(|| binomial(&mut rng, u64::from(trials), share) as f64);
            assert!(
                (found / (n * share) - 1.0).abs() < 0.05,
                "{trials} {share}: {found}"
            );
            let wanted = n * share * (1.0 - share);
            assert!(
                (variance / wanted - 1.0).abs() < 0.1,
                "{trials} {share}: {variance}"
            );
        }
    }

    #[test]
    fn impossible_and_certain_things_are_not_left_to_luck() {
        let mut rng = SeededRng::of(1, "edges");
        assert_eq!(binomial(&mut rng, 1000, 0.0), 0);
        assert_eq!(binomial(&mut rng, 1000, 1.0), 1000);
        assert_eq!(binomial(&mut rng, 0, 0.5), 0);
    }
}
