//! Takes a recipient's address out of the text of a reply.
//!
//! Hosts repeat the address that they were asked about, or its local part alone. Before such a text is kept, the
//! address is taken out ([`take_out`]): one reply may serve for many recipients, and an address that is to be forgotten
//! must not survive in what is kept about it. It is put back ([`put_back`]) where the reply is shown for one address.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::ops::Range;

/// What stands for the whole address.
const ADDRESS: &str = "{address}";

/// What stands for the local part alone, as it was capitalised.
const LOCAL: [&str; 3] = ["{local}", "{Local}", "{LOCAL}"];

/// How the words look when they name the address they are about in angle brackets.
pub const NAMED: &str = "<{address}>";

/// `words` without `address` (`local@domain`, as it stands in the command) and without its local part where that stands
/// as a word.
#[must_use]
pub fn take_out<'w>(words: &'w str, address: &str) -> Cow<'w, str> {
    let mut left = Cow::Borrowed(words);
    if !address.contains('@') {
        return left;
    }
    for (form, borders) in whole_forms(address) {
        if let Some(without) = replaced(&left, &form, borders, |_| ADDRESS) {
            left = Cow::Owned(without);
        }
    }
    for form in local_forms(address) {
        if let Some(without) = replaced(&left, &form, Borders::Word, capitalised) {
            left = Cow::Owned(without);
        }
    }
    left
}

/// `words` with `address` where [`take_out`] took it out.
#[must_use]
pub fn put_back<'w>(words: &'w str, address: &str) -> Cow<'w, str> {
    if !words.contains('{') {
        return Cow::Borrowed(words);
    }
    let local = local_of(address);
    let mut first = local.chars();
    let title: String = first
        .next()
        .into_iter()
        .flat_map(char::to_uppercase)
        .chain(first)
        .collect();
    let whole = words.replace(ADDRESS, address);
    let [lower, capital, upper] = LOCAL;
    Cow::Owned(
        whole
            .replace(lower, local)
            .replace(capital, &title)
            .replace(upper, &local.to_uppercase()),
    )
}

/// `words` with dots where [`take_out`] took a name out: for people who are told of no address in particular.
#[must_use]
pub fn dotted(words: &str) -> Cow<'_, str> {
    if !words.contains('{') {
        return Cow::Borrowed(words);
    }
    let mut left = words.replace(ADDRESS, "…");
    for placeholder in LOCAL {
        left = left.replace(placeholder, "…");
    }
    Cow::Owned(left)
}

/// `words` without what stands for a name.
#[must_use]
pub fn without_placeholders(words: &str) -> Cow<'_, str> {
    if !words.contains('{') {
        return Cow::Borrowed(words);
    }
    let mut left = words.replace(ADDRESS, "");
    for placeholder in LOCAL {
        left = left.replace(placeholder, "");
    }
    Cow::Owned(left)
}

/// How an address is written in replies, links and return paths, in lower case: as it is, with the `@` or all of it in
/// percent signs, in xtext (RFC 3461 §4) and as a variable envelope return path has it; with what may stand beside each.
#[must_use]
pub fn whole_forms(address: &str) -> Vec<(String, Borders)> {
    let Some((_, domain)) = address.rsplit_once('@') else {
        return Vec::new();
    };
    let domain = domain.to_lowercase();
    let mut forms = Vec::new();
    for local in local_forms(address) {
        for at in ["@", "%40", "=40", "+40"] {
            forms.push((format!("{local}{at}{domain}"), Borders::Address));
        }
        forms.push((format!("{local}={domain}"), Borders::ReturnPath));
    }
    forms
}

