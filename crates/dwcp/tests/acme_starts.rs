//! What a node with a public certificate starts from: pairs of other authorities, names that are new, certificates of no use, disks that keep nothing.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "a deadline of a test is wall time")]

mod support;

use dwcp_base::{Clock, LocalDisk, SystemClock};
use dwcp_crypto::kek::FileKek;
use dwcp_testkit::{Pebble, PebbleOptions};
use serde_json::Value;
use std::fs;
use std::time::{Duration, Instant};
use support::acme::Web;
use support::{assert_three_lines, command, eventually, ok, refused};

fn orders(pebble: &Pebble) -> usize {
    pebble.log().matches("POST /order-plz").count()
}

/// Two authorities that look for answers at one place.
fn two() -> Option<(Pebble, Pebble)> {
    let first = Pebble::start(&PebbleOptions::default())?;
    let options = PebbleOptions { tls_port: Some(first.tls_port()), ..PebbleOptions::default() };
    Some((first, Pebble::start(&options)?))
}

#[test]
fn after_another_authority_is_configured_the_pair_of_the_one_before_is_replaced() {
    let Some((first, second)) = two() else { return };
    let web = Web::new(&first, "");
    assert_eq!(web.up().wait_after_term(), 0);
    let before = web.leaf().serial();
    web.configure(&web.authority(&second, "two"));
    let _up = web.up();
    assert_ne!(web.leaf().serial(), before);
    drop(web.visit(&second.issuing_roots()));
}

#[test]
fn an_authority_whose_certificates_nobody_here_trusts_does_not_keep_the_next_from_being_asked() {
    let Some((first, second)) = two() else { return };
    let web = Web::new(&first, "");
    // The roots of its TLS are right; those of what it issues are somebody else's.
    let one = web.authority(&first, "one").replace("one-issued.pem", "two-issued.pem");
    let two = web.authority(&second, "two");
    web.configure(&format!("issuers: [{{{one}}}, {{{two}}}]"));
    let up = web.up();
    drop(web.visit(&second.issuing_roots()));
    assert_eq!((orders(&first), orders(&second)), (1, 1));
    let check = web.check("certs.provider");
    assert_eq!(check["status"], "pass", "{check}");
    assert!(check["reason"].as_str().unwrap().contains("did not"), "{check}");
    // Neither is it asked again as long as it is out of favour.
    assert!(web.ask(&["cert", "renew", "web"]).contains("was renewed"));
    assert_eq!((orders(&first), orders(&second)), (1, 2));
    assert_eq!(up.wait_after_term(), 0);
}

#[test]
fn roots_of_the_system_that_are_none_keep_no_node_from_starting() {
    let Some(pebble) = Pebble::start(&PebbleOptions::default()) else { return };
    let web = Web::new(&pebble, "");
    assert_eq!(web.up().wait_after_term(), 0);
    // As an administrator puts the certificate of some server among them.
    let read = |name: &str| fs::read_to_string(web.dir.join(name)).unwrap();
    let bundle = read("one.pem") + &read("one-issued.pem") + &read("identity.crt");
    fs::write(web.dir.join("system.pem"), bundle).unwrap();
    web.edit(", ca_file: one.pem, issued_by: one-issued.pem", "");
    let config = web.file("dwcp.yaml");
    let mut start = command();
    start.env("SSL_CERT_FILE", web.file("system.pem")).args(["up", "--config", &config]);
    let _up = web.start(&mut start);
    drop(web.visit(&pebble.issuing_roots()));
}

#[test]
fn nothing_is_ordered_that_could_not_be_kept() {
    let Some(pebble) = Pebble::start(&PebbleOptions::default()) else { return };
    let web = Web::new(&pebble, "");
    web.edit(
        "security:\n",
        "security:\n  tls: {cert_file: gone/identity.crt, key_file: gone/identity.key}\n",
    );
    for _ in 0..2 {
        let (code, said) = web.up_refused();
        assert_three_lines(&said);
        assert!(code != 0 && said.contains("gone/identity.next.key"), "{code} {said}");
    }
    assert_eq!(orders(&pebble), 0, "{}", pebble.said());
    fs::create_dir(web.dir.join("gone")).unwrap();
    let _up = web.up();
    assert!(web.dir.join("gone/identity.crt").exists());
}

