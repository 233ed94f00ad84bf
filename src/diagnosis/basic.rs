//! Reads a reply by its words, then by its enhanced code, then by its code: the basic reading.
//!
//! Guards come first: words about greylisting, blocks, the sender, pace or quota settle what the reply is about, and
//! only then may words about an unknown user be believed. What nothing matches is `unread`.

use crate::reason::{Blame, Reason};
use crate::smtp::{EnhancedCode, Reply, Severity, Stage};

/// Phrases in lower case with what they mean, tried in order. Each row's words are those that carry the meaning in the
/// replies of servers in use; a phrase that a person's address could contain does no harm, for addresses are taken out
/// first.
const PHRASES: &[(&[&str], Reason)] = &[
    (
        &[
            "greylist",
            "graylist",
            "grey list",
            "greylisted",
            "try again later, greet",
        ],
        Reason::Greylisted,
    ),
    (
        &[
            "verification in progress",
            "verification is in progress",
            "unverified address",
        ],
        Reason::TryLater,
    ),
    (
        &[
            "too many recipients",
            "multiple regions",
            "multiple destination domains",
            "recipients per message",
            "recipient limit",
        ],
        Reason::TooManyRecipients,
    ),
    (
        &[
            "receiving mail at a rate",
            "receiving mail too quickly",
            "user is receiving mail",
        ],
        Reason::MailboxBusy,
    ),
    (
        &[
            "starttls",
            "must use tls",
            "tls required",
            "encryption required",
        ],
        Reason::TlsRequired,
    ),
    (
        &[
            "ptr record",
            "reverse dns",
            "reverse hostname",
            "cannot find your hostname",
            "bad dns ptr",
            "reverse lookup",
        ],
        Reason::NeedsPtr,
    ),
    (
        &["spf", "dkim", "dmarc", "unauthenticated"],
        Reason::SenderUnauthenticated,
    ),
    (
        &[
            "spamhaus",
            "spamcop",
            "barracudacentral",
            "blacklist",
            "blocklist",
            "block list",
            "black list",
            "dnsbl",
            " rbl",
            "blocked",
            "banned",
            "poor reputation",
            "bad reputation",
            "low reputation",
            "listed at",
            "listed in",
            "access denied, banned",
        ],
        Reason::SenderBlocked,
    ),
    (
        &[
            "too many connections",
            "rate limit",
            "too many messages",
            "unusual rate",
            "too fast",
            "frequency limited",
            "too many errors",
            "excessive",
            "slow down",
            "throttl",
            "temporarily deferred",
            "too many bad recipients",
            "concurrent",
        ],
        Reason::RateLimited,
    ),
    (
        &[
            "relay access denied",
            "relaying denied",
            "relay not permitted",
            "unable to relay",
            "not permitted to relay",
            "relaying disallowed",
        ],
        Reason::RelayDenied,
    ),
    (
        &[
            "sender address rejected",
            "sender rejected",
            "sender denied",
            "spam",
            "policy",
            "message rejected",
            "helo",
            "not authorized",
            "not allowed to send",
        ],
        Reason::SenderRefused,
    ),
    (
        &[
            "over quota",
            "overquota",
            "quota",
            "mailbox full",
            "mailbox is full",
            "out of storage",
            "storage exceeded",
        ],
        Reason::MailboxFull,
    ),
    (
        &[
            "server busy",
            "too busy",
            "system busy",
            "load too high",
            "insufficient system",
        ],
        Reason::HostBusy,
    ),
    (
        &[
            "mailbox disabled",
            "account disabled",
            "is disabled",
            "account has been disabled",
            "mailbox is inactive",
            "account is inactive",
            "inactive user",
            "user suspended",
            "account suspended",
            "deactivated",
        ],
        Reason::MailboxDisabled,
    ),
    (
        &[
            "no such user",
            "user unknown",
            "unknown user",
            "no such recipient",
            "recipient unknown",
            "unknown recipient",
            "does not exist",
            "doesn't exist",
            "no such mailbox",
            "mailbox not found",
            "user not found",
            "invalid recipient",
            "no mailbox here",
            "mailbox unavailable",
            "not our customer",
            "unknown address",
            "no such address",
            "address unknown",
            "addressee unknown",
            "recipient not found",
            "recipientnotfound",
            "invalid mailbox",
            "unknown or illegal alias",
            "not in recipient list",
            "unrouteable address",
            "doesn't have a yahoo.com account",
            "empf\u{e4}nger unbekannt",
            "destinataire invalide",
            "usuario desconocido",
        ],
        Reason::NoSuchMailbox,
    ),
];

/// What a negative reply at `stage` means, with the name of what decided.
pub(super) fn read(
    reply: &Reply,
    stage: Stage,
    provider: Option<&str>,
    echoes: &[&str],
) -> (Reason, &'static str) {
    let text = words(reply, echoes);
    let matched = PHRASES.iter().find_map(|(phrases, reason)| {
        phrases
            .iter()
            .find(|phrase| text.contains(**phrase))
            .map(|phrase| (*reason, *phrase))
    });
    // Microsoft 365 says "access denied" of an unknown user; everybody else says it of the visitor.
    let microsoft = provider == Some("microsoft365") || text.contains("as(201806281)");
    let (reason, rule) = match matched {
        _ if microsoft && is(reply, 5, 4, 1) => (Reason::NoSuchMailbox, "5.4.1 at Microsoft 365"),
        Some((reason, phrase)) => (reason, phrase),
        None => by_code(reply, stage),
    };
    (keep_to_the_stage(reason, stage, reply.severity()), rule)
}

