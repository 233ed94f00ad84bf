//! Rows in: the bytes of a list, whatever their packing, encoding and dialect, become rows that keep those bytes.
//!
//! In the order in which a list meets them: `source` (a path, or standard input kept for a second reading), `table` (a
//! spreadsheet, JSON or an address book written down as text), `unpack`
//! (`kind`, then gzip and zstd, then `encoding`), `window` (what is in memory), `dialect` (the delimiter), `header`
//! (what stands above the table), `column` (`names` and `shape`: which field holds the address), `record` (where a row
//! ends, and what a bad quote may cost), `one_line` and `recipients` (lists without rows), `field` (what a row's address
//! field says), `footer` (what stands below the rows), `remark` (what of all this its owner is told).
//!
//! Two promises hold for any bytes: what is handed out (preamble, header, rows, their terminators, the blank lines
//! between them, the footer) is the list, byte for byte, as decoded; and what cannot be read further is an error, not
//! an end.

mod column;
mod delimiter;
mod dialect;
mod earlier;
mod encoding;
mod error;
mod field;
mod footer;
mod header;
mod kind;
mod names;
mod one_line;
mod opening;
mod recipients;
mod record;
mod remark;
mod shape;
mod source;
mod table;
pub(crate) mod unfold;
mod unpack;
mod window;

use std::borrow::Cow;
use std::fmt;
use std::io::Read;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

pub use column::ColumnChoice;
pub use delimiter::Delimiter;
pub use earlier::Earlier;
pub use encoding::Encoding;
pub use error::IntakeError;
pub use field::{Cell, RowFault};
pub use remark::Remark;
pub use source::{Source, TableText};

use crate::model::limits;
use column::FirstRecord;
use dialect::Sample;
use encoding::Heard;
use footer::Before;
use opening::{Mark, Opening};
use record::{Layout, Quoting, Record, Widths};
use unpack::{NoText, Reader};
use window::{Filled, Reach, Window};

/// How a list is to be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Which column holds the addresses.
    pub column: ColumnChoice,
    /// Which other columns hold addresses too.
    pub further: Vec<ColumnChoice>,
    /// What stands between fields; found out where it is not said.
    pub delimiter: Option<Delimiter>,
    /// What the text is encoded in; found out where it is not said.
    pub encoding: Option<Encoding>,
    /// Which sheet of a workbook is read, the first where it is not said; or which array of a JSON document.
    pub sheet: Option<String>,
}

/// One row of a list; it lends from the list until the next one is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row<'a> {
    /// The row's place among the rows, from 1; neither header nor blank lines count.
    pub number: u64,
    /// The physical line that the row begins on, from 1.
    pub line: u64,
    /// The row, from 1, that a spreadsheet program shows it in: lines above the header, the header and blank lines
    /// count, a line break within a cell does not. What no spreadsheet shows (JSON lines, address books, a list of one
    /// line) has the row's number here.
    pub sheet_row: u64,
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
    /// How many fields it has fewer than the header.
    pub missing: usize,
    /// What it is about.
    pub about: About,
}

/// What a row is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// A person, if only by a name.
    Person,
    /// Other rows, which it sums up: `Subtotal`.
    OtherRows,
}

/// How many fields a row has beside the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// As many as they.
    Usual,
    /// Fewer: a line of a footer, or a row cut off.
    Short,
    /// More fields than they.
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
    /// Lines below the rows.
    pub below: u64,
}

/// A piece of a list, for those who want all of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// A line with nothing on it: its terminator. In a list of one line, what stands between two rows.
    Blank(&'a [u8]),
    /// A line below the rows, which is none: its bytes with its terminator.
    Below(&'a [u8]),
    /// A row with its bytes.
    #[cfg_attr(
        not(feature = "testing"),
        expect(
            dead_code,
            reason = "tests hold that what is handed out is the list, byte for byte"
        )
    )]
    Row(Row<'a>),
}

