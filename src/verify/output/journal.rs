//! What was written where, so that columns which depend on the whole list can be settled when it has been seen.
//!
//! Twelve bytes a row, in a file that vanishes with the program: memory does not grow with the list.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::Path;

use tempfile::{NamedTempFile, TempPath};

use super::file::beside;
use crate::model::verdict::Disposition;
use crate::projection::{Pile, Slot};

/// What is noted of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Note {
    /// The list that it went to.
    pub(super) disposition: Disposition,
    /// Where it went, as far as a wanted rate is concerned.
    pub(super) pile: Pile,
    /// Its segment; `None` of a row that is no message.
    pub(super) slot: Option<Slot>,
    /// Where its bounce column begins, in bytes from the row's beginning.
    pub(super) place: u32,
    /// Its length in bytes, its end included.
    pub(super) length: u32,
}

const NOTE_BYTES: usize = 12;

/// What stands for no segment: there are never so many.
const NO_SLOT: u16 = u16::MAX;

impl Note {
    fn to_bytes(self) -> [u8; NOTE_BYTES] {
        let mut bytes = [0; NOTE_BYTES];
        bytes[0] = self.disposition as u8;
        bytes[1] = self.pile as u8;
        bytes[2..4].copy_from_slice(&self.slot.map_or(NO_SLOT, |slot| slot.0).to_le_bytes());
        bytes[4..8].copy_from_slice(&self.place.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.length.to_le_bytes());
        bytes
    }

    fn from_bytes(bytes: [u8; NOTE_BYTES]) -> Note {
        let [list, pile, s0, s1, p0, p1, p2, p3, l0, l1, l2, l3] = bytes;
        Note {
            disposition: Disposition::ALL[usize::from(list)],
            pile: Pile::ALL[usize::from(pile)],
            slot: match u16::from_le_bytes([s0, s1]) {
                NO_SLOT => None,
                slot => Some(Slot(slot)),
            },
            place: u32::from_le_bytes([p0, p1, p2, p3]),
            length: u32::from_le_bytes([l0, l1, l2, l3]),
        }
    }
}

/// The notes of a list in the making, in the order of its rows.
pub(super) struct Journal {
    file: BufWriter<NamedTempFile>,
}

/// The notes of a list. Their file is open only while it is read.
pub(super) struct Notes {
    file: TempPath,
}

impl Journal {
    /// An empty journal in `folder`, where there must be room for the lists anyway.
    pub(super) fn create(folder: &Path) -> io::Result<Journal> {
        Ok(Journal {
            file: BufWriter::with_capacity(crate::model::limits::WRITE_BYTES, beside(folder)?),
        })
    }

    pub(super) fn note(&mut self, note: Note) -> io::Result<()> {
        self.file.write_all(&note.to_bytes())
    }

    /// Ends the journal: no further row comes.
    pub(super) fn close(self) -> io::Result<Notes> {
        let file = self.file.into_inner();
        let file = file.map_err(io::IntoInnerError::into_error)?;
        Ok(Notes {
            file: file.into_temp_path(),
        })
    }
}

impl Notes {
    /// Reads the notes from the first.
    pub(super) fn read(&self, mut with: impl FnMut(Note) -> io::Result<()>) -> io::Result<()> {
        let file = File::open(&self.file)?;
        let mut reader = BufReader::with_capacity(crate::model::limits::WRITE_BYTES, file);
        let mut bytes = [0; NOTE_BYTES];
        loop {
            match reader.read_exact(&mut bytes) {
                Ok(()) => with(Note::from_bytes(bytes))?,
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_come_back_in_their_order() {
        let folder = tempfile::tempdir().unwrap();
        let mut journal = Journal::create(folder.path()).unwrap();
        let note = |row: u32| Note {
            disposition: Disposition::ALL[row as usize % 3],
            pile: Pile::ALL[row as usize % 4],
            slot: (!row.is_multiple_of(5)).then(|| Slot(u16::try_from(row).unwrap())),
            place: row * 7,
            length: 70_000 + row,
        };
        for row in 0..100 {
            journal.note(note(row)).unwrap();
        }
        let mut rows = 0;
        let notes = journal.close().unwrap();
        notes
            .read(|found| {
                assert_eq!(found, note(rows));
                rows += 1;
                Ok(())
            })
            .unwrap();
        assert_eq!(rows, 100);
    }
}
