//! Forgetting, so that nothing is left in the file.

use std::collections::BTreeSet;
use std::path::Path;

use rusqlite::{Connection, params};

use super::names::{Finder, Names, Part};
use super::row::millis;
use super::writer::connect;
use super::{LedgerError, guard, schema, standing};
use crate::model::timestamp::Timestamp;

/// What is to be forgotten.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// One address, by its key.
    Address(String),
    /// A domain with every address in it, by its name in ASCII.
    Domain(String),
    /// Whatever was learned before a moment.
    Before(Timestamp),
    /// That there were runs at a place, and how their mailboxes stood; what was learned of these serves others.
    #[cfg(feature = "serve")]
    Place(String),
}

/// What was forgotten.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// Rows that were taken out.
    pub rows: usize,
    /// Replies of others in which the address or domain was named, and in which it is no more.
    pub mentions: usize,
}

/// Forgets `targets` in the ledger at `path`. Afterwards no byte of them is in the file or in those beside it: what is
/// deleted is overwritten, the write-ahead log is emptied and the file is written anew. Then all of them are searched,
/// byte by byte.
///
/// # Errors
///
/// [`LedgerError`], also while a run uses the ledger, which could learn at once what is to be forgotten, and when a
/// file beside it (a copy, say) still names them.
pub fn forget(path: &Path, targets: &[Target]) -> Result<Forgotten, LedgerError> {
    schema::find(path)?;
    let mut connection = connect(path)?;
    let _guard = guard::alone(path, &connection)?;
    let mut work = || -> rusqlite::Result<(Forgotten, Finder, Vec<String>)> {
        connection.pragma_update(None, "secure_delete", true)?;
        let transaction =
            connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        let mut forgotten = Forgotten::default();
        let mut names = Names::default();
        for target in targets {
            forgotten.rows += match target {
                Target::Address(key) => {
                    names.person(key);
                    address(&transaction, key)?
                }
                Target::Domain(name) => domain(&transaction, name, &mut names)?,
                Target::Before(moment) => before(&transaction, *moment)?,
                #[cfg(feature = "serve")]
                Target::Place(name) => place(&transaction, name)?,
            };
        }
        let places = places(&transaction)?;
        let finder = names.finder();
        forgotten.rows += runs(&transaction, &finder)?;
        forgotten.mentions += mentions(&transaction, &finder)?;
        transaction.commit()?;
        connection.execute_batch(
            "PRAGMA wal_checkpoint(TRUNCATE); VACUUM; PRAGMA wal_checkpoint(TRUNCATE);",
        )?;
        Ok((forgotten, finder, places))
    };
    let (forgotten, finder, places) = work().map_err(|error| LedgerError::of(path, error))?;
    let files = finder.still_named(path, &places);
    if files.is_empty() {
        return Ok(forgotten);
    }
    Err(LedgerError::StillNamed {
        path: path.to_owned(),
        files: files
            .iter()
            .map(|file| file.display().to_string())
            .collect::<Vec<_>>()
            .join(", "),
    })
}

fn address(connection: &Connection, key: &str) -> rusqlite::Result<usize> {
    let mut rows = 0;
    for query in [
        "DELETE FROM address WHERE key = ?1",
        "DELETE FROM waiting WHERE key = ?1",
        "DELETE FROM bounce WHERE key = ?1",
    ] {
        rows += connection.execute(query, [key])?;
    }
    standing::forget(connection, [key])?;
    Ok(rows)
}

fn domain(connection: &Connection, name: &str, names: &mut Names) -> rusqlite::Result<usize> {
    names.domain(name);
    let at = format!("@{name}");
    let length = i64::try_from(at.len()).unwrap_or(i64::MAX);
    // Keys are compared as bytes: the domain's name is ASCII, the local part need not be.
    let is_there = "substr(CAST(key AS BLOB), -?2) = CAST(?1 AS BLOB)";
    let mut rows = 0;
    let mut keys: BTreeSet<String> = BTreeSet::new();
    for table in ["address", "waiting", "bounce"] {
        let query = format!("SELECT DISTINCT key FROM {table} WHERE {is_there}");
        let mut statement = connection.prepare(&query)?;
        for key in statement.query_map(params![at, length], |row| row.get(0))? {
            keys.insert(key?);
        }
        let query = format!("DELETE FROM {table} WHERE {is_there}");
        rows += connection.execute(&query, params![at, length])?;
    }
    for query in [
        "DELETE FROM domain WHERE name = ?1",
        "DELETE FROM strangers WHERE name = ?1",
        "DELETE FROM host WHERE key = ?1 OR substr(key, -length(?1) - 1) = '.' || ?1",
        "DELETE FROM calibration WHERE substr(segment, instr(segment, '/') + 1) = ?1",
    ] {
        rows += connection.execute(query, [name])?;
    }
    for key in &keys {
        names.person(key);
    }
    // All other mailboxes stay in what runs compare themselves with. Mailboxes of the domain of which nothing was
    // learned leave a hash there that tells neither name nor domain.
    standing::forget(connection, keys.iter().map(String::as_str))?;
    Ok(rows)
}

