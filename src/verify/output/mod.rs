//! Rows out: three lists with the caller's bytes and our columns, complete or not there.
//!
//! [`Outlet`] takes rows; [`Written`] has them all, settles the column that depends on the whole list and cuts further
//! lists out of them; only [`Generation::publish`] gives files their names, all at once.

mod fields;
mod file;
mod flush;
mod foreign;
mod generation;
mod journal;
mod sheets;
mod whole;

use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use tempfile::{NamedTempFile, TempPath};

use crate::model::columns::NAMES;
use crate::model::limits;
use crate::model::verdict::Disposition;
use crate::projection::{Pile, Slot};
use fields::{Quotes, field, thousandths};
use file::beside;
use flush::{Flusher, Offered};
use journal::{Journal, Note, Notes};

pub use file::{Rights, Table, sweep_beside, write_whole};
pub use foreign::{Protected, Replace, identity_of_list, protect};
pub use generation::{Generation, complete, is_incomplete};
pub use sheets::{SheetOf, write_workbook};
#[cfg(feature = "serve")]
pub use whole::write_objects;
pub use whole::{Format, put_together};

/// The largest list under a wanted rate.
pub const TARGET: &str = "target.csv";

/// One line for each mailbox that changed since the last run.
pub const CHANGES: &str = "changes.csv";

/// The numbers of a run.
pub const REPORT: &str = "report.json";

/// The page for operators.
pub const PAGE: &str = "report.html";

/// The summary for chats and tickets.
pub const SUMMARY: &str = "report.md";

/// The page for a client.
pub const CLIENTS_PAGE: &str = "client.html";

/// The lists as one spreadsheet.
pub const WORKBOOK: &str = "lists.xlsx";

/// The columns of a table of bounces.
pub const BOUNCES: [&str; 12] = [
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
];

/// All rows on their way to standard output, until the run is over; half written like others that bear such names.
pub const JOINED: &str = ".presend-all.part";

/// What there is once in a run, however many lists it has.
pub const OF_THE_RUN: [&str; 5] = [CHANGES, REPORT, PAGE, SUMMARY, CLIENTS_PAGE];

/// The files that a run writes in its folder, and in those of its lists.
pub const FILES: [&str; 10] = [
    "verified.csv",
    "review.csv",
    "rejected.csv",
    TARGET,
    CHANGES,
    REPORT,
    PAGE,
    SUMMARY,
    CLIENTS_PAGE,
    WORKBOOK,
];

/// What is appended to a row, in this order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Columns<'a> {
    /// The address that was asked, clean, or empty.
    pub address: &'a str,
    /// `deliverable`, `undeliverable`, `risky` or `unknown`.
    pub verdict: &'static str,
    /// A reason of the vocabulary.
    pub reason: &'static str,
    /// The probability that a message now would bounce, 0 to 1; `None` of a row that is no message.
    pub bounce: Option<f64>,
    /// Flags, joined by `;`.
    pub flags: String,
    /// The likely intended address, or empty.
    pub suggestion: &'a str,
    /// The mail host's provider, or empty.
    pub provider: &'a str,
    /// The reply that decided it, or empty.
    pub reply: &'a str,
    /// When a host was asked, or empty.
    pub checked_at: String,
    /// What stood in the address cell, where the clean address now stands there; else empty.
    pub input: &'a str,
}

impl Columns<'_> {
    /// Whether they say nothing that is the row's own but its address.
    fn is_bare(&self) -> bool {
        let texts = [self.suggestion, self.provider, self.reply, self.input];
        self.checked_at.is_empty() && texts.iter().all(|text| text.is_empty())
    }
}

/// A row as the caller wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Theirs<'a> {
    /// Its bytes, outside of quotes at their end.
    pub raw: &'a [u8],
    /// What ends it; empty for a last row without an end.
    pub terminator: &'a [u8],
    /// Where the clean address is put in place of what stands there.
    pub put: Option<Put<'a>>,
}

/// A clean address for the caller's cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Put<'a> {
    /// Where the cell stands in the row, its quotes included.
    pub place: Range<usize>,
    /// What is put there.
    pub address: &'a str,
}

/// How the caller's list is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Form {
    /// What stands before the header: a byte order mark.
    pub preamble: Vec<u8>,
    /// The header as it is, or made up for a list without one.
    pub header: Vec<u8>,
    /// What parts fields.
    pub delimiter: u8,
    /// What ends rows.
    pub terminator: Vec<u8>,
}

/// A list in the making, beside its final name.
struct Sheet {
    /// Rows that are not in the file yet.
    gathered: Vec<u8>,
    file: NamedTempFile,
    /// Bytes of the file that nobody has seen to that they reach the disk.
    unflushed: usize,
    path: PathBuf,
}

