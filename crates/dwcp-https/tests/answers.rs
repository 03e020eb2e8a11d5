//! What comes back, from servers that mean well and servers that mean harm.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use dwcp_base::Coded;
use dwcp_https::{Ask, HttpsClient, HttpsError, LONGEST_WAIT, Limits, Verb};
use std::sync::LazyLock;
use std::time::{Duration, Instant};
use support::{Script, World, get, roots};
use zeroize::Zeroizing;

/// What comes in one piece.
const FLOOD: &[u8] = &[b'x'; 65_536];
static NAMES: LazyLock<Vec<u8>> = LazyLock::new(|| b"X-A: b\r\n".repeat(1_000));

#[tokio::test]
async fn a_question_says_what_it_must_and_the_answer_is_read_whole() {
    let world = World::new();
    let server = world.once("HTTP/1.1 200 OK\r\nX-A: 1\r\nContent-Length: 5\r\n\r\nhello").await;
    let answer = world.ask(&server).await.unwrap();
    assert_eq!(
        (answer.status, answer.body.as_slice(), answer.header("X-A")),
        (200, &b"hello"[..], Some("1"))
    );
    assert!(answer.is_success() && answer.headers().any(|header| header == ("x-a", "1")));
    let heard = server.heard().concat();
    assert!(heard.starts_with("get /list?x=1 http/1.1\r\n"), "{heard}");
    for line in
        [format!("host: {}", server.address), "accept-encoding: identity".into(), "x-token: secret".into()]
    {
        assert!(heard.contains(&line), "{line} in {heard}");
    }
    for none in ["cookie", "authorization", "referer", "proxy"] {
        assert!(!heard.contains(none), "{none} in {heard}");
    }
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    assert_eq!(world.ask(&world.once(chunked).await).await.unwrap().body, b"hello");
    let until_the_end = world.once("HTTP/1.1 200 OK\r\n\r\nhello").await;
    assert_eq!(world.ask(&until_the_end).await.unwrap().body, b"hello");
}

#[tokio::test]
async fn every_verb_is_sent_with_its_body() {
    let world = World::new();
    let server = world.once("HTTP/1.1 204 No Content\r\n\r\n").await;
    for (verb, word) in [
        (Verb::Get, "get"),
        (Verb::Head, "head"),
        (Verb::Post, "post"),
        (Verb::Put, "put"),
        (Verb::Delete, "delete"),
        (Verb::List, "list"),
    ] {
        let body = match verb {
            Verb::Post | Verb::Put => Some(("application/json", Zeroizing::new(b"{}".to_vec()))),
            _ => None,
        };
        let limits = Limits { deadline: Duration::from_secs(3), body: 0 };
        let sends = body.is_some();
        let ask = Ask { verb, url: &server.url("/v1"), headers: &[], body, limits };
        assert_eq!(world.client.ask(ask).await.unwrap().status, 204);
        let heard = server.heard().pop().unwrap();
        assert!(heard.starts_with(&format!("{word} /v1 http/1.1\r\n")), "{heard}");
        assert_eq!(heard.contains("content-length: 2\r\n"), sends, "{heard}");
        assert_eq!(heard.contains("content-type: application/json\r\n"), sends, "{heard}");
    }
}

