//! What a finished run projected, compared with what really came back.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Fault;
use super::health::interval;
use crate::bounce::event::fields_of;
use crate::input::address::Address;
use crate::input::flags::{Flag, Flags};
use crate::input::list::{ColumnChoice, IntakeError, List, Options, Source};
use crate::ledger::{Bounce, Ledger, LedgerError, Outcomes};
use crate::model::columns::NAMES;
use crate::model::limits;
use crate::model::provider::Providers;
use crate::model::reason::Reason;
use crate::model::timestamp::Timestamp;
use crate::model::verdict::{Disposition, Standing, Verdict};
use crate::projection::{Observed, Segment};

/// The file in the run's folder that says what was already counted for the projection.
const COUNTED: &str = "bounces.json";

/// What was projected beside what happened.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Comparison {
    /// The lists that were sent to.
    pub lists: Vec<&'static str>,
    /// All of it.
    pub total: Line,
    /// Lines by verdict, as `deliverable/accepted`.
    pub by_verdict: BTreeMap<String, Line>,
    /// Lines by the mail host's provider; `other` for the unknown ones.
    pub by_provider: BTreeMap<String, Line>,
    /// What the run's report projected for `verified.csv`.
    pub projected: Option<Projected>,
    /// Whether what happened lies within the projected interval.
    pub within: Option<bool>,
    /// The mean squared error of the probabilities (Brier): 0 is perfect.
    pub brier: f64,
    /// The same for a forecast that gives every address the rate of all: what has to be beaten.
    pub brier_of_rate: f64,
    /// Addresses called `deliverable` that bounced.
    pub surprises: Vec<Surprise>,
    /// How many there were; `surprises` lists the first of them.
    pub surprises_total: u64,
    /// Outcomes by segment, for the projection.
    #[serde(skip)]
    pub segments: BTreeMap<Segment, Observed>,
}

/// Some rows: what was expected of them, what happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Line {
    /// Addresses sent to, as far as they tell anything.
    pub rows: u64,
    /// Addresses left out because only the sender was to blame for their bounce: they say nothing of the list.
    pub by_sender: u64,
    /// Bounces that the probabilities add up to.
    pub expected: f64,
    /// Bounces that came.
    pub bounced: u64,
    /// Of these, for good.
    pub hard: u64,
    /// The rate expected.
    pub expected_rate: f64,
    /// The real rate.
    pub rate: f64,
    /// Its 90 % interval.
    pub low: f64,
    /// The upper end of the interval.
    pub high: f64,
}

/// What a run projected.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Projected {
    /// The rate.
    pub rate: f64,
    /// Its 90 % interval.
    pub low: f64,
    /// The upper end of the interval.
    pub high: f64,
}

/// An address called `deliverable` that bounced.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Surprise {
    /// The address.
    pub address: String,
    /// The probability that was given.
    pub probability: f64,
    /// What the mail host had said.
    pub then: String,
    /// When.
    pub then_at: String,
    /// Who runs it.
    pub provider: String,
    /// Why it bounced.
    pub reason: Reason,
    /// Whether for good.
    pub permanent: bool,
    /// What was said now.
    pub now: String,
    /// When.
    pub now_at: Timestamp,
}

/// A run cannot be compared with.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// There is no finished run.
    #[error("{} holds no finished run: {what}; name the folder that `verify` wrote its lists to", path.display())]
    NoRun {
        /// The folder.
        path: PathBuf,
        /// What is missing.
        what: String,
    },
    /// A list of it cannot be read.
    #[error(transparent)]
    List(#[from] IntakeError),
    /// The ledger cannot be used.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The folder cannot be written to.
    #[error("cannot write {}: {error}; make room there, or let this user write there", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
}

/// A finished run, as far as it is compared.
#[derive(Clone, Debug)]
pub struct Run {
    folder: PathBuf,
    /// Where its lists are.
    lists: Vec<PathBuf>,
    /// When it began: what bounced before says nothing of its campaign.
    pub started: Timestamp,
    projected: Option<Projected>,
    /// Rows in `verified.csv`.
    pub verified: u64,
    /// The simulated world that it took place in; `None` for the real one.
    pub world: Option<String>,
}

/// What of a report is read.
#[derive(Deserialize)]
struct ReportFile {
    counts: CountsPart,
    projection: ProjectionPart,
    time: TimePart,
    #[serde(default)]
    lists: Vec<ListPart>,
    #[serde(default)]
    world: Option<String>,
}