impl Sheet {
    /// Writes what was gathered to the file.
    fn write(&mut self, flusher: &mut Flusher) -> io::Result<()> {
        self.file.write_all(&self.gathered)?;
        self.unflushed += self.gathered.len();
        self.gathered.clear();
        if self.unflushed >= limits::FLUSH_BYTES
            && flusher.offer(self.file.as_file())? == Offered::Taken
        {
            self.unflushed = 0;
        }
        Ok(())
    }
}

/// The three lists in the making.
pub struct Outlet {
    folder: PathBuf,
    sheets: [Sheet; 3],
    form: Form,
    rights: Rights,
    journal: Journal,
    /// What stands before the first row of each list.
    head: Vec<u8>,
    last: Last,
    flusher: Flusher,
}

/// What was written behind the address of the last row that nobody was asked about: the next one mostly gets the same.
#[derive(Default)]
struct Last {
    verdict: &'static str,
    reason: &'static str,
    bounce: Option<u64>,
    flags: String,
    written: Vec<u8>,
    /// Where the bounce column begins in it.
    place: usize,
}

impl Last {
    /// Whether a row with these columns gets the same.
    fn is_for(&self, columns: &Columns<'_>) -> bool {
        columns.is_bare()
            && self.verdict == columns.verdict
            && self.reason == columns.reason
            && self.bounce == columns.bounce.map(f64::to_bits)
            && self.flags == columns.flags
    }

    /// Keeps what was written for these columns, with the `place` of the bounce column in it, where it may serve again.
    fn keep(&mut self, columns: &Columns<'_>, written: &[u8], place: usize) {
        if !columns.is_bare() {
            return;
        }
        self.verdict = columns.verdict;
        self.reason = columns.reason;
        self.bounce = columns.bounce.map(f64::to_bits);
        self.flags.clone_from(&columns.flags);
        self.written.clear();
        self.written.extend_from_slice(written);
        self.place = place;
    }
}

/// Where a row belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The list that it goes to.
    pub disposition: Disposition,
    /// Where it went, as far as a wanted rate is concerned.
    pub pile: Pile,
    /// Its segment; `None` of a row that is no message.
    pub slot: Option<Slot>,
}

/// Nothing can be written there.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {path}: {error}; make room there, or name another place")]
pub struct OutletError {
    path: PathBuf,
    error: io::Error,
}

impl OutletError {
    fn at(path: &Path, error: io::Error) -> Self {
        OutletError {
            path: path.to_owned(),
            error,
        }
    }
}

impl Outlet {
    /// Begins the three lists, which will be in the folder `at` with these `rights`. Until then they are in the making in
    /// `folder`. Both are made where there are none.
    ///
    /// # Errors
    ///
    /// [`OutletError`] when nothing can be written there.
    pub fn create(
        folder: &Path,
        at: &Path,
        form: Form,
        rights: Rights,
    ) -> Result<Self, OutletError> {
        let failed = |error| OutletError::at(folder, error);
        std::fs::create_dir_all(folder).map_err(failed)?;
        std::fs::create_dir_all(at).map_err(|error| OutletError::at(at, error))?;
        let mut head = form.preamble.clone();
        head.extend_from_slice(&form.header);
        for name in NAMES {
            head.push(form.delimiter);
            head.extend_from_slice(name.as_bytes());
        }
        head.extend_from_slice(&form.terminator);
        let sheet = |disposition: Disposition| -> io::Result<Sheet> {
            let path = at.join(format!("{disposition}.csv"));
            Ok(Sheet {
                gathered: head.clone(),
                file: beside(folder)?,
                unflushed: 0,
                path,
            })
        };
        let [verified, review, rejected] = Disposition::ALL;
        Ok(Outlet {
            folder: folder.to_owned(),
            sheets: [
                sheet(verified).map_err(failed)?,
                sheet(review).map_err(failed)?,
                sheet(rejected).map_err(failed)?,
            ],
            form,
            rights,
            journal: Journal::create(folder).map_err(failed)?,
            head,
            last: Last::default(),
            flusher: Flusher::default(),
        })
    }

