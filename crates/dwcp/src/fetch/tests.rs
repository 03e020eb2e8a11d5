//! The client against servers that mean harm, on loopback.

use super::{Answer, FetchError, Limits, Line, Question, Url, fetch};
use dwcp_base::Coded;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A server of one kind of answer: what it heard, and how much it could say.
struct Server {
    address: SocketAddr,
    heard: Arc<Mutex<Vec<String>>>,
    said: Arc<AtomicU64>,
}

impl Server {
    /// Says `first`, then `again` for as long as anybody listens, `pause` apart.
    fn saying(first: &str, again: &'static [u8], pause: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server =
            Self { address: listener.local_addr().unwrap(), heard: Arc::default(), said: Arc::default() };
        let (heard, said, first) = (Arc::clone(&server.heard), Arc::clone(&server.said), first.to_owned());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                let (heard, said, first) = (Arc::clone(&heard), Arc::clone(&said), first.clone());
                std::thread::spawn(move || {
                    let mut head = vec![0; 16_384];
                    let mut length = 0;
                    while !head[..length].windows(4).any(|four| four == b"\r\n\r\n") {
                        match stream.read(&mut head[length..]) {
                            Ok(0) | Err(_) => break,
                            Ok(count) => length += count,
                        }
                    }
                    heard.lock().unwrap().push(String::from_utf8_lossy(&head[..length]).into_owned());
                    let mut open = stream.write_all(first.as_bytes()).is_ok();
                    while open && !again.is_empty() {
                        std::thread::sleep(pause);
                        open = stream.write_all(again).is_ok();
                        said.fetch_add(again.len() as u64, Ordering::Relaxed);
                    }
                });
            }
        });
        server
    }

    fn once(answer: &str) -> Self {
        Self::saying(answer, b"", Duration::ZERO)
    }

    async fn asked(&self, known: Option<&str>) -> Result<Answer, FetchError> {
        let url: Url = format!("http://{}/list?x=1", self.address).parse().unwrap();
        let limits = Limits { deadline: Duration::from_secs(2), head: 8_192, body: 100_000 };
        let question = Question::Get { target: url.target(), known };
        fetch(url.place(), Line::Plain, question, limits).await
    }

    async fn refused(&self) -> FetchError {
        self.asked(None).await.unwrap_err()
    }
}

/// What comes in one piece.
const FLOOD: &[u8] = &[b'x'; 65_536];

#[tokio::test]
async fn a_document_is_asked_for_as_it_is_and_read_whole() {
    let server = Server::once("HTTP/1.1 200 OK\r\nETag: \"a\"\r\nContent-Length: 5\r\n\r\nhello");
    let answer = server.asked(None).await.unwrap();
    assert_eq!(
        (answer.status.as_u16(), answer.body.as_slice(), answer.tag.as_deref()),
        (200, &b"hello"[..], Some("\"a\""))
    );
    let heard = server.heard.lock().unwrap().concat().to_lowercase();
    assert!(heard.starts_with("get /list?x=1 http/1.1\r\n"), "{heard}");
    for line in
        [format!("host: {}", server.address), "accept-encoding: identity".into(), "connection: close".into()]
    {
        assert!(heard.contains(&line), "{line} in {heard}");
    }
    for none in ["cookie", "authorization", "if-none-match", "referer"] {
        assert!(!heard.contains(none), "{none} in {heard}");
    }
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    assert_eq!(Server::once(chunked).asked(None).await.unwrap().body, b"hello");
    let until_the_end = Server::once("HTTP/1.1 200 OK\r\n\r\nhello");
    assert_eq!(until_the_end.asked(None).await.unwrap().body, b"hello");
}

#[tokio::test]
async fn unchanged_is_an_answer_to_a_tag_alone() {
    let server = Server::once("HTTP/1.1 304 Not Modified\r\n\r\n");
    assert_eq!(server.asked(Some("\"a\"")).await.unwrap().status.as_u16(), 304);
    assert!(server.heard.lock().unwrap().concat().to_lowercase().contains("if-none-match: \"a\""));
    assert!(matches!(server.refused().await, FetchError::Status { status: 304, .. }));
}

#[tokio::test]
async fn a_refusal_is_handed_over_with_what_it_asks_for() {
    let server = Server::once("HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 2\r\n\r\n{}");
    let answer = server.asked(None).await.unwrap();
    assert_eq!((answer.status.as_u16(), answer.retry_after), (503, Some(Duration::from_secs(7))));
    let date = Server::once(
        "HTTP/1.1 429 No\r\nRetry-After: Wed, 21 Oct 2015 07:28:00 GMT\r\nContent-Length: 0\r\n\r\n",
    );
    assert_eq!(date.asked(None).await.unwrap().retry_after, None);
}

