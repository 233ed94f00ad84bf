//! Numbers written for reading, and texts from outside that stay texts.

/// A share as per cent: one digit after the point below ten. The space before the sign does not break.
#[must_use]
pub fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent >= 9.95 {
        format!("{percent:.0}\u{a0}%")
    } else if percent > 0.0 && percent < 0.05 {
        "under 0.1\u{a0}%".to_owned()
    } else {
        format!("{percent:.1}\u{a0}%")
    }
}

/// A number with thin groups of three digits: `12 345`. The space does not break.
#[must_use]
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    if digits.len() <= 4 {
        return digits;
    }
    let mut text = String::with_capacity(digits.len() + digits.len() / 3 * 2);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// A number of things: `1 row`, `12 rows`.
#[must_use]
pub fn counted(number: u64, one: &str, many: &str) -> String {
    format!(
        "{} {}",
        grouped(number),
        if number == 1 { one } else { many }
    )
}

/// An expected count, rounded to a whole one.
#[must_use]
pub fn about(count: f64) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a count of rows, never negative"
    )]
    let whole = count.round().max(0.0) as u64;
    if count > 0.0 && whole == 0 {
        "less than 1".to_owned()
    } else {
        grouped(whole)
    }
}

/// Whether a text is the name of an entry in a directory and holds no address: `/o=Acme/cn=Recipients/cn=ann` as Exchange
/// writes it, `CN=Ann/O=Acme` as Notes does, `cn=Ann,dc=acme` as LDAP does (RFC 4514).
#[must_use]
pub fn is_directory_name(text: &str) -> bool {
    if text.contains('@') || !text.contains('=') {
        return false;
    }
    let lower = text.to_ascii_lowercase();
    let has = |name: &str| {
        lower
            .split(['/', ',', ';', ':'])
            .any(|part| part.trim_start().starts_with(name))
    };
    has("cn=") && (has("o=") || has("ou=") || has("dc="))
}

/// A text from outside that cannot move a cursor, colour a screen or turn the direction of writing: what
/// [is harmful](is_harmful) is shown as `�`.
#[must_use]
pub fn tame(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\n' | '\r' | '\t' => ' ',
            c if is_harmful(c) => char::REPLACEMENT_CHARACTER,
            c => c,
        })
        .collect()
}

/// `words` without the addresses in them: a person who reads over a shoulder, or a log, learns no names.
#[must_use]
pub fn without_addresses(words: &str) -> String {
    let parts = words.split_inclusive(|c: char| c.is_whitespace() || "<>()[]{},;\"'".contains(c));
    let mut left = String::with_capacity(words.len());
    for part in parts {
        let word =
            part.trim_end_matches(|c: char| c.is_whitespace() || "<>()[]{},;\"'".contains(c));
        match word.find('@') {
            Some(at) if at > 0 && at + 1 < word.len() => {
                left.push('…');
                left.push_str(&part[word.len()..]);
            }
            Some(_) | None => left.push_str(part),
        }
    }
    left
}

/// Whether a spreadsheet would take a text for a formula, whatever blanks stand in front of it.
#[must_use]
pub fn is_formula(text: &str) -> bool {
    text.trim_start_matches(|c: char| c.is_whitespace() || is_harmful(c))
        .starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠'])
}

/// Whether a character of a text from outside may stand on no screen, in no cell, page or log: control characters, line
/// ends among them; marks that change the order in which others are shown (Unicode UAX #9); what is not seen at all.
/// Whatever writes such a text goes by this table, each in its own way: as a blank, as `�`, or without.
#[must_use]
pub fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{061c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
        )
}

