//! What to say next in a session, decided without I/O.
//!
//! A [`Dialogue`] is asked for its next [`Step`] and told the [`Answer`] to each listening step. The driver does the
//! bytes; a test does without them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::command::{Command, HelloName};
use super::reply::{Reply, Severity, clip};
use super::{Answer, Garble, Stage};
use crate::model::limits;

/// What a dialogue wants done next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Write these bytes in one go.
    Say(String),
    /// Read one reply.
    Listen {
        /// The stage it answers.
        stage: Stage,
        /// The time for the whole reply.
        wait: Duration,
    },
    /// Take up encryption on the connection.
    Encrypt,
    /// The dialogue is over.
    Done,
}

/// A part of a session, one step at a time.
pub trait Dialogue {
    /// The next thing to do.
    fn step(&mut self) -> Step;

    /// What came of the last step: of [`Step::Listen`] the answer, of [`Step::Encrypt`] what kept us from it (`None`
    /// when it succeeded), of [`Step::Say`] only [`Garble::OutOfTurn`], where unsolicited bytes lay unread: then
    /// nothing was said.
    fn hear(&mut self, answer: Option<Answer>);
}

/// What a host offers (RFC 5321 §4.1.1.1 and the registry of extensions).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Offer {
    /// Commands may travel together (RFC 2920).
    pub pipelining: bool,
    /// Encryption (RFC 3207).
    pub starttls: bool,
    /// Addresses beyond ASCII (RFC 6531).
    pub smtputf8: bool,
    /// Most recipients in a transaction (RFC 9422 RCPTMAX).
    pub recipients_per_transaction: Option<u32>,
    /// Most transactions in a connection (RFC 9422 MAILMAX).
    pub transactions_per_connection: Option<u32>,
    /// What the host runs, as far as its greeting says.
    pub software: Software,
    /// The rest of the first line: some hosts tell there under which address they see us.
    pub words: String,
}

/// What a host runs, where that tells how to treat it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Software {
    /// Postfix, which counts RSET among a hundred commands without a purpose.
    Postfix,
    /// Every other host.
    #[default]
    Other,
}

impl Software {
    /// Reads a greeting: stock Postfix says `220 mx.example.com ESMTP Postfix`, often with the distribution behind it.
    #[must_use]
    pub fn read(greeting: &Reply) -> Self {
        let says_so = greeting
            .lines
            .iter()
            .any(|line| line.split_ascii_whitespace().any(|word| word == "Postfix"));
        if says_so {
            Software::Postfix
        } else {
            Software::Other
        }
    }
}

impl Offer {
    /// Reads the answer to EHLO. Keywords are case-insensitive (RFC 5321 §4.1.1.1).
    #[must_use]
    pub fn read(reply: &Reply) -> Self {
        let mut offer = Offer {
            words: reply.lines.first().map_or_else(String::new, |line| {
                clip(line, limits::EVIDENCE_REPLY_BYTES).to_owned()
            }),
            ..Offer::default()
        };
        for line in reply.lines.iter().skip(1) {
            let mut words = line.split_ascii_whitespace();
            let keyword = words.next().unwrap_or_default().to_ascii_uppercase();
            match keyword.as_str() {
                "PIPELINING" => offer.pipelining = true,
                "STARTTLS" => offer.starttls = true,
                "SMTPUTF8" => offer.smtputf8 = true,
                "LIMITS" => words.for_each(|limit| offer.read_limit(limit)),
                _ => {}
            }
        }
        offer
    }

    /// Takes in one `NAME=NUMBER` of RFC 9422 §3; what is malformed or unknown is ignored, as §3 asks.
    fn read_limit(&mut self, limit: &str) {
        let Some((name, number)) = limit.split_once('=') else {
            return;
        };
        let Some(number) = number.parse().ok().filter(|&number: &u32| number > 0) else {
            return;
        };
        match name.to_ascii_uppercase().as_str() {
            "RCPTMAX" => self.recipients_per_transaction = Some(number),
            "MAILMAX" => self.transactions_per_connection = Some(number),
            _ => {}
        }
    }
}

