//! What a run came to: one set of numbers (`report.json`), and the pages made of it.
//!
//! [`Gathering`] counts rows as they are listed, [`Report`] is the result, and every page is made from a [`Report`]
//! alone, so that `presend report` can make it again. Counts come from rows, and each says by which column its rows are
//! found. Memory does not grow with the list: tables of many things keep the commonest.

pub mod advice;
pub mod blocked;
mod detail;
mod front;
mod gather;
mod markdown;
mod metrics;
mod page;
mod real;
mod since;
mod svg;
mod terminal;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ledger::Changes;
use crate::model::ending::Ending;
use crate::model::reason::Reason;
use crate::model::timestamp::Timestamp;
use crate::model::verdict::{Disposition, Standing};
use crate::probe::scheduler::SecondLook;
use crate::projection::{Projection, Target, WhatIf};

pub use gather::{Gathering, Seen};
pub use markdown::markdown;
pub use metrics::metrics;
pub use page::{Edition, html};
pub use real::{Real, RealLine};
pub use since::{Numbers, Since};
pub use terminal::{Detail, Terminal, terminal};

/// The version of `report.json`, described in `config/schemas/report.schema.json`. Within a version fields are only added.
pub const SCHEMA: u32 = 1;

/// What a run came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The version of the schema.
    pub schema: u32,
    /// Which program wrote it.
    #[serde(default)]
    pub program: String,
    /// What pages are called; `None` for the list's own name.
    #[serde(default)]
    pub title: Option<String>,
    /// The list; of several lists what they come to together.
    pub list: ListFacts,
    /// The lists, where there are several.
    #[serde(default)]
    pub lists: Vec<ListLine>,
    /// How the asking ended.
    #[serde(default = "completed")]
    pub ending: Ending,
    /// The simulated world that was asked; `None` for the internet.
    #[serde(default)]
    pub world: Option<String>,
    /// How many rows of each kind.
    pub counts: Counts,
    /// Projected bounces of the list as it came and of what came out.
    pub projection: Projections,
    /// What the projection believes of each segment.
    #[serde(default)]
    pub segments: Vec<SegmentLine>,
    /// What would become of the rate.
    #[serde(default)]
    pub what_if: Vec<WhatIf>,
    /// The largest list under a wanted rate.
    #[serde(default)]
    pub target: Option<Target>,
    /// Where the rows went, by reason.
    #[serde(default)]
    pub flow: Vec<Flow>,
    /// Addresses, each once, of which nothing is certain, by reason: those that are to be asked about.
    #[serde(default)]
    pub open: BTreeMap<String, u64>,
    /// What each provider said, the one with most rows first.
    #[serde(default)]
    pub providers: Vec<ProviderLine>,
    /// Domains that stand out.
    #[serde(default)]
    pub domains: Domains,
    /// Why addresses are flagged, by flag and reason, the commonest first.
    #[serde(default)]
    pub flagged: Vec<Flagged>,
    /// Typing errors with what was probably meant, the commonest first.
    #[serde(default)]
    pub suggestions: Vec<Suggested>,
    /// Hosts that block us.
    #[serde(default)]
    pub blocked: Vec<BlockedHost>,
    /// What was asked.
    pub traffic: Traffic,
    /// What asking again about a sample of the refused came to: how often a refusal does not last.
    #[serde(default)]
    pub second_look: SecondLook,
    /// Replies that no rule understood.
    pub unread: Vec<Unread>,
    /// What changed since the last run of the same job.
    #[serde(default)]
    pub since: Option<Since>,
    /// How many mailboxes changed since that run, one line each in `changes.csv`.
    #[serde(default)]
    pub changes: Option<Changes>,
    /// What came of sending, once that was told (`presend bounces --run`).
    #[serde(default)]
    pub real: Option<Real>,
    /// What was answered from memory instead of asking.
    #[serde(default)]
    pub memory: FromMemory,
    /// When it was.
    pub time: Time,
}

/// What was answered from memory instead of asking.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FromMemory {
    /// Rows that were answered by an earlier run.
    pub rows: u64,
    /// When the oldest of these answers came.
    pub oldest: Option<Timestamp>,
    /// Rows by the age of their answer, in whole days.
    pub days: BTreeMap<u64, u64>,
}

impl FromMemory {
    /// Counts a row whose answer came at `at`, before the run that began at `began`.
    pub fn count(&mut self, at: Timestamp, began: Timestamp) {
        self.rows += 1;
        self.oldest = Some(self.oldest.map_or(at, |oldest| oldest.min(at)));
        let days = began.since(at).as_secs() / (24 * 3600);
        *self.days.entry(days).or_default() += 1;
    }
}

