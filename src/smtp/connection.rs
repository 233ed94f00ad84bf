//! The one loop that carries out a dialogue on a stream.

use std::future::poll_fn;
use std::net::IpAddr;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, timeout, timeout_at};

use super::reply::Decoder;
use super::session::{Dialogue, Step};
use super::tls;
use super::{Answer, Garble};
use crate::model::limits;
use crate::model::stage::Stage;

/// A two-way stream of bytes to a mail host.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Whether unsolicited bytes lie unread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unread {
    /// None, or blank lines only, or the announcement that the host closes.
    Nothing,
    /// A reply, or the beginning of one.
    Replies,
    /// None, and none will come: the connection is gone.
    Gone,
}

/// A connection to one mail host with the bytes that have arrived and were not yet wanted.
pub struct Connection {
    wire: Box<dyn Stream>,
    /// The machine at its other end, where that is known.
    machine: Option<IpAddr>,
    buffer: Vec<u8>,
    start: usize,
    decoder: Decoder,
    /// The longest time that the host took for a reply once it had greeted.
    slowest: Duration,
    /// When something was last said.
    said: Instant,
}

impl Connection {
    /// Takes over a fresh connection.
    #[must_use]
    pub fn new(wire: Box<dyn Stream>) -> Self {
        Connection {
            wire,
            machine: None,
            buffer: Vec::new(),
            start: 0,
            decoder: Decoder::new(),
            slowest: Duration::ZERO,
            said: Instant::now(),
        }
    }

    /// The same with the machine that it leads to: encrypted sessions with it may be taken up again.
    #[must_use]
    pub fn to(self, machine: IpAddr) -> Self {
        Connection {
            machine: Some(machine),
            ..self
        }
    }

    /// Carries out a dialogue to its end.
    ///
    /// Returns the connection again, or `None` when the TLS handshake failed, after which it cannot be used.
    ///
    /// Every wait is bounded: by the step's own time when listening, or by [`limits::SLOWING_HOST_WAIT`] where a host
    /// has taken ever longer; by [`limits::MAIL_WAIT`] when a host does not take our bytes, by [`limits::TLS_WAIT`] for
    /// a handshake.
    pub async fn carry_out(mut self, dialogue: &mut impl Dialogue) -> Option<Self> {
        loop {
            match dialogue.step() {
                Step::Say(bytes) => {
                    self.give_way().await;
                    match self.unread(Duration::ZERO).await {
                        Unread::Nothing | Unread::Gone => self.say(&bytes).await,
                        Unread::Replies => {
                            self.forget_unread();
                            dialogue.hear(Some(Answer::Garbled(Garble::OutOfTurn)));
                        }
                    }
                }
                Step::Listen { stage, wait } => {
                    let began = Instant::now();
                    let answer = match timeout(self.patience(wait), self.listen()).await {
                        Ok(answer) => answer,
                        Err(_) => Answer::Silent,
                    };
                    // How long a greeting takes says nothing of what follows.
                    if stage != Stage::Greeting && matches!(answer, Answer::Reply(_)) {
                        self.slowest = self.slowest.max(began.elapsed());
                    }
                    dialogue.hear(Some(answer));
                }
                Step::Encrypt => match self.encrypt().await {
                    Ok(line) => {
                        self = line;
                        dialogue.hear(None);
                    }
                    Err(answer) => {
                        dialogue.hear(Some(answer));
                        return None;
                    }
                },
                Step::Done => return Some(self),
            }
        }
    }

    /// How long a reply is waited for that may take `wait`: some hosts take longer from one to the next, and to leave
    /// one of these in the middle of a question would only have it asked again.
    fn patience(&self, wait: Duration) -> Duration {
        let slowing = self.slowest * limits::SLOWING_HOST_FACTOR;
        wait.max(slowing.min(limits::SLOWING_HOST_WAIT))
    }

