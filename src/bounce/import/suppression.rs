//! The addresses that must not be written to again: a file that `verify --suppress` takes, appended to.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::input::address::Address;
use crate::input::list::{self, List, Options};
use crate::input::suppression::{Suppression, SuppressionError};
use crate::model::seeded::fingerprint;

/// The header of a file of our own making.
const HEADER: &str = "email,why,since";

/// A suppression file that addresses are added to. Nothing of it changes until [`SuppressionFile::finish`].
#[derive(Debug)]
pub struct SuppressionFile {
    path: PathBuf,
    /// The addresses and domains that are in the file already.
    known: Suppression,
    /// The addresses that were added.
    new: HashSet<u64>,
    form: Form,
    lines: Vec<u8>,
    added: u64,
    /// What was added, for when another process has changed the file meanwhile.
    pending: Vec<(Address, String, String)>,
}

/// How the file that is there is written.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Form {
    /// Ours, or none yet.
    Ours,
    /// A table of the operator's own: the address goes into its column, the others stay empty.
    Table {
        columns: usize,
        address: usize,
        delimiter: Option<u8>,
    },
}

impl Form {
    /// How a file is written. What is no table has an entry a line.
    fn of(path: &Path, bytes: &[u8]) -> Form {
        let name = path.display().to_string();
        let lines = Form::Table {
            columns: 1,
            address: 0,
            delimiter: None,
        };
        let Ok(list) = List::read(&name, io::Cursor::new(bytes.to_vec()), &Options::default())
        else {
            return lines;
        };
        if list.header() == Some(HEADER.as_bytes()) {
            return Form::Ours;
        }
        match list.delimiter() {
            None => lines,
            delimiter => Form::Table {
                columns: list.columns().len(),
                address: list.address_column(),
                delimiter,
            },
        }
    }
}

/// A suppression file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// What is there is no list of addresses.
    #[error(transparent)]
    NoList(#[from] SuppressionError),
    /// It is a spreadsheet: lines behind it would destroy it.
    #[error(
        "{}: is a spreadsheet or another archive, to which nobody can be added; save it as CSV (UTF-8) and give that file",
        path.display()
    )]
    Workbook {
        /// The suppression file.
        path: PathBuf,
    },
    /// It cannot be read or written.
    #[error("cannot use {}: {error}; name another file with --suppress", path.display())]
    Unwritable {
        /// The suppression file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
}

impl SuppressionFile {
    /// Reads what is at `path`, if anything.
    ///
    /// # Errors
    ///
    /// [`FileError::NoList`] when there is something that is no list of addresses.
    pub fn open(path: &Path) -> Result<SuppressionFile, FileError> {
        let mut this = SuppressionFile {
            path: path.to_owned(),
            known: Suppression::default(),
            new: HashSet::new(),
            form: Form::Ours,
            lines: Vec::new(),
            added: 0,
            pending: Vec::new(),
        };
        let bytes = match fs::read(path) {
            Ok(bytes) if bytes.is_empty() => return Ok(this),
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(this),
            Err(error) => return Err(this.unwritable(error)),
        };
        if list::is_workbook(&bytes) {
            return Err(FileError::Workbook {
                path: path.to_owned(),
            });
        }
        this.known.add(&bytes, &path.display().to_string())?;
        this.form = Form::of(path, &bytes);
        Ok(this)
    }

    fn unwritable(&self, error: io::Error) -> FileError {
        FileError::Unwritable {
            path: self.path.clone(),
            error,
        }
    }

    /// Adds an address, unless it is there. Returns whether it is new.
    pub fn add(&mut self, address: &Address, why: &str, since: &str) -> bool {
        if self.known.has(address) || !self.new.insert(fingerprint(address.key().as_bytes())) {
            return false;
        }
        let quoted = quote(address.wire());
        let line = match &self.form {
            Form::Ours => format!("{quoted},{why},{since}"),
            Form::Table {
                columns,
                address,
                delimiter,
            } => {
                let delimiter = delimiter.map_or(',', char::from);
                let fields: Vec<&str> = (0..*columns)
                    .map(|column| {
                        if column == *address {
                            quoted.as_str()
                        } else {
                            ""
                        }
                    })
                    .collect();
                fields.join(&delimiter.to_string())
            }
        };
        self.lines.extend_from_slice(line.as_bytes());
        self.lines.push(b'\n');
        self.added += 1;
        self.pending
            .push((address.clone(), why.to_owned(), since.to_owned()));
        true
    }

    /// Where the file is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes the new addresses behind the old ones. The file is complete at every moment: a new one takes its place.
    ///
    /// # Errors
    ///
    /// [`FileError::Unwritable`]; the old file is then as it was.
    pub fn finish(self) -> Result<u64, FileError> {
        if self.added == 0 {
            return Ok(0);
        }
        // Bounces piped in at once write one after the other, each behind what the others have written.
        let _alone = self.alone().map_err(|error| self.unwritable(error))?;
        let mut latest = SuppressionFile::open(&self.path)?;
        for (address, why, since) in &self.pending {
            latest.add(address, why, since);
        }
        latest.write()
    }

