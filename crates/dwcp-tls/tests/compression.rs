//! Certificate compression (RFC 8879): used in both directions where both sides want it, and no way to make anybody unpack a bomb.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;
mod plain;

use common::{Authority, DEADLINE, Outcome, pair, required, server_dns, talk};
use dwcp_base::{Blame, Coded};
use dwcp_tls::{CertificateCompression, ClientAuth, ClientSettings, ServerSettings, TlsContext};
use miniz_oxide::deflate::compress_to_vec_zlib;
use plain::Plain;
use rustls::compress::{
    CertCompressor, CertDecompressor, CompressionCache, CompressionFailed, CompressionLevel,
    DecompressionFailed,
};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName};
use rustls::{CertificateCompressionAlgorithm, ServerConfig, version::TLS13};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::AsyncReadExt;

const ZLIB: CertificateCompression = CertificateCompression::Zlib;

/// Unpacks with another entry to the library, and counts.
#[derive(Debug)]
struct Recorder(AtomicUsize);

impl CertDecompressor for Recorder {
    fn decompress(&self, input: &[u8], output: &mut [u8]) -> Result<(), DecompressionFailed> {
        let plain = miniz_oxide::inflate::decompress_to_vec_zlib_with_limit(input, output.len())
            .map_err(|_| DecompressionFailed)?;
        assert!(input.len() < plain.len(), "{} bytes became {}", plain.len(), input.len());
        output.copy_from_slice(&plain);
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    fn algorithm(&self) -> CertificateCompressionAlgorithm {
        CertificateCompressionAlgorithm::Zlib
    }
}

#[tokio::test]
async fn chains_are_packed_for_those_who_offer_it_and_for_nobody_else() {
    static RECORDER: Recorder = Recorder(AtomicUsize::new(0));
    let node = Authority::new("packed").node("server");
    let server = |compression| {
        let settings = ServerSettings::new(ClientAuth::Optional);
        node.server(settings.with_certificate_compression(compression)).unwrap()
    };
    let own = node.store().current().credential().chain().leaf().der().to_vec();
    for (server, unpacked) in [(server(ZLIB), 3), (server(CertificateCompression::Off), 0)] {
        RECORDER.0.store(0, Ordering::SeqCst);
        for _ in 0..3 {
            let (mut config, noted) = Plain::asking("server.mesh").config();
            config.cert_decompressors = vec![&RECORDER];
            let (near, far) = tokio::io::duplex(64 * 1024);
            let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
            let name = ServerName::try_from("server.mesh").unwrap();
            let (near, far) = tokio::join!(server.accept(near, DEADLINE), connector.connect(name, far));
            assert!(near.is_ok() && far.is_ok());
            assert_eq!(noted.0.lock().unwrap().0, own);
        }
        assert_eq!(RECORDER.0.load(Ordering::SeqCst), unpacked);
        assert_eq!(Plain::asking("server.mesh").shown(&server).await, own, "who does not offer it");
    }
}

#[tokio::test]
async fn two_sides_of_ours_know_each_other_through_packed_chains() {
    let authority = Authority::new("both");
    let packed = authority.node("server").server(required().with_certificate_compression(ZLIB)).unwrap();
    let plain = authority.node("server").server(required()).unwrap();
    let settings = ClientSettings::new().with_certificate_compression(ZLIB);
    let client = authority.node("client").client(settings).unwrap();
    for server in [&packed, &plain] {
        client.forget(&server_dns());
        let (near, far) = talk(server, &client, &server_dns()).await;
        assert_eq!(near.peer().label(), "spiffe://mesh/client");
        assert_eq!(far.peer().label(), "spiffe://mesh/server");
    }
}

/// Packs something else than it is given.
#[derive(Debug)]
struct Liar(fn(Vec<u8>) -> Vec<u8>);

impl CertCompressor for Liar {
    fn compress(&self, input: Vec<u8>, _level: CompressionLevel) -> Result<Vec<u8>, CompressionFailed> {
        Ok((self.0)(input))
    }

