//! Brings ledgers of earlier schemas up to date.

use rusqlite::Connection;

use super::row::{Kept, Table, insert};
use super::{Lifetimes, tables};
use crate::model::timestamp::Timestamp;
use crate::model::verdict::Fact;

/// Schema 1 kept a run's facts about one address or domain as lines of JSON in one text. One transaction: a ledger is
/// of one schema or of the other.
pub(super) fn from_1(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch("BEGIN IMMEDIATE")?;
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    // Another program may have been faster.
    if version == 1 {
        connection.execute_batch(
            "ALTER TABLE address RENAME TO address_1; ALTER TABLE domain RENAME TO domain_1;
             ALTER TABLE about RENAME TO about_1;",
        )?;
        connection.execute_batch(tables::TABLES)?;
        connection.execute_batch("INSERT INTO about SELECT * FROM about_1")?;
        tables::mark(connection)?;
        copy(
            connection,
            "SELECT key, facts FROM address_1",
            Table::Address,
        )?;
        copy(
            connection,
            "SELECT name, facts FROM domain_1",
            Table::Domain,
        )?;
        connection
            .execute_batch("DROP TABLE address_1; DROP TABLE domain_1; DROP TABLE about_1;")?;
    }
    connection.execute_batch("COMMIT")
}

fn copy(connection: &Connection, query: &str, table: Table) -> rusqlite::Result<()> {
    let mut statement = connection.prepare(query)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let key: String = row.get(0)?;
        let text: String = row.get(1)?;
        // A line that cannot be read is no fact: it is asked about again.
        let facts = text
            .lines()
            .filter_map(|line| serde_json::from_str::<Fact>(line).ok());
        let mut run: Option<Timestamp> = None;
        for fact in facts {
            let run = *run.get_or_insert(fact.at);
            let settles = Lifetimes::settles(&fact);
            insert(connection, table, &key, run, settles, &Kept::from(fact))?;
        }
    }
    Ok(())
}
