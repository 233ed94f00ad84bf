//! Real bounces that are handed in: kept in the ledger, their people suppressed, a list compared with what was projected.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::lists::not_verified;
use super::problem::{Problem, as_parameters};
use crate::bounce::explain::Knowledge;
use crate::bounce::import::health::health;
use crate::bounce::import::keeper::{KeepError, Keeper};
use crate::bounce::import::run::Run;
use crate::bounce::import::suppression::SuppressionFile;
use crate::bounce::import::wire::Summary;
use crate::bounce::import::{Campaign, Kind, Platforms, visit_file};
use crate::input::list::{ColumnChoice, Options};
use crate::ledger::Ledger;
use crate::model::timestamp::Timestamp;
use crate::model::verdict::Disposition;
use crate::verify::output::Generation;
use crate::verify::report::Real;
use crate::verify::{Tools, pages};

/// What came of bounces that were handed in.
#[derive(Debug, Serialize, ToSchema)]
pub struct Learned {
    /// What they come to, as `presend bounces --json` tells it.
    #[schema(value_type = Object)]
    summary: Value,
    /// Bounces that were not known.
    new: usize,
    /// Those that were.
    known: usize,
    /// Addresses that were added to the suppression list.
    suppressed: u64,
    /// What could not be read as a bounce, and why.
    misread: Vec<String>,
    /// What the list had projected, beside what came; `null` where no list was named.
    #[schema(value_type = Option<Object>)]
    list: Option<Value>,
}

/// Bounces that are handed in.
pub struct Handed {
    /// The file.
    pub file: File,
    /// What its sender calls it.
    pub called: PathBuf,
    /// The column of the address, in tables where it cannot be told.
    pub column: ColumnChoice,
    /// What rows are that name an address and do not say what happened.
    pub unsaid: Option<Kind>,
    /// Where the list is whose `verified` was sent to, if one is named.
    pub out: Option<PathBuf>,
}

/// Learns from bounces. What they come to is kept in the ledger, every address they speak of is added to the file
/// `suppressed`, and the report of the list that was sent to shows what came beside what it had projected.
///
/// # Errors
///
/// When the file is none of bounces, or something cannot be kept.
pub fn learn(
    handed: Handed,
    ledger: &Ledger,
    suppressed: &Path,
    tools: &Tools,
) -> Result<(Learned, Option<Real>), Problem> {
    let Handed {
        file,
        called,
        column,
        unsaid,
        out,
    } = handed;
    let now = Timestamp::from(SystemTime::now());
    let finished = out.map(|out| Run::open(&out)).transpose();
    let finished = finished.map_err(|_| not_verified())?;
    let suppression = SuppressionFile::open(suppressed).map_err(|error| Problem::fault(&error))?;
    let platforms = match unsaid {
        Some(kind) => Platforms::built_in().taking_unsaid_for(kind),
        None => Platforms::built_in(),
    };
    let options = Options {
        column,
        ..Options::default()
    };
    let knowledge = Knowledge {
        book: &tools.book,
        providers: &tools.providers,
    };
    let mut season = Campaign::new();
    let mut keeper = Keeper::new(ledger, Some(suppression), now);
    let read = visit_file(&called, file, &options, &platforms, &mut |piece| {
        for happening in season.take(piece, &platforms, knowledge) {
            keeper.keep(&happening)?;
        }
        Ok::<(), KeepError>(())
    });
    read.map_err(not_kept)?;
    let kept = keeper.finish().map_err(not_kept)?;
    let (mut list, mut real) = (None, None);
    if let Some(finished) = &finished {
        let failed = |error| Problem::fault(&error);
        let (lists, column) = ([Disposition::Verified], ColumnChoice::default());
        let comparison = finished.compare(&lists, &column, ledger, &tools.providers);
        let comparison = comparison.map_err(failed)?;
        finished
            .calibrate(&comparison, ledger, now)
            .map_err(failed)?;
        let mut files = Generation::of(finished.folder());
        let added = pages::add_real(finished.folder(), &comparison, now, &mut files);
        real = Some(added.map_err(|error| Problem::fault(&error))?);
        files.publish().map_err(|error| Problem::fault(&error))?;
        list = Some(told(&comparison)?);
    }
    let sent = finished.as_ref().map(|finished| finished.verified);
    let counts = season.counts();
    let health = sent.and_then(|sent| health(sent, counts.bounced, counts.complaints));
    let learned = Learned {
        summary: told(&Summary::of(&season, health))?,
        new: kept.new,
        known: kept.known,
        suppressed: kept.suppressed.map_or(0, |(_, added)| added),
        misread: season
            .misread()
            .iter()
            .map(|misread| as_parameters(&misread.to_string()))
            .collect(),
        list,
    };
    Ok((learned, real))
}

fn told(what: &impl Serialize) -> Result<Value, Problem> {
    serde_json::to_value(what).map_err(|error| Problem::fault(&error))
}

fn not_kept(error: KeepError) -> Problem {
    match error {
        KeepError::Source(error) => Problem::new(
            axum::http::StatusCode::UNPROCESSABLE_ENTITY,
            "no_bounces",
            "These are no bounces",
            error.to_string(),
        ),
        KeepError::Ledger(error) => crate::verifier::Error::from(error).into(),
        KeepError::File(error) => Problem::fault(&error),
    }
}

/// Takes people out of the suppression file at `path`: the lines that name one of `keys`. Returns how many went.
///
/// # Errors
///
/// When it cannot be read or written.
pub fn allow_again(path: &Path, keys: &[String]) -> Result<usize, Problem> {
    let mut gone = 0;
    let mut kept = csv::Writer::from_writer(Vec::new());
    for (number, record) in entries(path)?.into_iter().enumerate() {
        let is_meant = number > 0
            && record
                .get(0)
                .is_some_and(|cell| keys.iter().any(|key| names(cell, key)));
        if is_meant {
            gone += 1;
        } else {
            kept.write_record(&record)
                .map_err(|error| Problem::fault(&error))?;
        }
    }
    if gone > 0 {
        let text = kept.into_inner().map_err(|error| Problem::fault(&error))?;
        let rights = crate::verify::output::Rights::PRIVATE;
        crate::verify::output::write_whole(path, rights, &text)
            .map_err(|error| Problem::fault(&error))?;
    }
    Ok(gone)
}

fn names(cell: &str, key: &str) -> bool {
    let address = crate::input::address::Address::parse(cell);
    address.is_ok_and(|address| address.key() == key) || cell.eq_ignore_ascii_case(key)
}

/// The rows of the suppression file at `path`, its header first; none where there is no file.
///
/// # Errors
///
/// When it cannot be read.
pub fn entries(path: &Path) -> Result<Vec<csv::StringRecord>, Problem> {
    let text = match std::fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error.into()),
    };
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(text.as_slice());
    let records = reader.records().collect::<Result<Vec<_>, _>>();
    records.map_err(|error| Problem::fault(&error))
}

/// A suppression file's entries, as a client is told of them.
pub fn listed(records: &[csv::StringRecord]) -> Vec<BTreeMap<&str, &str>> {
    let Some((header, rows)) = records.split_first() else {
        return Vec::new();
    };
    rows.iter()
        .map(|row| header.iter().zip(row.iter()).collect())
        .collect()
}
