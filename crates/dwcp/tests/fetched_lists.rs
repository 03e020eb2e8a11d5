//! `security.tls.crl_url`: lists that a node fetches by itself, from servers good and bad.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "a deadline of a test is wall time")]
#![cfg(unix)]

mod support;

use dwcp_base::{Clock, LocalDisk, SystemClock};
use dwcp_pki::{CertificateAuthority, Crl};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use support::issuer::Issuer;
use support::web::publishing;
use support::{Line, PATIENCE, Place, Running, command, dwcp, echo, eventually, free_port, ok, text};

/// A web server that says to everybody what was put there last.
#[derive(Clone)]
struct Web {
    address: SocketAddr,
    says: Arc<Mutex<Vec<u8>>>,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Web {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let web =
            Self { address: listener.local_addr().unwrap(), says: Arc::default(), heard: Arc::default() };
        let server = web.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                let mut head = [0; 8_192];
                let count = stream.read(&mut head).unwrap_or(0);
                server.heard.lock().unwrap().push(String::from_utf8_lossy(&head[..count]).into_owned());
                let _ = stream.write_all(&server.says.lock().unwrap());
            }
        });
        web
    }

    fn url(&self) -> String {
        format!("http://{}/ca.crl", self.address)
    }

    fn serves(&self, body: &[u8]) {
        let head =
            format!("HTTP/1.1 200 OK\r\nETag: \"{}\"\r\nContent-Length: {}\r\n\r\n", body.len(), body.len());
        *self.says.lock().unwrap() = [head.as_bytes(), body].concat();
    }

    fn says(&self, text: &str) {
        *self.says.lock().unwrap() = text.as_bytes().to_vec();
    }

    fn asked(&self) -> usize {
        self.heard.lock().unwrap().len()
    }
}

/// A node with the manual provider, whose files `ca` issued, and which fetches its lists.
struct Second {
    dir: tempfile::TempDir,
    listen: SocketAddr,
    admin: SocketAddr,
}

impl Second {
    fn of(ca: &Place, url: &str) -> Self {
        Self::under(&ca.node("ca"), url)
    }

    /// A node whose files the authority in the directory `ca` issued.
    fn under(ca: &str, url: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| text(&dir.path().join(name));
        ok(&[
            "cert",
            "issue",
            "--ca",
            ca,
            "--san",
            "URI:spiffe://test.example/node/b",
            "--san",
            "IP:127.0.0.1",
            "--out",
            &at("b"),
        ]);
        std::fs::copy(format!("{ca}/ca.crt"), at("root.crt")).unwrap();
        let local = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let (listen, admin, target) = (local(free_port()), local(free_port()), local(free_port()));
        echo(target);
        let config = format!(
            "node:\n  admin: {{listen: \"{admin}\"}}\n  listeners:\n    - {{name: x, listen: \"{listen}\", target: \"{target}\", allow: [\"spiffe://test.example/node/*\"]}}\n\
             security:\n  tls: {{cert_file: b.crt, key_file: b.key, ca_file: root.crt, crl_url: \"{url}\"}}\n",
        );
        std::fs::write(at("dwcp.yaml"), config).unwrap();
        Self { dir, listen, admin }
    }

    fn file(&self, name: &str) -> String {
        text(&self.dir.path().join(name))
    }

    fn up(&self) -> Running {
        Running::start(command().args(["up", "--config", &self.file("dwcp.yaml")]), self.admin)
    }

    fn dial(&self, who: &str) -> Result<Line, dwcp_channel::DialError> {
        Line::dial_over(self.listen, &self.file("root.crt"), Some(who))
    }

