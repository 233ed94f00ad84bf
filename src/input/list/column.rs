//! Which column holds the addresses, told by its name together with its content.

use std::borrow::Cow;
use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use super::names::{self, Claim};
use super::shape;
use crate::model::text::is_directory_name;

/// Which column the operator wants to be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ColumnChoice {
    /// The one that shows by its name or its content.
    #[default]
    Detect,
    /// The one with this name; case, accents and signs do not matter unless two columns differ only in them.
    Named(String),
    /// The one at this place, counted from 1.
    Numbered(usize),
}

impl FromStr for ColumnChoice {
    type Err = Infallible;

    /// Reads what `--column` takes: digits are a number, anything else is a name.
    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match text.trim().parse() {
            Ok(number) => ColumnChoice::Numbered(number),
            Err(_) => ColumnChoice::Named(text.to_owned()),
        })
    }
}

impl fmt::Display for ColumnChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ColumnChoice::Detect => f.write_str("with addresses"),
            ColumnChoice::Named(name) => write!(f, "\"{name}\""),
            ColumnChoice::Numbered(number) => write!(f, "{number}"),
        }
    }
}

/// Whether the first record names the columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FirstRecord {
    /// It names them.
    Header,
    /// It is a row like the others.
    Row,
}

/// What was found out about the columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// The 0-based column of the address.
    pub column: usize,
    /// What the first record of the table is.
    pub first: FirstRecord,
    /// The 0-based columns that hold addresses too and are not read.
    pub spare: Vec<usize>,
}

/// Why no column was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Undecided {
    /// The one that was asked for is not there.
    Absent,
    /// Both of these 0-based columns could be it.
    Either(usize, usize),
    /// None looks like it.
    Neither,
}

/// Least share of filled cells that must look like addresses for a column to be one of addresses.
const PLAUSIBLE: f64 = 0.5;

/// A column with fewer than one such cell in this many is not one of addresses whatever its name mentions.
const CONTRADICTED: f64 = 0.1;

/// One column of the sample.
#[derive(Clone, Copy, Debug)]
pub(super) struct Column {
    pub(super) index: usize,
    claim: Claim,
    /// Whether its name leaves open which of a contact's addresses it holds.
    is_plain: bool,
    pub(super) filled: u32,
    addresses: u32,
}

impl Column {
    fn share(self) -> f64 {
        f64::from(self.addresses) / f64::from(self.filled.max(1))
    }

    fn is_not_contradicted(self) -> bool {
        self.filled == 0 || self.share() >= CONTRADICTED
    }

    pub(super) fn has_addresses(self) -> bool {
        self.addresses > 0 && self.share() >= PLAUSIBLE
    }
}

/// What a header cell is called on the screen and in `--column`.
pub(super) fn label(cell: &[u8]) -> String {
    String::from_utf8_lossy(cell).trim().to_owned()
}

/// The fields of one record of the sample.
pub(super) type Record<'a> = Vec<Cow<'a, [u8]>>;

