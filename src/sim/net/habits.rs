//! How a simulated mail host behaves towards every client.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use super::dialect::{Dialect, Line};
use super::stumble::Stumble;

/// What happens to a client that connects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Door {
    /// The connection comes about.
    #[default]
    Open,
    /// It is refused at once.
    Closed,
    /// Nothing ever comes back; the system gives up after two minutes.
    Silent,
}

/// The host's first words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Greeting {
    /// 220: it is ready.
    #[default]
    Welcomes,
    /// 421: it takes no client now.
    NotNow,
    /// 554: this client is blocked.
    Blocks,
    /// 554 to the first address that it meets: that one is blocked. 220 to others.
    BlocksTheFirst,
    /// 521: no mail is taken here (RFC 7504).
    TakesNoMail,
    /// None at all.
    Never,
    /// It closes the connection without a word.
    HangsUp,
    /// Something that is no SMTP.
    Garbage,
}

/// What a host does with a client that speaks before it has greeted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EarlyTalkers {
    /// It reads what they said once it has greeted.
    #[default]
    Bears,
    /// It sends them away.
    Punishes,
}

/// Which hello a host takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hello {
    /// EHLO or HELO.
    #[default]
    Any,
    /// Only HELO: EHLO is an unknown command (RFC 5321 §3.2).
    HeloOnly,
    /// Only HELO: it hangs up on EHLO.
    HangsUpOnEhlo,
    /// Neither EHLO nor HELO.
    Refuses,
}

/// What a host makes of commands that travel together (RFC 2920).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pipelining {
    /// Offered, and it works.
    #[default]
    Offered,
    /// Not offered; a client that does it all the same is answered.
    NotOffered,
    /// Not offered; a client that does it all the same is sent away.
    Punished,
    /// Offered, but only the first command of a batch is answered.
    Chokes,
}

/// What a host does about encryption.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tls {
    /// No STARTTLS is offered.
    #[default]
    None,
    /// It can, if the client likes.
    Offered,
    /// MAIL in clear is refused.
    Required,
    /// Offered, but the handshake fails.
    Broken,
    /// Offered, but the host hangs up in the handshake.
    HangsUp,
    /// MAIL in clear is refused, yet the handshake fails.
    RequiredBroken,
}

impl Tls {
    /// Whether no handshake ever succeeds.
    #[must_use]
    pub fn is_broken(self) -> bool {
        match self {
            Tls::None | Tls::Offered | Tls::Required => false,
            Tls::Broken | Tls::HangsUp | Tls::RequiredBroken => true,
        }
    }
}

/// What a host says to MAIL.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Senders {
    /// Every sender is accepted.
    #[default]
    Welcome,
    /// Blocked, by the client's address or name.
    Blocked,
    /// Refused, for their domain does not vouch for the client's address.
    Unauthenticated,
    /// The null sender is refused, others are welcome.
    NullRefused,
}

/// What a host says to RCPT, before anything else matters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Recipients {
    /// Looked up: those that exist are accepted.
    #[default]
    Checked,
    /// All accepted; a message to one that does not exist bounces later.
    AllAccepted,
    /// All refused, for the client is blocked.
    VisitorBlocked,
    /// All refused, for no mail is taken here.
    NoMailTaken,
}

/// What a host does after it has refused a recipient.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AfterRefusal {
    /// Nothing: the session goes on.
    #[default]
    StaysOn,
    /// It says so, then closes the connection.
    HangsUp,
    /// It closes the connection instead of saying so.
    HangsUpUnsaid,
}

/// How replies are sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Speech {
    /// As they should.
    #[default]
    Plain,
    /// One byte at a time.
    ByteByByte,
    /// Lines end with LF only.
    BareLineFeeds,
    /// Replies to RCPT break off in the middle, with the connection.
    BreaksOff,
    /// Replies to RCPT are no SMTP.
    Garbage,
    /// The reply to RCPT is one line of 60,000 bytes.
    LongLine,
    /// The reply to RCPT has 900 lines.
    ManyLines,
    /// The reply to RCPT goes on for ever without a line end.
    EndlessLine,
    /// The reply to RCPT goes on for ever, line after line.
    EndlessLines,
    /// No reply to RCPT at all.
    FallsSilent,
}

impl Speech {
    /// How replies to anything but RCPT come: mischief waits for the question that matters.
    #[must_use]
    pub fn for_ordinary_replies(self) -> Speech {
        match self {
            Speech::ByteByByte | Speech::BareLineFeeds => self,
            Speech::Plain
            | Speech::LongLine
            | Speech::ManyLines
            | Speech::BreaksOff
            | Speech::Garbage
            | Speech::EndlessLine
            | Speech::EndlessLines
            | Speech::FallsSilent => Speech::Plain,
        }
    }

