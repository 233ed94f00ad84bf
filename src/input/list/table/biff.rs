//! Workbooks of Excel up to 2003: what their records spread to, before any of it is held. A cell in the last corner of
//! a sheet makes it as large as a sheet can be, and a few bytes may name a long text a million times.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};

use super::Trouble;
use super::padded::Padded;
use crate::model::limits;
use crate::model::text::grouped;

/// Where the records stand in the file, as Excel 97 and Excel 5 call it.
const STREAMS: [&str; 2] = ["/Workbook", "/Book"];

/// Where a workbook of today stands that is encrypted.
const ENCRYPTED: &str = "/EncryptedPackage";

/// The kinds of records that matter here ([MS-XLS] 2.3.2).
mod kind {
    pub(super) const FORMULA: u16 = 0x0006;
    pub(super) const EOF: u16 = 0x000a;
    pub(super) const EXTERN_SHEET: u16 = 0x0017;
    pub(super) const NAME: u16 = 0x0018;
    pub(super) const CONTINUE: u16 = 0x003c;
    pub(super) const BOUND_SHEET: u16 = 0x0085;
    pub(super) const MUL_RK: u16 = 0x00bd;
    pub(super) const RICH_TEXT: u16 = 0x00d6;
    pub(super) const TEXTS: u16 = 0x00fc;
    pub(super) const SHARED_TEXT: u16 = 0x00fd;
    pub(super) const TABS: u16 = 0x013d;
    pub(super) const DIMENSIONS: u16 = 0x0200;
    pub(super) const NUMBER: u16 = 0x0203;
    pub(super) const TEXT: u16 = 0x0204;
    pub(super) const TRUTH: u16 = 0x0205;
    pub(super) const FORMULA_TEXT: u16 = 0x0207;
    pub(super) const RK: u16 = 0x027e;
    pub(super) const BOF: u16 = 0x0809;
    /// No type of record: what bears it is passed over.
    pub(super) const NONE: u16 = 0xffff;
}

/// The workbook in `reader` in a file of its own, once its records have shown that they spread to no more than lists
/// have. Only they are in it, and of those none that would have memory asked for on their word alone.
///
/// # Errors
///
/// [`Trouble::TooLarge`] for more cells or text than any list has, [`Trouble::Password`], or [`Trouble::Damaged`] when
/// it is no workbook.
pub(super) fn sound(reader: impl Read + Seek) -> Result<File, Trouble> {
    let mut container = cfb::CompoundFile::open(Padded::new(reader)?).map_err(Trouble::damaged)?;
    let Some(name) = STREAMS.iter().find(|name| container.is_stream(name)) else {
        return Err(if container.is_stream(ENCRYPTED) {
            Trouble::Password
        } else {
            Trouble::damaged("there is no workbook in it")
        });
    };
    let mut stream = container.open_stream(name).map_err(Trouble::damaged)?;
    if stream.len() > limits::SHARED_TEXT_BYTES {
        return Err(Trouble::TooLarge(format!(
            "its records take {} bytes",
            grouped(stream.len())
        )));
    }
    let mut records = Vec::new();
    stream.read_to_end(&mut records).map_err(Trouble::damaged)?;
    check(&mut records)?;
    let file = tempfile::tempfile().map_err(Trouble::Spool)?;
    // The form of Excel's time. Readers take a container of the newer one without small streams for an empty one.
    let mut own =
        cfb::CompoundFile::create_with_version(cfb::Version::V3, file).map_err(Trouble::Spool)?;
    own.create_stream(name)
        .and_then(|mut stream| stream.write_all(&records))
        .and_then(|()| own.flush())
        .map_err(Trouble::Spool)?;
    let mut file = own.into_inner();
    file.seek(SeekFrom::Start(0)).map_err(Trouble::Spool)?;
    Ok(file)
}

