//! The words in which mail hosts of different makes say the same things.
//!
//! Codes and key phrases are those that senders meet in the wild; the rest is ours.

use std::collections::BTreeMap;

use serde::Deserialize;

/// Whose words a host uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dialect {
    /// Postfix: on about a third of all hosts.
    #[default]
    Postfix,
    /// Exim, as with cPanel.
    Exim,
    /// qmail: short, without enhanced codes.
    Qmail,
    /// Exchange on the customer's own premises.
    Exchange,
    /// Gmail with Google Workspace.
    Google,
    /// Outlook.com, Hotmail, Live.
    Outlook,
    /// Microsoft 365.
    Microsoft365,
    /// Yahoo with AOL.
    Yahoo,
    /// iCloud.
    Icloud,
    /// GMX, web.de, mail.com.
    Gmx,
    /// mail.ru.
    MailRu,
    /// Proofpoint's gateway.
    Proofpoint,
    /// Mimecast's gateway.
    Mimecast,
    /// Barracuda's gateway.
    Barracuda,
}

/// Everything a host has words for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Line {
    /// The greeting.
    Banner,
    /// The sender is accepted.
    MailOk,
    /// The recipient is accepted.
    RcptOk,
    /// No such mailbox.
    NoSuchUser,
    /// The mailbox is over quota.
    Full,
    /// The mailbox is closed.
    Disabled,
    /// The mailbox exists, but gets too much at present.
    Busy,
    /// The mailbox has another address now.
    Moved,
    /// Come back later: a stranger's first visit.
    Greylisted,
    /// Too many mistakes in this connection.
    TooManyErrors,
    /// Too many recipients for one message.
    TooManyRecipients,
    /// Too many recipients in one connection.
    ConnectionUsedUp,
    /// More than half of the recipients so far were bad.
    TooManyBadRecipients,
    /// One domain per message.
    OneDomainOnly,
    /// Not a domain of this host.
    RelayDenied,
    /// The visitor's address is blocked, said at the greeting.
    BlockedAtDoor,
    /// The visitor is blocked, said to MAIL.
    BlockedAtMail,
    /// The visitor is blocked, said to RCPT.
    BlockedAtRcpt,
    /// No time for anybody at present, said at the greeting.
    NotNow,
    /// Too many connections from this visitor.
    TooManyConnections,
    /// The sender's domain does not vouch for the visitor.
    Unauthenticated,
    /// Only encrypted.
    NeedsTls,
    /// The visitor asks too fast.
    TooFast,
    /// The visitor fishes for names.
    Harvester,
    /// The visitor spoke before the greeting.
    TalksEarly,
}

/// What a line is about: fills the gaps in its words.
#[derive(Clone, Copy, Debug, Default)]
pub struct Topic<'a> {
    /// The host's own name.
    pub host: &'a str,
    /// The visitor's address.
    pub client: &'a str,
    /// The recipient in question.
    pub address: &'a str,
    /// Where the recipient moved to.
    pub moved_to: &'a str,
    /// How long to stay away, in seconds.
    pub seconds: u64,
}

/// The reply of a host that speaks `dialect`: code, then text, lines parted by LF; `own` words of the host come first.
#[must_use]
pub fn reply(
    dialect: Dialect,
    own: &BTreeMap<Line, String>,
    line: Line,
    topic: &Topic<'_>,
) -> String {
    let words = own
        .get(&line)
        .map_or_else(|| of(dialect, line), String::as_str);
    if !words.contains('{') {
        return words.to_owned();
    }
    words
        .replace("{host}", topic.host)
        .replace("{client}", topic.client)
        .replace("{address}", topic.address)
        .replace("{moved_to}", topic.moved_to)
        .replace("{minutes}", &topic.seconds.div_ceil(60).to_string())
        .replace("{seconds}", &topic.seconds.to_string())
}

fn of(dialect: Dialect, line: Line) -> &'static str {
    special(dialect, line).unwrap_or_else(|| common(line))
}

