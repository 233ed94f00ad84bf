//! Which values of a JSON file are its rows.

use std::io;

use super::walk::{self, Node, Visit};
use super::{BETWEEN_KEYS, Columns, Form, ONLY_COLUMN, OWN_KEY, Picked};
use crate::input::list::names::{self, Claim};
use crate::input::list::shape;
use crate::input::list::table::Trouble;
use crate::model::limits;

/// Parts of the keys under which programs say how an answer goes on, and what they were asked; compared folded.
const ABOUT_THE_ANSWER: &[&str] = &[
    "next",
    "prev",
    "cursor",
    "page",
    "paging",
    "total",
    "count",
    "more",
    "offset",
    "limit",
    "status",
    "success",
    "object",
    "link",
    "url",
    "meta",
    "version",
    "code",
    "error",
    "message",
    "request",
    "size",
    "token",
    "export",
    "generated",
    "result",
    "took",
];

/// What a JSON file holds, as far as it tells which of its values are the rows.
#[derive(Default)]
pub(super) struct Survey {
    /// How many values the file is made of.
    roots: u64,
    /// Whether a value outside of all arrays is an address under the name of one.
    has_own_address: bool,
    /// Whether a value outside of all arrays says something of a person.
    says_more: bool,
    /// The columns, where each value that the file is made of is a row.
    columns: Columns,
    /// The arrays that are within no other.
    arrays: Vec<Array>,
    /// The objects of which several values have an address.
    keyed: Vec<Keyed>,
}

/// An object that may have a key for each contact.
struct Keyed {
    /// The keys that lead to it.
    path: String,
    /// The last of its keys under which an address stands.
    last: String,
    /// How many such keys it has.
    with_address: u64,
    /// What leads on from there to the address.
    behind: String,
    columns: Columns,
}

/// An array within no other.
struct Array {
    /// The keys that lead to it; none to one that is the file.
    path: String,
    columns: Columns,
    /// Entries in which an address stands.
    with_address: u64,
    /// Entries that are arrays: rows of cells, the first of which may name them.
    lists: u64,
}

impl Array {
    /// Whether its name says that it holds the addresses of one contact: `emails`.
    fn is_of_one(&self) -> bool {
        let key = self.path.rsplit(BETWEEN_KEYS).next().unwrap_or_default();
        names::claim(key) != Claim::None
    }
}

impl Visit for Survey {
    fn entry(&mut self, path: &str, entry: Node) -> io::Result<()> {
        let known = self.arrays.iter().position(|array| array.path == path);
        let at = match known {
            Some(at) => at,
            // Of a file with more arrays than that, none is the list.
            None if self.arrays.len() >= limits::JSON_ARRAYS => return Ok(()),
            None => {
                self.arrays.push(Array {
                    path: path.to_owned(),
                    columns: Columns::default(),
                    with_address: 0,
                    lists: 0,
                });
                self.arrays.len() - 1
            }
        };
        let Survey {
            arrays, columns, ..
        } = self;
        let array = &mut arrays[at];
        let is_object = matches!(entry, Node::Object(_));
        array.lists += u64::from(matches!(entry, Node::List(_)));
        let mut has_address = false;
        walk::tell("", entry, &mut |key, text| {
            if is_object {
                array.columns.add(key);
            }
            has_address |= shape::names_address(text.as_bytes());
            match (path, key) {
                ("", _) | (_, "") => columns.add(path),
                _ => columns.add(&format!("{path}{BETWEEN_KEYS}{key}")),
            }
        });
        array.with_address += u64::from(has_address);
        Ok(())
    }

    fn value(&mut self, path: &str, text: &str) {
        if path.is_empty() {
            self.roots += u64::from(text.is_empty());
            return;
        }
        self.columns.add(path);
        let folded = names::fold(path);
        let is_about_the_answer = ABOUT_THE_ANSWER.iter().any(|part| folded.contains(part));
        self.says_more |= !text.trim().is_empty() && !is_about_the_answer;
        let is_address = shape::is_address(text.as_bytes());
        self.has_own_address |= names::claim(path) == Claim::Exact && is_address;
        self.add_keyed(path, is_address);
    }
}

impl Survey {
    /// Whether an object that stands beside others like it wraps a part of a list, and is no row with several values.
    pub(super) fn is_a_page(&self) -> bool {
        let mut lists = self.arrays.iter().filter(|array| array.with_address > 0);
        !self.says_more && lists.any(|array| !array.is_of_one())
    }

