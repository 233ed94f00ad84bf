//! The paragraphs of a bounce in plain words: each recipient with the text that follows.

use super::super::quoted;
use crate::model::limits;

/// One recipient with what is said below it.
#[derive(Debug)]
pub(super) struct Paragraph {
    /// The address of the recipient.
    pub(super) address: String,
    /// The address that it came from, where the text says that it was expanded from another.
    pub(super) original: Option<String>,
    /// Everything up to the next recipient.
    pub(super) text: String,
    /// The words right before it, where the cause may stand.
    pub(super) lead: String,
}

/// The stanza before a recipient: what was said since the last empty line, or in the stanza before that line.
#[derive(Debug, Default)]
struct Lead {
    before: String,
    now: String,
}

impl Lead {
    /// Takes a line in.
    fn hear(&mut self, line: &str) {
        let line = line.trim();
        if line.is_empty() {
            if !self.now.is_empty() {
                self.before = std::mem::take(&mut self.now);
            }
        } else if self.now.len() + line.len() <= limits::REPORT_FIELD_BYTES {
            self.now.push_str(line);
            self.now.push('\n');
        }
    }

    /// Drops the line of a recipient: it is no words about the next one.
    fn forget_the_last(&mut self) {
        let end = self.now.trim_end().rfind('\n').map_or(0, |at| at + 1);
        self.now.truncate(end);
    }

    /// The words before the line that was heard last.
    fn text(&self) -> String {
        let end = self.now.trim_end().rfind('\n').map_or(0, |at| at + 1);
        let now = &self.now[..end];
        if now.is_empty() {
            self.before.clone()
        } else {
            now.to_owned()
        }
    }
}

impl Paragraph {
    /// Puts the words before the person to those about it, where the latter say nothing: "No such user:" stands above.
    pub(super) fn take_lead(&mut self) {
        // A label such as "target mail address:" is no cause.
        let words = self
            .text
            .split_whitespace()
            .filter(|word| !word.contains('@') && word.chars().any(char::is_alphabetic));
        if words.count() <= LABEL_WORDS
            && !self.lead.is_empty()
            && quoted::read(&self.text).reply.is_none()
        {
            let lead = self.lead.trim_end().trim_end_matches(':');
            self.text = format!("{lead}\n{}", self.text);
        }
    }

    /// What `text` says of `address`.
    pub(super) fn new(address: String, text: &str) -> Paragraph {
        Paragraph {
            address,
            original: None,
            text: text.to_owned(),
            lead: String::new(),
        }
    }
}

/// Words before a recipient's address on one line, in lower case: "Intended recipient: ...", "Delivery failed 20
/// attempts: ...", "User's mailbox is full: ...".
const BEFORE_A_RECIPIENT: [&str; 16] = [
    "recipient",
    "deliver",
    "unknown user",
    "user unknown",
    "invalid",
    "mailbox",
    "attempts",
    "userid",
    "error-for",
    "failed",
    "rcpt to",
    "address",
    "did not reach",
    "rejected your message",
    "destinataire",
    "empfänger",
];

/// Words before the address of another party on one line, in lower case.
const BEFORE_ANOTHER: [&str; 12] = [
    "contact",
    "from:",
    "sender",
    "reply",
    "questions",
    "help",
    "postmaster",
    "mail from",
    "report",
    "write to",
    "cc:",
    "return address",
];

/// Most words of a label before an address.
const LABEL_WORDS: usize = 3;

/// Words after which the address follows that the one above was expanded from, in lower case.
const EXPANDED: [&str; 5] = [
    "(expanded from:",
    "(generated from",
    "(ultimately generated from",
    "(originally addressed to",
    "(reason: originally addressed to",
];

