//! Did you mean: what a mistyped address was probably meant to be.
//!
//! A suggestion is for the operator to look at; it never changes a verdict. Nothing is suggested when there is more
//! than one likely meaning, or when the domain is known to be in use.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use serde::Deserialize;

use super::Address;
use super::slip::is_one_slip;

/// A name shorter than this has too many real neighbours for any slip but a transposition to say what was meant. Our
/// choice: `gmx`, `web`, `live` and `mail` have many, `gmail` has few.
const TELLING_NAME_BYTES: usize = 5;

/// The file as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    providers: Vec<String>,
    real: Vec<String>,
    endings: HashMap<String, String>,
    slips_of_com: SlipsOfCom,
    bare: HashMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SlipsOfCom {
    endings: HashSet<String>,
    names: HashSet<String>,
}

/// What `config/suggestions.toml` says, ready for look-up.
pub(super) struct Vocabulary {
    /// Providers and real neighbours: never corrected.
    pub(super) known: HashSet<String>,
    /// Providers by the length of their domain.
    by_length: Vec<Vec<String>>,
    endings: HashMap<String, String>,
    slips_of_com: SlipsOfCom,
    pub(super) bare: HashMap<String, String>,
}

pub(super) static VOCABULARY: LazyLock<Vocabulary> = LazyLock::new(|| {
    let file: File = toml::from_str(include_str!("../../../config/suggestions.toml"))
        .expect("config/suggestions.toml is part of the program, and a test reads it");
    let longest = file.providers.iter().map(String::len).max().unwrap_or(0);
    let mut by_length = vec![Vec::new(); longest + 1];
    for provider in &file.providers {
        by_length[provider.len()].push(provider.clone());
    }
    Vocabulary {
        known: file.providers.into_iter().chain(file.real).collect(),
        by_length,
        endings: file.endings,
        slips_of_com: file.slips_of_com,
        bare: file.bare,
    }
});

/// The address that `address` was probably meant to be, for display; `None` if nothing is likelier than what it says.
#[must_use]
pub fn suggest(address: &Address) -> Option<String> {
    let meant = address.domain().name().and_then(suggest_domain);
    suggest_in(address, meant.as_deref())
}

/// As [`suggest`], where it is known already what the domain was meant to be.
#[must_use]
pub fn suggest_in(address: &Address, meant: Option<&str>) -> Option<String> {
    let local = typed_apostrophe(address.local());
    if meant.is_none() && local.is_none() {
        return None;
    }
    let local = local.as_deref().unwrap_or(address.local());
    Some(format!(
        "{local}@{}",
        meant.unwrap_or(address.domain().readable())
    ))
}

/// The domain that `domain` (A-labels, lower case) was probably meant to be. A pure function of the domain, so its
/// answer can be kept for the next row.
#[must_use]
pub fn suggest_domain(domain: &str) -> Option<String> {
    let vocabulary = &*VOCABULARY;
    if vocabulary.known.contains(domain) {
        return None;
    }
    if let Some(provider) = vocabulary.one_slip_from(domain) {
        return Some(provider.to_owned());
    }
    let (name, ending) = domain.rsplit_once('.')?;
    if let Some(meant) = vocabulary.endings.get(ending) {
        let repaired = format!("{name}.{meant}");
        let closer = vocabulary
            .one_slip_from(&repaired)
            .filter(|_| !vocabulary.known.contains(&repaired));
        return Some(closer.map_or(repaired, str::to_owned));
    }
    None
}

/// The local part with the apostrophes that word processors have turned into typographic ones; `None` without any.
fn typed_apostrophe(local: &str) -> Option<String> {
    (!local.is_ascii() && local.contains('’')).then(|| local.replace('’', "'"))
}

impl Vocabulary {
    /// The provider one slip from `domain`; of several the one with the same ending, else none.
    fn one_slip_from(&self, domain: &str) -> Option<&str> {
        let (name, ending) = domain.rsplit_once('.')?;
        if self.slips_of_com.endings.contains(ending) && self.slips_of_com.names.contains(name) {
            return self.bare.get(name).map(String::as_str);
        }
        let shortest = domain.len().saturating_sub(1);
        let neighbours = self.by_length.get(shortest..)?.iter().take(3).flatten();
        let mut found: Option<&str> = None;
        for provider in neighbours {
            if !is_one_slip(domain, provider) || !is_telling(domain, provider) {
                continue;
            }
            let same_ending = provider.ends_with(&domain[name.len()..]);
            match found {
                None => found = Some(provider),
                Some(other) => {
                    let other_same = other.ends_with(&domain[name.len()..]);
                    if same_ending == other_same {
                        return None;
                    }
                    if same_ending {
                        found = Some(provider);
                    }
                }
            }
        }
        found
    }
}

