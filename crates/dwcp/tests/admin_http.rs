//! AT-D3: the admin endpoint under hostile HTTP. It answers once, refuses, and closes; and it is there again afterwards.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "a deadline of a test is wall time")]

mod support;

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};
use support::{Line, PATIENCE, Place, Running, assert_three_lines, eventually, refused};

/// What a request would smuggle past a proxy that reads it differently.
const SMUGGLED: &str = "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n";

/// Status lines in an answer, in order.
fn statuses(answer: &str) -> Vec<&str> {
    answer.split("HTTP/1.1 ").skip(1).map(|part| &part[..3]).collect()
}

/// A request that must be answered once, with `status`, and then be the end of the connection.
fn assert_only(place: &Place, name: &str, request: &str, status: &[&str]) {
    let answer = place.ask(request);
    let seen = statuses(&answer);
    assert!(seen.len() == 1 && status.contains(&seen[0]), "{name}: {seen:?} of {status:?}\n{answer}");
    assert!(!answer.contains("dwcp_tls_connections_total"), "{name}: the smuggled request was answered");
}

#[test]
fn at_d3_request_smuggling_shapes_are_answered_once_and_closed() {
    let place = Place::new();
    let _node = place.up();
    let post = "POST /health/live HTTP/1.1\r\nHost: a\r\n";
    let get = "GET /health/live HTTP/1.1\r\nHost: a\r\n";
    let chunked = format!("0\r\n\r\n{SMUGGLED}");
    let length = chunked.len();
    let bad: &[&str] = &["400", "405", "413"];
    for (name, request) in [
        (
            "CL and TE",
            format!("{post}Content-Length: {length}\r\nTransfer-Encoding: chunked\r\n\r\n{chunked}"),
        ),
        ("TE and CL", format!("{post}Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n{chunked}")),
        (
            "CL and TE on GET",
            format!("{get}Content-Length: {length}\r\nTransfer-Encoding: chunked\r\n\r\n{chunked}"),
        ),
        ("two lengths", format!("{post}Content-Length: 0\r\nContent-Length: 7\r\n\r\n{SMUGGLED}")),
        ("a list of lengths", format!("{post}Content-Length: 0, 7\r\n\r\n{SMUGGLED}")),
        ("a signed length", format!("{post}Content-Length: +0\r\n\r\n{SMUGGLED}")),
        ("a negative length", format!("{post}Content-Length: -1\r\n\r\n{SMUGGLED}")),
        ("a length beyond 64 bits", format!("{post}Content-Length: 18446744073709551617\r\n\r\n{SMUGGLED}")),
        ("TE list, chunked first", format!("{post}Transfer-Encoding: chunked, identity\r\n\r\n{chunked}")),
        ("TE unknown", format!("{post}Transfer-Encoding: xchunked\r\n\r\n{chunked}")),
        (
            "TE twice",
            format!("{post}Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n{chunked}"),
        ),
        ("TE on HTTP/1.0", format!("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n{chunked}")),
        ("obs-fold", format!("{get}X-A: b\r\n c: d\r\nConnection: close\r\n\r\n{SMUGGLED}")),
        (
            "space before the colon",
            format!("{post}Content-Length : 5\r\nConnection: close\r\n\r\n{SMUGGLED}"),
        ),
        (
            "chunk size overflow",
            format!("{post}Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n{SMUGGLED}"),
        ),
        ("chunk size no number", format!("{post}Transfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n{SMUGGLED}")),
        ("NUL in a header", format!("{get}X-A: \0\r\n\r\n{SMUGGLED}")),
        ("a bare CR in a header", format!("{get}X-A: b\rX-B: c\r\n\r\n{SMUGGLED}")),
    ] {
        assert_only(&place, name, &request, bad);
    }
    // A lone LF is a line's end to some; it must then not hide a second header from the others, and one answer is all.
    let bare = place.ask("GET /health/live HTTP/1.1\nHost: a\nConnection: close\n\n");
    assert_eq!(statuses(&bare).len(), 1, "{bare}");
    assert_eq!(place.health("live").0, 200, "it still serves");
}

#[test]
fn at_d3_bodies_oversize_headers_and_other_protocols_are_refused() {
    let place = Place::new();
    let _node = place.up();
    let get = "GET /health/live HTTP/1.1\r\nHost: a\r\nConnection: close\r\n";
    assert_only(&place, "a body on GET", &format!("{get}Content-Length: 5\r\n\r\nhello"), &["413"]);
    assert_only(
        &place,
        "a chunked body",
        &format!("{get}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
        &["413"],
    );
    // Announced and never sent: the answer does not wait for it.
    let started = Instant::now();
    assert_only(
        &place,
        "a body that never comes",
        &format!("{get}Content-Length: 1000000000\r\n\r\n"),
        &["413"],
    );
    assert!(started.elapsed() < Duration::from_secs(15), "{:?}", started.elapsed());
    assert_only(
        &place,
        "one huge header",
        &format!("{get}X-A: {}\r\n\r\n", "a".repeat(64 * 1_024)),
        &["431"],
    );
    assert_only(&place, "many headers", &format!("{get}{}\r\n", "X-A: b\r\n".repeat(500)), &["431"]);
    let long = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(64 * 1_024));
    assert_only(&place, "a huge path", &long, &["414", "431"]);
    assert_only(
        &place,
        "CONNECT",
        "CONNECT a:443 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        &["405"],
    );
    let answer = place.ask("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    assert!(!answer.contains(" 200 "), "HTTP/2 is not spoken: {answer}");
    let answer = place.ask(&format!("{get}Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n"));
    assert_eq!(statuses(&answer), ["200"], "an upgrade is not taken: {answer}");
    let answer = place.ask("GET /health/live HTTP/1.0\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.0 200") && answer.contains("\"pass\""), "{answer}");
}

