//! Whether every page of a ledger can be read: found out at opening, beside the work where that takes long.

use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

use rusqlite::{Connection, InterruptHandle, OpenFlags, ffi};

use super::LedgerError;
use crate::model::limits;

/// A look through a large ledger that goes on beside the work. It ends with it, and then tells what it found.
pub(super) struct Watch {
    path: PathBuf,
    interrupt: InterruptHandle,
    looking: Option<JoinHandle<rusqlite::Result<()>>>,
}

/// Looks through the ledger at `path`: at once where it is small, else beside the work.
///
/// # Errors
///
/// [`LedgerError::Damaged`].
pub(super) fn check(path: &Path) -> Result<Option<Watch>, LedgerError> {
    let failed = |error| LedgerError::of(path, error);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(failed)?;
    connection
        .busy_timeout(limits::LEDGER_WAIT)
        .map_err(failed)?;
    let is_small = std::fs::metadata(path)
        .is_ok_and(|metadata| metadata.len() <= limits::LEDGER_CHECKED_AT_ONCE);
    if is_small {
        look_through(&connection).map_err(failed)?;
        return Ok(None);
    }
    let interrupt = connection.get_interrupt_handle();
    let looking = std::thread::Builder::new()
        .name("ledger-check".to_owned())
        .spawn(move || look_through(&connection))
        .ok();
    Ok(Some(Watch {
        path: path.to_owned(),
        interrupt,
        looking,
    }))
}

/// `Ok` where every page is sound, as far as the database can tell without looking into its indexes.
fn look_through(connection: &Connection) -> rusqlite::Result<()> {
    let found: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if found == "ok" {
        return Ok(());
    }
    let code = ffi::Error::new(ffi::SQLITE_CORRUPT);
    // Its words may hold several lines.
    let words = found.split_whitespace().collect::<Vec<_>>().join(" ");
    Err(rusqlite::Error::SqliteFailure(code, Some(words)))
}

impl std::fmt::Debug for Watch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watch").finish_non_exhaustive()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.interrupt.interrupt();
        let found = self.looking.take().map(JoinHandle::join);
        if let Some(Ok(Err(error))) = found {
            let error = LedgerError::of(&self.path, error);
            if matches!(error, LedgerError::Damaged { .. }) {
                tracing::error!("{error}");
            }
        }
    }
}
