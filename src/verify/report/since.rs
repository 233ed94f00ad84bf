//! What changed since the last run of the same job.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Report;
use crate::model::timestamp::Timestamp;
use crate::projection::Projection;

/// What changed since the last run of the same job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Since {
    /// When that run ended.
    pub finished: Timestamp,
    /// Rows of the list in that run.
    pub rows: u64,
    /// Projected bounces of the list as it came: then and now.
    pub input: [Projection; 2],
    /// Projected bounces of `verified.csv`: then and now.
    pub verified: [Projection; 2],
    /// Rows by list: then and now.
    pub disposition: BTreeMap<String, [u64; 2]>,
    /// Rows by reason, where they changed: then and now.
    pub reason: BTreeMap<String, [u64; 2]>,
}

/// What is remembered of a run, so that the next one can be held against it: numbers alone, for what a report says of
/// addresses, domains and hosts would outlive their being forgotten. It is a part of `report.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Numbers {
    list: Rows,
    counts: Counted,
    projection: Projected,
    time: Finished,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Rows {
    rows: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Counted {
    disposition: BTreeMap<String, u64>,
    reason: BTreeMap<String, u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Projected {
    input: Projection,
    verified: Projection,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Finished {
    finished: Timestamp,
}

impl From<&Report> for Numbers {
    fn from(report: &Report) -> Self {
        let Report {
            list,
            counts,
            projection,
            time,
            ..
        } = report;
        Numbers {
            list: Rows { rows: list.rows },
            counts: Counted {
                disposition: counts.disposition.clone(),
                reason: counts.reason.clone(),
            },
            projection: Projected {
                input: projection.input,
                verified: projection.verified,
            },
            time: Finished {
                finished: time.finished,
            },
        }
    }
}

impl Numbers {
    /// Reads what [`Numbers::to_json`] wrote, or the whole report that earlier versions kept; `None` for what is
    /// neither.
    #[must_use]
    pub fn from_json(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// As it is kept.
    ///
    /// # Panics
    ///
    /// Never: they are plain data.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("plain data")
    }
}

impl Since {
    /// Holds `now` against an earlier run.
    #[must_use]
    pub fn between(then: &Numbers, now: &Report) -> Since {
        let mut reason = pairs(&then.counts.reason, &now.counts.reason);
        reason.retain(|_, [before, after]| before != after);
        Since {
            finished: then.time.finished,
            rows: then.list.rows,
            input: [then.projection.input, now.projection.input],
            verified: [then.projection.verified, now.projection.verified],
            disposition: pairs(&then.counts.disposition, &now.counts.disposition),
            reason,
        }
    }
}

fn pairs(then: &BTreeMap<String, u64>, now: &BTreeMap<String, u64>) -> BTreeMap<String, [u64; 2]> {
    then.keys()
        .chain(now.keys())
        .map(|name| {
            let of = |counts: &BTreeMap<String, u64>| counts.get(name).copied().unwrap_or(0);
            (name.clone(), [of(then), of(now)])
        })
        .collect()
}
