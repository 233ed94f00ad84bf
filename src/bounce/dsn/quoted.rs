//! Finds the SMTP reply that a line of a log, a bounce or a session quotes.
//!
//! Programs and authors of mails put replies into sentences: `host mx.example[192.0.2.1] said: 550 5.1.1 ... (in reply
//! to RCPT TO command)`, `Remote Server returned '550 5.1.10 ...'`, `smtp;550 ...`. The reply is what counts, the
//! sentence around it tells the host and the stage.

use super::fields;
use super::sentence::{address_in, host_in, stage_in};
use crate::model::limits;
use crate::smtp::{EnhancedCode, Reply, Stage};

/// What a text quotes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Quoted {
    /// The reply; one without a code of its own but with an enhanced one gets 450 or 550 after its class.
    pub reply: Option<Reply>,
    /// When in the session it came, where the sentence says.
    pub stage: Option<Stage>,
    /// The host that said it, where the sentence names one.
    pub host: Option<String>,
    /// The address that it is about, where the sentence names one.
    pub address: Option<String>,
}

/// Reads what `text` quotes. At most [`limits::QUOTE_BYTES`] of it are looked at.
#[must_use]
pub fn read(text: &str) -> Quoted {
    let text = fields::clip(text, limits::QUOTE_BYTES);
    Quoted {
        reply: reply_in(text).or_else(|| enhanced_alone(text)),
        stage: stage_in(text),
        host: host_in(text),
        address: address_in(text),
    }
}

/// Whether [`read`] finds a reply in `text`; where no more is wanted, it costs a quarter.
#[must_use]
pub fn has_reply(text: &str) -> bool {
    let text = fields::clip(text, limits::QUOTE_BYTES);
    reply_in(text).or_else(|| enhanced_alone(text)).is_some()
}

/// Whether the reply that [`read`] finds in `text` got its code only from an enhanced one.
#[must_use]
pub fn is_enhanced_alone(text: &str) -> bool {
    reply_in(fields::clip(text, limits::QUOTE_BYTES)).is_none()
}

/// How surely three digits are a reply code, best last.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Likelihood {
    /// It could be any number.
    Possible,
    /// A text follows as in a reply.
    Likely,
    /// It stands where replies begin, or an enhanced code of its class follows.
    Certain,
    /// It is the inner one of two replies: what the far host said, quoted in the near one's words.
    Inner,
}

/// What a far host said stands behind these words, within the reply of a nearer one.
const INNER_CUES: [&str; 3] = [
    "->",
    "led=",
    "remote server response was not rfc conformant '",
];

/// Words after which a reply begins.
const CUES: [&str; 14] = [
    "said:",
    "said :",
    "<<<",
    "returned '",
    "returned \"",
    "returned",
    "response:",
    "responded:",
    "replied:",
    "reply:",
    "was:",
    "error:",
    "smtp;",
    "failure:",
];

/// Words that make a number before them a quantity.
const UNITS: [&str; 16] = [
    "sec",
    "min",
    "hour",
    "day",
    "message",
    "mail",
    "email",
    "recipient",
    "connection",
    "byte",
    "kb",
    "mb",
    "k",
    "m",
    "times",
    "ms",
];

/// The likeliest reply in `text`.
fn reply_in(text: &str) -> Option<Reply> {
    let lower = text.to_ascii_lowercase();
    let mut best: Option<(Likelihood, usize)> = None;
    for at in 0..text.len() {
        if let Some(likelihood) = code_at(&lower, at)
            && best.is_none_or(|(known, _)| likelihood > known)
        {
            best = Some((likelihood, at));
        }
    }
    let (_, at) = best?;
    Reply::from_text(&extent(text, at))
}

