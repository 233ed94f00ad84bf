//! `presend report`.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::zone::Zone;
use super::{Exit, folder, usage};
use crate::verify::output::{self, Generation, Rights};
use crate::verify::pages;
use crate::verify::report::{self, Detail, Edition, Report, Terminal};

/// The work that is shown to another process that wants the folder meanwhile.
const REPORTING: &str = "report";

/// What pages are called, and whom they are for.
#[derive(Debug, Args)]
pub(super) struct PageArgs {
    /// What the pages are called [default: the list's name]
    #[arg(long, value_name = "TEXT")]
    pub(super) title: Option<String>,
    /// Write client.html as well: the answer and where its numbers come from on two pages, to be mailed to a client
    #[arg(long)]
    pub(super) client: bool,
}

/// Options of `report`.
#[derive(Debug, Args)]
pub(super) struct ReportArgs {
    /// Where a run put its lists, or its report.json
    #[arg(value_name = "DIR")]
    place: PathBuf,
    /// Print the report in this form instead of writing report.html and report.md beside report.json
    #[arg(long, value_name = "FORM")]
    format: Option<Form>,
    #[command(flatten)]
    pages: PageArgs,
}

impl PageArgs {
    /// The edition that is asked for.
    pub(super) fn edition(&self) -> Edition {
        if self.client {
            Edition::Client
        } else {
            Edition::Full
        }
    }
}

/// What a report is made into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    /// What a terminal shows, with all details
    Text,
    /// The page
    Html,
    /// The summary for chats and tickets
    Md,
    /// The numbers
    Json,
    /// The numbers for Prometheus
    Metrics,
}

/// Runs `presend report`.
pub(super) fn run(args: &ReportArgs) -> anyhow::Result<Exit> {
    let file = if args.place.is_dir() {
        folder::complete(&args.place)?;
        args.place.join(output::REPORT)
    } else {
        args.place.clone()
    };
    let folder = file.parent().unwrap_or(Path::new(""));
    let name = file.display().to_string();
    let text = std::fs::read_to_string(&file).map_err(|error| {
        usage(format!(
            "cannot read the report {name}: {error}\n  name the folder that a run wrote, such as leads.csv.presend"
        ))
    })?;
    let mut report = Report::from_json(&text, &name)?;
    if args.pages.title.is_some() {
        report.title.clone_from(&args.pages.title);
    }
    let out = folder.display().to_string();
    let zone = Zone::here();
    let on = Terminal {
        width: super::columns(),
        when: &|moment| zone.day_and_clock(moment),
    };
    let screen = |detail| report::terminal(&report, &out, on, detail);
    let text = match args.format {
        None => {
            let rights = Rights::of_what_comes_from(&file);
            let edition = args.pages.edition();
            match args.pages.title {
                Some(_) => write_report(&report, folder, rights, edition)?,
                None => write_pages(&report, folder, rights, edition)?,
            }
            screen(Detail::OneScreen)
        }
        Some(Form::Text) => screen(Detail::All),
        Some(Form::Html) => report::html(&report, args.pages.edition()),
        Some(Form::Md) => report::markdown(&report),
        Some(Form::Json) => report.to_json(),
        Some(Form::Metrics) => report::metrics(&report),
    };
    std::io::stdout().lock().write_all(text.as_bytes())?;
    Ok(Exit::Done)
}

/// Writes a report: its numbers with the pages made of them.
fn write_report(
    report: &Report,
    folder: &Path,
    rights: Rights,
    edition: Edition,
) -> anyhow::Result<()> {
    publish(folder, |files| {
        Ok(pages::add_report(report, folder, rights, edition, files)?)
    })
}

/// Writes the pages of a report beside its numbers.
fn write_pages(
    report: &Report,
    folder: &Path,
    rights: Rights,
    edition: Edition,
) -> anyhow::Result<()> {
    publish(folder, |files| {
        Ok(pages::add_pages(report, folder, rights, edition, files)?)
    })
}

/// Lets what `add` writes appear in a folder, which nobody else writes to meanwhile.
pub(super) fn publish(
    folder: &Path,
    add: impl FnOnce(&mut Generation) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let _lock = folder::take(folder, REPORTING)?;
    let mut files = Generation::of(folder);
    add(&mut files)?;
    files.publish()?;
    Ok(())
}
