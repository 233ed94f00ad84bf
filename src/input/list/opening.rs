//! What comes before the table of a list: byte order mark, `sep=` line, blank lines, lines above the header.

use super::dialect;
use super::encoding;
use super::record::{self, Layout};
use super::unpack::Reader;
use super::window::Window;
use crate::model::limits;

/// Whether a list begins with a byte order mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// It begins with one.
    Present,
    /// It does not.
    Absent,
}

/// The beginning of a list, up to its first record.
pub(super) struct Opening {
    /// The list from its first record on.
    pub window: Window,
    /// What came before.
    pub preamble: Vec<u8>,
    /// Whether it begins with a byte order mark.
    pub mark: Mark,
    /// The delimiter that a `sep=` line names.
    pub declared: Option<u8>,
    /// Blank lines in the preamble.
    pub blank_lines: u64,
    /// The 1-based physical line of the first record.
    pub line: u64,
    /// Rows of a spreadsheet in the preamble; a `sep=` line is none, for spreadsheet programs do not show it.
    pub sheet_rows: u64,
}

impl Opening {
    /// Reads what comes before the first record, with enough of the list behind it to judge it by.
    pub(super) fn of(reader: Reader) -> Opening {
        let mut opening = Opening {
            window: Window::new(reader),
            preamble: Vec::new(),
            mark: Mark::Absent,
            declared: None,
            blank_lines: 0,
            line: 1,
            sheet_rows: 0,
        };
        opening.window.fill();
        if opening.window.bytes().starts_with(encoding::BOM) {
            opening.mark = Mark::Present;
            opening.pass(encoding::BOM.len());
        }
        if let Some((delimiter, length)) = dialect::declared(opening.window.bytes()) {
            opening.declared = Some(delimiter);
            opening.pass(length);
            opening.line += 1;
        }
        opening.pass_blank_lines();
        if !opening.preamble.is_empty() {
            // What was passed made room: let the view hold a whole sample again.
            opening.window.fill();
        }
        opening
    }

    /// Moves the blank lines before the first record to the preamble, at most [`limits::SNIFF_BYTES`] of them; a view
    /// that still begins with one then belongs to a list that is taken for empty.
    fn pass_blank_lines(&mut self) {
        let layout = Layout {
            delimiter: None,
            column: 0,
            widths: None,
        };
        while self.preamble.len() < limits::SNIFF_BYTES {
            if self.is_empty() && self.window.bytes().len() < 2 {
                // Nothing in view, or a carriage return whose line feed may be the next byte.
                self.window.fill();
            }
            if !matches!(self.window.bytes().first(), Some(b'\n' | b'\r')) {
                break;
            }
            let Some(record) = record::cut(self.window.bytes(), self.window.reach(), &layout)
            else {
                break;
            };
            self.pass(record.terminator);
            self.blank_lines += 1;
            self.line += 1;
            self.sheet_rows += 1;
        }
    }

    /// Moves the first `count` records to the preamble, with the blank lines behind each.
    pub(super) fn pass_records(&mut self, count: usize, delimiter: Option<u8>) {
        let layout = Layout {
            delimiter,
            column: 0,
            widths: None,
        };
        for _ in 0..count {
            let view = self.window.bytes();
            let Some(record) = record::cut(view, self.window.reach(), &layout) else {
                break;
            };
            self.pass(record.content + record.terminator);
            self.line += record.lines;
            self.sheet_rows += 1;
            self.pass_blank_lines();
        }
    }

    /// The lines of the preamble without the byte order mark: how many, and the first that is not blank.
    pub(super) fn lines(&self) -> (u64, String) {
        let text = self.preamble.strip_prefix(encoding::BOM);
        let text = text.unwrap_or(&self.preamble);
        let first = text
            .split(|byte| matches!(byte, b'\n' | b'\r'))
            .map(<[u8]>::trim_ascii)
            .find(|line| !line.is_empty())
            .unwrap_or_default();
        (self.line - 1, String::from_utf8_lossy(first).into_owned())
    }

    /// Whether no record was found.
    pub(super) fn is_empty(&self) -> bool {
        matches!(self.window.bytes().first(), None | Some(b'\n' | b'\r'))
    }

    /// Moves `count` bytes from the window to the preamble.
    fn pass(&mut self, count: usize) {
        self.preamble
            .extend_from_slice(&self.window.bytes()[..count]);
        self.window.advance(count);
    }
}
