//! What a run came to, in numbers.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::Judgement;
use crate::moment::Moment;
use crate::pipeline::Ending;
use crate::projection::{Forecast, Model, Pile, Projection, Tally};
use crate::reason::Reason;
use crate::verdict::{Disposition, Verdict};

/// How many rows of each kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// By standing.
    pub verdict: BTreeMap<String, u64>,
    /// By reason.
    pub reason: BTreeMap<String, u64>,
    /// By flag.
    pub flag: BTreeMap<String, u64>,
    /// By who runs the mail host.
    pub provider: BTreeMap<String, u64>,
    /// By list.
    pub disposition: BTreeMap<String, u64>,
}

/// What was asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
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
}

/// A reply that no rule understood.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unread {
    /// Its text, as it came first.
    pub reply: String,
    /// How often it came.
    pub count: u64,
}

/// What a run came to.
#[derive(Clone, Debug)]
pub struct Summary {
    /// The list's name.
    pub list: String,
    /// Where the three lists are.
    pub out: PathBuf,
    /// How the asking ended.
    pub ending: Ending,
    /// Rows in, which is rows out.
    pub rows: u64,
    /// Rows with a well-formed address.
    pub addresses: u64,
    /// Rows that name a mailbox of an earlier row.
    pub duplicates: u64,
    /// By kind.
    pub counts: Counts,
    /// The whole list, verified and review, projected.
    pub projections: [Projection; 3],
    /// What was asked.
    pub traffic: Traffic,
    /// What no rule understood.
    pub unread: Vec<Unread>,
    /// Rows by verdict with list: few kinds, however many rows.
    kinds: BTreeMap<(Verdict, Disposition), u64>,
}

impl Summary {
    pub(super) fn new(list: &str, out: &Path, ending: Ending) -> Self {
        Summary {
            list: list.to_owned(),
            out: out.to_owned(),
            ending,
            rows: 0,
            addresses: 0,
            duplicates: 0,
            counts: Counts::default(),
            projections: [Projection::default(); 3],
            traffic: Traffic::default(),
            unread: Vec::new(),
            kinds: BTreeMap::new(),
        }
    }

    /// Counts a row.
    pub(super) fn count(&mut self, judgement: &Judgement) {
        self.rows += 1;
        self.addresses += u64::from(judgement.verdict.reason != Reason::BadSyntax);
        self.duplicates += u64::from(judgement.flags.has(crate::flags::Flag::Duplicate));
        *self
            .kinds
            .entry((judgement.verdict, judgement.disposition))
            .or_default() += 1;
        for flag in judgement.flags.iter() {
            bump(&mut self.counts.flag, flag.as_str());
        }
        if let Some(provider) = &judgement.provider {
            bump(&mut self.counts.provider, provider);
        }
    }

    /// Sums up when the last row is counted.
    pub(super) fn finish(&mut self, tally: &Tally, model: &Model) {
        for (&(verdict, disposition), &count) in &self.kinds {
            *self
                .counts
                .verdict
                .entry(verdict.standing.to_string())
                .or_default() += count;
            *self
                .counts
                .reason
                .entry(verdict.reason.to_string())
                .or_default() += count;
            *self
                .counts
                .disposition
                .entry(disposition.to_string())
                .or_default() += count;
        }
        let forecast = Forecast::new(model);
        let project = |piles: &[Pile]| forecast.project(&tally.rows(piles));
        self.projections = [
            project(&Pile::ALL),
            project(&[Pile::Verified]),
            project(&[Pile::Open, Pile::Held]),
        ];
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

    /// `report.json`, schema 1.
    ///
    /// # Panics
    ///
    /// Never: the report is plain data.
    #[must_use]
    pub fn to_json(&self, started: Moment, finished: Moment) -> String {
        let [input, verified, review] = self.projections;
        let report = serde_json::json!({
            "schema": 1,
            "list": {
                "path": self.list,
                "rows": self.rows,
                "addresses": self.addresses,
                "duplicates": self.duplicates,
            },
            "counts": self.counts,
            "projection": { "input": input, "verified": verified, "review": review },
            "traffic": self.traffic,
            "unread": self.unread,
            "time": {
                "started": started.to_string(),
                "finished": finished.to_string(),
                "seconds": finished.since(started).as_secs_f64(),
            },
        });
        let mut text = serde_json::to_string_pretty(&report).expect("plain data");
        text.push('\n');
        text
    }
}

fn bump(counts: &mut BTreeMap<String, u64>, key: &str) {
    match counts.get_mut(key) {
        Some(count) => *count += 1,
        None => {
            counts.insert(key.to_owned(), 1);
        }
    }
}

/// What was heard while asking.
#[derive(Clone, Debug, Default)]
pub(super) struct Heard {
    pub(super) dns_queries: u64,
    pub(super) connections: u64,
    pub(super) rcpt: u64,
    pub(super) decoys: u64,
    pub(super) answered_from_ledger: u64,
    pub(super) unread: Vec<Unread>,
}

impl Heard {
    /// Counts a reply that no rule understood; of many different ones the first are kept.
    pub(super) fn note_unread(&mut self, reply: &str) {
        if let Some(known) = self.unread.iter_mut().find(|unread| unread.reply == reply) {
            known.count += 1;
        } else if self.unread.len() < crate::limits::UNREAD_REPLIES {
            self.unread.push(Unread {
                reply: reply.to_owned(),
                count: 1,
            });
        }
    }
}
