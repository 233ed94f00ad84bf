//! The encryption of simulated mail hosts, under one self-signed name.

use std::sync::{Arc, LazyLock};

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::world::Wire;

/// The certificate of `mail.test`, made for this simulation; it protects nothing.
const CERTIFICATE: &[u8] = include_bytes!("identity/certificate.der");
const KEY: &[u8] = include_bytes!("identity/key.der");

static ACCEPTOR: LazyLock<TlsAcceptor> = LazyLock::new(|| {
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider supports TLS 1.2 and 1.3")
        .with_no_client_auth()
        .with_single_cert(
            vec![CertificateDer::from(CERTIFICATE)],
            PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(KEY)),
        )
        .expect("the built-in certificate belongs to its key");
    TlsAcceptor::from(Arc::new(config))
});

/// Takes up encryption; `None` when the visitor fails at it.
pub(super) async fn accept(wire: Box<dyn Wire>) -> Option<Box<dyn Wire>> {
    let stream = ACCEPTOR.accept(wire).await.ok()?;
    Some(Box::new(stream))
}