/// One reading of a list, from its first row to its last, in memory that does not grow with the list.
pub struct List {
    name: String,
    window: Window,
    #[cfg_attr(
        not(feature = "testing"),
        expect(
            dead_code,
            reason = "tests hold that what is handed out is the list, byte for byte"
        )
    )]
    encoding: Encoding,
    heard: Heard,
    origin: Origin,
    layout: Layout,
    widths: Widths,
    columns: Vec<String>,
    further: Vec<usize>,
    earlier: Earlier,
    #[cfg_attr(
        not(feature = "testing"),
        expect(
            dead_code,
            reason = "tests hold that what is handed out is the list, byte for byte"
        )
    )]
    preamble: Vec<u8>,
    mark: Mark,
    header: Option<Vec<u8>>,
    header_terminator: Vec<u8>,
    terminator: Vec<u8>,
    line: u64,
    /// Rows of a spreadsheet passed so far.
    sheet_rows: u64,
    tally: Tally,
    stage: Stage,
    before: Before,
    /// What stands between the addresses of a list of one line.
    separator: Option<u8>,
    remarks: Vec<Remark>,
    /// Where the source of the list learns what showed only on the way.
    late: Late,
}

/// What a reading found out behind the beginning of a list, shared between a source and the readings of it.
type Late = Arc<Mutex<Vec<Remark>>>;

/// The fields of the record that `bytes` begin with, without the quotes round them.
#[must_use]
pub fn fields(bytes: &[u8], delimiter: u8) -> Vec<Cow<'_, [u8]>> {
    record::fields(bytes, Some(delimiter))
}

/// Whether `text`, which stands where rows have their address, names that column or tells more of it: a header that is
/// repeated between rows, or the further lines of the header of a survey.
#[must_use]
pub fn names_the_column(text: &[u8]) -> bool {
    let text = text.trim_ascii();
    column::names_the_address(text) || text.starts_with(b"{\"ImportId\":")
}

/// Whether `head`, the first bytes of a file, begin a spreadsheet, or another archive that could be one.
#[must_use]
pub fn is_workbook(head: &[u8]) -> bool {
    kind::archive(head).is_some()
}

/// What a list was before it was text with delimiters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    /// Text with delimiters.
    Text,
    /// A table that we wrote down: its quoting is sound.
    Table,
}

