//! Whether a local part belongs to a function rather than a person.

use std::borrow::Cow;
use std::collections::HashMap;

use super::list::{Change, Entry, ListError, entries};
use super::origin::Origin;

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
            let name = squeezed(&name.to_lowercase()).into_owned();
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

    /// The listed name by which `local` (lower case, without a `+tag`) is a function, with where it came from.
    ///
    /// It is one if, digits at the end aside, it is a listed name whole (`no-reply`, `info2`), if its words are all names
    /// and qualifiers (`eu-sales-team`), or if its first word is a name that is nobody's (`info-berlin`). A name after
    /// another word is none: `anna.sales` and `post.max` are people.
    pub(super) fn find<'a>(&'a self, local: &str) -> Option<(&'a str, Origin)> {
        let stem = stem(local);
        if let Some(found) = lookup(&self.names, &squeezed(stem)) {
            return Some((found.0, found.1.1));
        }
        if !stem.contains(SEPARATORS) {
            return None;
        }
        let first = stem.split(SEPARATORS).next().unwrap_or(stem);
        if let Some((name, (Use::First, origin))) = lookup(&self.names, first) {
            return Some((name, origin));
        }
        let mut found = None;
        for word in stem.split(SEPARATORS) {
            match lookup(&self.names, word) {
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

/// The local part without digits at its end, and without the separator before them.
pub(super) fn stem(local: &str) -> &str {
    local
        .trim_end_matches(|c: char| c.is_ascii_digit())
        .trim_end_matches(SEPARATORS)
}

/// The name without separators.
pub(super) fn squeezed(name: &str) -> Cow<'_, str> {
    if name.contains(SEPARATORS) {
        return Cow::Owned(name.replace(SEPARATORS, ""));
    }
    Cow::Borrowed(name)
}
