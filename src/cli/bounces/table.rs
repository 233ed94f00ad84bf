//! The table of `bounces --table`.

use std::path::{Path, PathBuf};

use crate::bounce::import::{BounceEvent, Fault, Kind};
use crate::cli::usage;
use crate::model::reason::Reason;
use crate::verify::output::{self, Protected, Replace, Rights};

/// The table of every bounce and complaint, complete or not there.
pub(super) struct Table(output::Table);

impl Table {
    /// Begins a table of what `files` say, with no wider permissions than theirs.
    ///
    /// # Errors
    ///
    /// When nothing can be written there, or it would take the place of one of them, or of a file that presend did not
    /// write.
    pub(super) fn create(path: &Path, files: &[PathBuf]) -> anyhow::Result<Table> {
        protect(path, files)?;
        let rights = files.iter().map(|file| Rights::of_what_comes_from(file));
        let rights = rights.fold(Rights::ORDINARY, Rights::and);
        let table = output::Table::create(path, rights, &output::BOUNCES)?;
        Ok(Table(table))
    }

    pub(super) fn write(&mut self, happening: &BounceEvent) -> anyhow::Result<()> {
        match happening.kind {
            Kind::Bounce | Kind::Complaint | Kind::Suppressed => {}
            Kind::Delayed
            | Kind::Delivered
            | Kind::AutoReply
            | Kind::Unsubscribed
            | Kind::Other => return Ok(()),
        }
        let at = happening.at.map(|at| at.to_string()).unwrap_or_default();
        let file = happening.origin.file.display().to_string();
        self.0.row(&[
            happening.listed().unwrap_or_default(),
            happening.kind.as_str(),
            happening.reason.map_or("", Reason::as_str),
            happening
                .reason
                .map_or("", |reason| reason.blame().as_str()),
            happening.fault().map_or("", Fault::as_str),
            if happening.permanent { "yes" } else { "no" },
            happening.rejected_by.as_str(),
            happening.status.as_deref().unwrap_or_default(),
            happening.diagnostic.as_deref().unwrap_or_default(),
            happening.provider.as_deref().unwrap_or_default(),
            &at,
            &file,
        ])?;
        Ok(())
    }

    pub(super) fn finish(self) -> anyhow::Result<()> {
        Ok(self.0.publish()?)
    }
}

/// Makes sure that the table replaces neither a file that it is made of nor one that presend did not write.
fn protect(table: &Path, files: &[PathBuf]) -> anyhow::Result<()> {
    output::protect(files, &[table.to_owned()], Replace::OnlyOurs).map_err(|protected| {
        let (path, what) = match protected {
            Protected::TheList(path) => (path, "is read here"),
            Protected::Foreign(path) => (path, "was not written by presend"),
        };
        usage(format!(
            "{} {what} and would be replaced by the table; name another file with --table",
            path.display()
        ))
    })
}
