//! What a file is by its first bytes, whatever its name says.

use crate::limits;

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

const SAVE_AS_CSV: &str = "open it in a spreadsheet program and save it as CSV (UTF-8)";
const UNPACK: &str = "unpack it first (gzip and zstd are read as they are)";
const EXPORT: &str = "export the list as CSV and give that file";
const SAVE_AS_UTF8: &str = "save it as CSV in UTF-8";

/// First bytes by which files that people mistake for lists are known.
const SIGNATURES: &[(&[u8], &str, &str)] = &[
    (
        b"PK\x03\x04",
        "an Excel or OpenDocument workbook, or another zip archive",
        SAVE_AS_CSV,
    ),
    (b"PK\x05\x06", "an empty zip archive", SAVE_AS_CSV),
    (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
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
        .filter(|byte| byte.is_ascii_control() && !matches!(byte, b'\t' | b'\n' | b'\r' | b'\x0c'))
        .count();
    if controls * 20 > look.len() && controls > 2 {
        return Kind::Binary(Binary {
            what: "a binary file",
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
