//! Why a list cannot be read, said so that its owner knows what to change.

use std::io;

use thiserror::Error;

use super::column::{self, ColumnChoice, Record, Undecided};
use super::delimiter::Delimiter;
use super::kind::Binary;
use super::table::Trouble;

/// Most columns that an error lists.
const LISTED_COLUMNS: usize = 20;

/// Most characters of a column's name that an error shows.
const LISTED_CHARACTERS: usize = 40;

/// A list that cannot be read, or not to its end.
#[derive(Debug, Error)]
pub enum IntakeError {
    /// There is no such file.
    #[error("{list}: no such file; check the path, or use `-` to read standard input")]
    Missing {
        /// The list as the operator named it.
        list: String,
    },
    /// The path names a directory.
    #[error("{list}: is a directory; name the CSV file inside it")]
    Directory {
        /// The list as the operator named it.
        list: String,
    },
    /// The file is there but may not or cannot be opened.
    #[error("{list}: cannot be opened ({source}); check its permissions")]
    Unreadable {
        /// The list as the operator named it.
        list: String,
        /// What the system said.
        source: io::Error,
    },
    /// Standard input or a pipe could not be kept for the second reading.
    #[error(
        "{list}: cannot be kept in a temporary file ({source}); free space there, or set TMPDIR to a larger disk"
    )]
    Spool {
        /// The list as the operator named it.
        list: String,
        /// What the system said.
        source: io::Error,
    },
    /// The file was written to while it was being read.
    #[error(
        "{list}: was changed while the run was under way, so no lists were written; what was learned is kept: run the same \
         command again when the file is complete, and only new rows are asked about"
    )]
    Changed {
        /// The list as the operator named it.
        list: String,
    },
    /// The list holds nothing but, at most, blank lines.
    #[error(
        "{list}: is empty or nothing but blank lines; give a list with at least a header or one address"
    )]
    Empty {
        /// The list as the operator named it.
        list: String,
    },
    /// The file is no text.
    #[error("{list}: is {what}, not a CSV file; {remedy}")]
    Binary {
        /// The list as the operator named it.
        list: String,
        /// What the file is, with its article: `an Excel workbook`.
        what: &'static str,
        /// What to do about it.
        remedy: &'static str,
    },
    /// The workbook has no such sheet, or the JSON document no such array.
    #[error("{list}: has no sheet {wanted:?}; use `--sheet` with one of: {sheets}")]
    NoSuchSheet {
        /// The list as the operator named it.
        list: String,
        /// What was asked for.
        wanted: String,
        /// Those that it has.
        sheets: String,
    },
    /// Several arrays of a JSON document could be the list.
    #[error(
        "{list}: several of its arrays could be the list; say which with `--sheet`, one of: {arrays}"
    )]
    SeveralArrays {
        /// The list as the operator named it.
        list: String,
        /// The keys that lead to each.
        arrays: String,
    },
    /// The workbook needs a password.
    #[error("{list}: is protected with a password; save it without one and give that file")]
    Locked {
        /// The list as the operator named it.
        list: String,
    },
    /// The workbook spreads to more than any list has.
    #[error(
        "{list}: was not read, since it may be made to fill this machine's memory: {detail}; if it is a list, save its sheet as \
         CSV (UTF-8) and give that file"
    )]
    TooLarge {
        /// The list as the operator named it.
        list: String,
        /// What there is too much of.
        detail: String,
    },
    /// The workbook is damaged, or something else.
    #[error(
        "{list}: cannot be read as a spreadsheet ({detail}); open it in a spreadsheet program and save it as XLSX or CSV (UTF-8)"
    )]
    NoWorkbook {
        /// The list as the operator named it.
        list: String,
        /// What is wrong with it.
        detail: String,
    },
    /// Reading failed part of the way. Every row before `line` has been handed out, but of JSON, which is read before.
    #[error(
        "{list}: cannot be read past line {line} ({source}); nothing behind it was read, so mend or fetch the file again"
    )]
    Damaged {
        /// The list as the operator named it.
        list: String,
        /// The 1-based physical line that could not be read whole.
        line: u64,
        /// What the system or the decompressor said.
        source: io::Error,
    },
    /// A physical line is longer than [`crate::model::limits::LINE_BYTES`].
    #[error(
        "{list}: line {line} is longer than {limit} bytes; remove it, or check that the file has line ends at all"
    )]
    EndlessLine {
        /// The list as the operator named it.
        list: String,
        /// The 1-based physical line.
        line: u64,
        /// The bound that was passed, in bytes.
        limit: usize,
    },
    /// The column that the operator asked for is not in the list.
    #[error("{list}: has no column {wanted}; use `--column` with one of: {columns}")]
    NoSuchColumn {
        /// The list as the operator named it.
        list: String,
        /// What was asked for, quoted or numbered.
        wanted: String,
        /// The columns there are, numbered.
        columns: String,
    },
    /// What stands between the fields is nothing that is taken unasked.
    #[error(
        "{list}: {mark} seems to stand between its fields, which is not taken unasked; if it does, say so with \
         `--delimiter {}`, else read each line as one field with `--delimiter none`", .mark.typed()
    )]
    ForeignDelimiter {
        /// The list as the operator named it.
        list: String,
        /// What stands there.
        mark: Delimiter,
    },
    /// Several columns could be the one with the addresses.
    #[error(
        "{list}: both {first} and {second} could hold the addresses; say which with `--column {number}` or `--column {other}`"
    )]
    Ambiguous {
        /// The list as the operator named it.
        list: String,
        /// The first candidate, numbered and named.
        first: String,
        /// The second candidate, numbered and named.
        second: String,
        /// The first candidate's 1-based number.
        number: usize,
        /// The second candidate's 1-based number.
        other: usize,
    },
    /// No column has the name or the content of addresses.
    #[error(
        "{list}: no column looks like email addresses; say which with `--column NAME` or `--column NUMBER`: {columns}"
    )]
    NoAddressColumn {
        /// The list as the operator named it.
        list: String,
        /// The columns there are, numbered.
        columns: String,
    },
}

