//! `presend bounces`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, BufWriter, Seek as _, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};

use super::asking::own_ledger;
use super::safe::safe;
use super::{Exit, Refusal, usage};
use crate::bounce::explain::Knowledge;
use crate::bounce::import::health::{Health, Level, Mark, health};
use crate::bounce::import::run::{Comparison, Line, Run};
use crate::bounce::import::suppression::SuppressionFile;
use crate::bounce::import::wire::{self, Summary};
use crate::bounce::import::{
    Cascade, Cause, Fault, Happening, Kind, Platforms, Season, SourceError, visit,
};
use crate::input::address::Address;
use crate::input::list::{ColumnChoice, Options};
use crate::ledger::{Bounce, Ledger, LedgerError, Lifetimes, Realm};
use crate::model::limits;
use crate::model::provider::Providers;
use crate::model::reason::Reason;
use crate::model::timestamp::Moment;
use crate::model::verdict::Disposition;
use crate::smtp::rules::Book;

/// Options of `bounces`.
#[derive(Debug, Args)]
pub(super) struct BouncesArgs {
    /// Messages (.eml), mboxes, mail folders (Maildir), exports of sending platforms (CSV, JSON, JSON lines), .gz or .zst;
    /// `-` is standard input
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
    let now = Moment::from(SystemTime::now());
    // What can be wrong is looked at before anything is read.
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
    let table = args.table.as_deref().map(Table::create).transpose()?;
    let (providers, book) = (Providers::built_in(), Book::built_in());
    let knowledge = Knowledge {
        book: &book,
        providers: &providers,
    };
    // An object that is cut off by a fault in the tenth file is of no use to a program: it is written when it is whole.
    let mut whole = tempfile::SpooledTempFile::new(limits::JSON_IN_MEMORY_BYTES);
    let mut spool = BufWriter::new(&mut whole);
    let mut import = Import {
        season: Season::new(),
        ledger: &ledger,
        batch: Vec::new(),
        new: 0,
        suppression,
        table,
        now,
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
                exit: Exit::NoList,
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
        finish_json(&mut spool, &kept, health, comparison.as_ref())?;
        spool.flush()?;
        drop(spool);
        whole.rewind()?;
        io::copy(&mut whole, &mut out)?;
    } else if !args.quiet {
        let text = screen(&kept, sent, health, comparison.as_ref());
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
        .map_err(|error| usage(format!("cannot read the mapping {name}: {error}")))?;
    Ok(platforms.with_mapping(&text, &name)?)
}

/// The ledger: the one that is named, else the usual one. What is to be kept nowhere, or comes from a simulated world, goes
/// to a file that vanishes.
fn ledger(
    args: &BouncesArgs,
    finished: Option<&Run>,
    now: Moment,
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
    let found = if path.exists() {
        Ledger::find(&path, now)
    } else {
        Ledger::open(&path, &realm, Lifetimes::default(), now)
    };
    let ledger = match found {
        // Another process may be making it at this moment, as when a hundred bounces are piped in at once.
        Err(LedgerError::NotALedger { .. }) => {
            Ledger::open(&path, &realm, Lifetimes::default(), now)?
        }
        found => found?,
    };
    Ok((ledger, folder))
}

/// Where happenings go as they are read.
struct Import<'a, W: Write> {
    season: Season,
    ledger: &'a Ledger,
    batch: Vec<Bounce>,
    new: usize,
    suppression: Option<SuppressionFile>,
    table: Option<Table>,
    now: Moment,
    json: Option<&'a mut W>,
    written: u64,
}

