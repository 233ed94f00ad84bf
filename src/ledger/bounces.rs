//! Real bounces: what came back when messages were sent.

use rusqlite::params;

use super::row::{millis, moment};
use super::writer::connect;
use super::{Ledger, LedgerError};
use crate::model::echo;
use crate::model::reason::Reason;
use crate::model::timestamp::Timestamp;

/// One message that came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bounce {
    /// The address's key (`Address::key`).
    pub key: String,
    /// What makes the same bounce count once however often it is read: a Message-ID, or a digest of what was read.
    pub id: String,
    /// When it came back.
    pub at: Timestamp,
    /// What it was read as.
    pub reason: Reason,
    /// Whether it came back for good.
    pub permanent: bool,
    /// The enhanced status code, where there was one.
    pub status: Option<String>,
    /// The mail host's words.
    pub reply: String,
}

impl Ledger {
    /// Keeps bounces, all or none. Returns how many of them were new.
    ///
    /// # Errors
    ///
    /// [`LedgerError`] when the ledger cannot be written.
    pub fn add_bounces(&self, bounces: &[Bounce]) -> Result<usize, LedgerError> {
        let mut connection = connect(&self.path)?;
        let mut add = || -> rusqlite::Result<usize> {
            let transaction =
                connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
            let mut new = 0;
            for bounce in bounces {
                new += transaction
                    .prepare_cached(
                        "INSERT OR IGNORE INTO bounce VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                    )?
                    .execute(params![
                        bounce.key,
                        bounce.id,
                        millis(bounce.at),
                        bounce.reason.as_str(),
                        bounce.permanent,
                        bounce.status,
                        echo::take_out(&bounce.reply, &bounce.key),
                    ])?;
            }
            transaction.commit()?;
            Ok(new)
        };
        add().map_err(|error| self.failure(error))
    }

    /// The bounces of one address, oldest first.
    ///
    /// # Errors
    ///
    /// [`LedgerError`] when the ledger cannot be read.
    pub fn bounces_of(&self, key: &str) -> Result<Vec<Bounce>, LedgerError> {
        self.bounces_where("WHERE key = ?1 ORDER BY at, id", [key])
    }

    /// All bounces, by address.
    ///
    /// # Errors
    ///
    /// [`LedgerError`] when the ledger cannot be read.
    pub fn bounces(&self) -> Result<Vec<Bounce>, LedgerError> {
        self.bounces_where("ORDER BY key, at, id", [])
    }

    fn bounces_where(
        &self,
        rest: &str,
        values: impl rusqlite::Params,
    ) -> Result<Vec<Bounce>, LedgerError> {
        let query =
            format!("SELECT key, id, at, reason, permanent, status, reply FROM bounce {rest}");
        let read = || -> rusqlite::Result<Vec<Bounce>> {
            let mut statement = self.connection.prepare_cached(&query)?;
            let mut rows = statement.query(values)?;
            let mut bounces = Vec::new();
            while let Some(row) = rows.next()? {
                // A reason that this version does not know was not read by it.
                let reason = row.get::<_, String>(3)?.parse().unwrap_or(Reason::Unread);
                let key: String = row.get(0)?;
                let reply: String = row.get(6)?;
                bounces.push(Bounce {
                    id: row.get(1)?,
                    at: moment(row.get(2)?),
                    reason,
                    permanent: row.get(4)?,
                    status: row.get(5)?,
                    reply: echo::put_back(&reply, &key).into_owned(),
                    key,
                });
            }
            Ok(bounces)
        };
        read().map_err(|error| self.failure(error))
    }
}
