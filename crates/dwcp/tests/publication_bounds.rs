//! The plain HTTP port in front of strangers: what is refused, what is cut off, and that a flood stays where it is.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "a deadline of a test is wall time")]
#![cfg(unix)]

mod support;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};
use support::web::{Question, get, post, publishing, publishing_guarded, raw, request};
use support::{Line, PATIENCE, Place, echo, eventually};

/// What a request would smuggle past a proxy that reads it differently.
const SMUGGLED: &str = "GET /pki/ca.crt HTTP/1.1\r\nHost: a\r\n\r\n";
const POST: &str = "POST /pki/ocsp HTTP/1.1\r\nHost: a\r\nContent-Type: application/ocsp-request\r\n";

#[track_caller]
fn assert_status(address: SocketAddr, asked: &str, status: &[u16]) {
    let answer = raw(address, asked.as_bytes()).unwrap();
    let text = String::from_utf8_lossy(&answer);
    let seen: Vec<u16> = text.split("HTTP/1.1 ").skip(1).map(|part| part[..3].parse().unwrap()).collect();
    assert!(seen.len() == 1 && status.contains(&seen[0]), "{asked:.200}: {seen:?} of {status:?}");
}

#[test]
fn at_d3_nothing_but_its_few_paths_and_methods_is_answered() {
    let place = Place::new();
    let web = publishing(&place);
    let _node = place.up();
    for path in [
        "/",
        "/pki",
        "/pki/",
        "/pki/ca.key",
        "/pki/../ca/ca.key",
        "/pki/%63a.crl",
        "/pki/ca.crl/",
        "//pki/ca.crl",
        "/PKI/CA.CRL",
        "/pki/ocspx",
        "/health/live",
        "/health/tls",
        "/metrics",
        "*",
    ] {
        let asked = format!("GET {path} HTTP/1.1\r\nHost: evil.example\r\n\r\n");
        let answer = String::from_utf8(raw(web, asked.as_bytes()).unwrap()).unwrap();
        assert!(answer.starts_with("HTTP/1.1 404"), "{path}: {answer}");
        assert!(!answer.contains("evil.example"), "{answer}");
    }
    for (method, path, allow) in [
        ("POST", "/pki/ca.crl", "GET, HEAD"),
        ("PUT", "/pki/ca.crl", "GET, HEAD"),
        ("DELETE", "/pki/ca.crt", "GET, HEAD"),
        ("OPTIONS", "/pki/ca-delta.crl", "GET, HEAD"),
        ("TRACE", "/pki/ca.crt", "GET, HEAD"),
        ("GET", "/pki/ocsp", "POST"),
        ("PUT", "/pki/ocsp", "POST"),
        ("POST", "/pki/ocsp/MA", "GET, HEAD"),
    ] {
        let answer = request(web, format!("{method} {path} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes()).unwrap();
        assert_eq!((answer.status, answer.header("allow")), (405, allow), "{method} {path}");
    }
    assert_status(web, "CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n", &[404, 405]);
}

#[test]
fn at_d3_oversize_and_malformed_requests_are_refused_within_their_bounds() {
    let place = Place::new();
    let web = publishing(&place);
    let leaf = place.issue("leaf");
    let _node = place.up();
    let get_list = "GET /pki/ca.crl HTTP/1.1\r\nHost: a\r\n";
    assert_status(web, &format!("{get_list}X-A: {}\r\n\r\n", "a".repeat(64 * 1_024)), &[431]);
    assert_status(web, &format!("{get_list}{}\r\n", "X-A: b\r\n".repeat(500)), &[431]);
    let long = format!("GET /pki/ocsp/{} HTTP/1.1\r\nHost: a\r\n\r\n", "A".repeat(64 * 1_024));
    assert_status(web, &long, &[414, 431]);
    assert_status(web, &format!("{get_list}Content-Length: 5\r\n\r\nhello"), &[413]);
    // Announced too large: nobody waits for it.
    let begun = Instant::now();
    assert_status(web, &format!("{POST}Content-Length: 65537\r\n\r\n"), &[413]);
    assert_status(web, &format!("{POST}Content-Length: 1000000000000\r\n\r\n"), &[413]);
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    // Not announced, and too large on the way.
    let chunk = format!("1000\r\n{}\r\n", "A".repeat(0x1000));
    assert_status(
        web,
        &format!("{POST}Transfer-Encoding: chunked\r\n\r\n{}0\r\n\r\n", chunk.repeat(17)),
        &[413],
    );
    let length = SMUGGLED.len() + 5;
    let both =
        format!("{POST}Content-Length: {length}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{SMUGGLED}");
    // Whichever length holds: one answer, and it is not the smuggled one's.
    let answer = raw(web, both.as_bytes()).unwrap();
    let text = String::from_utf8_lossy(&answer);
    assert!(text.matches("HTTP/1.1 ").count() == 1 && !text.contains("pkix-cert"), "{text}");
    assert_status(web, &format!("{POST}Content-Length: 0, 7\r\n\r\n{SMUGGLED}"), &[400]);
    let other = POST.replace("application/ocsp-request", "text/plain");
    assert_status(web, &format!("{other}Content-Length: 5\r\n\r\nhello"), &[415]);
    let spoken = raw(web, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").unwrap_or_default();
    assert!(!String::from_utf8_lossy(&spoken).contains(" 200"), "HTTP/2 is not spoken");

    // A question that is none is told so in the responder's words.
    let malformed = [0x30, 3, 0x0a, 1, 1];
    let question = Question::about(&place, &leaf);
    let der = question.plain().der();
    for body in [&[][..], b"hello", &der[..der.len() - 1], &[0x30; 60_000]] {
        let answer = post(web, body).unwrap();
        assert_eq!((answer.status, &answer.body[..]), (200, &malformed[..]), "{} bytes", body.len());
        assert_eq!(answer.header("cache-control"), "no-store");
    }
    for path in ["", "!!!!", "MA", &"A".repeat(9_000), "%zz", "%00"] {
        let answer = get(web, &format!("/pki/ocsp/{path}"), "");
        assert_eq!((answer.status, &answer.body[..]), (200, &malformed[..]), "{path:.20}");
    }
    assert_eq!(get(web, "/pki/ca.crl", "").status, 200, "it still serves");
}

#[test]
fn at_g1_headers_and_bodies_that_drip_and_connections_that_idle_are_closed() {
    let place = Place::new();
    let web = publishing(&place);
    let _node = place.up();
    let begun = Instant::now();
    let open = |text: &str| {
        let mut stream = TcpStream::connect(web).unwrap();
        stream.write_all(text.as_bytes()).unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(250))).unwrap();
        stream
    };
    let idle = open("");
    let half = open("GET /pki/ca.crl HTTP/1.1\r\nHo");
    let body = open(&format!("{POST}Content-Length: 1000\r\n\r\n"));
    for (name, mut stream) in [("idle", idle), ("half", half), ("body", body)] {
        // A byte every now and then buys no time.
        loop {
            let mut byte = [0];
            match stream.read(&mut byte) {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) => match error.kind() {
                    std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut => {}
                    _ => break,
                },
            }
            if name != "idle" && stream.write_all(b"a").is_err() {
                break;
            }
            assert!(begun.elapsed() < PATIENCE, "{name} is still open after {:?}", begun.elapsed());
        }
    }
    assert_eq!(get(web, "/pki/ca.crl", "").status, 200);
}

