//! What the sender should do after an answer, concretely.

use crate::model::reason::Reason;
use crate::smtp::EnhancedCode;
use crate::smtp::rules::contacts;

/// What is known when advice is asked for.
#[derive(Clone, Debug, Default)]
pub(super) struct Case {
    /// The words of the answer with the host and provider that gave it, in lower case.
    pub(super) words: String,
    /// The enhanced status code.
    pub(super) enhanced: Option<EnhancedCode>,
    /// The sender's domain, where known.
    pub(super) domain: Option<String>,
}

/// What the sender should do when `reason` is the truth, most useful first.
pub(super) fn advice(reason: Reason, case: &Case) -> Vec<String> {
    let fixed = |text: &str| vec![text.to_owned()];
    match reason {
        Reason::BadSyntax => fixed("Correct the address: it is not written as e-mail addresses are."),
        Reason::NoSuchDomain => fixed("Check the domain for a typing error; if it is right, the company or the domain is gone."),
        Reason::NoMailHost | Reason::MxNotPublic => {
            fixed("Check the domain for a typing error, and its MX records: nothing takes mail for it, and only its owner can change that.")
        }
        Reason::NullMx => fixed("Nothing: the owner of the domain states that it takes no mail."),
        Reason::NoSuchMailbox => fixed("Verify addresses before you send; many such bounces in one campaign make providers refuse your good mail too."),
        Reason::MailboxDisabled => fixed("Nothing on your side: the mailbox was closed. Check how old this list is."),
        Reason::MailboxMoved => fixed("Ask the person for the new address; the reply may name it."),
        Reason::DomainNotServed => fixed("Check the domain for a typing error, and its MX records: the host that they name does not know the domain."),
        Reason::MailboxFull => fixed("Try again in a few days; drop the address if it is still full after a few weeks."),
        Reason::MailboxBusy => fixed("Wait, and send more slowly to this domain: the mailbox exists and is getting too much mail at the moment."),
        Reason::Greylisted => fixed("Try again from the same server, with the same sender address; mail servers do that by themselves."),
        Reason::HostBusy | Reason::TryLater | Reason::Silent | Reason::HungUp => {
            fixed("Nothing for now: mail servers try again by themselves. Look into it if it lasts for more than a day.")
        }
        Reason::DnsTrouble => fixed("Try again later; if it lasts, check that your own name servers answer."),
        Reason::Unreachable | Reason::Expired => {
            fixed("Try again tomorrow; check that outgoing connections to port 25 are not blocked where you send from.")
        }
        Reason::ProtocolFault | Reason::ProviderAnomaly => fixed("Try again later: the other host is at fault."),
        Reason::NotAccepting => fixed("Try again later; if it lasts, reach the recipient by other means: their host takes no mail."),
        Reason::SenderBlocked => blocked(case),
        Reason::SenderUnauthenticated => authentication(case),
        Reason::SenderRefused => refused(case),
        Reason::RateLimited => rate(case),
        Reason::NeedsPtr => fixed(
            "Ask whoever gave you the sending address (your hosting company) to set its reverse name (PTR), such as \
             `mail.your-domain.example`, and give that name an A or AAAA record with the same address.",
        ),
        Reason::TlsRequired => fixed("Switch encryption on in your mail server: STARTTLS for outgoing mail, with TLS 1.2 or later."),
        Reason::TooManyRecipients => fixed("Send to fewer recipients at once; the rest can follow in a new transaction."),
        Reason::RelayDenied => vec![
            "Check that you log in to your own outgoing server: it takes mail for elsewhere only from those it knows.".to_owned(),
            "Check the recipient domain's MX records: its mail may have moved to another host.".to_owned(),
        ],
        Reason::AcceptedProvider | Reason::CatchAll | Reason::CatchAllUntested => {
            fixed("Send to such addresses in small lots first, and watch the bounces.")
        }
        Reason::Role | Reason::Disposable | Reason::TrapLike => fixed("Find out where this address came from before you write to it."),
        Reason::Unread => fixed("Read the text of the reply itself; the recipient's postmaster can say what it means."),
        Reason::Accepted
        | Reason::NoAddress
        | Reason::Suppressed
        | Reason::Duplicate
        | Reason::NotAsked
        | Reason::Interrupted
        | Reason::Deadline => Vec::new(),
    }
}

/// The provider's contact, as a sentence.
fn desk(case: &Case) -> Option<String> {
    contacts::provider(&case.words).map(|desk| format!("{}: {}.", desk.name, desk.advice))
}

/// Advice for a sender whose address or name is blocked.
fn blocked(case: &Case) -> Vec<String> {
    let mut advice: Vec<String> = contacts::blocklists(&case.words)
        .map(|desk| format!("You are on the list of {}: {}.", desk.name, desk.advice))
        .collect();
    if advice.is_empty() {
        advice.push(
            "Find out whether your sending address or domain is on a blocklist: `presend preflight` with your domain asks the \
             common ones; then ask each list for removal (delisting), after the cause is gone."
                .to_owned(),
        );
    }
    advice.extend(desk(case));
    advice.push(WARM_UP.to_owned());
    advice.push(CLEAN.to_owned());
    advice
}

