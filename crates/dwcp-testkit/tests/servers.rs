//! The servers that tests talk to do what tests ask of them.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use dwcp_testkit::{OpenBao, OpenBaoOptions, Pebble, PebbleOptions};
use serde_json::json;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

#[test]
fn an_openbao_serves_is_sealed_paused_and_gone() {
    let Some(mut bao) = OpenBao::start() else { return };
    bao.set_up_pki();
    assert_eq!(bao.read("pki/roles/dwcp-role")["data"]["key_type"], "rsa");
    bao.complete_role();
    let role = bao.read("pki/roles/dwcp-role");
    assert_eq!((&role["data"]["key_type"], &role["data"]["max_ttl"]), (&json!("ec"), &json!(72 * 60 * 60)));
    assert_eq!(role["data"]["allowed_uri_sans"], json!(["spiffe://novacron.local/*"]));
    let weak = bao.token(&["default"], "1m", &json!({}));
    assert_eq!(bao.ask(&weak, "GET", "pki/roles/dwcp-role", None).status, 403);

    bao.seal();
    assert_eq!(bao.ask("", "GET", "sys/health", None).status, 503);
    bao.unseal();
    assert_eq!(bao.list("pki/roles")["data"]["keys"], json!(["dwcp-role"]));
    bao.pause();
    let mut stream = TcpStream::connect(("127.0.0.1", bao.port())).unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    assert!(stream.read(&mut [0]).is_err_and(|e| e.kind() == ErrorKind::WouldBlock));
    bao.resume();
    assert_eq!(bao.ask("", "GET", "sys/health", None).status, 200);
    let pid = bao.pid();
    bao.kill();
    assert_eq!(bao.ask("", "GET", "sys/health", None).status, 0);
    assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());
    let directory = bao.directory().to_owned();
    drop(bao);
    assert!(!directory.exists());
}

#[test]
fn a_durable_openbao_knows_after_a_restart_what_it_knew_and_tells_what_was_asked() {
    let options = OpenBaoOptions { durable: true, audited: true, ..OpenBaoOptions::default() };
    let Some(mut bao) = OpenBao::start_with(&options) else { return };
    bao.write("sys/mounts/secret", &json!({ "type": "kv" }));
    bao.write("secret/word", &json!({ "of": "honour" }));
    bao.restart();
    assert_eq!(bao.read("secret/word")["data"]["of"], "honour");
    bao.delete("secret/word");
    let log = std::fs::read_to_string(bao.audit_log()).unwrap();
    assert!(log.lines().any(|line| line.contains(r#""path":"secret/word""#)), "{log}");
    assert!(!log.contains(bao.root_token()));
}

#[test]
fn several_pebbles_run_at_once_and_each_issues_under_roots_of_its_own() {
    let options = PebbleOptions { alternate_roots: 1, ..PebbleOptions::default() };
    let (Some(mut one), Some(other)) = (Pebble::start(&options), Pebble::start(&options)) else { return };
    let roots = one.issuing_roots();
    assert_eq!(roots.len(), 2);
    assert_ne!(roots[0], other.issuing_roots()[0]);
    one.resolve("elsewhere.example", &["127.0.0.2", "::1"]);
    one.resolve("four.example", &["127.0.0.2"]);
    one.resolve("nowhere.example", &[]);
    one.fail_to_resolve("lost.example");
    assert!(one.certificate_status("ab").is_none());
    one.restart();
    assert_ne!(one.issuing_roots()[0], roots[0]);
    let directory = other.directory().to_owned();
    drop(other);
    assert!(!directory.exists());
}
