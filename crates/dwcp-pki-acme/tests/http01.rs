//! The listener of HTTP-01: tokens that are presented, and a 404 for whatever else strangers think of.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use dwcp_base::{Blame, Coded};
use dwcp_pki::SubjectName;
use dwcp_pki_acme::{ChallengeAnswer, ChallengeKind, Http01Responder, Presented, Responder, ResponderError};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

const TOKEN: &str = "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA";
const THUMBPRINT: &str = "9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI";
const PATH: &str = "/.well-known/acme-challenge/evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA";

async fn listening() -> Http01Responder {
    Http01Responder::listen("127.0.0.1:0".parse().unwrap()).await.unwrap()
}

async fn shown(
    responder: &Http01Responder,
    token: &str,
    authorization: &str,
) -> Result<Presented, ResponderError> {
    let name = SubjectName::dns("shop.example").unwrap();
    let kind = ChallengeKind::Http01;
    responder.present(ChallengeAnswer { kind, name: &name, token, key_authorization: authorization }).await
}

async fn presented(responder: &Http01Responder) -> Presented {
    shown(responder, TOKEN, &format!("{TOKEN}.{THUMBPRINT}")).await.unwrap()
}

/// All that comes back for these bytes, until the end.
async fn said(at: SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(at).await.unwrap();
    // Whoever is refused early may find the connection closed while it still writes.
    let _ = stream.write_all(request).await;
    let mut answer = Vec::new();
    let _ = timeout(Duration::from_secs(20), stream.read_to_end(&mut answer)).await.expect("an end");
    String::from_utf8(answer).unwrap()
}

async fn get(at: SocketAddr, target: &str) -> String {
    said(at, format!("GET {target} HTTP/1.1\r\nHost: shop.example\r\n\r\n").as_bytes()).await
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or("nothing")
}

fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").map_or("", |(_, body)| body)
}

