//! The ledger's tables, made or checked before anything is read.

use std::path::Path;

use rusqlite::{Connection, ErrorCode};

use super::LedgerError;

/// Marks the file as ours (`PRAGMA application_id`): the letters `pSnd`.
const APPLICATION: i64 = 0x7053_6e64;

/// The schema that this program writes.
const VERSION: i64 = 1;

const TABLES: &str = "
    CREATE TABLE address (key TEXT PRIMARY KEY, at INTEGER NOT NULL, facts TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE domain (name TEXT PRIMARY KEY, at INTEGER NOT NULL, facts TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE about (what TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
";

/// Makes the ledger at `path`, or checks that there is one of ours of the world `realm`.
pub(super) fn prepare(path: &Path, realm: &str) -> Result<(), LedgerError> {
    if let Some(folder) = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    {
        std::fs::create_dir_all(folder).map_err(|error| LedgerError::Folder {
            path: path.to_owned(),
            error,
        })?;
    }
    keep_private(path);
    let connection = Connection::open(path).map_err(|error| failure(path, error))?;
    connection
        .busy_timeout(crate::limits::LEDGER_WAIT)
        .map_err(|error| failure(path, error))?;
    let pragma = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let application = pragma("application_id").map_err(|error| failure(path, error))?;
    let version = pragma("user_version").map_err(|error| failure(path, error))?;
    let tables: i64 = connection
        .query_row("SELECT count(*) FROM sqlite_master", [], |row| row.get(0))
        .map_err(|error| failure(path, error))?;
    match (application, version, tables) {
        (0, 0, 0) => make(&connection, realm).map_err(|error| failure(path, error)),
        (APPLICATION, VERSION, _) => check_realm(&connection, path, realm),
        (APPLICATION, found, _) => Err(LedgerError::Newer {
            path: path.to_owned(),
            found,
            known: VERSION,
        }),
        _ => Err(LedgerError::NotALedger {
            path: path.to_owned(),
        }),
    }
}

fn make(connection: &Connection, realm: &str) -> rusqlite::Result<()> {
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.execute_batch(&format!(
        "BEGIN; {TABLES} PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {VERSION};"
    ))?;
    connection.execute("INSERT INTO about VALUES ('world', ?1)", [realm])?;
    connection.execute_batch("COMMIT")
}

fn check_realm(connection: &Connection, path: &Path, wanted: &str) -> Result<(), LedgerError> {
    let found: String = connection
        .query_row("SELECT value FROM about WHERE what = 'world'", [], |row| {
            row.get(0)
        })
        .map_err(|error| failure(path, error))?;
    if found == wanted {
        return Ok(());
    }
    Err(LedgerError::OtherRealm {
        path: path.to_owned(),
        found,
        wanted: wanted.to_owned(),
    })
}

/// The ledger holds people's addresses: it is made readable for its owner alone.
fn keep_private(path: &Path) {
    use std::os::unix::fs::OpenOptionsExt;
    // A failure shows when the database opens the file.
    let _ = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path);
}

fn failure(path: &Path, error: rusqlite::Error) -> LedgerError {
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => LedgerError::NotALedger {
            path: path.to_owned(),
        },
        _ => LedgerError::Database {
            path: path.to_owned(),
            error,
        },
    }
}