/// Whether there may be more rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Open,
    Footer,
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
        List::begin(name, Box::new(reader), options, Origin::Text)
    }

    /// Begins to read a list that was something else before.
    fn begin(
        name: &str,
        reader: Reader,
        options: &Options,
        origin: Origin,
    ) -> Result<List, IntakeError> {
        let list = || name.to_owned();
        let (mut opening, encoding, heard) = opened(name, reader, options.encoding)?;
        let (view, reach) = (opening.window.bytes(), opening.window.reach());
        let (mut sample, separator) = sampled(view, reach, opening.declared, options)
            .map_err(|mark| IntakeError::ForeignDelimiter { list: list(), mark })?;
        let above = header::above(&sample.records, &options.column);
        sample.leave_out(above);
        let found = match separator {
            None => column::find(&sample.records, &options.column),
            Some(_) => column::only(&sample.records, &options.column),
        }
        .map_err(|undecided| {
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
        let first = sample.records.first().map_or(&[][..], Vec::as_slice);
        let usual = sample.usual_width().unwrap_or(first.len());
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
            // What we wrote ourselves needs no vouching for.
            widths: match origin {
                Origin::Text => Some(widths),
                Origin::Table => None,
            },
        };
        let terminator = if sample.terminator.is_empty() {
            b"\n"
        } else {
            sample.terminator
        }
        .to_vec();
        opening.pass_records(above, layout.delimiter);
        // Those behind the last column that has a name are read with every row.
        let is_spare = |index: &&usize| !further.contains(index) && **index < header_width;
        let spare = found.spare.iter().filter(is_spare);
        let mut remarks = remarks(
            &opening,
            (found.column, spare.copied()),
            &columns,
            separator,
        );
        if let (Encoding::Legacy(_), None) = (encoding, options.encoding) {
            remarks.push(Remark::Encoding(encoding));
        }
        let mut this = List {
            name: list(),
            encoding,
            heard,
            origin,
            layout,
            widths,
            earlier: Earlier::among(&columns, layout.delimiter),
            columns,
            further,
            preamble: opening.preamble,
            mark: opening.mark,
            header: None,
            header_terminator: Vec::new(),
            terminator,
            line: opening.line,
            sheet_rows: opening.sheet_rows,
            tally: Tally {
                blank_lines: opening.blank_lines,
                ..Tally::default()
            },
            stage: Stage::Open,
            before: Before::Row,
            separator,
            remarks,
            late: Late::default(),
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
            let (raw, terminator) = self.take(&record);
            let (header, terminator) = (raw.to_vec(), terminator.to_vec());
            self.header_terminator = terminator;
            self.header = Some(header);
        }
        Ok(())
    }

    /// The header as it is in the list, without its terminator and what comes before the table; `None` when there is
    /// none.
    #[must_use]
    pub fn header(&self) -> Option<&[u8]> {
        self.header.as_deref()
    }

    /// What ends the header; empty when the list is a header without a line end, or has none.
    #[cfg(feature = "testing")]
    #[must_use]
    pub fn header_terminator(&self) -> &[u8] {
        &self.header_terminator
    }

    /// What comes before the table and is no part of it: a byte order mark (in UTF-8), a `sep=;` line, notes, blank
    /// lines.
    #[cfg(feature = "testing")]
    #[must_use]
    pub fn preamble(&self) -> &[u8] {
        &self.preamble
    }

    /// The byte order mark that the list begins with, as UTF-8 writes it; empty where there is none.
    #[must_use]
    pub fn byte_order_mark(&self) -> &'static [u8] {
        match self.mark {
            Mark::Present => encoding::BOM,
            Mark::Absent => b"",
        }
    }

    /// What was decided about the list that its owner should see, as far as it has been read.
    #[must_use]
    pub fn remarks(&self) -> &[Remark] {
        &self.remarks
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

    /// The 0-based columns that are read for addresses as well.
    #[cfg(feature = "serve")]
    #[must_use]
    pub fn further_columns(&self) -> &[usize] {
        &self.further
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

    /// The encoding that the list came in, as far as it has been read; its rows are UTF-8.
    #[cfg(feature = "testing")]
    #[must_use]
    pub fn encoding(&self) -> Encoding {
        self.heard.get().copied().unwrap_or(self.encoding)
    }

    /// What this reading has come by so far.
    #[cfg(feature = "testing")]
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
            if self.take_row(&record)? {
                return Ok(Some(self.row(&record)));
            }
            self.pass(&record);
        }
    }

    /// Reads the next row, blank line or line of the footer; `None` at the end. Together with preamble, header and
    /// terminators these are the list, byte for byte.
    ///
    /// # Errors
    ///
    /// As [`List::next_row`].
    #[cfg(feature = "testing")]
    pub fn next_piece(&mut self) -> Result<Option<Piece<'_>>, IntakeError> {
        let Some(record) = self.cut()? else {
            return Ok(None);
        };
        Ok(Some(if self.take_row(&record)? {
            Piece::Row(self.row(&record))
        } else {
            self.pass(&record)
        }))
    }

    /// Looks at the record at the beginning of the view. Returns whether it is a row.
    fn take_row(&mut self, record: &Record) -> Result<bool, IntakeError> {
        if record.content == 0 || self.stage == Stage::Footer {
            return Ok(false);
        }
        let view = self.window.bytes();
        if self.separator.is_some() || !footer::may_begin(view, record, self.widths, self.before) {
            return Ok(true);
        }
        loop {
            let (view, reach) = (self.window.bytes(), self.window.reach());
            match footer::begins(view, reach, &self.layout, self.widths, self.before) {
                Some(true) => {
                    self.stage = Stage::Footer;
                    let first = String::from_utf8_lossy(&view[..record.content]).into_owned();
                    self.remarks.push(Remark::Below { lines: 0, first });
                    return Ok(false);
                }
                Some(false) => return Ok(true),
                None => match self.window.fill() {
                    Filled::More => {}
                    // What cannot be read further is no footer: it may go on with rows.
                    Filled::Full => return Ok(true),
                    Filled::Nothing if self.window.reach() == Reach::Part => return Ok(true),
                    Filled::Nothing => {}
                },
            }
        }
    }

    /// Finds the record at the beginning of the view, bringing in more of the list as needed.
    fn cut(&mut self) -> Result<Option<Record>, IntakeError> {
        while self.stage != Stage::Over {
            let view = self.window.bytes();
            let cut = match self.separator {
                _ if view.is_empty() => None,
                None => record::cut(view, self.window.reach(), &self.layout),
                Some(separator) => one_line::cut(view, separator),
            };
            if cut.is_some() {
                return Ok(cut);
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
                        self.tell_late();
                    }
                }
            }
        }
        Ok(None)
    }

    /// Leaves `record` behind; returns its bytes without and those of its terminator.
    fn take(&mut self, record: &Record) -> (&[u8], &[u8]) {
        self.line += self.lines_of(record);
        self.sheet_rows += 1;
        let start = self.window.position();
        let end = start + record.content;
        self.window.advance(record.content + record.terminator);
        (
            self.window.taken(start, end),
            self.window.taken(end, end + record.terminator),
        )
    }

    /// Leaves behind a record that is no row.
    fn pass(&mut self, record: &Record) -> Piece<'_> {
        let is_blank = record.content == 0;
        if self.stage == Stage::Footer {
            self.tally.below += record.lines;
        } else {
            self.tally.blank_lines += record.lines;
            self.before = Before::Gap;
        }
        let footer = self.stage == Stage::Footer;
        self.line += self.lines_of(record);
        // What stands between the rows of a list of one line is no row of its own.
        self.sheet_rows += u64::from(self.separator.is_none());
        let start = self.window.position();
        let end = start + record.content + record.terminator;
        self.window.advance(record.content + record.terminator);
        let bytes = self.window.taken(start, end);
        if footer && !is_blank {
            Piece::Below(bytes)
        } else {
            Piece::Blank(bytes)
        }
    }

    /// Tells the source, which outlives this reading, what showed only on the way.
    fn tell_late(&mut self) {
        if let Some(Remark::Below { lines, .. }) = self.remarks.last_mut() {
            *lines = self.tally.below;
        }
        let below = |remark: &&Remark| matches!(remark, Remark::Below { .. });
        let mut late: Vec<Remark> = self.remarks.iter().filter(below).cloned().collect();
        if let Some(encoding @ Encoding::Legacy(_)) = self.heard.get() {
            late.push(Remark::Encoding(*encoding));
        }
        *self.late.lock().unwrap_or_else(PoisonError::into_inner) = late;
    }

    fn row(&mut self, record: &Record) -> Row<'_> {
        let line = self.line;
        self.tally.rows += 1;
        self.tally.ragged +=
            u64::from(record.quoting != Quoting::Unclosed && !self.widths.fit(record.fields));
        self.line += self.lines_of(record);
        self.sheet_rows += 1;
        let start = self.window.position();
        let end = start + record.content;
        self.window.advance(record.content + record.terminator);
        let raw = self.window.taken(start, end);
        let cell = field::address(raw, record, &self.layout, self.widths);
        self.tally.faulty += u64::from(cell.text.is_err());
        self.before = if cell.text.is_err() && footer::is_empty(raw, &self.layout) {
            Before::Gap
        } else {
            Before::Row
        };
        let about =
            if footer::names_an_address(raw, record) || !footer::is_summary(raw, &self.layout) {
                About::Person
            } else {
                About::OtherRows
            };
        Row {
            number: self.tally.rows,
            line,
            sheet_row: self.sheet_rows,
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
            missing: self.missing(record),
            about,
        }
    }

    /// How many lines `record` takes: of a written-down table one, whatever line breaks are in its cells.
    fn lines_of(&self, record: &Record) -> u64 {
        match self.origin {
            Origin::Text => record.lines,
            Origin::Table => 1,
        }
    }

    /// How many fields a record has fewer than the header; none where nothing parts fields, or a quote that was never
    /// closed may hold some.
    fn missing(&self, record: &Record) -> usize {
        match (record.quoting, self.layout.delimiter) {
            (Quoting::Sound | Quoting::Stray, Some(_)) => {
                self.widths.header.saturating_sub(record.fields)
            }
            (Quoting::Unclosed, _) | (_, None) => 0,
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

/// The beginning of the list in `reader`, which is called `name`, with the encoding it came in: what the operator
/// `said`, else what its beginning tells, else what is heard later.
fn opened(
    name: &str,
    reader: Reader,
    said: Option<Encoding>,
) -> Result<(Opening, Encoding, Heard), IntakeError> {
    let list = || name.to_owned();
    let text = unpack::text(reader, said).map_err(|error| match error {
        NoText::Empty => IntakeError::Empty { list: list() },
        NoText::Binary(binary) => IntakeError::of_binary(list(), binary),
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
    if let Some(binary) = kind::document(opening.window.bytes()) {
        return Err(IntakeError::of_binary(list(), binary));
    }
    Ok((opening, text.encoding, text.heard))
}

/// Reads the beginning of a list with its delimiter; with what stands between the addresses of a list of one line.
///
/// # Errors
///
/// A delimiter that is taken only when told.
fn sampled<'a>(
    view: &'a [u8],
    reach: Reach,
    declared: Option<u8>,
    options: &Options,
) -> Result<(Sample<'a>, Option<u8>), Delimiter> {
    if let Some(chosen) = options.delimiter {
        return Ok((Sample::read(view, reach, chosen.mark()), None));
    }
    if let (None, Reach::Whole) = (declared, reach)
        && let Some(separator) = recipients::separator(view)
    {
        return Ok((Sample::read(view, reach, None), Some(separator)));
    }
    let sample = match declared {
        Some(_) => Sample::read(view, reach, declared),
        None => dialect::detect(view, reach),
    };
    if declared.is_none()
        && let Some(mark) = dialect::foreign(view, reach, &sample)
    {
        return Err(Delimiter::from(mark));
    }
    let separator = match reach {
        Reach::Whole => one_line::separator(&sample),
        Reach::Part => None,
    };
    Ok(match separator {
        Some(_) => (Sample::read(view, reach, None), separator),
        None => (sample, None),
    })
}

/// What of the beginning of a list its owner should see.
fn remarks(
    opening: &Opening,
    (used, spare): (usize, impl Iterator<Item = usize>),
    columns: &[String],
    separator: Option<u8>,
) -> Vec<Remark> {
    let mut remarks = Vec::new();
    let (lines, first) = opening.lines();
    if !first.is_empty() {
        remarks.push(Remark::Above { lines, first });
    }
    if separator.is_some() {
        remarks.push(Remark::OneLine);
    }
    let name = |index: usize| columns.get(index).cloned().unwrap_or_default();
    let others: Vec<_> = spare.map(|index| (index + 1, name(index))).collect();
    if !others.is_empty() {
        remarks.push(Remark::Spare {
            used: name(used),
            others,
        });
    }
    remarks
}

#[cfg(test)]
mod tests;
