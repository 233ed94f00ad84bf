//! Unpacks gzip (RFC 1952) and Zstandard (RFC 8878), and stops at what was packed to fill a machine.
//!
//! No byte of gzip makes more than about a thousand, so that a gzip file is never much worse than it looks. A kilobyte
//! of Zstandard can make gigabytes.

use std::io::{self, BufReader, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::read::MultiGzDecoder;
use zstd::stream::read::Decoder;

use crate::model::limits;

/// What a gzip file holds.
pub(crate) fn gzip(packed: impl Read + Send + 'static) -> Box<dyn Read + Send> {
    let (packed, taken) = counted(packed);
    let unpacked = MultiGzDecoder::new(BufReader::new(packed));
    Box::new(Measured::new(unpacked, taken))
}

/// What a Zstandard file holds.
///
/// # Errors
///
/// When no decoder can be made.
pub(crate) fn zstd(packed: impl Read + Send + 'static) -> io::Result<Box<dyn Read + Send>> {
    let (packed, taken) = counted(packed);
    let mut unpacked = Decoder::new(packed)?;
    unpacked.window_log_max(limits::ZSTD_WINDOW_LOG)?;
    Ok(Box::new(Measured::new(unpacked, taken)))
}

/// A reader that says how much was taken from it.
struct Counted<R> {
    reader: R,
    taken: Arc<AtomicU64>,
}

fn counted<R>(reader: R) -> (Counted<R>, Arc<AtomicU64>) {
    let taken = Arc::default();
    (
        Counted {
            reader,
            taken: Arc::clone(&taken),
        },
        taken,
    )
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        self.taken.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

/// What was unpacked, held against what it was unpacked from.
struct Measured<R> {
    unpacked: R,
    given: u64,
    taken: Arc<AtomicU64>,
}

impl<R> Measured<R> {
    fn new(unpacked: R, taken: Arc<AtomicU64>) -> Self {
        Measured {
            unpacked,
            given: 0,
            taken,
        }
    }
}

impl<R: Read> Read for Measured<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.unpacked.read(buffer)?;
        self.given += count as u64;
        let taken = self.taken.load(Ordering::Relaxed);
        let allowed = taken.saturating_mul(limits::UNPACKED_RATIO);
        if self.given > limits::INFLATED_BYTES && self.given > allowed {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "it unpacks to over a thousand times its size, which no list does: unpack it by hand if you trust it",
            ));
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    #[test]
    fn what_unpacks_without_end_is_not_unpacked() {
        let mut bomb = Vec::new();
        let zeros = io::repeat(b'a').take(1 << 30);
        zstd::stream::copy_encode(zeros, &mut bomb, 1).unwrap();
        assert!(bomb.len() < 200_000, "{}", bomb.len());
        let mut unpacked = zstd(Cursor::new(bomb)).unwrap();
        let read = io::copy(&mut unpacked, &mut io::sink());
        assert!(read.unwrap_err().to_string().contains("thousand times"));
    }

    #[test]
    fn a_list_that_repeats_itself_is_unpacked() {
        let text = "anna@acme.test,Anna,Albrecht\n".repeat(100_000);
        let packed = zstd::encode_all(text.as_bytes(), 19).unwrap();
        let mut found = String::new();
        zstd(Cursor::new(packed))
            .unwrap()
            .read_to_string(&mut found)
            .unwrap();
        assert_eq!(found, text);
    }
}
