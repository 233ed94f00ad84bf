//! Where one record ends: the quoting rules of RFC 4180 §2, and what happens where they are broken.
//!
//! A quote opens a field only at its first byte; inside, a doubled quote is one quote, and the field ends at the first
//! single one. CR, LF and CRLF all end a record. These are the rules of the `csv` crate, with one exception that this
//! module exists for: **a quote that is never closed takes its own physical line and nothing else.** A record goes over
//! line ends only when everything about it is sound (see [`Layout::vouches_for`]); otherwise its first line comes out
//! by itself, and reading goes on at the next line as if nothing had happened.

use std::borrow::Cow;
use std::ops::Range;

use memchr::{memchr_iter, memchr2, memchr3};

use super::shape;
use super::window::Reach;
use crate::model::limits;

const QUOTE: u8 = b'"';

/// How many fields the records of a list have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Widths {
    /// In the header; without one, the same as `usual`.
    pub header: usize,
    /// In most records.
    pub usual: usize,
}

impl Widths {
    /// Whether a record of `fields` fields is none to wonder about.
    pub(super) fn fit(self, fields: usize) -> bool {
        fields == self.header || fields == self.usual
    }
}

/// What is known of a list before its first record is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    /// What stands between fields; `None` when a line is one field.
    pub delimiter: Option<u8>,
    /// The 0-based field of the address.
    pub column: usize,
    /// `None` while they are still being found out: any number will do.
    pub widths: Option<Widths>,
}

/// One field of a record, by its place in the bytes that were scanned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Field {
    start: usize,
    end: usize,
    /// Where the closing quote is, of a field that opened with one.
    close: Option<usize>,
    escapes: bool,
}

impl Field {
    /// Where the field stands, its quotes included.
    pub(super) fn range(self) -> Range<usize> {
        self.start..self.end
    }

    /// Where the field ends in the bytes that were scanned.
    pub(super) fn end(self) -> usize {
        self.end
    }

    /// What the field says: without its quotes, doubled quotes made single. `record` is what was scanned.
    pub(super) fn text(self, record: &[u8]) -> Cow<'_, [u8]> {
        let Some(close) = self.close else {
            return Cow::Borrowed(&record[self.start..self.end]);
        };
        let inside = &record[self.start + 1..close];
        if !self.escapes && close + 1 == self.end {
            return Cow::Borrowed(inside);
        }
        let mut text = Vec::with_capacity(self.end - self.start);
        let mut rest = inside;
        while let Some(quote) = memchr::memchr(QUOTE, rest) {
            text.extend_from_slice(&rest[..=quote]);
            rest = rest.get(quote + 2..).unwrap_or_default();
        }
        text.extend_from_slice(rest);
        text.extend_from_slice(&record[close + 1..self.end]);
        Cow::Owned(text)
    }
}

/// How well a record keeps to the rules of quoting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quoting {
    /// To the letter.
    Sound,
    /// Something follows a closing quote within its field; all on one line.
    Stray,
    /// A quote is open where the line ends.
    Unclosed,
}

/// One record at the beginning of what was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Record {
    /// Length of the record without its terminator, in bytes.
    pub content: usize,
    /// Length of its terminator, in bytes: 0 at the end of a list without one.
    pub terminator: usize,
    /// Physical lines that it takes.
    pub lines: u64,
    /// Number of fields.
    pub fields: usize,
    /// Whether the fields can be believed.
    pub quoting: Quoting,
    /// The field of the address column, where there is one and the fields can be believed.
    pub target: Option<Field>,
}

/// Cuts the record at the beginning of `view`; `None` when more of the list must be seen first.
///
/// An empty `view` has no record. The answer does not depend on how much of the list is in view beyond the record.
pub(super) fn cut(view: &[u8], reach: Reach, layout: &Layout) -> Option<Record> {
    match memchr3(QUOTE, b'\n', b'\r', view) {
        Some(hit) if view[hit] == QUOTE => cut_quoted(view, reach, layout),
        Some(end) => plain(view, end, reach, layout),
        None if reach == Reach::Whole => plain(view, view.len(), reach, layout),
        None => None,
    }
}

/// A record without any quote, which ends at `end`.
fn plain(view: &[u8], end: usize, reach: Reach, layout: &Layout) -> Option<Record> {
    let terminator = terminator(view, end, reach)?;
    let mut fields = 0;
    let mut start = 0;
    let mut target = None;
    if let Some(delimiter) = layout.delimiter {
        for stop in memchr_iter(delimiter, &view[..end]) {
            if fields == layout.column {
                target = Some(unquoted(start, stop));
            }
            fields += 1;
            start = stop + 1;
        }
    }
    if fields == layout.column {
        target = Some(unquoted(start, end));
    }
    Some(Record {
        content: end,
        terminator,
        lines: 1,
        fields: fields + 1,
        quoting: Quoting::Sound,
        target,
    })
}

