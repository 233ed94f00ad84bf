//! Rows out: three lists with the caller's bytes and our columns, complete or not there.
//!
//! [`Outlet`] takes rows; [`Written`] has them all, settles the column that depends on the whole list and cuts further
//! lists out of them; only [`Written::publish`] gives files their names.

mod journal;

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::projection::{Pile, Slot};
use crate::verdict::Disposition;
use journal::{Journal, Note};

/// What is appended to a row, in this order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Columns<'a> {
    /// `deliverable`, `undeliverable`, `risky` or `unknown`.
    pub verdict: &'a str,
    /// A reason of the vocabulary.
    pub reason: &'a str,
    /// The probability that a message now would bounce, 0 to 1.
    pub bounce: f64,
    /// Flags, joined by `;`.
    pub flags: String,
    /// The likely intended address, or empty.
    pub suggestion: &'a str,
    /// Who runs the mail host, or empty.
    pub provider: &'a str,
    /// The reply that decided it, or empty.
    pub reply: &'a str,
    /// When somebody was asked, or empty.
    pub checked_at: String,
}

/// The names of the appended columns.
pub const NAMES: [&str; 8] = [
    "presend_verdict",
    "presend_reason",
    "presend_bounce",
    "presend_flags",
    "presend_suggestion",
    "presend_provider",
    "presend_reply",
    "presend_checked_at",
];

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
    file: BufWriter<NamedTempFile>,
    path: PathBuf,
}

/// The three lists in the making.
pub struct Outlet {
    sheets: [Sheet; 3],
    form: Form,
    journal: Journal,
    /// What stands before the first row of each list.
    head: Vec<u8>,
    line: Vec<u8>,
}

/// Where a row belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its list.
    pub disposition: Disposition,
    /// Where it went, as far as a wanted rate is concerned.
    pub pile: Pile,
    /// Its segment.
    pub slot: Slot,
}

/// Nothing can be written there.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {path}: {error}; make room or name another folder with --out")]
pub struct OutletError {
    path: PathBuf,
    error: io::Error,
}