#[tokio::test]
async fn at_x9_a_redirect_is_told_and_not_followed() {
    let inner = Server::once("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret");
    for status in [301, 302, 303, 307, 308, 300] {
        for to in [format!("http://{}/", inner.address), "file:///etc/passwd".into(), "//a".into()] {
            let server =
                Server::once(&format!("HTTP/1.1 {status} Go\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n"));
            let error = server.refused().await;
            assert_eq!(error.code(), "fetch.answer.redirected");
            assert!(error.to_string().contains(&to), "{error}");
        }
    }
    assert!(inner.heard.lock().unwrap().is_empty(), "nobody was to be asked there");
}

#[tokio::test]
async fn at_x9_an_encoding_is_refused_before_anything_is_decoded() {
    for encoding in ["gzip", "br", "deflate, gzip", "x-bomb"] {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Encoding: {encoding}\r\n\r\n");
        let server = Server::saying(&head, FLOOD, Duration::ZERO);
        assert_eq!(server.refused().await.code(), "fetch.answer.encoded");
    }
    let plain = Server::once("HTTP/1.1 200 OK\r\nContent-Encoding: Identity\r\nContent-Length: 1\r\n\r\na");
    assert_eq!(plain.asked(None).await.unwrap().body, b"a");
}

#[tokio::test]
async fn at_x9_a_body_of_ten_gigabytes_is_left_at_its_limit() {
    let announced =
        Server::saying("HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n", FLOOD, Duration::ZERO);
    let unannounced = Server::saying("HTTP/1.1 200 OK\r\n\r\n", FLOOD, Duration::ZERO);
    for server in [announced, unannounced] {
        assert!(matches!(server.refused().await, FetchError::TooLong { limit: 100_000, .. }));
        std::thread::sleep(Duration::from_millis(200));
        // What was on its way fills the buffers of the kernel, and no more.
        assert!(server.said.load(Ordering::Relaxed) < 32 << 20, "{:?}", server.said);
    }
    let exact =
        Server::once(&format!("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n{}", "x".repeat(100_000)));
    assert_eq!(exact.asked(None).await.unwrap().body.len(), 100_000);
}

#[tokio::test]
async fn at_x9_one_deadline_ends_dripping_bodies_headers_and_silence() {
    let drip = Duration::from_millis(50);
    for (first, again) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 90000\r\n\r\n", &b"x"[..]),
        ("HTTP/1.1 200 OK\r\nX-A: ", b"y"),
        ("HTTP/1.1 200 OK\r\n\r\n", b"z"),
        ("HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"),
        ("", b""),
    ] {
        // An empty `again` would close the connection: it stays open here and says nothing.
        let server = match again.is_empty() {
            true => Server::saying("", b"H", Duration::from_secs(60)),
            false => Server::saying(first, again, drip),
        };
        let begin = Instant::now();
        let error = server.refused().await;
        assert_eq!(error.code(), "fetch.answer.late", "{first}: {error}");
        assert!(begin.elapsed() < Duration::from_secs(5), "{first}");
    }
}

#[tokio::test]
async fn at_x9_headers_without_end_are_left_at_their_limit() {
    let one = Server::saying("HTTP/1.1 200 OK\r\nX-A: ", FLOOD, Duration::ZERO);
    let many = Server::saying("HTTP/1.1 200 OK\r\n", b"X-A: b\r\n", Duration::ZERO);
    for server in [one, many] {
        assert_eq!(server.refused().await.code(), "fetch.answer.malformed");
        assert!(server.said.load(Ordering::Relaxed) < 32 << 20);
    }
}

#[tokio::test]
async fn at_x9_what_is_cut_off_or_no_http_is_no_document() {
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        "HTTP/2 200\r\n\r\n",
        "SSH-2.0-OpenSSH_9.9\r\n",
        "",
    ] {
        let error = Server::once(answer).refused().await;
        assert_eq!(error.code(), "fetch.answer.malformed", "{answer}: {error}");
    }
}

#[tokio::test]
async fn nobody_there_is_told_as_that() {
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url: Url = format!("http://{gone}/").parse().unwrap();
    let limits = Limits { deadline: Duration::from_secs(2), head: 8_192, body: 1 };
    let question = Question::Get { target: url.target(), known: None };
    let error = fetch(url.place(), Line::Plain, question, limits).await.unwrap_err();
    assert_eq!(error.code(), "fetch.peer.unreachable");
    let name: Url = "http://nobody.invalid/".parse().unwrap();
    let error = fetch(name.place(), Line::Plain, question, limits).await.unwrap_err();
    assert!(["fetch.peer.unreachable", "fetch.answer.late"].contains(&error.code()), "{error}");
}
