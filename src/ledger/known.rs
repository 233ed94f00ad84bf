//! What decides how an address is asked about, rather than what is held true of it: hosts' limits, greylisting clocks.

use rusqlite::{Connection, OptionalExtension, params};

use super::row::{millis, moment};
use super::{Ledger, LedgerError};
use crate::model::timestamp::Timestamp;
use crate::probe::{KnownDomain, KnownHost, Waiting};

/// An address whose host deferred it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    /// What it has been through.
    pub waiting: Waiting,
    /// When it is to be asked about again.
    pub again: Timestamp,
}

impl Ledger {
    /// What is known of a host, by its key.
    ///
    /// # Errors
    ///
    /// [`LedgerError`] when the ledger cannot be read.
    pub fn host(&self, key: &str) -> Result<Option<KnownHost>, LedgerError> {
        let known: Option<String> = self
            .connection
            .prepare_cached("SELECT known FROM host WHERE key = ?1")
            .and_then(|mut statement| statement.query_row([key], |row| row.get(0)).optional())
            .map_err(|error| self.failure(error))?;
        // What this version cannot read is nothing known: the host is met as a new one.
        Ok(known.and_then(|known| serde_json::from_str(&known).ok()))
    }

    /// The clock of an address that waits for its host in this run; `None` while there is none.
    ///
    /// # Errors
    ///
    /// [`LedgerError`] when the ledger cannot be read.
    pub fn clock(&self, key: &str) -> Result<Option<Clock>, LedgerError> {
        self.connection
            .prepare_cached("SELECT tries, since, again FROM waiting WHERE key = ?1 AND run = ?2")
            .and_then(|mut statement| {
                statement
                    .query_row(params![key, millis(self.run_began)], |row| {
                        let waiting = Waiting {
                            tries: row.get(0)?,
                            since: Some(moment(row.get(1)?)),
                        };
                        let again = moment(row.get(2)?);
                        Ok(Clock { waiting, again })
                    })
                    .optional()
            })
            .map_err(|error| self.failure(error))
    }
}

impl Ledger {
    /// What this run, before it was interrupted, knew of a domain's decoy.
    pub(super) fn catch_all_of_this_run(
        &self,
        name: &str,
    ) -> Result<Option<KnownDomain>, LedgerError> {
        let known: Option<String> = self
            .connection
            .prepare_cached("SELECT known FROM strangers WHERE name = ?1 AND run = ?2")
            .and_then(|mut statement| {
                statement
                    .query_row(params![name, millis(self.run_began)], |row| row.get(0))
                    .optional()
            })
            .map_err(|error| self.failure(error))?;
        Ok(known.and_then(|known| serde_json::from_str(&known).ok()))
    }
}

/// Writes what is known of a domain's decoy in place of what was.
pub(super) fn write_catch_all(
    connection: &Connection,
    name: &str,
    known: &KnownDomain,
    run: Timestamp,
) -> rusqlite::Result<()> {
    let text = serde_json::to_string(known).expect("what is known of domains is plain data");
    connection
        .prepare_cached("INSERT OR REPLACE INTO strangers VALUES (?1, ?2, ?3)")?
        .execute(params![name, millis(run), text])?;
    Ok(())
}

/// Writes what is known of a host in place of what was.
pub(super) fn write_host(
    connection: &Connection,
    key: &str,
    known: &KnownHost,
    now: Timestamp,
) -> rusqlite::Result<()> {
    let text = serde_json::to_string(known).expect("what is known of hosts is plain data");
    connection
        .prepare_cached("INSERT OR REPLACE INTO host VALUES (?1, ?2, ?3)")?
        .execute(params![key, millis(now), text])?;
    Ok(())
}

/// Starts an address's clock.
pub(super) fn write_clock(
    connection: &Connection,
    key: &str,
    clock: Clock,
    run: Timestamp,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached("INSERT OR REPLACE INTO waiting VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![
            key,
            millis(run),
            clock.waiting.tries,
            millis(clock.waiting.since.unwrap_or(clock.again)),
            millis(clock.again)
        ])?;
    Ok(())
}

/// Stops an address's clock: its host answered, and that answer says whether a new one runs.
pub(super) fn stop_clock(connection: &Connection, key: &str) -> rusqlite::Result<()> {
    connection
        .prepare_cached("DELETE FROM waiting WHERE key = ?1")?
        .execute([key])?;
    Ok(())
}
