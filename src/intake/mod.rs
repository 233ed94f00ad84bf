//! Rows in: the bytes of a list, whatever their packing, encoding and dialect, become rows that keep those bytes.
//!
//! In the order in which a list meets them: `source` (a path, or standard input kept for a second reading), `unpack`
//! (`kind`, then gzip and zstd, then `encoding`), `window` (what is in memory), `dialect` (the delimiter), `column`
//! (`names` and `shape`: which field holds the address), `record` (where a row ends, and what a bad quote may cost),
//! `field` (what its address field says).
//!
//! Two promises hold for any bytes: what is handed out (preamble, header, rows, their terminators, and the blank lines
//! between them) is the list, byte for byte, as decoded; and what cannot be read further is an error, not an end.

mod column;
mod dialect;
mod earlier;
mod encoding;
mod error;
mod field;
mod kind;
mod names;
mod opening;
mod record;
mod shape;
mod source;
mod unpack;
mod window;

use std::borrow::Cow;
use std::fmt;
use std::io::Read;
use std::ops::Range;

pub use column::ColumnChoice;
pub use earlier::Earlier;
pub use encoding::Encoding;
pub use error::IntakeError;
pub use field::{Cell, RowFault};
pub use source::Source;

use crate::limits;
use column::FirstRecord;
use dialect::Sample;
use opening::Opening;
use record::{Layout, Quoting, Record, Widths};
use unpack::NoText;
use window::{Filled, Window};

/// How a list is to be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Which column holds the addresses.
    pub column: ColumnChoice,
    /// Which other columns hold addresses too.
    pub further: Vec<ColumnChoice>,
}

/// One row of a list; it lends from the list until the next one is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row<'a> {
    /// The row's place among the rows, from 1; neither header nor blank lines count.
    pub number: u64,
    /// The physical line that the row begins on, from 1.
    pub line: u64,
    /// The row as it is in the list, without its terminator.
    pub raw: &'a [u8],
    /// What must follow `raw` so that a reader of CSV is outside quotes again: a quote where one was never closed, else
    /// nothing. Without it, whatever is written behind the row would be taken for a part of its last field.
    pub closing: &'static [u8],
    /// CR, LF or CRLF; empty for a last row without one.
    pub terminator: &'a [u8],
    /// The text in the field of the address (without the quotes round it), or why there is none.
    pub address: Result<Cow<'a, [u8]>, RowFault>,
    /// Where that field stands in `raw`; see [`Cell::place`].
    pub place: Option<Range<usize>>,
    /// The cells of the further columns that may hold addresses, in the order of [`Options::further`].
    pub further: Vec<Cell<'a>>,
    /// How many fields it has beside the others.
    pub width: Width,
}

/// How many fields a row has beside the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// As many as they.
    Usual,
    /// Fewer: a line of a footer, or a row cut off.
    Short,
    /// More.
    Long,
    /// Its quoting is too damaged to say.
    Unknown,
}

/// What a reading has come by so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Rows handed out.
    pub rows: u64,
    /// Lines with nothing on them, which are no rows.
    pub blank_lines: u64,
    /// Rows with more or fewer fields than the others.
    pub ragged: u64,
    /// Rows without an address to look at.
    pub faulty: u64,
}

/// A piece of a list, for those who want all of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// A line with nothing on it: its terminator.
    Blank(&'a [u8]),
    /// A row.
    Row(Row<'a>),
}

/// One reading of a list, from its first row to its last, in memory that does not grow with the list.
pub struct List {
    name: String,
    window: Window,
    encoding: Encoding,
    layout: Layout,
    widths: Widths,
    columns: Vec<String>,
    further: Vec<usize>,
    earlier: Earlier,
    preamble: Vec<u8>,
    header: Option<Vec<u8>>,
    header_terminator: Vec<u8>,
    terminator: Vec<u8>,
    line: u64,
    tally: Tally,
    stage: Stage,
}

/// Whether there may be more rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Open,
    Over,
}

impl fmt::Debug for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("List")
            .field("name", &self.name)
            .field("layout", &self.layout)
            .field("tally", &self.tally)
            .finish_non_exhaustive()
    }
}

