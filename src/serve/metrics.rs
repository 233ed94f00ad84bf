//! Numbers for Prometheus, in its text format: <https://prometheus.io/docs/instrumenting/exposition_formats/>.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::http::{Method, StatusCode};

use crate::verifier::desk::Counts;

/// How long requests took, in seconds: the upper ends of the classes that are counted. Our choice: an answer from memory
/// takes milliseconds, a check up to its timeout.
const CLASSES: [f64; 9] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.5, 10.0, 30.0];

/// Requests that were answered, by what they asked for.
#[derive(Debug, Default)]
pub struct Requests(Mutex<BTreeMap<Kind, Taken>>);

/// What a request asked for, and how it was answered. There are only so many: the routes are ours.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Kind {
    route: String,
    method: &'static str,
    status: u16,
}

/// How long requests of a kind took until their answers began.
#[derive(Clone, Copy, Debug, Default)]
struct Taken {
    count: u64,
    seconds: f64,
    /// How many took no longer than each of the classes.
    within: [u64; CLASSES.len()],
}

impl Taken {
    fn add(&mut self, other: &Taken) {
        self.count += other.count;
        self.seconds += other.seconds;
        for (sum, more) in self.within.iter_mut().zip(other.within) {
            *sum += more;
        }
    }
}

impl Requests {
    /// A request for `route`, as the interface names it, was answered; `None` where nothing is there.
    pub fn answered(
        &self,
        route: Option<&str>,
        method: &Method,
        status: StatusCode,
        took: Duration,
    ) {
        let seconds = took.as_secs_f64();
        let one = Taken {
            count: 1,
            seconds,
            within: CLASSES.map(|most| u64::from(seconds <= most)),
        };
        let kind = Kind {
            route: route.unwrap_or("none").to_owned(),
            method: known(method),
            status: status.as_u16(),
        };
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.entry(kind).or_default().add(&one);
    }
}

/// A method that we know; a client may invent others without end.
fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::DELETE => "DELETE",
        _ => "other",
    }
}

/// A text that is put together metric by metric.
struct Text(String);

impl Text {
    /// Begins a metric.
    fn metric(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    /// One number of a metric; `labels` are as they stand between the braces.
    fn sample(&mut self, name: &str, labels: &str, value: impl std::fmt::Display) {
        let _ = match labels {
            "" => writeln!(self.0, "{name} {value}"),
            labels => writeln!(self.0, "{name}{{{labels}}} {value}"),
        };
    }
}

/// A value of a label, in which three characters would mean something else.
fn label(value: &str) -> String {
    let value = value.replace('\\', "\\\\").replace('"', "\\\"");
    value.replace('\n', "\\n")
}

/// All numbers: of what was asked, of the lists that are kept, of the requests.
pub fn text(counts: &Counts, lists: &BTreeMap<&'static str, usize>, requests: &Requests) -> String {
    let mut text = Text(String::new());
    for (name, kind, value, help) in [
        (
            "presend_checks_total",
            "counter",
            counts.checked,
            "Addresses that were asked for one by one.",
        ),
        (
            "presend_ledger_answers_total",
            "counter",
            counts.from_ledger,
            "Addresses that needed no question, for the ledger knew them: single ones, and mailboxes of lists.",
        ),
        (
            "presend_recipients_total",
            "counter",
            counts.recipients,
            "Recipients that mail hosts were asked about, decoys included.",
        ),
        (
            "presend_connections_total",
            "counter",
            counts.connections,
            "Connections to mail hosts that were asked for.",
        ),
        (
            "presend_dns_questions_total",
            "counter",
            counts.dns_questions,
            "Questions put to DNS.",
        ),
        (
            "presend_connections_open",
            "gauge",
            counts.open,
            "Connections to mail hosts that are open.",
        ),
        (
            "presend_addresses_pending",
            "gauge",
            counts.pending,
            "Addresses that wait for their answer.",
        ),
        (
            "presend_addresses_waiting",
            "gauge",
            counts.waiting,
            "Addresses whose hosts want us to come back later.",
        ),
    ] {
        text.metric(name, kind, help);
        text.sample(name, "", value);
    }
    text.metric(
        "presend_lists",
        "gauge",
        "Lists that are kept, by what they are at.",
    );
    for (state, count) in lists {
        text.sample("presend_lists", &format!("state=\"{state}\""), count);
    }
    let requests = requests.0.lock().unwrap_or_else(PoisonError::into_inner);
    text.metric(
        "presend_http_requests_total",
        "counter",
        "Requests that were answered.",
    );
    let mut by_route: BTreeMap<&str, Taken> = BTreeMap::new();
    for (kind, taken) in &*requests {
        let (route, method, status) = (label(&kind.route), kind.method, kind.status);
        text.sample(
            "presend_http_requests_total",
            &format!("route=\"{route}\",method=\"{method}\",status=\"{status}\""),
            taken.count,
        );
        by_route.entry(&kind.route).or_default().add(taken);
    }
    let seconds = "presend_http_request_seconds";
    text.metric(
        seconds,
        "histogram",
        "How long requests took until their answers began.",
    );
    for (route, taken) in by_route {
        let route = label(route);
        let bucket = format!("{seconds}_bucket");
        for (most, within) in CLASSES.iter().zip(taken.within) {
            text.sample(&bucket, &format!("route=\"{route}\",le=\"{most}\""), within);
        }
        text.sample(
            &bucket,
            &format!("route=\"{route}\",le=\"+Inf\""),
            taken.count,
        );
        let of_route = format!("route=\"{route}\"");
        text.sample(&format!("{seconds}_sum"), &of_route, taken.seconds);
        text.sample(&format!("{seconds}_count"), &of_route, taken.count);
    }
    text.0
}