/// Looks at what the records spread to, and neutralises those that have memory asked for on their word alone.
fn check(stream: &mut [u8]) -> Result<(), Trouble> {
    let (mut sheets, mut texts, mut nobodys) = (Vec::new(), Vec::new(), Vec::new());
    let mut records = Records { stream, at: 0 };
    while let Some(record) = records.next()? {
        match record.kind {
            kind::BOUND_SHEET => sheets.push(record.number::<4>(0)?),
            kind::TEXTS => texts = lengths(&record.parts(&records)),
            kind::NAME | kind::EXTERN_SHEET | kind::TABS => nobodys.push(record.at),
            kind::EOF => break,
            _ => {}
        }
    }
    let mut spread = Spread::default();
    let mut looked_at = 0;
    for at in sheets {
        let mut records = Records { stream, at };
        let mut sheet = Sheet::default();
        // Sheets have records of embedded charts in them, which are not theirs.
        let mut depth = 0;
        while let Some(record) = records.next()? {
            match (record.kind, depth) {
                (kind::BOF, _) => depth += 1,
                (kind::EOF, 0 | 1) => break,
                (kind::EOF, _) => depth -= 1,
                (kind::DIMENSIONS, 0 | 1) => nobodys.push(record.at),
                (_, 0 | 1) => sheet.count(&record, &texts)?,
                (_, _) => {}
            }
            spread.check(&sheet)?;
        }
        spread.add(&sheet);
        looked_at += records.at - at;
        if looked_at > stream.len() {
            return Err(Trouble::TooLarge(
                "its sheets share their cells with each other".to_owned(),
            ));
        }
    }
    for at in nobodys {
        stream[at..at + 2].copy_from_slice(&kind::NONE.to_le_bytes());
    }
    Ok(())
}

/// One record.
struct Record<'a> {
    kind: u16,
    /// Where it begins.
    at: usize,
    data: &'a [u8],
}

impl<'a> Record<'a> {
    /// The number of so many bytes at `at` in its data.
    fn number<const BYTES: usize>(&self, at: usize) -> Result<usize, Trouble> {
        let bytes = self.data.get(at..at + BYTES);
        let bytes = bytes.ok_or_else(|| Trouble::damaged("a record is cut off"))?;
        let digits = bytes.iter().rev();
        Ok(digits.fold(0, |number, byte| number << 8 | usize::from(*byte)))
    }

    /// Its data, then that of the records that continue it; `records` stand behind it.
    fn parts(&self, records: &Records<'a>) -> Vec<&'a [u8]> {
        let mut records = Records { ..*records };
        let mut parts = vec![self.data];
        while let Ok(Some(more)) = records.next() {
            if more.kind != kind::CONTINUE {
                break;
            }
            parts.push(more.data);
        }
        parts
    }
}

/// Records, one after the other.
struct Records<'a> {
    stream: &'a [u8],
    at: usize,
}

impl<'a> Records<'a> {
    /// The next one; `None` at the end of the stream.
    fn next(&mut self) -> Result<Option<Record<'a>>, Trouble> {
        let rest = self.stream.get(self.at..).unwrap_or_default();
        if rest.is_empty() {
            return Ok(None);
        }
        let head = Record {
            kind: 0,
            at: self.at,
            data: rest,
        };
        let (kind, length) = (head.number::<2>(0)?, head.number::<2>(2)?);
        let data = rest.get(4..4 + length);
        let record = Record {
            kind: u16::try_from(kind).unwrap_or(kind::NONE),
            at: self.at,
            data: data.ok_or_else(|| Trouble::damaged("its last record is cut off"))?,
        };
        self.at += 4 + length;
        Ok(Some(record))
    }
}

/// Cells from the first to the last, by row and column.
#[derive(Clone, Copy)]
struct Extent {
    rows: (usize, usize),
    columns: (usize, usize),
}

impl Extent {
    /// Stretches to cells of a row.
    fn stretch(extent: &mut Option<Extent>, row: usize, (left, right): (usize, usize)) {
        let extent = extent.get_or_insert(Extent {
            rows: (row, row),
            columns: (left, right),
        });
        extent.rows = (extent.rows.0.min(row), extent.rows.1.max(row));
        extent.columns = (extent.columns.0.min(left), extent.columns.1.max(right));
    }

