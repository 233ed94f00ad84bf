//! What came of sending, as the report of the run tells it.

use std::collections::BTreeMap;

use crate::bounce::import::run::{Comparison, Line, Run};
use crate::cli::report::write_report;
use crate::model::timestamp::Timestamp;
use crate::verify::output::Rights;
use crate::verify::report::{Edition, Real, RealLine, Report};

/// Lets the report of a run show what came of sending, beside what it had projected; the bounces were read at `now`.
pub(super) fn tell(finished: &Run, comparison: &Comparison, now: Timestamp) -> anyhow::Result<()> {
    let file = finished.folder().join("report.json");
    let name = file.display().to_string();
    let mut report = Report::from_json(&std::fs::read_to_string(&file)?, &name)?;
    report.real = Some(real(comparison, now));
    let rights = Rights::of_what_comes_from(&file);
    write_report(&report, finished.folder(), rights, Edition::Full)
}

fn real(comparison: &Comparison, at: Timestamp) -> Real {
    Real {
        at,
        lists: comparison
            .lists
            .iter()
            .map(|list| (*list).to_owned())
            .collect(),
        total: line("all", &comparison.total),
        within: comparison.within,
        by_verdict: lines(&comparison.by_verdict),
        by_provider: lines(&comparison.by_provider),
        surprises: comparison.surprises_total,
    }
}

/// Lines with their names, the largest first.
fn lines(lines: &BTreeMap<String, Line>) -> Vec<RealLine> {
    let mut lines: Vec<RealLine> = lines.iter().map(|(name, of)| line(name, of)).collect();
    lines.sort_by_key(|line| std::cmp::Reverse(line.rows));
    lines
}

fn line(name: &str, of: &Line) -> RealLine {
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
