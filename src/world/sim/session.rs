//! What a simulated mail host answers, line by line: the rules of RFC 5321 with the host's own habits.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::command::{self, Command, Path};
use super::dialect::{self, Line, Topic};
use super::habits::{AfterRefusal, Hello, Pipelining, Recipients, Senders, Speech, Tls};
use super::host::{Host, Memory, Mood};
use super::mailbox::{Condition, Mailboxes, Service, Unclaimed};
use super::witness::{Breach, Outcome, Question, Sightings};
use crate::moment::Moment;

/// Everything a session needs to answer: its host, what the host remembers, what it reports.
pub(super) struct Desk<'a> {
    pub(super) host: &'a Host,
    pub(super) memory: &'a mut Memory,
    pub(super) seen: &'a mut Sightings,
    pub(super) now: Moment,
}

/// What follows a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    /// The next command.
    Listen,
    /// The TLS handshake.
    Handshake,
    /// The end of the connection, as the visitor wished.
    Farewell,
    /// The end of the connection, as the host wishes.
    HangUp,
}

/// A host's answer to one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Turn {
    /// How long the host thinks.
    pub(super) wait: Duration,
    /// Its replies: code, then text, lines parted by LF. Mostly one; none to say nothing; two where the host takes its
    /// leave unasked.
    pub(super) replies: Vec<String>,
    /// How the words come over the wire.
    pub(super) speech: Speech,
    /// What follows.
    pub(super) then: Then,
}

/// One conversation, from the host's side.
#[derive(Debug)]
pub(super) struct Session {
    client: IpAddr,
    /// Which connection of this host, counted from 1.
    connection: u32,
    greeted: bool,
    encrypted: bool,
    utf8: bool,
    sender: Option<String>,
    transaction: Transaction,
    recipients: u32,
    refused: u32,
    errors: u32,
}

#[derive(Debug, Default)]
struct Transaction {
    recipients: u32,
    accepted: u32,
    domains: Vec<String>,
}

/// Longest command line with its CRLF (RFC 5321 §4.5.3.1.4), and room for the parameters of extensions.
const COMMAND_OCTETS: usize = 512 + 500;

impl Session {
    pub(super) fn new(client: IpAddr, connection: u32) -> Self {
        Session {
            client,
            connection,
            greeted: false,
            encrypted: false,
            utf8: false,
            sender: None,
            transaction: Transaction::default(),
            recipients: 0,
            refused: 0,
            errors: 0,
        }
    }

    /// The handshake succeeded: the client starts over (RFC 3207 §4.2).
    pub(super) fn encrypted(&mut self) {
        self.encrypted = true;
        self.greeted = false;
        self.sender = None;
    }

    /// Whether commands may travel together now.
    pub(super) fn pipelines(&self, host: &Host) -> bool {
        self.greeted
            && matches!(
                host.habits.pipelining,
                Pipelining::Offered | Pipelining::Chokes
            )
    }

    /// The answer to a line, given without its line end.
    pub(super) fn hear(&mut self, line: &[u8], desk: &mut Desk<'_>) -> Turn {
        let turn = self.reply_to(line, desk);
        let speech = match turn.speech {
            Speech::Plain => desk.host.habits.speech.for_ordinary_replies(),
            special => special,
        };
        Turn { speech, ..turn }
    }

    fn reply_to(&mut self, line: &[u8], desk: &mut Desk<'_>) -> Turn {
        if line.len() > COMMAND_OCTETS {
            desk.seen.breach(Breach::BadLine);
            return self.mistake("500 5.5.2 Line too long", desk);
        }
        match command::parse(line) {
            Command::Ehlo(name) => self.ehlo(&name, desk),
            Command::Helo(name) => self.helo(name, desk),
            Command::Mail { from, parameters } => self.mail(&from, &parameters, desk),
            Command::Rcpt(path) => self.rcpt(&path, desk),
            Command::Rset => {
                desk.seen.rsets += 1;
                self.end_transaction();
                say("250 2.0.0 Ok")
            }
            Command::Noop => {
                desk.seen.noops += 1;
                say("250 2.0.0 Ok")
            }
            Command::Quit => {
                desk.seen.quits += 1;
                Turn {
                    then: Then::Farewell,
                    ..say("221 2.0.0 Bye")
                }
            }
            Command::Vrfy => {
                desk.seen.vrfys += 1;
                say("252 2.1.5 Cannot verify; send some mail, and we will try")
            }
            Command::Data => {
                desk.seen.datas += 1;
                desk.seen.breach(Breach::Data);
                if self.transaction.accepted > 0 {
                    Turn {
                        then: Then::HangUp,
                        ..say(
                            "451 4.3.0 This host exists in a simulation only; no message is taken",
                        )
                    }
                } else {
                    self.mistake("503 5.5.1 Error: need RCPT command", desk)
                }
            }
            Command::StartTls => self.starttls(desk),
            Command::BadArguments => {
                desk.seen.breach(Breach::Malformed);
                self.mistake("501 5.5.4 Syntax error in the arguments", desk)
            }
            Command::Unknown => {
                desk.seen.breach(Breach::Malformed);
                self.mistake("500 5.5.2 Error: command not recognized", desk)
            }
        }
    }

