//! The phrases by which bounces in plain words begin, end, and name their author.

use super::super::fields;
use crate::bounce::dsn::Action;

/// What mail systems say first, in lower case with line breaks as single blanks. A delay notice may contain the words
/// of a bounce further down, so delays come first. From the sources and documentation of the systems named.
const OPENINGS: &[(&str, Action)] = &[
    // Sendmail, Postfix, Exim, Gmail, Courier, Exchange: still trying.
    ("this is a warning message only", Action::Delayed),
    ("could not be delivered for more than", Action::Delayed),
    (
        "has not been delivered to one or more recipients after more than",
        Action::Delayed,
    ),
    (
        "delivery to the following recipients has been delayed",
        Action::Delayed,
    ),
    (
        "delivery to these recipients or groups is delayed",
        Action::Delayed,
    ),
    (
        "this is an automatically generated delivery delay notice",
        Action::Delayed,
    ),
    (
        "a message that you sent has not yet been delivered",
        Action::Delayed,
    ),
    ("gmail will retry for", Action::Delayed),
    ("gmail will keep trying", Action::Delayed),
    (
        "there was a temporary problem delivering your message",
        Action::Delayed,
    ),
    ("delivery of the message has been delayed", Action::Delayed),
    ("message has been delayed", Action::Delayed),
    ("delivery attempts will continue", Action::Delayed),
    ("has not yet been delivered", Action::Delayed),
    ("have not yet been delivered", Action::Delayed),
    ("we will continue to", Action::Delayed),
    ("will continue to try", Action::Delayed),
    ("will keep trying", Action::Delayed),
    ("still trying to deliver", Action::Delayed),
    ("has been postponed", Action::Delayed),
    ("you do not need to resend", Action::Delayed),
    ("delivery status notification (delay)", Action::Delayed),
    ("wurde noch nicht zugestellt", Action::Delayed),
    ("zustellung verzögert", Action::Delayed),
    ("n'a pas encore été remis", Action::Delayed),
    ("aún no se ha entregado", Action::Delayed),
    ("пока не доставлено", Action::Delayed),
    (
        "the following addresses had transient non-fatal errors",
        Action::Delayed,
    ),
    // qmail.
    ("hi. this is the qmail-send program", Action::Failed),
    (
        "i'm afraid i wasn't able to deliver your message",
        Action::Failed,
    ),
    ("this is a permanent error; i've given up", Action::Failed),
    // Exim, and mail.ru after it.
    (
        "this message was created automatically by mail delivery software",
        Action::Failed,
    ),
    (
        "a message that you sent could not be delivered",
        Action::Failed,
    ),
    // Postfix.
    ("this is the mail system at host", Action::Failed),
    ("this is the postfix program at host", Action::Failed),
    (
        "your message could not be delivered to one or more recipients",
        Action::Failed,
    ),
    // Sendmail.
    (
        "the following addresses had permanent fatal errors",
        Action::Failed,
    ),
    (
        "the following addresses had delivery errors",
        Action::Failed,
    ),
    (
        "the following addresses had delivery problems",
        Action::Failed,
    ),
    ("transcript of session follows", Action::Failed),
    // Exchange of all ages, Microsoft 365.
    ("couldn't be delivered", Action::Failed),
    ("delivery has failed to these recipients", Action::Failed),
    (
        "did not reach all or some of the intended recipients",
        Action::Failed,
    ),
    (
        "did not reach some or all of the intended recipients",
        Action::Failed,
    ),
    (
        "the following recipient(s) could not be reached",
        Action::Failed,
    ),
    (
        "the following recipient(s) cannot be reached",
        Action::Failed,
    ),
    (
        "delivery to the following recipients failed",
        Action::Failed,
    ),
    ("diagnostic information for administrators", Action::Failed),
    ("rejected your message to the following", Action::Failed),
    // Gmail.
    ("address not found", Action::Failed),
    ("your message wasn't delivered to", Action::Failed),
    ("message not delivered", Action::Failed),
    ("message blocked", Action::Failed),
    ("recipient inbox full", Action::Failed),
    (
        "delivery to the following recipient failed permanently",
        Action::Failed,
    ),
    (
        "delivery to the following recipients failed permanently",
        Action::Failed,
    ),
    // Yahoo, AOL.
    (
        "sorry, we were unable to deliver your message to the following address",
        Action::Failed,
    ),
    (
        "sorry, we were unable to deliver your message",
        Action::Failed,
    ),
    // Amazon SES.
    (
        "an error occurred while trying to deliver the mail to the following recipients",
        Action::Failed,
    ),
    // Courier.
    (
        "undeliverable mail your message to the following recipients cannot be delivered",
        Action::Failed,
    ),
    (
        "your message to the following recipients cannot be delivered",
        Action::Failed,
    ),
    // Domino.
    ("was not delivered to:", Action::Failed),
    // GroupWise.
    (
        "the message that you sent was undeliverable to the following",
        Action::Failed,
    ),
    ("was undeliverable to the following", Action::Failed),
    // MDaemon, IMail, MailEnable, hMailServer, SmarterMail, Zimbra, Oracle, cloud gateways.
    (
        "could not deliver message to the following recipient",
        Action::Failed,
    ),
    (
        "could not be delivered to the following recipient",
        Action::Failed,
    ),
    (
        "could not be delivered to one or more of its recipients",
        Action::Failed,
    ),
    (
        "could not be delivered to the following address",
        Action::Failed,
    ),
    (
        "your message cannot be delivered to the following recipients",
        Action::Failed,
    ),
    ("your message did not reach some or all", Action::Failed),
    ("undeliverable message", Action::Failed),
    ("message could not be delivered", Action::Failed),
    ("message was not delivered", Action::Failed),
    (
        "delivery failed for the following recipients",
        Action::Failed,
    ),
    ("delivery to the following addresses failed", Action::Failed),
    ("the following address failed", Action::Failed),
    ("the following address(es) failed", Action::Failed),
    (
        "the following recipients could not receive your message",
        Action::Failed,
    ),
    ("permanent delivery failure", Action::Failed),
    ("unable to deliver message to", Action::Failed),
    ("unable to deliver your message", Action::Failed),
    ("was automatically rejected", Action::Failed),
    ("did not reach the following recipient", Action::Failed),
    ("could not be delivered to", Action::Failed),
    ("has been returned because", Action::Failed),
    // German, French, Spanish, Italian, Portuguese, Russian, Japanese.
    (
        "ihre nachricht konnte nicht zugestellt werden",
        Action::Failed,
    ),
    ("konnte nicht zugestellt werden", Action::Failed),
    ("n'a pas pu être remis", Action::Failed),
    ("n'a pas pu être distribué", Action::Failed),
    ("no se pudo entregar", Action::Failed),
    ("no se ha podido entregar", Action::Failed),
    ("impossibile recapitare", Action::Failed),
    ("não foi possível entregar", Action::Failed),
    ("не может быть доставлено", Action::Failed),
    ("не было доставлено", Action::Failed),
    ("配信できませんでした", Action::Failed),
    ("送信できませんでした", Action::Failed),
];

/// What the text says that happened; `None` when it says nothing that we know.
pub(super) fn find(text: &str) -> Option<Action> {
    let text = text
        .to_lowercase()
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    OPENINGS
        .iter()
        .find(|(words, _)| text.contains(words))
        .map(|&(_, action)| action)
}

/// Words that the name of the reporting host follows, in lower case.
const REPORTING: [&str; 8] = [
    "mail system at host ",
    "postfix program at host ",
    "qmail-send program at ",
    "generating server:",
    "dsn generated by:",
    "delivery status notification from ",
    "mail server at ",
    "reporting-mta: dns;",
];

/// The host that wrote the notice, where it says so.
pub(super) fn reporting_host(text: &str) -> Option<String> {
    let lower = text.to_lowercase();
    REPORTING.iter().find_map(|words| {
        let at = lower.find(words)? + words.len();
        let host = fields::host(lower[at..].trim_start())?;
        host.contains('.').then_some(host)
    })
}