    fn algorithm(&self) -> CertificateCompressionAlgorithm {
        CertificateCompressionAlgorithm::Zlib
    }
}

static HONEST: Liar = Liar(|plain| compress_to_vec_zlib(&plain, 9));
static BOMB: Liar = Liar(|_| compress_to_vec_zlib(&vec![0; 8 << 20], 9));
static LONGER: Liar = Liar(|plain| compress_to_vec_zlib(&[&plain[..], &[0]].concat(), 9));
static SHORTER: Liar = Liar(|plain| compress_to_vec_zlib(&plain[..plain.len() - 1], 9));
static FOLLOWED: Liar = Liar(|plain| [compress_to_vec_zlib(&plain, 9), vec![0]].concat());
static GARBAGE: Liar = Liar(|_| vec![0x78, 0x9c, 0xff, 0xff, 0xff]);

/// A certificate of nobody's, so many times, with its key.
fn chain(copies: usize) -> (Vec<CertificateDer<'static>>, PrivatePkcs8KeyDer<'static>) {
    let made = rcgen::generate_simple_self_signed(vec!["stranger.example".to_owned()]).unwrap();
    (vec![made.cert.der().clone(); copies], PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()))
}

/// A client with a chain of `copies` certificates, packed by `liar`; what the server says, and what the client hears.
async fn stranger(server: &TlsContext, copies: usize, liar: &'static Liar) -> (Outcome, String) {
    let (plain, _) = Plain::asking("server.mesh").config();
    let (chain, key) = chain(copies);
    let signing = rustls::crypto::ring::sign::any_ecdsa_type(&key.into()).unwrap();
    let certified = rustls::sign::CertifiedKey::new(chain, signing);
    let mut config = plain;
    config.client_auth_cert_resolver = Arc::new(rustls::sign::SingleCertAndKey::from(certified));
    config.cert_compressors = vec![liar];
    config.cert_compression_cache = Arc::new(CompressionCache::Disabled);
    let (near, far) = tokio::io::duplex(64 * 1024);
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let name = ServerName::try_from("server.mesh").unwrap();
    tokio::join!(server.accept(near, DEADLINE), async {
        match connector.connect(name, far).await {
            Ok(mut stream) => stream.read_to_end(&mut Vec::new()).await.unwrap_err().to_string(),
            Err(error) => error.to_string(),
        }
    })
}

#[tokio::test]
async fn at_t8_a_clients_bomb_is_refused_before_it_is_unpacked() {
    let authority = Authority::new("bombs");
    let server = authority.node("server").server(required().with_certificate_compression(ZLIB)).unwrap();
    // Read as it is meant, and judged as any other.
    let (near, told) = stranger(&server, 1, &HONEST).await;
    assert_eq!(near.unwrap_err().code(), "tls.certificate.unknown_issuer");
    assert!(told.contains("UnknownCA"), "{told}");
    for (copies, liar) in [
        (1, &BOMB),
        (1, &LONGER),
        (1, &SHORTER),
        (1, &FOLLOWED),
        (1, &GARBAGE),
        // Honest, and a few hundred bytes on the wire: 40 KiB of certificates, and more than the engine takes.
        (100, &HONEST),
        (250, &HONEST),
    ] {
        let (near, told) = stranger(&server, copies, liar).await;
        let error = near.unwrap_err();
        assert_eq!((error.code(), error.blame()), ("tls.protocol.violated", Blame::Peer), "{error:?}");
        assert!(told.contains("BadCertificate"), "{copies} certificates: {told}");
    }
    let (plain, _client) = pair();
    let (near, _told) = stranger(&plain, 1, &BOMB).await;
    assert_eq!(
        near.unwrap_err().code(),
        "tls.certificate.unknown_issuer",
        "off is off: it is not even offered"
    );
}

#[tokio::test]
async fn at_t8_a_servers_bomb_is_refused_as_well() {
    let authority = Authority::new("hostile servers");
    let settings = ClientSettings::new().with_certificate_compression(ZLIB);
    let client = authority.node("client").client(settings).unwrap();
    for (copies, liar, code) in [
        (1, &HONEST, "tls.certificate.unknown_issuer"),
        (1, &BOMB, "tls.protocol.violated"),
        (100, &HONEST, "tls.protocol.violated"),
        (250, &HONEST, "tls.protocol.violated"),
    ] {
        let (chain, key) = chain(copies);
        let provider = dwcp_tls::TlsPolicy::new().crypto_provider();
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&TLS13])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key.into())
            .unwrap();
        config.cert_compressors = vec![liar];
        config.cert_compression_cache = Arc::new(CompressionCache::Disabled);
        let (near, far) = tokio::io::duplex(64 * 1024);
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
        let expected = server_dns();
        let (_near, far) = tokio::join!(acceptor.accept(near), client.connect(far, &expected, DEADLINE));
        assert_eq!(far.unwrap_err().code(), code, "{copies}");
        client.forget(&expected);
    }
}
