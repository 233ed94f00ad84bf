//! Reduces a reply to the host's own words, so that rules match meaning rather than layout.
//!
//! Case, accents, punctuation, line breaks and repeated codes go; so do addresses, host names, numbers of hosts and
//! pages, which a host only repeats: an address may say "blocked" or "spam". Names that mean something stay, such as
//! those of blocklists.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::model::limits;
use crate::smtp::{EnhancedCode, Reply};

/// How the words of a reply end when it held an address, which rules write as `{address}`. No host can send it as a
/// word: it is no letter.
pub(super) const ADDRESS: &str = "\u{e000}";

/// The words of one reply.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Words {
    /// The words in lower case without accents, one space around each: ` user unknown `.
    pub(super) text: String,
    /// The first enhanced code of the reply's own class that stands anywhere in it.
    pub(super) enhanced: Option<EnhancedCode>,
}

impl Words {
    /// The words of `reply`, without `echoes` (texts that the host only repeats), keeping `names` wherever they stand.
    ///
    /// At most [`limits::READ_REPLY_BYTES`] are looked at.
    pub(super) fn of(reply: &Reply, echoes: &[&str], names: &[String]) -> Words {
        let mut raw = String::new();
        for line in &reply.lines {
            if raw.len() >= limits::READ_REPLY_BYTES {
                break;
            }
            if !raw.is_empty() {
                raw.push(' ');
            }
            raw.push_str(clip(line, limits::READ_REPLY_BYTES - raw.len()));
        }
        let raw = raw.to_lowercase();
        let length = raw.len();
        let raw = without_echoes(raw, echoes);
        let mut sieve = Sieve {
            words: Words {
                text: String::with_capacity(raw.len() + 2),
                enhanced: reply.enhanced,
            },
            names,
            class: reply.code / 100,
            held_address: raw.len() < length,
        };
        sieve.words.text.push(' ');
        for piece in own_words(&raw) {
            match piece {
                Piece::Address => sieve.held_address = true,
                Piece::Name(name) => {
                    sieve.held_address = true;
                    sieve.token(name);
                }
                Piece::Text(text) => sieve.token(text),
            }
        }
        if sieve.held_address {
            sieve.words.text.push_str(ADDRESS);
            sieve.words.text.push(' ');
        }
        sieve.words
    }
}

/// The words of a phrase of a rule, in the same form as those of a reply, without the spaces around.
pub(super) fn of_phrase(phrase: &str) -> String {
    if phrase.trim() == "{address}" {
        return ADDRESS.to_owned();
    }
    let mut text = String::from(" ");
    push_words(&mut text, &phrase.to_lowercase());
    text.trim().to_owned()
}

