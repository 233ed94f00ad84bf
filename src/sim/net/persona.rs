//! Ready-made habits: the kinds of mail hosts that a client meets.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use super::dialect::{Dialect, Line};
use super::habits::{
    AfterRefusal, Door, EarlyTalkers, ErrorLimits, Greeting, Greylist, Habits, Harvest,
    HarvestDefence, Hello, KnownBy, Pipelining, Rate, Recipients, Senders, Speech, Tls,
};
use super::stumble::{Place, Slip, Stumble};

/// Declares each kind once: its name, what it is, how it differs from a host with nothing special about it.
macro_rules! personas {
    ($($name:ident $what:literal { $($key:ident: $value:expr),* })*) => {
        /// A kind of mail host; in world files in snake case. A world file may change every part of what it does.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Persona {
            /// It refuses unknown recipients, has no limits worth mentioning.
            #[default]
            Honest,
            $(#[doc = $what] $name,)*
        }

        impl Persona {
            /// Every kind.
            pub const ALL: &'static [Persona] = &[Persona::Honest, $(Persona::$name,)*];

            /// What a host of this kind does.
            #[must_use]
            pub fn habits(self) -> Habits {
                match self {
                    Persona::Honest => honest(),
                    $(Persona::$name => Habits { $($key: $value,)* ..honest() },)*
                }
            }
        }
    };
}

