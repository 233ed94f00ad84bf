//! Pictures in a report, as inline SVG. Colours come from the page's style, so that they follow light, dark and print.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::Report;
use super::advice::{BAD, GOOD, Mood};
use crate::model::reason::Reason;
use crate::model::text::{counted, grouped, percent, tame};
use crate::model::verdict::Disposition;
use crate::projection::Projection;

/// A text inside SVG: nothing in it is markup.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in tame(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// Width of the drawing of rates, in its own units; a phone shows one for a pixel.
const GAUGE_WIDTH: f64 = 360.0;

/// Room for round ends at both sides.
const MARGIN: f64 = 14.0;

/// Where a rate lies on the axis: as its square root, so that both 2 % and 50 % can be told from their neighbours.
fn place(rate: f64, most: f64) -> f64 {
    MARGIN + (rate / most).clamp(0.0, 1.0).sqrt() * (GAUGE_WIDTH - 2.0 * MARGIN)
}

/// Two rates with their names and intervals, against the marks of 2 % and 5 %.
#[must_use]
pub fn gauge(rates: [(&str, &Projection); 2]) -> String {
    let most = rates
        .iter()
        .map(|(_, projection)| projection.high)
        .fold(0.10, f64::max);
    let most = (most * 1.1).min(1.0);
    let mut svg = String::new();
    let [first, second] = rates.map(|(name, projection)| match projection.rows {
        0 => format!("{name}: no rows."),
        _ => format!(
            "{name}: {}, between {} and {}.",
            percent(projection.rate),
            percent(projection.low),
            percent(projection.high)
        ),
    });
    let _ = write!(
        svg,
        r#"<svg class="gauge" viewBox="0 0 {GAUGE_WIDTH} 138" role="img" aria-label="{}">"#,
        escaped(&format!("Bounce rate, {first} Bounce rate, {second}"))
    );
    for ((name, projection), y) in rates.into_iter().zip([14.0, 72.0]) {
        gauge_row(&mut svg, name, projection, y, most);
    }
    for rate in [0.0, GOOD, BAD, 0.10, 0.25, 0.50, 1.0] {
        if rate <= most {
            let _ = write!(
                svg,
                r#"<text class="axis" x="{:.1}" y="127" text-anchor="middle">{:.0}&#160;%</text>"#,
                place(rate, most),
                rate * 100.0
            );
        }
    }
    svg.push_str("</svg>");
    svg
}

/// One rate: its name and numbers, below them its interval against the marks.
fn gauge_row(svg: &mut String, name: &str, projection: &Projection, y: f64, most: f64) {
    const TALL: f64 = 26.0;
    let top = y + 7.0;
    let _ = match projection.rows {
        0 => write!(
            svg,
            r#"<text class="name" x="{MARGIN}" y="{y:.0}">{name}: no rows</text>"#
        ),
        _ => write!(
            svg,
            r#"<text class="name" x="{MARGIN}" y="{y:.0}">{name}: <tspan class="strong">{}</tspan> ({} to {})</text>"#,
            percent(projection.rate),
            percent(projection.low),
            percent(projection.high),
        ),
    };
    // Behind the interval: what is fine, what is not.
    let (fine, bad) = (place(GOOD, most), place(BAD, most));
    for (class, from, to) in [
        ("zone-fine", MARGIN, fine),
        ("zone-careful", fine, bad),
        ("zone-stop", bad, GAUGE_WIDTH - MARGIN),
    ] {
        let _ = write!(
            svg,
            r#"<rect class="{class}" x="{from:.1}" y="{top:.0}" width="{:.1}" height="{TALL}"/>"#,
            to - from
        );
    }
    for x in [fine, bad] {
        let _ = write!(
            svg,
            r#"<line class="mark" x1="{x:.1}" x2="{x:.1}" y1="{:.0}" y2="{:.0}"/>"#,
            top - 2.0,
            top + TALL + 3.0
        );
    }
    if projection.rows == 0 {
        return;
    }
    let class = match Mood::of(projection) {
        Mood::Fine => "fine",
        Mood::Careful => "careful",
        Mood::Stop => "stop",
    };
    let (low, middle, high) = (
        place(projection.low, most),
        place(projection.rate, most),
        place(projection.high, most),
    );
    let _ = write!(
        svg,
        r#"<rect class="interval {class}" x="{low:.1}" y="{:.0}" width="{:.1}" height="14" rx="7"/><circle class="middle {class}" cx="{middle:.1}" cy="{:.0}" r="7"/>"#,
        top + 6.0,
        (high - low).max(3.0),
        top + TALL / 2.0,
    );
}

/// Reasons that get a strand of their own; the rest share one for each list.
const STRANDS: usize = 9;

/// Height of a line of text, which every strand gets at least, in the drawing's units.
const LINE: f64 = 12.0;

/// Height of all rows together: low, for the table below says the same in full.
const HEIGHT: f64 = 64.0;

/// Where strands leave the reasons.
const FROM: f64 = 166.0;

/// Where they reach the lists.
const TO: f64 = 268.0;

/// A reason, or the rest, with the rows that each list got of it.
struct Strand {
    label: String,
    rows: [u64; 3],
}

