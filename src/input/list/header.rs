//! Where the table of a list begins: below notes, the title and date of a report, comments.

use super::column::{self, ColumnChoice, FirstRecord, Record};
use super::shape;
use crate::model::limits;

/// How many of `records` stand above the table.
///
/// A record is left out only when what follows shows a header, when it fills fewer fields than that header, and when it
/// holds no address; or when it is a comment at the very beginning.
pub(super) fn above(records: &[Record<'_>], choice: &ColumnChoice) -> usize {
    let comments = records
        .iter()
        .take(limits::LINES_ABOVE)
        .take_while(|record| is_comment(record))
        .count();
    // A list of nothing but comments is for its owner to look at.
    let comments = if comments == records.len() {
        0
    } else {
        comments
    };
    let records = &records[comments..];
    let header = match choice {
        ColumnChoice::Named(name) => place(records, |index| {
            column::named(&records[index], name).is_ok()
        }),
        ColumnChoice::Detect | ColumnChoice::Numbered(_) => {
            place(records, |index| is_header(&records[index..])).or_else(|| unnamed(records))
        }
    };
    comments + header.unwrap_or(0)
}

/// The first record near the beginning that `is_header`, if what stands above it is no part of a table.
fn place(records: &[Record<'_>], is_header: impl Fn(usize) -> bool) -> Option<usize> {
    let last = records.len().min(limits::LINES_ABOVE);
    let place = (0..last).find(|&index| is_header(index))?;
    let width = filled(&records[place]);
    let is_apart = |record: &Record<'_>| {
        let is_narrow = filled(record) < width || (width == 1 && filled(record) == 1);
        is_narrow && !has_address(record)
    };
    records[..place].iter().all(is_apart).then_some(place)
}

/// Whether `records` begin with a header that names a column of addresses, over what such a column holds.
fn is_header(records: &[Record<'_>]) -> bool {
    let Some(header) = records.first().filter(|record| !has_address(record)) else {
        return false;
    };
    let is_many = filled(header) > 1;
    header.iter().any(|cell| column::names_the_address(cell))
        && column::columns(records, header)
            .into_iter()
            .filter(|column| {
                header
                    .get(column.index)
                    .is_some_and(|cell| column::names_the_address(cell))
            })
            .any(|column| column.has_addresses() || (column.filled == 0 && is_many))
}

/// A header that names no column of addresses, under a title: the first record as wide as the table, of words.
fn unnamed(records: &[Record<'_>]) -> Option<usize> {
    if records.first().is_none_or(|first| filled(first) > 1) {
        return None;
    }
    let column = column::choose(&column::columns(records, &Vec::new())).ok()?;
    let place = place(records, |index| filled(&records[index]) > 1)?;
    let first = column::first_record_is(&records[place], column);
    (first == FirstRecord::Header && records[place].len() > column).then_some(place)
}

/// `# exported by ...`, but not the header `#,Name,Email` nor the address `#1@b.example`.
fn is_comment(record: &Record<'_>) -> bool {
    let Some(first) = record.first() else {
        return false;
    };
    first.starts_with(b"#")
        && first.len() > 1
        && !shape::is_address(first)
        && !record.iter().any(|cell| column::names_the_address(cell))
}

fn filled(record: &Record<'_>) -> usize {
    record
        .iter()
        .filter(|cell| !cell.trim_ascii().is_empty())
        .count()
}

fn has_address(record: &Record<'_>) -> bool {
    record.iter().any(|cell| shape::is_address(cell))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::borrow::Cow;

    fn lines_above(text: &str, choice: &str) -> usize {
        let records: Vec<Record<'_>> = text
            .lines()
            .map(|line| {
                line.split(',')
                    .map(|cell| Cow::Borrowed(cell.as_bytes()))
                    .collect()
            })
            .collect();
        let choice = if choice.is_empty() {
            ColumnChoice::Detect
        } else {
            choice.parse().unwrap()
        };
        above(&records, &choice)
    }

    #[test]
    fn what_stands_above_the_header_is_no_part_of_the_table() {
        for (text, choice, expected) in [
            ("name,email\nAnn,a@b.example", "", 0),
            ("Our people\nname,email\nAnn,a@b.example", "", 1),
            (
                "Emails\nAll of May,,\nname,email,city\nAnn,a@b.example,Ulm",
                "",
                2,
            ),
            (
                "# by us\n# in May, or June\nname,email\nAnn,a@b.example",
                "",
                2,
            ),
            ("# by us\na@b.example\nc@d.example", "", 1),
            ("Our people\nemail\na@b.example", "", 1),
            (
                "Our people\nname,login\nAnn,a@b.example\nBo,b@c.example",
                "",
                1,
            ),
            ("Our people\nname,login\nAnn,a@b.example", "login", 1),
            ("Our people\nname,email\n", "", 1),
            ("Our people\nname,email\nAnn,a@b.example", "2", 1),
        ] {
            assert_eq!(lines_above(text, choice), expected, "{text}");
        }
    }

    #[test]
    fn no_row_is_taken_for_a_line_above() {
        for text in [
            "#,name,email\n1,Ann,a@b.example",
            "#1@b.example\na@b.example",
            "name,login,channel\nAnn,,Email\nBo,b@c.example,Phone",
            "Ann,a@b.example\nname,email\nBo,b@c.example",
            "Ann\nBo,b@c.example\nCy,c@d.example",
            "a@b.example\nemail\nc@d.example",
            "# nothing\n# at all",
        ] {
            assert_eq!(lines_above(text, ""), 0, "{text}");
        }
    }
}
