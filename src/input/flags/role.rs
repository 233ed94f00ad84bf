//! Whether a local part belongs to a function rather than a person.

use foldhash::HashMap;

use super::list::{Change, Entry, ListError, entries};
use super::origin::Origin;
use crate::model::limits::LOCAL_PART_OCTETS;

/// What separates the words of a local part.
const SEPARATORS: [char; 3] = ['.', '-', '_'];

/// How a listed name counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Use {
    /// As the whole local part, or among other names and qualifiers.
    Whole,
    /// As the first word too, whatever follows.
    First,
    /// Beside a name only.
    Qualifier,
}

/// The names of functions, by their letters without separators.
#[derive(Debug, Default)]
pub(super) struct Roles {
    names: HashMap<Box<str>, (Use, Origin)>,
    /// Separate, so that a word can be both (`office`).
    qualifiers: HashMap<Box<str>, (Use, Origin)>,
}

impl Roles {
    /// Takes up a list in the format of `config/role.txt`.
    pub(super) fn take_up(
        &mut self,
        file: &str,
        text: &str,
        origin: impl Fn(&Entry<'_>) -> Origin,
    ) -> Result<(), ListError> {
        for entry in entries(file, text) {
            let entry = entry?;
            let (name, role_use) = if let Some(name) = entry.name.strip_prefix('~') {
                (name, Use::Qualifier)
            } else if let Some(name) = entry.name.strip_suffix('*') {
                (name, Use::First)
            } else {
                (entry.name, Use::Whole)
            };
            if name.contains(['@', '*', '~', '+']) {
                return Err(entry.error(
                    file,
                    "is no name of a function; write the part before the `@` alone",
                ));
            }
            let name = squeezed(&name.to_lowercase());
            let table = match role_use {
                Use::Whole | Use::First => &mut self.names,
                Use::Qualifier => &mut self.qualifiers,
            };
            match entry.change {
                Change::Add => table.insert(name.into(), (role_use, origin(&entry))),
                Change::TakeOut => table.remove(name.as_str()),
            };
        }
        Ok(())
    }

    /// The listed name by which `name` is a function, with where it came from.
    ///
    /// It is one if, digits at the end aside, it is a listed name whole (`no-reply`, `info2`), if its words are all
    /// names and qualifiers (`eu-sales-team`), or if its first word is a name that no person has (`info-berlin`). A
    /// name after another word is none: `anna.sales` and `post.max` are people.
    pub(super) fn find<'a>(&'a self, name: &Name<'_>) -> Option<(&'a str, Origin)> {
        if let Some((name, (_, origin))) = lookup(&self.names, name.squeezed()) {
            return Some((name, origin));
        }
        if !name.has_separators() {
            return None;
        }
        let mut found = None;
        for (at, word) in name.stem.split(SEPARATORS).enumerate() {
            match lookup(&self.names, word) {
                Some((name, (Use::First, origin))) if at == 0 => return Some((name, origin)),
                Some((name, (_, origin))) => found = found.or(Some((name, origin))),
                None if self.qualifiers.contains_key(word) => {}
                None => return None,
            }
        }
        found
    }
}

fn lookup<'a>(
    table: &'a HashMap<Box<str>, (Use, Origin)>,
    word: &str,
) -> Option<(&'a str, (Use, Origin))> {
    table
        .get_key_value(word)
        .map(|(name, &value)| (&**name, value))
}

/// A local part as the lists of names see it.
pub(super) struct Name<'a> {
    /// Without digits at its end, and without the separator before them.
    stem: &'a str,
    /// The stem without separators, where it has some and fits; no list has a longer name.
    squeezed: [u8; LOCAL_PART_OCTETS],
    length: usize,
}

impl<'a> Name<'a> {
    /// Looks at `local` (lower case, without a `+tag`). Takes nothing from the heap: every row passes here.
    pub(super) fn new(local: &'a str) -> Self {
        let is_digit = |byte: &u8| byte.is_ascii_digit();
        let is_separator = |byte: &u8| matches!(byte, b'.' | b'-' | b'_');
        // By bytes: what is cut off is ASCII.
        let without = |text: &'a str, end: &dyn Fn(&u8) -> bool| {
            let kept = text.bytes().rposition(|byte| !end(&byte));
            &text[..kept.map_or(0, |last| last + 1)]
        };
        let stem = without(without(local, &is_digit), &is_separator);
        let mut squeezed = [0; LOCAL_PART_OCTETS];
        let mut length = 0;
        for byte in stem.bytes() {
            if length == LOCAL_PART_OCTETS {
                break;
            }
            // A separator is written over by what follows it: nothing for the processor to guess.
            squeezed[length] = byte;
            length += usize::from(!is_separator(&byte));
        }
        Name {
            stem,
            squeezed,
            length,
        }
    }

    /// The stem without separators.
    pub(super) fn squeezed(&self) -> &str {
        if !self.has_separators() {
            return self.stem;
        }
        std::str::from_utf8(&self.squeezed[..self.length]).unwrap_or(self.stem)
    }

    fn has_separators(&self) -> bool {
        self.length != self.stem.len()
    }
}

/// A listed name without separators.
pub(super) fn squeezed(name: &str) -> String {
    name.replace(SEPARATORS, "")
}
