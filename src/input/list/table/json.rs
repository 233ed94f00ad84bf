//! JSON as lists: each object of a file with one a line, of an array, or of the array that an object wraps, is a row; its
//! keys are the columns.
//!
//! It is read entry by entry, so that memory does not grow with the file. What programs answer with wraps a list in an
//! object that says how it goes on (`{"contacts":[{...},{...}],"has_more":true}`); which array in it is the list shows by
//! the addresses in the entries.

mod survey;
mod walk;

use std::collections::HashMap;
use std::io::{self, BufRead};

use super::cells::Cells;
use super::{Excess, Trouble, each_line, unmarked};
use crate::model::limits;
use survey::Survey;
use walk::{Entries, Node, Visit};

/// What stands between several values of one key, and between the keys of nested objects.
const BETWEEN_VALUES: &str = "; ";
const BETWEEN_KEYS: char = '.';

/// What a list without keys has for a column.
const ONLY_COLUMN: &str = "column_1";

/// The columns of what stands under keys of its own in an object: of the key, and of a value that is no object.
const OWN_KEY: &str = "key";
const OWN_VALUE: &str = "value";

/// The array whose entries are the rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::input::list) struct Picked {
    /// The keys that lead to it.
    pub array: String,
    /// Whether it is one.
    form: Form,
    /// The others that hold addresses.
    pub others: Vec<String>,
}

/// What the rows of a file stand in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// An array.
    Array,
    /// An array of arrays, which are rows of cells.
    Table,
    /// An object that has a key for each.
    Object,
}

/// Writes the rows of the file that `open` begins to read into `cells`, under a header. Tells the array that was taken
/// for the list, where an object wraps it; `wanted` is what the operator says.
///
/// # Errors
///
/// When the file cannot be read or is no JSON, when several arrays could be the list or none is called as `wanted`, or
/// when the table cannot be written.
pub(super) fn write_down<R: BufRead>(
    open: impl Fn() -> Result<R, Trouble>,
    wanted: Option<&str>,
    cells: &mut Cells,
) -> Result<Option<Picked>, Trouble> {
    let begin = || open().and_then(|reader| Ok(unmarked(reader)?));
    if is_one_a_line(begin()?)? {
        let columns = columns_of_lines(begin()?)?;
        convert_lines(begin()?, &columns, cells).map_err(Trouble::of_spool)?;
        return Ok(None);
    }
    let mut survey = Survey::default();
    walk::all(begin()?, Entries::All, &mut survey)?;
    let (columns, picked) = survey.decide(wanted)?;
    let entries = match &picked {
        Some(picked) => match picked.form {
            Form::Array | Form::Table => Entries::Of(&picked.array),
            Form::Object => Entries::Values(&picked.array),
        },
        None => Entries::Roots,
    };
    match &picked {
        Some(picked) if picked.form == Form::Table => {
            walk::all(begin()?, entries, &mut Lines(cells))?;
        }
        Some(_) | None => {
            let mut rows = Rows::begin(&columns, cells).map_err(Trouble::of_spool)?;
            walk::all(begin()?, entries, &mut rows)?;
        }
    }
    // That each entry of an array is a row goes without saying.
    Ok(picked.filter(|picked| !picked.array.is_empty() || picked.form == Form::Object))
}

/// Whether every line is a row: there are several, and the first is an object that wraps no list.
fn is_one_a_line(mut reader: impl BufRead) -> Result<bool, Trouble> {
    let mut line = Vec::new();
    let most = limits::LINE_BYTES as u64;
    while line.trim_ascii().is_empty() {
        line.clear();
        if io::Read::take(&mut reader, most).read_until(b'\n', &mut line)? == 0 {
            return Ok(false);
        }
    }
    if !line.trim_ascii_start().starts_with(b"{") {
        return Ok(false);
    }
    let mut survey = Survey::default();
    if walk::all(&line[..], Entries::All, &mut survey).is_err() {
        return Ok(false);
    }
    // A file of one object is looked at as a whole.
    let is_alone = loop {
        let rest = reader.fill_buf()?;
        let length = rest.len();
        match rest.trim_ascii().is_empty() {
            true if length == 0 => break true,
            true => reader.consume(length),
            false => break false,
        }
    };
    Ok(!is_alone && !survey.is_a_page())
}

