//! What a run came to, on one screen.

use std::fmt::Write as _;
use std::time::Duration;

use super::progress::rounded;
use super::safe::safe;
use crate::pipeline::Ending;
use crate::projection::Projection;
use crate::reason::Reason;
use crate::verdict::Disposition;
use crate::verify::Summary;

/// What a run came to, on one screen.
pub(super) fn summary(summary: &Summary, took: Duration, simulated: bool) -> String {
    let mut text = String::new();
    let [input, verified, _] = summary.projections;
    let heading = match summary.ending {
        Ending::Completed => "verified",
        Ending::Interrupted => "interrupted; run the same command again to go on",
        Ending::Deadline => "out of time; run the same command again to go on",
    };
    let _ = writeln!(
        text,
        "{}: {} rows {heading}",
        safe(&summary.list),
        summary.rows
    );
    let _ = writeln!(text);
    for disposition in Disposition::ALL {
        let rows = summary.rows_in(disposition);
        let _ = writeln!(
            text,
            "  {:<9} {:>8}  {}",
            disposition.as_str(),
            rows,
            what_to_do(disposition)
        );
    }
    let _ = writeln!(
        text,
        "\n  projected bounces  before {}\n                     after  {}",
        rate(input),
        rate(verified)
    );
    let _ = writeln!(text, "\n  why");
    let mut reasons: Vec<(&String, &u64)> = summary.counts.reason.iter().collect();
    reasons.sort_by_key(|(name, count)| (std::cmp::Reverse(**count), (*name).clone()));
    for (name, count) in reasons.iter().take(REASONS_SHOWN) {
        let words = name.parse::<Reason>().map_or("", Reason::in_plain_words);
        let _ = writeln!(text, "  {count:>8}  {name:<20} {words}");
    }
    if !summary.counts.provider.is_empty() {
        let mut providers: Vec<(&String, &u64)> = summary.counts.provider.iter().collect();
        providers.sort_by_key(|(name, count)| (std::cmp::Reverse(**count), (*name).clone()));
        let shown: Vec<String> = providers
            .iter()
            .take(5)
            .map(|(name, count)| format!("{name} {count}"))
            .collect();
        let _ = writeln!(text, "\n  mail run by: {}", shown.join(", "));
    }
    let traffic = summary.traffic;
    let _ = writeln!(
        text,
        "\n  asked: {} DNS questions, {} connections, {} recipients ({} decoys); {} known before; {}{}",
        traffic.dns_queries,
        traffic.connections,
        traffic.rcpt,
        traffic.decoys,
        traffic.answered_from_ledger,
        rounded(took),
        if simulated { " of simulated time" } else { "" },
    );
    let _ = writeln!(text, "\n  {}", next_step(summary));
    let _ = writeln!(text, "  the lists: {}", summary.out.display());
    text
}

/// How many reasons the summary names.
const REASONS_SHOWN: usize = 10;

fn what_to_do(disposition: Disposition) -> &'static str {
    match disposition {
        Disposition::Verified => "send to these",
        Disposition::Review => "look before you send: nobody could say for certain",
        Disposition::Rejected => "do not send to these",
    }
}

fn rate(projection: Projection) -> String {
    format!(
        "{:.1} % ({:.1} to {:.1} %), about {:.0} messages",
        projection.rate * 100.0,
        projection.low * 100.0,
        projection.high * 100.0,
        projection.expected_bounces
    )
}

fn next_step(summary: &Summary) -> String {
    let verified = summary.rows_in(Disposition::Verified);
    let waiting = [
        "greylisted",
        "try_later",
        "host_busy",
        "silent",
        "unreachable",
        "not_asked",
        "interrupted",
        "deadline",
    ]
    .iter()
    .filter_map(|reason| summary.counts.reason.get(*reason))
    .sum::<u64>();
    if waiting > 0 {
        format!(
            "next: send to the {verified} in verified.csv; {waiting} rows got no answer, so run the same command again later"
        )
    } else {
        format!(
            "next: send to the {verified} in verified.csv; look through review.csv by presend_reason"
        )
    }
}
