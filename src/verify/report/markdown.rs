//! `report.md`: a summary for a chat or a ticket.

use std::fmt::Write as _;

use super::Report;
use super::advice::{self, Mood};
use crate::model::reason::Reason;
use crate::model::text::{about, grouped, percent, shortened, tame};
use crate::model::verdict::Disposition;
use crate::projection::Projection;

/// Reasons that the summary names.
const REASONS: usize = 10;

/// A text from outside in which nothing is markup.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in shortened(&tame(text), 120).chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            // A zero-width joiner would hide in it; an entity says the same and mentions no account.
            '@' => out.push_str("&#64;"),
            ':' => out.push_str("&#58;"),
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '(' | ')' | '#' | '+' | '-' | '!'
            | '|' | '~' => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out
}

/// Renders `report.md`.
#[must_use]
pub fn markdown(report: &Report) -> String {
    let mut text = String::new();
    let _ = writeln!(
        text,
        "## presend: {}\n",
        plain(report.title.as_ref().unwrap_or(&report.list.path))
    );
    let _ = writeln!(text, "**{}**\n", advice::headline(report));
    let _ = writeln!(
        text,
        "| if you send to | messages | bounces | rate | nine times in ten | |"
    );
    let _ = writeln!(text, "|---|--:|--:|--:|--:|---|");
    let mut line = |name: &str, projection: &Projection| {
        let _ = writeln!(
            text,
            "| {name} | {} | {} | {} | {} to {} | {} |",
            grouped(projection.rows),
            about(projection.expected_bounces),
            percent(projection.rate),
            percent(projection.low),
            percent(projection.high),
            if projection.rows == 0 {
                ""
            } else {
                Mood::of(projection).word()
            },
        );
    };
    line("the list as it is", &report.projection.input);
    line("`verified.csv`", &report.projection.verified);
    if let Some(target) = report
        .target
        .as_ref()
        .filter(|target| target.file.is_some())
    {
        line("`target.csv`", &target.projection);
    }
    line("`review.csv`", &report.projection.review);
    let _ = writeln!(text, "\n### What to do now\n");
    for (at, step) in advice::steps(report).iter().enumerate() {
        let _ = writeln!(
            text,
            "{}. **{}** {} {}",
            at + 1,
            step.what,
            step.why,
            step.how
        );
    }
    if let Some(real) = &report.real {
        let _ = writeln!(
            text,
            "\n### What came of sending\n\n{}",
            real.in_words(report)
        );
    }
    let _ = writeln!(
        text,
        "\n### Why\n\n| rows | list | reason | |\n|--:|---|---|---|"
    );
    for flow in report.flow.iter().take(REASONS) {
        let _ = writeln!(
            text,
            "| {} | {} | `{}` | {} |",
            grouped(flow.rows),
            flow.disposition,
            flow.reason,
            Reason::in_plain_words(flow.reason)
        );
    }
    let rest: u64 = report.flow.iter().skip(REASONS).map(|flow| flow.rows).sum();
    if rest > 0 {
        let _ = writeln!(text, "| {} | | | other reasons |", grouped(rest));
    }
    text += &list_by_list(report);
    if let Some(since) = &report.since {
        let changes: Vec<String> = Disposition::ALL
            .iter()
            .filter_map(|list| {
                let [then, now] = since.disposition.get(list.as_str())?;
                Some(format!("{list} {} → {}", grouped(*then), grouped(*now)))
            })
            .collect();
        let _ = writeln!(text, "\nSince {}: {}.", since.finished, changes.join(", "));
    }
    let _ = writeln!(
        text,
        "\n{}{} · {}",
        if report.world.is_some() {
            "Simulated internet: nobody real was asked. "
        } else {
            ""
        },
        plain(&report.program),
        report.time.finished
    );
    text
}

/// The lists, where there are several.
fn list_by_list(report: &Report) -> String {
    if report.lists.is_empty() {
        return String::new();
    }
    let mut text =
        "\n### List by list\n\n| list | rows | verified | review | rejected | duplicates |\n\
                    |---|--:|--:|--:|--:|--:|\n"
            .to_owned();
    for line in &report.lists {
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} |",
            plain(&line.name),
            grouped(line.rows),
            grouped(line.verified),
            grouped(line.review),
            grouped(line.rejected),
            grouped(line.duplicates)
        );
    }
    text
}
