//! `presend bounces`.

mod screen;
mod table;

use std::io::{self, BufWriter, Seek as _, Write};
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime};

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};

use super::report::publish;
use super::safe::safe;
use super::state::own_ledger;
use super::zone::Zone;
use super::{Exit, Refusal, folder, unreadable};
use crate::bounce::explain::Knowledge;
use crate::bounce::import::health::{Health, health};
use crate::bounce::import::keeper::Keeper;
use crate::bounce::import::run::{Comparison, Run};
use crate::bounce::import::suppression::SuppressionFile;
use crate::bounce::import::wire::{self, Summary};
use crate::bounce::import::{BounceEvent, Campaign, Kind, Platforms, SourceError, visit};
use crate::input::list::{ColumnChoice, IntakeError, Options};
use crate::ledger::{Ledger, LedgerError, Lifetimes, Realm};
use crate::model::limits;
use crate::model::provider::Providers;
use crate::model::timestamp::Timestamp;
use crate::model::verdict::Disposition;
use crate::smtp::rules::Book;
use crate::verify::pages::add_real;
use screen::screen;
use table::Table;

/// Options of `bounces`.
#[derive(Debug, Args)]
pub(super) struct BouncesArgs {
    /// Messages (.eml), mboxes, mail folders (Maildir), exports of sending platforms (CSV, JSON, JSON lines), .gz or .zst;
    /// `-` is standard input, where exit code 75 tells a mail server to hand the message in again
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Write one JSON object
    #[arg(long)]
    json: bool,
    /// Say nothing but errors
    #[arg(long, conflicts_with = "json")]
    quiet: bool,
    /// Add hard bounces and complaints to this file, which `verify --suppress` takes
    #[arg(long, value_name = "FILE")]
    suppress: Option<PathBuf>,
    /// Write every bounce and complaint as a table (CSV)
    #[arg(long, value_name = "FILE")]
    table: Option<PathBuf>,
    /// How many messages the campaign had, for its rates [default: the run's verified rows]
    #[arg(long, value_name = "N")]
    sent: Option<u64>,
    /// Compare with what this finished run projected, and learn from it
    #[arg(long, value_name = "DIR")]
    run: Option<PathBuf>,
    /// Which lists of the run were sent to
    #[arg(
        long,
        value_name = "LISTS",
        value_delimiter = ',',
        default_value = "verified",
        value_parser = PossibleValuesParser::new(["verified", "review", "rejected"]).map(|name| disposition(&name))
    )]
    lists: Vec<Disposition>,
    /// The column of the address, in tables where it cannot be told
    #[arg(long, value_name = "NAME|NUMBER")]
    column: Option<ColumnChoice>,
    /// What rows are that name an address and do not say what happened, as in a list of spam reports
    #[arg(
        long,
        value_name = "KIND",
        value_parser = PossibleValuesParser::new(["bounce", "complaint", "unsubscribed"]).map(|name| kind(&name))
    )]
    unsaid: Option<Kind>,
    /// Names and words of a sending platform that we do not know; the form is that of config/platforms.toml
    #[arg(long, value_name = "FILE")]
    mapping: Option<PathBuf>,
    /// Where to keep what is learned [default: presend/ledger.db in the state directory]
    #[arg(long, value_name = "FILE")]
    ledger: Option<PathBuf>,
    /// Keep nothing
    #[arg(long, conflicts_with = "ledger")]
    no_ledger: bool,
}

fn disposition(name: &str) -> Disposition {
    Disposition::ALL
        .into_iter()
        .find(|disposition| disposition.as_str() == name)
        .unwrap_or(Disposition::Verified)
}

fn kind(name: &str) -> Kind {
    Kind::ALL
        .into_iter()
        .find(|kind| kind.as_str() == name)
        .unwrap_or(Kind::Other)
}

/// Runs `presend bounces`.
pub(super) fn run(args: &BouncesArgs) -> anyhow::Result<Exit> {
    let is_piped_in = args.files.iter().any(|file| file == Path::new("-"));
    import(args).map_err(|error| {
        if is_piped_in {
            handed_in_again(error)
        } else {
            error
        }
    })
}