    fn cells(extent: Option<Extent>) -> u64 {
        extent.map_or(0, |Extent { rows, columns }| {
            let (rows, columns) = (rows.1 - rows.0 + 1, columns.1.saturating_sub(columns.0) + 1);
            rows as u64 * columns as u64
        })
    }
}

/// What one sheet comes to so far.
#[derive(Default)]
struct Sheet {
    values: Option<Extent>,
    formulas: Option<Extent>,
    /// Cells, each counted once.
    once: u64,
    /// Bytes of text.
    text: u64,
}

impl Sheet {
    fn cells(&self) -> u64 {
        Extent::cells(self.values) + Extent::cells(self.formulas) + self.once
    }

    /// Counts a record; `texts` are the lengths of those that cells share.
    fn count(&mut self, record: &Record<'_>, texts: &[u64]) -> Result<(), Trouble> {
        match record.kind {
            kind::NUMBER | kind::TRUTH | kind::RK => {}
            kind::TEXT | kind::RICH_TEXT => self.text += record.data.len() as u64,
            kind::SHARED_TEXT => {
                let text = texts.get(record.number::<4>(6)?);
                let missing = || Trouble::damaged("the text of a cell is missing");
                self.text += text.ok_or_else(missing)?;
            }
            kind::FORMULA_TEXT => {
                self.text += record.data.len() as u64;
                return Ok(());
            }
            kind::MUL_RK | kind::FORMULA => {}
            _ => return Ok(()),
        }
        let (row, column) = (record.number::<2>(0)?, record.number::<2>(2)?);
        let last = match record.kind {
            kind::MUL_RK => record.number::<2>(record.data.len().saturating_sub(2))?,
            _ => column,
        };
        self.once += (last.saturating_sub(column) + 1) as u64;
        Extent::stretch(&mut self.values, row, (column, last));
        if record.kind == kind::FORMULA {
            Extent::stretch(&mut self.formulas, row, (column, last));
        }
        Ok(())
    }
}

/// What all sheets spread to that have ended.
#[derive(Default)]
struct Spread {
    cells: u64,
    text: u64,
}

impl Spread {
    fn add(&mut self, sheet: &Sheet) {
        self.cells += sheet.cells();
        self.text += sheet.text;
    }

    /// Whether that is no more than lists have, with the sheet under way.
    fn check(&self, sheet: &Sheet) -> Result<(), Trouble> {
        let (cells, text) = (self.cells + sheet.cells(), self.text + sheet.text);
        if cells > limits::SHEET_CELLS {
            return Err(Trouble::TooLarge(format!(
                "its sheets spread to {} cells or more",
                grouped(cells)
            )));
        }
        if text > limits::SHARED_TEXT_BYTES {
            return Err(Trouble::TooLarge(format!(
                "its cells spread to {} bytes of text or more",
                grouped(text)
            )));
        }
        Ok(())
    }
}

/// How long the texts are that cells share, in bytes ([MS-XLS] 2.4.265), which may go on from one record into the next:
/// the rest of a text begins with a byte that says anew how wide its characters are. Of a table that is cut off, those
/// before.
fn lengths(parts: &[&[u8]]) -> Vec<u64> {
    let mut rest = Rest {
        data: parts[0].get(8..).unwrap_or_default(),
        more: &parts[1..],
    };
    let mut lengths = Vec::new();
    while let Some(length) = rest.text() {
        lengths.push(length);
    }
    lengths
}

/// What is left of a table of texts.
struct Rest<'a, 'b> {
    data: &'a [u8],
    more: &'b [&'a [u8]],
}

