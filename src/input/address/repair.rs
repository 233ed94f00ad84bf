//! Did you mean, for a text that is no address: what a slip of the fingers has spoilt.

use super::suggest::{VOCABULARY, suggest};
use super::{Address, clean};

/// The longest text for which repairs are tried, in bytes. Our choice: twice the longest address.
const REPAIRABLE_BYTES: usize = 512;

/// The address that a text which is no address was probably meant to be, if there is exactly one likely meaning.
#[must_use]
pub fn suggest_text(text: &str) -> Option<String> {
    if text.len() > REPAIRABLE_BYTES {
        return None;
    }
    if let Some(address) = only_address(text) {
        return Some(suggest(&address).unwrap_or_else(|| address.to_string()));
    }
    let text = clean::clean(text).ok()?;
    let (local, domain) = two_sides(&text)?;
    let local = local.trim().trim_matches('.');
    let domain = repaired_domain(domain.trim())?;
    let address = Address::parse(&format!("{local}@{domain}")).ok()?;
    Some(suggest(&address).unwrap_or_else(|| address.to_string()))
}

/// The only address in a text with other words: it is written once or several times, and what stands right before it is
/// a bracket or nothing. After a word it could be that word's second half: `anna schmidt@example.com`.
fn only_address(text: &str) -> Option<Address> {
    let is_border = |c: char| c.is_whitespace() || "()<>[]{}\",;|".contains(c);
    let mut only: Option<Address> = None;
    let mut from = 0;
    while let Some(at) = text[from..].find('@').map(|at| from + at) {
        let start = text[from..at].rfind(is_border).map_or(from, |border| {
            let border = from + border;
            border + text[border..].chars().next().map_or(1, char::len_utf8)
        });
        let end = text[at..]
            .find(is_border)
            .map_or(text.len(), |length| at + length);
        let before = text[..start].trim_end();
        let follows_word = before.ends_with(|c: char| !is_border(c));
        let address = Address::parse(&text[start..end]).ok()?;
        if (follows_word && only.is_none())
            || only
                .as_ref()
                .is_some_and(|only| only.key() != address.key())
        {
            return None;
        }
        only = Some(address);
        from = end;
    }
    only
}

/// What stands on both sides of an `@` that is doubled, spelled out, or missing before a well-known domain.
fn two_sides(text: &str) -> Option<(String, String)> {
    for spelled in ["(at)", "[at]", "{at}", " at "] {
        if let Some((local, domain)) = text.split_once(spelled)
            && !text.contains('@')
        {
            let dotted = ["(dot)", "[dot]", "{dot}", " dot "]
                .iter()
                .fold(domain.to_owned(), |domain, dot| domain.replace(dot, "."));
            return Some((
                local.to_owned(),
                dotted.replace(" .", ".").replace(". ", "."),
            ));
        }
    }
    if let Some((local, domain)) = text.split_once('@') {
        let (local, _) = without_comment(local);
        let (domain, _) = without_comment(domain.trim_start_matches('@'));
        return Some((local, domain));
    }
    let lowered = text.to_ascii_lowercase();
    let known = |at: usize| VOCABULARY.known.contains(&lowered[at + 1..]);
    let at = lowered
        .match_indices('.')
        .map(|(at, _)| at)
        .find(|&at| known(at))?;
    let local = &text[..at];
    // `www.gmail.com` is a web site.
    let is_site = local.eq_ignore_ascii_case("www") || local.contains('/');
    (!is_site && !local.is_empty()).then(|| (local.to_owned(), lowered[at + 1..].to_owned()))
}

/// The text without one comment in parentheses, and the comment.
fn without_comment(text: &str) -> (String, Option<&str>) {
    if let Some((before, rest)) = text.split_once('(')
        && let Some((comment, after)) = rest.split_once(')')
    {
        return (format!("{before}{after}"), Some(comment));
    }
    (text.to_owned(), None)
}

/// The domain with wrong punctuation set right, or with the ending that it lacks.
fn repaired_domain(domain: &str) -> Option<String> {
    let mut repaired = String::with_capacity(domain.len());
    for character in domain.chars().flat_map(char::to_lowercase) {
        let character = if matches!(character, ',' | ';' | ':' | ' ' | '/') {
            '.'
        } else {
            character
        };
        if character != '.' || !(repaired.is_empty() || repaired.ends_with('.')) {
            repaired.push(character);
        }
    }
    if !repaired.contains('.') {
        return VOCABULARY.bare.get(&repaired).cloned();
    }
    // A blank may also separate the address from another word; only a well-known domain says that it does not.
    let is_sure = !domain.contains([' ', ';', ':', '/']) || VOCABULARY.known.contains(&repaired);
    is_sure.then_some(repaired)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_with_one_likely_meaning_is_repaired() {
        for (typed, meant) in [
            ("anna@gmail,com", "anna@gmail.com"),
            ("anna@gmail", "anna@gmail.com"),
            ("anna@gmailcom", "anna@gmail.com"),
            ("anna.gmail.com", "anna@gmail.com"),
            ("anna.maria.hotmail.com", "anna.maria@hotmail.com"),
            ("anna@@gmail.com", "anna@gmail.com"),
            ("anna@gmail..com", "anna@gmail.com"),
            ("anna@.gmail.com", "anna@gmail.com"),
            ("anna@gmail com", "anna@gmail.com"),
            ("anna@gmial,com", "anna@gmail.com"),
            ("anna.@gmail.com", "anna@gmail.com"),
            ("anna(at)example.org", "anna@example.org"),
            ("anna [at] example [dot] org", "anna@example.org"),
            ("anna at gmail dot com", "anna@gmail.com"),
            ("anna(work)@example.org", "anna@example.org"),
            ("anna@firma,de", "anna@firma.de"),
            ("anna@firma.de Anna", "anna@firma.de"),
            ("anna@firma.de - work", "anna@firma.de"),
            ("Anna [anna@firma.de]", "anna@firma.de"),
            ("Anna(anna@gmial.com)", "anna@gmail.com"),
            ("anna@firma.de; Anna@firma.de", "Anna@firma.de"),
            ("[anna@firma.de](mailto:anna@firma.de)", "anna@firma.de"),
        ] {
            assert!(
                Address::parse(typed).is_err(),
                "{typed} is an address already"
            );
            assert_eq!(suggest_text(typed).as_deref(), Some(meant), "{typed}");
        }
    }

    #[test]
    fn a_text_with_no_or_several_meanings_is_not_repaired() {
        for text in [
            "",
            "anna",
            "n/a",
            "gmail.com",
            "www.gmail.com",
            "https://x.gmail.com",
            "anna@localhost",
            "anna@firma",
            "a@b.c d@e.f",
            "anna schmidt@gmail.com",
            "@gmail.com",
            "anna@",
            "anna@gmail@yahoo.com",
            "+49 89 1234",
            "anna@192.0.2.1",
            "anna@firma meier.de",
        ] {
            assert_eq!(suggest_text(text), None, "{text}");
        }
    }
}