fn before(connection: &Connection, moment: Timestamp) -> rusqlite::Result<usize> {
    let mut rows = 0;
    for query in [
        "DELETE FROM address WHERE at < ?1",
        "DELETE FROM domain WHERE at < ?1",
        "DELETE FROM waiting WHERE again < ?1",
        "DELETE FROM strangers WHERE run < ?1",
        "DELETE FROM host WHERE at < ?1",
        "DELETE FROM bounce WHERE at < ?1",
        "DELETE FROM calibration WHERE at < ?1",
        "DELETE FROM standing WHERE at < ?1",
        "DELETE FROM run WHERE coalesce(ended, attempt) < ?1",
    ] {
        rows += connection.execute(query, [millis(moment)])?;
    }
    Ok(rows)
}

#[cfg(feature = "serve")]
fn place(connection: &Connection, name: &str) -> rusqlite::Result<usize> {
    let runs = connection.execute("DELETE FROM run WHERE place = ?1", [name])?;
    Ok(runs + connection.execute("DELETE FROM standing WHERE place = ?1", [name])?)
}

/// Where runs put their lists.
fn places(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare("SELECT DISTINCT place FROM run")?;
    let places = statement.query_map([], |row| row.get(0))?;
    places.collect()
}

/// Takes out runs whose list or folder bears one of the names: a run is known by these.
fn runs(connection: &Connection, finder: &Finder) -> rusqlite::Result<usize> {
    let named: Vec<(i64, String)> = {
        let mut statement = connection.prepare("SELECT id, place, list FROM run")?;
        let mut rows = statement.query([])?;
        let mut named = Vec::new();
        while let Some(row) = rows.next()? {
            let (place, list): (String, String) = (row.get(1)?, row.get(2)?);
            if [&place, &list]
                .iter()
                .any(|text| finder.is_in(text, Part::Name))
            {
                named.push((row.get(0)?, place));
            }
        }
        named
    };
    for (id, place) in &named {
        connection.execute("DELETE FROM run WHERE id = ?1", [id])?;
        connection.execute("DELETE FROM standing WHERE place = ?1", [place])?;
    }
    Ok(named.len())
}

/// Blanks the names out of what is kept of others: the reply of a host that blocks us may name the address that it was
/// given for, and is kept as the answer for every address there.
fn mentions(connection: &Connection, finder: &Finder) -> rusqlite::Result<usize> {
    let mut count = 0;
    for (table, key, column, part) in [
        ("address", "key, run, n", "reply", Part::Words),
        ("address", "key, run, n", "host", Part::Name),
        ("domain", "name, run, n", "reply", Part::Words),
        ("domain", "name, run, n", "host", Part::Name),
        ("bounce", "key, id, at", "reply", Part::Words),
        ("bounce", "key, id, at", "id", Part::Name),
        ("host", "key, key, key", "known", Part::Words),
        ("run", "id, id, id", "report", Part::Words),
        (
            "calibration",
            "segment, segment, segment",
            "segment",
            Part::Name,
        ),
    ] {
        let found = {
            let query = format!("SELECT {key}, {column} FROM {table} WHERE {column} IS NOT NULL");
            let mut statement = connection.prepare(&query)?;
            let mut rows = statement.query([])?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                let text = row.get_ref(3)?.as_str().unwrap_or_default();
                if let Some(blanked) = finder.blanked(text, part) {
                    let key: [rusqlite::types::Value; 3] = [row.get(0)?, row.get(1)?, row.get(2)?];
                    found.push((key, blanked));
                }
            }
            found
        };
        let columns: Vec<&str> = key.split(", ").collect();
        // Where two things are called the same once the name is gone, one of them is enough.
        let query = format!(
            "UPDATE OR REPLACE {table} SET {column} = ?4 WHERE {} = ?1 AND {} = ?2 AND {} = ?3",
            columns[0], columns[1], columns[2]
        );
        let mut statement = connection.prepare(&query)?;
        for ([a, b, c], blanked) in found {
            count += statement.execute(params![a, b, c, blanked])?;
        }
    }
    Ok(count)
}