/// What everybody says who has no words of their own.
fn common(line: Line) -> &'static str {
    match line {
        Line::Banner => "220 {host} ESMTP Postfix",
        Line::MailOk => "250 2.1.0 Ok",
        Line::RcptOk => "250 2.1.5 Ok",
        Line::NoSuchUser => {
            "550 5.1.1 <{address}>: Recipient address rejected: User unknown in local recipient table"
        }
        Line::Full => "452 4.2.2 <{address}>: Recipient address rejected: Mailbox is full",
        Line::Disabled => "550 5.2.1 <{address}>: Recipient address rejected: Account disabled",
        Line::Busy => "450 4.2.1 <{address}>: Recipient is receiving mail too quickly",
        Line::Moved => "551 5.1.6 User has moved; please try <{moved_to}>",
        Line::Greylisted => {
            "450 4.2.0 <{address}>: Recipient address rejected: Greylisted, please come back in {seconds} seconds"
        }
        Line::TooManyErrors => "421 4.7.0 {host} Error: too many errors",
        Line::TooManyRecipients => "452 4.5.3 Error: too many recipients",
        Line::ConnectionUsedUp => "421 4.7.0 {host} Too many messages in this connection",
        Line::TooManyBadRecipients => "550 Rejected for too many bad recipients",
        Line::OneDomainOnly => {
            "451 4.3.0 Multiple destination domains per transaction is unsupported. Please try again."
        }
        Line::RelayDenied => "554 5.7.1 <{address}>: Relay access denied",
        Line::BlockedAtDoor => {
            "554 5.7.1 Service unavailable; Client host [{client}] blocked using zen.spamhaus.org"
        }
        Line::BlockedAtMail => "554 5.7.1 Service unavailable; Sender address blocked",
        Line::BlockedAtRcpt => {
            "554 5.7.1 Service unavailable; Client host [{client}] blocked using zen.spamhaus.org"
        }
        Line::NotNow => "421 4.3.2 {host} Service not available, please try later",
        Line::TooManyConnections => "421 4.7.0 {host} Error: too many connections from {client}",
        Line::Unauthenticated => {
            "550 5.7.23 Message rejected due to SPF fail: {client} is not allowed to send"
        }
        Line::NeedsTls => "530 5.7.0 Must issue a STARTTLS command first",
        Line::TooFast => "450 4.7.1 Error: too much mail from {client}",
        Line::Harvester => "421 4.7.0 {host} Too many unknown recipients from {client}, closing",
        Line::TalksEarly => "521 5.5.1 Protocol error",
    }
}

/// What a make says in its own words.
fn special(dialect: Dialect, line: Line) -> Option<&'static str> {
    match dialect {
        Dialect::Postfix => None,
        Dialect::Exim => exim(line),
        Dialect::Qmail => qmail(line),
        Dialect::Exchange => exchange(line),
        Dialect::Google => google(line),
        Dialect::Outlook => outlook(line),
        Dialect::Microsoft365 => microsoft365(line),
        Dialect::Yahoo => yahoo(line),
        Dialect::Icloud => icloud(line),
        Dialect::Gmx => gmx(line),
        Dialect::MailRu => mail_ru(line),
        Dialect::Proofpoint => proofpoint(line),
        Dialect::Mimecast => mimecast(line),
        Dialect::Barracuda => barracuda(line),
    }
}

fn exim(line: Line) -> Option<&'static str> {
    match line {
        Line::Banner => Some(
            "220-{host} ESMTP Exim 4.98\nWe do not authorize the use of this system to transport bulk mail.",
        ),
        Line::MailOk => Some("250 OK"),
        Line::RcptOk => Some("250 Accepted"),
        Line::NoSuchUser => Some("550 No Such User Here"),
        Line::Full => Some("452 <{address}>: mailbox over quota"),
        Line::Greylisted => {
            Some("451 Temporary local problem - greylisted, please try again in {minutes} minutes")
        }
        Line::RelayDenied => Some("550 relay not permitted"),
        Line::BlockedAtRcpt => Some("550 JunkMail rejected - [{client}] is in an RBL"),
        Line::TooManyErrors => Some("421 {host}: too many syntax or protocol errors"),
        Line::TalksEarly => Some("554 SMTP synchronization error"),
        _ => None,
    }
}

fn qmail(line: Line) -> Option<&'static str> {
    match line {
        Line::Banner => Some("220 {host} ESMTP"),
        Line::MailOk | Line::RcptOk => Some("250 ok"),
        Line::NoSuchUser => Some("550 sorry, no mailbox here by that name (#5.1.1)"),
        Line::RelayDenied => {
            Some("553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)")
        }
        Line::Full => Some("552 sorry, that mailbox is over quota (#5.2.2)"),
        _ => None,
    }
}

fn exchange(line: Line) -> Option<&'static str> {
    match line {
        Line::Banner => Some("220 {host} Microsoft ESMTP MAIL Service ready"),
        Line::MailOk => Some("250 2.1.0 Sender OK"),
        Line::RcptOk => Some("250 2.1.5 Recipient OK"),
        Line::NoSuchUser => Some("550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found"),
        Line::NotNow => Some("421 4.3.2 Service not active"),
        Line::RelayDenied => {
            Some("550 5.7.54 SMTP; Unable to relay recipient in non-accepted domain")
        }
        _ => None,
    }
}

