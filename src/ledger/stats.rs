//! What a ledger holds, in numbers.

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::Connection;
use serde::Serialize;

use super::row::moment;
use super::{Ledger, LedgerError, tables};
use crate::model::timestamp::Timestamp;

/// What a ledger holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Stats {
    /// The schema of its file.
    pub schema: i64,
    /// Which world it knows.
    pub world: String,
    /// Size with the files beside it, in bytes.
    pub bytes: u64,
    /// Addresses of which something is known.
    pub addresses: u64,
    /// Domains of which something is known.
    pub domains: u64,
    /// Mail hosts of which something is known.
    pub hosts: u64,
    /// Addresses whose host deferred them.
    pub waiting: u64,
    /// Messages that came back.
    pub bounces: u64,
    /// Facts about addresses, by reason.
    pub reasons: BTreeMap<String, u64>,
    /// When the oldest fact about an address was learned.
    pub oldest: Option<Timestamp>,
    /// When the newest was.
    pub newest: Option<Timestamp>,
    /// The last run at each place.
    pub runs: Vec<RunStats>,
}

/// The last run at one place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RunStats {
    /// Where its lists went.
    pub place: String,
    /// When it began, or the run did that it continues.
    pub began: Timestamp,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// How; `None` while it is under way or was killed.
    pub ending: Option<String>,
}

impl Ledger {
    /// Counts what is known.
    ///
    /// # Errors
    ///
    /// [`LedgerError`] when the ledger cannot be read.
    pub fn stats(&self) -> Result<Stats, LedgerError> {
        count(&self.connection, &self.path).map_err(|error| self.failure(error))
    }
}

fn count(connection: &Connection, path: &Path) -> rusqlite::Result<Stats> {
    let number = |query: &str| {
        connection.query_row(query, [], |row| Ok(row.get::<_, i64>(0)?.unsigned_abs()))
    };
    let time = |query: &str| {
        connection.query_row(query, [], |row| {
            Ok(row.get::<_, Option<i64>>(0)?.map(moment))
        })
    };
    Ok(Stats {
        schema: tables::VERSION,
        world: connection.query_row("SELECT value FROM about WHERE what = 'world'", [], |row| {
            row.get(0)
        })?,
        bytes: bytes(path),
        addresses: number("SELECT count(DISTINCT key) FROM address")?,
        domains: number("SELECT count(DISTINCT name) FROM domain")?,
        hosts: number("SELECT count(*) FROM host")?,
        waiting: number("SELECT count(*) FROM waiting")?,
        bounces: number("SELECT count(*) FROM bounce")?,
        reasons: connection
            .prepare("SELECT coalesce(reason, kind), count(*) FROM address GROUP BY 1")?
            .query_map([], |row| {
                Ok((row.get(0)?, row.get::<_, i64>(1)?.unsigned_abs()))
            })?
            .collect::<rusqlite::Result<_>>()?,
        oldest: time("SELECT min(at) FROM address")?,
        newest: time("SELECT max(at) FROM address")?,
        runs: connection
            .prepare(
                "SELECT place, began, ended, ending FROM run
                 WHERE id IN (SELECT max(id) FROM run GROUP BY place) ORDER BY place",
            )?
            .query_map([], |row| {
                Ok(RunStats {
                    place: row.get(0)?,
                    began: moment(row.get(1)?),
                    ended: row.get::<_, Option<i64>>(2)?.map(moment),
                    ending: row.get(3)?,
                })
            })?
            .collect::<rusqlite::Result<_>>()?,
    })
}

/// The size of a ledger's files.
fn bytes(path: &Path) -> u64 {
    ["", "-wal", "-shm"]
        .iter()
        .map(|ending| {
            let mut name = path.as_os_str().to_owned();
            name.push(ending);
            std::fs::metadata(name).map_or(0, |metadata| metadata.len())
        })
        .sum()
}