/// At most `most` bytes of `text`, cut between characters.
fn clip(text: &str, most: usize) -> &str {
    let mut end = most.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// `text` (lower case) without what the host was told and may repeat. A word that is also plain language, such as the
/// local part of `user@acme.test`, is taken out only where quotes or brackets set it apart.
fn without_echoes(mut text: String, echoes: &[&str]) -> String {
    for echo in echoes {
        let echo = echo.trim().to_lowercase();
        // What holds spaces is a sentence that was taken for a name.
        if echo.contains(char::is_whitespace) && !echo.starts_with('"') {
            continue;
        }
        if echo.contains(['.', '@']) && echo.len() > 3 {
            text = without_whole(&text, &echo);
        }
        let Some((local, _)) = echo.rsplit_once('@') else {
            continue;
        };
        if !text.contains(local) {
            continue;
        }
        if local.len() > 2 && !local.bytes().all(|b| b.is_ascii_alphabetic()) {
            text = without_whole(&text, local);
        } else {
            for (open, close) in [('<', '>'), ('\'', '\''), ('"', '"'), ('[', ']'), ('(', ')')] {
                text = text.replace(&format!("{open}{local}{close}"), " ");
            }
        }
    }
    text
}

/// `text` without `part` wherever it stands as a whole: not within a longer word.
fn without_whole(text: &str, part: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(part) {
        let (before, found) = rest.split_at(at);
        let after = &found[part.len()..];
        let joined = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() && c.is_ascii());
        out.push_str(before);
        if joined(out.chars().next_back()) || joined(after.chars().next()) {
            out.push_str(part);
        } else {
            out.push(' ');
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

/// What stands between spaces.
enum Piece<'t> {
    /// An address in angle brackets, which may hold spaces: `<"john smith"@acme.test>`.
    Address,
    /// A single word in angle brackets, such as a local part on its own.
    Name(&'t str),
    /// Text between those, as it stands.
    Text(&'t str),
}

/// The pieces between spaces.
fn own_words(text: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        rest = rest.trim_start();
        if rest.is_empty() {
            return None;
        }
        if let Some(inside) = rest.strip_prefix('<')
            && let Some(close) = inside.find('>')
            && close <= limits::BRACKETED_ADDRESS_BYTES
        {
            let (inside, after) = inside.split_at(close);
            if is_path(inside) {
                rest = &after[1..];
                return Some(Piece::Address);
            }
            if !inside.contains(['<', ' ']) {
                rest = &after[1..];
                return Some(Piece::Name(inside));
            }
        }
        let end = rest
            .char_indices()
            .skip(1)
            .find(|(_, c)| c.is_whitespace() || *c == '<')
            .map_or(rest.len(), |(at, _)| at);
        let (piece, after) = rest.split_at(end);
        rest = after;
        Some(Piece::Text(piece))
    })
}

/// Whether what stands in angle brackets is an address: only a quoted local part may hold spaces.
fn is_path(inside: &str) -> bool {
    let one_word = inside.starts_with('"') || !inside.contains(char::is_whitespace);
    inside.contains('@') && !inside.contains('<') && one_word
}

/// Gathers words, leaving out what a host only repeats.
struct Sieve<'a> {
    words: Words,
    names: &'a [String],
    class: u16,
    held_address: bool,
}

impl Sieve<'_> {
    /// Takes one piece between spaces.
    fn token(&mut self, token: &str) {
        if let Some(scheme) = token.find("://") {
            let start = token[..scheme]
                .rfind(|c: char| !c.is_ascii_alphabetic())
                .map_or(0, |at| {
                    at + token[at..].chars().next().map_or(1, char::len_utf8)
                });
            self.token_without_page(&token[..start]);
            let end = token[start..]
                .find([')', '>', '"', ']', ','])
                .map_or(token.len(), |at| start + at);
            self.name(&token[start..end]);
            if end < token.len() {
                self.token(&token[end..]);
            }
            return;
        }
        self.token_without_page(token);
    }

    /// Takes a piece that is no page's address.
    fn token_without_page(&mut self, token: &str) {
        let Some(at) = token.find('@') else {
            self.plain(token);
            return;
        };
        let start = token[..at]
            .char_indices()
            .rev()
            .take_while(|(_, c)| is_of_local_part(*c))
            .last()
            .map_or(at, |(index, _)| index);
        let domain = &token[at + 1..];
        let end = domain
            .find(|c: char| !is_of_domain(c))
            .unwrap_or(domain.len());
        self.held_address = true;
        self.plain(&token[..start]);
        self.token_without_page(&domain[end..]);
    }

    /// Takes a piece without an address: names, numbers or words, whatever stands between them.
    fn plain(&mut self, token: &str) {
        for piece in token.split(|c: char| {
            !(c.is_alphanumeric() || is_joined_to_word(c) || matches!(c, '.' | '-' | ':' | '_'))
        }) {
            let piece = piece.trim_matches(['.', '-', ':', '_']);
            if piece.is_empty() {
                continue;
            }
            if let Some(code) = whole_code(piece) {
                if self.words.enhanced.is_none() && u16::from(code.class) == self.class {
                    self.words.enhanced = Some(code);
                }
            } else if piece.parse::<Ipv4Addr>().is_ok() || piece.parse::<Ipv6Addr>().is_ok() {
                // An address of a host says nothing.
            } else if piece.contains(':') && !piece.contains("::") {
                // "rcpt:blocked" are two pieces; an IPv6 address was read above.
                for part in piece.split(':') {
                    self.plain(part);
                }
            } else if is_host_name(piece) {
                self.name(piece);
            } else {
                push_words(&mut self.words.text, piece);
            }
        }
    }

    /// Takes the name of a host or page: only the names that mean something are left of it.
    fn name(&mut self, name: &str) {
        for known in self.names {
            if name.contains(known.as_str()) {
                push_words(&mut self.words.text, known);
            }
        }
    }
}

/// An enhanced code that is all of `piece`.
fn whole_code(piece: &str) -> Option<EnhancedCode> {
    match EnhancedCode::at_start(piece)? {
        (code, "") => Some(code),
        (_, _) => None,
    }
}