impl Outlet {
    /// Begins the three lists in `folder`, which is made where there is none.
    ///
    /// # Errors
    ///
    /// [`OutletError`] when nothing can be written there.
    pub fn create(folder: &Path, form: Form) -> Result<Self, OutletError> {
        let failed = |error| OutletError {
            path: folder.to_owned(),
            error,
        };
        std::fs::create_dir_all(folder).map_err(failed)?;
        let mut head = form.preamble.clone();
        head.extend_from_slice(&form.header);
        for name in NAMES {
            head.push(form.delimiter);
            head.extend_from_slice(name.as_bytes());
        }
        head.extend_from_slice(&form.terminator);
        let sheet = |disposition: Disposition| -> io::Result<Sheet> {
            let path = folder.join(format!("{disposition}.csv"));
            let mut file = BufWriter::with_capacity(crate::limits::WRITE_BYTES, beside(folder)?);
            file.write_all(&head)?;
            Ok(Sheet { file, path })
        };
        let [verified, review, rejected] = Disposition::ALL;
        Ok(Outlet {
            sheets: [
                sheet(verified).map_err(failed)?,
                sheet(review).map_err(failed)?,
                sheet(rejected).map_err(failed)?,
            ],
            form,
            journal: Journal::create(folder).map_err(failed)?,
            head,
            line: Vec::new(),
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
        raw: &[u8],
        terminator: &[u8],
        columns: &Columns<'_>,
    ) -> Result<(), OutletError> {
        let line = &mut self.line;
        line.clear();
        line.extend_from_slice(raw);
        let delimiter = self.form.delimiter;
        field(line, delimiter, columns.verdict);
        field(line, delimiter, columns.reason);
        line.push(delimiter);
        let place = line.len();
        thousandths(line, columns.bounce);
        field(line, delimiter, &columns.flags);
        field(line, delimiter, columns.suggestion);
        field(line, delimiter, columns.provider);
        field(line, delimiter, columns.reply);
        field(line, delimiter, &columns.checked_at);
        // A last row without an end gets one: more may follow it in its list.
        line.extend_from_slice(if terminator.is_empty() {
            &self.form.terminator
        } else {
            terminator
        });
        let short = |bytes: usize| u32::try_from(bytes).map_err(io::Error::other);
        let sheet = &mut self.sheets[at.disposition as usize];
        let written = sheet.file.write_all(line).and_then(|()| {
            self.journal.note(Note {
                disposition: at.disposition,
                pile: at.pile,
                slot: at.slot,
                place: short(place)?,
                length: short(line.len())?,
            })
        });
        written.map_err(|error| OutletError {
            path: sheet.path.clone(),
            error,
        })
    }

    /// Ends the lists: no further row comes.
    ///
    /// # Errors
    ///
    /// [`OutletError`] for the first list that could not be completed.
    pub fn close(self) -> Result<Written, OutletError> {
        let mut sheets = Vec::with_capacity(self.sheets.len());
        for sheet in self.sheets {
            let file = sheet.file.into_inner().map_err(|error| OutletError {
                path: sheet.path.clone(),
                error: error.into_error(),
            })?;
            sheets.push((file, sheet.path));
        }
        Ok(Written {
            sheets,
            journal: self.journal,
            head: self.head,
        })
    }
}

/// Complete lists that have no name yet.
pub struct Written {
    /// In the order of [`Disposition::ALL`], then what was cut out of them.
    sheets: Vec<(NamedTempFile, PathBuf)>,
    journal: Journal,
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
        let (sheets, journal) = (&self.sheets, &mut self.journal);
        let settled = journal.read(|note| {
            let list = note.disposition as usize;
            if let Some(share) = share(note.slot) {
                let mut column = Vec::with_capacity(5);
                thousandths(&mut column, share);
                let place = offsets[list] + u64::from(note.place);
                sheets[list].0.as_file().write_all_at(&column, place)?;
            }
            offsets[list] += u64::from(note.length);
            Ok(())
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
        let folder = self.sheets[0]
            .1
            .parent()
            .unwrap_or(Path::new("."))
            .to_owned();
        let path = folder.join(name);
        let mut rows = 0;
        let (sheets, journal, head) = (&self.sheets, &mut self.journal, &self.head);
        let cut = (|| -> io::Result<NamedTempFile> {
            let mut out = BufWriter::with_capacity(crate::limits::WRITE_BYTES, beside(&folder)?);
            out.write_all(head)?;
            let mut readers = Vec::new();
            for (file, _) in sheets.iter().take(Disposition::ALL.len()) {
                let mut file: &File = file.as_file();
                file.seek(SeekFrom::Start(head.len() as u64))?;
                readers.push(BufReader::with_capacity(crate::limits::WRITE_BYTES, file));
            }
            let mut row = Vec::new();
            journal.read(|note| {
                row.resize(note.length as usize, 0);
                readers[note.disposition as usize].read_exact(&mut row)?;
                if keep(note.pile, note.slot) {
                    rows += 1;
                    out.write_all(&row)?;
                }
                Ok(())
            })?;
            out.into_inner().map_err(io::IntoInnerError::into_error)
        })();
        match cut {
            Ok(file) => {
                self.sheets.push((file, path));
                Ok(rows)
            }
            Err(error) => Err(OutletError { path, error }),
        }
    }

    /// Gives the lists their names. Returns these, in the order of [`Disposition::ALL`], then what was cut.
    ///
    /// # Errors
    ///
    /// [`OutletError`] for the first list that could not be completed.
    pub fn publish(self) -> Result<Vec<PathBuf>, OutletError> {
        let mut paths = Vec::with_capacity(self.sheets.len());
        for (file, path) in self.sheets {
            if let Err(error) = publish(file, &path) {
                return Err(OutletError { path, error });
            }
            paths.push(path);
        }
        Ok(paths)
    }

    fn failed(&self, error: io::Error) -> OutletError {
        OutletError {
            path: self.sheets[0].1.clone(),
            error,
        }
    }
}

/// A table of our own in the making, beside its final name: comma-separated, with a header.
pub struct Table {
    file: BufWriter<NamedTempFile>,
    path: PathBuf,
    line: Vec<u8>,
}

impl Table {
    /// Begins a table.
    ///
    /// # Errors
    ///
    /// [`OutletError`] when nothing can be written there.
    pub fn create(path: &Path, header: &[&str]) -> Result<Self, OutletError> {
        let folder = path.parent().unwrap_or(Path::new("."));
        let file = beside(folder).map_err(|error| OutletError {
            path: path.to_owned(),
            error,
        })?;
        let mut table = Table {
            file: BufWriter::with_capacity(crate::limits::WRITE_BYTES, file),
            path: path.to_owned(),
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
            .map_err(|error| OutletError {
                path: self.path.clone(),
                error,
            })
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
            .map_err(std::io::IntoInnerError::into_error)
            .and_then(|file| publish(file, &self.path));
        written.map_err(|error| OutletError {
            path: self.path,
            error,
        })
    }
}

/// Writes a whole file beside its final name, then renames it.
///
/// # Errors
///
/// [`OutletError`] when it cannot be written.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), OutletError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let written = beside(folder).and_then(|mut file| {
        file.write_all(bytes)?;
        publish(file, path)
    });
    written.map_err(|error| OutletError {
        path: path.to_owned(),
        error,
    })
}

/// A file in `folder` that vanishes unless it is published.
fn beside(folder: &Path) -> io::Result<NamedTempFile> {
    tempfile::Builder::new()
        .prefix(".presend-")
        .suffix(".part")
        .tempfile_in(folder)
}

/// Gives a complete file its name, with the rights that a file made in the ordinary way would have.
fn publish(file: NamedTempFile, path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.as_file().sync_all()?;
    std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(0o644))?;
    file.persist(path)?;
    Ok(())
}