#[derive(Deserialize)]
struct ListPart {
    folder: PathBuf,
}

#[derive(Deserialize)]
struct CountsPart {
    #[serde(default)]
    disposition: BTreeMap<String, u64>,
}

#[derive(Deserialize)]
struct ProjectionPart {
    verified: Option<Projected>,
}

#[derive(Deserialize)]
struct TimePart {
    started: Timestamp,
}

impl Run {
    /// Opens the run in `folder`.
    ///
    /// # Errors
    ///
    /// [`RunError::NoRun`] when there is no readable `report.json`.
    pub fn open(folder: &Path) -> Result<Run, RunError> {
        let no_run = |what: String| RunError::NoRun {
            path: folder.to_owned(),
            what,
        };
        let path = folder.join("report.json");
        let text =
            fs::read_to_string(&path).map_err(|error| no_run(format!("report.json: {error}")))?;
        let report: ReportFile =
            serde_json::from_str(&text).map_err(|error| no_run(format!("report.json: {error}")))?;
        // Of several lists each has a folder in that of the run, and nowhere else.
        let inner = report
            .lists
            .iter()
            .filter_map(|list| list.folder.file_name());
        let mut lists: Vec<PathBuf> = inner.map(|name| folder.join(name)).collect();
        if lists.is_empty() {
            lists.push(folder.to_owned());
        }
        Ok(Run {
            folder: folder.to_owned(),
            lists,
            started: report.time.started,
            projected: report.projection.verified,
            world: report.world,
            verified: report
                .counts
                .disposition
                .get(Disposition::Verified.as_str())
                .copied()
                .unwrap_or(0),
        })
    }

    /// Where its lists and its report are.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Compares the `lists` of this run with the bounces that the ledger has of the time since.
    ///
    /// # Errors
    ///
    /// [`RunError`] when a list or the ledger cannot be read.
    pub fn compare(
        &self,
        lists: &[Disposition],
        column: &ColumnChoice,
        ledger: &Ledger,
        providers: &Providers,
    ) -> Result<Comparison, RunError> {
        let mut comparison = Comparison {
            lists: lists.iter().map(|list| list.as_str()).collect(),
            ..Comparison::default()
        };
        let mut error = Error::default();
        let of_each = |list: &Disposition| {
            let name = format!("{list}.csv");
            self.lists.iter().map(move |folder| folder.join(&name))
        };
        for path in lists.iter().flat_map(of_each) {
            if !has_rows(&path) {
                continue;
            }
            let options = Options {
                column: column.clone(),
                ..Options::default()
            };
            let mut list = Source::open(&path)?.list(&options)?;
            let Some(ours) = Ours::of(&list) else {
                return Err(RunError::NoRun {
                    path: self.folder.clone(),
                    what: format!("{} has no column {}", path.display(), NAMES[0]),
                });
            };
            let delimiter = list.delimiter();
            while let Some(row) = list.next_row()? {
                let fields = fields_of(row.raw, delimiter);
                let Some(row) = Row::read(&fields, ours, providers) else {
                    continue;
                };
                let bounces = ledger.bounces_of(&row.address.key())?;
                comparison.count(&row, &Outcome::of(&bounces, self.started), &mut error);
            }
        }
        comparison.finish(&error);
        if lists == [Disposition::Verified] {
            comparison.projected = self.projected;
            comparison.within = self
                .projected
                .map(|projected| (projected.low..=projected.high).contains(&comparison.total.rate));
        }
        Ok(comparison)
    }

