//! What came of sending, beside what a run had projected.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use super::Report;
use crate::bounce::import::run::{Comparison, Line};
use crate::model::text::{about, counted, grouped, percent};
use crate::model::timestamp::Timestamp;
use crate::projection::Projection;

/// What came of sending to lists of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Real {
    /// When the bounces were read.
    pub at: Timestamp,
    /// The lists that were sent to.
    pub lists: Vec<String>,
    /// All of it.
    pub total: RealLine,
    /// Whether the rate lies within the interval that the run had projected; `None` where it projected none for these
    /// lists.
    pub within: Option<bool>,
    /// By `presend_verdict` with its reason, such as `deliverable/accepted`.
    pub by_verdict: Vec<RealLine>,
    /// By the mail host's provider; `other` for the unknown ones.
    pub by_provider: Vec<RealLine>,
    /// Addresses called deliverable that bounced.
    pub surprises: u64,
}

/// Some rows: what was expected of them, what happened.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RealLine {
    /// What the rows have in common.
    pub name: String,
    /// Rows sent to, as far as they tell anything.
    pub rows: u64,
    /// Rows left out because only the sender was to blame for their bounce.
    pub by_sender: u64,
    /// Bounces that the probabilities add up to.
    pub expected: f64,
    /// The same as a share.
    pub expected_rate: f64,
    /// Bounces that came.
    pub bounced: u64,
    /// Of these, for good.
    pub hard: u64,
    /// The real rate.
    pub rate: f64,
    /// Its 90 % interval.
    pub low: f64,
    /// The upper end of the interval.
    pub high: f64,
}

impl RealLine {
    fn of(name: &str, of: &Line) -> RealLine {
        RealLine {
            name: name.to_owned(),
            rows: of.rows,
            by_sender: of.by_sender,
            expected: of.expected,
            expected_rate: of.expected_rate,
            bounced: of.bounced,
            hard: of.hard,
            rate: of.rate,
            low: of.low,
            high: of.high,
        }
    }
}

/// Lines with their names, the largest first.
fn lines(lines: &BTreeMap<String, Line>) -> Vec<RealLine> {
    let mut lines: Vec<RealLine> = lines
        .iter()
        .map(|(name, of)| RealLine::of(name, of))
        .collect();
    lines.sort_by_key(|line| std::cmp::Reverse(line.rows));
    lines
}

impl Real {
    /// What a comparison with bounces, which were read at `at`, comes to.
    #[must_use]
    pub fn of(comparison: &Comparison, at: Timestamp) -> Real {
        Real {
            at,
            lists: comparison
                .lists
                .iter()
                .map(|list| (*list).to_owned())
                .collect(),
            total: RealLine::of("all", &comparison.total),
            within: comparison.within,
            by_verdict: lines(&comparison.by_verdict),
            by_provider: lines(&comparison.by_provider),
            surprises: comparison.surprises_total,
        }
    }

    /// What the run had projected for these lists: with its interval where one was made for them, else the sum of
    /// their chances.
    #[must_use]
    pub fn projected(&self, report: &Report) -> Projection {
        match self.within {
            Some(_) => report.projection.verified,
            None => Projection {
                rate: self.total.expected_rate,
                low: self.total.expected_rate,
                high: self.total.expected_rate,
                expected_bounces: self.total.expected,
                rows: self.total.rows,
                ..Projection::default()
            },
        }
    }

    /// What came back, in the form of a projection.
    #[must_use]
    pub fn came(&self) -> Projection {
        #[expect(clippy::cast_precision_loss, reason = "a count of rows")]
        let bounced = self.total.bounced as f64;
        Projection {
            rate: self.total.rate,
            low: self.total.low,
            high: self.total.high,
            expected_bounces: bounced,
            rows: self.total.rows,
            ..Projection::default()
        }
    }

    /// Both in sentences.
    #[must_use]
    pub fn in_words(&self, report: &Report) -> String {
        let total = &self.total;
        if total.rows == 0 {
            return "The lists that were sent to have no rows that could be compared.".to_owned();
        }
        let mut text = format!(
            "Of the {} to {}, {} came back: {}.",
            counted(total.rows, "message", "messages"),
            listed(&self.lists),
            grouped(total.bounced),
            percent(total.rate)
        );
        let projected = self.projected(report);
        let _ = match self.within {
            Some(within) => write!(
                text,
                " We had projected {} ({} to {}): what came {}.",
                percent(projected.rate),
                percent(projected.low),
                percent(projected.high),
                match within {
                    true => "lies within that",
                    false if total.rate > projected.high => "is more than that",
                    false => "is less than that",
                }
            ),
            None => write!(
                text,
                " Their chances of bouncing add up to {}: {}.",
                about(projected.expected_bounces),
                percent(projected.rate)
            ),
        };
        if total.by_sender > 0 {
            let _ = write!(
                text,
                " {} left out: their mail came back because of the sender, which says nothing about the list.",
                match total.by_sender {
                    1 => "1 more is".to_owned(),
                    many => format!("{} more are", grouped(many)),
                }
            );
        }
        text
    }
}

/// Names of lists joined in a sentence: `verified.csv and review.csv`.
fn listed(lists: &[String]) -> String {
    let files: Vec<String> = lists.iter().map(|list| format!("{list}.csv")).collect();
    match files.as_slice() {
        [before @ .., last] if !before.is_empty() => format!("{} and {last}", before.join(", ")),
        files => files.concat(),
    }
}
