//! A maintained list of throw-away domains, as its keepers publish it.

use crate::input::address::Address;
use crate::model::provider::Providers;

/// The built-in list of throw-away domains: the version of the `mailchecker` crate.
pub const BUILT_IN: &str = "6.0.21";

/// When that version was taken.
pub const BUILT_IN_SINCE: &str = "2026-11-25";

/// What a published list holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Maintained {
    /// Its domains (A-labels, lower case), sorted, each once.
    pub domains: Vec<String>,
    /// What is no domain, with its line, counted from one.
    pub unread: Vec<(usize, String)>,
    /// Domains of large consumer providers: a list that names them is wrong about them.
    pub providers: Vec<String>,
}

impl Maintained {
    /// Reads a list: a domain a line, with or without `@` or `*.` before it and a comment (`#` or `//`) behind it, or a
    /// JSON array of domains.
    #[must_use]
    pub fn read(text: &str, known: &Providers) -> Maintained {
        let mut list = Maintained::default();
        for (line, entry) in entries(text) {
            let name = entry.trim_start_matches(['@', '*', '.']);
            match domain(name) {
                None => list.unread.push((line, entry)),
                Some(name) if known.of_consumer_domain(&name).is_some() => {
                    list.providers.push(name);
                }
                Some(name) => list.domains.push(name),
            }
        }
        for names in [&mut list.domains, &mut list.providers] {
            names.sort_unstable();
            names.dedup();
        }
        list
    }
}

/// The entries of a list with their lines.
fn entries(text: &str) -> Vec<(usize, String)> {
    let text = text.trim_start_matches('\u{feff}');
    if let Ok(names) = serde_json::from_str::<Vec<String>>(text) {
        return (1..).zip(names).collect();
    }
    let without_comment = |line: &str| {
        let said = line.split('#').next().unwrap_or(line);
        said.split("//").next().unwrap_or(said).trim().to_owned()
    };
    (1..)
        .zip(text.lines().map(without_comment))
        .filter(|(_, entry)| !entry.is_empty())
        .collect()
}

/// The A-labels of a domain in which an address can be.
fn domain(name: &str) -> Option<String> {
    let address: Address = format!("x@{name}").parse().ok()?;
    let domain = address.domain().name()?.to_owned();
    domain.contains('.').then_some(domain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_as_their_keepers_publish_them() {
        let providers = Providers::built_in();
        for text in [
            "# kept by volunteers\r\nb.test # why\r\n*.a.test\r\n\r\n@c.test\r\nB.TEST\r\n",
            "\u{feff}a.test\nb.test // why\nc.test",
            r#"["c.test", "a.test", "b.test"]"#,
        ] {
            let list = Maintained::read(text, &providers);
            assert_eq!(list.domains, ["a.test", "b.test", "c.test"], "{text}");
            assert_eq!(list.unread, []);
        }
    }

    #[test]
    fn what_is_no_domain_is_told_and_large_providers_stay_out() {
        let list = Maintained::read("a.test\nGmail.com\nno domain\n-\n", &Providers::built_in());
        assert_eq!(list.domains, ["a.test"]);
        assert_eq!(list.providers, ["gmail.com"]);
        let unread = [(3, "no domain".to_owned()), (4, "-".to_owned())];
        assert_eq!(list.unread, unread);
    }

    #[test]
    fn the_built_in_list_is_the_version_that_is_named() {
        let locked = include_str!("../../../Cargo.lock");
        let entry = format!("name = \"mailchecker\"\nversion = \"{BUILT_IN}\"\n");
        assert!(
            locked.contains(&entry),
            "BUILT_IN and BUILT_IN_SINCE are to be renewed"
        );
    }
}
