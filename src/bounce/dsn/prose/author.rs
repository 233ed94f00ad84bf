//! The author of a message: a mail system, or a person.
//!
//! Few systems agree on a sign. Taken together the address, the name, the empty return path (RFC 5321 §6.1) and the
//! subject tell; each alone can be borne by a message of a person.

use super::super::mime::Parts;
use crate::bounce::dsn::fields;

/// One thing that speaks for a mail system as the author of a message, or against it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sign {
    /// The address or the name in `From` is one that mail systems write under.
    Daemon,
    /// It is one that they write nothing else under than notices.
    MailerDaemon,
    /// The message has the empty return path, or one that says so.
    NullPath,
    /// The subject is one that notices have.
    Subject,
    /// It calls itself a delivery report (RFC 6522), whether or not it has one.
    Report,
    /// It says that it answers or passes on a message of a person: `Re:`.
    Answer,
}

/// The signs that a message bears.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Signs(Vec<Sign>);

impl Signs {
    /// Reads the signs of a message.
    pub(super) fn of(parts: &Parts) -> Signs {
        let subject = parts.subject().unwrap_or_default().to_lowercase();
        let subject = subject.trim();
        let return_path = parts.header.get("return-path").unwrap_or_default();
        let kind = parts.header.get("content-type").unwrap_or_default();
        let answer = ["re:", "aw:", "sv:", "antw:", "fwd:", "fw:", "wg:"]
            .iter()
            .any(|prefix| subject.starts_with(prefix));
        let told = SUBJECTS.iter().any(|words| subject.contains(words));
        let borne = [
            (
                is_daemon(parts.header.get("from").unwrap_or_default()),
                Sign::Daemon,
            ),
            (
                is_mailer_daemon(parts.header.get("from").unwrap_or_default()),
                Sign::MailerDaemon,
            ),
            (
                return_path == "<>" || return_path.to_lowercase().contains("mailer-daemon"),
                Sign::NullPath,
            ),
            (told && !answer, Sign::Subject),
            (
                kind.to_lowercase().contains("delivery-status"),
                Sign::Report,
            ),
            (answer, Sign::Answer),
        ];
        Signs(
            borne
                .into_iter()
                .filter_map(|(borne, sign)| borne.then_some(sign))
                .collect(),
        )
    }

    /// Whether a message bears the sign.
    fn have(&self, sign: Sign) -> bool {
        self.0.contains(&sign)
    }

    /// Whether a mail system wrote this about a delivery: enough to read any address in it as the recipient.
    pub(super) fn prove_a_notice(&self) -> bool {
        self.have(Sign::Report)
            || self.have(Sign::MailerDaemon)
            || self.have(Sign::Subject) && (self.have(Sign::Daemon) || self.have(Sign::NullPath))
    }

    /// Whether a mail system wrote this, about whatever.
    pub(super) fn are_of_a_system(&self) -> bool {
        self.have(Sign::Daemon) || self.have(Sign::NullPath) || self.have(Sign::Report)
    }

    /// Whether words of a notice in it may be its own: a person's message quotes them only in an answer.
    pub(super) fn allow_a_notice(&self) -> bool {
        self.are_of_a_system() || !self.have(Sign::Answer)
    }
}

/// Local parts under which mail systems write, without their `-`, `_` and `.`.
const LOCAL_PARTS: [&str; 12] = [
    "mailerdaemon",
    "postmaster",
    "maildaemon",
    "maildeliverysystem",
    "maildeliverysubsystem",
    "mdaemon",
    "complaints",
    "mailsystem",
    "mailadministrator",
    "systemadministrator",
    "imss",
    "smtpdaemon",
];

/// Names under which mail systems write, in lower case.
const NAMES: [&str; 8] = [
    "mail delivery s",
    "mailer-daemon",
    "mailer daemon",
    "mail delivery",
    "mail administrator",
    "system administrator",
    "postmaster",
    "mail system",
];

/// Whether the value of a `From` field is that of `MAILER-DAEMON`, by whatever spelling.
fn is_mailer_daemon(from: &str) -> bool {
    matches!(
        local_part(&from.to_lowercase()).as_str(),
        "mailerdaemon" | "maildaemon" | "maildeliverysystem" | "maildeliverysubsystem"
    )
}

/// Whether the value of a `From` field is that of a mail system.
fn is_daemon(from: &str) -> bool {
    let lower = from.to_lowercase();
    let local = local_part(&lower);
    LOCAL_PARTS.contains(&local.as_str())
        || local.starts_with("microsoftexchange")
        || local.ends_with("mailservice")
        || NAMES.iter().any(|name| lower.contains(name))
}

/// The local part of a `From` field in lower case, without its `-`, `_` and `.`.
fn local_part(lower: &str) -> String {
    let address = fields::address(lower, None);
    let local = address
        .as_deref()
        .unwrap_or(lower)
        .rsplit_once('@')
        .map_or(lower, |(local, _)| local);
    local
        .chars()
        .filter(|c| !matches!(c, '-' | '_' | '.' | '<' | '>' | ' ' | '"'))
        .collect()
}

/// Words in the subjects of notices, in lower case. Collected from the mail systems named in `openings`.
const SUBJECTS: &[&str] = &[
    "undeliver",
    "returned mail",
    "returned message",
    "returned to sender",
    "return to sender",
    "returning message",
    "returning to sender",
    "failure notice",
    "failure delivery",
    "delivery fail",
    "delivery has failed",
    "delivery problem",
    "delivery status",
    "delivery report",
    "delivery warning",
    "delivery error",
    "delivery delay",
    "delivery notification",
    "delivery incomplete",
    "mail failed",
    "failed mail",
    "mail failure",
    "message failed",
    "non-delivery",
    "nondeliverable",
    "non-remise",
    "not delivered",
    "not been delivered",
    "could not be delivered",
    "couldn't be delivered",
    "mail error",
    "mail system error",
    "processing error",
    "error during delivery",
    "error notice",
    "user unknown",
    "unknown user",
    "bounce",
    "rejected mail",
    "mail rejected",
    "message rejected",
    "message status - undeliverable",
    "mail status report",
    "notification d'état",
    "échec de la remise",
    "non remis",
    "non distribuable",
    "unzustellbar",
    "nicht zugestellt",
    "nicht zustellbar",
    "zustellung fehlgeschlagen",
    "no entregado",
    "no se puede entregar",
    "error de entrega",
    "non recapitabile",
    "mancato recapito",
    "não entregue",
    "não entregável",
    "falha na entrega",
    "niet bezorgd",
    "onbestelbaar",
    "kan inte levereras",
    "nie dostarczono",
    "niedostarcz",
    "не доставлено",
    "недоставлен",
    "не удалось доставить",
    "配信不能",
    "配信エラー",
    "送信エラー",
    "メールエラー",
    "メール送信",
    "未配信",
    "配信できません",
    "系统退信",
    "退信",
    "投递失败",
    "无法投递",
    "邮件被退回",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mail_systems_are_known_by_address_or_name() {
        for from in [
            "MAILER-DAEMON@example.net",
            "Mail Delivery System <Mail.Delivery.System@example.net>",
            "\"Mail Delivery Subsystem\" <admin@example.net>",
            "post_master@example.net",
            "MicrosoftExchange329e71ec88ae4615bbc36ab6ce41109e@example.net",
            "mailer-daemon@",
        ] {
            assert!(is_daemon(from), "{from}");
        }
        for from in ["Anna <anna@example.net>", "support@example.net", ""] {
            assert!(!is_daemon(from), "{from}");
        }
    }
}