    /// Lets the ledger know how the segments fared. What this run has told before is not counted twice: a note in its
    /// folder says what that was.
    ///
    /// # Errors
    ///
    /// [`RunError`] when the ledger or the folder cannot be written to.
    pub fn calibrate(
        &self,
        comparison: &Comparison,
        ledger: &Ledger,
        now: Timestamp,
    ) -> Result<(), RunError> {
        let path = self.folder.join(COUNTED);
        // The ledger's own note counts: it is written with what it speaks of, in one step. The file beside the lists is
        // for the operator, and for ledgers that were told by an earlier version.
        let run = self.started.to_string();
        let before: BTreeMap<String, Counted> = match ledger.counted(&run)? {
            Some(note) => serde_json::from_str(&note).unwrap_or_default(),
            None => fs::read_to_string(&path)
                .ok()
                .and_then(|text| serde_json::from_str::<CountedFile>(&text).ok())
                .map(|file| file.segments)
                .unwrap_or_default(),
        };
        let after: BTreeMap<String, Counted> = comparison
            .segments
            .iter()
            .map(|(segment, observed)| (segment.to_string(), Counted::from(*observed)))
            .collect();
        if before == after && path.exists() {
            return Ok(());
        }
        let mut known: BTreeMap<String, Outcomes> = ledger
            .outcomes()?
            .into_iter()
            .map(|(segment, outcomes)| (segment, outcomes.faded(now)))
            .collect();
        let names: std::collections::BTreeSet<&String> =
            before.keys().chain(after.keys()).collect();
        for name in names {
            let was = before.get(name).copied().unwrap_or_default();
            let is = after.get(name).copied().unwrap_or_default();
            let outcomes = known.entry(name.clone()).or_default();
            outcomes.total = (outcomes.total + is.total - was.total).max(0.0);
            outcomes.bounced = (outcomes.bounced + is.bounced - was.bounced).max(0.0);
            outcomes.hard = (outcomes.hard + is.hard - was.hard).max(0.0);
            outcomes.at = now;
        }
        let known: Vec<(String, Outcomes)> = known.into_iter().collect();
        let told = serde_json::to_string(&after).unwrap_or_default();
        ledger.count_run(&run, &told, &known)?;
        let write = || -> io::Result<()> {
            let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
            serde_json::to_writer_pretty(
                &mut file,
                &serde_json::json!({ "schema": 1, "segments": after, "comparison": comparison }),
            )?;
            file.write_all(b"\n")?;
            file.persist(&path)?;
            Ok(())
        };
        write().map_err(|error| RunError::Unwritable {
            path: path.clone(),
            error,
        })
    }
}

/// What a run told the ledger, as its note keeps it.
#[derive(Deserialize)]
struct CountedFile {
    segments: BTreeMap<String, Counted>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Counted {
    total: f64,
    bounced: f64,
    hard: f64,
}

impl From<Observed> for Counted {
    fn from(observed: Observed) -> Counted {
        Counted {
            total: observed.total,
            bounced: observed.bounced,
            hard: observed.hard,
        }
    }
}

/// Whether a list has more than its header.
fn has_rows(path: &Path) -> bool {
    let Ok(file) = fs::File::open(path) else {
        return false;
    };
    let mut lines = io::BufRead::lines(io::BufReader::new(file));
    lines.next();
    lines.next().is_some()
}

/// Where our columns begin: so many fields from the end of a row, which may have more or fewer of the caller's than the
/// header has.
#[derive(Clone, Copy)]
struct Ours {
    from_end: usize,
}

impl Ours {
    fn of(list: &List) -> Option<Ours> {
        let columns = list.columns();
        let first = columns.iter().rposition(|name| name == NAMES[0])?;
        Some(Ours {
            from_end: columns.len() - first,
        })
    }
}

/// One row of a list, as far as it is compared.
struct Row {
    address: Address,
    verdict: Verdict,
    probability: f64,
    flags: Flags,
    provider: String,
    provider_id: Option<String>,
    reply: String,
    checked_at: String,
}

impl Row {
    /// Reads a row. `None` for one that was not sent, or counted with an earlier row.
    fn read(fields: &[String], ours: Ours, providers: &Providers) -> Option<Row> {
        let first = fields.len().checked_sub(ours.from_end)?;
        let field = |place: usize| fields.get(first + place).map_or("", String::as_str);
        let [
            address,
            verdict,
            reason,
            bounce,
            flags,
            _,
            provider,
            reply,
            checked_at,
            _,
        ] = std::array::from_fn::<&str, { NAMES.len() }, _>(field);
        let flags: Flags = flags
            .split(';')
            .filter_map(|name| Flag::ALL.into_iter().find(|flag| flag.as_str() == name))
            .collect();
        if flags.has(Flag::Duplicate) {
            return None;
        }
        Some(Row {
            address: Address::parse(address).ok()?,
            verdict: Verdict {
                standing: verdict.parse::<Standing>().ok()?,
                reason: reason.parse::<Reason>().ok()?,
            },
            probability: bounce.parse().ok()?,
            flags,
            provider: provider.to_owned(),
            provider_id: providers
                .by_name(provider)
                .map(|provider| provider.id.clone()),
            reply: reply.to_owned(),
            checked_at: checked_at.to_owned(),
        })
    }
}

/// What became of the messages to one address.
enum Outcome<'a> {
    /// Nothing came back.
    Arrived,
    /// It came back, for reasons that lie with the address, the host or an unknown cause.
    Bounced(&'a Bounce),
    /// It came back by the sender's own doing alone.
    BySender,
}

impl Outcome<'_> {
    fn of(bounces: &[Bounce], since: Timestamp) -> Outcome<'_> {
        let mut after = bounces
            .iter()
            .filter(|bounce| bounce.at >= since)
            .peekable();
        if after.peek().is_none() {
            return Outcome::Arrived;
        }
        after
            .filter(|bounce| Fault::of(bounce.reason) != Fault::Sender)
            .max_by_key(|bounce| is_hard(bounce))
            .map_or(Outcome::BySender, Outcome::Bounced)
    }
}