    /// Writes a row to its list: its bytes, then ours.
    ///
    /// # Errors
    ///
    /// [`OutletError`], with nothing renamed: the lists of an earlier run stay as they are.
    pub fn write(
        &mut self,
        at: Place,
        row: &Theirs<'_>,
        columns: &Columns<'_>,
    ) -> Result<(), OutletError> {
        let sheet = &mut self.sheets[at.disposition as usize];
        let line = &mut sheet.gathered;
        let start = line.len();
        let delimiter = self.form.delimiter;
        theirs(line, delimiter, row);
        line.push(delimiter);
        fields::address(line, delimiter, Quotes::AsNeeded, columns.address);
        let ours = line.len();
        let place = if self.last.is_for(columns) {
            line.extend_from_slice(&self.last.written);
            self.last.place
        } else {
            let place = behind_the_address(line, delimiter, columns) - ours;
            self.last.keep(columns, &line[ours..], place);
            place
        };
        let place = ours - start + place;
        // A last row without an end gets one: more may follow it in its list.
        line.extend_from_slice(if row.terminator.is_empty() {
            &self.form.terminator
        } else {
            row.terminator
        });
        let short = |bytes: usize| u32::try_from(bytes).map_err(io::Error::other);
        let length = line.len() - start;
        let mut write = || {
            if sheet.gathered.len() >= limits::WRITE_BYTES {
                sheet.write(&mut self.flusher)?;
            }
            self.journal.note(Note {
                disposition: at.disposition,
                pile: at.pile,
                slot: at.slot,
                place: short(place)?,
                length: short(length)?,
            })
        };
        let written = write();
        written.map_err(|error| OutletError::at(&sheet.path, error))
    }

    /// Ends the lists: no further row comes.
    ///
    /// # Errors
    ///
    /// [`OutletError`] for the first list that could not be completed.
    pub fn close(self) -> Result<Written, OutletError> {
        let mut flusher = self.flusher;
        let mut sheets = Vec::with_capacity(self.sheets.len());
        for mut sheet in self.sheets {
            sheet
                .write(&mut flusher)
                .map_err(|error| OutletError::at(&sheet.path, error))?;
            sheets.push((sheet.file.into_temp_path(), sheet.path));
        }
        flusher
            .finish()
            .map_err(|error| OutletError::at(&self.folder, error))?;
        let closed = self.journal.close();
        let journal = closed.map_err(|error| OutletError::at(&self.folder, error))?;
        Ok(Written {
            folder: self.folder,
            sheets,
            form: self.form,
            rights: self.rights,
            journal,
            head: self.head,
        })
    }
}

/// Appends our columns behind the address, each with the delimiter in front of it. Returns where the bounce column
/// begins.
fn behind_the_address(line: &mut Vec<u8>, delimiter: u8, columns: &Columns<'_>) -> usize {
    field(line, delimiter, columns.verdict);
    field(line, delimiter, columns.reason);
    line.push(delimiter);
    let place = line.len();
    if let Some(bounce) = columns.bounce {
        thousandths(line, bounce);
    }
    field(line, delimiter, &columns.flags);
    field(line, delimiter, columns.suggestion);
    field(line, delimiter, columns.provider);
    field(line, delimiter, columns.reply);
    field(line, delimiter, &columns.checked_at);
    field(line, delimiter, columns.input);
    place
}

/// Appends the caller's part of a row.
fn theirs(line: &mut Vec<u8>, delimiter: u8, row: &Theirs<'_>) {
    let Some(Put { place, address }) = &row.put else {
        line.extend_from_slice(row.raw);
        return;
    };
    let quotes = match row.raw.get(place.start) {
        Some(b'"') => Quotes::Kept,
        Some(_) | None => Quotes::AsNeeded,
    };
    line.extend_from_slice(&row.raw[..place.start]);
    fields::address(line, delimiter, quotes, address);
    line.extend_from_slice(&row.raw[place.end..]);
}

/// Complete lists that have no name yet. None of their files is open: a run may have many lists.
pub struct Written {
    folder: PathBuf,
    /// In the order of [`Disposition::ALL`], then what was cut out of them.
    sheets: Vec<(TempPath, PathBuf)>,
    form: Form,
    rights: Rights,
    journal: Notes,
    head: Vec<u8>,
}

impl Written {
    /// Writes the bounce column again in the rows of every segment for which `share` has something to say.
    ///
    /// # Errors
    ///
    /// [`OutletError`], with nothing renamed.
    pub fn settle(&mut self, share: impl Fn(Slot) -> Option<f64>) -> Result<(), OutletError> {
        let mut offsets = [self.head.len() as u64; Disposition::ALL.len()];
        let settled = self
            .opened(OpenOptions::new().write(true))
            .and_then(|files| {
                self.journal.read(|note| {
                    let list = note.disposition as usize;
                    if let Some(share) = note.slot.and_then(&share) {
                        let mut column = Vec::with_capacity(5);
                        thousandths(&mut column, share);
                        let place = offsets[list] + u64::from(note.place);
                        files[list].write_all_at(&column, place)?;
                    }
                    offsets[list] += u64::from(note.length);
                    Ok(())
                })
            });
        settled.map_err(|error| self.failed(error))
    }