impl IntakeError {
    /// Says what a file is that is no text.
    pub(super) fn of_binary(list: String, binary: Binary) -> IntakeError {
        if binary.is_no_spreadsheet(&list) {
            return IntakeError::NoWorkbook {
                list,
                detail:
                    "it is named like one, but there is none in it: it may be damaged or encrypted"
                        .to_owned(),
            };
        }
        let Binary { what, remedy } = binary;
        IntakeError::Binary { list, what, remedy }
    }

    /// Says why a table cannot be read.
    pub(super) fn of_table(list: String, trouble: Trouble) -> IntakeError {
        match trouble {
            Trouble::Spool(source) => IntakeError::Spool { list, source },
            Trouble::Unreadable(source) => IntakeError::Unreadable { list, source },
            Trouble::Password => IntakeError::Locked { list },
            Trouble::NoSuchSheet { wanted, sheets } => IntakeError::NoSuchSheet {
                list,
                wanted,
                sheets: quoted(&sheets),
            },
            Trouble::Arrays(arrays) => IntakeError::SeveralArrays {
                list,
                arrays: quoted(&arrays),
            },
            Trouble::Broken { line, source } => IntakeError::Damaged { list, line, source },
            Trouble::TooLarge(detail) => IntakeError::TooLarge { list, detail },
            Trouble::Other(binary) => IntakeError::of_binary(list, binary),
            Trouble::Damaged(detail) => IntakeError::NoWorkbook { list, detail },
        }
    }

    /// Says what the operator needs to know to decide about a column that we did not choose.
    pub(super) fn undecided(
        list: String,
        undecided: Undecided,
        choice: &ColumnChoice,
        records: &[Record<'_>],
    ) -> IntakeError {
        let first = records.first().map_or(&[][..], Vec::as_slice);
        let describe = |index: usize| match first.get(index) {
            // Debug form: a name from a file must not be able to move the cursor.
            Some(cell) => format!(
                "{} {:?}",
                index + 1,
                column::label(cell)
                    .chars()
                    .take(LISTED_CHARACTERS)
                    .collect::<String>()
            ),
            None => (index + 1).to_string(),
        };
        let columns = || {
            let shown: Vec<String> = (0..first.len().min(LISTED_COLUMNS)).map(describe).collect();
            let more = if first.len() > LISTED_COLUMNS {
                ", ..."
            } else {
                ""
            };
            shown.join(", ") + more
        };
        match undecided {
            Undecided::Absent => IntakeError::NoSuchColumn {
                list,
                wanted: choice.to_string(),
                columns: columns(),
            },
            Undecided::Either(one, other) => IntakeError::Ambiguous {
                list,
                first: format!("column {}", describe(one)),
                second: format!("column {}", describe(other)),
                number: one + 1,
                other: other + 1,
            },
            Undecided::Neither => IntakeError::NoAddressColumn {
                list,
                columns: columns(),
            },
        }
    }
}

/// Names from a file, which must not be able to move the cursor.
fn quoted(names: &[String]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("{name:?}")).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::error_texts::error_texts;

