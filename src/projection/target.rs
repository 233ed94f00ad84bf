//! The largest list under a wanted rate: which rows of review may be added to the verified ones, and where to stop.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::Selection;
use super::forecast::{Forecast, Projection};
use super::segment::{Kind, Segment};
use super::tally::{Pile, Tally};

/// Which number of a projection is held against a wanted rate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// The expected rate.
    #[default]
    Expected,
    /// The upper end of the 90 % interval: the careful choice.
    Upper,
}

impl Basis {
    /// The number of a projection that is looked at.
    #[must_use]
    pub fn of(self, projection: &Projection) -> f64 {
        match self {
            Basis::Expected => projection.rate,
            Basis::Upper => projection.high,
        }
    }
}

impl fmt::Display for Basis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Basis::Expected => "expected",
            Basis::Upper => "upper",
        })
    }
}

impl FromStr for Basis {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        match word {
            "expected" => Ok(Basis::Expected),
            "upper" => Ok(Basis::Upper),
            _ => Err("write expected or upper".to_owned()),
        }
    }
}

/// What the largest list must keep to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Goal {
    /// The wanted rate, a share.
    pub rate: f64,
    /// Which number of the projection must not be over it.
    pub basis: Basis,
    /// No address of review is added whose own chance of bouncing is over this share, whatever room the others leave.
    pub cap: f64,
}

/// The chance of bouncing over which an address is not added, where the operator says nothing. Our choice: it spends
/// the room that twenty proven ones leave, and as likely as not the mailbox is gone or reassigned by now.
pub const USUAL_CAP: f64 = 0.3;

/// Whether addresses of this kind may be added at all. What a host that blocks us takes is not known, and sending there
/// now makes the block worse.
fn may_be_added(kind: Kind) -> bool {
    kind != Kind::Blocked
}

/// A segment's part in the largest list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// The segment's name, such as `untested@google`.
    pub segment: String,
    /// Whether its rows are verified already.
    pub verified: bool,
    /// The probability that a message to one of them bounces.
    pub share: f64,
    /// Rows there are.
    pub rows: u64,
    /// Rows taken, the first in the caller's order.
    pub taken: u64,
}

/// The largest list under a wanted rate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Target {
    /// The wanted rate, a share.
    pub wanted: f64,
    /// Which number of the projection must not be over it.
    pub basis: Basis,
    /// Verified rows in it.
    pub verified: u64,
    /// Rows of review in it.
    pub added: u64,
    /// Rows of review that were left out for the rate, or for their own chance of bouncing.
    pub left_out: u64,
    /// Where each segment stands, best first.
    pub steps: Vec<Step>,
    /// What the list comes to.
    pub projection: Projection,
    /// The file it was written to, where it was.
    #[serde(default)]
    pub file: Option<String>,
}

/// How many rows of each segment and pile belong to the largest list.
pub type Takings = BTreeMap<(Pile, Segment), u64>;

