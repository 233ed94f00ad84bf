//! Random draws that depend on nothing but a seed.

/// A stream of random draws (`SplitMix64`), the same on every machine.
#[derive(Clone, Debug)]
pub struct Dice {
    state: u64,
    spare: Option<f64>,
}

impl Dice {
    /// The stream that belongs to `name` under `seed`. Streams of different names are independent, so a further segment
    /// changes nothing at another.
    #[must_use]
    pub fn of(seed: u64, name: &str) -> Dice {
        // FNV-1a: its values are promised to stay the same between versions.
        let state = name.bytes().fold(
            0xcbf2_9ce4_8422_2325 ^ seed.wrapping_mul(0x9e37_79b9_7f4a_7c15),
            |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3),
        );
        Dice { state, spare: None }
    }

    /// The next 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.state;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// A number between 0 and 1, neither of them.
    #[expect(
        clippy::cast_precision_loss,
        reason = "53 bits are what an f64 holds exactly"
    )]
    pub fn unit(&mut self) -> f64 {
        ((self.bits() >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    }

    /// A number from the standard normal distribution (Marsaglia's polar method).
    pub fn normal(&mut self) -> f64 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        loop {
            let (x, y) = (2.0 * self.unit() - 1.0, 2.0 * self.unit() - 1.0);
            let square = x * x + y * y;
            if square < 1.0 && square > 0.0 {
                let stretch = (-2.0 * square.ln() / square).sqrt();
                self.spare = Some(y * stretch);
                return x * stretch;
            }
        }
    }

    /// A number from the Gamma distribution with this shape and scale 1 (Marsaglia and Tsang, 2000).
    pub fn gamma(&mut self, shape: f64) -> f64 {
        if shape < 1.0 {
            // The method needs a shape of 1; a smaller one is that, shrunk.
            return self.gamma(shape + 1.0) * self.unit().powf(shape.recip());
        }
        let d = shape - 1.0 / 3.0;
        let c = (9.0 * d).sqrt().recip();
        loop {
            let x = self.normal();
            let v = (1.0 + c * x).powi(3);
            if v > 0.0 && self.unit().ln() < 0.5 * x * x + d - d * v + d * v.ln() {
                return d * v;
            }
        }
    }

    /// A share from the Beta distribution with this mean and weight (the sum of its parameters).
    pub fn beta(&mut self, mean: f64, weight: f64) -> f64 {
        let yes = self.gamma((mean * weight).max(LEAST_SHAPE));
        let no = self.gamma(((1.0 - mean) * weight).max(LEAST_SHAPE));
        // Shapes near nothing may make both vanish; then the mean decides by lot.
        match yes + no {
            sum if sum > 0.0 => yes / sum,
            _ => f64::from(u8::from(self.unit() < mean)),
        }
    }

    /// How many of `trials` happen when each does with probability `share`.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "counts of rows, clamped to 0 to `trials`"
    )]
    pub fn binomial(&mut self, trials: u64, share: f64) -> u64 {
        if share > 0.5 {
            return trials - self.binomial(trials, 1.0 - share);
        }
        if share <= 0.0 || trials == 0 {
            return 0;
        }
        let n = trials as f64;
        if n * share > MANY {
            let spread = (n * share * (1.0 - share)).sqrt();
            return (n * share + spread * self.normal()).round().clamp(0.0, n) as u64;
        }
        // From one that happens to the next: the gaps are geometric.
        let rarity = (-share).ln_1p();
        let (mut place, mut happened) = (0.0, 0);
        loop {
            place += (self.unit().ln() / rarity).floor() + 1.0;
            if place > n {
                return happened;
            }
            happened += 1;
        }
    }
}

/// Least parameter of a Beta distribution that is drawn from: below it nothing but 0 and 1 comes.
const LEAST_SHAPE: f64 = 1e-3;

/// Expected events from which a binomial count is drawn as a normal one, whose tails are then as good.
const MANY: f64 = 50.0;

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
        let mut dice = Dice::of(7, "moments");
        for (mean, weight) in [(0.01, 200.0), (0.26, 2.0), (0.97, 100.0), (0.2, 0.5)] {
            let (found, variance) = moments(|| dice.beta(mean, weight));
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
            let (found, variance) = moments(|| dice.binomial(u64::from(trials), share) as f64);
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
        let mut dice = Dice::of(1, "edges");
        assert_eq!(dice.binomial(1000, 0.0), 0);
        assert_eq!(dice.binomial(1000, 1.0), 1000);
        assert_eq!(dice.binomial(0, 0.5), 0);
    }

    #[test]
    fn the_same_seed_gives_the_same_draws() {
        let draw = |seed, name| Dice::of(seed, name).bits();
        assert_eq!(draw(1, "a"), draw(1, "a"));
        assert_ne!(draw(1, "a"), draw(1, "b"));
        assert_ne!(draw(1, "a"), draw(2, "a"));
    }
}