/// Finds the address column of a list that begins with `records`.
///
/// # Errors
///
/// [`Undecided`] when the choice is the operator's.
pub(super) fn find(records: &[Record<'_>], choice: &ColumnChoice) -> Result<Found, Undecided> {
    let no_record = Vec::new();
    let first_record = records.first().unwrap_or(&no_record);
    let (column, first) = match choice {
        ColumnChoice::Detect => detect(records, first_record)?,
        ColumnChoice::Named(name) => (named(first_record, name)?, FirstRecord::Header),
        ColumnChoice::Numbered(number) => {
            let widest = records.iter().map(Vec::len).max().unwrap_or(0);
            let column = number
                .checked_sub(1)
                .filter(|column| *column < widest)
                .ok_or(Undecided::Absent)?;
            (column, first_record_is(first_record, column))
        }
    };
    let header = match first {
        FirstRecord::Header => first_record,
        FirstRecord::Row => &no_record,
    };
    let spare = columns(records, header)
        .into_iter()
        .filter(|other| other.index != column && other.has_addresses())
        .map(|other| other.index)
        .collect();
    Ok(Found {
        column,
        first,
        spare,
    })
}

/// The address column of a list that has one column and no header.
///
/// # Errors
///
/// [`Undecided::Absent`] when the operator wants another one.
pub(super) fn only(records: &[Record<'_>], choice: &ColumnChoice) -> Result<Found, Undecided> {
    let is_it = match choice {
        ColumnChoice::Detect | ColumnChoice::Numbered(1) => true,
        ColumnChoice::Named(_) | ColumnChoice::Numbered(_) => false,
    };
    if is_it && !records.is_empty() {
        Ok(Found {
            column: 0,
            first: FirstRecord::Row,
            spare: Vec::new(),
        })
    } else {
        Err(Undecided::Absent)
    }
}

/// The column called `name`: to the letter, else as folded.
pub(super) fn named(header: &Record<'_>, name: &str) -> Result<usize, Undecided> {
    let called = |same: &dyn Fn(&str) -> bool| -> Vec<usize> {
        let cells = header.iter().enumerate();
        cells
            .filter(|(_, cell)| same(&String::from_utf8_lossy(cell)))
            .map(|(index, _)| index)
            .collect()
    };
    let folded = names::fold(name);
    let mut matches = called(&|cell| cell.trim() == name.trim());
    if matches.is_empty() && !folded.is_empty() {
        matches = called(&|cell| names::fold(cell) == folded);
    }
    match matches[..] {
        [] => Err(Undecided::Absent),
        [column] => Ok(column),
        [first, second, ..] => Err(Undecided::Either(first, second)),
    }
}

fn detect(
    records: &[Record<'_>],
    first_record: &Record<'_>,
) -> Result<(usize, FirstRecord), Undecided> {
    let has_address = || first_record.iter().any(|cell| shape::is_address(cell));
    let claims = |wanted: fn(Claim) -> bool| first_record.iter().any(|cell| wanted(claim(cell)));
    let is_named = first_record
        .iter()
        .any(|cell| is_ours(cell) || names_the_address(cell))
        || (claims(|claim| claim != Claim::None) && !has_address());
    if is_named {
        let column = choose(&columns(records, first_record))?;
        return Ok((column, FirstRecord::Header));
    }
    let column = choose(&columns(records, &Vec::new()))?;
    Ok((column, first_record_is(first_record, column)))
}

/// Whether `cell` is the name of a column of addresses.
pub(super) fn names_the_address(cell: &[u8]) -> bool {
    claim(cell) == Claim::Exact && !shape::is_address(cell)
}

/// Whether an earlier run appended the column of this name: it holds no addresses of the caller's.
fn is_ours(cell: &[u8]) -> bool {
    crate::model::columns::is_ours(&label(cell))
}

fn claim(cell: &[u8]) -> Claim {
    names::claim(&String::from_utf8_lossy(cell))
}

/// Whether a first record is a header, when `column` holds the addresses.
///
/// A row would have an address there, or something that was meant to be one: with a sign or a dot in it. A header has a
/// word there, and numbers nowhere.
pub(super) fn first_record_is(record: &Record<'_>, column: usize) -> FirstRecord {
    if record.iter().any(|cell| claim(cell) == Claim::Exact) {
        return FirstRecord::Header;
    }
    let Some(cell) = record.get(column) else {
        return FirstRecord::Row;
    };
    let is_word = String::from_utf8_lossy(cell)
        .chars()
        .any(char::is_alphabetic)
        && !cell.trim_ascii_end().contains(&b'@')
        && !cell
            .trim_ascii_end()
            .strip_suffix(b".")
            .unwrap_or(cell)
            .contains(&b'.');
    let is_number = |cell: &Cow<'_, [u8]>| {
        cell.iter().any(u8::is_ascii_digit)
            && cell
                .iter()
                .all(|byte| byte.is_ascii_digit() || byte.is_ascii_punctuation() || *byte == b' ')
    };
    let has_address = record.iter().any(|cell| shape::is_address(cell));
    if is_word && !has_address && !record.iter().any(is_number) {
        FirstRecord::Header
    } else {
        FirstRecord::Row
    }
}

/// Counts what the columns of `records` hold; a `header` that is not empty is the first of them.
pub(super) fn columns(records: &[Record<'_>], header: &Record<'_>) -> Vec<Column> {
    let widest = records.iter().map(Vec::len).max().unwrap_or(0);
    let mut columns: Vec<Column> = (0..widest)
        .map(|index| Column {
            index,
            claim: header.get(index).map_or(Claim::None, |cell| claim(cell)),
            is_plain: header
                .get(index)
                .is_some_and(|cell| names::is_plain(&String::from_utf8_lossy(cell))),
            filled: 0,
            addresses: 0,
        })
        .collect();
    for record in &records[usize::from(!header.is_empty()).min(records.len())..] {
        for (column, cell) in columns.iter_mut().zip(record) {
            if header.get(column.index).is_some_and(|name| is_ours(name)) {
                continue;
            }
            column.filled += u32::from(!says_nothing(cell));
            column.addresses += u32::from(match column.claim {
                Claim::None => shape::is_address(cell),
                Claim::Another | Claim::Related | Claim::Exact => shape::names_address(cell),
            });
        }
    }
    columns
}

/// Whether a cell says nothing of whether its column holds addresses: a directory keeps names of its own in it.
fn says_nothing(cell: &[u8]) -> bool {
    cell.trim_ascii().is_empty() || std::str::from_utf8(cell).is_ok_and(is_directory_name)
}

/// Chooses among `columns`: name and content together, else content, else name.
///
/// A column that is called `Email` beats those that are called `Secondary Email` or `Lead Owner Email`, however full
/// they are; of several that are called so, one beats those with less than half as many addresses, then `Email` beats
/// `Work email`.
pub(super) fn choose(columns: &[Column]) -> Result<usize, Undecided> {
    let with = |keep: &dyn Fn(&Column) -> bool| -> Vec<Column> {
        columns.iter().copied().filter(keep).collect()
    };
    let named = |wanted: Claim| with(&|c: &Column| c.claim == wanted && c.has_addresses());
    let exact = named(Claim::Exact);
    if !exact.is_empty() {
        return fullest(&exact);
    }
    let exact_but_empty = with(&|c| c.claim == Claim::Exact && c.filled == 0);
    let related = named(Claim::Related);
    let by_content = with(&|c| c.has_addresses());
    // One with some addresses is the contact's own all the same, where the others are not.
    let exact_in_part =
        with(&|c| c.claim == Claim::Exact && c.addresses > 0 && c.is_not_contradicted());
    if !exact_in_part.is_empty() && by_content.iter().all(|c| c.claim == Claim::Another) {
        return fullest(&exact_in_part);
    }
    let is_any_exact_empty = columns
        .iter()
        .any(|c| c.claim == Claim::Exact && c.filled == 0);
    if !related.is_empty() && !is_any_exact_empty {
        return fullest(&related);
    }
    for candidates in [
        // An empty `Email` beside a full column of addresses is for the operator to settle.
        [
            exact_but_empty,
            if related.is_empty() {
                by_content
            } else {
                related
            },
        ]
        .concat(),
        with(&|c| c.claim == Claim::Exact),
        with(&|c| c.claim == Claim::Related && c.is_not_contradicted()),
        with(&|c| c.claim == Claim::Another && c.is_not_contradicted()),
    ] {
        match candidates[..] {
            [] => {}
            [column] => return Ok(column.index),
            [first, second, ..] => return either(first.index, second.index),
        }
    }
    Err(Undecided::Neither)
}

/// The one of `candidates` that has more than twice as many addresses as each other one; else the only one of the full
/// ones whose name is plain.
fn fullest(candidates: &[Column]) -> Result<usize, Undecided> {
    let mut by_addresses = candidates.to_vec();
    by_addresses.sort_by_key(|c| (std::cmp::Reverse(c.addresses), c.index));
    let most = by_addresses.first().map_or(0, |c| c.addresses);
    by_addresses.retain(|c| c.addresses * 2 >= most);
    let mut plain = by_addresses.iter().filter(|c| c.is_plain);
    match (&by_addresses[..], plain.next(), plain.next()) {
        ([], _, _) => Err(Undecided::Neither),
        ([only], _, _) | (_, Some(only), None) => Ok(only.index),
        ([first, second, ..], _, _) => either(first.index, second.index),
    }
}

fn either(one: usize, other: usize) -> Result<usize, Undecided> {
    Err(Undecided::Either(one.min(other), one.max(other)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(text: &str) -> Vec<Record<'_>> {
        text.lines()
            .map(|line| {
                line.split(',')
                    .map(|cell| Cow::Borrowed(cell.as_bytes()))
                    .collect()
            })
            .collect()
    }

    fn found(text: &str) -> Result<(usize, FirstRecord), Undecided> {
        find(&records(text), &ColumnChoice::Detect).map(|found| (found.column, found.first))
    }

    use FirstRecord::{Header, Row};

    #[test]
    fn the_column_shows_by_name_and_content() {
        let table = [
            ("name,email\nAnn,a@b.example", Ok((1, Header))),
            ("Email,Email Owner Name\na@b.example,Ann", Ok((0, Header))),
            (
                "Email Opt-In,Kontakt,E-Mail\nyes,Ann,a@b.example",
                Ok((2, Header)),
            ),
            ("email_status,email\nvalid,a@b.example", Ok((1, Header))),
            ("Email Opt-In,Login\nyes,a@b.example", Ok((1, Header))),
            ("name,Contact\nAnn,a@b.example", Ok((1, Header))),
            ("Ann,a@b.example\nBo,b@c.example", Ok((1, Row))),
            ("a@b.example\nb@c.example", Ok((0, Row))),
            ("kontakt\nb@c.example", Ok((0, Header))),
            ("brokenb.example\nb@c.example\nc@d.example", Ok((0, Row))),
            ("1,brokenb\n2,b@c.example\n3,c@d.example", Ok((1, Row))),
            ("Email,Owner\na@b.example,x@y.example\n", Ok((0, Header))),
            (
                "Email,Secondary Email\na@b.example,\nb@b.example,\nc@b.example,x@y.example",
                Ok((0, Header)),
            ),
            ("name,email\n", Ok((1, Header))),
            ("name,email,email status\n", Ok((1, Header))),
            ("name,Work address email\n", Ok((1, Header))),
            ("email\nnobody\nnothing", Ok((0, Header))),
            (
                "Secondary Email,Email\na@b.example,x@y.example",
                Ok((1, Header)),
            ),
            (
                "Lead Owner Email,Company,E-mail Address,Referrer e-mail\nx@y.example,Co,a@b.example,y@y.example",
                Ok((2, Header)),
            ),
            (
                "E-mail 1 - Value,E-mail 2 - Value\na@b.example,x@y.example",
                Ok((0, Header)),
            ),
            (
                "Work Email,Personal Email\na@b.example,\nb@b.example,\nc@b.example,x@y.example",
                Ok((0, Header)),
            ),
            (
                "Work Email,Private Email\na@b.example,x@y.example",
                Err(Undecided::Either(0, 1)),
            ),
            (
                "Work email,Email,Home e-mail\na@b.example,x@y.example,z@y.example",
                Ok((1, Header)),
            ),
            (
                "Email,Work email\n,a@b.example\nx@y.example,b@b.example\n,c@b.example",
                Ok((1, Header)),
            ),
            (
                "Email,Owner Email\na@b.example / b@b.example,x@y.example",
                Ok((0, Header)),
            ),
            (
                "Owner Email,Contact e-mail\nx@y.example,a@b.example",
                Ok((1, Header)),
            ),
            (
                "E-mail,Name,Mail\na@b.example,Ann,x@y.example",
                Err(Undecided::Either(0, 2)),
            ),
            (
                "a@b.example,x@y.example\nb@b.example,y@y.example",
                Err(Undecided::Either(0, 1)),
            ),
            (
                "Email,Login\n,x@y.example\n,y@y.example",
                Err(Undecided::Either(0, 1)),
            ),
            ("email,mail\n", Err(Undecided::Either(0, 1))),
            ("Ann,Ulm\nBo,Rom", Err(Undecided::Neither)),
            ("Email Opt-In,Name\nyes,Ann", Err(Undecided::Neither)),
            ("", Err(Undecided::Neither)),
        ];
        for (text, expected) in table {
            assert_eq!(found(text), expected, "{text}");
        }
    }

    #[test]
    fn the_operators_word_decides() {
        let text = "Email,Secondary E-Mail\na@b.example,x@y.example";
        let choose =
            |choice: &str| find(&records(text), &choice.parse().unwrap()).map(|found| found.column);
        assert_eq!(choose("secondary email"), Ok(1));
        assert_eq!(choose("Email"), Ok(0));
        assert_eq!(choose("2"), Ok(1));
        assert_eq!(choose("3"), Err(Undecided::Absent));
        assert_eq!(choose("0"), Err(Undecided::Absent));
        assert_eq!(choose("Mail"), Err(Undecided::Absent));
        let same = "mail,Mail\na@b.example,x@y.example";
        assert_eq!(
            find(&records(same), &"MAIL".parse().unwrap()),
            Err(Undecided::Either(0, 1))
        );
        assert_eq!(
            find(&records(same), &"Mail".parse().unwrap()).map(|f| f.column),
            Ok(1)
        );
    }
}
