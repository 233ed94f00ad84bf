//! Tells automatic replies (RFC 3834) from bounces.
//!
//! RFC 3834 gives automatic answers a field of their own, `Auto-Submitted: auto-replied`; bounces carry
//! `auto-generated` or nothing. Older responders use fields of their own or only say so in the subject, so what is
//! certain is asked before a report is looked for and what is likely after.

use super::AutoReply;
use super::mime::Parts;

/// Subjects that absence notes begin with, in lower case. Common wordings of mail programs and webmail; our list.
const SUBJECTS: &[&str] = &[
    "automatic reply",
    "auto-reply",
    "autoreply",
    "auto reply",
    "autoresponse",
    "auto response",
    "auto:",
    "automatic response",
    "out of office",
    "out-of-office",
    "out of the office",
    "vacation reply",
    "on vacation",
    "away from the office",
    "abwesenheitsnotiz",
    "abwesenheit",
    "automatische antwort",
    "automatisch antwoord",
    "réponse automatique",
    "reponse automatique",
    "absence du bureau",
    "respuesta automática",
    "fuera de la oficina",
    "risposta automatica",
    "fuori sede",
    "resposta automática",
    "ausência temporária",
    "autosvar",
    "frånvaro",
    "automaattinen vastaus",
    "automatická odpověď",
    "odpowiedź automatyczna",
    "автоответ",
    "автоматический ответ",
    "自動応答",
    "不在通知",
    "自动回复",
    "自動回覆",
];

/// Words that give an absence note away wherever they stand in its subject, in lower case.
const IN_SUBJECTS: &[&str] = &[
    "out of office",
    "out of the office",
    "out-of-office",
    "automatic reply",
    "autoreply",
    "auto-reply",
    "abwesenheit",
    "(autosvar)",
    "automatyczna odpowied",
];

/// Fields that only responders write, in lower case.
const RESPONDER_FIELDS: &[(&str, &str)] = &[
    ("x-autoreply", "the field X-Autoreply"),
    ("x-autorespond", "the field X-Autorespond"),
    ("x-autoresponder", "the field X-Autoresponder"),
    ("x-auto-reply", "the field X-Auto-Reply"),
    ("x-auto-response", "the field X-Auto-Response"),
    ("x-mail-autoreply", "the field X-Mail-Autoreply"),
    ("x-autoreply-from", "the field X-Autoreply-From"),
    ("x-vacation", "the field X-Vacation"),
];

/// An answer that says of itself that it is automatic, or a receipt.
pub(super) fn certain(parts: &Parts) -> Option<AutoReply> {
    if !parts.statuses.is_empty() {
        return None;
    }
    if !parts.receipts.is_empty() {
        // Dovecot and Sieve (RFC 5429) refuse a message in the form of a receipt.
        if parts.text.contains("was automatically rejected") {
            return None;
        }
        return Some(found(parts, "a receipt (RFC 8098)"));
    }
    let submitted = parts
        .header
        .get("auto-submitted")
        .unwrap_or_default()
        .to_ascii_lowercase();
    if submitted.starts_with("auto-replied")
        && !parts.header.has_any(&["x-failed-recipients"])
        && !is_from_daemon(parts)
    {
        return Some(found(
            parts,
            "the field Auto-Submitted: auto-replied (RFC 3834)",
        ));
    }
    RESPONDER_FIELDS
        .iter()
        .find(|(field, _)| parts.header.has_any(&[field]))
        .map(|(_, sign)| found(parts, sign))
}

/// An answer that looks automatic; to be asked only of what is no report.
pub(super) fn likely(parts: &Parts) -> Option<AutoReply> {
    let precedence = parts
        .header
        .get("precedence")
        .unwrap_or_default()
        .to_ascii_lowercase();
    if precedence.starts_with("auto_reply") || precedence.starts_with("auto-reply") {
        return Some(found(parts, "the field Precedence: auto_reply"));
    }
    let subject = parts.subject().unwrap_or_default().to_lowercase();
    let subject = subject
        .trim_start_matches("re:")
        .trim_start_matches([' ', '[', '(', '"']);
    if SUBJECTS.iter().any(|start| subject.starts_with(start))
        || IN_SUBJECTS.iter().any(|words| subject.contains(words))
    {
        return Some(found(parts, "its subject"));
    }
    let return_path = parts.header.get("return-path").unwrap_or_default();
    (return_path == "<>" && precedence.starts_with("bulk") && !is_from_daemon(parts))
        .then(|| found(parts, "the empty return path of a person's message"))
}

/// Whether a mail system itself is the author.
fn is_from_daemon(parts: &Parts) -> bool {
    // Some write no domain behind the name.
    let from = parts
        .from()
        .or_else(|| parts.header.get("from").map(str::to_owned))
        .unwrap_or_default()
        .to_lowercase();
    ["mailer-daemon", "postmaster", "mail-daemon"]
        .iter()
        .any(|name| {
            from.strip_prefix(name)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(['@', ' ', '(']))
        })
}

/// The answer, with what gave it away.
fn found(parts: &Parts, sign: &'static str) -> AutoReply {
    AutoReply {
        from: parts.from(),
        subject: parts.subject(),
        sign,
    }
}
