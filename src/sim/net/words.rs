//! The words themselves, by make: codes with key phrases as senders meet them.

use super::line::{Dialect, Line};

/// Words by what they say.
type Table = &'static [(Line, &'static str)];

/// The reply of a make where it differs from the common one; `None` where it does not.
pub(super) fn own(dialect: Dialect, line: Line) -> Option<&'static str> {
    let table = match dialect {
        Dialect::Postfix => POSTFIX,
        Dialect::Exim => EXIM,
        Dialect::Qmail => QMAIL,
        Dialect::Exchange => EXCHANGE,
        Dialect::Google => GOOGLE,
        Dialect::Outlook => OUTLOOK,
        Dialect::Microsoft365 => MICROSOFT365,
        Dialect::Yahoo => YAHOO,
        Dialect::Icloud => ICLOUD,
        Dialect::Gmx => GMX,
        Dialect::MailRu => MAIL_RU,
        Dialect::Proofpoint => PROOFPOINT,
        Dialect::Mimecast => MIMECAST,
        Dialect::Barracuda => BARRACUDA,
    };
    table
        .iter()
        .find(|(said, _)| *said == line)
        .map(|(_, words)| *words)
}

/// The reply of makes that have none of their own.
pub(super) fn common(line: Line) -> &'static str {
    match line {
        Line::Banner => "220 {host} ESMTP Postfix",
        Line::Hello => "250 {host}",
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
        Line::TakesNoMail => "521 {host} does not accept mail",
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

/// The common words are its own, but for these.
const POSTFIX: Table = &[(
    Line::Moved,
    "550 5.1.6 <{address}>: Recipient address rejected: User has moved to {moved_to}",
)];

const EXIM: Table = &[
    (
        Line::Banner,
        "220-{host} ESMTP Exim 4.98\nWe do not authorize the use of this system to transport bulk mail.",
    ),
    (Line::Hello, "250 {host} Hello [{client}]"),
    (Line::MailOk, "250 OK"),
    (Line::RcptOk, "250 Accepted"),
    (Line::NoSuchUser, "550 No Such User Here"),
    (Line::Full, "452 <{address}>: mailbox over quota"),
    (
        Line::Greylisted,
        "451 Temporary local problem - greylisted, please try again in {minutes} minutes",
    ),
    (Line::RelayDenied, "550 relay not permitted"),
    (
        Line::BlockedAtRcpt,
        "550 JunkMail rejected - [{client}] is in an RBL",
    ),
    (
        Line::TooManyErrors,
        "421 {host}: too many syntax or protocol errors",
    ),
    (Line::TalksEarly, "554 SMTP synchronization error"),
];

const QMAIL: Table = &[
    (Line::Banner, "220 {host} ESMTP"),
    (Line::MailOk, "250 ok"),
    (Line::RcptOk, "250 ok"),
    (
        Line::NoSuchUser,
        "550 sorry, no mailbox here by that name (#5.1.1)",
    ),
    (
        Line::RelayDenied,
        "553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)",
    ),
    (Line::Full, "552 sorry, that mailbox is over quota (#5.2.2)"),
];

const EXCHANGE: Table = &[
    (
        Line::Banner,
        "220 {host} Microsoft ESMTP MAIL Service ready",
    ),
    (Line::Hello, "250 {host} Hello [{client}]"),
    (Line::MailOk, "250 2.1.0 Sender OK"),
    (Line::RcptOk, "250 2.1.5 Recipient OK"),
    (
        Line::NoSuchUser,
        "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found",
    ),
    (Line::NotNow, "421 4.3.2 Service not active"),
    (
        Line::RelayDenied,
        "550 5.7.54 SMTP; Unable to relay recipient in non-accepted domain",
    ),
];

const GOOGLE: Table = &[
    (Line::Hello, "250 mx.google.com at your service, [{client}]"),
    (Line::Banner, "220 mx.google.com ESMTP sim-a1b2c3 - gsmtp"),
    (Line::MailOk, "250 2.1.0 OK sim-a1b2c3 - gsmtp"),
    (Line::RcptOk, "250 2.1.5 OK sim-a1b2c3 - gsmtp"),
    (
        Line::NoSuchUser,
        "550 5.1.1 The email account that you tried to reach does not exist. Please try\n5.1.1 double-checking the \
             recipient's email address for typos. For more\n5.1.1 information, go to \
             https://support.google.com/mail/?p=NoSuchUser sim-a1b2c3 - gsmtp",
    ),
    (
        Line::Full,
        "452 4.2.2 The recipient's inbox is out of storage space.\n4.2.2 \
             https://support.google.com/mail/?p=OverQuotaTemp sim-a1b2c3 - gsmtp",
    ),
    (
        Line::Disabled,
        "550 5.2.1 The email account that you tried to reach is disabled.\n5.2.1 \
             https://support.google.com/mail/?p=DisabledUser sim-a1b2c3 - gsmtp",
    ),
    (
        Line::Busy,
        "450 4.2.1 The user you are trying to contact is receiving mail at a rate that\n4.2.1 prevents additional \
             messages from being delivered. https://support.google.com/mail/?p=ReceivingRate sim-a1b2c3 - gsmtp",
    ),
    (
        Line::TooManyRecipients,
        "452 4.5.3 Your message has too many recipients. sim-a1b2c3 - gsmtp",
    ),
    (
        Line::NotNow,
        "421 4.7.28 Our system has detected an unusual rate of unsolicited mail\n4.7.28 originating from your IP \
             address [{client}]. sim-a1b2c3 - gsmtp",
    ),
    (
        Line::TooFast,
        "421 4.7.28 Our system has detected an unusual rate of unsolicited mail\n4.7.28 originating from your IP \
             address [{client}]. sim-a1b2c3 - gsmtp",
    ),
    (
        Line::Harvester,
        "421 4.7.28 Our system has detected an unusual rate of unsolicited mail\n4.7.28 originating from your IP \
             address [{client}]. sim-a1b2c3 - gsmtp",
    ),
    (
        Line::Unauthenticated,
        "550 5.7.26 Your email has been blocked because the sender is unauthenticated.\n5.7.26 Gmail requires all \
             senders to authenticate with either SPF or DKIM. sim-a1b2c3 - gsmtp",
    ),
    (
        Line::NeedsTls,
        "530 5.7.0 Must issue a STARTTLS command first. sim-a1b2c3 - gsmtp",
    ),
    (
        Line::BlockedAtDoor,
        "421 4.7.0 Our system has detected that this message is suspicious due to the very low\n4.7.0 reputation of \
             the sending IP address [{client}]. sim-a1b2c3 - gsmtp",
    ),
    (
        Line::BlockedAtMail,
        "421 4.7.0 Our system has detected that this message is suspicious due to the very low\n4.7.0 reputation of \
             the sending IP address [{client}]. sim-a1b2c3 - gsmtp",
    ),
    (
        Line::BlockedAtRcpt,
        "421 4.7.0 Our system has detected that this message is suspicious due to the very low\n4.7.0 reputation of \
             the sending IP address [{client}]. sim-a1b2c3 - gsmtp",
    ),
];

const OUTLOOK: Table = &[
    (
        Line::Banner,
        "220 {host} Microsoft ESMTP MAIL Service ready",
    ),
    (Line::Hello, "250 {host} Hello [{client}]"),
    (Line::MailOk, "250 2.1.0 Sender OK"),
    (Line::RcptOk, "250 2.1.5 Recipient OK"),
    (
        Line::NoSuchUser,
        "550 5.5.0 Requested action not taken: mailbox unavailable (S2017062302).",
    ),
    (
        Line::Busy,
        "554 5.2.121 Recipient's per hour message receive limit from this sender exceeded",
    ),
    (
        Line::TooManyRecipients,
        "452 4.5.3 Recipients belong to multiple regions ATTR38",
    ),
    (
        Line::NotNow,
        "451 4.7.650 The mail server [{client}] has been temporarily rate limited due to IP reputation. (S843)",
    ),
    (
        Line::TooFast,
        "451 4.7.650 The mail server [{client}] has been temporarily rate limited due to IP reputation. (S843)",
    ),
    (
        Line::Harvester,
        "550 5.7.1 Unfortunately, messages from [{client}] weren't sent. Please contact your Internet service provider \
             since part of their network is on our block list (S3140).",
    ),
    (
        Line::BlockedAtDoor,
        "550 5.7.1 Unfortunately, messages from [{client}] weren't sent. Please contact your Internet service provider \
             since part of their network is on our block list (S3140).",
    ),
    (
        Line::BlockedAtMail,
        "550 5.7.1 Unfortunately, messages from [{client}] weren't sent. Please contact your Internet service provider \
             since part of their network is on our block list (S3140).",
    ),
    (
        Line::BlockedAtRcpt,
        "550 5.7.1 Unfortunately, messages from [{client}] weren't sent. Please contact your Internet service provider \
             since part of their network is on our block list (S3140).",
    ),
];

const MICROSOFT365: Table = &[
    (
        Line::Banner,
        "220 {host} Microsoft ESMTP MAIL Service ready",
    ),
    (Line::Hello, "250 {host} Hello [{client}]"),
    (Line::MailOk, "250 2.1.0 Sender OK"),
    (Line::RcptOk, "250 2.1.5 Recipient OK"),
    (
        Line::NoSuchUser,
        "550 5.4.1 Recipient address rejected: Access denied. AS(201806281)",
    ),
    (
        Line::Disabled,
        "550 5.2.1 Mailbox disabled, not accepting messages",
    ),
    (
        Line::NotNow,
        "451 4.7.500 Server busy. Please try again later from [{client}]. (S77719)",
    ),
    (
        Line::TooFast,
        "451 4.7.500 Server busy. Please try again later from [{client}]. (S77719)",
    ),
    (
        Line::Harvester,
        "550 5.7.606 Access denied, banned sending IP [{client}]. To request removal from this list please visit \
             https://sender.office.com/",
    ),
    (
        Line::BlockedAtDoor,
        "550 5.7.606 Access denied, banned sending IP [{client}]. To request removal from this list please visit \
             https://sender.office.com/",
    ),
    (
        Line::BlockedAtMail,
        "550 5.7.606 Access denied, banned sending IP [{client}]. To request removal from this list please visit \
             https://sender.office.com/",
    ),
    (
        Line::BlockedAtRcpt,
        "550 5.7.606 Access denied, banned sending IP [{client}]. To request removal from this list please visit \
             https://sender.office.com/",
    ),
    (
        Line::TooManyConnections,
        "421 4.3.2 The maximum number of concurrent connections has been exceeded",
    ),
];

const YAHOO: Table = &[
    (Line::Banner, "220 {host} ESMTP ready"),
    (Line::MailOk, "250 sender <> ok"),
    (Line::RcptOk, "250 recipient <{address}> ok"),
    (
        Line::NoSuchUser,
        "554 delivery error: dd This user doesn't have a yahoo.com account ({address}) [-5]",
    ),
    (
        Line::Disabled,
        "554 30 Sorry, your message to {address} cannot be delivered. This mailbox is disabled (554.30).",
    ),
    (
        Line::NotNow,
        "421 4.7.0 [TSS04] Messages from {client} temporarily deferred due to unexpected volume or user complaints",
    ),
    (
        Line::TooFast,
        "421 4.7.0 [TSS04] Messages from {client} temporarily deferred due to unexpected volume or user complaints",
    ),
    (
        Line::Harvester,
        "421 4.7.0 [TSS04] Messages from {client} temporarily deferred due to unexpected volume or user complaints",
    ),
    (
        Line::ConnectionUsedUp,
        "421 Max message per connection reached, closing transmission channel",
    ),
    (
        Line::BlockedAtMail,
        "553 5.7.1 [BL21] Connections will not be accepted from {client}",
    ),
];

const ICLOUD: Table = &[
    (
        Line::NoSuchUser,
        "550 5.1.1 <{address}>: user does not exist",
    ),
    (Line::Full, "552 5.2.2 <{address}>: user is over quota"),
    (
        Line::BlockedAtDoor,
        "554 5.7.0 Blocked - see https://support.proofpoint.com/dnsbl-lookup.cgi?ip={client}",
    ),
    (
        Line::BlockedAtMail,
        "554 5.7.0 Blocked - see https://support.proofpoint.com/dnsbl-lookup.cgi?ip={client}",
    ),
    (
        Line::BlockedAtRcpt,
        "554 5.7.0 Blocked - see https://support.proofpoint.com/dnsbl-lookup.cgi?ip={client}",
    ),
    (
        Line::NotNow,
        "421 4.7.1 Message from {client} deferred due to excessive volume",
    ),
    (
        Line::TooFast,
        "421 4.7.1 Message from {client} deferred due to excessive volume",
    ),
];

const GMX: Table = &[
    (
        Line::Banner,
        "220 gmx.net ({host}) Nemesis ESMTP Service ready",
    ),
    (Line::MailOk, "250 Requested mail action okay, completed"),
    (Line::RcptOk, "250 Requested mail action okay, completed"),
    (
        Line::NoSuchUser,
        "550 Requested action not taken: mailbox unavailable",
    ),
    (
        Line::Full,
        "552 Requested mail action aborted: exceeded storage allocation, Quota exceeded",
    ),
    (
        Line::BlockedAtDoor,
        "554 gmx.net ({host}) Nemesis ESMTP Service not available\nNo SMTP service\nIP address is block listed",
    ),
    (Line::Harvester, "421 Reject due to policy violations"),
    (Line::TooManyErrors, "421 Reject due to policy violations"),
    (Line::NotNow, "421 Rate limit reached. Try again later"),
    (Line::TooFast, "421 Rate limit reached. Try again later"),
];

const MAIL_RU: Table = &[
    (Line::Banner, "220 {host} ESMTP ready"),
    (
        Line::NoSuchUser,
        "550 Message was not accepted -- invalid mailbox. Local mailbox {address} is unavailable: user not found",
    ),
    (
        Line::BlockedAtRcpt,
        "550 spam message rejected. Please visit the postmaster site",
    ),
];

const PROOFPOINT: Table = &[
    (Line::NoSuchUser, "550 5.1.1 User Unknown"),
    (
        Line::Greylisted,
        "450 4.1.1 <{address}>: unverified address: Address verification in progress",
    ),
    (
        Line::BlockedAtDoor,
        "554 Blocked - see https://ipcheck.proofpoint.com/?ip={client}",
    ),
    (
        Line::BlockedAtMail,
        "550 5.7.0 Blocked - see https://ipcheck.proofpoint.com/?ip={client}",
    ),
    (
        Line::BlockedAtRcpt,
        "550 5.7.0 Blocked - see https://ipcheck.proofpoint.com/?ip={client}",
    ),
];

const MIMECAST: Table = &[
    (Line::Banner, "220 {host} ESMTP; ready"),
    (
        Line::NoSuchUser,
        "550 Invalid Recipient - https://community.mimecast.com/docs/DOC-1369#550 [sim]",
    ),
    (
        Line::Greylisted,
        "451 Internal resource temporarily unavailable - https://community.mimecast.com/docs/DOC-1369#451 [sim]",
    ),
    (
        Line::BlockedAtRcpt,
        "550 csi.mimecast.org Poor Reputation Sender. - https://community.mimecast.com/docs/DOC-1369#550 [sim]",
    ),
    (
        Line::BlockedAtMail,
        "550 csi.mimecast.org Poor Reputation Sender. - https://community.mimecast.com/docs/DOC-1369#550 [sim]",
    ),
];

const BARRACUDA: Table = &[
    (Line::Banner, "220 {host} ESMTP (sim)"),
    (
        Line::NoSuchUser,
        "550 cuda_nsu 5.1.1 <{address}>: Recipient address rejected: User unknown",
    ),
    (
        Line::Greylisted,
        "451 4.7.1 Greylisted for {minutes} minutes",
    ),
    (
        Line::BlockedAtRcpt,
        "550 permanent failure for one or more recipients ({address}:blocked)",
    ),
    (
        Line::Harvester,
        "450 cuda_nsu 4.7.1 <{address}>: Recipient address rejected: Policy Rejection- Abuse. Go away.",
    ),
];
