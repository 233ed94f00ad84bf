//! What a mail host has words for, and whose words.

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
    /// The first line of the answer to EHLO.
    Hello,
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
    /// No mail is taken here.
    TakesNoMail,
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
