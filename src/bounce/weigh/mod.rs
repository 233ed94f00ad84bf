//! What a bounce comes to: the one place where statements about a delivery are weighed against each other.
//!
//! [`gather()`] sorts what a notice, an event or a bare reply says by **speaker**, and reads each statement by itself.
//! [`weigh`] then decides; it is pure and knows nothing of texts or formats. `explain` and `bounces` both show what it
//! says.
//!
//! # How it weighs
//!
//! Speakers are heard in this order; the first that says *why* gives the reason, and no lower one changes it:
//!
//! 1. the **reply** of the host that serves the recipient: its words, else the enhanced code in it;
//! 2. the **reporter**, the server that wrote the notice: its own words about a host that gave no reply ("connection
//!    timed out", "envelope expired"), else a status of its own finding;
//! 3. the **platform** that sent for a customer: what its documentation says that this class means, else its words,
//!    else what "hard" and "soft" mean everywhere;
//! 4. the **prose** around a report: help texts, transcripts, as far as it names the recipient. Beside a report that
//!    quotes or says anything it may give the reason, but condemns no address: it is help for the reader, in the
//!    plainest words for each code. Where a report quotes no reply and has no words of its own, or there is no report
//!    at all, the text takes its place and is read as the reporter's (or, where it quotes a reply, as that).
//!
//! A statement says why when it rests on words or on an enhanced code ([`Grounds`]). A bare code such as 550 does not:
//! it leaves room for the next speaker, yet limits what that speaker may say, and where no speaker says more it comes
//! to what the code usually means, for review. Then:
//!
//! * The exit code of a program (`X-Unix; 200`) is nothing said at all.
//! * A reply of success is no reply about a message that came back, and a bounce never comes out as `accepted`.
//! * A status that only repeats what a bare reply code says (Sendmail: 5.1.1 for any 550, 5.1.3 for any 553) is no
//!   finding.
//! * The queue's last word ("retry timeout exceeded") explains nothing beside a reply that does.
//! * A platform's bare "hard" condemns only where no reply is quoted. Beside a reply that nothing understands it leaves
//!   `unread`; a documented class ("unknown user") decides there, unless the code cannot mean that class.
//! * "Soft" from any speaker makes the bounce temporary; "hard" from a lower one never makes it permanent.
//! * DNS facts of a domain (`null_mx`, `no_such_domain` in the reporter's words) are permanent whatever class the
//!   status has.
//! * A text that may mean two things, of which one keeps the address, is `unread` or keeps its first reason, and the
//!   address goes to review.
//! * What is said of the sender, another recipient or a queue of the platform's own is no ground against the recipient.
//!
//! A verdict **condemns** when the message was given up, the reason blames the mailbox or its domain, the refusal is
//! permanent, the statement is about this recipient, no other reading would keep the address, and the provider is not
//! known to answer "unknown user" to senders that it filters. A recipient's complaint condemns too: of feedback only
//! `abuse`, `fraud`, `opt-out` and what is unknown are complaints. A platform that sent nothing because the address
//! bounced before gives `suppressed`, which condemns as the platform's knowledge and counts as no new bounce; one that
//! does not say why it keeps an address from mail condemns none, and the address goes to review.

mod action;
mod gather;
#[cfg(test)]
mod tests;

use serde::Serialize;

use crate::bounce::dsn::{Claim, Documented, Withholding};
use crate::model::reason::{Blame, Reason};
use crate::smtp::rules::{Interpretation, Reading};

pub use action::{AddressAction, action_after, usual_wait};
pub use gather::{Circumstances, Hints, Knowledge, gather, of_yes};

/// What happened to a message, by what is said of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A message was given up.
    Bounce,
    /// A message is late; nothing is lost yet.
    Delayed,
    /// A message arrived.
    Delivered,
    /// A machine answered in a person's place: the mailbox takes mail.
    AutoReply,
    /// A person called a message spam.
    Complaint,
    /// A platform sent nothing, because the address had bounced or complained before.
    Suppressed,
    /// A person wants no more mail, and a platform says so.
    Unsubscribed,
    /// None of these: ordinary mail, an opening, a click.
    Other,
}

impl Kind {
    /// All kinds, in the order of tables.
    pub const ALL: [Kind; 8] = [
        Kind::Bounce,
        Kind::Delayed,
        Kind::Delivered,
        Kind::AutoReply,
        Kind::Complaint,
        Kind::Suppressed,
        Kind::Unsubscribed,
        Kind::Other,
    ];

    /// The name used in output, such as `auto_reply`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Bounce => "bounce",
            Kind::Delayed => "delayed",
            Kind::Delivered => "delivered",
            Kind::AutoReply => "auto_reply",
            Kind::Complaint => "complaint",
            Kind::Suppressed => "suppressed",
            Kind::Unsubscribed => "unsubscribed",
            Kind::Other => "other",
        }
    }
}

