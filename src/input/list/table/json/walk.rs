//! JSON as it is read, entry by entry.

use std::cell::Cell;
use std::fmt;
use std::io::{self, BufRead, Read};
use std::rc::Rc;

use serde::Deserialize;
use serde::de::{
    DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor,
};

use super::{BETWEEN_KEYS, OWN_KEY, OWN_VALUE, endless};
use crate::input::list::table::{Excess, Trouble};
use crate::model::limits;

/// Which values are told as entries.
#[derive(Clone, Copy)]
pub(super) enum Entries<'e> {
    /// Those of every array that is within no other.
    All,
    /// Those of the arrays that these keys lead to; none lead to an array that is the file.
    Of(&'e str),
    /// The values of the objects that these keys lead to; none lead to an object that is the file.
    Values(&'e str),
    /// The values that the file is made of.
    Roots,
}

/// Who is told what is read.
pub(super) trait Visit {
    /// An entry of the array that the keys of `path` lead to.
    ///
    /// # Errors
    ///
    /// Whatever stops the reading.
    fn entry(&mut self, path: &str, entry: Node) -> io::Result<()>;

    /// A value within no array, under its keys. The keys are empty where another value of the file begins.
    fn value(&mut self, path: &str, text: &str);
}

/// Reads all values that a file is made of: one, as a rule.
///
/// # Errors
///
/// When the file cannot be read, is no JSON, or has an entry that does not fit into memory; what `visit` fails with.
pub(super) fn all(
    reader: impl BufRead,
    entries: Entries<'_>,
    visit: &mut impl Visit,
) -> Result<(), Trouble> {
    let left = Rc::new(Cell::new(limits::LINE_BYTES));
    let mut values = serde_json::Deserializer::from_reader(Bounded {
        reader,
        left: Rc::clone(&left),
    });
    let mut failed = None;
    let mut path = String::new();
    while values.end().is_err() {
        left.set(limits::LINE_BYTES);
        visit.value("", "");
        let walk = Walk {
            entries,
            path: &mut path,
            visit,
            left: &left,
            failed: &mut failed,
        };
        walk.deserialize(&mut values)
            .map_err(|error| trouble(failed.take(), error))?;
    }
    Ok(())
}

/// Why the reading ended early: what a visitor `failed` with, or what is wrong with the file.
fn trouble(failed: Option<io::Error>, error: serde_json::Error) -> Trouble {
    if let Some(failed) = failed {
        return Trouble::of_spool(failed);
    }
    let line = error.line() as u64;
    match error.classify() {
        serde_json::error::Category::Io => match io::Error::from(error).downcast::<Excess>() {
            Ok(excess) => Trouble::TooLarge(excess.to_string()),
            Err(source) => Trouble::Broken { line, source },
        },
        serde_json::error::Category::Syntax
        | serde_json::error::Category::Data
        | serde_json::error::Category::Eof => Trouble::Broken {
            line,
            source: io::Error::other(format!("as JSON: {error}")),
        },
    }
}

/// A reader that gives no more than is `left` until the walk allows for more.
struct Bounded<R> {
    reader: R,
    left: Rc<Cell<usize>>,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let room = self.left.get().min(buf.len());
        if room == 0 && !buf.is_empty() {
            return Err(endless());
        }
        let count = self.reader.read(&mut buf[..room])?;
        self.left.set(self.left.get() - count);
        Ok(count)
    }
}

/// A value on its way, which the keys of `path` lead to.
struct Walk<'w, V> {
    entries: Entries<'w>,
    path: &'w mut String,
    visit: &'w mut V,
    left: &'w Cell<usize>,
    failed: &'w mut Option<io::Error>,
}

impl<'de, V: Visit> DeserializeSeed<'de> for Walk<'_, V> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        match self.entries {
            Entries::Roots => {
                let entry = Node::deserialize(deserializer)?;
                self.tell_entry(entry)
            }
            Entries::All | Entries::Of(_) | Entries::Values(_) => {
                deserializer.deserialize_any(self)
            }
        }
    }
}

