//! Where a list comes from: something that can be read from its beginning as often as needed.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use super::{IntakeError, Late, List, Options, Remark};

/// What a path must be to mean standard input.
const STANDARD_INPUT: &str = "-";

/// A list that can be read more than once, always with the same bytes up to its end at the time of opening.
///
/// A file is held open, so that another one moved to its name changes nothing. Standard input and pipes are copied to a
/// temporary file without a name, which vanishes with the program.
#[derive(Debug)]
pub struct Source {
    name: String,
    file: Arc<Mutex<File>>,
    bytes: u64,
    /// How a file that others may write to looked when it was opened; `None` for a copy of our own.
    looked: Option<Look>,
    /// What a reading found out behind the beginning.
    late: Late,
}

/// What changes about a file when it is written to: its length, the time of its last change in seconds and nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Look(u64, i64, i64);

impl Look {
    fn at(file: &File) -> io::Result<Self> {
        let metadata = file.metadata()?;
        Ok(Look(
            metadata.len(),
            metadata.mtime(),
            metadata.mtime_nsec(),
        ))
    }
}

impl Source {
    /// Opens the list at `path`; `-` is standard input, which is read to its end here.
    ///
    /// # Errors
    ///
    /// [`IntakeError::Missing`], [`IntakeError::Directory`] or [`IntakeError::Unreadable`] for what is at `path`,
    /// [`IntakeError::Spool`] when there is no room for the copy of a stream, [`IntakeError::Empty`] for no bytes.
    pub fn open(path: &Path) -> Result<Source, IntakeError> {
        if path == Path::new(STANDARD_INPUT) {
            return Source::spool("standard input".to_owned(), io::stdin().lock());
        }
        let name = path.display().to_string();
        // A directory opens on some systems and not on others: ask before.
        let metadata = fs::metadata(path).map_err(|error| not_opened(&name, error))?;
        if metadata.is_dir() {
            return Err(IntakeError::Directory { list: name });
        }
        let file = File::open(path).map_err(|error| not_opened(&name, error))?;
        // What is no file with a length can be read only once, or says nothing of its length.
        if !metadata.is_file() || metadata.len() == 0 {
            return Source::spool(name, file);
        }
        let look = Look::at(&file).map_err(|error| not_opened(&name, error))?;
        Ok(Source {
            name,
            file: Arc::new(Mutex::new(file)),
            bytes: look.0,
            looked: Some(look),
            late: Late::default(),
        })
    }

    /// Copies `stream` to its end, under the `name` that errors will give it.
    ///
    /// # Errors
    ///
    /// [`IntakeError::Spool`] or [`IntakeError::Empty`].
    pub fn spool(name: String, mut stream: impl Read) -> Result<Source, IntakeError> {
        let copied =
            tempfile::tempfile().and_then(|mut file| Ok((io::copy(&mut stream, &mut file)?, file)));
        match copied {
            Ok((0, _)) => Err(IntakeError::Empty { list: name }),
            Ok((bytes, file)) => Ok(Source {
                name,
                file: Arc::new(Mutex::new(file)),
                bytes,
                looked: None,
                late: Late::default(),
            }),
            Err(source) => Err(IntakeError::Spool { list: name, source }),
        }
    }

    /// What errors call the list: its path, or `standard input`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Size of the list as it was opened, in bytes, before anything is unpacked.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether the file is still as it was opened. Another file moved to its name changes nothing: this one is held.
    ///
    /// # Errors
    ///
    /// [`IntakeError::Changed`] when it was written to: two readings may then have seen two lists.
    pub fn unchanged(&self) -> Result<(), IntakeError> {
        let file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        match self.looked {
            Some(look) if Look::at(&file).is_ok_and(|now| now != look) => {
                Err(IntakeError::Changed {
                    list: self.name.clone(),
                })
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Begins to read the list from its first row; may be called again, also while another reading is under way.
    ///
    /// # Errors
    ///
    /// Whatever [`List::read`] finds at the beginning of the list.
    pub fn list(&self, options: &Options) -> Result<List, IntakeError> {
        let reading = Reading {
            file: Arc::clone(&self.file),
            offset: 0,
        };
        let mut list = List::read(&self.name, reading.take(self.bytes), options)?;
        list.late = Arc::clone(&self.late);
        Ok(list)
    }

    /// What a reading to the end found out behind the beginning of the list, for the screen.
    #[must_use]
    pub fn late_remarks(&self) -> Vec<Remark> {
        let late = self.late.lock().unwrap_or_else(PoisonError::into_inner);
        late.clone()
    }
}

fn not_opened(name: &str, source: io::Error) -> IntakeError {
    let list = name.to_owned();
    if source.kind() == ErrorKind::NotFound {
        IntakeError::Missing { list }
    } else {
        IntakeError::Unreadable { list, source }
    }
}

/// One reading of a file that others may read too, each with a place of its own.
struct Reading {
    file: Arc<Mutex<File>>,
    offset: u64,
}

impl Read for Reading {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(self.offset))?;
        let count = file.read(buf)?;
        self.offset += count as u64;
        Ok(count)
    }
}
