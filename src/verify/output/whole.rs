//! All rows in one file, to be joined with other tables.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::str::FromStr;

use super::Written;
use crate::input::list;
use crate::model::columns::{LIST, NAMES};
use crate::model::limits;

/// How all rows are written in one file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// As the caller's list is.
    #[default]
    Csv,
    /// One JSON object a row, with the columns as its keys.
    JsonLines,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Format::Csv => "csv",
            Format::JsonLines => "jsonl",
        })
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        match word {
            "csv" => Ok(Format::Csv),
            "jsonl" => Ok(Format::JsonLines),
            _ => Err("write csv or jsonl".to_owned()),
        }
    }
}

/// Writes all rows of `lists` to one file, in the caller's order. Where they are of several lists, each with its name,
/// the column [`LIST`] says of which; lists that are written differently are written like the first then, with the
/// columns of all.
///
/// # Errors
///
/// When a list cannot be read, or the file cannot be written.
pub fn put_together(
    lists: &mut [(Option<String>, Written)],
    format: Format,
    out: &mut File,
) -> io::Result<()> {
    let mut out = BufWriter::with_capacity(limits::WRITE_BYTES, out);
    match (format, &mut *lists) {
        (Format::JsonLines, lists) => objects(lists, &mut out)?,
        (Format::Csv, [(_, only)]) => {
            out.write_all(&only.head)?;
            only.each_row(|_, row| out.write_all(row))?;
        }
        (Format::Csv, lists) => joined(lists, &mut out)?,
    }
    out.flush()
}

/// Writes rows as JSON objects.
fn objects(lists: &mut [(Option<String>, Written)], out: &mut impl Write) -> io::Result<()> {
    let mut object = Vec::new();
    for (name, list) in lists {
        let names = Names::under(&list.form.header, list.form.delimiter);
        list.each_row(|_, row| {
            object.clear();
            names.object(row, name.as_deref(), &mut object);
            out.write_all(&object)
        })?;
    }
    Ok(())
}

/// Writes the rows of the finished list at `list` as JSON objects.
///
/// # Errors
///
/// When it cannot be read, or they cannot be written.
#[cfg(feature = "serve")]
pub fn write_objects(
    list: &std::path::Path,
    delimiter: u8,
    out: &mut impl Write,
) -> io::Result<()> {
    let file = io::BufReader::with_capacity(limits::WRITE_BYTES, File::open(list)?);
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .flexible(true)
        .has_headers(false)
        .from_reader(super::sheets::WithoutMark::new(file)?);
    let mut record = csv::ByteRecord::new();
    if !reader.read_byte_record(&mut record)? {
        return Ok(());
    }
    let theirs = record.len().saturating_sub(NAMES.len());
    let header = record.iter().take(theirs).map(Cow::Borrowed);
    let names = Names::of(header, delimiter);
    let mut object = Vec::new();
    while reader.read_byte_record(&mut record)? {
        object.clear();
        let fields: Vec<Cow<'_, [u8]>> = record.iter().map(Cow::Borrowed).collect();
        names.object_of(&fields, None, &mut object);
        out.write_all(&object)?;
    }
    Ok(())
}

/// Writes the rows of several lists under one header.
fn joined(lists: &mut [(Option<String>, Written)], out: &mut impl Write) -> io::Result<()> {
    let Some((_, first)) = lists.first() else {
        return Ok(());
    };
    out.write_all(&first.form.preamble)?;
    let mut writer = csv::WriterBuilder::new()
        .delimiter(first.form.delimiter)
        .terminator(match first.form.terminator.as_slice() {
            b"\r\n" => csv::Terminator::CRLF,
            _ => csv::Terminator::Any(b'\n'),
        })
        .from_writer(out);
    let mut header: Vec<String> = Vec::new();
    let mut columns = Vec::new();
    for (_, list) in &mut *lists {
        let names = Names::under(&list.form.header, list.form.delimiter);
        // Rows may have more fields than the header has names.
        let mut widest = names.names.len();
        list.each_row(|_, row| {
            widest = widest.max(names.split(row).1);
            Ok(())
        })?;
        let place = |at: usize| {
            let name = names.name(at);
            header
                .iter()
                .position(|known| *known == name)
                .unwrap_or_else(|| {
                    header.push(name.into_owned());
                    header.len() - 1
                })
        };
        let places: Vec<usize> = (0..widest).map(place).collect();
        columns.push((names, places));
    }
    let ours = NAMES.iter().copied().chain([LIST]);
    writer.write_record(header.iter().map(String::as_str).chain(ours))?;
    for ((name, list), (names, places)) in lists.iter_mut().zip(&columns) {
        list.each_row(|_, row| {
            let (fields, theirs) = names.split(row);
            let mut cells: Vec<&[u8]> = vec![b""; header.len()];
            for (field, place) in fields[..theirs].iter().zip(places) {
                cells[*place] = field;
            }
            cells.extend(fields[theirs..].iter().map(|field| &**field));
            cells.push(name.as_deref().unwrap_or_default().as_bytes());
            Ok(writer.write_byte_record(&csv::ByteRecord::from(cells))?)
        })?;
    }
    writer.flush()
}

