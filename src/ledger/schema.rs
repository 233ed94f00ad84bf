//! The ledger's tables, made, checked or brought up to date before anything is read.

use std::path::Path;

use rusqlite::Connection;

use super::tables::{APPLICATION, TABLES, VERSION, mark};
use super::{LedgerError, migrate, whole};

/// Makes the ledger at `path`, or checks that there is one of ours of the world `realm`, bringing an older one up to
/// date.
pub(super) fn prepare(path: &Path, realm: &str) -> Result<(), LedgerError> {
    make_folder(path)?;
    keep_private(path);
    let had_log = whole::has_log(path);
    let connection = Connection::open(path).map_err(|error| LedgerError::of(path, error))?;
    connection
        .busy_timeout(crate::model::limits::LEDGER_WAIT)
        .map_err(|error| LedgerError::of(path, error))?;
    match state(&connection, path)? {
        State::Empty => make(&connection, realm).map_err(|error| LedgerError::of(path, error)),
        State::Ours(VERSION) => {
            check_realm(&connection, path, realm)?;
            whole::tell_of_a_missing_log(&connection, path, had_log)
                .map_err(|error| LedgerError::of(path, error))
        }
        State::Ours(1) => {
            check_realm(&connection, path, realm)?;
            migrate::from_1(&connection).map_err(|error| LedgerError::of(path, error))
        }
        State::Ours(found) => Err(LedgerError::Newer {
            path: path.to_owned(),
            found,
            known: VERSION,
        }),
        State::Foreign => Err(LedgerError::NotALedger {
            path: path.to_owned(),
        }),
    }
}

/// Checks that there is a ledger of ours at `path`, of whatever world, bringing an older one up to date.
pub(super) fn find(path: &Path) -> Result<(), LedgerError> {
    if !path.exists() {
        return Err(LedgerError::Missing {
            path: path.to_owned(),
        });
    }
    let had_log = whole::has_log(path);
    let connection = Connection::open(path).map_err(|error| LedgerError::of(path, error))?;
    connection
        .busy_timeout(crate::model::limits::LEDGER_WAIT)
        .map_err(|error| LedgerError::of(path, error))?;
    match state(&connection, path)? {
        State::Ours(VERSION) => whole::tell_of_a_missing_log(&connection, path, had_log)
            .map_err(|error| LedgerError::of(path, error)),
        State::Ours(1) => {
            migrate::from_1(&connection).map_err(|error| LedgerError::of(path, error))
        }
        State::Ours(found) => Err(LedgerError::Newer {
            path: path.to_owned(),
            found,
            known: VERSION,
        }),
        State::Empty | State::Foreign => Err(LedgerError::NotALedger {
            path: path.to_owned(),
        }),
    }
}

/// What a file is.
enum State {
    /// A database without tables: a new one.
    Empty,
    /// A ledger of this schema.
    Ours(i64),
    /// Another program's database.
    Foreign,
}

fn state(connection: &Connection, path: &Path) -> Result<State, LedgerError> {
    let pragma = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let look = || -> rusqlite::Result<(i64, i64, i64)> {
        let tables =
            connection.query_row("SELECT count(*) FROM sqlite_master", [], |row| row.get(0))?;
        Ok((pragma("application_id")?, pragma("user_version")?, tables))
    };
    Ok(
        match look().map_err(|error| LedgerError::of(path, error))? {
            (0, 0, 0) => State::Empty,
            (APPLICATION, version, _) => State::Ours(version),
            _ => State::Foreign,
        },
    )
}

fn make(connection: &Connection, realm: &str) -> rusqlite::Result<()> {
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // Two programs that make the same ledger: the second finds it made.
    connection.execute_batch("BEGIN IMMEDIATE")?;
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_master", [], |row| row.get(0))?;
    if tables == 0 {
        connection.execute_batch(TABLES)?;
        mark(connection)?;
        connection.execute("INSERT INTO about VALUES ('world', ?1)", [realm])?;
    }
    connection.execute_batch("COMMIT")
}

fn check_realm(connection: &Connection, path: &Path, wanted: &str) -> Result<(), LedgerError> {
    let found: String = connection
        .query_row("SELECT value FROM about WHERE what = 'world'", [], |row| {
            row.get(0)
        })
        .map_err(|error| LedgerError::of(path, error))?;
    if found == wanted {
        return Ok(());
    }
    Err(LedgerError::OtherRealm {
        path: path.to_owned(),
        found,
        wanted: wanted.to_owned(),
    })
}

/// Makes the folder for a ledger, for its owner alone where there was none.
fn make_folder(path: &Path) -> Result<(), LedgerError> {
    use std::os::unix::fs::DirBuilderExt;
    let Some(folder) = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    else {
        return Ok(());
    };
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(|error| LedgerError::Folder {
            path: path.to_owned(),
            error,
        })
}

/// The ledger holds personal addresses: it is made readable for its owner alone. `SQLite` gives the files beside it
/// (`-wal`, `-shm`) the same rights.
fn keep_private(path: &Path) {
    use std::os::unix::fs::OpenOptionsExt;
    // A failure shows when the database opens the file. One that is there is not opened: closing it would drop the
    // locks that the database holds in this process.
    let _ = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
}
