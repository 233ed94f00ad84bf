//! Ready-made habits: the kinds of mail hosts that a visitor meets.

use std::time::Duration;

use serde::Deserialize;

use super::dialect::Dialect;
use super::habits::{
    AfterRefusal, Door, EarlyTalkers, ErrorLimits, Greeting, Greylist, Habits, Harvest,
    HarvestDefence, Hello, KnownBy, Pipelining, Rate, Recipients, Senders, Speech, Tls,
};

/// A kind of mail host. What it does in detail is in [`Persona::habits`]; a world file may change every part of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Persona {
    /// Refuses strangers, has no limits worth mentioning.
    #[default]
    Honest,
    /// Postfix with its defaults: slow after 10 mistakes, gone after 20.
    Postfix,
    /// Exim with its defaults: past 10 recipients, all are refused once fewer than half were good.
    Exim,
    /// qmail as it came: takes all, bounces later.
    Qmail,
    /// Exchange on premises: each refusal takes five seconds longer.
    Exchange,
    /// Gmail: insists on encryption, one domain per message.
    Google,
    /// Outlook.com: one recipient per message.
    Outlook,
    /// Microsoft 365 for a tenant that refuses strangers.
    Microsoft365,
    /// Yahoo: takes all, bounces later; 20 recipients per connection.
    Yahoo,
    /// iCloud.
    Icloud,
    /// GMX with web.de: hangs up after refusals, turns fishers away.
    Gmx,
    /// mail.ru: takes all, bounces later.
    MailRu,
    /// Proofpoint's gateway: has strangers come twice while it asks behind itself.
    Proofpoint,
    /// Mimecast's gateway: greylists for a minute.
    Mimecast,
    /// Barracuda's gateway: greylists for five minutes.
    Barracuda,
    /// SpamExperts' gateway: takes half a minute to answer RCPT.
    SlowRecipients,
    /// Greylists by visitor, sender and recipient for five minutes, as Postgrey does.
    Greylisting,
    /// Greylists by the visitor's address alone.
    GreylistingByVisitor,
    /// Accepts everyone, bounces later.
    AcceptsEveryone,
    /// Nothing ever comes back.
    Silent,
    /// Refuses connections.
    Closed,
    /// Takes the connection, never greets.
    NeverGreets,
    /// 421 at the greeting, always.
    Busy,
    /// Closes the connection without a word.
    HangsUp,
    /// 554 at the greeting: we are on a blocklist.
    BlocksVisitor,
    /// Refuses MAIL: we are blocked.
    BlocksSender,
    /// Refuses MAIL: our domain does not vouch for us.
    NeedsSpf,
    /// Refuses every RCPT: we are blocked.
    BlocksRecipients,
    /// Has no PIPELINING.
    NoPipelining,
    /// Has no PIPELINING, sends those away who do it all the same.
    PunishesPipelining,
    /// Offers PIPELINING, answers only the first command.
    ChokesOnPipelining,
    /// Knows HELO only.
    NoEhlo,
    /// Hangs up on EHLO.
    HangsUpOnEhlo,
    /// Refuses every hello.
    RefusesHello,
    /// Greets after six seconds, sends those away who speak before, as postscreen does.
    SlowGreeter,
    /// Takes ten seconds for every refusal.
    Tarpit,
    /// Closes the connection after each refusal.
    HangsUpAfterRefusal,
    /// Closes the connection instead of refusing.
    HangsUpInsteadOfRefusing,
    /// Breaks off in the middle of its reply to RCPT.
    BreaksOff,
    /// Answers RCPT with something that is no SMTP.
    Garbage,
    /// Greets with something that is no SMTP.
    GreetsWithGarbage,
    /// Sends its replies one byte at a time.
    ByteByByte,
    /// Ends its lines with LF only.
    BareLineFeeds,
    /// Answers RCPT with a line that never ends.
    EndlessLine,
    /// Answers RCPT with lines that never end.
    EndlessLines,
    /// Never answers RCPT.
    SilentRecipients,
    /// Takes one recipient per message.
    OneRecipient,
    /// Takes ten recipients per connection.
    FewRecipients,
    /// Says so with LIMITS (RFC 9422): five recipients per message.
    SaysItsLimits,
    /// Encrypts, if the client likes.
    OffersTls,
    /// Takes no mail in clear.
    RequiresTls,
    /// Offers encryption, but fails at it.
    BrokenTls,
    /// After 15 unknown recipients, everybody exists for an hour.
    HarvestAcceptsAll,
    /// After 15 unknown recipients, nobody exists for an hour.
    HarvestRefusesAll,
    /// After 15 unknown recipients, it turns us away for an hour.
    HarvestBlocks,
    /// Two recipients a second at most.
    RateLimited,
    /// Two connections at most.
    FewConnections,
    /// Takes no null sender.
    RefusesNullSender,
}

