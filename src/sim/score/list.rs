//! The list as a file: dialect, columns, quotes.

use super::people::Entry;
use crate::model::seeded::SeededRng;

/// A list as a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListFile {
    /// The line with the names of the columns, without its end.
    pub header: Vec<u8>,
    /// What parts fields.
    pub delimiter: u8,
    /// What ends rows.
    pub line_end: &'static [u8],
    /// The rows, without their ends.
    pub rows: Vec<Vec<u8>>,
    /// Whether the last row has an end.
    pub ends_well: bool,
}

impl ListFile {
    /// The whole file.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.header.clone();
        bytes.extend(self.line_end);
        for row in &self.rows {
            bytes.extend(row);
            bytes.extend(self.line_end);
        }
        if !self.ends_well {
            bytes.truncate(bytes.len() - self.line_end.len());
        }
        bytes
    }
}

/// Notes that are common in lists: harmless ones, and those that trouble careless readers.
const NOTES: [&str; 6] = [
    "met in Leipzig",
    "",
    "\"Conrad, Paula\"",
    "\"says \"\"hello\"\"\"",
    "\"two\nlines\"",
    "=1+1",
];

/// Writes a list. Each row begins with its number, so that rows can be told apart.
pub(super) fn write(seed: u64, entries: &[Entry]) -> ListFile {
    let mut dice = SeededRng::of(seed, "list");
    let delimiter = *dice.one_of(b",,;\t");
    let line_end: &'static [u8] = if dice.happens(0.3) { b"\r\n" } else { b"\n" };
    let parted = char::from(delimiter);
    let header = format!("no{parted}email{parted}note").into_bytes();
    let mut rows = Vec::with_capacity(entries.len());
    for (number, entry) in (1..).zip(entries) {
        let address = match entry {
            Entry::Person { written, .. } => written.as_str(),
            Entry::Scribble(text) => text,
        };
        let address = match dice.between(0, 19) {
            0 => format!("\"{address}\""),
            1 => format!(" {address}"),
            _ => address.to_owned(),
        };
        let note = dice.one_of(&NOTES);
        rows.push(format!("{number}{parted}{address}{parted}{note}").into_bytes());
    }
    ListFile {
        header,
        delimiter,
        line_end,
        rows,
        ends_well: dice.happens(0.8),
    }
}
