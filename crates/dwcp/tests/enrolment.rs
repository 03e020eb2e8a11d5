//! A second machine joins, renews and learns what to trust, asked for over TLS connections of the tests' own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "a deadline of a test is wall time")]
#![cfg(unix)]

mod support;

use dwcp::enroll::EnrollError;
use dwcp_crypto::digest::sha256;
use dwcp_pki::{Certificate, Crl, IssuedStanding, SubjectName};
use dwcp_tls::{ExpectedServer, TlsPolicy, presented_by};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use support::enroll::{
    ask, asking, enrolling, id, issued, join, joined, joining, keep, log, metric, patiently, post, renew,
    token,
};
use support::{Line, PATIENCE, Place, echo, eventually, free_port, ok};

const BUNDLE: &str = "GET /enroll/bundle HTTP/1.1\r\nHost: a\r\n\r\n";

#[test]
fn a_machine_joins_talks_renews_and_learns_what_to_trust() {
    let place = Place::new();
    echo(place.target);
    let _node = place.up();
    for result in EnrollError::RESULTS {
        assert_eq!(metric(&place, &format!("dwcp_enrollments_total{{result=\"{result}\"}}")), 0.0);
    }
    let token = token(&place, &[]);
    assert_eq!(token.address, place.admin.to_string());
    assert_eq!(token.server.as_str(), "spiffe://test.example/node/a");
    let root = Certificate::from_pem(&std::fs::read(place.node("ca/ca.crt")).unwrap()).unwrap();
    assert_eq!(token.root, root.fingerprint());

    let names = [id("b"), "DNS:localhost".to_owned(), "DNS:b.example".to_owned(), "IP:127.0.0.1".to_owned()];
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let (key, csr) = asking(&names);
    let told = ask(&place, place.admin, None, &post("/enroll/join", &joining(&token, &csr)));
    assert_eq!(told.status, 200, "{told:?}");
    assert_eq!(told.header("cache-control"), "no-store");
    assert_eq!(told.body["identity"], "spiffe://test.example/node/b");
    assert_eq!(told.body["renew_after"], serde_json::Value::Null);
    let roots = Certificate::bundle_from_pem(told.body["roots"].as_str().unwrap().as_bytes()).unwrap();
    assert_eq!(roots, [root]);
    assert!(told.body["crl"].as_str().unwrap().starts_with("-----BEGIN X509 CRL"));
    let b = keep(&place, "b", key, &told);

    // It is a node of the mesh from now on.
    Line::dial(&place, place.listen, Some(&b)).unwrap().echo(b"a second machine").unwrap();
    let told = ask(&place, place.admin, Some(&b), BUNDLE);
    assert_eq!((told.status, &told.body["trust_domain"]), (200, &"test.example".into()));
    let bundle = told.body["roots"].as_str().unwrap();
    assert_eq!(Certificate::bundle_from_pem(bundle.as_bytes()).unwrap(), roots);
    let der = told.body["crls"].as_str().unwrap();
    assert!(Crl::from_pem(der.as_bytes()).is_ok(), "{der}");
    let tag = told.header("etag").to_owned();
    let again = BUNDLE.replace("\r\n\r\n", &format!("\r\nIf-None-Match: {tag}\r\n\r\n"));
    assert_eq!(ask(&place, place.admin, Some(&b), &again).status, 304);
    // Another list is another bundle.
    ok(&["cert", "revoke", "--ca", &place.node("ca"), "--cert", &format!("{}.crt", place.issue("x"))]);
    eventually(PATIENCE, "the list is another", || ask(&place, place.admin, Some(&b), &again).status == 200);

    let (key, told) = renew(&place, &b, &names);
    let newer = keep(&place, "b2", key, &told);
    assert_eq!(told.body["crl"], "", "lists are fetched by themselves");
    let leaf =
        |prefix: &str| Certificate::from_pem(&std::fs::read(format!("{prefix}.crt")).unwrap()).unwrap();
    assert_ne!(leaf(&newer).key_pin(), leaf(&b).key_pin());
    assert_eq!(leaf(&newer).names(), leaf(&b).names());
    let life = leaf(&newer).not_after().secs() - leaf(&newer).not_before().secs();
    assert_eq!(life, 24 * 3_600 + 60);
    Line::dial(&place, place.listen, Some(&newer)).unwrap().echo(b"renewed").unwrap();

    assert_eq!(metric(&place, "dwcp_enrollments_total{result=\"joined\"}"), 1.0);
    assert_eq!(metric(&place, "dwcp_enrollments_total{result=\"renewed\"}"), 1.0);
    assert!(metric(&place, "dwcp_enrollments_total{result=\"bundle\"}") >= 3.0);
    eventually(PATIENCE, "both are on record", || {
        let log = log(&place);
        log.contains("node_joined") && log.contains("node_renewed") && log.contains(&token.id.to_string())
    });
    let secret = token.secret.to_text();
    assert!(!log(&place).contains(secret.as_str()));
    assert!(!place.ask("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n").contains(secret.as_str()));
}

