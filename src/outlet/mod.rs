//! Rows out: three lists with the caller's bytes and our columns, complete or not there.

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::verdict::Disposition;

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
    /// What stands before the header: a byte order mark, blank lines, a separator declaration.
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
    rows: u64,
}

/// The three lists in the making.
pub struct Outlet {
    sheets: [Sheet; 3],
    form: Form,
    line: Vec<u8>,
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
        let sheet = |disposition: Disposition| -> io::Result<Sheet> {
            let path = folder.join(format!("{disposition}.csv"));
            let mut file = BufWriter::with_capacity(crate::limits::WRITE_BYTES, beside(folder)?);
            file.write_all(&form.preamble)?;
            file.write_all(&form.header)?;
            for name in NAMES {
                file.write_all(&[form.delimiter])?;
                file.write_all(name.as_bytes())?;
            }
            file.write_all(&form.terminator)?;
            Ok(Sheet {
                file,
                path,
                rows: 0,
            })
        };
        let [verified, review, rejected] = Disposition::ALL;
        Ok(Outlet {
            sheets: [
                sheet(verified).map_err(failed)?,
                sheet(review).map_err(failed)?,
                sheet(rejected).map_err(failed)?,
            ],
            form,
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
        disposition: Disposition,
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
        let sheet = &mut self.sheets[disposition as usize];
        sheet.rows += 1;
        sheet.file.write_all(line).map_err(|error| OutletError {
            path: sheet.path.clone(),
            error,
        })
    }

    /// Completes the lists under their final names. Returns these, in the order of [`Disposition::ALL`].
    ///
    /// # Errors
    ///
    /// [`OutletError`] for the first list that could not be completed.
    pub fn finish(self) -> Result<[PathBuf; 3], OutletError> {
        let paths = self.sheets.each_ref().map(|sheet| sheet.path.clone());
        for sheet in self.sheets {
            let failed = |error| OutletError {
                path: sheet.path.clone(),
                error,
            };
            let file = sheet
                .file
                .into_inner()
                .map_err(|error| failed(error.into_error()))?;
            publish(file, &sheet.path).map_err(failed)?;
        }
        Ok(paths)
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
            .write(Disposition::Review, b"\"A;B\";a@b.test", b"", &columns)
            .unwrap();
        assert!(
            !out.join("review.csv").exists(),
            "nothing is there before it is complete"
        );
        outlet.finish().unwrap();
        let review = std::fs::read(out.join("review.csv")).unwrap();
        assert_eq!(
            review,
            b"\xef\xbb\xbfName;Mail;presend_verdict;presend_reason;presend_bounce;presend_flags;presend_suggestion;\
presend_provider;presend_reply;presend_checked_at\r\n\"A;B\";a@b.test;risky;catch_all;0.260;;;;\"250 ok; yes\";\r\n"
        );
        assert!(out.join("verified.csv").exists() && out.join("rejected.csv").exists());
        assert_eq!(std::fs::read_dir(&out).unwrap().count(), 3, "no left-overs");
    }
}
