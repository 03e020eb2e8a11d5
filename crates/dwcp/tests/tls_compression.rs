//! Certificate compression: off unless the configuration asks for it, then in both directions.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use dwcp_base::SystemClock;
use dwcp_channel::NODE_ALPN;
use dwcp_pki::{Certificate, CertificateStore, Credential, RevocationMode, SubjectName, TrustStore};
use dwcp_tls::inspect::HelloAssembler;
use dwcp_tls::{CertificateCompression, ClientSettings, ExpectedServer, Tickets, TlsManager, TlsPolicy};
use std::fs;
use std::io::Read;
use std::net::{SocketAddr, TcpListener, TcpStream};

use std::path::Path;
use std::sync::Arc;
use support::{PATIENCE, Place, eventually, free_port, ok};
use tokio::io::{copy_bidirectional, duplex};

/// RFC 8879 §7.1.
const COMPRESS_CERTIFICATE: u16 = 27;

/// Whether the ClientHello of a dialer offers to take a compressed chain.
fn offers(remote: &TcpListener, dialer: SocketAddr) -> bool {
    let _plain = TcpStream::connect(dialer).unwrap();
    let (mut dialed, _) = remote.accept().unwrap();
    dialed.set_read_timeout(Some(PATIENCE)).unwrap();
    let (mut hello, mut bytes) = (HelloAssembler::new(), [0; 4_096]);
    while hello.message().is_none() {
        let count = dialed.read(&mut bytes).unwrap();
        assert_ne!(count, 0);
        hello.push(&bytes[..count]).unwrap();
    }
    let hello = hello.hello().unwrap();
    hello.extensions().any(|extension| extension.code.code_point() == COMPRESS_CERTIFICATE)
}

#[test]
fn a_dialer_offers_compression_where_the_configuration_asks_for_it() {
    let place = Place::new();
    let remote = TcpListener::bind("127.0.0.1:0").unwrap();
    let dialer = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let to = remote.local_addr().unwrap();
    place.edit(
        "  dialers: []",
        &format!("  dialers:\n    - {{name: out, listen: '{dialer}', remote: '{to}'}}"),
    );
    let node = place.up();
    assert!(!offers(&remote, dialer));
    place.edit("    pq: prefer ", "    certificate_compression: true\n    pq: prefer ");
    node.signal("HUP");
    eventually(PATIENCE, "the reload is in force", || offers(&remote, dialer));
}

/// How many bytes the listener sends to a client that takes compressed chains, until its handshake is done and it hangs up.
fn received(place: &Place, who: &str, name: &str) -> u64 {
    let roots = Certificate::bundle_from_pem(&fs::read(place.node("ca/ca.crt")).unwrap()).unwrap();
    let roots = roots.iter().map(|root| root.certificate_der().clone()).collect();
    let trust = TrustStore::new(roots, Vec::new(), RevocationMode::Off).unwrap();
    let (cert, key) = (format!("{who}.crt"), format!("{who}.key"));
    let credential = Credential::load(Path::new(&cert), Path::new(&key)).unwrap();
    let store = Arc::new(CertificateStore::new(credential, trust).unwrap());
    let manager = TlsManager::new(store, TlsPolicy::default(), Arc::new(SystemClock::new())).unwrap();
    let settings = ClientSettings::new()
        .with_alpn([NODE_ALPN])
        .with_tickets(Tickets::Off)
        .with_certificate_compression(CertificateCompression::Zlib);
    let client = manager.client(settings).unwrap();
    let server = ExpectedServer::name(SubjectName::dns(name).unwrap()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut socket = tokio::net::TcpStream::connect(place.listen).await.unwrap();
        let (near, mut far) = duplex(1 << 16);
        let carrying = tokio::spawn(async move { copy_bidirectional(&mut far, &mut socket).await });
        let mut session = client.connect(near, &server, PATIENCE).await.unwrap();
        tokio::io::AsyncWriteExt::shutdown(&mut session).await.unwrap();
        // To the end, so that both ways end in order and are counted whole.
        let _ = tokio::io::AsyncReadExt::read_to_end(&mut session, &mut Vec::new()).await;
        drop(session);
        carrying.await.unwrap().unwrap().1
    })
}

#[test]
fn a_listener_packs_its_chain_for_clients_that_unpack_it() {
    let place = Place::new();
    support::echo(place.target);
    let (who, ca, out) = (place.issue("b"), place.node("ca"), place.node("many"));
    let sans: Vec<String> =
        (0..40).map(|n| format!("DNS:service-{n}.one-long-name-for-many.example")).collect();
    let mut issue = vec!["cert", "issue", "--ca", &ca, "--out", &out];
    sans.iter().for_each(|san| issue.extend(["--san", san]));
    ok(&issue);
    place.edit(
        "    pq: prefer ",
        "    certificates: [{cert_file: many.crt, key_file: many.key}]\n    tickets: false\n    pq: prefer ",
    );
    let node = place.up();
    let name = "service-7.one-long-name-for-many.example";
    let plain = received(&place, &who, name);
    place.edit("    pq: prefer ", "    certificate_compression: true\n    pq: prefer ");
    node.signal("HUP");
    eventually(PATIENCE, "the chain is packed", || received(&place, &who, name) + 1_000 < plain);
}
