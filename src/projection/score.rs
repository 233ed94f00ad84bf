//! How well projections foretold what came: whether intervals held as often as they say, how near probabilities were.

use std::fmt::Write as _;

use super::forecast::Projection;
use crate::model::count::float;

/// Edges of the classes of probability in a calibration table. Narrow where most rows are.
const EDGES: [f64; 9] = [0.005, 0.02, 0.05, 0.10, 0.20, 0.40, 0.60, 0.90, 1.0];

/// Rows whose probabilities lie in one class.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Class {
    rows: u64,
    expected: f64,
    bounced: u64,
}

/// The intervals of one kind of list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Lists that had rows.
    pub lists: u64,
    /// Lists whose bounces lay within the interval.
    pub held: u64,
    /// Those with fewer bounces than its lower end.
    pub below: u64,
    /// Those with more bounces than its upper end.
    pub above: u64,
}

impl Coverage {
    /// Holds a projection against what bounced. An empty list proves nothing.
    pub fn add(&mut self, projection: &Projection, bounced: u64) {
        if projection.rows == 0 {
            return;
        }
        self.lists += 1;
        if projection.holds(bounced) {
            self.held += 1;
        } else if float(bounced) > projection.expected_bounces {
            self.above += 1;
        } else {
            self.below += 1;
        }
    }

    /// The share of lists whose bounces lay within the interval.
    #[must_use]
    pub fn share(&self) -> f64 {
        float(self.held) / float(self.lists.max(1))
    }

    /// Adds another count.
    pub fn merge(&mut self, other: &Coverage) {
        self.lists += other.lists;
        self.held += other.held;
        self.below += other.below;
        self.above += other.above;
    }
}

/// Probabilities of single rows held against what became of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sharpness {
    classes: [Class; EDGES.len()],
    squares: f64,
    rows: u64,
}

impl Sharpness {
    /// Holds the probability of a row against whether it bounced.
    pub fn add(&mut self, share: f64, bounced: bool) {
        let at = EDGES
            .iter()
            .position(|&edge| share <= edge)
            .unwrap_or(EDGES.len() - 1);
        let came = f64::from(u8::from(bounced));
        let class = &mut self.classes[at];
        class.rows += 1;
        class.expected += share;
        class.bounced += u64::from(bounced);
        self.squares += (share - came).powi(2);
        self.rows += 1;
    }

    /// The Brier score: the mean square of probability less outcome. 0 is a prophet, 0.25 a coin.
    #[must_use]
    pub fn brier(&self) -> f64 {
        self.squares / float(self.rows.max(1))
    }

    /// Rows that were held against their outcome.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Adds other rows.
    pub fn merge(&mut self, other: &Sharpness) {
        for (class, more) in self.classes.iter_mut().zip(&other.classes) {
            class.rows += more.rows;
            class.expected += more.expected;
            class.bounced += more.bounced;
        }
        self.squares += other.squares;
        self.rows += other.rows;
    }

    /// The calibration table: for each class of probability, how many bounces were expected and how many came.
    #[must_use]
    pub fn table(&self) -> String {
        let mut text = String::from("  presend_bounce        rows   expected   bounced\n");
        let mut from = 0.0;
        for (class, edge) in self.classes.iter().zip(EDGES) {
            if class.rows > 0 {
                let of = float(class.rows) / 100.0;
                let _ = writeln!(
                    text,
                    "  {from:.3} to {edge:.3}  {:>9}   {:>6.2} %  {:>6.2} %",
                    class.rows,
                    class.expected / of,
                    float(class.bounced) / of
                );
            }
            from = edge;
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::seeded::SeededRng;
    use crate::projection::{Forecast, Kind, Model, Segment, Selection, Truth};

    #[test]
    fn the_brier_score_is_the_mean_square() {
        let mut sharpness = Sharpness::default();
        sharpness.add(0.9, true);
        sharpness.add(0.2, false);
        assert!((sharpness.brier() - 0.025).abs() < 1e-12);
        let table = sharpness.table();
        assert!(
            table.contains("0.600 to 0.900          1    90.00 %  100.00 %"),
            "{table}"
        );
    }

    #[test]
    fn counts_outside_the_interval_are_told_by_their_side() {
        let projection = Projection {
            rate: 0.1,
            low: 0.05,
            high: 0.15,
            expected_bounces: 10.0,
            rows: 100,
            ..Projection::default()
        };
        let mut coverage = Coverage::default();
        for bounced in [4, 5, 10, 15, 16] {
            coverage.add(&projection, bounced);
        }
        coverage.add(&Projection::default(), 0);
        assert_eq!(
            (
                coverage.lists,
                coverage.held,
                coverage.below,
                coverage.above
            ),
            (5, 3, 1, 1)
        );
    }

    /// What is believed of segments, held against shares drawn from these beliefs: the arithmetic alone, without
    /// worlds.
    #[test]
    fn nine_times_in_ten_means_nine_times_in_ten() {
        let model = Model::built_in();
        let forecast = Forecast::new(&model);
        let mut coverage = Coverage::default();
        for seed in 0..400 {
            let mut rng = SeededRng::of(seed, "list");
            let mut selection = Selection::new();
            let mut bounced = 0;
            for (kind, most) in [
                (Kind::Proven, 400),
                (Kind::CatchAll, 120),
                (Kind::AcceptsEveryone, 80),
                (Kind::Full, 20),
                (Kind::Refused, 100),
            ] {
                // Few sizes, so that draws are shared between lists.
                let count = rng.between(1, 4) as u64 * (most / 4);
                selection.insert(Segment::kind(kind), count);
                for at in 0..count {
                    let domain = format!("{at}.test");
                    let share = Truth::of(seed).share(kind, None, &domain, 0.0);
                    bounced += u64::from(rng.unit() < share);
                }
            }
            coverage.add(&forecast.project(&selection), bounced);
        }
        let share = coverage.share();
        assert!((0.86..=0.95).contains(&share), "{share} {coverage:?}");
    }
}
