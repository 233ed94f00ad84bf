//! `presend config`: the settings in force, and what real bounces have taught the projection.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use clap::Args;
use serde::Serialize;

use super::Exit;
use super::layers::{InForce, Layers, usual_place};
use super::safe::safe;
use super::state::own_ledger;
use crate::ledger::{Ledger, LedgerError};
use crate::model::limits;
use crate::model::timestamp::Timestamp;
use crate::projection::{Model, Segment};
use crate::verify::believed;

/// Options of `config`.
#[derive(Debug, Args)]
pub(super) struct ConfigArgs {
    /// Print the settings as JSON
    #[arg(long)]
    json: bool,
    /// Whose lessons to show [default: presend/ledger.db in the state directory]
    #[arg(long, value_name = "FILE")]
    ledger: Option<PathBuf>,
    /// Forget what real bounces have taught the projection; the bounces themselves stay
    #[arg(long)]
    reset_calibration: bool,
}

/// What real bounces have taught about one segment.
#[derive(Serialize)]
struct Lesson {
    segment: String,
    sent: f64,
    bounced: f64,
    hard: f64,
    /// The share that was believed to bounce before.
    before: f64,
    /// The share that is believed to bounce now.
    now: f64,
    last: Timestamp,
}

/// Runs `presend config`: the settings in force, and where each came from.
pub(super) fn run(args: &ConfigArgs, layers: &Layers) -> anyhow::Result<Exit> {
    let path = match &args.ledger {
        Some(path) => path.clone(),
        None => own_ledger()?,
    };
    let now = Timestamp::from(SystemTime::now());
    let ledger = match path.exists() {
        true => Some(Ledger::find(&path, now)?),
        false if args.ledger.is_some() => {
            return Err(LedgerError::Missing { path }.into());
        }
        false => None,
    };
    if args.reset_calibration {
        if let Some(ledger) = &ledger {
            ledger.reset_outcomes()?;
        }
        eprintln!("presend: forgotten: the projection believes what config/priors.toml says");
    }
    let lessons = match &ledger {
        Some(ledger) => lessons(ledger, now)?,
        None => Vec::new(),
    };
    let settings = layers.in_force()?;
    let text = if args.json {
        let file = layers.file.as_ref().map(|file| file.display().to_string());
        format!(
            "{}\n",
            serde_json::json!({
                "file": file,
                "settings": settings,
                "calibration": {
                    "ledger": path.display().to_string(),
                    "half_life_days": limits::CALIBRATION_HALF_LIFE.as_secs() / 86_400,
                    "segments": lessons,
                },
            })
        )
    } else {
        describe(&settings, layers) + &taught(&lessons, &path)
    };
    std::io::stdout().lock().write_all(text.as_bytes())?;
    Ok(Exit::Done)
}

/// What real bounces have taught, by segment.
fn lessons(ledger: &Ledger, now: Timestamp) -> anyhow::Result<Vec<Lesson>> {
    let (before, after) = (Model::built_in(), believed(ledger, now)?);
    let mut lessons: Vec<Lesson> = ledger
        .outcomes()?
        .into_iter()
        .filter_map(|(name, outcomes)| {
            let segment: Segment = name.parse().ok()?;
            let faded = outcomes.faded(now);
            Some(Lesson {
                before: before.mean(&segment),
                now: after.mean(&segment),
                segment: name,
                sent: faded.total,
                bounced: faded.bounced,
                hard: faded.hard,
                last: outcomes.at,
            })
        })
        .collect();
    lessons.sort_by(|one, other| one.segment.cmp(&other.segment));
    Ok(lessons)
}

/// The same as text.
fn taught(lessons: &[Lesson], ledger: &Path) -> String {
    let mut text = String::new();
    if lessons.is_empty() {
        let _ = writeln!(
            text,
            "\nThe projection believes what comes with the program: no real bounces were compared with a run yet\n(`presend bounces \
             FILE --run DIR`)."
        );
        return text;
    }
    let days = limits::CALIBRATION_HALF_LIFE.as_secs() / 86_400;
    let _ = writeln!(
        text,
        "\nWhat real bounces taught the projection ({}; it counts half after {days} days)",
        ledger.display()
    );
    let _ = writeln!(
        text,
        "  {:<34} {:>9} {:>8} {:>9}  believed to bounce",
        "", "sent", "bounced", "for good"
    );
    for lesson in lessons {
        let _ = writeln!(
            text,
            "  {:<34} {:>9.1} {:>8.1} {:>9.1}  {:.1} % -> {:.1} %",
            safe(&lesson.segment),
            lesson.sent,
            lesson.bounced,
            lesson.hard,
            lesson.before * 100.0,
            lesson.now * 100.0
        );
    }
    let _ = writeln!(text, "Forget it with --reset-calibration.");
    text
}

fn describe(settings: &[InForce], layers: &Layers) -> String {
    let mut text = String::new();
    match (&layers.file, usual_place()) {
        (Some(file), _) => {
            let _ = writeln!(text, "settings file: {}", file.display());
        }
        (None, Some(usual)) => {
            let _ = writeln!(
                text,
                "settings file: none; options may be kept in {}, such as\n  mail-from = \"verify@your-domain.example\"",
                usual.display()
            );
        }
        (None, None) => {
            let _ = writeln!(text, "settings file: none; name one with --config FILE");
        }
    }
    let width = |of: fn(&InForce) -> usize| settings.iter().map(of).max().unwrap_or(0);
    let names = width(|setting| setting.name.len());
    let values = width(|setting| shown(setting).chars().count());
    let _ = writeln!(text);
    for setting in settings {
        let (name, value) = (&setting.name, shown(setting));
        let _ = writeln!(
            text,
            "  {name:<names$}  {value:<values$}  {}",
            safe(&setting.from)
        );
    }
    let _ = writeln!(
        text,
        "\nAn option overrules the environment (PRESEND_MAIL_FROM for mail-from), and that the file."
    );
    text
}

/// The values as they would be typed.
fn shown(setting: &InForce) -> String {
    if setting.values.is_empty() {
        return "-".to_owned();
    }
    safe(&setting.values.join(" "))
}