/// The columns of a file with an object a line, in the order in which they first occur; what is beyond
/// [`limits::JSON_COLUMNS`] is left out.
fn columns_of_lines(reader: impl BufRead) -> io::Result<Columns> {
    let mut columns = Columns::default();
    each_line(reader, |line| {
        if let Ok(Node::Object(fields)) = serde_json::from_slice(line) {
            walk::flatten("", fields, &mut |key, _| columns.add(key));
        }
        Ok(())
    })?;
    Ok(columns.or_one())
}

/// Writes the header and the rows of such a file into `cells`. What is no object is a row with that text in it.
fn convert_lines(reader: impl BufRead, columns: &Columns, cells: &mut Cells) -> io::Result<()> {
    let mut rows = Rows::begin(columns, cells)?;
    each_line(reader, |line| match serde_json::from_slice(line) {
        _ if line.is_empty() => Ok(()),
        Ok(Node::Object(fields)) => rows.write(Node::Object(fields)),
        Ok(Node::Text(_) | Node::List(_)) | Err(_) => {
            let text = String::from_utf8_lossy(line.trim_ascii()).into_owned();
            rows.write(Node::Text(text))
        }
    })
}

/// The rows of a table in the making.
struct Rows<'r> {
    columns: &'r Columns,
    cells: &'r mut Cells,
    row: Vec<String>,
}

impl<'r> Rows<'r> {
    /// Begins with the header.
    fn begin(columns: &'r Columns, cells: &'r mut Cells) -> io::Result<Self> {
        for name in &columns.names {
            cells.cell(name);
        }
        cells.end_row()?;
        Ok(Rows {
            columns,
            cells,
            row: Vec::new(),
        })
    }

    /// Writes an entry: an object by its keys, all else into the first column.
    fn write(&mut self, entry: Node) -> io::Result<()> {
        let (columns, row) = (self.columns, &mut self.row);
        row.clear();
        row.resize(columns.names.len(), String::new());
        let mut put = |place: usize, text: String| add(&mut row[place], &text);
        match entry {
            Node::Object(fields) => walk::flatten("", fields, &mut |key, text| {
                if let Some(&place) = columns.places.get(key) {
                    put(place, text);
                }
            }),
            other => walk::tell("", other, &mut |_, text| put(0, text)),
        }
        for cell in &self.row {
            self.cells.cell(cell);
        }
        self.cells.end_row()
    }
}

impl Visit for Rows<'_> {
    fn entry(&mut self, _: &str, entry: Node) -> io::Result<()> {
        self.write(entry)
    }

    fn value(&mut self, _: &str, _: &str) {}
}

/// Rows that say themselves what stands in which cell.
struct Lines<'r>(&'r mut Cells);

impl Visit for Lines<'_> {
    fn entry(&mut self, _: &str, entry: Node) -> io::Result<()> {
        let values = match entry {
            Node::List(values) => values,
            Node::Text(_) | Node::Object(_) => vec![entry],
        };
        for value in values {
            let mut cell = String::new();
            walk::tell("", value, &mut |_, text| add(&mut cell, &text));
            self.0.cell(&cell);
        }
        self.0.end_row()
    }

    fn value(&mut self, _: &str, _: &str) {}
}

/// Adds one more value to a cell.
fn add(cell: &mut String, text: &str) {
    if !cell.is_empty() && !text.is_empty() {
        cell.push_str(BETWEEN_VALUES);
    }
    cell.push_str(text);
}

/// The columns of a list and where each stands.
#[derive(Debug, Default)]
struct Columns {
    names: Vec<String>,
    places: HashMap<String, usize>,
}

impl Columns {
    fn add(&mut self, key: &str) {
        if !self.places.contains_key(key) && self.names.len() < limits::JSON_COLUMNS {
            self.places.insert(key.to_owned(), self.names.len());
            self.names.push(key.to_owned());
        }
    }

    /// The same, or one column where there is none.
    fn or_one(mut self) -> Self {
        if self.names.is_empty() {
            self.add(ONLY_COLUMN);
        }
        self
    }
}

/// An entry that no list has.
fn endless() -> io::Error {
    Excess::error("one entry of its JSON takes more than 64 MB")
}

#[cfg(test)]
mod tests;
