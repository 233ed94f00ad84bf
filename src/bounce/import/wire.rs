//! What happened as programs read it: the contract of `bounces --json`.
//!
//! One object. Its array `happenings` is written while the sources are read, so that no number of bounces has to be
//! kept; the summary follows it. Fields are only ever added; what is unknown is `null`.

use std::collections::BTreeMap;

use serde::Serialize;

use super::campaign::REFUSERS;
use super::health::Health;
use super::{BounceEvent, Campaign, Cascade, Confidence, Counts, Fault, Kind, Misread};
use crate::bounce::dsn::Action;
use crate::bounce::explain::{AddressAction, RejectedBy, safe_line};
use crate::model::reason::{Blame, Reason};
use crate::model::timestamp::Timestamp;

/// One event, as an object of the output.
#[derive(Debug, Serialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a field of the contract"
)]
struct HappeningObject<'a> {
    file: String,
    place: u64,
    kind: Kind,
    r#final: Option<&'a str>,
    original: Option<&'a str>,
    action: Option<Action>,
    status: Option<&'a str>,
    diagnostic: Option<&'a str>,
    reason: Option<Reason>,
    blame: Option<Blame>,
    permanent: bool,
    hard: bool,
    fault: Option<Fault>,
    rule: &'a str,
    address_action: AddressAction,
    rejected_by: RejectedBy,
    reporting_mta: Option<&'a str>,
    remote_mta: Option<&'a str>,
    provider: Option<&'a str>,
    at: Option<Timestamp>,
    suppress: bool,
    repeat: bool,
    confidence: Confidence,
    because: &'a str,
}

/// One happening on one line.
///
/// # Errors
///
/// Never in practice: every field is text, a number, a word or a list of them.
pub fn happening(happening: &BounceEvent) -> serde_json::Result<String> {
    serde_json::to_string(&HappeningObject {
        file: safe_line(&happening.origin.file.display().to_string()),
        place: happening.origin.place,
        kind: happening.kind,
        r#final: happening.final_recipient.as_deref(),
        original: happening.original.as_deref(),
        action: happening.action,
        status: happening.status.as_deref(),
        diagnostic: happening.diagnostic.as_deref(),
        reason: happening.reason,
        blame: happening.reason.map(Reason::blame),
        permanent: happening.permanent,
        hard: happening.is_hard(),
        fault: happening.fault(),
        rule: &happening.rule,
        address_action: happening.address_action,
        rejected_by: happening.rejected_by,
        reporting_mta: happening.reporting_mta.as_deref(),
        remote_mta: happening.remote_mta.as_deref(),
        provider: happening.provider.as_deref(),
        at: happening.at,
        suppress: happening.suppresses(),
        repeat: happening.repeat,
        confidence: happening.confidence,
        because: &happening.because,
    })
}

/// What a reading came to.
#[derive(Debug, Serialize)]
pub struct Summary {
    /// Happenings by kind, repetitions not counted.
    pub counts: BTreeMap<&'static str, u64>,
    /// What was read more than once.
    pub repeats: u64,
    /// Bounces and complaints that name no recipient.
    pub nameless: u64,
    /// Pieces that could not be read.
    pub unreadable: u64,
    /// Counts of different addresses.
    pub addresses: Counts,
    /// Bounces by the side that caused them.
    pub fault: BTreeMap<&'static str, u64>,
    /// Bounces by reason, most first.
    pub reasons: Vec<ReasonObject>,
    /// When the first and the last bounce came.
    pub from: Option<Timestamp>,
    /// When the last bounce came.
    pub to: Option<Timestamp>,
    /// Where the sender is being shut out.
    pub cascades: Vec<Cascade>,
    /// Against the marks, where it is known how much was sent.
    pub health: Option<Health>,
    /// Texts that no rule understood.
    pub unread: Vec<UnreadObject>,
    /// Rows and events that were not understood, with what would help.
    pub not_understood: Vec<Misread>,
}

/// Bounces with one reason.
#[derive(Debug, Serialize)]
pub struct ReasonObject {
    reason: Reason,
    blame: Blame,
    fault: Fault,
    permanent: bool,
    count: u64,
    refused_by: BTreeMap<&'static str, u64>,
    example: String,
    sender_action: Vec<String>,
}

/// A text that no rule understood.
#[derive(Debug, Serialize)]
pub struct UnreadObject {
    text: String,
    count: u64,
}

impl Summary {
    /// What a season came to.
    #[must_use]
    pub fn of(season: &Campaign, health: Option<Health>) -> Summary {
        let mut reasons: Vec<ReasonObject> = season
            .causes()
            .iter()
            .map(|(&(reason, permanent), cause)| ReasonObject {
                reason,
                blame: reason.blame(),
                fault: Fault::of(reason),
                permanent,
                count: cause.count,
                refused_by: REFUSERS
                    .iter()
                    .map(|refuser| refuser.as_str())
                    .map(|name| (name, cause.refused_by.get(name).copied().unwrap_or(0)))
                    .collect(),
                example: cause.example.clone(),
                sender_action: cause.advice.clone(),
            })
            .collect();
        reasons.sort_by_key(|object| std::cmp::Reverse(object.count));
        let span = season.span();
        Summary {
            counts: Kind::ALL
                .iter()
                .map(|&kind| (kind.as_str(), season.of_kind(kind)))
                .collect(),
            repeats: season.repeats(),
            nameless: season.nameless(),
            unreadable: season.unreadable(),
            addresses: season.counts(),
            fault: [Fault::List, Fault::Sender, Fault::Neither]
                .iter()
                .map(|&fault| (fault.as_str(), season.of_fault(fault)))
                .collect(),
            reasons,
            from: span.map(|(from, _)| from),
            to: span.map(|(_, to)| to),
            cascades: season.cascades(),
            health,
            not_understood: season.misread(),
            unread: season
                .unread()
                .iter()
                .map(|(text, &count)| UnreadObject {
                    text: text.clone(),
                    count,
                })
                .collect(),
        }
    }
}
