//! What became of mailboxes since the last run of the same job: counted, and one line each in `changes.csv`.

use std::path::PathBuf;

use crate::input::address::Address;
use crate::ledger::{Change, Changes, Ledger};
use crate::model::verdict::Verdict;
use crate::verify::Task;
use crate::verify::error::VerifyError;
use crate::verify::output::{self, Generation, Table};
use crate::verify::seen::{Mark, Seen};

/// Compares while rows are listed. Without an earlier run there is nothing to tell.
pub(super) struct ChangeLog {
    path: PathBuf,
    told: Option<(Changes, Table)>,
}

impl ChangeLog {
    /// Begins to compare with the run that `seen` remembers.
    pub(super) fn begin(task: &Task, seen: &Seen) -> Result<Self, VerifyError> {
        let path = task.out.join(output::CHANGES);
        let told = match seen.since() {
            None => None,
            Some(since) => {
                let changes = Changes {
                    since,
                    ..Changes::default()
                };
                let columns = ["address", "change", "before", "now"];
                let table = Table::create(&path, task.rights(), &columns)?;
                Some((changes, table))
            }
        };
        Ok(ChangeLog { path, told })
    }

    /// Notes how a mailbox stands that was met.
    pub(super) fn note(
        &mut self,
        seen: &mut Seen,
        (mark, address): (Mark, &Address),
        verdict: Verdict,
    ) -> Result<(), VerifyError> {
        let change = seen.note(mark, verdict);
        if let (Some((change, before)), Some((changes, table))) = (change, &mut self.told) {
            changes.count(change);
            let before = before
                .map(|verdict| verdict.to_string())
                .unwrap_or_default();
            table.row(&[
                &address.key(),
                change.as_str(),
                &before,
                &verdict.to_string(),
            ])?;
        }
        Ok(())
    }

    /// Counts the mailboxes that are gone, names those whose name is known. The table appears with the other `files`;
    /// where there is none, that of an earlier run goes, which would be about something else.
    pub(super) fn finish(
        self,
        seen: &Seen,
        ledger: &Ledger,
        files: &mut Generation,
    ) -> Result<Option<Changes>, VerifyError> {
        match (seen.register(), self.told) {
            (None, _) | (Some(_), None) => {
                files.remove(self.path);
                Ok(None)
            }
            (Some(register), Some((mut changes, mut table))) => {
                changes.gone = register.gone();
                if changes.gone > 0 {
                    ledger.gone(register, |key, before| {
                        let before = before.to_string();
                        table.row(&[key, Change::Gone.as_str(), &before, ""])?;
                        Ok::<(), VerifyError>(())
                    })?;
                }
                files.table(table)?;
                Ok(Some(changes))
            }
        }
    }
}
