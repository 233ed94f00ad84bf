//! What was last heard of an address, however old: no fact any more, but enough to guess by.

use rusqlite::OptionalExtension;

use super::{Ledger, LedgerError, Memory};
use crate::model::reason::Reason;
use crate::probe::LastWord;

/// The younger word of both tables, each of which says when.
const QUERY: &str = "SELECT reason, permanent FROM (
        SELECT reason, permanent, at FROM address WHERE key = ?1 AND settles AND kind = 'asked'
        UNION ALL SELECT reason, permanent, at FROM bounce WHERE key = ?1
    ) ORDER BY at DESC LIMIT 1";

impl Ledger {
    /// What was last heard of an address by its key, its host's answers and messages that came back alike.
    ///
    /// # Errors
    ///
    /// [`LedgerError`] when the ledger cannot be read.
    pub fn last_word(&self, key: &str) -> Result<LastWord, LedgerError> {
        if self.was_empty() || self.memory == Memory::Refresh {
            return Ok(LastWord::Nothing);
        }
        let last: Option<(Option<String>, Option<bool>)> = self
            .connection
            .prepare_cached(QUERY)
            .and_then(|mut statement| {
                statement
                    .query_row([key], |row| Ok((row.get(0)?, row.get(1)?)))
                    .optional()
            })
            .map_err(|error| self.failure(error))?;
        let Some((reason, permanent)) = last else {
            return Ok(LastWord::Nothing);
        };
        let reason = reason.and_then(|word| word.parse::<Reason>().ok());
        Ok(match (reason, permanent) {
            (Some(Reason::Accepted | Reason::AcceptedProvider), _) => LastWord::Accepted,
            (Some(reason), Some(true)) if reason.may_reject() => LastWord::Refused,
            (Some(_) | None, _) => LastWord::Nothing,
        })
    }
}
