//! What a list is before any host is asked: its first rows, its columns, what its text alone says.

use std::collections::{BTreeMap, HashSet};
use std::hash::BuildHasher as _;

use foldhash::quality::RandomState;
use serde::Serialize;
use utoipa::ToSchema;

use super::problem::{Problem, as_parameters};
use crate::input::list::{ColumnChoice, IntakeError, Options, Remark, Source, fields};
use crate::model::flag::Flag;
use crate::model::limits;
use crate::verifier::Error;
use crate::verify::{Tools, contents_of_row};

/// See the module's own words.
#[derive(Debug, Serialize, ToSchema)]
pub struct Preview {
    /// The names of the columns.
    columns: Vec<String>,
    /// Which of them holds the addresses, from 1; `null` where that is not clear, and is to be said.
    column: Option<usize>,
    /// Why it is not clear.
    undecided: Option<String>,
    /// Which further columns are read for addresses too, from 1.
    further: Vec<usize>,
    /// The sheets of a workbook that a person sees, the one first that is read; none of other lists, or of one sheet.
    sheets: Vec<String>,
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

/// What was decided about the list, in words.
fn told<'r>(remarks: impl IntoIterator<Item = &'r Remark>) -> Vec<String> {
    let words = |remark: &Remark| as_parameters(&remark.to_string());
    remarks.into_iter().map(words).collect()
}

/// Whether it is not clear which column holds the addresses.
fn is_undecided(error: &IntakeError) -> bool {
    matches!(
        error,
        IntakeError::Ambiguous { .. } | IntakeError::NoAddressColumn { .. }
    )
}

/// The sheets or arrays that are told of, the one first that is read.
fn sheets(remarks: &[Remark]) -> Vec<String> {
    let told = remarks.iter().find_map(|remark| match remark {
        Remark::Sheets { used, others, .. } | Remark::Array { used, others } => {
            Some((used, others))
        }
        Remark::Above { .. }
        | Remark::Below { .. }
        | Remark::Spare { .. }
        | Remark::Encoding(_)
        | Remark::OneLine => None,
    });
    told.map_or_else(Vec::new, |(used, others)| {
        std::iter::once(used).chain(others).cloned().collect()
    })
}

/// Looks at a list, without asking any host.
///
/// # Errors
///
/// When it is no list, or has no such column.
pub fn preview(source: &Source, options: &Options, tools: &Tools) -> Result<Preview, Problem> {
    let failed = |error| Problem::from(Error::from(error));
    let (mut list, undecided) = match source.list(options) {
        Err(error) if is_undecided(&error) && options.column == ColumnChoice::Detect => {
            // So that its owner sees what there is to choose from.
            let Ok(first): Result<ColumnChoice, std::convert::Infallible> = "1".parse();
            let first = Options {
                column: first,
                ..options.clone()
            };
            let words = as_parameters(&error.to_string());
            let Ok(list) = source.list(&first) else {
                return Err(failed(error));
            };
            (list, Some(words))
        }
        list => (list.map_err(failed)?, None),
    };
    let delimiter = list.delimiter();
    let mut seen = Preview {
        columns: list.columns().to_vec(),
        column: undecided.is_none().then(|| list.address_column() + 1),
        undecided,
        further: list.further_columns().iter().map(|at| at + 1).collect(),
        sheets: sheets(list.remarks()),
        first: Vec::new(),
        rows: 0,
        addresses: 0,
        mailboxes: 0,
        duplicates: 0,
        without_address: 0,
        domains: 0,
        suppressed: 0,
        flags: BTreeMap::new(),
        remarks: told(list.remarks()),
    };
    if seen.column.is_none() {
        // Which of them are not used is not settled either.
        let is_of_columns = |remark: &&Remark| matches!(remark, Remark::Spare { .. });
        let others = list
            .remarks()
            .iter()
            .filter(|remark| !is_of_columns(remark));
        seen.remarks = told(others);
    }
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
        if seen.column.is_none() {
            continue;
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
    seen.remarks.extend(told(&source.late_remarks()));
    Ok(seen)
}
