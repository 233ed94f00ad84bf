//! What came back, as the screen shows it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::Kept;
use crate::bounce::import::health::{Health, Level, Mark};
use crate::bounce::import::run::{Comparison, Line};
use crate::bounce::import::{Campaign, Cascade, Cause, Fault, Kind};
use crate::cli::safe::safe;
use crate::cli::zone::Zone;
use crate::model::reason::Reason;

/// What came back, on one screen, with moments as clocks show them in `zone`.
pub(super) fn screen(
    kept: &Kept,
    zone: &Zone,
    sent: Option<u64>,
    health: Option<Health>,
    comparison: Option<&Comparison>,
) -> String {
    let season = &kept.season;
    let mut text = String::new();
    let counts = season.counts();
    let _ = writeln!(
        text,
        "{} bounces of {} addresses ({} for good), {} complaints",
        season.of_kind(Kind::Bounce),
        counts.bounced,
        counts.hard,
        season.of_kind(Kind::Complaint),
    );
    let _ = writeln!(
        text,
        "besides: {} late, {} delivered, {} automatic answers, {} not sent (known to the platform), {} unsubscribed, {} other; \
         {} read before, {} naming nobody",
        season.of_kind(Kind::Delayed),
        season.of_kind(Kind::Delivered),
        season.of_kind(Kind::AutoReply),
        season.of_kind(Kind::Suppressed),
        season.of_kind(Kind::Unsubscribed),
        season.of_kind(Kind::Other),
        season.repeats(),
        season.nameless(),
    );
    if season.unreadable() > 0 {
        let _ = writeln!(
            text,
            "{} pieces could not be read: no messages, no JSON, no tables, or cut off",
            season.unreadable()
        );
    }
    for fault in [Fault::List, Fault::Sender, Fault::Neither] {
        fault_section(&mut text, season, fault);
    }
    if let Some(health) = health {
        health_section(&mut text, health);
    } else {
        let why = match sent {
            None => "say how much was sent with --sent N, or name the run with --run DIR",
            Some(_) => {
                "more came back than is said to have been sent: is that the right number, the right run?"
            }
        };
        let _ = writeln!(text, "\nNo rates: {why}.");
    }
    for cascade in season.cascades() {
        cascade_section(&mut text, &cascade, zone);
    }
    if let Some(comparison) = comparison {
        comparison_section(&mut text, comparison);
    }
    text
}

/// What was kept of it, and where.
pub(super) fn ending(kept: &Kept, kept_nowhere: bool) -> String {
    let counts = kept.season.counts();
    let mut text = String::new();
    if !kept_nowhere {
        let _ = match kept.known {
            0 => writeln!(text, "\nThe ledger has {} new bounces.", kept.new),
            known => writeln!(
                text,
                "\nThe ledger has {} new bounces; {known} were read before.",
                kept.new
            ),
        };
    }
    if let Some((path, added)) = &kept.suppressed {
        let _ = writeln!(
            text,
            "{added} addresses added to {}; give it to `presend verify --suppress`.",
            path.display()
        );
    } else if counts.hard + counts.complaints > 0 {
        let _ = writeln!(
            text,
            "Keep the {} dead addresses and complainers from being written to again: --suppress FILE.",
            counts.hard + counts.complaints
        );
    }
    text
}

/// Reasons with one kind of fault, most first, with what to do about the sender's.
fn fault_section(text: &mut String, season: &Campaign, fault: Fault) {
    let mut causes: Vec<(&(Reason, bool), &Cause)> = season
        .causes()
        .iter()
        .filter(|((reason, _), _)| Fault::of(*reason) == fault)
        .collect();
    if causes.is_empty() {
        return;
    }
    causes.sort_by_key(|((reason, _), cause)| (std::cmp::Reverse(cause.count), *reason));
    let heading = match fault {
        Fault::List => "The list's fault: these addresses take no mail",
        Fault::Sender => "The sender's fault: the addresses may be good",
        Fault::Neither => "Nobody's fault that can be told",
    };
    let _ = writeln!(text, "\n{heading} ({})", season.of_fault(fault));
    for ((reason, permanent), cause) in &causes {
        let by: Vec<String> = cause
            .refused_by
            .iter()
            .map(|(who, count)| format!("{who} {count}"))
            .collect();
        let _ = writeln!(
            text,
            "{:>8}  {:<22} {:<8}  refused by: {}",
            cause.count,
            reason.as_str(),
            if *permanent { "for good" } else { "for now" },
            by.join(", ")
        );
        if !cause.example.is_empty() {
            let example: String = safe(&cause.example).chars().take(EXAMPLE_CHARS).collect();
            let _ = writeln!(text, "{:>8}  {example}", "");
        }
    }
    if fault == Fault::Sender {
        let mut advice: Vec<&String> = Vec::new();
        for piece in causes.iter().flat_map(|(_, cause)| &cause.advice) {
            if !advice.contains(&piece) {
                advice.push(piece);
            }
        }
        let _ = writeln!(text, "  What to do:");
        for piece in advice.iter().take(ADVICE_SHOWN) {
            let _ = writeln!(text, "  - {}", safe(piece));
        }
    }
}

