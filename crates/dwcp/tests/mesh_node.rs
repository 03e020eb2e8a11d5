//! A node that has joined: it renews at another one, and follows the roots and lists of its mesh.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "a deadline of a test is wall time")]
#![cfg(unix)]

mod support;

use dwcp_pki::Certificate;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;
use support::issuer::{Issuer, Manner};
use support::{Line, PATIENCE, Running, command, dwcp, echo, eventually, free_port, ok, text};

/// A node that joined `issuer`'s mesh.
struct Member {
    dir: PathBuf,
    listen: SocketAddr,
    admin: SocketAddr,
    _home: tempfile::TempDir,
}

impl Member {
    fn of(issuer: &Issuer) -> Self {
        let home = tempfile::tempdir().unwrap();
        let dir = home.path().join("node");
        let local = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let (listen, admin, target) = (local(free_port()), local(free_port()), local(free_port()));
        ok(&["init", &text(&dir), "--join", &issuer.token(), "--name", "b", "--listen", &listen.to_string()]);
        let member = Self { dir, listen, admin, _home: home };
        member.edit("127.0.0.1:9443", &admin.to_string());
        member.edit("127.0.0.1:8080", &target.to_string());
        echo(target);
        member
    }

    fn file(&self, name: &str) -> String {
        text(&self.dir.join(name))
    }

    fn edit(&self, from: &str, to: &str) {
        let config = std::fs::read_to_string(self.file("dwcp.yaml")).unwrap();
        assert!(config.contains(from), "{from} is not in {config}");
        std::fs::write(self.file("dwcp.yaml"), config.replace(from, to)).unwrap();
    }

    fn up(&self) -> Running {
        Running::start(command().args(["up", "--config", &self.file("dwcp.yaml")]), self.admin)
    }

    fn leaf(&self) -> Certificate {
        Certificate::from_pem(&std::fs::read(self.file("identity.crt")).unwrap()).unwrap()
    }

    /// Status and reason of a check of `/health/certs`; empty where it is not there.
    fn check(&self, id: &str) -> (String, String) {
        let report = self.get("/health/certs");
        let report: serde_json::Value = serde_json::from_str(&report).unwrap();
        let checks = report["checks"].as_array().unwrap();
        let Some(check) = checks.iter().find(|check| check["id"] == id) else { return Default::default() };
        (check["status"].as_str().unwrap().to_owned(), check["reason"].as_str().unwrap().to_owned())
    }

    fn get(&self, path: &str) -> String {
        let mut line = Line::dial_over(self.admin, &self.file("mesh-ca.crt"), None).unwrap();
        line.send(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes()).unwrap();
        let answer = String::from_utf8(line.rest(PATIENCE).0).unwrap();
        answer.split_once("\r\n\r\n").unwrap().1.to_owned()
    }

    fn dial(&self, who: &str) -> Result<Line, dwcp_channel::DialError> {
        Line::dial_over(self.listen, &self.file("mesh-ca.crt"), Some(who))
    }
}

#[test]
fn a_member_renews_by_the_certificate_it_has_and_keeps_what_it_got() {
    let issuer = Issuer::start();
    // Dated back by a minute: half of such a life is over at once.
    issuer.set(|state| state.ttl = Duration::from_secs(45));
    let member = Member::of(&issuer);
    let first = member.leaf();
    let node = member.up();
    eventually(PATIENCE, "it has renewed", || issuer.asked("/enroll/renew").0 > 0);
    assert_eq!(issuer.asked("/enroll/renew").1, "spiffe://test.example/node/b");
    eventually(PATIENCE, "the new pair is on disk", || member.leaf().serial() != first.serial());
    let second = member.leaf();
    assert_eq!(second.names(), first.names());
    assert_ne!(second.key_pin(), first.key_pin(), "each certificate has a key of its own");
    eventually(PATIENCE, "and again", || member.leaf().serial() != second.serial());
    assert_eq!(member.check("certs.identity").0, "pass");
    assert!(member.get("/metrics").contains("dwcp_certificate_rotations_total{name=\"b\"} "));
    let mut peer = member.dial(&issuer.identity("c")).unwrap();
    peer.echo(b"hello").unwrap();
    drop(node);
    // What was renewed is what the next start begins with.
    let _node = member.up();
    assert_eq!(member.check("certs.lists").0, "pass");
}

