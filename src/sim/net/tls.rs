//! The host's side of STARTTLS.

use std::sync::{Arc, OnceLock};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::net::Stream;

/// See `certificate/README.md`: it guards nothing.
const CERTIFICATE: &[u8] = include_bytes!("certificate/certificate.der");
const KEY: &[u8] = include_bytes!("certificate/key.der");

/// A fatal alert, `handshake_failure` (RFC 8446 §6.2).
const ALERT: [u8; 7] = [21, 3, 3, 0, 2, 2, 40];

/// Shakes hands; `None` when that fails.
pub(super) async fn accept(wire: Box<dyn Stream>) -> Option<Box<dyn Stream>> {
    let stream = acceptor()?.accept(wire).await.ok()?;
    Some(Box::new(stream))
}

/// Reads the client's first words and refuses them.
pub(super) async fn fail(wire: &mut Box<dyn Stream>) {
    let mut hello = [0; 1024];
    if wire.read(&mut hello).await.is_ok() {
        // A client that is gone cannot be refused.
        let _ = wire.write_all(&ALERT).await;
    }
}

fn acceptor() -> Option<TlsAcceptor> {
    static CONFIG: OnceLock<Option<Arc<ServerConfig>>> = OnceLock::new();
    let config = CONFIG.get_or_init(|| {
        let certificate = CertificateDer::from(CERTIFICATE);
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(KEY));
        ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .ok()?
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .ok()
            .map(Arc::new)
    });
    config.clone().map(TlsAcceptor::from)
}
