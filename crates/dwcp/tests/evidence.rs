//! What a node leaves behind: its log through kills and tampering, its state's lock, and what scripts read of it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use serde_json::Value;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Output;
use support::{
    Line, PATIENCE, Place, Running, assert_three_lines, command, dwcp, echo, free_port, ok, refused, text,
};

/// The error at the end of what a node logged.
fn error_of(said: &str) -> &str {
    &said[said.find("error: ").unwrap_or_else(|| panic!("no error in {said}"))..]
}

/// Some life: connections of a known peer and of a stranger.
fn use_it(place: &Place, who: &str) {
    for _ in 0..5 {
        Line::dial(place, place.listen, Some(who)).unwrap().echo(b"hello").unwrap();
    }
    assert!(Line::dial(place, place.listen, None).is_err());
}

#[test]
fn a_killed_node_starts_again_and_its_log_verifies() {
    let place = Place::new();
    echo(place.target);
    let who = place.issue("b");
    for _ in 0..3 {
        let node = place.up();
        use_it(&place, &who);
        node.signal("KILL");
        assert_eq!(node.wait(PATIENCE), -1);
        ok(&["audit", "verify", &place.node("audit")]);
    }
    let node = place.up();
    use_it(&place, &who);
    for which in ["tls", "certs", "security"] {
        assert_eq!(place.health(which).1["status"], "pass", "{which}");
    }
    node.signal("TERM");
    assert_eq!(node.wait(PATIENCE), 0);
    let output = dwcp(&["--json", "audit", "verify", &place.node("audit")]);
    let report = object(&output, 0);
    assert_eq!(report["intact"], true);
    assert!(report["entries"].as_u64().unwrap() >= 10, "{report}");
}

#[test]
fn a_flipped_byte_anywhere_in_the_log_is_found() {
    let place = Place::new();
    echo(place.target);
    let who = place.issue("b");
    let node = place.up();
    use_it(&place, &who);
    node.signal("TERM");
    assert_eq!(node.wait(PATIENCE), 0);
    let (dir, file) = (place.node("audit"), place.node("audit/log-000000000001.jsonl"));
    ok(&["audit", "verify", &dir]);
    let good = fs::read(&file).unwrap();
    // Digits and letters of the content, early, in the middle and late.
    for at in [40, good.len() / 3, good.len() / 2, good.len() - 40] {
        let mut bad = good.clone();
        bad[at] ^= 1;
        fs::write(&file, &bad).unwrap();
        let (code, said) = refused(&["audit", "verify", &dir]);
        assert_three_lines(&said);
        assert_eq!(code, 7, "byte {at}: {said}");
        assert_eq!(
            object(&dwcp(&["audit", "verify", &dir, "--json"]), 7)["error"]["code"]
                .as_str()
                .unwrap()
                .split('.')
                .next(),
            Some("audit")
        );
    }
    // A log without its end is one as well.
    let lines = String::from_utf8(good.clone()).unwrap();
    let shorter: Vec<&str> = lines.lines().take(3).collect();
    fs::write(&file, shorter.join("\n") + "\n").unwrap();
    assert_eq!(refused(&["audit", "verify", &dir]).0, 7);
    fs::write(&file, &good).unwrap();
    ok(&["audit", "verify", &dir]);
}

/// Writes another configuration beside the first one, on ports of its own; gives its path and its admin address.
fn beside(place: &Place, name: &str, extra: &str) -> (String, SocketAddr) {
    let admin = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let path = place.node(name);
    fs::write(
        &path,
        format!("node: {{name: a, trust_domain: test.example, admin: {{listen: '{admin}'}}{extra}}}\nsecurity: {{cert_management: {{embedded: {{ca_dir: ca}}}}}}\n"),
    )
    .unwrap();
    (path, admin)
}

#[test]
fn two_nodes_do_not_share_a_state_directory() {
    let place = Place::new();
    let _node = place.up();
    let (other, _) = beside(&place, "other.yaml", "");
    let (code, said) = refused(&["up", "--config", &other]);
    assert_three_lines(error_of(&said));
    assert_eq!(code, 1);
    assert!(said.contains("audit") && said.contains("state_dir"), "{said}");
    assert_eq!(place.health("live").0, 200);
    ok(&["audit", "verify", &place.node("audit")]);

    // With a state of its own it starts, with the same authority beside the first.
    let state = text(&place.path("state"));
    let (other, admin) = beside(&place, "own.yaml", &format!(", state_dir: '{state}'"));
    let _second = Running::start(command().args(["up", "--config", &other]), admin);
    assert!(Path::new(&state).join("audit").is_dir());
}

