//! Provider `self-signed`: said out loud everywhere, gone with the process, and chosen by nothing but its own word.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::fs;
use std::path::Path;
use std::time::Duration;
use support::{Line, PATIENCE, Place, assert_three_lines, dwcp, echo, eventually, ok, refused};

/// A node's directory whose configuration says `self-signed`; `ca_file` is an authority beside it.
fn place() -> Place {
    let place = Place::new();
    place.edit("provider: embedded", "provider: self-signed");
    place.edit("    min_version: \"1.3\"", "    ca_file: ca/ca.crt\n    min_version: \"1.3\"");
    place
}

fn without_identity(place: &Place) {
    for file in fs::read_dir(place.path("node")).unwrap() {
        let path = file.unwrap().path();
        if path.file_name().unwrap().to_str().unwrap().starts_with("identity.") {
            fs::remove_file(path).unwrap();
        }
    }
}

/// Every file below `directory` that holds a private key.
fn keys_below(directory: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(keys_below(&path));
        } else if path.is_file() && String::from_utf8_lossy(&fs::read(&path).unwrap()).contains("PRIVATE KEY")
        {
            found.push(path.file_name().unwrap().to_str().unwrap().to_owned());
        }
    }
    found.sort();
    found
}

#[test]
fn a_throw_away_root_is_loud_lets_in_whom_ca_file_says_and_is_another_after_a_restart() {
    let place = place();
    without_identity(&place);
    echo(place.target);
    let (root, peer) = (place.node("self-signed-ca.crt"), place.issue("peer"));
    let node = place.up();
    let first = fs::read_to_string(&root).unwrap();
    let (status, reason) = place.check_over("certs", "certs.identity", &root);
    assert_eq!(status, "warn", "{reason}");
    assert!(reason.contains("self-signed") && reason.contains("self-signed-ca.crt"), "{reason}");
    // Its key is nowhere: the node's own is, and that of the authority which is none of this node's.
    assert_eq!(keys_below(&place.path("node")), ["ca.key", "identity.key", "identity.next.key"]);
    let mut line = Line::dial_over(place.listen, &root, Some(&peer)).unwrap();
    line.echo(b"by the authority in ca_file").unwrap();
    assert!(
        Line::dial_over(place.listen, &place.node("ca/ca.crt"), Some(&peer)).is_err(),
        "by its own root alone"
    );
    let log = place.path("node/audit/log-000000000001.jsonl");
    eventually(PATIENCE, "the start is on record", || {
        let log = fs::read_to_string(&log).unwrap_or_default();
        log.lines().any(|line| line.contains("node_started") && line.contains("self-signed"))
    });
    node.signal("TERM");
    assert_eq!(node.wait(Duration::from_secs(20)), 0);

    let _node = place.up();
    assert_ne!(fs::read_to_string(&root).unwrap(), first);
    assert_eq!(place.check_over("certs", "certs.identity", &root).0, "warn");
    let shown = ok(&["cert", "show", &place.node("identity.crt")]);
    assert!(shown.contains("throw-away root"), "{shown}");
}

#[test]
fn a_check_warns_and_writes_nothing() {
    let place = place();
    without_identity(&place);
    for arguments in [&["config", "check"][..], &["config", "check", "--files"]] {
        let said = ok(&[arguments, &[place.config().as_str()]].concat());
        assert!(said.contains("warning: security.cert_management.provider is self-signed"), "{said}");
    }
    assert!(!place.path("node/identity.crt").exists() && !place.path("node/self-signed-ca.crt").exists());
}

#[test]
fn an_identity_that_another_provider_made_is_not_replaced() {
    let place = place();
    let before = fs::read(place.node("identity.crt")).unwrap();
    let (code, said) = refused(&["up", "--config", &place.config()]);
    assert_eq!(code, 3, "{said}");
    assert!(said.contains("which another provider made"), "{said}");
    assert_eq!(fs::read(place.node("identity.crt")).unwrap(), before);
    assert!(!place.path("node/self-signed-ca.crt").exists());
}

#[test]
fn who_follows_the_advice_to_take_an_authority_starts_with_an_identity_of_it() {
    let place = place();
    without_identity(&place);
    drop(place.up());
    let issuer = || {
        let text = fs::read(place.node("identity.crt")).unwrap();
        dwcp_pki::Certificate::from_pem(&text).unwrap().issuer().to_owned()
    };
    assert!(issuer().starts_with("CN=throw-away root"), "{}", issuer());
    place.edit("provider: self-signed", "provider: embedded");
    let _node = place.up();
    assert!(!issuer().starts_with("CN=throw-away root"), "{}", issuer());
    assert_eq!(place.check("certs", "certs.identity").0, "pass");
}

#[test]
fn nothing_falls_back_to_it() {
    // The default, with and without files of another tool.
    let place = Place::new();
    let said = |place: &Place| String::from_utf8(dwcp(&["config", "check", &place.config()]).stdout).unwrap();
    assert!(!said(&place).contains("self-signed"));
    place.edit("    provider: embedded ", "    # provider: embedded ");
    assert!(!said(&place).contains("self-signed"));
    // An authority that can not be opened, and one that is gone, with no identity to start from.
    without_identity(&place);
    for broken in ["ca/ca.key", "ca/ca.crt"] {
        fs::remove_file(place.node(broken)).unwrap();
        let (code, why) = refused(&["up", "--config", &place.config()]);
        assert_ne!(code, 0, "{why}");
        for file in ["self-signed-ca.crt", "identity.crt", "identity.key"] {
            assert!(!place.path("node").join(file).exists(), "{file}");
        }
    }
}

#[test]
fn what_does_not_go_with_it_is_refused_by_name() {
    for (from, to, key) in [
        ("    min_version", "    cert_file: a.crt\n    min_version", "security.tls.cert_file"),
        ("    min_version", "    key_file: a.key\n    min_version", "security.tls.cert_file"),
        ("auto_renew: true", "auto_renew: false", "security.cert_management.auto_renew"),
        ("auto_renew: true", "renew_before: 1h", "security.cert_management.auto_renew"),
        ("      ttl: 24h", "      publish: 127.0.0.1:1080", "security.cert_management.embedded.publish"),
    ] {
        let place = place();
        place.edit(from, to);
        let (code, said) = refused(&["config", "check", &place.config()]);
        assert_eq!(code, 3, "{said}");
        assert_three_lines(&said);
        assert!(said.contains(key), "{said}");
    }
}