    fn ehlo(&mut self, name: &str, desk: &mut Desk<'_>) -> Turn {
        desk.seen.ehlos += 1;
        desk.seen.names.insert(name.to_owned());
        match desk.host.habits.hello {
            Hello::Any => {}
            Hello::HeloOnly => return say("502 5.5.2 Error: command not recognized"),
            Hello::HangsUpOnEhlo => {
                return Turn {
                    then: Then::HangUp,
                    ..Turn::silence()
                };
            }
            Hello::Refuses => {
                return say(&format!(
                    "550 5.7.1 <{name}>: Helo command rejected: Access denied"
                ));
            }
        }
        self.greeted = true;
        self.end_transaction();
        let mut words = format!("250 {}", desk.host.name);
        for keyword in self.keywords(desk.host) {
            words.push('\n');
            words.push_str(&keyword);
        }
        say(&words)
    }

    fn keywords(&self, host: &Host) -> Vec<String> {
        let mut keywords = Vec::new();
        match host.habits.pipelining {
            Pipelining::Offered | Pipelining::Chokes => keywords.push("PIPELINING".to_owned()),
            Pipelining::NotOffered | Pipelining::Punished => {}
        }
        match host.habits.tls {
            Tls::None => {}
            Tls::Offered | Tls::Required | Tls::Broken if self.encrypted => {}
            Tls::Offered | Tls::Required | Tls::Broken => keywords.push("STARTTLS".to_owned()),
        }
        keywords.extend(host.habits.offers.iter().cloned());
        keywords
    }

    fn helo(&mut self, name: String, desk: &mut Desk<'_>) -> Turn {
        desk.seen.helos += 1;
        let refused = format!("550 5.7.1 <{name}>: Helo command rejected: Access denied");
        desk.seen.names.insert(name);
        match desk.host.habits.hello {
            Hello::Any | Hello::HeloOnly | Hello::HangsUpOnEhlo => {
                self.greeted = true;
                self.end_transaction();
                say(&format!("250 {}", desk.host.name))
            }
            Hello::Refuses => say(&refused),
        }
    }

    fn starttls(&mut self, desk: &mut Desk<'_>) -> Turn {
        match desk.host.habits.tls {
            Tls::None => self.mistake("502 5.5.1 Error: command not implemented", desk),
            Tls::Offered | Tls::Required | Tls::Broken if self.encrypted => {
                desk.seen.breach(Breach::OutOfOrder);
                self.mistake("503 5.5.1 Error: TLS already active", desk)
            }
            Tls::Offered | Tls::Required | Tls::Broken => Turn {
                then: Then::Handshake,
                ..say("220 2.0.0 Ready to start TLS")
            },
        }
    }

    fn mail(&mut self, from: &Path, parameters: &[String], desk: &mut Desk<'_>) -> Turn {
        desk.seen.mails += 1;
        let sender = from.to_text();
        desk.seen.senders.insert(sender.clone());
        if !self.greeted {
            desk.seen.breach(Breach::OutOfOrder);
            return self.mistake("503 5.5.1 Error: send HELO/EHLO first", desk);
        }
        if self.sender.is_some() {
            desk.seen.breach(Breach::OutOfOrder);
            return self.mistake("503 5.5.1 Error: nested MAIL command", desk);
        }
        if desk.host.habits.tls == Tls::Required && !self.encrypted {
            return self.line(Line::NeedsTls, &Topic::default(), desk);
        }
        match desk.host.habits.senders {
            Senders::Welcome => {}
            Senders::Blocked => return self.line(Line::BlockedAtMail, &Topic::default(), desk),
            Senders::Unauthenticated => {
                return self.line(Line::Unauthenticated, &Topic::default(), desk);
            }
            Senders::NullRefused if *from == Path::Null => {
                return say("550 5.7.1 Null sender refused; we take no verification requests");
            }
            Senders::NullRefused => {}
        }
        let utf8_offered = desk
            .host
            .habits
            .offers
            .iter()
            .any(|offer| offer == "SMTPUTF8");
        self.utf8 = parameters.iter().any(|parameter| parameter == "SMTPUTF8");
        if self.utf8 && !utf8_offered {
            desk.seen.breach(Breach::Utf8Unasked);
            return self.mistake("555 5.5.4 Unsupported option: SMTPUTF8", desk);
        }
        self.sender = Some(sender);
        self.line(Line::MailOk, &Topic::default(), desk)
    }

