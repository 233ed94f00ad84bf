//! What an answer means to the sender who got it: which side refused, which is at fault, what to do.
//!
//! Three things come in: a reply or code as it is pasted, a message file, the body of a bounce copied from a mail
//! program. All become an [`Explanation`]; `render` writes it as text, `json` for programs.

mod gateway;
pub mod json;
pub mod lines;
mod message;
mod refuser;
pub mod render;
mod safe;
mod sender;
mod stage;

use std::time::Duration;

pub use refuser::RejectedBy;
pub use safe::line as safe_line;
pub use stage::{choices as stage_choices, named as stage_named};

pub use crate::bounce::weigh::{AddressAction, Hints, Knowledge, action_after, usual_wait};

use crate::bounce::dsn::{self, Action, Withholding, quoted};
use crate::bounce::event::{self, Platforms};
use crate::bounce::weigh::{self, BounceEvidence, BounceVerdict, Circumstances};
use crate::model::limits;
use crate::model::wait::named_wait;
use crate::smtp::rules::Interpretation;
use crate::smtp::{EnhancedCode, Reply, Severity};
use refuser::Contact;

/// What a reply or notice means to the sender who got it. All text in it is safe to show on a terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// What was explained.
    pub subject: Subject,
    /// What it may mean, likeliest first; empty when it says nothing about any address.
    pub readings: Vec<Interpretation>,
    /// What to do with the address.
    pub address_action: AddressAction,
    /// When to try again, where that is what to do.
    pub retry_after: Option<Duration>,
    /// What the sender should do, most useful first.
    pub sender_action: Vec<String>,
    /// Which side refused.
    pub rejected_by: RejectedBy,
    /// The grounds for that, in one sentence.
    pub rejected_by_why: String,
    /// The host that wrote the notice.
    pub reporting_mta: Option<String>,
    /// The host that refused; of the first recipient, where there are several.
    pub remote_mta: Option<String>,
    /// What was said of each recipient; empty for a bare reply.
    pub recipients: Vec<ExplainedRecipient>,
}

/// What kind of thing was explained.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A reply, as text.
    Reply(String),
    /// A notice that a message was given up.
    Bounce,
    /// A notice that a message is late.
    Delay,
    /// A notice that a message arrived.
    Delivery,
    /// The answer of a machine in a person's place; how it was known.
    AutoReply(&'static str),
    /// A complaint: its kind.
    Complaint(String),
    /// Feedback of another kind, such as a message that was taken out of the spam folder.
    Feedback(String),
    /// A sending platform sent nothing.
    Withheld(Withholding),
    /// A message of no such kind.
    OtherMessage,
    /// Nothing at all.
    Nothing,
}

/// What a notice says of one recipient, explained.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExplainedRecipient {
    /// The address that delivery was attempted to.
    pub final_recipient: Option<String>,
    /// The address that the sender wrote.
    pub original: Option<String>,
    /// What became of it.
    pub action: Option<Action>,
    /// The status code of the report.
    pub status: Option<EnhancedCode>,
    /// What was said.
    pub diagnostic: Option<String>,
    /// The host that refused this recipient.
    pub remote_mta: Option<String>,
    /// What it comes to.
    pub verdict: BounceVerdict,
    /// What to do with this address.
    pub address_action: AddressAction,
    /// When to try again, where that is what to do.
    pub retry_after: Option<Duration>,
    /// Which side refused this recipient.
    pub rejected_by: RejectedBy,
}

/// Explains the content of a file, or of standard input: a message, the body of one, or a reply.
#[must_use]
pub fn explain(input: &[u8], hints: Hints<'_>, knowledge: Knowledge<'_>) -> Explanation {
    if dsn::looks_like_message(input) {
        let message = dsn::read_message(input);
        if matches!(message, dsn::Message::Other | dsn::Message::AutoReply(_))
            && let Some(told) = event::in_message(input, &Platforms::built_in()).first()
        {
            return message::explain(&told.message, hints, knowledge);
        }
        return message::explain(&message, hints, knowledge);
    }
    let input = &input[..input.len().min(limits::PROSE_BYTES)];
    let text = String::from_utf8_lossy(input);
    // An event of a sending platform, or an export with many of them: the first is explained.
    if let Some(told) = event::in_export(&text, &Platforms::built_in()) {
        let first = told
            .first()
            .map_or(&dsn::Message::Other, |first| &first.message);
        let mut explanation = message::explain(first, hints, knowledge);
        if told.len() > 1 {
            explanation.sender_action.push(
                "This is the first event of several: `presend bounces FILE` reads them all."
                    .to_owned(),
            );
        }
        return explanation;
    }
    explain_text(&text, hints, knowledge)
}