/// How a local part is written, in lower case: as it is, without its quotes, in percent signs, in xtext.
#[must_use]
pub fn local_forms(address: &str) -> Vec<String> {
    let local = local_of(address).to_lowercase();
    let mut forms = vec![local.clone()];
    let mut add = |form: String| {
        if !form.is_empty() && !forms.contains(&form) {
            forms.push(form);
        }
    };
    let quoted = local
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'));
    if let Some(text) = quoted {
        add(text.replace('\\', ""));
        add(local.replace('\\', "\\\\").replace('"', "\\\""));
    }
    for (sign, is_plain) in [
        (
            '%',
            (|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)) as fn(u8) -> bool,
        ),
        ('%', |byte| byte.is_ascii_graphic() && byte != b'+'),
        ('+', |byte| {
            byte.is_ascii_graphic() && !b"+=".contains(&byte)
        }),
    ] {
        add(encoded(&local, sign, is_plain));
    }
    forms
}

fn local_of(address: &str) -> &str {
    address.rsplit_once('@').map_or(address, |(local, _)| local)
}

/// `text` with every byte that is not plain as a sign and two digits, in lower case as everything that is searched for.
fn encoded(text: &str, sign: char, is_plain: fn(u8) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        let mut bytes = [0; 4];
        for byte in c.encode_utf8(&mut bytes).bytes() {
            if is_plain(byte) {
                out.push(char::from(byte));
            } else {
                out.push(sign);
                // Into a string nothing fails.
                let _ = write!(out, "{byte:02x}");
            }
        }
    }
    out
}

/// What may stand on either side of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Borders {
    /// An address: it is none that only ends or begins like it.
    Address,
    /// An address as a return path writes it, behind what else is in that.
    ReturnPath,
    /// A local part on its own: it is no part of a longer word.
    Word,
    /// A domain, which may stand behind a local part or a label.
    Domain,
    /// A domain with an encoded `@` in front, behind whatever the local part is.
    Tail,
}

impl Borders {
    /// Whether a name that stands between `before` and `behind` is that name and no other that holds it.
    #[must_use]
    pub fn enclose(self, before: &str, behind: &str) -> bool {
        let is_part = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
        let last = before.chars().next_back();
        let begins = match self {
            Borders::Tail => true,
            Borders::Domain => !last.is_some_and(is_part),
            Borders::ReturnPath => !last.is_some_and(char::is_alphanumeric),
            Borders::Address | Borders::Word => {
                !last.is_some_and(|c| is_part(c) || ".+".contains(c))
            }
        };
        let mut rest = behind.chars();
        let ends = match (rest.next(), rest.next()) {
            (Some(c), _) if is_part(c) => false,
            // A full stop may end a sentence; in front of a letter it joins.
            (Some('.' | '+'), Some(c)) => !is_part(c),
            (Some(_) | None, _) => true,
        };
        // What was taken out before is no name.
        let is_placeholder = last == Some('{') && behind.starts_with('}');
        begins && ends && !is_placeholder
    }
}

/// `text` with `name` (in lower case) replaced wherever it stands within such borders, however it is capitalised; `None`
/// where it does not.
#[must_use]
pub fn replaced(
    text: &str,
    name: &str,
    borders: Borders,
    mut by: impl FnMut(&str) -> &'static str,
) -> Option<String> {
    let mut out = String::new();
    let mut copied = 0;
    let mut from = 0;
    while let Some(found) = find(&text[from..], name) {
        let found = from + found.start..from + found.end;
        if borders.enclose(&text[..found.start], &text[found.end..]) {
            out.push_str(&text[copied..found.start]);
            out.push_str(by(&text[found.clone()]));
            copied = found.end;
        }
        from = found.end;
    }
    (copied > 0).then(|| {
        out.push_str(&text[copied..]);
        out
    })
}

/// Where `name` (in lower case) stands first in `text`, however it is capitalised, in bytes of `text`.
fn find(text: &str, name: &str) -> Option<Range<usize>> {
    if name.is_empty() {
        return None;
    }
    if name.is_ascii() {
        let at = text
            .as_bytes()
            .windows(name.len())
            .position(|part| part.eq_ignore_ascii_case(name.as_bytes()))?;
        return Some(at..at + name.len());
    }
    text.char_indices().find_map(|(start, _)| {
        let mut wanted = name.chars();
        let mut next = wanted.next();
        for (offset, c) in text[start..].char_indices() {
            for lower in c.to_lowercase() {
                if next != Some(lower) {
                    return None;
                }
                next = wanted.next();
            }
            if next.is_none() {
                return Some(start..start + offset + c.len_utf8());
            }
        }
        None
    })
}

