//! What a file is by its first bytes, whatever its name says.

use std::ffi::OsStr;
use std::path::Path;

use super::encoding::BOM;
use crate::model::limits;

/// What to do with the bytes of a file before they are text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Text in some encoding, as far as the first bytes tell.
    Text,
    /// Gzip (RFC 1952).
    Gzip,
    /// Zstandard (RFC 8878).
    Zstd,
    /// Neither text nor something we unpack.
    Binary(Binary),
}

/// A file that is no list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Binary {
    /// What it is, with its article.
    pub what: &'static str,
    /// What to do about it.
    pub remedy: &'static str,
}

/// A list that was compressed, then compressed again.
pub(super) const PACKED_TWICE: Binary = Binary {
    what: "compressed twice",
    remedy: "unpack it once",
};

/// How many bytes a file's kind takes to know: a tar archive shows at byte 257.
pub(super) const HEAD_BYTES: usize = 512;

/// An archive that may be a workbook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Archive {
    /// A zip archive: Excel since 2007, `OpenDocument`.
    Zip,
    /// A compound file (MS-CFB): Excel up to 2003.
    Compound,
}

/// The archive that `head`, the first bytes of a file, begins.
pub(super) fn archive(head: &[u8]) -> Option<Archive> {
    if head.starts_with(b"PK\x03\x04") {
        Some(Archive::Zip)
    } else if head.starts_with(COMPOUND) {
        Some(Archive::Compound)
    } else {
        None
    }
}

/// Text that is a table without delimiters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Table {
    /// Objects, one a line or in arrays.
    Json,
    /// An address book.
    VCard,
    /// Lines that are in quotes as a whole, with what stands between the fields within.
    Wrapped(u8),
}

/// The table that `text`, the beginning of a decoded file, belongs to.
pub(super) fn table<'t>(text: &'t [u8]) -> Option<Table> {
    let text = text.strip_prefix(BOM).unwrap_or(text).trim_ascii_start();
    if text
        .get(..11)
        .is_some_and(|start| start.eq_ignore_ascii_case(b"BEGIN:VCARD"))
    {
        return Some(Table::VCard);
    }
    let behind = |text: &'t [u8], mark: u8| Some(text.strip_prefix(&[mark])?.trim_ascii_start());
    let begins = |text: &[u8], marks: &[u8]| text.first().is_some_and(|mark| marks.contains(mark));
    let is_json = match behind(text, b'[') {
        Some(entries) => {
            let cells = behind(entries, b'[').is_some_and(|cells| begins(cells, b"\""));
            begins(entries, b"{\"]") || cells
        }
        None => behind(text, b'{').is_some_and(|fields| begins(fields, b"\"}")),
    };
    is_json.then_some(Table::Json)
}

/// A document in plain text that `text`, the beginning of a decoded file, belongs to.
pub(super) fn document(text: &[u8]) -> Option<Binary> {
    let text = text.strip_prefix(BOM).unwrap_or(text).trim_ascii_start();
    let look = &text[..text.len().min(DOCUMENT_LOOK_BYTES)];
    let look = String::from_utf8_lossy(look).to_lowercase();
    let is_markup = look.starts_with('<') && look.contains("</") && {
        let tag: String = look[1..].chars().take_while(|c| *c != '>').collect();
        // A table whose first name holds markup has further names behind it.
        let line = look.lines().next().unwrap_or_default();
        let behind = line.rsplit_once('>').map_or("", |(_, behind)| behind);
        !tag.contains('@')
            && tag.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '!' | '?'))
            && !behind.trim_start().starts_with([',', ';', '\t', '|'])
    };
    let (what, remedy) = if is_markup
        && look.contains("urn:schemas-microsoft-com:office:spreadsheet")
    {
        ("an Excel workbook in XML (SpreadsheetML)", SAVE_AS_XLSX)
    } else if is_markup && look.contains("urn:oasis:names:tc:opendocument") {
        (
            "an OpenDocument file in one piece (such as .fods)",
            SAVE_AS_XLSX,
        )
    } else if is_ldif(&look) {
        (
            "an LDIF export of a directory or an address book",
            "export it as CSV or vCard and give that file",
        )
    } else if is_mail(&look) {
        (
            "a mail message or a mailbox of messages",
            "write the addresses that you want to a file of their own, one a line; what came back after a campaign is for `presend bounces`",
        )
    } else if look.starts_with("id;p") {
        ("a spreadsheet in SYLK", SAVE_AS_XLSX)
    } else if look.lines().map(str::trim).take(2).eq(["table", "0,1"]) {
        ("a spreadsheet in DIF", SAVE_AS_XLSX)
    } else if is_markup
        && ["<html", "<table", "<body", "<tr", "<!doctype html"]
            .iter()
            .any(|tag| look.contains(tag))
    {
        ("an HTML page, whatever its name says", SAVE_AS_XLSX)
    } else if is_markup {
        ("an XML document", EXPORT)
    } else {
        return None;
    };
    Some(Binary { what, remedy })
}

