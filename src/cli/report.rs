//! `presend report`.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::{Exit, usage};
use crate::verify::output::{self, Rights};
use crate::verify::report::{self, Report};

/// Options of `report`.
#[derive(Debug, Args)]
pub(super) struct ReportArgs {
    /// Where a run put its lists, or its report.json
    #[arg(value_name = "DIR")]
    place: PathBuf,
    /// Print the report in this form instead of writing report.html and report.md beside report.json
    #[arg(long, value_name = "FORM")]
    format: Option<Form>,
}

/// What a report is made into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    /// One screen of a terminal
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
        args.place.join("report.json")
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
    let report = Report::from_json(&text, &name)?;
    let screen = || report::terminal(&report, &folder.display().to_string());
    let text = match args.format {
        None => {
            write_pages(&report, folder, Rights::of_what_comes_from(&file))?;
            screen()
        }
        Some(Form::Text) => screen(),
        Some(Form::Html) => report::html(&report),
        Some(Form::Md) => report::markdown(&report),
        Some(Form::Json) => report.to_json(),
        Some(Form::Metrics) => report::metrics(&report),
    };
    std::io::stdout().lock().write_all(text.as_bytes())?;
    Ok(Exit::Done)
}

/// Writes what people read of a report beside its numbers.
pub(super) fn write_pages(report: &Report, folder: &Path, rights: Rights) -> anyhow::Result<()> {
    for (name, text) in [
        ("report.html", report::html(report)),
        ("report.md", report::markdown(report)),
    ] {
        output::write_whole(&folder.join(name), rights, text.as_bytes())?;
    }
    Ok(())
}
