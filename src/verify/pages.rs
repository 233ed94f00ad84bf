//! What is made of a report, to appear with the lists: its pages, the lists as one spreadsheet.

use std::path::Path;

use super::Input;
use super::output::{self, Generation, OutletError, Rights, SheetOf};
use super::report::{self, Edition, Real, Report, ReportError};
use crate::bounce::import::run::Comparison;
use crate::model::text::percent;
use crate::model::timestamp::Timestamp;
use crate::model::verdict::Disposition;

/// Adds a report to `files`: its numbers with the pages made of them.
///
/// # Errors
///
/// [`OutletError`] when they cannot be written.
pub fn add_report(
    report: &Report,
    folder: &Path,
    rights: Rights,
    edition: Edition,
    files: &mut Generation,
) -> Result<(), OutletError> {
    files.whole(
        folder.join(output::REPORT),
        rights,
        report.to_json().as_bytes(),
    )?;
    add_pages(report, folder, rights, edition, files)
}

/// Adds the pages of a report: the client's page as well for the client's edition. Where there is one it is always made
/// again, so that no page speaks of other numbers.
///
/// # Errors
///
/// [`OutletError`] when they cannot be written.
pub fn add_pages(
    report: &Report,
    folder: &Path,
    rights: Rights,
    edition: Edition,
    files: &mut Generation,
) -> Result<(), OutletError> {
    let mut pages = vec![
        (output::PAGE, report::html(report, Edition::Full)),
        (output::SUMMARY, report::markdown(report)),
    ];
    if edition == Edition::Client || folder.join(output::CLIENTS_PAGE).exists() {
        pages.push((output::CLIENTS_PAGE, report::html(report, Edition::Client)));
    }
    for (name, text) in pages {
        files.whole(folder.join(name), rights, text.as_bytes())?;
    }
    Ok(())
}

/// Adds the report of the finished run in `folder` once more, with what came of sending beside what it had projected; the
/// bounces were read at `now`. Returns what is added.
///
/// # Errors
///
/// When there is no report that can be read, or it cannot be written.
pub fn add_real(
    folder: &Path,
    comparison: &Comparison,
    now: Timestamp,
    files: &mut Generation,
) -> Result<Real, RealError> {
    let file = folder.join(output::REPORT);
    let name = file.display().to_string();
    let mut report = Report::from_json(&std::fs::read_to_string(&file)?, &name)?;
    let real = Real::of(comparison, now);
    report.real = Some(real.clone());
    let rights = Rights::of_what_comes_from(&file);
    add_report(&report, folder, rights, Edition::Full, files)?;
    Ok(real)
}

/// A report cannot tell what came of sending.
#[derive(Debug, thiserror::Error)]
pub enum RealError {
    /// There is none.
    #[error("the report cannot be read: {0}")]
    Missing(#[from] std::io::Error),
    /// It is none.
    #[error(transparent)]
    Unreadable(#[from] ReportError),
    /// It cannot be written.
    #[error(transparent)]
    Unwritable(#[from] OutletError),
}

/// Adds what came of `input`, in which `delimiter` parts fields, as a spreadsheet beside its lists, which are among
/// `files`.
///
/// # Errors
///
/// [`OutletError`] when they cannot be written.
pub fn add_workbook(
    report: &Report,
    input: &Input,
    delimiter: u8,
    files: &mut Generation,
) -> Result<(), OutletError> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_says_what_to_change() {
        let error = RealError::Missing(std::io::ErrorKind::NotFound.into());
        insta::assert_snapshot!(error, @"the report cannot be read: entity not found");
    }
}
