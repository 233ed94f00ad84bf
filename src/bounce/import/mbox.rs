//! Splits an mbox: messages one after the other, each begun by a line `From ...` behind an empty one and before a
//! header.
//!
//! Writers that are careful put a `>` before such lines within a message (mboxrd); it is taken away again. Mail servers
//! that hand a message to a program begin it with such a line, too, and mark no others: a sentence that begins with
//! "From" behind an empty line parts nothing. Of each message as much is kept as is ever looked at, so a file of any
//! size takes the memory of one message.

use std::io::{self, BufRead};

use crate::model::limits;

/// Reads the messages of an mbox one by one.
pub(super) struct Mbox<R> {
    reader: R,
    line: Vec<u8>,
    /// Whether the line just read begins the next message.
    begun: bool,
    /// Whether `line` is still to be handed out: it was read to see what the one before it is.
    held: bool,
}

impl<R: BufRead> Mbox<R> {
    /// Begins at the first message.
    pub(super) fn new(reader: R) -> Mbox<R> {
        Mbox {
            reader,
            line: Vec::new(),
            begun: false,
            held: false,
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
                let from = std::mem::take(&mut self.line);
                self.held = self.read_line()?;
                if begins_a_message(&from, &self.line) {
                    self.begun = true;
                    break;
                }
                append(&mut message, &from);
                blank = false;
                continue;
            }
            blank = matches!(self.line.as_slice(), b"\n" | b"\r\n");
            append(&mut message, without_mark(&self.line));
        }
        Ok(Some(message))
    }

    /// Reads one line of any length, keeping at most [`limits::MESSAGE_BYTES`] of it; `false` at the end.
    fn read_line(&mut self) -> io::Result<bool> {
        if std::mem::take(&mut self.held) {
            return Ok(true);
        }
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

/// Whether a line `From ...` behind an empty one begins a message, given the line after it: a field of a header, or the
/// marked line of a message that was in an mbox before.
fn begins_a_message(from: &[u8], after: &[u8]) -> bool {
    let name = after
        .iter()
        .take_while(|byte| matches!(byte, b'!'..=b'9' | b';'..=b'~'));
    let length = name.count();
    let is_field = length > 0 && after.get(length) == Some(&b':');
    let has_time = from
        .windows(3)
        .any(|three| three[1] == b':' && three[0].is_ascii_digit() && three[2].is_ascii_digit());
    is_field || has_time && (after.starts_with(b">From ") || after.is_empty())
}

/// A line without the `>` that a careful writer put before it.
fn without_mark(line: &[u8]) -> &[u8] {
    let text = line.iter().position(|&byte| byte != b'>').unwrap_or(0);
    let marked = text > 0 && line[text..].starts_with(b"From ");
    &line[usize::from(marked)..]
}

/// Appends as much of a line as there is room for.
fn append(message: &mut Vec<u8>, line: &[u8]) {
    let room = limits::MESSAGE_BYTES.saturating_sub(message.len());
    message.extend_from_slice(&line[..line.len().min(room)]);
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
                "Subject: 1\n\nFrom here it is\nFrom b\n>From c\n\n",
                "Subject: 2\n\nx"
            ]
        );
        assert!(messages("").is_empty());
        assert_eq!(messages("From a\n").len(), 1);
        let marked = "From a Thu Jan  1\nSubject: 1\n\nFrom b Thu Jan  1 08:00:00 2026\n>From c\nSubject: 2\n\nFrom us\n";
        assert_eq!(
            messages(marked),
            ["Subject: 1\n\n", "From c\nSubject: 2\n\nFrom us\n"]
        );
    }
}
