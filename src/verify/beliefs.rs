//! How often messages bounce, as far as that is known before a list is seen.

use crate::ledger::{Ledger, LedgerError};
use crate::model::timestamp::Timestamp;
use crate::projection::{Model, Observed, Priors, Segment};

/// What is believed before a list is seen: the priors, with the real bounces that the ledger knows, as far as they
/// still count at `now`.
///
/// # Errors
///
/// When the ledger cannot be read.
pub fn believed(ledger: &Ledger, now: Timestamp) -> Result<Model, LedgerError> {
    let observed = ledger
        .outcomes()?
        .into_iter()
        .filter_map(|(name, outcomes)| {
            // A name that this version does not know counts for nothing.
            let segment: Segment = name.parse().ok()?;
            let outcomes = outcomes.faded(now);
            let observed = Observed {
                total: outcomes.total,
                bounced: outcomes.bounced,
                hard: outcomes.hard,
            };
            Some((segment, observed))
        })
        .collect();
    Ok(Model::new(Priors::built_in().clone(), &observed))
}
