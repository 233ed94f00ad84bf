//! Why a ledger cannot be used, with what to change.

use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

use crate::model::text::tame;
use crate::model::timestamp::Timestamp;

/// Why a ledger cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The file is something else.
    #[error("{path} is not a ledger of presend; name another file with --ledger")]
    NotALedger {
        /// The file that was named.
        path: PathBuf,
    },
    /// There is no such file.
    #[error("there is no ledger at {path}; name the file with --ledger")]
    Missing {
        /// The file that was named.
        path: PathBuf,
    },
    /// The file was written by a later version.
    #[error(
        "{path} was written by a newer presend (schema {found}, this program knows {known}); update presend or name another file with --ledger"
    )]
    Newer {
        /// The ledger's file.
        path: PathBuf,
        /// The schema of the file.
        found: i64,
        /// The newest schema that this program knows.
        known: i64,
    },
    /// The file belongs to another world.
    #[error(
        "{path} holds facts of another world ({}, not {wanted}); name another file with --ledger",
        tame(.found)
    )]
    OtherRealm {
        /// The ledger's file.
        path: PathBuf,
        /// The world that its facts are of.
        found: String,
        /// The one of this run.
        wanted: String,
    },
    /// Another process is using it.
    #[error("the ledger {path} is in use{}", by(.holder.as_ref()))]
    InUse {
        /// The ledger's file.
        path: PathBuf,
        /// That process, where it is known.
        holder: Option<Holder>,
    },
    /// The folder for it cannot be made.
    #[error(
        "cannot make the folder for the ledger {path}: {error}; name another file with --ledger"
    )]
    Folder {
        /// The ledger's file.
        path: PathBuf,
        /// The system's words.
        error: std::io::Error,
    },
    /// No room is left for it.
    #[error(
        "no room is left on the disk of the ledger {path}; what was learned until now is kept: make room and run the \
         same command again, or name a file elsewhere with --ledger"
    )]
    Full {
        /// The ledger's file.
        path: PathBuf,
    },
    /// It may not be written.
    #[error(
        "the ledger {path} cannot be written (a read-only disk, or somebody else's file); name another file with --ledger"
    )]
    ReadOnly {
        /// The ledger's file.
        path: PathBuf,
    },
    /// The address or domain to be forgotten is still named in a file beside it.
    #[error(
        "who was to be forgotten is gone from {path}, but is still named in {files}; remove these files, then run the same command again"
    )]
    StillNamed {
        /// The ledger's file.
        path: PathBuf,
        /// The files that name it, joined for display.
        files: String,
    },
    /// Its bytes are damaged.
    #[error(
        "the ledger {path} is damaged ({error}); `presend ledger repair --ledger {path}` brings what can be read into a new file, or \
         move it away and a new one is begun"
    )]
    Damaged {
        /// The ledger's file.
        path: PathBuf,
        /// The database's words.
        error: rusqlite::Error,
    },
    /// Something stands where a repaired ledger would be written.
    #[error("{path} is there already; move it away, or name another file with --to")]
    InTheWay {
        /// Which file.
        path: PathBuf,
    },
    /// The database failed.
    #[error("the ledger {path} cannot be used: {error}; name another file with --ledger")]
    Database {
        /// The ledger's file.
        path: PathBuf,
        /// The database's words.
        error: rusqlite::Error,
    },
    /// The thread that writes it is gone.
    #[error(
        "the ledger stopped writing: {0}; what was learned until then is kept: run the same command again"
    )]
    Writer(String),
}

/// The process that holds something that only one may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Its process id.
    pub process: u32,
    /// The time since which it holds it.
    pub since: Timestamp,
    /// What it works on.
    pub work: String,
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "process {} since {} ({})",
            self.process,
            self.since,
            tame(&self.work)
        )
    }
}

fn by(holder: Option<&Holder>) -> String {
    match holder {
        Some(holder) => format!(" by {holder}; wait until it has ended"),
        None => " by another program; wait until it has ended".to_owned(),
    }
}

impl LedgerError {
    /// What a failure of the database means to the operator.
    pub(super) fn of(path: &Path, error: rusqlite::Error) -> Self {
        let path = path.to_owned();
        match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => LedgerError::NotALedger { path },
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                LedgerError::InUse { path, holder: None }
            }
            Some(ErrorCode::DiskFull) => LedgerError::Full { path },
            Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
                LedgerError::ReadOnly { path }
            }
            Some(ErrorCode::DatabaseCorrupt) => LedgerError::Damaged { path, error },
            _ => LedgerError::Database { path, error },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::error_texts::error_texts;

    #[test]
    fn every_error_says_what_to_change() {
        let path = || PathBuf::from("ledger.db");
        let holder = Holder {
            process: 4711,
            since: Timestamp::from_millis(1_700_000_000_000),
            work: "presend verify leads.csv".to_owned(),
        };
        let texts = error_texts!(LedgerError {
            NotALedger { path: path() },
            Missing { path: path() },
            Newer { path: path(), found: 99, known: 7 },
            OtherRealm { path: path(), found: "world.toml".to_owned(), wanted: "the internet".to_owned() },
            InUse { path: path(), holder: Some(holder) },
            Folder { path: path(), error: std::io::ErrorKind::PermissionDenied.into() },
            Full { path: path() },
            ReadOnly { path: path() },
            StillNamed { path: path(), files: "ledger.db.damaged".to_owned() },
            Damaged { path: path(), error: rusqlite::Error::InvalidQuery },
            InTheWay { path: "ledger.db.repaired".into() },
            Database { path: path(), error: rusqlite::Error::InvalidQuery },
            Writer("its thread is gone".to_owned()),
        });
        insta::assert_snapshot!(texts, @r"
        ledger.db is not a ledger of presend; name another file with --ledger
        there is no ledger at ledger.db; name the file with --ledger
        ledger.db was written by a newer presend (schema 99, this program knows 7); update presend or name another file with --ledger
        ledger.db holds facts of another world (world.toml, not the internet); name another file with --ledger
        the ledger ledger.db is in use by process 4711 since 2023-11-14T22:13:20Z (presend verify leads.csv); wait until it has ended
        cannot make the folder for the ledger ledger.db: permission denied; name another file with --ledger
        no room is left on the disk of the ledger ledger.db; what was learned until now is kept: make room and run the same command again, or name a file elsewhere with --ledger
        the ledger ledger.db cannot be written (a read-only disk, or somebody else's file); name another file with --ledger
        who was to be forgotten is gone from ledger.db, but is still named in ledger.db.damaged; remove these files, then run the same command again
        the ledger ledger.db is damaged (Query is not read-only); `presend ledger repair --ledger ledger.db` brings what can be read into a new file, or move it away and a new one is begun
        ledger.db.repaired is there already; move it away, or name another file with --to
        the ledger ledger.db cannot be used: Query is not read-only; name another file with --ledger
        the ledger stopped writing: its thread is gone; what was learned until then is kept: run the same command again
        ");
        let unknown = LedgerError::InUse {
            path: path(),
            holder: None,
        };
        insta::assert_snapshot!(unknown, @"the ledger ledger.db is in use by another program; wait until it has ended");
    }
}