impl List {
    /// Begins to read a list from `reader`; `name` is what errors call it.
    ///
    /// # Errors
    ///
    /// An [`IntakeError`] when the beginning shows that this is no list, or not which column holds the addresses.
    pub fn read(
        name: &str,
        reader: impl Read + Send + 'static,
        options: &Options,
    ) -> Result<List, IntakeError> {
        let list = || name.to_owned();
        let text = unpack::text(Box::new(reader)).map_err(|error| match error {
            NoText::Empty => IntakeError::Empty { list: list() },
            NoText::Binary(binary) => IntakeError::Binary {
                list: list(),
                what: binary.what,
                remedy: binary.remedy,
            },
        })?;
        let mut opening = Opening::of(text.reader);
        if opening.is_empty() {
            return Err(match opening.window.take_failure() {
                Some(source) => IntakeError::Damaged {
                    list: list(),
                    line: opening.line,
                    source,
                },
                None => IntakeError::Empty { list: list() },
            });
        }
        let (view, reach) = (opening.window.bytes(), opening.window.reach());
        let sample = match opening.declared {
            Some(delimiter) => Sample::read(view, reach, Some(delimiter)),
            None => dialect::detect(view, reach),
        };
        let found = column::find(&sample.records, &options.column).map_err(|undecided| {
            IntakeError::undecided(list(), undecided, &options.column, &sample.records)
        })?;
        let mut further = Vec::with_capacity(options.further.len());
        for choice in &options.further {
            let also = column::find(&sample.records, choice).map_err(|undecided| {
                IntakeError::undecided(list(), undecided, choice, &sample.records)
            })?;
            if also.column != found.column && !further.contains(&also.column) {
                further.push(also.column);
            }
        }
        let usual = sample.usual_width();
        let first = sample.records.first().map_or(&[][..], Vec::as_slice);
        let (columns, header_width): (Vec<String>, usize) = match found.first {
            FirstRecord::Header => (
                first.iter().map(|cell| column::label(cell)).collect(),
                first.len(),
            ),
            FirstRecord::Row => (
                (1..=usual)
                    .map(|number| format!("column_{number}"))
                    .collect(),
                usual,
            ),
        };
        let widths = Widths {
            header: header_width,
            usual,
        };
        let layout = Layout {
            delimiter: sample.delimiter,
            column: found.column,
            widths: Some(widths),
        };
        let terminator = if sample.terminator.is_empty() {
            b"\n"
        } else {
            sample.terminator
        }
        .to_vec();
        let mut this = List {
            name: list(),
            encoding: text.encoding,
            layout,
            widths,
            earlier: Earlier::among(&columns, layout.delimiter),
            columns,
            further,
            preamble: opening.preamble,
            header: None,
            header_terminator: Vec::new(),
            terminator,
            line: opening.line,
            tally: Tally {
                blank_lines: opening.blank_lines,
                ..Tally::default()
            },
            stage: Stage::Open,
            window: opening.window,
        };
        match found.first {
            FirstRecord::Header => this.read_header()?,
            FirstRecord::Row => {}
        }
        Ok(this)
    }

    /// Takes the first record for the header.
    fn read_header(&mut self) -> Result<(), IntakeError> {
        if let Some(record) = self.cut()? {
            let mut header = self.preamble.clone();
            let (raw, terminator) = self.take(&record);
            header.extend_from_slice(raw);
            self.header_terminator = terminator.to_vec();
            self.header = Some(header);
        }
        Ok(())
    }

    /// The header as it is in the list, without its terminator and with the [`List::preamble`]; `None` when the list
    /// begins with a row.
    #[must_use]
    pub fn header(&self) -> Option<&[u8]> {
        self.header.as_deref()
    }

    /// What ends the header; empty when the list is a header without a line end, or has none.
    #[must_use]
    pub fn header_terminator(&self) -> &[u8] {
        &self.header_terminator
    }

    /// What comes before the first record and is no part of it: a byte order mark (in UTF-8), a `sep=;` line, blank
    /// lines.
    #[must_use]
    pub fn preamble(&self) -> &[u8] {
        &self.preamble
    }

    /// The names of the columns; `column_1` and so on when the list has no header.
    #[must_use]
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The 0-based column of the address.
    #[must_use]
    pub fn address_column(&self) -> usize {
        self.layout.column
    }

    /// The columns that an earlier run appended.
    #[must_use]
    pub fn earlier(&self) -> &Earlier {
        &self.earlier
    }

    /// What stands between fields; `None` when each line is one field.
    #[must_use]
    pub fn delimiter(&self) -> Option<u8> {
        self.layout.delimiter
    }

