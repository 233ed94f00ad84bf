//! Addresses and domains that are never asked about and never sent to: they unsubscribed, complained, or must be left
//! alone for other reasons.

use std::collections::HashSet;

use crate::input::address::{self, Address, Contents};

/// Names of columns that hold addresses or domains, as exports of mailing systems have them.
const COLUMNS: [&str; 9] = [
    "email",
    "e-mail",
    "mail",
    "email address",
    "email_address",
    "address",
    "recipient",
    "domain",
    "entry",
];

/// The addresses and domains to be left alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Suppression {
    addresses: HashSet<Box<str>>,
    domains: HashSet<Box<str>>,
}

/// What is wrong with a suppression file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {what}")]
pub struct SuppressionError {
    file: String,
    line: u64,
    what: String,
}

impl Suppression {
    /// Adds the entries of a file: one address or domain a line, or a CSV with a column of them. A domain (`acme.test`
    /// or `@acme.test`) stands for all its addresses, not for its subdomains. Lines that begin with `#` are comments.
    ///
    /// # Errors
    ///
    /// [`SuppressionError`] for the first entry that is neither: an entry that is overlooked would be mail to an
    /// address that asked for none.
    pub fn add(&mut self, bytes: &[u8], file: &str) -> Result<(), SuppressionError> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .comment(Some(b'#'))
            .delimiter(delimiter(bytes))
            .trim(csv::Trim::All)
            .from_reader(bytes);
        let mut record = csv::ByteRecord::new();
        let mut column = None;
        loop {
            let failed = |line, what| SuppressionError {
                file: file.to_owned(),
                line,
                what,
            };
            match reader.read_byte_record(&mut record) {
                Ok(true) => {}
                Ok(false) => return Ok(()),
                Err(error) => return Err(failed(0, error.to_string())),
            }
            if column.is_none()
                && let Some(named) = record.iter().position(is_header)
            {
                column = Some(named);
                continue;
            }
            let at = *column.get_or_insert_with(|| first_entry(&record).unwrap_or(0));
            match record.get(at) {
                None | Some(b"") => {}
                Some(text) => {
                    let line = || line_of(bytes, record.position());
                    self.add_entry(text).map_err(|what| failed(line(), what))?;
                }
            }
        }
    }

    fn add_entry(&mut self, text: &[u8]) -> Result<(), String> {
        let entries = Entry::read(text);
        if entries.is_empty() {
            let text: String = String::from_utf8_lossy(text).chars().take(80).collect();
            return Err(format!(
                "`{}` is neither an address nor a domain; mend or remove it, or put # in front",
                text.escape_debug()
            ));
        }
        for entry in entries {
            match entry {
                Entry::Address(key) => self.addresses.insert(key),
                Entry::Domain(name) => self.domains.insert(name),
            };
        }
        Ok(())
    }

    /// Whether an address is to be left alone.
    #[must_use]
    pub fn has(&self, address: &Address) -> bool {
        !self.is_empty()
            && (self.domains.contains(address.domain().wire())
                || self.addresses.contains(&*address.key()))
    }

    /// Whether it has no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.addresses.is_empty() && self.domains.is_empty()
    }
}

/// What one entry names.
enum Entry {
    Address(Box<str>),
    Domain(Box<str>),
}

impl Entry {
    /// What a field names: a domain, or all its addresses. Nothing when that is not beyond doubt.
    fn read(text: &[u8]) -> Vec<Entry> {
        let is_domain = !text.contains(&b'@') || text.starts_with(b"@");
        if is_domain {
            return Entry::domain(text).into_iter().collect();
        }
        let found = match address::contents(text) {
            Contents::One(found) => vec![found],
            Contents::Several(found) => found,
            Contents::Nothing | Contents::Text(_) | Contents::Unsure(_) => Vec::new(),
        };
        let keys = found.iter().map(|found| found.address.key().into());
        keys.map(Entry::Address).collect()
    }

    fn domain(text: &[u8]) -> Option<Entry> {
        let name = std::str::from_utf8(text).ok()?.trim_start_matches('@');
        // A word without a dot is a slip, such as a header that we do not know.
        if !name.contains('.') {
            return None;
        }
        let address = Address::parse(&format!("x@{name}")).ok()?;
        Some(Entry::Domain(address.domain().wire().into()))
    }
}

/// The line on which a record begins, from 1. The reader counts neither comments nor blank lines, and puts a record's
/// beginning before those that stand in front of it.
fn line_of(bytes: &[u8], position: Option<&csv::Position>) -> u64 {
    let start = position.map_or(0, |position| usize::try_from(position.byte()).unwrap_or(0));
    let (before, from) = bytes.split_at(start.min(bytes.len()));
    let skipped = from
        .split(|&byte| byte == b'\n')
        .take_while(|line| line.starts_with(b"#") || line.trim_ascii().is_empty())
        .count();
    let ends = memchr::memchr_iter(b'\n', before).count();
    (ends + skipped + 1) as u64
}

fn is_header(field: &[u8]) -> bool {
    COLUMNS
        .iter()
        .any(|name| field.eq_ignore_ascii_case(name.as_bytes()))
}

fn first_entry(record: &csv::ByteRecord) -> Option<usize> {
    record
        .iter()
        .position(|field| !Entry::read(field).is_empty())
}

/// What parts fields, by the first line that is no comment.
fn delimiter(bytes: &[u8]) -> u8 {
    let first = bytes
        .split(|&byte| byte == b'\n')
        .find(|line| !line.starts_with(b"#") && !line.trim_ascii().is_empty())
        .unwrap_or_default();
    [b';', b'\t', b',']
        .into_iter()
        .find(|delimiter| first.contains(delimiter))
        .unwrap_or(b',')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has(list: &str, address: &str) -> bool {
        let mut suppression = Suppression::default();
        suppression.add(list.as_bytes(), "s.txt").unwrap();
        suppression.has(&Address::parse(address).unwrap())
    }

    #[test]
    fn addresses_and_domains_are_left_alone_however_they_are_written() {
        let list = "# unsubscribed\r\nAnna@Acme.test\r\n\r\n@gone.test\r\nMünchen.test\r\n";
        for (address, suppressed) in [
            ("anna@acme.test", true),
            ("ANNA@ACME.TEST", true),
            ("bert@acme.test", false),
            ("anyone@gone.test", true),
            ("anyone@sub.gone.test", false),
            ("x@xn--mnchen-3ya.test", true),
        ] {
            assert_eq!(has(list, address), suppressed, "{address}");
        }
    }

    #[test]
    fn a_csv_has_a_column_of_them() {
        for list in [
            "Name;Email;Date\nAnna;anna@acme.test;2026\nBert;;2026\n",
            "1,anna@acme.test,complained\n",
            "\u{feff}email\nanna@acme.test\n",
            "name,email\n\"Albrecht, Anna\",anna@acme.test\n",
        ] {
            assert!(has(list, "anna@acme.test"), "{list}");
        }
    }

    #[test]
    fn a_field_with_several_addresses_names_them_all() {
        let list = "name,email\nLena,\"lena@tolk.test; Lena K. <lena@vint.test>\"\n";
        for address in ["lena@tolk.test", "lena@vint.test"] {
            assert!(has(list, address), "{address}");
        }
    }

    #[test]
    fn an_entry_that_is_none_is_named_with_its_line() {
        let error = Suppression::default()
            .add(b"anna@acme.test\n# fine\nnot an address\n", "s.txt")
            .unwrap_err();
        let error = error.to_string();
        assert!(error.starts_with("s.txt:3: `not an address`"), "{error}");
    }
}