#[test]
fn a_revocation_reaches_a_member_with_the_next_bundle_and_cuts_the_peer() {
    let issuer = Issuer::start();
    let member = Member::of(&issuer);
    let node = member.up();
    let (good, bad) = (issuer.identity("good"), issuer.identity("bad"));
    let (mut kept, mut cut) = (member.dial(&good).unwrap(), member.dial(&bad).unwrap());
    cut.echo(b"still here").unwrap();
    eventually(PATIENCE, "it asked at its start", || issuer.asked("/enroll/bundle").0 > 0);
    issuer.revoke(&bad);
    node.signal("HUP");
    let (_, end) = cut.rest(PATIENCE);
    assert!(end.is_err() && end.unwrap_err().kind() != std::io::ErrorKind::TimedOut);
    kept.echo(b"not a byte is lost").unwrap();
    assert!(member.dial(&bad).is_err());
    let known = std::fs::read(member.file("mesh.crl")).unwrap();
    drop(node);
    // Nobody answers, and the node starts by what it knew.
    issuer.set(|state| state.manner = Manner::Silence);
    let _node = member.up();
    assert!(member.dial(&bad).is_err());
    member.dial(&good).unwrap().echo(b"hello").unwrap();
    assert_eq!(std::fs::read(member.file("mesh.crl")).unwrap(), known);
}

#[test]
fn a_member_whose_list_has_ended_gets_a_new_one_before_it_listens() {
    let issuer = Issuer::start();
    issuer.set(|state| state.list_age = 30 * 3_600);
    let member = Member::of(&issuer);
    let config = member.file("dwcp.yaml");
    assert!(ok(&["config", "check", "--files", &config]).contains("good"));
    issuer.set(|state| state.list_age = 0);
    let _node = member.up();
    assert_eq!(member.check("certs.lists").0, "pass");
    member.dial(&issuer.identity("c")).unwrap().echo(b"hello").unwrap();
    assert!(member.get("/metrics").contains("dwcp_crl_expiry_seconds 8"), "nearly a day");
}

#[test]
fn a_list_that_is_not_followed_by_a_newer_one_is_an_alarm_of_its_own() {
    let issuer = Issuer::start();
    issuer.set(|state| state.list_age = 13 * 3_600);
    let member = Member::of(&issuer);
    let _node = member.up();
    eventually(PATIENCE, "half of its life is over", || member.check("certs.lists").0 == "warn");
    assert!(member.check("certs.lists").1.contains("without a newer one"));
    // It still counts until it ends.
    member.dial(&issuer.identity("c")).unwrap().echo(b"hello").unwrap();
    eventually(PATIENCE, "it is on record", || {
        let files = std::fs::read_dir(member.dir.join("audit")).unwrap();
        let mut texts = files.filter_map(|entry| std::fs::read_to_string(entry.unwrap().path()).ok());
        texts.any(|text| text.contains("node.lists.overdue"))
    });
}

#[test]
fn a_bundle_that_would_leave_the_node_without_its_root_is_refused() {
    let issuer = Issuer::start();
    let other = Issuer::start();
    let member = Member::of(&issuer);
    let node = member.up();
    let roots = std::fs::read(member.file("mesh-ca.crt")).unwrap();
    issuer.set(|state| (state.names_its_root, state.more_roots) = (false, vec![other.root()]));
    node.signal("HUP");
    eventually(PATIENCE, "it is told", || member.check("certs.lists").1.contains("do not vouch"));
    assert_eq!(std::fs::read(member.file("mesh-ca.crt")).unwrap(), roots);
    assert!(member.dial(&other.identity("c")).is_err());
    member.dial(&issuer.identity("c")).unwrap().echo(b"hello").unwrap();
    // Both together are a roll-over: peers of either come in.
    issuer.set(|state| state.names_its_root = true);
    node.signal("HUP");
    eventually(PATIENCE, "the second root is known", || {
        std::fs::read_to_string(member.file("mesh-ca.crt")).unwrap().contains(&other.root().to_pem())
    });
    member.dial(&issuer.identity("d")).unwrap().echo(b"hello").unwrap();
    for (change, part) in [("domain", "trust domain"), ("list", "signed")] {
        issuer.set(|state| match change {
            "domain" => state.trust_domain = "other.example".to_owned(),
            _ => (state.trust_domain, state.manner) = ("test.example".to_owned(), Manner::ForeignList),
        });
        node.signal("HUP");
        eventually(PATIENCE, part, || member.check("certs.lists").1.contains(part));
    }
}