impl Rest<'_, '_> {
    /// Passes over one text. Returns its length; `None` at the end.
    fn text(&mut self) -> Option<u64> {
        if self.data.is_empty() {
            self.go_on()?;
        }
        let count = self.number::<2>()?;
        let flags = self.number::<1>()?;
        let runs = if flags & 8 == 0 {
            0
        } else {
            self.number::<2>()?
        };
        let extended = if flags & 4 == 0 {
            0
        } else {
            self.number::<4>()?
        };
        let (mut left, mut wide) = (count, flags & 1);
        let mut bytes = 0;
        loop {
            let size = 1 + wide;
            let here = left.min(self.data.len() / size);
            self.data = &self.data[here * size..];
            bytes += (here * size) as u64;
            left -= here;
            if left == 0 {
                break;
            }
            self.go_on()?;
            wide = self.number::<1>()? & 1;
        }
        let mut behind = runs * 4 + extended;
        while behind > 0 {
            let here = behind.min(self.data.len());
            self.data = &self.data[here..];
            behind -= here;
            if behind > 0 {
                self.go_on()?;
            }
        }
        Some(bytes)
    }

    fn go_on(&mut self) -> Option<()> {
        let (next, more) = self.more.split_first()?;
        (self.data, self.more) = (next, more);
        Some(())
    }

