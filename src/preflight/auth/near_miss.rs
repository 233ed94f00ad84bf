//! TXT records that were meant as a policy, but that no receiver takes for one.
//!
//! "There is no record" would be the wrong advice for these: the owner would publish a second record beside the first,
//! often a weaker one. A near miss is told with its mistake and with the record that was meant.

use std::fmt;

use crate::preflight::auth::dmarc;
use crate::preflight::auth::spf;
use crate::preflight::lookup::{Text, printable, shown};

/// What a TXT record was meant to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standard {
    /// A sender policy (RFC 7208).
    Spf,
    /// A DMARC policy (RFC 7489).
    Dmarc,
}

impl Standard {
    /// How a record must begin.
    #[must_use]
    pub fn version(self) -> &'static str {
        match self {
            Standard::Spf => "v=spf1",
            Standard::Dmarc => "v=DMARC1",
        }
    }

    /// The letters of the version, in lower case.
    fn letters(self) -> &'static str {
        match self {
            Standard::Spf => "vspf1",
            Standard::Dmarc => "vdmarc1",
        }
    }

    /// The record with this text behind the version, if receivers can read that.
    fn record(self, rest: &str) -> Option<String> {
        match self {
            Standard::Spf => {
                let terms = rest.trim_start_matches([';', ',']);
                let words: Vec<&str> = terms.split_whitespace().collect();
                let record = format!("{} {}", self.version(), words.join(" "));
                let parsed = spf::Record::parse(record.trim_end().as_bytes());
                (!words.is_empty() && parsed.is_ok()).then_some(record)
            }
            Standard::Dmarc => {
                let record = format!("{};{}", self.version(), rest.replacen(',', ";", 1));
                let tags = record.replace(";;", ";");
                let mended = dmarc::rewritten(tags.as_bytes(), None);
                // Where nothing can be made of it, nothing was meant.
                let says_something =
                    dmarc::read_record(tags.as_bytes()).is_ok() || mended != "v=DMARC1; p=none";
                says_something.then_some(mended)
            }
        }
    }
}

/// What is wrong with the beginning of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mistake {
    /// Quotes or backslashes of a zone file became part of the record.
    Quoted,
    /// The version is misspelt, or does not come first.
    Version(Standard),
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Mistake::Quoted => f.write_str("quotes or backslashes have become part of it"),
            Mistake::Version(standard) => {
                write!(f, "it does not begin with {}", standard.version())
            }
        }
    }
}

/// A record that was meant as a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NearMiss {
    /// The record as published, for display.
    pub published: String,
    /// What is wrong with it.
    pub mistake: Mistake,
    /// The record that was meant.
    pub mended: String,
}

/// The first of the TXT records of a name that was meant as a policy of this kind. Ask only where none is one.
#[must_use]
pub fn find(texts: &[Text], standard: Standard) -> Option<NearMiss> {
    texts.iter().find_map(|text| {
        let bytes = text.joined();
        let published = printable(&bytes);
        let bare = unquoted(&published);
        let (mended, mistake) = if let Some(rest) = behind_version(&bare, standard) {
            let exact = bare.starts_with(standard.version());
            let mistake = if exact && bare != published.trim() {
                Mistake::Quoted
            } else {
                Mistake::Version(standard)
            };
            (standard.record(rest)?, mistake)
        } else {
            let mended = version_last(&bare, standard)?;
            (mended, Mistake::Version(standard))
        };
        Some(NearMiss {
            published: shown(&bytes),
            mistake,
            mended,
        })
    })
}

/// A text without the quotes and backslashes that are often copied along out of zone files.
fn unquoted(text: &str) -> String {
    const QUOTES: [char; 7] = ['"', '\'', '`', '\u{201c}', '\u{201d}', '\u{201e}', '\u{ab}'];
    let plain: String = text.chars().filter(|&c| c != '\\').collect();
    plain
        .trim_matches(|c: char| c.is_whitespace() || QUOTES.contains(&c))
        .to_owned()
}

/// What stands behind something that reads like the version: its letters in their order, in any case, with or without
/// the `v` and the number, and nothing but blanks and punctuation between them.
fn behind_version(text: &str, standard: Standard) -> Option<&str> {
    let letters = standard.letters();
    [letters, &letters[1..], &letters[..letters.len() - 1]]
        .into_iter()
        .find_map(|letters| behind_letters(text, letters))
}

fn behind_letters<'a>(text: &'a str, letters: &str) -> Option<&'a str> {
    let mut wanted = letters.chars().peekable();
    for (at, character) in text.char_indices() {
        let Some(&next) = wanted.peek() else {
            let rest = &text[at..];
            // `v=spf10` is another version.
            return (!character.is_ascii_digit()).then_some(rest);
        };
        if character.to_ascii_lowercase() == next {
            wanted.next();
        } else if character.is_alphanumeric() || character == ';' {
            return None;
        }
    }
    None
}