#[tokio::test]
async fn a_header_that_would_say_more_than_one_thing_is_not_sent() {
    let world = World::new();
    let server = world.once("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    let limits = Limits { deadline: Duration::from_secs(3), body: 0 };
    for (name, value) in [
        ("x-namespace", "a\r\nX-Evil: 1"),
        ("x-namespace", "a\0"),
        ("x\r\ny", "a"),
        ("", "a"),
        ("Host", "elsewhere"),
        ("content-length", "7"),
        ("Transfer-Encoding", "chunked"),
        ("accept-encoding", "gzip"),
    ] {
        let headers = [(name, value)];
        let ask = Ask { verb: Verb::Get, url: &server.url("/"), headers: &headers, body: None, limits };
        let error = world.client.ask(ask).await.unwrap_err();
        assert_eq!(error.code(), "https.header.invalid", "{name}: {error}");
        assert!(!error.to_string().contains(value) || value == "a", "{error}");
    }
    assert!(server.heard().is_empty());
}

#[tokio::test]
async fn a_refusal_is_an_answer_with_what_it_asks_for() {
    let world = World::new();
    let server = world.once("HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 2\r\n\r\n{}").await;
    let answer = world.ask(&server).await.unwrap();
    assert_eq!((answer.status, answer.retry_after), (503, Some(Duration::from_secs(7))));
    assert!(!answer.is_success());
}

#[tokio::test]
async fn at_p5_a_wait_is_bounded_and_counted_by_the_clock_that_wrote_it() {
    let world = World::new();
    let now = "Date: Wed, 21 Oct 2015 07:28:00 GMT\r\n";
    for (head, wait) in [
        ("Retry-After: 1000000000\r\n", Some(LONGEST_WAIT)),
        ("Retry-After: -1\r\n", None),
        ("Retry-After: soon\r\n", None),
        ("Retry-After: \r\n", None),
        ("Retry-After: Wed, 21 Oct 2015 07:29:00 GMT\r\n", Some(Duration::from_secs(60))),
        ("Retry-After: Wed, 21 Oct 2015 07:27:00 GMT\r\n", Some(Duration::ZERO)),
        ("Retry-After: Fri, 31 Dec 9999 23:59:59 GMT\r\n", Some(LONGEST_WAIT)),
        ("", None),
    ] {
        let server = world.once(&format!("HTTP/1.1 429 No\r\n{now}{head}Content-Length: 0\r\n\r\n")).await;
        let answer = world.ask(&server).await.unwrap();
        assert_eq!(answer.retry_after, wait, "{head}");
        assert_eq!(answer.date.unwrap().to_string(), "2015-10-21T07:28:00Z");
    }
    // Without a date of its own the server's is counted from ours, and has long passed.
    let head = "HTTP/1.1 429 No\r\nRetry-After: Wed, 21 Oct 2015 07:29:00 GMT\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(world.ask(&world.once(head).await).await.unwrap().retry_after, Some(Duration::ZERO));
}

#[tokio::test]
async fn at_p6_a_redirect_is_told_and_not_followed() {
    let world = World::new();
    let inner = world.once("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret").await;
    for status in [300, 301, 302, 303, 307, 308] {
        for to in [
            inner.url("/").to_string(),
            format!("http://{}/", inner.address),
            "http://169.254.169.254/latest/meta-data/".into(),
            "file:///etc/passwd".into(),
            "//localhost/x".into(),
            "/elsewhere".into(),
        ] {
            let head = format!("HTTP/1.1 {status} Go\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n");
            let server = world.once(&head).await;
            let error = world.ask(&server).await.unwrap_err();
            assert_eq!(error.code(), "https.answer.redirected");
            assert!(error.to_string().contains(&to) && !error.is_retryable(), "{error}");
            assert_eq!(server.heard().len(), 1);
        }
    }
    assert_eq!(inner.connections(), 0, "nobody was to be asked there");
    let odd = world.once("HTTP/1.1 302 Go\r\nLocation: \u{9b}31m\t\u{1}\r\nContent-Length: 0\r\n\r\n").await;
    assert!(!world.ask(&odd).await.unwrap_err().to_string().chars().any(char::is_control));
}

#[tokio::test]
async fn an_encoding_is_refused_before_anything_is_decoded() {
    let world = World::new();
    for encoding in ["gzip", "br", "deflate, gzip", "zstd", "x-bomb"] {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Encoding: {encoding}\r\n\r\n");
        let server = world.server(Script::endless(&head, FLOOD, Duration::ZERO)).await;
        assert_eq!(world.ask(&server).await.unwrap_err().code(), "https.answer.encoded");
    }
    let plain = "HTTP/1.1 200 OK\r\nContent-Encoding: Identity\r\nContent-Length: 1\r\n\r\na";
    assert_eq!(world.ask(&world.once(plain).await).await.unwrap().body, b"a");
}

#[tokio::test]
async fn a_body_of_ten_gigabytes_is_left_at_its_limit() {
    let world = World::new();
    for head in ["Content-Length: 10000000000\r\n", ""] {
        let head = format!("HTTP/1.1 200 OK\r\n{head}\r\n");
        let server = world.server(Script::endless(&head, FLOOD, Duration::ZERO)).await;
        let error = world.ask(&server).await.unwrap_err();
        assert!(matches!(error, HttpsError::TooLong { limit: 100_000, .. }), "{error}");
        tokio::time::sleep(Duration::from_millis(200)).await;
        // What was on its way fills the buffers of the kernel, and no more.
        assert!(server.said() < 32 << 20, "{}", server.said());
    }
    let exact = format!("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n{}", "x".repeat(100_000));
    assert_eq!(world.ask(&world.once(&exact).await).await.unwrap().body.len(), 100_000);
}

#[tokio::test]
async fn one_deadline_ends_dripping_bodies_headers_and_silence() {
    let world = World::new();
    let drip = Duration::from_millis(50);
    for (first, again, pause) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 90000\r\n\r\n", &b"x"[..], drip),
        ("HTTP/1.1 200 OK\r\nX-A: ", b"y", drip),
        ("HTTP/1.1 200 OK\r\n\r\n", b"z", drip),
        ("HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n", drip),
        ("", b"H", Duration::from_secs(60)),
    ] {
        let server = world.server(Script::endless(first, again, pause)).await;
        let begin = now();
        let limits = Limits { deadline: Duration::from_secs(1), body: 100_000 };
        let ask = Ask { verb: Verb::Get, url: &server.url("/"), headers: &[], body: None, limits };
        let error = world.client.ask(ask).await.unwrap_err();
        assert_eq!(error.code(), "https.answer.late", "{first}: {error}");
        assert!(begin.elapsed() < Duration::from_secs(3), "{first}");
    }
}