/// When sessions are encrypted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Encryption {
    /// Wherever it is offered.
    #[default]
    WhenOffered,
    /// Where a host demands it, or is known to: a handshake costs either side more than the questions do.
    WhenDemanded,
}

/// What we want of encryption in one session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Privacy {
    /// Take it when offered.
    WhenOffered,
    /// Without it, do not ask.
    Required,
    /// Do without: a handshake has failed here before.
    Never,
}

/// How the opening of a session ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opened {
    /// The host is ready for questions.
    Ready {
        /// What it offers, after encryption if there was any.
        offer: Offer,
        /// Whether the connection is encrypted.
        encrypted: bool,
    },
    /// It came to nothing.
    Failed {
        /// At this stage.
        stage: Stage,
        /// The answer, or the lack of one, that ended it.
        answer: Answer,
    },
}

/// With which word we introduce ourselves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Hello {
    /// EHLO; HELO where that is not known.
    #[default]
    Extended,
    /// HELO alone: the host hangs up on EHLO.
    Plain,
}

/// How long a host is waited for until it has greeted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Patience {
    /// Another host can be asked instead.
    BesideOthers,
    /// No other host is left.
    #[default]
    Alone,
    /// No other host is left, and no further try.
    LastTry,
}

impl Patience {
    /// Time to establish the connection.
    #[must_use]
    pub fn to_connect(self) -> Duration {
        match self {
            Patience::BesideOthers | Patience::Alone => limits::CONNECT_WAIT,
            Patience::LastTry => limits::LAST_CONNECT_WAIT,
        }
    }

    /// Time for the greeting.
    fn to_be_greeted(self) -> Duration {
        match self {
            Patience::BesideOthers => limits::GREETING_WAIT_BESIDE_OTHERS,
            Patience::Alone | Patience::LastTry => limits::GREETING_WAIT,
        }
    }
}

/// The opening of a session: greeting, EHLO (HELO where that is refused), STARTTLS, EHLO again.
#[derive(Debug)]
pub struct Opening {
    name: HelloName,
    hello: Hello,
    patience: Patience,
    privacy: Privacy,
    at: At,
    encrypted: bool,
    software: Software,
    offer: Offer,
    end: Option<Opened>,
}

/// Where an opening stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Greeting,
    SayEhlo,
    HearEhlo,
    SayHelo,
    HearHelo,
    SayStartTls,
    HearStartTls,
    Encrypting,
    End,
}

impl Opening {
    /// An opening under the name `name`.
    #[must_use]
    pub fn new(name: HelloName, privacy: Privacy) -> Self {
        Opening {
            name,
            hello: Hello::default(),
            patience: Patience::default(),
            privacy,
            at: At::Greeting,
            encrypted: false,
            software: Software::default(),
            offer: Offer::default(),
            end: None,
        }
    }

    /// The same with another word of introduction.
    #[must_use]
    pub fn saying(self, hello: Hello) -> Self {
        Opening { hello, ..self }
    }

    /// The same with more or less patience.
    #[must_use]
    pub fn waiting(self, patience: Patience) -> Self {
        Opening { patience, ..self }
    }

    /// How it ended. Call when [`Step::Done`] was returned.
    ///
    /// # Panics
    ///
    /// When the opening has not come to its end.
    #[must_use]
    pub fn into_end(self) -> Opened {
        self.end
            .expect("an opening is asked for its end at the end")
    }

    fn finish(&mut self, end: Opened) {
        self.end = Some(end);
        self.at = At::End;
    }

    fn fail(&mut self, stage: Stage, answer: Answer) {
        self.finish(Opened::Failed { stage, answer });
    }

