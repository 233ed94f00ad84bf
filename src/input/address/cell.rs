//! What a cell of a list holds: nothing, one address, or several.
//!
//! Lists keep addresses in cells together with whatever stood beside them where they were copied from. An address is
//! taken from among other text only where both of its edges are beyond doubt: the end of the cell, a bracket, a
//! separator, another address. Anything else is a guess, and a guess is for the operator ([`super::suggest_text`]).

use std::borrow::Cow;
use std::ops::Range;

use super::quoted::quoted_end;
use super::{Address, Fault, clean};
use crate::model::limits;
use crate::model::text::is_directory_name;

/// An address in a cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The address as parsed.
    pub address: Address,
    /// How it is written with nothing around it, its domain as in the cell; `None` where the cell holds just that, or
    /// that with blanks around it.
    pub clean: Option<Box<str>>,
}

/// What a cell holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Contents {
    /// Nothing, or what stands for nothing: `-`, `n/a`.
    Nothing,
    /// One mailbox, perhaps named more than once.
    One(Found),
    /// Different mailboxes, the one that the cell marks as its primary first.
    Several(Vec<Found>),
    /// Text that is no address, for this reason.
    Text(Fault),
    /// Text in which an address stands whose edges are in doubt, for this reason.
    Unsure(Fault),
}

/// What stands in exported and typed cells that have no address. Compared in lower case.
const NOTHING: &[&str] = &[
    "n/a",
    "#n/a",
    "na",
    "none",
    "null",
    "(null)",
    "nil",
    "nan",
    "undefined",
    "unknown",
    "no email",
    "keine",
    "k.a.",
    "aucun",
    "ninguno",
    "nessuno",
];

/// Words between two addresses that say "and" or "or".
const CONNECTORS: &[&str] = &[
    "or", "and", "und", "oder", "et", "ou", "y", "o", "e", "en", "of", "og", "och", "eller", "i",
    "lub",
];

/// What stands between addresses.
const SEPARATORS: &[char] = &[',', ';', '|', '/', ':', '&', '+', '*', '、', '，'];

/// What may stand right before an address and be no part of it, beside separators.
const OPENERS: &[char] = &['<', '(', '[', '{', '='];

/// What may stand right behind it, beside separators.
const CLOSERS: &[char] = &['>', ')', ']', '}', '<', '(', '[', '{'];

/// Quotation marks, which say nothing about an edge.
const QUOTES: &[char] = &['"', '\'', '`', '“', '”', '„', '‘', '’', '«', '»'];

/// Labels whose addresses are not for mail: links, telephony, directories (`proxyAddresses` of Exchange holds them).
const OTHER_SCHEMES: &[&str] = &[
    "http", "https", "ftp", "sip", "sips", "eum", "xmpp", "im", "x400", "x500", "tel", "skype",
    "ldap", "spo", "notes", "ssh",
];

/// Reads a cell.
#[must_use]
pub fn contents(bytes: &[u8]) -> Contents {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return Contents::Text(Fault::NotUtf8);
    };
    let fault = match one(text) {
        Ok(found) => return Contents::One(found),
        Err(fault) => fault,
    };
    if is_nothing(text) {
        return Contents::Nothing;
    }
    if is_directory_name(text) {
        return Contents::Text(Fault::DirectoryName);
    }
    let text = clean::scrub(text);
    let mut found = Among::default();
    found.search(&text);
    let doubtful = found.doubtful;
    let mut sure = found.in_order();
    match sure.len() {
        0 if doubtful => Contents::Unsure(fault),
        0 => Contents::Text(fault),
        1 => Contents::One(sure.remove(0)),
        _ => Contents::Several(sure),
    }
}

/// The address in a text that holds one and no other.
fn one(text: &str) -> Result<Found, Fault> {
    let (address, cleaned) = Address::read(text)?;
    // What needs no cleaning at all is the usual case.
    if matches!(cleaned, Cow::Borrowed(whole) if whole.len() == text.len()) {
        return Ok(Found {
            address,
            clean: None,
        });
    }
    let written = written(&address, &cleaned);
    let stands_so = text.trim_matches([' ', '\t']) == written;
    Ok(Found {
        address,
        clean: (!stands_so).then(|| written.into()),
    })
}

