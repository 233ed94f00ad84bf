//! What came back: a message file, read as the notice that it is.
//!
//! [`read_message`] takes the bytes of one message. Reports in the standard format (RFC 3464 within RFC 6522) are read
//! field by field, the many in plain words by their phrases; where a message has both, the fields decide, and the prose
//! fills their gaps. A bounce that was forwarded is found inside the message that carries it. Nothing here judges a
//! refusal: that is `weigh`, told through `explain`.

mod auto_reply;
mod claim;
mod feedback;
mod fields;
mod form;
mod merge;
mod mime;
mod prose;
pub mod quoted;
mod report;
mod returned;
mod sentence;
pub mod unanswered;

use serde::Serialize;

pub use claim::{Claim, Documented, Withheld, Withholding};

use crate::model::limits;
use crate::model::timestamp::Timestamp;
use crate::smtp::{EnhancedCode, Reply, Severity, Stage};

/// What a message turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// A message of ours was given up for at least one recipient.
    Bounce(Notice),
    /// A message of ours is still under way; nothing is lost yet.
    Delayed(Notice),
    /// A message of ours arrived, or was passed on.
    Delivered(Notice),
    /// A machine answered in a person's place: an absence note, a receipt, a challenge.
    AutoReply(AutoReply),
    /// A person called a message of ours spam (RFC 5965).
    Complaint(Complaint),
    /// A sending platform sent nothing.
    Withheld(Withheld),
    /// None of these.
    Other,
}

/// What a mail system tells about the delivery of one message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notice {
    /// The host that wrote the notice.
    pub reporting_mta: Option<String>,
    /// One entry for each recipient it tells about, in its order.
    pub recipients: Vec<Recipient>,
    /// The message that it is about, as far as it was returned.
    pub original: Original,
}

/// What a notice tells about one recipient.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recipient {
    /// The address that delivery was attempted to.
    pub final_recipient: Option<String>,
    /// The address that the sender wrote, where it differs or is told.
    pub original_recipient: Option<String>,
    /// What became of it.
    pub action: Option<Action>,
    /// The status code of the report (RFC 3463).
    pub status: Option<EnhancedCode>,
    /// What was said, in full.
    pub diagnostic: Option<Diagnostic>,
    /// The host that refused.
    pub remote_mta: Option<String>,
    /// When in the session it was refused.
    pub stage: Option<Stage>,
    /// The refusal as an SMTP reply, where one is quoted.
    pub reply: Option<Reply>,
    /// What the text around a report says besides.
    pub prose: Option<Prose>,
    /// What the sending platform claims, where one tells.
    pub claim: Option<Claim>,
}

/// What the text around a report says of a recipient.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prose {
    /// The text, as it stands.
    pub text: String,
    /// A reply that they quote.
    pub reply: Option<Reply>,
    /// When in the session it came.
    pub stage: Option<Stage>,
}

/// What became of a message for one recipient (RFC 3464 §2.3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Delivery was given up.
    Failed,
    /// Still being tried.
    Delayed,
    /// Put into the mailbox.
    Delivered,
    /// Handed to a system that sends no notices.
    Relayed,
    /// Passed on to several other addresses.
    Expanded,
}

/// What a report says about the cause, with the kind of saying (RFC 3464 §2.3.6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// The type of the text: `smtp` for a reply of a mail host, `x-postfix`, `x-unix` and such for others; `None` where
    /// a report in plain words does not say.
    pub kind: Option<String>,
    /// The text, unfolded.
    pub text: String,
}

/// The message that a notice is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Original {
    /// Its `Message-ID`, without angle brackets.
    pub message_id: Option<String>,
    /// The address in its `From`.
    pub from: Option<String>,
    /// The `Subject` of that message.
    pub subject: Option<String>,
    /// The envelope sender: the address that the notice was sent to.
    pub envelope_from: Option<String>,
}

/// An answer by a machine in a person's place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AutoReply {
    /// The address that answers.
    pub from: Option<String>,
    /// The `Subject` of the answer.
    pub subject: Option<String>,
    /// What gave it away, such as the field `Auto-Submitted`.
    pub sign: &'static str,
}