#[test]
fn a_list_that_a_member_can_not_place_is_left_out_and_told_and_the_others_count() {
    let issuer = Issuer::start();
    let both = |issuer: &Issuer| {
        issuer.set(|state| state.lists = Some(state.list().to_pem() + &state.strange_list().to_pem()));
    };
    both(&issuer);
    let member = Member::of(&issuer);
    assert_eq!(
        std::fs::read_to_string(member.file("mesh.crl")).unwrap().matches("BEGIN X509 CRL").count(),
        1
    );
    let node = member.up();
    let (good, bad) = (issuer.identity("good"), issuer.identity("bad"));
    let (mut kept, mut cut) = (member.dial(&good).unwrap(), member.dial(&bad).unwrap());
    issuer.revoke(&bad);
    both(&issuer);
    node.signal("HUP");
    let (_, end) = cut.rest(PATIENCE);
    assert!(end.is_err() && end.unwrap_err().kind() != std::io::ErrorKind::TimedOut);
    kept.echo(b"not a byte is lost").unwrap();
    eventually(PATIENCE, "it is told", || member.check("certs.lists").1.contains("stranger"));
    assert_eq!(member.check("certs.lists").0, "warn");
    issuer.set(|state| state.lists = None);
    // Another list, so another tag.
    issuer.revoke(&issuer.identity("worse"));
    node.signal("HUP");
    eventually(PATIENCE, "all is well again", || member.check("certs.lists").0 == "pass");
}

#[test]
fn a_bundle_without_lists_or_with_older_ones_takes_nothing_from_the_disk() {
    let issuer = Issuer::start();
    let bad = issuer.identity("bad");
    let member = Member::of(&issuer);
    let older = issuer.state.lock().unwrap().list().to_pem();
    let node = member.up();
    issuer.revoke(&bad);
    node.signal("HUP");
    eventually(PATIENCE, "it is refused", || member.dial(&bad).is_err());
    let mut node = Some(node);
    for lists in [String::new(), older] {
        let asked = issuer.asked("/enroll/bundle").0;
        let before = node.take().unwrap_or_else(|| member.up());
        issuer.set(|state| state.lists = Some(lists.clone()));
        // A new list has another tag.
        issuer.revoke(&issuer.identity("other"));
        before.signal("HUP");
        eventually(PATIENCE, "it asked", || issuer.asked("/enroll/bundle").0 > asked);
        std::thread::sleep(Duration::from_secs(1));
        drop(before);
        issuer.set(|state| state.manner = Manner::Silence);
        let again = member.up();
        assert!(member.dial(&bad).is_err(), "who was revoked stays so");
        member.dial(&issuer.identity("good")).unwrap().echo(b"hello").unwrap();
        issuer.set(|state| state.manner = Manner::Good);
        drop(again);
    }
}

#[test]
fn at_x9_whatever_the_mesh_answers_the_member_goes_on() {
    let issuer = Issuer::start();
    let member = Member::of(&issuer);
    let mut node = member.up();
    let peer = issuer.identity("c");
    let mut live = member.dial(&peer).unwrap();
    let answers = [
        Manner::Says("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}".into()),
        Manner::Says("HTTP/1.1 302 Go\r\nLocation: file:///etc/passwd\r\n\r\n".into()),
        Manner::Says("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n".into()),
        Manner::Says("HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n".into()),
        Manner::Floods("HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n"),
        Manner::Floods("HTTP/1.1 200 OK\r\nX-A: "),
    ];
    for answer in answers {
        let asked = issuer.asked("/enroll/bundle").0;
        issuer.set(|state| state.manner = answer.clone());
        node.signal("HUP");
        eventually(PATIENCE, "it asked", || issuer.asked("/enroll/bundle").0 > asked);
        eventually(PATIENCE, "it says so", || member.check("certs.lists").0 == "warn");
        live.echo(b"hello").unwrap();
        assert!(node.lives(), "{answer:?}");
    }
    issuer.set(|state| state.manner = Manner::Good);
    node.signal("HUP");
    eventually(PATIENCE, "all is well again", || member.check("certs.lists").0 == "pass");
}

