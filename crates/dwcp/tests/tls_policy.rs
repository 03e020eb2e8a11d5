//! Suites, groups and post-quantum of one listener and one dialer, beside those of their node.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use support::{PATIENCE, Place, assert_three_lines, dwcp, echo, eventually, free_port, ok, refused};

/// A node whose listener has this `tls` section.
fn place(tls: &str) -> Place {
    let place = Place::new();
    place.edit("      allow:  ", &format!("      tls: {tls}\n      allow:  "));
    place
}

fn status(place: &Place) -> Value {
    serde_json::from_str(&ok(&["--json", "tls", "status", "--config", &place.config()])).unwrap()
}

/// The exit code and the report of a handshake as the identity in `PREFIX.crt`.
fn handshake(place: &Place, remote: SocketAddr, who: &str, more: &[&str]) -> (i32, Value) {
    let (remote, ca) = (remote.to_string(), place.node("ca/ca.crt"));
    let (cert, key) = (format!("{who}.crt"), format!("{who}.key"));
    let fixed = ["--json", "tls", "handshake", &remote, "--ca", &ca, "--cert", &cert, "--key", &key];
    let output = dwcp(&[&fixed[..], more].concat());
    let report = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
    (output.status.code().unwrap(), report)
}

fn failures(place: &Place, reason: &str) -> bool {
    let answer = place.ask("GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    answer.contains(&format!("dwcp_tls_handshake_failures_total{{reason=\"{reason}\"}} 1"))
}

#[test]
fn a_listener_keeps_its_own_policy_and_the_node_its_one() {
    let place = place(
        "{pq: require, suites: [TLS_CHACHA20_POLY1305_SHA256, TLS_AES_128_GCM_SHA256], tickets: false}",
    );
    echo(place.target);
    let who = place.issue("b");
    let node = place.up();
    let (code, report) = handshake(&place, place.listen, &who, &["--resume"]);
    assert_eq!((code, &report["suite"]), (0, &"TLS_CHACHA20_POLY1305_SHA256".into()), "{report}");
    assert_eq!(report["resumption"]["resumed"], false, "{report}");
    assert_eq!(handshake(&place, place.listen, &who, &["--pq", "off"]).0, 6);
    // The admin listener has the node's.
    let (code, report) = handshake(&place, place.admin, &who, &["--pq", "off"]);
    assert_eq!((code, &report["suite"]), (0, &"TLS_AES_256_GCM_SHA384".into()), "{report}");

    let listener = &status(&place)["listeners"][0];
    let policy = json!({
        "version": "1.3",
        "suites": ["TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_GCM_SHA256"],
        "groups": ["X25519MLKEM768"],
        "pq": "require",
    });
    assert_eq!((&listener["policy"], &listener["tickets"]), (&policy, &false.into()));

    place.edit("{pq: require, suites", "{groups: [secp256r1, x25519], suites");
    node.signal("HUP");
    eventually(PATIENCE, "the reload shows", || {
        status(&place)["listeners"][0]["policy"]["groups"] == json!(["secp256r1", "x25519"])
    });
    let (code, report) = handshake(&place, place.listen, &who, &[]);
    assert_eq!((code, &report["group"]), (0, &"x25519".into()), "{report}");
    assert_eq!(handshake(&place, place.listen, &who, &["--pq", "require"]).0, 6);
}

#[test]
fn some_peers_have_to_be_post_quantum_and_a_dialer_has_a_policy_of_its_own() {
    let place = place("{pq_required_of: ['spiffe://test.example/node/b']}");
    echo(place.target);
    let (strict, lax) = (place.issue("b"), place.issue("c"));
    let dialer = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let remote = place.listen;
    place.edit(
        "  dialers: []",
        &format!("  dialers:\n    - {{name: out, listen: '{dialer}', remote: '{remote}', tls: {{pq: off}}}}"),
    );
    let node = place.up();
    assert_eq!(handshake(&place, place.listen, &strict, &[]).0, 0);
    assert_eq!(handshake(&place, place.listen, &lax, &["--pq", "off"]).0, 0);
    assert!(!failures(&place, "classical_group"));
    assert_ne!(handshake(&place, place.listen, &strict, &["--pq", "off"]).0, 0);
    eventually(PATIENCE, "it is counted", || failures(&place, "classical_group"));
    let said = status(&place);
    assert_eq!(said["listeners"][0]["pq_required_of"], json!(["spiffe://test.example/node/b"]));
    assert_eq!(said["dialers"][0]["policy"]["groups"], json!(["x25519", "secp384r1", "secp256r1"]));

    // The node dials itself, classically: what a reload asks for holds for those who are there as well.
    let mut plain = TcpStream::connect(dialer).unwrap();
    plain.set_read_timeout(Some(PATIENCE * 3)).unwrap();
    plain.write_all(b"hello").unwrap();
    plain.read_exact(&mut [0; 5]).unwrap();
    assert_eq!(status(&place)["listeners"][0]["live"]["classical"], 1);
    place.edit("node/b'", "node/*'");
    node.signal("HUP");
    eventually(PATIENCE, "it is given notice", || {
        let peers = status(&place)["peers"].clone();
        let peers = peers.as_array().unwrap();
        peers.iter().any(|peer| peer["direction"] == "accepted" && peer["state"] == "draining")
    });
    assert_ne!(handshake(&place, place.listen, &lax, &["--pq", "off"]).0, 0);
}

#[test]
fn a_section_that_widens_the_node_or_that_nobody_could_fulfil_is_refused_with_key_why_and_fix() {
    for (node, tls, key, why) in [
        ("prefer", "{suites: [TLS_RSA_WITH_NULL_MD5]}", "tls.suites", "is not offered"),
        ("prefer", "{groups: []}", "tls.groups", "no key-exchange group"),
        ("prefer", "{suites: []}", "tls.suites", "no cipher suite"),
        ("prefer", "{groups: [x25519], pq: require}", "tls.pq", "no key-exchange group"),
        ("prefer", "{pq: maybe}", "tls.pq", "`maybe` is no mode"),
        ("require", "{pq: prefer}", "tls.pq", "security.tls.pq"),
        ("require", "{groups: [x25519]}", "tls.groups", "part can not offer more"),
        ("off", "{groups: [X25519MLKEM768]}", "tls.groups", "part can not offer more"),
        ("prefer", "{pq_required_of: []}", "tls.pq_required_of", "names nobody"),
        ("prefer", "{pq: off, pq_required_of: ['dns:a.example']}", "tls.pq_required_of", "can never hold"),
        ("prefer", "{pq_required_of: [nonsense]}", "tls.pq_required_of", "nonsense"),
        ("prefer", "{colour: red}", "node.listeners", "unknown key `colour`"),
    ] {
        let place = place(tls);
        place.edit("    pq: prefer ", &format!("    pq: {node} "));
        let (code, said) = refused(&["config", "check", &place.config()]);
        assert_three_lines(&said);
        assert!(code == 3 && said.contains(key) && said.contains(why), "{tls}: {code} {said}");
    }
    let place = place("{}");
    place.edit(
        "  dialers: []",
        "  dialers:\n    - {name: out, listen: '127.0.0.1:1', remote: 'a:1', tls: {groups: [x448]}}",
    );
    let (code, said) = refused(&["config", "check", &place.config()]);
    assert!(code == 3 && said.contains("node.dialers[out].tls.groups"), "{said}");
}
