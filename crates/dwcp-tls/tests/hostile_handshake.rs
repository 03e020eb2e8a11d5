//! A peer that does not keep to the protocol before the handshake is done, in raw bytes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::raw::{everything, facing, hello, record};
use common::{DEADLINE, pair, server_dns, shake};
use dwcp_base::Coded;
use dwcp_tls::inspect::WeakOffer;
use dwcp_tls::{HandshakeState, LARGEST_CLIENT_HELLO, LARGEST_HANDSHAKE, TlsError};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

const SOON: Duration = Duration::from_millis(300);

fn vector(width: usize, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap().to_be_bytes();
    [&length[4 - width..], body].concat()
}

fn extension(number: u16, body: &[u8]) -> Vec<u8> {
    [&number.to_be_bytes()[..], &vector(2, body)].concat()
}

/// A ClientHello of a client that knows nothing newer than TLS 1.2, with these extensions besides.
fn old_hello(more: &[u8]) -> Vec<u8> {
    let groups = extension(10, &vector(2, &[0, 0x17]));
    let points = extension(11, &vector(1, &[0]));
    let schemes = extension(13, &vector(2, &[4, 3, 8, 4]));
    let extensions = vector(2, &[&groups[..], &points, &schemes, more].concat());
    let suites = vector(2, &[0xc0, 0x2b, 0xc0, 0x2f, 0x13, 0x01]);
    let body = [&[3, 3][..], &[7; 32], &[0], &suites, &vector(1, &[0]), &extensions].concat();
    record(22, &[&[1][..], &vector(3, &body)].concat())
}

#[tokio::test]
async fn at_t10_a_hello_without_tls13_is_refused_as_weak() {
    let (server, _client) = pair();
    // No supported_versions at all; 1.2 alone in it; a number that was never assigned.
    for more in [vec![], extension(43, &vector(1, &[3, 3])), extension(43, &vector(1, &[0x7f, 0x1c]))] {
        let (accepting, mut raw) = facing(server.clone(), DEADLINE);
        raw.write_all(&old_hello(&more)).await.unwrap();
        raw.shutdown().await.unwrap();
        let error = accepting.await.unwrap().unwrap_err();
        assert_eq!((error.code(), error.reason()), ("tls.protocol.weak", "weak_protocol"));
        let offer = error.weak_offer().unwrap();
        assert!(offer.weaknesses.contains(WeakOffer::OldProtocol), "{offer:?}");
        assert!(offer.ja4.as_str().starts_with('t') && offer.weaknesses.highest_version().is_some());
        assert_eq!(everything(raw).await, [21, 3, 3, 0, 2, 2, 70], "protocol_version");
    }
}

#[tokio::test]
async fn at_t10_a_server_that_answers_with_tls12_is_refused_as_weak() {
    let (_server, client) = pair();
    let body = [&[3, 3][..], &[9; 32], &[0], &[0xc0, 0x2b], &[0]].concat();
    let server_hello = record(22, &[&[2][..], &vector(3, &body)].concat());
    for answer in [server_hello, vec![21, 3, 3, 0, 2, 2, 70]] {
        let (near, mut raw) = tokio::io::duplex(64 * 1024);
        raw.write_all(&answer).await.unwrap();
        let error = client.connect(near, &server_dns(), DEADLINE).await.unwrap_err();
        assert_eq!(error.code(), "tls.protocol.weak");
        assert!(error.weak_offer().is_none(), "a server offers nothing");
    }
}

