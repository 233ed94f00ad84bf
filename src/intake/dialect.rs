//! Which delimiter a list uses, found by trying each on its beginning.

use std::borrow::Cow;
use std::collections::HashMap;

use super::record::{self, Layout};
use super::shape;
use super::window::Reach;
use crate::limits;

/// What may stand between fields, likeliest first.
const CANDIDATES: &[u8] = b",;\t|";

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

    /// The number of fields that most records have; the larger of two that are equally common.
    pub(super) fn usual_width(&self) -> usize {
        self.commonest_width().0
    }

    fn commonest_width(&self) -> (usize, usize) {
        let mut counts = HashMap::new();
        for record in &self.records {
            *counts.entry(record.len()).or_insert(0) += 1;
        }
        counts
            .into_iter()
            .max_by_key(|&(width, count)| (count, width))
            .unwrap_or((1, 0))
    }

    /// How well the delimiter explains the list: agreement on the number of fields, and addresses standing free.
    ///
    /// A wrong delimiter leaves addresses stuck to their neighbours. `None` when it explains nothing.
    fn merit(&self) -> Option<f64> {
        let (width, count) = self.commonest_width();
        let all = as_f64(self.records.len().max(1));
        let agreement = as_f64(count) / all;
        if self.delimiter.is_some() && (width < 2 || agreement < LEAST_AGREEMENT) {
            return None;
        }
        let with_address = self
            .records
            .iter()
            .filter(|record| record.iter().any(|cell| shape::is_address(cell)))
            .count();
        let splits = if self.delimiter.is_some() { 0.25 } else { 0.0 };
        Some(2.0 * as_f64(with_address) / all + agreement + splits)
    }
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

/// The delimiter that the first line names in the form Excel understands, `sep=;`, with the length of that line.
pub(super) fn declared(view: &[u8]) -> Option<(u8, usize)> {
    let line_end = memchr::memchr2(b'\n', b'\r', view)?;
    let line = view[..line_end].trim_ascii_end();
    let (word, delimiter) = line.split_at_checked(4)?;
    let tab = view[..line_end].eq_ignore_ascii_case(b"sep=\t");
    let delimiter = if tab { b'\t' } else { *delimiter.first()? };
    let ending = if view[line_end..].starts_with(b"\r\n") {
        2
    } else {
        1
    };
    let known =
        word.eq_ignore_ascii_case(b"sep=") && line.len() <= 5 && CANDIDATES.contains(&delimiter);
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
        assert_eq!(declared(b"sep=x\nname\n"), None);
        assert_eq!(declared(b"sep,email\n"), None);
    }
}