/// Where the rows went and why: from reasons on the left to lists on the right.
#[must_use]
pub fn flow(report: &Report) -> String {
    let total: u64 = report.flow.iter().map(|flow| flow.rows).sum();
    if total == 0 {
        return String::new();
    }
    let strands = strands(report);
    let lists = Disposition::ALL.map(|list| {
        let rows: u64 = strands
            .iter()
            .map(|strand| strand.rows[list as usize])
            .sum();
        (list, rows)
    });
    #[expect(clippy::cast_precision_loss, reason = "rows on a drawing")]
    let share = |rows: u64| rows as f64 / total as f64;
    let tall = |rows: u64| (share(rows) * HEIGHT).max(if rows > 0 { 1.5 } else { 0.0 });
    let left: Vec<(f64, f64)> = stacked(
        &strands
            .iter()
            .map(|strand| strand.rows.iter().map(|&rows| tall(rows)).sum())
            .collect::<Vec<f64>>(),
        LINE,
    );
    let right = stacked(
        &lists.map(|(list, _)| {
            strands
                .iter()
                .map(|strand| tall(strand.rows[list as usize]))
                .sum()
        }),
        2.0 * LINE,
    );
    let bottom = [&left, &right]
        .iter()
        .filter_map(|column| column.last())
        .map(|(top, height)| top + height.max(LINE))
        .fold(0.0, f64::max)
        + 6.0;
    let mut svg = format!(
        r#"<svg class="flow" viewBox="0 0 360 {bottom:.0}" role="img" aria-label="{}">"#,
        escaped(&format!(
            "Where the {} went and why; the table below says the same.",
            counted(total, "row", "rows")
        ))
    );
    let mut used = right.clone();
    for (strand, &(top, height)) in strands.iter().zip(&left) {
        let mut y = top;
        for (list, _) in &lists {
            let at = *list as usize;
            let thick = tall(strand.rows[at]);
            if strand.rows[at] == 0 {
                continue;
            }
            let end = used[at].0;
            used[at].0 += thick;
            let half = f64::midpoint(FROM, TO);
            let _ = write!(
                svg,
                r#"<path class="to-{list}" d="M{FROM} {y:.1} C{half} {y:.1} {half} {end:.1} {TO} {end:.1} V{:.1} C{half} {:.1} {half} {:.1} {FROM} {:.1} Z"/>"#,
                end + thick,
                end + thick,
                y + thick,
                y + thick,
            );
            y += thick;
        }
        let middle = top + height / 2.0 + 4.0;
        let rows: u64 = strand.rows.iter().sum();
        let _ = write!(
            svg,
            r#"<rect class="node" x="160" y="{top:.1}" width="6" height="{height:.1}"/><text class="label" x="154" y="{middle:.1}" text-anchor="end">{} <tspan class="strong">{}</tspan></text>"#,
            escaped(&strand.label),
            grouped(rows)
        );
    }
    for ((list, rows), &(top, height)) in lists.iter().zip(&right) {
        let middle = top + height / 2.0;
        let _ = write!(
            svg,
            r#"<rect class="node list-{list}" x="268" y="{top:.1}" width="8" height="{:.1}"/><text class="label strong" x="281" y="{:.1}">{list}</text><text class="label" x="281" y="{:.1}">{}</text>"#,
            height.max(1.0),
            middle - 1.0,
            middle + 12.0,
            counted(*rows, "row", "rows"),
        );
    }
    svg.push_str("</svg>");
    svg
}

/// The commonest reasons, then the rest, in the order of the lists they go to.
fn strands(report: &Report) -> Vec<Strand> {
    let mut counts: BTreeMap<Reason, [u64; 3]> = BTreeMap::new();
    for flow in &report.flow {
        counts.entry(flow.reason).or_default()[flow.disposition as usize] += flow.rows;
    }
    let mut by_reason: Vec<(Reason, [u64; 3])> = counts.into_iter().collect();
    let sum = |rows: &[u64; 3]| rows.iter().sum::<u64>();
    by_reason.sort_by_key(|(reason, rows)| (std::cmp::Reverse(sum(rows)), *reason));
    let rest = by_reason.split_off(by_reason.len().min(STRANDS));
    let mut strands: Vec<Strand> = by_reason
        .into_iter()
        .map(|(reason, rows)| Strand {
            label: reason.as_str().replace('_', " "),
            rows,
        })
        .collect();
    // To the best list first, so that few strands cross.
    strands.sort_by_key(|strand| {
        let most = (0..3).max_by_key(|&list| (strand.rows[list], std::cmp::Reverse(list)));
        (most, std::cmp::Reverse(sum(&strand.rows)))
    });
    if !rest.is_empty() {
        let mut rows = [0; 3];
        for (_, more) in rest {
            for (all, more) in rows.iter_mut().zip(more) {
                *all += more;
            }
        }
        strands.push(Strand {
            label: "other reasons".to_owned(),
            rows,
        });
    }
    strands
}

/// Stacks heights from the top, each with room for a line of text at least. Returns top and height of each.
fn stacked(heights: &[f64], line: f64) -> Vec<(f64, f64)> {
    const GAP: f64 = 1.2;
    let mut top = 4.0;
    heights
        .iter()
        .map(|&height| {
            let room = height.max(line);
            let at = top + (room - height) / 2.0;
            top += room + GAP;
            (at, height)
        })
        .collect()
}
