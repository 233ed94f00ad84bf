//! A file that seems as long as a table of its sectors says.

use std::io::{self, Read, Seek, SeekFrom};

/// Sectors of the containers that Excel up to 2003 writes, in bytes ([MS-CFB] 2.2).
const SECTOR_BYTES: u64 = 512;

/// How many sectors one sector of the table tells of ([MS-CFB] 2.3).
const SECTORS_TOLD_OF: u64 = SECTOR_BYTES / 4;

/// A compound file whose table of sectors goes on behind the last one, to the end of the sector that the table ends in.
/// Some writers (`SheetJS`) do not mark those entries as free; a reader that counts them misses the sectors. Nothing can
/// be read from what is not there.
pub(super) struct Padded<R> {
    file: R,
    /// How long the file is.
    bytes: u64,
    /// Where the next byte is read.
    at: u64,
}

impl<R: Read + Seek> Padded<R> {
    /// # Errors
    ///
    /// When the length of `file` cannot be told.
    pub(super) fn new(mut file: R) -> io::Result<Self> {
        let bytes = file.seek(SeekFrom::End(0))?;
        file.seek(SeekFrom::Start(0))?;
        Ok(Padded { file, bytes, at: 0 })
    }

    /// The length that the file seems to have: a header, and as many sectors as whole sectors of the table tell of.
    fn seems(&self) -> u64 {
        let block = SECTOR_BYTES * SECTORS_TOLD_OF;
        SECTOR_BYTES
            + self
                .bytes
                .saturating_sub(SECTOR_BYTES)
                .next_multiple_of(block)
    }
}

impl<R: Read + Seek> Read for Padded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at >= self.bytes && !buffer.is_empty() {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "it is cut off",
            ));
        }
        let read = self.file.read(buffer)?;
        self.at += read as u64;
        Ok(read)
    }
}

impl<R: Read + Seek> Seek for Padded<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(back) => self.seems().checked_add_signed(back),
            SeekFrom::Current(on) => self.at.checked_add_signed(on),
        };
        let before = || io::Error::new(io::ErrorKind::InvalidInput, "before the beginning");
        self.at = at.ok_or_else(before)?;
        self.file.seek(SeekFrom::Start(self.at))
    }
}
