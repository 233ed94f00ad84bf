//! Files in: messages, mboxes, mail folders, tables and JSON, packed or not, piece by piece.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::events::{Events, Found};
use super::mbox::Mbox;
use super::{Content, Origin, Piece};
use crate::bounce::dsn;
use crate::bounce::event::{self, Platforms, Record, Rows};
use crate::input::list::{
    self, ColumnChoice, Delimiter, Encoding, IntakeError, List, Options, Source, TableText,
};
use crate::model::limits;

/// A source cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The file system says no.
    #[error("cannot read {}: {error}; check the path and its permissions", path.display())]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// What it says.
        error: io::Error,
    },
    /// It is neither messages nor JSON, and no table either.
    #[error("{}", told(.0))]
    NoTable(#[from] IntakeError),
}

/// Why something is none of what bounces are read from, where that is not the fault of a table.
fn told(error: &IntakeError) -> String {
    let of = |list: &str, what: &str| {
        let name = match list {
            "-" => "standard input",
            list => list,
        };
        format!(
            "{name}: {what}, and no bounce; give messages that came back whole, with their headers (.eml, mbox, Maildir), or what \
             your sending platform exports of them (CSV, XLSX, JSON); what a reply means says `presend explain`"
        )
    };
    match error {
        IntakeError::Binary { list, what, .. } => of(list, &format!("is {what}")),
        IntakeError::Empty { list } => of(list, "is empty"),
        IntakeError::NoAddressColumn { list, columns } => {
            let more = format!("; of a table name the column with --column: {columns}");
            of(list, "is text without an address to say who it is about") + &more
        }
        error => error.to_string(),
    }
}

/// Hands every piece of what is at `path` to `each`: a file, a folder with all that is in it, `-` for standard input.
///
/// `platforms` tell which column of a table holds the recipient, where several could.
///
/// In a folder, what is no source is handed out as [`Content::Nothing`]; a file that was named has to be one.
///
/// # Errors
///
/// [`SourceError`] for a file that cannot be read; whatever `each` returns.
pub fn visit<E: From<SourceError>>(
    path: &Path,
    options: &Options,
    platforms: &Platforms,
    each: &mut dyn FnMut(Piece) -> Result<(), E>,
) -> Result<(), E> {
    if path == Path::new("-") {
        let input = Box::new(io::stdin());
        visit_stream(path, input, options, platforms, Named::ByOperator, each)?;
        // A mail server that hands us a message may take a pipe that is closed early for a failure, and bounce the bounce.
        io::copy(&mut io::stdin().lock(), &mut io::sink())
            .map_err(|error| unreadable(path, error))?;
        return Ok(());
    }
    if path.is_dir() {
        return visit_folder(path, options, platforms, limits::FOLDER_DEPTH, each);
    }
    let file = File::open(path).map_err(|error| unreadable(path, error))?;
    visit_stream(
        path,
        Box::new(file),
        options,
        platforms,
        Named::ByOperator,
        each,
    )
}

/// Hands every piece of an opened file to `each`. It is told of as `called`, which is no place where anything is read.
///
/// # Errors
///
/// As [`visit`].
#[cfg(feature = "serve")]
pub fn visit_file<E: From<SourceError>>(
    called: &Path,
    file: File,
    options: &Options,
    platforms: &Platforms,
    each: &mut dyn FnMut(Piece) -> Result<(), E>,
) -> Result<(), E> {
    let stream = Box::new(file);
    visit_stream(called, stream, options, platforms, Named::ByOperator, each)
}

/// How a file came to be read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Named {
    ByOperator,
    ByFolder,
}

/// Goes through a folder in the order of its names. A Maildir's `tmp` holds what is not complete.
fn visit_folder<E: From<SourceError>>(
    folder: &Path,
    options: &Options,
    platforms: &Platforms,
    depth: usize,
    each: &mut dyn FnMut(Piece) -> Result<(), E>,
) -> Result<(), E> {
    let is_maildir = folder.join("cur").is_dir() && folder.join("new").is_dir();
    let mut paths = fs::read_dir(folder)
        .and_then(|entries| {
            entries
                .map(|entry| entry.map(|entry| entry.path()))
                .collect::<io::Result<Vec<PathBuf>>>()
        })
        .map_err(|error| unreadable(folder, error))?;
    paths.sort();
    for path in paths {
        let hidden = path
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with('.'));
        // Maildir++ keeps its subfolders under names with a dot.
        if hidden && !path.join("cur").is_dir() || is_maildir && path.ends_with("tmp") {
            continue;
        }
        if path.is_dir() {
            if depth > 0 {
                visit_folder(&path, options, platforms, depth - 1, each)?;
            }
        } else if path.is_file() {
            let file = File::open(&path).map_err(|error| unreadable(&path, error))?;
            visit_stream(
                &path,
                Box::new(file),
                options,
                platforms,
                Named::ByFolder,
                each,
            )?;
        }
    }
    Ok(())
}