    /// After a successful EHLO or HELO: encrypt, or be ready.
    fn greeted(&mut self) {
        let offered = self.offer.starttls && !self.encrypted;
        match self.privacy {
            Privacy::WhenOffered | Privacy::Required if offered => self.at = At::SayStartTls,
            Privacy::Required if !self.encrypted => self.fail(
                Stage::Tls,
                Answer::Unreachable("encryption is required here, but not offered".to_owned()),
            ),
            Privacy::WhenOffered | Privacy::Required | Privacy::Never => {
                let end = Opened::Ready {
                    offer: Offer {
                        software: self.software,
                        ..self.offer.clone()
                    },
                    encrypted: self.encrypted,
                };
                self.finish(end);
            }
        }
    }
}

impl Dialogue for Opening {
    fn step(&mut self) -> Step {
        let listen = |stage, wait| Step::Listen { stage, wait };
        match self.at {
            At::Greeting => listen(Stage::Greeting, self.patience.to_be_greeted()),
            At::SayEhlo => {
                self.at = At::HearEhlo;
                Step::Say(Command::Ehlo(self.name.clone()).to_string())
            }
            At::SayHelo => {
                self.at = At::HearHelo;
                Step::Say(Command::Helo(self.name.clone()).to_string())
            }
            At::SayStartTls => {
                self.at = At::HearStartTls;
                Step::Say(Command::StartTls.to_string())
            }
            At::HearEhlo | At::HearHelo => listen(Stage::Hello, limits::HELLO_WAIT),
            At::HearStartTls => listen(Stage::Tls, limits::TLS_WAIT),
            At::Encrypting => Step::Encrypt,
            At::End => Step::Done,
        }
    }

    fn hear(&mut self, answer: Option<Answer>) {
        let asked = match self.at {
            At::HearEhlo => Some(Command::Ehlo(self.name.clone())),
            At::HearHelo => Some(Command::Helo(self.name.clone())),
            At::HearStartTls => Some(Command::StartTls),
            At::Greeting
            | At::SayEhlo
            | At::SayHelo
            | At::SayStartTls
            | At::Encrypting
            | At::End => None,
        };
        let answer = answer.map(|answer| in_turn(asked.as_ref(), answer));
        match (self.at, answer) {
            (At::Greeting, Some(Answer::Reply(reply)))
                if reply.severity() == Severity::Positive =>
            {
                self.software = Software::read(&reply);
                self.at = match self.hello {
                    Hello::Extended => At::SayEhlo,
                    Hello::Plain => At::SayHelo,
                };
            }
            (At::HearEhlo, Some(Answer::Reply(reply)))
                if reply.severity() == Severity::Positive =>
            {
                self.offer = Offer::read(&reply);
                self.greeted();
            }
            // RFC 5321 §3.2: a host that does not know EHLO answers 500, 502 or the like.
            (At::HearEhlo, Some(Answer::Reply(reply)))
                if matches!(reply.code, 500..=504) && !self.encrypted =>
            {
                self.at = At::SayHelo;
            }
            (At::HearHelo, answer) if is_positive(answer.as_ref()) => {
                self.offer = Offer::default();
                self.greeted();
            }
            (At::HearStartTls, answer) if is_positive(answer.as_ref()) => self.at = At::Encrypting,
            (At::HearStartTls, Some(Answer::Reply(_))) if self.privacy == Privacy::WhenOffered => {
                // Offered, then refused: go on in clear.
                self.offer.starttls = false;
                self.greeted();
            }
            (At::Encrypting, None) => {
                // RFC 3207 §4.2: what was offered in clear is forgotten.
                self.encrypted = true;
                self.offer = Offer::default();
                self.at = At::SayEhlo;
            }
            (At::Greeting, Some(answer)) => self.fail(Stage::Greeting, answer),
            // Something came behind the handshake: without one it may be in step.
            (At::HearEhlo, Some(answer @ Answer::Garbled(Garble::OutOfTurn))) if self.encrypted => {
                self.fail(Stage::Tls, answer);
            }
            (At::HearEhlo | At::HearHelo, Some(answer)) => self.fail(Stage::Hello, answer),
            (At::HearStartTls | At::Encrypting, Some(answer)) => self.fail(Stage::Tls, answer),
            (at, answer) => unreachable!("an answer ({answer:?}) to no question ({at:?})"),
        }
    }
}