    /// After QUIT: waits for the host to close. Then it counts this connection no more when we open the next, and the
    /// half-closed one stays on its side.
    pub async fn until_closed(mut self) {
        let closed = async {
            let mut rest = [0; 64];
            while !matches!(self.wire.read(&mut rest).await, Ok(0) | Err(_)) {}
        };
        let _ = timeout(limits::CLOSING_WAIT, closed).await;
    }

    /// After a long while in which nothing was said, lets the run look first whether the next command is still to be
    /// said: the program may have been stopped meanwhile, and the host be another worker's by now.
    async fn give_way(&mut self) {
        if self.said.elapsed() >= limits::LONG_PAUSE {
            tokio::task::yield_now().await;
        }
        self.said = Instant::now();
    }

    /// Writes bytes. A failure shows when the answer is awaited: the host may have said why before it closed.
    async fn say(&mut self, bytes: &str) {
        let deadline = Instant::now() + limits::MAIL_WAIT;
        let written = timeout_at(deadline, async {
            self.wire.write_all(bytes.as_bytes()).await?;
            self.wire.flush().await
        });
        if let Ok(Err(error)) = written.await {
            tracing::debug!(%error, "write failed");
        }
    }

    /// Whether unsolicited replies have come, or come within `wait`. With no wait, what has come by now counts.
    pub async fn unread(&mut self, wait: Duration) -> Unread {
        let mut taken = None;
        if self.waiting().is_empty() {
            let mut fill = std::pin::pin!(self.fill());
            taken = if wait.is_zero() {
                // Whether it is ready by now is all that matters.
                poll_fn(|context| match fill.as_mut().poll(context) {
                    Poll::Ready(taken) => Poll::Ready(Some(taken)),
                    Poll::Pending => Poll::Ready(None),
                })
                .await
            } else {
                timeout(wait, fill).await.ok()
            };
        }
        let waiting = self.waiting();
        // A host that closes may say so at any time (RFC 5321 §3.8): that is read as the answer to what we say next.
        let is_goodbye = |text: &[u8]| b"421".starts_with(&text[..text.len().min(3)]);
        match (waiting.is_empty(), taken) {
            (true, Some(0)) => Unread::Gone,
            (true, _) => Unread::Nothing,
            (false, _) if is_goodbye(waiting) => Unread::Nothing,
            (false, _) => Unread::Replies,
        }
    }

    /// What has come and was not read. Some servers send blank lines behind a reply.
    fn waiting(&self) -> &[u8] {
        let unread = &self.buffer[self.start..];
        let blank = unread
            .iter()
            .take_while(|byte| matches!(byte, b'\r' | b'\n'));
        &unread[blank.count()..]
    }

    fn forget_unread(&mut self) {
        self.start = self.buffer.len();
        self.decoder = Decoder::new();
    }

    /// Takes what comes next. Returns how many bytes; none when the connection is gone.
    async fn fill(&mut self) -> usize {
        if self.start == self.buffer.len() {
            self.buffer.clear();
            self.start = 0;
        }
        self.buffer.reserve(limits::READ_BYTES);
        let mut wire = (&mut self.wire).take(limits::READ_BYTES as u64);
        wire.read_buf(&mut self.buffer).await.unwrap_or(0)
    }

    /// Reads one reply.
    async fn listen(&mut self) -> Answer {
        loop {
            let mut unread = &self.buffer[self.start..];
            let decoded = self.decoder.decode(&mut unread);
            self.start = self.buffer.len() - unread.len();
            match decoded {
                Ok(Some(reply)) => return Answer::Reply(reply),
                Ok(None) => {}
                Err(garble) => return Answer::Garbled(garble),
            }
            if self.fill().await == 0 {
                return Answer::HungUp;
            }
        }
    }

