//! Whoever should not join: stolen, replayed and guessed tokens, requests for what is not theirs, and HTTP that is none.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "a deadline of a test is wall time")]
#![cfg(unix)]

mod support;

use dwcp::enroll::{Grant, JoinToken, TokenSecret, Tokens};
use dwcp_base::{Clock, LocalDisk, SystemClock};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};
use support::enroll::{
    ask, asking, enrolling, id, issued, join, joined, joining, log, metric, over, patiently, post, token,
};
use support::{Line, PATIENCE, Place, echo, eventually, have};

fn refused(place: &Place, token: &JoinToken, names: &[&str], status: u16, code: &str) {
    let told = join(place, place.admin, token, names);
    assert_eq!((told.status, told.code()), (status, code), "{names:?}");
    assert!(told.body["error"]["fix"].as_str().is_some_and(|fix| !fix.is_empty()), "{told:?}");
    assert!(!told.body.to_string().contains(token.secret.to_text().as_str()));
}

#[test]
fn stolen_replayed_expired_and_foreign_tokens_are_refused_and_on_record() {
    let place = Place::new();
    let _node = place.up();
    // Somebody was faster: the machine it was meant for is told, and the log has both.
    let stolen = token(&place, &[]);
    assert_eq!(join(&place, place.admin, &stolen, &[&id("thief")]).status, 200);
    refused(&place, &stolen, &[&id("b")], 403, "enroll.token.spent");
    refused(&place, &stolen, &[&id("thief")], 403, "enroll.token.spent");

    let tokens = Tokens::of(Arc::new(LocalDisk), Path::new(&place.node("ca")));
    let before = SystemClock::new().unix().minus(Duration::from_secs(61));
    let (record, secret) =
        tokens.create(Grant::default(), &"test.example".parse().unwrap(), Tokens::SHORTEST, before).unwrap();
    let live = token(&place, &[]);
    let with = |id, secret| JoinToken {
        id,
        secret,
        address: live.address.clone(),
        server: live.server.clone(),
        root: live.root,
    };
    refused(&place, &with(record.id, secret), &[&id("b")], 403, "enroll.token.expired");
    let wrong = with(live.id, TokenSecret::random().unwrap());
    refused(&place, &wrong, &[&id("b")], 403, "enroll.token.unknown");
    let other = Place::new();
    refused(&place, &token(&other, &[]), &[&id("b")], 403, "enroll.token.unknown");
    assert!(issued(&place, &id("b")).is_empty());
    eventually(PATIENCE, "all of it is on record", || {
        let log = log(&place);
        ["join_refused", "enroll.token.spent", "enroll.token.expired", "enroll.token.unknown", "127.0.0.1"]
            .iter()
            .all(|text| log.contains(text))
    });
    assert!(log(&place).contains(&format!("\"token\":\"{}\"", stolen.id)), "and which token it was");
    for token in [&stolen, &live, &wrong] {
        assert!(!log(&place).contains(token.secret.to_text().as_str()));
    }
    assert_eq!(join(&place, place.admin, &live, &[&id("b")]).status, 200, "it was not spent by any of it");
}

#[test]
fn nobody_joins_under_a_name_that_is_somebody_elses() {
    let place = Place::new();
    let _node = place.up();
    joined(&place, "member");
    place.issue("by-hand");
    let open = token(&place, &[]);
    for names in [
        &[id("a").as_str()][..],
        &[id("member").as_str()],
        &[id("by-hand").as_str()],
        &["URI:spiffe://other.example/node/b"],
        &["URI:spiffe://test.example/ca"],
        &["DNS:b.example"],
    ] {
        refused(&place, &open, names, 403, "enroll.name.refused");
    }
    let bound = token(&place, &["--name", "b"]);
    refused(&place, &bound, &[&id("c")], 403, "enroll.name.refused");
    assert_eq!(join(&place, place.admin, &bound, &[&id("b"), "DNS:b.example"]).status, 200);
    refused(&place, &open, &[&id("c"), "DNS:b.example"], 403, "enroll.name.refused");
    assert_eq!(join(&place, place.admin, &open, &[&id("c"), "DNS:c.example"]).status, 200);
}

