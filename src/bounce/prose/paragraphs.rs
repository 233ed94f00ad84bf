//! The paragraphs of a bounce in plain words: each recipient with the text that follows.

use crate::limits;

/// One recipient with what is said below it.
#[derive(Debug)]
pub(super) struct Paragraph {
    /// The address.
    pub(super) address: String,
    /// Everything up to the next recipient.
    pub(super) text: String,
}

/// Labels that a recipient's address follows, in lower case.
const LABELS: [&str; 12] = [
    "failed recipient:",
    "failed recipient(s):",
    "recipient:",
    "recipient address:",
    "recipients:",
    "email address:",
    "e-mail address:",
    "unknown user:",
    "invalid recipient:",
    "user mailbox exceeds allowed size:",
    "undeliverable to",
    "final-recipient:",
];

/// Finds every recipient that stands on a line of its own.
pub(super) fn find(text: &str) -> Vec<Paragraph> {
    let mut found: Vec<Paragraph> = Vec::new();
    let mut current: Option<usize> = None;
    for line in text.lines() {
        if let Some((address, rest)) = recipient_line(line) {
            let known = found
                .iter()
                .position(|paragraph| paragraph.address.eq_ignore_ascii_case(&address));
            let index = match known {
                Some(index) => index,
                None if found.len() >= limits::NOTICE_RECIPIENTS => break,
                None => {
                    found.push(Paragraph {
                        address,
                        text: String::new(),
                    });
                    found.len() - 1
                }
            };
            current = Some(index);
            found[index].text.push_str(rest);
            found[index].text.push('\n');
        } else if let Some(index) = current {
            found[index].text.push_str(line.trim());
            found[index].text.push('\n');
        }
    }
    found
}

/// Reads a line that begins with a recipient, with what follows it on the line.
fn recipient_line(line: &str) -> Option<(String, &str)> {
    let line = line
        .trim()
        .trim_start_matches(['*', '\u{2022}'])
        .trim_start();
    let lower = line.to_ascii_lowercase();
    if let Some(label) = LABELS.iter().find(|label| lower.starts_with(*label)) {
        let rest = line[label.len()..].trim_start();
        let (address, rest) = leading_address(rest)?;
        return Some((address, rest));
    }
    let (address, rest) = leading_address(line)?;
    let begins_text = rest.is_empty()
        || [
            ":",
            "...",
            "(",
            "[",
            "<",
            "on ",
            "#",
            "- ",
            ";",
            "generated ",
        ]
        .iter()
        .any(|start| rest.starts_with(start));
    begins_text.then(|| (address, rest.trim_start_matches([':', '.', ' '])))
}

/// The address at the start of a text, bare or in brackets or quotes, with what follows it.
fn leading_address(text: &str) -> Option<(String, &str)> {
    if let Some(inner) = text.strip_prefix('<') {
        let close = inner.find('>')?;
        let address = bare(inner[..close].trim_start_matches("mailto:"))?;
        return Some((address, inner[close + 1..].trim_start()));
    }
    let end = text
        .find(|c: char| c.is_whitespace() || matches!(c, '<' | '(' | '>' | ','))
        .unwrap_or(text.len());
    let word = &text[..end];
    let address = bare(
        word.trim_matches(|c| matches!(c, '\'' | '"' | '[' | ']' | ':' | ';' | ',' | '.'))
            .trim_start_matches("rfc822;")
            .trim_start_matches("SMTP:")
            .trim_start_matches("mailto:"),
    )?;
    // The colon that ends the address belongs to what follows.
    let rest = if word.ends_with(':') {
        &text[end - 1..]
    } else {
        text[end..].trim_start()
    };
    // Mail programs repeat the address as a link: "a@example.net<mailto:a@example.net>".
    let rest = match rest
        .strip_prefix("<mailto:")
        .and_then(|link| link.split_once('>'))
    {
        Some((_, rest)) => rest.trim_start(),
        None => rest,
    };
    Some((address, rest))
}

/// An address that is plainly one: a local part, an `@`, a domain with letters. No host need know it.
fn bare(word: &str) -> Option<String> {
    let (local, domain) = word.rsplit_once('@')?;
    let fits = !local.is_empty()
        && word.len() <= limits::ADDRESS_OCTETS
        && !word.chars().any(|c| {
            c.is_whitespace()
                || c.is_control()
                || matches!(c, '<' | '>' | '(' | ')' | ',' | ';' | ':')
        });
    let is_name = domain
        .chars()
        .all(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | '_'))
        && domain.chars().next().is_some_and(char::is_alphanumeric)
        && domain.chars().any(char::is_alphabetic);
    (fits && is_name).then(|| word.trim_end_matches('.').to_owned())
}

/// Words within a sentence that a recipient's address follows, in lower case.
const IN_SENTENCES: [&str; 12] = [
    "your message to ",
    "wasn't delivered to ",
    "was not delivered to ",
    "not be delivered to ",
    "delivering your message to ",
    "deliver your message to ",
    "deliver mail to ",
    "message to ",
    "delivered to ",
    "recipient ",
    "mailbox of ",
    "for ",
];

/// Finds the recipient that a sentence names, where none stands on a line of its own. The text is then all about it.
pub(super) fn in_sentence(text: &str) -> Option<Paragraph> {
    let lower = text.to_ascii_lowercase();
    for words in IN_SENTENCES {
        let mut from = 0;
        while let Some(found) = lower[from..].find(words) {
            from += found + words.len();
            if let Some((address, _)) = leading_address(text[from..].trim_start()) {
                return Some(Paragraph {
                    address,
                    text: text.to_owned(),
                });
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recipient_is_known_by_how_its_line_goes_on() {
        let table: &[(&str, Option<(&str, &str)>)] = &[
            (
                "<ann@example.net>: host mx said: 550",
                Some(("ann@example.net", "host mx said: 550")),
            ),
            ("<ann@example.net>:", Some(("ann@example.net", ""))),
            ("  ann@example.net", Some(("ann@example.net", ""))),
            ("ann@example.net:", Some(("ann@example.net", ""))),
            (
                "'ann@example.net' on 3/4/2026 5:06 PM",
                Some(("ann@example.net", "on 3/4/2026 5:06 PM")),
            ),
            (
                "ann@example.net (550 no such user)",
                Some(("ann@example.net", "(550 no such user)")),
            ),
            (
                "<ann@example.net>... User unknown",
                Some(("ann@example.net", "User unknown")),
            ),
            (
                "ann@example.net<mailto:ann@example.net>",
                Some(("ann@example.net", "")),
            ),
            (
                "Failed Recipient: ann@example.net",
                Some(("ann@example.net", "")),
            ),
            (
                "Recipient Address:\tann@example.net",
                Some(("ann@example.net", "")),
            ),
            ("ann@example.net wrote:", None),
            ("write to <ann@example.net>", None),
            ("ann@", None),
            ("ann@1234", None),
        ];
        for (line, expected) in table {
            let found = recipient_line(line);
            let found = found
                .as_ref()
                .map(|(address, rest)| (address.as_str(), *rest));
            assert_eq!(found, *expected, "{line:?}");
        }
    }
}
