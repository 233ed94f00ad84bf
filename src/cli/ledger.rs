//! `presend ledger`.

use std::fmt::Write as _;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use clap::{Args, Subcommand, ValueEnum};

use super::layers::Layers;
use super::safe::safe;
use super::{Exit, state, usage};
use crate::input::address::Address;
use crate::ledger::{Exported, Forgotten, Ledger, Repaired, Stats, Target, forget, repair};
use crate::model::text::is_formula;
use crate::model::timestamp::Timestamp;

/// Options of `ledger`.
#[derive(Debug, Args)]
pub(super) struct LedgerArgs {
    #[command(subcommand)]
    command: Command,
    /// The ledger [default: presend/ledger.db in the state directory]
    #[arg(long, value_name = "FILE", global = true)]
    ledger: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// What it holds, in numbers
    Stats {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Forget people: nothing of them is left in the file
    Forget {
        /// Addresses, or domains with everybody in them
        #[arg(value_name = "ADDRESS|DOMAIN", required_unless_present = "older_than")]
        names: Vec<String>,
        /// Forget whatever was learned longer ago than this
        #[arg(long, value_name = "DURATION", value_parser = super::asking::duration)]
        older_than: Option<Duration>,
        #[cfg(feature = "engine")]
        #[command(flatten)]
        engine: Box<super::engine::EngineArgs>,
    },
    /// Bring what can be read of a damaged ledger into a new file
    Repair {
        /// The new file [default: the ledger's name with `.repaired` behind it]
        #[arg(long, value_name = "FILE")]
        to: Option<PathBuf>,
    },
    /// Print everything known of addresses and domains
    Export {
        /// How
        #[arg(long, value_enum, default_value_t = Format::Csv)]
        format: Format,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A table with a header
    Csv,
    /// A JSON object a line
    Jsonl,
}

/// What was forgotten, as text.
fn told(forgotten: &Forgotten, path: &str) -> String {
    let counted = |count: usize, one: &str, many: &str| match count {
        1 => format!("1 {one}"),
        count => format!("{count} {many}"),
    };
    if forgotten.rows == 0 && forgotten.mentions == 0 {
        return format!("nothing of that was known in {path}\n");
    }
    format!(
        "{} taken out, {} blanked; nothing of it is left in {path}\n",
        counted(forgotten.rows, "entry", "entries"),
        counted(
            forgotten.mentions,
            "reply about others that named them",
            "replies about others that named them"
        ),
    )
}

/// What was brought over, as text.
fn rescued(repaired: &Repaired, path: &Path, to: &Path) -> String {
    let (from, to) = (path.display(), to.display());
    let lost = match repaired.torn.as_slice() {
        [] => "all of them".to_owned(),
        torn => format!(
            "what could be read; something is lost of: {}",
            torn.join(", ")
        ),
    };
    format!(
        "{} rows, {lost}, are in {to}; {from} is as it was\n  to go on with it: mv {to} {from}\n",
        repaired.rows
    )
}

/// Runs `presend ledger`.
#[cfg_attr(
    not(feature = "engine"),
    expect(unused_variables, reason = "secrets are an engine's")
)]
pub(super) fn run(args: &LedgerArgs, layers: &Layers) -> anyhow::Result<Exit> {
    let path = match &args.ledger {
        Some(path) => path.clone(),
        None => state::own_ledger()?,
    };
    let now = Timestamp::from(SystemTime::now());
    match &args.command {
        Command::Stats { json } => {
            let stats = Ledger::find(&path, now)?.stats()?;
            let text = if *json {
                format!("{:#}\n", serde_json::to_value(&stats)?)
            } else {
                describe(&stats, &path.display().to_string())
            };
            std::io::stdout().lock().write_all(text.as_bytes())?;
        }
        Command::Forget {
            names,
            older_than,
            #[cfg(feature = "engine")]
            engine,
        } => {
            let mut targets = names
                .iter()
                .map(|name| target(name))
                .collect::<anyhow::Result<Vec<_>>>()?;
            targets.extend(older_than.map(|age| Target::Before(before(now, age))));
            // First where they may come from again.
            #[cfg(feature = "engine")]
            if engine.is_named() {
                let secrets = |name: &str| layers.value(name);
                let found = super::engine::forget(engine, &secrets, &targets)?;
                println!("{found}");
            }
            let forgotten = forget(&path, &targets)?;
            let text = told(&forgotten, &path.display().to_string());
            std::io::stdout().lock().write_all(text.as_bytes())?;
        }
        Command::Repair { to } => {
            let to = to.clone().unwrap_or_else(|| {
                let mut name = path.as_os_str().to_owned();
                name.push(".repaired");
                PathBuf::from(name)
            });
            let text = rescued(&repair(&path, &to)?, &path, &to);
            std::io::stdout().lock().write_all(text.as_bytes())?;
        }
        Command::Export { format } => {
            let ledger = Ledger::find(&path, now)?;
            let out = BufWriter::new(std::io::stdout().lock());
            match format {
                Format::Csv => export_csv(&ledger, out)?,
                Format::Jsonl => export_lines(&ledger, out)?,
            }
        }
    }
    Ok(Exit::Done)
}