    /// Cuts a further list called `name` out of the three: the rows that `keep` wants, in the caller's order, as they
    /// are there. Returns how many.
    ///
    /// # Errors
    ///
    /// [`OutletError`], with nothing renamed.
    pub fn cut(
        &mut self,
        name: &str,
        mut keep: impl FnMut(Pile, Slot) -> bool,
    ) -> Result<u64, OutletError> {
        let path = self.sheets[0].1.with_file_name(name);
        let mut rows = 0;
        let made = beside(&self.folder).and_then(|file| {
            let mut out = BufWriter::with_capacity(limits::WRITE_BYTES, file);
            out.write_all(&self.head)?;
            self.each_row(|note, row| {
                if note.slot.is_some_and(|slot| keep(note.pile, slot)) {
                    rows += 1;
                    out.write_all(row)?;
                }
                Ok(())
            })?;
            out.into_inner().map_err(io::IntoInnerError::into_error)
        });
        match made {
            Ok(file) => self.sheets.push((file.into_temp_path(), path)),
            Err(error) => return Err(OutletError { path, error }),
        }
        Ok(rows)
    }

    /// Lets the lists appear with the files of `generation`.
    pub fn join(self, generation: &mut Generation) {
        for (file, path) in self.sheets {
            generation.add(file, path, self.rights);
        }
    }

    /// Reads the rows of the three lists in the caller's order.
    fn each_row(&mut self, mut with: impl FnMut(Note, &[u8]) -> io::Result<()>) -> io::Result<()> {
        let mut readers = Vec::new();
        for mut file in self.opened(OpenOptions::new().read(true))? {
            file.seek(SeekFrom::Start(self.head.len() as u64))?;
            readers.push(BufReader::with_capacity(limits::WRITE_BYTES, file));
        }
        let mut row = Vec::new();
        self.journal.read(|note| {
            row.resize(note.length as usize, 0);
            readers[note.disposition as usize].read_exact(&mut row)?;
            with(note, &row)
        })
    }

    /// The files of the three lists.
    fn opened(&self, how: &OpenOptions) -> io::Result<Vec<File>> {
        let lists = &self.sheets[..Disposition::ALL.len()];
        lists.iter().map(|(file, _)| how.open(file)).collect()
    }

