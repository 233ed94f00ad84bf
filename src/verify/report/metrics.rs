//! What nightly jobs watch, in the text format of Prometheus (exposition format 0.0.4).

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::Report;
use crate::model::count::float;
use crate::model::ending::Ending;
use crate::model::text::tame;
use crate::projection::Projection;

/// Values of one metric, each with its labels beside that of the list.
type Samples = Vec<(String, f64)>;

/// The metrics of a run, labelled with the name of its list.
#[must_use]
pub fn metrics(report: &Report) -> String {
    let list = label("list", &report.list.path);
    let mut text = String::new();
    for (name, help, samples) in counts(report)
        .into_iter()
        .chain(rates(report))
        .chain(asking(report))
    {
        let _ = writeln!(
            text,
            "# HELP presend_{name} {help}\n# TYPE presend_{name} gauge"
        );
        for (labels, value) in samples {
            let comma = if labels.is_empty() { "" } else { "," };
            let _ = writeln!(text, "presend_{name}{{{list}{comma}{labels}}} {value}");
        }
    }
    text
}

fn counts(report: &Report) -> Vec<(&'static str, &'static str, Samples)> {
    let list = &report.list;
    let counts = &report.counts;
    vec![
        ("rows", "Rows of the list.", one(list.rows)),
        (
            "addresses",
            "Rows with a well-formed address.",
            one(list.addresses),
        ),
        (
            "duplicates",
            "Rows that name a mailbox of an earlier row.",
            one(list.duplicates),
        ),
        (
            "verdict_rows",
            "Rows by verdict.",
            each("verdict", &counts.verdict),
        ),
        (
            "reason_rows",
            "Rows by reason.",
            each("reason", &counts.reason),
        ),
        ("flag_rows", "Rows by flag.", each("flag", &counts.flag)),
        (
            "list_rows",
            "Rows by output list.",
            each("to", &counts.disposition),
        ),
    ]
}

fn rates(report: &Report) -> Vec<(&'static str, &'static str, Samples)> {
    let all = &report.projection;
    let of = |pick: fn(&Projection) -> f64| -> Samples {
        [
            ("input", &all.input),
            ("verified", &all.verified),
            ("review", &all.review),
        ]
        .into_iter()
        .map(|(name, projection)| (label("of", name), pick(projection)))
        .collect()
    };
    vec![
        (
            "bounce_rate",
            "Projected bounce rate, a fraction.",
            of(|projection| projection.rate),
        ),
        (
            "bounce_rate_low",
            "Lower end of its 90 % interval.",
            of(|projection| projection.low),
        ),
        (
            "bounce_rate_high",
            "Upper end of its 90 % interval.",
            of(|projection| projection.high),
        ),
        (
            "expected_bounces",
            "Expected bounces.",
            of(|projection| projection.expected_bounces),
        ),
    ]
}

fn asking(report: &Report) -> Vec<(&'static str, &'static str, Samples)> {
    let traffic = &report.traffic;
    let completed = u64::from(report.ending == Ending::Completed);
    let finished = float(report.time.finished.as_millis()) / 1000.0;
    vec![
        ("dns_queries", "Questions to DNS.", one(traffic.dns_queries)),
        (
            "connections",
            "Connections to mail hosts.",
            one(traffic.connections),
        ),
        (
            "recipients_asked",
            "Recipients asked about, decoys included.",
            one(traffic.rcpt),
        ),
        (
            "answered_from_ledger",
            "Mailboxes known before.",
            one(traffic.answered_from_ledger),
        ),
        (
            "unread_replies",
            "Different replies that no rule understood.",
            one(report.unread.len() as u64),
        ),
        (
            "blocked_hosts",
            "Hosts that do not talk to us.",
            one(report.blocked.len() as u64),
        ),
        (
            "completed",
            "1 when everybody was asked about.",
            one(completed),
        ),
        (
            "run_seconds",
            "How long the run took.",
            vec![(String::new(), report.time.seconds)],
        ),
        (
            "finished_timestamp_seconds",
            "When the run ended, since 1970.",
            vec![(String::new(), finished)],
        ),
    ]
}

/// A label with its value: backslash, quote and line break cannot end it.
fn label(name: &str, value: &str) -> String {
    let value = tame(value).replace('\\', "\\\\").replace('"', "\\\"");
    format!("{name}=\"{value}\"")
}

fn one(count: u64) -> Samples {
    vec![(String::new(), float(count))]
}

fn each(name: &str, counts: &BTreeMap<String, u64>) -> Samples {
    counts
        .iter()
        .map(|(key, count)| (label(name, key), float(*count)))
        .collect()
}
