//! A list by what is known of its rows at this moment. Nobody is asked.

use std::future::pending;

use crate::ledger::{Ledger, Lifetimes, Realm};
use crate::model::ending::Ending;
use crate::model::timestamp::Timestamp;
use crate::net::Clock;
use crate::probe::scheduler::Progress;
use crate::verifier::error::Error;
use crate::verify::report::{Edition, Report};
use crate::verify::{Asking, Finished, Observer, Task, Tools, VerifyError, pages, prepare};
use std::path::Path;

/// Where what is known is read.
pub(super) struct Sight<'a> {
    /// The ledger.
    pub(super) path: &'a Path,
    /// Whose facts it holds.
    pub(super) realm: &'a Realm,
    /// How long they may be used.
    pub(super) lifetimes: Lifetimes,
    /// What was learned from here on counts, whichever run learned it.
    pub(super) since: Timestamp,
    /// What the clock shows.
    pub(super) now: Timestamp,
    /// How the asking ended that left some without an answer.
    pub(super) ending: Ending,
}

impl Sight<'_> {
    /// Lists every row by what is known of it, up to the moment when the files would appear.
    ///
    /// # Errors
    ///
    /// When the list or the ledger cannot be read, or the lists cannot be written.
    pub(super) async fn list(
        &self,
        task: &Task,
        tools: &Tools,
        observer: &mut dyn Observer,
    ) -> Result<Finished, Error> {
        let mut ledger = Ledger::open(self.path, self.realm, self.lifetimes, self.now)?;
        // What could be used when the run began can be used still: it was not asked again.
        ledger.look_anew(self.since, self.since)?;
        let nobody = Asking::Nobody(Clock::starting_at(self.now), self.ending);
        let listed = prepare(task, tools, nobody, &mut ledger, observer, pending());
        Ok(listed.await?)
    }
}

/// Adds the pages of a report and the lists as one spreadsheet to what a run wrote.
///
/// # Errors
///
/// When they cannot be written.
pub(super) fn add_pages(finished: &mut Finished, task: &Task) -> Result<(), Error> {
    let (report, files): (&Report, _) = (&finished.report, &mut finished.files);
    pages::add_report(report, &task.out, task.rights(), Edition::Full, files)
        .map_err(VerifyError::from)?;
    for input in &task.lists {
        let list = input
            .source
            .list(&task.options)
            .map_err(VerifyError::from)?;
        let delimiter = list.delimiter().unwrap_or(b',');
        pages::add_workbook(report, input, delimiter, files).map_err(VerifyError::from)?;
    }
    Ok(())
}

/// Nobody who looks on.
pub(super) struct NoObserver;

impl Observer for NoObserver {
    fn progress(&mut self, _: u64, _: &Progress) {}

    fn blocked(&mut self, _: &str, _: &str, _: usize) {}
}