/// Finds the largest list whose rate is not over `wanted`. All verified rows belong to it if they alone are under it,
/// then the best of review; if not, only the best of the verified ones. Rows that a flag keeps in review, those over
/// the cap, those at hosts that block us, and rejected ones, never do.
#[must_use]
pub fn target(forecast: &Forecast<'_>, tally: &Tally, goal: Goal) -> (Target, Takings) {
    let Goal {
        rate: wanted,
        basis,
        cap,
    } = goal;
    let mut barred = 0;
    let mut offers: Vec<(Pile, Segment, u64, f64)> = Vec::new();
    for pile in [Pile::Verified, Pile::Open] {
        for (segment, count) in tally.rows(&[pile]) {
            let share = forecast.model().mean(&segment);
            if pile == Pile::Open && (share > cap || !may_be_added(segment.kind)) {
                barred += count;
                continue;
            }
            offers.push((pile, segment, count, share));
        }
    }
    // Verified ones first, each pile best first.
    offers.sort_by(|a, b| {
        let order = a.0.cmp(&b.0).then(a.3.total_cmp(&b.3));
        order.then_with(|| a.1.cmp(&b.1))
    });
    let fits = |list: &Selection| {
        let rate = match basis {
            Basis::Expected => forecast.model().rate(list),
            Basis::Upper => forecast.project(list).high,
        };
        rate <= wanted
    };
    // The longest run of whole segments that fits, then as much of the next one as does.
    let mut list = Selection::new();
    let (mut whole, mut fitting) = (0, Selection::new());
    for (at, (_, segment, count, _)) in offers.iter().enumerate() {
        *list.entry(segment.clone()).or_default() += count;
        if fits(&list) {
            (whole, fitting) = (at + 1, list.clone());
        }
    }
    let mut part = 0;
    if let Some((_, segment, count, _)) = offers.get(whole) {
        let with = |rows: u64| {
            let mut list = fitting.clone();
            *list.entry(segment.clone()).or_default() += rows;
            list
        };
        let (mut some, mut too_many) = (0, *count);
        while some + 1 < too_many {
            let middle = some + (too_many - some) / 2;
            if fits(&with(middle)) {
                some = middle;
            } else {
                too_many = middle;
            }
        }
        part = some;
        if part > 0 {
            fitting = with(part);
        }
    }
    let mut takings = Takings::new();
    let mut steps = Vec::new();
    let (mut verified, mut added, mut left_out) = (0, 0, barred);
    for (at, (pile, segment, rows, share)) in offers.into_iter().enumerate() {
        let taken = match at.cmp(&whole) {
            std::cmp::Ordering::Less => rows,
            std::cmp::Ordering::Equal => part,
            std::cmp::Ordering::Greater => 0,
        };
        if pile == Pile::Verified {
            verified += taken;
        } else {
            added += taken;
            left_out += rows - taken;
        }
        steps.push(Step {
            segment: segment.to_string(),
            verified: pile == Pile::Verified,
            share,
            rows,
            taken,
        });
        takings.insert((pile, segment), taken);
    }
    let target = Target {
        wanted,
        basis,
        verified,
        added,
        left_out,
        steps,
        projection: forecast.project(&fitting),
        file: None,
    };
    (target, takings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::projection::Model;

    fn find(rows: &[(Kind, Pile, u64)], wanted: f64, basis: Basis) -> Target {
        let mut tally = Tally::new(&Model::built_in());
        for &(kind, pile, count) in rows {
            for row in 0..count {
                tally.add(kind, None, &format!("d{row}.test"), pile);
            }
        }
        let model = tally.teach(Model::built_in());
        let goal = Goal {
            rate: wanted,
            basis,
            cap: USUAL_CAP,
        };
        target(&Forecast::new(&model), &tally, goal).0
    }

    const LIST: [(Kind, Pile, u64); 5] = [
        (Kind::Proven, Pile::Verified, 1000),
        (Kind::CatchAll, Pile::Open, 200),
        (Kind::Busy, Pile::Open, 100),
        (Kind::Busy, Pile::Held, 100),
        (Kind::Refused, Pile::Rejected, 50),
    ];

    #[test]
    fn the_best_of_review_are_added_until_the_rate_is_reached() {
        let target = find(&LIST, 0.02, Basis::Expected);
        assert_eq!(target.verified, 1000);
        // 10 + 3 expected among 1100; each catch-all adds 0.26: (0.02 · 1100 − 13) / 0.24 = 37.5
        assert_eq!(target.added, 100 + 37);
        assert_eq!(target.left_out, 163);
        assert!(target.projection.rate <= 0.02 && target.projection.rate > 0.0198);
        let order: Vec<&str> = target
            .steps
            .iter()
            .map(|step| step.segment.as_str())
            .collect();
        assert_eq!(order, ["proven", "busy", "catch_all"]);
    }

    #[test]
    fn the_careful_choice_is_the_smaller_list() {
        let careful = find(&LIST, 0.03, Basis::Upper);
        let expected = find(&LIST, 0.03, Basis::Expected);
        assert!(careful.added < expected.added);
        assert!(careful.projection.high <= 0.03);
    }

    #[test]
    fn verified_rows_over_the_rate_are_left_out_worst_first() {
        let rows = [
            (Kind::Proven, Pile::Verified, 100),
            (Kind::CatchAll, Pile::Verified, 100),
            (Kind::Busy, Pile::Open, 100),
        ];
        let target = find(&rows, 0.02, Basis::Expected);
        assert_eq!(target.verified, 104, "{target:#?}");
        assert_eq!(target.added, 0);
    }

    #[test]
    fn what_is_likely_to_bounce_or_blocks_us_is_never_added_however_much_room_there_is() {
        let rows = [
            (Kind::Proven, Pile::Verified, 10_000),
            (Kind::Busy, Pile::Open, 10),
            (Kind::NoAddress, Pile::Open, 10),
            (Kind::Full, Pile::Open, 10),
            (Kind::Blocked, Pile::Open, 10),
        ];
        let target = find(&rows, 0.05, Basis::Expected);
        let shares: Vec<f64> = target.steps.iter().map(|step| step.share).collect();
        assert!(
            shares.iter().all(|share| *share <= USUAL_CAP),
            "{target:#?}"
        );
        assert_eq!(target.added + target.left_out, 40);
        assert!(target.added >= 10 && target.left_out >= 20, "{target:#?}");
        let names: Vec<&str> = target
            .steps
            .iter()
            .map(|step| step.segment.as_str())
            .collect();
        assert!(
            !names.contains(&"blocked") && !names.contains(&"no_address"),
            "{names:?}"
        );
    }

    #[test]
    fn no_list_may_be_the_answer() {
        let target = find(
            &[(Kind::Proven, Pile::Verified, 10)],
            0.001,
            Basis::Expected,
        );
        assert_eq!((target.verified, target.added), (0, 0));
        assert_eq!(target.projection.rows, 0);
    }
}
