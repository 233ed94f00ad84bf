//! How a list stands, as a client is told of it.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::choices::Choices;
use super::files::names;
use super::store::{Id, Record, State, Work};
use crate::model::ending::Ending;
use crate::model::timestamp::Timestamp;
use crate::model::verdict::Disposition;
use crate::probe::scheduler;
use crate::verifier::desk::{Standing, Warning};
use crate::verify::report::Report;

/// A list as whoever asks is told of it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct View {
    /// Its name with us.
    pub id: Id,
    /// Its name with its owner, as text.
    name: String,
    /// What it is at.
    state: State,
    /// What is done with it.
    work: Work,
    /// How many lists have their turn before it; `null` where it does not wait.
    before_it: Option<usize>,
    /// The list whose turn it is while this one waits; `null` where it does not wait.
    waits_for: Option<WaitsFor>,
    /// Its size as it was sent, in bytes.
    bytes: u64,
    /// When it was sent.
    #[schema(value_type = String, format = DateTime)]
    pub made: Timestamp,
    /// When its turn came.
    #[schema(value_type = Option<String>, format = DateTime)]
    began: Option<Timestamp>,
    /// When it was done.
    #[schema(value_type = Option<String>, format = DateTime)]
    ended: Option<Timestamp>,
    /// When it is deleted.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub kept_until: Option<Timestamp>,
    /// How it is read and judged.
    choices: Choices,
    /// How the asking ended: `completed`, `interrupted`, `deadline` or `stranded`.
    #[schema(value_type = Option<String>)]
    ending: Option<Ending>,
    /// How far it has come, while it is asked about.
    progress: Option<Progress>,
    /// Hosts that give trouble.
    warnings: Vec<Trouble>,
    /// What it came to: numbers of its report.
    #[schema(value_type = Option<Object>)]
    result: Option<Value>,
    /// What a sample of it came to, as `presend estimate --json` tells it.
    #[schema(value_type = Option<Object>)]
    estimate: Option<Value>,
    /// Why it broke off, and what to change.
    problem: Option<String>,
    /// What kind of problem that is: `stranded`, `too_many_rows`, or one that a request may have.
    problem_kind: Option<String>,
    /// What can be downloaded, below the list's own address.
    files: Vec<&'static str>,
}

/// The list for which another one waits.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct WaitsFor {
    /// Its name with us.
    pub id: Id,
    /// Its name with its owner, as text.
    pub name: String,
}

/// How far the asking has come.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct Progress {
    /// What it does: `asking` or `writing`.
    doing: &'static str,
    /// When it was so, by the clock of the world that is asked.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// Rows read.
    rows: u64,
    /// Mailboxes settled.
    settled: u64,
    /// Mailboxes that wait for their answer.
    pending: u64,
    /// Mailboxes that needed no question: an earlier run had settled them.
    known: u64,
    /// Connections to mail hosts that are open.
    connections: usize,
    /// Recipients asked about so far, decoys included.
    recipients: u64,
    /// Rows for each list by what is known now.
    lists: Sorted,
    /// The share that would bounce if the list were sent as it is, by what is known now.
    rate: Option<f64>,
    /// Hosts that keep addresses waiting for a later moment.
    waiting: Option<Waiting>,
    /// How long it may still take, in seconds; `null` while the list is being read.
    to_go: Option<ToGo>,
    /// Rows that went to their lists, once the asking has ended.
    listed: Option<u64>,
}

/// Rows by list.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
struct Sorted {
    verified: u64,
    review: u64,
    rejected: u64,
}

/// Hosts that keep addresses waiting.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct Waiting {
    /// How many addresses wait.
    addresses: usize,
    /// At how many hosts.
    hosts: usize,
    /// Whether all of these hosts greylist.
    greylist: bool,
    /// When the last of them will have been asked about again.
    #[schema(value_type = String, format = DateTime)]
    until: Timestamp,
    /// The hosts with most of them, the one with most first.
    largest: Vec<WaitingHost>,
}