#[test]
fn a_node_that_is_started_over_and_over_does_not_ask_each_time() {
    let Some(pebble) = Pebble::start(&PebbleOptions::default()) else { return };
    let web = Web::new(&pebble, "");
    web.edit("domains: [web.example,", "domains: [web.blocked.example,");
    for _ in 0..3 {
        let (code, said) = web.up_refused();
        assert_three_lines(&said);
        assert!(code != 0 && said.contains("blocked.example"), "{code} {said}");
    }
    assert_eq!(orders(&pebble), 1, "{}", pebble.said());
    // What is asked for now did not fail before.
    web.edit("web.blocked.example", "web.example");
    let _up = web.up();
    drop(web.visit(&pebble.issuing_roots()));
}

#[test]
fn a_name_that_is_new_and_fails_keeps_no_good_certificate_from_serving_and_is_not_forgotten() {
    let Some(pebble) = Pebble::start(&PebbleOptions::default()) else { return };
    let web = Web::new(&pebble, "");
    assert_eq!(web.up().wait_after_term(), 0);
    let before = web.leaf().serial();
    web.edit("domains: [web.example,", "domains: [web.example, shop.blocked.example,");
    let began = Instant::now();
    let up = web.up();
    assert!(began.elapsed() < Duration::from_secs(10), "it waited for the authority: {:?}", began.elapsed());
    drop(web.visit(&pebble.issuing_roots()));
    let row = || {
        let listed: Value = serde_json::from_str(&web.ask(&["--json", "cert", "list"])).unwrap();
        listed["certificates"][0].clone()
    };
    eventually(Duration::from_secs(90), "the attempt is made and fails", || row()["failures"] == 1);
    let check = web.check("certs.identity");
    assert_eq!(check["status"], "warn", "{check}");
    let reason = check["reason"].as_str().unwrap();
    assert!(reason.contains("lacks DNS:shop.blocked.example") && reason.contains("attempt"), "{reason}");
    assert_eq!(web.leaf().serial(), before);
    // An operator does not wait for the end of the pause after a failure.
    let asked = orders(&pebble);
    let (code, said) = refused(&["cert", "renew", "web", "--socket", &web.file("admin.sock")]);
    assert!(code != 0 && orders(&pebble) == asked + 1, "{code} {said}");
    assert_eq!(up.wait_after_term(), 0);
    // One that the authority grants is there a moment after the start, without a command.
    web.edit("shop.blocked.example", "shop.web.example");
    fs::remove_dir_all(web.dir.join("acme")).unwrap();
    fs::remove_file(web.dir.join("identity.renewal")).unwrap();
    let _up = web.up();
    eventually(Duration::from_secs(100), "a certificate with every name", || row()["prepared"].is_object());
    let served = || web.leaf().names().iter().any(|name| name.to_string() == "DNS:shop.web.example");
    eventually(Duration::from_secs(45), "it is in force", served);
    eventually(Duration::from_secs(5), "health is well again", || {
        web.check("certs.identity")["status"] == "pass"
    });
    ok(&["cert", "show", &web.file("identity.crt")]);
}

#[test]
fn the_keys_of_accounts_are_sealed_where_a_key_file_is_named() {
    let Some(pebble) = Pebble::start(&PebbleOptions::default()) else { return };
    let web = Web::new(&pebble, "account_key_file: seal.key");
    let (code, said) = web.up_refused();
    assert_three_lines(&said);
    assert!(code == 1 && said.contains("seal.key"), "{code} {said}");
    FileKek::create(&web.dir.join("seal.key"), &LocalDisk, SystemClock::new().unix()).unwrap();
    assert_eq!(web.up().wait_after_term(), 0);
    let account = || {
        let mut entries = fs::read_dir(web.dir.join("acme")).unwrap().map(Result::unwrap);
        let found = entries.find(|entry| entry.file_name().to_str().unwrap().starts_with("account-"));
        fs::read(found.unwrap().path()).unwrap()
    };
    let holds = |text: &str| account().windows(text.len()).any(|window| window == text.as_bytes());
    assert!(!holds("dwcp-acme-account") && !holds(&pebble.directory_url()));
    // The same account after a restart.
    let up = web.up();
    assert!(web.ask(&["cert", "renew", "web"]).contains("was renewed"));
    assert_eq!(pebble.log().matches("POST /sign-me-up").count(), 1, "{}", pebble.said());
    assert_eq!(up.wait_after_term(), 0);
}
