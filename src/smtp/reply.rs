//! Replies: bytes from a mail host, decoded leniently within hard limits.
//!
//! Servers send line feeds without carriage returns, codes without text, Latin-1, `#` before the enhanced code,
//! mixed codes within one reply, lines that never end. All of it decodes or is a named [`Garble`]; nothing panics,
//! nothing grows without bound.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::model::limits;

/// An enhanced status code (RFC 3463), such as `5.1.1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct EnhancedCode {
    /// 2 success, 4 persistent transient failure, 5 permanent failure.
    pub class: u8,
    /// What the status is about: 1 addressing, 2 mailbox, 3 mail system, 4 network, 5 protocol, 6 content, 7 policy.
    pub subject: u16,
    /// The precise condition.
    pub detail: u16,
}

impl EnhancedCode {
    /// Reads an enhanced code at the start of `text` (an IronPort-style `#` before it is tolerated).
    ///
    /// Returns the code with the rest of the text behind it, or `None` when there is none.
    #[must_use]
    pub fn at_start(text: &str) -> Option<(Self, &str)> {
        let text = text.trim_start();
        let text = text.strip_prefix('#').unwrap_or(text);
        let (class, rest) = digits(text, 1)?;
        if !matches!(class, 2 | 4 | 5) {
            return None;
        }
        let (subject, rest) = digits(rest.strip_prefix('.')?, 3)?;
        let (detail, rest) = digits(rest.strip_prefix('.')?, 3)?;
        // "5.1.1.10" is an IP address or a version, not a status.
        let ends = rest
            .strip_prefix('.')
            .map_or(rest, |after_dot| after_dot)
            .chars()
            .next()
            .is_none_or(|c| !c.is_ascii_alphanumeric());
        let class = u8::try_from(class).ok()?;
        ends.then_some((
            EnhancedCode {
                class,
                subject,
                detail,
            },
            rest,
        ))
    }
}

/// One to `most` ASCII digits at the start of `text`, with what follows them.
fn digits(text: &str, most: usize) -> Option<(u16, &str)> {
    let end = text.bytes().take_while(u8::is_ascii_digit).count();
    if end == 0 || end > most {
        return None;
    }
    Some((text[..end].parse().ok()?, &text[end..]))
}

impl fmt::Display for EnhancedCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.class, self.subject, self.detail)
    }
}

impl From<EnhancedCode> for String {
    fn from(code: EnhancedCode) -> String {
        code.to_string()
    }
}

impl TryFrom<String> for EnhancedCode {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match EnhancedCode::at_start(&text) {
            Some((code, "")) => Ok(code),
            Some(_) | None => Err(format!("`{text}` is not an enhanced status code")),
        }
    }
}

/// Whether a reply says yes, later or no (RFC 5321 §4.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// 2yz, or 3yz where more is expected.
    Positive,
    /// 4yz: not now.
    Transient,
    /// 5yz: not in this transaction.
    Permanent,
}

/// One complete reply of a mail host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The three-digit code; the last line's where lines disagree.
    pub code: u16,
    /// The enhanced status code, where there is one: the last line's that has one.
    pub enhanced: Option<EnhancedCode>,
    /// The text behind the codes, one entry a line, as sent (invalid UTF-8 replaced).
    pub lines: Vec<String>,
    /// Whether the lines carried different codes.
    pub inconsistent: bool,
}

impl Reply {
    /// Yes, later or no.
    #[must_use]
    pub fn severity(&self) -> Severity {
        match self.code / 100 {
            2 | 3 => Severity::Positive,
            4 => Severity::Transient,
            _ => Severity::Permanent,
        }
    }

