//! How one gets in: which servers, as whom, over which TLS.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_nats::{
    Client, ConnectError, ConnectErrorKind, ConnectOptions, Event, ServerAddr, ServerError,
};
use std::sync::Arc;

use crate::engine::EngineError;
use crate::model::limits;

/// Where the engine is, and as whom to go there.
#[derive(Clone, Debug)]
pub struct Access {
    /// Its servers: any of those that are up will do.
    pub servers: Vec<Server>,
    /// As whom.
    pub login: Login,
    /// A file with the certificates of those to believe; without one, those that this machine believes.
    pub authorities: Option<PathBuf>,
    /// Files with our own certificate and its key.
    pub certificate: Option<(PathBuf, PathBuf)>,
    /// What we are called in the server's list of connections.
    pub name: String,
}

/// As whom to go to the engine.
#[derive(Clone, PartialEq, Eq)]
pub enum Login {
    /// Without a login.
    Anonymous,
    /// As a user with a password.
    User {
        /// The name.
        name: String,
        /// The password.
        password: String,
    },
    /// As who knows a token.
    Token(String),
    /// As the owner of a key, by its seed.
    NKey(String),
    /// As a file of credentials says, by its text.
    Credentials(String),
}

/// Without what is secret.
impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Login::Anonymous => "Anonymous",
            Login::User { .. } => "User",
            Login::Token(_) => "Token",
            Login::NKey(_) => "NKey",
            Login::Credentials(_) => "Credentials",
        })
    }
}

/// A server's address, such as `nats://10.0.0.1:4222`, or `tls://` where nothing may be said in clear.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server(ServerAddr);

impl FromStr for Server {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // Every user of a machine sees what is typed there.
        if text.contains('@') {
            return Err(
                "no login belongs here, where others see it: see PRESEND_ENGINE_USER, _PASSWORD and _TOKEN"
                    .to_owned(),
            );
        }
        let example = "write nats://10.0.0.1:4222, or tls://engine.your-domain.example:4222";
        let address: ServerAddr = text
            .trim()
            .parse()
            .map_err(|_| format!("`{text}` is no address of a server: {example}"))?;
        match address.scheme() {
            "nats" | "tls" => Ok(Server(address)),
            other => Err(format!("`{other}` is no way to a server: {example}")),
        }
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = &self.0;
        write!(
            f,
            "{}://{}:{}",
            address.scheme(),
            address.host(),
            address.port()
        )
    }
}

/// What the server said we may not do. It says so beside the conversation, not in answer to what it was about.
#[derive(Debug, Default)]
pub(super) struct Refusals(Mutex<Option<(Instant, String)>>);

impl Refusals {
    fn note(&self, words: String) {
        let mut latest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *latest = Some((Instant::now(), words));
    }

    /// What it said of late.
    pub(super) fn latest(&self) -> Option<String> {
        let latest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, words) = latest.as_ref()?;
        (at.elapsed() < limits::ENGINE_REPLY * 3).then(|| words.clone())
    }
}

/// How often the server is asked whether it is still there: a connection that died without a word is found out after
/// three times this. Our choice: about the time of a lease.
const PING_EVERY: Duration = Duration::from_secs(5);

impl Access {
    /// Connects. A connection that is lost later is made again, for as long as it takes.
    pub(super) async fn connect(&self, refusals: &Arc<Refusals>) -> Result<Client, EngineError> {
        let options = self.options()?;
        let heard = Arc::clone(refusals);
        let options = options
            .name(&self.name)
            .ping_interval(PING_EVERY)
            .connection_timeout(limits::ENGINE_REPLY)
            .request_timeout(Some(limits::ENGINE_REPLY))
            .event_callback(move |event| {
                heed(&event, &heard);
                std::future::ready(())
            });
        let servers: Vec<ServerAddr> = self.servers.iter().map(|server| server.0.clone()).collect();
        let connected = options.connect(servers).await;
        connected.map_err(|error| self.told(&error))
    }