    /// Keeps other processes from writing, until it is dropped: a lock on the folder, which leaves no file behind.
    fn alone(&self) -> io::Result<File> {
        let folder = match self.path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            Some(_) | None => Path::new("."),
        };
        let folder = File::open(folder)?;
        folder.lock()?;
        Ok(folder)
    }

    fn write(self) -> Result<u64, FileError> {
        if self.added == 0 {
            return Ok(0);
        }
        let write = || -> io::Result<()> {
            let folder = match self.path.parent() {
                Some(folder) if !folder.as_os_str().is_empty() => folder,
                Some(_) | None => Path::new("."),
            };
            let mut new = BufWriter::new(tempfile::NamedTempFile::new_in(folder)?);
            let old = File::open(&self.path);
            let ends_with_line = match old {
                Ok(mut old) => {
                    let permissions = old.metadata()?.permissions();
                    new.get_ref().as_file().set_permissions(permissions)?;
                    let copied = io::copy(&mut old, &mut new)?;
                    copied == 0 || last_byte(&self.path)? == Some(b'\n')
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => true,
                Err(error) => return Err(error),
            };
            if !ends_with_line {
                new.write_all(b"\n")?;
            }
            if self.form == Form::Ours && fs::metadata(&self.path).map_or(0, |old| old.len()) == 0 {
                writeln!(new, "{HEADER}")?;
            }
            new.write_all(&self.lines)?;
            let file = new.into_inner().map_err(io::IntoInnerError::into_error)?;
            file.as_file().sync_all()?;
            file.persist(&self.path)?;
            Ok(())
        };
        write().map_err(|error| self.unwritable(error))?;
        Ok(self.added)
    }
}

/// The last byte of a file.
fn last_byte(path: &Path) -> io::Result<Option<u8>> {
    use std::io::{Read, Seek, SeekFrom};
    let mut file = File::open(path)?;
    if file.seek(SeekFrom::End(0))? == 0 {
        return Ok(None);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut byte = [0];
    file.read_exact(&mut byte)?;
    Ok(Some(byte[0]))
}

/// An address as a field of a table: in quotes only where its own signs need them.
fn quote(address: &str) -> String {
    if address.contains([',', ';', '"', '\t', '|']) {
        format!("\"{}\"", address.replace('"', "\"\""))
    } else {
        address.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::error_texts::error_texts;

    fn add(path: &Path, addresses: &[&str]) -> u64 {
        let mut suppression = SuppressionFile::open(path).unwrap();
        for address in addresses {
            suppression.add(
                &Address::parse(address).unwrap(),
                "no_such_mailbox",
                "2026-03-02T06:00:00Z",
            );
        }
        suppression.finish().unwrap()
    }

    #[test]
    fn addresses_are_added_once_however_often_they_come() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("suppressed.csv");
        assert_eq!(
            add(&path, &["a@x.example", "A@X.example", "b@x.example"]),
            2
        );
        assert_eq!(add(&path, &["b@x.example"]), 0);
        assert_eq!(add(&path, &["b@x.example", "\"c,d\"@x.example"]), 1);
        assert_eq!(
            fs::read_to_string(&path).unwrap(),
            "email,why,since\na@x.example,no_such_mailbox,2026-03-02T06:00:00Z\nb@x.example,no_such_mailbox,2026-03-02T06:00:00Z\n\"\"\"c,d\"\"@x.example\",no_such_mailbox,2026-03-02T06:00:00Z\n"
        );
    }

    #[test]
    fn a_file_of_the_operators_own_keeps_its_form() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mine.txt");
        fs::write(&path, "a@x.example\nz@x.example").unwrap();
        assert_eq!(add(&path, &["a@x.example", "b@x.example"]), 1);
        assert_eq!(
            fs::read_to_string(&path).unwrap(),
            "a@x.example\nz@x.example\nb@x.example\n"
        );
        let path = folder.path().join("mine.csv");
        fs::write(&path, "Name;E-Mail;Note\nAnn;a@x.example;left\n").unwrap();
        assert_eq!(add(&path, &["b@x.example"]), 1);
        assert_eq!(
            fs::read_to_string(&path).unwrap(),
            "Name;E-Mail;Note\nAnn;a@x.example;left\n;b@x.example;\n"
        );
    }

    #[test]
    fn comments_and_domains_of_the_operator_are_heeded() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mine.txt");
        fs::write(&path, "# who left\nacme.example\n").unwrap();
        assert_eq!(add(&path, &["a@acme.example", "b@x.example"]), 1);
        assert_eq!(
            fs::read_to_string(&path).unwrap(),
            "# who left\nacme.example\nb@x.example\n"
        );
        let nonsense = folder.path().join("nonsense.txt");
        fs::write(&nonsense, "neither\n").unwrap();
        assert!(SuppressionFile::open(&nonsense).is_err());
    }

    #[test]
    fn a_folder_that_may_not_be_written_is_said_so() {
        let mut suppression = SuppressionFile::open(Path::new("/no/such/folder/file.csv")).unwrap();
        suppression.add(
            &Address::parse("a@x.example").unwrap(),
            "no_such_mailbox",
            "",
        );
        assert!(
            suppression
                .finish()
                .unwrap_err()
                .to_string()
                .starts_with("cannot use")
        );
    }

    #[test]
    fn every_error_says_what_to_change() {
        let path = || PathBuf::from("suppressed.csv");
        let entry = Suppression::default()
            .add(b"no body", "suppressed.csv")
            .unwrap_err();
        let texts = error_texts!(FileError {
            NoList(entry),
            Workbook { path: "suppressed.xlsx".into() },
            Unwritable { path: path(), error: io::ErrorKind::StorageFull.into() },
        });
        insta::assert_snapshot!(texts, @r"
        suppressed.csv:1: `no body` is neither an address nor a domain; mend or remove it, or put # in front
        suppressed.xlsx: is a spreadsheet or another archive, to which nobody can be added; save it as CSV (UTF-8) and give that file
        cannot use suppressed.csv: no storage space; name another file with --suppress
        ");
    }
}
