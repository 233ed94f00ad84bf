//! What is left to do about an address: ask, wait, ask its domain's decoy, or nothing.

use super::{Ledger, LedgerError, is_settled};
use crate::model::reading::Reading;
use crate::model::reason::Reason;
use crate::model::timestamp::Timestamp;
use crate::model::verdict::Fact;
use crate::model::verdict::Finding;
use crate::model::verdict::Verdict;
use crate::model::verdict::Whom;
use crate::model::verdict::decide;
use crate::probe::{KnownDomain, Waiting, was_to_be_asked_again};

/// What is left to do about an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Todo {
    /// Nothing: it is settled.
    Settled(Verdict),
    /// Nothing: this run, before it was interrupted, asked as often as it asks.
    Left,
    /// It was accepted so, and only the decoy of its domain is owed.
    Owed(Reading),
    /// It is to be asked about, not before a moment.
    Ask {
        /// What it has been through in this run.
        waiting: Waiting,
        /// From when on.
        not_before: Timestamp,
    },
}

impl Ledger {
    /// What is left to do about an address.
    ///
    /// # Errors
    ///
    /// [`LedgerError`] when the ledger cannot be read.
    pub fn todo(&mut self, key: &str, domain: &str) -> Result<Todo, LedgerError> {
        let at_once = Todo::Ask {
            waiting: Waiting::default(),
            not_before: Timestamp::default(),
        };
        if self.was_empty() {
            return Ok(at_once);
        }
        let own = self.found_of_address(key)?;
        let asked_in_this_run = own.iter().any(|found| found.run == self.run_began);
        let evidence = self.evidence_with(own, key, domain)?;
        let verdict = decide(&evidence);
        if is_settled(verdict) {
            return Ok(Todo::Settled(verdict));
        }
        if let Some(reading) = acceptance(&evidence.facts) {
            return Ok(Todo::Owed(reading.clone()));
        }
        if !asked_in_this_run {
            return Ok(at_once);
        }
        Ok(match self.clock(key)? {
            Some(clock) => Todo::Ask {
                waiting: clock.waiting,
                not_before: clock.again,
            },
            // Killed before it was written when that was due.
            None if is_to_be_asked_again(&evidence.facts) => at_once,
            None => Todo::Left,
        })
    }

    /// What is known of how a domain answers for unknown recipients: in full when this run found out, else what facts
    /// say that are still fresh.
    ///
    /// # Errors
    ///
    /// [`LedgerError`] when the ledger cannot be read.
    pub fn catch_all(&mut self, domain: &str) -> Result<KnownDomain, LedgerError> {
        if self.was_empty() {
            return Ok(KnownDomain::default());
        }
        if let Some(known) = self.catch_all_of_this_run(domain)? {
            return Ok(known);
        }
        let known = self.of_domain(domain)?;
        Ok(KnownDomain::from_facts(known.iter().map(|kept| &kept.fact)))
    }
}

/// What an address was answered, the last answer first.
fn answers(facts: &[Fact]) -> impl Iterator<Item = &Reading> {
    facts.iter().rev().filter_map(|fact| match &fact.finding {
        Finding::Asked {
            whom: Whom::Subject,
            reading,
            ..
        } => Some(reading),
        Finding::Asked {
            whom: Whom::Decoy, ..
        }
        | Finding::Text { .. }
        | Finding::Domain { .. }
        | Finding::Withheld { .. }
        | Finding::Bounced { .. } => None,
    })
}

/// Whether an address's last answer was taken back to be asked for again.
fn is_to_be_asked_again(facts: &[Fact]) -> bool {
    answers(facts).next().is_some_and(|reading| {
        reading.reason == Reason::ProviderAnomaly && was_to_be_asked_again(&reading.rule)
    })
}

/// What an address's last acceptance was read as, unless it was taken back.
fn acceptance(facts: &[Fact]) -> Option<&Reading> {
    answers(facts)
        .take_while(|reading| reading.reason != Reason::ProviderAnomaly)
        .find(|reading| {
            matches!(
                reading.reason,
                Reason::Accepted | Reason::AcceptedProvider | Reason::CatchAllUntested
            )
        })
}