    fn number<const BYTES: usize>(&mut self) -> Option<usize> {
        let (bytes, rest) = self.data.split_first_chunk::<BYTES>()?;
        self.data = rest;
        let digits = bytes.iter().rev();
        Some(digits.fold(0, |number, byte| number << 8 | usize::from(*byte)))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;
    use crate::input::list::{IntakeError, Options, Source};

    fn record(kind: u16, data: &[u8]) -> Vec<u8> {
        let length = u16::try_from(data.len()).unwrap();
        [&kind.to_le_bytes()[..], &length.to_le_bytes(), data].concat()
    }

    fn place(row: u16, column: u16) -> Vec<u8> {
        [row.to_le_bytes(), column.to_le_bytes(), [0; 2]].concat()
    }

    /// A cell with a text.
    fn text(row: u16, column: u16, text: &str) -> Vec<u8> {
        let length = u16::try_from(text.len()).unwrap().to_le_bytes();
        let cell = [&place(row, column)[..], &length, &[0], text.as_bytes()].concat();
        record(kind::TEXT, &cell)
    }

    /// A cell with the text of that number in the table.
    fn shared(row: u16, number: u32) -> Vec<u8> {
        record(
            kind::SHARED_TEXT,
            &[&place(row, 0)[..], &number.to_le_bytes()].concat(),
        )
    }

    /// A workbook of so many sheets that all have these cells, with these records before.
    fn workbook(sheets: usize, before: &[u8], cells: &[Vec<u8>]) -> Vec<u8> {
        let begins = record(kind::BOF, &[0, 6, 5, 0, 0, 0, 0, 0]);
        let ends = record(kind::EOF, &[]);
        let bound = |at: u32| {
            let head = [&at.to_le_bytes()[..], &[0, 0, 5, 0], b"Sheet"].concat();
            record(kind::BOUND_SHEET, &head)
        };
        let globals = [&begins[..], &bound(0).repeat(sheets), before, &ends].concat();
        let at = u32::try_from(globals.len()).unwrap();
        let stream = [
            &begins[..],
            &bound(at).repeat(sheets),
            before,
            &ends,
            &begins,
            &cells.concat(),
            &ends,
        ];
        let mut file = cfb::CompoundFile::create(Cursor::new(Vec::new())).unwrap();
        let mut book = file.create_stream(STREAMS[0]).unwrap();
        book.write_all(&stream.concat()).unwrap();
        drop(book);
        file.flush().unwrap();
        file.into_inner().into_inner()
    }

    fn rows(book: &[u8]) -> Result<Vec<String>, IntakeError> {
        let source = Source::spool("people.xls".to_owned(), book)?;
        let mut list = source.list(&Options::default())?;
        let mut rows = Vec::new();
        while let Some(row) = list.next_row()? {
            rows.push(String::from_utf8_lossy(row.raw).into_owned());
        }
        Ok(rows)
    }

    #[test]
    fn cells_are_read_and_a_sheet_that_says_it_is_endless_costs_nothing() {
        // From row 0 to row 2^32, from column 0 to column 255.
        let endless = [&[0; 4][..], &[0xff; 4], &[0, 0, 0xff, 0, 0, 0]].concat();
        let cells = [
            record(kind::DIMENSIONS, &endless),
            text(0, 0, "name"),
            text(0, 1, "email"),
            text(1, 0, "Lena, K."),
            text(1, 1, "lena@tolk.test"),
        ];
        let book = workbook(1, &[], &cells);
        assert_eq!(rows(&book).unwrap(), ["\"Lena, K.\",lena@tolk.test"]);
    }

    #[test]
    fn a_cell_in_the_last_corner_is_told() {
        let cells = [text(0, 0, "email"), text(65_535, 255, "a@b.example")];
        let error = rows(&workbook(1, &[], &cells)).unwrap_err();
        assert!(matches!(error, IntakeError::TooLarge { .. }), "{error}");
        assert!(error.to_string().contains("cells or more"), "{error}");
        // A column that no sheet has is no better.
        let cells = [text(0, 0, "email"), text(65_535, 65_535, "a@b.example")];
        let error = rows(&workbook(1, &[], &cells)).unwrap_err();
        assert!(matches!(error, IntakeError::TooLarge { .. }), "{error}");
    }

    #[test]
    fn sheets_that_are_one_sheet_many_times_are_told() {
        let cells = [text(0, 0, "email"), text(1, 0, "a@b.example")];
        assert_eq!(rows(&workbook(1, &[], &cells)).unwrap(), ["a@b.example"]);
        let error = rows(&workbook(3000, &[], &vec![text(0, 0, "a@b.example"); 3000])).unwrap_err();
        assert!(matches!(error, IntakeError::TooLarge { .. }), "{error}");
    }

    #[test]
    fn a_long_text_that_is_named_a_million_times_is_told() {
        let long = [&u16::MAX.to_le_bytes()[..], &[0]].concat();
        let (first, more) = (vec![b'x'; 8000], vec![b'x'; 65_535 - 8000]);
        let table = [&[0; 8][..], &[5, 0, 0], b"email", &long, &first].concat();
        let continued: Vec<u8> = more
            .chunks(8000)
            .flat_map(|chunk| record(kind::CONTINUE, &[&[0][..], chunk].concat()))
            .collect();
        let before = [record(kind::TEXTS, &table), continued].concat();
        let book = |cells: u16| {
            let cells: Vec<Vec<u8>> = (0..cells)
                .map(|row| shared(row, u32::from(row > 0)))
                .collect();
            workbook(1, &before, &cells)
        };
        let error = rows(&book(9000)).unwrap_err();
        assert!(error.to_string().contains("bytes of text"), "{error}");
    }

    #[test]
    fn a_cell_whose_text_is_missing_is_told_and_not_left_empty() {
        let table = [&[0; 8][..], &[5, 0, 0], b"email"].concat();
        let cells = [shared(0, 0), shared(1, 1)];
        let error = rows(&workbook(1, &record(kind::TEXTS, &table), &cells)).unwrap_err();
        assert!(error.to_string().contains("is missing"), "{error}");
    }

    #[test]
    fn lengths_of_texts_go_on_over_records() {
        let one = [
            &[0; 8][..],
            &[3, 0, 0],
            b"abc",
            &[4, 0, 1],
            &[b'a', 0, b'b', 0],
        ]
        .concat();
        let two = [
            &[0][..],
            b"cd",
            &[2, 0, 9, 1, 0],
            &[b'x', 0, b'y', 0],
            &[0; 4],
        ]
        .concat();
        assert_eq!(lengths(&[&one, &two]), [3, 6, 4]);
        assert!(lengths(&[&one[..10]]).is_empty());
    }

    #[test]
    fn what_is_cut_off_or_no_workbook_is_told() {
        let cells = [text(0, 0, "email"), text(1, 0, "a@b.example")];
        let book = workbook(1, &record(kind::BOUND_SHEET, &[1]), &cells);
        assert!(matches!(rows(&book), Err(IntakeError::NoWorkbook { .. })));
        let mut file = cfb::CompoundFile::create(Cursor::new(Vec::new())).unwrap();
        file.create_stream("/WordDocument").unwrap();
        let letter = file.into_inner().into_inner();
        let error = rows(&letter).unwrap_err().to_string();
        assert!(error.contains("no workbook"), "{error}");
    }
}