impl Persona {
    /// What a host of this kind does.
    #[must_use]
    pub fn habits(self) -> Habits {
        let plain = || Habits {
            offers: words(&[
                "8BITMIME",
                "SMTPUTF8",
                "SIZE 36700160",
                "ENHANCEDSTATUSCODES",
            ]),
            ..Habits::default()
        };
        match self {
            Persona::Honest => plain(),
            Persona::Postfix => Habits {
                errors: Some(POSTFIX),
                ..plain()
            },
            Persona::Silent => Habits {
                door: Door::Silent,
                ..plain()
            },
            Persona::Closed => Habits {
                door: Door::Closed,
                ..plain()
            },
            Persona::NeverGreets => Habits {
                greeting: Greeting::Never,
                ..plain()
            },
            Persona::Busy => Habits {
                greeting: Greeting::NotNow,
                ..plain()
            },
            Persona::HangsUp => Habits {
                greeting: Greeting::HangsUp,
                ..plain()
            },
            Persona::GreetsWithGarbage => Habits {
                greeting: Greeting::Garbage,
                ..plain()
            },
            Persona::BlocksVisitor => Habits {
                greeting: Greeting::Blocks,
                ..plain()
            },
            Persona::BlocksSender => Habits {
                senders: Senders::Blocked,
                ..plain()
            },
            Persona::NeedsSpf => Habits {
                senders: Senders::Unauthenticated,
                ..plain()
            },
            Persona::RefusesNullSender => Habits {
                senders: Senders::NullRefused,
                ..plain()
            },
            Persona::BlocksRecipients => Habits {
                recipients: Recipients::VisitorBlocked,
                ..plain()
            },
            Persona::AcceptsEveryone => Habits {
                recipients: Recipients::AllAccepted,
                ..plain()
            },
            Persona::NoPipelining => Habits {
                pipelining: Pipelining::NotOffered,
                ..plain()
            },
            Persona::PunishesPipelining => Habits {
                pipelining: Pipelining::Punished,
                ..plain()
            },
            Persona::ChokesOnPipelining => Habits {
                pipelining: Pipelining::Chokes,
                ..plain()
            },
            Persona::NoEhlo => Habits {
                hello: Hello::HeloOnly,
                ..plain()
            },
            Persona::HangsUpOnEhlo => Habits {
                hello: Hello::HangsUpOnEhlo,
                ..plain()
            },
            Persona::RefusesHello => Habits {
                hello: Hello::Refuses,
                ..plain()
            },
            Persona::SlowGreeter => Habits {
                greeting_wait: Duration::from_secs(6),
                early_talkers: EarlyTalkers::Punishes,
                errors: Some(POSTFIX),
                ..plain()
            },
            Persona::Tarpit => Habits {
                tarpit: Duration::from_secs(10),
                ..plain()
            },
            Persona::SlowRecipients => Habits {
                rcpt_wait: Duration::from_secs(30),
                ..plain()
            },
            Persona::HangsUpAfterRefusal => Habits {
                after_refusal: AfterRefusal::HangsUp,
                ..plain()
            },
            Persona::HangsUpInsteadOfRefusing => Habits {
                after_refusal: AfterRefusal::HangsUpUnsaid,
                ..plain()
            },
            Persona::BreaksOff => Habits {
                speech: Speech::BreaksOff,
                ..plain()
            },
            Persona::Garbage => Habits {
                speech: Speech::Garbage,
                ..plain()
            },
            Persona::ByteByByte => Habits {
                speech: Speech::ByteByByte,
                ..plain()
            },
            Persona::BareLineFeeds => Habits {
                speech: Speech::BareLineFeeds,
                ..plain()
            },
            Persona::EndlessLine => Habits {
                speech: Speech::EndlessLine,
                ..plain()
            },
            Persona::EndlessLines => Habits {
                speech: Speech::EndlessLines,
                ..plain()
            },
            Persona::SilentRecipients => Habits {
                speech: Speech::FallsSilent,
                ..plain()
            },
            Persona::OneRecipient => Habits {
                per_transaction: Some(1),
                ..plain()
            },
            Persona::FewRecipients => Habits {
                per_connection: Some(10),
                ..plain()
            },
            Persona::FewConnections => Habits {
                connections: Some(2),
                ..plain()
            },
            Persona::SaysItsLimits => Habits {
                per_transaction: Some(5),
                offers: words(&["8BITMIME", "ENHANCEDSTATUSCODES", "LIMITS RCPTMAX=5"]),
                ..plain()
            },
            Persona::OffersTls => Habits {
                tls: Tls::Offered,
                ..plain()
            },
            Persona::RequiresTls => Habits {
                tls: Tls::Required,
                ..plain()
            },
            Persona::BrokenTls => Habits {
                tls: Tls::Broken,
                ..plain()
            },
            Persona::HarvestAcceptsAll => Habits {
                harvest: harvest(HarvestDefence::AcceptsAll),
                ..plain()
            },
            Persona::HarvestRefusesAll => Habits {
                harvest: harvest(HarvestDefence::RefusesAll),
                ..plain()
            },
            Persona::HarvestBlocks => Habits {
                harvest: harvest(HarvestDefence::Blocks),
                ..plain()
            },
            Persona::RateLimited => Habits {
                rate: Some(Rate {
                    recipients: 2,
                    per: Duration::from_secs(1),
                }),
                ..plain()
            },
            Persona::Greylisting => Habits {
                greylist: greylist(KnownBy::Triplet, 300),
                errors: Some(POSTFIX),
                ..plain()
            },
            Persona::GreylistingByVisitor => Habits {
                greylist: greylist(KnownBy::Visitor, 300),
                ..plain()
            },
            Persona::Exim => Habits {
                dialect: Dialect::Exim,
                bad_recipients: Some(10),
                ..plain()
            },
            Persona::Qmail => Habits {
                dialect: Dialect::Qmail,
                recipients: Recipients::AllAccepted,
                offers: words(&["8BITMIME"]),
                ..plain()
            },
            Persona::Exchange => Habits {
                dialect: Dialect::Exchange,
                tarpit: Duration::from_secs(5),
                tls: Tls::Offered,
                ..plain()
            },
            Persona::Google => Habits {
                dialect: Dialect::Google,
                tls: Tls::Required,
                domains_per_transaction: Some(1),
                per_transaction: Some(100),
                ..plain()
            },
            Persona::Outlook => Habits {
                dialect: Dialect::Outlook,
                tls: Tls::Offered,
                per_transaction: Some(1),
                connections: Some(5),
                ..plain()
            },
            Persona::Microsoft365 => Habits {
                dialect: Dialect::Microsoft365,
                tls: Tls::Offered,
                connections: Some(5),
                ..plain()
            },
            Persona::Yahoo => Habits {
                dialect: Dialect::Yahoo,
                tls: Tls::Offered,
                recipients: Recipients::AllAccepted,
                per_connection: Some(20),
                ..plain()
            },
            Persona::Icloud => Habits {
                dialect: Dialect::Icloud,
                tls: Tls::Offered,
                connections: Some(10),
                ..plain()
            },
            Persona::Gmx => Habits {
                dialect: Dialect::Gmx,
                tls: Tls::Offered,
                connections: Some(4),
                after_refusal: AfterRefusal::HangsUp,
                ..plain()
            },
            Persona::MailRu => Habits {
                dialect: Dialect::MailRu,
                tls: Tls::Offered,
                recipients: Recipients::AllAccepted,
                ..plain()
            },
            Persona::Proofpoint => Habits {
                dialect: Dialect::Proofpoint,
                tls: Tls::Offered,
                greylist: greylist(KnownBy::Triplet, 30),
                ..plain()
            },
            Persona::Mimecast => Habits {
                dialect: Dialect::Mimecast,
                tls: Tls::Offered,
                greylist: greylist(KnownBy::Triplet, 60),
                ..plain()
            },
            Persona::Barracuda => Habits {
                dialect: Dialect::Barracuda,
                tls: Tls::Offered,
                greylist: greylist(KnownBy::Triplet, 300),
                ..plain()
            },
        }
    }
}

/// Postfix's `smtpd_soft_error_limit` with `smtpd_hard_error_limit`.
const POSTFIX: ErrorLimits = ErrorLimits {
    slow_after: 10,
    hang_up_after: 20,
};

fn greylist(by: KnownBy, seconds: u64) -> Option<Greylist> {
    Some(Greylist {
        by,
        wait: Duration::from_secs(seconds),
    })
}

fn harvest(then: HarvestDefence) -> Option<Harvest> {
    Some(Harvest {
        after: 15,
        then,
        lasts: Duration::from_hours(1),
    })
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}