    fn end_transaction(&mut self) {
        self.sender = None;
        self.utf8 = false;
        self.transaction = Transaction::default();
    }

    /// Answers RCPT, counting as it goes.
    fn rcpt(&mut self, path: &Path, desk: &mut Desk<'_>) -> Turn {
        let address = path.to_text();
        let ruling = self.rule(path, &address, desk);
        self.recipients += 1;
        self.transaction.recipients += 1;
        let outcome = ruling.outcome;
        let mut turn = ruling.turn;
        match outcome {
            Outcome::Accepted => self.transaction.accepted += 1,
            Outcome::RefusedMailbox | Outcome::RefusedOtherwise => {
                self.refused += 1;
                turn.wait += desk.host.habits.tarpit;
                match desk.host.habits.after_refusal {
                    AfterRefusal::StaysOn => {}
                    AfterRefusal::HangsUp => turn.then = Then::HangUp,
                    AfterRefusal::HangsUpUnsaid => {
                        turn = Turn {
                            then: Then::HangUp,
                            ..Turn::silence()
                        }
                    }
                }
            }
        }
        turn.wait += desk.host.habits.rcpt_wait;
        turn.speech = desk.host.habits.speech;
        let code = turn
            .replies
            .first()
            .filter(|_| turn.speech.is_understood())
            .and_then(|reply| reply.get(..3));
        let seen = &mut *desk.seen;
        seen.recipients_per_connection = seen.recipients_per_connection.max(self.recipients);
        seen.recipients_per_transaction = seen
            .recipients_per_transaction
            .max(self.transaction.recipients);
        seen.refused_per_connection = seen.refused_per_connection.max(self.refused);
        seen.questions.push(Question {
            at: desk.now,
            address,
            connection: self.connection,
            code: code.and_then(|code| code.parse().ok()).unwrap_or(0),
            outcome,
        });
        turn
    }

    /// Decides about a recipient: first about the visitor, then about the mailbox.
    fn rule(&mut self, path: &Path, address: &str, desk: &mut Desk<'_>) -> Ruling {
        let topic = Topic {
            address,
            ..Topic::default()
        };
        let Path::Mailbox { local, domain } = path else {
            return Ruling::otherwise(self.mistake("501 5.1.3 Bad recipient address syntax", desk));
        };
        let Some(sender) = self.sender.clone() else {
            desk.seen.breach(Breach::OutOfOrder);
            return Ruling::otherwise(self.mistake("503 5.5.1 Error: need MAIL command", desk));
        };
        if !address.is_ascii() && !self.utf8 {
            desk.seen.breach(Breach::Utf8Unasked);
            return Ruling::otherwise(self.mistake("553 5.6.7 Address needs SMTPUTF8", desk));
        }
        if !self.transaction.domains.contains(domain) {
            self.transaction.domains.push(domain.clone());
        }
        if self.transaction.domains.len() > 1 {
            desk.seen.breach(Breach::DomainsMixed);
        }
        if let Some((line, then)) = self.objection(desk) {
            return Ruling::otherwise(Turn {
                then,
                ..self.line(line, &topic, desk)
            });
        }
        let Some(mailboxes) = desk.host.domains.get(domain) else {
            desk.seen.breach(Breach::Misrouted);
            return Ruling::otherwise(self.refusal(Line::RelayDenied, &topic, desk));
        };
        if mailboxes.service == Service::Refused {
            return Ruling::otherwise(self.refusal(Line::RelayDenied, &topic, desk));
        }
        if let Some(seconds) =
            desk.memory
                .greylists(&desk.host.habits, self.client, &sender, address, desk.now)
        {
            let topic = Topic { seconds, ..topic };
            return Ruling::otherwise(self.line(Line::Greylisted, &topic, desk));
        }
        let mailboxes = Arc::clone(mailboxes);
        self.look_up(&mailboxes, local, &topic, desk)
    }

    /// Why the host would not even look the recipient up.
    fn objection(&self, desk: &mut Desk<'_>) -> Option<(Line, Then)> {
        let habits = &desk.host.habits;
        let mood = desk.memory.mood(habits, desk.now);
        let over = |limit: Option<u32>, count: u32| limit.is_some_and(|limit| count >= limit);
        let transaction = &self.transaction;
        let too_bad = over(habits.bad_recipients, transaction.recipients)
            && transaction.accepted * 2 < transaction.recipients;
        if habits.recipients == Recipients::VisitorBlocked {
            Some((Line::BlockedAtRcpt, Then::Listen))
        } else if mood == Mood::Blocks {
            Some((Line::Harvester, Then::HangUp))
        } else if over(habits.per_connection, self.recipients) {
            Some((Line::ConnectionUsedUp, Then::HangUp))
        } else if over(habits.per_transaction, transaction.recipients) {
            Some((Line::TooManyRecipients, Then::Listen))
        } else if habits
            .domains_per_transaction
            .is_some_and(|limit| transaction.domains.len() > limit as usize)
        {
            Some((Line::OneDomainOnly, Then::Listen))
        } else if too_bad {
            Some((Line::TooManyBadRecipients, Then::Listen))
        } else if desk.memory.too_fast(habits, desk.now) {
            Some((Line::TooFast, Then::Listen))
        } else {
            None
        }
    }