fn unquoted(start: usize, end: usize) -> Field {
    Field {
        start,
        end,
        close: None,
        escapes: false,
    }
}

/// A record with a quote somewhere.
fn cut_quoted(view: &[u8], reach: Reach, layout: &Layout) -> Option<Record> {
    let widest = layout
        .widths
        .map_or(usize::MAX, |widths| widths.header.max(widths.usual));
    let mut target = None;
    let scan = scan(view, layout.delimiter, widest, |index, field| {
        if index == layout.column {
            target = Some(field);
        }
    });
    let Some(line_end) = scan.first_break else {
        return match scan.end {
            End::Outside(content) if content < view.len() || reach == Reach::Whole => {
                Some(Record {
                    content,
                    terminator: terminator(view, content, reach)?,
                    lines: 1,
                    fields: scan.fields,
                    quoting: if scan.strays {
                        Quoting::Stray
                    } else {
                        Quoting::Sound
                    },
                    target,
                })
            }
            End::Inside if reach == Reach::Whole => lone_line(view, view.len(), reach),
            End::Outside(_) | End::Inside | End::Implausible => None,
        };
    };
    match scan.end {
        End::Outside(content) if content < view.len() || reach == Reach::Whole => {
            if layout.vouches_for(&view[..content], line_end, &scan) {
                Some(Record {
                    content,
                    terminator: terminator(view, content, reach)?,
                    lines: scan.lines,
                    fields: scan.fields,
                    quoting: Quoting::Sound,
                    target,
                })
            } else {
                lone_line(view, line_end, reach)
            }
        }
        End::Outside(_) | End::Inside
            if reach == Reach::Part && view.len() <= limits::RECORD_BYTES =>
        {
            None
        }
        End::Outside(_) | End::Inside | End::Implausible => lone_line(view, line_end, reach),
    }
}

/// The first physical line, which ends at `end` with a quote open, as a record of its own.
fn lone_line(view: &[u8], end: usize, reach: Reach) -> Option<Record> {
    Some(Record {
        content: end,
        terminator: terminator(view, end, reach)?,
        lines: 1,
        fields: 0,
        quoting: Quoting::Unclosed,
        target: None,
    })
}

/// Length of the terminator at `at`; `None` when a line feed may still follow a carriage return out of view.
fn terminator(view: &[u8], at: usize, reach: Reach) -> Option<usize> {
    match (view.get(at), view.get(at + 1)) {
        (Some(b'\r'), Some(b'\n')) => Some(2),
        (Some(b'\r'), None) if reach == Reach::Part => None,
        (Some(_), _) => Some(1),
        (None, _) => Some(0),
    }
}

impl Layout {
    /// Whether `record`, which goes over line ends, is what its writer meant and not the work of a forgotten quote.
    ///
    /// It is when its quoting is sound, it has the list's number of fields, it keeps to [`limits::RECORD_BYTES`] and
    /// [`limits::RECORD_LINES`], and none of its later lines would be a record of its own.
    fn vouches_for(&self, record: &[u8], first_break: usize, scan: &Scan) -> bool {
        if scan.strays
            || record.len() > limits::RECORD_BYTES
            || scan.lines > limits::RECORD_LINES as u64
        {
            return false;
        }
        let Some(widths) = self.widths else {
            return true;
        };
        widths.fit(scan.fields) && !self.swallows(record, first_break, widths)
    }

    /// Whether one of the lines behind `first_break` has the address where a record has it.
    ///
    /// The last line of a good record may look like that (`"Smith⏎& Sons",a@b.example`); then its first does not.
    fn swallows(&self, record: &[u8], first_break: usize, widths: Widths) -> bool {
        let complete = |line: &[u8]| {
            let cells = naive_cells(line, self.delimiter);
            let count = cells.clone().count();
            widths.fit(count)
                && cells
                    .clone()
                    .nth(self.column)
                    .is_some_and(shape::is_address)
        };
        let first_is_complete = complete(&record[..first_break]);
        record[first_break..]
            .split(|byte| matches!(byte, b'\n' | b'\r'))
            .any(|line| (first_is_complete || !line.contains(&QUOTE)) && complete(line))
    }
}

