//! The folder of a run: a process that writes there has it alone, and ends what one that was killed there had begun.

use std::path::Path;
use std::time::SystemTime;

use super::{Exit, Refusal, usage};
use crate::ledger::{Lock, LockError};
use crate::model::timestamp::Timestamp;
use crate::verify::output;

/// Held by the process that writes to the folder.
const LOCK: &str = ".presend.lock";

/// Takes `folder`, which is made where there is none, for `work`.
///
/// # Errors
///
/// A refusal where another process is at work there, or nothing can be written.
pub(super) fn take(folder: &Path, work: &str) -> anyhow::Result<Lock> {
    let name = folder.display();
    std::fs::create_dir_all(folder).map_err(|error| {
        usage(format!(
            "cannot make the folder {name}: {error}; name another with --out"
        ))
    })?;
    match lock(folder, work) {
        Ok(lock) => {
            output::complete(folder)?;
            Ok(lock)
        }
        Err(LockError::Held { holder, .. }) => {
            let who = holder.map_or_else(|| "another run".to_owned(), |holder| holder.to_string());
            Err(Refusal {
                exit: Exit::CannotAsk,
                message: format!(
                    "{who} is writing lists to {name}\n  wait until it has ended, or name another folder with --out"
                ),
            }
            .into())
        }
        Err(error @ LockError::Failed { .. }) => {
            Err(usage(format!("{error}; name another folder with --out")))
        }
    }
}

/// Ends what a run that was killed had begun in `folder`, before what is there is read. A run that is at work there
/// does that itself.
///
/// # Errors
///
/// When nothing can be written there.
pub(super) fn complete(folder: &Path) -> anyhow::Result<()> {
    if !output::is_incomplete(folder) {
        return Ok(());
    }
    match lock(folder, "end what a run had begun") {
        Ok(_lock) => Ok(output::complete(folder)?),
        Err(LockError::Held { .. }) => Ok(()),
        Err(error @ LockError::Failed { .. }) => Err(usage(format!(
            "a run was killed before all of its files were in {}, and they cannot be put there: {error}; let this user write there",
            folder.display()
        ))),
    }
}

fn lock(folder: &Path, work: &str) -> Result<Lock, LockError> {
    let now = Timestamp::from(SystemTime::now());
    Lock::take(&folder.join(LOCK), work, now)
}
