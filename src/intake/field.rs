//! What the address field of a row says, or why it says nothing.

use std::borrow::Cow;
use std::fmt;

use super::record::{self, Layout, Quoting, Record, Widths};
use super::shape;
use crate::limits;

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

/// The text of the address field of `record`, whose bytes are `raw`.
pub(super) fn address<'a>(
    raw: &'a [u8],
    record: &Record,
    layout: &Layout,
    widths: Widths,
) -> Result<Cow<'a, [u8]>, RowFault> {
    let fits = widths.fit(record.fields);
    let text = match record.quoting {
        Quoting::Sound => sound_field(raw, record, layout, widths).ok_or(RowFault::NoSuchField)?,
        Quoting::Stray if fits => record.target.ok_or(RowFault::NoSuchField)?.text(raw),
        Quoting::Stray => Cow::Borrowed(record::rescue(raw, layout).ok_or(RowFault::StrayQuote)?),
        Quoting::Unclosed => {
            Cow::Borrowed(record::rescue(raw, layout).ok_or(RowFault::UnclosedQuote)?)
        }
    };
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

/// The address field of a record with sound quoting.
///
/// Where an unquoted delimiter (`Ann, Inc.,a@b.example`) has moved the address to the right, it is found by its number
/// from the right.
fn sound_field<'a>(
    raw: &'a [u8],
    record: &Record,
    layout: &Layout,
    widths: Widths,
) -> Option<Cow<'a, [u8]>> {
    let field = record.target.map(|target| target.text(raw));
    if widths.fit(record.fields) || record.fields < widths.usual {
        return field;
    }
    if field.as_deref().is_some_and(shape::is_address) {
        return field;
    }
    let surplus = record.fields - widths.usual;
    let moved = record::fields(raw, layout.delimiter)
        .into_iter()
        .nth(layout.column + surplus)
        .filter(|cell| shape::is_address(cell));
    moved.or(field)
}
