//! The rows of a platform's export, as records.

use std::io::Cursor;
use std::sync::Arc;

use super::name::fold;
use super::platform::{Field, Platforms};
use super::record::{Column, Record, Told};
use crate::input::list::{ColumnChoice, IntakeError, List, Options};
use crate::model::limits;

/// Names of columns that hold the sender, folded: the address there is not the one that a row is about.
const SENDERS: [&str; 12] = [
    "from",
    "fromaddress",
    "fromemail",
    "mailfrom",
    "orig",
    "originator",
    "replyto",
    "returnpath",
    "sender",
    "senderaddress",
    "senderemail",
    "source",
];

/// How many lines at the beginning of a file are looked at for its header: titles and dates may stand above it.
const HEADER_LINES: usize = 20;

/// Hands out the rows of a table one by one.
#[derive(Debug)]
pub struct Rows {
    list: List,
    columns: Vec<String>,
    names: Arc<[String]>,
    delimiter: Option<u8>,
    address: Address,
}

/// What the column of addresses is good for that was found in a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Address {
    /// It is the recipient's, as the operator says.
    Named,
    /// It is the recipient's where no column has a platform's name for that.
    Found,
    /// It is the sender's.
    Another,
}

impl Rows {
    /// Begins at the first row of `list`, which was read with the operator's `choice` of a column.
    #[must_use]
    pub fn new(list: List, choice: &ColumnChoice) -> Rows {
        let columns = list.columns().to_vec();
        let name = columns.get(list.address_column()).map(|name| fold(name));
        let address = match (choice, name) {
            (ColumnChoice::Named(_) | ColumnChoice::Numbered(_), _) => Address::Named,
            (ColumnChoice::Detect, Some(name)) if SENDERS.contains(&name.as_str()) => {
                Address::Another
            }
            (ColumnChoice::Detect, _) => Address::Found,
        };
        Rows {
            names: Record::columns(&columns),
            columns,
            delimiter: list.delimiter(),
            list,
            address,
        }
    }

    /// The next row; `None` behind the last.
    ///
    /// # Errors
    ///
    /// [`IntakeError`] where the table cannot be read further.
    pub fn next_record(&mut self) -> Result<Option<Record>, IntakeError> {
        let Some(row) = self.list.next_row()? else {
            return Ok(None);
        };
        let cell = || {
            let cell = row.address.as_ref().map(AsRef::as_ref).unwrap_or_default();
            String::from_utf8_lossy(cell).into_owned()
        };
        let column = match self.address {
            Address::Named => Column::Named(cell()),
            Address::Found => Column::Found(cell()),
            Address::Another => Column::None,
        };
        let fields = fields_of(row.raw, self.delimiter);
        let named = self
            .columns
            .iter()
            .map(String::as_str)
            .zip(fields.iter().map(String::as_str));
        Ok(Some(Record::of_row(&self.names, named, column)))
    }
}

/// The fields of a row.
#[must_use]
pub fn fields_of(raw: &[u8], delimiter: Option<u8>) -> Vec<String> {
    let Some(delimiter) = delimiter else {
        return vec![String::from_utf8_lossy(raw).into_owned()];
    };
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter)
        .from_reader(raw);
    let mut record = csv::ByteRecord::new();
    match reader.read_byte_record(&mut record) {
        Ok(true) => record
            .iter()
            .map(|field| String::from_utf8_lossy(field).into_owned())
            .collect(),
        Ok(false) | Err(_) => Vec::new(),
    }
}

/// The names in a line that may be a header: several short ones.
fn names_in(line: &str) -> Option<Vec<&str>> {
    let cells = line.split([',', ';', '\t', '|']);
    let cells: Vec<&str> = cells.map(|cell| cell.trim().trim_matches('"')).collect();
    let is_name = |cell: &&str| {
        cell.len() <= limits::COLUMN_NAME_BYTES
            && cell.split_whitespace().count() <= 4
            && !cell.contains('@')
    };
    (cells.len() > 1 && cells.iter().all(is_name)).then_some(cells)
}

/// The header of a table, as its first line that has names of platforms' fields; with how many it has.
fn header<'t>(text: &'t str, platforms: &Platforms) -> Option<(Vec<&'t str>, usize)> {
    text.lines().take(HEADER_LINES).find_map(|line| {
        let names = names_in(line)?;
        let known = names.iter().filter(|name| platforms.knows(&fold(name)));
        let known = known.count();
        (known > 0).then_some((names, known))
    })
}

/// The column that holds the recipient by a platform's name for it, as the header at the beginning of `text` writes it.
#[must_use]
pub fn recipient_column(text: &str, platforms: &Platforms) -> Option<String> {
    let (names, _) = header(text, platforms)?;
    let mut recipient = platforms
        .names(Field::Recipient)
        .iter()
        .filter_map(|known| names.iter().find(|name| fold(name) == *known));
    recipient.next().map(|name| (*name).to_owned())
}

/// The events in text that is a table with a header by which it is known as a platform's. `None` for any other text,
/// such as a reply that was pasted: one known name may be a word of a sentence, unless a row says something under it.
#[must_use]
pub(super) fn events_of(text: &str, platforms: &Platforms) -> Option<Vec<Told>> {
    let (_, known) = header(text, platforms)?;
    let read = |choice: ColumnChoice| {
        let options = Options {
            column: choice.clone(),
            ..Options::default()
        };
        let bytes = Cursor::new(text.as_bytes().to_vec());
        let list = List::read("-", bytes, &options).ok()?;
        Some(Rows::new(list, &choice))
    };
    let mut rows = read(ColumnChoice::Detect)
        .or_else(|| read(ColumnChoice::Named(recipient_column(text, platforms)?)))?;
    let told: Vec<Told> = std::iter::from_fn(|| rows.next_record().ok().flatten())
        .filter_map(|record| record.read(platforms))
        .filter(|told| !told.unsaid)
        .take(limits::NOTICE_RECIPIENTS)
        .collect();
    (known > 1 || !told.is_empty()).then_some(told)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_of_an_export_is_known_from_other_text() {
        let platforms = Platforms::built_in();
        let table = [
            ("email,event,reason\na@b.example,bounce,x\n", Some("email")),
            ("type,orig,rcpt,dsnDiag\nb,a@b,c@d,x\n", Some("rcpt")),
            (
                "Report\n\n\"Email Address\";Status\n",
                Some("Email Address"),
            ),
            ("550 5.1.1 no such user, try another address\n", None),
            ("ann@b.example, recipient\n", None),
            ("", None),
        ];
        for (text, column) in table {
            let found = recipient_column(text, &platforms);
            assert_eq!(found.as_deref(), column, "{text}");
        }
    }

    #[test]
    fn a_pasted_text_is_no_table() {
        let platforms = Platforms::built_in();
        for text in [
            "Recipient, unknown\n<ann@b.example>\n",
            "550-5.1.1 The recipient, as far as we know,\n550 5.1.1 is not here: ann@b.example\n",
            "Dear sender; your message\nto ann@b.example; was refused\n",
        ] {
            let told = events_of(text, &platforms);
            assert!(told.is_none_or(|told| told.is_empty()), "{text}");
        }
    }
}
