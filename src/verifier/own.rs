//! Files of the operator's own: rules for reading replies, lists.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use thiserror::Error;

use crate::input::flags::{ListError, ListKind, Lists, OwnList};
use crate::model::provider::Providers;
use crate::smtp::rules::{Book, BookError};

/// Why a file of the operator's cannot be used.
#[derive(Debug, Error)]
pub enum OwnError {
    /// It cannot be read.
    #[error("cannot read the {what} {name}: {error}; check the path and its permissions")]
    Unreadable {
        /// What it should be.
        what: &'static str,
        /// Its path, as it was given.
        name: String,
        /// What the system says.
        error: std::io::Error,
    },
    /// A rule in it.
    #[error(transparent)]
    Rules(#[from] BookError),
    /// A line of a list.
    #[error(transparent)]
    List(#[from] ListError),
}

/// The rule book, with the rules of the operator's file first.
///
/// # Errors
///
/// When the file cannot be read, or the first rule in it that cannot be used.
pub fn rules(file: Option<&Path>) -> Result<Book, OwnError> {
    let Some(file) = file else {
        return Ok(Book::built_in());
    };
    let (name, text) = read("rules", file)?;
    Ok(Book::with_operator_rules(&text, &name)?)
}

/// The lists that come with the program, with a newer one of disposable domains beside ours where there is an `update`,
/// changed by the operator's `own` in their order.
///
/// # Errors
///
/// When a file cannot be read, or the first line that cannot be used.
pub fn lists(
    providers: Arc<Providers>,
    update: Option<OwnList<'_>>,
    own: &[(ListKind, PathBuf)],
) -> Result<Lists, OwnError> {
    let texts = own
        .iter()
        .map(|(kind, file)| read("list", file).map(|(name, text)| (*kind, name, text)))
        .collect::<Result<Vec<_>, OwnError>>()?;
    let own: Vec<OwnList<'_>> = texts
        .iter()
        .map(|(kind, file, text)| OwnList {
            kind: *kind,
            file,
            text,
        })
        .collect();
    Ok(Lists::with_update(providers, update, &own)?)
}

/// The name and the text of a file.
///
/// # Errors
///
/// When it cannot be read; `what` says in the error what it should be.
pub fn read(what: &'static str, file: &Path) -> Result<(String, String), OwnError> {
    let name = file.display().to_string();
    match std::fs::read_to_string(file) {
        Ok(text) => Ok((name, text)),
        Err(error) => Err(OwnError::Unreadable { what, name, error }),
    }
}
