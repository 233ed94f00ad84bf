//! From the bytes of a file to text in UTF-8: unpacked, recognised, decoded.

use std::io::{self, ErrorKind, Read};

use super::encoding::{self, Encoding, Heard};
use super::kind::{self, Binary, Kind};
use super::unfold;
use crate::model::limits;

/// A reader that another thread may own.
pub(super) type Reader = Box<dyn Read + Send>;

/// A list as text.
pub(super) struct Text {
    /// UTF-8, but for damaged bytes of a UTF-8 list.
    pub reader: Reader,
    /// What it was before.
    pub encoding: Encoding,
    /// What it turns out to be, where its beginning is ASCII alone.
    pub heard: Heard,
}

/// Why there is no text.
pub(super) enum NoText {
    /// There is no byte.
    Empty,
    /// The bytes are something else.
    Binary(Binary),
}

/// Makes text of `reader`, the bytes of a file; their encoding is what the operator `said`, unless they begin with a
/// byte order mark.
///
/// A failure to read or unpack is not told here: it comes from the text's reader, behind all the text before it.
pub(super) fn text(reader: Reader, said: Option<Encoding>) -> Result<Text, NoText> {
    let packed = Peeked::new(reader, kind::HEAD_BYTES);
    let unpacked: Reader = match kind::of(packed.head()) {
        Kind::Text => Box::new(packed),
        Kind::Binary(binary) => return Err(NoText::Binary(binary)),
        Kind::Gzip => unfold::gzip(packed),
        Kind::Zstd => unpack_zstd(packed),
    };
    let sample = Peeked::new(unpacked, limits::SNIFF_BYTES);
    match kind::of(sample.head()) {
        Kind::Text => {}
        Kind::Binary(binary) => return Err(NoText::Binary(binary)),
        Kind::Gzip | Kind::Zstd => return Err(NoText::Binary(kind::PACKED_TWICE)),
    }
    if sample.head().is_empty() && sample.failure.is_none() {
        return Err(NoText::Empty);
    }
    let encoding = Encoding::marked(sample.head())
        .or(said)
        .unwrap_or_else(|| Encoding::of(sample.head()));
    match encoding {
        Encoding::Utf8 | Encoding::Legacy(_) => {
            if let Kind::Binary(binary) = kind::of_text(sample.head()) {
                return Err(NoText::Binary(binary));
            }
        }
        Encoding::Utf16Le | Encoding::Utf16Be => {}
    }
    let heard = Heard::default();
    let reader = match said {
        None if encoding == Encoding::Utf8 && sample.head().is_ascii() => {
            encoding::undecided(sample, Heard::clone(&heard))
        }
        Some(_) | None => encoding::utf8(sample, encoding),
    };
    Ok(Text {
        reader,
        encoding,
        heard,
    })
}

fn unpack_zstd(packed: Peeked<Reader>) -> Reader {
    match unfold::zstd(packed) {
        Ok(unpacked) => unpacked,
        Err(error) => Box::new(Peeked {
            head: Vec::new(),
            given: 0,
            failure: Some(error),
            rest: io::empty(),
        }),
    }
}

/// A reader whose beginning has been looked at.
struct Peeked<R> {
    head: Vec<u8>,
    given: usize,
    failure: Option<io::Error>,
    rest: R,
}

impl<R: Read> Peeked<R> {
    /// Looks at the first `count` bytes of `reader`, or all where there are fewer.
    fn new(mut reader: R, count: usize) -> Peeked<R> {
        let mut head = vec![0; count];
        let mut filled = 0;
        let mut failure = None;
        while filled < count {
            match reader.read(&mut head[filled..]) {
                Ok(0) => break,
                Ok(got) => filled += got,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    failure = Some(error);
                    break;
                }
            }
        }
        head.truncate(filled);
        Peeked {
            head,
            given: 0,
            failure,
            rest: reader,
        }
    }

    /// What was looked at.
    fn head(&self) -> &[u8] {
        &self.head
    }
}

impl<R: Read> Read for Peeked<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let left = &self.head[self.given..];
        if !left.is_empty() {
            let count = left.len().min(buf.len());
            buf[..count].copy_from_slice(&left[..count]);
            self.given += count;
            return Ok(count);
        }
        match self.failure.take() {
            Some(failure) => Err(failure),
            None => self.rest.read(buf),
        }
    }
}
