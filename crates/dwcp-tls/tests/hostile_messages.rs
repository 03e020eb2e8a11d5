//! AT-T11: what TLS 1.3 has no room for after the handshake, sent under the right keys by a peer that has them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::raw::{hello, record};
use common::{Authority, DEADLINE, Leaf, server_dns};
use dwcp_base::Coded;
use dwcp_pki::Credential;
use dwcp_tls::{
    CipherSuite, ClientAuth, ClientIdentity, ClientSettings, ServerSettings, TlsConnector, TlsContext,
    TlsError, TlsPolicy, TlsSession,
};
use rustls::crypto::cipher::{
    AeadKey, InboundOpaqueMessage, Iv, OutboundChunks, OutboundPlainMessage, Tls13AeadAlgorithm,
};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName};
use rustls::version::TLS13;
use rustls::{
    ClientConfig, ConnectionTrafficSecrets, ContentType, ExtractedSecrets, ProtocolVersion, RootCertStore,
    ServerConfig,
};
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

/// A peer that went through an honest handshake and writes its own records from then on.
struct Traitor {
    io: DuplexStream,
    secrets: ExtractedSecrets,
}

impl Traitor {
    /// Sends `message` as a handshake message in a sealed record.
    async fn send(&mut self, message: &[u8]) {
        let (sequence, secrets) = &mut self.secrets.tx;
        let (key, iv) = parts(secrets);
        let plain = OutboundPlainMessage {
            typ: ContentType::Handshake,
            version: ProtocolVersion::TLSv1_2,
            payload: OutboundChunks::Single(message),
        };
        let sealed = aead().encrypter(key, iv).encrypt(plain, *sequence).unwrap().encode();
        *sequence += 1;
        self.io.write_all(&sealed).await.unwrap();
    }

    /// The alert that ends what the other side sends.
    async fn alert(mut self) -> Vec<u8> {
        let (mut sequence, secrets) = self.secrets.rx;
        loop {
            let mut header = [0; 5];
            self.io.read_exact(&mut header).await.expect("an alert comes before the end");
            let mut body = vec![0; usize::from(u16::from_be_bytes([header[3], header[4]]))];
            self.io.read_exact(&mut body).await.unwrap();
            let (key, iv) = parts(&secrets);
            let sealed =
                InboundOpaqueMessage::new(ContentType::ApplicationData, ProtocolVersion::TLSv1_2, &mut body);
            let opened = aead().decrypter(key, iv).decrypt(sealed, sequence).unwrap();
            sequence += 1;
            // Tickets that were on their way come first.
            if opened.typ == ContentType::Alert {
                return opened.payload.to_vec();
            }
        }
    }
}

fn aead() -> &'static dyn Tls13AeadAlgorithm {
    let provider = policy().crypto_provider();
    provider.cipher_suites[0].tls13().unwrap().aead_alg
}

fn parts(secrets: &ConnectionTrafficSecrets) -> (AeadKey, Iv) {
    let ConnectionTrafficSecrets::Chacha20Poly1305 { key, iv } = secrets else {
        panic!("the one suite on offer is another");
    };
    let key: [u8; 32] = key.as_ref().try_into().unwrap();
    let iv: [u8; 12] = iv.as_ref().try_into().unwrap();
    (AeadKey::from(key), Iv::from(iv))
}

/// One suite, so that both ends and the record layer of the traitor use it.
fn policy() -> TlsPolicy {
    TlsPolicy::new().with_suites(&[CipherSuite::ChaCha20Poly1305Sha256]).unwrap()
}

/// A server of ours with its session, and the client that turned on it.
async fn betrayed_server(authority: &Authority) -> (TlsSession<DuplexStream>, Traitor) {
    let server: TlsContext =
        authority.node("server").server(ServerSettings::new(ClientAuth::Optional)).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(authority.certificate.certificate_der().clone()).unwrap();
    let mut config = ClientConfig::builder_with_provider(policy().crypto_provider())
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.enable_secret_extraction = true;
    config.time_provider = Arc::new(Then);
    let (near, far) = tokio::io::duplex(64 * 1024);
    let name = ServerName::try_from("server.mesh").unwrap();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let (session, stream) = tokio::join!(server.accept(near, DEADLINE), connector.connect(name, far));
    let (io, connection) = stream.unwrap().into_inner();
    (session.unwrap(), Traitor { io, secrets: connection.dangerous_extract_secrets().unwrap() })
}

