//! What a piece comes to: each address with what happened to it, why, and what to do.
//!
//! Both messages and records become the notice of a mail system, which `explain` reads and `weighing` judges.

use super::{BounceEvent, Confidence, Content, Kind, Origin, Piece, Understood};
use crate::bounce::dsn::{self, Message};
use crate::bounce::event::{self, Platforms, Told};
use crate::bounce::explain::{
    self, AddressAction, ExplainedRecipient, Explanation, Hints, Knowledge, RejectedBy,
};
use crate::bounce::weigh::{self, BounceEvidence, Event};
use crate::model::limits;
use crate::model::seeded::fingerprint;
use crate::model::timestamp::Timestamp;

/// Judges one piece; a message may be about several addresses.
pub(super) fn judge(
    piece: Piece,
    platforms: &Platforms,
    knowledge: Knowledge<'_>,
) -> Vec<BounceEvent> {
    let origin = piece.origin;
    match piece.content {
        Content::Message(bytes) => of_message(&origin, &bytes, platforms, knowledge),
        Content::Record(record) => match record.read(platforms) {
            Some(told) if told.unsaid => vec![BounceEvent {
                understood: Understood::Unsaid,
                ..blank(&origin, Kind::Other)
            }],
            Some(told) => of_record(&origin, &told, knowledge),
            None => vec![BounceEvent {
                understood: Understood::NamesNobody,
                ..blank(&origin, Kind::Other)
            }],
        },
        Content::Nothing => Vec::new(),
    }
}

/// What a message tells.
fn of_message(
    origin: &Origin,
    bytes: &[u8],
    platforms: &Platforms,
    knowledge: Knowledge<'_>,
) -> Vec<BounceEvent> {
    let message = if dsn::looks_like_message(bytes) {
        dsn::read_message(bytes)
    } else {
        let text = String::from_utf8_lossy(&bytes[..bytes.len().min(limits::PROSE_BYTES)]);
        dsn::read_text(&text).unwrap_or_else(|| dsn::read_message(bytes))
    };
    if matches!(message, Message::Other | Message::AutoReply(_)) {
        let told = event::in_message(bytes, platforms);
        if !told.is_empty() {
            return told
                .iter()
                .flat_map(|told| of_record(origin, told, knowledge))
                .collect();
        }
    }
    let original = match &message {
        Message::Bounce(notice) | Message::Delayed(notice) | Message::Delivered(notice) => {
            notice.original.message_id.as_deref()
        }
        Message::Complaint(complaint) => complaint.original.message_id.as_deref(),
        Message::AutoReply(_) | Message::Withheld(_) | Message::Other => None,
    };
    let id = match original {
        Some(id) => format!("message {id}"),
        None => format!("digest {:016x}", fingerprint(bytes)),
    };
    let told = Told {
        unsaid: false,
        at: dsn::sent_at(bytes),
        id,
        message,
    };
    of_record(origin, &told, knowledge)
}

/// What happened to each address that is told of.
fn of_record(origin: &Origin, told: &Told, knowledge: Knowledge<'_>) -> Vec<BounceEvent> {
    let explanation = explain::explain_message(&told.message, Hints::default(), knowledge);
    let kind = kind_of(&told.message);
    let base = BounceEvent {
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
            | Message::Withheld(_)
            | Message::Other => None,
        };
        return vec![BounceEvent {
            final_recipient: from,
            ..base
        }];
    }
    explanation
        .recipients
        .iter()
        .map(|recipient| of_recipient(&base, recipient, &explanation, knowledge))
        .collect()
}

/// What kind of thing a message is, before any recipient in it is looked at.
fn kind_of(message: &Message) -> Kind {
    match message {
        Message::Bounce(_) => Kind::Bounce,
        Message::Delayed(_) => Kind::Delayed,
        Message::Delivered(_) => Kind::Delivered,
        Message::AutoReply(_) => Kind::AutoReply,
        Message::Complaint(complaint) => {
            weigh::weigh(&BounceEvidence {
                event: Event::Feedback(complaint.feedback_type.clone()),
                ..BounceEvidence::default()
            })
            .kind
        }
        Message::Withheld(withheld) => {
            weigh::weigh(&BounceEvidence {
                event: Event::Withheld(withheld.why),
                ..BounceEvidence::default()
            })
            .kind
        }
        Message::Other => Kind::Other,
    }
}

/// What happened to one address.
fn of_recipient(
    base: &BounceEvent,
    recipient: &ExplainedRecipient,
    explanation: &Explanation,
    knowledge: Knowledge<'_>,
) -> BounceEvent {
    let verdict = &recipient.verdict;
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
    BounceEvent {
        kind: verdict.kind,
        final_recipient: recipient.final_recipient.clone(),
        original: recipient.original.clone(),
        action: recipient.action,
        status: recipient.status.map(|status| status.to_string()),
        diagnostic: recipient.diagnostic.as_deref().map(cut),
        reason: verdict.reason,
        permanent: verdict.permanent,
        rule: verdict
            .readings
            .first()
            .map(|first| first.reading.rule.clone())
            .unwrap_or_default(),
        condemned: verdict.condemns,
        confidence: verdict.confidence,
        because: verdict.because.clone(),
        address_action: recipient.address_action,
        rejected_by: recipient.rejected_by,
        remote_mta: recipient.remote_mta.clone(),
        provider: provider.map(|provider| provider.id.clone()),
        advice: explanation.sender_action.clone(),
        ..base.clone()
    }
}

/// A happening of which nothing is known.
fn blank(origin: &Origin, kind: Kind) -> BounceEvent {
    BounceEvent {
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
        condemned: false,
        confidence: Confidence::Doubtful,
        because: String::new(),
        address_action: match kind {
            Kind::Complaint | Kind::Suppressed | Kind::Unsubscribed => AddressAction::Remove,
            Kind::AutoReply | Kind::Delivered => AddressAction::Keep,
            Kind::Bounce | Kind::Delayed | Kind::Other => AddressAction::Review,
        },
        rejected_by: RejectedBy::Unknown,
        reporting_mta: None,
        remote_mta: None,
        provider: None,
        advice: Vec::new(),
        at: None::<Timestamp>,
        id: String::new(),
        repeat: false,
        understood: Understood::Yes,
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
