//! What becomes of happenings: bounces go to the ledger, the dead and the unwilling to the suppression file.

use std::path::PathBuf;

use super::suppression::{FileError, SuppressionFile};
use super::{BounceEvent, Kind, SourceError};
use crate::input::address::Address;
use crate::ledger::{Bounce, Ledger, LedgerError};
use crate::model::limits;
use crate::model::reason::Reason;
use crate::model::timestamp::Timestamp;

/// Keeps happenings as they are read.
pub struct Keeper<'l> {
    ledger: &'l Ledger,
    suppression: Option<SuppressionFile>,
    now: Timestamp,
    batch: Vec<Bounce>,
    new: usize,
    known: usize,
}

/// What was kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Bounces that the ledger did not know.
    pub new: usize,
    /// Those that it did.
    pub known: usize,
    /// The suppression file with the number of addresses added.
    pub suppressed: Option<(PathBuf, u64)>,
}

/// Why happenings cannot be kept.
#[derive(Debug, thiserror::Error)]
pub enum KeepError {
    /// The ledger cannot be written.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The suppression file cannot.
    #[error(transparent)]
    File(#[from] FileError),
    /// What they are read from cannot be read further.
    #[error(transparent)]
    Source(#[from] SourceError),
}

impl<'l> Keeper<'l> {
    /// Keeps them in `ledger`, and in the suppression file where there is one; those that name no moment happened `now`.
    #[must_use]
    pub fn new(ledger: &'l Ledger, suppression: Option<SuppressionFile>, now: Timestamp) -> Self {
        Keeper {
            ledger,
            suppression,
            now,
            batch: Vec::new(),
            new: 0,
            known: 0,
        }
    }

    /// Keeps one wherever it belongs; one that was read before is kept already.
    ///
    /// # Errors
    ///
    /// When the ledger cannot be written.
    pub fn keep(&mut self, happening: &BounceEvent) -> Result<(), KeepError> {
        if happening.repeat {
            return Ok(());
        }
        let Some(Ok(address)) = happening.listed().map(Address::parse) else {
            return Ok(());
        };
        if happening.suppresses()
            && let Some(suppression) = &mut self.suppression
        {
            let why = match happening.reason {
                Some(reason) => reason.as_str(),
                None => "complaint",
            };
            let since = happening.at.unwrap_or(self.now).to_string();
            suppression.add(&address, why, &since);
        }
        if happening.kind == Kind::Bounce {
            self.batch.push(Bounce {
                key: address.key().into_owned(),
                id: happening.id.clone(),
                at: happening.at.unwrap_or(self.now),
                reason: happening.reason.unwrap_or(Reason::Unread),
                permanent: happening.permanent,
                status: happening.status.clone(),
                reply: happening.diagnostic.clone().unwrap_or_default(),
            });
            if self.batch.len() >= limits::BOUNCE_BATCH {
                self.flush()?;
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), KeepError> {
        let new = self.ledger.add_bounces(&self.batch)?;
        self.new += new;
        self.known += self.batch.len() - new;
        self.batch.clear();
        Ok(())
    }

    /// Keeps what is left.
    ///
    /// # Errors
    ///
    /// When the ledger or the suppression file cannot be written.
    pub fn finish(mut self) -> Result<Kept, KeepError> {
        self.flush()?;
        let suppressed = match self.suppression {
            Some(suppression) => {
                let path = suppression.path().to_owned();
                Some((path, suppression.finish()?))
            }
            None => None,
        };
        Ok(Kept {
            new: self.new,
            known: self.known,
            suppressed,
        })
    }
}