/// How much of an example is shown, in characters, and how many pieces of advice.
const EXAMPLE_CHARS: usize = 110;
const ADVICE_SHOWN: usize = 8;

fn health_section(text: &mut String, health: Health) {
    let _ = writeln!(text, "\nOf {} messages", health.sent);
    let mut line = |what: &str, mark: Mark, marks: &str| {
        let word = match mark.level {
            Level::Good => "good",
            Level::Watch => "WATCH",
            Level::Stop => "STOP",
        };
        let _ = writeln!(
            text,
            "  {what:<11} {:>6.2} % ({:.2} to {:.2})  {word}: {marks}",
            mark.rate * 100.0,
            mark.low * 100.0,
            mark.high * 100.0,
        );
    };
    line(
        "bounced",
        health.bounces,
        "stay under 2 %; from 5 % on platforms step in",
    );
    line(
        "complained",
        health.complaints,
        "stay under 0.1 %; never reach 0.3 %",
    );
}

fn cascade_section(text: &mut String, cascade: &Cascade, zone: &Zone) {
    let who = cascade
        .provider
        .as_deref()
        .unwrap_or("your mail as a whole");
    let _ = writeln!(
        text,
        "\nWARNING: {who} is shutting you out since {}.",
        zone.day_and_clock(cascade.since)
    );
    let _ = writeln!(
        text,
        "  Before: {} bounces, {:.1} an hour, {:.0} % blaming the sender. Since: {}, {:.1} an hour, {:.0} %.",
        cascade.before.bounces,
        cascade.before.hourly,
        cascade.before.share() * 100.0,
        cascade.after.bounces,
        cascade.after.hourly,
        cascade.after.share() * 100.0,
    );
    let _ = writeln!(
        text,
        "  Valid addresses are refused now too. Stop sending there. Clean: verify the rest of the list, drop what is dead.\n  \
         Wait a day or two, mend what the sender's fault above names, then begin again in small lots to people who open."
    );
}

fn comparison_section(text: &mut String, comparison: &Comparison) {
    let total = &comparison.total;
    let _ = writeln!(
        text,
        "\nProjected and real ({})",
        comparison.lists.join(", ")
    );
    if total.rows == 0 {
        let _ = writeln!(text, "  These lists have no rows to compare.");
        return;
    }
    let _ = writeln!(
        text,
        "  {:<34} {:>8} {:>9} {:>9}  90 % interval",
        "", "rows", "expected", "real"
    );
    let mut line = |name: &str, line: &Line| {
        let _ = writeln!(
            text,
            "  {:<34} {:>8} {:>7.2} % {:>7.2} %  {:.2} to {:.2}{}",
            safe(name),
            line.rows,
            line.expected_rate * 100.0,
            line.rate * 100.0,
            line.low * 100.0,
            line.high * 100.0,
            match line.by_sender {
                0 => String::new(),
                count => format!("  ({count} by the sender's doing left out)"),
            }
        );
    };
    line("all", total);
    let groups: [&BTreeMap<String, Line>; 2] = [&comparison.by_verdict, &comparison.by_provider];
    for group in groups {
        for (name, one) in group {
            line(&format!("  {name}"), one);
        }
    }
    if let (Some(projected), Some(within)) = (comparison.projected, comparison.within) {
        let _ = writeln!(
            text,
            "  The report had projected {:.2} % ({:.2} to {:.2}): what came is {} that.",
            projected.rate * 100.0,
            projected.low * 100.0,
            projected.high * 100.0,
            if within { "within" } else { "outside" }
        );
    }
    let _ = writeln!(
        text,
        "  Brier score {:.4} (0 is perfect; the same rate for everybody gives {:.4})",
        comparison.brier, comparison.brier_of_rate
    );
    if comparison.surprises_total > 0 {
        let _ = writeln!(
            text,
            "  Called deliverable, and bounced ({}):",
            comparison.surprises_total
        );
        for surprise in comparison.surprises.iter().take(SURPRISES_SHOWN) {
            let short = |words: &str| -> String { safe(words).chars().take(80).collect() };
            let _ = writeln!(
                text,
                "    {}\n      then {}: {}\n      now  {}: {} [{}]",
                safe(&surprise.address),
                safe(&surprise.then_at),
                short(&surprise.then),
                surprise.now_at,
                short(&surprise.now),
                surprise.reason
            );
        }
    }
}

/// How many surprises the screen lists.
const SURPRISES_SHOWN: usize = 10;