/// The address with its domain as it stands in `cleaned`: as the caller wrote it, in whatever case and alphabet.
fn written(address: &Address, cleaned: &str) -> String {
    let domain = cleaned.rsplit_once('@').map_or("", |(_, domain)| domain);
    let domain = domain.trim_end_matches('.');
    let lowered = domain.to_lowercase();
    let (wire, readable) = (address.domain().wire(), address.domain().readable());
    let says_the_same = lowered == wire || lowered == readable || domain.eq_ignore_ascii_case(wire);
    let domain = if says_the_same { domain } else { readable };
    format!("{}@{domain}", address.local())
}

fn is_nothing(text: &str) -> bool {
    if text.contains('@') {
        return false;
    }
    let text = clean::scrub(text);
    !text.chars().any(char::is_alphanumeric) || NOTHING.contains(&text.to_lowercase().as_str())
}

/// The addresses among other text.
#[derive(Default)]
struct Among {
    sure: Vec<Found>,
    /// The place among them of the one that Exchange marks as primary, by a label in capitals.
    primary: Option<usize>,
    /// Whether an address was seen whose edges are in doubt.
    doubtful: bool,
}

impl Among {
    /// Looks for addresses in scrubbed `text`.
    fn search(&mut self, text: &str) {
        let mut from = 0;
        while let Some(at) = text[from..].find('@').map(|at| from + at) {
            let place = place(text, from, at);
            if let Ok((address, cleaned)) = Address::read(&text[place.clone()]) {
                if begins_surely(text, from, place.start) && ends_surely(text, place.end) {
                    let clean = Some(written(&address, &cleaned).into());
                    self.add(Found { address, clean }, &text[..place.start]);
                } else {
                    self.doubtful = true;
                }
            }
            if self.sure.len() == limits::CELL_ADDRESSES {
                return;
            }
            from = place.end.max(at + 1);
        }
    }

    fn add(&mut self, found: Found, before: &str) {
        let key = found.address.key();
        if self.sure.iter().any(|known| known.address.key() == key) {
            return;
        }
        if self.primary.is_none() && before.ends_with("SMTP:") {
            self.primary = Some(self.sure.len());
        }
        self.sure.push(found);
    }

    fn in_order(mut self) -> Vec<Found> {
        if let Some(primary) = self.primary {
            self.sure[..=primary].rotate_right(1);
        }
        self.sure
    }
}

/// Where the address with its `@` at `at` stands, in what follows `from`.
fn place(text: &str, from: usize, at: usize) -> Range<usize> {
    let start = if text[from..at].ends_with('"') {
        quoted_start(text, from, at)
    } else {
        plain_start(text, from, at)
    };
    let domain = &text[at + 1..];
    let length = if domain.starts_with('[') {
        domain.find(']').map_or(domain.len(), |close| close + 1)
    } else {
        let in_domain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '.' | '_');
        let end = domain.find(|c| !in_domain(c)).unwrap_or(domain.len());
        domain[..end].trim_end_matches(['.', '-', '_']).len()
    };
    start..at + 1 + length
}

/// Where the local part without quotes that ends at `at` begins.
fn plain_start(text: &str, from: usize, at: usize) -> usize {
    let local = text[from..at].rfind(is_border).map_or(from, |border| {
        from + border + length_at(text, from + border)
    });
    // What separates two addresses could also begin the second one, but is never meant so.
    let separated = match from {
        0 => &text[local..at],
        _ => text[local..at].trim_start_matches(['/', '&', '+', '*', '|', '=']),
    };
    at - separated.len()
}

/// How many bytes the character at `at` has.
fn length_at(text: &str, at: usize) -> usize {
    text[at..].chars().next().map_or(0, char::len_utf8)
}

/// Where the quoted local part that ends at `at` begins.
fn quoted_start(text: &str, from: usize, at: usize) -> usize {
    // The first from which the quoting goes to the end: a quote inside is escaped.
    let mut quotes = text[from..at]
        .match_indices('"')
        .map(|(quote, _)| from + quote);
    let opening = quotes.find(|quote| quoted_end(&text[*quote..]) == Some(at - quote));
    opening.unwrap_or(at)
}