/// The record that was meant where the version of a DMARC record is a later tag.
fn version_last(text: &str, standard: Standard) -> Option<String> {
    match standard {
        Standard::Spf => None,
        Standard::Dmarc => {
            let is_version = |part: &&str| {
                let squeezed: String = part.split_whitespace().collect();
                squeezed.eq_ignore_ascii_case(standard.version())
            };
            let parts: Vec<&str> = text.split(';').collect();
            parts.iter().any(is_version).then_some(())?;
            let others: Vec<&str> = parts.into_iter().filter(|part| !is_version(part)).collect();
            standard.record(&others.join(";"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find_in(text: &str, standard: Standard) -> Option<(Mistake, String)> {
        let texts = [Text(vec![text.as_bytes().to_vec()])];
        find(&texts, standard).map(|miss| (miss.mistake, miss.mended))
    }

    #[test]
    fn what_was_meant_as_spf_is_told_with_the_record_that_was_meant() {
        let meant = "v=spf1 ip4:192.0.2.10 -all";
        let version = Mistake::Version(Standard::Spf);
        for (published, mistake) in [
            ("\"v=spf1 ip4:192.0.2.10 -all\"", Mistake::Quoted),
            ("\\\"v=spf1 ip4:192.0.2.10 -all\\\"", Mistake::Quoted),
            (
                "\u{201c}v=spf1 ip4:192.0.2.10 -all\u{201d}",
                Mistake::Quoted,
            ),
            ("v=spf1; ip4:192.0.2.10 -all", version),
            ("v = spf1 ip4:192.0.2.10 -all", version),
            ("v=spf 1 ip4:192.0.2.10 -all", version),
            ("spf1 ip4:192.0.2.10 -all", version),
            ("v=spf ip4:192.0.2.10 -all", version),
            ("v:spf1  ip4:192.0.2.10  -all", version),
        ] {
            let found = find_in(published, Standard::Spf);
            assert_eq!(found, Some((mistake, meant.to_owned())), "{published}");
        }
    }

    #[test]
    fn what_was_meant_as_dmarc_is_told_with_the_record_that_was_meant() {
        let meant = "v=DMARC1; p=reject; rua=mailto:d@example.org";
        let version = Mistake::Version(Standard::Dmarc);
        for (published, mistake) in [
            ("V=DMARC1;P=reject; rua=mailto:d@example.org", version),
            ("v=dmarc1; p=reject; rua=mailto:d@example.org", version),
            ("v=DMARC; p=reject; rua=mailto:d@example.org", version),
            ("DMARC1; p=reject; rua=mailto:d@example.org", version),
            ("v=DMARC1, p=reject; rua=mailto:d@example.org", version),
            ("v=DMARC1 p=reject; rua=mailto:d@example.org", version),
            ("p=reject; rua=mailto:d@example.org; v=DMARC1", version),
            (
                "\"v=DMARC1; p=reject; rua=mailto:d@example.org\"",
                Mistake::Quoted,
            ),
            (
                "v=DMARC1\\; p=reject\\; rua=mailto:d@example.org",
                Mistake::Quoted,
            ),
        ] {
            let found = find_in(published, Standard::Dmarc);
            assert_eq!(found, Some((mistake, meant.to_owned())), "{published}");
        }
    }

    #[test]
    fn other_records_are_not_taken_for_misses() {
        for text in [
            "",
            "v=spf2.0/pra ip4:192.0.2.10 -all",
            "v=spf10 ip4:192.0.2.10 -all",
            "spf",
            "google-site-verification=spf1all",
            "v=TLSRPTv1; rua=mailto:d@example.org",
            "v=DKIM1; p=AAAA",
            "v=DMARC10; p=none",
            "the spf1 record stands elsewhere",
        ] {
            assert_eq!(find_in(text, Standard::Spf), None, "{text}");
            assert_eq!(find_in(text, Standard::Dmarc), None, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn what_is_recommended_is_a_record_that_receivers_select(text in "[\"' \\\\]{0,2}[vV]?[ =:]{0,2}([sS][pP][fF]|[dD][mM][aA][rR][cC])1?[;, ]{0,2}[a-z0-9=:;. -]{0,40}") {
            for standard in [Standard::Spf, Standard::Dmarc] {
                if let Some((_, mended)) = find_in(&text, standard) {
                    let texts = [Text(vec![mended.into_bytes()])];
                    let selected = match standard {
                        Standard::Spf => spf::select(&texts).len(),
                        Standard::Dmarc => dmarc::select(&texts).len(),
                    };
                    proptest::prop_assert_eq!(selected, 1);
                }
            }
        }
    }
}
