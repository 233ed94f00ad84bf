//! A look at a mail host from outside: its greeting, what it offers, how it sees us. It is asked nothing else.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::time::timeout;

use crate::model::limits;
use crate::model::stage::Stage;
use crate::net::Connector;
use crate::smtp::connection::Connection;
use crate::smtp::farewell::Farewell;
use crate::smtp::session::{Dialogue, Offer, Opened, Opening, Privacy, Step};
use crate::smtp::{Answer, HelloName, Reply, Severity};

/// How long to wait for a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// Until the connection stands.
    pub connection: Duration,
    /// For the greeting, and again for the answer to EHLO.
    pub greeting: Duration,
}

impl Patience {
    /// To find out about a host: longer than the pause before the greeting that some make to catch clients that speak
    /// first.
    pub const WHOLE: Patience = Patience {
        connection: limits::PORT_25_WAIT,
        greeting: limits::PORT_25_GREETING_WAIT,
    };
    /// To find out whether hosts can be reached at all.
    pub const BRIEF: Patience = Patience {
        connection: limits::PORT_25_WAIT,
        greeting: limits::START_GREETING_WAIT,
    };
}

/// What came of connecting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Contact {
    /// The host greeted us.
    Greeted(Greeting),
    /// It connected, then said nothing that is SMTP.
    Mute,
    /// No connection came about in time.
    NoAnswer,
    /// The connection was refused, in the system's words.
    Refused(String),
}

impl Contact {
    /// Whether a connection stood, whatever was said.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        match self {
            Contact::Greeted(_) | Contact::Mute => true,
            Contact::NoAnswer | Contact::Refused(_) => false,
        }
    }

    /// The greeting, where there was one.
    #[must_use]
    pub fn greeting(&self) -> Option<&Greeting> {
        match self {
            Contact::Greeted(greeting) => Some(greeting),
            Contact::Mute | Contact::NoAnswer | Contact::Refused(_) => None,
        }
    }
}

/// What a host said of its own accord.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Greeting {
    /// Its first words.
    pub banner: String,
    /// Whether they were a welcome (2yz).
    pub welcome: bool,
    /// What it answered to EHLO, a line each; empty when it did not.
    pub offers: Vec<String>,
}

impl Greeting {
    /// Our address as the host sees it, which most hosts mention in the first line of the answer to EHLO.
    #[must_use]
    pub fn seen_address(&self) -> Option<IpAddr> {
        self.offers
            .first()?
            .split(|c: char| !(c.is_ascii_hexdigit() || c == '.' || c == ':'))
            .map(|word| word.trim_matches('.'))
            .filter(|word| word.contains('.') || word.matches(':').count() > 1)
            .find_map(|word| word.parse::<IpAddr>().ok())
    }
}

/// What came of trying to encrypt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Encryption {
    /// The host does not offer it.
    NotOffered,
    /// The handshake succeeded.
    Works,
    /// It is offered, but did not come about; the error of the side that failed.
    Fails(String),
}

/// Connects, reads the greeting, says EHLO as `hello`, takes leave.
pub async fn look(
    dial: &dyn Connector,
    to: SocketAddr,
    from: Option<IpAddr>,
    hello: &HelloName,
    patience: Patience,
) -> Contact {
    let line = match connect(dial, to, from, patience).await {
        Ok(line) => line,
        Err(contact) => return contact,
    };
    let (greeting, _) = visit(line, hello, Privacy::Never, patience).await;
    greeting.map_or(Contact::Mute, Contact::Greeted)
}

/// As [`look`], and tries to encrypt where that is offered (RFC 3207). Certificates are not judged, as mail hosts do
/// not judge them either (RFC 7435 §3).
///
/// # Errors
/// What came of connecting, where no host greeted us.
pub async fn try_encryption(
    dial: &dyn Connector,
    to: SocketAddr,
    hello: &HelloName,
    patience: Patience,
) -> Result<(Greeting, Encryption), Contact> {
    let line = connect(dial, to, None, patience).await?;
    match visit(line, hello, Privacy::WhenOffered, patience).await {
        (Some(greeting), encryption) => Ok((greeting, encryption)),
        (None, _) => Err(Contact::Mute),
    }
}

async fn connect(
    dial: &dyn Connector,
    to: SocketAddr,
    from: Option<IpAddr>,
    patience: Patience,
) -> Result<Connection, Contact> {
    match timeout(patience.connection, dial.connect(to, from)).await {
        Err(_) => Err(Contact::NoAnswer),
        Ok(Err(error)) if error.kind() == io::ErrorKind::TimedOut => Err(Contact::NoAnswer),
        Ok(Err(error)) => Err(Contact::Refused(error.to_string())),
        Ok(Ok(stream)) => Ok(Connection::new(stream)),
    }
}

