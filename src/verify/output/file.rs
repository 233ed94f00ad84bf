//! Files that are complete or not there, with no wider permissions than the list has.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::OutletError;
use super::fields::field;

/// The permissions of what is written: at most those of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rights(u32);

impl Rights {
    /// Those of a file that is no secret.
    pub const ORDINARY: Rights = Rights(0o644);

    /// Those of a file that is for its owner alone.
    #[cfg(feature = "serve")]
    pub const PRIVATE: Rights = Rights(0o600);

    /// Those of what is made of the file at `path`, where `-` is the one that standard input is; ordinary ones where there
    /// is no file, as for a pipe.
    #[must_use]
    pub fn of_what_comes_from(path: &Path) -> Rights {
        let path = if path == Path::new("-") {
            Path::new("/dev/stdin")
        } else {
            path
        };
        match fs::metadata(path) {
            Ok(metadata) if metadata.is_file() => Rights::within(mode(&metadata)),
            Ok(_) | Err(_) => Rights::ORDINARY,
        }
    }

    /// Those of what is made of files with both rights.
    #[must_use]
    pub fn and(self, other: Rights) -> Rights {
        Rights(self.0 & other.0)
    }

    /// The owner may always replace the file.
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
        let (file, path, rights) = self.into_parts()?;
        publish(file, &path, rights).map_err(|error| OutletError::at(&path, error))
    }

    /// What was written, where it belongs, with which permissions.
    pub(super) fn into_parts(self) -> Result<(NamedTempFile, PathBuf, Rights), OutletError> {
        match self.file.into_inner() {
            Ok(file) => Ok((file, self.path, self.rights)),
            Err(error) => Err(OutletError::at(&self.path, error.into_error())),
        }
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
        .prefix(PART[0])
        .suffix(PART[1])
        .tempfile_in(folder)
}

/// A file that will be at `path`, elsewhere than in the folder of a run. Its name says so until it is there.
pub(super) fn beside_of(path: &Path) -> io::Result<NamedTempFile> {
    tempfile::Builder::new()
        .prefix(&prefix_of(path))
        .suffix(PART[1])
        .tempfile_in(folder_of(path))
}

fn prefix_of(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    format!("{}{}-", PART[0], name.to_string_lossy())
}

/// Takes away what runs that were killed have left half written of the file at `path`, which is elsewhere than in the folder
/// of a run: others may be at work beside it.
///
/// # Errors
///
/// [`OutletError`] when that cannot be done.
pub fn sweep_beside(path: &Path) -> Result<(), OutletError> {
    let prefix = prefix_of(path);
    let is_of_it = |part: &Path| {
        let name = part.file_name().and_then(OsStr::to_str).unwrap_or_default();
        is_part(part) && name.starts_with(&prefix)
    };
    sweep(folder_of(path), is_of_it).map_err(|error| OutletError::at(path, error))
}

/// How the names of files in the making begin and end.
const PART: [&str; 2] = [".presend-", ".part"];

/// Whether a path is one of those that [`beside`] gives.
pub(super) fn is_part(path: &Path) -> bool {
    let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
    name.starts_with(PART[0]) && name.ends_with(PART[1])
}

/// Takes the files of `folder` away that `which` names.
pub(super) fn sweep(folder: &Path, which: impl Fn(&Path) -> bool) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if which(&entry.path()) && entry.file_type()?.is_file() {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Gives a complete file its rights and its name.
fn publish(file: NamedTempFile, path: &Path, rights: Rights) -> io::Result<()> {
    complete(file.as_file(), path, rights, umask(folder_of(path))?)?;
    file.persist(path)?;
    Ok(())
}

/// Makes sure that a file is on the disk, and gives it the rights that it will have at `path`: no more than the operator
/// gives new files, and no more than the one that it replaces has.
pub(super) fn complete(file: &File, path: &Path, rights: Rights, umask: u32) -> io::Result<()> {
    let replaced =
        fs::metadata(path).map_or(Rights::ORDINARY, |metadata| Rights::within(mode(&metadata)));
    let mode = rights.and(replaced).0 & !umask;
    file.set_permissions(fs::Permissions::from_mode(mode))?;
    file.sync_all()
}

/// What the operator keeps from new files. The system tells it by what becomes of one.
pub(super) fn umask(folder: &Path) -> io::Result<u32> {
    let everything = fs::Permissions::from_mode(0o666);
    let file = tempfile::Builder::new()
        .prefix(PART[0])
        .suffix(PART[1])
        .permissions(everything)
        .tempfile_in(folder)?;
    Ok(!mode(&file.as_file().metadata()?) & 0o666)
}

fn mode(metadata: &fs::Metadata) -> u32 {
    metadata.permissions().mode() & 0o777
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_for_no_more_people_than_the_list() {
        let folder = tempfile::tempdir().unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let umask = umask(folder.path()).unwrap();
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
            let made_of_it = folder.path().join(format!("{list:o}.csv"));
            write_whole(&made_of_it, rights, b"y").unwrap();
            assert_eq!(mode(&made_of_it), made & !umask, "{list:o}");
        }
        let nowhere = folder.path().join("none");
        assert_eq!(Rights::of_what_comes_from(&nowhere), Rights::ORDINARY);
        let part = beside(folder.path()).unwrap();
        assert_eq!(mode(part.path()), 0o600);
    }
}
