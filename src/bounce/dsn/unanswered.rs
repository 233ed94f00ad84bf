//! What a sending host says of its own when the other side gave it no reply.
//!
//! "Connection timed out", "Host not found" and the like are no replies: they never left the sender's side. They come
//! as free text in the words of each mail program, often under an invented code, so they are known by their words.

use crate::model::reason::Reason;

/// Why a message came back although no mail host had refused it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unanswered {
    /// What it comes down to.
    pub reason: Reason,
    /// Whether trying again is pointless.
    pub permanent: bool,
    /// The words that say so, in lower case.
    pub words: &'static [&'static str],
}

/// The queue's last word, which follows the last refusal as well as no answer at all, by its reason.
const LAST_WORD: Reason = Reason::Expired;

impl Unanswered {
    /// Whether the words only say that the queue gave up: beside a reply of a mail host they explain nothing.
    #[must_use]
    pub fn is_last_word(&self) -> bool {
        self.reason == LAST_WORD
    }
}

/// Entry of the table: words that all occur, reason, permanence.
type Entry = (&'static [&'static str], Reason, bool);

/// The words of mail programs, in lower case; the first that occurs decides, so the more precise come first. Sources:
/// the messages in the sources of Postfix, Exim, Sendmail, qmail and Courier, and the documentation of Exchange Online
/// (`5.4.310`, `4.4.316` and their neighbours) and of Gmail.
const TABLE: &[Entry] = &[
    // Programs that put mail into mailboxes on the spot.
    (&["mail.local: unknown user"], Reason::NoSuchMailbox, true),
    (&["mail.local: unknown name"], Reason::NoSuchMailbox, true),
    (
        &["not listed in public name & address book"],
        Reason::NoSuchMailbox,
        true,
    ),
    (
        &["not listed in domino directory"],
        Reason::NoSuchMailbox,
        true,
    ),
    // Exim, of a field of the message itself: the recipient in it is good.
    (
        &["malformed address", "may not follow"],
        Reason::SenderRefused,
        true,
    ),
    // The domain says no by DNS.
    (&["does not accept mail (nullmx)"], Reason::NullMx, true),
    (&["nullmx"], Reason::NullMx, true),
    (&["host does not accept mail: mx 0"], Reason::NullMx, true),
    (
        &["an mx or srv record indicated no smtp service"],
        Reason::NullMx,
        true,
    ),
    (&["does not accept mail (null mx)"], Reason::NullMx, true),
    (&["returned null mx"], Reason::NullMx, true),
    (
        &["doesn't receive email according to the administrator"],
        Reason::NullMx,
        true,
    ),
    (&["null mx record"], Reason::NullMx, true),
    (&["has a null mx"], Reason::NullMx, true),
    // DNS gave no answer this time.
    (&["host not found, try again"], Reason::DnsTrouble, false),
    (&["name server timeout"], Reason::DnsTrouble, false),
    (
        &["temporary failure in name resolution"],
        Reason::DnsTrouble,
        false,
    ),
    (&["host lookup did not complete"], Reason::DnsTrouble, false),
    (
        &["name server: transient failure"],
        Reason::DnsTrouble,
        false,
    ),
    (&["responded with code servfail"], Reason::DnsTrouble, false),
    (
        &["cname lookup failed temporarily"],
        Reason::DnsTrouble,
        false,
    ),
    (&["infodomainnonexistent"], Reason::NoSuchDomain, true),
    // The domain does not exist, or has no mail host.
    (
        &["responded with code nxdomain"],
        Reason::NoSuchDomain,
        true,
    ),
    (
        &["couldn't find any host named"],
        Reason::NoSuchDomain,
        true,
    ),
    (
        &["couldn't find any host by that name"],
        Reason::NoSuchDomain,
        true,
    ),
    (
        &["host found but no data record of requested type"],
        Reason::NoMailHost,
        true,
    ),
    (
        &["host or domain name not found"],
        Reason::NoSuchDomain,
        true,
    ),
    // Exim, where none of its routers takes the address: that machine has no route to it, because there is no such
    // domain or because of how the machine is set up. It proves nothing of the domain.
    (&["unrouteable address"], Reason::DnsTrouble, false),
    // OpenSMTPD.
    (&["domain does not exist"], Reason::NoSuchDomain, true),
    (&["no mx found for domain"], Reason::NoMailHost, true),
    (
        &["temporary failure in mx lookup"],
        Reason::DnsTrouble,
        false,
    ),
    // The mail agent of DragonFly.
    (
        &["dns lookup failure: host", "not found"],
        Reason::NoSuchDomain,
        true,
    ),
    // Gateways and telephone companies.
    (&["name or service not known"], Reason::NoSuchDomain, true),
    (&["could not find a gateway for"], Reason::NoMailHost, true),
    (&["host unknown"], Reason::NoSuchDomain, true),
    (&["unrouteable mail domain"], Reason::NoSuchDomain, true),
    (
        &["the recipient domain does not exist"],
        Reason::NoSuchDomain,
        true,
    ),
    (&["no such domain"], Reason::NoSuchDomain, true),
    (
        &["couldn't find a mail exchanger or ip address"],
        Reason::NoMailHost,
        true,
    ),
    (
        &["all relevant mx records point to non-existent hosts"],
        Reason::NoMailHost,
        true,
    ),
    (&["couldn't find any mx record"], Reason::NoMailHost, true),
    (&["no mail hosts for domain"], Reason::NoMailHost, true),
    // Either the domain names the sender's own host, or that host has forgotten that it serves the domain.
    (&["mail for", "loops back to myself"], Reason::Unread, true),
    // Sun Internet Mail, SendGrid and its like, Outlook.com's own outgoing hosts, sendmail's ancestors.
    (
        &["illegal host/domain name found"],
        Reason::NoSuchDomain,
        true,
    ),
    (&["has no mail servers"], Reason::NoMailHost, true),
    (&["have no mail servers"], Reason::NoMailHost, true),
    (&["no mail servers found"], Reason::NoMailHost, true),
    (&["no mail server found for"], Reason::NoMailHost, true),
    (&["unable to get mx info"], Reason::NoMailHost, true),
    (&["no mx for "], Reason::NoMailHost, true),
    (&["no mx record"], Reason::NoMailHost, true),
    (&["no mx or a record"], Reason::NoMailHost, true),
    (
        &["because the domain is not reachable"],
        Reason::NoMailHost,
        false,
    ),
    (
        &["no matches to nameserver query"],
        Reason::NoSuchDomain,
        true,
    ),
    // No host answered.
    (
        &["wasn't able to establish an smtp connection"],
        Reason::Unreachable,
        false,
    ),
    (&["connection timed out"], Reason::Unreachable, false),
    (&["connection refused"], Reason::Unreachable, false),
    (&["network is unreachable"], Reason::Unreachable, false),
    (&["network unreachable"], Reason::Unreachable, false),
    (&["network is down"], Reason::Unreachable, false),
    (
        &["network error on destination mx"],
        Reason::Unreachable,
        false,
    ),
    (
        &["recipient server did not respond"],
        Reason::Unreachable,
        false,
    ),
    (&["server unavailable or busy"], Reason::Unreachable, false),
    (&["no route to host"], Reason::Unreachable, false),
    (&["operation timed out"], Reason::Unreachable, false),
    (&["unable to connect to"], Reason::Unreachable, false),
    (&["could not connect"], Reason::Unreachable, false),
    (&["couldn't connect to"], Reason::Unreachable, false),
    (&["cannot connect to"], Reason::Unreachable, false),
    (&["failed to connect to"], Reason::Unreachable, false),
    (
        &["failed to establish connection"],
        Reason::Unreachable,
        false,
    ),
    (&["bad connection"], Reason::Unreachable, false),
    (&["no answer from host"], Reason::Unreachable, false),
    (&["host is unreachable"], Reason::Unreachable, false),
    (&["host unreachable"], Reason::Unreachable, false),
    (
        &["all hosts have been failing for a long time"],
        Reason::Unreachable,
        false,
    ),
    (
        &["all hosts for", "have been failing"],
        Reason::Unreachable,
        false,
    ),
    (
        &["did not accept our requests to connect"],
        Reason::Unreachable,
        false,
    ),
    (
        &["unable to connect to remote host"],
        Reason::Unreachable,
        false,
    ),
    (&["could not connect to"], Reason::Unreachable, false),
    (&["connection was refused by"], Reason::Unreachable, false),
    (&["the connection was dropped"], Reason::HungUp, false),
    (&["lost connection with"], Reason::HungUp, false),
    (&["connection died"], Reason::HungUp, false),
    (&["remote host closed connection"], Reason::HungUp, false),
    (&["connection reset by"], Reason::HungUp, false),
    (&["connection closed unexpectedly"], Reason::HungUp, false),
    (
        &["connection shut down by the remote"],
        Reason::HungUp,
        false,
    ),
    (&["read error from"], Reason::HungUp, false),
    (&["conversation with", "timed out"], Reason::Silent, false),
    (&["timed out while"], Reason::Silent, false),
    (&["timeout while waiting"], Reason::Silent, false),
    // The queue's last word, where nothing more telling is said.
    (&["too long in queue"], Reason::Expired, false),
    (&["too long in the queue"], Reason::Expired, false),
    (&["in queue too long"], Reason::Expired, false),
    (&["in the queue too long"], Reason::Expired, false),
    (&["queue.expired"], Reason::Expired, false),
    (
        &["retry time not reached for any host"],
        Reason::Expired,
        false,
    ),
    (&["retry timeout exceeded"], Reason::Expired, false),
    (&["retry time expired"], Reason::Expired, false),
    (&["envelope expired"], Reason::Expired, false),
    (&["message expired"], Reason::Expired, false),
    (&["mail expired"], Reason::Expired, false),
    (&["delivery expired"], Reason::Expired, false),
    (&["delivery time expired"], Reason::Expired, false),
    (&["delivery timeout"], Reason::Expired, false),
    (&["queue lifetime"], Reason::Expired, false),
    (&["queue time exceeded"], Reason::Expired, false),
    (&["exceeded maximum time in queue"], Reason::Expired, false),
    (&["could not deliver for the last"], Reason::Expired, false),
    (&["not be delivered for the last"], Reason::Expired, false),
    (&["could not be delivered for"], Reason::Expired, false),
    (&["has not been delivered for"], Reason::Expired, false),
    (&["message is too old"], Reason::Expired, false),
    (&["message too old"], Reason::Expired, false),
    (&["too old in queue"], Reason::Expired, false),
    (&["gave up after"], Reason::Expired, false),
    (&["giving up after"], Reason::Expired, false),
    (&["giving up on this message"], Reason::Expired, false),
    (&["given up after"], Reason::Expired, false),
    (&["have given up trying"], Reason::Expired, false),
    (&["has given up trying"], Reason::Expired, false),
    (&["i've given up trying"], Reason::Expired, false),
    (&["delivery attempts have failed"], Reason::Expired, false),
    (&["delivery attempts failed"], Reason::Expired, false),
    (
        &["maximum number of delivery attempts"],
        Reason::Expired,
        false,
    ),
    (&["maximum delivery attempts"], Reason::Expired, false),
    (&["maximum retries"], Reason::Expired, false),
    (&["max retries"], Reason::Expired, false),
    (&["retries exceeded"], Reason::Expired, false),
    (&["retry limit"], Reason::Expired, false),
    (&["retry attempts exceeded"], Reason::Expired, false),
    (&["number of retries"], Reason::Expired, false),
    (&["too many retries"], Reason::Expired, false),
    (
        &["exceeded the maximum number of attempts"],
        Reason::Expired,
        false,
    ),
    (&["expired before"], Reason::Expired, false),
    (&["undeliverable after"], Reason::Expired, false),
    (&["unable to deliver after"], Reason::Expired, false),
    (&["sender's retry period"], Reason::Expired, false),
    (&["wartezeit abgelaufen"], Reason::Expired, false),
    (&["zustellversuche eingestellt"], Reason::Expired, false),
    (&["tentatives de remise ont échoué"], Reason::Expired, false),
    (&["délai de remise dépassé"], Reason::Expired, false),
    (&["tiempo de entrega caducado"], Reason::Expired, false),
    (&["tempo di consegna scaduto"], Reason::Expired, false),
    (
        &["could not be delivered", "giving up"],
        Reason::Expired,
        false,
    ),
    (&["could not deliver", "giving up"], Reason::Expired, false),
];

