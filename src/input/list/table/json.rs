//! JSON lines as lists: an object a line is a row, its keys are the columns.

use std::collections::HashMap;
use std::fmt;
use std::io::{self, BufRead};

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};

use super::cells::Cells;
use crate::model::limits;

/// What stands between several values of one key, and between the keys of nested objects.
const BETWEEN_VALUES: &str = "; ";
const BETWEEN_KEYS: char = '.';

/// The columns of a list, in the order in which they first occur; what is beyond [`limits::JSON_COLUMNS`] is left out.
///
/// # Errors
///
/// When the list cannot be read.
pub(super) fn columns(reader: impl BufRead) -> io::Result<Columns> {
    let mut columns = Columns::default();
    each_line(reader, |line| {
        if let Ok(Node::Object(fields)) = serde_json::from_slice(line) {
            flatten("", fields, &mut |key, _| columns.add(key));
        }
        Ok(())
    })?;
    if columns.names.is_empty() {
        columns.add("column_1");
    }
    Ok(columns)
}

/// Writes the header and the rows of a list into `cells`. What is no object is a row with that text in it.
///
/// # Errors
///
/// When the list cannot be read, or the table cannot be written.
pub(super) fn convert(
    reader: impl BufRead,
    columns: &Columns,
    cells: &mut Cells,
) -> io::Result<()> {
    for name in &columns.names {
        cells.cell(name);
    }
    cells.end_row()?;
    let mut row: Vec<String> = Vec::new();
    each_line(reader, |line| {
        row.clear();
        row.resize(columns.names.len(), String::new());
        match serde_json::from_slice(line) {
            Ok(Node::Object(fields)) => flatten("", fields, &mut |key, text| {
                if let Some(&place) = columns.places.get(key) {
                    let cell = &mut row[place];
                    if !cell.is_empty() && !text.is_empty() {
                        cell.push_str(BETWEEN_VALUES);
                    }
                    cell.push_str(&text);
                }
            }),
            Ok(Node::Text(_) | Node::List(_)) | Err(_) => {
                row[0] = String::from_utf8_lossy(line.trim_ascii()).into_owned();
            }
        }
        for cell in &row {
            cells.cell(cell);
        }
        cells.end_row()
    })
}

/// The columns of a list and where each stands.
#[derive(Debug, Default)]
pub(super) struct Columns {
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
}

/// A JSON value as far as a table has use for it: its fields in their order, everything that is no container as text.
enum Node {
    Text(String),
    List(Vec<Node>),
    Object(Vec<(String, Node)>),
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Text(String::new()))
    }

    fn visit_bool<E>(self, is: bool) -> Result<Node, E> {
        Ok(Node::Text(is.to_string()))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Node, E> {
        Ok(Node::Text(number.to_string()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Node, E> {
        Ok(Node::Text(number.to_string()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Node, E> {
        Ok(Node::Text(number.to_string()))
    }

    fn visit_str<E>(self, text: &str) -> Result<Node, E> {
        Ok(Node::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
        let mut nodes = Vec::new();
        while let Some(node) = access.next_element()? {
            nodes.push(node);
        }
        Ok(Node::List(nodes))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
        let mut fields = Vec::new();
        while let Some(field) = access.next_entry()? {
            fields.push(field);
        }
        Ok(Node::Object(fields))
    }
}

/// Tells `sink` each value of an object's `fields` that is no object itself, under its keys.
fn flatten(prefix: &str, fields: Vec<(String, Node)>, sink: &mut impl FnMut(&str, String)) {
    for (key, node) in fields {
        let key = match prefix {
            "" => key,
            _ => format!("{prefix}{BETWEEN_KEYS}{key}"),
        };
        tell(&key, node, sink);
    }
}

fn tell(key: &str, node: Node, sink: &mut impl FnMut(&str, String)) {
    match node {
        Node::Text(text) => sink(key, text),
        Node::List(nodes) => nodes.into_iter().for_each(|node| tell(key, node, sink)),
        Node::Object(fields) => flatten(key, fields, sink),
    }
}

/// Reads line by line, blank ones included, each of at most [`limits::LINE_BYTES`].
fn each_line(
    mut reader: impl BufRead,
    mut with: impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<()> {
    let mut line = Vec::new();
    loop {
        line.clear();
        let most = limits::LINE_BYTES as u64;
        if io::Read::take(&mut reader, most).read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        let text = line.trim_ascii();
        if !text.is_empty() {
            with(text)?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read as _, Seek as _};

    #[test]
    fn an_object_a_line_is_a_row() {
        let text = "{\"id\":12345678901,\"user\":{\"email\":\"a@b.example\",\"tags\":[\"x\",\"y\"]}}\n\n\
                    {\"user\":{\"email\":null,\"name\":\"Bo, \\\"B\\\"\"},\"ok\":true}\nnot json\n";
        let columns = columns(text.as_bytes()).unwrap();
        let mut cells = Cells::begin(u64::MAX).unwrap();
        convert(text.as_bytes(), &columns, &mut cells).unwrap();
        let (mut file, _) = cells.finish().unwrap();
        file.rewind().unwrap();
        let mut table = String::new();
        file.read_to_string(&mut table).unwrap();
        assert_eq!(
            table,
            "id,user.email,user.tags,user.name,ok\n\
             12345678901,a@b.example,x; y,,\n\
             ,,,\"Bo, \"\"B\"\"\",true\n\
             not json,,,,\n"
        );
    }
}