/// What stands for a local part that was capitalised so.
fn capitalised(local: &str) -> &'static str {
    let [lower, capital, upper] = LOCAL;
    let mut letters = local.chars().filter(|c| c.is_alphabetic());
    let first_is_capital = local.chars().next().is_some_and(char::is_uppercase);
    if letters.clone().count() > 1 && letters.all(char::is_uppercase) {
        upper
    } else if first_is_capital {
        capital
    } else {
        lower
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_reply_that_is_kept_names_nobody_and_reads_as_it_came() {
        for (words, address, kept) in [
            (
                "550 <anna@acme.test>: no",
                "anna@acme.test",
                "550 <{address}>: no",
            ),
            ("550 anna@acme.test.", "anna@acme.test", "550 {address}."),
            (
                "550 anna: unknown",
                "anna@acme.test",
                "550 {local}: unknown",
            ),
            ("550 User unknown", "user@acme.test", "550 {Local} unknown"),
            ("550 NO USER HERE", "user@acme.test", "550 NO {LOCAL} HERE"),
            (
                "550 anna@relay.internal no",
                "anna@acme.test",
                "550 {local}@relay.internal no",
            ),
            (
                "550 joanna anna-lena anna.b",
                "anna@acme.test",
                "550 joanna anna-lena anna.b",
            ),
            (
                "550 joanna@acme.test",
                "anna@acme.test",
                "550 joanna@acme.test",
            ),
            (
                "550 anna@acme.test.example",
                "anna@acme.test",
                "550 {local}@acme.test.example",
            ),
            ("550 5.1.1 no", "5@acme.test", "550 5.1.1 no"),
            ("550 öä@x.test, öä", "öä@x.test", "550 {address}, {local}"),
            (
                "550 {local} {address}",
                "local@x.test",
                "550 {local} {address}",
            ),
            ("550 address@x.test", "address@x.test", "550 {address}"),
        ] {
            assert_eq!(take_out(words, address), kept, "{words}");
            if !words.contains('{') {
                assert_eq!(put_back(kept, address), words, "{words}");
            }
        }
    }

    #[test]
    fn a_name_is_found_in_links_and_return_paths() {
        for (words, address) in [
            (
                "see https://x.test/?id=anna%2Btag%40acme.test",
                "anna+tag@acme.test",
            ),
            (
                "see https://x.test/?id=anna+tag%40acme.test&ip=1",
                "anna+tag@acme.test",
            ),
            ("rfc822;anna+2Btag@acme.test", "anna+tag@acme.test"),
            ("bounces+7-anna=acme.test@news.test", "anna@acme.test"),
            (
                "no <\"john smith\"@acme.test>, john smith",
                "\"john smith\"@acme.test",
            ),
            ("keine %c3%b6@acme.test", "ö@acme.test"),
        ] {
            let kept = take_out(words, address).to_lowercase();
            for part in ["anna", "john", "ö", "%c3", "acme"] {
                assert!(!kept.contains(part), "{words}: {kept}");
            }
        }
    }

    proptest! {
        #[test]
        fn whatever_is_taken_out_comes_back(
            local in "[a-z][a-z0-9.+-]{0,9}[a-z0-9]",
            before in "[ -z|~äöü<>]{0,12}",
            behind in "[ -z|~äöü<>]{0,12}",
            whole in any::<bool>(),
        ) {
            let address = format!("{local}@acme.test");
            let name = if whole { &address } else { &local };
            let words = format!("550 {before} {name} {behind}");
            let kept = take_out(&words, &address);
            prop_assert!(kept.contains("{address}") || kept.contains("{local}"), "{}", kept);
            prop_assert_eq!(put_back(&kept, &address).to_lowercase(), words.to_lowercase());
        }
    }
}
