//! A simulated mail host at work: one task for each connection.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::time::{sleep, timeout};

use super::command::{self, Command};
use super::dialect::{Line, Topic};
use super::flight::{Batch, LineEnd};
use super::habits::{EarlyTalkers, Greeting, Pipelining, Speech, Tls};
use super::host::{Host, Memory, Mood};
use super::server_log::{Breach, ServerLog, locked};
use super::session::Session;
use super::stumble::{Place, Slip, Stumble};
use super::turn::{Desk, Then, phrase};
use super::{speech, tls};
use crate::model::seeded::SeededRng;
use crate::net::{Clock, Stream};

/// How long a host waits for the next command before it leaves (RFC 5321 §4.5.3.2.7).
const IDLE: Duration = Duration::from_secs(300);

/// What a lost segment costs: TCP's first retransmission (RFC 6298 §2.4 has at least a second).
const RETRANSMISSION: Duration = Duration::from_secs(1);

/// Most bytes taken at a time.
const CHUNK: usize = 4 << 10;

/// Most bytes without a line end.
const HEARD: usize = 64 << 10;

/// How long a client has to wait for the greeting before it may leave without a word: RFC 5321 §3.1 lets it say nothing
/// before, and no client waits for ever.
const GREETING_WORTH_WAITING: Duration = Duration::from_secs(15);

/// One connection of a client to a host.
pub(super) struct Visit {
    pub(super) host: Arc<Host>,
    /// The host's number in the log.
    pub(super) number: usize,
    pub(super) memory: Arc<Mutex<Memory>>,
    pub(super) log: Arc<ServerLog>,
    pub(super) clock: Clock,
    pub(super) chance: SeededRng,
    pub(super) client: IpAddr,
    /// Which connection of this host, counted from 1.
    pub(super) connection: u32,
    /// How many connections the client has open, this one included.
    pub(super) open: u32,
    /// A reply that is to be said as one with the next.
    pub(super) held: Option<String>,
}

/// Whether a client that is gone has said goodbye in what it `said`, or in what lies unread.
async fn says_goodbye(wire: &mut Box<dyn Stream>, mut said: Vec<u8>) -> bool {
    while let Ok(Ok(1..)) = timeout(Duration::ZERO, wire.read_buf(&mut said)).await {}
    let batch = Batch::take_from(&mut said);
    let mut lines = batch.lines.iter();
    lines.any(|line| matches!(command::parse(&line.text), Command::Quit))
}

/// Why a connection ended.
enum End {
    /// The client said QUIT.
    Quit,
    /// The client left without a word.
    Left,
    /// The client left before it was greeted, having waited long enough.
    TiredOfWaiting,
    /// The host ended it.
    SentAway,
}

impl Visit {
    /// Serves the client until one of the two leaves.
    pub(super) async fn serve(mut self, mut wire: Box<dyn Stream>) {
        let entered = self.clock.now();
        let end = match self.greet(&mut wire).await {
            Err(End::Left) if self.clock.now().since(entered) >= GREETING_WORTH_WAITING => {
                End::TiredOfWaiting
            }
            Err(end) => end,
            Ok(heard) => match self.converse(wire, heard).await {
                Err(end) => end,
                Ok(never) => match never {},
            },
        };
        let now = self.clock.now();
        let mut seen = self.log.at(self.number);
        seen.open -= 1;
        seen.stays[self.connection as usize - 1].until = Some(now);
        match end {
            End::Quit => {}
            End::Left => seen.hang_ups += 1,
            End::TiredOfWaiting => seen.left_ungreeted += 1,
            End::SentAway => seen.sent_away += 1,
        }
    }

    /// First words. Returns what the client said before them.
    async fn greet(&mut self, wire: &mut Box<dyn Stream>) -> Result<Vec<u8>, End> {
        let habits = &self.host.habits;
        let wait = self
            .chance
            .around(self.host.way.round_trip, self.host.way.jitter)
            + habits.greeting_wait;
        let early = match timeout(wait, self.read(wire)).await {
            Err(_) => Vec::new(),
            Ok(said) => said?,
        };
        if !early.is_empty() {
            self.log.at(self.number).breach(Breach::EarlyTalk);
            if habits.early_talkers == EarlyTalkers::Punishes {
                return self.turn_away(wire, Line::TalksEarly).await;
            }
        }
        if locked(&self.memory).mood(habits, self.clock.now()) == Mood::Blocks {
            return self.turn_away(wire, Line::Harvester).await;
        }
        if habits.connections.is_some_and(|limit| self.open > limit) {
            return self.turn_away(wire, Line::TooManyConnections).await;
        }
        let is_blocked = habits.greeting == Greeting::BlocksTheFirst
            && locked(&self.memory).note_visit(self.client);
        match habits.greeting {
            Greeting::BlocksTheFirst if is_blocked => {
                self.turn_away(wire, Line::BlockedAtDoor).await
            }
            Greeting::Welcomes | Greeting::BlocksTheFirst => {
                self.log.at(self.number).greetings += 1;
                self.speak(wire, Line::Banner).await?;
                let banner = phrase(&self.host, self.client, Line::Banner, &Topic::default());
                self.stumble_behind(wire, Place::Greeting, &banner).await?;
                Ok(early)
            }
            Greeting::NotNow => self.turn_away(wire, Line::NotNow).await,
            Greeting::Blocks => self.turn_away(wire, Line::BlockedAtDoor).await,
            Greeting::TakesNoMail => self.turn_away(wire, Line::TakesNoMail).await,
            Greeting::HangsUp => Err(End::SentAway),
            Greeting::Garbage => {
                speech::utter(wire, "", Speech::Garbage).await;
                Err(End::SentAway)
            }
            Greeting::Never => loop {
                self.read(wire).await?;
            },
        }
    }

