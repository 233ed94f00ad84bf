//! What a verifier is asked about: addresses, or a file of any kind that holds some.

use std::io::Read;
use std::path::Path;

use super::error::Error;
use crate::input::list::{ColumnChoice, Options, Source};

/// A list to verify.
///
/// ```
/// use presend::List;
///
/// let typed = List::of(["anna@example.org", "Bernd <bernd@example.org>"]);
/// let file = List::file("sample_lists/leads.csv")?.column("Email");
/// # Ok::<(), presend::Error>(())
/// ```
pub struct List(pub(super) Kind);

/// Where the rows of a list are.
pub(super) enum Kind {
    /// Each text is a row.
    Texts(Vec<String>),
    /// In a file.
    Source(Box<Source>, Options),
}

impl List {
    /// Addresses, each a row: any text that a cell of a list may hold, such as `Anna <anna@example.org>`.
    pub fn of<T: Into<String>>(addresses: impl IntoIterator<Item = T>) -> List {
        let texts = addresses.into_iter().map(Into::into);
        List(Kind::Texts(texts.collect()))
    }

    /// A file: CSV, TSV, one address a line, a spreadsheet, vCards, JSON, also compressed. It must not change until the
    /// run is over.
    ///
    /// # Errors
    ///
    /// When it cannot be opened, or is no list.
    pub fn file(path: impl AsRef<Path>) -> Result<List, Error> {
        let source = Source::open(path.as_ref())?;
        Ok(List(Kind::Source(Box::new(source), Options::default())))
    }

    /// The same from any reader, which is read to its end into a temporary file.
    ///
    /// # Errors
    ///
    /// When it cannot be read, or is empty.
    pub fn read(from: impl Read) -> Result<List, Error> {
        let source = Source::spool("the list".to_owned(), from)?;
        Ok(List(Kind::Source(Box::new(source), Options::default())))
    }

    /// Reads the addresses of a file from this column, by its name or its number from 1. Without, it is found by what
    /// the cells hold.
    #[must_use]
    pub fn column(mut self, name: &str) -> List {
        if let Kind::Source(_, options) = &mut self.0 {
            let Ok(column): Result<ColumnChoice, std::convert::Infallible> = name.parse();
            options.column = column;
        }
        self
    }
}