/// Whether a file in lower case begins as a directory writes down its entries (RFC 2849).
fn is_ldif(look: &str) -> bool {
    let mut lines = look
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    let first = lines.next().unwrap_or_default();
    let entry = if first.starts_with("version:") {
        lines.next().unwrap_or_default()
    } else {
        first
    };
    entry.starts_with("dn: ") || entry.starts_with("dn:: ")
}

/// Whether a file in lower case begins with the header of a message (RFC 5322 §2.2), or with what stands before it in a
/// mailbox (RFC 4155).
fn is_mail(look: &str) -> bool {
    const FIELDS: &[&str] = &[
        "from",
        "to",
        "cc",
        "subject",
        "date",
        "message-id",
        "received",
        "return-path",
        "delivered-to",
        "mime-version",
        "content-type",
        "reply-to",
        "x-mailer",
        "dkim-signature",
    ];
    const ENOUGH: usize = 3;
    let behind = if look.starts_with("from ") {
        look.split_once('\n').map_or("", |(_, behind)| behind)
    } else {
        look
    };
    let is_field = |line: &&str| {
        let name = line.split_once(':').map_or("", |(name, _)| name);
        FIELDS.contains(&name)
    };
    let header = behind.lines().take_while(|line| !line.trim().is_empty());
    let folded = |line: &&str| line.starts_with([' ', '\t']);
    let fields: Vec<&str> = header.filter(|line| !folded(line)).collect();
    fields.iter().filter(|line| is_field(line)).count() >= ENOUGH
        && fields.iter().all(|line| line.contains(':'))
}

/// How much of a document is looked at, in bytes.
const DOCUMENT_LOOK_BYTES: usize = 8 << 10;

