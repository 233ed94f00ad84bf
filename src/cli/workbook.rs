//! The lists of a run as one spreadsheet.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use crate::model::text::percent;
use crate::model::verdict::Disposition;
use crate::verify::output::{self, Rights, SheetOf};
use crate::verify::report::Report;

/// What the spreadsheet is called.
pub(super) const FILE: &str = "lists.xlsx";

/// How `verify` writes what is not one of its three lists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Format {
    /// `--all` as the caller's list is.
    #[default]
    Csv,
    /// `--all` as one JSON object a row.
    JsonLines,
    /// The three lists and a summary as a spreadsheet, beside them.
    Xlsx,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Format::Csv => "csv",
            Format::JsonLines => "jsonl",
            Format::Xlsx => "xlsx",
        })
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        match word {
            "csv" => Ok(Format::Csv),
            "jsonl" => Ok(Format::JsonLines),
            "xlsx" => Ok(Format::Xlsx),
            _ => Err("write csv, jsonl or xlsx".to_owned()),
        }
    }
}

/// Writes the lists in `folder`, whose fields `delimiter` parts, as a spreadsheet beside them.
pub(super) fn write(
    report: &Report,
    folder: &Path,
    rights: Rights,
    delimiter: u8,
) -> anyhow::Result<()> {
    let sheets = Disposition::ALL.map(|disposition| SheetOf {
        name: disposition.as_str(),
        list: folder.join(format!("{disposition}.csv")),
    });
    output::write_workbook(
        &folder.join(FILE),
        rights,
        &summary(report),
        &sheets,
        delimiter,
    )?;
    Ok(())
}

/// The numbers that a reader of the sheets looks for first.
fn summary(report: &Report) -> Vec<(String, String)> {
    let mut lines = vec![
        ("list".to_owned(), report.list.path.clone()),
        ("rows".to_owned(), report.list.rows.to_string()),
    ];
    for disposition in Disposition::ALL {
        let rows = report.counts.disposition.get(disposition.as_str());
        lines.push((
            format!("rows in {disposition}"),
            rows.copied().unwrap_or(0).to_string(),
        ));
    }
    for (of, projection) in [
        ("the list as it came", &report.projection.input),
        ("verified", &report.projection.verified),
    ] {
        lines.push((
            format!("projected bounce rate of {of}"),
            format!(
                "{} ({} to {})",
                percent(projection.rate),
                percent(projection.low),
                percent(projection.high)
            ),
        ));
    }
    for (reason, rows) in &report.counts.reason {
        lines.push((format!("reason {reason}"), rows.to_string()));
    }
    lines
}
