//! What nightly jobs watch, in the text format of Prometheus (exposition format 0.0.4).

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::Report;
use super::text::tame;
use crate::pipeline::Ending;

/// A label's value: backslash, quote and line break are escaped.
fn escaped(text: &str) -> String {
    tame(text).replace('\\', "\\\\").replace('"', "\\\"")
}

/// The metrics of a run, labelled with the name of its list.
#[must_use]
pub fn metrics(report: &Report) -> String {
    let mut text = String::new();
    let list = escaped(&report.list.path);
    let mut gauge = |name: &str, help: &str, samples: &[(String, f64)]| {
        let _ = writeln!(
            text,
            "# HELP presend_{name} {help}\n# TYPE presend_{name} gauge"
        );
        for (labels, value) in samples {
            let comma = if labels.is_empty() { "" } else { "," };
            let _ = writeln!(
                text,
                "presend_{name}{{list=\"{list}\"{comma}{labels}}} {value}"
            );
        }
    };
    let label = |name: &str, value: &str| format!("{name}=\"{}\"", escaped(value));
    let one = |value: u64| [(String::new(), float(value))];
    gauge("rows", "Rows of the list.", &one(report.list.rows));
    gauge(
        "addresses",
        "Rows with a well-formed address.",
        &one(report.list.addresses),
    );
    gauge(
        "duplicates",
        "Rows that name a mailbox of an earlier row.",
        &one(report.list.duplicates),
    );
    let counts = |name: &str, counts: &BTreeMap<String, u64>| -> Vec<(String, f64)> {
        counts
            .iter()
            .map(|(key, count)| (label(name, key), float(*count)))
            .collect()
    };
    gauge(
        "verdict_rows",
        "Rows by verdict.",
        &counts("verdict", &report.counts.verdict),
    );
    gauge(
        "reason_rows",
        "Rows by reason.",
        &counts("reason", &report.counts.reason),
    );
    gauge(
        "flag_rows",
        "Rows by flag.",
        &counts("flag", &report.counts.flag),
    );
    gauge(
        "list_rows",
        "Rows by output list.",
        &counts("to", &report.counts.disposition),
    );
    let of = |pick: fn(&crate::projection::Projection) -> f64| -> Vec<(String, f64)> {
        let all = &report.projection;
        [
            ("input", all.input),
            ("verified", all.verified),
            ("review", all.review),
        ]
        .iter()
        .map(|(name, projection)| (label("of", name), pick(projection)))
        .collect()
    };
    gauge(
        "bounce_rate",
        "Projected bounce rate, a fraction.",
        &of(|p| p.rate),
    );
    gauge(
        "bounce_rate_low",
        "Lower end of its 90 % interval.",
        &of(|p| p.low),
    );
    gauge(
        "bounce_rate_high",
        "Upper end of its 90 % interval.",
        &of(|p| p.high),
    );
    gauge(
        "expected_bounces",
        "Expected bounces.",
        &of(|p| p.expected_bounces),
    );
    let traffic = &report.traffic;
    gauge(
        "dns_queries",
        "Questions to DNS.",
        &one(traffic.dns_queries),
    );
    gauge(
        "connections",
        "Connections to mail hosts.",
        &one(traffic.connections),
    );
    gauge(
        "recipients_asked",
        "Recipients asked about, decoys included.",
        &one(traffic.rcpt),
    );
    gauge(
        "answered_from_ledger",
        "Mailboxes known before.",
        &one(traffic.answered_from_ledger),
    );
    gauge(
        "unread_replies",
        "Different replies that no rule understood.",
        &one(report.unread.len() as u64),
    );
    gauge(
        "blocked_hosts",
        "Hosts that do not talk to us.",
        &one(report.blocked.len() as u64),
    );
    gauge(
        "completed",
        "1 when everybody was asked about.",
        &one(u64::from(report.ending == Ending::Completed)),
    );
    gauge(
        "run_seconds",
        "How long the run took.",
        &[(String::new(), report.time.seconds)],
    );
    gauge(
        "finished_timestamp_seconds",
        "When the run ended, since 1970.",
        &[(
            String::new(),
            float(report.time.finished.as_millis()) / 1000.0,
        )],
    );
    text
}

#[expect(clippy::cast_precision_loss, reason = "counts below 2^52")]
fn float(count: u64) -> f64 {
    count as f64
}
