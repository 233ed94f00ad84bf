//! Explains a message that came back.

use super::refuser::{self, RejectedBy, Trail};
use super::{
    AddressAction, ExplainedRecipient, Explanation, Hints, Knowledge, Subject, action_after,
    advice, safe, sender,
};
use crate::bounce::dsn::{Action, Complaint, Diagnostic, Message, Notice, Recipient, Withheld};
use crate::bounce::weigh::{self, BounceEvidence, BounceVerdict, Circumstances, Event, Kind};
use crate::smtp::rules::Interpretation;

/// Explains a message as far as it is one that came back.
pub(super) fn explain(
    message: &Message,
    hints: Hints<'_>,
    knowledge: Knowledge<'_>,
) -> Explanation {
    match message {
        Message::Bounce(notice) => of_notice(notice, Subject::Bounce, hints, knowledge),
        Message::Delayed(notice) => of_notice(notice, Subject::Delay, hints, knowledge),
        Message::Delivered(notice) => of_notice(notice, Subject::Delivery, hints, knowledge),
        Message::AutoReply(answer) => plain(
            Subject::AutoReply(answer.sign),
            AddressAction::Keep,
            "Nothing: a machine answered for a person, so the mailbox takes mail.",
        ),
        Message::Complaint(complaint) => of_complaint(complaint),
        Message::Withheld(withheld) => of_withheld(withheld),
        Message::Other => plain(
            Subject::OtherMessage,
            AddressAction::Review,
            "This message is no bounce, no delay notice, no automatic answer and no complaint: read it as what it is.",
        ),
    }
}

/// An explanation that rests on the kind of message alone.
fn plain(subject: Subject, address_action: AddressAction, advice: &str) -> Explanation {
    Explanation {
        subject,
        readings: Vec::new(),
        address_action,
        retry_after: None,
        sender_action: vec![advice.to_owned()],
        rejected_by: RejectedBy::Unknown,
        rejected_by_why: "Nobody refused anything.".to_owned(),
        reporting_mta: None,
        remote_mta: None,
        recipients: Vec::new(),
    }
}

/// Feedback: the address works, but a person may want no more mail.
fn of_complaint(complaint: &Complaint) -> Explanation {
    let verdict_on = |recipient: Option<&String>| {
        weigh::weigh(&BounceEvidence {
            recipient: recipient.cloned(),
            event: Event::Feedback(complaint.feedback_type.clone()),
            ..BounceEvidence::default()
        })
    };
    let overall = verdict_on(None);
    let kind = safe::line(&complaint.feedback_type);
    let (subject, advice) = if overall.kind == Kind::Complaint {
        (
            Subject::Complaint(kind),
            "Never write to this person again: providers block senders with more than 3 complaints in 1000 messages.",
        )
    } else {
        (
            Subject::Feedback(kind),
            "Nothing about the person: this feedback is no complaint.",
        )
    };
    Explanation {
        reporting_mta: complaint.reporting_mta.clone(),
        recipients: complaint
            .recipients
            .iter()
            .map(|address| unrefused(address, verdict_on(Some(address))))
            .collect(),
        ..plain(subject, action_of(&overall), advice)
    }
}

/// A platform sent nothing.
fn of_withheld(withheld: &Withheld) -> Explanation {
    let verdict = weigh::weigh(&BounceEvidence {
        recipient: Some(withheld.recipient.clone()),
        event: Event::Withheld(withheld.why),
        claim: Some(withheld.claim.clone()),
        ..BounceEvidence::default()
    });
    let mut recipient = unrefused(&withheld.recipient, verdict);
    recipient.diagnostic = (!withheld.text.is_empty()).then(|| safe::line(&withheld.text));
    Explanation {
        readings: recipient.verdict.readings.clone(),
        recipients: vec![recipient.clone()],
        ..plain(
            Subject::Withheld(withheld.why),
            recipient.address_action,
            "Nothing: the platform sent no message to this address.",
        )
    }
}

