//! Pins: keys that the servers of dialers, or the clients of a listener, must have.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use serde_json::Value;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use support::{PATIENCE, Place, assert_three_lines, dwcp, echo, eventually, free_port, ok, refused};

const OTHER: &str = "sha256/ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=";

fn pin(file: &str) -> String {
    let shown: Value = serde_json::from_str(&ok(&["--json", "cert", "show", file])).unwrap();
    shown["pin"].as_str().unwrap().to_owned()
}

fn status(place: &Place) -> Value {
    serde_json::from_str(&ok(&["--json", "tls", "status", "--config", &place.config()])).unwrap()
}

/// A plain connection to the dialer that got its bytes back; `None` where it was reset.
fn echoed(dialer: SocketAddr) -> Option<TcpStream> {
    let mut stream = TcpStream::connect(dialer).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(b"hello").ok()?;
    stream.read_exact(&mut [0; 5]).ok()?;
    Some(stream)
}

#[test]
fn a_dialer_talks_to_pinned_keys_alone_and_its_own_pins_stand_for_the_nodes() {
    let place = Place::new();
    echo(place.target);
    let dialer = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let (own, remote) = (pin(&place.node("identity.crt")), place.listen);
    place.edit(
        "  dialers: []",
        &format!("  dialers:\n    - {{name: out, listen: '{dialer}', remote: '{remote}', tls: {{}}}}"),
    );
    // The node dials itself.
    place.edit("    pq: prefer ", &format!("    pins: ['{OTHER}', 'pin:{own}']\n    pq: prefer "));
    let node = place.up();
    let live = echoed(dialer);
    assert!(live.is_some());
    assert_eq!(status(&place)["dialers"][0]["pins"].as_array().unwrap().len(), 2);
    assert_eq!(status(&place)["listeners"][0]["pins"], Value::Null, "they say nothing of clients");

    place.edit("tls: {}", &format!("tls: {{pins: ['{OTHER}']}}"));
    node.signal("HUP");
    eventually(PATIENCE, "who is there is given notice", || {
        let said = status(&place);
        let peers = said["peers"].as_array().unwrap();
        peers.iter().any(|peer| peer["direction"] == "dialed" && peer["state"] == "draining")
    });
    assert!(echoed(dialer).is_none());
    let answer = place.ask("GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert!(
        answer.contains("dwcp_tls_handshake_failures_total{reason=\"certificate_unpinned\"} 1"),
        "{answer}"
    );
    let (warned, why) = place.check("tls", "tls.remote.out");
    assert!(warned == "warn" && why.contains("pin"), "{why}");

    place.edit(&format!("tls: {{pins: ['{OTHER}']}}"), &format!("tls: {{pins: ['{own}']}}"));
    node.signal("HUP");
    eventually(PATIENCE, "the right pin is in force", || echoed(dialer).is_some());
}

#[test]
fn the_clients_of_a_listener_can_be_pinned() {
    let place = Place::new();
    echo(place.target);
    let (good, bad) = (place.issue("b"), place.issue("c"));
    let pinned = pin(&format!("{good}.crt"));
    place.edit("      allow:  ", &format!("      tls: {{pins: ['{pinned}']}}\n      allow:  "));
    let _node = place.up();
    let (remote, ca) = (place.listen.to_string(), place.node("ca/ca.crt"));
    for (who, code) in [(&good, 0), (&bad, 4)] {
        let (cert, key) = (format!("{who}.crt"), format!("{who}.key"));
        let output = dwcp(&["tls", "handshake", &remote, "--ca", &ca, "--cert", &cert, "--key", &key]);
        assert_eq!(output.status.code(), Some(code), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn a_pin_that_is_none_and_pins_that_let_nobody_in_are_refused_with_key_why_and_fix() {
    let many = vec![format!("'{OTHER}'"); 65].join(", ");
    for (node, listener, key, why) in [
        ("['sha256/abc']", "{}", "security.tls.pins", "`sha256/abc`"),
        ("['spiffe://a/b']", "{}", "security.tls.pins", "44 characters"),
        ("[]", "{}", "security.tls.pins", "names no key"),
        (&*format!("[{many}]"), "{}", "security.tls.pins", "more than 64"),
        (
            "['sha256/ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa1=']",
            "{}",
            "security.tls.pins",
            "44 characters",
        ),
        (&*format!("['{OTHER}']"), "{pins: []}", "node.listeners[example].tls.pins", "names no key"),
    ] {
        let place = Place::new();
        place.edit("      allow:  ", &format!("      tls: {listener}\n      allow:  "));
        place.edit("    pq: prefer ", &format!("    pins: {node}\n    pq: prefer "));
        let (code, said) = refused(&["config", "check", &place.config()]);
        assert_three_lines(&said);
        assert!(code == 3 && said.contains(key) && said.contains(why), "{node}: {code} {said}");
    }
    let place = Place::new();
    place.edit("      allow:  ", &format!("      tls: {{pins: ['{OTHER}']}}\n      allow:  "));
    place.edit("\"spiffe://test.example/node/*\"", "anonymous");
    let (code, said) = refused(&["config", "check", &place.config()]);
    assert!(code == 3 && said.contains("tls.pins") && said.contains("anonymous"), "{code} {said}");
}
