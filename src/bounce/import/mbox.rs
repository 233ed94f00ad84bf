//! Splits an mbox: messages one after the other, each begun by a line `From ...` behind an empty one.
//!
//! Writers that are careful put a `>` before such lines within a message (mboxrd); it is taken away again. Of each message
//! as much is kept as is ever looked at, so a file of any size takes the memory of one message.

use std::io::{self, BufRead};

use crate::model::limits;

/// Reads the messages of an mbox one by one.
pub(super) struct Mbox<R> {
    reader: R,
    line: Vec<u8>,
    /// Whether the line just read begins the next message.
    begun: bool,
}

impl<R: BufRead> Mbox<R> {
    /// Begins at the first message.
    pub(super) fn new(reader: R) -> Mbox<R> {
        Mbox {
            reader,
            line: Vec::new(),
            begun: false,
        }
    }

    /// The next message, without its `From ` line; `None` behind the last.
    pub(super) fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        while !self.begun {
            if !self.read_line()? {
                return Ok(None);
            }
            self.begun = self.line.starts_with(b"From ");
        }
        self.begun = false;
        let mut message = Vec::new();
        let mut blank = false;
        while self.read_line()? {
            if blank && self.line.starts_with(b"From ") {
                self.begun = true;
                break;
            }
            blank = matches!(self.line.as_slice(), b"\n" | b"\r\n");
            let quoted = self.line.first() == Some(&b'>')
                && self
                    .line
                    .iter()
                    .position(|&byte| byte != b'>')
                    .is_some_and(|at| self.line[at..].starts_with(b"From "));
            let line = &self.line[usize::from(quoted)..];
            let room = limits::MESSAGE_BYTES.saturating_sub(message.len());
            message.extend_from_slice(&line[..line.len().min(room)]);
        }
        Ok(Some(message))
    }

    /// Reads one line of any length, keeping at most [`limits::MESSAGE_BYTES`] of it; `false` at the end.
    fn read_line(&mut self) -> io::Result<bool> {
        self.line.clear();
        loop {
            let chunk = match self.reader.fill_buf() {
                Ok(chunk) => chunk,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if chunk.is_empty() {
                return Ok(!self.line.is_empty());
            }
            let end = memchr::memchr(b'\n', chunk);
            let taken = end.map_or(chunk.len(), |at| at + 1);
            let room = limits::MESSAGE_BYTES.saturating_sub(self.line.len());
            self.line.extend_from_slice(&chunk[..taken.min(room)]);
            self.reader.consume(taken);
            if end.is_some() {
                return Ok(true);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(text: &str) -> Vec<String> {
        let mut mbox = Mbox::new(text.as_bytes());
        let mut all = Vec::new();
        while let Some(message) = mbox.next().unwrap() {
            all.push(String::from_utf8(message).unwrap());
        }
        all
    }

    #[test]
    fn messages_are_parted_at_from_lines_behind_empty_ones() {
        let text = "From a Thu Jan  1\nSubject: 1\n\nFrom here it is\n>From b\n>>From c\n\nFrom b Thu Jan  1\nSubject: 2\n\nx";
        assert_eq!(
            messages(text),
            [
                // Only a line behind an empty one parts messages, and this one is: a careful writer would have marked it.
                "Subject: 1\n\n",
                "From b\n>From c\n\n",
                "Subject: 2\n\nx"
            ]
        );
        assert!(messages("").is_empty());
        assert_eq!(messages("From a\n").len(), 1);
    }
}