#[tokio::test]
async fn at_p13_a_token_is_answered_while_it_is_presented_and_at_no_other_time() {
    let responder = listening().await;
    let at = responder.address();
    assert_eq!(status(&get(at, PATH).await), "404");
    let guard = presented(&responder).await;
    let answer = get(at, PATH).await;
    assert_eq!((status(&answer), body(&answer)), ("200", format!("{TOKEN}.{THUMBPRINT}").as_str()));
    let head = answer.to_ascii_lowercase();
    for line in [
        "content-type: application/octet-stream",
        "cache-control: no-store",
        "x-content-type-options: nosniff",
    ] {
        assert!(head.contains(line), "{answer}");
    }
    assert!(head.contains("connection: close"), "one request a connection: {answer}");
    // Without a Host, as of HTTP/1.0, and the same without the page.
    assert_eq!(status(&said(at, format!("GET {PATH} HTTP/1.0\r\n\r\n").as_bytes()).await), "200");
    let head = said(at, format!("HEAD {PATH} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).await;
    assert_eq!((status(&head), body(&head)), ("200", ""));
    drop(guard);
    let answer = get(at, PATH).await;
    assert_eq!((status(&answer), body(&answer)), ("404", "not here\n"));
}

#[tokio::test]
async fn at_p13_nothing_but_the_exact_path_is_answered() {
    let responder = listening().await;
    let at = responder.address();
    let _guard = presented(&responder).await;
    let upper = PATH.to_ascii_uppercase();
    for target in [
        "/",
        "*",
        "/.well-known/acme-challenge/",
        "/.well-known/acme-challenge",
        "/.well-known/acme-challenge/unknown",
        &format!("{PATH}/"),
        &format!("{PATH}?a=b"),
        &format!("{PATH}?"),
        &format!("{PATH}%00"),
        &format!("{PATH}."),
        &format!("/{PATH}"),
        &format!("//shop.example{PATH}"),
        &format!("http://shop.example{PATH}"),
        &format!("https://shop.example:443{PATH}"),
        &format!("ftp://shop.example{PATH}"),
        &format!("/x/..{PATH}"),
        &format!("/.{PATH}"),
        &format!("/%2e{PATH}"),
        &upper,
        "/.well-known//acme-challenge/evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA",
        "/.well-known/acme-challenge//evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA",
        "/.well-known/x/../acme-challenge/evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA",
        "/%2ewell-known/acme-challenge/evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA",
        "/.well-known/acme-challenge/%65vaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA",
        "/.well-known/acme-challenge/..%2f..%2f..%2fetc%2fpasswd",
        "/.well-known/acme-challenge/../../../../etc/passwd",
        "/.well-known/acme-challenge/evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-o",
        &format!("/.well-known/acme-challenge/{}", "a".repeat(4_000)),
    ] {
        let answer = get(at, target).await;
        assert!(matches!(status(&answer), "404" | "400"), "{target}: {answer}");
        assert!(!answer.contains(THUMBPRINT), "{target}: {answer}");
    }
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PRI", "get"] {
        let answer = said(at, format!("{method} {PATH} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).await;
        assert!(matches!(status(&answer), "404" | "400" | "nothing"), "{method}: {answer}");
        assert!(!answer.contains(THUMBPRINT), "{method}: {answer}");
    }
}

#[tokio::test]
async fn at_p13_a_request_in_another_one_is_not_answered() {
    let responder = listening().await;
    let at = responder.address();
    let _guard = presented(&responder).await;
    let inner = format!("GET {PATH} HTTP/1.1\r\nHost: x\r\n\r\n");
    let length = inner.len();
    for outer in [
        // Two in one go.
        format!("GET / HTTP/1.1\r\nHost: x\r\n\r\n{inner}"),
        format!("GET / HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\n\r\n{inner}"),
        // A body that one reader ends earlier than the other.
        format!(
            "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{inner}"
        ),
        format!(
            "GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n0\r\n\r\n{inner}"
        ),
        format!("GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n{inner}"),
        format!("GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n{inner}"),
        format!("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nContent-Length: {length}\r\n\r\n{inner}"),
        format!("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: +0\r\n\r\n{inner}"),
        format!("GET / HTTP/1.1\nHost: x\n\n{inner}"),
        format!(
            "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n{inner}"
        ),
    ] {
        let answer = said(at, outer.as_bytes()).await;
        assert!(!answer.contains(THUMBPRINT), "{outer}: {answer}");
        assert!(answer.matches("HTTP/1.1 ").count() <= 1, "{outer}: {answer}");
    }
    // A body is no part of a validation, not even one that ends at once.
    for body in ["Content-Length: 3\r\n\r\nabc", "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"] {
        let answer = said(at, format!("GET {PATH} HTTP/1.1\r\nHost: x\r\n{body}").as_bytes()).await;
        assert!(!answer.contains(THUMBPRINT), "{answer}");
    }
    // What is no HTTP, or too much of it.
    let flood = format!("GET {PATH} HTTP/1.1\r\n{}\r\n", "X: y\r\n".repeat(10_000));
    for nonsense in
        [&b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..], b"\r\n\r\n\r\n", b"\0\0\0\0", flood.as_bytes()]
    {
        assert!(!said(at, nonsense).await.contains(THUMBPRINT));
    }
    assert_eq!(status(&get(at, PATH).await), "200", "and it goes on");
}

#[tokio::test]
async fn at_p13_two_orders_at_once_do_not_take_each_others_answers_away() {
    let responder = Arc::new(listening().await);
    let at = responder.address();
    let (first, second) = (presented(&responder).await, presented(&responder).await);
    let other = shown(&responder, "other", &format!("other.{THUMBPRINT}")).await.unwrap();
    drop(first);
    assert_eq!(status(&get(at, PATH).await), "200", "the second one still waits");
    drop(second);
    assert_eq!(status(&get(at, PATH).await), "404");
    assert_eq!(status(&get(at, "/.well-known/acme-challenge/other").await), "200");
    // An order that panics, and one that is cancelled.
    let (panics, cancelled) = (Arc::clone(&responder), Arc::clone(&responder));
    let panicked = tokio::spawn(async move {
        let _guard = presented(&panics).await;
        panic!("as an order may");
    });
    assert!(panicked.await.unwrap_err().is_panic());
    assert_eq!(status(&get(at, PATH).await), "404");
    let waits = tokio::spawn(async move {
        let _guard = presented(&cancelled).await;
        std::future::pending::<()>().await;
    });
    while status(&get(at, PATH).await) != "200" {}
    waits.abort();
    assert!(waits.await.unwrap_err().is_cancelled());
    assert_eq!(status(&get(at, PATH).await), "404");
    drop(other);
}

#[tokio::test]
async fn what_an_authority_sends_is_no_token_unless_it_is_one() {
    let responder = listening().await;
    let long = "a".repeat(257);
    for token in ["", "a/b", "../x", "a b", "a\r\nX: y", "%2e", "ü", "a.b", "a=", &long] {
        let refused = shown(&responder, token, &format!("{token}.{THUMBPRINT}")).await.unwrap_err();
        assert_eq!((refused.code(), refused.blame()), ("acme.responder.token", Blame::Peer), "{token}");
    }
    for authorization in
        ["", TOKEN, THUMBPRINT, "a.b", &format!("{TOKEN}.{THUMBPRINT}="), &format!("x.{THUMBPRINT}")]
    {
        let refused = shown(&responder, TOKEN, authorization).await.unwrap_err();
        assert_eq!(refused.code(), "acme.responder.token", "{authorization}");
    }
    let key_authorization = &format!("{TOKEN}.{THUMBPRINT}");
    for (kind, name) in [
        (ChallengeKind::Http01, "DNS:*.shop.example"),
        (ChallengeKind::Http01, "URI:spiffe://mesh.example/web"),
        (ChallengeKind::Http01, "EMAIL:a@shop.example"),
        (ChallengeKind::TlsAlpn01, "DNS:shop.example"),
    ] {
        let name: SubjectName = name.parse().unwrap();
        let answer = ChallengeAnswer { kind, name: &name, token: TOKEN, key_authorization };
        let refused = responder.present(answer).await.unwrap_err();
        assert_eq!(refused.code(), "acme.responder.unfit", "{name}");
    }
    assert_eq!(responder.kinds(), [ChallengeKind::Http01]);
    // As many as there may be, and one that is withdrawn makes room.
    let mut guards = Vec::new();
    for number in 0..255 {
        guards.push(
            shown(&responder, &format!("t{number}"), &format!("t{number}.{THUMBPRINT}")).await.unwrap(),
        );
    }
    let full = shown(&responder, TOKEN, key_authorization).await.unwrap_err();
    assert!(matches!(full, ResponderError::TooMany { limit: 255 }));
    guards.pop();
    assert!(shown(&responder, TOKEN, key_authorization).await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn those_that_stall_are_few_and_let_go_and_a_validation_gets_through() {
    let responder = listening().await;
    let at = responder.address();
    let _guard = presented(&responder).await;
    let begun = Instant::now();
    // One place alone, that says a byte now and then, and has many more connections than it may.
    let stalled: Vec<_> = (0..40)
        .map(|_| {
            tokio::spawn(async move {
                let mut stream = TcpStream::connect(at).await.unwrap();
                let mut answer = Vec::new();
                for _ in 0..100 {
                    if stream.write_all(b"G").await.is_err() {
                        break;
                    }
                    let mut byte = [0];
                    match timeout(Duration::from_millis(200), stream.read(&mut byte)).await {
                        Ok(Ok(0) | Err(_)) => break,
                        Ok(Ok(_)) => answer.push(byte[0]),
                        Err(_) => {}
                    }
                }
                (begun.elapsed(), answer)
            })
        })
        .collect();
    // An authority asks from elsewhere.
    tokio::time::sleep(Duration::from_millis(300)).await;
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.9:0".parse().unwrap()).unwrap();
    let mut stream = socket.connect(at).await.unwrap();
    stream.write_all(format!("GET {PATH} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).await.unwrap();
    let mut answer = String::new();
    timeout(Duration::from_secs(2), stream.read_to_string(&mut answer)).await.expect("at once").unwrap();
    assert_eq!(status(&answer), "200");
    let mut early = 0;
    for one in stalled {
        let (ended, answer) = one.await.unwrap();
        assert!(ended < Duration::from_secs(12), "{ended:?}");
        assert!(!String::from_utf8_lossy(&answer).contains(THUMBPRINT));
        early += usize::from(ended < Duration::from_secs(3));
    }
    assert!(early >= 24, "16 have a place, the rest are closed: {early}");
}

#[tokio::test]
async fn it_listens_at_ipv6_too() {
    let Ok(responder) = Http01Responder::listen("[::1]:0".parse().unwrap()).await else {
        eprintln!("skipped: this machine has no IPv6");
        return;
    };
    let _guard = presented(&responder).await;
    assert!(responder.address().is_ipv6());
    assert_eq!(status(&get(responder.address(), PATH).await), "200");
    // One socket for both, where the system has it so.
    let both = Http01Responder::listen("[::]:0".parse().unwrap()).await.unwrap();
    let port = both.address().port();
    let _guard = presented(&both).await;
    assert_eq!(status(&get(format!("[::1]:{port}").parse().unwrap(), PATH).await), "200");
}

#[tokio::test]
async fn a_port_that_is_taken_says_so_and_one_that_is_given_up_is_free() {
    let responder = listening().await;
    let at = responder.address();
    let _guard = presented(&responder).await;
    let taken = Http01Responder::listen(at).await.unwrap_err();
    assert_eq!((taken.code(), taken.blame()), ("acme.responder.listen", Blame::Local));
    assert!(taken.to_string().contains(&at.to_string()), "{taken}");
    assert!(taken.fix().contains("http_challenge_port"), "{}", taken.fix());
    drop(responder);
    // At the next turn of the runtime.
    for _ in 0..100 {
        match Http01Responder::listen(at).await {
            Ok(again) => {
                assert_eq!(status(&get(at, PATH).await), "404", "it knows nothing of the one before");
                drop(again);
                return;
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
    panic!("the port is still taken");
}

#[test]
fn outside_of_a_runtime_it_says_so() {
    let mut listening = std::pin::pin!(Http01Responder::listen("127.0.0.1:0".parse().unwrap()));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let std::task::Poll::Ready(Err(error)) = listening.as_mut().poll(&mut context) else {
        panic!("it waits")
    };
    assert_eq!(error.code(), "acme.responder.runtime");
}