/// What a server at `address` shows to whoever knows nothing yet.
fn shown(address: SocketAddr) -> Vec<[u8; 32]> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let io = tokio::net::TcpStream::connect(address).await.unwrap();
        let expected = ExpectedServer::name(SubjectName::Ip(Ipv4Addr::LOCALHOST.into())).unwrap();
        let chain = presented_by(io, &expected, &TlsPolicy::new(), PATIENCE).await.unwrap();
        chain.iter().map(|certificate| sha256(certificate)).collect()
    })
}

#[test]
fn the_root_is_shown_where_machines_join_and_not_where_nodes_talk() {
    let place = Place::new();
    let port = enrolling(&place);
    let _node = place.up();
    let token = token(&place, &[]);
    assert_eq!(token.address, port.to_string());
    for (address, shows) in [(place.admin, true), (port, true), (place.listen, false)] {
        assert_eq!(shown(address).contains(&token.root), shows, "{address}");
    }
}

#[test]
fn the_port_for_joining_serves_that_and_lists_and_follows_a_reload() {
    let place = Place::new();
    let port = enrolling(&place);
    let node = place.up();
    let told = join(&place, port, &token(&place, &[]), &[&id("b")]);
    assert_eq!(told.status, 200, "{told:?}");
    let get = |at: SocketAddr, path: &str| {
        ask(&place, at, None, &format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n")).status
    };
    for (path, status) in [
        ("/pki/ca.crl", 200),
        ("/pki/ca.crt", 200),
        ("/enroll/bundle", 401),
        ("/enroll/join", 405),
        ("/enroll/renew", 405),
        ("/enroll/", 404),
        ("/enroll/x", 404),
        ("/enroll", 404),
        ("/health/live", 404),
        ("/status/tls", 404),
        ("/metrics", 404),
        ("/", 404),
    ] {
        assert_eq!(get(port, path), status, "{path}");
    }
    // It moves, and then it closes.
    let next = SocketAddr::from(([127, 0, 0, 1], free_port()));
    place.edit(&port.to_string(), &next.to_string());
    node.signal("HUP");
    eventually(PATIENCE, "it moved", || Line::dial(&place, next, None).is_ok());
    eventually(PATIENCE, "the old one is closed", || Line::dial(&place, port, None).is_err());
    assert_eq!(get(next, "/pki/ca.crt"), 200);
    place.edit(&format!("      enroll: \"{next}\"\n"), "");
    node.signal("HUP");
    eventually(PATIENCE, "it is closed", || Line::dial(&place, next, None).is_err());
    assert_eq!(get(place.admin, "/enroll/bundle"), 401, "the admin listener goes on");
}

#[test]
fn what_the_admin_listener_lets_be_read_stays_for_reading() {
    let place = Place::new();
    place.edit("  drain: 8s", "  drain: 2s");
    let _node = place.up();
    for path in ["/health/live", "/health/certs", "/metrics", "/status/tls", "/enrol/join", "/"] {
        let told = ask(&place, place.admin, None, &post(path, "{}"));
        assert_eq!((told.status, told.header("allow")), (405, "GET, HEAD"), "{path}");
    }
    for method in ["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"] {
        let request = format!("{method} /enroll/join HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(ask(&place, place.admin, None, &request).status, 405, "{method}");
    }
    // Where there is no TLS nobody is proven, and no secret is asked for.
    use std::io::{Read, Write};
    let mut socket = std::os::unix::net::UnixStream::connect(place.node("admin.sock")).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.write_all(post("/enroll/join", "{}").as_bytes()).unwrap();
    let mut answer = String::new();
    let _ = socket.read_to_string(&mut answer);
    assert!(answer.starts_with("HTTP/1.1 405"), "{answer}");
}

#[test]
fn who_did_not_join_does_not_renew_and_learns_nothing() {
    let place = Place::new();
    let _node = place.up();
    let names = id("by-hand");
    let by_hand = place.issue("by-hand");
    let (_, told) = renew(&place, &by_hand, &[&names]);
    assert_eq!((told.status, told.code()), (403, "enroll.identity.unknown"));
    let told = patiently(|| ask(&place, place.admin, Some(&by_hand), BUNDLE));
    assert_eq!((told.status, told.code()), (403, "enroll.identity.unknown"));
    let (_, csr) = asking(&[&names]);
    let body = serde_json::json!({ "csr": csr }).to_string();
    // A header that says who somebody is says nothing.
    let claimed = post("/enroll/renew", &body).replace(
        "Host: a\r\n",
        "Host: a\r\nX-Client-Cert: spiffe://test.example/node/b\r\nX-Forwarded-Client-Cert: URI=spiffe://test.example/node/b\r\n",
    );
    for request in [claimed.as_str(), BUNDLE] {
        let told = patiently(|| ask(&place, place.admin, None, request));
        assert_eq!((told.status, told.code()), (401, "enroll.identity.missing"));
    }
    assert_eq!(issued(&place, &names).len(), 1);
    eventually(PATIENCE, "it is on record", || log(&place).contains("renewal_refused"));
}

#[test]
fn superseded_and_revoked_certificates_do_not_renew() {
    let place = Place::new();
    let _node = place.up();
    let names = id("b");
    let first = joined(&place, "b");
    let (key, told) = renew(&place, &first, &[&names]);
    let second = keep(&place, "b2", key, &told);
    let (key, told) = renew(&place, &second, &[&names]);
    let third = keep(&place, "b3", key, &told);
    let (_, told) = renew(&place, &first, &[&names]);
    assert_eq!((told.status, told.code()), (403, "enroll.identity.superseded"));
    let (_, told) = renew(&place, &third, &[&id("c")]);
    assert_eq!((told.status, told.code()), (403, "enroll.name.refused"));

    // Hands were shaken before it was revoked; the request comes after.
    let mut open = Line::dial(&place, place.admin, Some(&third)).unwrap();
    let (_, csr) = asking(&[&names]);
    let request = post("/enroll/renew", &serde_json::json!({ "csr": csr }).to_string());
    ok(&["cert", "revoke", "--ca", &place.node("ca"), "--cert", &format!("{third}.crt")]);
    if let Some(told) = support::enroll::over(&mut open, &request) {
        assert_eq!((told.status, told.code()), (403, "enroll.identity.revoked"));
    } else {
        panic!("no answer");
    }
    // The two before it are revoked with it.
    assert_eq!(issued(&place, &names).len(), 3);
    assert!(issued(&place, &names).iter().all(|one| matches!(one.standing, IssuedStanding::Revoked(_))));
    eventually(PATIENCE, "nobody shakes hands with it any more", || {
        let line = Line::dial(&place, place.admin, Some(&third));
        line.is_err() || line.is_ok_and(|mut line| support::enroll::over(&mut line, BUNDLE).is_none())
    });
}

#[test]
fn who_renews_over_and_over_is_told_when_to_come_again() {
    let place = Place::new();
    let _node = place.up();
    let (b, names) = (joined(&place, "b"), id("b"));
    let (_, csr) = asking(&[&names]);
    let request = post("/enroll/renew", &serde_json::json!({ "csr": csr }).to_string());
    let told: Vec<_> = (0..12).map(|_| ask(&place, place.admin, Some(&b), &request)).collect();
    let (granted, late): (Vec<_>, Vec<_>) = told.iter().partition(|told| told.status == 200);
    assert_eq!((granted.len(), issued(&place, &names).len()), (8, 9));
    for told in late {
        assert_eq!((told.status, told.code()), (429, "enroll.request.throttled"));
        assert!((1..=300).contains(&told.header("retry-after").parse::<u64>().unwrap()), "{told:?}");
    }
}

#[test]
fn an_unreadable_record_is_said_and_grants_nothing() {
    let place = Place::new();
    let _node = place.up();
    let token = token(&place, &["--name", "b"]);
    let record = place.node(&format!("ca/tokens/{}", token.id));
    let text = std::fs::read_to_string(&record).unwrap();
    std::fs::write(&record, text.replace("\"name\":\"b\"", "\"name\":\"c\" ")).unwrap();
    let told =
        ask(&place, place.admin, None, &post("/enroll/join", &joining(&token, &asking(&[&id("c")]).1)));
    assert_eq!((told.status, told.code()), (503, "enroll.authority.unavailable"));
    assert!(!told.body.to_string().contains("tokens/"), "strangers learn no path: {told:?}");
    assert!(told.header("retry-after").parse::<u64>().is_ok());
    std::fs::write(&record, text).unwrap();
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(join(&place, place.admin, &token, &[&id("b")]).status, 200);
}