/// A complaint about a message of ours (RFC 5965).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Complaint {
    /// The kind of feedback: `abuse` for "this is spam".
    pub feedback_type: String,
    /// The recipients that complained, where the report names them.
    pub recipients: Vec<String>,
    /// The host or service that wrote the report.
    pub reporting_mta: Option<String>,
    /// From which address of ours the message had come.
    pub source_ip: Option<String>,
    /// The message complained about.
    pub original: Original,
}

/// Reads one message.
///
/// Any bytes at all have an answer, in time proportional to at most [`limits::MESSAGE_BYTES`] of them; what lies beyond
/// is not read.
#[must_use]
pub fn read_message(bytes: &[u8]) -> Message {
    let bytes = &bytes[..bytes.len().min(limits::MESSAGE_BYTES)];
    read_within(&form::plain(bytes), limits::FORWARD_DEPTH)
}

/// The readable text of a message.
#[must_use]
pub fn words_of(bytes: &[u8]) -> Option<String> {
    let bytes = &bytes[..bytes.len().min(limits::MESSAGE_BYTES)];
    mime::Parts::of_message(&form::plain(bytes)).map(|parts| parts.text)
}

/// Reads a notice out of text that is no message: the body of a bounce, as it is copied from a mail program.
///
/// Returns `None` when the text tells of no recipient.
#[must_use]
pub fn read_text(text: &str) -> Option<Message> {
    let parts = mime::Parts::of_text(text);
    notice_of(&parts).map(classify)
}

/// Whether bytes look like a message file rather than like a pasted reply: they begin with header fields, at least one
/// of them such as every message has.
#[must_use]
pub fn looks_like_message(bytes: &[u8]) -> bool {
    let head = form::plain(&bytes[..bytes.len().min(limits::REPORT_FIELD_BYTES)]);
    let head = String::from_utf8_lossy(&head);
    let mut known = false;
    for line in head.lines() {
        if line.is_empty() {
            break;
        }
        if line.starts_with([' ', '\t']) {
            continue;
        }
        let Some((name, _)) = line.split_once(':') else {
            return false;
        };
        if name.is_empty()
            || !name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        {
            return false;
        }
        known |= [
            "from",
            "to",
            "subject",
            "received",
            "return-path",
            "date",
            "message-id",
            "mime-version",
            "content-type",
        ]
        .contains(&name.to_ascii_lowercase().as_str());
    }
    known
}

/// When a message says that it was written: its `Date` (RFC 5322 §3.6.1).
#[must_use]
pub fn sent_at(bytes: &[u8]) -> Option<Timestamp> {
    let head = &bytes[..bytes.len().min(limits::PROSE_BYTES)];
    let message = mail_parser::MessageParser::new()
        .header_date(mail_parser::HeaderName::Date)
        .parse_headers(head)?;
    moment(message.date()?)
}

/// Reads a date as the header of a message has it (RFC 5322 §3.3).
#[must_use]
pub fn date(text: &str) -> Option<Timestamp> {
    moment(&mail_parser::DateTime::parse_rfc822(text)?)
}

fn moment(date: &mail_parser::DateTime) -> Option<Timestamp> {
    if !date.is_valid() {
        return None;
    }
    let seconds = u64::try_from(date.to_timestamp()).ok()?;
    Some(Timestamp::from_millis(seconds.checked_mul(1000)?))
}

/// The address that a value holds, with or without a name, brackets or quotes around it.
#[must_use]
pub fn address_in(value: &str) -> Option<String> {
    fields::address(value, None)
}

/// The host that a field of a report names, with or without its kind: `dns; mx.example.net`.
#[must_use]
pub fn host_name(value: &str) -> Option<String> {
    fields::host(fields::split_type(value).1)
}