/// Whether a character cannot be part of a local part without quotes.
fn is_border(character: char) -> bool {
    character.is_whitespace()
        || matches!(
            character,
            '(' | ')' | '<' | '>' | '[' | ']' | '{' | '}' | '"' | ',' | ';' | '|' | ':' | '\\'
        )
        || (!character.is_ascii()
            && (QUOTES.contains(&character) || SEPARATORS.contains(&character)))
}

/// Whether nothing else than an address can begin at `start`; the address before it ends at `from`, where there is one.
fn begins_surely(text: &str, from: usize, start: usize) -> bool {
    if text[start..].starts_with("//") {
        return false;
    }
    let before = text[..start].trim_end().trim_end_matches(QUOTES).trim_end();
    let Some(last) = before.chars().last() else {
        return true;
    };
    if last == ':' {
        return !has_other_scheme(before);
    }
    if SEPARATORS.contains(&last) || OPENERS.contains(&last) {
        return true;
    }
    // Behind another address, or a word that joins the two.
    from > 0 && before.len() <= from || {
        let between = before.get(from..).unwrap_or_default();
        from > 0 && is_connector(between.trim_start_matches(CLOSERS))
    }
}

/// Whether the label at the end of `before` says that what follows is no mail address.
fn has_other_scheme(before: &str) -> bool {
    let label = before.trim_end_matches(':');
    let begins = label
        .rfind(|c: char| !c.is_ascii_alphanumeric())
        .map_or(0, |at| {
            at + label[at..].chars().next().map_or(1, char::len_utf8)
        });
    is_other_scheme(&label[begins..])
}

/// Whether `piece` begins with a label that says it is no mail address.
fn is_of_other_scheme(piece: &str) -> bool {
    piece
        .split_once(':')
        .is_some_and(|(label, _)| is_other_scheme(label))
}

fn is_other_scheme(label: &str) -> bool {
    OTHER_SCHEMES.contains(&label.to_ascii_lowercase().as_str())
}

fn is_connector(words: &str) -> bool {
    CONNECTORS.contains(&words.trim().to_lowercase().as_str())
}