/// A host that keeps addresses waiting.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct WaitingHost {
    /// The host.
    host: String,
    /// How many addresses wait at it.
    addresses: usize,
    /// Whether it greylists.
    greylist: bool,
    /// When the last of them will have been asked about again.
    #[schema(value_type = String, format = DateTime)]
    until: Timestamp,
}

/// How long it may still take, in seconds.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
struct ToGo {
    soonest: u64,
    latest: u64,
}

/// A host that gives trouble.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct Trouble {
    /// `blocked`, `left`, `doubted` or `stranded`.
    kind: &'static str,
    /// The host; empty where the trouble is on our side.
    host: String,
    /// Its last words.
    words: String,
    /// How many addresses are left without an answer for it.
    addresses: usize,
}

impl View {
    /// How a list stands; `place` is where it stands in line, `keep` how long it is kept.
    pub fn new(
        record: &Record,
        standing: &Standing,
        place: (Option<usize>, Option<WaitsFor>),
        keep: Option<Duration>,
    ) -> View {
        let (before_it, waits_for) = place;
        let kept_until = match record.state {
            State::Queued | State::Running => None,
            State::Paused | State::Done | State::Failed => {
                let since = record.ended.unwrap_or(record.made);
                keep.map(|keep| since + keep)
            }
        };
        let is_pictured = record.is_being_verified() && standing.since.is_some();
        let files = if record.has_lists || is_pictured {
            names(record.choices.target.is_some())
        } else {
            Vec::new()
        };
        View {
            id: record.id.clone(),
            name: record.name.clone(),
            state: record.state,
            work: record.work,
            before_it,
            waits_for,
            bytes: record.bytes,
            made: record.made,
            began: record.began,
            ended: record.ended,
            kept_until,
            choices: record.choices.clone(),
            ending: record.ending,
            progress: (record.state == State::Running).then(|| progress(standing)),
            warnings: standing.warnings.iter().map(trouble).collect(),
            result: record.result.clone(),
            estimate: record.estimate.clone(),
            problem: record.problem.clone(),
            problem_kind: record.problem_kind.clone(),
            files,
        }
    }
}

/// The numbers of a report that a client which asks for a list is told.
pub fn result(report: &Report) -> Value {
    let rows: BTreeMap<&str, u64> = Disposition::ALL
        .iter()
        .map(|list| (list.as_str(), report.rows_in(*list)))
        .collect();
    json!({
        "rows": report.list.rows,
        "addresses": report.list.addresses,
        "duplicates": report.list.duplicates,
        "lists": rows,
        "counts": report.counts,
        "projection": report.projection,
        "traffic": report.traffic,
        "time": report.time,
    })
}

fn progress(standing: &Standing) -> Progress {
    let Standing {
        rows,
        progress,
        so_far,
        listed,
        ..
    } = standing;
    let [verified, review, rejected] = so_far.lists;
    Progress {
        doing: match listed {
            Some(_) => "writing",
            None => "asking",
        },
        at: progress.at,
        rows: *rows,
        settled: progress.settled,
        pending: progress.pending as u64 + progress.put_off,
        known: so_far.known,
        connections: progress.conversations,
        recipients: progress.recipients,
        lists: Sorted {
            verified,
            review,
            rejected,
        },
        rate: so_far.rate,
        waiting: progress.waiting.as_ref().map(|waiting| Waiting {
            addresses: waiting.addresses,
            hosts: waiting.hosts,
            greylist: waiting.greylist,
            until: waiting.until,
            largest: waiting.largest.iter().map(waiting_host).collect(),
        }),
        to_go: progress.to_go.as_ref().map(|to_go| ToGo {
            soonest: to_go.soonest.as_secs(),
            latest: to_go.latest.as_secs(),
        }),
        listed: *listed,
    }
}

fn waiting_host(one: &scheduler::WaitingHost) -> WaitingHost {
    WaitingHost {
        host: one.host.clone(),
        addresses: one.addresses,
        greylist: one.greylist,
        until: one.until,
    }
}

fn trouble(warning: &Warning) -> Trouble {
    Trouble {
        kind: warning.trouble.as_str(),
        host: warning.host.clone(),
        words: warning.words.clone(),
        addresses: warning.addresses,
    }
}