/// One recipient that was not refused.
fn unrefused(address: &str, verdict: BounceVerdict) -> ExplainedRecipient {
    ExplainedRecipient {
        final_recipient: Some(safe::line(address)),
        original: None,
        action: None,
        status: None,
        diagnostic: None,
        remote_mta: None,
        address_action: action_of(&verdict),
        retry_after: None,
        rejected_by: RejectedBy::Unknown,
        verdict,
    }
}

/// Explains each recipient of a notice, then what they have in common.
fn of_notice(
    notice: &Notice,
    subject: Subject,
    hints: Hints<'_>,
    knowledge: Knowledge<'_>,
) -> Explanation {
    let mut readings: Vec<Interpretation> = Vec::new();
    let mut sender_action: Vec<String> = Vec::new();
    let mut refusers: Vec<(RejectedBy, String)> = Vec::new();
    let mut recipients = Vec::new();
    for recipient in &notice.recipients {
        let trail = trail(notice, recipient);
        let others: Vec<&str> = notice
            .recipients
            .iter()
            .filter_map(|other| other.final_recipient.as_deref())
            .filter(|other| recipient.final_recipient.as_deref() != Some(*other))
            .collect();
        let (explained, refuser, advice) =
            explain_recipient(recipient, &others, trail, hints, knowledge);
        for reading in &explained.verdict.readings {
            if readings
                .iter()
                .all(|known| known.reading.reason != reading.reading.reason)
            {
                let mut reading = reading.clone();
                // A reply by itself is explained by its code; of a message that came back, what a second reading leaves
                // open is not for good, and `bounces` calls it so too.
                reading.reading.permanent &= explained.verdict.permanent;
                readings.push(reading);
            }
        }
        for piece in advice {
            if !sender_action.contains(&piece) {
                sender_action.push(piece);
            }
        }
        refusers.push(refuser);
        recipients.push(explained);
    }
    let (rejected_by, rejected_by_why) = refusers
        .into_iter()
        .next()
        .unwrap_or((RejectedBy::Unknown, String::new()));
    Explanation {
        subject,
        readings,
        address_action: common(recipients.iter().map(|recipient| recipient.address_action)),
        retry_after: recipients
            .iter()
            .filter_map(|recipient| recipient.retry_after)
            .max(),
        sender_action,
        rejected_by,
        rejected_by_why,
        reporting_mta: notice.reporting_mta.clone(),
        remote_mta: recipients
            .iter()
            .find_map(|recipient| recipient.remote_mta.clone()),
        recipients,
    }
}

/// What all recipients have in common; a person must look where they differ.
fn common(mut actions: impl Iterator<Item = AddressAction>) -> AddressAction {
    let Some(first) = actions.next() else {
        return AddressAction::Review;
    };
    if actions.all(|action| action == first) {
        first
    } else {
        AddressAction::Review
    }
}