    /// What ends the lines of this list: the first line's ending, or LF where there is only one line.
    #[must_use]
    pub fn terminator(&self) -> &[u8] {
        &self.terminator
    }

    /// The encoding that the list came in; its rows are UTF-8.
    #[must_use]
    pub fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// What this reading has come by so far.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.tally
    }

    /// Reads the next row; `None` behind the last one.
    ///
    /// # Errors
    ///
    /// [`IntakeError::Damaged`] when the list cannot be read or unpacked further, [`IntakeError::EndlessLine`] when a
    /// line does not fit into memory. Every row before that has been handed out; behind it there is only `None`.
    pub fn next_row(&mut self) -> Result<Option<Row<'_>>, IntakeError> {
        loop {
            let Some(record) = self.cut()? else {
                return Ok(None);
            };
            if record.content > 0 {
                return Ok(Some(self.row(&record)));
            }
            self.blank(&record);
        }
    }

    /// Reads the next row or blank line; `None` at the end. Together with header, preamble and terminators these are
    /// the list, byte for byte.
    ///
    /// # Errors
    ///
    /// As [`List::next_row`].
    pub fn next_piece(&mut self) -> Result<Option<Piece<'_>>, IntakeError> {
        let Some(record) = self.cut()? else {
            return Ok(None);
        };
        Ok(Some(if record.content > 0 {
            Piece::Row(self.row(&record))
        } else {
            Piece::Blank(self.blank(&record))
        }))
    }

    /// Finds the record at the beginning of the view, bringing in more of the list as needed.
    fn cut(&mut self) -> Result<Option<Record>, IntakeError> {
        while self.stage == Stage::Open {
            let view = self.window.bytes();
            if !view.is_empty()
                && let Some(record) = record::cut(view, self.window.reach(), &self.layout)
            {
                return Ok(Some(record));
            }
            match self.window.fill() {
                Filled::More => {}
                Filled::Full => {
                    self.stage = Stage::Over;
                    return Err(IntakeError::EndlessLine {
                        list: self.name.clone(),
                        line: self.line,
                        limit: limits::LINE_BYTES,
                    });
                }
                Filled::Nothing => {
                    if let Some(source) = self.window.take_failure() {
                        self.stage = Stage::Over;
                        return Err(IntakeError::Damaged {
                            list: self.name.clone(),
                            line: self.line,
                            source,
                        });
                    }
                    if self.window.bytes().is_empty() {
                        self.stage = Stage::Over;
                    }
                }
            }
        }
        Ok(None)
    }

    /// Leaves `record` behind; returns its bytes without and those of its terminator.
    fn take(&mut self, record: &Record) -> (&[u8], &[u8]) {
        self.line += record.lines;
        let start = self.window.position();
        let end = start + record.content;
        self.window.advance(record.content + record.terminator);
        (
            self.window.taken(start, end),
            self.window.taken(end, end + record.terminator),
        )
    }

    fn blank(&mut self, record: &Record) -> &[u8] {
        self.tally.blank_lines += 1;
        self.take(record).1
    }

    fn row(&mut self, record: &Record) -> Row<'_> {
        let line = self.line;
        self.tally.rows += 1;
        self.tally.ragged +=
            u64::from(record.quoting != Quoting::Unclosed && !self.widths.fit(record.fields));
        self.line += record.lines;
        let start = self.window.position();
        let end = start + record.content;
        self.window.advance(record.content + record.terminator);
        let raw = self.window.taken(start, end);
        let cell = field::address(raw, record, &self.layout, self.widths);
        self.tally.faulty += u64::from(cell.text.is_err());
        Row {
            number: self.tally.rows,
            line,
            raw,
            closing: match record.quoting {
                Quoting::Unclosed => b"\"",
                Quoting::Sound | Quoting::Stray => b"",
            },
            terminator: self.window.taken(end, end + record.terminator),
            address: cell.text,
            place: cell.place,
            further: field::further(raw, record, &self.layout, self.widths, &self.further),
            width: self.width_of(record),
        }
    }

    fn width_of(&self, record: &Record) -> Width {
        match record.quoting {
            Quoting::Unclosed => Width::Unknown,
            Quoting::Sound | Quoting::Stray if self.widths.fit(record.fields) => Width::Usual,
            Quoting::Sound | Quoting::Stray if record.fields < self.widths.usual => Width::Short,
            Quoting::Sound | Quoting::Stray => Width::Long,
        }
    }
}

#[cfg(test)]
mod tests;
