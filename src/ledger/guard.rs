//! Locks on a ledger: runs share it, what rewrites the file wants it alone.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension};

use super::LedgerError;
use super::error::Holder;
use super::row::moment;
use crate::model::limits;

/// Held while a ledger is in use. The lock belongs to the open file, so the system lets it go with its holder.
#[derive(Debug)]
pub(super) struct Guard {
    _file: Option<File>,
}

/// Uses a ledger beside others.
pub(super) fn share(path: &Path) -> Result<Guard, LedgerError> {
    let Some(file) = open(path) else {
        // Where no file can be made, nothing can be rewritten either.
        return Ok(Guard { _file: None });
    };
    // Some have it alone for a moment only.
    for _ in 0..limits::LEDGER_GUARD_TRIES {
        match file.try_lock_shared() {
            Ok(()) | Err(TryLockError::Error(_)) => return Ok(Guard { _file: Some(file) }),
            Err(TryLockError::WouldBlock) => std::thread::sleep(limits::LEDGER_ASK_AGAIN),
        }
    }
    Err(LedgerError::InUse {
        path: path.to_owned(),
        holder: None,
    })
}

/// Uses a ledger alone. What runs use it at present is said.
pub(super) fn alone(path: &Path, connection: &Connection) -> Result<Guard, LedgerError> {
    let Some(file) = open(path) else {
        return Err(LedgerError::ReadOnly {
            path: path.to_owned(),
        });
    };
    match file.try_lock() {
        Ok(()) | Err(TryLockError::Error(_)) => Ok(Guard { _file: Some(file) }),
        Err(TryLockError::WouldBlock) => Err(LedgerError::InUse {
            path: path.to_owned(),
            holder: running(connection),
        }),
    }
}

fn open(path: &Path) -> Option<File> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(PathBuf::from(name))
        .ok()
}

/// The run that began last and has not ended.
fn running(connection: &Connection) -> Option<Holder> {
    connection
        .query_row(
            "SELECT process, attempt, list FROM run WHERE ended IS NULL ORDER BY id DESC LIMIT 1",
            [],
            |row| {
                Ok(Holder {
                    process: row.get(0)?,
                    since: moment(row.get(1)?),
                    work: format!("verify {}", row.get::<_, String>(2)?),
                })
            },
        )
        .optional()
        .ok()
        .flatten()
}