/// Opens a session and ends it with QUIT. Returns what the host said, where it greeted us.
async fn visit(
    line: Connection,
    hello: &HelloName,
    privacy: Privacy,
    patience: Patience,
) -> (Option<Greeting>, Encryption) {
    let mut look = Look::new(hello.clone(), privacy, patience.greeting);
    let line = line.carry_out(&mut look).await;
    let silent = look.is_unanswered();
    let told = look.into_end();
    match line {
        Some(line) if silent => leave_when_greeted(line),
        Some(line) => leave(line).await,
        // A handshake failed: there is nothing left to take leave on.
        None => {}
    }
    told
}

/// Leaves a slow host once it has greeted us, while we go on: some hosts note clients that close the connection before.
fn leave_when_greeted(line: Connection) {
    tokio::spawn(async move {
        let mut greeting = LateGreeting::default();
        if let Some(line) = line.carry_out(&mut greeting).await
            && greeting.has_come
        {
            leave(line).await;
        }
    });
}

async fn leave(line: Connection) {
    // What the end shows of its replies is of no use here, nor is whether it takes note of our leave.
    line.carry_out(&mut Farewell::default()).await;
}

/// The opening of a session, with the host's words kept as they were said.
struct Look {
    opening: Opening,
    /// For each reply.
    wait: Duration,
    /// What is being answered.
    stage: Stage,
    banner: Option<Reply>,
    /// The first answer to EHLO: the second one is heard behind a handshake.
    hello: Option<Reply>,
    /// Whether the handshake succeeded.
    encrypted: bool,
    silent: bool,
}

impl Look {
    fn new(name: HelloName, privacy: Privacy, wait: Duration) -> Self {
        Look {
            opening: Opening::new(name, privacy),
            wait,
            stage: Stage::Connect,
            banner: None,
            hello: None,
            encrypted: false,
            silent: false,
        }
    }

    /// Whether the host let our time for its greeting pass.
    fn is_unanswered(&self) -> bool {
        self.silent && self.banner.is_none()
    }

    fn offers_encryption(&self) -> bool {
        let hello = self.hello.as_ref();
        hello.is_some_and(|reply| Offer::read(reply).starttls)
    }

    /// What the host said, where it greeted us, and what came of encryption. Call at the end of the dialogue.
    fn into_end(self) -> (Option<Greeting>, Encryption) {
        let offers_encryption = self.offers_encryption();
        let encryption = match (self.opening.into_end(), self.encrypted) {
            (_, true) => Encryption::Works,
            (
                Opened::Failed {
                    stage: Stage::Tls,
                    answer,
                },
                _,
            ) => Encryption::Fails(match answer {
                Answer::Unreachable(words) => words,
                Answer::Silent => "the handshake did not end in time".to_owned(),
                Answer::HungUp => "the host hung up instead".to_owned(),
                Answer::Garbled(_) => "the host spoke on before the handshake".to_owned(),
                Answer::Reply(reply) => format!("the host says {reply}"),
            }),
            (_, false) if offers_encryption => {
                Encryption::Fails("the host refuses STARTTLS then".to_owned())
            }
            (_, false) => Encryption::NotOffered,
        };
        let greeting = self.banner.map(|banner| Greeting {
            banner: banner.to_string(),
            welcome: banner.severity() == Severity::Positive,
            offers: self.hello.map_or_else(Vec::new, |reply| reply.lines),
        });
        (greeting, encryption)
    }
}

impl Dialogue for Look {
    fn step(&mut self) -> Step {
        match self.opening.step() {
            Step::Listen { stage, .. } => {
                self.stage = stage;
                let wait = self.wait;
                Step::Listen { stage, wait }
            }
            Step::Encrypt => {
                self.stage = Stage::Tls;
                Step::Encrypt
            }
            step @ (Step::Say(_) | Step::Done) => step,
        }
    }

    fn hear(&mut self, answer: Option<Answer>) {
        match (&answer, self.stage) {
            (Some(Answer::Reply(reply)), Stage::Greeting) => self.banner = Some(reply.clone()),
            (Some(Answer::Reply(reply)), Stage::Hello)
                if reply.severity() == Severity::Positive && self.hello.is_none() =>
            {
                self.hello = Some(reply.clone());
            }
            (Some(Answer::Silent), _) => self.silent = true,
            (None, _) => self.encrypted = true,
            (Some(_), _) => {}
        }
        self.opening.hear(answer);
    }
}