fn google(line: Line) -> Option<&'static str> {
    match line {
        Line::Banner => Some("220 mx.google.com ESMTP sim-a1b2c3 - gsmtp"),
        Line::MailOk => Some("250 2.1.0 OK sim-a1b2c3 - gsmtp"),
        Line::RcptOk => Some("250 2.1.5 OK sim-a1b2c3 - gsmtp"),
        Line::NoSuchUser => Some(
            "550 5.1.1 The email account that you tried to reach does not exist. Please try\n5.1.1 double-checking the \
             recipient's email address for typos. For more\n5.1.1 information, go to \
             https://support.google.com/mail/?p=NoSuchUser sim-a1b2c3 - gsmtp",
        ),
        Line::Full => Some(
            "452 4.2.2 The recipient's inbox is out of storage space.\n4.2.2 \
             https://support.google.com/mail/?p=OverQuotaTemp sim-a1b2c3 - gsmtp",
        ),
        Line::Disabled => Some(
            "550 5.2.1 The email account that you tried to reach is disabled.\n5.2.1 \
             https://support.google.com/mail/?p=DisabledUser sim-a1b2c3 - gsmtp",
        ),
        Line::Busy => Some(
            "450 4.2.1 The user you are trying to contact is receiving mail at a rate that\n4.2.1 prevents additional \
             messages from being delivered. https://support.google.com/mail/?p=ReceivingRate sim-a1b2c3 - gsmtp",
        ),
        Line::TooManyRecipients => {
            Some("452 4.5.3 Your message has too many recipients. sim-a1b2c3 - gsmtp")
        }
        Line::NotNow | Line::TooFast | Line::Harvester => Some(
            "421 4.7.28 Our system has detected an unusual rate of unsolicited mail\n4.7.28 originating from your IP \
             address [{client}]. sim-a1b2c3 - gsmtp",
        ),
        Line::Unauthenticated => Some(
            "550 5.7.26 Your email has been blocked because the sender is unauthenticated.\n5.7.26 Gmail requires all \
             senders to authenticate with either SPF or DKIM. sim-a1b2c3 - gsmtp",
        ),
        Line::NeedsTls => Some("530 5.7.0 Must issue a STARTTLS command first. sim-a1b2c3 - gsmtp"),
        Line::BlockedAtDoor | Line::BlockedAtMail | Line::BlockedAtRcpt => Some(
            "421 4.7.0 Our system has detected that this message is suspicious due to the very low\n4.7.0 reputation of \
             the sending IP address [{client}]. sim-a1b2c3 - gsmtp",
        ),
        _ => None,
    }
}

fn outlook(line: Line) -> Option<&'static str> {
    match line {
        Line::Banner => Some("220 {host} Microsoft ESMTP MAIL Service ready"),
        Line::MailOk => Some("250 2.1.0 Sender OK"),
        Line::RcptOk => Some("250 2.1.5 Recipient OK"),
        Line::NoSuchUser => {
            Some("550 5.5.0 Requested action not taken: mailbox unavailable (S2017062302).")
        }
        Line::Busy => {
            Some("554 5.2.121 Recipient's per hour message receive limit from this sender exceeded")
        }
        Line::TooManyRecipients => Some("452 4.5.3 Recipients belong to multiple regions ATTR38"),
        Line::NotNow | Line::TooFast => Some(
            "451 4.7.650 The mail server [{client}] has been temporarily rate limited due to IP reputation. (S843)",
        ),
        Line::Harvester | Line::BlockedAtDoor | Line::BlockedAtMail | Line::BlockedAtRcpt => Some(
            "550 5.7.1 Unfortunately, messages from [{client}] weren't sent. Please contact your Internet service provider \
             since part of their network is on our block list (S3140).",
        ),
        _ => None,
    }
}

fn microsoft365(line: Line) -> Option<&'static str> {
    match line {
        Line::Banner => Some("220 {host} Microsoft ESMTP MAIL Service ready"),
        Line::MailOk => Some("250 2.1.0 Sender OK"),
        Line::RcptOk => Some("250 2.1.5 Recipient OK"),
        Line::NoSuchUser => {
            Some("550 5.4.1 Recipient address rejected: Access denied. AS(201806281)")
        }
        Line::Disabled => Some("550 5.7.124 Sender not in allowed-senders list"),
        Line::NotNow | Line::TooFast => {
            Some("451 4.7.500 Server busy. Please try again later from [{client}]. (S77719)")
        }
        Line::Harvester | Line::BlockedAtDoor | Line::BlockedAtMail | Line::BlockedAtRcpt => Some(
            "550 5.7.606 Access denied, banned sending IP [{client}]. To request removal from this list please visit \
             https://sender.office.com/",
        ),
        Line::TooManyConnections => {
            Some("421 4.3.2 The maximum number of concurrent connections has been exceeded")
        }
        _ => None,
    }
}