    /// Turns to TLS. Certificates are not checked: nothing secret is said (RFC 7435, opportunistic security).
    async fn encrypt(mut self) -> Result<Self, Answer> {
        // RFC 3207 §6: bytes sent ahead in clear would be taken for encrypted ones later.
        if self.unread(Duration::ZERO).await == Unread::Replies {
            return Err(Answer::Garbled(Garble::OutOfTurn));
        }
        let name = tls::name_of(self.machine);
        let connector = tokio_rustls::TlsConnector::from(Arc::clone(&tls::CLIENT));
        match timeout(limits::TLS_WAIT, connector.connect(name, self.wire)).await {
            Ok(Ok(stream)) => Ok(Connection {
                machine: self.machine,
                ..Connection::new(Box::new(stream))
            }),
            Ok(Err(error)) => Err(Answer::Unreachable(format!(
                "TLS handshake failed: {error}"
            ))),
            Err(_) => Err(Answer::Silent),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio_rustls::rustls;

    use crate::smtp::session::{Batch, BatchPace, Opened, Opening, Privacy};
    use crate::smtp::{Command, Reply};

    /// A line on which the host has said `words`, one reply of which was read.
    async fn line_with(words: &[u8]) -> (Connection, tokio::io::DuplexStream) {
        let (ours, mut theirs) = tokio::io::duplex(1 << 10);
        theirs.write_all(words).await.unwrap();
        let mut line = Connection::new(Box::new(ours));
        let reply = Reply::from_text("250 ok").unwrap();
        assert_eq!(line.listen().await, Answer::Reply(reply));
        (line, theirs)
    }

    #[tokio::test(start_paused = true)]
    async fn only_replies_that_nobody_asked_for_are_told_of() {
        for (behind, wanted) in [
            ("", Unread::Nothing),
            ("\r\n\r\n", Unread::Nothing),
            ("421 closing", Unread::Nothing),
            ("4", Unread::Nothing),
            ("550 and so on\r\n", Unread::Replies),
            ("\r\n250 ok\r\n", Unread::Replies),
            ("2", Unread::Replies),
        ] {
            let words = format!("250 ok\r\n{behind}");
            let (mut line, _theirs) = line_with(words.as_bytes()).await;
            assert_eq!(line.unread(Duration::ZERO).await, wanted, "{behind:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_comes_late_is_seen_where_it_is_waited_for() {
        for (wait, wanted) in [
            (Duration::ZERO, Unread::Nothing),
            (limits::QUIET_WAIT, Unread::Replies),
        ] {
            let (mut line, mut theirs) = line_with(b"250 ok\r\n").await;
            let late = tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(50)).await;
                theirs.write_all(b"250 ok\r\n").await.unwrap();
                theirs
            });
            assert_eq!(line.unread(wait).await, wanted, "{wait:?}");
            late.await.unwrap();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_long_while_the_run_looks_before_anything_is_said() {
        for (stopped, looks_first) in [(1, false), (30, true)] {
            let (ours, mut theirs) = tokio::io::duplex(1 << 10);
            let session = tokio::spawn(async move {
                let questions = ["a", "b"].map(|name| {
                    let recipient = format!("{name}@example.com");
                    Command::Rcpt(recipient.parse().unwrap())
                });
                let mut batch = Batch::new(questions.to_vec(), BatchPace::OneByOne);
                Connection::new(Box::new(ours)).carry_out(&mut batch).await;
            });
            let mut said = [0; 256];
            let _ = theirs.read(&mut said).await.unwrap();
            // What the run does once a second: here, that the host is another's.
            let run = tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(1_500)).await;
                session.abort();
            });
            tokio::task::yield_now().await;
            // The answer is there when the program goes on after it was stopped.
            theirs.write_all(b"250 ok\r\n").await.unwrap();
            tokio::time::advance(Duration::from_secs(stopped)).await;
            let second = theirs.read(&mut said).await.unwrap();
            assert_eq!(second == 0, looks_first, "{stopped} s");
            run.abort();
        }
    }