    /// Reads a reply from text on its own: a log line, a table, a diagnostic. Lines may repeat the code
    /// (`550-5.1.1 ...`) or not.
    ///
    /// Returns `None` when the text does not begin with a reply code.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Reply> {
        let mut decoder = Decoder::new();
        let mut framed = String::with_capacity(text.len() + 8);
        let lines: Vec<&str> = text
            .split('\n')
            .map(|line| line.trim_end_matches('\r'))
            .collect();
        let (code, _) = split_code(lines.first()?.trim_start())?;
        for (index, line) in lines.iter().enumerate() {
            let line = line.trim_start();
            let body = split_code(line).map_or(line, |(_, rest)| rest);
            let code = split_code(line).map_or(code, |(code, _)| code);
            let more = if index + 1 < lines.len() { "-" } else { " " };
            framed.extend([code.to_string().as_str(), more, body, "\n"]);
        }
        let mut bytes = framed.as_bytes();
        decoder.decode(&mut bytes).ok().flatten()
    }
}

/// The code at the start of a line, with the text behind its separator.
fn split_code(line: &str) -> Option<(u16, &str)> {
    let bytes = line.as_bytes();
    let [
        first @ b'2'..=b'5',
        second @ b'0'..=b'9',
        third @ b'0'..=b'9',
        ..,
    ] = bytes
    else {
        return None;
    };
    let code =
        u16::from(first - b'0') * 100 + u16::from(second - b'0') * 10 + u16::from(third - b'0');
    let rest = &line[3..];
    match rest.as_bytes().first() {
        Some(b' ' | b'-' | b'\t') => Some((code, &rest[1..])),
        // "550-" and "550 " are the grammar; "5500" and "550.1" are not replies, "550OK" is one that servers send.
        Some(b'0'..=b'9' | b'.') => None,
        None | Some(_) => Some((code, rest)),
    }
}

impl fmt::Display for Reply {
    /// Code and text in one line, as logs quote it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        let mut enhanced_shown = None;
        for line in &self.lines {
            let line = line.trim();
            // Servers repeat the enhanced code on every line; once is enough for a reader.
            let line = match (EnhancedCode::at_start(line), enhanced_shown) {
                (Some((code, rest)), Some(shown)) if code == shown => rest.trim_start(),
                (Some((code, _)), _) => {
                    enhanced_shown = Some(code);
                    line
                }
                (None, _) => line,
            };
            if !line.is_empty() {
                write!(f, " {line}")?;
            }
        }
        Ok(())
    }
}

/// The beginning of `text`, at most so many bytes of it.
#[must_use]
pub(crate) fn clip(text: &str, most: usize) -> &str {
    let mut end = text.len().min(most);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// Why bytes are no reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Garble {
    /// A line does not begin with a reply code.
    #[error("a line that is no SMTP reply")]
    NoCode,
    /// A line is longer than the limit.
    #[error("a reply line of more than {} bytes", limits::REPLY_LINE_BYTES)]
    LineTooLong,
    /// The reply is longer than the limits.
    #[error("a reply without an end")]
    ReplyTooLong,
    /// Bytes that answer none of our commands: a reply too many, or one that cannot belong to the command before it.
    #[error("a reply that belongs to none of our commands")]
    OutOfTurn,
}

/// Decodes replies from bytes as they arrive, in pieces of any size.
#[derive(Debug, Default)]
pub struct Decoder {
    line: Vec<u8>,
    lines: Vec<String>,
    bytes: usize,
    code: Option<u16>,
    enhanced: Option<EnhancedCode>,
    inconsistent: bool,
}

impl Decoder {
    /// A decoder at the start of a reply.
    #[must_use]
    pub fn new() -> Self {
        Decoder::default()
    }

    /// Whether part of a reply has arrived.
    #[cfg(feature = "testing")]
    #[must_use]
    pub fn is_mid_reply(&self) -> bool {
        !self.line.is_empty() || self.code.is_some()
    }

    /// Consumes bytes from the front of `input` up to the end of one reply.
    ///
    /// Returns the reply once it is complete, leaving later bytes in `input`; `None` when `input` is used up first.
    ///
    /// # Errors
    ///
    /// [`Garble`] when the bytes are no reply or exceed a limit. The session cannot go on after that.
    pub fn decode(&mut self, input: &mut &[u8]) -> Result<Option<Reply>, Garble> {
        while !input.is_empty() {
            let newline = input.iter().position(|&byte| byte == b'\n');
            let taken = newline.unwrap_or(input.len());
            if self.line.len() + taken > limits::REPLY_LINE_BYTES {
                return Err(Garble::LineTooLong);
            }
            self.bytes += taken;
            if self.bytes > limits::REPLY_BYTES {
                return Err(Garble::ReplyTooLong);
            }
            self.line.extend_from_slice(&input[..taken]);
            let Some(newline) = newline else {
                *input = &[];
                return Ok(None);
            };
            *input = &input[newline + 1..];
            if let Some(reply) = self.end_line()? {
                return Ok(Some(reply));
            }
        }
        Ok(None)
    }

