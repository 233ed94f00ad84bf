//! SPF records rewritten, to show exactly what to publish.

use std::net::IpAddr;

/// A record as it stands in DNS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// The strings put together.
    pub text: String,
    /// Octets of its longest character string.
    pub longest_string: usize,
    /// Octets in all.
    pub octets: usize,
}

/// What stands in a record for addresses that are not known.
pub const UNKNOWN: &str = "ip4:YOUR.SENDING.ADDRESS";

/// A record for a domain that has none and sends from these addresses.
#[must_use]
pub fn fresh_record(ips: impl Iterator<Item = IpAddr>) -> String {
    let terms: Vec<String> = ips.map(term_for).collect();
    if terms.is_empty() {
        format!("v=spf1 {UNKNOWN} -all")
    } else {
        format!("v=spf1 {} -all", terms.join(" "))
    }
}

/// A record with some of its words replaced; a word replaced by nothing is gone.
pub fn rewritten(record: &str, mut replace: impl FnMut(&str) -> Option<String>) -> String {
    let words = record
        .split_whitespace()
        .map(|word| replace(word).unwrap_or_else(|| word.to_owned()));
    let kept: Vec<String> = words.filter(|word| !word.is_empty()).collect();
    kept.join(" ")
}

/// The term that allows one address.
#[must_use]
pub fn term_for(ip: IpAddr) -> String {
    match ip.to_canonical() {
        IpAddr::V4(ip) => format!("ip4:{ip}"),
        IpAddr::V6(ip) => format!("ip6:{ip}"),
    }
}

/// Whether a word of a record is the `all` that ends it.
#[must_use]
pub fn is_all(word: &str) -> bool {
    word.trim_start_matches(['+', '-', '~', '?'])
        .eq_ignore_ascii_case("all")
}

/// A record with a term more, right behind the version so that it is tried first.
#[must_use]
pub fn with_term(record: &str, term: &str) -> String {
    let mut words: Vec<&str> = record.split_whitespace().collect();
    words.insert(1.min(words.len()), term);
    words.join(" ")
}

/// One record with the terms of several, each once, ending in the mildest of their `all`s but never in `+all`.
#[must_use]
pub fn merged(records: &[Published]) -> String {
    let mut terms: Vec<&str> = Vec::new();
    let mut ends: Vec<&str> = Vec::new();
    for word in records
        .iter()
        .flat_map(|record| record.text.split_whitespace().skip(1))
    {
        let list = if is_all(word) { &mut ends } else { &mut terms };
        if !list.contains(&word) {
            list.push(word);
        }
    }
    let end = if ends.iter().any(|end| !end.starts_with('-')) {
        "~all"
    } else {
        "-all"
    };
    let mut record = vec!["v=spf1"];
    record.extend(terms);
    record.push(end);
    record.join(" ")
}