/// Waits for a greeting that is late.
#[derive(Default)]
struct LateGreeting {
    has_ended: bool,
    has_come: bool,
}

impl Dialogue for LateGreeting {
    fn step(&mut self) -> Step {
        if self.has_ended {
            Step::Done
        } else {
            Step::Listen {
                stage: Stage::Greeting,
                wait: limits::PORT_25_GREETING_WAIT,
            }
        }
    }

    fn hear(&mut self, answer: Option<Answer>) {
        self.has_ended = true;
        self.has_come = matches!(answer, Some(Answer::Reply(_)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, DuplexStream, duplex};

    /// A host that greets with `words`, then answers each line with the next of `replies`. Returns what it was told.
    async fn play(theirs: DuplexStream, words: &str, replies: &[&str]) -> Vec<String> {
        let mut stream = BufReader::new(theirs);
        let mut heard = Vec::new();
        for reply in std::iter::once(&words).chain(replies) {
            stream.write_all(reply.as_bytes()).await.unwrap();
            let mut line = String::new();
            if stream.read_line(&mut line).await.unwrap() == 0 {
                break;
            }
            heard.push(line);
        }
        heard
    }

    async fn visited(
        privacy: Privacy,
        words: &str,
        replies: &[&str],
    ) -> (Option<Greeting>, Encryption, Vec<String>) {
        let (ours, theirs) = duplex(1 << 12);
        let hello: HelloName = "mail.example.com".parse().unwrap();
        let line = Connection::new(Box::new(ours));
        let ((greeting, encryption), heard) = tokio::join!(
            visit(line, &hello, privacy, Patience::WHOLE),
            play(theirs, words, replies)
        );
        (greeting, encryption, heard)
    }

    #[tokio::test(start_paused = true)]
    async fn a_look_says_who_we_are_and_goodbye() {
        let offers = "250-mx.example.net sees [192.0.2.7]\r\n250 STARTTLS\r\n";
        let (greeting, encryption, heard) = visited(
            Privacy::Never,
            "220 mx.example.net ready\r\n",
            &[offers, "221 bye\r\n"],
        )
        .await;
        let greeting = greeting.unwrap();
        assert!(greeting.welcome);
        assert!(
            greeting.banner.contains("mx.example.net ready"),
            "{}",
            greeting.banner
        );
        assert_eq!(greeting.seen_address(), Some("192.0.2.7".parse().unwrap()));
        assert_eq!(
            encryption,
            Encryption::Fails("the host refuses STARTTLS then".to_owned())
        );
        assert_eq!(heard, ["EHLO mail.example.com\r\n", "QUIT\r\n"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_host_that_turns_us_away_is_left_with_its_words() {
        let (greeting, encryption, heard) =
            visited(Privacy::WhenOffered, "554 not you\r\n", &["221 bye\r\n"]).await;
        let greeting = greeting.unwrap();
        assert!(!greeting.welcome);
        assert!(greeting.offers.is_empty());
        assert_eq!(encryption, Encryption::NotOffered);
        assert_eq!(heard, ["QUIT\r\n"]);
    }

    #[tokio::test(start_paused = true)]
    async fn encryption_that_is_offered_and_refused_is_told_of() {
        let (_, encryption, heard) = visited(
            Privacy::WhenOffered,
            "220 mx\r\n",
            &[
                "250-mx\r\n250 STARTTLS\r\n",
                "454 not now\r\n",
                "221 bye\r\n",
            ],
        )
        .await;
        assert!(matches!(encryption, Encryption::Fails(_)), "{encryption:?}");
        assert_eq!(
            heard,
            ["EHLO mail.example.com\r\n", "STARTTLS\r\n", "QUIT\r\n"]
        );
    }

    #[test]
    fn our_address_is_found_in_the_words_of_hosts_in_use() {
        for (line, seen) in [
            (
                "mx.google.com at your service, [192.0.2.7]",
                Some("192.0.2.7"),
            ),
            (
                "DB5.mail.protection.outlook.com Hello [2001:db8::7]",
                Some("2001:db8::7"),
            ),
            (
                "mx.example.net Hello client.example [192.0.2.7], pleased to meet you",
                Some("192.0.2.7"),
            ),
            ("mx.example.net", None),
            ("1.mx.example.net at 12:30:01", None),
        ] {
            let greeting = Greeting {
                banner: String::new(),
                welcome: true,
                offers: vec![line.to_owned()],
            };
            assert_eq!(
                greeting.seen_address(),
                seen.map(|ip| ip.parse().unwrap()),
                "{line}"
            );
        }
    }
}
