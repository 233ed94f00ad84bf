//! Where a list comes from: something that can be read from its beginning as often as needed.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use super::table::{self, Chosen, Picked, Written};
use super::{Delimiter, Encoding, IntakeError, Late, List, Options, Origin, Remark};

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
    /// What the list was written down as, if it is a table of another kind: by the options that this depends on.
    table: Mutex<Option<(TableOptions, Option<Arc<Table>>)>>,
}

/// The options that a table's writing down depends on.
type TableOptions = (Option<Encoding>, Option<String>);

/// A table that was written down.
#[derive(Debug)]
struct Table {
    file: Arc<Mutex<File>>,
    bytes: u64,
    remark: Option<Remark>,
    /// Whether it is a sheet whose rows a person sees by number.
    is_sheet: bool,
}

/// The text that a table was written down as.
pub struct TableText {
    /// What errors call it: the list, with the sheet where there are several.
    pub name: String,
    /// How long it is.
    pub bytes: u64,
    /// The text itself.
    pub text: Box<dyn Read + Send>,
}

impl TableText {
    fn of(name: String, table: &Table) -> TableText {
        TableText {
            name,
            bytes: table.bytes,
            text: Box::new(Reading::of(&table.file, table.bytes)),
        }
    }
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
            table: Mutex::default(),
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
                table: Mutex::default(),
            }),
            Err(source) => Err(IntakeError::Spool { list: name, source }),
        }
    }

    /// The same, called `name` in errors and reports: what its owner calls it.
    #[cfg(feature = "serve")]
    #[must_use]
    pub fn called(mut self, name: String) -> Source {
        self.name = name;
        self
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
        let mut list = match self.table(options)? {
            None => List::begin(&self.name, Box::new(self.reading()), options, Origin::Text)?,
            Some(table) => {
                let written = Options {
                    delimiter: Some(Delimiter::Mark(b',')),
                    encoding: Some(Encoding::Utf8),
                    ..options.clone()
                };
                let reading = Reading::of(&table.file, table.bytes);
                let begun = List::begin(&self.name, Box::new(reading), &written, Origin::Table);
                let mut list = begun.map_err(|error| in_sheet(error, table.remark.as_ref()))?;
                if !table.is_sheet {
                    list.sheet_rows = 0;
                }
                list.remarks.extend(table.remark.clone());
                list
            }
        };
        list.late = Arc::clone(&self.late);
        Ok(list)
    }

    /// The text of a list that is no text with delimiters, as it was written down: UTF-8, fields parted by commas. Of a
    /// workbook these are all sheets that a person sees and in which there is anything. Empty for text.
    ///
    /// # Errors
    ///
    /// As [`Source::list`] for a table that cannot be read.
    pub fn tables(&self) -> Result<Vec<TableText>, IntakeError> {
        let Some(first) = self.table(&Options::default())? else {
            return Ok(Vec::new());
        };
        let Some(Remark::Sheets { used, others, .. }) = &first.remark else {
            return Ok(vec![TableText::of(self.name.clone(), &first)]);
        };
        let named = |sheet: &str| format!("{}, sheet {sheet:?}", self.name);
        let mut all = vec![TableText::of(named(used), &first)];
        for other in others {
            let options = Options {
                sheet: Some(other.clone()),
                ..Options::default()
            };
            if let Some(table) = self.table(&options)? {
                all.push(TableText::of(named(other), &table));
            }
        }
        all.retain(|table| table.bytes > 0);
        Ok(all)
    }

    /// The sheets of a workbook that a person does not see, which [`Source::tables`] leaves out.
    ///
    /// # Errors
    ///
    /// As [`Source::tables`].
    pub fn hidden_sheets(&self) -> Result<Vec<String>, IntakeError> {
        let table = self.table(&Options::default())?;
        Ok(match table.and_then(|table| table.remark.clone()) {
            Some(Remark::Sheets { hidden, .. }) => hidden,
            Some(_) | None => Vec::new(),
        })
    }

    fn reading(&self) -> Reading {
        Reading::of(&self.file, self.bytes)
    }

    /// What the list is written down as, if it is a table of another kind; that is done once.
    fn table(&self, options: &Options) -> Result<Option<Arc<Table>>, IntakeError> {
        let key = (options.encoding, options.sheet.clone());
        let mut known = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, table)) = &*known
            && *of == key
        {
            return Ok(table.clone());
        }
        let written = table::write_down(
            || self.reading(),
            options.encoding,
            options.sheet.as_deref(),
        )
        .map_err(|trouble| IntakeError::of_table(self.name.clone(), trouble))?;
        let table = written.map(
            |Written {
                 file,
                 bytes,
                 sheets,
                 array,
             }| {
                Arc::new(Table {
                    file: Arc::new(Mutex::new(file)),
                    bytes,
                    is_sheet: sheets.is_some(),
                    remark: sheets
                        .and_then(remark_of)
                        .or_else(|| array.map(remark_of_array)),
                })
            },
        );
        *known = Some((key, table.clone()));
        Ok(table)
    }

    /// What a reading to the end found out behind the beginning of the list, for the screen.
    #[must_use]
    pub fn late_remarks(&self) -> Vec<Remark> {
        let late = self.late.lock().unwrap_or_else(PoisonError::into_inner);
        late.clone()
    }
}

