//! What the address field of a row says, or why it says nothing.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use super::record::{self, Field, Layout, Quoting, Record, Widths};
use super::shape;
use crate::model::limits;

/// Why a row has no address to look at. The row itself, with all its bytes, is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RowFault {
    /// The row is too short to have the address column.
    NoSuchField,
    /// The field of the address holds nothing but blanks.
    EmptyField,
    /// A quote is open at the end of the line, and the address cannot be told without it.
    UnclosedQuote,
    /// Text follows a closing quote, and the address cannot be told from the rest.
    StrayQuote,
    /// The field of the address is longer than [`limits::FIELD_BYTES`].
    TooLong,
    /// The field of the address holds a NUL byte.
    NulByte,
}

impl RowFault {
    /// One sentence for the owner of the list.
    #[must_use]
    pub fn in_plain_words(self) -> &'static str {
        match self {
            RowFault::NoSuchField => "The row ends before the column of the address.",
            RowFault::EmptyField => "The row has no address.",
            RowFault::UnclosedQuote => {
                "A quotation mark in this row is never closed, so its columns cannot be told apart."
            }
            RowFault::StrayQuote => {
                "Quotation marks within a field are not doubled, so its columns cannot be told apart."
            }
            RowFault::TooLong => "The column of the address holds far more than an address.",
            RowFault::NulByte => "The column of the address holds a NUL byte: the row is damaged.",
        }
    }
}

impl fmt::Display for RowFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.in_plain_words())
    }
}

/// A cell that may hold addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell<'a> {
    /// What it says, without the quotes round it; or why it says nothing.
    pub text: Result<Cow<'a, [u8]>, RowFault>,
    /// Where it stands in the row's bytes, its quotes included; `None` where there is no such field, or where the
    /// quoting is too damaged to say.
    pub place: Option<Range<usize>>,
}

impl<'a> Cell<'a> {
    fn at(field: Option<Field>, raw: &'a [u8]) -> Self {
        match field {
            Some(field) => Cell {
                text: sound(field.text(raw)),
                place: Some(field.range()),
            },
            None => Cell {
                text: Err(RowFault::NoSuchField),
                place: None,
            },
        }
    }

    fn rescued(raw: &'a [u8], layout: &Layout, fault: RowFault) -> Self {
        let text = record::rescue(raw, layout).ok_or(fault);
        Cell {
            text: text.and_then(|text| sound(Cow::Borrowed(text))),
            place: None,
        }
    }
}

/// The text, unless there is nothing to look at in it.
fn sound(text: Cow<'_, [u8]>) -> Result<Cow<'_, [u8]>, RowFault> {
    if text.len() > limits::FIELD_BYTES {
        Err(RowFault::TooLong)
    } else if text.trim_ascii().is_empty() {
        Err(RowFault::EmptyField)
    } else if text.contains(&0) {
        Err(RowFault::NulByte)
    } else {
        Ok(text)
    }
}

/// The address cell of `record`, whose bytes are `raw`.
pub(super) fn address<'a>(
    raw: &'a [u8],
    record: &Record,
    layout: &Layout,
    widths: Widths,
) -> Cell<'a> {
    match record.quoting {
        Quoting::Sound => Cell::at(sound_field(raw, record, layout, widths), raw),
        Quoting::Stray if widths.fit(record.fields) => Cell::at(record.target, raw),
        Quoting::Stray => Cell::rescued(raw, layout, RowFault::StrayQuote),
        Quoting::Unclosed => Cell::rescued(raw, layout, RowFault::UnclosedQuote),
    }
}

/// The cells of `record` in further `columns`, then those behind the last column that has a name where they hold an
/// address: `email` over `lena@tolk.test;omar@tolk.test`. None where its fields cannot be believed.
pub(super) fn further<'a>(
    raw: &'a [u8],
    record: &Record,
    layout: &Layout,
    widths: Widths,
    columns: &[usize],
) -> Vec<Cell<'a>> {
    let believed = match record.quoting {
        Quoting::Sound => true,
        Quoting::Stray => widths.fit(record.fields),
        Quoting::Unclosed => false,
    };
    let is_wide = record.fields > widths.header;
    if !believed || columns.is_empty() && !is_wide {
        return Vec::new();
    }
    let fields = record::places(raw, layout.delimiter);
    // Where an unquoted delimiter has moved the fields, their numbers say nothing.
    let named = if is_wide && !widths.fit(record.fields) {
        &[]
    } else {
        columns
    };
    let named = named.iter().map(|column| fields.get(*column).copied());
    let nameless = fields.iter().skip(widths.header).copied();
    let nameless = nameless.filter(|field| shape::is_address(&field.text(raw)));
    let cells = named.chain(nameless.map(Some));
    cells.map(|field| Cell::at(field, raw)).collect()
}

/// The address field of a record with sound quoting.
///
/// Where an unquoted delimiter (`Ann, Inc.,a@b.example`) has moved the address to the right, it is found by its number
/// from the right.
fn sound_field(raw: &[u8], record: &Record, layout: &Layout, widths: Widths) -> Option<Field> {
    let field = record.target;
    if widths.fit(record.fields) || record.fields < widths.usual {
        return field;
    }
    let has_address = |field: &Field| shape::is_address(&field.text(raw));
    if field.as_ref().is_some_and(has_address) {
        return field;
    }
    let surplus = record.fields - widths.usual;
    let moved = record::places(raw, layout.delimiter)
        .into_iter()
        .nth(layout.column + surplus)
        .filter(has_address);
    moved.or(field)
}
