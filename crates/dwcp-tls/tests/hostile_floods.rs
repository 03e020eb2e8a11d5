//! AT-T7, AT-T8, AT-T12: peers that send without end, or never read; and what a stranger makes us send.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::gullible::Gullible;
use common::raw::{everything, facing, hello, record};
use common::{Authority, DEADLINE, Leaf, pair, required, server_dns, talk};
use dwcp_base::Coded;
use dwcp_tls::{LARGEST_CLIENT_FLIGHT, TlsError, TlsPolicy};
use rustls::ClientConfig;
use rustls::pki_types::{PrivatePkcs8KeyDer, ServerName};
use rustls::version::TLS13;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::time::timeout;

/// A client that shows `count` certificates, its own first, and how the server takes it.
async fn shown(authority: &Authority, count: usize) -> TlsError {
    let own = authority.issue(&Leaf::named("client"));
    let chain = own.chain().ders().into_iter().cycle().take(count).collect();
    let key = PrivatePkcs8KeyDer::from(own.key().pkcs8().expose().to_vec());
    let config = ClientConfig::builder_with_provider(TlsPolicy::new().crypto_provider())
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Gullible))
        .with_client_auth_cert(chain, key.into())
        .unwrap();
    let server = authority.node("server").server(required()).unwrap();
    let (near, far) = tokio::io::duplex(64 * 1024);
    let accepting = tokio::spawn(async move { server.accept(near, DEADLINE).await });
    let client = tokio_rustls::TlsConnector::from(Arc::new(config));
    let dialling = client.connect(ServerName::try_from("server.mesh").unwrap(), far);
    // Its own handshake is done before ours is.
    if let Ok(stream) = timeout(DEADLINE, dialling).await.unwrap() {
        let mut raw: DuplexStream = stream.into_inner().0;
        // Whatever it is told.
        let _ = timeout(DEADLINE, raw.read(&mut [0; 4096])).await;
    }
    accepting.await.unwrap().unwrap_err()
}

#[tokio::test]
async fn at_t8_chains_of_17_255_and_20_000_certificates_are_refused_within_the_bound() {
    let authority = Authority::new("many");
    for (count, codes) in [
        // Refused unread by the trust, which reads sixteen; or by the bound on bytes, whichever comes first.
        (17, &["tls.certificate.malformed"][..]),
        (255, &["tls.handshake.oversized"]),
        // 16 MiB, the most that a length of three bytes can announce, is refused as soon as the engine or the bound sees it.
        (20_000, &["tls.handshake.oversized", "tls.protocol.violated"]),
    ] {
        let error = shown(&authority, count).await;
        assert!(codes.contains(&error.code()), "{count}: {error:?}");
        if let TlsError::Oversized { limit } = error {
            assert!(limit <= LARGEST_CLIENT_FLIGHT + 4096, "{count}: {limit}");
        }
    }
}

#[tokio::test]
async fn at_t7_floods_in_the_clear_behind_the_handshake_end_the_session_at_once() {
    let (server, client) = pair();
    for flood in
        [record(20, &[1]), record(21, &[1, 90]), record(23, &[]), record(22, &[]), record(23, &[0x5a; 1])]
    {
        let (mut near, far) = talk(&server, &client, &server_dns()).await;
        let mut raw = far.into_transport();
        let mut sent = 0;
        let flooding = async {
            while sent < 1 << 20 && raw.write_all(&flood).await.is_ok() {
                sent += flood.len();
            }
        };
        let mut heard = [0; 64];
        let error = tokio::select! {
            error = near.read(&mut heard) => error.unwrap_err(),
            () = flooding => panic!("a megabyte was taken of {flood:02x?}"),
        };
        assert_eq!(TlsError::from_stream(error).code(), "tls.protocol.violated", "{flood:02x?}");
        assert!(sent <= 128 * 1024, "{sent} bytes of {flood:02x?}, nearly all of them in the pipe");
    }
}

#[tokio::test]
async fn at_t12_a_peer_that_never_reads_is_held_to_64_kib() {
    let (server, client) = pair();
    let (mut near, far) = talk(&server, &client, &server_dns()).await;
    let (chunk, mut taken) = ([0; 1024], 0);
    while let Ok(written) = timeout(Duration::from_millis(50), near.write(&chunk)).await {
        taken += written.unwrap();
    }
    // The pipe holds 64 KiB and the session another 64, with room for a record that straddles.
    assert!(
        (64 * 1024..=(64 + 64 + 17) * 1024).contains(&taken),
        "{taken} bytes were taken that nobody reads"
    );
    drop(far);
}

#[tokio::test]
async fn a_stranger_is_sent_little_more_than_it_sent() {
    // TCP proves the address before a byte is sent, so this is about work and not about others' addresses.
    let (server, client) = pair();
    let hello = hello(&client).await;
    let (accepting, mut raw) = facing(server.clone(), Duration::from_millis(200));
    raw.write_all(&hello).await.unwrap();
    let answer = everything(raw).await.len();
    assert!(accepting.await.unwrap().is_err());
    println!("{} bytes of hello were answered with {answer}", hello.len());
    assert!(answer <= 3 * hello.len(), "{answer} bytes for {}", hello.len());
    // Nothing is sent before the hello is whole, and seven bytes of alert to what is none.
    let (accepting, mut raw) = facing(server.clone(), Duration::from_millis(200));
    raw.write_all(&hello[..hello.len() - 1]).await.unwrap();
    assert_eq!(everything(raw).await, b"");
    assert!(accepting.await.unwrap().is_err());
    let (accepting, mut raw) = facing(server, DEADLINE);
    raw.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    raw.shutdown().await.unwrap();
    assert!(everything(raw).await.len() <= 7);
    assert!(accepting.await.unwrap().is_err());
}