    /// How many of as many questions a host answers in time that takes so many seconds for each.
    async fn answered(seconds: &[u64]) -> usize {
        let (ours, theirs) = tokio::io::duplex(1 << 10);
        let waits = seconds.to_vec();
        let host = tokio::spawn(async move {
            let mut theirs = tokio::io::BufStream::new(theirs);
            let mut said = String::new();
            for wait in waits {
                let _ = tokio::io::AsyncBufReadExt::read_line(&mut theirs, &mut said).await;
                tokio::time::sleep(Duration::from_secs(wait)).await;
                // The client may have closed already.
                let _ = theirs.write_all(b"550 no\r\n").await;
                let _ = theirs.flush().await;
            }
        });
        let questions = seconds
            .iter()
            .map(|_| Command::Rcpt("a@example.com".parse().unwrap()));
        let mut batch = Batch::new(questions.collect(), BatchPace::OneByOne);
        let _line = Connection::new(Box::new(ours)).carry_out(&mut batch).await;
        host.abort();
        let answers = batch.into_answers().into_iter().flatten();
        let replies = answers.filter(|answer| matches!(answer, Answer::Reply(_)));
        replies.count()
    }

    #[tokio::test(start_paused = true)]
    async fn a_host_that_takes_ever_longer_is_waited_for_and_a_silent_one_is_not() {
        assert_eq!(answered(&[0, 8, 16, 32, 64, 128, 128]).await, 7, "Courier");
        assert_eq!(answered(&[0, 64]).await, 1);
        assert_eq!(answered(&[40, 130]).await, 1, "there is a bound");
        assert_eq!(answered(&[50, 149, 299]).await, 3);
        assert_eq!(answered(&[50, 149, 301]).await, 2, "and a last one");
    }

    /// A host that encrypts, at the other end of a pipe: how its handshake was done.
    async fn encrypts(
        mut wire: tokio::io::DuplexStream,
        config: Arc<rustls::ServerConfig>,
    ) -> Option<rustls::HandshakeKind> {
        let mut heard = [0; 512];
        for words in [
            "220 hello\r\n",
            "250-hello\r\n250 STARTTLS\r\n",
            "220 go\r\n",
        ] {
            wire.write_all(words.as_bytes()).await.unwrap();
            if words != "220 go\r\n" {
                assert_ne!(wire.read(&mut heard).await.unwrap(), 0);
            }
        }
        let acceptor = tokio_rustls::TlsAcceptor::from(config);
        let mut wire = acceptor.accept(wire).await.unwrap();
        assert_ne!(wire.read(&mut heard).await.unwrap(), 0, "EHLO");
        wire.write_all(b"250 hello\r\n").await.unwrap();
        wire.flush().await.unwrap();
        wire.get_ref().1.handshake_kind()
    }

    #[tokio::test(start_paused = true)]
    async fn an_encrypted_session_is_taken_up_again_with_the_same_machine_alone() {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let certificate = include_bytes!("../sim/net/certificate/certificate.der");
        let key = include_bytes!("../sim/net/certificate/key.der");
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![rustls::pki_types::CertificateDer::from(&certificate[..])],
                rustls::pki_types::PrivatePkcs8KeyDer::from(&key[..]).into(),
            )
            .unwrap();
        let config = Arc::new(config);
        let mut kinds = Vec::new();
        for machine in [[192, 0, 2, 1], [192, 0, 2, 1], [192, 0, 2, 2]] {
            let (ours, theirs) = tokio::io::duplex(1 << 14);
            let host = tokio::spawn(encrypts(theirs, Arc::clone(&config)));
            let mut opening = Opening::new("client.test".parse().unwrap(), Privacy::Required);
            let line = Connection::new(Box::new(ours)).to(IpAddr::from(machine));
            let line = line.carry_out(&mut opening).await;
            assert!(line.is_some());
            assert!(matches!(opening.into_end(), Opened::Ready { .. }));
            kinds.push(host.await.unwrap());
        }
        let (whole, again) = (rustls::HandshakeKind::Full, rustls::HandshakeKind::Resumed);
        assert_eq!(kinds, [whole, again, whole].map(Some));
    }

    #[tokio::test(start_paused = true)]
    async fn a_host_that_is_gone_has_nothing_more_to_say() {
        let (mut line, theirs) = line_with(b"250 ok\r\n").await;
        drop(theirs);
        assert_eq!(line.unread(limits::QUIET_WAIT).await, Unread::Gone);
        assert_eq!(line.listen().await, Answer::HungUp);
    }
}
