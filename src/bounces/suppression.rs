//! The addresses that must not be written to again: a file that `verify --suppress` takes, appended to.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::meaning::digest;
use super::source::fields_of;
use crate::address::Address;
use crate::intake::{IntakeError, Options, Source};

/// The header of a file of our own making.
const HEADER: &str = "email,why,since";

/// A suppression file that addresses are added to. Nothing of it changes until [`Suppression::finish`].
#[derive(Debug)]
pub struct Suppression {
    path: PathBuf,
    known: HashSet<u64>,
    form: Form,
    lines: Vec<u8>,
    added: u64,
}

/// How the file that is there is written.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Form {
    /// Ours, or none yet.
    Ours,
    /// Somebody else's table: the address goes into its column, the others stay empty.
    Table {
        columns: usize,
        address: usize,
        delimiter: Option<u8>,
    },
}

/// A suppression file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SuppressionError {
    /// What is there is no list of addresses.
    #[error(transparent)]
    NoList(#[from] IntakeError),
    /// It cannot be written.
    #[error("cannot write {}: {error}", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
}

impl Suppression {
    /// Reads what is at `path`, if anything.
    ///
    /// # Errors
    ///
    /// [`SuppressionError::NoList`] when there is something that is no list of addresses.
    pub fn open(path: &Path) -> Result<Suppression, SuppressionError> {
        let mut this = Suppression {
            path: path.to_owned(),
            known: HashSet::new(),
            form: Form::Ours,
            lines: Vec::new(),
            added: 0,
        };
        let is_empty = fs::metadata(path).map_or(true, |metadata| metadata.len() == 0);
        if is_empty {
            return Ok(this);
        }
        let mut list = Source::open(path)?.list(&Options::default())?;
        let header = list.header().map(<[u8]>::to_vec);
        if header.as_deref() != Some(HEADER.as_bytes()) {
            this.form = Form::Table {
                columns: list.columns().len(),
                address: list.address_column(),
                delimiter: list.delimiter(),
            };
        }
        let (column, delimiter) = (list.address_column(), list.delimiter());
        while let Some(row) = list.next_row()? {
            let fields = fields_of(row.raw, delimiter);
            if let Some(Ok(address)) = fields.get(column).map(|text| Address::parse(text)) {
                this.known.insert(digest(address.key().as_bytes()));
            }
        }
        Ok(this)
    }

    /// Adds an address, unless it is there. Returns whether it is new.
    pub fn add(&mut self, address: &Address, why: &str, since: &str) -> bool {
        if !self.known.insert(digest(address.key().as_bytes())) {
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
        true
    }

    /// How many were new so far.
    #[must_use]
    pub fn added(&self) -> u64 {
        self.added
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
    /// [`SuppressionError::Unwritable`]; the old file is then as it was.
    pub fn finish(self) -> Result<u64, SuppressionError> {
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
        write().map_err(|error| SuppressionError::Unwritable {
            path: self.path.clone(),
            error,
        })?;
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

    fn add(path: &Path, addresses: &[&str]) -> u64 {
        let mut suppression = Suppression::open(path).unwrap();
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
    fn a_folder_that_may_not_be_written_is_said_so() {
        let mut suppression = Suppression::open(Path::new("/no/such/folder/file.csv")).unwrap();
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
                .starts_with("cannot write")
        );
    }
}