    /// What the admin listener says of live connections.
    fn status(&self) -> String {
        let mut line = Line::dial_over(self.admin, &self.file("root.crt"), None).unwrap();
        line.send(b"GET /status/tls HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
        String::from_utf8(line.rest(PATIENCE).0).unwrap()
    }

    fn check(&self, id: &str) -> (String, String) {
        let dir = tempfile::tempdir().unwrap();
        let same = Place { dir, admin: self.admin, listen: self.listen, target: self.listen };
        same.check_over("certs", id, &self.file("root.crt"))
    }
}

/// A list of the authority of `place`, signed so many seconds ago.
fn list(place: &Place, age: u64) -> Crl {
    list_of(&place.node("ca"), age)
}

fn list_of(ca: &str, age: u64) -> Crl {
    let ca = CertificateAuthority::open(Arc::new(LocalDisk), Path::new(ca)).unwrap();
    ca.crl(SystemClock::new().unix().minus(Duration::from_secs(age))).unwrap()
}

fn revoke(place: &Place, prefix: &str) {
    ok(&["cert", "revoke", "--ca", &place.node("ca"), "--cert", &format!("{prefix}.crt")]);
}

#[test]
fn a_list_is_fetched_at_the_start_and_kept_for_a_start_without_a_network() {
    let (ca, web) = (Place::new(), Web::start());
    let (good, bad) = (ca.issue("good"), ca.issue("bad"));
    revoke(&ca, &bad);
    web.serves(list(&ca, 0).der());
    let second = Second::of(&ca, &web.url());
    let node = second.up();
    second.dial(&good).unwrap().echo(b"hello").unwrap();
    assert!(second.dial(&bad).is_err());
    assert_eq!(second.check("certs.lists").0, "pass");
    assert_eq!(second.check("certs.revocation").0, "pass");
    let asked = web.heard.lock().unwrap()[0].to_lowercase();
    assert!(
        asked.starts_with("get /ca.crl http/1.1") && asked.contains("accept-encoding: identity"),
        "{asked}"
    );
    drop(node);
    web.says("HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n");
    let _node = second.up();
    second.dial(&good).unwrap().echo(b"hello").unwrap();
    assert!(second.dial(&bad).is_err(), "what was known before the start still holds");
    eventually(PATIENCE, "and the failure shows", || second.check("certs.lists").0 == "warn");
}

#[test]
fn without_any_list_everybody_is_refused_and_health_fails() {
    let (ca, web) = (Place::new(), Web::start());
    web.says("HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n");
    let good = ca.issue("good");
    let second = Second::of(&ca, &web.url());
    let node = second.up();
    assert!(second.dial(&good).is_err());
    let (status, why) = second.check("certs.lists");
    assert!(status == "fail" && why.contains("404"), "{why}");
    web.serves(list(&ca, 0).to_pem().as_bytes());
    node.signal("HUP");
    eventually(PATIENCE, "it is fetched", || second.check("certs.lists").0 == "pass");
    second.dial(&good).unwrap().echo(b"hello").unwrap();
}

#[test]
fn a_newer_list_cuts_who_it_names_and_an_older_one_brings_nobody_back() {
    let (ca, web) = (Place::new(), Web::start());
    let (good, bad) = (ca.issue("good"), ca.issue("bad"));
    let older = list(&ca, 0);
    web.serves(older.der());
    let second = Second::of(&ca, &web.url());
    let node = second.up();
    let (mut kept, mut cut) = (second.dial(&good).unwrap(), second.dial(&bad).unwrap());
    cut.echo(b"hello").unwrap();
    revoke(&ca, &bad);
    web.serves(list(&ca, 0).der());
    node.signal("HUP");
    assert!(cut.rest(PATIENCE).1.is_err_and(|error| error.kind() != std::io::ErrorKind::TimedOut));
    kept.echo(b"not a byte is lost").unwrap();
    // Somebody puts the older one back, here and on the way to a restart.
    web.serves(older.der());
    let asked = web.asked();
    node.signal("HUP");
    eventually(PATIENCE, "it asked", || web.asked() > asked);
    assert!(second.dial(&bad).is_err());
    drop(node);
    let _node = second.up();
    eventually(PATIENCE, "it asked again", || web.asked() > asked + 1);
    assert!(second.dial(&bad).is_err(), "nor with a restart");
    second.dial(&good).unwrap().echo(b"hello").unwrap();
}

#[test]
fn at_x9_bad_answers_change_nothing_and_are_told() {
    let (ca, other, web) = (Place::new(), Place::new(), Web::start());
    let good = ca.issue("good");
    let first = list(&ca, 0);
    web.serves(first.der());
    let second = Second::of(&ca, &web.url());
    let mut node = second.up();
    let mut live = second.dial(&good).unwrap();
    let kept = std::fs::read(second.file("fetched.crl")).unwrap();
    let body = |body: &[u8]| {
        [format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len()).as_bytes(), body].concat()
    };
    let inner = Web::start();
    let mut torn = list(&ca, 0).der().to_vec();
    let last = torn.len() - 1;
    torn[last] ^= 1;
    for (answer, part) in [
        (body(list(&other, 0).der()), "signed"),
        (body(&[first.to_pem(), list(&other, 0).to_pem()].concat().into_bytes()), "signed"),
        (body(&torn), "signed"),
        (body(&first.der()[..100]), "no revocation list"),
        (body(b""), "no revocation list"),
        (body(b"<html>moved</html>"), "no revocation list"),
        (
            format!("HTTP/1.1 302 Go\r\nLocation: {}\r\nContent-Length: 0\r\n\r\n", inner.url()).into_bytes(),
            "redirects",
        ),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 0\r\n\r\n".to_vec(), "encoding"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n".to_vec(), "more than"),
        (b"220 mail.example ESMTP\r\n".to_vec(), "HTTP/1.1"),
    ] {
        *web.says.lock().unwrap() = answer.clone();
        let asked = web.asked();
        node.signal("HUP");
        eventually(PATIENCE, "it asked", || web.asked() > asked);
        eventually(PATIENCE, part, || {
            let (status, why) = second.check("certs.lists");
            status == "warn" && why.contains(part)
        });
        live.echo(b"hello").unwrap();
        assert!(node.lives());
        assert_eq!(std::fs::read(second.file("fetched.crl")).unwrap(), kept);
    }
    assert_eq!(inner.asked(), 0, "nobody was to be asked there");
    web.serves(list(&ca, 0).der());
    node.signal("HUP");
    eventually(PATIENCE, "all is well again", || second.check("certs.lists").0 == "pass");
}