    fn failed(&self, error: io::Error) -> OutletError {
        OutletError::at(&self.sheets[0].1, error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_appear_whole_with_the_callers_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("out");
        let form = Form {
            preamble: b"\xef\xbb\xbf".to_vec(),
            header: b"Name;Mail".to_vec(),
            delimiter: b';',
            terminator: b"\r\n".to_vec(),
        };
        let mut outlet = Outlet::create(&out, &out, form, Rights::ORDINARY).unwrap();
        let columns = Columns {
            address: "a@b.test",
            verdict: "risky",
            reason: "catch_all",
            bounce: Some(0.26),
            reply: "250 ok; yes",
            ..Columns::default()
        };
        outlet
            .write(
                place(Disposition::Review, 0),
                &Theirs {
                    raw: b"\"A;B\";mailto:a@b.test",
                    terminator: b"",
                    put: Some(Put {
                        place: 6..21,
                        address: "a@b.test",
                    }),
                },
                &columns,
            )
            .unwrap();
        assert!(
            !out.join("review.csv").exists(),
            "nothing is there before it is complete"
        );
        publish(outlet.close().unwrap(), &out);
        let review = std::fs::read(out.join("review.csv")).unwrap();
        assert_eq!(
            review,
            b"\xef\xbb\xbfName;Mail;presend_address;presend_verdict;presend_reason;presend_bounce;presend_flags;presend_suggestion;\
presend_provider;presend_reply;presend_checked_at;presend_input\r\n\"A;B\";a@b.test;a@b.test;risky;catch_all;0.260;;;;\
\"250 ok; yes\";;\r\n"
        );
        assert!(out.join("verified.csv").exists() && out.join("rejected.csv").exists());
        assert_eq!(std::fs::read_dir(&out).unwrap().count(), 3, "no left-overs");
    }

    #[test]
    fn a_row_gets_its_own_columns_whatever_the_one_before_got() {
        let folder = tempfile::tempdir().unwrap();
        let bare = Columns {
            verdict: "unknown",
            reason: "not_asked",
            bounce: Some(0.22),
            ..Columns::default()
        };
        let rows = [
            bare.clone(),
            Columns {
                address: "a@b.test",
                ..bare.clone()
            },
            Columns {
                reason: "no_address",
                bounce: None,
                ..bare.clone()
            },
            bare.clone(),
            Columns {
                bounce: Some(0.5),
                ..bare.clone()
            },
            Columns {
                flags: "role".to_owned(),
                ..bare.clone()
            },
            Columns {
                reply: "no",
                ..bare.clone()
            },
            Columns {
                suggestion: "c@b.test",
                ..bare.clone()
            },
            bare,
        ];
        // One that stands in a reason, which has to be quoted then.
        for delimiter in [b',', b'_'] {
            let form = Form {
                preamble: Vec::new(),
                header: b"mail".to_vec(),
                delimiter,
                terminator: b"\n".to_vec(),
            };
            let all = folder.path().join("all");
            let mut outlet = Outlet::create(&all, &all, form, Rights::ORDINARY).unwrap();
            let mut alone = outlet.head.clone();
            for columns in &rows {
                let row = Theirs {
                    raw: b"x",
                    terminator: b"\n",
                    put: None,
                };
                let review = place(Disposition::Review, 0);
                outlet.write(review, &row, columns).unwrap();
                alone.extend([b'x', delimiter]);
                alone.extend_from_slice(columns.address.as_bytes());
                behind_the_address(&mut alone, delimiter, columns);
                alone.push(b'\n');
            }
            let mut written = outlet.close().unwrap();
            written.settle(|_| None).unwrap();
            publish(written, &all);
            let together = std::fs::read(all.join("review.csv")).unwrap();
            assert_eq!(
                String::from_utf8(together).unwrap(),
                String::from_utf8(alone).unwrap()
            );
        }
    }

    fn publish(written: Written, folder: &Path) {
        let mut generation = Generation::of(folder);
        written.join(&mut generation);
        generation.publish().unwrap();
    }

    fn place(disposition: Disposition, slot: u16) -> Place {
        Place {
            disposition,
            pile: match disposition {
                Disposition::Verified => Pile::Verified,
                Disposition::Review => Pile::Open,
                Disposition::Rejected => Pile::Rejected,
            },
            slot: Some(Slot(slot)),
        }
    }

    #[test]
    fn what_depends_on_the_whole_list_is_settled_at_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let form = Form {
            preamble: Vec::new(),
            header: b"mail".to_vec(),
            delimiter: b',',
            terminator: b"\n".to_vec(),
        };
        let mut outlet =
            Outlet::create(folder.path(), folder.path(), form, Rights::ORDINARY).unwrap();
        let columns = Columns {
            bounce: Some(0.22),
            ..Columns::default()
        };
        let rows = [
            (Disposition::Review, 0, "a@x.test"),
            (Disposition::Verified, 1, "b@x.test"),
            (Disposition::Review, 2, "0.220,c@x.test"),
            (Disposition::Rejected, 3, "d@x.test"),
            (Disposition::Review, 0, "e@x.test"),
        ];
        for (disposition, slot, raw) in rows {
            outlet
                .write(
                    place(disposition, slot),
                    &Theirs {
                        raw: raw.as_bytes(),
                        terminator: b"\r\n",
                        put: None,
                    },
                    &columns,
                )
                .unwrap();
        }
        let mut written = outlet.close().unwrap();
        written
            .settle(|slot| (slot != Slot(0)).then_some(f64::from(slot.0) / 10.0))
            .unwrap();
        let kept = written
            .cut("target.csv", |pile, slot| {
                pile == Pile::Verified || slot == Slot(0)
            })
            .unwrap();
        assert_eq!(kept, 3);
        publish(written, folder.path());
        let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
        let head = format!("mail,{}\n", NAMES.join(","));
        assert_eq!(
            read("review.csv"),
            format!(
                "{head}a@x.test,,,,0.220,,,,,,\r\n0.220,c@x.test,,,,0.200,,,,,,\r\ne@x.test,,,,0.220,,,,,,\r\n"
            )
        );
        assert_eq!(
            read("target.csv"),
            format!(
                "{head}a@x.test,,,,0.220,,,,,,\r\nb@x.test,,,,0.100,,,,,,\r\ne@x.test,,,,0.220,,,,,,\r\n"
            ),
            "in the caller's order"
        );
        assert_eq!(
            read("rejected.csv"),
            format!("{head}d@x.test,,,,0.300,,,,,,\r\n")
        );
    }

    #[test]
    fn every_error_says_what_to_change() {
        let error = OutletError::at(
            Path::new("lists/verified.csv"),
            io::ErrorKind::StorageFull.into(),
        );
        insta::assert_snapshot!(error, @"cannot write lists/verified.csv: no storage space; make room there, or name another place");
    }
}