/// Whether a slip says what was meant. It does not when the name is right and the ending exists (`yahoo.cz` is another
/// domain than `yahoo.ca`), when the first letter is another (people see the letter they begin with: `grange.fr`), or
/// when the name is short.
fn is_telling(typed: &str, meant: &str) -> bool {
    let (Some((typed_name, typed_rest)), Some((meant_name, _))) =
        (typed.split_once('.'), meant.split_once('.'))
    else {
        return false;
    };
    if typed_name == meant_name {
        return !psl::suffix(typed_rest.as_bytes()).is_some_and(|suffix| suffix.is_known());
    }
    let other_first_letter = typed_name.len() == meant_name.len()
        && typed_name.as_bytes().first() != meant_name.as_bytes().first()
        && typed_name.as_bytes().get(1..) == meant_name.as_bytes().get(1..);
    if other_first_letter {
        return false;
    }
    meant_name.len() >= TELLING_NAME_BYTES
        || typed_name.len() == meant_name.len() && is_transposed(typed_name, meant_name)
}

/// Whether two words of equal length, one slip apart, have the same letters.
fn is_transposed(typed: &str, meant: &str) -> bool {
    let sum = |word: &str| word.bytes().map(u32::from).sum::<u32>();
    sum(typed) == sum(meant)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every repair that users are promised, with what it gives.
    #[test]
    fn one_slip_from_a_large_provider_is_corrected() {
        for (typed, meant) in [
            ("gmial.com", "gmail.com"),
            ("gmai.com", "gmail.com"),
            ("gmaill.com", "gmail.com"),
            ("gnail.com", "gmail.com"),
            ("gmail.con", "gmail.com"),
            ("gmail.co", "gmail.com"),
            ("gmail.cm", "gmail.com"),
            ("gmial.con", "gmail.com"),
            ("hotmial.com", "hotmail.com"),
            ("hotmal.fr", "hotmail.fr"),
            ("homail.com", "hotmail.com"),
            ("otmail.com", "hotmail.com"),
            ("yaho.com", "yahoo.com"),
            ("yahooo.fr", "yahoo.fr"),
            ("yaho.co.uk", "yahoo.co.uk"),
            ("outlok.com", "outlook.com"),
            ("outloook.de", "outlook.de"),
            ("iclod.com", "icloud.com"),
            ("t-onlin.de", "t-online.de"),
            ("tonline.de", "t-online.de"),
            ("wandoo.fr", "wanadoo.fr"),
            ("ornage.fr", "orange.fr"),
            ("liberoo.it", "libero.it"),
            ("wbe.de", "web.de"),
            ("gxm.de", "gmx.de"),
            ("mial.ru", "mail.ru"),
            ("firma.con", "firma.com"),
            ("firma.example.ogr", "firma.example.org"),
        ] {
            assert_eq!(suggest_domain(typed).as_deref(), Some(meant), "{typed}");
        }
    }

    #[test]
    fn a_domain_that_has_an_owner_is_left_alone() {
        for domain in [
            "gmail.com",
            "mail.com",
            "ymail.com",
            "email.com",
            "gmx.co",
            "cloud.com",
            "grange.fr",
            "web.com",
            "wet.de",
            "gmx.de",
            "gmx.at",
            "live.se",
            "yahoo.cz",
            "hotmail.gr",
            "outlook.sk",
            "aol.it",
            "msn.de",
            "me.de",
            "acme.com",
            "acme.co",
            "example.com",
            "strange.fr",
            "gmail.example.com",
            "xn--bcher-kva.de",
            "weg.de",
            "love.com",
            "like.com",
            "mailbox.com",
            "a.de",
            "firma.co",
            "firma.cm",
            "uni-bonn.de",
        ] {
            assert_eq!(suggest_domain(domain), None, "{domain}");
        }
    }

    #[test]
    fn a_typographic_apostrophe_is_set_right() {
        let address = Address::parse("o’brien@firma.ie").unwrap();
        assert_eq!(suggest(&address).as_deref(), Some("o'brien@firma.ie"));
        assert_eq!(suggest(&Address::parse("o'brien@firma.ie").unwrap()), None);
    }

    #[test]
    fn no_broken_ending_is_a_real_one() {
        for (broken, meant) in &VOCABULARY.endings {
            let known = |ending: &str| {
                psl::suffix(ending.as_bytes()).is_some_and(|suffix| suffix.is_known())
            };
            assert!(!known(broken), "{broken} exists");
            assert!(known(meant), "{meant} does not exist");
        }
    }

    #[test]
    fn every_suggestion_is_known_or_ends_well_and_is_not_suggested_away() {
        for provider in VOCABULARY.by_length.iter().flatten() {
            assert_eq!(suggest_domain(provider), None, "{provider}");
        }
        for meant in VOCABULARY.bare.values() {
            assert!(VOCABULARY.known.contains(meant), "{meant}");
        }
    }
}