#[test]
fn a_list_that_grows_old_is_an_alarm_and_one_that_ended_a_failure() {
    // Its authority is old enough to have signed lists a while ago.
    let (issuer, web) = (Issuer::start(), Web::start());
    let ca = text(&issuer.dir.path().join("ca"));
    let good = issuer.identity("good");
    web.serves(list_of(&ca, 13 * 3_600).der());
    let second = Second::under(&ca, &web.url());
    let node = second.up();
    let (status, why) = second.check("certs.lists");
    assert!(status == "warn" && why.contains("without a newer one"), "{why}");
    second.dial(&good).unwrap().echo(b"hello").unwrap();
    drop(node);
    std::fs::remove_file(second.file("fetched.crl")).unwrap();
    web.serves(list_of(&ca, 25 * 3_600).der());
    let node = second.up();
    assert_eq!(second.check("certs.lists").0, "fail");
    assert!(second.dial(&good).is_err());
    web.serves(list_of(&ca, 0).der());
    node.signal("HUP");
    eventually(PATIENCE, "a fresh one mends it", || second.check("certs.lists").0 == "pass");
    second.dial(&good).unwrap().echo(b"hello").unwrap();
}

#[test]
fn a_node_that_publishes_is_asked_over_http_and_over_https_by_the_own_roots() {
    let ca = Place::new();
    let web = publishing(&ca);
    let _first = ca.up();
    let (good, bad) = (ca.issue("good"), ca.issue("bad"));
    for url in [format!("http://{web}/pki/ca.crl"), format!("https://{}/pki/ca.crl", ca.admin)] {
        let second = Second::of(&ca, &url);
        let _node = second.up();
        assert_eq!(second.check("certs.lists").0, "pass", "{url}");
        second.dial(&good).unwrap().echo(b"hello").unwrap();
    }
    revoke(&ca, &bad);
    let second = Second::of(&ca, &format!("https://{}/pki/ca.crl", ca.admin));
    let node = second.up();
    eventually(PATIENCE, "the list that names it is there", || {
        node.signal("HUP");
        second.dial(&bad).is_err()
    });
    // An HTTPS server of another mesh is not believed, whatever list it has.
    let other = Place::new();
    let _other = other.up();
    let astray = Second::of(&ca, &format!("https://{}/pki/ca.crl", other.admin));
    let _node = astray.up();
    let (status, why) = astray.check("certs.lists");
    assert!(status == "fail" && why.contains("TLS"), "{why}");
}

