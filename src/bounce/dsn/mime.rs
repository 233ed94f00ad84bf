//! Takes a message apart: which of its MIME parts a notice may be read from.

use mail_parser::decoders::html::html_to_text;
use mail_parser::{MessageParser, MessagePart, MimeHeaders, PartType};

use super::Original;
use super::fields::{self, Block};
use super::returned::returned_message;
use crate::model::limits;

/// The parts of one message, sorted by what they can tell.
#[derive(Debug, Default)]
pub(super) struct Parts {
    /// The header fields of the message itself.
    pub(super) header: Block,
    /// Its readable text, at most [`limits::PROSE_BYTES`].
    pub(super) text: String,
    /// Delivery reports (RFC 3464, RFC 6533).
    pub(super) statuses: Vec<String>,
    /// Complaints (RFC 5965).
    pub(super) feedback: Vec<String>,
    /// Receipts (RFC 8098).
    pub(super) receipts: Vec<String>,
    /// Messages inside, whole.
    pub(super) attached: Vec<Vec<u8>>,
    /// Header fields of messages inside, the first as well as those of `attached`.
    pub(super) returned: Vec<Block>,
}

impl Parts {
    /// Takes a message apart; `None` when the bytes have no header at all.
    pub(super) fn of_message(bytes: &[u8]) -> Option<Parts> {
        let message = MessageParser::default().parse(shallow(bytes))?;
        let mut header = String::new();
        for (name, value) in message.headers_raw() {
            header.extend([name, ":", value.trim_end(), "\n"]);
        }
        let mut parts = Parts {
            header: fields::blocks(&header)
                .into_iter()
                .next()
                .unwrap_or_default(),
            ..Parts::default()
        };
        let mut html = String::new();
        for part in message.parts.iter().take(limits::MESSAGE_PARTS) {
            parts.add(part, &mut html);
        }
        if parts.text.trim().is_empty() {
            parts.text = html_to_text(&html);
        }
        if parts.is_empty() {
            // The structure is lost; the report may still stand there in plain sight.
            let body = String::from_utf8_lossy(body_of(bytes));
            push_within(&mut parts.text, &body);
        }
        Some(parts)
    }

    /// Whether nothing was found to read.
    fn is_empty(&self) -> bool {
        self.text.trim().is_empty()
            && self.statuses.is_empty()
            && self.feedback.is_empty()
            && self.receipts.is_empty()
            && self.attached.is_empty()
    }

    /// Takes text for the words of a message without a header.
    pub(super) fn of_text(text: &str) -> Parts {
        Parts {
            text: fields::clip(text, limits::PROSE_BYTES).to_owned(),
            ..Parts::default()
        }
    }

    /// Sorts one MIME part in.
    fn add(&mut self, part: &MessagePart<'_>, html: &mut String) {
        let kind = kind_of(part);
        match &part.body {
            PartType::Multipart(_) => {}
            PartType::Message(inner) => self.add_message(inner.raw_message()),
            PartType::Html(text) => push_within(html, text),
            PartType::Text(text) => self.add_text(&kind, text),
            PartType::Binary(bytes) | PartType::InlineBinary(bytes) => {
                if kind == "message/partial" || kind == "message/rfc822" || kind == "message/global"
                {
                    self.add_message(bytes);
                } else if kind.starts_with("message/") {
                    self.add_text(&kind, &String::from_utf8_lossy(bytes));
                }
            }
        }
    }

    /// Sorts one part of text in.
    fn add_text(&mut self, kind: &str, text: &str) {
        match kind {
            "message/delivery-status" | "message/global-delivery-status" => {
                self.statuses.push(text.to_owned());
            }
            "message/feedback-report" => self.feedback.push(text.to_owned()),
            "message/disposition-notification" | "message/global-disposition-notification" => {
                self.receipts.push(text.to_owned());
            }
            "text/rfc822-headers" | "message/global-headers" => self
                .returned
                .extend(fields::blocks(text).into_iter().next()),
            "text/plain" | "" => push_within(&mut self.text, text),
            // Calendars, cards and what was broken beyond recognition: only the latter may hold the report.
            _ if kind.starts_with("multipart/") || kind.starts_with("message/") => {
                push_within(&mut self.text, text);
            }
            _ => {}
        }
    }

