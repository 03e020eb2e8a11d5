//! `dwcp tls status`: what a running node says of its connections, and what it remembers of weak offers.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use serde_json::Value;
use std::process::{Command, Stdio};
use support::{Line, PATIENCE, Place, assert_three_lines, echo, eventually, have, ok, refused};

fn status(place: &Place) -> Value {
    serde_json::from_str(&ok(&["--json", "tls", "status", "--config", &place.config()])).unwrap()
}

fn metrics(place: &Place) -> String {
    place.ask("GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
}

#[test]
fn a_node_tells_who_is_connected_by_what_and_nothing_secret() {
    let place = Place::new();
    echo(place.target);
    let who = place.issue("b");
    let node = place.up();
    let before = status(&place);
    assert_eq!((&before["peers"], &before["weak_offers"]), (&Value::Array(vec![]), &Value::Array(vec![])));
    assert_eq!(before["handshakes"]["by_suite"]["TLS_AES_128_GCM_SHA256"], 0, "{before}");

    let mut line = Line::dial(&place, place.listen, Some(&who)).unwrap();
    line.echo(b"hello").unwrap();
    let after = status(&place);
    let listener = &after["listeners"][0];
    assert_eq!((&listener["name"], &listener["tickets"]), (&"example".into(), &true.into()), "{after}");
    assert_eq!(listener["policy"]["groups"][0], "X25519MLKEM768");
    assert_eq!((&listener["live"]["connections"], &listener["live"]["classical"]), (&1.into(), &0.into()));
    let counts = serde_json::json!({ "completed": 1, "resumed": 0, "failed": 0 });
    assert_eq!(listener["handshakes"], counts);
    let peer = &after["peers"][0];
    assert_eq!(peer["peer"], "spiffe://test.example/node/b");
    assert_eq!((&peer["direction"], &peer["listener"]), (&"accepted".into(), &"example".into()));
    assert_eq!((&peer["post_quantum"], &peer["handshake"]), (&true.into(), &"full".into()));
    assert!(peer["ja4"].as_str().unwrap().starts_with("t13"), "{peer}");
    assert_eq!(after["handshakes"]["completed"], 1);
    assert_eq!(after["handshakes"]["by_group"]["X25519MLKEM768"], 1);
    let shown = ok(&["--json", "cert", "show", &place.node("audit/../identity.crt")]);
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(after["certificate"]["serial"], shown["serial"]);
    for secret in ["PRIVATE", "127.0.0.1:0", "source"] {
        assert!(!after.to_string().contains(secret), "{secret}: {after}");
    }
    let text = ok(&["tls", "status", "--config", &place.config()]);
    assert!(text.contains("1 live: 1 post-quantum") && text.contains("nobody"), "{text}");
    drop(line);
    eventually(PATIENCE, "the peer leaves the table", || status(&place)["peers"] == Value::Array(vec![]));
    // A reload builds the listener anew, and its counts go on.
    place.edit("    pq: prefer ", "    tickets: false\n    pq: require ");
    node.signal("HUP");
    eventually(PATIENCE, "the reload shows", || status(&place)["listeners"][0]["tickets"] == false);
    let listener = &status(&place)["listeners"][0];
    assert_eq!((&listener["policy"]["pq"], &listener["handshakes"]), (&"require".into(), &counts));
    // The admin listener says the same over HTTPS.
    let answer = place.ask("GET /status/tls HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert!(answer.contains("\"certificate\":") && answer.contains("no-store"), "{answer}");
}

