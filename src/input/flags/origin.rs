//! Where an entry of a list came from.

use super::list::OwnList;

/// The list that an entry is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Origin {
    /// A list that comes with the program, by its file name.
    BuiltIn(&'static str),
    /// The list of the `mailchecker` crate.
    Mailchecker,
    /// A file of the operator's, by its place among them, and the line.
    Own { file: u16, line: u32 },
}

/// The names of the operator's files.
#[derive(Debug, Default)]
pub(super) struct OwnFiles(Vec<Box<str>>);

impl OwnFiles {
    pub(super) fn new(lists: &[OwnList<'_>]) -> Self {
        OwnFiles(lists.iter().map(|list| list.file.into()).collect())
    }

    /// The origin in words.
    pub(super) fn describe(&self, origin: Origin) -> String {
        match origin {
            Origin::BuiltIn(file) => format!("the built-in list {file}"),
            Origin::Mailchecker => "the list of the mailchecker crate".to_owned(),
            Origin::Own { file, line } => {
                let name = self
                    .0
                    .get(usize::from(file))
                    .map_or("your list", |name| name);
                format!("{name}, line {line}")
            }
        }
    }
}
