//! Delivery status notifications in the standard format (RFC 3464, RFC 6533).

use super::fields::{self, Block};
use super::mime::Parts;
use super::{Action, Diagnostic, Notice, Recipient, quoted};
use crate::model::limits;
use crate::smtp::EnhancedCode;

/// Fields that only the block of a recipient has.
const RECIPIENT_FIELDS: [&str; 3] = ["final-recipient", "original-recipient", "action"];

/// Reads the report of a message, from its report parts or, where a broken message has lost its structure, from its
/// text. `None` when there is no report.
pub(super) fn read(parts: &Parts) -> Option<Notice> {
    let mut notice = Notice::default();
    for status in &parts.statuses {
        take_in(&mut notice, status);
    }
    if notice.recipients.is_empty() && has_report_in_text(&parts.text) {
        take_in(&mut notice, &parts.text);
    }
    (!notice.recipients.is_empty()).then_some(notice)
}

/// Whether text has the two fields that every block of a recipient must have (RFC 3464 §2.3).
fn has_report_in_text(text: &str) -> bool {
    let has = |name: &str| {
        text.lines().any(|line| {
            line.get(..name.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(name))
        })
    };
    has("final-recipient:") && has("action:")
}

/// Takes one report in: the block about the message, then one for each recipient. Blocks are told apart by their
/// fields, because reporters forget the empty line between them, or put in more.
fn take_in(notice: &mut Notice, text: &str) {
    let blocks = fields::blocks(text)
        .into_iter()
        .flat_map(|block| block.split_at_repeats("final-recipient"));
    for block in blocks {
        if notice.reporting_mta.is_none() {
            notice.reporting_mta = block
                .typed("reporting-mta")
                .and_then(|(_, host)| fields::host(host));
        }
        if block.has_any(&RECIPIENT_FIELDS) && notice.recipients.len() < limits::NOTICE_RECIPIENTS {
            notice.recipients.extend(recipient(&block));
        }
    }
}

/// Reads the block of one recipient; `None` when it names neither an address nor an action.
fn recipient(block: &Block) -> Option<Recipient> {
    let address = |name: &str| {
        let (kind, value) = block.typed(name)?;
        fields::address(value, kind.as_deref())
    };
    let final_recipient = address("final-recipient").or_else(|| address("x-actual-recipient"));
    let original_recipient = address("original-recipient");
    let action = block.get("action").and_then(action);
    if final_recipient.is_none() && original_recipient.is_none() && action.is_none() {
        return None;
    }
    let diagnostic = block
        .typed("diagnostic-code")
        .map(|(kind, text)| Diagnostic {
            kind,
            text: text.to_owned(),
        })
        .filter(|diagnostic| !is_exit_code(diagnostic));
    let said = diagnostic
        .as_ref()
        .map(|diagnostic| quoted::read(&diagnostic.text));
    let remote_mta = block
        .typed("remote-mta")
        .filter(|(kind, _)| kind.as_deref() != Some("x-unix"))
        .and_then(|(_, host)| fields::host(host));
    let (reply, stage, host) = said.map_or((None, None, None), |said| {
        (said.reply, said.stage, said.host)
    });
    Some(Recipient {
        final_recipient,
        original_recipient,
        action,
        status: block
            .get("status")
            .and_then(|status| Some(EnhancedCode::at_start(status)?.0)),
        diagnostic: diagnostic.map(unfold),
        remote_mta: remote_mta.or(host),
        stage,
        reply,
        ..Recipient::default()
    })
}

/// Whether all that is said is how a program ended (`X-Unix; 200`): that tells nothing, and leaves the word to others.
fn is_exit_code(diagnostic: &Diagnostic) -> bool {
    matches!(diagnostic.kind.as_deref(), Some("x-unix" | "unix"))
        && !diagnostic.text.chars().any(char::is_alphabetic)
}

/// Reads an action; reporters add comments and invent synonyms.
fn action(value: &str) -> Option<Action> {
    let word = value
        .split(|c: char| !c.is_ascii_alphabetic())
        .find(|word| !word.is_empty())?;
    match word.to_ascii_lowercase().as_str() {
        "failed" | "failure" | "fail" | "expired" | "deny" | "bounced" => Some(Action::Failed),
        "delayed" | "delay" | "deferred" => Some(Action::Delayed),
        "delivered" | "deliverable" => Some(Action::Delivered),
        "relayed" => Some(Action::Relayed),
        "expanded" => Some(Action::Expanded),
        _ => None,
    }
}

/// Puts the lines of a folded diagnostic on one.
fn unfold(diagnostic: Diagnostic) -> Diagnostic {
    Diagnostic {
        text: diagnostic
            .text
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" "),
        ..diagnostic
    }
}