/// Whether a reply code stands at byte `at` of `text` (lower case), and how surely.
fn code_at(text: &str, at: usize) -> Option<Likelihood> {
    let bytes = text.as_bytes();
    let [first @ b'2'..=b'5', b'0'..=b'5', b'0'..=b'9'] = bytes.get(at..at + 3)? else {
        // Some hosts go beyond the grammar: 571 and 577 are in use.
        return (at == 0 || bytes.get(at - 1).is_some_and(u8::is_ascii_whitespace))
            .then(|| code_at_beyond_grammar(text, at))
            .flatten();
    };
    let before = at.checked_sub(1).map(|index| bytes[index]);
    if before.is_some_and(|b| {
        b.is_ascii_alphanumeric()
            || matches!(b, b'.' | b'-' | b'@' | b'_' | b'/' | b'%' | b'+')
            || !b.is_ascii()
    }) {
        // The one dash that may stand before a code is that of an arrow.
        return None;
    }
    let rest = &text[at + 3..];
    let after = rest.bytes().next();
    if after.is_some_and(|b| b.is_ascii_digit() || matches!(b, b'.' | b'/' | b'%' | b'@' | b'_')) {
        // "550." at the end of a sentence is a code, "550.1" is not.
        let ends_sentence = after == Some(b'.')
            && rest[1..]
                .bytes()
                .next()
                .is_none_or(|b| b.is_ascii_whitespace());
        if !ends_sentence {
            return None;
        }
    }
    let lead = text[..at].trim_end();
    let at_start = lead.is_empty()
        || text[..at]
            .trim_end_matches([' ', '\t', '\'', '"', '(', '#'])
            .ends_with('\n');
    if *first < b'4' {
        // "250" and "354" are replies where nothing stands before them, else numbers.
        return lead.is_empty().then_some(Likelihood::Certain);
    }
    if INNER_CUES.iter().any(|cue| lead.ends_with(cue)) {
        return Some(Likelihood::Inner);
    }
    let body = rest.trim_start_matches([' ', '-', ':', '\t', '#']);
    if EnhancedCode::at_start(body).is_some_and(|(code, _)| code.class == first - b'0') {
        return Some(Likelihood::Certain);
    }
    let bare = lead
        .trim_end_matches(['\'', '"', '(', '#', '<', '['])
        .trim_end();
    if at_start
        || CUES
            .iter()
            .any(|cue| lead.ends_with(cue) || bare.ends_with(cue))
    {
        return Some(Likelihood::Certain);
    }
    // "[506]" and "(506)" are the numbers of a list in the text.
    let wrapped = matches!(
        (before, after),
        (Some(b'['), Some(b']')) | (Some(b'('), Some(b')'))
    );
    if wrapped && !lead.trim_end_matches(['[', '(']).trim_end().is_empty() {
        return None;
    }
    let word: String = body.chars().take_while(char::is_ascii_alphabetic).collect();
    if UNITS.iter().any(|unit| {
        word == *unit
            || word.strip_suffix('s') == Some(unit)
            || (unit.len() > 2 && word.starts_with(unit) && word.len() <= unit.len() + 4)
    }) {
        return None;
    }
    if matches!(after, Some(b' ' | b'-' | b':')) && !word.is_empty() {
        return Some(Likelihood::Likely);
    }
    Some(Likelihood::Possible)
}

/// A code such as 571 whose middle digit the grammar does not know, with an enhanced code of its class behind it.
fn code_at_beyond_grammar(text: &str, at: usize) -> Option<Likelihood> {
    let bytes = text.as_bytes();
    let [first @ b'4'..=b'5', b'6'..=b'9', b'0'..=b'9', b' ' | b'-'] = bytes.get(at..at + 4)?
    else {
        return None;
    };
    let (code, _) = EnhancedCode::at_start(&text[at + 4..])?;
    (code.class == first - b'0').then_some(Likelihood::Certain)
}

/// Where the sentence around a reply goes on.
const ENDS: [&str; 12] = [
    "(in reply to",
    "; (in reply",
    "giving up on ",
    "i'm not going to try again",
    "original message",
    "};{",
    "\n\n",
    "\n>>>",
    "\n---",
    "\nreporting-mta",
    "this message was created automatically",
    "\n<<<",
];