    /// Sorts a message inside in.
    fn add_message(&mut self, bytes: &[u8]) {
        let head = &bytes[..bytes.len().min(limits::PROSE_BYTES)];
        self.returned.extend(
            fields::blocks(&String::from_utf8_lossy(head))
                .into_iter()
                .next(),
        );
        self.attached.push(bytes.to_vec());
    }

    /// What is known of the message that came back.
    pub(super) fn original(&self) -> Original {
        let quoted = returned_message(&self.text)
            .map(|text| fields::blocks(text).into_iter().next().unwrap_or_default());
        let head = self.returned.first().or(quoted.as_ref());
        let of = |name: &str| head.and_then(|head| head.get(name));
        Original {
            message_id: of("message-id").map(|id| one_line(id.trim_matches(['<', '>', ' ']))),
            from: of("from").and_then(|from| fields::address(from, None)),
            subject: of("subject").map(decode_words),
            envelope_from: of("return-path")
                .or_else(|| self.header.get("to"))
                .and_then(|address| fields::address(address, None)),
        }
    }

    /// The address that the returned message was written to, where that was a single one.
    pub(super) fn written_to(&self) -> Option<String> {
        let quoted = returned_message(&self.text)
            .map(|text| fields::blocks(text).into_iter().next().unwrap_or_default());
        let head = self.returned.first().or(quoted.as_ref())?;
        let one = |name: &str| {
            let value = head.get(name)?;
            (value.matches('@').count() == 1)
                .then(|| fields::address(value, None))
                .flatten()
        };
        one("x-envelope-to")
            .or_else(|| one("x-original-to"))
            .or_else(|| one("to"))
    }

    /// The address that the message itself was sent to.
    pub(super) fn to(&self) -> Option<String> {
        self.header
            .get("to")
            .and_then(|to| fields::address(to, None))
    }

    /// The `Subject` of the message itself, decoded.
    pub(super) fn subject(&self) -> Option<String> {
        self.header.get("subject").map(decode_words)
    }

    /// The address in its `From`.
    pub(super) fn from(&self) -> Option<String> {
        self.header
            .get("from")
            .and_then(|from| fields::address(from, None))
    }
}

/// What stands behind the header of a message, at most [`limits::PROSE_BYTES`].
fn body_of(bytes: &[u8]) -> &[u8] {
    let blank = |line: &[u8]| line == b"\n\n" || line == b"\n\r";
    let start = bytes
        .windows(2)
        .position(blank)
        .map_or(bytes.len(), |at| at + 2);
    let end = bytes.len().min(start + limits::PROSE_BYTES);
    &bytes[start..end]
}

/// As much of a message as has [`limits::MESSAGE_PARTS`] parts.
///
/// The parser below gives back a tree, and a tree of 20 000 messages within messages overflows the stack when it is
/// dropped. Every level needs a `Content-Type`, at least its parent does, so counting those bounds the depth.
fn shallow(bytes: &[u8]) -> &[u8] {
    const NAME: &[u8] = b"content-type";
    let mut parts = 0;
    let mut at = 0;
    while let Some(dash) = bytes[at..]
        .iter()
        .position(|&byte| byte == b'-')
        .map(|found| at + found)
    {
        at = dash + 1;
        let start = dash.saturating_sub(b"content".len());
        if bytes
            .get(start..start + NAME.len())
            .is_some_and(|word| word.eq_ignore_ascii_case(NAME))
        {
            parts += 1;
            if parts > limits::MESSAGE_PARTS {
                return &bytes[..start];
            }
        }
    }
    bytes
}

/// Type and subtype of a part in lower case; empty when it states none.
fn kind_of(part: &MessagePart<'_>) -> String {
    part.content_type()
        .map(|kind| {
            format!("{}/{}", kind.ctype(), kind.subtype().unwrap_or_default()).to_ascii_lowercase()
        })
        .unwrap_or_default()
}

/// Appends as much of `more` as there is room for.
fn push_within(text: &mut String, more: &str) {
    let room = limits::PROSE_BYTES.saturating_sub(text.len());
    text.push_str(fields::clip(more, room));
    text.push('\n');
}

/// A folded value on one line.
fn one_line(value: &str) -> String {
    value.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Decodes the encoded words (RFC 2047) of a header value.
fn decode_words(value: &str) -> String {
    let header = format!("Subject: {}\n\n", one_line(value));
    MessageParser::default()
        .parse(header.as_bytes())
        .and_then(|message| message.subject().map(str::to_owned))
        .unwrap_or_else(|| one_line(value))
}