#[test]
fn requests_that_prove_nothing_or_ask_for_authority_leave_the_token_as_it_is() {
    let place = Place::new();
    let _node = place.up();
    let token = token(&place, &[]);
    let (_, csr) = asking(&[&id("b")]);
    let send = |body: &str| patiently(|| ask(&place, place.admin, None, &post("/enroll/join", body)));
    let (_, other) = asking(&[&id("b")]);
    let lines = |pem: &str| pem.lines().map(str::to_owned).collect::<Vec<_>>();
    // The names of one request under the signature of another.
    let mut mixed = lines(&csr);
    let last = mixed.len() - 2;
    mixed[last] = lines(&other)[last].clone();
    for csr in [mixed.join("\n"), csr.replace("-----END", "----END"), String::new(), "hello".to_owned()] {
        let told = send(&joining(&token, &csr));
        assert_eq!((told.status, told.code()), (400, "enroll.request.bad"), "{csr}");
    }
    for body in ["", "{}", "[]", "{\"token\":\"x\",\"csr\":\"y\"}"] {
        let told = send(body);
        assert_eq!((told.status, told.code()), (400, "enroll.request.bad"), "{body}");
    }
    if have("openssl") {
        let at = |name: &str| place.path(name).to_str().unwrap().to_owned();
        std::fs::write(
            at("req.cnf"),
            "[req]\ndistinguished_name=dn\nreq_extensions=ext\nprompt=no\n[dn]\n[ext]\n\
             subjectAltName=URI:spiffe://test.example/node/b\nbasicConstraints=critical,CA:TRUE\n\
             keyUsage=keyCertSign\n",
        )
        .unwrap();
        let made = Command::new("openssl")
            .args(["req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"])
            .args(["-subj", "/", "-config", &at("req.cnf"), "-keyout", &at("k.pem"), "-out", &at("r.pem")])
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let authority = std::fs::read_to_string(at("r.pem")).unwrap();
        let told = send(&joining(&token, &authority));
        assert_eq!((told.status, told.code()), (400, "enroll.request.bad"), "{told:?}");
    }
    assert!(issued(&place, &id("b")).is_empty());
    assert_eq!(send(&joining(&token, &csr)).status, 200);
}

/// Kibibytes of memory that a process holds.
fn resident(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn a_thousand_wrong_secrets_are_held_back_and_summed_up_and_the_right_one_still_joins() {
    let place = Place::new();
    let node = place.up();
    let token = token(&place, &[]);
    let (_, csr) = asking(&[&id("b")]);
    let body = post("/enroll/join", &joining(&token, &csr));
    let right = token.secret.to_text();
    let before = resident(node.pid());
    let (begun, count) = (Instant::now(), AtomicU32::new(0));
    let (told, later, joined) = (AtomicU32::new(0), AtomicU32::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                while count.fetch_add(1, Ordering::Relaxed) < 1_000 {
                    let wrong = TokenSecret::random().unwrap();
                    let guess = body.replace(right.as_str(), wrong.to_text().as_str());
                    let Ok(mut line) = Line::dial(&place, place.admin, None) else { continue };
                    match over(&mut line, &guess) {
                        Some(answer) if answer.status == 403 => told.fetch_add(1, Ordering::Relaxed),
                        Some(answer) if answer.status == 429 => {
                            assert!(answer.header("retry-after").parse::<u64>().unwrap() >= 1);
                            later.fetch_add(1, Ordering::Relaxed)
                        }
                        other => panic!("{other:?}"),
                    };
                }
            });
        }
        // In the midst of it, from the same address.
        while count.load(Ordering::Relaxed) < 500 {
            std::thread::sleep(Duration::from_millis(20));
        }
        let answer = patiently(|| ask(&place, place.admin, None, &body));
        joined.store(answer.status == 200, Ordering::Relaxed);
    });
    assert!(joined.into_inner(), "whoever holds the token is not locked out");
    let (told, later) = (told.into_inner(), later.into_inner());
    let seconds = u32::try_from(begun.elapsed().as_secs()).unwrap() + 1;
    assert!(told <= 10 + 2 * (seconds + 1) && told >= 10, "{told} were told in {seconds} s");
    assert!(later > 500, "{later} were put off");
    assert!(resident(node.pid()) < before + (64 << 10), "it grew by more than 64 MiB");
    eventually(PATIENCE, "it is on record", || log(&place).contains("enroll.token.unknown"));
    let records = log(&place).lines().filter(|line| line.contains("\"join_refused\"")).count();
    assert!(records <= seconds as usize + 2, "{records} records in {seconds} s");
    assert_eq!(issued(&place, &id("b")).len(), 1);
}

