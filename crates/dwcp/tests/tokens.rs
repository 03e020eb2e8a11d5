//! `dwcp token`: what is printed where, what is refused, and that a token that was taken back is good for nothing.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![cfg(unix)]

mod support;

use dwcp::enroll::JoinToken;
use serde_json::Value;
use support::enroll::{id, issued, join, joined, token};
use support::{Place, assert_three_lines, dwcp, ok, refused};

#[test]
fn a_token_is_alone_on_standard_output() {
    let place = Place::new();
    let output = dwcp(&["token", "create", "--config", &place.config(), "--name", "b"]);
    assert!(output.status.success());
    let (printed, said) =
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!(printed.lines().count(), 1);
    let token = JoinToken::parse(&printed).unwrap();
    let secret = token.secret.to_text();
    assert!(!said.contains(secret.as_str()) && !said.contains("dwcp1_"), "{said}");
    assert!(said.contains("warning: ") && said.contains("of this machine alone"), "{said}");
    assert!(said.contains("--join - --name b") && said.contains(&token.id.to_string()), "{said}");

    let address = ["--address", "ca.example.org:9443"];
    let output = dwcp(&[&["--json", "token", "create", "--config", &place.config()][..], &address].concat());
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    let token = JoinToken::parse(json["token"].as_str().unwrap()).unwrap();
    assert_eq!((token.address.as_str(), json["address"].as_str().unwrap()), (address[1], address[1]));
    assert_eq!(json["server"], "spiffe://test.example/node/a");
    assert_eq!(
        (&json["standing"], json["id"].as_str()),
        (&"open".into(), Some(token.id.to_string().as_str()))
    );
    assert!(!String::from_utf8(output.stderr).unwrap().contains("warning"));

    let listed = ok(&["token", "list", "--config", &place.config()]);
    assert_eq!(listed.lines().count(), 2);
    assert!(listed.contains("open") && listed.contains("for b") && !listed.contains(secret.as_str()));
    // What is kept is no secret.
    for entry in std::fs::read_dir(place.node("ca/tokens")).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        assert!(!text.contains(secret.as_str()));
    }
}

#[test]
fn what_can_not_be_granted_or_reached_makes_no_token() {
    let place = Place::new();
    let create = |more: &[&str]| {
        let (code, said) = refused(&[&["token", "create", "--config", &place.config()][..], more].concat());
        (code, said)
    };
    for flags in [
        &["--ttl", "59s"][..],
        &["--ttl", "169h"],
        &["--ttl", "soon"],
        &["--name", "B"],
        &["--name", "b/c"],
        &["--name", "*"],
        &["--name", ""],
        &["--allow", "DNS:*.example"],
        &["--allow", "URI:spiffe://other.example/*"],
        &["--allow", "URI:spiffe://test.example/node/a*"],
        &["--allow", "IP:10.0.0.0/99", "--name", "b"],
        &["--address", "nowhere"],
        &["--address", "host:0"],
        &["--address", "https://host:1"],
    ] {
        let (code, said) = create(flags);
        assert_eq!(code, 2, "{flags:?}: {said}");
    }
    let admin = place.admin;
    place.edit(&admin.to_string(), &format!("0.0.0.0:{}", admin.port()));
    let (code, said) = create(&[]);
    assert_eq!(code, 2, "{said}");
    assert_three_lines(&said);
    assert!(said.contains("--address HOST:PORT"), "{said}");
    assert_eq!(ok(&["token", "list", "--config", &place.config()]).trim(), "none");
    let address = format!("10.0.0.1:{}", admin.port());
    assert_eq!(token(&place, &["--address", &address]).address, address);
    assert!(token(&place, &["--address", "[::1]:9443", "--ttl", "1m"]).address.starts_with("[::1]"));
}

#[test]
fn without_an_authority_there_is_nothing_to_join() {
    let place = Place::new();
    place.edit("provider: embedded", "provider: manual");
    place.edit("    embedded:\n      ca_dir: ca\n      ttl: 24h\n", "");
    place.edit(
        "  tls:\n",
        "  tls:\n    cert_file: identity.crt\n    key_file: identity.key\n    ca_file: ca/ca.crt\n",
    );
    let (code, said) = refused(&["token", "create", "--config", &place.config()]);
    assert_eq!(code, 3, "{said}");
    assert_three_lines(&said);
    assert!(said.contains("holds the authority"), "{said}");

    let place = Place::new();
    std::fs::remove_file(place.node("ca/ca.crt")).unwrap();
    let (code, said) = refused(&["token", "create", "--config", &place.config()]);
    assert_eq!(code, 3, "{said}");
    assert_three_lines(&said);
}

#[test]
fn a_token_that_was_taken_back_is_unknown() {
    let place = Place::new();
    let _node = place.up();
    let (first, second) = (token(&place, &[]), token(&place, &[]));
    let revoke = |id: &str| refused(&["token", "revoke", id, "--config", &place.config()]);
    assert_eq!(revoke(&first.id.to_string()).0, 0);
    assert_eq!(revoke(&first.id.to_string()).0, 0, "nothing to do");
    let told = join(&place, place.admin, &first, &[&id("b")]);
    assert_eq!((told.status, told.code()), (403, "enroll.token.unknown"));
    assert_eq!(join(&place, place.admin, &second, &[&id("b")]).status, 200);
    let (code, said) = revoke(&second.id.to_string());
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("spiffe://test.example/node/b"), "{said}");
    assert_eq!(revoke("00000000000000ff").0, 5);
    assert_eq!(revoke("../../etc/passwd").0, 2);
    let listed = ok(&["--json", "token", "list", "--config", &place.config()]);
    let listed: Value = serde_json::from_str(&listed).unwrap();
    let standings: Vec<_> =
        listed["tokens"].as_array().unwrap().iter().map(|t| t["standing"].clone()).collect();
    assert!(standings.contains(&"revoked".into()) && standings.contains(&"spent".into()), "{standings:?}");
}

#[test]
fn root_leaves_the_tokens_of_another_users_authority_alone() {
    let place = Place::new();
    let ca = place.node("ca");
    // Whoever may not give files away can not have this trouble.
    if std::os::unix::fs::chown(&ca, Some(65_534), None).is_err() {
        return println!("skipped: not root");
    }
    let (code, said) = refused(&["token", "create", "--config", &place.config()]);
    assert_eq!(code, 4, "{said}");
    assert!(said.contains("sudo -u '#65534'"), "{said}");
    assert!(!std::path::Path::new(&ca).join("tokens").exists());
}

#[test]
fn who_is_gone_for_good_is_forgotten_and_its_name_is_free() {
    let place = Place::new();
    let _node = place.up();
    joined(&place, "b");
    let config = place.config();
    let forget = |who: &str| dwcp(&["token", "forget", "--config", &config, who]).status.code();
    let b = "spiffe://test.example/node/b";
    assert_eq!(forget(b), Some(4), "its certificate stands");
    let serial = issued(&place, &id("b"))[0].serial.to_string();
    ok(&["cert", "revoke", "--ca", &place.node("ca"), "--serial", &serial]);
    // Its name is its own all the same, until it is forgotten.
    let open = token(&place, &[]);
    assert_eq!(join(&place, place.admin, &open, &[&id("b")]).code(), "enroll.name.refused");
    assert_eq!(forget("spiffe://test.example/node/B"), Some(5));
    assert_eq!(forget("b"), Some(2));
    assert_eq!(forget(b), Some(0));
    assert_eq!(forget(b), Some(5));
    assert_eq!(join(&place, place.admin, &open, &[&id("b")]).status, 200);
}