#[test]
fn a_reload_that_adds_a_url_asks_first_and_nobody_loses_a_byte() {
    let (ca, web) = (Place::new(), Web::start());
    let good = ca.issue("good");
    let second = Second::of(&ca, &web.url());
    let config = second.file("dwcp.yaml");
    let with_url = std::fs::read_to_string(&config).unwrap();
    let line = format!(", crl_url: \"{}\"", web.url());
    std::fs::write(&config, with_url.replace(&line, "")).unwrap();
    let node = second.up();
    let mut live = second.dial(&good).unwrap();
    std::fs::write(&config, &with_url).unwrap();
    // Where nothing comes, the reload is refused and all is as it was.
    web.says("HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n");
    node.signal("HUP");
    eventually(PATIENCE, "it is refused", || second.check("certs.reload").1.contains("404"));
    second.dial(&good).unwrap().echo(b"hello").unwrap();
    web.serves(list(&ca, 0).der());
    node.signal("HUP");
    eventually(PATIENCE, "it is in force", || second.check("certs.lists").0 == "pass");
    assert_eq!(second.check("certs.revocation").0, "pass");
    let status = second.status();
    assert!(status.contains("\"open\"") && !status.contains("draining"), "{status}");
    live.echo(b"not a byte is lost").unwrap();
}

#[test]
fn files_that_changed_are_no_reason_to_fetch_a_list_again() {
    let (ca, web) = (Place::new(), Web::start());
    web.serves(list(&ca, 0).der());
    let second = Second::of(&ca, &web.url());
    let node = second.up();
    let loaded = |text: &str| {
        let log = second.dir.path().join("audit/log-000000000001.jsonl");
        std::fs::read_to_string(log).is_ok_and(|log| log.contains(text))
    };
    let asked = web.asked();
    let named = ["URI:spiffe://test.example/node/b", "IP:127.0.0.1"];
    let ca_dir = ca.node("ca");
    let next = second.file("next");
    ok(&["cert", "issue", "--ca", &ca_dir, "--san", named[0], "--san", named[1], "--out", &next]);
    for end in ["key", "crt"] {
        std::fs::rename(second.file(&format!("next.{end}")), second.file(&format!("b.{end}"))).unwrap();
    }
    eventually(PATIENCE, "the pair was loaded", || loaded("files_loaded"));
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(web.asked(), asked);
    node.signal("HUP");
    eventually(PATIENCE, "an operator has it asked for", || web.asked() > asked);
}

#[test]
fn what_is_no_url_is_a_bad_configuration() {
    let dir = tempfile::tempdir().unwrap();
    let file = text(&dir.path().join("dwcp.yaml"));
    for (tls, part) in [
        ("crl_url: 'file:///etc/passwd'", "http://"),
        ("crl_url: 'ldap://a/b'", "http://"),
        ("crl_url: 'http://u:secret@a/b'", "user name"),
        ("crl_url: 'http://a/b#c'", "fragment"),
        ("crl_url: 'http://a/b', crl_refresh: 30s", "crl_refresh"),
        ("crl_url: 'http://a/b', crl_refresh: 25h", "crl_refresh"),
    ] {
        std::fs::write(&file, format!("security: {{tls: {{{tls}}}}}\n")).unwrap();
        let output = dwcp(&["config", "check", &file]);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(3), "{said}");
        assert!(said.contains(part) && !said.contains("secret"), "{said}");
    }
    std::fs::write(&file, "security: {tls: {crl_refresh: 2h}}\n").unwrap();
    assert!(ok(&["config", "check", &file]).contains("without effect"));
}
