//! What a list is before anybody is asked: its first rows, its columns, what its text alone says.

use std::collections::{BTreeMap, HashSet};
use std::hash::BuildHasher as _;

use foldhash::quality::RandomState;
use serde::Serialize;
use utoipa::ToSchema;

use super::problem::Problem;
use crate::input::list::{Options, Source, fields};
use crate::model::flag::Flag;
use crate::model::limits;
use crate::verifier::Error;
use crate::verify::{Tools, contents_of_row};

/// See the module's own words.
#[derive(Debug, Serialize, ToSchema)]
pub struct Preview {
    /// The names of the columns.
    columns: Vec<String>,
    /// Which of them holds the addresses, from 1.
    column: usize,
    /// The first rows, as text, cell by cell.
    first: Vec<Vec<String>>,
    /// Rows of the list.
    rows: u64,
    /// Rows that name an address.
    addresses: u64,
    /// Mailboxes, each counted once.
    mailboxes: u64,
    /// Rows whose mailbox an earlier row names.
    duplicates: u64,
    /// Rows without an address to ask about.
    without_address: u64,
    /// Domains, each counted once.
    domains: u64,
    /// Rows on the suppression list.
    suppressed: u64,
    /// Rows by what is to know beside, such as `role` or `disposable`.
    flags: BTreeMap<String, u64>,
    /// What its owner should see of how it is read.
    remarks: Vec<String>,
}

/// Looks at a list, without asking anybody.
///
/// # Errors
///
/// When it is no list, or its column is not clear.
pub fn preview(source: &Source, options: &Options, tools: &Tools) -> Result<Preview, Problem> {
    let failed = |error| Problem::from(Error::from(error));
    let mut list = source.list(options).map_err(failed)?;
    let delimiter = list.delimiter();
    let mut seen = Preview {
        columns: list.columns().to_vec(),
        column: list.address_column() + 1,
        first: Vec::new(),
        rows: 0,
        addresses: 0,
        mailboxes: 0,
        duplicates: 0,
        without_address: 0,
        domains: 0,
        suppressed: 0,
        flags: BTreeMap::new(),
        remarks: list.remarks().iter().map(ToString::to_string).collect(),
    };
    let hash = RandomState::default();
    let (mut mailboxes, mut domains) = (HashSet::new(), HashSet::new());
    while let Some(row) = list.next_row().map_err(failed)? {
        seen.rows += 1;
        if seen.first.len() < limits::PREVIEW_ROWS {
            let cells = fields(row.raw, delimiter.unwrap_or(b','));
            let text = |cell: &[u8]| -> String {
                let text = String::from_utf8_lossy(cell);
                text.chars().take(limits::PREVIEW_CELL_CHARACTERS).collect()
            };
            seen.first.push(match delimiter {
                Some(_) => cells.iter().map(|cell| text(cell)).collect(),
                None => vec![text(row.raw)],
            });
        }
        let (_, contents) = contents_of_row(&row);
        let Some(address) = contents.iter().flatten().next() else {
            seen.without_address += 1;
            continue;
        };
        seen.addresses += 1;
        domains.insert(hash.hash_one(address.domain().wire()));
        if !mailboxes.insert(hash.hash_one(&*address.key())) {
            seen.duplicates += 1;
        }
        seen.suppressed += u64::from(tools.suppression.has(address));
        for flag in tools.lists.flags(address).iter() {
            *seen.flags.entry(Flag::as_str(flag).to_owned()).or_default() += 1;
        }
    }
    seen.mailboxes = mailboxes.len() as u64;
    seen.domains = domains.len() as u64;
    seen.remarks
        .extend(source.late_remarks().iter().map(ToString::to_string));
    Ok(seen)
}