#[test]
fn who_is_still_classical_is_listed_and_who_offers_old_things_is_remembered() {
    if !have("openssl") {
        return;
    }
    let place = Place::new();
    echo(place.target);
    let who = place.issue("old");
    let _node = place.up();
    let zero = metrics(&place);
    for series in
        ["dwcp_tls_weak_offers_total{weakness=\"old_protocol\"} 0", "dwcp_tls_suite_total{suite=\"other\"} 0"]
    {
        assert!(zero.contains(series), "{series}: {zero}");
    }
    let (listen, cert, key) = (place.listen.to_string(), format!("{who}.crt"), format!("{who}.key"));
    let client = |more: &[&str]| {
        let mut client = Command::new("openssl");
        client.args(["s_client", "-connect", &listen, "-quiet", "-cert", &cert, "-key", &key]).args(more);
        client.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    };
    // TLS 1.2 alone, with CBC and a suite of 64-bit blocks where this OpenSSL still has one.
    let mut old = client(&["-tls1_2"]);
    assert!(!old.wait().unwrap().success());
    let mut classical = client(&["-tls1_3", "-groups", "P-256"]);
    eventually(PATIENCE, "the classical client is in", || status(&place)["peers"][0]["group"] == "secp256r1");

    let said = status(&place);
    assert_eq!(said["peers"][0]["post_quantum"], false, "{said}");
    assert_eq!(said["listeners"][0]["live"]["classical"], 1);
    assert_eq!(said["listeners"][0]["handshakes"]["failed"], 1);
    let offer = &said["weak_offers"][0];
    assert_eq!((&offer["outcome"], &offer["count"]), (&"refused".into(), &1.into()), "{said}");
    assert_eq!(
        (&offer["highest_version"], &offer["weaknesses"][0]),
        (&"TLS 1.2".into(), &"old_protocol".into())
    );
    let ja4 = offer["ja4"].as_str().unwrap().to_owned();
    assert!(ja4.starts_with("t12"), "{ja4}");
    let text = ok(&["tls", "status", "--config", &place.config()]);
    assert!(
        text.contains("1 live connections a quantum computer could read") && text.contains(&ja4),
        "{text}"
    );
    let counted = metrics(&place);
    for series in [
        "dwcp_tls_weak_offers_total{weakness=\"old_protocol\"} 1",
        "dwcp_tls_handshake_failures_total{reason=\"weak_protocol\"} 1",
        "dwcp_tls_suite_total{suite=\"TLS_AES_256_GCM_SHA384\"} 1",
    ] {
        assert!(counted.contains(series), "{series}: {counted}");
    }
    // One that could do better offers suites without authentication all the same: served, and not forgotten.
    let mut sloppy = client(&["-cipher", "ALL:aNULL:@SECLEVEL=0", "-groups", "X25519"]);
    eventually(PATIENCE, "the sloppy client is in", || {
        let said = status(&place);
        let peers = said["peers"].as_array().unwrap();
        peers.iter().any(|peer| peer["weak_offers"].to_string().contains("anonymous_suites"))
    });
    let said = status(&place);
    let offers = said["weak_offers"].as_array().unwrap();
    assert!(offers.iter().any(|offer| offer["outcome"] == "served"), "{said}");
    let _ = sloppy.kill();
    let _ = sloppy.wait();
    // The record is evidence of what was offered.
    let file = place.node("audit/log-000000000001.jsonl");
    let recorded = |kind: &str| {
        let log = std::fs::read_to_string(&file).unwrap_or_default();
        log.lines().find(|line| line.contains(kind)).map(str::to_owned)
    };
    eventually(PATIENCE, "the record is written", || recorded("\"weak_protocol\"").is_some());
    let record = recorded("\"weak_protocol\"").unwrap();
    for word in [ja4.as_str(), "no TLS 1.3 (TLS 1.2 at best)", "offered_version"] {
        assert!(record.contains(word), "{word}: {record}");
    }
    assert!(recorded("\"tls_connection\"").unwrap().contains("\"ja4\":\"t13"));
    let _ = classical.kill();
    let _ = classical.wait();
}

#[test]
fn where_no_node_runs_the_answer_says_which_socket_and_what_to_do() {
    let place = Place::new();
    let config = place.config();
    place.edit("    socket: admin.sock ", "    # socket: admin.sock ");
    let (code, said) = refused(&["tls", "status", "--config", &config]);
    assert_three_lines(&said);
    assert!(code == 5 && said.contains("node.admin.socket"), "{code} {said}");
    place.edit("    # socket: admin.sock ", "    socket: admin.sock ");
    let (code, said) = refused(&["tls", "status", "--config", &config]);
    assert_three_lines(&said);
    assert!(code == 5 && said.contains("admin.sock") && said.contains("dwcp up"), "{code} {said}");
    // Left behind by a node that was killed.
    let left = place.path("left.sock");
    drop(std::os::unix::net::UnixListener::bind(&left).unwrap());
    let (code, said) = refused(&["tls", "status", "--socket", left.to_str().unwrap()]);
    assert_three_lines(&said);
    assert_eq!(code, 6, "{said}");
    // Somebody else's.
    let other = place.path("other.sock");
    let listener = std::os::unix::net::UnixListener::bind(&other).unwrap();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = std::io::Read::read(&mut stream, &mut [0; 1_024]);
        let _ = std::io::Write::write_all(&mut stream, b"\x1b[2Jgo away\n");
    });
    let (code, said) = refused(&["tls", "status", "--socket", other.to_str().unwrap()]);
    assert_three_lines(&said);
    assert!(code == 1 && !said.contains('\u{1b}'), "{code} {said}");
}
