//! What the oracle calls addresses, domains and hosts: by no code of the program's own.

use std::collections::HashSet;

use crate::sim::score::Creation;

/// The key by which an address is known here: lower case, the domain in A-labels.
pub(super) fn key_of(address: &str) -> String {
    let (local, domain) = address.rsplit_once('@').unwrap_or((address, ""));
    let domain = idna::domain_to_ascii(domain).unwrap_or_else(|_| domain.to_lowercase());
    format!("{}@{domain}", local.to_lowercase())
}

pub(super) fn domain_of(key: &str) -> &str {
    key.rsplit_once('@').map_or("", |(_, domain)| domain)
}

/// The addresses on the list, by key.
pub(super) fn keys_on_list(creation: &Creation) -> HashSet<String> {
    creation
        .rows
        .iter()
        .filter_map(|row| row.address.as_deref().map(key_of))
        .collect()
}

/// The registrable domain of a name of ours: its last two labels.
pub(super) fn roof(name: &str) -> &str {
    let last = name.rsplitn(3, '.').take(2).map(str::len).sum::<usize>() + 1;
    name.get(name.len().saturating_sub(last)..).unwrap_or(name)
}
