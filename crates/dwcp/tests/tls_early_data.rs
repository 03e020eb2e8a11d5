//! Early data at a node: at listeners that ask for it, for the target after policy has spoken, and on record.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use dwcp_base::SystemClock;
use dwcp_channel::{NODE_ALPN, Verdict};
use dwcp_pki::{Certificate, CertificateStore, Credential, RevocationMode, SubjectName, TrustStore};
use dwcp_tls::{ClientSettings, ExpectedServer, TlsConnector, TlsManager, TlsPolicy};
use serde_json::Value;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::{Arc, Mutex};
use support::{PATIENCE, Place, assert_three_lines, dwcp, echo, eventually, refused};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A node whose listener has this `tls` section.
fn place(tls: &str) -> Place {
    let place = Place::new();
    place.edit("      allow:  ", &format!("      tls: {tls}\n      allow:  "));
    place
}

/// A client that keeps its tickets, as the identity in `PREFIX.crt`.
fn connector(place: &Place, who: &str) -> TlsConnector {
    let roots = Certificate::bundle_from_pem(&fs::read(place.node("ca/ca.crt")).unwrap()).unwrap();
    let roots = roots.iter().map(|root| root.certificate_der().clone()).collect();
    let trust = TrustStore::new(roots, Vec::new(), RevocationMode::Off).unwrap();
    let (cert, key) = (format!("{who}.crt"), format!("{who}.key"));
    let credential = Credential::load(Path::new(&cert), Path::new(&key)).unwrap();
    let store = Arc::new(CertificateStore::new(credential, trust).unwrap());
    let manager = TlsManager::new(store, TlsPolicy::default(), Arc::new(SystemClock::new())).unwrap();
    manager.client(ClientSettings::new().with_alpn([NODE_ALPN])).unwrap()
}