/// Whether a character may stand in the local part of an address in a text without spaces between words.
fn is_of_local_part(c: char) -> bool {
    (c.is_alphanumeric() && !is_ideograph(c)) || "!#$%&'*+-/=?^_`{|}~.\"".contains(c)
}

/// The same of a domain.
fn is_of_domain(c: char) -> bool {
    (c.is_alphanumeric() && !is_ideograph(c)) || matches!(c, '.' | '-' | '_')
}

/// Whether a character belongs to a script that writes no spaces between words.
pub(super) fn is_ideograph(c: char) -> bool {
    matches!(c, '\u{0e00}'..='\u{0e7f}' | '\u{1100}'..='\u{11ff}' | '\u{2e80}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}' | '\u{f900}'..='\u{faff}' | '\u{ff00}'..='\u{ffef}')
}

/// Apostrophes belong to the word around them.
fn is_joined_to_word(c: char) -> bool {
    matches!(c, '\'' | '\u{2019}' | '`' | '\u{b4}')
}

/// Top-level domains that the public suffix list lacks: for private use and for examples.
const PRIVATE: [&str; 9] = [
    "test",
    "example",
    "invalid",
    "localhost",
    "local",
    "lan",
    "internal",
    "localdomain",
    "corp",
];

/// Whether a piece is the name of a host: labels with dots between them, ending in a known top-level domain or one that
/// is reserved for private use and examples. `resolver.adr.recipnotfound` is none.
fn is_host_name(piece: &str) -> bool {
    let Some((_, top)) = piece.rsplit_once('.') else {
        return false;
    };
    if piece.contains(['_', '\'', '`']) || piece.contains("..") {
        return false;
    }
    PRIVATE.contains(&top) || psl::suffix(piece.as_bytes()).is_some_and(|suffix| suffix.is_known())
}

/// Appends the words of `piece` (lower case), each followed by a space.
fn push_words(text: &mut String, piece: &str) {
    for c in piece.chars() {
        if c.is_ascii_alphanumeric() {
            text.push(c);
        } else if c.is_alphanumeric() {
            push_folded(text, c);
        } else if ('\u{300}'..='\u{36f}').contains(&c)
            || is_joined_to_word(c) && !ends_with_elided(text)
        {
            // "doesn't" is one word, "l'adresse" is two; a mark on the letter before it goes with the accents.
        } else if !text.ends_with(' ') {
            text.push(' ');
        }
    }
    if !text.ends_with(' ') {
        text.push(' ');
    }
}

/// Words of French and Italian that lose their last vowel before another, which an apostrophe then parts from them.
const ELIDED: [&str; 15] = [
    "l", "d", "n", "c", "s", "j", "qu", "dell", "all", "nell", "sull", "dall", "quell", "un",
    "jusqu",
];

/// Whether the last word of `text` is one that an apostrophe parts from the next.
fn ends_with_elided(text: &str) -> bool {
    let word = text.rsplit(' ').next().unwrap_or_default();
    ELIDED.contains(&word)
}

