//! Bounces in plain words: what mail systems write for human readers.
//!
//! There are as many wordings as mail systems, yet all have one plan: an opening that says what happened, then for each
//! recipient the address with the cause below it, then the message that came back. So one grammar reads them all, and
//! only the phrases (`openings`) are a list.

mod author;
mod openings;
mod paragraphs;
mod transcript;

use super::fields;
use super::mime::Parts;
use super::returned::before_returned_message;
use super::{Action, Diagnostic, Notice, Recipient, quoted, unanswered};
use crate::model::limits;
use author::Signs;
use paragraphs::Paragraph;

/// Reads the words of a message as a bounce; `None` when they are none.
pub(super) fn read(parts: &Parts) -> Option<Notice> {
    let text = parts
        .text
        .replace('\r', "")
        .replace('\u{2019}', "'")
        .replace('\u{a0}', " ");
    let text = before_returned_message(&text);
    let opening = openings::find(text);
    let signs = Signs::of(parts);
    let failed = failed_recipients(parts);
    let proven = signs.prove_a_notice() || !failed.is_empty();
    let (text, transcript) = transcript::split(text);
    let session_text = transcript.as_ref().map(transcript::Transcript::whole);
    let mut found = paragraphs::find(text);
    if found.is_empty()
        && let Some(transcript) = &transcript
    {
        found.extend(
            transcript
                .recipients()
                .into_iter()
                .map(|(address, lines)| Paragraph::new(address, &lines)),
        );
    }
    if found.is_empty() && (opening.is_some() || signs.are_of_a_system()) {
        found.extend(paragraphs::in_sentence(text));
    }
    add_failed(&mut found, &failed, text);
    if found.is_empty() && proven {
        found.extend(last_resort(
            parts,
            text,
            session_text.as_deref().unwrap_or_default(),
        ));
    }
    found.truncate(limits::NOTICE_RECIPIENTS);
    drop_sender(&mut found, parts);
    let lone = found.len() == 1;
    if lone && !says_why(&found[0].text) && says_why(text) {
        // The cause may stand before the recipient.
        text.clone_into(&mut found[0].text);
    }
    if transcript.is_none() {
        found.iter_mut().for_each(Paragraph::take_lead);
    }
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
    if !proven && (opening.is_none() || !signs.allow_a_notice()) {
        let by_system = signs.are_of_a_system() || parts.header.is_empty();
        recipients.retain(|recipient| by_system && has_cause(recipient));
    }
    if recipients.is_empty() && !(signs.prove_a_notice() && opening.is_some()) {
        return None;
    }
    let action = opening
        .or(delay_in_subject(parts))
        .or(proven.then_some(Action::Failed));
    for recipient in &mut recipients {
        recipient.action = action.or_else(|| recipient.outcome());
    }
    Some(Notice {
        reporting_mta: openings::reporting_host(text).or_else(|| author_host(parts)),
        recipients,
        ..Notice::default()
    })
}

/// Whether a message is a mail server's report to its own postmaster about a session with a foreign client (Postfix:
/// `notify_classes`): lines of what came in and went out. It returns no message.
pub(super) fn is_session_report(parts: &Parts) -> bool {
    let begins = |word: &str| {
        parts
            .text
            .lines()
            .any(|line| line.trim_start().starts_with(word))
    };
    parts.statuses.is_empty() && begins("In:") && begins("Out:")
}

/// Adds the recipients that the header names as failed, where the text has not told of them.
fn add_failed(found: &mut Vec<Paragraph>, failed: &[String], text: &str) {
    if let [lone] = failed
        && found.is_empty()
    {
        found.push(Paragraph::new(lone.clone(), text));
    }
    for address in failed {
        if !found.iter().any(|paragraph| {
            paragraph.address.eq_ignore_ascii_case(address)
                || paragraph
                    .original
                    .as_ref()
                    .is_some_and(|original| original.eq_ignore_ascii_case(address))
        }) {
            found.push(Paragraph::new(address.clone(), ""));
        }
    }
}

/// Drops the sender of the returned message from among several: "a message that you (news@shop.example) sent".
fn drop_sender(found: &mut Vec<Paragraph>, parts: &Parts) {
    if found.len() < 2 {
        return;
    }
    let original = parts.original();
    let senders = [original.from, original.envelope_from];
    let is_sender = |paragraph: &Paragraph| {
        senders
            .iter()
            .flatten()
            .any(|sender| sender.eq_ignore_ascii_case(&paragraph.address))
    };
    if !found.iter().all(is_sender) {
        found.retain(|paragraph| !is_sender(paragraph));
    }
}

/// The recipient of a message that is a notice beyond doubt and names none plainly: an address anywhere in its text or
/// its transcript that is not the sender's or a contact's, else the one that the returned message was written to.
fn last_resort(parts: &Parts, text: &str, session: &str) -> Option<Paragraph> {
    let original = parts.original();
    let others: Vec<String> = [
        parts.from(),
        parts.to(),
        original.from,
        original.envelope_from,
    ]
    .into_iter()
    .flatten()
    .collect();
    let whole = [text, session].join("\n");
    paragraphs::bare_name(text, author_host(parts).as_deref())
        .or_else(|| paragraphs::anywhere(text, &others))
        .or_else(|| paragraphs::anywhere(session, &others))
        .or_else(|| {
            parts
                .written_to()
                .map(|address| Paragraph::new(address, &whole))
        })
        .map(|found| match session {
            "" => found,
            _ => Paragraph::new(found.address, &whole),
        })
}

/// Whether a text quotes a reply, or tells of none.
fn says_why(text: &str) -> bool {
    quoted::read(text).reply.is_some() || unanswered::read(text).is_some()
}

/// Whether the subject says that the message is only late.
fn delay_in_subject(parts: &Parts) -> Option<Action> {
    let subject = parts.subject()?.to_lowercase();
    [
        "(delay",
        "delayed",
        "delivery delay",
        "delivery warning",
        "still being retried",
    ]
    .iter()
    .any(|words| subject.contains(words))
    .then_some(Action::Delayed)
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
        original_recipient: paragraph.original.clone(),
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

/// The first stanza that quotes a reply, else that tells of none, else the first that does more than announce another
/// ("because:"); on one line.
fn stanza_with_cause(text: &str) -> String {
    let stanzas = || {
        text.split("\n\n")
            .filter(|stanza| says_something(stanza))
            .take(limits::QUOTED_LINES)
    };
    let best = stanzas()
        .find(|stanza| quoted::read(stanza).reply.is_some())
        .or_else(|| stanzas().find(|stanza| unanswered::read(stanza).is_some()))
        .or_else(|| stanzas().find(|stanza| !stanza.trim_end().ends_with(':')))
        .or_else(|| stanzas().next())
        .unwrap_or_default();
    let line = best.split_whitespace().collect::<Vec<_>>().join(" ");
    fields::clip(&line, limits::REPORT_FIELD_BYTES).to_owned()
}

/// Whether a stanza is more than a rule of dashes or a lone "because:".
fn says_something(stanza: &str) -> bool {
    let stanza = stanza.trim();
    let words = stanza.split_whitespace().count();
    stanza.chars().any(char::is_alphabetic) && !(stanza.ends_with(':') && words < 4)
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

/// The host in whose name a mail system wrote: the domain of `MAILER-DAEMON@...`. `None` for any other author.
fn author_host(parts: &Parts) -> Option<String> {
    if !Signs::of(parts).are_of_a_system() {
        return None;
    }
    let from = parts.from()?.to_lowercase();
    let (_, domain) = from.rsplit_once('@')?;
    fields::host(domain)
}