/// A client of ours with its session, and the server that turned on it.
async fn betrayed_client(authority: &Authority) -> (TlsSession<DuplexStream>, Traitor) {
    let settings = ClientSettings::new().with_identity(ClientIdentity::Credential);
    let client: TlsConnector = authority.node("client").client(settings).unwrap();
    let own: Credential = authority.issue(&Leaf::named("server"));
    let chain: Vec<CertificateDer<'static>> = own.chain().ders();
    let key = PrivatePkcs8KeyDer::from(own.key().pkcs8().expose().to_vec());
    let mut config = ServerConfig::builder_with_provider(policy().crypto_provider())
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key.into())
        .unwrap();
    config.enable_secret_extraction = true;
    let (near, far) = tokio::io::duplex(64 * 1024);
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let expected = server_dns();
    let (session, stream) = tokio::join!(client.connect(near, &expected, DEADLINE), acceptor.accept(far));
    let (io, connection) = stream.unwrap().into_inner();
    (session.unwrap(), Traitor { io, secrets: connection.dangerous_extract_secrets().unwrap() })
}

/// The clock of the test authority, for the engine's own verifier.
#[derive(Debug)]
struct Then;

impl rustls::time_provider::TimeProvider for Then {
    fn current_time(&self) -> Option<rustls::pki_types::UnixTime> {
        let seconds = u64::try_from(common::now().secs()).ok()?;
        Some(rustls::pki_types::UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds)))
    }
}

/// Reads until it fails; not one byte of data may come of it.
async fn ends(mut session: TlsSession<DuplexStream>, what: &str) -> TlsError {
    match session.read(&mut [0; 64]).await {
        Ok(read) => panic!("{what}: {read} bytes were read"),
        Err(error) => TlsError::from_stream(error),
    }
}

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap().to_be_bytes();
    [&[kind], &length[1..], body].concat()
}

/// RFC 9846 §4.6.2: a context, and the extension of signature schemes with one scheme in it.
fn certificate_request() -> Vec<u8> {
    message(13, &[1, 0x5a, 0, 8, 0, 13, 0, 4, 0, 2, 4, 3])
}

const UNEXPECTED_MESSAGE: [u8; 2] = [2, 10];

#[tokio::test]
async fn at_t11_a_client_can_neither_renegotiate_nor_bring_a_certificate_later() {
    let authority = Authority::new("late client");
    let another_hello = hello(&authority.node("client").client(ClientSettings::new()).unwrap()).await;
    let certificate = message(11, &[&[1, 0x5a][..], &[0, 0, 0]].concat());
    for (what, message) in [
        ("ClientHello", &another_hello[5..]),
        ("Certificate", &certificate),
        ("CertificateVerify", &message(15, &[4, 3, 0, 2, 0x30, 0])),
        ("Finished", &message(20, &[7; 32])),
        ("CertificateRequest", &certificate_request()),
        ("HelloRequest", &message(0, &[])),
        ("EndOfEarlyData", &message(5, &[])),
    ] {
        let (session, mut traitor) = betrayed_server(&authority).await;
        traitor.send(message).await;
        assert_eq!(ends(session, what).await.code(), "tls.protocol.violated", "{what}");
        assert_eq!(traitor.alert().await, UNEXPECTED_MESSAGE, "{what}");
    }
}

#[tokio::test]
async fn at_t11_a_server_can_not_ask_for_a_certificate_later_nor_for_another_handshake() {
    let authority = Authority::new("late server");
    for (what, message) in [
        ("CertificateRequest", certificate_request()),
        ("HelloRequest", message(0, &[])),
        ("ServerHello", message(2, &[3; 40])),
        ("Certificate", message(11, &[0, 0, 0, 0])),
    ] {
        let (session, mut traitor) = betrayed_client(&authority).await;
        traitor.send(&message).await;
        assert_eq!(ends(session, what).await.code(), "tls.protocol.violated", "{what}");
        let alert = traitor.alert().await;
        // What can not even be read is told so: decode_error or illegal_parameter.
        assert!(alert == UNEXPECTED_MESSAGE || matches!(alert[..], [2, 50 | 47]), "{what}: {alert:?}");
    }
}

#[tokio::test]
async fn at_t11_a_hello_in_the_clear_after_the_handshake_ends_the_session() {
    let authority = Authority::new("in the clear");
    let another_hello = hello(&authority.node("client").client(ClientSettings::new()).unwrap()).await;
    for bytes in [another_hello, record(22, &message(0, &[])), record(20, &[1])] {
        let (session, mut traitor) = betrayed_server(&authority).await;
        traitor.io.write_all(&bytes).await.unwrap();
        let error = ends(session, "in the clear").await;
        assert_eq!(error.code(), "tls.protocol.violated", "{error:?}");
    }
}

#[tokio::test]
async fn the_traitor_is_an_honest_peer_until_it_is_not() {
    // Without this, the tests above could pass because nothing it seals opens.
    let authority = Authority::new("honest");
    let (mut session, mut traitor) = betrayed_server(&authority).await;
    traitor.send(&message(24, &[0])).await;
    let word = async { session.write_all(b"word").await.unwrap() };
    word.await;
    session.shutdown().await.unwrap();
    assert_eq!(traitor.alert().await, [1, 0], "KeyUpdate is welcome: the session ends as we end it");
}
