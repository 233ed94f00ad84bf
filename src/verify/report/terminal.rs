//! A report on one screen of a terminal.

use std::fmt::Write as _;
use std::time::Duration;

use super::Report;
use super::advice::{self, Mood, in_words};
use crate::ledger::Changes;
use crate::model::ending::Ending;
use crate::model::reason::Reason;
use crate::model::text::{grouped, tame};
use crate::model::verdict::Disposition;

/// How many reasons are named.
const REASONS_SHOWN: usize = 8;

/// How many things to do are named.
const STEPS_SHOWN: usize = 4;

/// A report on one screen; `out` names where the lists are.
#[must_use]
pub fn terminal(report: &Report, out: &str) -> String {
    let mut text = String::new();
    let heading = match report.ending {
        Ending::Completed => "verified",
        Ending::Interrupted => "interrupted; run the same command again to go on",
        Ending::Deadline => "out of time; run the same command again to go on",
        Ending::Stranded => {
            "our own side failed, such as the proxy or DNS; mend it, then run the same command again to go on"
        }
    };
    let _ = writeln!(
        text,
        "{}: {} rows {heading}\n\n  {}\n",
        tame(&report.list.path),
        grouped(report.list.rows),
        advice::headline(report)
    );
    let projection = &report.projection;
    let _ = writeln!(
        text,
        "  projected bounces  before  {}  [{}]\n                     after   {}  [{}]\n",
        in_words(&projection.input),
        Mood::of(&projection.input).word(),
        in_words(&projection.verified),
        Mood::of(&projection.verified).word(),
    );
    for disposition in Disposition::ALL {
        let _ = writeln!(
            text,
            "  {:<9} {:>8}  {}",
            disposition.as_str(),
            grouped(report.rows_in(disposition)),
            what_to_do(disposition)
        );
    }
    if let Some(beside) = advice::beside(report) {
        let _ = writeln!(text, "  {beside}");
    }
    if let Some(since) = &report.since {
        let changes: Vec<String> = since
            .disposition
            .iter()
            .map(|(list, [then, now])| format!("{list} {} → {}", grouped(*then), grouped(*now)))
            .collect();
        let _ = writeln!(text, "  since {}: {}", since.finished, changes.join(", "));
    }
    if let Some(changes) = &report.changes {
        let _ = writeln!(text, "  {}", changed(changes));
    }
    if let (rows @ 1.., Some(oldest)) = (report.memory.rows, report.memory.oldest) {
        let _ = writeln!(
            text,
            "  {} rows answered from memory, the oldest answer from {oldest}",
            grouped(rows)
        );
    }
    let _ = writeln!(text, "\n  why");
    let mut reasons: Vec<(&String, &u64)> = report.counts.reason.iter().collect();
    reasons.sort_by_key(|(name, count)| (std::cmp::Reverse(**count), (*name).clone()));
    for (name, count) in reasons.iter().take(REASONS_SHOWN) {
        let words = name.parse::<Reason>().map_or("", Reason::in_plain_words);
        let _ = writeln!(text, "  {:>8}  {name:<20} {words}", grouped(**count));
    }
    if reasons.len() > REASONS_SHOWN {
        let rest: u64 = reasons[REASONS_SHOWN..]
            .iter()
            .map(|(_, count)| **count)
            .sum();
        let _ = writeln!(text, "  {:>8}  for other reasons", grouped(rest));
    }
    let _ = writeln!(text, "\n  {}", asked(report));
    let steps = advice::steps(report);
    if !steps.is_empty() {
        let _ = writeln!(text, "\n  what to do now");
    }
    for (at, step) in steps.iter().take(STEPS_SHOWN).enumerate() {
        let _ = writeln!(text, "  {}. {}", at + 1, step.what);
    }
    let _ = writeln!(text, "\n  the lists and report.html: {}", tame(out));
    text
}

/// How politely it was asked, in one line.
fn asked(report: &Report) -> String {
    let traffic = &report.traffic;
    format!(
        "asked: {} DNS questions, {} connections, {} recipients ({} decoys); {} known before; {}{}",
        grouped(traffic.dns_queries),
        grouped(traffic.connections),
        grouped(traffic.rcpt),
        grouped(traffic.decoys),
        grouped(traffic.answered_from_ledger),
        took(report),
        if report.world.is_some() {
            " of simulated time"
        } else {
            ""
        },
    )
}

/// How long it took, in whole seconds, as people write it.
pub(super) fn took(report: &Report) -> String {
    let time = report.time.finished.since(report.time.started);
    humantime::format_duration(Duration::from_secs(time.as_secs())).to_string()
}

/// What a list is for.
pub(super) fn what_to_do(disposition: Disposition) -> &'static str {
    match disposition {
        Disposition::Verified => "send to these",
        Disposition::Review => "look before you send: nobody could say for certain",
        Disposition::Rejected => "do not send to these",
    }
}

/// What became of mailboxes, in one line.
fn changed(changes: &Changes) -> String {
    let counts = [
        (changes.died, "died"),
        (changes.recovered, "recovered"),
        (changes.became_catch_all, "became catch-all"),
        (changes.new, "new"),
        (changes.gone, "gone"),
        (changes.other, "otherwise changed"),
    ];
    let told: Vec<String> = counts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{} {what}", grouped(*count)))
        .collect();
    match told.is_empty() {
        true => "no mailbox changed".to_owned(),
        false => format!("{} (changes.csv)", told.join(", ")),
    }
}