fn before(now: Timestamp, age: Duration) -> Timestamp {
    Timestamp::default() + now.since(Timestamp::default()).saturating_sub(age)
}

/// What a word on the command line names.
fn target(name: &str) -> anyhow::Result<Target> {
    let parsed = match name.strip_prefix('@') {
        None if name.contains('@') => {
            Address::parse(name).map(|address| Target::Address(address.key().into_owned()))
        }
        bare => Address::parse(&format!("x@{}", bare.unwrap_or(name)))
            .map(|address| Target::Domain(address.domain().wire().to_owned())),
    };
    parsed.map_err(|fault| usage(format!("`{}`: {fault}", name.escape_debug())))
}

fn export_csv(ledger: &Ledger, out: impl Write) -> anyhow::Result<()> {
    let mut writer = csv::Writer::from_writer(out);
    writer.write_record(Exported::COLUMNS)?;
    ledger.export(|row| {
        let or_empty = |text: Option<String>| text.unwrap_or_default();
        writer.write_record([
            row.about,
            &harmless(&row.name),
            &row.at.to_string(),
            row.kind,
            row.reason.unwrap_or_default(),
            &or_empty(row.permanent.map(|permanent| permanent.to_string())),
            row.stage.unwrap_or_default(),
            &harmless(&or_empty(row.host)),
            &or_empty(row.code.map(|code| code.to_string())),
            // One line, no formula: it is opened in spreadsheets.
            &harmless(&row.reply),
            &or_empty(row.until.map(|until| until.to_string())),
        ])?;
        anyhow::Ok(())
    })?;
    writer.flush()?;
    Ok(())
}

fn harmless(text: &str) -> String {
    let line = safe(text);
    if is_formula(&line) {
        format!("'{line}")
    } else {
        line
    }
}

fn export_lines(ledger: &Ledger, mut out: impl Write) -> anyhow::Result<()> {
    ledger.export(|row| {
        serde_json::to_writer(&mut out, &row)?;
        out.write_all(b"\n")?;
        anyhow::Ok(())
    })?;
    out.flush()?;
    Ok(())
}

/// A ledger on one screen.
fn describe(stats: &Stats, path: &str) -> String {
    let mut text = String::new();
    let _ = writeln!(
        text,
        "{path}: schema {}, {}, {}.{} MB\n",
        stats.schema,
        safe(&stats.world),
        stats.bytes / 1_000_000,
        stats.bytes / 100_000 % 10
    );
    for (count, what) in [
        (stats.addresses, "addresses"),
        (stats.domains, "domains"),
        (stats.hosts, "mail hosts"),
        (stats.waiting, "addresses that wait for their host"),
        (stats.bounces, "messages that came back"),
    ] {
        let _ = writeln!(text, "{count:>12} {what}");
    }
    if let (Some(oldest), Some(newest)) = (stats.oldest, stats.newest) {
        let _ = writeln!(text, "\nlearned between {oldest} and {newest}:");
    }
    let mut reasons: Vec<_> = stats.reasons.iter().collect();
    reasons.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    for (reason, count) in reasons {
        let _ = writeln!(text, "{count:>12} {}", safe(reason));
    }
    if !stats.runs.is_empty() {
        let _ = writeln!(text, "\nlast runs:");
    }
    for run in &stats.runs {
        let ending = run.ending.as_deref().unwrap_or("under way, or killed");
        let (ending, place) = (safe(ending), safe(&run.place));
        let _ = writeln!(text, "  {}  {ending}  {place}", run.began);
    }
    text
}