    async fn speak(&self, wire: &mut Box<dyn Stream>, line: Line) -> Result<(), End> {
        self.log.at(self.number).says(line);
        let words = phrase(&self.host, self.client, line, &Topic::default());
        self.utter(wire, &words, self.host.habits.speech.for_ordinary_replies())
            .await
    }

    async fn turn_away<T>(&self, wire: &mut Box<dyn Stream>, line: Line) -> Result<T, End> {
        self.speak(wire, line).await?;
        Err(End::SentAway)
    }

    /// Runs the session until one side leaves. A client that sent QUIT while the host was busy with an earlier command,
    /// and left before it could be answered, has taken leave properly.
    async fn converse(
        &mut self,
        mut wire: Box<dyn Stream>,
        mut heard: Vec<u8>,
    ) -> Result<Infallible, End> {
        let mut session = Session::new(self.client, self.connection);
        loop {
            match self.listen(&mut wire, &mut heard, &mut session).await {
                Ok(()) => {
                    // What came along in clear is no part of the encrypted session (RFC 3207 §6).
                    heard.clear();
                    wire = self.encrypt(wire).await?;
                    session.encrypted();
                    self.stumble_behind(&mut wire, Place::Handshake, "220 2.0.0 Ready")
                        .await?;
                }
                Err(End::Left) => {
                    let said_goodbye = says_goodbye(&mut wire, heard).await;
                    self.log.at(self.number).quits += u32::from(said_goodbye);
                    return Err(if said_goodbye { End::Quit } else { End::Left });
                }
                Err(end) => return Err(end),
            }
        }
    }

    /// Answers batch after batch, until the client wants encryption. What it has sent and was not answered stays in
    /// `heard`.
    async fn listen(
        &mut self,
        wire: &mut Box<dyn Stream>,
        heard: &mut Vec<u8>,
        session: &mut Session,
    ) -> Result<(), End> {
        loop {
            let said = heard.clone();
            let batch = Batch::take_from(heard);
            if batch.is_empty() {
                if heard.len() > HEARD {
                    return Err(End::SentAway);
                }
                heard.extend(self.read(wire).await?);
                continue;
            }
            self.travel().await?;
            let batch = self.mind_manners(batch, session, wire).await?;
            match self.answer(&batch, session, wire).await {
                Ok(Then::Listen) => {}
                Ok(Then::Handshake) => return Ok(()),
                Ok(Then::Farewell) => return Err(End::Quit),
                Ok(Then::HangUp) => return Err(End::SentAway),
                Err(end) => {
                    *heard = said;
                    return Err(end);
                }
            }
        }
    }

    /// Lets the way there and back take its time.
    async fn travel(&mut self) -> Result<(), End> {
        let way = self.host.way;
        let mut time = self.chance.around(way.round_trip, way.jitter);
        while self.chance.happens(way.loss) && time < IDLE {
            time += RETRANSMISSION;
        }
        let reset = self.chance.happens(way.reset);
        sleep(time).await;
        if reset { Err(End::SentAway) } else { Ok(()) }
    }

    /// What the host makes of commands that came together.
    async fn mind_manners(
        &self,
        mut batch: Batch,
        session: &Session,
        wire: &mut Box<dyn Stream>,
    ) -> Result<Batch, End> {
        if batch.lines.len() < 2 {
            return Ok(batch);
        }
        // A host that sends more replies than commands is sent the next command while it still answers.
        let invited = (session.pipelines(&self.host) && batch.ends_where_it_must())
            || self.host.habits.stumble.is_some();
        {
            let mut seen = self.log.at(self.number);
            seen.flights += 1;
            if !invited {
                seen.breach(Breach::UninvitedFlight);
            }
        }
        match self.host.habits.pipelining {
            Pipelining::Offered | Pipelining::NotOffered => {}
            Pipelining::Punished => return self.turn_away(wire, Line::TalksEarly).await,
            Pipelining::Chokes => batch.lines.truncate(1),
        }
        Ok(batch)
    }

