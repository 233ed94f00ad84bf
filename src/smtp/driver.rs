//! The one loop that carries out a dialogue on a stream.

use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::rustls::pki_types::ServerName;

use super::dialogue::{Dialogue, Step};
use super::reply::Decoder;
use super::tls;
use super::{Answer, Garble};
use crate::limits;

/// A two-way stream of bytes to a mail host.
pub trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

/// A connection to one mail host with the bytes that have arrived and were not yet wanted.
pub struct Line {
    wire: Box<dyn Wire>,
    buffer: Vec<u8>,
    start: usize,
    decoder: Decoder,
}

impl Line {
    /// Takes over a fresh connection.
    #[must_use]
    pub fn new(wire: Box<dyn Wire>) -> Self {
        Line {
            wire,
            buffer: Vec::new(),
            start: 0,
            decoder: Decoder::new(),
        }
    }

    /// Carries out a dialogue to its end.
    ///
    /// Returns the line again, or `None` when encryption failed, which leaves nothing to talk on.
    ///
    /// Every wait is bounded: by the step's own time when listening, by [`limits::MAIL_WAIT`] when a host does not
    /// take our bytes, by [`limits::TLS_WAIT`] for a handshake.
    pub async fn carry_out(mut self, dialogue: &mut impl Dialogue) -> Option<Self> {
        loop {
            match dialogue.step() {
                Step::Say(bytes) => self.say(&bytes).await,
                Step::Listen { wait, .. } => {
                    let answer = match timeout(wait, self.listen()).await {
                        Ok(answer) => answer,
                        Err(_) => Answer::Silent,
                    };
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

    /// After QUIT: waits for the host to close. Then it counts this connection no more when we open the next, and the
    /// half-closed one stays on its side.
    pub async fn until_closed(mut self) {
        let closed = async {
            let mut rest = [0; 64];
            while !matches!(self.wire.read(&mut rest).await, Ok(0) | Err(_)) {}
        };
        let _ = timeout(limits::CLOSING_WAIT, closed).await;
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
            self.buffer.clear();
            self.start = 0;
            self.buffer.reserve(limits::READ_BYTES);
            match (&mut self.wire)
                .take(limits::READ_BYTES as u64)
                .read_buf(&mut self.buffer)
                .await
            {
                Ok(0) | Err(_) => return Answer::HungUp,
                Ok(_) => {}
            }
        }
    }

    /// Turns to TLS. Certificates are not checked: nothing secret is said (RFC 7435, opportunistic security).
    async fn encrypt(self) -> Result<Self, Answer> {
        // RFC 3207 §6: bytes sent ahead in clear would be taken for encrypted ones later.
        if self.start < self.buffer.len() {
            return Err(Answer::Garbled(Garble::NoCode));
        }
        let name = ServerName::try_from("mail.invalid").expect("a fixed host name");
        let connector = tokio_rustls::TlsConnector::from(Arc::clone(&tls::CLIENT));
        match timeout(limits::TLS_WAIT, connector.connect(name, self.wire)).await {
            Ok(Ok(stream)) => Ok(Line::new(Box::new(stream))),
            Ok(Err(error)) => Err(Answer::Unreachable(format!(
                "TLS handshake failed: {error}"
            ))),
            Err(_) => Err(Answer::Silent),
        }
    }
}