/// What went wrong with a message that a mail server pipes in: where the message itself is at fault the server may send it
/// away, else it is to keep it and to try again.
fn handed_in_again(error: anyhow::Error) -> anyhow::Error {
    let refusal = error.downcast_ref::<Refusal>();
    let is_the_messages = refusal.is_some_and(|refusal| refusal.exit == Exit::NoList);
    if is_the_messages || super::is_broken_pipe(&error) {
        return error;
    }
    Refusal {
        exit: Exit::TryAgain,
        message: super::in_words(&error),
    }
    .into()
}

fn import(args: &BouncesArgs) -> anyhow::Result<Exit> {
    let now = Timestamp::from(SystemTime::now());
    // What can be wrong is looked at before anything is read.
    if let Some(run) = &args.run {
        folder::complete(run)?;
    }
    let finished = args.run.as_deref().map(Run::open).transpose()?;
    let mut platforms = platforms(args.mapping.as_deref())?;
    if let Some(kind) = args.unsaid {
        platforms = platforms.taking_unsaid_for(kind);
    }
    let (ledger, _folder) = ledger(args, finished.as_ref(), now)?;
    let suppression = args
        .suppress
        .as_deref()
        .map(SuppressionFile::open)
        .transpose()?;
    let table = args.table.as_deref();
    let table = table
        .map(|path| Table::create(path, &args.files))
        .transpose()?;
    let (providers, book) = (Providers::built_in(), Book::built_in());
    let knowledge = Knowledge {
        book: &book,
        providers: &providers,
    };
    // An object that is cut off by a fault in the tenth file is of no use to a program: it is written when it is whole.
    let mut whole = tempfile::SpooledTempFile::new(limits::JSON_IN_MEMORY_BYTES);
    let mut spool = BufWriter::new(&mut whole);
    let mut import = Import {
        season: Campaign::new(),
        keeper: Keeper::new(&ledger, suppression, now),
        table,
        json: args.json.then_some(&mut spool),
        written: 0,
    };
    import.begin()?;
    let options = Options {
        column: args.column.clone().unwrap_or_default(),
        ..Options::default()
    };
    for file in &args.files {
        visit(file, &options, &platforms, &mut |piece| {
            for happening in import.season.take(piece, &platforms, knowledge) {
                import.keep(&happening)?;
            }
            anyhow::Ok(())
        })
        .map_err(|error| match error.downcast::<SourceError>() {
            Ok(source) => Refusal {
                exit: match source {
                    // Which column to read is a question of usage, as it is elsewhere.
                    SourceError::NoTable(IntakeError::NoSuchColumn { .. }) => Exit::Usage,
                    _ => Exit::NoList,
                },
                message: source.to_string(),
            }
            .into(),
            Err(error) => error,
        })?;
    }
    let kept = import.finish()?;
    for misread in kept.season.misread() {
        eprintln!("presend: {}", safe(&misread.to_string()));
    }
    let comparison = match &finished {
        Some(finished) => {
            let column = args.column.clone().unwrap_or_default();
            let comparison = finished.compare(&args.lists, &column, &ledger, &providers)?;
            if !args.no_ledger {
                finished.calibrate(&comparison, &ledger, now)?;
                publish(finished.folder(), |files| {
                    add_real(finished.folder(), &comparison, now, files)?;
                    Ok(())
                })?;
            }
            Some(comparison)
        }
        None => None,
    };
    let sent = args
        .sent
        .or_else(|| finished.as_ref().map(|finished| finished.verified));
    let counts = kept.season.counts();
    let health = sent.and_then(|sent| health(sent, counts.bounced, counts.complaints));
    let mut out = BufWriter::new(io::stdout().lock());
    if args.json {
        let told = (!args.no_ledger).then_some(&kept);
        finish_json(&mut spool, &kept, told, health, comparison.as_ref())?;
        spool.flush()?;
        drop(spool);
        whole.rewind()?;
        io::copy(&mut whole, &mut out)?;
    } else if !args.quiet {
        let mut text = screen(&kept, &Zone::here(), sent, health, comparison.as_ref());
        text += &screen::ending(&kept, args.no_ledger);
        out.write_all(text.as_bytes())?;
    }
    out.flush()?;
    Ok(Exit::Done)
}

/// The platforms, with the operator's mapping before them.
fn platforms(mapping: Option<&Path>) -> anyhow::Result<Platforms> {
    let platforms = Platforms::built_in();
    let Some(path) = mapping else {
        return Ok(platforms);
    };
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path)
        .map_err(|error| unreadable(&format!("the mapping {name}"), &error))?;
    Ok(platforms.with_mapping(&text, &name)?)
}

