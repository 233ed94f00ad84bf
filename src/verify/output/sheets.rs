//! The lists as one spreadsheet: a sheet each, and a summary before them.

use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::PathBuf;

use rust_xlsxwriter::{Format, Workbook, Worksheet, XlsxError};

use crate::model::limits;

/// A list that becomes a sheet.
#[derive(Clone, Debug)]
pub struct SheetOf {
    /// What the sheet is called.
    pub name: &'static str,
    /// The list as a file with delimiters.
    pub list: PathBuf,
}

/// Writes `lists`, whose fields `delimiter` parts, to a spreadsheet, behind a sheet with the lines of `summary`.
///
/// Every cell of a list is text, so nothing in it is a formula, a link or a number that a spreadsheet would shorten;
/// only the column of the bounce probability is made of numbers. Memory does not grow with the lists.
///
/// # Errors
///
/// When a list cannot be read or the spreadsheet cannot be written.
pub fn write_workbook(
    out: &mut File,
    summary: &[(String, String)],
    lists: &[SheetOf],
    delimiter: u8,
) -> io::Result<()> {
    let mut book = Workbook::new();
    let bold = Format::new().set_bold();
    let sheet = book.add_worksheet();
    sheet.set_name("summary").map_err(other)?;
    sheet.set_column_width(0, 40).map_err(other)?;
    for (row, (name, value)) in (0..).zip(summary) {
        text(sheet, (row, 0), name, Some(&bold))?;
        text(sheet, (row, 1), value, None)?;
    }
    for list in lists {
        write_list(&mut book, list, delimiter, &bold)?;
    }
    book.save_to_writer(&mut *out).map_err(other)?;
    out.flush()
}

/// Writes one list, over as many sheets as it needs.
fn write_list(book: &mut Workbook, of: &SheetOf, delimiter: u8, bold: &Format) -> io::Result<()> {
    let file = BufReader::with_capacity(limits::WRITE_BYTES, File::open(&of.list)?);
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .flexible(true)
        .from_reader(WithoutMark::new(file)?);
    let header = reader.byte_headers().map_err(io::Error::other)?.clone();
    let number = header.iter().position(|name| name == b"presend_bounce");
    let mut record = csv::ByteRecord::new();
    let mut more = true;
    for part in 1.. {
        let sheet = book.add_worksheet_with_constant_memory().map_err(other)?;
        let name = match part {
            1 => of.name.to_owned(),
            part => format!("{} {part}", of.name),
        };
        sheet.set_name(name).map_err(other)?;
        write_row(sheet, 0, &header, None, Some(bold))?;
        sheet.set_freeze_panes(1, 0).map_err(other)?;
        let mut row = 0;
        while row < limits::SHEET_ROWS {
            more = reader
                .read_byte_record(&mut record)
                .map_err(io::Error::other)?;
            if !more {
                break;
            }
            row += 1;
            write_row(sheet, row, &record, number, None)?;
        }
        if let Some(last) = header
            .len()
            .checked_sub(1)
            .and_then(|last| u16::try_from(last).ok())
        {
            sheet.autofilter(0, 0, row, last).map_err(other)?;
        }
        if !more || row < limits::SHEET_ROWS {
            return Ok(());
        }
    }
    Ok(())
}

fn write_row(
    sheet: &mut Worksheet,
    row: u32,
    record: &csv::ByteRecord,
    number: Option<usize>,
    format: Option<&Format>,
) -> io::Result<()> {
    for (index, cell) in record.iter().enumerate() {
        let column = u16::try_from(index).map_err(io::Error::other)?;
        let cell = String::from_utf8_lossy(cell);
        let share = (number == Some(index))
            .then(|| cell.parse::<f64>().ok())
            .flatten();
        match share {
            Some(share) => {
                sheet.write_number(row, column, share).map_err(other)?;
            }
            None => text(sheet, (row, column), &cell, format)?,
        }
    }
    Ok(())
}

/// Writes a cell of text; what no cell can hold is cut off.
fn text(
    sheet: &mut Worksheet,
    (row, column): (u32, u16),
    text: &str,
    format: Option<&Format>,
) -> io::Result<()> {
    if text.is_empty() {
        return Ok(());
    }
    let short: String;
    let text = if text.len() > limits::CELL_CHARACTERS {
        short = text.chars().take(limits::CELL_CHARACTERS).collect();
        &short
    } else {
        text
    };
    match format {
        Some(format) => sheet.write_string_with_format(row, column, text, format),
        None => sheet.write_string(row, column, text),
    }
    .map_err(other)?;
    Ok(())
}

fn other(error: XlsxError) -> io::Error {
    match error {
        XlsxError::IoError(error) => error,
        error => io::Error::other(error),
    }
}

/// A reader without the byte order mark at its beginning.
pub(super) struct WithoutMark<R>(io::Chain<io::Cursor<Vec<u8>>, R>);

impl<R: Read> WithoutMark<R> {
    pub(super) fn new(mut reader: R) -> io::Result<Self> {
        let mut head = Vec::new();
        reader.by_ref().take(3).read_to_end(&mut head)?;
        if head == "\u{feff}".as_bytes() {
            head.clear();
        }
        Ok(WithoutMark(io::Cursor::new(head).chain(reader)))
    }
}

impl<R: Read> Read for WithoutMark<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read(buf)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use calamine::{Data, Reader, Xlsx};

    #[test]
    fn lists_become_sheets_and_nothing_in_them_a_formula() {
        let folder = tempfile::tempdir().unwrap();
        let list = folder.path().join("review.csv");
        let rows = "\u{feff}Name;Phone;presend_bounce\n=cmd();0049170;0.250\n\"A;B\";+1;\n";
        std::fs::write(&list, rows).unwrap();
        let path = folder.path().join("lists.xlsx");
        let summary = [("rows".to_owned(), "2".to_owned())];
        write_workbook(
            &mut File::create(&path).unwrap(),
            &summary,
            &[SheetOf {
                name: "review",
                list,
            }],
            b';',
        )
        .unwrap();
        let mut book: Xlsx<_> = calamine::open_workbook(&path).unwrap();
        assert_eq!(book.sheet_names(), ["summary", "review"]);
        let sheet = book.worksheet_range("review").unwrap();
        let text = |text: &str| Data::String(text.to_owned());
        let cells: Vec<Vec<Data>> = sheet.rows().map(<[Data]>::to_vec).collect();
        assert_eq!(
            cells,
            [
                vec![text("Name"), text("Phone"), text("presend_bounce")],
                vec![text("=cmd()"), text("0049170"), Data::Float(0.25)],
                vec![text("A;B"), text("+1"), Data::Empty],
            ]
        );
        assert!(book.worksheet_formula("review").unwrap().is_empty());
    }
}