/// What an import came to.
struct Kept {
    season: Season,
    /// Bounces that the ledger did not know.
    new: usize,
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
    fn keep(&mut self, happening: &Happening) -> anyhow::Result<()> {
        if let Some(out) = &mut self.json {
            let comma = if self.written == 0 { "" } else { "," };
            write!(out, "{comma}\n{}", wire::happening(happening)?)?;
            self.written += 1;
        }
        if happening.repeat {
            return Ok(());
        }
        if let Some(table) = &mut self.table {
            table.write(happening)?;
        }
        let Some(Ok(address)) = happening.listed().map(Address::parse) else {
            return Ok(());
        };
        if happening.suppresses()
            && let Some(suppression) = &mut self.suppression
        {
            let why = match happening.reason {
                Some(reason) => reason.as_str(),
                None => "complaint",
            };
            let since = happening.at.unwrap_or(self.now).to_string();
            suppression.add(&address, why, &since);
        }
        if happening.kind == Kind::Bounce {
            self.batch.push(Bounce {
                key: address.key().into_owned(),
                id: happening.id.clone(),
                at: happening.at.unwrap_or(self.now),
                reason: happening.reason.unwrap_or(Reason::Unread),
                permanent: happening.permanent,
                status: happening.status.clone(),
                reply: happening.diagnostic.clone().unwrap_or_default(),
            });
            if self.batch.len() >= limits::BOUNCE_BATCH {
                self.flush()?;
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> anyhow::Result<()> {
        self.new += self.ledger.add_bounces(&self.batch)?;
        self.batch.clear();
        Ok(())
    }

    fn finish(mut self) -> anyhow::Result<Kept> {
        self.flush()?;
        if let Some(table) = self.table.take() {
            table.finish()?;
        }
        let suppressed = match self.suppression.take() {
            Some(suppression) => {
                let path = suppression.path().to_owned();
                Some((path, suppression.finish()?))
            }
            None => None,
        };
        Ok(Kept {
            season: self.season,
            new: self.new,
            suppressed,
        })
    }
}

/// The table of every bounce and complaint, complete or not there.
struct Table {
    path: PathBuf,
    writer: csv::Writer<tempfile::NamedTempFile>,
}

impl Table {
    fn create(path: &Path) -> anyhow::Result<Table> {
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            Some(_) | None => Path::new("."),
        };
        let file = tempfile::NamedTempFile::new_in(folder)
            .map_err(|error| usage(format!("cannot write {}: {error}", path.display())))?;
        let mut writer = csv::Writer::from_writer(file);
        writer.write_record([
            "email",
            "kind",
            "reason",
            "blame",
            "fault",
            "permanent",
            "refused_by",
            "status",
            "reply",
            "provider",
            "at",
            "file",
        ])?;
        Ok(Table {
            path: path.to_owned(),
            writer,
        })
    }

    fn write(&mut self, happening: &Happening) -> anyhow::Result<()> {
        match happening.kind {
            Kind::Bounce | Kind::Complaint | Kind::Suppressed => {}
            Kind::Delayed
            | Kind::Delivered
            | Kind::AutoReply
            | Kind::Unsubscribed
            | Kind::Other => return Ok(()),
        }
        let at = happening.at.map(|at| at.to_string()).unwrap_or_default();
        let file = happening.origin.file.display().to_string();
        let reply = tame(happening.diagnostic.as_deref().unwrap_or_default());
        self.writer.write_record([
            happening.listed().unwrap_or_default(),
            happening.kind.as_str(),
            happening.reason.map_or("", Reason::as_str),
            happening
                .reason
                .map_or("", |reason| reason.blame().as_str()),
            happening.fault().map_or("", Fault::as_str),
            if happening.permanent { "yes" } else { "no" },
            happening.rejected_by.as_str(),
            happening.status.as_deref().unwrap_or_default(),
            &reply,
            happening.provider.as_deref().unwrap_or_default(),
            &at,
            &file,
        ])?;
        Ok(())
    }

    fn finish(self) -> anyhow::Result<()> {
        let file = self
            .writer
            .into_inner()
            .map_err(|error| anyhow::anyhow!("cannot write {}: {error}", self.path.display()))?;
        file.persist(&self.path)
            .map_err(|error| usage(format!("cannot write {}: {error}", self.path.display())))?;
        Ok(())
    }
}

/// A text that a spreadsheet does not take for a formula.
fn tame(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@']) {
        format!("'{text}")
    } else {
        text.to_owned()
    }
}

/// Writes what follows the happenings.
fn finish_json(
    out: &mut dyn Write,
    kept: &Kept,
    health: Option<Health>,
    comparison: Option<&Comparison>,
) -> anyhow::Result<()> {
    let summary = serde_json::to_value(Summary::of(&kept.season, health))?;
    let rest = serde_json::json!({
        "summary": summary,
        "ledger": { "new_bounces": kept.new },
        "suppression": kept.suppressed.as_ref().map(|(path, added)| {
            serde_json::json!({ "file": path.display().to_string(), "added": added })
        }),
        "run": comparison,
    });
    let rest = serde_json::to_string(&rest)?;
    writeln!(out, "\n],{}", rest.trim_start_matches('{'))?;
    Ok(())
}

/// What came back, on one screen.
fn screen(
    kept: &Kept,
    sent: Option<u64>,
    health: Option<Health>,
    comparison: Option<&Comparison>,
) -> String {
    let season = &kept.season;
    let mut text = String::new();
    let counts = season.counts();
    let _ = writeln!(
        text,
        "{} bounces of {} addresses ({} for good), {} complaints",
        season.of_kind(Kind::Bounce),
        counts.bounced,
        counts.hard,
        season.of_kind(Kind::Complaint),
    );
    let _ = writeln!(
        text,
        "besides: {} late, {} delivered, {} automatic answers, {} not sent (known to the platform), {} unsubscribed, {} other; \
         {} read before, {} naming nobody",
        season.of_kind(Kind::Delayed),
        season.of_kind(Kind::Delivered),
        season.of_kind(Kind::AutoReply),
        season.of_kind(Kind::Suppressed),
        season.of_kind(Kind::Unsubscribed),
        season.of_kind(Kind::Other),
        season.repeats(),
        season.nameless(),
    );
    if season.unreadable() > 0 {
        let _ = writeln!(
            text,
            "{} pieces could not be read: no messages, no JSON, no tables, or cut off",
            season.unreadable()
        );
    }
    for fault in [Fault::List, Fault::Sender, Fault::Neither] {
        fault_section(&mut text, season, fault);
    }
    if let Some(health) = health {
        health_section(&mut text, health);
    } else {
        let why = match sent {
            None => "say how much was sent with --sent N, or name the run with --run DIR",
            Some(_) => {
                "more came back than is said to have been sent: is that the right number, the right run?"
            }
        };
        let _ = writeln!(text, "\nNo rates: {why}.");
    }
    for cascade in season.cascades() {
        cascade_section(&mut text, &cascade);
    }
    if let Some(comparison) = comparison {
        comparison_section(&mut text, comparison);
    }
    let _ = writeln!(text, "\nThe ledger has {} new bounces.", kept.new);
    if let Some((path, added)) = &kept.suppressed {
        let _ = writeln!(
            text,
            "{added} addresses added to {}; give it to `presend verify --suppress`.",
            path.display()
        );
    } else if counts.hard + counts.complaints > 0 {
        let _ = writeln!(
            text,
            "Keep the {} dead addresses and complainers from being written to again: --suppress FILE.",
            counts.hard + counts.complaints
        );
    }
    text
}

/// Reasons with one kind of fault, most first, with what to do about the sender's.
fn fault_section(text: &mut String, season: &Season, fault: Fault) {
    let mut causes: Vec<(&(Reason, bool), &Cause)> = season
        .causes()
        .iter()
        .filter(|((reason, _), _)| Fault::of(*reason) == fault)
        .collect();
    if causes.is_empty() {
        return;
    }
    causes.sort_by_key(|((reason, _), cause)| (std::cmp::Reverse(cause.count), *reason));
    let heading = match fault {
        Fault::List => "The list's fault: these addresses take no mail",
        Fault::Sender => "The sender's fault: the addresses may be good",
        Fault::Neither => "Nobody's fault that can be told",
    };
    let _ = writeln!(text, "\n{heading} ({})", season.of_fault(fault));
    for ((reason, permanent), cause) in &causes {
        let by: Vec<String> = cause
            .refused_by
            .iter()
            .map(|(who, count)| format!("{who} {count}"))
            .collect();
        let _ = writeln!(
            text,
            "{:>8}  {:<22} {:<8}  refused by: {}",
            cause.count,
            reason.as_str(),
            if *permanent { "for good" } else { "for now" },
            by.join(", ")
        );
        if !cause.example.is_empty() {
            let example: String = safe(&cause.example).chars().take(EXAMPLE_CHARS).collect();
            let _ = writeln!(text, "{:>8}  {example}", "");
        }
    }
    if fault == Fault::Sender {
        let mut advice: Vec<&String> = Vec::new();
        for piece in causes.iter().flat_map(|(_, cause)| &cause.advice) {
            if !advice.contains(&piece) {
                advice.push(piece);
            }
        }
        let _ = writeln!(text, "  What to do:");
        for piece in advice.iter().take(ADVICE_SHOWN) {
            let _ = writeln!(text, "  - {}", safe(piece));
        }
    }
}

/// How much of an example is shown, in characters, and how many pieces of advice.
const EXAMPLE_CHARS: usize = 110;
const ADVICE_SHOWN: usize = 8;

fn health_section(text: &mut String, health: Health) {
    let _ = writeln!(text, "\nOf {} messages", health.sent);
    let mut line = |what: &str, mark: Mark, marks: &str| {
        let word = match mark.level {
            Level::Good => "good",
            Level::Watch => "WATCH",
            Level::Stop => "STOP",
        };
        let _ = writeln!(
            text,
            "  {what:<11} {:>6.2} % ({:.2} to {:.2})  {word}: {marks}",
            mark.rate * 100.0,
            mark.low * 100.0,
            mark.high * 100.0,
        );
    };
    line(
        "bounced",
        health.bounces,
        "stay under 2 %; from 5 % on platforms step in",
    );
    line(
        "complained",
        health.complaints,
        "stay under 0.1 %; never reach 0.3 %",
    );
}

fn cascade_section(text: &mut String, cascade: &Cascade) {
    let who = cascade
        .provider
        .as_deref()
        .unwrap_or("your mail as a whole");
    let _ = writeln!(
        text,
        "\nWARNING: {who} is shutting you out since {}.",
        cascade.since
    );
    let _ = writeln!(
        text,
        "  Before: {} bounces, {:.1} an hour, {:.0} % blaming the sender. Since: {}, {:.1} an hour, {:.0} %.",
        cascade.before.bounces,
        cascade.before.hourly,
        cascade.before.share() * 100.0,
        cascade.after.bounces,
        cascade.after.hourly,
        cascade.after.share() * 100.0,
    );
    let _ = writeln!(
        text,
        "  Valid addresses are refused now too. Stop sending there. Clean: verify the rest of the list, drop what is dead.\n  \
         Wait a day or two, mend what the sender's fault above names, then begin again in small lots to people who open."
    );
}

fn comparison_section(text: &mut String, comparison: &Comparison) {
    let total = &comparison.total;
    let _ = writeln!(
        text,
        "\nProjected and real ({})",
        comparison.lists.join(", ")
    );
    if total.rows == 0 {
        let _ = writeln!(text, "  These lists have no rows to compare.");
        return;
    }
    let _ = writeln!(
        text,
        "  {:<34} {:>8} {:>9} {:>9}  90 % interval",
        "", "rows", "expected", "real"
    );
    let mut line = |name: &str, line: &Line| {
        let _ = writeln!(
            text,
            "  {:<34} {:>8} {:>7.2} % {:>7.2} %  {:.2} to {:.2}{}",
            safe(name),
            line.rows,
            line.expected_rate * 100.0,
            line.rate * 100.0,
            line.low * 100.0,
            line.high * 100.0,
            match line.by_sender {
                0 => String::new(),
                count => format!("  ({count} by the sender's doing left out)"),
            }
        );
    };
    line("all", total);
    let groups: [&BTreeMap<String, Line>; 2] = [&comparison.by_verdict, &comparison.by_provider];
    for group in groups {
        for (name, one) in group {
            line(&format!("  {name}"), one);
        }
    }
    if let (Some(projected), Some(within)) = (comparison.projected, comparison.within) {
        let _ = writeln!(
            text,
            "  The report had projected {:.2} % ({:.2} to {:.2}): what came is {} that.",
            projected.rate * 100.0,
            projected.low * 100.0,
            projected.high * 100.0,
            if within { "within" } else { "outside" }
        );
    }
    let _ = writeln!(
        text,
        "  Brier score {:.4} (0 is perfect; the same rate for everybody gives {:.4})",
        comparison.brier, comparison.brier_of_rate
    );
    if comparison.surprises_total > 0 {
        let _ = writeln!(
            text,
            "  Called deliverable, and bounced ({}):",
            comparison.surprises_total
        );
        for surprise in comparison.surprises.iter().take(SURPRISES_SHOWN) {
            let short = |words: &str| -> String { safe(words).chars().take(80).collect() };
            let _ = writeln!(
                text,
                "    {}\n      then {}: {}\n      now  {}: {} [{}]",
                safe(&surprise.address),
                safe(&surprise.then_at),
                short(&surprise.then),
                surprise.now_at,
                short(&surprise.now),
                surprise.reason
            );
        }
    }
}

/// How many surprises the screen lists.
const SURPRISES_SHOWN: usize = 10;