/// The ledger: the one that is named, else the usual one. What is to be kept nowhere, or comes from a simulated world, goes
/// to a file that vanishes.
fn ledger(
    args: &BouncesArgs,
    finished: Option<&Run>,
    now: Timestamp,
) -> anyhow::Result<(Ledger, Option<tempfile::TempDir>)> {
    let simulated = finished.and_then(|finished| finished.world.clone());
    let realm = simulated.clone().map_or(Realm::Real, Realm::Simulated);
    let (path, folder) = match &args.ledger {
        Some(path) => (path.clone(), None),
        None if args.no_ledger || simulated.is_some() => {
            let folder = tempfile::tempdir()?;
            (folder.path().join("ledger.db"), Some(folder))
        }
        None => (own_ledger()?, None),
    };
    let open = || {
        if path.exists() {
            Ledger::find(&path, now)
        } else {
            Ledger::open(&path, &realm, Lifetimes::default(), now)
        }
    };
    let ledger = match patiently(open) {
        // Another process may be making it at this moment, as when a hundred bounces are piped in at once.
        Err(LedgerError::NotALedger { .. }) => {
            Ledger::open(&path, &realm, Lifetimes::default(), now)?
        }
        found => found?,
    };
    Ok((ledger, folder))
}

/// Opens a ledger that others may have for themselves for a moment: a bounce that a mail server pipes in is lost if it is
/// sent away.
fn patiently(open: impl Fn() -> Result<Ledger, LedgerError>) -> Result<Ledger, LedgerError> {
    let until = Instant::now() + limits::LEDGER_WAIT;
    loop {
        match open() {
            Err(LedgerError::InUse { .. }) if Instant::now() < until => {
                std::thread::sleep(limits::LEDGER_ASK_AGAIN);
            }
            found => return found,
        }
    }
}

/// Where happenings go as they are read.
struct Import<'a, W: Write> {
    season: Campaign,
    keeper: Keeper<'a>,
    table: Option<Table>,
    json: Option<&'a mut W>,
    written: u64,
}

/// What an import came to.
struct Kept {
    season: Campaign,
    /// Bounces that the ledger did not know.
    new: usize,
    known: usize,
    /// The suppression file with the number of addresses added.
    suppressed: Option<(PathBuf, u64)>,
}

impl<W: Write> Import<'_, W> {
    fn begin(&mut self) -> io::Result<()> {
        match &mut self.json {
            Some(out) => out.write_all(b"{\"happenings\":["),
            None => Ok(()),
        }
    }

    /// Keeps one happening wherever it belongs.
    fn keep(&mut self, happening: &BounceEvent) -> anyhow::Result<()> {
        if let Some(out) = &mut self.json {
            let comma = if self.written == 0 { "" } else { "," };
            write!(out, "{comma}\n{}", wire::happening(happening)?)?;
            self.written += 1;
        }
        if let Some(table) = self.table.as_mut().filter(|_| !happening.repeat) {
            table.write(happening)?;
        }
        Ok(self.keeper.keep(happening)?)
    }

    fn finish(mut self) -> anyhow::Result<Kept> {
        if let Some(table) = self.table.take() {
            table.finish()?;
        }
        let kept = self.keeper.finish()?;
        Ok(Kept {
            season: self.season,
            new: kept.new,
            known: kept.known,
            suppressed: kept.suppressed,
        })
    }
}

/// Writes what follows the happenings; `in_ledger` is what a ledger was told, where there is one.
fn finish_json(
    out: &mut dyn Write,
    kept: &Kept,
    in_ledger: Option<&Kept>,
    health: Option<Health>,
    comparison: Option<&Comparison>,
) -> anyhow::Result<()> {
    let summary = serde_json::to_value(Summary::of(&kept.season, health))?;
    let rest = serde_json::json!({
        "summary": summary,
        "ledger": in_ledger.map(|kept| {
            serde_json::json!({ "new_bounces": kept.new, "read_before": kept.known })
        }),
        "suppression": kept.suppressed.as_ref().map(|(path, added)| {
            serde_json::json!({ "file": path.display().to_string(), "added": added })
        }),
        "run": comparison,
    });
    let rest = serde_json::to_string(&rest)?;
    writeln!(out, "\n],{}", rest.trim_start_matches('{'))?;
    Ok(())
}