#[test]
fn at_d3_paths_do_not_travel_and_nothing_of_a_request_comes_back() {
    let place = Place::new();
    let _node = place.up();
    for path in [
        "/health/../metrics",
        "/../../../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/health/%6cive",
        "/health/live/",
        "//health/live",
        "/health/live;x",
        "/health/live%00",
        "/HEALTH/LIVE",
        "/metrics/../health/live",
        "/ca/ca.key",
        "/identity.key",
    ] {
        let answer =
            place.ask(&format!("GET {path} HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n"));
        assert_eq!(statuses(&answer), ["404"], "{path}: {answer}");
        assert!(!answer.contains("evil.example") && !answer.contains(path), "{path} is echoed: {answer}");
    }
    let answer = place.ask("GET /<script> HTTP/1.1\r\nHost: <script>\r\nConnection: close\r\n\r\n");
    assert!(!answer.contains("<script>"), "{answer}");
}

#[test]
fn at_d3_headers_that_drip_and_connections_that_idle_are_closed() {
    let place = Place::new();
    let _node = place.up();
    let started = Instant::now();
    let mut idle = Line::dial(&place, place.admin, None).unwrap();
    let mut drip = Line::dial(&place, place.admin, None).unwrap();
    let mut header = b"GET /health/live HTTP/1.1\r\nX-A: ".iter().chain(std::iter::repeat(&b'a'));
    // A byte every now and then buys no time: the limit is on the whole of the headers.
    while drip.send(&[*header.next().unwrap()]).is_ok() {
        let (_, end) = drip.rest(Duration::from_millis(250));
        if end.is_ok() || end.is_err_and(|error| error.kind() != std::io::ErrorKind::TimedOut) {
            break;
        }
        assert!(started.elapsed() < PATIENCE, "still open after {:?}", started.elapsed());
    }
    let (bytes, end) = idle.rest(PATIENCE);
    assert!(
        !end.is_err_and(|error| error.kind() == std::io::ErrorKind::TimedOut),
        "the idle one is still open"
    );
    assert!(!String::from_utf8_lossy(&bytes).contains("200 OK"));
    assert_eq!(place.health("live").0, 200);
}

#[test]
fn at_d3_two_hundred_idle_connections_do_not_lock_health_out_for_good() {
    let place = Place::new();
    let mut node = place.up();
    let mut idle: Vec<TcpStream> = (0..200).map(|_| TcpStream::connect(place.admin).unwrap()).collect();
    eventually(PATIENCE, "health answers again", || {
        Line::dial(&place, place.admin, None).is_ok_and(|mut line| {
            line.send(b"GET /health/live HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").is_ok()
                && line.rest(PATIENCE).0.starts_with(b"HTTP/1.1 200")
        })
    });
    for stream in &mut idle {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut byte = [0];
        match stream.read(&mut byte) {
            Ok(0) => {}
            Err(error) => {
                use std::io::ErrorKind::{TimedOut, WouldBlock};
                assert!(!matches!(error.kind(), TimedOut | WouldBlock), "an idle connection is kept");
            }
            Ok(_) => panic!("an answer to no question"),
        }
    }
    assert!(node.lives());
}

#[test]
fn the_unix_socket_answers_its_owner_alone_and_takes_nobodys_place() {
    let place = Place::new();
    place.edit("  drain: 8s", "  drain: 2s");
    let socket = place.node("admin.sock");
    fs::write(&socket, "somebody's file").unwrap();
    let (code, said) = refused(&["up", "--config", &place.config()]);
    assert_three_lines(&said[said.find("error: ").unwrap()..]);
    assert_eq!((code, fs::read_to_string(&socket).unwrap().as_str()), (1, "somebody's file"));
    fs::remove_file(&socket).unwrap();

    let ask = || {
        let mut stream = UnixStream::connect(&socket)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(b"GET /health/live HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("\"pass\""), "{answer}");
        std::io::Result::Ok(())
    };
    let assert_private = || {
        let metadata = fs::symlink_metadata(&socket).unwrap();
        assert!(metadata.file_type().is_socket());
        assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
    };
    let node: Running = place.up();
    eventually(PATIENCE, "the socket answers", || ask().is_ok());
    assert_private();
    node.signal("KILL");
    assert_eq!(node.wait(PATIENCE), -1);
    assert!(fs::symlink_metadata(&socket).is_ok(), "a killed node leaves its socket behind");

    let node = place.up();
    eventually(PATIENCE, "the socket answers", || ask().is_ok());
    assert_private();
    node.signal("TERM");
    assert_eq!(node.wait(PATIENCE), 0);
    assert!(fs::symlink_metadata(&socket).is_err(), "a node that ends takes its socket away");
}
