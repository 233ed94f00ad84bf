//! Files that are complete or not there, readable for no more people than the list is.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::OutletError;
use super::fields::field;

/// Who may read what is written: at most those who may read the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rights(u32);

impl Rights {
    /// Those of a file that is no secret.
    pub const ORDINARY: Rights = Rights(0o644);

    /// Those of what is made of the file at `path`; ordinary ones where there is no such file, as for standard input.
    #[must_use]
    pub fn of_what_comes_from(path: &Path) -> Rights {
        fs::metadata(path).map_or(Rights::ORDINARY, |metadata| {
            Rights::within(metadata.permissions().mode())
        })
    }

    /// The owner may always replace what is his.
    fn within(mode: u32) -> Rights {
        Rights(mode & Rights::ORDINARY.0 | 0o600)
    }
}

/// A table of our own in the making, beside its final name: comma-separated, with a header.
pub struct Table {
    file: BufWriter<NamedTempFile>,
    path: PathBuf,
    rights: Rights,
    line: Vec<u8>,
}

impl Table {
    /// Begins a table.
    ///
    /// # Errors
    ///
    /// [`OutletError`] when nothing can be written there.
    pub fn create(path: &Path, rights: Rights, header: &[&str]) -> Result<Self, OutletError> {
        let folder = folder_of(path);
        let file = beside(folder).map_err(|error| OutletError::at(path, error))?;
        let mut table = Table {
            file: BufWriter::with_capacity(crate::model::limits::WRITE_BYTES, file),
            path: path.to_owned(),
            rights,
            line: Vec::new(),
        };
        table.row(header)?;
        Ok(table)
    }

    /// Writes a row, its fields made safe.
    ///
    /// # Errors
    ///
    /// [`OutletError`] when it cannot be written.
    pub fn row(&mut self, fields: &[&str]) -> Result<(), OutletError> {
        self.line.clear();
        for text in fields {
            field(&mut self.line, b',', text);
        }
        self.line.push(b'\n');
        // The first field has no delimiter in front.
        self.file
            .write_all(&self.line[1..])
            .map_err(|error| OutletError::at(&self.path, error))
    }

    /// Gives the table its name.
    ///
    /// # Errors
    ///
    /// [`OutletError`] when it could not be completed.
    pub fn publish(self) -> Result<(), OutletError> {
        let written = self
            .file
            .into_inner()
            .map_err(io::IntoInnerError::into_error)
            .and_then(|file| publish(file, &self.path, self.rights));
        written.map_err(|error| OutletError::at(&self.path, error))
    }
}

/// Writes a whole file beside its final name, then renames it.
///
/// # Errors
///
/// [`OutletError`] when it cannot be written.
pub fn write_whole(path: &Path, rights: Rights, bytes: &[u8]) -> Result<(), OutletError> {
    let written = beside(folder_of(path)).and_then(|mut file| {
        file.write_all(bytes)?;
        publish(file, path, rights)
    });
    written.map_err(|error| OutletError::at(path, error))
}

/// The folder that a path names a file in.
pub(super) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        Some(_) | None => Path::new("."),
    }
}

/// A file in `folder` that vanishes unless it is published. Until then it is for its owner alone.
pub(super) fn beside(folder: &Path) -> io::Result<NamedTempFile> {
    tempfile::Builder::new()
        .prefix(".presend-")
        .suffix(".part")
        .tempfile_in(folder)
}

/// Gives a complete file its rights and its name.
pub(super) fn publish(file: NamedTempFile, path: &Path, rights: Rights) -> io::Result<()> {
    file.as_file().sync_all()?;
    set_rights(file.as_file(), rights)?;
    file.persist(path)?;
    Ok(())
}

fn set_rights(file: &File, rights: Rights) -> io::Result<()> {
    file.set_permissions(fs::Permissions::from_mode(rights.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_for_no_more_people_than_the_list() {
        let folder = tempfile::tempdir().unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        for (list, made) in [
            (0o600, 0o600),
            (0o640, 0o640),
            (0o644, 0o644),
            (0o777, 0o644),
            (0o440, 0o640),
        ] {
            let path = folder.path().join("list.csv");
            fs::write(&path, b"x").unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(list)).unwrap();
            let rights = Rights::of_what_comes_from(&path);
            let made_of_it = folder.path().join("made.csv");
            write_whole(&made_of_it, rights, b"y").unwrap();
            assert_eq!(mode(&made_of_it), made, "{list:o}");
        }
        let nowhere = folder.path().join("none");
        assert_eq!(Rights::of_what_comes_from(&nowhere), Rights::ORDINARY);
        let part = beside(folder.path()).unwrap();
        assert_eq!(mode(part.path()), 0o600);
    }
}
