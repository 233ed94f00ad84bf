//! Forgetting, so that nothing is left in the file.

use std::collections::BTreeSet;
use std::path::Path;

use rusqlite::{Connection, params};

use super::row::millis;
use super::writer::connect;
use super::{LedgerError, guard, schema, standing};
use crate::model::timestamp::Timestamp;

/// What is to be forgotten.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// One address, by its key.
    Address(String),
    /// A domain with every address in it, by its name on the wire.
    Domain(String),
    /// Whatever was learned before a moment.
    Before(Timestamp),
}

/// What was forgotten.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// Rows that were taken out.
    pub rows: usize,
    /// Replies of others in which the address or domain was named, and in which it is no more.
    pub mentions: usize,
}

/// What stands in a reply where somebody was named.
const BLANK: &str = "[forgotten]";

/// Forgets `targets` in the ledger at `path`. Afterwards no byte of them is in the file or in those beside it: what is
/// deleted is overwritten, the write-ahead log is emptied and the file is written anew.
///
/// # Errors
///
/// [`LedgerError`], also while a run uses the ledger, which could learn at once what is to be forgotten.
pub fn forget(path: &Path, targets: &[Target]) -> Result<Forgotten, LedgerError> {
    schema::find(path)?;
    let mut connection = connect(path)?;
    let _guard = guard::alone(path, &connection)?;
    let mut work = || -> rusqlite::Result<Forgotten> {
        connection.pragma_update(None, "secure_delete", true)?;
        let transaction =
            connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        let mut forgotten = Forgotten::default();
        for target in targets {
            match target {
                Target::Address(key) => {
                    forgotten.rows += address(&transaction, key)?;
                    forgotten.mentions += mentions(&transaction, key)?;
                }
                Target::Domain(name) => {
                    forgotten.rows += domain(&transaction, name)?;
                    forgotten.mentions += mentions(&transaction, &format!("@{name}"))?;
                }
                Target::Before(moment) => forgotten.rows += before(&transaction, *moment)?,
            }
        }
        transaction.commit()?;
        connection.execute_batch(
            "PRAGMA wal_checkpoint(TRUNCATE); VACUUM; PRAGMA wal_checkpoint(TRUNCATE);",
        )?;
        Ok(forgotten)
    };
    work().map_err(|error| LedgerError::of(path, error))
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

fn domain(connection: &Connection, name: &str) -> rusqlite::Result<usize> {
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
        "DELETE FROM host WHERE key = ?1",
        "DELETE FROM calibration WHERE substr(segment, instr(segment, '/') + 1) = ?1",
    ] {
        rows += connection.execute(query, [name])?;
    }
    // Everybody else stays in what runs compare themselves with. Mailboxes of the domain of which nothing was learned
    // leave a hash there that tells neither name nor domain.
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

/// Blanks the name out of replies that are kept for others: a host that blocks us says so once, naming whom it was
/// asked about, and that reply answers for everybody there.
fn mentions(connection: &Connection, name: &str) -> rusqlite::Result<usize> {
    let mut count = 0;
    for (table, key, column) in [
        ("address", "key, run, n", "reply"),
        ("domain", "name, run, n", "reply"),
        ("bounce", "key, id, at", "reply"),
        ("host", "key, key, key", "known"),
        ("run", "id, id, id", "report"),
    ] {
        let found = {
            let query = format!("SELECT {key}, {column} FROM {table} WHERE {column} IS NOT NULL");
            let mut statement = connection.prepare(&query)?;
            let mut rows = statement.query([])?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                let text = row.get_ref(3)?.as_str().unwrap_or_default();
                if let Some(blanked) = without(text, name) {
                    let key: [rusqlite::types::Value; 3] = [row.get(0)?, row.get(1)?, row.get(2)?];
                    found.push((key, blanked));
                }
            }
            found
        };
        let columns: Vec<&str> = key.split(", ").collect();
        let query = format!(
            "UPDATE {table} SET {column} = ?4 WHERE {} = ?1 AND {} = ?2 AND {} = ?3",
            columns[0], columns[1], columns[2]
        );
        let mut statement = connection.prepare(&query)?;
        for ([a, b, c], blanked) in found {
            count += statement.execute(params![a, b, c, blanked])?;
        }
    }
    Ok(count)
}

/// A text without a name, however it is capitalised; `None` where the name is not in it.
fn without(text: &str, name: &str) -> Option<String> {
    // A domain is not named by one that only begins like it: `@acme.test` is not in `a@acme.testing`.
    let is_part = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
    let mut blanked = String::new();
    let mut rest = text;
    let mut found = false;
    while let Some(at) = find_ignoring_case(rest, name) {
        let (before, from) = rest.split_at(at.start);
        let behind = &from[at.end - at.start..];
        let goes_on = behind.chars().next().is_some_and(is_part)
            || (behind.starts_with('.') && behind[1..].chars().next().is_some_and(is_part));
        // The local part in front of a domain goes too.
        let local = match name.starts_with('@') {
            true => {
                before.len()
                    - before
                        .trim_end_matches(|c: char| {
                            !c.is_whitespace() && !"<>()[]{}\"',;:=".contains(c)
                        })
                        .len()
            }
            false => 0,
        };
        // An address is not named by one that only ends like it: `a@b.test` is not in `anna@b.test`.
        let began_before = !name.starts_with('@')
            && before
                .chars()
                .next_back()
                .is_some_and(|c| is_part(c) || ".+".contains(c));
        if goes_on || began_before {
            blanked.push_str(before);
            blanked.push_str(&from[..at.end - at.start]);
        } else {
            found = true;
            blanked.push_str(&before[..before.len() - local]);
            blanked.push_str(BLANK);
        }
        rest = behind;
    }
    blanked.push_str(rest);
    found.then_some(blanked)
}

/// Where `name` (lower case) stands in `text`, in bytes of `text`.
fn find_ignoring_case(text: &str, name: &str) -> Option<std::ops::Range<usize>> {
    text.char_indices().find_map(|(start, _)| {
        let mut wanted = name.chars();
        let mut next = wanted.next();
        for (offset, c) in text[start..].char_indices() {
            for lower in c.to_lowercase() {
                if next != Some(lower) {
                    return None;
                }
                next = wanted.next();
            }
            if next.is_none() {
                return Some(start..start + offset + c.len_utf8());
            }
        }
        None
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_goes_however_it_is_written_and_others_stay() {
        for (text, name, left) in [
            (
                "550 <Anna@Acme.test>: no",
                "anna@acme.test",
                Some("550 <[forgotten]>: no"),
            ),
            ("550 joanna@acme.test", "anna@acme.test", None),
            ("550 anna@acme.test.example", "anna@acme.test", None),
            (
                "550 anna@acme.test.",
                "anna@acme.test",
                Some("550 [forgotten]."),
            ),
            (
                "550 <jo.anna+x@acme.test> no",
                "@acme.test",
                Some("550 <[forgotten]> no"),
            ),
            ("550 <jo@acme.testing> no", "@acme.test", None),
            (
                "ÄÖ@x.test äö@x.test",
                "äö@x.test",
                Some("[forgotten] [forgotten]"),
            ),
            ("550 no such user", "anna@acme.test", None),
        ] {
            assert_eq!(without(text, name).as_deref(), left, "{text}");
        }
    }
}