fn completed() -> Ending {
    Ending::Completed
}

/// The list as it came in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListFacts {
    /// Its display name, without folders.
    pub path: String,
    /// Rows in, which is rows out.
    pub rows: u64,
    /// Rows with a well-formed address.
    pub addresses: u64,
    /// Rows that name a mailbox of an earlier row.
    pub duplicates: u64,
    /// Mailboxes that take no mail, each once: those to be taken out of the caller's records. One that is probably a
    /// typing error is to be corrected instead.
    #[serde(default)]
    pub dead: u64,
}

/// One of several lists.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListLine {
    /// What it is called, as no other list of the run is.
    pub name: String,
    /// The folder with what comes of it, in that of the run.
    pub folder: String,
    /// Rows in, which is rows out.
    pub rows: u64,
    /// Rows with a well-formed address.
    pub addresses: u64,
    /// Rows that name a mailbox of an earlier row, in this list or in one before it.
    pub duplicates: u64,
    /// Rows in its `verified.csv`.
    pub verified: u64,
    /// Rows in its `review.csv`.
    pub review: u64,
    /// Rows in its `rejected.csv`.
    pub rejected: u64,
}

/// How many rows of each kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Rows by `presend_verdict`.
    pub verdict: BTreeMap<String, u64>,
    /// Rows by `presend_reason`.
    pub reason: BTreeMap<String, u64>,
    /// Rows by flag.
    pub flag: BTreeMap<String, u64>,
    /// Rows by the mail host's provider.
    pub provider: BTreeMap<String, u64>,
    /// Rows by the list that they went to.
    pub disposition: BTreeMap<String, u64>,
}

/// Projected bounces when a message goes to every row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Projections {
    /// Of the list as it came.
    pub input: Projection,
    /// Projection for the rows of `verified.csv`.
    pub verified: Projection,
    /// Projection for the rows of `review.csv`.
    pub review: Projection,
}

/// What the projection believes of a segment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SegmentLine {
    /// The segment's name, such as `catch_all@microsoft365`.
    pub segment: String,
    /// What its rows have in common.
    pub words: String,
    /// Rows in all.
    pub rows: u64,
    /// Rows in `verified.csv`.
    pub verified: u64,
    /// Rows in `review.csv`.
    pub review: u64,
    /// `presend_bounce` of each row.
    pub share: f64,
    /// The share of its bounces that is refused for good.
    pub hard: f64,
}

/// Rows with one verdict that went to one list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flow {
    /// Their `presend_verdict`.
    pub verdict: Standing,
    /// Their `presend_reason`.
    pub reason: Reason,
    /// The list that they went to.
    pub disposition: Disposition,
    /// How many such rows there are.
    pub rows: u64,
}

/// What came of the rows at one provider.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProviderLine {
    /// Its stable id; empty for all other mail hosts, and for rows without any.
    #[serde(default)]
    pub id: String,
    /// Its `presend_provider`; empty as well.
    pub name: String,
    /// All rows at the provider.
    pub rows: u64,
    /// Deliverable rows.
    pub accepted: u64,
    /// Undeliverable rows.
    pub refused: u64,
    /// Risky or unknown, for other reasons than a block.
    pub unsure: u64,
    /// Unknown because the provider refuses to answer this client.
    pub blocked: u64,
}

/// Domains that stand out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Domains {
    /// Those with most undeliverable rows.
    pub worst: Vec<DomainLine>,
    /// Those that accept every address, the largest first.
    pub catch_all: Vec<DomainLine>,
    /// Those with most rows that are not settled.
    pub unsettled: Vec<DomainLine>,
    /// Whether there were more domains than could be counted: then rows are at least so many.
    pub approximate: bool,
}

/// The counts of one domain.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DomainLine {
    /// Its name for display, IDNs in Unicode.
    pub domain: String,
    /// All rows of the domain.
    pub rows: u64,
    /// Undeliverable rows.
    pub refused: u64,
    /// Deliverable rows.
    pub accepted: u64,
    /// Risky or unknown.
    pub unsure: u64,
    /// The reason met first among the rows that put it in this table.
    pub reason: String,
}

/// Rows that are flagged for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flagged {
    /// The flag in `presend_flags`.
    pub flag: String,
    /// Why they are flagged, in words.
    pub why: String,
    /// How many rows.
    pub rows: u64,
    /// The first of them, by the row that a spreadsheet program shows it in, from 1.
    pub first_row: u64,
    /// The list that this row is of, where there are several.
    #[serde(default)]
    pub first_list: Option<String>,
    /// The address in that row.
    pub example: String,
}