/// An error about the columns of a sheet that names the other sheets: the list may be on one of them.
fn in_sheet(error: IntakeError, remark: Option<&Remark>) -> IntakeError {
    let Some(Remark::Sheets { used, others, .. }) = remark else {
        return error;
    };
    if others.is_empty() {
        return error;
    }
    let list = |list: String| format!("{list}, sheet {used:?}");
    let columns = |columns: String| {
        let others: Vec<String> = others.iter().map(|other| format!("{other:?}")).collect();
        let others = others.join(", ");
        format!("{columns}; or read another sheet with `--sheet`: {others}")
    };
    match error {
        IntakeError::NoAddressColumn {
            list: name,
            columns: names,
        } => IntakeError::NoAddressColumn {
            list: list(name),
            columns: columns(names),
        },
        IntakeError::NoSuchColumn {
            list: name,
            wanted,
            columns: names,
        } => IntakeError::NoSuchColumn {
            list: list(name),
            wanted,
            columns: columns(names),
        },
        error => error,
    }
}

/// What is told of the sheets that are not read; nothing where there are none.
fn remark_of(sheets: Chosen) -> Option<Remark> {
    let Chosen {
        sheet,
        others,
        hidden,
    } = sheets;
    let are_others = !others.is_empty() || !hidden.is_empty();
    are_others.then_some(Remark::Sheets {
        used: sheet,
        others,
        hidden,
    })
}

/// What is told of the array that is read.
fn remark_of_array(picked: Picked) -> Remark {
    let Picked { array, others, .. } = picked;
    Remark::Array {
        used: array,
        others,
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
    /// Where the list ended when it was opened.
    end: u64,
}

impl Reading {
    fn of(file: &Arc<Mutex<File>>, end: u64) -> Reading {
        Reading {
            file: Arc::clone(file),
            offset: 0,
            end,
        }
    }
}

impl Read for Reading {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end.saturating_sub(self.offset)).unwrap_or(usize::MAX);
        let room = left.min(buf.len());
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(self.offset))?;
        let count = file.read(&mut buf[..room])?;
        self.offset += count as u64;
        Ok(count)
    }
}

impl Seek for Reading {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let place = match to {
            SeekFrom::Start(place) => Some(place),
            SeekFrom::Current(by) => self.offset.checked_add_signed(by),
            SeekFrom::End(by) => self.end.checked_add_signed(by),
        };
        self.offset = place.ok_or_else(|| io::Error::from(ErrorKind::InvalidInput))?;
        Ok(self.offset)
    }
}
