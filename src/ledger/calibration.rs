//! How the projection's kinds of addresses fared when messages were sent to them.

use rusqlite::{OptionalExtension as _, params};

use super::row::{millis, moment};
use super::writer::connect;
use super::{Ledger, LedgerError};
use crate::model::timestamp::Timestamp;

/// How many addresses of a kind were sent to, and how many came back. Fractions, because an outcome may count in part.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Outcomes {
    /// Addresses of the kind that were sent to.
    pub total: f64,
    /// Of these, came back.
    pub bounced: f64,
    /// Of these again, for good.
    pub hard: f64,
    /// When it was last added to.
    pub at: Timestamp,
}

impl Outcomes {
    /// What these outcomes still count for at `now`: half after [`crate::model::limits::CALIBRATION_HALF_LIFE`], a
    /// quarter after twice as long.
    #[must_use]
    pub fn faded(self, now: Timestamp) -> Outcomes {
        let lives = now.since(self.at).as_secs_f64()
            / crate::model::limits::CALIBRATION_HALF_LIFE.as_secs_f64();
        let share = 0.5_f64.powf(lives);
        Outcomes {
            total: self.total * share,
            bounced: self.bounced * share,
            hard: self.hard * share,
            at: self.at.max(now),
        }
    }
}

impl Ledger {
    /// What is known of each kind, by its stable name.
    ///
    /// # Errors
    ///
    /// [`LedgerError`] when the ledger cannot be read.
    pub fn outcomes(&self) -> Result<Vec<(String, Outcomes)>, LedgerError> {
        let read = || -> rusqlite::Result<Vec<(String, Outcomes)>> {
            self.connection
                .prepare_cached("SELECT segment, total, bounced, hard, at FROM calibration")?
                .query_map([], |row| {
                    let outcomes = Outcomes {
                        total: row.get(1)?,
                        bounced: row.get(2)?,
                        hard: row.get(3)?,
                        at: moment(row.get(4)?),
                    };
                    Ok((row.get(0)?, outcomes))
                })?
                .collect()
        };
        read().map_err(|error| self.failure(error))
    }

    /// Adds to what is known of kinds, all or nothing.
    ///
    /// # Errors
    ///
    /// [`LedgerError`] when the ledger cannot be written.
    #[cfg(feature = "testing")]
    pub fn add_outcomes(&self, outcomes: &[(String, Outcomes)]) -> Result<(), LedgerError> {
        let mut connection = connect(&self.path)?;
        let mut add = || -> rusqlite::Result<()> {
            let transaction =
                connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
            for (segment, more) in outcomes {
                transaction
                    .prepare_cached(
                        "INSERT INTO calibration VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO UPDATE SET
                         total = total + excluded.total, bounced = bounced + excluded.bounced,
                         hard = hard + excluded.hard, at = excluded.at",
                    )?
                    .execute(params![
                        segment,
                        more.total,
                        more.bounced,
                        more.hard,
                        millis(more.at)
                    ])?;
            }
            transaction.commit()
        };
        add().map_err(|error| self.failure(error))
    }

    /// What a run has told already, as [`Ledger::count_run`] noted it.
    ///
    /// # Errors
    ///
    /// [`LedgerError`] when the ledger cannot be read.
    pub fn counted(&self, run: &str) -> Result<Option<String>, LedgerError> {
        self.connection
            .query_row(
                "SELECT value FROM about WHERE what = ?1",
                [counted_by(run)],
                |row| row.get(0),
            )
            .optional()
            .map_err(|error| self.failure(error))
    }

    /// Puts outcomes in the place of what is known of their kinds, and notes what `run` has told, in one step: a kill
    /// leaves both as they were or as they are to be.
    ///
    /// # Errors
    ///
    /// [`LedgerError`] when the ledger cannot be written.
    pub fn count_run(
        &self,
        run: &str,
        told: &str,
        outcomes: &[(String, Outcomes)],
    ) -> Result<(), LedgerError> {
        let mut connection = connect(&self.path)?;
        let mut replace = || -> rusqlite::Result<()> {
            let transaction =
                connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
            for (segment, outcomes) in outcomes {
                transaction
                    .prepare_cached(
                        "INSERT OR REPLACE INTO calibration VALUES (?1, ?2, ?3, ?4, ?5)",
                    )?
                    .execute(params![
                        segment,
                        outcomes.total,
                        outcomes.bounced,
                        outcomes.hard,
                        millis(outcomes.at)
                    ])?;
            }
            transaction.execute(
                "INSERT OR REPLACE INTO about VALUES (?1, ?2)",
                params![counted_by(run), told],
            )?;
            transaction.commit()
        };
        replace().map_err(|error| self.failure(error))
    }

    /// Forgets how kinds fared. The bounces themselves stay.
    ///
    /// # Errors
    ///
    /// [`LedgerError`] when the ledger cannot be written.
    pub fn reset_outcomes(&self) -> Result<(), LedgerError> {
        connect(&self.path)?
            .execute("DELETE FROM calibration", [])
            .map_err(|error| self.failure(error))?;
        Ok(())
    }
}

/// Under what name the ledger keeps what a run has told.
fn counted_by(run: &str) -> String {
    format!("counted {run}")
}