#[test]
fn at_g1_idlers_of_one_source_get_its_share_of_places_and_no_more() {
    let place = Place::new();
    // Without an exemption: the guard stands here.
    place.edit("  handshakes_per_second: 20", "  handshakes_per_second: 1000");
    place.edit("  burst: 40", "  burst: 1000");
    let web = publishing_guarded(&place);
    let mut node = place.up();
    let idle: Vec<TcpStream> = (0..80).map(|_| TcpStream::connect(web).unwrap()).collect();
    // Those beyond the share are reset at once, long before anything runs out of time.
    let turned_away = || {
        let gone = |stream: &&TcpStream| {
            stream.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
            let mut stream: &TcpStream = stream;
            let end = stream.read(&mut [0]);
            !end.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock)
        };
        idle.iter().filter(gone).count()
    };
    let begun = Instant::now();
    eventually(Duration::from_millis(2_500), "all but 32 are turned away", || turned_away() >= 48);
    assert!(begun.elapsed() < Duration::from_millis(2_500));
    // The listeners do not feel it, and the port is free again once their time is up.
    echo(place.target);
    let good = place.issue("good");
    Line::dial(&place, place.listen, Some(&good)).unwrap().echo(b"still here").unwrap();
    eventually(PATIENCE, "their time is up", || {
        request(web, b"GET /pki/ca.crl HTTP/1.1\r\nHost: a\r\n\r\n").is_ok_and(|answer| answer.status == 200)
    });
    assert!(node.lives());
}

