//! A whole list projected from a sample of it.
//!
//! The list is parted into strata; of each, some addresses were asked about. What the rest of a stratum is made of is
//! drawn about what its sample is made of (a Dirichlet distribution: what was met more often is likelier, what was met
//! elsewhere in the list is possible), then the bounces as for any list. So the interval counts three doubts: which
//! addresses were picked, what their answers are worth, the luck of each message.

use std::collections::BTreeMap;

use serde::Serialize;

use super::draws;
use super::forecast::{Forecast, Projection, middle_ninety};
use super::segment::Segment;
use crate::model::count::float;
use crate::model::limits::PROJECTION_DRAWS;
use crate::model::seeded::SeededRng;

/// What an address turned out to be: its segment, and whether it would be verified.
pub type Outcome = (Segment, bool);

/// A part of a list whose addresses are alike from outside.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stratum {
    /// Rows of the list in it.
    pub rows: u64,
    /// What the asked ones turned out to be.
    pub asked: BTreeMap<Outcome, u64>,
}

impl Stratum {
    fn sampled(&self) -> u64 {
        self.asked.values().sum()
    }
}

/// What a sample says of the whole list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Estimate {
    /// Sent to the whole list.
    pub input: Projection,
    /// Sent to those only that verifying the whole list would verify.
    pub verified: Projection,
    /// Fewest rows that would be verified, with the same confidence.
    pub verified_low: u64,
    /// Most rows that would be.
    pub verified_high: u64,
    /// How many addresses to ask about for an interval of the whole list half as wide; `None` when no sample can,
    /// because most of the doubt is about what the answers are worth.
    pub halving_sample: Option<u64>,
    /// How wide the interval would stay if every address were asked about, a share.
    pub least_width: f64,
}

/// How many addresses a guess from the rest of the list is worth in a stratum. Our choice: a sample of five outweighs
/// it.
const ELSEWHERE: f64 = 2.0;

/// Projects the whole list. `forecast` draws from beliefs that the sample has taught.
#[must_use]
pub fn estimate(forecast: &Forecast<'_>, strata: &[Stratum]) -> Estimate {
    let rows: u64 = strata.iter().map(|stratum| stratum.rows).sum();
    let sampled: u64 = strata.iter().map(Stratum::sampled).sum();
    if rows == 0 || sampled == 0 {
        return Estimate::default();
    }
    let mixes: Vec<Mix> = mixes(strata, sampled);
    let outcomes: Vec<&Outcome> = mixes[0]
        .parts
        .iter()
        .map(|(outcome, ..)| *outcome)
        .collect();
    let expected: Vec<f64> = (0..outcomes.len())
        .map(|at| mixes.iter().map(|mix| mix.expected(at)).sum())
        .collect();
    let shares: Vec<Vec<f64>> = outcomes
        .iter()
        .zip(&expected)
        .map(|((segment, _), rows)| forecast.lucky_shares(segment, rows.max(1.0)))
        .collect();
    let mut rng = SeededRng::of(0, "sample");
    let mut all = Vec::with_capacity(PROJECTION_DRAWS);
    let mut of_verified = Vec::with_capacity(PROJECTION_DRAWS);
    let mut verified_rows = Vec::with_capacity(PROJECTION_DRAWS);
    // The same with the makeup of the list known: what asking about every address would leave.
    let mut known = Vec::with_capacity(PROJECTION_DRAWS);
    // One draw's share of each outcome.
    let draws =
        (0..PROJECTION_DRAWS).map(|draw| shares.iter().map(|of| of[draw]).collect::<Vec<f64>>());
    for shares in draws {
        let mut counts = vec![0_u64; outcomes.len()];
        for mix in &mixes {
            mix.draw(&mut rng, &mut counts);
        }
        let (mut bounces, mut good, mut good_bounces, mut if_known) = (0, 0, 0, 0);
        for (at, (_, verified)) in outcomes.iter().enumerate() {
            let came = draws::binomial(&mut rng, counts[at], shares[at]);
            bounces += came;
            if *verified {
                good += counts[at];
                good_bounces += came;
            }
            if_known += draws::binomial(&mut rng, whole(expected[at]), shares[at]);
        }
        all.push(bounces);
        known.push(if_known);
        verified_rows.push(good);
        of_verified.push((good_bounces, good));
    }
    let n = float(rows);
    let (total, left) = (variance(&all), variance(&known));
    let (known_low, known_high) = middle_ninety(&mut known);
    let mean = |verified_only: bool| {
        let (mut rows, mut bounces, mut hard) = (0.0, 0.0, 0.0);
        for ((segment, verified), count) in outcomes.iter().zip(&expected) {
            if *verified || !verified_only {
                let here = count * forecast.model().mean(segment);
                rows += count;
                bounces += here;
                hard += here * forecast.model().hard(segment);
            }
        }
        (rows, bounces, hard)
    };
    let (low, high) = middle_ninety(&mut all);
    let (verified_low, verified_high) = middle_ninety(&mut verified_rows);
    let mut rates: Vec<f64> = of_verified
        .iter()
        .filter(|(_, rows)| *rows > 0)
        .map(|&(bounces, rows)| float(bounces) / float(rows))
        .collect();
    rates.sort_unstable_by(f64::total_cmp);
    let verified_ends = match rates.len() {
        0 => (0.0, 0.0),
        many => (rates[many / 20], rates[many - 1 - many / 20]),
    };
    Estimate {
        input: projection(mean(false), (float(low) / n, float(high) / n)),
        verified: projection(mean(true), verified_ends),
        verified_low,
        verified_high,
        halving_sample: halving(total, left, float(sampled), n),
        least_width: float(known_high - known_low) / n,
    }
}