/// A text broken between words into lines of at most `width` characters; those after the first begin with `indent`
/// blanks. A word that is longer stands alone. Spaces that do not break hold their words together.
#[must_use]
pub fn folded(text: &str, indent: usize, width: usize) -> String {
    let mut lines = String::new();
    let mut used = 0;
    let mut starts = true;
    // Blanks at the beginning and between columns stay as they are.
    for (at, word) in text.split(' ').enumerate() {
        let length = word.chars().count();
        if at > 0 && !starts && !word.is_empty() && used + 1 + length > width {
            let end = lines.trim_end_matches(' ').len();
            lines.truncate(end);
            lines.push('\n');
            lines.extend(std::iter::repeat_n(' ', indent));
            used = indent;
        } else if at > 0 {
            lines.push(' ');
            used += 1;
        }
        lines.push_str(word);
        used += length;
        starts &= word.is_empty();
    }
    lines
}

/// A text of at most `most` characters, with an ellipsis where it was longer.
#[must_use]
pub fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars()
        .take(most.saturating_sub(1))
        .chain(['…'])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_is_told_without_whom_it_names() {
        for (words, told) in [
            (
                "550 5.1.1 <anna@acme.test>: Recipient address rejected",
                "550 5.1.1 <…>: Recipient address rejected",
            ),
            ("no anna@acme.test, bert@acme.test here", "no …, … here"),
            ("mailto:anna@acme.test;", "…;"),
            (
                "write to us @ noon, or @acme",
                "write to us @ noon, or @acme",
            ),
        ] {
            assert_eq!(without_addresses(words), told);
        }
    }

    #[test]
    fn shares_read_like_what_people_say() {
        for (share, text) in [
            (0.0, "0.0\u{a0}%"),
            (0.0001, "under 0.1\u{a0}%"),
            (0.0104, "1.0\u{a0}%"),
            (0.0996, "10\u{a0}%"),
            (0.234, "23\u{a0}%"),
            (1.0, "100\u{a0}%"),
        ] {
            assert_eq!(percent(share), text);
        }
    }

    #[test]
    fn numbers_are_grouped_by_thousands() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(1234), "1234");
        assert_eq!(grouped(12_345), "12\u{202f}345");
        assert_eq!(grouped(1_234_567), "1\u{202f}234\u{202f}567");
        assert_eq!(counted(1, "row", "rows"), "1 row");
        assert_eq!(about(0.3), "less than 1");
        assert_eq!(about(2.6), "3");
    }

    #[test]
    fn lines_break_between_words() {
        for (text, indent, width, lines) in [
            ("one two three", 0, 7, "one two\nthree"),
            ("  one two three", 4, 9, "  one two\n    three"),
            ("a\u{a0}b c", 0, 3, "a\u{a0}b\nc"),
            ("  12  a longerword", 6, 10, "  12  a\n      longerword"),
            ("", 2, 10, ""),
            ("unbreakable", 0, 4, "unbreakable"),
        ] {
            assert_eq!(folded(text, indent, width), lines, "{text:?}");
        }
    }

    #[test]
    fn a_formula_is_one_behind_blanks_too() {
        for (text, is_one) in [
            ("=1+1", true),
            (" \t=1", true),
            ("\u{200e}@sum", true),
            ("＋1", true),
            ("a=b", false),
            ("", false),
        ] {
            assert_eq!(is_formula(text), is_one, "{text:?}");
        }
    }

    #[test]
    fn what_hides_or_turns_the_line_is_harmful_and_no_letter_is() {
        let harmful = "\u{0}\u{7}\t\n\r\u{1b}\u{7f}\u{85}\u{9b}\u{61c}\u{200b}\u{200d}\u{200e}\u{200f}\u{2028}\u{2029}\u{202a}\u{202e}\u{2060}\u{2066}\u{2069}\u{206a}\u{206f}\u{feff}";
        assert!(harmful.chars().all(is_harmful));
        let letters = "az AZ 09 äß é 日本 עברית عربي हिन्दी 😀 \u{a0}\u{202f}";
        assert!(!letters.chars().any(is_harmful));
    }

    #[test]
    fn texts_from_outside_stay_texts() {
        assert_eq!(tame("a\u{202e}b\u{1b}[31m\r\nc\u{200b}"), "a�b�[31m  c�");
        assert_eq!(tame("für 日本"), "für 日本");
        assert_eq!(shortened("abcdef", 4), "abc…");
        assert_eq!(shortened("abcd", 4), "abcd");
    }
}