fn yahoo(line: Line) -> Option<&'static str> {
    match line {
        Line::Banner => Some("220 {host} ESMTP ready"),
        Line::MailOk => Some("250 sender <> ok"),
        Line::RcptOk => Some("250 recipient <{address}> ok"),
        Line::NoSuchUser => Some(
            "554 delivery error: dd This user doesn't have a yahoo.com account ({address}) [-5]",
        ),
        Line::Disabled => Some(
            "554 30 Sorry, your message to {address} cannot be delivered. This mailbox is disabled (554.30).",
        ),
        Line::NotNow | Line::TooFast | Line::Harvester => Some(
            "421 4.7.0 [TSS04] Messages from {client} temporarily deferred due to unexpected volume or user complaints",
        ),
        Line::ConnectionUsedUp => {
            Some("421 Max message per connection reached, closing transmission channel")
        }
        Line::BlockedAtMail => {
            Some("553 5.7.1 [BL21] Connections will not be accepted from {client}")
        }
        _ => None,
    }
}

fn icloud(line: Line) -> Option<&'static str> {
    match line {
        Line::NoSuchUser => Some("550 5.1.1 <{address}>: user does not exist"),
        Line::Full => Some("552 5.2.2 <{address}>: user is over quota"),
        Line::BlockedAtDoor | Line::BlockedAtMail | Line::BlockedAtRcpt => Some(
            "554 5.7.0 Blocked - see https://support.proofpoint.com/dnsbl-lookup.cgi?ip={client}",
        ),
        Line::NotNow | Line::TooFast => {
            Some("421 4.7.1 Message from {client} deferred due to excessive volume")
        }
        _ => None,
    }
}

fn gmx(line: Line) -> Option<&'static str> {
    match line {
        Line::Banner => Some("220 gmx.net ({host}) Nemesis ESMTP Service ready"),
        Line::MailOk | Line::RcptOk => Some("250 Requested mail action okay, completed"),
        Line::NoSuchUser => Some("550 Requested action not taken: mailbox unavailable"),
        Line::Full => {
            Some("552 Requested mail action aborted: exceeded storage allocation, Quota exceeded")
        }
        Line::BlockedAtDoor => Some(
            "554 gmx.net ({host}) Nemesis ESMTP Service not available\nNo SMTP service\nIP address is block listed",
        ),
        Line::Harvester | Line::TooManyErrors => Some("421 Reject due to policy violations"),
        Line::NotNow | Line::TooFast => Some("421 Rate limit reached. Try again later"),
        _ => None,
    }
}

fn mail_ru(line: Line) -> Option<&'static str> {
    match line {
        Line::Banner => Some("220 {host} ESMTP ready"),
        Line::NoSuchUser => Some(
            "550 Message was not accepted -- invalid mailbox. Local mailbox {address} is unavailable: user not found",
        ),
        Line::BlockedAtRcpt => Some("550 spam message rejected. Please visit the postmaster site"),
        _ => None,
    }
}

fn proofpoint(line: Line) -> Option<&'static str> {
    match line {
        Line::NoSuchUser => Some("550 5.1.1 User Unknown"),
        Line::Greylisted => {
            Some("450 4.1.1 <{address}>: unverified address: Address verification in progress")
        }
        Line::BlockedAtDoor => {
            Some("554 Blocked - see https://ipcheck.proofpoint.com/?ip={client}")
        }
        Line::BlockedAtMail | Line::BlockedAtRcpt => {
            Some("550 5.7.0 Blocked - see https://ipcheck.proofpoint.com/?ip={client}")
        }
        _ => None,
    }
}

fn mimecast(line: Line) -> Option<&'static str> {
    match line {
        Line::Banner => Some("220 {host} ESMTP; ready"),
        Line::NoSuchUser => {
            Some("550 Invalid Recipient - https://community.mimecast.com/docs/DOC-1369#550 [sim]")
        }
        Line::Greylisted => Some(
            "451 Internal resource temporarily unavailable - https://community.mimecast.com/docs/DOC-1369#451 [sim]",
        ),
        Line::BlockedAtRcpt | Line::BlockedAtMail => Some(
            "550 csi.mimecast.org Poor Reputation Sender. - https://community.mimecast.com/docs/DOC-1369#550 [sim]",
        ),
        _ => None,
    }
}

fn barracuda(line: Line) -> Option<&'static str> {
    match line {
        Line::Banner => Some("220 {host} ESMTP (sim)"),
        Line::NoSuchUser => {
            Some("550 cuda_nsu 5.1.1 <{address}>: Recipient address rejected: User unknown")
        }
        Line::Greylisted => Some("451 4.7.1 Greylisted for {minutes} minutes"),
        Line::BlockedAtRcpt => {
            Some("550 permanent failure for one or more recipients ({address}:blocked)")
        }
        Line::Harvester => Some(
            "450 cuda_nsu 4.7.1 <{address}>: Recipient address rejected: Policy Rejection- Abuse. Go away.",
        ),
        _ => None,
    }
}