/// Finds every recipient that stands on a line of its own.
pub(super) fn find(text: &str) -> Vec<Paragraph> {
    let mut found: Vec<Paragraph> = Vec::new();
    let mut current: Option<usize> = None;
    // What stands before the first recipient, since the last empty line: systems that put the cause before the person.
    let mut lead = Lead::default();
    for line in text.lines() {
        lead.hear(line);
        if let Some(original) = expanded_from(line) {
            if let Some(index) = current {
                found[index].original.get_or_insert(original);
            } else {
                found.push(Paragraph::new(original, ""));
                current = Some(found.len() - 1);
            }
        } else if let Some((address, rest)) = labelled(line)
            .map(|address| (address, line.trim()))
            .or_else(|| recipient_line(line))
        {
            let known = found
                .iter()
                .position(|paragraph| paragraph.address.eq_ignore_ascii_case(&address));
            let index = match known {
                Some(index) => index,
                None if found.len() >= limits::NOTICE_RECIPIENTS => break,
                None => {
                    found.push(Paragraph {
                        lead: lead.text(),
                        ..Paragraph::new(address, "")
                    });
                    found.len() - 1
                }
            };
            lead.forget_the_last();
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

/// The address in a line that says from where the recipient above was expanded.
fn expanded_from(line: &str) -> Option<String> {
    let line = line.trim();
    let lower = line.to_ascii_lowercase();
    let words = EXPANDED.iter().find(|words| lower.starts_with(*words))?;
    let rest = line[words.len()..].trim().trim_end_matches(')');
    Some(leading_address(rest)?.0)
}

/// Reads a line that begins with a recipient, with what follows it on the line.
fn recipient_line(line: &str) -> Option<(String, &str)> {
    let line = line.trim();
    let line = match line.strip_prefix("dda:") {
        Some(rest) => rest,
        // An X.400 address that wraps an Internet one: "c=US;a= ;p=ACME;dda:SMTP=ann@example.net; on ...".
        None => line.split_once(";dda:").map_or(line, |(_, rest)| rest),
    };
    let bullets = ['*', '\u{2022}', '-', '|', '\u{ff1e}'];
    let line = line.trim_start_matches(bullets).trim_start();
    let line = line
        .strip_prefix(">>> ")
        .filter(|rest| rest.contains('<') && !rest.contains(':'))
        .unwrap_or(line);
    let (address, rest) = leading_address(line)?;
    let gap = line.contains("  ")
        && line
            .trim_start_matches(|c: char| !c.is_whitespace())
            .starts_with("  ");
    let begins_text = rest.is_empty()
        || gap
        || line.contains('\t')
        || rest.starts_with(['4', '5'])
            && rest
                .get(1..3)
                .is_some_and(|d| d.bytes().all(|b| b.is_ascii_digit()))
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
            ",",
            "generated ",
        ]
        .iter()
        .any(|start| rest.starts_with(start))
        || quoted::read(rest).reply.is_some();
    begins_text.then(|| (address, rest.trim_start_matches([':', '.', ' ', ',', ';'])))
}

/// The address in a line such as "Intended recipient: ann@example.net", whose words before it name a recipient. The
/// line as a whole says something of the recipient: "User's mailbox is full: ...".
fn labelled(line: &str) -> Option<String> {
    let line = line
        .trim()
        .trim_start_matches(['*', '\u{2022}', '-', '|'])
        .trim_start();
    let at = line.find('@')?;
    let start = line[..at]
        .rfind(|c: char| c.is_whitespace() || matches!(c, ':' | '<' | '\'' | '"' | ';'))
        .map_or(0, |before| {
            before + line[before..].chars().next().map_or(1, char::len_utf8)
        });
    let label = line[..start].trim_end_matches(['<', '\'', '"', ' ', '\t']);
    let lower = label.to_lowercase();
    let is_label = !label.is_empty()
        && label.len() <= limits::LABEL_BYTES
        && (label.ends_with([':', ';'])
            || lower.ends_with("undeliverable to")
            || lower.ends_with("undeliverable  to"))
        && (BEFORE_A_RECIPIENT.iter().any(|word| lower.contains(word))
            || lower.starts_with("undeliverable"))
        && !BEFORE_ANOTHER.iter().any(|word| lower.contains(word));
    if !is_label {
        return None;
    }
    let from = if line[..start].ends_with('<') {
        start - 1
    } else {
        start
    };
    Some(leading_address(&line[from..])?.0)
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
            .trim_start_matches("SMTP=")
            .trim_start_matches("mailto:"),
    )?;
    // The colon or semicolon that ends the address belongs to what follows.
    let rest = if word.ends_with([':', ';']) {
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
const IN_SENTENCES: [&str; 14] = [
    "delivering your mail to ",
    "deliver your mail to ",
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
            if let Some((address, rest)) = leading_address(text[from..].trim_start()) {
                return Some(Paragraph::new(address, &rest_first(rest, text)));
            }
        }
    }
    None
}

/// A text with what follows the person before the whole: that says why.
fn rest_first(rest: &str, text: &str) -> String {
    let rest = rest.trim_start_matches(['.', ':', ',', ';', ')', '>', ' ', '\n']);
    if rest.trim().is_empty() {
        text.to_owned()
    } else {
        format!("{rest}\n\n{text}")
    }
}

/// The recipient that a provider names by the local part alone, indented below "the following recipients": the domain
/// is the provider's own.
pub(super) fn bare_name(text: &str, host: Option<&str>) -> Option<Paragraph> {
    let host = host?;
    let mut announced = false;
    for line in text.lines() {
        let word = line.trim();
        let is_name = line.starts_with([' ', '\t'])
            && word.len() > 2
            && word
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b'+'));
        if announced && is_name {
            return Some(Paragraph::new(format!("{word}@{host}"), text));
        }
        announced |= line.to_ascii_lowercase().contains("following recipient");
    }
    None
}