#[test]
fn of_sixty_four_machines_with_one_token_one_joins() {
    let place = Place::new();
    let _node = place.up();
    let token = token(&place, &[]);
    let statuses: Vec<(u16, String)> = std::thread::scope(|scope| {
        let joins: Vec<_> = (0..64)
            .map(|n| {
                let (place, token) = (&place, &token);
                scope.spawn(move || {
                    let (_, csr) = asking(&[&id(&format!("n{n}"))]);
                    let told = ask(place, place.admin, None, &post("/enroll/join", &joining(token, &csr)));
                    (told.status, told.code().to_owned())
                })
            })
            .collect();
        joins.into_iter().map(|join| join.join().unwrap()).collect()
    });
    let won = statuses.iter().filter(|(status, _)| *status == 200).count();
    assert_eq!(won, 1, "{statuses:?}");
    let lost = |(status, code): &&(u16, String)| {
        (*status, code.as_str()) == (403, "enroll.token.spent") || [429, 503].contains(status)
    };
    assert_eq!(statuses.iter().filter(lost).count(), 63, "{statuses:?}");
    let certified: usize = (0..64).map(|n| issued(&place, &id(&format!("n{n}"))).len()).sum();
    assert_eq!(certified, 1);
}

#[test]
fn a_node_that_is_killed_in_between_never_makes_two_of_one_token() {
    let place = Place::new();
    for round in 0..12 {
        let node = place.up();
        let token = token(&place, &[]);
        let (first, second) = (format!("k{round}"), format!("l{round}"));
        let mut line = Line::dial(&place, place.admin, None).unwrap();
        let (_, csr) = asking(&[&id(&first)]);
        line.send(post("/enroll/join", &joining(&token, &csr)).as_bytes()).unwrap();
        std::thread::sleep(Duration::from_millis(round * 3));
        node.signal("KILL");
        node.wait(PATIENCE);
        let _node = place.up();
        let told = join(&place, place.admin, &token, &[&id(&second)]);
        assert!(told.status == 200 || told.code() == "enroll.token.spent", "{told:?}");
        let made = issued(&place, &id(&first)).len() + issued(&place, &id(&second)).len();
        assert!(made <= 1, "round {round}: {made} certificates of one token");
    }
}

#[test]
fn bodies_that_are_slow_large_or_ambiguous_are_refused_within_their_bounds() {
    let place = Place::new();
    let _node = place.up();
    let send = |request: &str| patiently(|| ask(&place, place.admin, None, request));
    let head = "POST /enroll/join HTTP/1.1\r\nHost: a\r\n";
    // Announced and not sent: the answer does not wait for it.
    let begun = Instant::now();
    assert_eq!(send(&format!("{head}Content-Length: 65537\r\n\r\n")).status, 413);
    assert_eq!(send(&format!("{head}Content-Length: 9999999999\r\n\r\n")).status, 413);
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    let chunk = format!("8000\r\n{}\r\n", "a".repeat(0x8000));
    assert_eq!(
        send(&format!("{head}Transfer-Encoding: chunked\r\n\r\n{chunk}{chunk}{chunk}0\r\n\r\n")).status,
        413
    );
    for framing in [
        "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
        "Content-Length: 4\r\nContent-Length: 5\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
    ] {
        let smuggled = "0\r\n\r\nGET /enroll/bundle HTTP/1.1\r\nHost: a\r\n\r\n";
        let mut line = Line::dial(&place, place.admin, None).unwrap();
        line.send(format!("{head}{framing}\r\n{smuggled}").as_bytes()).unwrap();
        let (bytes, _) = line.rest(PATIENCE);
        let text = String::from_utf8(bytes).unwrap();
        assert_eq!(text.matches("HTTP/1.1 ").count(), 1, "{framing}: {text}");
        assert!(text.starts_with("HTTP/1.1 400"), "{framing}: {text}");
    }
    // A byte now and then buys no time.
    let mut drip = Line::dial(&place, place.admin, None).unwrap();
    let begun = Instant::now();
    drip.send(format!("{head}Content-Length: 60000\r\n\r\n{{").as_bytes()).unwrap();
    let mut answer = Vec::new();
    while begun.elapsed() < PATIENCE && answer.is_empty() {
        let _ = drip.send(b" ");
        answer = drip.rest(Duration::from_millis(200)).0;
    }
    let text = String::from_utf8(answer).unwrap();
    assert!(text.starts_with("HTTP/1.1 408"), "{text}");
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());

    // Plain HTTP is no TLS, and is not answered as if it were.
    let mut plain = TcpStream::connect(place.admin).unwrap();
    plain.set_read_timeout(Some(PATIENCE)).unwrap();
    plain.write_all(post("/enroll/join", "{}").as_bytes()).unwrap();
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer);
    assert!(!String::from_utf8_lossy(&answer).contains("HTTP/"), "{answer:?}");
    assert_eq!(place.health("live").0, 200);
}

