//! Splits JSON into events: one object a line, objects one after the other, or arrays of them, however large.
//!
//! Only strings, brackets and braces are told apart here. An object that outgrows [`limits::EVENT_BYTES`] is taken for
//! a wrapper (`{"items": [...]}`) and opened: its first array is gone through as if it stood alone.

use std::io::{self, Read};

use serde_json::Value;

use crate::model::limits;

/// Reads the objects of JSON text one by one.
pub(super) struct Events<R> {
    reader: R,
    buffer: Vec<u8>,
    /// Where the unread part of the buffer begins.
    start: usize,
    over: bool,
    /// Whether the text ends within an object.
    cut: bool,
}

/// What was found.
pub(super) enum Found {
    /// One event, as a JSON object.
    Event(Value),
    /// Bytes that look like one and are none.
    Broken,
}

impl<R: Read> Events<R> {
    /// Begins at the first object.
    pub(super) fn new(reader: R) -> Events<R> {
        Events {
            reader,
            buffer: Vec::new(),
            start: 0,
            over: false,
            cut: false,
        }
    }

    /// The next object; `None` at the end. A text that ends within an object ends with [`Found::Broken`], behind the
    /// objects that are whole inside it.
    pub(super) fn next(&mut self) -> io::Result<Option<Found>> {
        'objects: loop {
            // Between objects stand brackets, commas and line breaks.
            let Some(at) = memchr::memchr(b'{', &self.buffer[self.start..]) else {
                self.start = self.buffer.len();
                if self.over {
                    return Ok(std::mem::take(&mut self.cut).then_some(Found::Broken));
                }
                self.fill()?;
                continue;
            };
            self.start += at;
            let mut scan = Scan::default();
            let end = loop {
                let view = &self.buffer[self.start..];
                match scan.end(view) {
                    End::At(end) => break Some(end),
                    // No event is that deep: what was gone through is passed over whole, so no byte is gone through
                    // twice.
                    End::TooDeep => {
                        self.cut = true;
                        self.start += scan.at;
                        continue 'objects;
                    }
                    End::NotYet => {}
                }
                if self.over || view.len() > limits::EVENT_BYTES {
                    break None;
                }
                self.fill()?;
            };
            let Some(end) = end else {
                // Too large, or cut off: look inside.
                self.cut |= self.over;
                let inside = scan.first_array.map_or(1, |at| at + 1);
                self.start += inside;
                continue;
            };
            let bytes = &self.buffer[self.start..self.start + end];
            let found = serde_json::from_slice(bytes).map_or(Found::Broken, Found::Event);
            self.start += end;
            return Ok(Some(found));
        }
    }

    /// Brings in more of the text, dropping what was read.
    fn fill(&mut self) -> io::Result<()> {
        self.buffer.drain(..self.start);
        self.start = 0;
        let before = self.buffer.len();
        self.buffer.resize(before + limits::EVENT_READ_BYTES, 0);
        let got = loop {
            match self.reader.read(&mut self.buffer[before..]) {
                Ok(got) => break got,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.buffer.truncate(before);
                    return Err(error);
                }
            }
        };
        self.buffer.truncate(before + got);
        self.over = got == 0;
        Ok(())
    }
}

/// Where an object ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// Behind this many bytes.
    At(usize),
    /// Not within what is there.
    NotYet,
    /// It is nested deeper than any event.
    TooDeep,
}

/// How far an object has been gone through.
#[derive(Default)]
struct Scan {
    at: usize,
    depth: usize,
    in_string: bool,
    escaped: bool,
    first_array: Option<usize>,
}

impl Scan {
    /// Where the object at the start of `view` ends. Goes on where it stopped.
    fn end(&mut self, view: &[u8]) -> End {
        while self.at < view.len() {
            let byte = view[self.at];
            self.at += 1;
            if self.in_string {
                match byte {
                    _ if self.escaped => self.escaped = false,
                    b'\\' => self.escaped = true,
                    b'"' => self.in_string = false,
                    _ => {}
                }
                continue;
            }
            match byte {
                b'"' => self.in_string = true,
                b'[' => {
                    self.first_array.get_or_insert(self.at - 1);
                    self.depth += 1;
                }
                b'{' => self.depth += 1,
                b'}' | b']' => {
                    self.depth = self.depth.saturating_sub(1);
                    if self.depth == 0 {
                        return End::At(self.at);
                    }
                }
                _ => {}
            }
            if self.depth > limits::JSON_NESTING {
                return End::TooDeep;
            }
        }
        End::NotYet
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Vec<Option<Value>> {
        let mut events = Events::new(text.as_bytes());
        let mut found = Vec::new();
        while let Some(event) = events.next().unwrap() {
            found.push(match event {
                Found::Event(value) => Some(value),
                Found::Broken => None,
            });
        }
        found
    }

    #[test]
    fn events_are_found_in_lines_arrays_and_one_after_the_other() {
        for text in [
            "{\"a\":1}\n{\"a\":2}\n",
            "[{\"a\":1},{\"a\":2}]",
            "\u{feff}[ {\"a\":1} ,\n {\"a\":2} ]",
            "{\"a\":1}{\"a\":2}",
        ] {
            let found = all(text);
            assert_eq!(found.len(), 2, "{text}");
            assert_eq!(found[1].as_ref().unwrap()["a"], 2);
        }
        assert_eq!(all("[{\"a\":\"}{\\\"\"}]").len(), 1);
        assert_eq!(all("{\"a\":}\n{\"a\":2}").len(), 2);
        assert!(all("[]").is_empty() && all("").is_empty());
        assert_eq!(all("{\"a\":1"), [None]);
        let cut = all("{\"items\":[{\"a\":1},{\"a\":");
        assert_eq!(cut.len(), 2);
        assert!(cut[0].is_some() && cut[1].is_none());
    }

    #[test]
    fn nothing_is_gone_through_twice_for_being_nested() {
        let begin = std::time::Instant::now();
        assert_eq!(all(&"{".repeat(400_000)), [None]);
        assert_eq!(all(&"{\"a\":[".repeat(200_000)), [None]);
        // Gone through again from each brace, this took more than a minute.
        assert!(begin.elapsed() < std::time::Duration::from_secs(20));
        let behind = format!("{}\n{{\"a\":1}}", "{".repeat(300));
        assert_eq!(all(&behind).len(), 2, "what follows is found");
    }

    #[test]
    fn a_wrapper_of_any_size_is_opened() {
        let items: Vec<String> = (0..40_000)
            .map(|n| {
                format!(
                    "{{\"email\":\"{n}@example.net\",\"event\":\"bounce\",\"x\":\"{}\"}}",
                    "y".repeat(40)
                )
            })
            .collect();
        let text = format!(
            "{{\"total\":40000,\"items\":[{}],\"paging\":{{\"next\":\"z\"}}}}",
            items.join(",")
        );
        assert!(text.len() > 2 * limits::EVENT_BYTES);
        let found = all(&text);
        assert_eq!(found.len(), 40_001);
        assert_eq!(
            found[39_999].as_ref().unwrap()["email"],
            "39999@example.net"
        );
    }
}
