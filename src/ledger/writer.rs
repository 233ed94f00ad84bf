//! Writes facts beside the run, in batches at most a second old.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, params};

use super::row::{self, Kept, Table};
use super::{Clock, LedgerError, Lifetimes, known};
use crate::model::limits;
use crate::model::reading::Reading;
use crate::model::timestamp::Timestamp;
use crate::model::verdict::Finding;
use crate::probe::{Asked, KnownDomain, KnownHost};

/// Something on its way into the ledger.
#[derive(Debug)]
enum Entry {
    Fact {
        table: Table,
        key: String,
        kept: Kept,
    },
    Host {
        key: String,
        known: KnownHost,
        at: Timestamp,
    },
    CatchAll {
        name: String,
        known: KnownDomain,
    },
    Clock {
        key: String,
        clock: Clock,
    },
    TakenBack {
        table: Table,
        key: String,
        reading: Reading,
        at: Timestamp,
    },
    /// Done when everything before it can be read.
    Then(Then),
}

/// What is done when something is written.
struct Then(Box<dyn FnOnce() + Send>);

impl std::fmt::Debug for Then {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Then")
    }
}

/// How much is on its way into a ledger.
#[derive(Clone, Debug, Default)]
pub struct Backlog(Arc<AtomicUsize>);

impl Backlog {
    /// Whether it is so much that nothing new is better begun.
    #[must_use]
    pub fn is_long(&self) -> bool {
        self.0.load(Ordering::Relaxed) >= limits::LEDGER_QUEUE
    }
}

/// When what is handed in is committed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Commit {
    /// Many at a time, beside the run.
    #[default]
    Gathered,
    /// Before [`Writer::then`] returns: in simulated time, so that what is done then does not depend on how fast the disk
    /// is.
    AtOnce,
}

impl Commit {
    /// How long further facts are waited for.
    fn wait(self) -> Duration {
        match self {
            Commit::Gathered => limits::LEDGER_BATCH_WAIT,
            Commit::AtOnce => Duration::ZERO,
        }
    }
}

/// The writing side of a ledger: a thread with a queue.
///
/// Facts are gathered in memory and written in one transaction, so that another run waits for the writing only, never
/// for the gathering. Whoever hands in a fact never waits, be the disk ever so slow: it is for those who take up new
/// addresses to look at the [`Backlog`]. What is under way then comes to an end, which bounds the queue.
#[derive(Debug)]
pub struct Writer {
    entries: Option<Sender<Entry>>,
    backlog: Backlog,
    commit: Commit,
    thread: Option<JoinHandle<Result<(), rusqlite::Error>>>,
    path: PathBuf,
}

/// Whether earlier runs left facts that new ones may make superfluous.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Past {
    /// Nothing was there before.
    Empty,
    /// There may be facts of earlier runs.
    Present,
}

impl Writer {
    pub(super) fn start(
        path: &Path,
        run: Timestamp,
        past: Past,
        commit: Commit,
    ) -> Result<Self, LedgerError> {
        let connection = connect(path)?;
        let (sender, receiver) = channel();
        let backlog = Backlog::default();
        let pen = Pen {
            connection,
            run,
            past,
            commit,
            backlog: backlog.clone(),
        };
        let thread = std::thread::Builder::new()
            .name("ledger".to_owned())
            .spawn(move || pen.write_all(&receiver))
            .map_err(|error| LedgerError::Writer(error.to_string()))?;
        Ok(Writer {
            entries: Some(sender),
            backlog,
            commit,
            thread: Some(thread),
            path: path.to_owned(),
        })
    }

    /// Keeps a fact about an address.
    ///
    /// # Errors
    ///
    /// [`LedgerError`] when the ledger cannot be written any more (a full disk, say).
    pub fn address(&mut self, key: String, kept: impl Into<Kept>) -> Result<(), LedgerError> {
        self.send(Entry::Fact {
            table: Table::Address,
            key,
            kept: kept.into(),
        })
    }

    /// Keeps a fact about a domain.
    ///
    /// # Errors
    ///
    /// As [`Writer::address`].
    pub fn domain(&mut self, name: String, kept: impl Into<Kept>) -> Result<(), LedgerError> {
        self.send(Entry::Fact {
            table: Table::Domain,
            key: name,
            kept: kept.into(),
        })
    }

