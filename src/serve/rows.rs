//! The rows of a list that was verified: leafed through, searched, picked to be asked about again.

use std::ops::ControlFlow;
use std::path::Path;

use super::problem::Problem;
use super::store::Picked;
use crate::input::address::Address;
use crate::model::columns::NAMES;
use crate::model::limits;
use crate::model::verdict::Disposition;

/// Told of the names of the columns, of the number of a row and of the row; breaks off where it has seen enough.
type Each<'e> =
    dyn FnMut(&[String], u64, &csv::ByteRecord) -> Result<ControlFlow<()>, Problem> + 'e;

/// The file that holds the rows of `list`, or of all lists in the order in which they were sent.
pub fn file_of(list: Option<Disposition>) -> String {
    format!("{}.csv", list.map_or("all", Disposition::as_str))
}

/// Goes through the rows of the file at `path`, in which `delimiter` parts fields, that have `text` in them, whatever its
/// case; `each` is told of every one with its number in the file, from 1, until it breaks off. Returns the names of the
/// columns.
///
/// # Errors
///
/// When the file cannot be read, or what `each` says.
pub fn search(
    path: &Path,
    delimiter: u8,
    text: &str,
    each: &mut Each<'_>,
) -> Result<Vec<String>, Problem> {
    let failed = |error: csv::Error| Problem::fault(&error);
    let text = text.to_lowercase();
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .flexible(true)
        .has_headers(false)
        .from_path(path)
        .map_err(failed)?;
    let mut record = csv::ByteRecord::new();
    let mut columns = Vec::new();
    if reader.read_byte_record(&mut record).map_err(failed)? {
        columns = cells(&record);
        if let Some(first) = columns.first_mut()
            && let Some(bare) = first.strip_prefix('\u{feff}')
        {
            *first = bare.to_owned();
        }
    }
    let mut number = 0;
    while reader.read_byte_record(&mut record).map_err(failed)? {
        number += 1;
        let is_wanted = text.is_empty()
            || record
                .iter()
                .any(|cell| shown(cell).to_lowercase().contains(&text));
        if is_wanted && each(&columns, number, &record)?.is_break() {
            break;
        }
    }
    Ok(columns)
}

/// The cells of a row, as text.
pub fn cells(record: &csv::ByteRecord) -> Vec<String> {
    record.iter().map(shown).collect()
}

fn shown(cell: &[u8]) -> String {
    String::from_utf8_lossy(cell).into_owned()
}

/// The addresses of the rows that are picked from what came of a list, which is in the folder `out`.
///
/// # Errors
///
/// When none has an address, they are too many, or the list cannot be read.
pub fn picked(out: &Path, delimiter: u8, picked: &Picked) -> Result<Vec<Address>, Problem> {
    let mut addresses = Vec::new();
    let text = picked.q.as_deref().unwrap_or_default();
    let numbers: std::collections::BTreeSet<u64> = picked.rows.iter().copied().collect();
    search(
        &out.join(file_of(picked.list)),
        delimiter,
        text,
        &mut |columns, number, record| {
            if !numbers.is_empty() && !numbers.contains(&number) {
                return Ok(ControlFlow::Continue(()));
            }
            // From the end: a row may have more or fewer fields of its owner's than the header.
            let from_end = columns.iter().rposition(|name| name == NAMES[0]);
            let from_end = from_end.map(|place| columns.len() - place);
            let cell = from_end
                .and_then(|from_end| record.len().checked_sub(from_end))
                .and_then(|place| record.get(place))
                .map(shown);
            if let Some(Ok(address)) = cell.as_deref().map(Address::parse) {
                addresses.push(address);
            }
            if addresses.len() > limits::SERVED_AGAIN {
                Err(Problem::bad(format!(
                    "more than {} rows are picked: pick fewer at a time, or resume the list, which asks about all that are \
                 open",
                    limits::SERVED_AGAIN
                )))
            } else {
                Ok(ControlFlow::Continue(()))
            }
        },
    )?;
    if addresses.is_empty() {
        Err(Problem::bad(
            "none of the rows that are picked has an address: look them up with GET /v1/lists/{id}/rows",
        ))
    } else {
        Ok(addresses)
    }
}