/// Appends a share from 0 to 1 with three digits.
fn thousandths(line: &mut Vec<u8>, share: f64) {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to 0 to 1000"
    )]
    let thousandths = (share.clamp(0.0, 1.0) * 1000.0).round() as u32;
    line.push(if thousandths == 1000 { b'1' } else { b'0' });
    line.push(b'.');
    for power in [100, 10, 1] {
        line.push(b"0123456789"[(thousandths / power % 10) as usize]);
    }
}

/// Appends a delimiter with a field, made safe: one line, no control characters, no formula for a spreadsheet, quoted
/// where it must be.
fn field(line: &mut Vec<u8>, delimiter: u8, text: &str) {
    line.push(delimiter);
    if text.is_empty() {
        return;
    }
    let is_plain = |byte: u8| {
        byte >= b' ' && byte != b'"' && byte != delimiter && byte != 0x7f && byte.is_ascii()
    };
    let is_formula = text.starts_with(['=', '+', '-', '@']);
    if !is_formula && text.bytes().all(is_plain) {
        line.extend_from_slice(text.as_bytes());
        return;
    }
    line.push(b'"');
    if is_formula {
        line.push(b'\'');
    }
    for c in text.chars() {
        match c {
            '"' => line.extend_from_slice(b"\"\""),
            c if c.is_control() => line.push(b' '),
            c => line.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    line.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(text: &str) -> String {
        let mut line = Vec::new();
        field(&mut line, b',', text);
        String::from_utf8(line).unwrap()
    }

    #[test]
    fn shares_have_three_digits() {
        for (share, text) in [
            (0.0, "0.000"),
            (0.0104, "0.010"),
            (0.2599, "0.260"),
            (0.97, "0.970"),
            (1.0, "1.000"),
        ] {
            let mut line = Vec::new();
            thousandths(&mut line, share);
            assert_eq!(String::from_utf8(line).unwrap(), text);
        }
    }

    #[test]
    fn a_field_is_one_line_and_no_formula() {
        assert_eq!(fields(""), ",");
        assert_eq!(fields("550 no such user"), ",550 no such user");
        assert_eq!(fields("a,\"b\""), ",\"a,\"\"b\"\"\"");
        assert_eq!(fields("x\r\n\u{1b}[31my"), ",\"x   [31my\"");
        assert_eq!(fields("=cmd()"), ",\"'=cmd()\"");
        assert_eq!(fields("für"), ",\"für\"");
    }

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
        let mut outlet = Outlet::create(&out, form).unwrap();
        let columns = Columns {
            verdict: "risky",
            reason: "catch_all",
            bounce: 0.26,
            reply: "250 ok; yes",
            ..Columns::default()
        };
        outlet
            .write(
                place(Disposition::Review, 0),
                b"\"A;B\";a@b.test",
                b"",
                &columns,
            )
            .unwrap();
        assert!(
            !out.join("review.csv").exists(),
            "nothing is there before it is complete"
        );
        outlet.close().unwrap().publish().unwrap();
        let review = std::fs::read(out.join("review.csv")).unwrap();
        assert_eq!(
            review,
            b"\xef\xbb\xbfName;Mail;presend_verdict;presend_reason;presend_bounce;presend_flags;presend_suggestion;\
presend_provider;presend_reply;presend_checked_at\r\n\"A;B\";a@b.test;risky;catch_all;0.260;;;;\"250 ok; yes\";\r\n"
        );
        assert!(out.join("verified.csv").exists() && out.join("rejected.csv").exists());
        assert_eq!(std::fs::read_dir(&out).unwrap().count(), 3, "no left-overs");
    }

    fn place(disposition: Disposition, slot: u16) -> Place {
        Place {
            disposition,
            pile: match disposition {
                Disposition::Verified => Pile::Verified,
                Disposition::Review => Pile::Open,
                Disposition::Rejected => Pile::Rejected,
            },
            slot: Slot(slot),
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
        let mut outlet = Outlet::create(folder.path(), form).unwrap();
        let columns = Columns {
            bounce: 0.22,
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
                .write(place(disposition, slot), raw.as_bytes(), b"\r\n", &columns)
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
        written.publish().unwrap();
        let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
        let head = format!("mail,{}\n", NAMES.join(","));
        assert_eq!(
            read("review.csv"),
            format!(
                "{head}a@x.test,,,0.220,,,,,\r\n0.220,c@x.test,,,0.200,,,,,\r\ne@x.test,,,0.220,,,,,\r\n"
            )
        );
        assert_eq!(
            read("target.csv"),
            format!(
                "{head}a@x.test,,,0.220,,,,,\r\nb@x.test,,,0.100,,,,,\r\ne@x.test,,,0.220,,,,,\r\n"
            ),
            "in the caller's order"
        );
        assert_eq!(
            read("rejected.csv"),
            format!("{head}d@x.test,,,0.300,,,,,\r\n")
        );
    }
}