/// An answer, unless it is a reply that cannot belong to the command before it.
fn in_turn(asked: Option<&Command>, answer: Answer) -> Answer {
    match (asked, &answer) {
        (Some(command), Answer::Reply(reply)) if !command.may_be_answered_by(reply.code) => {
            Answer::Garbled(Garble::OutOfTurn)
        }
        (_, _) => answer,
    }
}

/// Whether what is left of a batch is still to be said: one that is put command by command may be cut short meanwhile,
/// since its host has said elsewhere that it is asked too much.
#[derive(Clone, Debug, Default)]
pub struct Halt(Arc<AtomicBool>);

impl Halt {
    /// Has nothing more of the batch said.
    pub fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Has the next batch said to its end.
    pub fn clear(&self) {
        self.0.store(false, Ordering::Relaxed);
    }

    fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Commands that belong together, with the answers to them in order.
///
/// In one batch where the host allows it, else one by one; then nothing more is asked once the rest has lost its
/// sense: after a refused MAIL its RCPTs, after 421 or a broken connection anything.
#[derive(Debug)]
pub struct Batch {
    commands: Vec<Command>,
    said: usize,
    answers: Vec<Option<Answer>>,
    pace: BatchPace,
    over: bool,
    halt: Halt,
}

/// Whether commands travel together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BatchPace {
    /// In one write (RFC 2920).
    Together,
    /// Each after the answer to the one before.
    OneByOne,
    /// The same, with a while at the end in which nothing further may come: where a reply too many came before.
    Fenced,
}

impl BatchPace {
    /// How long nothing further may come after the last answer.
    #[must_use]
    pub fn quiet(self) -> Duration {
        match self {
            BatchPace::Together | BatchPace::OneByOne => Duration::ZERO,
            BatchPace::Fenced => limits::QUIET_WAIT,
        }
    }
}

impl Batch {
    /// A batch of `commands`.
    #[must_use]
    pub fn new(commands: Vec<Command>, pace: BatchPace) -> Self {
        Batch {
            answers: Vec::with_capacity(commands.len()),
            commands,
            said: 0,
            pace,
            over: false,
            halt: Halt::default(),
        }
    }

    /// The same, which ends before its next command once `halt` is set.
    #[must_use]
    pub fn heeding(mut self, halt: Halt) -> Self {
        self.halt = halt;
        self
    }

    /// Whether a reply came that belongs to none of the commands: then it is not known which reply belongs to which.
    #[must_use]
    pub fn is_out_of_step(&self) -> bool {
        let last = self.answers.last().and_then(Option::as_ref);
        last == Some(&Answer::Garbled(Garble::OutOfTurn))
    }

    /// Whether all was answered that was said, and the session may go on.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        !self.over
    }

    /// The answers, one for each command in order; `None` for what was not said or not answered any more.
    #[must_use]
    pub fn into_answers(mut self) -> Vec<Option<Answer>> {
        self.answers.resize(self.commands.len(), None);
        self.answers
    }

    /// Skips what makes no sense to say after the answers so far.
    fn skip_pointless(&mut self) {
        let mail_refused = self
            .commands
            .iter()
            .zip(&self.answers)
            .rev()
            .find_map(|(command, answer)| match command {
                Command::Mail { .. } => Some(!is_positive(answer.as_ref())),
                Command::Rset => Some(false),
                Command::Ehlo(_)
                | Command::Helo(_)
                | Command::StartTls
                | Command::Rcpt(_)
                | Command::Quit => None,
            })
            .unwrap_or(false);
        while mail_refused && matches!(self.commands.get(self.said), Some(Command::Rcpt(_))) {
            self.answers.push(None);
            self.said += 1;
        }
    }
}