personas! {
    Postfix "Postfix with its defaults: slow after 10 mistakes, gone after 20." { errors: Some(POSTFIX) }
    Exim "Exim with its defaults: past 10 recipients, all are refused once fewer than half were good." {
        dialect: Dialect::Exim, bad_recipients: Some(10)
    }
    Qmail "qmail as it came: takes all, bounces later." {
        dialect: Dialect::Qmail, recipients: Recipients::AllAccepted, offers: words(&["8BITMIME"])
    }
    Exchange "Exchange on premises: each refusal takes five seconds longer." {
        dialect: Dialect::Exchange, tarpit: seconds(5), tls: Tls::Offered
    }
    Google "Gmail: insists on encryption, one domain per message." {
        dialect: Dialect::Google, tls: Tls::Required, domains_per_transaction: Some(1), per_transaction: Some(100)
    }
    Outlook "Outlook.com: one recipient per message." {
        dialect: Dialect::Outlook, tls: Tls::Offered, per_transaction: Some(1), connections: Some(5)
    }
    Microsoft365 "Microsoft 365 for a tenant that refuses unknown recipients." {
        dialect: Dialect::Microsoft365, tls: Tls::Offered, connections: Some(5)
    }
    Yahoo "Yahoo: takes all, bounces later; 20 recipients per connection." {
        dialect: Dialect::Yahoo, tls: Tls::Offered, recipients: Recipients::AllAccepted, per_connection: Some(20)
    }
    Icloud "iCloud." { dialect: Dialect::Icloud, tls: Tls::Offered, connections: Some(10) }
    Gmx "GMX with web.de: hangs up after refusals, turns fishers away." {
        dialect: Dialect::Gmx, tls: Tls::Offered, connections: Some(4), after_refusal: AfterRefusal::HangsUp
    }
    MailRu "mail.ru: takes all, bounces later." {
        dialect: Dialect::MailRu, tls: Tls::Offered, recipients: Recipients::AllAccepted
    }
    Proofpoint "Proofpoint's gateway: has an unknown client come twice while it asks behind itself." {
        dialect: Dialect::Proofpoint, tls: Tls::Offered, greylist: Some(greylist(KnownBy::Triplet, 30))
    }
    Mimecast "Mimecast's gateway: greylists for a minute." {
        dialect: Dialect::Mimecast, tls: Tls::Offered, greylist: Some(greylist(KnownBy::Triplet, 60))
    }
    Barracuda "Barracuda's gateway: greylists for five minutes." {
        dialect: Dialect::Barracuda, tls: Tls::Offered, greylist: Some(greylist(KnownBy::Triplet, 300))
    }
    SlowRecipients "`SpamExperts`' gateway: takes half a minute to answer RCPT." { rcpt_wait: seconds(30) }
    Greylisting "Greylists by visitor, sender and recipient for five minutes, as Postgrey does." {
        greylist: Some(greylist(KnownBy::Triplet, 300)), errors: Some(POSTFIX)
    }
    GreylistingByVisitor "Greylists by the visitor's address alone." { greylist: Some(greylist(KnownBy::Visitor, 300)) }
    Postgrey "Postgrey as it comes: five minutes, which its words do not name." {
        greylist: Some(greylist(KnownBy::Triplet, 300)), errors: Some(POSTFIX),
        says: says(&[(
            Line::Greylisted,
            "450 4.2.0 <{address}>: Recipient address rejected: Greylisted, see http://postgrey.schweikert.ch/help/{host}.html",
        )])
    }
    Postscreen "Postscreen with its deep tests: whoever passes them is let in on the next connection." {
        greylist: Some(greylist(KnownBy::Connection, 0)), errors: Some(POSTFIX), greeting_wait: seconds(6),
        early_talkers: EarlyTalkers::Punishes, pipelining: Pipelining::NotOffered,
        says: says(&[(Line::Greylisted, "450 4.3.2 Service currently unavailable")])
    }
    AcceptsEveryone "Accepts everyone, bounces later." { recipients: Recipients::AllAccepted }
    Silent "Nothing ever comes back." { door: Door::Silent }
    Closed "Refuses connections." { door: Door::Closed }
    NeverGreets "Takes the connection, never greets." { greeting: Greeting::Never }
    Busy "421 at the greeting, always." { greeting: Greeting::NotNow }
    HangsUp "Closes the connection without a word." { greeting: Greeting::HangsUp }
    BlocksVisitor "554 at the greeting: we are on a blocklist." { greeting: Greeting::Blocks }
    TakesNoMail "521 at the greeting: it takes no mail (RFC 7504)." { greeting: Greeting::TakesNoMail }
    TakesNoMailForDomains "556 to every RCPT: it takes no mail for the domain (RFC 7504)." {
        recipients: Recipients::NoMailTaken,
        says: says(&[(Line::TakesNoMail, "556 Domain does not accept mail")])
    }
    CallsBlocksNoMail "521 at the greeting, in words that say that we are blocked." {
        greeting: Greeting::Blocks,
        says: says(&[(Line::BlockedAtDoor, "521 5.7.1 Service unavailable; client [{client}] blocked using zen.spamhaus.org")])
    }
    BlocksSender "Refuses MAIL: we are blocked." { senders: Senders::Blocked }
    NeedsSpf "Refuses MAIL: our domain does not vouch for us." { senders: Senders::Unauthenticated }
    BlocksRecipients "Refuses every RCPT: we are blocked." { recipients: Recipients::VisitorBlocked }
    NoPipelining "Has no PIPELINING." { pipelining: Pipelining::NotOffered }
    PunishesPipelining "Has no PIPELINING, sends those away who do it all the same." {
        pipelining: Pipelining::Punished
    }
    ChokesOnPipelining "Offers PIPELINING, answers only the first command." { pipelining: Pipelining::Chokes }
    NoEhlo "Knows HELO only." { hello: Hello::HeloOnly }
    HangsUpOnEhlo "Hangs up on EHLO." { hello: Hello::HangsUpOnEhlo }
    RefusesHello "Refuses every hello." { hello: Hello::Refuses }
    SlowGreeter "Greets after six seconds, sends those away who speak before, as postscreen does." {
        greeting_wait: seconds(6), early_talkers: EarlyTalkers::Punishes, errors: Some(POSTFIX)
    }
    Tarpit "Takes ten seconds for every refusal." { tarpit: seconds(10) }
    HangsUpAfterRefusal "Closes the connection after each refusal." { after_refusal: AfterRefusal::HangsUp }
    HangsUpInsteadOfRefusing "Closes the connection instead of refusing." { after_refusal: AfterRefusal::HangsUpUnsaid }
    BreaksOff "Breaks off in the middle of its reply to RCPT." { speech: Speech::BreaksOff }
    Garbage "Answers RCPT with something that is no SMTP." { speech: Speech::Garbage }
    GreetsWithGarbage "Greets with something that is no SMTP." { greeting: Greeting::Garbage }
    ByteByByte "Sends its replies one byte at a time." { speech: Speech::ByteByByte }
    BareLineFeeds "Ends its lines with LF only." { speech: Speech::BareLineFeeds }
    EndlessLine "Answers RCPT with a line that never ends." { speech: Speech::EndlessLine }
    EndlessLines "Answers RCPT with lines that never end." { speech: Speech::EndlessLines }
    SilentRecipients "Never answers RCPT." { speech: Speech::FallsSilent }
    OneRecipient "Takes one recipient per message." { per_transaction: Some(1) }
    FewRecipients "Takes ten recipients per connection." { per_connection: Some(10) }
    SaysItsLimits "Says so with LIMITS (RFC 9422): five recipients per message." {
        per_transaction: Some(5), offers: words(&["8BITMIME", "ENHANCEDSTATUSCODES", "LIMITS RCPTMAX=5"])
    }
    OffersTls "Encrypts, if the client likes." { tls: Tls::Offered }
    RequiresTls "Takes no mail in clear." { tls: Tls::Required }
    BrokenTls "Offers encryption, but fails at it." { tls: Tls::Broken }
    TlsHangsUp "Offers encryption, but hangs up in the handshake." { tls: Tls::HangsUp }
    RequiresBrokenTls "Takes no mail in clear, yet fails at encryption." { tls: Tls::RequiredBroken }
    LongLine "Answers RCPT with a line of 60,000 bytes." { speech: Speech::LongLine }
    ManyLines "Answers RCPT with 900 lines." { speech: Speech::ManyLines }
    RefusesTwice "Out of step: a second reply behind each refusal." { stumble: Some(stumble(Place::Refusal, Slip::Again, 0)) }
    RefusesTwiceLate "Out of step: the second reply behind a refusal comes 50 ms late." {
        stumble: Some(stumble(Place::Refusal, Slip::Again, 50))
    }
    AcceptsTwice "Out of step: a second reply behind each acceptance." {
        stumble: Some(stumble(Place::Acceptance, Slip::Again, 0))
    }
    AnswersMailTwice "Out of step: two answers to MAIL." { stumble: Some(stumble(Place::Mail, Slip::Again, 0)) }
    AnswersHelloTwice "Out of step: two answers to EHLO." { stumble: Some(stumble(Place::Hello, Slip::Again, 0)) }
    GreetsTwice "Out of step: a second greeting right behind the first." {
        stumble: Some(stumble(Place::Greeting, Slip::Again, 0))
    }
    GreetsTwiceLate "Out of step: a second greeting 50 ms after the first." {
        stumble: Some(stumble(Place::Greeting, Slip::ThenYes, 50))
    }
    SpeaksAfterHandshake "Out of step: a greeting behind the TLS handshake." {
        tls: Tls::Offered, stumble: Some(stumble(Place::Handshake, Slip::Again, 0))
    }
    ResetsTwice "Out of step: two answers to RSET, the second late." {
        stumble: Some(stumble(Place::Reset, Slip::Again, 50))
    }
    ForgetsRefusals "Out of step: no reply where it refuses." { stumble: Some(stumble(Place::Refusal, Slip::Forgets, 0)) }
    MergesReplies "Out of step: a refusal and the next reply in one." {
        stumble: Some(stumble(Place::Refusal, Slip::Merges, 0))
    }
    RefusesTwiceOnce "Out of step in its first connection only." {
        stumble: Some(Stumble { connections: Some(1), ..STUMBLES })
    }
    HarvestAcceptsAll "After 15 unknown recipients, everybody exists for an hour." {
        harvest: Some(harvest(HarvestDefence::AcceptsAll))
    }
    HarvestRefusesAll "After 15 unknown recipients, nobody exists for an hour." {
        harvest: Some(harvest(HarvestDefence::RefusesAll))
    }
    HarvestBlocks "After 15 unknown recipients, it turns us away for an hour." {
        harvest: Some(harvest(HarvestDefence::Blocks))
    }
    AcceptsAfterRefusals "After three refusals in a connection, everybody exists there." { turns_after: Some(3) }
    RateLimited "Two recipients a second at most." { rate: Some(Rate { recipients: 2, per: seconds(1) }) }
    ThreeErrors "Postfix with a tight `smtpd_hard_error_limit`: gone after three mistakes." {
        errors: Some(ErrorLimits { slow_after: 10, hang_up_after: 3 })
    }
    OneConnection "One connection at most, as Postfix with a tight `smtpd_client_connection_count_limit`." {
        connections: Some(1)
    }
    HangsUpAtRecipients "Closes the connection at every RCPT." {
        recipients: Recipients::VisitorBlocked, after_refusal: AfterRefusal::HangsUpUnsaid
    }
    FewConnections "Two connections at most." { connections: Some(2) }
    RefusesNullSender "Takes no null sender." { senders: Senders::NullRefused }
    TentativeRefuser "Postfix with `unknown_local_recipient_reject_code` at its cautious 450." {
        errors: Some(POSTFIX),
        says: says(&[(Line::NoSuchUser, "450 4.1.1 <{address}>: Recipient address rejected: User unknown in local recipient table")])
    }
    ConfirmsNobody "Takes everybody, and says that it knows nobody: 252." {
        recipients: Recipients::AllAccepted,
        says: says(&[(Line::RcptOk, "252 2.1.5 Cannot verify the user, but will take the message and attempt delivery")])
    }
    RefusesInOwnWords "Refuses unknown recipients in words that are in nobody's book." {
        says: says(&[(Line::NoSuchUser, "554 Transaction 4711 ended here")])
    }
    Yandex "Yandex: refuses unknown recipients with a code about policy." {
        tls: Tls::Offered,
        says: says(&[
            (Line::NoSuchUser, "550 5.7.1 No such user!"),
            (Line::Full, "552 5.2.2 Mailbox size limit exceeded"),
            (Line::TooFast, "450 4.2.1 The recipient has exceeded message rate limit. Try again later."),
        ])
    }
    Proton "Proton." {
        tls: Tls::Offered,
        says: says(&[(Line::NoSuchUser, "550 5.1.1 <{address}>: Recipient address rejected: Address does not exist")])
    }
    Zoho "Zoho." {
        tls: Tls::Offered,
        says: says(&[
            (Line::NoSuchUser, "550 5.1.1 User unknown"),
            (Line::RelayDenied, "553 Relaying disallowed. Invalid Domain"),
        ])
    }
    Qq "QQ: says 550 to those who are too fast." {
        tls: Tls::Offered, rate: Some(Rate { recipients: 20, per: seconds(1) }),
        says: says(&[
            (Line::NoSuchUser, "550 Mailbox not found. http://service.mail.qq.com/cgi-bin/help?no=1000728"),
            (Line::TooFast, "550 Ip frequency limited"),
        ])
    }
    Comcast "Comcast: a code about the mailbox for quotas." {
        tls: Tls::Required,
        says: says(&[
            (Line::NoSuchUser, "550 5.1.1 Not our Customer"),
            (Line::Full, "452 4.1.1 <{address}> user over quota"),
            (Line::Disabled, "550 5.1.1 Account Closed, Please Remove"),
        ])
    }
    Orange "Orange: a code about the mailbox for quotas, two connections." {
        tls: Tls::Required, connections: Some(2),
        says: says(&[
            (Line::NoSuchUser, "550 5.1.1 Adresse d au moins un destinataire invalide. Invalid recipient. OFR_416 [416]"),
            (Line::Full, "552 5.1.1 Boite du destinataire pleine. Recipient overquota. OFR_417 [417]"),
            (Line::TooManyConnections, "421 mwinf5c04 ME Trop de connexions, veuillez verifier votre configuration. OFR005_104 [104]"),
        ])
    }
    Rackspace "Rackspace." {
        says: says(&[(Line::NoSuchUser, "550 5.1.1 <{address}>: Email address could not be found, or was misspelled (G8)")])
    }
    Rambler "Rambler: a code about policy for dead mailboxes." {
        says: says(&[(Line::Disabled, "540 5.7.1 <{address}>: recipient address rejected: Inactive")])
    }
    Symantec "Symantec's gateway." {
        tls: Tls::Offered,
        says: says(&[(Line::NoSuchUser, "550 Invalid recipient <{address}> (#5.1.1)")])
    }
    TrendMicro "Trend Micro's gateway: a code about policy for unknown recipients." {
        tls: Tls::Offered,
        says: says(&[(Line::NoSuchUser, "554 5.7.1 <{address}>: Recipient address rejected: Invalid-Recipient")])
    }
    ZeroSpam "ZEROSPAM's gateway: greylists for a minute, a code about policy for unknown recipients." {
        greylist: Some(greylist(KnownBy::Triplet, 60)),
        says: says(&[
            (Line::NoSuchUser, "554 5.7.1 <{address}>: Recipient address rejected: Not in recipient list"),
            (Line::Greylisted, "450 4.2.0 <{address}>: Recipient address rejected: greylisted for {seconds} seconds"),
        ])
    }
    Tdc "TDC: throttles for an hour who names many unknown recipients." {
        harvest: Some(harvest(HarvestDefence::Blocks)),
        says: says(&[(Line::Harvester, "452 4.5.0 policy based throttling")])
    }
    FreeFr "Free.fr: closes mailboxes that nobody uses." {
        says: says(&[(Line::Disabled, "550 5.2.1 This mailbox has been blocked due to inactivity")])
    }
}

