//! A look at a mail host from outside: its greeting, what it offers, how it sees us. It is asked nothing else.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::rustls::pki_types::ServerName;

use crate::model::limits;
use crate::net::{Dial, Wire};
use crate::smtp::reply::{Decoder, Reply};
use crate::smtp::tls;

/// How long to wait for a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// Until the connection stands.
    pub connection: Duration,
    /// For the greeting, and again for the answer to EHLO.
    pub greeting: Duration,
}

impl Patience {
    /// To find out about a host: longer than the pause before the greeting that some make to see who talks first.
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
    /// Whether it offers encryption.
    #[must_use]
    pub fn offers_tls(&self) -> bool {
        self.offers
            .iter()
            .any(|line| line.trim().eq_ignore_ascii_case("STARTTLS"))
    }

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
    /// It is offered, but did not come about, in the words of whoever knows why.
    Fails(String),
}

/// Connects, reads the greeting, says EHLO with `helo`, takes leave.
pub async fn look(
    dial: &dyn Dial,
    to: SocketAddr,
    from: Option<IpAddr>,
    helo: &str,
    patience: Patience,
) -> Contact {
    match visit(dial, to, from, helo, patience).await {
        Ok((talk, greeting)) => {
            talk.leave().await;
            Contact::Greeted(greeting)
        }
        Err(contact) => contact,
    }
}

/// As [`look`], and tries to encrypt where that is offered (RFC 3207). Certificates are not judged, as mail hosts do not
/// judge them either (RFC 7435 §3).
///
/// # Errors
/// What came of connecting, where no host greeted us.
pub async fn try_encryption(
    dial: &dyn Dial,
    to: SocketAddr,
    helo: &str,
    patience: Patience,
) -> Result<(Greeting, Encryption), Contact> {
    let (mut talk, greeting) = visit(dial, to, None, helo, patience).await?;
    if !greeting.offers_tls() {
        talk.leave().await;
        return Ok((greeting, Encryption::NotOffered));
    }
    let agreed = talk.say("STARTTLS\r\n").await
        && talk
            .read(patience.greeting)
            .await
            .is_some_and(|reply| reply.code / 100 == 2);
    let encryption = if agreed {
        talk.encrypt(patience.greeting).await
    } else {
        Encryption::Fails("the host offers STARTTLS, then refuses it".to_owned())
    };
    Ok((greeting, encryption))
}

/// Connects, reads the greeting, says EHLO.
async fn visit(
    dial: &dyn Dial,
    to: SocketAddr,
    from: Option<IpAddr>,
    helo: &str,
    patience: Patience,
) -> Result<(Talk, Greeting), Contact> {
    let wire = match timeout(patience.connection, dial.connect(to, from)).await {
        Err(_) => return Err(Contact::NoAnswer),
        Ok(Err(error)) if error.kind() == io::ErrorKind::TimedOut => return Err(Contact::NoAnswer),
        Ok(Err(error)) => return Err(Contact::Refused(error.to_string())),
        Ok(Ok(wire)) => wire,
    };
    let mut talk = Talk {
        wire,
        decoder: Decoder::new(),
        bytes: Vec::new(),
    };
    let Some(banner) = talk.read(patience.greeting).await else {
        talk.leave_when_greeted();
        return Err(Contact::Mute);
    };
    let welcome = banner.code / 100 == 2;
    let mut offers = Vec::new();
    if welcome
        && talk.say(&format!("EHLO {helo}\r\n")).await
        && let Some(reply) = talk.read(patience.greeting).await
        && reply.code / 100 == 2
    {
        offers = reply.lines;
    }
    let greeting = Greeting {
        banner: banner.to_string(),
        welcome,
        offers,
    };
    Ok((talk, greeting))
}

struct Talk {
    wire: Box<dyn Wire>,
    decoder: Decoder,
    bytes: Vec<u8>,
}

impl Talk {
    async fn read(&mut self, wait: Duration) -> Option<Reply> {
        let until = Instant::now() + wait;
        let mut chunk = [0; 1024];
        loop {
            let mut input = self.bytes.as_slice();
            let decoded = self.decoder.decode(&mut input).ok()?;
            self.bytes = input.to_vec();
            if decoded.is_some() {
                return decoded;
            }
            let count = timeout_at(until, self.wire.read(&mut chunk))
                .await
                .ok()?
                .ok()?;
            if count == 0 {
                return None;
            }
            self.bytes.extend_from_slice(&chunk[..count]);
        }
    }

    /// Leaves a host that takes its time, once it has greeted us, while we go on: some hosts note who hangs up on them
    /// before.
    fn leave_when_greeted(mut self) {
        tokio::spawn(async move {
            if self.read(limits::PORT_25_GREETING_WAIT).await.is_some() {
                self.leave().await;
            }
        });
    }

    async fn leave(mut self) {
        if self.say("QUIT\r\n").await {
            self.read(limits::GOODBYE_WAIT).await;
        }
    }

    async fn encrypt(self, wait: Duration) -> Encryption {
        // RFC 3207 §6: bytes sent ahead in clear would be taken for encrypted ones later.
        if !self.bytes.is_empty() {
            return Encryption::Fails("the host spoke on before the handshake".to_owned());
        }
        let name = ServerName::try_from("mail.invalid").expect("a fixed host name");
        let connector = tokio_rustls::TlsConnector::from(Arc::clone(&tls::CLIENT));
        match timeout(wait, connector.connect(name, self.wire)).await {
            Ok(Ok(mut stream)) => {
                // Whether the host takes note of our leave is its own affair.
                let _ = timeout(limits::GOODBYE_WAIT, stream.write_all(b"QUIT\r\n")).await;
                Encryption::Works
            }
            Ok(Err(error)) => Encryption::Fails(format!("the handshake failed: {error}")),
            Err(_) => Encryption::Fails("the handshake did not end in time".to_owned()),
        }
    }

    async fn say(&mut self, line: &str) -> bool {
        let said = timeout(limits::GOODBYE_WAIT, async {
            self.wire.write_all(line.as_bytes()).await?;
            self.wire.flush().await
        });
        matches!(said.await, Ok(Ok(())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
