//! What is no text with delimiters but a table all the same: spreadsheets, JSON, address books. Each becomes
//! comma-separated text in a temporary file, which is then read like any other list.

mod biff;
mod cells;
mod inflate;
mod json;
mod padded;
mod plain;
mod repeats;
#[cfg(test)]
pub(super) mod tests;
mod vcard;
mod workbook;
mod wrapped;

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek};

use super::encoding::{BOM, Encoding};
use super::kind::{self, Binary, Table};
use super::unpack::{self, Reader};
use crate::model::limits;
use cells::Cells;
pub(super) use json::Picked;
pub(super) use workbook::Chosen;

/// A table written down as text.
#[derive(Debug)]
pub(super) struct Written {
    /// UTF-8, fields parted by commas, an empty row a blank line.
    pub file: File,
    /// Length of that text.
    pub bytes: u64,
    /// The sheet that was read with the others there are, of a workbook.
    pub sheets: Option<Chosen>,
    /// The array whose entries are the rows, of JSON that wraps it.
    pub array: Option<Picked>,
}

/// Why a table cannot be read.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The temporary file.
    Spool(io::Error),
    /// The file cannot be read, or not to its end.
    Unreadable(io::Error),
    /// It needs a password.
    Password,
    /// It has no sheet of this name.
    NoSuchSheet {
        /// What was asked for.
        wanted: String,
        /// Those that it has.
        sheets: Vec<String>,
    },
    /// Several arrays in it, by the keys that lead to them, could be the list.
    Arrays(Vec<String>),
    /// It is no JSON any more from this line on.
    Broken {
        /// The 1-based line.
        line: u64,
        /// What is wrong there.
        source: io::Error,
    },
    /// It spreads to more than any list has.
    TooLarge(String),
    /// It is something else.
    Other(Binary),
    /// It is not what it seemed, or damaged.
    Damaged(String),
}

impl Trouble {
    fn damaged(error: impl std::fmt::Display) -> Trouble {
        Trouble::Damaged(error.to_string())
    }

    /// Why the temporary file cannot be written.
    fn of_spool(error: io::Error) -> Trouble {
        match error.downcast::<Excess>() {
            Ok(excess) => Trouble::TooLarge(excess.to_string()),
            Err(error) => Trouble::Spool(error),
        }
    }
}

/// What a table has too much of; on its way through an [`io::Error`].
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Excess(String);

impl Excess {
    fn error(what: impl Into<String>) -> io::Error {
        io::Error::other(Excess(what.into()))
    }
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        match error.downcast::<Excess>() {
            Ok(excess) => Trouble::TooLarge(excess.to_string()),
            Err(error) => Trouble::Unreadable(error),
        }
    }
}

/// Writes down the table in the file that `open` begins to read, if it is one; `None` for text with delimiters and all
/// that is no list.
///
/// # Errors
///
/// [`Trouble`] when it is one and cannot be read.
pub(super) fn write_down<R: Read + Seek + Send + 'static>(
    open: impl Fn() -> R,
    encoding: Option<Encoding>,
    sheet: Option<&str>,
) -> Result<Option<Written>, Trouble> {
    let mut head = Vec::new();
    open()
        .take(kind::HEAD_BYTES as u64)
        .read_to_end(&mut head)?;
    if let Some(archive) = kind::archive(&head) {
        let format =
            workbook::format_of(BufReader::new(open()), archive).map_err(Trouble::Other)?;
        inflate::check(BufReader::new(open()), format)?;
        let convert = |sheet: Option<&str>| {
            let mut cells = Cells::begin(limits::SHEET_BYTES).map_err(Trouble::Spool)?;
            let chosen = workbook::convert(BufReader::new(open()), format, sheet, &mut cells)?;
            let (file, bytes) = cells.finish().map_err(Trouble::of_spool)?;
            Ok::<Written, Trouble>(Written {
                file,
                bytes,
                sheets: Some(chosen),
                array: None,
            })
        };
        let first = convert(sheet)?;
        // New workbooks begin with a sheet that nobody may have written on.
        if let (0, None, Some(chosen)) = (first.bytes, sheet, &first.sheets) {
            for other in &chosen.others {
                let written = convert(Some(other))?;
                if written.bytes > 0 {
                    return Ok(Some(written));
                }
            }
        }
        return Ok(Some(first));
    }
    let text = |reader: R| unpack::text(Box::new(reader) as Reader, encoding).ok();
    let Some(first) = text(open()) else {
        return Ok(None);
    };
    let mut look = Vec::new();
    let looked = first
        .reader
        .take(limits::SNIFF_BYTES as u64)
        .read_to_end(&mut look);
    let found = kind::table(&look).or_else(|| {
        let text = look.strip_prefix(BOM).unwrap_or(&look);
        wrapped::delimiter(text).map(Table::Wrapped)
    });
    let Some(table) = found.filter(|_| looked.is_ok()) else {
        return Ok(None);
    };
    let again = || text(open()).map(|text| BufReader::new(text.reader));
    let Some(once) = again() else {
        return Ok(None);
    };
    let mut cells = Cells::begin(u64::MAX).map_err(Trouble::Spool)?;
    let array = match table {
        Table::Json => {
            let open = || again().ok_or_else(changed);
            json::write_down(open, sheet, &mut cells)?
        }
        Table::VCard => {
            vcard::convert(once, &mut cells)?;
            None
        }
        Table::Wrapped(delimiter) => {
            wrapped::convert(unmarked(once)?, delimiter, &mut cells)?;
            None
        }
    };
    let (file, bytes) = cells.finish().map_err(Trouble::of_spool)?;
    Ok(Some(Written {
        file,
        bytes,
        sheets: None,
        array,
    }))
}

/// The same behind a byte order mark.
fn unmarked<R: BufRead>(mut reader: R) -> io::Result<R> {
    if reader.fill_buf()?.starts_with(BOM) {
        reader.consume(BOM.len());
    }
    Ok(reader)
}

/// Reads line by line, without the blanks around each, of which at most [`limits::LINE_BYTES`] are taken at once.
fn each_line(
    mut reader: impl BufRead,
    mut with: impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<()> {
    let mut line = Vec::new();
    loop {
        line.clear();
        let most = limits::LINE_BYTES as u64;
        if Read::take(&mut reader, most).read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        with(line.trim_ascii())?;
    }
}

/// A file that was text a moment ago, and is none now.
fn changed() -> Trouble {
    Trouble::Unreadable(io::Error::other("it changes while it is read"))
}
