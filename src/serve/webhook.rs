//! Webhooks: a list's owner is told when it is done.
//!
//! The body is signed: `Presend-Signature: t=TIME,v1=HEX`, where `HEX` is the HMAC-SHA-256 of `TIME.BODY` under the key in
//! the file `webhook.key`. A webhook never leads inward unless the operator allows it: the address that a name leads to is
//! looked at, and that very address is connected to.

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::body::Body;
use axum::http::uri::Scheme;
use axum::http::{Request, StatusCode, Uri, header};
use hyper_util::rt::TokioIo;
use ring::hmac;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::lists::Lists;
use super::outward::may_be_told;
use super::store::{Id, hex, random};
use crate::model::limits;
use crate::net::route::Reach;

/// The sender of webhooks, which tells owners.
pub struct Teller {
    key: hmac::Key,
    reach: Reach,
    tls: TlsConnector,
}

/// The file with the key that bodies are signed with.
const KEY: &str = "webhook.key";

/// Why an owner could not be told.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// The URL leads nowhere that may be told.
    #[error("{0}")]
    Refused(String),
    /// The owner's server did not take it.
    #[error("it answered {0}")]
    Answered(StatusCode),
    /// It could not be reached.
    #[error("{0}")]
    Failed(#[from] io::Error),
    /// It did not speak HTTP.
    #[error("{0}")]
    Http(#[from] hyper::Error),
    /// It took too long.
    #[error("it did not answer in time")]
    Slow,
}

impl Teller {
    /// A sender of webhooks to owners that may be at the addresses of `reach`, with the key in `folder`, which is made
    /// where there is none.
    ///
    /// # Errors
    ///
    /// When the key can be neither read nor made.
    pub fn new(folder: &Path, reach: Reach) -> io::Result<Teller> {
        let mut roots = RootCertStore::empty();
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        let config = ClientConfig::builder()
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Teller {
            key: hmac::Key::new(hmac::HMAC_SHA256, key(&folder.join(KEY))?.as_bytes()),
            reach,
            tls: TlsConnector::from(Arc::new(config)),
        })
    }

    /// Tells the owners of lists that are done, as their ids come.
    pub async fn tell_all(self, lists: Lists, mut done: mpsc::UnboundedReceiver<Id>) {
        let this = Arc::new(self);
        let mut tasks = tokio::task::JoinSet::new();
        while let Some(id) = done.recv().await {
            while tasks.try_join_next().is_some() {}
            let (this, lists) = (Arc::clone(&this), lists.clone());
            tasks.spawn(async move { this.tell(&lists, &id).await });
        }
    }

    /// Tells the owner of one list, again where that fails.
    async fn tell(&self, lists: &Lists, id: &Id) {
        if lists.owed(id).is_none() {
            return;
        }
        for wait in WAITS {
            tokio::time::sleep(wait).await;
            let Some((url, body)) = lists.owed(id) else {
                return;
            };
            let told = tokio::time::timeout(limits::SERVED_PATIENCE, self.post(&url, body)).await;
            match told.unwrap_or(Err(WebhookError::Slow)) {
                Ok(()) => return lists.is_told(id),
                Err(error) => {
                    tracing::warn!(
                        list = id.as_str(),
                        "cannot tell the owner of the list: {error}"
                    );
                    if matches!(error, WebhookError::Refused(_)) {
                        break;
                    }
                }
            }
        }
        lists.is_told(id);
    }

    async fn post(&self, url: &str, body: String) -> Result<(), WebhookError> {
        may_be_told(url, self.reach).map_err(WebhookError::Refused)?;
        let uri: Uri = url
            .parse()
            .map_err(|_| WebhookError::Refused("no URL".to_owned()))?;
        let host = uri
            .host()
            .unwrap_or_default()
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned();
        let is_secure = uri.scheme() == Some(&Scheme::HTTPS);
        let usual = if is_secure { 443 } else { 80 };
        let port = uri.port_u16().unwrap_or(usual);
        let found: Vec<SocketAddr> = tokio::net::lookup_host((host.as_str(), port))
            .await?
            .collect();
        let Some(to) = found.iter().find(|address| self.reach.allows(address.ip())) else {
            return Err(WebhookError::Refused(format!(
                "{host} leads to no address that may be told: only public ones are, without --webhooks-anywhere"
            )));
        };
        let stream = TcpStream::connect(to).await?;
        if !is_secure {
            return self.say(stream, &uri, body).await;
        }
        let name = ServerName::try_from(host)
            .map_err(|_| WebhookError::Refused("the URL names no host".to_owned()))?;
        let stream = self.tls.connect(name, stream).await?;
        self.say(stream, &uri, body).await
    }

    async fn say<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
        &self,
        stream: S,
        uri: &Uri,
        body: String,
    ) -> Result<(), WebhookError> {
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        let talking = tokio::spawn(connection);
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        let request = Request::post(path)
            .header(header::HOST, authority)
            .header(header::CONTENT_TYPE, "application/json")
            .header(
                header::USER_AGENT,
                concat!("presend/", env!("CARGO_PKG_VERSION")),
            )
            .header(
                "presend-signature",
                self.signature(&body, SystemTime::now()),
            )
            .body(Body::from(body))
            .map_err(|error| WebhookError::Refused(error.to_string()))?;
        let answer = sender.send_request(request).await?;
        talking.abort();
        match answer.status() {
            status if status.is_success() => Ok(()),
            status => Err(WebhookError::Answered(status)),
        }
    }

    fn signature(&self, body: &str, at: SystemTime) -> String {
        let at = at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let signed = hmac::sign(&self.key, format!("{at}.{body}").as_bytes());
        format!("t={at},v1={}", hex(signed.as_ref()))
    }
}

/// How long is waited before each attempt. Our choice: a server that is being updated is back within the hour.
const WAITS: [Duration; 6] = [
    Duration::ZERO,
    Duration::from_secs(10),
    Duration::from_secs(60),
    Duration::from_secs(5 * 60),
    Duration::from_secs(30 * 60),
    Duration::from_secs(2 * 3_600),
];

/// The key in a file, which is made where there is none.
fn key(path: &Path) -> io::Result<String> {
    match std::fs::read_to_string(path) {
        Ok(key) if !key.trim().is_empty() => Ok(key.trim().to_owned()),
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(_) | Err(_) => {
            let key = hex(&random::<32>()?);
            let mut options = std::fs::OpenOptions::new();
            let mut file = options
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(path)?;
            file.write_all(key.as_bytes())?;
            Ok(key)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_and_for_its_owner() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(KEY);
        let made = key(&path).unwrap();
        assert_eq!((made.len(), key(&path).unwrap()), (64, made));
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn every_failure_to_tell_an_owner_has_its_words() {
        // What hyper says of a broken conversation is its own.
        let every = [
            WebhookError::Refused("the URL names no host".to_owned()),
            WebhookError::Answered(StatusCode::BAD_GATEWAY),
            WebhookError::Failed(io::ErrorKind::ConnectionRefused.into()),
            WebhookError::Slow,
        ];
        for error in &every {
            match error {
                WebhookError::Refused(_)
                | WebhookError::Answered(_)
                | WebhookError::Failed(_)
                | WebhookError::Http(_)
                | WebhookError::Slow => {}
            }
        }
        insta::assert_snapshot!(every.map(|error| error.to_string()).join("\n"), @r"
        the URL names no host
        it answered 502 Bad Gateway
        connection refused
        it did not answer in time
        ");
    }
}
