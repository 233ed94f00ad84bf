//! How many cells an `OpenDocument` sheet spreads to: a cell, a row and a blank may each say that they stand there a
//! million times.

use std::io::{BufReader, Read};

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::Trouble;
use crate::model::limits;
use crate::model::text::grouped;

/// Counts what the sheets in `content` spread to, which are held in memory whole; none of it is kept here.
///
/// # Errors
///
/// [`Trouble::TooLarge`] for more cells or text than any list has.
pub(super) fn check(content: impl Read) -> Result<(), Trouble> {
    let mut reader = Reader::from_reader(BufReader::new(content));
    let config = reader.config_mut();
    config.check_end_names = false;
    config.expand_empty_elements = true;
    let mut spread = Spread::default();
    let mut buffer = Vec::new();
    loop {
        buffer.clear();
        match reader.read_event_into(&mut buffer) {
            Ok(Event::Start(tag)) => spread.begin(&tag),
            Ok(Event::End(tag)) => spread.end(tag.name().as_ref())?,
            Ok(Event::Text(text)) => spread.cell.text += text.len() as u64,
            // What cannot be read is reported when the workbook is read, which goes no further either.
            Ok(Event::Eof) | Err(_) => return spread.check(),
            Ok(_) => {}
        }
    }
}

/// The number in an attribute; `None` where there is none.
pub(super) fn number(tag: &BytesStart<'_>, attribute: &str) -> Option<u64> {
    let found = tag.try_get_attribute(attribute).ok()??;
    found.value.trim().parse().ok()
}

/// What all sheets spread to so far.
#[derive(Default)]
struct Spread {
    /// Cells of the sheets that have ended.
    cells: u64,
    /// Bytes of text in all sheets.
    text: u64,
    sheet: Sheet,
    row: Row,
    cell: Cell,
}

/// The sheet under way.
#[derive(Default)]
struct Sheet {
    /// Rows so far.
    rows: u64,
    /// The first row with anything in it, from 0.
    first: Option<u64>,
    /// The row behind the last one with anything in it, from 0.
    end: u64,
    /// Cells of the widest row, up to the last with anything in it.
    widest: u64,
    /// Cells of all rows, each counted once.
    once: u64,
}

/// The row under way.
#[derive(Default)]
struct Row {
    repeated: u64,
    /// Cells so far.
    width: u64,
    /// Cells up to the last one with anything in it.
    filled: u64,
    /// Bytes of text.
    text: u64,
}

/// The cell under way.
#[derive(Default)]
struct Cell {
    repeated: u64,
    is_filled: bool,
    /// Bytes of text.
    text: u64,
}

impl Sheet {
    /// All cells from the first row with anything in it to the last, as wide as the widest.
    fn cells(&self) -> u64 {
        let rows = self.end - self.first.unwrap_or(self.end);
        (rows * self.widest).saturating_add(self.once)
    }
}

impl Spread {
    fn begin(&mut self, tag: &BytesStart<'_>) {
        match tag.name().as_ref() {
            "table:table" => self.sheet = Sheet::default(),
            "table:table-row" => {
                self.row = Row {
                    repeated: number(tag, "table:number-rows-repeated").unwrap_or(1),
                    ..Row::default()
                }
            }
            "table:table-cell" | "table:covered-table-cell" => {
                self.cell = Cell {
                    repeated: number(tag, "table:number-columns-repeated").unwrap_or(1),
                    is_filled: false,
                    text: 0,
                };
                for attribute in tag.attributes().with_checks(false).flatten() {
                    let key = attribute.key.as_ref();
                    let holds_text = matches!(key, "table:formula" | "office:string-value");
                    self.cell.is_filled |=
                        holds_text || key.starts_with("office:") || key.starts_with("calcext:");
                    if holds_text {
                        self.cell.text += attribute.value.len() as u64;
                    }
                }
            }
            "text:s" => {
                let blanks = number(tag, "text:c").unwrap_or(1);
                self.cell.text = self.cell.text.saturating_add(blanks);
            }
            _ => {}
        }
    }

    fn end(&mut self, name: &str) -> Result<(), Trouble> {
        match name {
            "table:table-cell" | "table:covered-table-cell" => {
                let cell = std::mem::take(&mut self.cell);
                let width = self.row.width.saturating_add(cell.repeated);
                self.row.width = width.min(limits::SHEET_COLUMNS.into());
                if cell.is_filled {
                    let repeated = cell.repeated.min(limits::SHEET_COLUMNS.into());
                    let text = cell.text.saturating_mul(repeated);
                    self.row.filled = self.row.width;
                    self.row.text = self.row.text.saturating_add(text);
                }
                Ok(())
            }
            "table:table-row" => {
                let row = std::mem::take(&mut self.row);
                let sheet = &mut self.sheet;
                let begins = sheet.rows;
                let most = u64::from(limits::SHEET_ROWS) + 1;
                sheet.rows = begins.saturating_add(row.repeated).min(most);
                if row.filled > 0 {
                    sheet.first.get_or_insert(begins);
                    sheet.end = sheet.rows;
                    sheet.widest = sheet.widest.max(row.filled);
                    sheet.once += row.filled;
                    let text = row.text.saturating_mul(row.repeated.min(most));
                    self.text = self.text.saturating_add(text);
                }
                self.check()
            }
            "table:table" => {
                let sheet = std::mem::take(&mut self.sheet);
                self.cells = self.cells.saturating_add(sheet.cells());
                self.check()
            }
            _ => Ok(()),
        }
    }

    /// Whether that is no more than lists have.
    fn check(&self) -> Result<(), Trouble> {
        let cells = self.cells.saturating_add(self.sheet.cells());
        if cells > limits::SHEET_CELLS {
            return Err(Trouble::TooLarge(format!(
                "its sheets spread to {} cells or more",
                grouped(cells)
            )));
        }
        if self.text > limits::SHARED_TEXT_BYTES {
            return Err(Trouble::TooLarge(format!(
                "its cells spread to {} bytes of text or more",
                grouped(self.text)
            )));
        }
        Ok(())
    }
}
