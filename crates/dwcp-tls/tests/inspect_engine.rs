//! What is read in a ClientHello is what the engine reads in it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::raw::hello;
use common::{DEADLINE, pair, server_dns, talk};
use dwcp_tls::inspect::{HelloAssembler, Progress};
use dwcp_tls::{ClientHello, Group, Resumption, TlsRecord};
use rustls::crypto::ring::{cipher_suite, default_provider, kx_group};
use rustls::pki_types::ServerName;
use rustls::server::Acceptor;
use rustls::{ClientConfig, ClientConnection, RootCertStore};
use std::sync::Arc;
use tokio::io::AsyncReadExt;

/// The first flight of a client of the engine.
fn offer(suites: usize, groups: usize, alpn: &[&str], name: &str) -> Vec<u8> {
    let mut provider = default_provider();
    provider.cipher_suites = vec![
        cipher_suite::TLS13_CHACHA20_POLY1305_SHA256,
        cipher_suite::TLS13_AES_128_GCM_SHA256,
        cipher_suite::TLS13_AES_256_GCM_SHA384,
    ];
    provider.cipher_suites.rotate_left(suites);
    provider.cipher_suites.truncate(1 + suites);
    provider.kx_groups = vec![kx_group::SECP384R1, kx_group::X25519, kx_group::SECP256R1];
    provider.kx_groups.rotate_left(groups);
    provider.kx_groups.truncate(1 + groups);
    let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let mut client = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut bytes = Vec::new();
    while client.wants_write() {
        client.write_tls(&mut bytes).unwrap();
    }
    bytes
}

/// Compares all that both can tell.
fn compare(bytes: &[u8]) {
    let mut acceptor = Acceptor::default();
    acceptor.read_tls(&mut &bytes[..]).unwrap();
    let accepted = acceptor.accept().map_err(|(error, _)| error).unwrap().unwrap();
    let theirs = accepted.client_hello();
    let mut assembler = HelloAssembler::new();
    assert_eq!(assembler.push(bytes), Ok(Progress::Whole { taken: bytes.len() }));
    let ours = assembler.hello().unwrap();

    assert_eq!(ours.server_name(), theirs.server_name());
    let alpn = theirs.alpn().map(Iterator::collect::<Vec<_>>).unwrap_or_default();
    assert_eq!(ours.alpn().collect::<Vec<_>>(), alpn);
    let suites: Vec<u16> = theirs.cipher_suites().iter().map(|suite| u16::from(*suite)).collect();
    assert_eq!(ours.cipher_suites().map(|suite| suite.code_point()).collect::<Vec<_>>(), suites);
    let groups: Vec<u16> = theirs.named_groups().unwrap().iter().map(|group| u16::from(*group)).collect();
    assert_eq!(ours.supported_groups().map(|group| group.code_point()).collect::<Vec<_>>(), groups);
    let schemes: Vec<u16> = theirs.signature_schemes().iter().map(|scheme| u16::from(*scheme)).collect();
    let read = ours.signature_algorithms().unwrap().map(|scheme| scheme.code_point());
    assert_eq!(read.collect::<Vec<_>>(), schemes);
    assert!(ours.offers_tls13() && ours.weaknesses().is_empty(), "{ours:?}");
}

#[test]
fn the_engine_and_the_inspection_agree_on_hellos_of_the_engine() {
    for suites in 0..3 {
        for groups in 0..3 {
            for alpn in [&[][..], &["h2"], &["dwcp/1", "http/1.1", "h2"]] {
                for name in ["server.mesh", "xn--bcher-kva.example", "192.0.2.7"] {
                    compare(&offer(suites, groups, alpn, name));
                }
            }
        }
    }
}

#[tokio::test]
async fn our_own_offer_is_read_in_full() {
    let (_server, client) = pair();
    let bytes = hello(&client).await;
    compare(&bytes);
    let (record, _) = TlsRecord::parse(&bytes).unwrap().unwrap();
    let ours = ClientHello::parse(record.payload()).unwrap();
    assert_eq!(ours.supported_groups().filter_map(|group| group.known()).collect::<Vec<_>>(), Group::ALL);
    let shares: Vec<_> = ours.key_share_groups().filter_map(|group| group.known()).collect();
    assert_eq!(shares, [Group::X25519MlKem768, Group::X25519], "no second round trip for classic peers");
    assert_eq!(
        (ours.psk_modes(), ours.early_data()),
        (&[1][..], false),
        "never without a fresh key exchange"
    );
}

#[tokio::test]
async fn a_session_remembers_what_its_clients_hello_told() {
    let (server, client) = pair();
    // The first is a full handshake, the second a resumption, whose offer has a ticket in it.
    let mut seen = Vec::new();
    for _ in 0..2 {
        let (near, _far) = talk(&server, &client, &server_dns()).await;
        let inspected = near.client_hello().unwrap().inspected().unwrap();
        assert!(inspected.weaknesses.is_empty(), "{}", inspected.weaknesses);
        seen.push((near.facts().resumed, inspected.ja4.as_str().get(..10).unwrap().to_owned()));
    }
    let full = ClientHello::parse(&hello(&client).await[5..]).map(|hello| hello.ja4());
    assert_eq!(seen[0].0, Resumption::Full);
    assert_eq!(seen[1].0, Resumption::Resumed);
    assert_ne!(seen[0].1, seen[1].1, "pre_shared_key is one extension more");
    assert_eq!(full.unwrap().as_str().get(..10), Some(seen[1].1.as_str()), "this client has tickets left");
}

#[tokio::test]
async fn at_t2_a_hello_in_crumbs_is_looked_at_as_the_engine_reads_it() {
    let (server, client) = pair();
    let (near, far) = tokio::io::duplex(7);
    let name = server_dns();
    // The client reads on, or the server's tickets would fill so narrow a pipe for good.
    let reading = async {
        let mut session = client.connect(far, &name, DEADLINE).await.unwrap();
        let _ = session.read_to_end(&mut Vec::new()).await;
    };
    let accepting =
        async { server.accept(near, DEADLINE).await.unwrap().client_hello().unwrap().inspected() };
    let (inspected, ()) = tokio::join!(accepting, reading);
    assert!(inspected.unwrap().weaknesses.is_empty());
}