#[tokio::test]
async fn a_server_that_takes_the_connection_and_says_nothing_is_late() {
    let world = World::new();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/", listener.local_addr().unwrap()).parse().unwrap();
    let limits = Limits { deadline: Duration::from_millis(300), body: 0 };
    let ask = Ask { verb: Verb::Get, url: &url, headers: &[], body: None, limits };
    let error = world.client.ask(ask).await.unwrap_err();
    assert!(matches!(error, HttpsError::TimedOut { .. }) && error.is_retryable(), "{error}");
    assert!(error.to_string().ends_with("within 0.3 s"), "{error}");
}

#[tokio::test]
async fn headers_without_end_are_left_at_their_limit() {
    let world = World::new();
    let names = LazyLock::force(&NAMES).as_slice();
    for (first, again) in [("HTTP/1.1 200 OK\r\nX-A: ", FLOOD), ("HTTP/1.1 200 OK\r\n", names)] {
        let server = world.server(Script::endless(first, again, Duration::ZERO)).await;
        let error = world.ask(&server).await.unwrap_err();
        assert_eq!(error.code(), "https.answer.malformed", "{error} after {} of {first}", server.said());
        assert!(server.said() < 32 << 20);
    }
    let many = "X-A: b\r\n".repeat(65);
    let head = format!("HTTP/1.1 200 OK\r\n{many}Content-Length: 0\r\n\r\n");
    assert_eq!(world.ask(&world.once(&head).await).await.unwrap_err().code(), "https.answer.malformed");
}

