//! Writes facts beside the run, in batches at most a second old.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Instant;

use rusqlite::{Connection, params};

use super::LedgerError;
use crate::limits;
use crate::moment::Moment;
use crate::verdict::Fact;

/// A fact on its way into the ledger.
#[derive(Debug)]
enum Entry {
    Address { key: String, fact: Fact },
    Domain { name: String, fact: Fact },
}

/// The writing side of a ledger: a thread with a bounded queue.
#[derive(Debug)]
pub struct Writer {
    entries: Option<SyncSender<Entry>>,
    thread: Option<JoinHandle<Result<(), rusqlite::Error>>>,
    path: PathBuf,
}

impl Writer {
    pub(super) fn start(path: &Path, run_began: Moment) -> Result<Self, LedgerError> {
        let database = |error| LedgerError::Database {
            path: path.to_owned(),
            error,
        };
        let connection = Connection::open(path).map_err(database)?;
        connection
            .busy_timeout(limits::LEDGER_WAIT)
            .map_err(database)?;
        connection
            .pragma_update(None, "synchronous", "NORMAL")
            .map_err(database)?;
        let (sender, receiver) = sync_channel(limits::LEDGER_QUEUE);
        let thread = std::thread::spawn(move || write_all(&connection, &receiver, run_began));
        Ok(Writer {
            entries: Some(sender),
            thread: Some(thread),
            path: path.to_owned(),
        })
    }

    /// Keeps a fact about an address.
    ///
    /// # Errors
    ///
    /// [`LedgerError`] when the ledger cannot be written any more (a full disk, say).
    pub fn address(&mut self, key: String, fact: Fact) -> Result<(), LedgerError> {
        self.send(Entry::Address { key, fact })
    }

    /// Keeps a fact about a domain.
    ///
    /// # Errors
    ///
    /// As [`Writer::address`].
    pub fn domain(&mut self, name: String, fact: Fact) -> Result<(), LedgerError> {
        self.send(Entry::Domain { name, fact })
    }

    fn send(&mut self, entry: Entry) -> Result<(), LedgerError> {
        let sent = self
            .entries
            .as_ref()
            .is_some_and(|entries| entries.send(entry).is_ok());
        if sent {
            return Ok(());
        }
        self.finish_thread()?;
        Err(LedgerError::Writer("its thread is gone".to_owned()))
    }

    /// Writes what is left and closes the ledger for writing.
    ///
    /// # Errors
    ///
    /// [`LedgerError`] when something could not be written.
    pub fn finish(mut self) -> Result<(), LedgerError> {
        self.finish_thread()
    }

    fn finish_thread(&mut self) -> Result<(), LedgerError> {
        self.entries = None;
        match self.thread.take().map(JoinHandle::join) {
            None | Some(Ok(Ok(()))) => Ok(()),
            Some(Ok(Err(error))) => Err(LedgerError::Database {
                path: self.path.clone(),
                error,
            }),
            Some(Err(_)) => Err(LedgerError::Writer("its thread panicked".to_owned())),
        }
    }
}

/// Writes until the other side is done.
fn write_all(
    connection: &Connection,
    entries: &Receiver<Entry>,
    run_began: Moment,
) -> Result<(), rusqlite::Error> {
    while let Ok(first) = entries.recv() {
        let deadline = Instant::now() + limits::LEDGER_BATCH_WAIT;
        connection.execute_batch("BEGIN IMMEDIATE")?;
        write(connection, first, run_began)?;
        for _ in 1..limits::LEDGER_BATCH {
            let left = deadline.saturating_duration_since(Instant::now());
            match entries.recv_timeout(left) {
                Ok(entry) => write(connection, entry, run_began)?,
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
            }
        }
        connection.execute_batch("COMMIT")?;
    }
    Ok(())
}

/// Adds a fact to those of the same run; those of an earlier run give way to it.
fn write(connection: &Connection, entry: Entry, run_began: Moment) -> Result<(), rusqlite::Error> {
    let (query, key, fact) = match entry {
        Entry::Address { key, fact } => (
            "INSERT INTO address VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET at = excluded.at,
             facts = CASE WHEN at >= ?4 THEN facts || char(10) || excluded.facts ELSE excluded.facts END",
            key,
            fact,
        ),
        Entry::Domain { name, fact } => (
            "INSERT INTO domain VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET at = excluded.at,
             facts = CASE WHEN at >= ?4 THEN facts || char(10) || excluded.facts ELSE excluded.facts END",
            name,
            fact,
        ),
    };
    let line = serde_json::to_string(&fact).expect("facts are plain data");
    let at = i64::try_from(fact.at.as_millis()).unwrap_or(i64::MAX);
    let began = i64::try_from(run_began.as_millis()).unwrap_or(i64::MAX);
    connection
        .prepare_cached(query)?
        .execute(params![key, at, line, began])?;
    Ok(())
}
