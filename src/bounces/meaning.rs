//! What a piece comes to: each address with what happened to it, why, and what to do.
//!
//! Both messages and records become the notice of a mail system, which `explain` judges. A platform's own word counts where
//! the mail host's words say nothing; where they do, the platform can only soften them.

use super::platform::{Claim, Platforms};
use super::record::Told;
use super::{Content, Happening, Kind, Origin, Piece};
use crate::bounce::{self, Action, Message};
use crate::explain::{
    self, AddressAction, ExplainedRecipient, Explanation, Hints, Knowledge, RejectedBy, Subject,
};
use crate::limits;
use crate::moment::Moment;
use crate::reason::Reason;

/// Kinds of feedback that are no complaint of a person (RFC 5965 §7.3, RFC 6591).
const NO_COMPLAINT: [&str; 3] = ["not-spam", "auth-failure", "dmarc"];

/// Judges one piece; a message may be about several addresses.
pub(super) fn judge(
    piece: Piece,
    platforms: &Platforms,
    knowledge: Knowledge<'_>,
) -> Vec<Happening> {
    let origin = piece.origin;
    match piece.content {
        Content::Message(bytes) => of_message(&origin, &bytes, knowledge),
        Content::Record(record) => match record.read(platforms) {
            Some(told) => of_record(&origin, &told, knowledge),
            None => vec![blank(&origin, Kind::Other)],
        },
        Content::Nothing => Vec::new(),
    }
}

/// What a message tells.
fn of_message(origin: &Origin, bytes: &[u8], knowledge: Knowledge<'_>) -> Vec<Happening> {
    let message = if bounce::looks_like_message(bytes) {
        bounce::read_message(bytes)
    } else {
        let text = String::from_utf8_lossy(&bytes[..bytes.len().min(limits::PROSE_BYTES)]);
        bounce::read_text(&text).unwrap_or_else(|| bounce::read_message(bytes))
    };
    let original = match &message {
        Message::Bounce(notice) | Message::Delayed(notice) | Message::Delivered(notice) => {
            notice.original.message_id.as_deref()
        }
        Message::Complaint(complaint) => complaint.original.message_id.as_deref(),
        Message::AutoReply(_) | Message::Other => None,
    };
    let id = match original {
        Some(id) => format!("message {id}"),
        None => format!("digest {:016x}", digest(bytes)),
    };
    let told = Told {
        claim: Claim::default(),
        at: bounce::sent_at(bytes),
        id,
        message,
    };
    of_record(origin, &told, knowledge)
}

/// What happened to each address that is told of.
fn of_record(origin: &Origin, told: &Told, knowledge: Knowledge<'_>) -> Vec<Happening> {
    let explanation = explain::explain_message(&told.message, Hints::default(), knowledge);
    let kind = kind_of(&told.message, &explanation.subject);
    let base = Happening {
        at: told.at,
        id: told.id.clone(),
        reporting_mta: explanation.reporting_mta.clone(),
        ..blank(origin, kind)
    };
    if explanation.recipients.is_empty() {
        let from = match &told.message {
            Message::AutoReply(answer) => answer.from.as_deref().map(explain::safe_line),
            Message::Bounce(_)
            | Message::Delayed(_)
            | Message::Delivered(_)
            | Message::Complaint(_)
            | Message::Other => None,
        };
        return vec![Happening {
            final_recipient: from,
            ..base
        }];
    }
    explanation
        .recipients
        .iter()
        .map(|recipient| of_recipient(&base, recipient, &explanation, told.claim, knowledge))
        .collect()
}

/// What kind of thing a message is.
fn kind_of(message: &Message, subject: &Subject) -> Kind {
    match message {
        Message::Bounce(_) => Kind::Bounce,
        Message::Delayed(_) => Kind::Delayed,
        Message::Delivered(_) => Kind::Delivered,
        Message::AutoReply(_) => Kind::AutoReply,
        Message::Complaint(_) => match subject {
            Subject::Complaint(kind) if NO_COMPLAINT.contains(&kind.as_str()) => Kind::Other,
            Subject::Complaint(_)
            | Subject::Reply(_)
            | Subject::Bounce
            | Subject::Delay
            | Subject::Delivery
            | Subject::AutoReply(_)
            | Subject::OtherMessage
            | Subject::Nothing => Kind::Complaint,
        },
        Message::Other => Kind::Other,
    }
}

