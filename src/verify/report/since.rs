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
    /// Its rows.
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

impl Since {
    /// Holds `now` against the report of an earlier run.
    #[must_use]
    pub fn between(then: &Report, now: &Report) -> Since {
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