    /// Notes a value whose `path` may lead through the key of a contact: `people.u1.email`.
    fn add_keyed(&mut self, path: &str, is_address: bool) {
        let Some((above, behind)) = path.rsplit_once(BETWEEN_KEYS) else {
            return;
        };
        let (above, key) = above.rsplit_once(BETWEEN_KEYS).unwrap_or(("", above));
        let known = self.keyed.iter().position(|keyed| keyed.path == above);
        let at = match known {
            Some(at) => at,
            None if self.keyed.len() >= limits::JSON_ARRAYS => return,
            None => {
                let mut columns = Columns::default();
                columns.add(OWN_KEY);
                self.keyed.push(Keyed {
                    path: above.to_owned(),
                    last: String::new(),
                    with_address: 0,
                    behind: String::new(),
                    columns,
                });
                self.keyed.len() - 1
            }
        };
        let keyed = &mut self.keyed[at];
        keyed.columns.add(behind);
        let is_alike = keyed.with_address == 0 || keyed.behind == behind;
        if is_address && is_alike && keyed.last != key {
            keyed.with_address += 1;
            key.clone_into(&mut keyed.last);
            behind.clone_into(&mut keyed.behind);
        }
    }

    /// The object that has a key for each contact, where the file is one object without a list.
    fn keyed(&mut self) -> Option<Keyed> {
        if self.roots > 1 {
            return None;
        }
        let at = self.keyed.iter().position(|keyed| keyed.with_address > 1)?;
        Some(self.keyed.swap_remove(at))
    }

    /// The columns of the rows, and the array whose entries they are; `None` where each value that the file is made of is
    /// one. `wanted` is the array that the operator names.
    ///
    /// # Errors
    ///
    /// When several arrays could be the list, or none is called as `wanted`.
    pub(super) fn decide(
        mut self,
        wanted: Option<&str>,
    ) -> Result<(Columns, Option<Picked>), Trouble> {
        let path = self.choose(wanted)?;
        let Some(path) = path else {
            return Ok(match self.keyed() {
                Some(Keyed { path, columns, .. }) => {
                    let picked = Picked {
                        array: path,
                        form: Form::Object,
                        others: Vec::new(),
                    };
                    (columns, Some(picked))
                }
                None => (self.columns.or_one(), None),
            });
        };
        let at = self.arrays.iter().position(|array| array.path == path);
        let (mut columns, lists) = match at {
            Some(at) => {
                let array = self.arrays.swap_remove(at);
                (array.columns, array.lists)
            }
            None => (Columns::default(), 0),
        };
        let form = if columns.names.is_empty() && lists > 0 {
            Form::Table
        } else {
            Form::Array
        };
        if columns.names.is_empty() {
            // Texts, which their array has the name for.
            let name = path.rsplit(BETWEEN_KEYS).next();
            columns.add(name.filter(|name| !name.is_empty()).unwrap_or(ONLY_COLUMN));
        }
        let others = self.arrays.iter().filter(|array| array.with_address > 0);
        let others = others.map(|array| array.path.clone()).collect();
        let picked = Picked {
            array: path,
            form,
            others,
        };
        Ok((columns, Some(picked)))
    }

    /// The keys of the array whose entries are the rows.
    fn choose(&self, wanted: Option<&str>) -> Result<Option<String>, Trouble> {
        if self.arrays.iter().any(|array| array.path.is_empty()) {
            return Ok(Some(String::new()));
        }
        let lists: Vec<&Array> = self
            .arrays
            .iter()
            .filter(|array| array.with_address > 0)
            .collect();
        let names = |arrays: &[&Array]| arrays.iter().map(|array| array.path.clone()).collect();
        if let Some(wanted) = wanted
            && !self.arrays.is_empty()
        {
            let found = self.arrays.iter().find(|array| array.path == wanted);
            return match found {
                Some(array) => Ok(Some(array.path.clone())),
                None => Err(Trouble::NoSuchSheet {
                    wanted: wanted.to_owned(),
                    sheets: names(&lists),
                }),
            };
        }
        let is_list = |array: &&&Array| match self.roots {
            // A contact with its addresses, or one with an address of its own beside others.
            0..=1 => {
                let is_one_contact = array.is_of_one() && self.says_more;
                !is_one_contact && (!self.has_own_address || array.with_address > 1)
            }
            2.. => self.is_a_page() && !array.is_of_one(),
        };
        let lists: Vec<&Array> = lists.iter().filter(is_list).copied().collect();
        match lists[..] {
            [] => Ok(None),
            [list] => Ok(Some(list.path.clone())),
            _ => Err(Trouble::Arrays(names(&lists))),
        }
    }
}