/// What the columns of a list are called, each by a name of its own.
struct Names {
    names: Vec<String>,
    delimiter: u8,
}

impl Names {
    /// For rows under this `header`, without what was appended to it. A name that comes twice gets a number.
    fn under(header: &[u8], delimiter: u8) -> Self {
        Names::of(list::fields(header, delimiter).into_iter(), delimiter)
    }

    /// For rows under these names.
    fn of<'h>(header: impl Iterator<Item = Cow<'h, [u8]>>, delimiter: u8) -> Self {
        let ours = NAMES.iter().copied().chain([LIST]);
        let mut taken: HashSet<String> = ours.map(str::to_owned).collect();
        let mut names = Vec::new();
        for (number, field) in (1..).zip(header) {
            let name = String::from_utf8_lossy(&field).trim().to_owned();
            let name = if name.is_empty() {
                format!("column_{number}")
            } else {
                name
            };
            let mut unique = name.clone();
            let mut copies = 1;
            while !taken.insert(unique.clone()) {
                copies += 1;
                unique = format!("{name}_{copies}");
            }
            names.push(unique);
        }
        Names { names, delimiter }
    }

    /// What the caller's field at `at` is called.
    fn name(&self, at: usize) -> Cow<'_, str> {
        match self.names.get(at) {
            Some(name) => Cow::Borrowed(name.as_str()),
            None => Cow::Owned(format!("column_{}", at + 1)),
        }
    }

    /// The fields of a row that ends with the appended columns, with how many of them are the caller's.
    fn split<'r>(&self, row: &'r [u8]) -> (Vec<Cow<'r, [u8]>>, usize) {
        let fields = list::fields(row, self.delimiter);
        let theirs = fields.len().saturating_sub(NAMES.len());
        (fields, theirs)
    }

    /// Appends the object of `row`, which ends with the appended columns, and a line feed; with the name of its list
    /// where there are several.
    fn object(&self, row: &[u8], of: Option<&str>, out: &mut Vec<u8>) {
        self.object_of(&self.split(row).0, of, out);
    }

    /// The same of a row's fields.
    fn object_of(&self, fields: &[Cow<'_, [u8]>], of: Option<&str>, out: &mut Vec<u8>) {
        let theirs = fields.len().saturating_sub(NAMES.len());
        let mut separator = b'{';
        for (at, field) in fields.iter().enumerate() {
            let name = match at.checked_sub(theirs) {
                Some(ours) => Cow::Borrowed(NAMES[ours]),
                None => self.name(at),
            };
            out.push(separator);
            separator = b',';
            string(out, &name);
            out.push(b':');
            match (name.as_ref(), &**field) {
                ("presend_bounce", b"") => out.extend_from_slice(b"null"),
                ("presend_bounce", number) => out.extend_from_slice(number),
                (_, text) => string(out, &String::from_utf8_lossy(text)),
            }
        }
        if let Some(of) = of {
            out.push(b',');
            string(out, LIST);
            out.push(b':');
            string(out, of);
        }
        out.extend_from_slice(b"}\n");
    }
}

fn string(out: &mut Vec<u8>, text: &str) {
    serde_json::to_writer(out, text).expect("text is written to memory");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_becomes_an_object_with_its_columns() {
        let names = Names::under(b"Name;Mail;;Mail", b';');
        let ours = "l@tolk.test;risky;catch_all;0.260;;;;\"250 \"\"ok\"\"; yes\";;";
        let mut out = Vec::new();
        names.object(
            format!("\"K; L\";l@tolk.test;x;y;{ours}\r\n").as_bytes(),
            Some("b.csv"),
            &mut out,
        );
        let object: serde_json::Value = serde_json::from_slice(&out).unwrap();
        for (name, text) in [
            ("Name", "K; L"),
            ("Mail", "l@tolk.test"),
            ("column_3", "x"),
            ("Mail_2", "y"),
            ("presend_verdict", "risky"),
            ("presend_reply", "250 \"ok\"; yes"),
            ("presend_input", ""),
            ("presend_list", "b.csv"),
        ] {
            assert_eq!(object[name], text, "{name}");
        }
        assert_eq!(object["presend_bounce"].as_f64(), Some(0.26));
    }

    #[test]
    fn rows_of_another_width_keep_what_was_appended_apart() {
        let names = Names::under(b"a,b", b',');
        let ours = ",unknown,no_address,,,,,,,";
        for (row, name, text) in [("x", "a", "x"), ("x,y,z", "column_3", "z")] {
            let mut out = Vec::new();
            names.object(format!("{row},{ours}\n").as_bytes(), None, &mut out);
            let object: serde_json::Value = serde_json::from_slice(&out).unwrap();
            assert_eq!(object[name], text);
            assert_eq!(object["presend_reason"], "no_address");
            assert!(object["presend_bounce"].is_null());
        }
    }
}