/// Appends a letter without its accent: hosts write "não existe", "nao existe" and worse.
fn push_folded(text: &mut String, c: char) {
    let plain = match c {
        'à' | 'á' | 'â' | 'ã' | 'ä' | 'å' | 'ā' | 'ă' | 'ą' => 'a',
        'ç' | 'ć' | 'č' => 'c',
        'ď' | 'đ' => 'd',
        'è' | 'é' | 'ê' | 'ë' | 'ē' | 'ė' | 'ę' | 'ě' | 'ё' => {
            if c == 'ё' {
                'е'
            } else {
                'e'
            }
        }
        'ğ' => 'g',
        'ì' | 'í' | 'î' | 'ï' | 'ī' | 'į' | 'ı' => 'i',
        'ł' | 'ľ' => 'l',
        'ñ' | 'ń' | 'ň' => 'n',
        'ò' | 'ó' | 'ô' | 'õ' | 'ö' | 'ø' | 'ő' => 'o',
        'ř' => 'r',
        'ś' | 'š' | 'ş' | 'ș' => 's',
        'ť' | 'ţ' | 'ț' => 't',
        'ù' | 'ú' | 'û' | 'ü' | 'ū' | 'ů' | 'ű' => 'u',
        'ý' | 'ÿ' => 'y',
        'ź' | 'ż' | 'ž' => 'z',
        'ά' => 'α',
        'έ' => 'ε',
        'ή' => 'η',
        'ί' => 'ι',
        'ό' => 'ο',
        'ύ' => 'υ',
        'ώ' => 'ω',
        'ς' => 'σ',
        'ß' => {
            text.push('s');
            's'
        }
        'æ' => {
            text.push('a');
            'e'
        }
        'œ' => {
            text.push('o');
            'e'
        }
        other => other,
    };
    text.push(plain);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn words(text: &str, echoes: &[&str]) -> String {
        let names = ["spamhaus.org".to_owned(), "nosuchuser".to_owned()];
        let reply = Reply::from_text(text).unwrap();
        let found = Words::of(&reply, echoes, &names).text;
        found.replace(ADDRESS, "").trim().to_owned()
    }

    #[test]
    fn only_the_hosts_own_words_are_left() {
        let table = [
            (
                "550 5.1.1 <spam.blocked@acme.test>: User UNKNOWN",
                "user unknown",
            ),
            (
                "550-5.1.1 No such\n550 5.1.1 user-here",
                "no such user here",
            ),
            ("550 <\"user unknown\"@acme.test> blocked", "blocked"),
            (
                "551 <the mailbox <ann@acme.test> is full>",
                "the mailbox is full",
            ),
            ("550 ann@acme.test:blocked", "blocked"),
            ("550 (ann@acme.test:blocked)", "blocked"),
            ("550 mx.blocked.example said no", "said no"),
            (
                "550 Host [192.0.2.1] or [2001:db8::1] is bad",
                "host or is bad",
            ),
            (
                "554 blocked using zen.spamhaus.org;",
                "blocked using spamhaus org",
            ),
            (
                "550 see https://support.google.com/mail/?p=NoSuchUser a1-2 - gsmtp",
                "see nosuchuser a1 2 gsmtp",
            ),
            (
                "550 RESOLVER.ADR.RecipNotFound; not found",
                "resolver adr recipnotfound not found",
            ),
            ("550 user doesn't exist", "user doesnt exist"),
            (
                "550 l'adresse n\u{2019}existe pas",
                "l adresse n existe pas",
            ),
            ("550 l'indirizzo dell'utente", "l indirizzo dell utente"),
            ("550 user doesn\u{2019}t exist", "user doesnt exist"),
            ("550 Usuário não existe", "usuario nao existe"),
            ("550 Empfänger unbekannt", "empfanger unbekannt"),
            ("550 Mailbox_not_found(no=1)", "mailbox not found no 1"),
            ("550 用户ann@acme.test不存在", "用户 不存在"),
        ];
        for (text, expected) in table {
            assert_eq!(words(text, &[]), expected, "{text}");
        }
    }

    #[test]
    fn what_the_host_was_told_goes_but_plain_language_stays() {
        assert_eq!(
            words("550 spam.blocked: unknown", &["spam.blocked@acme.test"]),
            "unknown"
        );
        assert_eq!(words("550 'spam' unknown", &["spam@acme.test"]), "unknown");
        assert_eq!(
            words("550 user unknown", &["user@acme.test"]),
            "user unknown"
        );
        assert_eq!(
            words("550 unknown at mx1.acme.test", &["mx1.acme.test"]),
            "unknown at"
        );
    }

    #[test]
    fn an_enhanced_code_counts_wherever_it_stands() {
        let enhanced = |text: &str| {
            let reply = Reply::from_text(text).unwrap();
            Words::of(&reply, &[], &[])
                .enhanced
                .map(|code| code.to_string())
        };
        assert_eq!(
            enhanced("550 no mailbox (#5.1.1)").as_deref(),
            Some("5.1.1")
        );
        assert_eq!(enhanced("550 5.7.1 no [5.1.1]").as_deref(), Some("5.7.1"));
        assert_eq!(enhanced("450 was 5.1.1 there"), None);
        assert_eq!(enhanced("550 1.2.3 no"), None);
    }

    proptest! {
        #[test]
        fn words_are_plain_and_bounded(text in any::<String>(), echo in any::<String>()) {
            let reply = Reply { code: 550, enhanced: None, lines: vec![text], inconsistent: false };
            let found = Words::of(&reply, &[&echo], &[]).text;
            prop_assert!(found.starts_with(' ') && found.ends_with(' '));
            prop_assert!(!found.contains("  "));
            prop_assert!(found.len() <= 3 * limits::READ_REPLY_BYTES);
        }
    }
}