#[tokio::test]
async fn at_t10_what_is_no_hello_breaks_the_protocol() {
    let (server, _client) = pair();
    let doubled = old_hello(&extension(10, &vector(2, &[0, 0x1d])));
    for bytes in
        [&b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"[..], &record(23, &[1; 64]), &doubled, &[0x80, 0x2e, 1, 0, 2]]
    {
        let (accepting, mut raw) = facing(server.clone(), DEADLINE);
        raw.write_all(bytes).await.unwrap();
        raw.shutdown().await.unwrap();
        assert_eq!(accepting.await.unwrap().unwrap_err().code(), "tls.protocol.violated", "{bytes:02x?}");
    }
}

#[tokio::test]
async fn at_t1_close_notify_during_the_handshake_ends_it() {
    let (server, client) = pair();
    let close = record(21, &[1, 0]);
    for before in [Vec::new(), hello(&client).await] {
        let (accepting, mut raw) = facing(server.clone(), SOON);
        raw.write_all(&before).await.unwrap();
        for _ in 0..3 {
            // Later ones may find the connection gone.
            let _ = raw.write_all(&close).await;
        }
        // The pipe stays open. A loop that never yields would starve the deadline too, and this test with it.
        let error = timeout(10 * SOON, accepting).await.unwrap().unwrap().unwrap_err();
        assert!(
            matches!(error.code(), "tls.peer.closed" | "tls.protocol.violated" | "tls.handshake.timeout"),
            "{error:?}"
        );
    }
    let (near, mut raw) = tokio::io::duplex(64 * 1024);
    raw.write_all(&close).await.unwrap();
    let error = timeout(10 * SOON, client.connect(near, &server_dns(), SOON)).await.unwrap().unwrap_err();
    assert!(matches!(error.code(), "tls.peer.closed" | "tls.handshake.timeout"), "{error:?}");
}

#[tokio::test]
async fn at_t2_a_hello_in_records_of_one_byte_is_understood() {
    let (server, client) = pair();
    let whole = hello(&client).await;
    let (accepting, mut raw) = facing(server, SOON);
    for byte in &whole[5..] {
        raw.write_all(&record(22, &[*byte])).await.unwrap();
    }
    let mut answer = [0; 6];
    timeout(DEADLINE, raw.read_exact(&mut answer)).await.unwrap().unwrap();
    assert_eq!((answer[0], answer[5]), (22, 2), "a ServerHello");
    let error = accepting.await.unwrap().unwrap_err();
    assert!(matches!(error, TlsError::Timeout { state: HandshakeState::Negotiating, .. }), "{error:?}");
}

#[tokio::test]
async fn at_t8_a_hello_that_never_ends_is_cut_off_at_its_bound() {
    let (server, _client) = pair();
    // A handshake header that promises 60 000 bytes, then filling in records of 1 KiB.
    let (accepting, mut raw) = facing(server, DEADLINE);
    let mut sent = 0;
    let mut next = [&[1][..], &[0, 0xea, 0x60], &[0; 1020]].concat();
    while !accepting.is_finished() && sent < 4 * LARGEST_CLIENT_HELLO {
        let bytes = record(22, &next);
        sent += bytes.len();
        if raw.write_all(&bytes).await.is_err() {
            break;
        }
        next = vec![0; 1024];
        tokio::task::yield_now().await;
    }
    let error = accepting.await.unwrap().unwrap_err();
    assert!(matches!(error, TlsError::Oversized { limit: LARGEST_CLIENT_HELLO }), "{error:?}");
}

#[tokio::test]
async fn a_client_whose_hello_is_too_large_can_say_it_and_is_told() {
    let (server, _client) = pair();
    // By its header, and by what its records add to a message that is not too large.
    for length in [LARGEST_CLIENT_HELLO + 1, LARGEST_CLIENT_HELLO] {
        let [.., high, middle, low] = (length - 4).to_be_bytes();
        let message = [&[1, high, middle, low][..], &vec![0; length - 4]].concat();
        let mut bytes: Vec<u8> = message.chunks(1024).flat_map(|part| record(22, part)).collect();
        bytes.extend_from_slice(&[0; 8 * 1024]);
        let (near, mut raw) = tokio::io::duplex(1024);
        let server = server.clone();
        let accepting = tokio::spawn(async move { server.accept(near, DEADLINE).await });
        // A transport that is closed with unread input resets, and takes the alert with it.
        raw.write_all(&bytes).await.unwrap();
        raw.shutdown().await.unwrap();
        let mut told = Vec::new();
        raw.read_to_end(&mut told).await.unwrap();
        assert_eq!(told, [21, 3, 3, 0, 2, 2, 50], "decode_error");
        let error = accepting.await.unwrap().unwrap_err();
        assert!(matches!(error, TlsError::Oversized { limit: LARGEST_CLIENT_HELLO }), "{error:?}");
    }
}

#[tokio::test]
async fn at_t8_a_hello_that_drips_ends_with_the_deadline() {
    let (server, client) = pair();
    let whole = hello(&client).await;
    let (accepting, mut raw) = facing(server.clone(), SOON);
    let dripping = tokio::spawn(async move {
        for byte in whole {
            if raw.write_all(&[byte]).await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    let error = timeout(10 * SOON, accepting).await.unwrap().unwrap().unwrap_err();
    assert!(
        matches!(error, TlsError::Timeout { state: HandshakeState::AwaitingHello, deadline: SOON }),
        "{error:?}"
    );
    assert_eq!(error.code(), "tls.handshake.timeout");
    dripping.abort();

    // A client that says hello and nothing more.
    let (accepting, mut raw) = facing(server, SOON);
    raw.write_all(&hello(&client).await).await.unwrap();
    let error = accepting.await.unwrap().unwrap_err();
    assert!(matches!(error, TlsError::Timeout { state: HandshakeState::Negotiating, .. }), "{error:?}");
}

#[tokio::test]
async fn at_t7_floods_before_the_handshake_is_done_are_bounded() {
    let (server, client) = pair();
    let hello = hello(&client).await;
    let empty_handshake = record(22, &[]);
    let change_cipher_spec = record(20, &[1]);
    let warning = record(21, &[1, 90]);
    let garbage = record(23, &[0x5a; 1024]);
    for (flood, first) in [
        (&empty_handshake, true),
        (&change_cipher_spec, true),
        (&warning, true),
        (&garbage, true),
        (&change_cipher_spec, false),
        (&warning, false),
    ] {
        let (accepting, mut raw) = facing(server.clone(), DEADLINE);
        if first {
            raw.write_all(&hello).await.unwrap();
        }
        let mut sent = 0;
        while !accepting.is_finished() && sent < 1 << 20 {
            if raw.write_all(flood).await.is_err() {
                break;
            }
            sent += flood.len();
            tokio::task::yield_now().await;
        }
        let error = timeout(DEADLINE / 2, accepting).await.unwrap().unwrap().unwrap_err();
        assert!(matches!(error.code(), "tls.protocol.violated" | "tls.handshake.oversized"), "{error:?}");
        // What was read, what lingering discarded, and what was left in the pipe.
        assert!(sent <= LARGEST_HANDSHAKE + 32 * 1024 + 64 * 1024, "{sent} bytes were taken of {flood:02x?}");
    }
}

#[tokio::test]
async fn a_client_says_whether_it_heard_anything_of_the_server() {
    let (_server, client) = pair();
    for (said, state) in [(&[][..], HandshakeState::AwaitingAnswer), (&[22], HandshakeState::Negotiating)] {
        let (near, mut raw) = tokio::io::duplex(64 * 1024);
        raw.write_all(said).await.unwrap();
        let error = client.connect(near, &server_dns(), SOON).await.unwrap_err();
        assert!(matches!(error, TlsError::Timeout { state: was, .. } if was == state), "{error:?}");
    }
}

#[tokio::test]
async fn a_peer_that_hangs_up_in_the_handshake_is_nobodys_fault() {
    let (server, client) = pair();
    let (near, far) = tokio::io::duplex(64 * 1024);
    drop(far);
    let error = client.connect(near, &server_dns(), DEADLINE).await.unwrap_err();
    assert_eq!(error.blame(), dwcp_base::Blame::Network, "{error:?}");
    let (accepting, raw) = facing(server.clone(), DEADLINE);
    drop(raw);
    let error = accepting.await.unwrap().unwrap_err();
    assert!(matches!(error, TlsError::PeerClosed(HandshakeState::AwaitingHello)), "{error:?}");
    let (near, _far) = shake(&server, &client, &server_dns()).await;
    assert!(near.is_ok(), "and the next one is served");
}