/// Advice after a refusal by policy.
fn refused(case: &Case) -> Vec<String> {
    let mut advice: Vec<String> = contacts::blocklists(&case.words)
        .map(|desk| format!("{}: {}.", desk.name, desk.advice))
        .collect();
    if mentions_authentication(case) {
        advice.extend(authentication(case));
    } else {
        advice.push(
            "Check what the host may dislike: SPF, DKIM and DMARC of your domain (`presend preflight` with your domain), \
             links and attachments in the message, and the reputation of your domain."
                .to_owned(),
        );
        advice.extend(desk(case));
    }
    advice.push(
        "If only this recipient refuses you, ask them by other means to let you through: the block may be their own choice.".to_owned(),
    );
    advice.push(WARM_UP.to_owned());
    advice
}

/// Advice for a sender who goes too fast.
fn rate(case: &Case) -> Vec<String> {
    let mut advice = vec![
        "Send more slowly to this provider: fewer connections at once and fewer messages an hour, then try again.".to_owned(),
        WARM_UP.to_owned(),
    ];
    advice.extend(desk(case));
    advice
}

const WARM_UP: &str = "Warm a new domain or address up: begin with a few dozen messages a day to people who know you, and no more \
                       than double that from day to day.";

const CLEAN: &str = "Clean the list: stop sending to addresses that bounce, and to people who never asked or never open.";

/// Whether a refusal speaks of SPF, DKIM or DMARC, in its words or its code (RFC 7372, and Gmail's 5.7.26 to 5.7.32).
fn mentions_authentication(case: &Case) -> bool {
    let by_code = case.enhanced.is_some_and(|code| {
        code.subject == 7 && matches!(code.detail, 20..=27 | 30..=32 | 509 | 515)
    });
    by_code
        || ["spf", "dkim", "dmarc", "unauthenticated"]
            .iter()
            .any(|word| case.words.contains(word))
}

/// The DNS records that prove a sender genuine, for the checks that the refusal names; all three where it names none.
fn authentication(case: &Case) -> Vec<String> {
    let domain = case.domain.as_deref().unwrap_or("your-domain.example");
    let detail = case
        .enhanced
        .filter(|code| code.subject == 7)
        .map(|code| code.detail);
    let spf = case.words.contains("spf") || matches!(detail, Some(23 | 24 | 27));
    let dkim = case.words.contains("dkim") || matches!(detail, Some(20..=22 | 30));
    let dmarc = case.words.contains("dmarc") || matches!(detail, Some(32 | 509));
    let all = !(spf || dkim || dmarc) || matches!(detail, Some(26 | 515));
    let mut advice = Vec::new();
    if all || spf {
        advice.push(format!(
            "SPF: publish one TXT record at {domain} that names whoever sends for you, such as `v=spf1 include:_spf.google.com ~all` \
             for Google Workspace; only one such record, at most 10 look-ups."
        ));
    }
    if all || dkim {
        advice.push(format!(
            "DKIM: switch signing on at your sending service and publish the key that it shows you as a TXT record at \
             `selector._domainkey.{domain}`, such as `v=DKIM1; k=rsa; p=...`."
        ));
    }
    if all || dmarc {
        advice.push(format!(
            "DMARC: publish a TXT record at `_dmarc.{domain}`, such as `v=DMARC1; p=none; rua=mailto:dmarc@{domain}`, and send with a \
             From address whose domain is the one that SPF or DKIM proves."
        ));
    }
    advice.push(format!("Check all three with `presend preflight {domain}`, then send again: the address itself is not at fault."));
    advice.extend(desk(case));
    advice
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_names_the_record_that_is_missing() {
        let case = Case {
            words: "dmarc failed".to_owned(),
            enhanced: None,
            domain: Some("shop.example".to_owned()),
        };
        let advice = advice(Reason::SenderUnauthenticated, &case).join("\n");
        assert!(
            advice.contains("_dmarc.shop.example") && !advice.contains("SPF: publish"),
            "{advice}"
        );
    }

    #[test]
    fn advice_names_the_list_that_the_refusal_names() {
        let case = Case {
            words: "blocked using zen.spamhaus.org".to_owned(),
            ..Case::default()
        };
        assert!(advice(Reason::SenderBlocked, &case)[0].contains("check.spamhaus.org"));
    }

    #[test]
    fn a_sender_to_blame_is_told_what_to_do() {
        for &reason in Reason::ALL {
            if reason.blame() == crate::model::reason::Blame::Sender {
                assert!(!advice(reason, &Case::default()).is_empty(), "{reason}");
            }
        }
    }
}