/// Whether an answer is a yes.
fn is_positive(answer: Option<&Answer>) -> bool {
    matches!(answer, Some(Answer::Reply(reply)) if reply.severity() == Severity::Positive)
}

/// The stage at which a command is answered, with the time for that.
fn stage_of(command: &Command) -> (Stage, Duration) {
    match command {
        Command::Ehlo(_) | Command::Helo(_) => (Stage::Hello, limits::HELLO_WAIT),
        Command::StartTls => (Stage::Tls, limits::TLS_WAIT),
        Command::Mail { .. } | Command::Rset => (Stage::Mail, limits::MAIL_WAIT),
        Command::Rcpt(_) => (Stage::Rcpt, limits::RCPT_WAIT),
        Command::Quit => (Stage::Unknown, limits::GOODBYE_WAIT),
    }
}

impl Dialogue for Batch {
    fn step(&mut self) -> Step {
        if self.over {
            return Step::Done;
        }
        if self.answers.len() < self.said {
            let (stage, wait) = stage_of(&self.commands[self.answers.len()]);
            return Step::Listen { stage, wait };
        }
        // In one batch everything is said before anything is heard.
        let until = match self.pace {
            BatchPace::Together => self.commands.len(),
            BatchPace::OneByOne | BatchPace::Fenced => {
                self.skip_pointless();
                if self.halt.is_set() {
                    self.said
                } else {
                    (self.said + 1).min(self.commands.len())
                }
            }
        };
        if self.said == until {
            return Step::Done;
        }
        let bytes = self.commands[self.said..until]
            .iter()
            .map(Command::to_string)
            .collect();
        self.said = until;
        Step::Say(bytes)
    }