#[test]
fn a_flood_of_connections_stops_at_the_gate_of_the_port_for_joining() {
    let place = Place::new();
    echo(place.target);
    let port = enrolling(&place);
    let good = place.issue("good");
    let _node = place.up();
    let (over, answered, turned_away) = (AtomicBool::new(false), AtomicU32::new(0), AtomicU32::new(0));
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    let count = if Line::dial(&place, port, None).is_ok() { &answered } else { &turned_away };
                    count.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        std::thread::sleep(Duration::from_secs(2));
        // From the same address, and as a newcomer: the listener has an allowance of its own.
        Line::dial(&place, place.listen, Some(&good)).unwrap().echo(b"not locked out").unwrap();
        over.store(true, Ordering::Relaxed);
    });
    // Forty at once and twenty a second.
    let bound = 40 + 20 * (u32::try_from(begun.elapsed().as_secs()).unwrap() + 1);
    let (answered, turned_away) = (answered.into_inner(), turned_away.into_inner());
    assert!(answered <= bound && turned_away > 20, "{answered} answered, {turned_away} turned away");
    eventually(PATIENCE, "the port is there for whoever waits", || Line::dial(&place, port, None).is_ok());
}

#[test]
fn whoever_joins_or_renews_and_is_gone_is_on_record() {
    let place = Place::new();
    let _node = place.up();
    let b = joined(&place, "b");
    // Some go before anybody read what they asked, some while it is done, some when it is.
    let gone = |who: Option<&str>, request: &str, after: u64| {
        let mut line = Line::dial(&place, place.admin, who).unwrap();
        line.send(request.as_bytes()).unwrap();
        std::thread::sleep(Duration::from_millis(after));
    };
    let moments = [0, 1, 3, 10, 30, 200];
    for (n, after) in moments.into_iter().enumerate() {
        let (name, token) = (id(&format!("n{n}")), token(&place, &[]));
        gone(None, &post("/enroll/join", &joining(&token, &asking(&[&name]).1)), after);
        let csr = asking(&[&id("b")]).1;
        gone(Some(&b), &post("/enroll/renew", &serde_json::json!({ "csr": csr }).to_string()), after);
    }
    let count = |what: &str| log(&place).matches(what).count();
    eventually(PATIENCE, "what was granted is counted and on record", || {
        let is_in = |n: &usize| !issued(&place, &id(&format!("n{n}"))).is_empty();
        let joined = 1 + (0..moments.len()).filter(is_in).count();
        let renewed = issued(&place, &id("b")).len() - 1;
        let counted =
            |result: &str| metric(&place, &format!("dwcp_enrollments_total{{result=\"{result}\"}}"));
        let exactly = |count: usize| u32::try_from(count).map(f64::from).unwrap();
        // Some of them at least were under way when the other side went.
        joined > 1
            && renewed > 0
            && (count("\"node_joined\""), counted("joined")) == (joined, exactly(joined))
            && (count("\"node_renewed\""), counted("renewed")) == (renewed, exactly(renewed))
    });
}

/// An address of this machine that is not loopback, as the routing has it; no packet is sent.
fn outer() -> Option<std::net::IpAddr> {
    let socket = std::net::UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("192.0.2.1:9").ok()?;
    socket
        .local_addr()
        .ok()
        .map(|address| address.ip())
        .filter(|ip| !ip.is_loopback() && !ip.is_unspecified())
}

#[test]
fn no_machine_holds_all_places_of_the_admin_listener() {
    let Some(outer) = outer() else { return println!("skipped: this machine has loopback alone") };
    let place = Place::new();
    place.edit(&place.admin.to_string(), &format!("0.0.0.0:{}", place.admin.port()));
    let _node = place.up();
    let idle: Vec<_> = (0..300).map(|_| TcpStream::connect((outer, place.admin.port())).unwrap()).collect();
    // Those of this machine are let in all the while.
    let told = ask(&place, place.admin, None, "GET /health/live HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(told.status, 200);
    drop(idle);
}
