//! Key shares of the wrong form, and certificates without their keys.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::raw::{everything, facing, hello};
use common::{Authority, DEADLINE, Leaf, clock, manager, now, required};
use dwcp_base::Coded;
use dwcp_pki::Credential;
use dwcp_tls::{ClientSettings, Group, Resumption, TlsError, TlsPolicy};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const SOON: Duration = Duration::from_millis(300);

/// Makes the first key share `by` bytes longer or shorter, with every length around it put right.
fn resized(hello: &[u8], by: i32) -> Vec<u8> {
    let header = [0x11, 0xec, 0x04, 0xc0];
    let at = hello.windows(4).position(|bytes| bytes == header).expect("a hybrid share");
    let end = at + 4 + 1216;
    let mut altered = hello.to_vec();
    if by < 0 {
        altered.drain(end - by.unsigned_abs() as usize..end);
    } else {
        altered.splice(end..end, std::iter::repeat_n(0, by.unsigned_abs() as usize));
    }
    // Record, extensions, key_share extension, list of shares, share; the handshake length has three bytes.
    let extensions = 5 + 4 + 2 + 32;
    let session = extensions + 1 + usize::from(hello[extensions]);
    let suites = session + 2 + usize::from(u16::from_be_bytes([hello[session], hello[session + 1]]));
    let extensions = suites + 1 + usize::from(hello[suites]);
    for two_bytes in [3, 7, extensions, at - 4, at - 2, at + 2] {
        let length = i32::from(u16::from_be_bytes([hello[two_bytes], hello[two_bytes + 1]])) + by;
        altered[two_bytes..two_bytes + 2].copy_from_slice(&u16::try_from(length).unwrap().to_be_bytes());
    }
    altered
}

#[tokio::test]
async fn at_t16_a_hybrid_share_of_the_wrong_length_is_an_illegal_parameter() {
    let authority = Authority::new("lengths");
    let server = authority.node("server").server(required()).unwrap();
    let hybrid = TlsPolicy::new().with_groups(&[Group::X25519MlKem768]).unwrap();
    let store = authority.store(&Leaf::named("client"));
    let client = manager(store, hybrid, &clock()).client(ClientSettings::new()).unwrap();
    let hello = hello(&client).await;
    for by in [-1216 + 32, -32, -1, 1, 32] {
        let (accepting, mut raw) = facing(server.clone(), DEADLINE);
        raw.write_all(&resized(&hello, by)).await.unwrap();
        raw.shutdown().await.unwrap();
        let error = accepting.await.unwrap().unwrap_err();
        assert_eq!(error.code(), "tls.protocol.violated", "{by}");
        assert_eq!(everything(raw).await, [21, 3, 3, 0, 2, 2, 47], "illegal_parameter for {by}");
    }
    let (accepting, mut raw) = facing(server, SOON);
    raw.write_all(&resized(&hello, 0)).await.unwrap();
    let error = accepting.await.unwrap().unwrap_err();
    assert!(matches!(error, TlsError::Timeout { .. }), "unaltered it is a good hello: {error:?}");
}

/// The time of the tests, for a client that is not ours.
#[derive(Debug)]
struct Noon;

impl rustls::time_provider::TimeProvider for Noon {
    fn current_time(&self) -> Option<rustls::pki_types::UnixTime> {
        let seconds = u64::try_from(now().secs()).unwrap();
        Some(rustls::pki_types::UnixTime::since_unix_epoch(Duration::from_secs(seconds)))
    }
}

/// A client of rustls' own that shows `chain` and signs with `key`.
fn foreign(authority: &Authority, chain: &Credential, key: &[u8]) -> rustls::ClientConfig {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(authority.certificate.certificate_der().clone()).unwrap();
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from(key.to_vec()).into();
    let key = rustls::crypto::ring::sign::any_supported_type(&key).unwrap();
    let shown = rustls::sign::CertifiedKey::new(chain.chain().ders(), key);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    rustls::ClientConfig::builder_with_details(provider, Arc::new(Noon))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(roots)
        .with_client_cert_resolver(Arc::new(rustls::sign::SingleCertAndKey::from(shown)))
}

#[tokio::test]
async fn a_client_with_the_certificate_of_another_does_not_get_in() {
    let authority = Authority::new("stolen");
    let server = authority.node("server").server(required()).unwrap();
    let held = rcgen::KeyPair::generate().unwrap().serialize_der();
    let config = foreign(&authority, &authority.issue(&Leaf::named("client")), &held);
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let (accepting, raw) = facing(server, DEADLINE);
    let dialled = connector.connect("server.mesh".try_into().unwrap(), raw).await;
    let error = accepting.await.unwrap().unwrap_err();
    assert_eq!(error.code(), "tls.certificate.unproven", "{error:?}");
    drop(dialled);
}

#[tokio::test]
async fn at_t5_no_ticket_allows_early_data() {
    let authority = Authority::new("early");
    let server = authority.node("server").server(required()).unwrap();
    let credential = authority.issue(&Leaf::named("client"));
    let mut config = foreign(&authority, &credential, credential.key().pkcs8().expose());
    config.enable_early_data = true;
    let config = Arc::new(config);
    let connector = tokio_rustls::TlsConnector::from(Arc::clone(&config));
    for resumed in [Resumption::Full, Resumption::Resumed] {
        let mut next =
            rustls::ClientConnection::new(Arc::clone(&config), "server.mesh".try_into().unwrap()).unwrap();
        assert!(next.early_data().is_none(), "{resumed}");
        // Building it took a ticket; there are two.
        drop(next);
        let (accepting, raw) = facing(server.clone(), DEADLINE);
        let mut far = connector.connect("server.mesh".try_into().unwrap(), raw).await.unwrap();
        let mut near = accepting.await.unwrap().unwrap();
        near.write_all(b"word").await.unwrap();
        near.flush().await.unwrap();
        far.read_exact(&mut [0; 4]).await.unwrap();
        assert_eq!(near.facts().resumed, resumed);
    }
}
