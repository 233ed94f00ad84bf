//! What was done at a desk since it was opened, in numbers for those who watch over it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::SoFar;
use crate::probe::scheduler::Progress;

/// The numbers of a desk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Addresses that were asked for one by one.
    pub checked: u64,
    /// Addresses that needed no question: single ones, and mailboxes of lists.
    pub from_ledger: u64,
    /// Recipients that mail hosts were asked about, decoys included.
    pub recipients: u64,
    /// Connections to mail hosts that were asked for.
    pub connections: u64,
    /// Questions put to DNS.
    pub dns_questions: u64,
    /// Connections that are open now.
    pub open: u64,
    /// Addresses that wait for their answer now.
    pub pending: u64,
    /// Those of them that wait for a later moment, as their hosts wish.
    pub waiting: u64,
}

/// The numbers of a desk, kept up by each caller that does something there. A clone is another way to the same ones.
#[derive(Clone, Debug, Default)]
pub(super) struct Totals(Arc<Mutex<Counts>>);

impl Totals {
    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The numbers as they are now.
    pub(super) fn now(&self) -> Counts {
        *self.lock()
    }

    /// Addresses were asked for one by one, some of which needed no question.
    pub(super) fn checked(&self, addresses: usize, from_ledger: usize) {
        let mut counts = self.lock();
        counts.checked += addresses as u64;
        counts.from_ledger += from_ledger as u64;
    }

    /// Begins to count what a run does.
    pub(super) fn of_run(&self) -> RunTotals {
        RunTotals {
            totals: self.clone(),
            last: Counts::default(),
        }
    }
}

/// What one run adds to the numbers of a desk.
pub(super) struct RunTotals {
    totals: Totals,
    /// What the run had done when it was last looked at.
    last: Counts,
}

impl RunTotals {
    /// The run has come so far.
    pub(super) fn progress(&mut self, progress: &Progress) {
        let mut counts = self.totals.lock();
        counts.recipients += progress.recipients.saturating_sub(self.last.recipients);
        counts.connections += progress.opened.saturating_sub(self.last.connections);
        counts.dns_questions += progress
            .dns_questions
            .saturating_sub(self.last.dns_questions);
        counts.open = progress.conversations as u64;
        counts.pending = progress.pending as u64 + progress.put_off;
        let waiting = progress.waiting.as_ref();
        counts.waiting = waiting.map_or(0, |waiting| waiting.addresses as u64);
        self.last.recipients = progress.recipients;
        self.last.connections = progress.opened;
        self.last.dns_questions = progress.dns_questions;
    }

    /// The run's mailboxes stand so.
    pub(super) fn so_far(&mut self, so_far: &SoFar) {
        self.totals.lock().from_ledger += so_far.known.saturating_sub(self.last.from_ledger);
        self.last.from_ledger = so_far.known;
    }
}

impl Drop for RunTotals {
    /// What a run that is over has open is nothing.
    fn drop(&mut self) {
        let mut counts = self.totals.lock();
        (counts.open, counts.pending, counts.waiting) = (0, 0, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_add_up_and_leave_nothing_open() {
        let totals = Totals::default();
        for _ in 0..2 {
            let mut run = totals.of_run();
            for recipients in [2, 5] {
                run.progress(&Progress {
                    recipients,
                    opened: 1,
                    conversations: 3,
                    pending: 4,
                    put_off: 1,
                    ..Progress::default()
                });
            }
            let now = totals.now();
            assert_eq!((now.open, now.pending), (3, 5));
        }
        totals.checked(3, 2);
        assert_eq!(
            totals.now(),
            Counts {
                checked: 3,
                from_ledger: 2,
                recipients: 10,
                connections: 2,
                ..Counts::default()
            }
        );
    }
}
