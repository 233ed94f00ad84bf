//! What a run that goes on had been answered before it was interrupted, in the order of time.

use std::collections::{BTreeSet, HashMap};

use rusqlite::{Row, params};

use super::row::{millis, moment};
use super::{Ledger, LedgerError};
use crate::model::reason::Reason;
use crate::probe::{Asked, KeptAnswer, KnownMachine, Replay};

/// A run's answers about recipients, those about decoys by the names of their domains.
macro_rules! answers {
    ($order:literal) => {
        concat!(
            "SELECT key, at, reason, permanent, host, code, rule, kind, n FROM address \
             WHERE run = ?1 AND kind = 'asked' AND stage = 'rcpt' \
             UNION ALL \
             SELECT name, at, reason, permanent, host, code, rule, kind, n FROM domain \
             WHERE run = ?1 AND kind = 'decoy' AND stage = 'rcpt'",
            $order
        )
    };
}

impl Ledger {
    /// What mail hosts answered in this run before it was interrupted, by their names, as far as no later answer
    /// vouches for it: nothing of hosts that have refused no recipient, and nothing where the run continues none. It
    /// reads all facts.
    ///
    /// # Errors
    ///
    /// [`LedgerError`] when the ledger cannot be read.
    pub fn machines(&mut self) -> Result<HashMap<String, KnownMachine>, LedgerError> {
        if !self.continues {
            return Ok(HashMap::new());
        }
        let replay = self.replay().map_err(|error| self.failure(error))?;
        replay.end(|domain| self.catch_all(domain))
    }

    fn replay(&self) -> rusqlite::Result<Replay> {
        let mut refusing = BTreeSet::new();
        self.each_answer(answers!(""), |answer| {
            if answer.reason.condemns(answer.permanent) && !refusing.contains(answer.host) {
                refusing.insert(answer.host.to_owned());
            }
        })?;
        let mut replay = Replay::of(refusing);
        self.each_answer(answers!(" ORDER BY at, n"), |answer| replay.hear(answer))?;
        Ok(replay)
    }

    /// Hands out every answer of this run that can be read.
    fn each_answer(
        &self,
        query: &str,
        mut take: impl FnMut(KeptAnswer<'_>),
    ) -> rusqlite::Result<()> {
        let mut statement = self.connection.prepare(query)?;
        let mut rows = statement.query(params![millis(self.run_began)])?;
        while let Some(row) = rows.next()? {
            if let Some(answer) = read(row)? {
                take(answer);
            }
        }
        Ok(())
    }
}

/// Reads an answer; `None` for one of a reason that is not known.
fn read<'a>(row: &'a Row<'_>) -> rusqlite::Result<Option<KeptAnswer<'a>>> {
    let text = |column: usize| -> rusqlite::Result<&'a str> {
        Ok(row.get_ref(column)?.as_str_or_null()?.unwrap_or_default())
    };
    let Ok(reason) = text(2)?.parse::<Reason>() else {
        return Ok(None);
    };
    let key = text(0)?.into();
    Ok(Some(KeptAnswer {
        asked: match text(7)? {
            "decoy" => Asked::Decoy(key),
            _ => Asked::Address(key),
        },
        at: moment(row.get(1)?),
        host: text(4)?,
        reason,
        permanent: row.get::<_, Option<bool>>(3)?.unwrap_or(false),
        rule: text(6)?,
        is_acceptance: matches!(row.get(5)?, Some(200..300u16)),
    }))
}