/// How a compound file begins.
const COMPOUND: &[u8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1";

const SAVE_AS_XLSX: &str = "open it in a spreadsheet program and save it as XLSX or CSV (UTF-8)";
const SAVE_AS_CSV: &str = "open it in a spreadsheet program and save it as CSV (UTF-8)";
const UNPACK: &str = "unpack it first (gzip and zstd are read as they are)";
const UNPACK_OR_EXPORT: &str =
    "take the list out of it, or export the list as CSV, and give that file";
const EXPORT: &str = "export the list as CSV and give that file";
const SAVE_AS_UTF8: &str = "save it as CSV in UTF-8";

/// First bytes of files that are often mistaken for lists.
const SIGNATURES: &[(&[u8], &str, &str)] = &[
    (
        b"PK\x03\x04",
        "an Excel or OpenDocument workbook, or another zip archive",
        SAVE_AS_CSV,
    ),
    (b"PK\x05\x06", "an empty zip archive", SAVE_AS_CSV),
    (
        COMPOUND,
        "an Excel 97 workbook or another old Office file",
        SAVE_AS_CSV,
    ),
    (b"%PDF-", "a PDF document", EXPORT),
    (
        b"{\\rtf",
        "a rich text document",
        "save it as plain text or CSV (UTF-8)",
    ),
    (b"SQLite format 3\0", "an SQLite database", EXPORT),
    (b"PAR1", "a Parquet file", EXPORT),
    (b"\x89PNG\r\n\x1a\n", "a PNG picture", EXPORT),
    (b"\xff\xd8\xff", "a JPEG picture", EXPORT),
    (b"GIF8", "a GIF picture", EXPORT),
    (b"\x7fELF", "a program (ELF)", EXPORT),
    (b"BZh", "a bzip2 archive", UNPACK),
    (b"\xfd7zXZ\0", "an xz archive", UNPACK),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", UNPACK),
    (b"Rar!\x1a\x07", "a RAR archive", UNPACK),
    (b"\xff\xfe\0\0", "text in UTF-32", SAVE_AS_UTF8),
    (b"\0\0\xfe\xff", "text in UTF-32", SAVE_AS_UTF8),
];

/// What is said of bytes that belong to nothing we know.
const UNKNOWN: &str = "a binary file";

/// What is said of an archive that belongs to nothing we know.
const ARCHIVE: &str = "a zip archive";

/// How the names of spreadsheets end.
const SPREADSHEETS: [&str; 4] = ["xlsx", "xlsb", "xls", "ods"];

impl Binary {
    /// Whether it is nothing that we know, in a file whose name says that it is a spreadsheet.
    pub(super) fn is_no_spreadsheet(&self, name: &str) -> bool {
        let ending = Path::new(name).extension().and_then(OsStr::to_str);
        let is_named_so = ending.is_some_and(|ending| {
            let mut endings = SPREADSHEETS.iter();
            endings.any(|known| known.eq_ignore_ascii_case(ending))
        });
        is_named_so && [UNKNOWN, ARCHIVE].contains(&self.what)
    }
}

/// What a zip archive is that is no workbook, by the names of its `parts`.
pub(super) fn zip_of(parts: &[String]) -> Binary {
    let has = |start: &str| parts.iter().any(|name| name.starts_with(start));
    let (what, remedy) = if has("word/") {
        (
            "a Word document",
            "copy its table into a spreadsheet and save that as XLSX or CSV (UTF-8)",
        )
    } else if has("ppt/") {
        ("a PowerPoint presentation", EXPORT)
    } else if has("Index/") || has("Index.zip") {
        (
            "an Apple Numbers or Pages document",
            "export it as Excel or CSV (File > Export To) and give that file",
        )
    } else {
        (ARCHIVE, UNPACK_OR_EXPORT)
    };
    Binary { what, remedy }
}

/// Tells what `head`, the first bytes of a file, belongs to.
pub(super) fn of(head: &[u8]) -> Kind {
    if head.starts_with(b"\x1f\x8b") {
        return Kind::Gzip;
    }
    if head.starts_with(b"\x28\xb5\x2f\xfd") {
        return Kind::Zstd;
    }
    if head.get(257..262) == Some(b"ustar") {
        return Kind::Binary(Binary {
            what: "a tar archive",
            remedy: UNPACK,
        });
    }
    for &(signature, what, remedy) in SIGNATURES {
        if head.starts_with(signature) {
            return Kind::Binary(Binary { what, remedy });
        }
    }
    Kind::Text
}

/// Tells whether `text`, the beginning of a file in a byte-wise encoding, is made of characters or of something else.
///
/// Text has hardly any control characters; in arbitrary bytes every ninth is one.
pub(super) fn of_text(text: &[u8]) -> Kind {
    let look = &text[..text.len().min(limits::BINARY_LOOK_BYTES)];
    let controls = look
        .iter()
        .filter(|byte| {
            // The separators of ASCII stand between the fields of some lists.
            byte.is_ascii_control()
                && !matches!(byte, b'\t' | b'\n' | b'\r' | b'\x0c' | 0x1c..=0x1f)
        })
        .count();
    if controls * 20 > look.len() && controls > 2 {
        return Kind::Binary(Binary {
            what: UNKNOWN,
            remedy: EXPORT,
        });
    }
    Kind::Text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_compressed_file_is_known_by_its_bytes() {
        assert_eq!(of(b"\x1f\x8b\x08\0"), Kind::Gzip);
        assert_eq!(of(b"\x28\xb5\x2f\xfd\0"), Kind::Zstd);
    }

    #[test]
    fn every_signature_is_refused_with_what_to_do() {
        for &(signature, what, remedy) in SIGNATURES {
            assert_eq!(
                of(signature),
                Kind::Binary(Binary { what, remedy }),
                "{what}"
            );
        }
    }

    #[test]
    fn a_few_control_characters_do_not_make_text_binary() {
        let text = b"email,note\na@b.example,\0\nc@d.example,plain\n";
        assert_eq!(of_text(text), Kind::Text);
        assert_eq!(of_text(b"\0"), Kind::Text);
        let noise: Vec<u8> = (0..=255).cycle().take(4096).collect();
        assert_ne!(of_text(&noise), Kind::Text);
    }
}
