//! The lists of a run as one spreadsheet.

use std::fmt;
use std::str::FromStr;

use crate::model::text::percent;
use crate::model::verdict::Disposition;
use crate::verify::Input;
use crate::verify::output::{self, Generation, SheetOf};
use crate::verify::report::Report;

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

/// Adds what came of `input`, in which `delimiter` parts fields, as a spreadsheet beside its lists, which are among
/// `files`.
pub(super) fn add(
    report: &Report,
    input: &Input,
    delimiter: u8,
    files: &mut Generation,
) -> anyhow::Result<()> {
    let mut sheets = Vec::with_capacity(Disposition::ALL.len());
    for disposition in Disposition::ALL {
        let list = input.out.join(format!("{disposition}.csv"));
        sheets.extend(files.written(&list).map(|list| SheetOf {
            name: disposition.as_str(),
            list: list.to_owned(),
        }));
    }
    let lines = summary(report);
    files.write(input.out.join(output::WORKBOOK), input.rights, |file| {
        output::write_workbook(file, &lines, &sheets, delimiter)
    })?;
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