fn projection((rows, bounces, hard): (f64, f64, f64), (low, high): (f64, f64)) -> Projection {
    let rate = if rows > 0.0 { bounces / rows } else { 0.0 };
    Projection {
        rate,
        low: low.min(rate),
        high: high.max(rate),
        expected_bounces: bounces,
        hard_bounces: hard,
        soft_bounces: bounces - hard,
        rows: whole(rows),
    }
}

/// The sample with which an interval is half as wide. The part of the variance that comes from picking falls with the
/// sample as `1/n - 1/rows`; the rest stays.
fn halving(total: f64, left: f64, sampled: f64, rows: f64) -> Option<u64> {
    let picking = (total - left).max(0.0);
    let wanted = total / 4.0 - left;
    let now = sampled.recip() - rows.recip();
    if picking <= 0.0 || wanted <= 0.0 || now <= 0.0 {
        return None;
    }
    let sample = (wanted * now / picking + rows.recip()).recip();
    Some(whole(sample.min(rows)))
}

fn variance(counts: &[u64]) -> f64 {
    let n = float(counts.len() as u64);
    let mean = counts.iter().map(|&count| float(count)).sum::<f64>() / n;
    counts
        .iter()
        .map(|&count| (float(count) - mean).powi(2))
        .sum::<f64>()
        / n
}

/// What a stratum may be made of: each outcome with the asked rows and the weight of a guess from the rest of the list.
struct Mix<'a> {
    parts: Vec<(&'a Outcome, u64, f64)>,
    /// Rows that were not asked about.
    rest: u64,
}

impl Mix<'_> {
    /// Expected rows of the outcome at `at`.
    fn expected(&self, at: usize) -> f64 {
        let weight: f64 = self
            .parts
            .iter()
            .map(|(_, asked, guess)| float(*asked) + guess)
            .sum();
        let (_, asked, guess) = &self.parts[at];
        let asked = float(*asked);
        asked + float(self.rest) * (asked + guess) / weight
    }

    /// Draws a makeup and adds its rows.
    fn draw(&self, rng: &mut SeededRng, counts: &mut [u64]) {
        let weights: Vec<f64> = self
            .parts
            .iter()
            .map(|(_, asked, guess)| match float(*asked) + guess {
                weight if weight > 0.0 => draws::gamma(rng, weight),
                _ => 0.0,
            })
            .collect();
        let (mut rest, mut weight) = (self.rest, weights.iter().sum::<f64>());
        for (at, ((_, asked, _), share)) in self.parts.iter().zip(weights).enumerate() {
            let taken = if weight > 0.0 {
                draws::binomial(rng, rest, (share / weight).min(1.0))
            } else {
                0
            };
            counts[at] += asked + taken;
            rest -= taken;
            weight -= share;
        }
        // What rounding left goes where the sample has most.
        if let Some(most) = (0..self.parts.len()).max_by_key(|&at| self.parts[at].1) {
            counts[most] += rest;
        }
    }
}

fn mixes(strata: &[Stratum], sampled: u64) -> Vec<Mix<'_>> {
    let mut everywhere: BTreeMap<&Outcome, u64> = BTreeMap::new();
    for stratum in strata {
        for (outcome, count) in &stratum.asked {
            *everywhere.entry(outcome).or_default() += count;
        }
    }
    strata
        .iter()
        .map(|stratum| Mix {
            parts: everywhere
                .iter()
                .map(|(outcome, all)| {
                    let asked = stratum.asked.get(*outcome).copied().unwrap_or(0);
                    // Where every address was asked about there is nothing to guess.
                    let guess = if stratum.sampled() < stratum.rows {
                        ELSEWHERE * float(*all) / float(sampled)
                    } else {
                        0.0
                    };
                    (*outcome, asked, guess)
                })
                .collect(),
            rest: stratum.rows.saturating_sub(stratum.sampled()),
        })
        .collect()
}

/// A count of rows from arithmetic.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a count of rows, never negative"
)]
fn whole(rows: f64) -> u64 {
    rows.round().max(0.0) as u64
}