    fn look_up(
        &mut self,
        mailboxes: &Mailboxes,
        local: &str,
        topic: &Topic<'_>,
        desk: &mut Desk<'_>,
    ) -> Ruling {
        if desk.host.habits.recipients == Recipients::AllAccepted {
            return Ruling::accepted(self.line(Line::RcptOk, topic, desk));
        }
        match desk.memory.mood(&desk.host.habits, desk.now) {
            Mood::Ordinary | Mood::Blocks => {}
            Mood::AcceptsAll => return Ruling::accepted(self.line(Line::RcptOk, topic, desk)),
            Mood::RefusesAll => {
                return Ruling::mailbox(self.refusal(Line::NoSuchUser, topic, desk));
            }
        }
        match mailboxes.get(local) {
            Some(Condition::Open) => Ruling::accepted(self.line(Line::RcptOk, topic, desk)),
            Some(Condition::Full) => Ruling::mailbox(self.line(Line::Full, topic, desk)),
            Some(Condition::Disabled) => Ruling::mailbox(self.refusal(Line::Disabled, topic, desk)),
            Some(Condition::Busy) => Ruling::otherwise(self.line(Line::Busy, topic, desk)),
            Some(Condition::Moved { to }) => {
                let topic = Topic {
                    moved_to: to,
                    ..*topic
                };
                Ruling::mailbox(self.refusal(Line::Moved, &topic, desk))
            }
            None => match mailboxes.unclaimed {
                Unclaimed::Delivered | Unclaimed::Bounced => {
                    Ruling::accepted(self.line(Line::RcptOk, topic, desk))
                }
                Unclaimed::Unwanted => {
                    desk.memory.stranger(&desk.host.habits, desk.now);
                    Ruling::mailbox(self.refusal(Line::NoSuchUser, topic, desk))
                }
            },
        }
    }

    /// A reply that the host counts among the visitor's mistakes.
    fn refusal(&mut self, line: Line, topic: &Topic<'_>, desk: &Desk<'_>) -> Turn {
        self.mistake(&phrase(desk.host, self.client, line, topic), desk)
    }

    fn mistake(&mut self, words: &str, desk: &Desk<'_>) -> Turn {
        self.errors += 1;
        let mut turn = say(words);
        let Some(limits) = desk.host.habits.errors else {
            return turn;
        };
        if self.errors > limits.slow_after {
            turn.wait = Duration::from_secs(1);
        }
        if self.errors >= limits.hang_up_after {
            turn.replies.push(phrase(
                desk.host,
                self.client,
                Line::TooManyErrors,
                &Topic::default(),
            ));
            turn.then = Then::HangUp;
        }
        turn
    }

    fn line(&self, line: Line, topic: &Topic<'_>, desk: &Desk<'_>) -> Turn {
        say(&phrase(desk.host, self.client, line, topic))
    }
}

/// The host's words on a topic.
pub(super) fn phrase(host: &Host, client: IpAddr, line: Line, topic: &Topic<'_>) -> String {
    let client = client.to_string();
    let topic = Topic {
        host: &host.name,
        client: &client,
        ..*topic
    };
    dialect::reply(host.habits.dialect, &host.habits.says, line, &topic)
}

fn say(words: &str) -> Turn {
    Turn {
        replies: vec![words.to_owned()],
        ..Turn::silence()
    }
}

impl Turn {
    fn silence() -> Self {
        Turn {
            wait: Duration::ZERO,
            replies: Vec::new(),
            speech: Speech::Plain,
            then: Then::Listen,
        }
    }
}

/// What a host decides about a recipient.
struct Ruling {
    turn: Turn,
    outcome: Outcome,
}

impl Ruling {
    fn accepted(turn: Turn) -> Self {
        Ruling {
            turn,
            outcome: Outcome::Accepted,
        }
    }

    fn mailbox(turn: Turn) -> Self {
        Ruling {
            turn,
            outcome: Outcome::RefusedMailbox,
        }
    }

    fn otherwise(turn: Turn) -> Self {
        Ruling {
            turn,
            outcome: Outcome::RefusedOtherwise,
        }
    }
}
