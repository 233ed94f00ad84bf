//! A table of cells written down as comma-separated text in a temporary file, where every row has as many fields.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};

use super::Excess;
use crate::model::limits;
use crate::model::text::grouped;

/// A table in the making. Rows may be of any width; [`Cells::finish`] makes them all as wide as the widest.
pub(super) struct Cells {
    file: BufWriter<File>,
    /// The row under way.
    row: Vec<u8>,
    /// Its fields so far.
    fields: usize,
    /// Its fields up to the last one that is filled, and where that ends in `row`.
    filled: (usize, usize),
    /// The bytes and fields of each row that is written.
    rows: Vec<(u32, u16)>,
    /// Empty rows since the last one with anything in it.
    blank: u64,
    /// Bytes written so far.
    written: u64,
    /// The most bytes that the whole table may have.
    most: u64,
}

impl Cells {
    /// Begins a table of at most so many bytes in a temporary file without a name.
    pub(super) fn begin(most: u64) -> io::Result<Cells> {
        Ok(Cells {
            file: BufWriter::with_capacity(limits::WRITE_BYTES, tempfile::tempfile()?),
            row: Vec::new(),
            fields: 0,
            filled: (0, 0),
            rows: Vec::new(),
            blank: 0,
            written: 0,
            most,
        })
    }

    /// Adds a cell to the row under way.
    pub(super) fn cell(&mut self, text: &str) {
        if self.fields > 0 {
            self.row.push(b',');
        }
        self.fields += 1;
        if text.is_empty() {
            return;
        }
        if text.contains(['"', ',', '\n', '\r']) {
            self.row.push(b'"');
            self.row
                .extend_from_slice(text.replace('"', "\"\"").as_bytes());
            self.row.push(b'"');
        } else {
            self.row.extend_from_slice(text.as_bytes());
        }
        self.filled = (self.fields, self.row.len());
    }

    /// How many cells the row under way has.
    pub(super) fn width(&self) -> usize {
        self.fields
    }

    /// Ends the row under way. Empty rows at the end of the table are left out, others are blank lines.
    pub(super) fn end_row(&mut self) -> io::Result<()> {
        let (fields, length) = self.filled;
        if fields == 0 {
            self.blank += 1;
        } else {
            for _ in 0..std::mem::take(&mut self.blank) {
                self.rows.push((0, 0));
                self.file.write_all(b"\n")?;
            }
            let wide = |_| io::Error::other("a row is larger than any spreadsheet's");
            self.rows.push((
                u32::try_from(length).map_err(wide)?,
                u16::try_from(fields).map_err(wide)?,
            ));
            self.written += length as u64 + 1;
            self.keeps_to(self.written)?;
            self.file.write_all(&self.row[..length])?;
            self.file.write_all(b"\n")?;
        }
        self.row.clear();
        self.fields = 0;
        self.filled = (0, 0);
        Ok(())
    }

    /// Whether the table may have so many bytes.
    fn keeps_to(&self, bytes: u64) -> io::Result<()> {
        if bytes <= self.most {
            Ok(())
        } else {
            Err(Excess::error(format!(
                "its rows take {} bytes of text or more",
                grouped(bytes)
            )))
        }
    }

    /// The whole table with its length in bytes.
    pub(super) fn finish(self) -> io::Result<(File, u64)> {
        let widest = self.rows.iter().map(|row| row.1).max().unwrap_or(0);
        let missing = |row: &(u32, u16)| match row.1 {
            0 => 0,
            fields => u64::from(widest - fields),
        };
        self.keeps_to(self.written + self.rows.iter().map(missing).sum::<u64>())?;
        let mut file = self
            .file
            .into_inner()
            .map_err(io::IntoInnerError::into_error)?;
        let is_even = |row: &(u32, u16)| row.1 == 0 || row.1 == widest;
        if self.rows.iter().all(is_even) {
            let bytes = file.stream_position()?;
            return Ok((file, bytes));
        }
        file.seek(SeekFrom::Start(0))?;
        let mut from = BufReader::with_capacity(limits::WRITE_BYTES, file);
        let mut to = BufWriter::with_capacity(limits::WRITE_BYTES, tempfile::tempfile()?);
        let mut row = Vec::new();
        for (length, fields) in self.rows {
            row.resize(length as usize + 1, 0);
            from.read_exact(&mut row)?;
            if fields > 0 {
                row.pop();
                row.resize(row.len() + usize::from(widest - fields), b',');
                row.push(b'\n');
            }
            to.write_all(&row)?;
        }
        let mut file = to.into_inner().map_err(io::IntoInnerError::into_error)?;
        let bytes = file.stream_position()?;
        Ok((file, bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A table with a wide row above so many narrow ones.
    fn finished(narrow: u32) -> io::Result<(File, u64)> {
        let mut cells = Cells::begin(2000)?;
        for row in 0..=narrow {
            for _ in 0..if row == 0 { 500 } else { 1 } {
                cells.cell("x");
            }
            cells.end_row()?;
        }
        cells.finish()
    }

    #[test]
    fn rows_that_are_filled_up_count_as_long_as_they_then_are() {
        assert_eq!(finished(1).unwrap().1, 1000 + 501);
        let error = finished(3).unwrap_err();
        assert!(error.to_string().contains("2503 bytes"), "{error}");
    }
}