/// The pieces between delimiters as if there were no quoting; quotes and blanks round a piece are dropped.
fn naive_cells(line: &[u8], delimiter: Option<u8>) -> impl Iterator<Item = &[u8]> + Clone {
    line.split(move |byte| Some(*byte) == delimiter)
        .map(|cell| {
            let cell = cell.trim_ascii();
            let cell = cell.strip_prefix(b"\"").unwrap_or(cell);
            cell.strip_suffix(b"\"").unwrap_or(cell).trim_ascii()
        })
}

/// Finds the address of a line whose fields cannot be believed.
///
/// Fields before the damage keep their number from the left, those behind it their number from the right. Returns the
/// one that looks like an address; nothing when neither does, or when both do and differ.
pub(super) fn rescue<'a>(line: &'a [u8], layout: &Layout) -> Option<&'a [u8]> {
    let usual = layout.widths.map_or(1, |widths| widths.usual);
    let cells = naive_cells(line, layout.delimiter);
    let looks = |cell: &&[u8]| shape::is_address(cell);
    let left = cells.clone().nth(layout.column).filter(looks);
    let behind = usual.checked_sub(layout.column)?;
    let right = cells
        .clone()
        .count()
        .checked_sub(behind)
        .and_then(|index| cells.clone().nth(index))
        .filter(looks);
    match (left, right) {
        (Some(left), Some(right)) => (left == right).then_some(left),
        (left, right) => left.or(right),
    }
}

/// All fields of `record`, a whole one without its terminator, in order.
pub(super) fn fields(record: &[u8], delimiter: Option<u8>) -> Vec<Cow<'_, [u8]>> {
    let places = places(record, delimiter);
    places.into_iter().map(|field| field.text(record)).collect()
}

/// Where the fields of `record`, a whole one without its terminator, stand.
pub(super) fn places(record: &[u8], delimiter: Option<u8>) -> Vec<Field> {
    let mut fields = Vec::new();
    scan(record, delimiter, usize::MAX, |_, field| fields.push(field));
    fields
}

/// Where a scan stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// Outside of quotes, at a line end or at the end of the view.
    Outside(usize),
    /// Inside of quotes at the end of the view.
    Inside,
    /// Beyond the first line, at something that no sound record has.
    Implausible,
}

/// What a scan saw.
struct Scan {
    end: End,
    fields: usize,
    lines: u64,
    first_break: Option<usize>,
    strays: bool,
}

impl Scan {
    /// Whether there is no point in going on: the record has left its first line and is already unsound.
    fn is_hopeless(&self, at: usize, widest: usize) -> bool {
        self.first_break.is_some()
            && (self.strays
                || self.fields > widest
                || self.lines > limits::RECORD_LINES as u64
                || at > limits::RECORD_BYTES)
    }
}

/// Reads fields from the beginning of `view` to the end of the record, telling `sink` the index and place of each.
fn scan(
    view: &[u8],
    delimiter: Option<u8>,
    widest: usize,
    mut sink: impl FnMut(usize, Field),
) -> Scan {
    let mut scan = Scan {
        end: End::Inside,
        fields: 0,
        lines: 1,
        first_break: None,
        strays: false,
    };
    let mut at = 0;
    loop {
        let start = at;
        let mut close = None;
        let mut escapes = false;
        if view.get(at) == Some(&QUOTE) {
            at += 1;
            while close.is_none() {
                let Some(hit) = memchr3(QUOTE, b'\n', b'\r', &view[at..]) else {
                    return scan;
                };
                at += hit;
                if view[at] != QUOTE {
                    scan.first_break.get_or_insert(at);
                    scan.lines += 1;
                    at += if view[at..].starts_with(b"\r\n") {
                        2
                    } else {
                        1
                    };
                    if scan.is_hopeless(at, widest) {
                        scan.end = End::Implausible;
                        return scan;
                    }
                } else if view.get(at + 1) == Some(&QUOTE) {
                    escapes = true;
                    at += 2;
                } else {
                    close = Some(at);
                    at += 1;
                }
            }
        }
        let stop = match delimiter {
            Some(delimiter) => memchr3(delimiter, b'\n', b'\r', &view[at..]),
            None => memchr2(b'\n', b'\r', &view[at..]),
        }
        .map_or(view.len(), |hit| at + hit);
        scan.strays |= close.is_some() && stop > at;
        sink(
            scan.fields,
            Field {
                start,
                end: stop,
                close,
                escapes,
            },
        );
        scan.fields += 1;
        if stop == view.len() || Some(view[stop]) != delimiter {
            scan.end = End::Outside(stop);
            return scan;
        }
        at = stop + 1;
        if scan.is_hopeless(at, widest) {
            scan.end = End::Implausible;
            return scan;
        }
    }
}