    /// Keeps what was learned of a host.
    ///
    /// # Errors
    ///
    /// As [`Writer::address`].
    pub fn host(
        &mut self,
        key: String,
        known: KnownHost,
        at: Timestamp,
    ) -> Result<(), LedgerError> {
        self.send(Entry::Host { key, known, at })
    }

    /// Keeps what was learned of a domain's decoy.
    ///
    /// # Errors
    ///
    /// As [`Writer::address`].
    pub fn catch_all(&mut self, name: String, known: KnownDomain) -> Result<(), LedgerError> {
        self.send(Entry::CatchAll { name, known })
    }

    /// Keeps an address's clock, after the fact that started it. The next fact about the address stops it.
    ///
    /// # Errors
    ///
    /// As [`Writer::address`].
    pub fn clock(&mut self, key: String, clock: Clock) -> Result<(), LedgerError> {
        self.send(Entry::Clock { key, clock })
    }

    /// Takes back the last answer about an address in this run, after the fact that says so: the same reply, read anew.
    ///
    /// # Errors
    ///
    /// As [`Writer::address`].
    pub fn take_back(
        &mut self,
        asked: Asked,
        reading: Reading,
        at: Timestamp,
    ) -> Result<(), LedgerError> {
        let (table, key) = match asked {
            Asked::Address(key) => (Table::Address, key),
            Asked::Decoy(domain) => (Table::Domain, domain),
        };
        self.send(Entry::TakenBack {
            table,
            key: key.into(),
            reading,
            at,
        })
    }

    /// Does something when everything before it can be read in the ledger.
    ///
    /// # Errors
    ///
    /// As [`Writer::address`].
    pub fn then(&mut self, what: impl FnOnce() + Send + 'static) -> Result<(), LedgerError> {
        match self.commit {
            Commit::Gathered => self.send(Entry::Then(Then(Box::new(what)))),
            Commit::AtOnce => {
                let (done, is_done) = channel();
                let and_say_so = move || {
                    what();
                    // Whoever waits for it is there until then.
                    let _ = done.send(());
                };
                self.send(Entry::Then(Then(Box::new(and_say_so))))?;
                // Where it cannot be written, that is said when something is handed in next.
                let _ = is_done.recv();
                Ok(())
            }
        }
    }

    /// What is on its way.
    #[must_use]
    pub fn backlog(&self) -> Backlog {
        self.backlog.clone()
    }

    fn send(&mut self, entry: Entry) -> Result<(), LedgerError> {
        self.backlog.0.fetch_add(1, Ordering::Relaxed);
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
            Some(Ok(Err(error))) => Err(LedgerError::of(&self.path, error)),
            Some(Err(_)) => Err(LedgerError::Writer("its thread panicked".to_owned())),
        }
    }
}

impl Drop for Writer {
    /// A run that ends with an error keeps what it learned until then.
    fn drop(&mut self) {
        let _ = self.finish_thread();
    }
}

/// A connection for writing.
pub(super) fn connect(path: &Path) -> Result<Connection, LedgerError> {
    let open = || -> rusqlite::Result<Connection> {
        let connection = Connection::open(path)?;
        connection.busy_timeout(limits::LEDGER_WAIT)?;
        // With a write-ahead log this is safe against a crash of the program; a power cut can cost the last commits,
        // never the database.
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        connection.pragma_update(None, "cache_size", limits::LEDGER_WRITE_CACHE)?;
        connection.pragma_update(None, "wal_autocheckpoint", limits::LEDGER_CHECKPOINT)?;
        plan_once(&connection)?;
        Ok(connection)
    };
    open().map_err(|error| LedgerError::of(path, error))
}

/// Has a statement planned once, not again for each value bound to it: each of ours has one plan that is right for
/// every value, and planning costs more than the reading.
pub(super) fn plan_once(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(())
}

/// The writing end of a ledger, with the run that it writes for.
struct Pen {
    connection: Connection,
    run: Timestamp,
    past: Past,
    commit: Commit,
    /// What it has yet to take.
    backlog: Backlog,
}

impl Pen {
    /// Writes until the other side is done.
    fn write_all(&self, entries: &Receiver<Entry>) -> Result<(), rusqlite::Error> {
        let mut batch = Vec::new();
        while let Ok(first) = entries.recv() {
            batch.push(first);
            gather(entries, &mut batch, self.commit.wait());
            self.backlog.0.fetch_sub(batch.len(), Ordering::Relaxed);
            self.write_batch(&mut batch)?;
        }
        Ok(())
    }