type Reader = Box<dyn Read + Send>;

/// Unpacks a stream, sees what it is, and hands out its pieces.
fn visit_stream<E: From<SourceError>>(
    path: &Path,
    stream: Reader,
    options: &Options,
    platforms: &Platforms,
    named: Named,
    each: &mut dyn FnMut(Piece) -> Result<(), E>,
) -> Result<(), E> {
    let failed = |error| unreadable(path, error);
    let (head, stream) = peek(unpacked(stream).map_err(failed)?).map_err(failed)?;
    let file = Arc::new(path.to_owned());
    let mut place = 0;
    let mut hand_out = |content: Content| {
        place += 1;
        each(Piece {
            origin: Origin {
                file: Arc::clone(&file),
                place,
            },
            content,
        })
    };
    if head.trim_ascii().is_empty() && is_whole(&head) {
        let list = path.display().to_string();
        return match named {
            Named::ByFolder => hand_out(Content::Nothing),
            Named::ByOperator => Err(SourceError::NoTable(IntakeError::Empty { list }).into()),
        };
    }
    match shape(path, &head) {
        Shape::Message => {
            let mut bytes = Vec::new();
            let most = u64::try_from(limits::MESSAGE_BYTES).unwrap_or(u64::MAX);
            stream.take(most).read_to_end(&mut bytes).map_err(failed)?;
            hand_out(Content::Message(bytes))
        }
        Shape::Mbox => {
            let mut mbox = Mbox::new(BufReader::with_capacity(limits::EVENT_READ_BYTES, stream));
            while let Some(message) = mbox.next().map_err(failed)? {
                hand_out(Content::Message(message))?;
            }
            Ok(())
        }
        Shape::Json => {
            let mut events = Events::new(stream);
            while let Some(found) = events.next().map_err(failed)? {
                match found {
                    Found::Event(value) => {
                        for record in Record::of_json(&value) {
                            hand_out(Content::Record(record))?;
                        }
                    }
                    Found::Broken => hand_out(Content::Nothing)?,
                }
            }
            Ok(())
        }
        Shape::Workbook => {
            let name = path.display().to_string();
            let sheets = Source::spool(name, stream).and_then(|source| source.tables());
            let written = Options {
                delimiter: Some(Delimiter::Mark(b',')),
                encoding: Some(Encoding::Utf8),
                ..options.clone()
            };
            let opened = |TableText { name, text, .. }| {
                let (head, text) = peek(text).map_err(failed)?;
                let rows = table(&name, &head, text, &written, platforms)?;
                Ok::<Rows, SourceError>(rows)
            };
            let sheets = sheets.map_err(SourceError::NoTable);
            // All are opened before any is counted: of a file that was refused nothing was taken.
            let sheets = sheets.and_then(|sheets| {
                let sheets = sheets.into_iter().map(opened);
                sheets.collect::<Result<Vec<Rows>, SourceError>>()
            });
            match (sheets, named) {
                (Ok(sheets), _) => {
                    for mut rows in sheets {
                        while let Some(record) = rows.next_record().map_err(SourceError::NoTable)? {
                            hand_out(Content::Record(record))?;
                        }
                    }
                    Ok(())
                }
                (Err(_), Named::ByFolder) => hand_out(Content::Nothing),
                (Err(error), Named::ByOperator) => Err(error.into()),
            }
        }
        Shape::Table => {
            let name = path.display().to_string();
            match (table(&name, &head, stream, options, platforms), named) {
                (Ok(mut rows), _) => {
                    while let Some(record) = rows.next_record().map_err(SourceError::NoTable)? {
                        hand_out(Content::Record(record))?;
                    }
                    Ok(())
                }
                (Err(_), Named::ByFolder) => hand_out(Content::Nothing),
                (Err(error), Named::ByOperator) => {
                    // A file that was saved from a mail program may be the body of a bounce alone.
                    match dsn::read_text(&String::from_utf8_lossy(&head)) {
                        Some(_) => hand_out(Content::Message(head)),
                        None => Err(SourceError::NoTable(error).into()),
                    }
                }
            }
        }
    }
}

/// Opens a table. Where more than one column could hold the recipient, a platform's name for it decides.
fn table(
    name: &str,
    head: &[u8],
    stream: Reader,
    options: &Options,
    platforms: &Platforms,
) -> Result<Rows, IntakeError> {
    let mut options = options.clone();
    if options.column == ColumnChoice::Detect {
        let beginning = List::read(name, Cursor::new(head.to_vec()), &options);
        if let Err(IntakeError::Ambiguous { .. }) = beginning
            && let Some(column) = event::recipient_column(&String::from_utf8_lossy(head), platforms)
        {
            options.column = ColumnChoice::Named(column);
        }
    }
    let list = List::read(name, stream, &options)?;
    Ok(Rows::new(list, &options.column))
}