    fn options(&self) -> Result<ConnectOptions, EngineError> {
        let mut options = match &self.login {
            Login::Anonymous => ConnectOptions::new(),
            Login::User { name, password } => {
                ConnectOptions::with_user_and_password(name.clone(), password.clone())
            }
            Login::Token(token) => ConnectOptions::with_token(token.clone()),
            Login::NKey(seed) => ConnectOptions::with_nkey(seed.trim().to_owned()),
            Login::Credentials(text) => {
                ConnectOptions::with_credentials(text).map_err(|error| {
                    EngineError::Refused(format!("the credentials cannot be read: {error}"))
                })?
            }
        };
        if let Some(file) = &self.authorities {
            options = options.add_root_certificates(file.clone());
        }
        if let Some((certificate, key)) = &self.certificate {
            options = options.add_client_certificate(certificate.clone(), key.clone());
        }
        let is_secret = self.servers.iter().any(|server| server.0.scheme() == "tls");
        Ok(options.require_tls(is_secret))
    }

    fn told(&self, error: &ConnectError) -> EngineError {
        let servers: Vec<String> = self.servers.iter().map(ToString::to_string).collect();
        let said = format!("{}: {error}", servers.join(", "));
        match error.kind() {
            ConnectErrorKind::Authentication
            | ConnectErrorKind::AuthorizationViolation
            | ConnectErrorKind::Tls => EngineError::Refused(said),
            // The client says the same of a server that is not there and of one whose certificate is not believed.
            ConnectErrorKind::Io if is_of_tls(error) => EngineError::Refused(said),
            ConnectErrorKind::ServerParse
            | ConnectErrorKind::Dns
            | ConnectErrorKind::TimedOut
            | ConnectErrorKind::Io
            | ConnectErrorKind::MaxReconnects => EngineError::NoConnection(said),
        }
    }
}

/// Whether it is TLS that cannot be agreed on: whom to believe, or whether to speak it at all.
fn is_of_tls(error: &ConnectError) -> bool {
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        let within = error
            .downcast_ref::<std::io::Error>()
            .and_then(std::io::Error::get_ref);
        if within
            .is_some_and(<dyn std::error::Error + Send + Sync>::is::<tokio_rustls::rustls::Error>)
        {
            return true;
        }
        cause = error.source();
    }
    false
}

/// Notes what happens to a connection.
fn heed(event: &Event, refusals: &Refusals) {
    match event {
        Event::Connected => tracing::debug!("connected with the engine"),
        Event::Disconnected => {
            tracing::warn!("the engine is cut off; trying to reach it again");
        }
        Event::ServerError(ServerError::AuthorizationViolation) => {
            refusals.note("it does not let us in".to_owned());
        }
        Event::ServerError(ServerError::Other(words)) => {
            tracing::warn!(words, "the engine complains");
            if words.to_lowercase().contains("permissions violation") {
                refusals.note(words.clone());
            }
        }
        Event::LameDuckMode
        | Event::Draining
        | Event::Closed
        | Event::SlowConsumer(_)
        | Event::ServerError(ServerError::SlowConsumer(_))
        | Event::ClientError(_) => tracing::debug!(%event, "the engine's connection"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_named_without_a_login() {
        let server: Server = "nats://10.0.0.1:4222".parse().unwrap();
        assert_eq!(server.to_string(), "nats://10.0.0.1:4222");
        assert!("tls://engine.acme.test".parse::<Server>().is_ok());
        for (text, wanted) in [
            ("nats://ann:secret@10.0.0.1", "PRESEND_ENGINE_USER"),
            ("http://10.0.0.1", "no address of a server"),
            ("nats://10.0.0.1:x", "no address of a server"),
        ] {
            let error = text.parse::<Server>().unwrap_err();
            assert!(error.contains(wanted), "{error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn a_login_is_in_no_log() {
        let login = Login::User {
            name: "ann".to_owned(),
            password: "secret".to_owned(),
        };
        assert!(!format!("{login:?}").contains("secret"));
    }
}