/// What happened to one address.
fn of_recipient(
    base: &Happening,
    recipient: &ExplainedRecipient,
    explanation: &Explanation,
    claim: Claim,
    knowledge: Knowledge<'_>,
) -> Happening {
    let kind = match (base.kind, recipient.action) {
        (Kind::Bounce | Kind::Delayed | Kind::Delivered, Some(action)) => match action {
            Action::Failed => Kind::Bounce,
            Action::Delayed => Kind::Delayed,
            Action::Delivered | Action::Relayed | Action::Expanded => Kind::Delivered,
        },
        (kind, _) => kind,
    };
    let cause = match kind {
        Kind::Bounce | Kind::Delayed => cause(recipient, claim, kind),
        Kind::Delivered | Kind::AutoReply | Kind::Complaint | Kind::Other => None,
    };
    let address_action = match (&cause, kind) {
        (Some(cause), Kind::Bounce) if cause.by_platform => {
            if cause.permanent && cause.reason.may_reject() {
                AddressAction::Remove
            } else {
                AddressAction::Retry
            }
        }
        _ => recipient.address_action,
    };
    let domain = recipient
        .final_recipient
        .as_deref()
        .and_then(|address| address.rsplit_once('@'))
        .map(|(_, domain)| domain.trim_end_matches('.').to_lowercase());
    let provider = recipient
        .remote_mta
        .as_deref()
        .and_then(|host| knowledge.providers.of_mail_host(host))
        .or_else(|| {
            domain
                .as_deref()
                .and_then(|domain| knowledge.providers.of_consumer_domain(domain))
        });
    Happening {
        kind,
        final_recipient: recipient.final_recipient.clone(),
        original: recipient.original.clone(),
        action: recipient.action,
        status: recipient.status.map(|status| status.to_string()),
        diagnostic: recipient.diagnostic.as_deref().map(cut),
        reason: cause.as_ref().map(|cause| cause.reason),
        permanent: cause.as_ref().is_some_and(|cause| cause.permanent),
        rule: cause.map(|cause| cause.rule).unwrap_or_default(),
        address_action,
        rejected_by: recipient.rejected_by,
        remote_mta: recipient.remote_mta.clone(),
        provider: provider.map(|provider| provider.id.clone()),
        advice: explanation.sender_action.clone(),
        ..base.clone()
    }
}

/// Why a message came back.
struct Cause {
    reason: Reason,
    permanent: bool,
    rule: String,
    /// Whether it rests on the platform's word alone.
    by_platform: bool,
}

/// Weighs what the mail host said against what the platform claims.
fn cause(recipient: &ExplainedRecipient, claim: Claim, kind: Kind) -> Option<Cause> {
    let read = recipient.readings.first();
    let understood = read.filter(|read| {
        read.reading.reason != Reason::Unread && !read.reading.rule.starts_with("fallback")
    });
    let claimed = || {
        let permanent = claim.permanent?;
        let reason = claim.reason.unwrap_or(if permanent {
            // A platform's bare "hard bounce" is its word that the mailbox will never take mail.
            Reason::NoSuchMailbox
        } else {
            Reason::TryLater
        });
        Some(Cause {
            reason,
            permanent,
            rule: "platform".to_owned(),
            by_platform: true,
        })
    };
    let of_reading = |read: &crate::diagnosis::Interpretation| Cause {
        reason: read.reading.reason,
        permanent: read.reading.permanent
            && claim.permanent != Some(false)
            && kind == Kind::Bounce
            // A second reading that would keep the address keeps it.
            && recipient.address_action != AddressAction::Review,
        rule: read.reading.rule.clone(),
        by_platform: false,
    };
    match understood {
        Some(read) => Some(of_reading(read)),
        None => claimed().or_else(|| read.map(of_reading)),
    }
}

/// A happening of which nothing is known.
fn blank(origin: &Origin, kind: Kind) -> Happening {
    Happening {
        origin: origin.clone(),
        kind,
        final_recipient: None,
        original: None,
        action: None,
        status: None,
        diagnostic: None,
        reason: None,
        permanent: false,
        rule: String::new(),
        address_action: match kind {
            Kind::Complaint => AddressAction::Remove,
            Kind::AutoReply | Kind::Delivered => AddressAction::Keep,
            Kind::Bounce | Kind::Delayed | Kind::Other => AddressAction::Review,
        },
        rejected_by: RejectedBy::Unknown,
        reporting_mta: None,
        remote_mta: None,
        provider: None,
        advice: Vec::new(),
        at: None::<Moment>,
        id: String::new(),
        repeat: false,
    }
}

/// As much of a text as is shown and kept.
fn cut(text: &str) -> String {
    let mut end = text.len().min(limits::BOUNCE_TEXT_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}

/// A digest that is the same in every version and on every machine (FNV-1a, 64 bits).
pub(super) fn digest(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
