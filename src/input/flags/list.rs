//! The text format of lists: one entry a line.
//!
//! ```text
//! # a comment, or an empty line
//! name      adds
//! +name     adds too
//! -name     takes out what another list has put in
//! ```

use thiserror::Error;

/// Which list an operator's file belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ListKind {
    /// Names of functions, in the format of `config/role.txt`.
    Role,
    /// Domains with their subdomains.
    Disposable,
    /// Domains that give mailboxes to the general public.
    Free,
    /// Domains with their subdomains, and local parts written with an `@` at the end (`bait@`).
    Trap,
}

/// A file of the operator's that adds to a list or takes out of it.
#[derive(Clone, Copy, Debug)]
pub struct OwnList<'a> {
    /// The list it changes.
    pub kind: ListKind,
    /// Its name, for messages and sources.
    pub file: &'a str,
    /// What it says.
    pub text: &'a str,
}

/// A line of a list that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{file}, line {line}: `{entry}` {what}")]
pub struct ListError {
    /// The file's name.
    pub file: String,
    /// The line, counted from one.
    pub line: u32,
    /// What stands there.
    pub entry: String,
    /// What is wrong, and what to change.
    pub what: &'static str,
}

/// Whether a line adds or takes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Add,
    TakeOut,
}

/// One line that says something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry<'a> {
    pub change: Change,
    pub name: &'a str,
    /// Counted from one.
    pub line: u32,
}

/// The entries of a list in order.
pub(super) fn entries<'a>(
    file: &'a str,
    text: &'a str,
) -> impl Iterator<Item = Result<Entry<'a>, ListError>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let numbered = (1..).zip(text.lines());
    numbered.filter_map(move |(line, text)| {
        let said = text.split('#').next().unwrap_or(text).trim();
        if said.is_empty() {
            return None;
        }
        let (change, name) = match said.strip_prefix('-') {
            Some(name) => (Change::TakeOut, name.trim_start()),
            None => (
                Change::Add,
                said.strip_prefix('+').unwrap_or(said).trim_start(),
            ),
        };
        let fault = |what| ListError {
            file: file.to_owned(),
            line,
            entry: said.to_owned(),
            what,
        };
        if name.is_empty() {
            return Some(Err(fault(
                "names nothing; write a name after the sign, or delete the line",
            )));
        }
        if name.contains(char::is_whitespace) || name.contains([',', ';']) {
            return Some(Err(fault("is not one name; write one name a line")));
        }
        Some(Ok(Entry { change, name, line }))
    })
}

impl Entry<'_> {
    /// The error of this line.
    pub(super) fn error(&self, file: &str, what: &'static str) -> ListError {
        ListError {
            file: file.to_owned(),
            line: self.line,
            entry: self.name.to_owned(),
            what,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_adds_or_takes_out() {
        let text = "\u{feff}# a list\n\nfirst\n+ second # why\r\n-third\n";
        let read: Vec<_> = entries("mine.txt", text).map(Result::unwrap).collect();
        let entry = |change, name, line| Entry { change, name, line };
        assert_eq!(
            read,
            [
                entry(Change::Add, "first", 3),
                entry(Change::Add, "second", 4),
                entry(Change::TakeOut, "third", 5)
            ]
        );
    }

    #[test]
    fn a_bad_line_is_named_with_what_to_change() {
        for (text, message) in [
            (
                "ok\ntwo words",
                "mine.txt, line 2: `two words` is not one name; write one name a line",
            ),
            (
                "a.de,b.de",
                "mine.txt, line 1: `a.de,b.de` is not one name; write one name a line",
            ),
            (
                "-",
                "mine.txt, line 1: `-` names nothing; write a name after the sign, or delete the line",
            ),
        ] {
            let error = entries("mine.txt", text).find_map(Result::err).unwrap();
            assert_eq!(error.to_string(), message);
        }
    }
}
