//! Takes a message apart: which of its MIME parts a notice may be read from.

use mail_parser::decoders::html::html_to_text;
use mail_parser::{MessageParser, MessagePart, MimeHeaders, PartType};

use super::Original;
use super::fields::{self, Block};
use super::prose::returned_message;
use crate::limits;

/// The parts of one message, sorted by what they can tell.
#[derive(Debug, Default)]
pub(super) struct Parts {
    /// The header fields of the message itself.
    pub(super) header: Block,
    /// Its words for people, at most [`limits::PROSE_BYTES`].
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
        let message = MessageParser::default().parse(bytes)?;
        let mut header = String::new();
        for (name, value) in message.headers_raw() {
            header.extend([name, ":", value.trim_end(), "\n"]);
        }
        let mut parts = Parts {
            header: fields::blocks(&header).into_iter().next().unwrap_or_default(),
            ..Parts::default()
        };
        let mut html = String::new();
        for part in message.parts.iter().take(limits::MESSAGE_PARTS) {
            parts.add(part, &mut html);
        }
        if parts.text.trim().is_empty() {
            parts.text = html_to_text(&html);
        }
        Some(parts)
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
                if kind == "message/partial" || kind == "message/rfc822" || kind == "message/global" {
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
            "message/delivery-status" | "message/global-delivery-status" => self.statuses.push(text.to_owned()),
            "message/feedback-report" => self.feedback.push(text.to_owned()),
            "message/disposition-notification" | "message/global-disposition-notification" => {
                self.receipts.push(text.to_owned());
            }
            "text/rfc822-headers" | "message/global-headers" => self.returned.extend(fields::blocks(text).into_iter().next()),
            "text/plain" | "" => push_within(&mut self.text, text),
            // Calendars, cards and what was broken beyond recognition: only the latter may hold the report.
            _ if kind.starts_with("multipart/") || kind.starts_with("message/") => push_within(&mut self.text, text),
            _ => {}
        }
    }

    /// Sorts a message inside in.
    fn add_message(&mut self, bytes: &[u8]) {
        let head = &bytes[..bytes.len().min(limits::PROSE_BYTES)];
        self.returned.extend(fields::blocks(&String::from_utf8_lossy(head)).into_iter().next());
        self.attached.push(bytes.to_vec());
    }

    /// What is known of the message that came back.
    pub(super) fn original(&self) -> Original {
        let quoted = returned_message(&self.text).map(|text| fields::blocks(text).into_iter().next().unwrap_or_default());
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

    /// The `Subject` of the message itself, decoded.
    pub(super) fn subject(&self) -> Option<String> {
        self.header.get("subject").map(decode_words)
    }

    /// The address in its `From`.
    pub(super) fn from(&self) -> Option<String> {
        self.header.get("from").and_then(|from| fields::address(from, None))
    }
}

/// Type and subtype of a part in lower case; empty when it states none.
fn kind_of(part: &MessagePart<'_>) -> String {
    part.content_type()
        .map(|kind| format!("{}/{}", kind.ctype(), kind.subtype().unwrap_or_default()).to_ascii_lowercase())
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
