//! Columns that an earlier run appended to a list: they are replaced, not doubled.

use std::borrow::Cow;
use std::ops::Range;

use super::record;
use crate::model::columns;

/// The columns of a list that an earlier run appended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Earlier {
    delimiter: Option<u8>,
    /// Their 0-based numbers, ascending.
    columns: Vec<usize>,
    /// How many columns the header has.
    width: usize,
}

impl Earlier {
    /// Those among the columns called `names`.
    pub(super) fn among(names: &[String], delimiter: Option<u8>) -> Self {
        let ours = names.iter().enumerate();
        Earlier {
            delimiter,
            columns: ours
                .filter(|(_, name)| columns::is_ours(name))
                .map(|(column, _)| column)
                .collect(),
            width: names.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.columns.is_empty()
    }

    /// `record` without these columns, with the place that the field at `place` then has. A row of another width than
    /// the header's has them as far from its end as the header has.
    #[must_use]
    pub fn strip<'r>(
        &self,
        record: &'r [u8],
        place: Option<Range<usize>>,
    ) -> (Cow<'r, [u8]>, Option<Range<usize>>) {
        let fields = if self.columns.is_empty() {
            Vec::new()
        } else {
            record::places(record, self.delimiter)
        };
        if fields.len() < self.columns.len() || fields.is_empty() {
            return (Cow::Borrowed(record), place);
        }
        let is_ours = |field: usize| {
            // What the field would be called in a record as wide as the header.
            let column = (field + self.width).checked_sub(fields.len());
            column.is_some_and(|column| self.columns.binary_search(&column).is_ok())
        };
        let mut kept = Vec::with_capacity(record.len());
        let mut moved = None;
        let theirs = fields.iter().enumerate().filter(|(at, _)| !is_ours(*at));
        for (number, (_, field)) in theirs.enumerate() {
            if number > 0 {
                kept.extend(self.delimiter);
            }
            let start = kept.len();
            kept.extend_from_slice(&record[field.range()]);
            if place.as_ref() == Some(&field.range()) {
                moved = Some(start..kept.len());
            }
        }
        (Cow::Owned(kept), moved)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn earlier(header: &str) -> Earlier {
        let names: Vec<String> = header.split(',').map(str::to_owned).collect();
        Earlier::among(&names, Some(b','))
    }

    #[test]
    fn what_an_earlier_run_appended_is_taken_out() {
        let earlier = earlier("name,email,presend_verdict,presend_reason,note");
        let record = b"\"Meier, A\",a@b.test,risky,\"catch,all\",x";
        let (kept, place) = earlier.strip(record, Some(11..19));
        assert_eq!(&*kept, b"\"Meier, A\",a@b.test,x");
        assert_eq!(place, Some(11..19));
    }

    #[test]
    fn a_short_row_has_them_at_its_end() {
        let earlier = earlier("name,email,presend_verdict,presend_reason");
        let (kept, _) = earlier.strip(b"Total: 2,unknown,no_address", None);
        assert_eq!(&*kept, b"Total: 2");
        let (kept, _) = earlier.strip(b"x", None);
        assert_eq!(&*kept, b"x");
    }

    #[test]
    fn empty_fields_keep_their_delimiters() {
        let earlier = earlier("a,b,email,presend_verdict");
        let (kept, place) = earlier.strip(b",,a@b.test,risky", Some(2..10));
        assert_eq!((&*kept, place), (&b",,a@b.test"[..], Some(2..10)));
    }

    #[test]
    fn a_list_without_them_is_left_alone() {
        let earlier = earlier("name,email");
        assert!(earlier.is_empty());
        let (kept, place) = earlier.strip(b"A,a@b.test", Some(2..10));
        assert!(matches!(kept, Cow::Borrowed(_)) && place == Some(2..10));
    }
}