    fn hear(&mut self, answer: Option<Answer>) {
        let answer = answer.expect("a batch never encrypts");
        let answer = in_turn(self.commands.get(self.answers.len()), answer);
        // RFC 5321 §3.8: 421 announces that the host closes; after anything but a reply the connection is of no use.
        self.over = !matches!(&answer, Answer::Reply(reply) if reply.code != 421);
        self.answers.push(Some(answer));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::unnecessary_wraps, reason = "what `hear` takes")]
    fn reply(text: &str) -> Option<Answer> {
        Some(Answer::Reply(Reply::from_text(text).unwrap()))
    }

    /// Plays a script of (expected bytes, answers) and returns what was said.
    fn play(dialogue: &mut impl Dialogue, answers: &[Option<Answer>]) -> Vec<String> {
        let mut answers = answers.iter().cloned();
        let mut said = Vec::new();
        loop {
            match dialogue.step() {
                Step::Say(bytes) => said.push(bytes),
                Step::Listen { .. } => dialogue.hear(answers.next().expect("an answer is left")),
                Step::Encrypt => {
                    said.push("<encrypt>".to_owned());
                    dialogue.hear(answers.next().expect("an answer is left"));
                }
                Step::Done => return said,
            }
        }
    }

    fn opening(privacy: Privacy) -> Opening {
        Opening::new("me.example".parse().unwrap(), privacy)
    }

    #[test]
    fn a_batch_that_is_cut_short_says_nothing_more() {
        let commands = || {
            let recipients = ["a@d.test", "b@d.test"].map(|to| Command::Rcpt(to.parse().unwrap()));
            recipients.into_iter().collect::<Vec<_>>()
        };
        for (pace, said_to_the_end) in [
            (BatchPace::OneByOne, false),
            (BatchPace::Fenced, false),
            // It is on its way.
            (BatchPace::Together, true),
        ] {
            let halt = Halt::default();
            let mut batch = Batch::new(commands(), pace).heeding(halt.clone());
            assert!(matches!(batch.step(), Step::Say(_)));
            halt.set();
            batch.hear(reply("250 ok"));
            let further = play(&mut batch, &[reply("250 ok")]);
            assert_eq!(further, [""; 0], "{pace:?}");
            assert!(batch.is_whole(), "the session goes on");
            let answers = batch.into_answers();
            assert_eq!(answers[1].is_some(), said_to_the_end, "{pace:?}");
        }
        let halt = Halt::default();
        halt.set();
        halt.clear();
        let mut batch = Batch::new(commands(), BatchPace::OneByOne).heeding(halt);
        let answers = [reply("250 ok"), reply("250 ok")];
        assert_eq!(play(&mut batch, &answers).len(), 2);
    }

    #[test]
    fn the_greeting_is_awaited_before_a_word_is_said() {
        assert!(matches!(
            opening(Privacy::WhenOffered).step(),
            Step::Listen {
                stage: Stage::Greeting,
                ..
            }
        ));
    }

    #[test]
    fn a_host_that_hangs_up_on_ehlo_can_be_met_with_helo_alone() {
        let mut open = opening(Privacy::WhenOffered).saying(Hello::Plain);
        let said = play(&mut open, &[reply("220 hi"), reply("250 ok")]);
        assert_eq!(said, ["HELO me.example\r\n"]);
        assert!(matches!(open.into_end(), Opened::Ready { .. }));
    }

    #[test]
    fn ehlo_is_followed_by_helo_only_where_it_is_unknown() {
        let mut open = opening(Privacy::WhenOffered);
        let said = play(
            &mut open,
            &[reply("220 hi"), reply("502 what"), reply("250 ok")],
        );
        assert_eq!(said, ["EHLO me.example\r\n", "HELO me.example\r\n"]);
        assert!(matches!(
            open.into_end(),
            Opened::Ready {
                encrypted: false,
                ..
            }
        ));

        let mut open = opening(Privacy::WhenOffered);
        play(&mut open, &[reply("220 hi"), reply("550 go away")]);
        assert!(matches!(
            open.into_end(),
            Opened::Failed {
                stage: Stage::Hello,
                ..
            }
        ));
    }

    #[test]
    fn what_was_offered_in_clear_is_forgotten_after_encryption() {
        let mut open = opening(Privacy::WhenOffered);
        let said = play(
            &mut open,
            &[
                reply("220 hi"),
                reply("250-me\n250-PIPELINING\n250 STARTTLS"),
                reply("220 go"),
                None,
                reply("250-me\n250 SMTPUTF8"),
            ],
        );
        assert_eq!(
            said,
            [
                "EHLO me.example\r\n",
                "STARTTLS\r\n",
                "<encrypt>",
                "EHLO me.example\r\n"
            ]
        );
        let Opened::Ready { offer, encrypted } = open.into_end() else {
            panic!("not ready")
        };
        assert!(encrypted && offer.smtputf8 && !offer.pipelining);
    }

    #[test]
    fn required_encryption_that_is_not_offered_ends_the_opening() {
        let mut open = opening(Privacy::Required);
        play(&mut open, &[reply("220 hi"), reply("250 plain")]);
        assert!(matches!(
            open.into_end(),
            Opened::Failed {
                stage: Stage::Tls,
                ..
            }
        ));
    }

    #[test]
    fn a_refused_starttls_goes_on_in_clear_unless_required() {
        let mut open = opening(Privacy::WhenOffered);
        let script = [
            reply("220 hi"),
            reply("250-me\n250 STARTTLS"),
            reply("454 not now"),
        ];
        play(&mut open, &script);
        assert!(matches!(
            open.into_end(),
            Opened::Ready {
                encrypted: false,
                ..
            }
        ));
        let mut open = opening(Privacy::Required);
        play(&mut open, &script);
        assert!(matches!(
            open.into_end(),
            Opened::Failed {
                stage: Stage::Tls,
                ..
            }
        ));
    }

    #[test]
    fn an_answer_to_something_else_ends_the_opening() {
        for (script, stage) in [
            (vec![reply("220 hi"), reply("220 hi again")], Stage::Hello),
            (
                vec![
                    reply("220 hi"),
                    reply("250-me\n250 STARTTLS"),
                    reply("250 ok"),
                ],
                Stage::Tls,
            ),
            (
                vec![
                    reply("220 hi"),
                    reply("250-me\n250 STARTTLS"),
                    reply("220 go"),
                    None,
                    reply("220 hi again"),
                ],
                Stage::Tls,
            ),
        ] {
            let mut open = opening(Privacy::WhenOffered);
            play(&mut open, &script);
            let end = open.into_end();
            let Opened::Failed { stage: at, answer } = end else {
                panic!("{end:?}")
            };
            assert_eq!(
                (at, answer),
                (stage, Answer::Garbled(Garble::OutOfTurn)),
                "{script:?}"
            );
        }
    }

    #[test]
    fn a_reset_refused_for_a_recipient_shows_that_a_flight_is_out_of_step() {
        let mut batch = Batch::new(questions(), BatchPace::Together);
        play(
            &mut batch,
            &[
                reply("250 ok"),
                reply("550 no"),
                reply("550 and so on"),
                reply("550 b is unknown"),
            ],
        );
        assert!(batch.is_out_of_step());
        let mut batch = Batch::new(questions(), BatchPace::Together);
        play(
            &mut batch,
            &[reply("250"), reply("550"), reply("250"), reply("250")],
        );
        assert!(!batch.is_out_of_step() && batch.is_whole());
    }

    #[test]
    fn limits_are_read_as_rfc_9422_has_them() {
        let reply = Reply::from_text(
            "250-me\n250-limits RCPTMAX=20 MAILMAX=5 X=1 RCPTDOMAINMAX=1\n250 LIMITS RCPTMAX=zero",
        )
        .unwrap();
        let offer = Offer::read(&reply);
        assert_eq!(
            (
                offer.recipients_per_transaction,
                offer.transactions_per_connection
            ),
            (Some(20), Some(5))
        );
    }

    fn questions() -> Vec<Command> {
        vec![
            Command::Mail {
                sender: None,
                charset: super::super::command::Charset::Ascii,
            },
            Command::Rcpt("a@example.com".parse().unwrap()),
            Command::Rcpt("b@example.com".parse().unwrap()),
            Command::Rset,
        ]
    }

    #[test]
    fn a_pipelined_flight_is_one_write_with_every_answer_read() {
        let mut batch = Batch::new(questions(), BatchPace::Together);
        let said = play(
            &mut batch,
            &[
                reply("550 no"),
                reply("503 x"),
                reply("503 y"),
                reply("250 ok"),
            ],
        );
        assert_eq!(said.len(), 1);
        assert!(batch.into_answers().iter().all(Option::is_some));
    }

    #[test]
    fn one_by_one_nobody_is_asked_about_after_a_refused_mail() {
        let mut batch = Batch::new(questions(), BatchPace::OneByOne);
        let said = play(&mut batch, &[reply("550 no"), reply("250 ok")]);
        assert_eq!(said, ["MAIL FROM:<>\r\n", "RSET\r\n"]);
        let answers = batch.into_answers();
        assert_eq!(
            answers.iter().map(Option::is_some).collect::<Vec<_>>(),
            [true, false, false, true]
        );
    }

    #[test]
    fn a_hang_up_leaves_the_rest_unanswered() {
        let mut batch = Batch::new(questions(), BatchPace::Together);
        play(&mut batch, &[reply("250 ok"), Some(Answer::HungUp)]);
        let answers = batch.into_answers();
        assert_eq!(answers[1], Some(Answer::HungUp));
        assert_eq!(answers[2..], [None, None]);

        let mut batch = Batch::new(questions(), BatchPace::Together);
        play(&mut batch, &[reply("421 bye")]);
        assert_eq!(batch.into_answers()[1..], [None, None, None]);
    }
}