/// Everything said about one delivery to one recipient, kept apart by speaker.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BounceEvidence {
    /// The recipient that it is about, where it names one.
    pub recipient: Option<String>,
    /// What happened, as the author of the notice or event states it.
    pub event: Event,
    /// What the host that serves the recipient answered.
    pub reply: Option<Statement>,
    /// What the server that wrote the notice found itself.
    pub reporter: Option<Statement>,
    /// What the platform that sent it wrote in words.
    pub platform: Option<Statement>,
    /// What that platform's class words claim.
    pub claim: Option<Claim>,
    /// What the text around a report says.
    pub prose: Option<Statement>,
    /// Whether an "unknown user" of the recipient's provider can be believed.
    pub trust: Trust,
}

/// What happened, as it is stated.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Event {
    /// A reply or a text alone: it does not say what became of a message.
    #[default]
    Unstated,
    /// A message was given up.
    GivenUp,
    /// It is still being tried.
    StillTrying,
    /// It arrived, or was passed on.
    Arrived,
    /// A recipient sent feedback of this type (RFC 5965 §7.3).
    Feedback(String),
    /// A platform did not send it.
    Withheld(Withholding),
}

/// Whether an "unknown user" can be believed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Trust {
    /// It means what it says.
    #[default]
    Plain,
    /// The provider says it to senders that it, or the recipient, filters as well.
    Ambiguous,
}

/// What one speaker says, read by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// What it may mean, likeliest first; never empty.
    pub readings: Vec<Interpretation>,
    /// What the first reading rests on.
    pub grounds: Grounds,
    /// Which party it is about.
    pub about: About,
}

/// What a reading rests on, strongest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grounds {
    /// Words that a rule knows.
    Words,
    /// An enhanced code of a precise meaning.
    Status,
    /// Words that only say that a queue gave up.
    LastWord,
    /// A reply code alone.
    Code,
}

/// The party that a statement is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum About {
    /// The recipient, as far as can be told.
    #[default]
    Recipient,
    /// The sender, its domain, its message.
    Sender,
    /// Another recipient, or a third party.
    Another,
}

/// How much a verdict can be relied on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Confidence {
    /// Nothing decides it, or two readings are left.
    Doubtful,
    /// It rests on a code, or on the word of a server or platform in between.
    Likely,
    /// The host that serves the recipient says so in words, or DNS does.
    Sure,
}

/// What the evidence comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BounceVerdict {
    /// The recipient that it is about.
    pub recipient: Option<String>,
    /// What happened.
    pub kind: Kind,
    /// Why, likeliest; `None` where nothing went wrong or nothing is said.
    pub reason: Option<Reason>,
    /// Whether trying again is pointless.
    pub permanent: bool,
    /// Whether the address must not be written to again.
    pub condemns: bool,
    /// How much this can be relied on.
    pub confidence: Confidence,
    /// Why it came out so, in one sentence.
    pub because: String,
    /// All that it may mean, likeliest first; the first has the reason above.
    pub readings: Vec<Interpretation>,
}

/// The source of a statement, strongest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Speaker {
    Reply,
    Reporter,
    Platform,
    Claim,
    Prose,
}

impl Speaker {
    /// The speaker at the beginning of a sentence.
    fn in_words(self) -> &'static str {
        match self {
            Speaker::Reply => "The mail host's reply",
            Speaker::Reporter => "The server that reports it",
            Speaker::Platform => "The sending platform's text",
            Speaker::Claim => "The sending platform's classification",
            Speaker::Prose => "The text around the report",
        }
    }
}

/// Weighs everything said about one delivery.
#[must_use]
pub fn weigh(evidence: &BounceEvidence) -> BounceVerdict {
    match &evidence.event {
        Event::Arrived => uneventful(evidence, Kind::Delivered, "It arrived, or was passed on."),
        Event::Feedback(kind) => of_feedback(evidence, kind),
        Event::Withheld(why) => of_withheld(evidence, *why),
        Event::StillTrying => of_failure(evidence, Kind::Delayed),
        Event::GivenUp | Event::Unstated => of_failure(evidence, Kind::Bounce),
    }
}

/// A verdict on an event that is no failure of delivery.
fn uneventful(evidence: &BounceEvidence, kind: Kind, because: &str) -> BounceVerdict {
    BounceVerdict {
        recipient: evidence.recipient.clone(),
        kind,
        reason: None,
        permanent: false,
        condemns: false,
        confidence: Confidence::Sure,
        because: because.to_owned(),
        readings: Vec::new(),
    }
}

/// Feedback types that are no complaint of a person about a wanted or unwanted message (RFC 5965 §7.3, RFC 6430, RFC
/// 6591).
const NO_COMPLAINT: [&str; 6] = [
    "not-spam",
    "auth-failure",
    "dmarc",
    "virus",
    "miscategorized",
    "dkim",
];