    async fn answer(
        &mut self,
        batch: &Batch,
        session: &mut Session,
        wire: &mut Box<dyn Stream>,
    ) -> Result<Then, End> {
        session.flight_begins();
        let mut late = Vec::new();
        for line in &batch.lines {
            let turn = {
                let mut desk = Desk {
                    host: &self.host,
                    memory: &mut locked(&self.memory),
                    seen: &mut self.log.at(self.number),
                    now: self.clock.now(),
                };
                if line.end == LineEnd::BareLineFeed {
                    desk.seen.breach(Breach::BadLine);
                }
                session.hear(&line.text, &mut desk)
            };
            if !turn.wait.is_zero() {
                sleep(turn.wait).await;
            }
            for reply in &turn.replies {
                let place = Place::of(&line.text, reply);
                let slip = place.and_then(|place| self.stumbles_at(place));
                let reply = match self.held.take() {
                    Some(held) => held + reply,
                    None => reply.clone(),
                };
                match slip {
                    None => self.utter(wire, &reply, turn.speech).await?,
                    Some(stumble) => {
                        let surplus = self.stumble(wire, &reply, turn.speech, stumble).await?;
                        late.extend(surplus.map(|words| (stumble.after, words)));
                    }
                }
            }
            match turn.then {
                Then::Listen => {}
                then @ (Then::Handshake | Then::Farewell | Then::HangUp) => return Ok(then),
            }
        }
        for (after, words) in late {
            sleep(after).await;
            self.utter(wire, &words, Speech::Plain).await?;
        }
        Ok(Then::Listen)
    }

    /// The host's fault at one of its replies in this connection, if there is one.
    fn stumbles_at(&self, place: Place) -> Option<Stumble> {
        let stumble = self.host.habits.stumble?;
        let at_all = |most: u32| self.connection <= most;
        (stumble.at == place && stumble.connections.is_none_or(at_all)).then_some(stumble)
    }

    /// Says a reply out of step. Returns the one too many that is still to be said.
    async fn stumble(
        &mut self,
        wire: &mut Box<dyn Stream>,
        reply: &str,
        speech: Speech,
        stumble: Stumble,
    ) -> Result<Option<String>, End> {
        match stumble.how {
            Slip::Again | Slip::ThenYes | Slip::ThenNo => {
                self.utter(wire, reply, speech).await?;
                let surplus = stumble.how.surplus(reply);
                if !stumble.after.is_zero() {
                    return Ok(surplus);
                }
                if let Some(words) = surplus {
                    self.utter(wire, &words, speech).await?;
                }
            }
            Slip::Forgets => {}
            Slip::Merges => {
                let line = reply.replacen(' ', "-", 1);
                self.held = Some(line + "\r\n");
            }
            Slip::Late => {
                sleep(stumble.after).await;
                self.utter(wire, reply, speech).await?;
            }
            Slip::Halves => {
                speech::utter_in_halves(wire, reply, stumble.after).await;
            }
        }
        Ok(None)
    }

    /// Says the reply too many behind words that answer no command.
    async fn stumble_behind(
        &self,
        wire: &mut Box<dyn Stream>,
        place: Place,
        words: &str,
    ) -> Result<(), End> {
        let Some(stumble) = self.stumbles_at(place) else {
            return Ok(());
        };
        if let Some(surplus) = stumble.how.surplus(words) {
            sleep(stumble.after).await;
            self.utter(wire, &surplus, Speech::Plain).await?;
        }
        Ok(())
    }

    /// Sends a reply; a client that does not read for five minutes is gone.
    async fn utter(
        &self,
        wire: &mut Box<dyn Stream>,
        words: &str,
        speech: Speech,
    ) -> Result<(), End> {
        match timeout(IDLE, speech::utter(wire, words, speech)).await {
            Ok(speech::Said::Done) => Ok(()),
            Ok(speech::Said::BrokenOff) => Err(End::SentAway),
            Ok(speech::Said::NobodyListens) | Err(_) => Err(End::Left),
        }
    }

    /// The next bytes from the client.
    async fn read(&self, wire: &mut Box<dyn Stream>) -> Result<Vec<u8>, End> {
        let mut chunk = Vec::with_capacity(CHUNK);
        match timeout(IDLE, wire.read_buf(&mut chunk)).await {
            Ok(Ok(1..)) => Ok(chunk),
            Ok(Ok(0) | Err(_)) => Err(End::Left),
            Err(_) => Err(End::SentAway),
        }
    }

    async fn encrypt(&self, mut wire: Box<dyn Stream>) -> Result<Box<dyn Stream>, End> {
        match self.host.habits.tls {
            Tls::Broken | Tls::RequiredBroken | Tls::None => {
                tls::fail(&mut wire).await;
                Err(End::SentAway)
            }
            Tls::HangsUp => Err(End::SentAway),
            Tls::Offered | Tls::Required => {
                let wire = timeout(IDLE, tls::accept(wire))
                    .await
                    .ok()
                    .flatten()
                    .ok_or(End::Left)?;
                self.log.at(self.number).handshakes += 1;
                Ok(wire)
            }
        }
    }
}
