//! The bounces of a selection: how many are expected, and between which numbers they lie nine times in ten.
//!
//! The doubt has two parts. What share of a segment bounces is not known, and that doubt is common to all its
//! addresses, so it does not vanish on a long list; then each message has its own luck. Both are drawn many times from
//! a seeded generator, so counts too small for a normal distribution are right as well, and the same list gives the
//! same numbers.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use super::Selection;
use super::draws;
use super::model::Model;
use super::segment::Segment;
use crate::model::count::float;
use crate::model::limits::PROJECTION_DRAWS;
use crate::model::seeded::SeededRng;

/// A bounce rate with its 90 % interval. Rates are shares, not per cents.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Projection {
    /// The expected rate.
    pub rate: f64,
    /// One time in twenty it is lower.
    pub low: f64,
    /// One time in twenty it is higher.
    pub high: f64,
    /// The expected number of bounces: the sum of `presend_bounce` over the rows, up to its rounding.
    pub expected_bounces: f64,
    /// Those of them that are refused for good.
    #[serde(default)]
    pub hard_bounces: f64,
    /// Those that are refused for days and then returned.
    #[serde(default)]
    pub soft_bounces: f64,
    /// How many rows it is about.
    #[serde(default)]
    pub rows: u64,
}

impl Projection {
    /// Whether a count of bounces lies in the interval.
    #[must_use]
    pub fn holds(&self, bounces: u64) -> bool {
        // Ends are counts divided by rows: half a message of slack is for the division.
        let (rows, bounces) = (float(self.rows), float(bounces));
        bounces >= self.low * rows - 0.5 && bounces <= self.high * rows + 0.5
    }
}

/// A model with draws from it, which projects any number of selections of one list.
pub struct Forecast<'m> {
    model: &'m Model,
    seed: u64,
    shares: RefCell<BTreeMap<Segment, Rc<[f64]>>>,
    counts: RefCell<BTreeMap<(Segment, u64), Bounces>>,
}

/// Bounces of so many addresses of a segment, in each draw.
type Bounces = Rc<[u32]>;

/// The seed of every projection: the same list must give the same numbers.
const SEED: u64 = 0x7072_6573_656e_6400;

impl<'m> Forecast<'m> {
    /// Draws from a model.
    #[must_use]
    pub fn new(model: &'m Model) -> Self {
        Forecast {
            model,
            seed: SEED,
            shares: RefCell::default(),
            counts: RefCell::default(),
        }
    }

    /// The projected bounces when a message goes to every address of `selection`.
    #[must_use]
    pub fn project(&self, selection: &Selection) -> Projection {
        let rows: u64 = selection.values().sum();
        if rows == 0 {
            return Projection::default();
        }
        let (mut bounces, mut hard) = (0.0, 0.0);
        for (segment, &count) in selection {
            let expected = float(count) * self.model.mean(segment);
            bounces += expected;
            hard += expected * self.model.hard(segment);
        }
        let mut totals = self.totals(selection);
        let (low, high) = middle_ninety(&mut totals);
        let n = float(rows);
        let rate = bounces / n;
        Projection {
            rate,
            // Where bounces are rare the middle of the draws may lie on one side of the mean.
            low: (float(low) / n).min(rate),
            high: (float(high) / n).max(rate),
            expected_bounces: bounces,
            hard_bounces: hard,
            soft_bounces: bounces - hard,
            rows,
        }
    }

    /// The bounces of a selection in each draw.
    pub(super) fn totals(&self, selection: &Selection) -> Vec<u64> {
        let mut totals = vec![0; PROJECTION_DRAWS];
        for (segment, &count) in selection {
            for (total, &bounces) in totals.iter_mut().zip(&*self.bounces(segment, count)) {
                *total += u64::from(bounces);
            }
        }
        totals
    }

    /// The bounces of `count` addresses of a segment in each draw.
    fn bounces(&self, segment: &Segment, count: u64) -> Bounces {
        let key = (segment.clone(), count);
        if let Some(known) = self.counts.borrow().get(&key) {
            return Rc::clone(known);
        }
        let mut rng = SeededRng::of(self.seed ^ 1, segment.to_string());
        let bounces: Bounces = self
            .lucky_shares(segment, float(count))
            .into_iter()
            .map(|share| u32::try_from(draws::binomial(&mut rng, count, share)).unwrap_or(u32::MAX))
            .collect();
        self.counts.borrow_mut().insert(key, Rc::clone(&bounces));
        bounces
    }