/// How many of each stratum to ask about, of `sample` in all: as many as its share of the rows, but some of each, and
/// no more than there are. `strata` has the rows and the different addresses of each.
#[must_use]
pub fn allot(sample: u64, strata: &[(u64, u64)]) -> Vec<u64> {
    let rows: u64 = strata.iter().map(|(rows, _)| rows).sum();
    let mut quota: Vec<u64> = strata
        .iter()
        .map(|&(stratum, different)| {
            let share = float(sample) * float(stratum) / float(rows.max(1));
            whole(share).max(SOME).min(different)
        })
        .collect();
    // The largest strata give, or take, what rounding made too much or too little.
    let mut order: Vec<usize> = (0..strata.len()).collect();
    order.sort_by_key(|&at| (std::cmp::Reverse(strata[at].0), at));
    let mut total: u64 = quota.iter().sum();
    for &at in &order {
        let spare = quota[at].saturating_sub(SOME);
        let less = total.saturating_sub(sample).min(spare);
        quota[at] -= less;
        total -= less;
        let more = sample.saturating_sub(total).min(strata[at].1 - quota[at]);
        quota[at] += more;
        total += more;
    }
    quota
}

/// Fewest addresses of a stratum that are asked about, where it has so many. Our choice.
const SOME: u64 = 3;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::projection::score::Coverage;
    use crate::projection::{Kind, Model, Selection, Truth};

    fn stratum(rows: u64, asked: &[(Kind, bool, u64)]) -> Stratum {
        Stratum {
            rows,
            asked: asked
                .iter()
                .map(|&(kind, verified, count)| ((Segment::kind(kind), verified), count))
                .collect(),
        }
    }

    fn of(strata: &[Stratum]) -> Estimate {
        let model = Model::built_in();
        estimate(&Forecast::new(&model), strata)
    }

    #[test]
    fn a_sample_of_every_address_is_the_list_itself() {
        let strata = [stratum(
            300,
            &[(Kind::Proven, true, 200), (Kind::Refused, false, 100)],
        )];
        let found = of(&strata);
        let list: Selection = [(Kind::Proven, 200), (Kind::Refused, 100)]
            .map(|(kind, count)| (Segment::kind(kind), count))
            .into();
        let whole = Model::built_in().project(&list);
        assert!((found.input.rate - whole.rate).abs() < 1e-9);
        assert!(
            (found.input.low - whole.low).abs() < 0.01
                && (found.input.high - whole.high).abs() < 0.01
        );
        assert_eq!(
            (found.verified_low, found.verified_high, found.verified.rows),
            (200, 200, 200)
        );
        assert_eq!(found.halving_sample, None);
    }

    #[test]
    fn a_larger_sample_is_surer() {
        let width = |n: u64| {
            let found = of(&[stratum(
                100_000,
                &[(Kind::Proven, true, 4 * n), (Kind::Refused, false, n)],
            )]);
            (found.input.high - found.input.low, found.halving_sample)
        };
        let (small, halving) = width(20);
        let (large, _) = width(80);
        assert!(small > 1.8 * large, "{small} {large}");
        // Four times the sample halves what comes from picking; a little more, because some doubt stays.
        let halving = halving.expect("picking is most of the doubt");
        assert!((380..900).contains(&halving), "{halving}");
    }

    #[test]
    fn no_sample_helps_where_the_doubt_is_about_the_answers() {
        let found = of(&[stratum(5_000, &[(Kind::CatchAll, false, 400)])]);
        assert_eq!(found.halving_sample, None);
        assert!(found.least_width > 0.2, "{found:?}");
    }

    #[test]
    fn strata_get_their_share_and_some_of_each() {
        assert_eq!(allot(100, &[(900, 900), (90, 90), (10, 10)]), [88, 9, 3]);
        assert_eq!(
            allot(100, &[(50, 40), (5, 5)]),
            [40, 5],
            "no more than there are"
        );
        assert_eq!(allot(10, &[]), Vec::<u64>::new());
        let quota = allot(400, &[(1000, 10), (1000, 1000), (3, 2)]);
        assert_eq!(quota.iter().sum::<u64>(), 400);
    }

    #[test]
    fn the_truth_lies_within_the_interval_as_often_as_it_says() {
        let model = Model::built_in();
        let forecast = Forecast::new(&model);
        let mut coverage = Coverage::default();
        for seed in 0..200 {
            let mut rng = SeededRng::of(seed, "world");
            let good = 0.5 + 0.4 * rng.unit();
            let (mut asked, mut bounced) = (BTreeMap::new(), 0);
            for row in 0..3_000_u64 {
                let kind = if rng.unit() < good {
                    Kind::Proven
                } else {
                    Kind::Refused
                };
                let share = Truth::of(seed).share(kind, None, &format!("{row}.test"), 0.0);
                bounced += u64::from(rng.unit() < share);
                if row < 100 {
                    *asked
                        .entry((Segment::kind(kind), kind == Kind::Proven))
                        .or_default() += 1;
                }
            }
            let found = estimate(&forecast, &[Stratum { rows: 3_000, asked }]);
            coverage.add(&found.input, bounced);
        }
        let share = coverage.share();
        assert!((0.84..=0.96).contains(&share), "{share} {coverage:?}");
    }
}