/// Connects with `early` in the first flight, sends `late` after it and reads until `count` bytes of the target came; gives how many early
/// bytes were taken, the verdict and what came back.
async fn talk(
    connector: &TlsConnector,
    address: SocketAddr,
    early: &[u8],
    late: &[u8],
    count: usize,
) -> (usize, Verdict, Vec<u8>) {
    let server = ExpectedServer::name(SubjectName::Ip(address.ip())).unwrap();
    let stream = TcpStream::connect(address).await.unwrap();
    let connected = connector.connect_with_early_data(stream, &server, early, PATIENCE).await.unwrap();
    let (accepted, mut session) = (connected.accepted, connected.session);
    // A node that refused may have hung up by now.
    let _ = session.write_all(late).await;
    let _ = session.flush().await;
    let mut verdict = [0; Verdict::LENGTH];
    session.read_exact(&mut verdict).await.unwrap();
    let mut back = vec![0; count];
    session.read_exact(&mut back).await.unwrap();
    (accepted, Verdict::from_bytes(&verdict).unwrap(), back)
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// The records of one kind.
fn records(place: &Place, kind: &str) -> Vec<String> {
    let log = fs::read_to_string(place.node("audit/log-000000000001.jsonl")).unwrap_or_default();
    log.lines().filter(|line| line.contains(kind)).map(str::to_owned).collect()
}

#[test]
fn early_bytes_come_first_at_the_target_are_on_record_and_are_off_again_after_a_reload() {
    let place = place("{early_data: true}");
    echo(place.target);
    let who = place.issue("b");
    let node = place.up();
    let client = connector(&place, &who);
    let runtime = runtime();
    let all = async |early: &[u8], late: &[u8]| {
        let expected = [early, late].concat();
        let (accepted, verdict, back) = talk(&client, place.listen, early, late, expected.len()).await;
        (accepted, matches!(verdict, Verdict::Accepted), back == expected)
    };
    runtime.block_on(async {
        // There is no ticket yet: nothing was sent early.
        let (accepted, _, back) = talk(&client, place.listen, b"early", b"hello", 5).await;
        assert_eq!((accepted, back), (0, b"hello".to_vec()));
        assert_eq!(all(b"early ", b"and late").await, (6, true, true));
        // As much as there may be, in front of as much again.
        let large = vec![b'e'; 16 * 1024];
        assert_eq!(all(&large, &vec![b'l'; 40_000]).await, (16 * 1024, true, true));
    });
    eventually(PATIENCE, "the records are written", || records(&place, "\"tls_connection\"").len() == 3);
    let records = records(&place, "\"tls_connection\"");
    assert!(!records[0].contains("early_data"), "{}", records[0]);
    assert!(records[1].contains("\"early_data\":\"6\""), "{}", records[1]);
    assert!(records[2].contains("\"early_data\":\"16384\""), "{}", records[2]);

    place.edit("{early_data: true}", "{early_data: false}");
    node.signal("HUP");
    eventually(PATIENCE, "the reload is in force", || !records_of_reload(&place).is_empty());
    runtime.block_on(async {
        let (accepted, _, back) = talk(&client, place.listen, b"early", b"late", 4).await;
        assert_eq!((accepted, back), (0, b"late".to_vec()));
    });
}

fn records_of_reload(place: &Place) -> Vec<String> {
    records(place, "\"config_reloaded\"")
}

#[test]
fn at_t5_early_bytes_of_a_client_that_policy_refuses_reach_nobody() {
    let place = place("{early_data: true}");
    let heard: Arc<Mutex<Vec<u8>>> = Arc::default();
    let (target, kept) = (TcpListener::bind(place.target).unwrap(), Arc::clone(&heard));
    std::thread::spawn(move || {
        for stream in target.incoming() {
            let (mut stream, mut bytes) = (stream.unwrap(), [0; 64]);
            while let Ok(count @ 1..) = stream.read(&mut bytes) {
                kept.lock().unwrap().extend(&bytes[..count]);
                let _ = stream.write_all(&bytes[..count]);
            }
        }
    });
    place.edit("/node/*\"", "/node/b\"");
    let (good, bad) = (place.issue("b"), place.issue("c"));
    let _node = place.up();
    let runtime = runtime();
    let refused = connector(&place, &bad);
    runtime.block_on(async {
        for taken in [0, 4] {
            // It is known, resumes, and its first flight opens; it is not on the list.
            let (accepted, verdict, _) = talk(&refused, place.listen, b"evil", b"", 0).await;
            assert_eq!(accepted, taken);
            assert!(matches!(verdict, Verdict::Refused(_)), "{verdict:?}");
        }
        let granted = connector(&place, &good);
        for early in [&b""[..], b"good"] {
            let (_, verdict, _) = talk(&granted, place.listen, early, b".", early.len() + 1).await;
            assert!(matches!(verdict, Verdict::Accepted), "{verdict:?}");
        }
    });
    assert_eq!(*heard.lock().unwrap(), b".good.");
    eventually(PATIENCE, "it is on record", || records(&place, "\"policy_denied\"").len() == 2);
    let denied = records(&place, "\"policy_denied\"");
    assert!(denied.iter().all(|record| !record.contains("early_data")), "{denied:?}");
}

#[test]
fn the_diagnosis_says_how_much_was_taken_and_fails_where_nothing_is() {
    let place = place("{}");
    place.edit("    pq: prefer ", "    early_data: true\n    session_cache_size: 16\n    pq: prefer ");
    echo(place.target);
    let who = place.issue("b");
    let node = place.up();
    let (remote, ca, admin) = (place.listen.to_string(), place.node("ca/ca.crt"), place.admin.to_string());
    let (cert, key) = (format!("{who}.crt"), format!("{who}.key"));
    let dial = |remote: &str, early: &str| {
        let fixed = ["--json", "tls", "handshake", remote, "--ca", &ca, "--cert", &cert, "--key", &key];
        let output = dwcp(&[&fixed[..], &["--resume", "--early-data", early]].concat());
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        (output.status.code().unwrap(), report)
    };
    let (code, report) = dial(&remote, "GET / HTTP/1.1");
    assert_eq!((code, &report["early_data"]["accepted"]), (0, &14.into()), "{report}");
    assert_eq!(report["resumption"]["resumed"], true, "{report}");
    // The admin listener never takes any.
    let (code, report) = dial(&admin, "x");
    assert_eq!((code, &report["early_data"]["accepted"]), (6, &0.into()), "{report}");
    assert!(report["early_data"]["why"].as_str().unwrap().contains("no ticket"), "{report}");
    let (code, said) = refused(&["tls", "handshake", &admin, "--ca", &ca, "--early-data", "x"]);
    assert_three_lines(&said);
    assert!(code == 6 && said.contains("tls.early_data"), "{code} {said}");
    for bad in ["", &"x".repeat(16 * 1024 + 1)] {
        assert_eq!(refused(&["tls", "handshake", &remote, "--ca", &ca, "--early-data", bad]).0, 2);
    }
    drop(node);
}

#[test]
fn early_data_without_anything_to_resume_by_is_refused_with_key_why_and_fix() {
    for (node, tls, key, why) in [
        ("", "{early_data: true, tickets: false}", "node.listeners[example].tls.early_data", "resumed"),
        ("early_data: true", "{tickets: false}", "node.listeners[example].tls.early_data", "resumed"),
        ("tickets: false", "{early_data: true}", "node.listeners[example].tls.early_data", "resumed"),
        ("session_cache_size: 0", "{}", "security.tls.session_cache_size", "0 keeps nothing"),
    ] {
        let place = place(tls);
        place.edit("    pq: prefer ", &format!("    {node}\n    pq: prefer "));
        let (code, said) = refused(&["config", "check", &place.config()]);
        assert_three_lines(&said);
        assert!(code == 3 && said.contains(key) && said.contains(why), "{tls}: {code} {said}");
    }
    let place = place("{early_data: false, tickets: false}");
    place.edit("    pq: prefer ", "    early_data: true\n    session_cache_size: 100000\n    pq: prefer ");
    let said = support::ok(&["config", "check", &place.config()]);
    assert!(said.contains("warning: security.tls.session_cache_size"), "{said}");
}
