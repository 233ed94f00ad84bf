//! TLS without authentication: it encrypts the connection, but does not check whose certificate the host shows.

use std::net::IpAddr;
use std::sync::{Arc, LazyLock};

use tokio_rustls::rustls::client::Resumption;
use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme};

use crate::model::limits;

/// The configuration of every STARTTLS of ours. No server name is sent: mail hosts are found by MX, not by SNI.
///
/// What a machine hands out to take an earlier session up again (RFC 8446 §2.2, RFC 5077) is kept under its address: the
/// next connection then costs it no signature, over TLS 1.2 one exchange less.
pub static CLIENT: LazyLock<Arc<ClientConfig>> = LazyLock::new(|| {
    let provider = Arc::new(ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .expect("the provider supports TLS 1.2 and 1.3")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyCertificate(provider)))
        .with_no_client_auth();
    config.enable_sni = false;
    config.resumption = Resumption::in_memory_sessions(limits::TLS_MACHINES * TICKETS);
    Arc::new(config)
});

/// How many tickets of one machine rustls keeps.
const TICKETS: usize = 8;

/// Under which name the sessions of a machine are kept; where that is not known, of nobody else's.
pub fn name_of(machine: Option<IpAddr>) -> ServerName<'static> {
    match machine {
        Some(address) => ServerName::IpAddress(address.into()),
        None => ServerName::try_from("mail.invalid").expect("a fixed host name"),
    }
}

/// Accepts whatever certificate a host shows, as mail hosts do among themselves (RFC 7435 §3).
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