/// Whether a bounce condemns its address.
fn is_hard(bounce: &Bounce) -> bool {
    bounce.reason.condemns(bounce.permanent)
}

/// Squared errors, to be divided.
#[derive(Default)]
struct Error {
    squares: f64,
}

impl Comparison {
    /// Counts one row.
    fn count(&mut self, row: &Row, outcome: &Outcome<'_>, error: &mut Error) {
        let provider = match row.provider.as_str() {
            "" => "other",
            name => name,
        };
        let lines = [
            &mut self.total,
            self.by_verdict.entry(row.verdict.to_string()).or_default(),
            self.by_provider.entry(provider.to_owned()).or_default(),
        ];
        let (bounced, hard) = match outcome {
            Outcome::BySender => {
                for line in lines {
                    line.by_sender += 1;
                }
                return;
            }
            Outcome::Arrived => (false, false),
            Outcome::Bounced(bounce) => (true, is_hard(bounce)),
        };
        for line in lines {
            line.rows += 1;
            line.expected += row.probability;
            line.bounced += u64::from(bounced);
            line.hard += u64::from(hard);
        }
        let happened = if bounced { 1.0 } else { 0.0 };
        error.squares += (row.probability - happened).powi(2);
        let segment = Segment::of(
            row.verdict,
            row.flags,
            row.provider_id.as_deref(),
            row.address.domain().wire(),
        );
        let observed = self.segments.entry(segment).or_default();
        observed.total += 1.0;
        observed.bounced += f64::from(u8::from(bounced));
        observed.hard += f64::from(u8::from(hard));
        if let (Outcome::Bounced(bounce), Standing::Deliverable) = (outcome, row.verdict.standing) {
            self.surprises_total += 1;
            if self.surprises.len() < limits::SURPRISES {
                self.surprises.push(Surprise {
                    address: row.address.wire().to_owned(),
                    probability: row.probability,
                    then: row.reply.clone(),
                    then_at: row.checked_at.clone(),
                    provider: row.provider.clone(),
                    reason: bounce.reason,
                    permanent: bounce.permanent,
                    now: bounce.reply.clone(),
                    now_at: bounce.at,
                });
            }
        }
    }

    /// Divides what was added up.
    fn finish(&mut self, error: &Error) {
        let lines = std::iter::once(&mut self.total)
            .chain(self.by_verdict.values_mut())
            .chain(self.by_provider.values_mut());
        for line in lines {
            let rows = as_f64(line.rows).max(1.0);
            line.expected_rate = line.expected / rows;
            (line.rate, line.low, line.high) = interval(line.bounced, line.rows);
        }
        let rows = as_f64(self.total.rows).max(1.0);
        self.brier = error.squares / rows;
        self.brier_of_rate = self.total.rate * (1.0 - self.total.rate);
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
fn as_f64(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::error_texts::error_texts;

    #[test]
    fn every_error_says_what_to_change() {
        let path = || PathBuf::from("leads.csv.presend");
        let list = || "leads.csv".to_owned();
        let texts = error_texts!(RunError {
            NoRun { path: path(), what: "report.json: missing field `counts`".to_owned() },
            List(IntakeError::Missing { list: list() }),
            Ledger(LedgerError::Missing { path: "ledger.db".into() }),
            Unwritable { path: path(), error: io::ErrorKind::StorageFull.into() },
        });
        insta::assert_snapshot!(texts, @r"
        leads.csv.presend holds no finished run: report.json: missing field `counts`; name the folder that `verify` wrote its lists to
        leads.csv: no such file; check the path, or use `-` to read standard input
        there is no ledger at ledger.db; name the file with --ledger
        cannot write leads.csv.presend: no storage space; make room there, or let this user write there
        ");
    }
}
