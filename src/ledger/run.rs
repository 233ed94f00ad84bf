//! Runs: which list, since when, how it ended; and which of them a new one continues.

use rusqlite::{OptionalExtension, Row, params};

use super::row::{millis, moment};
use super::writer::connect;
use super::{Ledger, LedgerError, Memory, whole};
use crate::model::limits;
use crate::model::timestamp::Timestamp;

/// What a run is about to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Job<'a> {
    /// Where its lists go, which is what makes two runs the same job: tonight's list may have other rows, and another
    /// name.
    pub place: &'a str,
    /// What the list is called.
    pub list: &'a str,
    /// What its randomness is derived from, decoys among it.
    pub seed: u64,
}

/// A run as it has begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Begun {
    /// The seed to use: that of the run which is continued, so that hosts are asked about the same decoys again.
    pub seed: u64,
    /// When it began, or the run that is continued.
    pub began: Timestamp,
    /// When the run began that is continued; `None` for a new one.
    pub continues: Option<Timestamp>,
}

/// A run that ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastRun {
    /// What its list was called.
    pub list: String,
    /// When it began.
    pub began: Timestamp,
    /// When it ended.
    pub ended: Timestamp,
    /// How: `completed`, `interrupted` or `deadline`.
    pub ending: String,
    /// What it came to, in numbers alone.
    pub numbers: String,
}

impl Ledger {
    /// Notes that a run begins at `now`. When the last one at the same place was killed or stopped early, not long ago,
    /// this one continues it: what that one learned counts as learned in this run.
    ///
    /// # Errors
    ///
    /// [`LedgerError`] when the ledger cannot be written.
    pub fn begin(&mut self, job: &Job<'_>, now: Timestamp) -> Result<Begun, LedgerError> {
        let mut connection = connect(&self.path)?;
        let mut begin = || -> rusqlite::Result<(i64, Timestamp, u64, Option<Timestamp>)> {
            let transaction =
                connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
            let refresh = self.memory == Memory::Refresh;
            let open = transaction
                .query_row(
                    "SELECT began, seed, attempt FROM run WHERE place = ?1 AND refresh = ?2 AND id =
                     (SELECT max(id) FROM run WHERE place = ?1) AND ending IS NOT 'completed'",
                    params![job.place, refresh],
                    |row| Ok((moment(row.get(0)?), row.get::<_, i64>(1)?, moment(row.get(2)?))),
                )
                .optional()?
                .filter(|(began, _, _)| now.since(*began) < limits::CONTINUE);
            let (began, seed, continues) = if let Some((began, seed, _)) = open {
                (began, seed.cast_unsigned(), Some(began))
            } else {
                // Runs are told apart by when they began; those of a simulation all begin at the same hour.
                let last: Option<i64> =
                    transaction.query_row("SELECT max(began) FROM run", [], |row| row.get(0))?;
                let began = last.map_or(now, |last| now.max(moment(last.saturating_add(1))));
                (began, job.seed, None)
            };
            transaction.execute(
                "INSERT INTO run (place, list, began, attempt, process, seed, refresh) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                params![
                    job.place,
                    job.list,
                    millis(began),
                    millis(now),
                    std::process::id(),
                    seed.cast_signed(),
                    refresh
                ],
            )?;
            let id = transaction.last_insert_rowid();
            transaction.commit()?;
            Ok((id, began, seed, continues))
        };
        let (id, began, seed, continues) = begin().map_err(|error| self.failure(error))?;
        whole::begin(&connection).map_err(|error| self.failure(error))?;
        self.run_id = Some(id);
        self.place = Some(job.place.to_owned());
        self.run_began = began;
        self.continues = continues.is_some();
        self.forget_cached();
        Ok(Begun {
            seed,
            began,
            continues,
        })
    }

    /// Notes how the run ended that [`Ledger::begin`] began, and what it came to: `numbers`, which must not name an
    /// address. Earlier runs at the same place make way for it.
    ///
    /// # Errors
    ///
    /// [`LedgerError`] when the ledger cannot be written.
    pub fn end(&self, ending: &str, numbers: &str, now: Timestamp) -> Result<(), LedgerError> {
        let Some(id) = self.run_id else {
            return Ok(());
        };
        let mut connection = connect(&self.path)?;
        let mut end = || -> rusqlite::Result<()> {
            let transaction =
                connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
            transaction.execute(
                "UPDATE run SET ended = ?2, ending = ?3, report = ?4 WHERE id = ?1",
                params![id, millis(now), ending, numbers],
            )?;
            // What the last completed run came to stays known while later ones are under way or stopped early.
            transaction.execute(
                "DELETE FROM run WHERE place = (SELECT place FROM run WHERE id = ?1) AND id < ?1
                 AND (?2 = 'completed' OR ending IS NOT 'completed')",
                params![id, ending],
            )?;
            transaction.commit()
        };
        end().map_err(|error| self.failure(error))
    }

    /// The last run at a place that was completed, but for the present one.
    ///
    /// # Errors
    ///
    /// [`LedgerError`] when the ledger cannot be read.
    pub fn last_run(&self, place: &str) -> Result<Option<PastRun>, LedgerError> {
        self.connection
            .query_row(
                "SELECT list, began, ended, ending, report FROM run
                 WHERE place = ?1 AND ending = 'completed' AND id IS NOT ?2 ORDER BY id DESC LIMIT 1",
                params![place, self.run_id],
                past,
            )
            .optional()
            .map_err(|error| self.failure(error))
    }
}

fn past(row: &Row<'_>) -> rusqlite::Result<PastRun> {
    Ok(PastRun {
        list: row.get(0)?,
        began: moment(row.get(1)?),
        ended: moment(row.get(2)?),
        ending: row.get(3)?,
        numbers: row.get(4)?,
    })
}