/// Before RCPT nobody has heard whom it is about, so nothing may blame a mailbox or its domain.
fn keep_to_the_stage(reason: Reason, stage: Stage, severity: Severity) -> Reason {
    let may_blame_the_mailbox = match stage {
        Stage::Rcpt | Stage::Data | Stage::Unknown => true,
        Stage::Connect | Stage::Greeting | Stage::Hello | Stage::Tls | Stage::Mail => false,
    };
    if may_blame_the_mailbox || !matches!(reason.blame(), Blame::Mailbox | Blame::Domain) {
        return reason;
    }
    match severity {
        Severity::Transient => Reason::TryLater,
        Severity::Positive | Severity::Permanent => Reason::SenderRefused,
    }
}

/// The reading by codes alone, which never condemns on doubt.
fn by_code(reply: &Reply, stage: Stage) -> (Reason, &'static str) {
    if is(reply, 5, 1, 1) || is(reply, 5, 1, 10) {
        return (Reason::NoSuchMailbox, "fallback: 5.1.1 or 5.1.10");
    }
    if is(reply, 5, 2, 1) {
        return (Reason::Unread, "fallback: 5.2.1 may mean closed or busy");
    }
    if is(reply, 5, 2, 2) || is(reply, 4, 2, 2) {
        return (Reason::MailboxFull, "fallback: x.2.2");
    }
    if reply.enhanced.is_some_and(|code| code.subject == 7) {
        return (Reason::SenderRefused, "fallback: x.7.x is about policy");
    }
    match (reply.code, stage) {
        (421, Stage::Greeting | Stage::Connect | Stage::Hello) => {
            (Reason::HostBusy, "fallback: 421")
        }
        (551, _) => (Reason::MailboxMoved, "fallback: 551"),
        (554, Stage::Greeting | Stage::Connect) => {
            (Reason::NotAccepting, "fallback: 554 at the greeting")
        }
        (400..=499, _) => (Reason::TryLater, "fallback: 4yz"),
        _ => (Reason::Unread, "fallback: not understood"),
    }
}

fn is(reply: &Reply, class: u8, subject: u16, detail: u16) -> bool {
    reply.enhanced
        == Some(EnhancedCode {
            class,
            subject,
            detail,
        })
}

/// The host's own words on one line in lower case, without addresses and names that it only repeats.
fn words(reply: &Reply, echoes: &[&str]) -> String {
    let mut text = reply.lines.join(" ").to_lowercase();
    for echo in echoes.iter().filter(|echo| echo.len() > 2) {
        text = text.replace(&echo.to_lowercase(), " ");
    }
    let own: Vec<&str> = text
        .split_whitespace()
        .filter(|word| !word.contains('@'))
        .collect();
    own.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(stage: Stage, provider: Option<&str>, text: &str) -> Reason {
        read(
            &Reply::from_text(text).unwrap(),
            stage,
            provider,
            &["anna@acme.test"],
        )
        .0
    }

    #[test]
    fn the_replies_that_rivals_read_wrongly() {
        use Reason::*;
        let table = [
            (
                "550 5.1.1 The email account that you tried to reach does not exist",
                NoSuchMailbox,
            ),
            (
                "450 4.7.1 <anna@acme.test>: Recipient address rejected: Greylisted",
                Greylisted,
            ),
            (
                "550 5.2.1 The user you are trying to contact is receiving mail at a rate that prevents",
                MailboxBusy,
            ),
            (
                "550 5.2.1 The email account that you tried to reach is disabled.",
                MailboxDisabled,
            ),
            (
                "550 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using Spamhaus",
                SenderBlocked,
            ),
            (
                "550 5.7.26 Your email has been blocked because the sender is unauthenticated",
                SenderUnauthenticated,
            ),
            ("550 5.7.1 No such user!", NoSuchMailbox),
            (
                "452 4.5.3 Recipients belong to multiple regions ATTR38",
                TooManyRecipients,
            ),
            ("552 5.2.2 mailbox is over quota", MailboxFull),
            (
                "554 5.7.1 <anna@acme.test>: Relay access denied",
                RelayDenied,
            ),
            (
                "550 Requested action not taken: mailbox unavailable",
                NoSuchMailbox,
            ),
            (
                "550 5.4.1 Recipient address rejected: Access denied",
                Unread,
            ),
            (
                "450 4.1.1 unverified address: Address verification in progress",
                TryLater,
            ),
            ("550 go away", Unread),
        ];
        for (text, reason) in table {
            assert_eq!(reading(Stage::Rcpt, None, text), reason, "{text}");
        }
        assert_eq!(
            reading(
                Stage::Rcpt,
                Some("microsoft365"),
                "550 5.4.1 Recipient address rejected: Access denied"
            ),
            NoSuchMailbox
        );
    }

    #[test]
    fn an_address_that_says_spam_changes_nothing() {
        let reply = Reply::from_text("550 5.1.1 <spam.blocked@acme.test>: User unknown").unwrap();
        assert_eq!(
            read(&reply, Stage::Rcpt, None, &[]).0,
            Reason::NoSuchMailbox
        );
    }

    #[test]
    fn nothing_said_before_rcpt_blames_a_mailbox() {
        for stage in [
            Stage::Connect,
            Stage::Greeting,
            Stage::Hello,
            Stage::Tls,
            Stage::Mail,
        ] {
            for text in [
                "550 5.1.1 user unknown",
                "550 mailbox full",
                "551 moved",
                "450 4.2.2 over quota",
            ] {
                let reason = reading(stage, None, text);
                assert!(
                    !matches!(reason.blame(), Blame::Mailbox | Blame::Domain),
                    "{stage} {text}: {reason}"
                );
            }
        }
    }
}
