//! The table of `bounces --table`.

use std::path::{Path, PathBuf};

use crate::bounce::import::{BounceEvent, Fault, Kind};
use crate::cli::usage;
use crate::model::reason::Reason;

/// The table of every bounce and complaint, complete or not there.
pub(super) struct Table {
    path: PathBuf,
    writer: csv::Writer<tempfile::NamedTempFile>,
}

impl Table {
    pub(super) fn create(path: &Path) -> anyhow::Result<Table> {
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            Some(_) | None => Path::new("."),
        };
        let file = tempfile::NamedTempFile::new_in(folder)
            .map_err(|error| usage(format!("cannot write {}: {error}", path.display())))?;
        let mut writer = csv::Writer::from_writer(file);
        writer.write_record([
            "email",
            "kind",
            "reason",
            "blame",
            "fault",
            "permanent",
            "refused_by",
            "status",
            "reply",
            "provider",
            "at",
            "file",
        ])?;
        Ok(Table {
            path: path.to_owned(),
            writer,
        })
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
        let reply = tame(happening.diagnostic.as_deref().unwrap_or_default());
        self.writer.write_record([
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
            &reply,
            happening.provider.as_deref().unwrap_or_default(),
            &at,
            &file,
        ])?;
        Ok(())
    }

    pub(super) fn finish(self) -> anyhow::Result<()> {
        let file = self
            .writer
            .into_inner()
            .map_err(|error| anyhow::anyhow!("cannot write {}: {error}", self.path.display()))?;
        file.persist(&self.path)
            .map_err(|error| usage(format!("cannot write {}: {error}", self.path.display())))?;
        Ok(())
    }
}

/// A text that a spreadsheet does not take for a formula.
fn tame(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@']) {
        format!("'{text}")
    } else {
        text.to_owned()
    }
}
