//! What the sentence around a quoted reply tells: the stage, the host, the recipient.

use super::fields;
use crate::model::stage::Stage;

/// Words that tell the stage, in lower case. The more telling come first: a bounce may mention several commands.
const STAGES: &[(&str, Stage)] = &[
    ("in reply to rcpt to", Stage::Rcpt),
    ("in reply to mail from", Stage::Mail),
    ("in reply to end of data", Stage::Data),
    ("in reply to data", Stage::Data),
    ("in reply to ehlo", Stage::Hello),
    ("in reply to helo", Stage::Hello),
    ("in reply to starttls", Stage::Tls),
    ("after rcpt to", Stage::Rcpt),
    ("after pipelined rcpt to", Stage::Rcpt),
    ("after mail from", Stage::Mail),
    ("after pipelined mail from", Stage::Mail),
    ("after end of data", Stage::Data),
    ("after pipelined end of data", Stage::Data),
    ("after data", Stage::Data),
    ("after pipelined data", Stage::Data),
    ("after initial connection", Stage::Greeting),
    ("after ehlo", Stage::Hello),
    ("after helo", Stage::Hello),
    ("after starttls", Stage::Tls),
    ("while sending rcpt to", Stage::Rcpt),
    ("while sending mail from", Stage::Mail),
    ("while sending end of data", Stage::Data),
    ("while sending message body", Stage::Data),
    ("while sending data", Stage::Data),
    ("while performing the ehlo", Stage::Hello),
    ("while performing the helo", Stage::Hello),
    (
        "while receiving the initial server greeting",
        Stage::Greeting,
    ),
    ("while performing the initial protocol", Stage::Greeting),
    ("does not like recipient", Stage::Rcpt),
    ("but sender was rejected", Stage::Mail),
    ("but my name was rejected", Stage::Hello),
    ("but greeting failed", Stage::Greeting),
    ("failed on data command", Stage::Data),
    ("failed after i sent the message", Stage::Data),
    (">>> rcpt to", Stage::Rcpt),
    (">>> mail from", Stage::Mail),
    (">>> data", Stage::Data),
    ("rcpt to command", Stage::Rcpt),
    ("rcpt command", Stage::Rcpt),
    ("mail from command", Stage::Mail),
    ("data command", Stage::Data),
];

/// When in the session a quoted reply came.
pub(super) fn stage_in(text: &str) -> Option<Stage> {
    let lower = text.to_ascii_lowercase();
    STAGES
        .iter()
        .find(|(words, _)| lower.contains(words))
        .map(|&(_, stage)| stage)
}

/// Words that the name of the host follows, in lower case.
const BEFORE_HOST: [&str; 15] = [
    "while talking to ",
    "fqdn=",
    "lost connection with ",
    "connect to ",
    "connection with ",
    "conversation with ",
    "host ",
    "recipient domain ",
    "remote server ",
    "remote system: dns;",
    "server for the recipient domain ",
    "relay=",
    "remote mta ",
    "remote host ",
    "connected to ",
];

/// Words that follow the name of the host, in lower case.
const AFTER_HOST: [&str; 7] = [
    " gave this error",
    " rejected your message",
    " does not like recipient",
    " failed on data command",
    " failed after i sent the message",
    " said:",
    " responded:",
];

/// The host that gave a quoted reply, where the sentence names one.
pub(super) fn host_in(text: &str) -> Option<String> {
    let lower = text.to_ascii_lowercase();
    // Gmail: "rejected by the server for the recipient domain example.net by mx.example.net. [192.0.2.1]."
    if lower.contains("for the recipient domain ")
        && let Some(at) = lower.find("for the recipient domain ")
        && let Some(by) = lower[at..].find(" by ")
    {
        return named_host(&lower[at + by + 4..]);
    }
    // To look whether words are there at all is much cheaper than to begin to look for their places.
    for words in BEFORE_HOST {
        if !lower.contains(words) {
            continue;
        }
        let mut from = 0;
        while let Some(found) = lower[from..].find(words) {
            let at = from + found;
            let starts_word = at == 0 || !lower.as_bytes()[at - 1].is_ascii_alphanumeric();
            if starts_word && let Some(host) = named_host(&lower[at + words.len()..]) {
                return Some(host);
            }
            from = at + words.len();
        }
    }
    for words in AFTER_HOST {
        if lower.contains(words)
            && let Some(at) = lower.find(words)
            && let Some(word) = lower[..at].split_whitespace().next_back()
            && let Some(host) = named_host(word)
        {
            return Some(host);
        }
    }
    // Exchange: "mx.example.net #550 5.1.1 ... ##"
    let at = lower.find(" #5").or_else(|| lower.find(" #4"))?;
    named_host(lower[..at].split_whitespace().next_back()?)
}

/// The host name or IP address at the start of `text`; a word without a dot is no name.
fn named_host(text: &str) -> Option<String> {
    let end = text
        .find(|c: char| {
            c.is_whitespace()
                || matches!(
                    c,
                    '[' | '(' | ',' | ';' | '}' | '<' | '>' | '\'' | '"' | '|'
                )
        })
        .unwrap_or(text.len());
    let word = text[..end].trim_end_matches(['.', ':']);
    // "host 192.0.2.1" and "host [192.0.2.1]" name only an address.
    let word = if word.is_empty() {
        text.strip_prefix('[')?.split(']').next()?
    } else {
        word.rsplit_once(':')
            .filter(|(_, port)| port.bytes().all(|b| b.is_ascii_digit()))
            .map_or(word, |(host, _)| host)
    };
    let dotted = word.contains('.') || word.parse::<std::net::IpAddr>().is_ok();
    let plausible = dotted && !word.contains('@') && !word.contains("..");
    plausible.then(|| fields::host(word)).flatten()
}

/// The address that a sentence is about: the one after RCPT TO, else the first in angle brackets.
pub(super) fn address_in(text: &str) -> Option<String> {
    let lower = text.to_ascii_lowercase();
    let from = lower.find("rcpt to:").map_or(0, |at| at + "rcpt to:".len());
    let tail = &text[from..];
    let open = tail.find('<')?;
    let close = tail[open..].find('>')? + open;
    fields::address(&tail[open..=close], None)
}
