//! The domains of a list's first rows, whose hosts are tried before a run.

use super::described::first_of;
use crate::input::address::Address;
use crate::input::list::{IntakeError, Options, Remark, Source};
use crate::model::limits;

/// Adds the domains of the first rows of a list, each once. Returns what its owner should see of how it is read.
///
/// # Errors
///
/// When it is no list.
pub fn add_domains(
    domains: &mut Vec<String>,
    source: &Source,
    options: &Options,
) -> Result<Vec<Remark>, IntakeError> {
    let mut list = source.list(options)?;
    let remarks = list.remarks().to_vec();
    while domains.len() < limits::START_HOSTS {
        // What is damaged further on is for the run to say, which lists what comes before.
        let Ok(Some(row)) = list.next_row() else {
            break;
        };
        if row.number > limits::START_ROWS {
            break;
        }
        if let Ok(address) = first_of(&row) {
            add_domain(domains, &address);
        }
    }
    Ok(remarks)
}

/// Adds the domain of an address, unless it is there, the address has none or there are enough.
pub fn add_domain(domains: &mut Vec<String>, address: &Address) {
    if let Some(domain) = address.domain().name()
        && domains.len() < limits::START_HOSTS
        && !domains.iter().any(|known| known == domain)
    {
        domains.push(domain.to_owned());
    }
}