/// Whether nothing of the address can follow `end`.
fn ends_surely(text: &str, end: usize) -> bool {
    let after = text[end..]
        .trim_start_matches('.')
        .trim_start_matches(QUOTES);
    // `anna@example.com@example.org` is neither.
    if after.starts_with('@') {
        return false;
    }
    // The header fields of a `mailto:` link (RFC 6068 §2).
    if let Some(fields) = after.strip_prefix('?') {
        let name = fields.find('=').map_or("", |equals| &fields[..equals]);
        return !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphabetic());
    }
    let after = after.trim_start();
    let Some(next) = after.chars().next() else {
        return true;
    };
    if CLOSERS.contains(&next) {
        return true;
    }
    if SEPARATORS.contains(&next) {
        // `anna@firma.co,uk` is a slip, `anna@firma.co, bert@firma.de` is two addresses.
        let rest = after.trim_start_matches(|c: char| {
            SEPARATORS.contains(&c) || QUOTES.contains(&c) || c.is_whitespace()
        });
        let piece = rest
            .find([',', ';', '|', '\n'])
            .map_or(rest, |end| &rest[..end]);
        return piece.is_empty() || piece.contains('@') || is_of_other_scheme(piece);
    }
    let mut words = after.split_whitespace();
    let first = words.next().unwrap_or_default();
    let begins_apart = text[end..].starts_with(char::is_whitespace);
    begins_apart
        && (first.contains('@')
            || is_connector(first) && words.next().is_some_and(|word| word.contains('@')))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What a cell is read as: its addresses as they are written clean, `=` before one that stands so already.
    fn read(cell: &str) -> Vec<String> {
        let shown = |found: &Found| match &found.clean {
            Some(clean) => clean.to_string(),
            None => format!("={}", cell.trim_matches([' ', '\t'])),
        };
        match contents(cell.as_bytes()) {
            Contents::Nothing => vec!["nothing".to_owned()],
            Contents::One(found) => vec![shown(&found)],
            Contents::Several(found) => found.iter().map(shown).collect(),
            Contents::Text(_) => vec!["text".to_owned()],
            Contents::Unsure(_) => vec!["unsure".to_owned()],
        }
    }

    #[test]
    fn a_cell_with_one_address_gives_that_address() {
        for (cell, clean) in [
            ("lena@tolk.test", "=lena@tolk.test"),
            (" \tlena@tolk.test ", "=lena@tolk.test"),
            ("Lena@Tolk.TEST", "=Lena@Tolk.TEST"),
            ("lena@bücher.test", "=lena@bücher.test"),
            ("lena@xn--bcher-kva.test", "=lena@xn--bcher-kva.test"),
            ("\u{a0}lena@tolk.test", "lena@tolk.test"),
            ("\u{200b}lena@tolk.test\u{200e}", "lena@tolk.test"),
            ("\u{202a}lena@tolk.test\u{202c}", "lena@tolk.test"),
            ("\u{feff}lena@Tolk.test", "lena@Tolk.test"),
            ("mailto:lena@tolk.test", "lena@tolk.test"),
            ("lena@tolk.test?subject=Hello", "lena@tolk.test"),
            ("SMTP:lena@tolk.test", "lena@tolk.test"),
            ("<lena@tolk.test>", "lena@tolk.test"),
            ("Lena K. <lena@tolk.test>", "lena@tolk.test"),
            ("\"Kraus, Lena\" <lena@tolk.test>", "lena@tolk.test"),
            ("\"lena@tolk.test\"", "lena@tolk.test"),
            ("'lena@tolk.test'", "lena@tolk.test"),
            ("=\"lena@tolk.test\"", "lena@tolk.test"),
            ("lena@tolk.test;", "lena@tolk.test"),
            ("lena@tolk.test,", "lena@tolk.test"),
            ("lena@tolk.test.", "lena@tolk.test"),
            ("lena@tolk.test/", "lena@tolk.test"),
            ("lena@tolk.test]", "lena@tolk.test"),
            ("lena@tolk.test'", "lena@tolk.test"),
            ("lena@ tolk.test", "lena@tolk.test"),
            ("lena＠tolk.test", "lena@tolk.test"),
            ("lena@tolk.test (work)", "lena@tolk.test"),
            ("lena@tolk.test <mailto:lena@tolk.test>", "lena@tolk.test"),
            ("[lena@tolk.test](mailto:lena@tolk.test)", "lena@tolk.test"),
            ("lena@tolk.test;LENA@tolk.test", "lena@tolk.test"),
            ("\"lena k\"@tolk.test", "=\"lena k\"@tolk.test"),
        ] {
            assert_eq!(read(cell), [clean], "{cell:?}");
        }
    }

    #[test]
    fn a_name_in_a_directory_is_no_address() {
        for cell in [
            "/o=ExchangeLabs/ou=Exchange Administrative Group (FYDIBOHF23SPDLT)/cn=Recipients/cn=7f-lena",
            "EX:/O=TOLK/OU=FIRST/CN=RECIPIENTS/CN=LENA",
            "CN=Lena K/OU=Sales/O=Tolk",
            "cn=Lena K,ou=People,dc=tolk,dc=test",
        ] {
            let contents = contents(cell.as_bytes());
            assert_eq!(contents, Contents::Text(Fault::DirectoryName), "{cell}");
        }
        assert_eq!(
            read("X500:/o=T/cn=lena;smtp:lena@tolk.test"),
            ["lena@tolk.test"]
        );
        assert_eq!(read("o=o"), ["text"]);
    }

    #[test]
    fn a_cell_with_several_addresses_gives_them_all() {
        let both = ["lena@tolk.test", "omar@vint.test"];
        for cell in [
            "lena@tolk.test; omar@vint.test",
            "lena@tolk.test;omar@vint.test;",
            "lena@tolk.test, omar@vint.test",
            "lena@tolk.test,omar@vint.test",
            "lena@tolk.test / omar@vint.test",
            "lena@tolk.test/omar@vint.test",
            "lena@tolk.test|omar@vint.test",
            "lena@tolk.test omar@vint.test",
            "lena@tolk.test\nomar@vint.test",
            "lena@tolk.test\r\nomar@vint.test\r\n",
            "lena@tolk.test & omar@vint.test",
            "lena@tolk.test or omar@vint.test",
            "lena@tolk.test UND omar@vint.test",
            "lena@tolk.test ::: omar@vint.test",
            "Lena <lena@tolk.test>, Omar <omar@vint.test>",
            "\"Kraus, Lena\" <lena@tolk.test>; \"Vint, Omar\" <omar@vint.test>",
            "Lena (lena@tolk.test) und Omar (omar@vint.test)",
            "mailto:lena@tolk.test, mailto:omar@vint.test",
            "'lena@tolk.test','omar@vint.test'",
            "\"lena@tolk.test\";\"omar@vint.test\"",
            "SMTP:lena@tolk.test;smtp:omar@vint.test;X500:/o=Tolk/cn=lena",
            "smtp:omar@vint.test;SMTP:lena@tolk.test;sip:lena@voice.test",
            "lena@tolk.test; omar@vint.test; LENA@TOLK.TEST",
            "lena@tolk.test; omar@vint.test; nobody@",
        ] {
            assert_eq!(read(cell), both, "{cell:?}");
        }
        assert_eq!(
            read("\"lena k\"@tolk.test; omar@[192.0.2.7]"),
            ["\"lena k\"@tolk.test", "omar@[192.0.2.7]"]
        );
    }

    #[test]
    fn a_cell_without_an_address_says_whether_it_was_meant_to_have_one() {
        for cell in ["", " ", "-", "—", "n/a", "N/A", " none ", "\u{a0}", "???"] {
            assert_eq!(read(cell), ["nothing"], "{cell:?}");
        }
        for cell in [
            "lena",
            "lena@",
            "@tolk.test",
            "lena@tolk",
            "lena@@tolk.test",
            "lena@tolk@vint.test",
            "lena (at) tolk.test",
            "+49 1234",
        ] {
            assert_eq!(read(cell), ["text"], "{cell:?}");
        }
    }

    #[test]
    fn an_address_without_sure_edges_is_not_taken() {
        for cell in [
            "lena kraus@tolk.test",
            "Lena Kraus lena@tolk.test",
            "lena@tolk.co .uk",
            "lena@tolk.co,uk",
            "lena@tolk.test since May",
            "lena@tolk.test@vint.test",
            "https://lena@tolk.test/x",
        ] {
            assert_eq!(read(cell), ["unsure"], "{cell:?}");
        }
    }

    #[test]
    fn a_cell_names_no_more_than_so_many() {
        let cell: Vec<String> = (0..200).map(|n| format!("a{n}@tolk.test")).collect();
        assert_eq!(read(&cell.join(";")).len(), limits::CELL_ADDRESSES);
    }

    proptest! {
        #[test]
        fn no_cell_is_too_odd(cell in "[a-z@.,;:/<>()\\[\\]{}\"'|&+=? \n\\\\äß@-]{0,40}", any in ".{0,30}") {
            let _ = contents(cell.as_bytes());
            let _ = contents(any.as_bytes());
        }

        #[test]
        fn what_was_cleaned_is_clean(cell in "[ab.@,;:<>()\"'|/& \\-]{0,30}") {
            let found = match contents(cell.as_bytes()) {
                Contents::One(found) => vec![found],
                Contents::Several(found) => found,
                Contents::Nothing | Contents::Text(_) | Contents::Unsure(_) => Vec::new(),
            };
            for Found { address, clean } in found {
                let clean = clean.unwrap_or_else(|| cell.trim_matches([' ', '\t']).into());
                let again = contents(clean.as_bytes());
                prop_assert_eq!(again, Contents::One(Found { address, clean: None }), "{}", clean);
            }
        }

        #[test]
        fn no_good_address_is_lost_among_others(
            names in proptest::collection::vec("[a-z][a-z0-9._]{0,6}[a-z0-9]", 1..6),
            between in prop::sample::select(vec!["; ", ";", ", ", ",", " / ", "\n", " ::: ", "|", " "]),
        ) {
            let mut wanted: Vec<String> = Vec::new();
            for name in names.iter().filter(|name| !name.contains("..")) {
                let address = format!("{name}@tolk.test");
                if !wanted.contains(&address) {
                    wanted.push(address);
                }
            }
            prop_assume!(!wanted.is_empty());
            let found: Vec<String> = match contents(wanted.join(between).as_bytes()) {
                Contents::One(found) => vec![found.address.wire().to_owned()],
                Contents::Several(found) => {
                    found.iter().map(|found| found.address.wire().to_owned()).collect()
                }
                other => panic!("{other:?}"),
            };
            prop_assert_eq!(found, wanted);
        }
    }
}