#[test]
fn the_state_option_moves_everything_the_node_keeps() {
    let place = Place::new();
    let state = text(&place.path("state"));
    let node =
        Running::start(command().args(["up", "--config", &place.config(), "--state", &state]), place.admin);
    node.signal("HUP");
    assert_eq!(place.health("security").0, 200);
    node.signal("TERM");
    assert_eq!(node.wait(PATIENCE), 0);
    ok(&["audit", "verify", &format!("{state}/audit")]);
    assert!(Path::new(&state).join("identity.key").is_file(), "the identity is part of the state");
    assert!(!Path::new(&place.node("audit")).exists(), "the configuration's own place stays untouched");
}

#[test]
fn the_environment_overrides_the_file() {
    let place = Place::new();
    let admin = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let mut command_line = command();
    command_line.args(["up", "--config", &place.config()]).env("DWCP_NODE__ADMIN__LISTEN", admin.to_string());
    let node = Running::start(&mut command_line, admin);
    assert!(std::net::TcpStream::connect(place.admin).is_err(), "the file's address is not listened on");
    drop(node);
    for (name, value, word) in [
        ("DWCP_SECURITY__TLS__PQ", "perhaps", "pq"),
        ("DWCP_SECURITY__TLS__CERTFILE", "/x", "DWCP_SECURITY__TLS__CERTFILE"),
        ("DWCP_SECURITY__TLS__ENABLED", "false", "without TLS"),
    ] {
        let output = command().args(["config", "check", &place.config()]).env(name, value).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_three_lines(&said);
        assert_eq!(output.status.code(), Some(3), "{said}");
        assert!(said.contains(word), "{said}");
    }
}

/// Standard output as the one object it must be.
fn object(output: &Output, code: i32) -> Value {
    let printed = String::from_utf8(output.stdout.clone()).unwrap();
    assert_eq!(output.status.code(), Some(code), "{printed}{}", String::from_utf8_lossy(&output.stderr));
    let value: Value = serde_json::from_str(&printed).unwrap_or_else(|error| panic!("{error}: {printed:?}"));
    assert!(value.is_object(), "{value}");
    value
}

#[test]
fn with_json_every_verb_prints_one_object_and_nothing_else() {
    let place = Place::new();
    echo(place.target);
    let node = Running::start(command().args(["--json", "up", "--config", &place.config()]), place.admin);
    let at = |name: &str| text(&place.path(name));
    let (ca, listen) = (at("ca"), place.listen.to_string());
    let run = |arguments: &[&str], code, key: &str| {
        let output = dwcp(&[&["--json"], arguments].concat());
        let value = object(&output, code);
        assert!(!value[key].is_null(), "{arguments:?}: {key} is not in {value}");
    };
    run(&["init", &at("fresh"), "--name", "x"], 0, "config");
    run(&["init", &at("fresh"), "--name", "x"], 1, "error");
    run(&["cert", "ca", "init", "--dir", &ca, "--name", "R"], 0, "serial");
    run(&["cert", "issue", "--ca", &ca, "--san", "DNS:a.example", "--out", &at("leaf")], 0, "serial");
    run(&["cert", "revoke", "--ca", &ca, "--cert", &at("leaf.crt")], 0, "serial");
    run(&["cert", "revoke", "--ca", &ca, "--serial", "01"], 5, "error");
    run(&["cert", "crl", "--ca", &ca, "--out", &at("list.crl")], 0, "number");
    run(&["config", "check", &place.config()], 0, "valid");
    run(&["config", "check", &place.node("ca/ca.crt")], 3, "error");
    run(&["tls", "ciphers"], 0, "suites");
    run(&["tls", "status", "--config", &place.config()], 0, "listeners");
    run(&["tls", "status", "--socket", &at("none.sock")], 5, "error");
    run(&["cert", "list", "--config", &place.config()], 0, "certificates");
    run(&["cert", "due", "--config", &place.config()], 0, "due");
    run(&["cert", "renew", "a", "--config", &place.config()], 0, "serial");
    run(&["cert", "renew", "b", "--config", &place.config()], 5, "error");
    let who = place.issue("b");
    let (root, cert, key) = (place.node("ca/ca.crt"), format!("{who}.crt"), format!("{who}.key"));
    run(&["tls", "handshake", &listen, "--ca", &root, "--cert", &cert, "--key", &key], 0, "accepted");
    run(&["tls", "handshake", &listen, "--ca", &root], 4, "error");
    run(&["audit", "verify", &place.node("audit")], 0, "intact");
    run(&["demo", "--seconds", "2"], 0, "audit_ok");
    run(&["up"], 3, "error");
    run(&["cert", "revoke"], 2, "error");
    run(&["no-such-verb"], 2, "error");

    node.signal("TERM");
    let (code, printed) = node.end(PATIENCE);
    assert_eq!(code, 0);
    let value: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(value["stopped"], true);
}