/// Reads one message, opening at most `depth` messages inside it.
fn read_within(bytes: &[u8], depth: usize) -> Message {
    let Some(parts) = mime::Parts::of_message(bytes) else {
        return Message::Other;
    };
    if let Some(complaint) = feedback::read(&parts) {
        return Message::Complaint(complaint);
    }
    if prose::is_session_report(&parts) {
        return Message::Other;
    }
    let notice = notice_of(&parts);
    if let Some(auto_reply) = auto_reply::certain(&parts)
        && !notice
            .as_ref()
            .is_some_and(|notice| quotes_a_refusal(notice, &parts))
    {
        return Message::AutoReply(auto_reply);
    }
    // A gateway wraps a report whole: what is inside says more than the words around it.
    let wrapped = || {
        (depth > 0 && parts.statuses.is_empty())
            .then(|| {
                parts
                    .attached
                    .iter()
                    .filter(|inner| is_report(inner))
                    .map(|inner| read_within(inner, depth - 1))
                    .find(|inner| !matches!(inner, Message::Other | Message::AutoReply(_)))
            })
            .flatten()
    };
    if let Some(notice) = notice {
        let says_why = notice
            .recipients
            .iter()
            .any(|recipient| recipient.reply.is_some());
        if !says_why && let Some(inner) = wrapped() {
            return inner;
        }
        return classify(notice);
    }
    if let Some(auto_reply) = auto_reply::likely(&parts) {
        return Message::AutoReply(auto_reply);
    }
    if depth == 0 {
        return Message::Other;
    }
    parts
        .attached
        .iter()
        .map(|inner| read_within(inner, depth - 1))
        .find(|inner| !matches!(inner, Message::Other | Message::AutoReply(_)))
        .unwrap_or(Message::Other)
}

/// Whether a notice quotes the refusal of a recipient, in a message that a mail system may have written: what calls
/// itself an automatic reply is a bounce then.
fn quotes_a_refusal(notice: &Notice, parts: &mime::Parts) -> bool {
    parts.receipts.is_empty()
        && notice.recipients.iter().any(|recipient| {
            recipient.final_recipient.is_some()
                && recipient
                    .reply
                    .as_ref()
                    .is_some_and(|reply| reply.severity() == Severity::Permanent)
        })
}

/// Whether bytes are a message that calls itself a report (RFC 6522).
fn is_report(bytes: &[u8]) -> bool {
    let head = &bytes[..bytes.len().min(limits::REPORT_FIELD_BYTES)];
    let head = String::from_utf8_lossy(head).to_lowercase();
    head.contains("multipart/report") || head.contains("message/delivery-status")
}

/// The notice in a message: from its fields, its words, or both.
fn notice_of(parts: &mime::Parts) -> Option<Notice> {
    let told = prose::read(parts);
    let mut notice = match report::read(parts) {
        Some(report) => merge::fill_gaps(report, told.unwrap_or_default()),
        None => told?,
    };
    if let [recipient] = notice.recipients.as_mut_slice() {
        merge::complete(recipient, &parts.text);
    }
    notice.original = parts.original();
    merge::drop_repeats(&mut notice.recipients);
    notice.recipients.truncate(limits::NOTICE_RECIPIENTS);
    Some(notice)
}

/// What a notice amounts to: the worst that it says of any recipient.
fn classify(notice: Notice) -> Message {
    let any = |wanted: &[Action]| {
        notice
            .recipients
            .iter()
            .filter_map(Recipient::outcome)
            .any(|action| wanted.contains(&action))
    };
    if any(&[Action::Failed]) {
        Message::Bounce(notice)
    } else if any(&[Action::Delayed]) {
        Message::Delayed(notice)
    } else if any(&[Action::Delivered, Action::Relayed, Action::Expanded]) {
        Message::Delivered(notice)
    } else {
        Message::Bounce(notice)
    }
}

impl Recipient {
    /// What became of it: as stated, else by the class of its status or reply.
    #[must_use]
    pub fn outcome(&self) -> Option<Action> {
        self.action
            .or_else(|| match self.status.map(|status| status.class) {
                Some(2) => Some(Action::Delivered),
                Some(4) => Some(Action::Delayed),
                Some(_) => Some(Action::Failed),
                None => self.reply.as_ref().map(|reply| match reply.severity() {
                    Severity::Positive => Action::Delivered,
                    Severity::Transient => Action::Delayed,
                    Severity::Permanent => Action::Failed,
                }),
            })
    }

    /// The domain of the address that delivery was attempted to, in lower case.
    #[must_use]
    pub fn domain(&self) -> Option<String> {
        let address = self
            .final_recipient
            .as_ref()
            .or(self.original_recipient.as_ref())?;
        let (_, domain) = address.rsplit_once('@')?;
        Some(domain.trim_end_matches('.').to_lowercase())
    }
}