/// Feedback is a complaint unless its type says that it is something else.
fn of_feedback(evidence: &BounceEvidence, kind: &str) -> BounceVerdict {
    let kind = kind.trim().to_lowercase().replace([' ', '_'], "-");
    if NO_COMPLAINT.iter().any(|known| kind.starts_with(known)) {
        return uneventful(
            evidence,
            Kind::Other,
            &format!("Feedback of the type `{kind}` is no complaint of a person."),
        );
    }
    BounceVerdict {
        condemns: true,
        ..uneventful(evidence, Kind::Complaint, "A person called a message spam.")
    }
}

/// A platform sent nothing: its reasons are knowledge from earlier, never a new bounce.
fn of_withheld(evidence: &BounceEvidence, why: Withholding) -> BounceVerdict {
    let platform = evidence
        .claim
        .as_ref()
        .and_then(|claim| claim.platform.as_deref())
        .unwrap_or("the sending platform");
    let because = |what: &str| what.replace("{}", platform);
    match why {
        Withholding::KnownDead => BounceVerdict {
            reason: Some(Reason::Suppressed),
            permanent: true,
            condemns: true,
            confidence: Confidence::Likely,
            readings: vec![Interpretation {
                reading: Reading {
                    reason: Reason::Suppressed,
                    permanent: true,
                    rule: format!("platform: {platform}"),
                },
                why: because(
                    "Known to {}: the address bounced or complained before, so nothing was sent to it.",
                ),
            }],
            ..uneventful(
                evidence,
                Kind::Suppressed,
                &because(
                    "Known to {}: the address bounced or complained before, so nothing was sent to it.",
                ),
            )
        },
        Withholding::Unsubscribed => uneventful(
            evidence,
            Kind::Unsubscribed,
            &because("Known to {}: the person has unsubscribed. The mailbox works."),
        ),
        Withholding::Undisclosed => BounceVerdict {
            confidence: Confidence::Doubtful,
            ..uneventful(
                evidence,
                Kind::Suppressed,
                &because(
                    "Kept from mail by {}, which does not say why: a bounce, an unsubscription or somebody's wish.",
                ),
            )
        },
        Withholding::OwnChoice => uneventful(
            evidence,
            Kind::Other,
            &because("Not tried, by {}'s own choice: it says nothing about the address."),
        ),
    }
}

/// A message that did not arrive, or not yet.
fn of_failure(evidence: &BounceEvidence, kind: Kind) -> BounceVerdict {
    let Some((speaker, statement)) = decisive(evidence) else {
        return BounceVerdict {
            confidence: Confidence::Doubtful,
            ..uneventful(evidence, kind, "Nothing is said about why.")
        };
    };
    let mut readings = statement.readings.clone();
    if statement.about != About::Recipient {
        readings.retain(|reading| !blames_recipient(reading.reading.reason));
        if readings.is_empty() {
            readings.push(about_another(&statement));
        }
    }
    let Some(first) = readings.first().cloned() else {
        return uneventful(evidence, kind, "Nothing is said about why.");
    };
    let definite = speaker == Speaker::Reporter && is_dns_fact(&first.reading);
    // Beside a report that says something, the text around it helps the reader and condemns no address.
    let beside_a_report =
        speaker == Speaker::Prose && (evidence.reply.is_some() || evidence.reporter.is_some());
    let may_last = kind == Kind::Bounce && !beside_a_report && (definite || !softened(evidence));
    for reading in &mut readings {
        reading.reading.permanent = may_last && (definite || reading.reading.permanent);
    }
    if evidence.trust == Trust::Ambiguous && first.reading.reason == Reason::NoSuchMailbox {
        readings.push(Interpretation {
            reading: Reading {
                reason: Reason::SenderRefused,
                ..readings[0].reading.clone()
            },
            why: "This provider says the same to senders that it, or the recipient, filters."
                .to_owned(),
        });
    }
    let action = action_after(&readings);
    BounceVerdict {
        recipient: evidence.recipient.clone(),
        kind,
        reason: Some(first.reading.reason),
        // What a second reading leaves open is not for good.
        permanent: readings[0].reading.permanent && action != AddressAction::Review,
        condemns: kind == Kind::Bounce
            && first.reading.reason.may_reject()
            && action == AddressAction::Remove,
        confidence: confidence(speaker, &statement, definite, action),
        because: format!("{} decides. {}", speaker.in_words(), first.why),
        readings,
    }
}