#[tokio::test]
async fn two_words_about_the_length_are_one_too_many() {
    let world = World::new();
    for head in [
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        "Content-Length: 1, 2\r\n\r\nab",
        "Content-Length: +1\r\n\r\na",
        "Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
    ] {
        let mut script = Script::once(&format!("HTTP/1.1 200 OK\r\n{head}"));
        script.stays = true;
        let error = world.ask(&world.server(script).await).await.unwrap_err();
        assert_eq!(error.code(), "https.answer.malformed", "{head}: {error}");
    }
}

#[tokio::test]
async fn what_is_no_http_is_no_answer() {
    let world = World::new();
    for answer in ["HTTP/2 200\r\n\r\n", "SSH-2.0-OpenSSH_9.9\r\n\r\n", "HTTP/1.1 999999 No\r\n\r\n"] {
        let error = world.ask(&world.once(answer).await).await.unwrap_err();
        assert_eq!(error.code(), "https.answer.malformed", "{answer}: {error}");
    }
}

#[tokio::test]
async fn what_is_cut_off_is_no_answer() {
    let world = World::new();
    for answer in [
        "",
        "HTTP/1.1 200 OK\r\nConte",
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
    ] {
        for farewell in [true, false] {
            let server = world.server(Script { farewell, ..Script::once(answer) }).await;
            let error = world.ask(&server).await.unwrap_err();
            assert_eq!(error.code(), "https.answer.cut", "{answer}: {error}");
            assert!(error.is_retryable());
        }
    }
    // Without a length it is TLS alone that says whether this was all (RFC 9846 §6.1).
    let script = Script { farewell: false, ..Script::once("HTTP/1.1 200 OK\r\n\r\nall of it?") };
    assert_eq!(world.ask(&world.server(script).await).await.unwrap_err().code(), "https.answer.cut");
}

#[tokio::test]
async fn a_connection_serves_the_next_question_too_and_its_end_is_nobodys_failure() {
    let world = World::new();
    let mut script = Script::once("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na");
    script.stays = true;
    let server = world.server(script).await;
    for _ in 0..5 {
        assert_eq!(world.ask(&server).await.unwrap().body, b"a");
    }
    assert_eq!(server.connections(), 1);
    let brief = world.once("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na").await;
    for count in 1..5 {
        assert_eq!(world.ask(&brief).await.unwrap().body, b"a");
        assert_eq!(brief.connections(), count);
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
}

#[tokio::test]
async fn nobody_there_is_told_as_that() {
    let world = World::new();
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error =
        get(&world.client, &format!("https://{gone}/secret?token=x").parse().unwrap()).await.unwrap_err();
    assert!(matches!(error, HttpsError::Unreachable { .. }) && error.is_retryable(), "{error}");
    let told = format!("{error} {error:?}");
    assert!(told.contains(&gone.to_string()) && !told.contains("token"), "{told}");
    let error = get(&world.client, &"https://nobody.invalid/".parse().unwrap()).await.unwrap_err();
    assert!(["https.server.unreachable", "https.answer.late"].contains(&error.code()), "{error}");
}

#[tokio::test]
async fn what_is_shown_of_questions_and_answers_holds_no_secret() {
    let world = World::new();
    let server = world.once("HTTP/1.1 200 OK\r\nX-T: s3cret\r\nContent-Length: 6\r\n\r\ns3cret").await;
    let answer = world.ask(&server).await.unwrap();
    let limits = Limits { deadline: Duration::from_secs(1), body: 10 };
    let body = Some(("text/plain", Zeroizing::new(b"s3cret".to_vec())));
    let ask = Ask { verb: Verb::Post, url: &server.url("/"), headers: &[("a", "s3cret")], body, limits };
    let client = HttpsClient::with_credential(&roots(&world.lab), &world.lab.node("a")).unwrap();
    for shown in [format!("{answer:?}"), format!("{ask:?}"), format!("{client:?}")] {
        assert!(!shown.contains("s3cret"), "{shown}");
    }
}

#[allow(clippy::disallowed_methods, reason = "how long it really took")]
fn now() -> Instant {
    Instant::now()
}