/// Reads what a sending host says of its own; `None` when the words are not of that kind.
#[must_use]
pub fn read(text: &str) -> Option<Unanswered> {
    let text = text.to_lowercase().replace('\u{2019}', "'");
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    TABLE
        .iter()
        .find(|(words, _, _)| words.iter().all(|word| text.contains(word)))
        .map(|&(words, reason, permanent)| Unanswered {
            reason,
            permanent,
            words,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_mail_program_is_understood() {
        let table = [
            (
                "Host or domain name not found. Name service error for name=example.net type=MX: Host not found",
                Reason::NoSuchDomain,
            ),
            (
                "Host or domain name not found. Name service error for name=example.net type=MX: Host not found, try again",
                Reason::DnsTrouble,
            ),
            (
                "Domain example.net does not accept mail (nullMX)",
                Reason::NullMx,
            ),
            (
                "connect to mx.example.net[192.0.2.1]:25: Connection timed out",
                Reason::Unreachable,
            ),
            (
                "conversation with mx.example.net[192.0.2.1] timed out while receiving the initial server greeting",
                Reason::Silent,
            ),
            (
                "lost connection with mx.example.net[192.0.2.1] while sending RCPT TO",
                Reason::HungUp,
            ),
            (
                "all relevant MX records point to non-existent hosts",
                Reason::NoMailHost,
            ),
            (
                "Sorry, I couldn't find any host named example.net. (#5.1.2)",
                Reason::NoSuchDomain,
            ),
            (
                "Sorry, I wasn\u{2019}t able to establish an SMTP connection. (#4.4.1)",
                Reason::Unreachable,
            ),
            (
                "Connected to 192.0.2.1 but connection died. (#4.4.2)",
                Reason::HungUp,
            ),
            (
                "DNS Error: DNS type 'mx' lookup of example.net responded with code NXDOMAIN",
                Reason::NoSuchDomain,
            ),
            (
                "550 5.4.310 DNS domain example.net does not exist [Message=InfoDomainNonexistent]",
                Reason::NoSuchDomain,
            ),
        ];
        for (text, reason) in table {
            assert_eq!(read(text).map(|found| found.reason), Some(reason), "{text}");
        }
    }

    #[test]
    fn a_reply_of_a_mail_host_is_not_taken_for_silence() {
        for text in [
            "550 5.1.1 User unknown",
            "450 4.2.0 Greylisted, try again later",
            "mail for you",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
