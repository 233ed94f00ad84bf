//! Bounces in plain words: what mail systems write for people.
//!
//! There are as many wordings as mail systems, yet all have one plan: an opening that says what happened, then for each
//! recipient the address with the cause below it, then the message that came back. So one grammar reads them all, and
//! only the phrases (`openings`) are a list.

mod openings;
mod paragraphs;
mod transcript;

use super::fields;
use super::mime::Parts;
use super::{Action, Diagnostic, Notice, Recipient, quoted, unanswered};
use crate::limits;

pub(super) use openings::returned_message;

/// Reads the words of a message as a bounce; `None` when they are none.
pub(super) fn read(parts: &Parts) -> Option<Notice> {
    let text = parts
        .text
        .replace('\r', "")
        .replace('\u{2019}', "'")
        .replace('\u{a0}', " ");
    let text = openings::before_returned_message(&text);
    let opening = openings::find(text);
    let failed = failed_recipients(parts);
    let daemon = daemon_host(parts);
    let (text, transcript) = transcript::split(text);
    let mut found = paragraphs::find(text);
    if found.is_empty() && (opening.is_some() || daemon.is_some()) {
        found.extend(paragraphs::in_sentence(text));
    }
    if let [lone] = failed.as_slice()
        && found.is_empty()
    {
        found.push(paragraphs::Paragraph {
            address: lone.clone(),
            text: text.to_owned(),
        });
    }
    for address in &failed {
        if !found
            .iter()
            .any(|paragraph| paragraph.address.eq_ignore_ascii_case(address))
        {
            found.push(paragraphs::Paragraph {
                address: address.clone(),
                text: String::new(),
            });
        }
    }
    found.truncate(limits::NOTICE_RECIPIENTS);
    let lone = found.len() == 1;
    let mut recipients: Vec<Recipient> = found
        .iter()
        .map(|paragraph| {
            let session = transcript
                .as_ref()
                .map(|transcript| transcript.of(&paragraph.address, lone));
            recipient(paragraph, session.as_deref().unwrap_or_default())
        })
        .collect();
    // Without an opening that we know, only a recipient with a cause makes a bounce of a message.
    if opening.is_none() && failed.is_empty() {
        let by_daemon = daemon.is_some() || parts.header.is_empty();
        recipients.retain(|recipient| by_daemon && has_cause(recipient));
    }
    if recipients.is_empty() {
        return None;
    }
    let action = opening.or((!failed.is_empty()).then_some(Action::Failed));
    for recipient in &mut recipients {
        recipient.action = action.or_else(|| recipient.outcome());
    }
    Some(Notice {
        reporting_mta: openings::reporting_host(text).or(daemon),
        recipients,
        ..Notice::default()
    })
}

/// Reads what a report says of one recipient: the stanza that names the cause, and what the transcript adds.
fn recipient(paragraph: &paragraphs::Paragraph, session: &str) -> Recipient {
    let all = [session, paragraph.text.as_str()].join("\n");
    let mut quoted = quoted::read(&paragraph.text);
    let from_session = quoted::read(session);
    if from_session.reply.is_some() {
        quoted.reply = from_session.reply;
        quoted.stage = from_session.stage.or(quoted.stage);
    }
    let host = from_session
        .host
        .or(quoted.host)
        .or_else(|| quoted::read(&all).host);
    let stanza = stanza_with_cause(&paragraph.text);
    let stanza = if stanza.is_empty() {
        stanza_with_cause(session)
    } else {
        stanza
    };
    Recipient {
        final_recipient: Some(paragraph.address.clone()),
        status: quoted.reply.as_ref().and_then(|reply| reply.enhanced),
        diagnostic: (!stanza.is_empty()).then_some(Diagnostic {
            kind: None,
            text: stanza,
        }),
        remote_mta: host,
        stage: quoted.stage,
        reply: quoted.reply,
        ..Recipient::default()
    }
}

/// The first stanza that quotes a reply, else that tells of none, else the first; on one line.
fn stanza_with_cause(text: &str) -> String {
    let stanzas = || {
        text.split("\n\n")
            .filter(|stanza| !stanza.trim().is_empty())
            .take(limits::REPLY_LINES)
    };
    let best = stanzas()
        .find(|stanza| quoted::read(stanza).reply.is_some())
        .or_else(|| stanzas().find(|stanza| unanswered::read(stanza).is_some()))
        .or_else(|| stanzas().next())
        .unwrap_or_default();
    let line = best.split_whitespace().collect::<Vec<_>>().join(" ");
    fields::clip(&line, limits::REPORT_FIELD_BYTES).to_owned()
}

/// Whether anything is said about why.
fn has_cause(recipient: &Recipient) -> bool {
    recipient.reply.is_some()
        || recipient
            .diagnostic
            .as_ref()
            .is_some_and(|diagnostic| unanswered::read(&diagnostic.text).is_some())
}

/// The recipients that the header names as failed: Exim's and Gmail's `X-Failed-Recipients`.
fn failed_recipients(parts: &Parts) -> Vec<String> {
    parts
        .header
        .all("x-failed-recipients")
        .flat_map(|value| value.split([',', '\n']))
        .filter_map(|value| fields::address(value, None))
        .take(limits::NOTICE_RECIPIENTS)
        .collect()
}

/// The host in whose name a mail system wrote: the domain of `MAILER-DAEMON@...`. `None` when somebody else wrote.
fn daemon_host(parts: &Parts) -> Option<String> {
    let from = parts.from()?.to_lowercase();
    let (local, domain) = from.rsplit_once('@')?;
    let daemon = [
        "mailer-daemon",
        "postmaster",
        "mail-daemon",
        "mailerdaemon",
        "mdaemon",
        "complaints",
        "mail.daemon",
    ];
    let is_exchange = local.starts_with("microsoftexchange");
    (daemon.contains(&local) || is_exchange)
        .then(|| fields::host(domain))
        .flatten()
}
