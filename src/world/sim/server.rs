//! A simulated mail host at work: one task for each connection.

use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{sleep, timeout};

use super::chance::Chance;
use super::dialect::{Line, Topic};
use super::habits::{EarlyTalkers, Greeting, Pipelining, Speech, Tls};
use super::host::{Host, Memory, Mood};
use super::session::{Desk, Session, Then, Turn, phrase};
use super::tls;
use super::witness::{Breach, Witness, locked};
use crate::world::{Clock, Wire};

/// How long a host waits for the next command before it leaves (RFC 5321 §4.5.3.2.7).
const IDLE: Duration = Duration::from_secs(300);

/// What a lost flight costs: TCP's first retransmission (RFC 6298 §2.4 has at least a second).
const RETRANSMISSION: Duration = Duration::from_secs(1);

/// Most bytes of an endless reply; then the host tires of it.
const ENDLESS: usize = 1 << 20;

/// One connection.
pub(super) struct Visit {
    pub(super) host: Arc<Host>,
    /// The host's number with the witness.
    pub(super) number: usize,
    pub(super) memory: Arc<Mutex<Memory>>,
    pub(super) witness: Arc<Witness>,
    pub(super) clock: Clock,
    pub(super) chance: Chance,
    pub(super) client: IpAddr,
    /// Which connection of this host, counted from 1.
    pub(super) connection: u32,
    /// How many connections the visitor has open, this one included.
    pub(super) open: u32,
}

/// Why a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The visitor said QUIT.
    Quit,
    /// The visitor left without a word.
    Left,
    /// The host ended it.
    SentAway,
}

impl Visit {
    /// Serves the visitor until one of the two leaves.
    pub(super) async fn serve(mut self, wire: Box<dyn Wire>) {
        let end = self.converse(wire).await;
        let mut seen = self.witness.at(self.number);
        seen.open -= 1;
        match end {
            End::Quit => {}
            End::Left => seen.hang_ups += 1,
            End::SentAway => seen.sent_away += 1,
        }
    }

    async fn converse(&mut self, mut wire: Box<dyn Wire>) -> End {
        let mut heard = Vec::new();
        if let Some(end) = self.greet(&mut wire, &mut heard).await {
            return end;
        }
        let mut session = Session::new(self.client, self.connection);
        loop {
            let Some(at) = heard.iter().position(|byte| *byte == b'\n') else {
                match self.listen(&mut wire, &mut heard).await {
                    Some(end) => return end,
                    None => continue,
                }
            };
            let mut line: Vec<u8> = heard.drain(..=at).collect();
            line.pop();
            if line.last() == Some(&b'\r') {
                line.pop();
            } else {
                self.witness.at(self.number).breach(Breach::BadLine);
            }
            let is_flight = !heard.is_empty();
            if is_flight && let Some(end) = self.mind_the_flight(&session, &mut heard) {
                return end;
            }
            let turn = {
                let mut memory = locked(&self.memory);
                let mut seen = self.witness.at(self.number);
                session.hear(
                    &line,
                    &mut Desk {
                        host: &self.host,
                        memory: &mut memory,
                        seen: &mut seen,
                        now: self.clock.now(),
                    },
                )
            };
            if let Some(end) = self.answer(&mut wire, &turn).await {
                return end;
            }
            match turn.then {
                Then::Listen => {}
                Then::HangUp if line.eq_ignore_ascii_case(b"quit") => return End::Quit,
                Then::HangUp => return End::SentAway,
                Then::Handshake if self.host.habits.tls == Tls::Broken => return End::SentAway,
                Then::Handshake => match tls::accept(wire).await {
                    Some(encrypted) => {
                        wire = encrypted;
                        heard.clear();
                        session.encrypted();
                        self.witness.at(self.number).handshakes += 1;
                    }
                    None => return End::Left,
                },
            }
        }
    }

    /// What the host makes of commands that came together.
    fn mind_the_flight(&self, session: &Session, heard: &mut Vec<u8>) -> Option<End> {
        if !session.pipelines(&self.host) {
            self.witness.at(self.number).breach(Breach::UninvitedFlight);
        }
        match self.host.habits.pipelining {
            Pipelining::Offered | Pipelining::NotOffered => None,
            Pipelining::Punished => Some(End::SentAway),
            Pipelining::Chokes => {
                heard.clear();
                None
            }
        }
    }

