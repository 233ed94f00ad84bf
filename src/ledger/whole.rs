//! One file: after a normal end everything is in the ledger itself, nothing in files beside it.
//!
//! While it is written, the newest pages are in the write-ahead log. A ledger that is copied without it, or that loses
//! it, lacks what was learned last without a word from the database: so a run leaves a mark in the ledger that it takes
//! away when it ends.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension};

use super::guard;
use super::writer::connect;

/// What the mark is called among what a ledger says of itself.
const MARK: &str = "log";

/// A file of the database beside a ledger.
pub(super) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

/// Marks that from here on the ledger is whole only together with its log. The mark itself goes where it is found.
pub(super) fn begin(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute("INSERT OR REPLACE INTO about VALUES (?1, 'needed')", [MARK])?;
    checkpoint(connection)
}

/// Brings what the log holds into the ledger, as far as no reader needs older pages.
fn checkpoint(connection: &Connection) -> rusqlite::Result<()> {
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
}

/// What a program that ends has done to a ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// A run, which left its mark.
    Run,
    /// Anything else.
    Look,
}

/// Brings everything into the ledger once no other process is at work on it. Where that fails, the files beside it
/// stay, and hold it.
pub(super) fn end(path: &Path, of: Use) {
    if !has_log(path) {
        return;
    }
    let Ok(connection) = connect(path) else {
        return;
    };
    if of == Use::Run {
        let _ = take_mark_away(&connection);
    }
    // The last connection that may write brings the log in when it closes, and takes it away.
    drop(connection);
}

fn take_mark_away(connection: &Connection) -> rusqlite::Result<()> {
    connection
        .execute("DELETE FROM about WHERE what = ?1", [MARK])
        .map(drop)
}

/// Whether a log is there that the ledger may need: to be asked before a database is opened, which makes one.
pub(super) fn has_log(path: &Path) -> bool {
    beside(path, "-wal").exists()
}

/// Tells of a log that is missing, once.
pub(super) fn tell_of_a_missing_log(
    connection: &Connection,
    path: &Path,
    had_log: bool,
) -> rusqlite::Result<()> {
    let mark: Option<String> = connection
        .query_row("SELECT value FROM about WHERE what = ?1", [MARK], |row| {
            row.get(0)
        })
        .optional()?;
    if mark.is_none() {
        return Ok(());
    }
    if had_log {
        // Its run goes on, or it was killed and the database has just read the log.
        return match guard::alone(path, connection) {
            Ok(_guard) => take_mark_away(connection),
            Err(_) => Ok(()),
        };
    }
    let ledger = path.display();
    tracing::warn!(
        "the ledger {ledger} was in use when it was copied or when its run was killed, and its log ({ledger}-wal) is missing: \
         what was learned last is lost, and asked again; if you still have that file, put it back beside the ledger first"
    );
    take_mark_away(connection)
}
