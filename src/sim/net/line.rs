//! The replies that a simulated mail host can give, and the makes of hosts that word them.

use serde::Deserialize;

/// The software or provider whose replies a host gives.
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
    /// Exchange Online.
    Microsoft365,
    /// Yahoo with AOL.
    Yahoo,
    /// Apple's iCloud.
    Icloud,
    /// GMX, web.de, mail.com.
    Gmx,
    /// Mail.ru of VK.
    MailRu,
    /// Proofpoint, a filtering gateway.
    Proofpoint,
    /// Mimecast, a filtering gateway.
    Mimecast,
    /// Barracuda, a filtering gateway.
    Barracuda,
}

/// Everything a host has words for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Line {
    /// The greeting, 220.
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
    /// Come back later: the first attempt of an unknown client.
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
    /// The client's address is blocked, said at the greeting.
    BlockedAtDoor,
    /// The client is blocked, said to MAIL.
    BlockedAtMail,
    /// The client is blocked, said to RCPT.
    BlockedAtRcpt,
    /// No client is served at present, said at the greeting.
    NotNow,
    /// No mail is taken here.
    TakesNoMail,
    /// Too many connections from this client.
    TooManyConnections,
    /// The sender's domain does not vouch for the client.
    Unauthenticated,
    /// MAIL is taken over TLS only.
    NeedsTls,
    /// The client asks too fast.
    TooFast,
    /// The client fishes for names.
    Harvester,
    /// The client spoke before the greeting.
    TalksEarly,
}