    /// The first words. Returns how the connection ended, if it did.
    async fn greet(&mut self, wire: &mut Box<dyn Wire>, heard: &mut Vec<u8>) -> Option<End> {
        let habits = &self.host.habits;
        let early = timeout(
            habits.greeting_wait + self.host.line.round_trip,
            wire.read_buf(heard),
        );
        match early.await {
            Ok(Ok(0) | Err(_)) => return Some(End::Left),
            Ok(Ok(_)) => {
                self.witness.at(self.number).breach(Breach::EarlyTalk);
                if habits.early_talkers == EarlyTalkers::Punishes {
                    self.say_line(wire, Line::TalksEarly).await;
                    return Some(End::SentAway);
                }
            }
            Err(_) => {}
        }
        let too_many = habits.connections.is_some_and(|most| self.open > most);
        let blocks = locked(&self.memory).mood(habits, self.clock.now()) == Mood::Blocks;
        let (line, end) = match habits.greeting {
            Greeting::Never => {
                sleep(IDLE).await;
                return Some(End::SentAway);
            }
            Greeting::HangsUp => return Some(End::SentAway),
            Greeting::Garbage => {
                self.speak(wire, b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
                return Some(End::SentAway);
            }
            Greeting::NotNow => (Line::NotNow, Some(End::SentAway)),
            Greeting::Blocks => (Line::BlockedAtDoor, Some(End::SentAway)),
            Greeting::Welcomes if blocks => (Line::BlockedAtDoor, Some(End::SentAway)),
            Greeting::Welcomes if too_many => (Line::TooManyConnections, Some(End::SentAway)),
            Greeting::Welcomes => (Line::Banner, None),
        };
        self.witness.at(self.number).greetings += 1;
        self.say_line(wire, line).await;
        end
    }

    async fn say_line(&mut self, wire: &mut Box<dyn Wire>, line: Line) {
        let words = phrase(&self.host, self.client, line, &Topic::default());
        self.speak(wire, &framed(&words)).await;
    }

    /// Waits for the visitor's next words; a round trip passes meanwhile.
    async fn listen(&mut self, wire: &mut Box<dyn Wire>, heard: &mut Vec<u8>) -> Option<End> {
        match timeout(IDLE, wire.read_buf(heard)).await {
            Ok(Ok(0) | Err(_)) => return Some(End::Left),
            Err(_) => return Some(End::SentAway),
            Ok(Ok(_)) => {}
        }
        let lines = heard.split(|byte| *byte == b'\n').skip(1).count();
        if lines > 1 {
            self.witness.at(self.number).flights += 1;
        }
        let line = self.host.line;
        let mut wait = self.chance.around(line.round_trip, line.jitter);
        if self.chance.happens(line.loss) {
            wait += RETRANSMISSION;
        }
        sleep(wait).await;
        self.chance.happens(line.reset).then_some(End::SentAway)
    }

    /// Says what the turn says, in its manner. Returns how the connection ended, if it did.
    async fn answer(&mut self, wire: &mut Box<dyn Wire>, turn: &Turn) -> Option<End> {
        sleep(turn.wait).await;
        for reply in &turn.replies {
            let bytes = framed(reply);
            match turn.speech {
                Speech::Plain => self.speak(wire, &bytes).await,
                Speech::ByteByByte => {
                    for byte in bytes {
                        self.speak(wire, &[byte]).await;
                        sleep(Duration::from_millis(10)).await;
                    }
                }
                Speech::BareLineFeeds => {
                    let bare: Vec<u8> = bytes.into_iter().filter(|byte| *byte != b'\r').collect();
                    self.speak(wire, &bare).await;
                }
                Speech::BreaksOff => {
                    self.speak(wire, &bytes[..bytes.len() / 2]).await;
                    return Some(End::SentAway);
                }
                Speech::Garbage => self.speak(wire, b"\x00\xff\xfe what?\r\n").await,
                Speech::EndlessLine => {
                    self.flood(wire, b"550 5.1.1 and so on and on ").await;
                    return Some(End::SentAway);
                }
                Speech::EndlessLines => {
                    self.flood(wire, b"550-5.1.1 and another thing\r\n").await;
                    return Some(End::SentAway);
                }
                Speech::FallsSilent => {
                    sleep(IDLE).await;
                    return Some(End::SentAway);
                }
            }
        }
        None
    }

    async fn flood(&mut self, wire: &mut Box<dyn Wire>, piece: &[u8]) {
        for _ in 0..ENDLESS / piece.len() {
            if timeout(IDLE, wire.write_all(piece)).await.is_err() {
                return;
            }
        }
    }

    /// Writes; a visitor who has left shows when listening.
    async fn speak(&self, wire: &mut Box<dyn Wire>, bytes: &[u8]) {
        let _ = timeout(IDLE, wire.write_all(bytes)).await;
    }
}

/// A reply as it goes over the wire: `code text`, lines parted by LF, becomes lines that each carry the code.
fn framed(reply: &str) -> Vec<u8> {
    let code = reply.get(..3).unwrap_or(reply);
    let lines: Vec<&str> = reply.get(4..).unwrap_or("").split('\n').collect();
    let last = lines.len() - 1;
    let mut bytes = Vec::with_capacity(reply.len() + lines.len() * 6);
    for (at, line) in lines.iter().enumerate() {
        bytes.extend_from_slice(code.as_bytes());
        bytes.push(if at == last { b' ' } else { b'-' });
        bytes.extend_from_slice(line.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}