#[test]
fn a_node_that_has_no_certificate_is_told_to_join_and_a_new_one_is_taken_by_a_reload() {
    let issuer = Issuer::start();
    let member = Member::of(&issuer);
    let node = member.up();
    let serving = || member.get("/status/tls");
    let before = serving();
    // Certificates are dated to the second, and one of the same second is no newer one.
    std::thread::sleep(Duration::from_millis(1_100));
    ok(&["init", &text(&member.dir), "--join", &issuer.token(), "--rejoin"]);
    node.signal("HUP");
    eventually(PATIENCE, "another certificate serves", || serving() != before);
    // One that ends earlier is newer all the same: the authority may have shortened lives since.
    let before = serving();
    std::thread::sleep(Duration::from_millis(1_100));
    issuer.set(|state| state.ttl = Duration::from_secs(900));
    let read = |name| std::fs::read(member.file(name)).unwrap();
    let (old, old_key) = (read("identity.crt"), read("identity.key"));
    ok(&["init", &text(&member.dir), "--join", &issuer.token(), "--rejoin"]);
    node.signal("HUP");
    eventually(PATIENCE, "the one of a shorter life serves", || serving() != before);
    assert_ne!(member.check("certs.reload").0, "warn");
    // And what is older while all is well is refused, and said so.
    std::fs::write(member.file("identity.crt"), old).unwrap();
    std::fs::write(member.file("identity.key"), old_key).unwrap();
    node.signal("HUP");
    eventually(PATIENCE, "the older one is refused", || {
        member.check("certs.reload").1.contains("older certificate")
    });
    drop(node);
    for file in ["identity.crt", "identity.key", "identity.next.crt", "identity.next.key"] {
        std::fs::remove_file(member.file(file)).unwrap();
    }
    let output = dwcp(&["up", "--config", &member.file("dwcp.yaml")]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("has not joined") && said.contains("--rejoin"), "{said}");
}

#[test]
fn a_certificate_that_ended_renews_nothing_and_health_says_how_to_join_again() {
    let issuer = Issuer::start();
    issuer.set(|state| state.ttl = Duration::from_secs(1));
    let member = Member::of(&issuer);
    std::thread::sleep(Duration::from_secs(2));
    let node = member.up();
    // Nobody believes its certificate any more, and its socket asks for none.
    let certs = || {
        let mut socket = UnixStream::connect(member.dir.join("admin.sock")).unwrap();
        socket.write_all(b"GET /health/certs HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        answer
    };
    let said = certs();
    assert!(said.contains("the certificate ended at") && said.contains("--rejoin"), "{said}");
    eventually(PATIENCE, "it tried, and was told why not", || {
        let files = std::fs::read_dir(member.dir.join("audit")).unwrap();
        let mut texts = files.filter_map(|entry| std::fs::read_to_string(entry.unwrap().path()).ok());
        texts.any(|text| text.contains("pki.provider.refused"))
    });
    assert_eq!(issuer.asked("/enroll/renew").0, 0, "whoever shows an ended certificate is not heard");
    issuer.set(|state| state.ttl = Duration::from_secs(3_600));
    ok(&["init", &text(&member.dir), "--join", &issuer.token(), "--rejoin"]);
    node.signal("HUP");
    eventually(PATIENCE, "it is a member again", || !certs().contains("the certificate ended at"));
    member.dial(&issuer.identity("c")).unwrap().echo(b"hello").unwrap();
}

#[test]
fn the_section_of_the_mesh_is_judged_as_a_whole() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("dwcp.yaml");
    let mesh = "mesh: {address: 'a:1', server: 'spiffe://d/node/a'}";
    for (security, part) in [
        ("cert_management: {provider: mesh}".to_owned(), "mesh.address"),
        ("cert_management: {provider: mesh, mesh: {address: 'a:1'}}".to_owned(), "mesh.server"),
        (
            "cert_management: {provider: mesh, mesh: {address: 'http://a', server: 'spiffe://d/a'}}"
                .to_owned(),
            "host:port",
        ),
        ("cert_management: {provider: mesh, mesh: {address: 'a:1', server: 'a'}}".to_owned(), "SPIFFE ID"),
        (format!("cert_management: {{{mesh}}}"), "renewed elsewhere"),
        (format!("tls: {{ca_file: a}}, cert_management: {{provider: mesh, {mesh}}}"), "ca_file"),
        (format!("tls: {{crl_file: a}}, cert_management: {{provider: mesh, {mesh}}}"), "crl_file"),
        (format!("tls: {{crl_url: 'http://a/'}}, cert_management: {{provider: mesh, {mesh}}}"), "crl_url"),
        (
            format!("cert_management: {{provider: mesh, {mesh}, embedded: {{publish: '127.0.0.1:1'}}}}"),
            "no authority",
        ),
    ] {
        std::fs::write(&file, format!("security: {{{security}}}\n")).unwrap();
        let output = dwcp(&["config", "check", &text(&file)]);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(3), "{security}: {said}");
        assert!(said.contains(part), "{part} in {said}");
    }
}