/// Explains one recipient: what it comes to, which side refused, what the sender should do.
fn explain_recipient(
    recipient: &Recipient,
    others: &[&str],
    mut trail: Trail,
    hints: Hints<'_>,
    knowledge: Knowledge<'_>,
) -> (ExplainedRecipient, (RejectedBy, String), Vec<String>) {
    let text = recipient
        .diagnostic
        .as_ref()
        .map_or("", |diagnostic| diagnostic.text.as_str());
    let domain = recipient.domain();
    let provider = hints
        .provider
        .or_else(|| {
            trail
                .remote
                .as_deref()
                .and_then(|host| knowledge.providers.of_mail_host(host))
        })
        .or_else(|| {
            domain
                .as_deref()
                .and_then(|domain| knowledge.providers.of_consumer_domain(domain))
        });
    let echoes = [
        recipient.final_recipient.as_deref(),
        recipient.original_recipient.as_deref(),
        trail.remote.as_deref(),
        trail.reporting.as_deref(),
        trail.sender.as_deref(),
    ];
    let outcome = recipient.outcome();
    let event = match outcome {
        Some(Action::Failed) => Event::GivenUp,
        Some(Action::Delayed) => Event::StillTrying,
        Some(Action::Delivered | Action::Relayed | Action::Expanded) => Event::Arrived,
        None => Event::Unstated,
    };
    let circumstances = Circumstances {
        event,
        provider,
        stage: hints.stage,
        echoes: echoes.into_iter().flatten().collect(),
        ours: trail.sender.as_deref().into_iter().collect(),
        others: others.to_vec(),
    };
    let evidence = weigh::gather(recipient, &circumstances, knowledge.book);
    let verdict = weigh::weigh(&evidence);
    let case = sender::Case {
        words: [
            text.to_lowercase().as_str(),
            provider.map_or("", |provider| provider.id.as_str()),
            trail.remote.as_deref().unwrap_or_default(),
        ]
        .join(" "),
        enhanced: recipient
            .reply
            .as_ref()
            .and_then(|reply| reply.enhanced)
            .or(recipient.status),
        domain: trail.sender.clone(),
    };
    let advice = advice(&verdict.readings, &case);
    trail.contact = super::contact(&evidence);
    let refuser = if verdict.kind == Kind::Delivered {
        (RejectedBy::Unknown, "Nobody refused anything.".to_owned())
    } else {
        refuser::refused_by(&trail, knowledge.providers)
    };
    let explained = ExplainedRecipient {
        final_recipient: recipient.final_recipient.as_deref().map(safe::line),
        original: recipient.original_recipient.as_deref().map(safe::line),
        action: outcome,
        status: recipient.status,
        diagnostic: recipient.diagnostic.as_ref().map(as_written),
        remote_mta: trail.remote.clone(),
        address_action: action_of(&verdict),
        retry_after: super::retry_after(&verdict.readings, text),
        rejected_by: refuser.0,
        verdict,
    };
    (explained, refuser, advice)
}

/// What a verdict means for the address.
fn action_of(verdict: &BounceVerdict) -> AddressAction {
    match verdict.kind {
        // Where a platform does not say why it keeps an address from mail, there is nothing to read.
        Kind::Bounce | Kind::Delayed | Kind::Suppressed => action_after(&verdict.readings),
        Kind::Complaint | Kind::Unsubscribed => AddressAction::Remove,
        Kind::Delivered | Kind::AutoReply | Kind::Other => AddressAction::Keep,
    }
}

/// A diagnostic as a report writes it: `smtp; 550 ...`.
fn as_written(diagnostic: &Diagnostic) -> String {
    match &diagnostic.kind {
        Some(kind) => format!("{}; {}", safe::line(kind), safe::line(&diagnostic.text)),
        None => safe::line(&diagnostic.text),
    }
}

/// The way of the message to one recipient.
fn trail(notice: &Notice, recipient: &Recipient) -> Trail {
    let domain_of = |address: &String| {
        address
            .rsplit_once('@')
            .map(|(_, domain)| domain.to_lowercase())
    };
    let recipient_domain = recipient.domain();
    let original = recipient.original_recipient.as_ref().and_then(domain_of);
    // The header of the message names its author; the envelope sender may be a service's own bounce address.
    let sender = notice
        .original
        .from
        .as_ref()
        .or(notice.original.envelope_from.as_ref())
        .and_then(domain_of);
    Trail {
        original: original.filter(|domain| Some(domain) != recipient_domain.as_ref()),
        recipient: recipient_domain,
        sender,
        reporting: notice.reporting_mta.clone(),
        remote: recipient.remote_mta.clone(),
        words: recipient
            .diagnostic
            .as_ref()
            .map(|diagnostic| diagnostic.text.to_lowercase())
            .unwrap_or_default(),
        ..Trail::default()
    }
}
