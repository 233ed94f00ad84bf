//! Joins what a report says in fields with what the same message says in words.

use std::collections::HashSet;

use super::fields;
use super::{Notice, Prose, Recipient};
use crate::model::limits;

/// Fills the gaps of `report` with what `told` knows of the same recipients. What the report states stays.
pub(super) fn fill_gaps(mut report: Notice, mut told: Notice) -> Notice {
    if report.reporting_mta.is_none() {
        report.reporting_mta = told.reporting_mta.take();
    }
    let lone = report.recipients.len() == 1 && told.recipients.len() == 1;
    for recipient in &mut report.recipients {
        let same = told
            .recipients
            .iter()
            .find(|other| lone || is_same(recipient, other));
        if let Some(other) = same {
            fill(recipient, other);
        }
    }
    report
}

/// Keeps the first of several entries about one recipient with one outcome: an alias that leads to itself is reported
/// once for every step. An entry without a recipient goes where there are others.
pub(super) fn drop_repeats(recipients: &mut Vec<Recipient>) {
    let named = |recipient: &Recipient| {
        recipient.final_recipient.is_some() || recipient.original_recipient.is_some()
    };
    let any_named = recipients.iter().any(named);
    let mut seen = HashSet::new();
    recipients.retain(|recipient| match &recipient.final_recipient {
        Some(address) => seen.insert((address.to_lowercase(), recipient.outcome())),
        None => named(recipient) || !any_named,
    });
}

/// Takes the whole text for a diagnostic that is only its first line: reporters that have no reply to quote put the
/// beginning of their letter into the field.
pub(super) fn complete(recipient: &mut Recipient, text: &str) {
    let Some(diagnostic) = recipient.diagnostic.as_mut() else {
        return;
    };
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let (short, whole) = (
        words(&diagnostic.text),
        words(fields::clip(text, limits::QUOTE_BYTES)),
    );
    if recipient.reply.is_none()
        && short.len() < whole.len()
        && !short.is_empty()
        && whole.starts_with(&short)
    {
        fields::clip(&whole, limits::REPORT_FIELD_BYTES).clone_into(&mut diagnostic.text);
    }
}

/// Whether two entries are about one recipient.
fn is_same(one: &Recipient, other: &Recipient) -> bool {
    let names = |recipient: &Recipient| {
        [
            recipient.final_recipient.clone(),
            recipient.original_recipient.clone(),
        ]
        .into_iter()
        .flatten()
        .map(|address| address.to_lowercase())
        .collect::<Vec<_>>()
    };
    let others = names(other);
    names(one).iter().any(|name| others.contains(name))
}

/// Fills the gaps of one entry.
fn fill(recipient: &mut Recipient, other: &Recipient) {
    if recipient.final_recipient.is_none() && recipient.original_recipient.is_none() {
        recipient.final_recipient.clone_from(&other.final_recipient);
    }
    recipient.action = recipient.action.or(other.action);
    recipient.status = recipient.status.or(other.status);
    recipient.stage = recipient.stage.or(other.stage);
    if recipient.remote_mta.is_none() {
        recipient.remote_mta.clone_from(&other.remote_mta);
    }
    if let Some(told) = &other.diagnostic {
        if recipient.diagnostic.is_none() && recipient.reply.is_none() {
            // The report says nothing, so the words are all there is.
            recipient.diagnostic = Some(told.clone());
            recipient.reply.clone_from(&other.reply);
            return;
        }
        recipient.prose = Some(Prose {
            text: told.text.clone(),
            reply: other.reply.clone(),
            stage: other.stage,
        });
    }
}
