//! The part of a list that is in memory: a buffer that slides over a reader.

use std::io::{self, ErrorKind, Read as _};

use super::unpack::Reader;
use crate::model::limits;

/// Whether the window shows the list to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// Nothing follows the window.
    Whole,
    /// More may follow.
    Part,
}

/// What came of asking for more of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Filled {
    /// There is more to see than before.
    More,
    /// The list ended, or could not be read further.
    Nothing,
    /// The window has its largest size and is full.
    Full,
}

/// A sliding buffer; it grows only while one record does not fit.
pub(super) struct Window {
    reader: Reader,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    most: usize,
    ended: bool,
    failed: bool,
    failure: Option<io::Error>,
}

impl Window {
    /// A window over `reader` that grows to [`limits::LINE_BYTES`] at most.
    pub(super) fn new(reader: Reader) -> Window {
        Window::sized(reader, limits::SNIFF_BYTES, limits::LINE_BYTES)
    }

    /// A window that begins with `first` bytes of room, to grow to `most` bytes.
    pub(super) fn sized(reader: Reader, first: usize, most: usize) -> Window {
        Window {
            reader,
            buffer: vec![0; first],
            start: 0,
            end: 0,
            most,
            ended: false,
            failed: false,
            failure: None,
        }
    }

    /// What is in view.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// Whether more may follow. After a failure something should have followed: the view is a part.
    pub(super) fn reach(&self) -> Reach {
        if self.ended && !self.failed {
            Reach::Whole
        } else {
            Reach::Part
        }
    }

    /// Where in the buffer the view begins: what was taken since lies before it until the next [`Window::fill`].
    pub(super) fn position(&self) -> usize {
        self.start
    }

    /// Bytes of the buffer by positions taken from [`Window::position`] since the last [`Window::fill`].
    pub(super) fn taken(&self, from: usize, to: usize) -> &[u8] {
        &self.buffer[from..to]
    }

    /// Leaves the first `count` bytes of the view behind.
    pub(super) fn advance(&mut self, count: usize) {
        self.start += count;
    }

    /// Brings in as much as there is room for; makes room by dropping what was left behind, else by growing.
    pub(super) fn fill(&mut self) -> Filled {
        if self.ended {
            return Filled::Nothing;
        }
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.end == self.buffer.len() {
            if self.end >= self.most {
                return Filled::Full;
            }
            self.buffer.resize((self.end * 2).clamp(1, self.most), 0);
        }
        let before = self.end;
        while self.end < self.buffer.len() && !self.ended {
            match self.reader.read(&mut self.buffer[self.end..]) {
                Ok(0) => self.ended = true,
                Ok(count) => self.end += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    self.failure = Some(error);
                    self.failed = true;
                    self.ended = true;
                }
            }
        }
        if self.end > before {
            Filled::More
        } else {
            Filled::Nothing
        }
    }

    /// Bytes of memory that the window takes.
    #[cfg(test)]
    pub(super) fn room(&self) -> usize {
        self.buffer.len()
    }

    /// Why the list could not be read to its end, once.
    pub(super) fn take_failure(&mut self) -> Option<io::Error> {
        self.failure.take()
    }
}