    /// Shares that may come true among so many rows of a segment, with the luck that rows of one domain share.
    pub(super) fn lucky_shares(&self, segment: &Segment, rows: f64) -> Vec<f64> {
        let shares = self.shares(segment);
        let domains = self.model.domains(segment, rows);
        if segment.domain.is_some() || rows <= domains {
            return shares.to_vec();
        }
        // The mean of so many domains scatters less than one does, by their number.
        let weight = (self.model.prior(segment).domains + 1.0) * domains - 1.0;
        let mut rng = SeededRng::of(self.seed ^ 2, segment.to_string());
        shares
            .iter()
            .map(|&share| draws::beta(&mut rng, share, weight))
            .collect()
    }

    /// Shares that may be true of a segment.
    pub(super) fn shares(&self, segment: &Segment) -> Rc<[f64]> {
        if let Some(known) = self.shares.borrow().get(segment) {
            return Rc::clone(known);
        }
        let broader = segment.broader().map(|broader| self.shares(&broader));
        let shares: Rc<[f64]> = self
            .model
            .shares(segment, broader.as_deref(), self.seed)
            .into();
        self.shares
            .borrow_mut()
            .insert(segment.clone(), Rc::clone(&shares));
        shares
    }

    /// The model that is drawn from.
    #[must_use]
    pub fn model(&self) -> &Model {
        self.model
    }
}

/// The draws between which the middle 90 % lie.
pub(super) fn middle_ninety(totals: &mut [u64]) -> (u64, u64) {
    totals.sort_unstable();
    let twentieth = totals.len() / 20;
    (totals[twentieth], totals[totals.len() - 1 - twentieth])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::projection::segment::Kind;

    fn project(counts: &[(&str, u64)]) -> Projection {
        let selection = counts
            .iter()
            .map(|(name, count)| (name.parse().unwrap(), *count))
            .collect();
        Forecast::new(&Model::built_in()).project(&selection)
    }

    #[test]
    fn an_empty_list_bounces_nowhere() {
        assert_eq!(project(&[]), Projection::default());
    }

    #[test]
    fn rates_add_up_by_segment() {
        let projection = project(&[("proven", 100), ("catch_all", 100)]);
        assert!((projection.expected_bounces - 27.0).abs() < 1e-9);
        assert!((projection.rate - 0.135).abs() < 1e-9);
        assert!(projection.low < projection.rate && projection.rate < projection.high);
        let sum = projection.hard_bounces + projection.soft_bounces;
        assert!((sum - projection.expected_bounces).abs() < 1e-9);
        assert_eq!(projection.rows, 200);
    }

    #[test]
    fn doubt_does_not_vanish_on_a_long_list() {
        let width = |n| {
            let projection = project(&[("catch_all", n)]);
            projection.high - projection.low
        };
        assert!(width(20) > width(10_000));
        assert!(width(1_000_000) > 0.30);
    }

    #[test]
    fn the_luck_of_few_messages_is_counted_in_whole_messages() {
        let projection = project(&[("proven", 10)]);
        assert!(projection.low.abs() < 1e-9);
        assert!(
            (projection.high - 0.1).abs() < 1e-9,
            "one bounce of ten: {projection:?}"
        );
        assert!(projection.holds(0) && projection.holds(1) && !projection.holds(2));
    }

    #[test]
    fn addresses_of_one_domain_share_its_luck() {
        let segment = Segment::kind(Kind::CatchAll);
        let selection = BTreeMap::from([(segment.clone(), 300)]);
        let width = |domains: f64| {
            let model = Model::built_in().after(
                &BTreeMap::new(),
                BTreeMap::from([(segment.clone(), domains)]),
            );
            let projection = Forecast::new(&model).project(&selection);
            projection.high - projection.low
        };
        assert!(width(1.0) > 1.4 * width(300.0));
    }

    #[test]
    fn the_same_list_gives_the_same_numbers_whatever_else_is_projected() {
        let model = Model::built_in();
        let forecast = Forecast::new(&model);
        let small: Selection = BTreeMap::from([("proven".parse().unwrap(), 500)]);
        let first = forecast.project(&small);
        let mut large = small.clone();
        large.insert("full@google".parse().unwrap(), 90);
        assert!(forecast.project(&large).rows > first.rows);
        assert_eq!(forecast.project(&small), first);
        assert_eq!(Forecast::new(&model).project(&small), first);
    }
}
