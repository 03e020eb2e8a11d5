//! A client of the engine alone: it offers what a test wants, believes everybody, and tells what it was shown.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

use crate::common::{DEADLINE, Outcome};
use dwcp_tls::{Group, TlsContext, TlsPolicy};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, HandshakeKind, SignatureScheme, version::TLS13};
use std::io;
use std::sync::{Arc, Mutex};
use tokio::io::DuplexStream;
use tokio_rustls::client::TlsStream;

/// What a client offers.
#[derive(Clone)]
pub struct Plain {
    /// In order; a share is sent for the first alone.
    pub groups: Vec<Group>,
    pub schemes: Vec<SignatureScheme>,
    pub alpn: Vec<&'static str>,
    /// The name it asks for, if it asks for one.
    pub name: Option<&'static str>,
}

impl Plain {
    pub fn asking(name: &'static str) -> Self {
        let schemes = vec![
            SignatureScheme::ECDSA_NISTP256_SHA256,
            SignatureScheme::ECDSA_NISTP384_SHA384,
            SignatureScheme::ED25519,
        ];
        Self { groups: Group::ALL.to_vec(), schemes, alpn: Vec::new(), name: Some(name) }
    }

    pub fn speaking(mut self, alpn: &[&'static str]) -> Self {
        self.alpn = alpn.to_vec();
        self
    }

    pub fn verifying(mut self, schemes: &[SignatureScheme]) -> Self {
        self.schemes = schemes.to_vec();
        self
    }

    pub fn preferring(mut self, groups: &[Group]) -> Self {
        self.groups = groups.to_vec();
        self
    }

    /// A configuration of the engine, and where it notes what it is shown.
    pub fn config(&self) -> (ClientConfig, Arc<Noted>) {
        let all = TlsPolicy::new().crypto_provider();
        let group = |wanted: &Group| {
            *all.kx_groups.iter().find(|group| u16::from(group.name()) == wanted.code_point()).unwrap()
        };
        let kx_groups = self.groups.iter().map(group).collect();
        let provider = Arc::new(CryptoProvider { kx_groups, ..(*all).clone() });
        let noted = Arc::new(Noted::default());
        let verifier = Believer {
            noted: Arc::clone(&noted),
            provider: Arc::clone(&provider),
            schemes: self.schemes.clone(),
        };
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&TLS13])
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth();
        config.alpn_protocols = self.alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        config.enable_sni = self.name.is_some();
        (config, noted)
    }

    /// Shakes hands over a pipe; the server's outcome first.
    pub async fn greet(&self, server: &TlsContext) -> (Outcome, Result<Seen, io::Error>) {
        let (config, noted) = self.config();
        let (near, far) = tokio::io::duplex(64 * 1024);
        let name = ServerName::try_from(self.name.unwrap_or("unasked.invalid")).unwrap();
        let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
        let (near, far) = tokio::join!(server.accept(near, DEADLINE), connector.connect(name, far));
        (near, far.map(|stream| Seen::of(stream, &noted)))
    }

    /// The leaf it is shown, by a server that accepts it.
    pub async fn shown(&self, server: &TlsContext) -> Vec<u8> {
        let (near, far) = self.greet(server).await;
        near.unwrap();
        far.unwrap().leaf
    }
}

/// What a client saw of a server.
pub struct Seen {
    pub leaf: Vec<u8>,
    pub ocsp: Vec<u8>,
    pub alpn: Option<Vec<u8>>,
    pub group: u16,
    pub kind: HandshakeKind,
    pub stream: TlsStream<DuplexStream>,
}

impl Seen {
    fn of(stream: TlsStream<DuplexStream>, noted: &Noted) -> Self {
        let agreed = stream.get_ref().1;
        let (leaf, ocsp) = noted.0.lock().unwrap().clone();
        Self {
            leaf,
            ocsp,
            alpn: agreed.alpn_protocol().map(<[u8]>::to_vec),
            group: u16::from(agreed.negotiated_key_exchange_group().unwrap().name()),
            kind: agreed.handshake_kind().unwrap(),
            stream,
        }
    }
}

/// id-pe-acmeIdentifier in DER.
const ACME_IDENTIFIER: [u8; 10] = [6, 8, 0x2b, 6, 1, 5, 5, 7, 1, 31];

/// Leaf and staple.
#[derive(Debug, Default)]
pub struct Noted(pub Mutex<(Vec<u8>, Vec<u8>)>);

#[derive(Debug)]
struct Believer {
    noted: Arc<Noted>,
    provider: Arc<CryptoProvider>,
    schemes: Vec<SignatureScheme>,
}

impl ServerCertVerifier for Believer {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        *self.noted.0.lock().unwrap() = (end_entity.to_vec(), ocsp_response.to_vec());
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        panic!("TLS 1.2 is not offered")
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        // webpki reads no certificate with a critical acmeIdentifier; who validates a domain looks at it by other means.
        if certificate.windows(ACME_IDENTIFIER.len()).any(|window| window == ACME_IDENTIFIER) {
            return Ok(HandshakeSignatureValid::assertion());
        }
        verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.schemes.clone()
    }
}