    /// Takes in the completed line; returns the reply when it was the last one.
    fn end_line(&mut self) -> Result<Option<Reply>, Garble> {
        let line = std::mem::take(&mut self.line);
        let line = String::from_utf8_lossy(&line);
        let line = line.trim_end_matches('\r');
        if line.is_empty() && self.code.is_none() {
            // Some servers send a blank line before a reply.
            return Ok(None);
        }
        let (code, text) = split_code(line).ok_or(Garble::NoCode)?;
        let more = line.as_bytes().get(3) == Some(&b'-');
        if self.code.is_some_and(|earlier| earlier != code) {
            self.inconsistent = true;
        }
        self.code = Some(code);
        if let Some((enhanced, _)) = EnhancedCode::at_start(text) {
            self.enhanced = Some(enhanced);
        }
        self.lines.push(text.to_owned());
        if more {
            if self.lines.len() >= limits::REPLY_LINES {
                return Err(Garble::ReplyTooLong);
            }
            return Ok(None);
        }
        let done = std::mem::take(self);
        Ok(Some(Reply {
            code,
            enhanced: done.enhanced,
            lines: done.lines,
            inconsistent: done.inconsistent,
        }))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::error_texts::error_texts;

    fn decode(bytes: &[u8]) -> Result<Option<Reply>, Garble> {
        let mut input = bytes;
        Decoder::new().decode(&mut input)
    }

    fn reply(bytes: &[u8]) -> Reply {
        decode(bytes).unwrap().unwrap()
    }

    #[test]
    fn replies_that_servers_really_send() {
        let table: &[(&[u8], &str)] = &[
            (b"250 2.1.5 Ok\r\n", "250 2.1.5 Ok"),
            (b"250\r\n", "250"),
            (b"250 ok\n", "250 ok"),
            (b"250OK\r\n", "250 OK"),
            (b"\r\n220 late\r\n", "220 late"),
            (
                b"550-5.1.1 no such\r\n550 5.1.1 user\r\n",
                "550 5.1.1 no such user",
            ),
            (
                b"550 #5.1.0 Address rejected.\r\n",
                "550 #5.1.0 Address rejected.",
            ),
            (b"571 5.7.1 policy\r\n", "571 5.7.1 policy"),
            (
                b"550 Empf\xe4nger unbekannt\r\n",
                "550 Empf\u{fffd}nger unbekannt",
            ),
        ];
        for (bytes, expected) in table {
            assert_eq!(&reply(bytes).to_string(), expected);
        }
    }

    #[test]
    fn enhanced_codes_are_read_where_they_stand() {
        let enhanced = |text: &str| EnhancedCode::at_start(text).map(|(code, _)| code.to_string());
        assert_eq!(
            enhanced("5.7.520 Access denied").as_deref(),
            Some("5.7.520")
        );
        assert_eq!(enhanced("#5.1.0 Address").as_deref(), Some("5.1.0"));
        assert_eq!(enhanced("5.1.1: unknown").as_deref(), Some("5.1.1"));
        assert_eq!(enhanced("5.1.1"), Some("5.1.1".to_owned()));
        assert_eq!(enhanced("5.1.1.7 is listed"), None);
        assert_eq!(enhanced("3.1.1 no class"), None);
        assert_eq!(enhanced("5.1234.1"), None);
    }

    #[test]
    fn the_last_code_of_an_inconsistent_reply_wins_visibly() {
        let reply = reply(b"550-first\r\n450 4.2.0 second\r\n");
        assert_eq!((reply.code, reply.inconsistent), (450, true));
        assert_eq!(reply.severity(), Severity::Transient);
    }

    #[test]
    fn what_is_no_reply_is_named() {
        assert_eq!(decode(b"HTTP/1.1 400 Bad Request\r\n"), Err(Garble::NoCode));
        assert_eq!(decode(b"5500 x\r\n"), Err(Garble::NoCode));
        assert_eq!(decode(b"650 x\r\n"), Err(Garble::NoCode));
        assert_eq!(
            decode(&vec![b'2'; limits::REPLY_LINE_BYTES + 1]),
            Err(Garble::LineTooLong)
        );
        let endless = b"250-x\r\n".repeat(limits::REPLY_LINES + 1);
        assert_eq!(decode(&endless), Err(Garble::ReplyTooLong));
        let line = [&b"250-"[..], &[b'x'; 1000], b"\r\n"].concat();
        let heavy = line.repeat(limits::REPLY_BYTES / 1000);
        assert_eq!(decode(&heavy), Err(Garble::ReplyTooLong));
    }

    #[test]
    fn long_replies_that_end_are_replies() {
        let line = [&b"550 5.7.1 "[..], &vec![b'x'; 60_000], b"\r\n"].concat();
        assert_eq!(reply(&line).code, 550);
        let mut lines = b"550-5.1.1 and another thing\r\n".repeat(999);
        lines.extend(b"550 5.1.1 that is all\r\n");
        let reply = reply(&lines);
        assert_eq!((reply.code, reply.lines.len()), (550, 1000));
    }

    #[test]
    fn bytes_after_a_reply_stay_for_the_next() {
        let mut input: &[u8] = b"250 one\r\n550 two\r\n";
        let mut decoder = Decoder::new();
        assert_eq!(decoder.decode(&mut input).unwrap().unwrap().code, 250);
        assert_eq!(decoder.decode(&mut input).unwrap().unwrap().code, 550);
        assert!(input.is_empty() && !decoder.is_mid_reply());
    }

    #[test]
    fn a_reply_quoted_without_its_framing_is_read() {
        let reply =
            Reply::from_text("550-5.1.1 The email account\n550 5.1.1 does not exist").unwrap();
        assert_eq!(
            reply.to_string(),
            "550 5.1.1 The email account does not exist"
        );
        let reply = Reply::from_text("550 5.1.1 The email account\ndoes not exist").unwrap();
        assert_eq!(reply.lines.len(), 2);
        assert!(Reply::from_text("no code here").is_none());
    }

    proptest! {
        #[test]
        fn any_chunking_decodes_alike(
            bytes in proptest::collection::vec(prop_oneof![
                Just(b'2'), Just(b'5'), Just(b'0'), Just(b'-'), Just(b' '), Just(b'\r'), Just(b'\n'), any::<u8>()
            ], 0..200),
            size in 1usize..9,
        ) {
            let mut whole: &[u8] = &bytes;
            let mut at_once = Vec::new();
            let mut decoder = Decoder::new();
            loop {
                let result = decoder.decode(&mut whole);
                let stop = !matches!(result, Ok(Some(_)));
                at_once.push(result);
                if stop { break }
            }
            let mut decoder = Decoder::new();
            let mut in_pieces = Vec::new();
            'outer: for piece in bytes.chunks(size) {
                let mut piece = piece;
                while !piece.is_empty() {
                    match decoder.decode(&mut piece) {
                        Ok(None) => break,
                        Ok(reply) => in_pieces.push(Ok(reply)),
                        Err(error) => { in_pieces.push(Err(error)); break 'outer }
                    }
                }
            }
            if !matches!(in_pieces.last(), Some(Err(_))) { in_pieces.push(Ok(None)) }
            prop_assert_eq!(at_once, in_pieces);
        }
    }

    #[test]
    fn every_kind_of_garbage_has_its_words() {
        let texts = error_texts!(Garble {
            NoCode,
            LineTooLong,
            ReplyTooLong,
            OutOfTurn,
        });
        insta::assert_snapshot!(texts, @r"
        a line that is no SMTP reply
        a reply line of more than 65536 bytes
        a reply without an end
        a reply that belongs to none of our commands
        ");
    }
}
