//! The words in which mail hosts of different makes say the same things.
//!
//! Codes and key phrases are those that senders meet in the wild; the rest is ours.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::words;

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
    let said = own.get(&line).map_or_else(
        || words::own(dialect, line).unwrap_or_else(|| words::common(line)),
        String::as_str,
    );
    if !said.contains('{') {
        return said.to_owned();
    }
    said.replace("{host}", topic.host)
        .replace("{client}", topic.client)
        .replace("{address}", topic.address)
        .replace("{moved_to}", topic.moved_to)
        .replace("{minutes}", &topic.seconds.div_ceil(60).to_string())
        .replace("{seconds}", &topic.seconds.to_string())
}
