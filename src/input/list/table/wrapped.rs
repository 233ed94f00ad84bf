//! A table whose lines are each in quotes as a whole, as spreadsheet programs write a CSV file that was opened as one
//! column: `"Ann,a@b.example"`.

use std::io::{self, BufRead};

use super::cells::Cells;
use super::each_line;
use crate::input::list::column;
use crate::input::list::record;

/// What may stand between the fields within the quotes.
const DELIMITERS: &[u8] = b",;\t";

/// How many lines are looked at.
const LINES: usize = 20;

/// What stands between the fields of a table that `text`, the beginning of a file, belongs to, if all its lines are in
/// quotes: the first names a column of addresses, and the others have as many fields.
pub(super) fn delimiter(text: &[u8]) -> Option<u8> {
    let whole = match memchr::memrchr(b'\n', text) {
        Some(end) => &text[..end],
        None => text,
    };
    let lines: Vec<&[u8]> = whole
        .split(|byte| *byte == b'\n')
        .map(<[u8]>::trim_ascii)
        .filter(|line| !line.is_empty())
        .take(LINES)
        .collect();
    let (header, rows) = lines.split_first()?;
    let mut delimiters = DELIMITERS.iter().copied();
    delimiters.find(|delimiter| {
        let width = |line: &[u8]| {
            let line = within(line, *delimiter)?;
            Some(record::fields(&line, Some(*delimiter)).len())
        };
        let is_named = within(header, *delimiter).is_some_and(|line| {
            let cells = record::fields(&line, Some(*delimiter));
            cells.len() > 1 && cells.iter().any(|cell| column::names_the_address(cell))
        });
        is_named && !rows.is_empty() && rows.iter().all(|row| width(row) == width(header))
    })
}

/// What stands between the quotes that are around all of `line`.
fn within(line: &[u8], delimiter: u8) -> Option<Vec<u8>> {
    if !line.starts_with(b"\"") || !line.ends_with(b"\"") {
        return None;
    }
    match &record::fields(line, Some(delimiter))[..] {
        [only] => Some(only.to_vec()),
        _ => None,
    }
}

/// Writes the rows into `cells`, without the quotes around each.
///
/// # Errors
///
/// When the list cannot be read, or the table cannot be written.
pub(super) fn convert(reader: impl BufRead, delimiter: u8, cells: &mut Cells) -> io::Result<()> {
    each_line(reader, |text| {
        let inner = within(text, delimiter);
        for cell in record::fields(inner.as_deref().unwrap_or(text), Some(delimiter)) {
            cells.cell(&String::from_utf8_lossy(&cell));
        }
        cells.end_row()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_in_quotes_as_a_whole_are_known() {
        for (text, between) in [
            ("\"name,email\"\n\"Ann,a@b.example\"\n", Some(b',')),
            (
                "\"name;email\"\r\n\"\"\"Ann; Bo\"\";a@b.example\"\r\n",
                Some(b';'),
            ),
            ("\"name\",\"email\"\n\"Ann\",\"a@b.example\"\n", None),
            ("\"email\"\n\"a@b.example\"\n", None),
            ("\"name,email\"\nAnn,a@b.example\n", None),
        ] {
            assert_eq!(delimiter(text.as_bytes()), between, "{text}");
        }
    }
}