impl<V: Visit> Walk<'_, V> {
    fn tell_entry<E: serde::de::Error>(self, entry: Node) -> Result<(), E> {
        self.visit.entry(self.path, entry).map_err(|error| {
            *self.failed = Some(error);
            E::custom("the table cannot be written")
        })
    }

    /// The same, for a value within this one.
    fn within(&mut self) -> Walk<'_, V> {
        Walk {
            entries: self.entries,
            path: self.path,
            visit: self.visit,
            left: self.left,
            failed: self.failed,
        }
    }
}

impl<'de, V: Visit> Visitor<'de> for Walk<'_, V> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, number: i64) -> Result<(), E> {
        self.visit.value(self.path, &number.to_string());
        Ok(())
    }

    fn visit_u64<E>(self, number: u64) -> Result<(), E> {
        self.visit.value(self.path, &number.to_string());
        Ok(())
    }

    fn visit_f64<E>(self, number: f64) -> Result<(), E> {
        self.visit.value(self.path, &number.to_string());
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.visit.value(self.path, text);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut access: A) -> Result<(), A::Error> {
        let is_told = match self.entries {
            Entries::All => true,
            Entries::Of(wanted) => wanted == self.path.as_str(),
            Entries::Roots | Entries::Values(_) => false,
        };
        loop {
            self.left.set(limits::LINE_BYTES);
            if is_told {
                let Some(entry) = access.next_element::<Node>()? else {
                    return Ok(());
                };
                self.within().tell_entry(entry)?;
            } else if access.next_element::<IgnoredAny>()?.is_none() {
                return Ok(());
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut access: A) -> Result<(), A::Error> {
        let length = self.path.len();
        let is_told = match self.entries {
            Entries::Values(wanted) => wanted == self.path.as_str(),
            Entries::All | Entries::Of(_) | Entries::Roots => false,
        };
        while let Some(key) = access.next_key::<String>()? {
            if is_told {
                self.left.set(limits::LINE_BYTES);
                let entry = access.next_value::<Node>()?.under(key);
                self.within().tell_entry(entry)?;
                continue;
            }
            if length > 0 {
                self.path.push(BETWEEN_KEYS);
            }
            self.path.push_str(&key);
            if self.path.len() > limits::FIELD_BYTES {
                return Err(A::Error::custom("its keys are longer than any list's"));
            }
            self.left.set(limits::LINE_BYTES);
            access.next_value_seed(self.within())?;
            self.path.truncate(length);
        }
        Ok(())
    }
}

/// A JSON value as far as a table has use for it: its fields in their order, everything that is no container as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Node {
    Text(String),
    List(Vec<Node>),
    Object(Vec<(String, Node)>),
}

impl Node {
    /// The same with the key that it has in an object.
    fn under(self, key: String) -> Node {
        let mut fields = vec![(OWN_KEY.to_owned(), Node::Text(key))];
        match self {
            Node::Object(own) => fields.extend(own),
            Node::Text(_) | Node::List(_) => fields.push((OWN_VALUE.to_owned(), self)),
        }
        Node::Object(fields)
    }
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
pub(super) fn flatten(
    prefix: &str,
    fields: Vec<(String, Node)>,
    sink: &mut impl FnMut(&str, String),
) {
    for (key, node) in fields {
        let key = match prefix {
            "" => key,
            _ => format!("{prefix}{BETWEEN_KEYS}{key}"),
        };
        tell(&key, node, sink);
    }
}

/// The same of a value that stands under `key`.
pub(super) fn tell(key: &str, node: Node, sink: &mut impl FnMut(&str, String)) {
    match node {
        Node::Text(text) => sink(key, text),
        Node::List(nodes) => nodes.into_iter().for_each(|node| tell(key, node, sink)),
        Node::Object(fields) => flatten(key, fields, sink),
    }
}