/// Explains a message that was read already.
#[must_use]
pub fn explain_message(
    message: &dsn::Message,
    hints: Hints<'_>,
    knowledge: Knowledge<'_>,
) -> Explanation {
    message::explain(message, hints, knowledge)
}

/// Explains text: a reply, a code, or the body of a bounce.
#[must_use]
pub fn explain_text(text: &str, hints: Hints<'_>, knowledge: Knowledge<'_>) -> Explanation {
    match dsn::read_text(text) {
        Some(notice) => message::explain(&notice, hints, knowledge),
        None => explain_reply(text, hints, knowledge),
    }
}

/// Explains one reply or code, with any text around it that was pasted along.
#[must_use]
pub fn explain_reply(text: &str, hints: Hints<'_>, knowledge: Knowledge<'_>) -> Explanation {
    let said = quoted::read(text);
    let subject = match safe::line(text) {
        empty if empty.is_empty() => Subject::Nothing,
        line => Subject::Reply(line),
    };
    let provider = hints.provider.or_else(|| {
        said.host
            .as_deref()
            .and_then(|host| knowledge.providers.of_mail_host(host))
            .or_else(|| {
                let (_, domain) = said.address.as_deref()?.rsplit_once('@')?;
                knowledge.providers.of_consumer_domain(domain)
            })
    });
    let recipient = dsn::Recipient {
        final_recipient: said.address.clone(),
        diagnostic: (!text.trim().is_empty()).then(|| dsn::Diagnostic {
            kind: None,
            text: text.to_owned(),
        }),
        stage: said.stage,
        reply: said.reply.clone(),
        ..dsn::Recipient::default()
    };
    let circumstances = Circumstances {
        provider,
        stage: hints.stage,
        echoes: [said.address.as_deref(), said.host.as_deref()]
            .into_iter()
            .flatten()
            .collect(),
        ..Circumstances::default()
    };
    let evidence = weigh::gather(&recipient, &circumstances, knowledge.book);
    let verdict = match said.reply.as_ref().map(Reply::severity) {
        // A yes, pasted alone, is explained as the yes that it is.
        Some(Severity::Positive) => weigh::of_yes(&said, &circumstances, knowledge.book),
        Some(Severity::Transient | Severity::Permanent) | None => weigh::weigh(&evidence),
    };
    let trail = refuser::Trail {
        remote: said.host.clone(),
        words: text.to_lowercase(),
        contact: contact(&evidence),
        ..refuser::Trail::default()
    };
    let (rejected_by, rejected_by_why) = match subject {
        Subject::Nothing => (RejectedBy::Unknown, "There is nothing to read.".to_owned()),
        _ => refuser::refused_by(&trail, knowledge.providers),
    };
    let case = sender::Case {
        words: [
            trail.words.as_str(),
            provider.map_or("", |provider| provider.id.as_str()),
        ]
        .join(" "),
        enhanced: said.reply.as_ref().and_then(|reply| reply.enhanced),
        domain: None,
    };
    Explanation {
        subject,
        address_action: action_after(&verdict.readings),
        retry_after: retry_after(&verdict.readings, text),
        sender_action: advice(&verdict.readings, &case),
        readings: verdict.readings,
        rejected_by,
        rejected_by_why,
        reporting_mta: None,
        remote_mta: said.host,
        recipients: Vec::new(),
    }
}

/// Whether the far side answered at all, as far as the evidence shows.
fn contact(evidence: &BounceEvidence) -> Contact {
    let silent = evidence.reply.is_none()
        && evidence.reporter.as_ref().is_some_and(|own| {
            own.readings
                .first()
                .is_some_and(|first| weigh::tells_of_no_answer(&first.reading))
        });
    if silent {
        Contact::None
    } else {
        Contact::Answered
    }
}

/// When to try again: as the words ask, else as is usual for the reason. `None` when that is not what to do.
fn retry_after(readings: &[Interpretation], text: &str) -> Option<Duration> {
    let first = readings.first()?;
    (action_after(readings) == AddressAction::Retry).then(|| {
        named_wait(text, limits::ASKED_WAIT).unwrap_or_else(|| usual_wait(first.reading.reason))
    })
}

/// Advice for all readings, likeliest first, each piece once.
fn advice(readings: &[Interpretation], case: &sender::Case) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for reading in readings {
        for piece in sender::advice(reading.reading.reason, case) {
            let piece = safe::line(&piece);
            if !all.contains(&piece) {
                all.push(piece);
            }
        }
    }
    all
}