    #[test]
    fn every_error_says_what_to_change() {
        let list = || "leads.csv".to_owned();
        let denied = || io::Error::from(io::ErrorKind::PermissionDenied);
        let columns = || "1 \"name\", 2 \"phone\"".to_owned();
        let texts = error_texts!(IntakeError {
            Missing { list: list() },
            Directory { list: list() },
            Unreadable { list: list(), source: denied() },
            Spool { list: list(), source: io::ErrorKind::StorageFull.into() },
            Changed { list: list() },
            Empty { list: list() },
            Binary { list: list(), what: "a PDF document", remedy: "export the list as CSV and give that file" },
            NoSuchSheet { list: list(), wanted: "New".to_owned(), sheets: "\"Old\"".to_owned() },
            SeveralArrays { list: list(), arrays: "\"people\", \"firms\"".to_owned() },
            Locked { list: list() },
            TooLarge { list: list(), detail: "one entry of its JSON takes more than 64 MB".to_owned() },
            NoWorkbook { list: list(), detail: "there is no sheet in it".to_owned() },
            Damaged { list: list(), line: 7, source: io::ErrorKind::UnexpectedEof.into() },
            EndlessLine { list: list(), line: 7, limit: 1_000_000 },
            NoSuchColumn { list: list(), wanted: "\"mail\"".to_owned(), columns: columns() },
            ForeignDelimiter { list: list(), mark: Delimiter::Mark(b'~') },
            Ambiguous { list: list(), first: "column 1 \"from\"".to_owned(), second: "column 2 \"to\"".to_owned(), number: 1, other: 2 },
            NoAddressColumn { list: list(), columns: columns() },
        });
        insta::assert_snapshot!(texts, @r#"
        leads.csv: no such file; check the path, or use `-` to read standard input
        leads.csv: is a directory; name the CSV file inside it
        leads.csv: cannot be opened (permission denied); check its permissions
        leads.csv: cannot be kept in a temporary file (no storage space); free space there, or set TMPDIR to a larger disk
        leads.csv: was changed while the run was under way, so no lists were written; what was learned is kept: run the same command again when the file is complete, and only new rows are asked about
        leads.csv: is empty or nothing but blank lines; give a list with at least a header or one address
        leads.csv: is a PDF document, not a CSV file; export the list as CSV and give that file
        leads.csv: has no sheet "New"; use `--sheet` with one of: "Old"
        leads.csv: several of its arrays could be the list; say which with `--sheet`, one of: "people", "firms"
        leads.csv: is protected with a password; save it without one and give that file
        leads.csv: was not read, since it may be made to fill this machine's memory: one entry of its JSON takes more than 64 MB; if it is a list, save its sheet as CSV (UTF-8) and give that file
        leads.csv: cannot be read as a spreadsheet (there is no sheet in it); open it in a spreadsheet program and save it as XLSX or CSV (UTF-8)
        leads.csv: cannot be read past line 7 (unexpected end of file); nothing behind it was read, so mend or fetch the file again
        leads.csv: line 7 is longer than 1000000 bytes; remove it, or check that the file has line ends at all
        leads.csv: has no column "mail"; use `--column` with one of: 1 "name", 2 "phone"
        leads.csv: `~` seems to stand between its fields, which is not taken unasked; if it does, say so with `--delimiter '~'`, else read each line as one field with `--delimiter none`
        leads.csv: both column 1 "from" and column 2 "to" could hold the addresses; say which with `--column 1` or `--column 2`
        leads.csv: no column looks like email addresses; say which with `--column NAME` or `--column NUMBER`: 1 "name", 2 "phone"
        "#);
    }
}