/// What a source is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    /// One message as a file of its own.
    Message,
    /// Messages one after the other.
    Mbox,
    /// Events as JSON.
    Json,
    /// Rows in sheets.
    Workbook,
    /// Rows of text with a delimiter.
    Table,
}

/// What a source is, by its first bytes; a name only where these leave it open.
fn shape(path: &Path, head: &[u8]) -> Shape {
    if head.starts_with(b"From ") {
        return Shape::Mbox;
    }
    if list::is_workbook(head) {
        return Shape::Workbook;
    }
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    if let Some(b'{' | b'[') = text.iter().find(|byte| !byte.is_ascii_whitespace()) {
        return Shape::Json;
    }
    let is_message = path.extension().is_some_and(|extension| {
        ["eml", "msg", "mail"]
            .iter()
            .any(|known| extension.eq_ignore_ascii_case(known))
    });
    if is_message || dsn::looks_like_message(head) {
        Shape::Message
    } else {
        Shape::Table
    }
}

/// Looks at the beginning of a stream, and gives it back whole.
fn peek(mut stream: Reader) -> io::Result<(Vec<u8>, Reader)> {
    let mut head = Vec::new();
    let most = u64::try_from(limits::EVENT_READ_BYTES).unwrap_or(u64::MAX);
    stream.by_ref().take(most).read_to_end(&mut head)?;
    let whole = Cursor::new(head.clone()).chain(stream);
    Ok((head, Box::new(whole)))
}

/// Whether the beginning of a stream is all of it.
fn is_whole(head: &[u8]) -> bool {
    head.len() < limits::EVENT_READ_BYTES
}

/// Unpacks gzip (RFC 1952) and Zstandard (RFC 8878), known by their first bytes.
fn unpacked(stream: Reader) -> io::Result<Reader> {
    let mut stream = BufReader::with_capacity(limits::EVENT_READ_BYTES, stream);
    let head = stream.fill_buf()?;
    if head.starts_with(b"\x1f\x8b") {
        return Ok(list::unfold::gzip(stream));
    }
    if head.starts_with(b"\x28\xb5\x2f\xfd") {
        return list::unfold::zstd(stream);
    }
    Ok(Box::new(stream))
}

fn unreadable(path: &Path, error: io::Error) -> SourceError {
    SourceError::Unreadable {
        path: path.to_owned(),
        error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::error_texts::error_texts;

    #[test]
    fn a_source_is_known_by_its_first_bytes() {
        let table: &[(&str, &str, Shape)] = &[
            ("a", "From x Thu Jan 1\nSubject: a\n", Shape::Mbox),
            (
                "a",
                "Return-Path: <>\nFrom: a@b.example\n\nx",
                Shape::Message,
            ),
            ("a.eml", "anything", Shape::Message),
            ("a", " [{\"email\":1}]", Shape::Json),
            ("a", "\u{feff}{\"email\":1}", Shape::Json),
            ("a.xlsx", "PK\u{3}\u{4}", Shape::Workbook),
            ("a.csv", "email,reason\na@b.example,550 no\n", Shape::Table),
        ];
        for (name, head, expected) in table {
            assert_eq!(shape(Path::new(name), head.as_bytes()), *expected, "{head}");
        }
    }

    #[test]
    fn every_error_says_what_to_change() {
        let binary = IntakeError::Binary {
            list: "paper.pdf".to_owned(),
            what: "a PDF document",
            remedy: "export the list as CSV and give that file",
        };
        let texts = error_texts!(SourceError {
            Unreadable { path: "back.mbox".into(), error: io::ErrorKind::PermissionDenied.into() },
            NoTable(binary),
        });
        insta::assert_snapshot!(texts, @r"
        cannot read back.mbox: permission denied; check the path and its permissions
        paper.pdf: is a PDF document, and no bounce; give messages that came back whole, with their headers (.eml, mbox, Maildir), or what your sending platform exports of them (CSV, XLSX, JSON); what a reply means says `presend explain`
        ");
        let none = SourceError::NoTable(IntakeError::NoAddressColumn {
            list: "-".to_owned(),
            columns: "1 \"name\"".to_owned(),
        });
        insta::assert_snapshot!(none, @r#"standard input: is text without an address to say who it is about, and no bounce; give messages that came back whole, with their headers (.eml, mbox, Maildir), or what your sending platform exports of them (CSV, XLSX, JSON); what a reply means says `presend explain`; of a table name the column with --column: 1 "name""#);
    }
}