/// What most hosts can do.
fn honest() -> Habits {
    Habits {
        offers: words(&[
            "8BITMIME",
            "SMTPUTF8",
            "SIZE 36700160",
            "ENHANCEDSTATUSCODES",
        ]),
        ..Habits::default()
    }
}

/// Postfix's `smtpd_soft_error_limit` with `smtpd_hard_error_limit`.
const POSTFIX: ErrorLimits = ErrorLimits {
    slow_after: 10,
    hang_up_after: 20,
};

const STUMBLES: Stumble = Stumble {
    at: Place::Refusal,
    how: Slip::Again,
    after: Duration::ZERO,
    connections: None,
};

fn stumble(at: Place, how: Slip, millis: u64) -> Stumble {
    Stumble {
        at,
        how,
        after: Duration::from_millis(millis),
        ..STUMBLES
    }
}

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn greylist(by: KnownBy, wait: u64) -> Greylist {
    Greylist {
        by,
        wait: seconds(wait),
    }
}

fn harvest(then: HarvestDefence) -> Harvest {
    Harvest {
        after: 15,
        then,
        lasts: seconds(3600),
    }
}

fn says(lines: &[(Line, &str)]) -> BTreeMap<Line, String> {
    lines
        .iter()
        .map(|(line, words)| (*line, (*words).to_owned()))
        .collect()
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}