    /// Whether a client can make out what was said.
    #[must_use]
    pub fn is_understood(self) -> bool {
        match self {
            Speech::Plain
            | Speech::ByteByByte
            | Speech::BareLineFeeds
            | Speech::LongLine
            | Speech::ManyLines => true,
            Speech::BreaksOff
            | Speech::Garbage
            | Speech::EndlessLine
            | Speech::EndlessLines
            | Speech::FallsSilent => false,
        }
    }
}

/// By what a greylister knows its clients again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KnownBy {
    /// Visitor, sender and recipient.
    #[default]
    Triplet,
    /// The client's address alone.
    Visitor,
    /// The client's address, on another connection than the first.
    Connection,
}

/// Greylisting: an unknown client must come twice (RFC 6647).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Greylist {
    /// By what they are known again.
    #[serde(default)]
    pub by: KnownBy,
    /// How long they must stay away.
    #[serde(with = "super::duration")]
    pub wait: Duration,
}

/// What follows mistakes; a refused recipient is one. Postfix has 10 and 20.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ErrorLimits {
    /// After more than this many, each reply comes a second later.
    pub slow_after: u32,
    /// After this many, 421 and the connection ends.
    pub hang_up_after: u32,
}

/// What a host does against directory harvesting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HarvestDefence {
    /// From then on, it accepts every recipient.
    AcceptsAll,
    /// From then on, it refuses every recipient.
    RefusesAll,
    /// From then on, the client is turned away.
    Blocks,
}

/// When a host takes a client for a harvester.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Harvest {
    /// After this many unknown recipients, over all connections.
    pub after: u32,
    /// What it does then.
    pub then: HarvestDefence,
    /// For how long.
    #[serde(with = "super::duration")]
    pub lasts: Duration,
}

/// How many recipients a client may name in a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "a rate such as { recipients = 10, per = \"1m\" }"
)]
pub struct Rate {
    /// This many recipients,
    pub recipients: u32,
    /// in any such time.
    #[serde(with = "super::duration")]
    pub per: Duration,
}

impl Habits {
    /// Whether it takes mail for any recipient.
    #[must_use]
    pub fn take_mail(&self) -> bool {
        self.greeting != Greeting::TakesNoMail && self.recipients != Recipients::NoMailTaken
    }
}

/// How often a host doubles the time for which it keeps silent after refusals: Courier's 8 s become 128.
pub const MOST_DOUBLINGS: u32 = 4;

/// How a mail host behaves. [`Habits::default`] is an honest host with nothing special about it.
#[derive(Clone, Debug, Default)]
pub struct Habits {
    /// The software or provider whose replies it gives.
    pub dialect: Dialect,
    /// Words of its own.
    pub says: BTreeMap<Line, String>,
    /// What happens to a client that connects.
    pub door: Door,
    /// Most connections of one client at once; more are answered 421.
    pub connections: Option<u32>,
    /// The greeting.
    pub greeting: Greeting,
    /// How long they take.
    pub greeting_wait: Duration,
    /// What happens to a client that speaks before the greeting.
    pub early_talkers: EarlyTalkers,
    /// Which hello it takes.
    pub hello: Hello,
    /// What it makes of commands that travel together.
    pub pipelining: Pipelining,
    /// Further EHLO keywords, such as `SMTPUTF8` or `LIMITS RCPTMAX=10`.
    pub offers: Vec<String>,
    /// What it does about encryption.
    pub tls: Tls,
    /// What it says to MAIL.
    pub senders: Senders,
    /// What it says to RCPT.
    pub recipients: Recipients,
    /// Whether it greylists, and how.
    pub greylist: Option<Greylist>,
    /// What follows mistakes.
    pub errors: Option<ErrorLimits>,
    /// Past this many recipients in a transaction, all are refused once fewer than half were good. Exim has 10.
    pub bad_recipients: Option<u32>,
    /// Most recipients in a transaction.
    pub per_transaction: Option<u32>,
    /// Most recipients in a connection.
    pub per_connection: Option<u32>,
    /// Most domains in a transaction.
    pub domains_per_transaction: Option<u32>,
    /// How long an answer to RCPT takes, on top of the way.
    pub rcpt_wait: Duration,
    /// How much longer a refusal of RCPT takes. Exchange has 5 s.
    pub tarpit: Duration,
    /// How long it keeps silent after its first refusal of a connection; twice as long after each further one, up to
    /// [`MOST_DOUBLINGS`] times. Courier has 8 s.
    pub sulks: Option<Duration>,
    /// What it does against directory harvesting.
    pub harvest: Option<Harvest>,
    /// After this many refusals in a connection every recipient is accepted there.
    pub turns_after: Option<u32>,
    /// How fast a client may ask.
    pub rate: Option<Rate>,
    /// What it does after a refusal.
    pub after_refusal: AfterRefusal,
    /// How its replies are sent.
    pub speech: Speech,
    /// Where its replies fall out of step.
    pub stumble: Option<Stumble>,
}
