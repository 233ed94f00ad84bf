//! Which delimiter a list uses, found by trying each on its beginning.

use std::borrow::Cow;
use std::collections::HashMap;

use super::column;
use super::record::{self, Layout};
use super::shape;
use super::window::Reach;
use crate::model::limits;

/// What may stand between fields, likeliest first.
const CANDIDATES: &[u8] = b",;\t|";

/// What some programs put between fields and we take only when told: each may stand in an address or a name.
const FOREIGN: &[u8] = b"^~\x1f\x1e\x1d\x1c\x01:";

/// Least share of records that must have the same number of fields for a foreign delimiter to be suspected.
const LEAST_SUSPICION: f64 = 0.9;

/// Least share of records that must have the same number of fields for a delimiter to be believed.
const LEAST_AGREEMENT: f64 = 0.5;

/// The first records of a list, read with one delimiter.
pub(super) struct Sample<'a> {
    /// What stands between fields.
    pub delimiter: Option<u8>,
    /// The fields of each record.
    pub records: Vec<Vec<Cow<'a, [u8]>>>,
    /// What ends the first record.
    pub terminator: &'a [u8],
}

impl<'a> Sample<'a> {
    /// Reads the whole records of `view` with `delimiter`, at most [`limits::SNIFF_RECORDS`]; a view within one record
    /// counts as that record.
    pub(super) fn read(view: &'a [u8], reach: Reach, delimiter: Option<u8>) -> Sample<'a> {
        let layout = Layout {
            delimiter,
            column: 0,
            widths: None,
        };
        let mut records = Vec::new();
        let mut terminator: &[u8] = b"";
        let mut rest = view;
        while !rest.is_empty() && records.len() < limits::SNIFF_RECORDS {
            let Some(record) = record::cut(rest, reach, &layout) else {
                break;
            };
            let (content, after) = rest.split_at(record.content);
            let (ending, after) = after.split_at(record.terminator);
            if terminator.is_empty() {
                terminator = ending;
            }
            if !content.is_empty() {
                records.push(record::fields(content, delimiter));
            }
            rest = after;
        }
        if records.is_empty() && !view.is_empty() {
            records.push(record::fields(view, delimiter));
        }
        Sample {
            delimiter,
            records,
            terminator,
        }
    }

    /// Leaves out the first `count` records.
    pub(super) fn leave_out(&mut self, count: usize) {
        self.records.drain(..count);
    }

    /// The number of fields that most records have, the larger of two that are equally common; `None` where no number
    /// is common at all. Records of one field, such as the lines of a footer, do not count where others have several.
    pub(super) fn usual_width(&self) -> Option<usize> {
        let widths = self.records.iter().map(Vec::len);
        let several: Vec<usize> = widths.clone().filter(|width| *width > 1).collect();
        let counted = if several.is_empty() {
            widths.collect()
        } else {
            several
        };
        let (width, count) = commonest(&counted);
        (as_f64(count) / as_f64(counted.len().max(1)) >= LEAST_AGREEMENT).then_some(width)
    }

    fn commonest_width(&self) -> (usize, usize) {
        let widths: Vec<usize> = self.records.iter().map(Vec::len).collect();
        commonest(&widths)
    }

    /// How well the delimiter explains the list: agreement on the number of fields, addresses standing free, a header
    /// that names them.
    ///
    /// A wrong delimiter leaves addresses stuck to their neighbours. `None` when it explains nothing.
    fn merit(&self) -> Option<f64> {
        let (width, count) = self.commonest_width();
        let all = as_f64(self.records.len().max(1));
        let agreement = as_f64(count) / all;
        let is_named = self.has_header();
        if self.delimiter.is_some()
            && (self.records.iter().all(|record| record.len() < 2)
                || ((width < 2 || agreement < LEAST_AGREEMENT) && !is_named))
        {
            return None;
        }
        let splits = if self.delimiter.is_some() { 0.25 } else { 0.0 };
        let named = if is_named { 1.0 } else { 0.0 };
        Some(2.0 * as_f64(self.with_address()) / all + agreement + splits + named)
    }

    /// Whether one of the first records parts the name of a column of addresses from other names. In a short or ragged
    /// list this says more than the widths of its rows.
    fn has_header(&self) -> bool {
        self.records.iter().take(limits::LINES_ABOVE).any(|record| {
            record.len() > 1
                && record.iter().any(|cell| column::names_the_address(cell))
                && !record.iter().any(|cell| shape::is_address(cell))
        })
    }

    fn with_address(&self) -> usize {
        self.records
            .iter()
            .filter(|record| record.iter().any(|cell| shape::is_address(cell)))
            .count()
    }

    /// Whether nearly all records fall into the same number of fields, none of which is the scheme of a link.
    fn is_regular(&self) -> bool {
        let (width, count) = self.commonest_width();
        let is_scheme = |cell: &[u8]| {
            [&b"mailto"[..], b"smtp", b"http", b"https"]
                .iter()
                .any(|scheme| cell.trim_ascii().eq_ignore_ascii_case(scheme))
        };
        width > 1
            && as_f64(count) >= LEAST_SUSPICION * as_f64(self.records.len())
            && !self.records.iter().flatten().any(|cell| is_scheme(cell))
    }
}

/// The commonest of `widths`, the larger of two that are equally common, with how often it occurs.
fn commonest(widths: &[usize]) -> (usize, usize) {
    let mut counts = HashMap::new();
    for width in widths {
        *counts.entry(*width).or_insert(0) += 1;
    }
    counts
        .into_iter()
        .max_by_key(|&(width, count)| (count, width))
        .unwrap_or((1, 0))
}

/// Counts are at most [`limits::SNIFF_RECORDS`], which a float holds exactly.
fn as_f64(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

/// Reads the beginning of a list with the delimiter that explains it best.
pub(super) fn detect(view: &[u8], reach: Reach) -> Sample<'_> {
    let mut best = Sample::read(view, reach, None);
    let mut merit = best.merit();
    for &delimiter in CANDIDATES {
        let sample = Sample::read(view, reach, Some(delimiter));
        let candidate = sample.merit();
        if candidate > merit {
            (best, merit) = (sample, candidate);
        }
    }
    best
}

/// A delimiter that explains a list better than `ours` does, the best of those that we take unasked.
pub(super) fn foreign(view: &[u8], reach: Reach, ours: &Sample<'_>) -> Option<u8> {
    let merit = ours.merit();
    FOREIGN.iter().copied().find(|&mark| {
        memchr::memchr(mark, view).is_some() && {
            let sample = Sample::read(view, reach, Some(mark));
            sample.is_regular() && sample.merit() > merit
        }
    })
}

/// The delimiter that the first line names in the form Excel understands, `sep=;`, with the length of that line. Some
/// programs write it as a field, in quotes.
pub(super) fn declared(view: &[u8]) -> Option<(u8, usize)> {
    let line_end = memchr::memchr2(b'\n', b'\r', view)?;
    let line = view[..line_end].trim_ascii_end();
    let line = line
        .strip_prefix(b"\"")
        .and_then(|line| line.strip_suffix(b"\""))
        .unwrap_or(line);
    let (word, delimiter) = line.split_at_checked(4)?;
    let tab = view[..line_end].eq_ignore_ascii_case(b"sep=\t");
    let delimiter = if tab { b'\t' } else { *delimiter.first()? };
    let ending = if view[line_end..].starts_with(b"\r\n") {
        2
    } else {
        1
    };
    let known = word.eq_ignore_ascii_case(b"sep=")
        && line.len() <= 5
        && (CANDIDATES.contains(&delimiter) || FOREIGN.contains(&delimiter));
    known.then_some((delimiter, line_end + ending))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delimiter(text: &str) -> Option<u8> {
        detect(text.as_bytes(), Reach::Whole).delimiter
    }

    #[test]
    fn each_delimiter_is_found() {
        for mark in [",", ";", "\t", "|"] {
            let text =
                "name,email,city\nAnn,a@b.example,Ulm\nBo,b@c.example,Rom\n".replace(',', mark);
            assert_eq!(delimiter(&text), Some(mark.as_bytes()[0]), "{mark:?}");
        }
    }

    #[test]
    fn a_frequent_mark_inside_cells_is_no_delimiter() {
        assert_eq!(
            delimiter("name;tags;email\nAnn;a,b,c;a@b.example\nBo;a,b,c;b@c.example\n"),
            Some(b';')
        );
        assert_eq!(
            delimiter("tags,email\na;b;c,a@b.example\na;b;c,b@c.example\n"),
            Some(b',')
        );
        assert_eq!(
            delimiter("name;email\n\"A, Ann\";a@b.example\n\"B, Bo\";b@c.example\n"),
            Some(b';')
        );
        assert_eq!(
            delimiter("price;email\n1,5;a@b.example\n2,5;b@c.example\n"),
            Some(b';')
        );
    }

    #[test]
    fn one_address_a_line_has_no_delimiter() {
        assert_eq!(delimiter("a@b.example\nb@c.example\nc@d.example\n"), None);
        assert_eq!(
            delimiter("a@b.example\nb@c.example, d@e.example\nc@d.example\nd@d.example"),
            None
        );
        assert_eq!(
            delimiter("email\n\"A, Ann <a@b.example>\"\n\"B, Bo <b@c.example>\"\n"),
            None
        );
    }

    #[test]
    fn a_header_alone_shows_its_delimiter() {
        assert_eq!(delimiter("name;email\n"), Some(b';'));
        assert_eq!(delimiter("email"), None);
    }

    #[test]
    fn the_line_that_excel_reads_names_the_delimiter() {
        assert_eq!(declared(b"sep=;\r\nname;email\r\n"), Some((b';', 7)));
        assert_eq!(declared(b"SEP=\t\nname\temail\n"), Some((b'\t', 6)));
        assert_eq!(declared(b"\"sep=;\"\r\nname;email\r\n"), Some((b';', 9)));
        assert_eq!(declared(b"sep=^\nname^email\n"), Some((b'^', 6)));
        assert_eq!(declared(b"sep=x\nname\n"), None);
        assert_eq!(declared(b"sep,email\n"), None);
    }

    #[test]
    fn a_short_or_ragged_list_shows_its_delimiter_by_its_header() {
        assert_eq!(
            delimiter(
                "name,email,city\nAnn,a@b.example\nBo, Jr,b@c.example,Rom\nCy,c@d.example,Ulm,x,y\n"
            ),
            Some(b',')
        );
        assert_eq!(
            delimiter("Notes:\n\"No, nothing\"\nMore:\n\nname;email\nAnn;\n"),
            Some(b';')
        );
    }

    #[test]
    fn a_delimiter_that_is_not_ours_is_suspected() {
        let suspected = |text: &str| {
            let view = text.as_bytes();
            foreign(view, Reach::Whole, &detect(view, Reach::Whole))
        };
        for mark in ["^", "~", "\u{1f}", "\u{1}", ":"] {
            let text = "name,email\nAnn,a@b.example\nBo,b@c.example\n".replace(',', mark);
            assert_eq!(suspected(&text), Some(mark.as_bytes()[0]), "{mark:?}");
        }
        assert_eq!(suspected("Ann^a@b.example\nBo^b@c.example\n"), Some(b'^'));
        for text in [
            "name,email\nAnn,a@b.example\n",
            "a@b.example\nb^c@c.example\nd@e.example\n",
            "mailto:a@b.example\nmailto:b@c.example\n",
            "name,email,at\nAnn,a@b.example,10:30\nBo,b@c.example,11:00\n",
            "email\na@b.example\n",
        ] {
            assert_eq!(suspected(text), None, "{text}");
        }
    }
}