/// The reply that begins at byte `at`, with its lines as they were sent.
fn extent(text: &str, at: usize) -> String {
    let quote = text[..at]
        .chars()
        .next_back()
        .filter(|c| matches!(c, '\'' | '"'));
    let mut rest = &text[at..];
    if let Some(quote) = quote
        && let Some(close) = rest.rfind(quote)
        && close > 3
    {
        rest = &rest[..close];
    }
    let lower = rest.to_ascii_lowercase();
    if let Some(end) = ENDS
        .iter()
        .filter_map(|end| lower.find(end))
        .filter(|&end| end > 3)
        .min()
    {
        rest = &rest[..end];
    }
    let (code, body) = rest.split_at(3);
    let separator = if body.starts_with('-') { '-' } else { ' ' };
    let body = body.trim_start_matches(['-', ':', ' ', '\t', '#']);
    let mut lines = Vec::new();
    for line in body.split('\n') {
        let line = line.trim();
        if other_code(line, code) {
            break;
        }
        // A report folds "550-5.1.1 a" / "550 5.1.1 b" into one line.
        let mut piece = line;
        if separator == '-' {
            while let Some(next) = next_line(piece, code) {
                lines.push(piece[..next].trim_end());
                piece = piece[next..].trim_start();
            }
        }
        lines.push(piece);
    }
    lines.truncate(limits::QUOTED_LINES - 1);
    let mut out = format!("{code}{separator}");
    for (index, line) in lines.iter().enumerate() {
        if index > 0 {
            out.push('\n');
        }
        out.push_str(fields::clip(line, limits::QUOTED_LINE_BYTES));
    }
    out.truncate(out.trim_end().len());
    out
}

/// Where the next line of a reply with this code begins in a folded one.
fn next_line(text: &str, code: &str) -> Option<usize> {
    let mut from = 0;
    while let Some(found) = text[from..].find(code) {
        let at = from + found;
        let spaced = at > 0 && text.as_bytes()[at - 1].is_ascii_whitespace();
        if spaced && matches!(text.as_bytes().get(at + 3), Some(b'-' | b' ')) {
            return Some(at);
        }
        from = at + 3;
    }
    None
}

/// Whether a line begins with a reply code other than `code`: it is another reply, not more of this one.
fn other_code(line: &str, code: &str) -> bool {
    let bytes = line.as_bytes();
    matches!(
        bytes,
        [b'2'..=b'5', b'0'..=b'5', b'0'..=b'9', b' ' | b'-', ..]
    ) && !line.starts_with(code)
}