    /// Writes a batch in one transaction, in the order of the tables: neighbours share pages.
    fn write_batch(&self, batch: &mut Vec<Entry>) -> Result<(), rusqlite::Error> {
        batch.sort_by(|a, b| order(a).cmp(&order(b)));
        let mut then = Vec::new();
        self.connection.execute_batch("BEGIN IMMEDIATE")?;
        for entry in batch.drain(..) {
            match entry {
                Entry::Fact { table, key, kept } => self.write_fact(table, &key, &kept)?,
                Entry::Host { key, known, at } => {
                    known::write_host(&self.connection, &key, &known, at)?;
                }
                Entry::CatchAll { name, known } => {
                    known::write_catch_all(&self.connection, &name, &known, self.run)?;
                }
                Entry::TakenBack {
                    table,
                    key,
                    reading,
                    at,
                } => self.write_taken_back(table, &key, reading, at)?,
                Entry::Clock { key, clock } => {
                    known::write_clock(&self.connection, &key, clock, self.run)?;
                }
                Entry::Then(what) => then.push(what),
            }
        }
        self.connection.execute_batch("COMMIT")?;
        for Then(what) in then {
            what();
        }
        Ok(())
    }

    /// Adds a fact to those of the same run. One that later runs may use takes the place of what earlier runs left of
    /// its kind; one that settles nothing takes the place of those that settled nothing.
    fn write_fact(&self, table: Table, key: &str, kept: &Kept) -> Result<(), rusqlite::Error> {
        let settles = Lifetimes::settles(&kept.fact);
        if table == Table::Address {
            known::stop_clock(&self.connection, key)?;
        }
        if self.past == Past::Present {
            let query = match table {
                Table::Address => {
                    "DELETE FROM address WHERE key = ?1 AND run < ?2 AND (NOT settles OR ?3 AND kind = ?4)"
                }
                Table::Domain => {
                    "DELETE FROM domain WHERE name = ?1 AND run < ?2 AND (NOT settles OR ?3 AND kind = ?4)"
                }
            };
            let kind = row::kind(&kept.fact.finding);
            self.connection.prepare_cached(query)?.execute(params![
                key,
                row::millis(self.run),
                settles,
                kind
            ])?;
        }
        row::insert(&self.connection, table, key, self.run, settles, kept)
    }

    /// Adds the last answer about a key in this run once more, read as `reading`.
    fn write_taken_back(
        &self,
        table: Table,
        key: &str,
        reading: Reading,
        at: Timestamp,
    ) -> rusqlite::Result<()> {
        let Some(mut kept) = row::last_answer(&self.connection, table, key, self.run)? else {
            return Ok(());
        };
        if let Finding::Asked { reading: read, .. } = &mut kept.fact.finding {
            *read = reading;
        }
        kept.fact.at = at;
        self.write_fact(table, key, &kept)
    }
}

/// Gathers what comes in a while, or until the batch is full. It looks now and then: to be woken for each entry would
/// cost the asking more than the writing does.
fn gather(entries: &Receiver<Entry>, batch: &mut Vec<Entry>, wait: Duration) {
    let deadline = Instant::now() + wait;
    while batch.len() < limits::LEDGER_BATCH {
        match entries.try_recv() {
            Ok(entry) => batch.push(entry),
            Err(TryRecvError::Empty) if Instant::now() < deadline => {
                std::thread::sleep(limits::LEDGER_NAP);
            }
            Err(TryRecvError::Empty | TryRecvError::Disconnected) => break,
        }
    }
}

/// Where an entry goes. Equal keys keep their order: the sort is stable.
fn order(entry: &Entry) -> (u8, &str) {
    match entry {
        Entry::Fact {
            table: Table::Domain,
            key,
            ..
        }
        | Entry::TakenBack {
            table: Table::Domain,
            key,
            ..
        } => (0, key),
        Entry::Fact {
            table: Table::Address,
            key,
            ..
        }
        | Entry::TakenBack {
            table: Table::Address,
            key,
            ..
        }
        | Entry::Clock { key, .. } => (1, key),
        Entry::CatchAll { name, .. } => (2, name),
        Entry::Host { key, .. } => (3, key),
        Entry::Then(_) => (4, ""),
    }
}