/// How much a reason can be relied on, by its speaker and its grounds.
fn confidence(
    speaker: Speaker,
    statement: &Statement,
    definite: bool,
    action: AddressAction,
) -> Confidence {
    let first = statement.readings.first().map(|first| first.reading.reason);
    if action == AddressAction::Review || first == Some(Reason::Unread) {
        return Confidence::Doubtful;
    }
    match (speaker, statement.grounds) {
        (_, Grounds::Code | Grounds::LastWord) => Confidence::Doubtful,
        (Speaker::Reply, Grounds::Words) => Confidence::Sure,
        (Speaker::Reporter, Grounds::Words) if definite => Confidence::Sure,
        (
            Speaker::Reply
            | Speaker::Reporter
            | Speaker::Platform
            | Speaker::Claim
            | Speaker::Prose,
            Grounds::Words | Grounds::Status,
        ) => Confidence::Likely,
    }
}

/// The statement that gives the reason, with its speaker: the first that says why, else a queue's last word, else the
/// first that says anything.
fn decisive(evidence: &BounceEvidence) -> Option<(Speaker, Statement)> {
    let documented = evidence
        .claim
        .as_ref()
        .is_some_and(|claim| claim.documented == Documented::ForThisClass);
    let (first_claim, last_claim) = if documented {
        (claimed(evidence), None)
    } else {
        (None, claimed(evidence))
    };
    let spoken = [
        (Speaker::Reply, evidence.reply.clone()),
        (Speaker::Reporter, evidence.reporter.clone()),
        (Speaker::Claim, first_claim),
        (Speaker::Platform, evidence.platform.clone()),
        (Speaker::Claim, last_claim),
        (Speaker::Prose, evidence.prose.clone()),
    ];
    let mut spoken: Vec<(Speaker, Statement)> = spoken
        .into_iter()
        .filter_map(|(speaker, statement)| Some((speaker, statement?)))
        .filter(|(_, statement)| !statement.readings.is_empty())
        .collect();
    let weight = |grounds: Grounds| match grounds {
        Grounds::Words | Grounds::Status => 0,
        Grounds::LastWord => 1,
        Grounds::Code => 2,
    };
    // The sort is stable: among equals the order of speakers stands.
    spoken.sort_by_key(|(_, statement)| weight(statement.grounds));
    spoken.into_iter().next()
}

/// What a platform's class words say, as far as they may be heard here.
fn claimed(evidence: &BounceEvidence) -> Option<Statement> {
    let claim = evidence.claim.as_ref()?;
    let permanent = claim.permanent?;
    let quoted = evidence.reply.as_ref().or(evidence.reporter.as_ref());
    let reason = match (claim.reason, quoted) {
        (Some(reason), Some(quoted)) if reason.may_reject() => {
            // A class such as "unknown user" cannot be read into a code that means something else.
            let possible = quoted
                .readings
                .iter()
                .any(|reading| blames_recipient(reading.reading.reason));
            if !possible {
                return None;
            }
            reason
        }
        (Some(reason), _) => reason,
        (None, Some(_)) => return None,
        // Alone, a bare "hard" is what the documentation of every platform says that it is: an address to give up.
        (None, None) if permanent => Reason::NoSuchMailbox,
        (None, None) => Reason::TryLater,
    };
    let platform = claim
        .platform
        .as_deref()
        .map_or_else(|| "platform".to_owned(), |name| format!("platform: {name}"));
    Some(Statement {
        readings: vec![Interpretation {
            reading: Reading {
                reason,
                permanent,
                rule: platform,
            },
            why: format!(
                "It files this as {}.",
                if permanent { "permanent" } else { "temporary" }
            ),
        }],
        grounds: Grounds::Status,
        about: About::Recipient,
    })
}

/// Whether the platform calls it temporary: that keeps an address whatever else is said.
fn softened(evidence: &BounceEvidence) -> bool {
    evidence
        .claim
        .as_ref()
        .is_some_and(|claim| claim.permanent == Some(false))
}

/// Whether a reading of a server's own words states a fact of DNS.
fn is_dns_fact(reading: &Reading) -> bool {
    matches!(reading.reason, Reason::NullMx | Reason::NoSuchDomain)
        && reading.rule.starts_with(gather::UNANSWERED)
}

/// Whether a reading rests on a server's own words about a host that gave no reply.
#[must_use]
pub fn tells_of_no_answer(reading: &Reading) -> bool {
    reading.rule.starts_with(gather::UNANSWERED)
}

/// Whether a reason blames the recipient or its domain.
fn blames_recipient(reason: Reason) -> bool {
    matches!(reason.blame(), Blame::Mailbox | Blame::Domain)
}

/// What a statement about another recipient says of this one: the host refuses the sender.
fn about_another(statement: &Statement) -> Interpretation {
    let first = &statement.readings[0];
    Interpretation {
        reading: Reading {
            reason: Reason::SenderRefused,
            ..first.reading.clone()
        },
        why: "It is said of the sender's side or of somebody else, not of the recipient."
            .to_owned(),
    }
}