/// Local parts that are never the recipient that a notice is about.
const DESKS: [&str; 9] = [
    "postmaster",
    "mailer-daemon",
    "abuse",
    "support",
    "helpdesk",
    "help",
    "webmaster",
    "info",
    "noc",
];

/// Words of stanzas that help the reader on: the addresses in them are examples, or desks.
const HELP: [&str; 12] = [
    "finger ",
    "for the right name",
    "if you need help",
    "for help",
    "for assistance",
    "further assistance",
    "contact ",
    "for example",
    "for instance",
    "e.g.",
    "such as",
    "questions",
];

/// The first address anywhere in `text` that is neither one of `others` nor a contact's.
pub(super) fn anywhere(text: &str, others: &[String]) -> Option<Paragraph> {
    let separators = |c: char| {
        c.is_whitespace()
            || matches!(
                c,
                '<' | '>' | '(' | ')' | ',' | ';' | '"' | '\'' | ':' | '='
            )
    };
    text.split("\n\n")
        .filter(|stanza| {
            let lower = stanza.to_lowercase();
            !HELP.iter().any(|words| lower.contains(words))
        })
        .flat_map(|stanza| stanza.split(separators))
        .filter(|word| word.contains('@'))
        .filter_map(|word| {
            bare(word.trim_matches(|c: char| !c.is_alphanumeric() && c != '+' && c != '_'))
        })
        .find(|address| {
            let local = address.split('@').next().unwrap_or_default().to_lowercase();
            address
                .rsplit_once('@')
                .is_some_and(|(_, domain)| domain.contains('.'))
                && !DESKS.contains(&local.as_str())
                && !others
                    .iter()
                    .any(|other| other.eq_ignore_ascii_case(address))
        })
        .map(|address| {
            let rest = text
                .find(&address)
                .map_or("", |at| &text[at + address.len()..]);
            let whole = rest_first(rest, text);
            Paragraph::new(address, &whole)
        })
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

    #[test]
    fn a_label_tells_whose_address_follows() {
        let table: &[(&str, Option<&str>)] = &[
            ("Failed Recipient: ann@example.net", Some("ann@example.net")),
            (
                "Recipient Address:\tann@example.net",
                Some("ann@example.net"),
            ),
            (
                "User's mailbox is full: <ann@example.net>",
                Some("ann@example.net"),
            ),
            (
                "Delivery failed 20 attempts: ann@example.net",
                Some("ann@example.net"),
            ),
            ("undeliverable to ann@example.net", Some("ann@example.net")),
            (
                "Invalid final delivery userid: ann@example.net",
                Some("ann@example.net"),
            ),
            ("For help contact: support@example.net", None),
            ("MAIL FROM: news@shop.example", None),
            ("ann@example.net: no such user", None),
        ];
        for (line, expected) in table {
            assert_eq!(labelled(line).as_deref(), *expected, "{line:?}");
        }
    }

    #[test]
    fn an_expanded_address_names_the_one_written_to() {
        let found = find("ann@inner.example\n    (expanded from: <ann@example.net>)\n");
        assert_eq!(found[0].address, "ann@inner.example");
        assert_eq!(found[0].original.as_deref(), Some("ann@example.net"));
    }
}
