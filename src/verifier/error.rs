//! Why a verifier cannot answer, with what to change.

use std::fmt;

use super::place::PlaceError;
use super::setup::SetupError;
use crate::input::list::IntakeError;
use crate::ledger::LedgerError;
use crate::verify::VerifyError;

/// Why a verifier cannot answer. Its text says what to change.
///
/// What a mail host does is never an error: silence, a refusal and garbage are answers, and come as a
/// [`Verdict`](crate::Verdict).
#[derive(Clone, Debug)]
pub struct Error {
    kind: ErrorKind,
    words: String,
}

/// What an [`Error`] is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A setting is wrong or missing, such as the sender's address.
    Settings,
    /// The list cannot be read.
    List,
    /// The ledger cannot be used.
    Ledger,
    /// No host can be asked from here: no DNS, port 25 closed.
    CannotAsk,
    /// A fault of ours ended the run. What was learned until then is kept.
    Fault,
}

impl Error {
    pub(super) fn new(kind: ErrorKind, words: impl Into<String>) -> Self {
        let words = words.into();
        Error { kind, words }
    }

    /// What is said of work whose thread is gone.
    pub(crate) fn broken_off() -> Self {
        Error::new(
            ErrorKind::Fault,
            "the run broke off by a fault of presend; what was learned until then is kept",
        )
    }

    /// What it is about.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words)
    }
}

impl std::error::Error for Error {}

impl From<SetupError> for Error {
    fn from(error: SetupError) -> Self {
        let kind = match &error {
            SetupError::NoSender
            | SetupError::Names { .. }
            | SetupError::NotOurs(_)
            | SetupError::NoName => ErrorKind::Settings,
            SetupError::Proxy { .. } | SetupError::NoServers(_) => ErrorKind::CannotAsk,
        };
        Error::new(kind, error.to_string())
    }
}

impl From<PlaceError> for Error {
    fn from(error: PlaceError) -> Self {
        Error::new(ErrorKind::Settings, error.to_string())
    }
}

impl From<IntakeError> for Error {
    fn from(error: IntakeError) -> Self {
        Error::new(ErrorKind::List, error.to_string())
    }
}

impl From<LedgerError> for Error {
    fn from(error: LedgerError) -> Self {
        Error::new(ErrorKind::Ledger, error.to_string())
    }
}

impl From<VerifyError> for Error {
    fn from(error: VerifyError) -> Self {
        match error {
            VerifyError::List(error) => error.into(),
            VerifyError::Ledger(error) => error.into(),
            VerifyError::Output(error) => Error::new(ErrorKind::Fault, error.to_string()),
            VerifyError::Spill(error) => Error::new(ErrorKind::Fault, error.to_string()),
            VerifyError::Engine(error) => Error::new(ErrorKind::Fault, error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_says_what_to_change() {
        insta::assert_snapshot!(Error::broken_off(), @"the run broke off by a fault of presend; what was learned until then is kept");
    }
}