/// Lets eight threads `ask` for as long as `during` runs; gives how often they got what they asked for, how often not.
fn flood(ask: impl Fn() -> bool + Sync, during: impl FnOnce()) -> (u32, u32, Duration) {
    let (over, given, not) = (AtomicBool::new(false), AtomicU32::new(0), AtomicU32::new(0));
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    let count = if ask() { &given } else { &not };
                    count.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        during();
        over.store(true, Ordering::Relaxed);
    });
    (given.into_inner(), not.into_inner(), begun.elapsed())
}

#[test]
fn a_flood_of_nonces_gets_few_signatures_and_starves_no_link() {
    let place = Place::new();
    echo(place.target);
    let web = publishing(&place);
    let (leaf, good) = (place.issue("leaf"), place.issue("good"));
    let _node = place.up();
    let question = Question::about(&place, &leaf);
    // Kept from before the flood.
    let kept = post(web, question.plain().der()).unwrap();
    assert!(question.verdict(question.plain(), &kept).is_some());
    let mut standing = Line::dial(&place, place.listen, Some(&good)).unwrap();
    let mut slowest = Duration::ZERO;
    let nonced = || {
        let asked = question.nonced();
        post(web, asked.der()).is_ok_and(|answer| question.verdict(&asked, &answer).is_some())
    };
    let (signed, later, time) = flood(nonced, || {
        let end = Instant::now() + Duration::from_secs(3);
        while Instant::now() < end {
            let begun = Instant::now();
            standing.echo(b"through the flood").unwrap();
            Line::dial(&place, place.listen, Some(&good)).unwrap().echo(b"a new link").unwrap();
            slowest = slowest.max(begun.elapsed());
            // What is kept costs no signature, so it is given all the same.
            let again = post(web, question.plain().der()).unwrap();
            assert_eq!(again.body, kept.body);
        }
    });
    assert!(slowest < Duration::from_secs(2), "a link took {slowest:?}");
    // Twenty at once and ten a second, and one for what is kept.
    let bound = 21 + 10 * (u32::try_from(time.as_secs()).unwrap() + 1);
    assert!(signed <= bound && signed >= 20, "{signed} signatures in {time:?}");
    assert!(later > 50, "{later} were put off");
    let metrics = place.ask("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n");
    let refused =
        metrics.lines().find(|line| line.starts_with("dwcp_guard_refusals_total{reason=\"source_rate\"}"));
    let refused: f64 = refused.unwrap().rsplit(' ').next().unwrap().parse().unwrap();
    assert!(refused >= 50.0, "{refused}");
}

#[test]
fn a_flood_of_connections_stops_at_the_gate_of_the_port() {
    let place = Place::new();
    echo(place.target);
    let web = publishing_guarded(&place);
    let good = place.issue("good");
    let _node = place.up();
    let fetched = || {
        request(web, b"GET /pki/ca.crl HTTP/1.1\r\nHost: a\r\n\r\n").is_ok_and(|answer| answer.status == 200)
    };
    let (answered, reset, time) = flood(fetched, || {
        std::thread::sleep(Duration::from_secs(2));
        // From the same address, and as a newcomer: the listener has an allowance of its own.
        Line::dial(&place, place.listen, Some(&good)).unwrap().echo(b"not locked out").unwrap();
    });
    // Forty at once and twenty a second.
    let bound = 40 + 20 * (u32::try_from(time.as_secs()).unwrap() + 1);
    assert!(answered <= bound && reset > 100, "{answered} answered, {reset} reset, in {time:?}");
    eventually(PATIENCE, "the port is there for whoever waits", fetched);
}