/// Rows with one typing error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suggested {
    /// The domain, or the text, as it is written.
    pub written: String,
    /// What was probably meant.
    pub meant: String,
    /// How many rows.
    pub rows: u64,
    /// The first of them, by the row that a spreadsheet program shows it in, from 1.
    pub first_row: u64,
    /// The list that this row is of, where there are several.
    #[serde(default)]
    pub first_list: Option<String>,
}

/// A host that refuses to answer this client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockedHost {
    /// Its key: the provider's id or the domain of its mail hosts.
    pub host: String,
    /// The reply in which it said so.
    pub reply: String,
    /// Addresses left without an answer when it was noticed.
    pub addresses: u64,
}

/// What was asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traffic {
    /// Questions to DNS.
    pub dns_queries: u64,
    /// Connections to mail hosts.
    pub connections: u64,
    /// Recipients asked about, decoys included.
    pub rcpt: u64,
    /// Decoys asked about.
    pub decoys: u64,
    /// Mailboxes settled by what was known already.
    pub answered_from_ledger: u64,
    /// Answers after which an address was asked about again later, as the host wished.
    #[serde(default)]
    pub waits: u64,
    /// The hosts that were asked most.
    #[serde(default)]
    pub busiest: Vec<HostLine>,
}

#[cfg(feature = "serve")]
impl Traffic {
    /// This and what was asked `before` in the same work. What was known already was so at its beginning.
    #[must_use]
    pub fn after(mut self, before: &Traffic) -> Traffic {
        let most = self.busiest.len().max(before.busiest.len());
        for line in &before.busiest {
            match self
                .busiest
                .iter_mut()
                .find(|known| known.host == line.host)
            {
                Some(known) => known.rcpt += line.rcpt,
                None => self.busiest.push(line.clone()),
            }
        }
        self.busiest
            .sort_by(|a, b| (b.rcpt, &a.host).cmp(&(a.rcpt, &b.host)));
        self.busiest.truncate(most);
        Traffic {
            dns_queries: self.dns_queries + before.dns_queries,
            connections: self.connections + before.connections,
            rcpt: self.rcpt + before.rcpt,
            decoys: self.decoys + before.decoys,
            answered_from_ledger: before.answered_from_ledger,
            waits: self.waits + before.waits,
            busiest: self.busiest,
        }
    }
}

/// One mail host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostLine {
    /// The name of the mail host.
    pub host: String,
    /// Recipients it was asked about.
    pub rcpt: u64,
}

/// A reply that no rule understood.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unread {
    /// Its text, as it came first.
    pub reply: String,
    /// How often it came.
    pub count: u64,
}

/// When a run was.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Time {
    /// When it began.
    pub started: Timestamp,
    /// When it ended.
    pub finished: Timestamp,
    /// How long it took, in seconds.
    pub seconds: f64,
}

/// A text that is no report.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// It is not what `report.json` looks like.
    #[error(
        "{name} is no report of presend: {error}; name the folder that a run wrote, such as leads.csv.presend"
    )]
    Malformed {
        /// The file's name.
        name: String,
        /// The parser's words.
        error: serde_json::Error,
    },
    /// It was written by a later version.
    #[error(
        "{name} was written by a newer presend (schema {found}, this program knows {SCHEMA}); update presend"
    )]
    Newer {
        /// The file's name.
        name: String,
        /// The schema of the file.
        found: u64,
    },
}

impl Report {
    /// Reads `report.json`, also one written by an earlier version; `name` is for what goes wrong.
    ///
    /// # Errors
    ///
    /// [`ReportError`] when it is none, or newer.
    pub fn from_json(text: &str, name: &str) -> Result<Report, ReportError> {
        #[derive(Deserialize)]
        struct Version {
            schema: u64,
        }
        let malformed = |error| ReportError::Malformed {
            name: name.to_owned(),
            error,
        };
        let Version { schema } = serde_json::from_str(text).map_err(malformed)?;
        if schema > u64::from(SCHEMA) {
            return Err(ReportError::Newer {
                name: name.to_owned(),
                found: schema,
            });
        }
        serde_json::from_str(text).map_err(malformed)
    }

    /// `report.json`.
    ///
    /// # Panics
    ///
    /// Never: the report is plain data.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("plain data");
        text.push('\n');
        text
    }

    /// Rows in the list for `disposition`.
    #[must_use]
    pub fn rows_in(&self, disposition: Disposition) -> u64 {
        self.counts
            .disposition
            .get(disposition.as_str())
            .copied()
            .unwrap_or(0)
    }
}