/// An enhanced code on its own, or at the end as qmail writes it: `... (#5.1.1)`.
fn enhanced_alone(text: &str) -> Option<Reply> {
    let bytes = text.as_bytes();
    for at in 0..bytes.len() {
        if !matches!(bytes[at], b'4' | b'5') || bytes.get(at + 1) != Some(&b'.') {
            continue;
        }
        let before = at.checked_sub(1).map(|index| bytes[index]);
        if before.is_some_and(|b| {
            !matches!(
                b,
                b' ' | b'\t' | b'\n' | b'(' | b'#' | b';' | b'\'' | b'"' | b'[' | b':' | b'<'
            )
        }) {
            continue;
        }
        if let Some((enhanced, rest)) = EnhancedCode::at_start(&text[at..])
            && enhanced.subject <= 7
        {
            let words = if at == 0 { rest } else { text };
            let line = words.split_whitespace().collect::<Vec<_>>().join(" ");
            let line = fields::clip(&line, limits::QUOTED_LINE_BYTES).to_owned();
            return Some(Reply {
                code: if enhanced.class == 4 { 450 } else { 550 },
                enhanced: Some(enhanced),
                lines: vec![line],
                inconsistent: false,
            });
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn replies_are_found_in_what_people_paste() {
        let table: &[(&str, &str)] = &[
            ("550 5.1.1 no such user", "550 5.1.1 no such user"),
            ("550", "550"),
            ("5.1.1", "550"),
            ("4.2.2 full", "450 full"),
            ("  smtp;550 5.1.1 no such user", "550 5.1.1 no such user"),
            ("smtp; 550 5.1.1 no such user", "550 5.1.1 no such user"),
            ("Diagnostic-Code: smtp; 554 5.7.1 no", "554 5.7.1 no"),
            (
                "Remote Server returned '550 5.1.10 RESOLVER.ADR.RecipientNotFound; it's gone'",
                "550 5.1.10 RESOLVER.ADR.RecipientNotFound; it's gone",
            ),
            (
                "host mx.example.net[192.0.2.1] said: 550 5.1.1 <a@example.net>: no (in reply to RCPT TO command)",
                "550 5.1.1 <a@example.net>: no",
            ),
            (
                "SMTP error from remote mail server after RCPT TO:<a@example.net>: 550 No such user",
                "550 No such user",
            ),
            ("<<< 550 User unknown", "550 User unknown"),
            ("554: 5.7.1 blocked", "554 5.7.1 blocked"),
            (
                "550 5.0.350 Remote server returned an error -> 550 5.1.1 User unknown",
                "550 5.1.1 User unknown",
            ),
            (
                "[{LRT=1};{LED=452 4.2.2 mailbox full};{FQDN=mx.example.net}]",
                "452 4.2.2 mailbox full",
            ),
            (
                "421 wait 450 seconds, then come back",
                "421 wait 450 seconds, then come back",
            ),
            ("try again in 450 seconds: 421 busy", "421 busy"),
            (
                "550-5.1.1 The account 550-5.1.1 does not 550 5.1.1 exist",
                "550 5.1.1 The account does not exist",
            ),
            (
                "550-5.1.1 The account\n550 5.1.1 does not exist",
                "550 5.1.1 The account does not exist",
            ),
            (
                "550 5.1.1 The account\ndoes not exist",
                "550 5.1.1 The account does not exist",
            ),
            (
                "mx.example.net #550 5.1.1 unknown ##",
                "550 5.1.1 unknown ##",
            ),
            ("571 5.7.1 policy", "571 5.7.1 policy"),
            (
                "Sorry, no mailbox here by that name. (#5.1.1)",
                "550 Sorry, no mailbox here by that name. (#5.1.1)",
            ),
            ("250 2.1.5 OK", "250 2.1.5 OK"),
            ("said: \"550 no\"", "550 no"),
            ("SMTP error 550.", "550 ."),
        ];
        for (text, expected) in table {
            let reply = read(text)
                .reply
                .unwrap_or_else(|| panic!("no reply in {text:?}"));
            assert_eq!(&reply.to_string(), expected, "{text:?}");
        }
    }

    #[test]
    fn numbers_are_no_replies() {
        for text in [
            "",
            "no code",
            "192.0.2.550",
            "call 5501234",
            "room 250 please",
            "45012",
            "v5.1.1.9",
            "a550@example.net",
            "5.2.0x mail rejected [506]",
        ] {
            assert_eq!(read(text).reply, None, "{text:?}");
        }
    }

    #[test]
    fn the_sentence_tells_host_stage_and_address() {
        type Told = (
            &'static str,
            Option<&'static str>,
            Option<Stage>,
            Option<&'static str>,
        );
        let table: &[Told] = &[
            (
                "host mx.example.net[192.0.2.1] said: 550 no (in reply to RCPT TO command)",
                Some("mx.example.net"),
                Some(Stage::Rcpt),
                None,
            ),
            (
                "SMTP error from remote mail server after MAIL FROM:<s@example.com>:\n host mx.example.net [192.0.2.1]: 550 no",
                Some("mx.example.net"),
                Some(Stage::Mail),
                Some("s@example.com"),
            ),
            (
                "... while talking to mx.example.net.:\n>>> DATA\n<<< 554 no",
                Some("mx.example.net"),
                Some(Stage::Data),
                None,
            ),
            (
                "192.0.2.1 does not like recipient.\nRemote host said: 550 no",
                Some("192.0.2.1"),
                Some(Stage::Rcpt),
                None,
            ),
            (
                "<a@example.net>: connect to mx.example.net[192.0.2.1]:25: Connection timed out",
                Some("mx.example.net"),
                None,
                Some("a@example.net"),
            ),
            (
                "rejected by the server for the recipient domain example.net by mx.example.net. [192.0.2.1].",
                Some("mx.example.net"),
                None,
                None,
            ),
            ("550 5.1.1 unknown", None, None, None),
        ];
        for (text, host, stage, address) in table {
            let quoted = read(text);
            assert_eq!(quoted.host.as_deref(), *host, "{text:?}");
            assert_eq!(quoted.stage, *stage, "{text:?}");
            assert_eq!(quoted.address.as_deref(), *address, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in any::<String>()) {
            let _ = read(&text);
        }

        #[test]
        fn any_text_around_a_reply_is_read(before in "[a-z:;'<(# \n>-]{0,12}", after in "\\PC{0,40}") {
            let _ = read(&format!("{before}550{after}"));
        }
    }
}
