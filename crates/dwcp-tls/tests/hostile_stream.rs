//! A peer that does not keep to the protocol once the session is up.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::raw::record;
use common::{pair, say, server_dns, talk};
use dwcp_base::Coded;
use dwcp_tls::TlsError;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

#[tokio::test]
async fn at_t7_a_flood_of_key_updates_costs_no_answer_each() {
    let (server, client) = pair();
    let (mut near, mut far) = talk(&server, &client, &server_dns()).await;
    for _ in 0..200 {
        far.refresh_keys().unwrap();
        say(&mut far, &mut near, b".").await;
    }
    say(&mut near, &mut far, b"alive").await;
    let mut unread = Vec::new();
    drop(near);
    far.into_transport().read_to_end(&mut unread).await.unwrap();
    assert!(unread.len() < 4096, "{} bytes were sent for 200 updates", unread.len());
}

#[tokio::test]
async fn at_t13_an_end_without_close_notify_is_an_error_to_the_reader() {
    let (server, client) = pair();
    let (mut near, mut far) = talk(&server, &client, &server_dns()).await;
    far.write_all(b"all there is").await.unwrap();
    far.flush().await.unwrap();
    drop(far.into_transport());
    let mut read = Vec::new();
    let error = near.read_to_end(&mut read).await.unwrap_err();
    assert_eq!(read, b"all there is");
    assert_eq!(error.kind(), std::io::ErrorKind::UnexpectedEof);
    assert_eq!(TlsError::from_stream(error).code(), "tls.peer.truncated");

    let (mut near, mut far) = talk(&server, &client, &server_dns()).await;
    far.write_all(b"all there is").await.unwrap();
    far.shutdown().await.unwrap();
    let mut read = Vec::new();
    near.read_to_end(&mut read).await.unwrap();
    assert_eq!(read, b"all there is", "with close_notify the end is the end");
    // The other direction goes on (RFC 9846 §6.1).
    near.write_all(b"half open").await.unwrap();
    near.shutdown().await.unwrap();
    let mut read = Vec::new();
    far.read_to_end(&mut read).await.unwrap();
    assert_eq!(read, b"half open");
}

#[tokio::test]
async fn at_t13_an_altered_record_is_an_error_to_the_reader() {
    let (server, client) = pair();
    let (mut near, far) = talk(&server, &client, &server_dns()).await;
    let mut raw = far.into_transport();
    raw.write_all(&record(23, &[0x5a; 64])).await.unwrap();
    let error = near.read(&mut [0; 64]).await.unwrap_err();
    assert_eq!(TlsError::from_stream(error).code(), "tls.protocol.violated");
}

#[tokio::test]
async fn at_t12_a_peer_that_never_reads_does_not_make_us_buffer_without_end() {
    let (server, client) = pair();
    let (mut near, far) = talk(&server, &client, &server_dns()).await;
    let chunk = [0; 16 * 1024];
    let mut taken = 0;
    while let Ok(written) = timeout(Duration::from_millis(50), near.write(&chunk)).await {
        taken += written.unwrap();
        assert!(taken < 1 << 20, "{taken} bytes were taken that nobody reads");
    }
    drop(far);
}
