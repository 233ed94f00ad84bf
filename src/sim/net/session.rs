//! What a simulated mail host answers, line by line: the rules of RFC 5321 with the host's own habits.

mod recipient;

use std::net::IpAddr;
use std::time::Duration;

use super::command::{self, Command, Path};
use super::dialect::{Line, Topic};
use super::habits::{Hello, MOST_DOUBLINGS, Pipelining, Senders, Speech, Tls};
use super::host::Host;
use super::server_log::Breach;
use super::turn::{Desk, Then, Turn, phrase, say};

/// One session, from the host's side.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own about the conversation"
)]
pub(super) struct Session {
    client: IpAddr,
    /// Which connection of this host, counted from 1.
    connection: u32,
    greeted: bool,
    encrypted: bool,
    utf8: bool,
    sender: Option<String>,
    /// Whether the batch that is being answered had a MAIL that was refused: what follows it there was sent in good
    /// faith (RFC 2920 §3.1).
    mail_refused: bool,
    transaction: Transaction,
    /// Transactions begun.
    transactions: u32,
    recipients: u32,
    refused: u32,
    errors: u32,
    /// Replies that refused something for good.
    refusals: u32,
    /// How long it keeps silent before its next reply.
    silence: Duration,
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
            mail_refused: false,
            transaction: Transaction::default(),
            transactions: 0,
            recipients: 0,
            refused: 0,
            errors: 0,
            refusals: 0,
            silence: Duration::ZERO,
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

    /// Further commands came in.
    pub(super) fn flight_begins(&mut self) {
        self.mail_refused = false;
    }

    /// Whether RCPT without a sender is no breach of the protocol.
    pub(super) fn spoke_in_good_faith(&self) -> bool {
        self.mail_refused
    }

    /// The answer to a line, given without its line end.
    pub(super) fn hear(&mut self, line: &[u8], desk: &mut Desk<'_>) -> Turn {
        let turn = self.reply_to(line, desk);
        let speech = match turn.speech {
            Speech::Plain => desk.host.habits.speech.for_ordinary_replies(),
            special => special,
        };
        let wait = turn.wait + std::mem::take(&mut self.silence);
        self.sulk(&turn, desk.host);
        Turn {
            wait,
            speech,
            ..turn
        }
    }

    /// Keeps silent for a while after a refusal, where the host does so.
    fn sulk(&mut self, turn: &Turn, host: &Host) {
        let refuses = turn.replies.iter().any(|reply| reply.starts_with('5'));
        if let Some(first) = host.habits.sulks.filter(|_| refuses) {
            self.silence = first * 2u32.pow(self.refusals.min(MOST_DOUBLINGS));
            self.refusals += 1;
        }
    }

    fn reply_to(&mut self, line: &[u8], desk: &mut Desk<'_>) -> Turn {
        if line.len() > COMMAND_OCTETS {
            desk.seen.breach(Breach::BadLine);
            return self.mistake("500 5.5.2 Line too long", desk);
        }
        match command::parse(line) {
            Command::Ehlo(name) => self.ehlo(&name, desk),
            Command::Helo(name) => self.helo(name, desk),
            Command::Mail { from, parameters } => {
                let turn = self.mail(&from, &parameters, desk);
                self.mail_refused = self.sender.is_none();
                turn
            }
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
        let mut words = phrase(desk.host, self.client, Line::Hello, &Topic::default());
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
            Tls::Offered | Tls::Required | Tls::Broken | Tls::HangsUp | Tls::RequiredBroken
                if self.encrypted => {}
            Tls::Offered | Tls::Required | Tls::Broken | Tls::HangsUp | Tls::RequiredBroken => {
                keywords.push("STARTTLS".to_owned());
            }
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
            Tls::Offered | Tls::Required | Tls::Broken | Tls::HangsUp | Tls::RequiredBroken
                if self.encrypted =>
            {
                desk.seen.breach(Breach::OutOfOrder);
                self.mistake("503 5.5.1 Error: TLS already active", desk)
            }
            Tls::Offered | Tls::Required | Tls::Broken | Tls::HangsUp | Tls::RequiredBroken => {
                Turn {
                    then: Then::Handshake,
                    ..say("220 2.0.0 Ready to start TLS")
                }
            }
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
        let required = matches!(desk.host.habits.tls, Tls::Required | Tls::RequiredBroken);
        if required && !self.encrypted {
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
        self.transactions += 1;
        self.line(Line::MailOk, &Topic::default(), desk)
    }

    fn end_transaction(&mut self) {
        self.sender = None;
        self.utf8 = false;
        self.transaction = Transaction::default();
    }

    /// A reply that the host counts among the client's mistakes.
    fn refusal(&mut self, line: Line, topic: &Topic<'_>, desk: &mut Desk<'_>) -> Turn {
        desk.seen.says(line);
        self.mistake(&phrase(desk.host, self.client, line, topic), desk)
    }

    fn mistake(&mut self, words: &str, desk: &mut Desk<'_>) -> Turn {
        self.errors += 1;
        let mut turn = say(words);
        let Some(limits) = desk.host.habits.errors else {
            return turn;
        };
        if self.errors > limits.slow_after {
            turn.wait = Duration::from_secs(1);
        }
        if self.errors >= limits.hang_up_after {
            desk.seen.says(Line::TooManyErrors);
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

    fn line(&self, line: Line, topic: &Topic<'_>, desk: &mut Desk<'_>) -> Turn {
        desk.seen.says(line);
        say(&phrase(desk.host, self.client, line, topic))
    }
}
