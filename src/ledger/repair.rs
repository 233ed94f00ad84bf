//! Brings what can be read of a damaged ledger into a new one.

use std::path::Path;

use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags, params_from_iter};

use super::{LedgerError, schema};

/// The tables of a ledger with their keys.
const TABLES: [(&str, &str); 9] = [
    ("address", "key, run, n"),
    ("domain", "name, run, n"),
    ("host", "key"),
    ("strangers", "name"),
    ("waiting", "key"),
    ("run", "id"),
    ("standing", "place, part"),
    ("bounce", "key, id"),
    ("calibration", "segment"),
];

/// What could be brought over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Repaired {
    /// Rows.
    pub rows: u64,
    /// Tables of which not everything could be read.
    pub torn: Vec<&'static str>,
}

/// Copies what can be read of the ledger at `path` into a new one at `to`. Each table is read from both its ends as far
/// as its pages can be read, so that what lies around one damaged page is kept.
///
/// # Errors
///
/// [`LedgerError`] when there is no ledger, something stands at `to`, or that cannot be written.
pub fn repair(path: &Path, to: &Path) -> Result<Repaired, LedgerError> {
    if !path.exists() {
        return Err(LedgerError::Missing {
            path: path.to_owned(),
        });
    }
    if to.exists() {
        return Err(LedgerError::InTheWay {
            path: to.to_owned(),
        });
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let old =
        Connection::open_with_flags(path, flags).map_err(|error| LedgerError::of(path, error))?;
    let says = |what: &str| -> Option<String> {
        old.query_row("SELECT value FROM about WHERE what = ?1", [what], |row| {
            row.get(0)
        })
        .ok()
    };
    schema::prepare(to, &says("world").unwrap_or_else(|| "real".to_owned()))?;
    let failed = |error| LedgerError::of(to, error);
    let mut new = Connection::open(to).map_err(failed)?;
    let transaction = new.transaction().map_err(failed)?;
    if let Some(key) = says("key") {
        transaction
            .execute("UPDATE about SET value = ?1 WHERE what = 'key'", [key])
            .map_err(failed)?;
    }
    let mut repaired = Repaired::default();
    for (table, key) in TABLES {
        let backwards = key
            .split(", ")
            .map(|column| format!("{column} DESC"))
            .collect::<Vec<_>>()
            .join(", ");
        let (rows, is_whole) = copy(&old, &transaction, table, key).map_err(failed)?;
        repaired.rows += rows;
        if !is_whole {
            repaired.torn.push(table);
            let (rows, _) = copy(&old, &transaction, table, &backwards).map_err(failed)?;
            repaired.rows += rows;
        }
    }
    transaction.commit().map_err(failed)?;
    new.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
        .map_err(failed)?;
    Ok(repaired)
}

/// Copies a table in this order until it ends or cannot be read any further. Returns how many rows were new, and
/// whether it was read to its end. Only what concerns the new file is an error.
fn copy(
    old: &Connection,
    new: &Connection,
    table: &str,
    order: &str,
) -> rusqlite::Result<(u64, bool)> {
    let Ok(mut statement) = old.prepare(&format!("SELECT * FROM {table} ORDER BY {order}")) else {
        return Ok((0, false));
    };
    let columns = statement.column_count();
    let places = vec!["?"; columns].join(", ");
    let mut insert = new.prepare(&format!("INSERT OR IGNORE INTO {table} VALUES ({places})"))?;
    let Ok(mut rows) = statement.query([]) else {
        return Ok((0, false));
    };
    let mut copied = 0;
    loop {
        let row = match rows.next() {
            Ok(Some(row)) => row,
            Ok(None) => return Ok((copied, true)),
            Err(_) => return Ok((copied, false)),
        };
        let values: rusqlite::Result<Vec<Value>> = (0..columns).map(|at| row.get(at)).collect();
        if let Ok(values) = values {
            copied += u64::try_from(insert.execute(params_from_iter(values))?).unwrap_or(0);
        }
    }
}
