//! What the embedded authority publishes: lists, its certificate and OCSP, read by curl, OpenSSL and raw sockets.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "a deadline of a test is wall time")]
#![cfg(unix)]

mod support;

use dwcp_pki::{CertStatus, Certificate, Crl};
use std::fs;
use std::io::Write;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};
use support::web::{Question, get, post, publishing, request};
use support::{Line, PATIENCE, Place, echo, eventually, free_port, have, ok, refused};

/// Runs a program that must succeed; gives what it printed and said.
#[track_caller]
fn good(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap();
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {said}");
    said
}

fn delta(address: SocketAddr) -> Vec<u8> {
    let mut found = Vec::new();
    eventually(PATIENCE, "a delta is there", || {
        let answer = get(address, "/pki/ca-delta.crl", "");
        found = answer.body;
        answer.status == 200
    });
    found
}

fn holds(bytes: &[u8], serial: &[u8]) -> bool {
    bytes.windows(serial.len()).any(|window| window == serial)
}

#[test]
fn lists_and_certificate_are_served_with_what_caches_need() {
    let place = Place::new();
    let web = publishing(&place);
    let _node = place.up();
    delta(web);
    for (path, kind, longest) in [
        ("/pki/ca.crl", "application/pkix-crl", 3_600),
        ("/pki/ca-delta.crl", "application/pkix-crl", 300),
        ("/pki/ca.crt", "application/pkix-cert", 86_400),
    ] {
        let whole = get(web, path, "");
        assert_eq!((whole.status, whole.header("content-type")), (200, kind), "{path}");
        let control = whole.header("cache-control");
        assert!(control.starts_with("public, no-transform, must-revalidate, max-age="), "{control}");
        assert!((1..=longest).contains(&whole.max_age()) && whole.max_age() + 60 > longest, "{control}");
        let (tag, since) = (whole.header("etag"), whole.header("last-modified"));
        assert!(tag.starts_with('"') && tag.ends_with('"') && since.ends_with(" GMT"), "{whole:?}");
        assert!(!whole.header("date").is_empty());
        for known in [
            format!("If-None-Match: {tag}\r\n"),
            format!("If-None-Match: \"other\", W/{tag}\r\n"),
            "If-None-Match: *\r\n".to_owned(),
        ] {
            let same = get(web, path, &known);
            assert_eq!((same.status, same.body.len(), same.header("etag")), (304, 0, tag), "{known}");
            assert!(same.max_age() <= longest);
        }
        // Two lists of one second have one date: it tells nothing.
        for unknown in [
            "If-None-Match: \"other\"\r\n".to_owned(),
            format!("If-None-Match: \"other\"\r\nIf-Modified-Since: {since}\r\n"),
            format!("If-Modified-Since: {since}\r\n"),
        ] {
            assert_eq!(get(web, path, &unknown).body, whole.body, "{unknown}");
        }
        let head = request(web, format!("HEAD {path} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes()).unwrap();
        assert_eq!((head.status, head.body.len(), head.header("etag")), (200, 0, tag));
        assert_eq!(head.header("content-length"), whole.body.len().to_string());
    }
    let authority = Certificate::from_pem(&fs::read(place.node("ca/ca.crt")).unwrap()).unwrap();
    assert_eq!(get(web, "/pki/ca.crt", "").body, authority.der());
    // The admin listener serves the same.
    let tag = get(web, "/pki/ca.crt", "").header("etag").to_owned();
    let admin = place.ask("HEAD /pki/ca.crt HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(admin.starts_with("HTTP/1.1 200") && admin.contains(&tag), "{admin}");
    let admin = place.ask("GET /pki/ca.key HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(admin.starts_with("HTTP/1.1 404"), "{admin}");
}

#[test]
fn curl_and_openssl_accept_what_is_published() {
    if !have("curl") || !have("openssl") {
        return;
    }
    let place = Place::new();
    let web = publishing(&place);
    let leaf = place.issue("leaf");
    let _node = place.up();
    delta(web);
    ok(&["cert", "revoke", "--ca", &place.node("ca"), "--cert", &format!("{leaf}.crt")]);
    let serial = Question::about(&place, &leaf).leaf().serial().as_be_bytes().to_vec();
    eventually(Duration::from_secs(2), "the list names it", || {
        holds(&get(web, "/pki/ca.crl", "").body, &serial)
    });
    let (root, admin) = (place.node("ca/ca.crt"), place.admin);
    let file = |name: &str| place.path(name).to_str().unwrap().to_owned();
    let digits: String = serial.iter().map(|octet| format!("{octet:02X}")).collect();
    let named = digits.trim_start_matches('0');
    for from in [format!("http://{web}"), format!("https://{admin}")] {
        let fetch = |name: &str| {
            let out = file(name);
            good("curl", &["-sSf", "--cacert", &root, "-o", &out, &format!("{from}/pki/{name}")]);
            out
        };
        let list =
            good("openssl", &["crl", "-inform", "DER", "-in", &fetch("ca.crl"), "-CAfile", &root, "-text"]);
        assert!(list.contains("verify OK") && list.contains(named), "{list}");
        let delta = fetch("ca-delta.crl");
        let delta = good("openssl", &["crl", "-inform", "DER", "-in", &delta, "-CAfile", &root, "-text"]);
        assert!(delta.contains("verify OK") && delta.contains("Delta CRL Indicator: critical"), "{delta}");
        good("openssl", &["x509", "-inform", "DER", "-in", &fetch("ca.crt"), "-noout", "-checkend", "0"]);
    }
    // The tag is one that curl remembers.
    let (tags, out) = (file("tags"), file("again"));
    let url = format!("http://{web}/pki/ca.crl");
    good("curl", &["-sSf", "--etag-save", &tags, "-o", &out, &url]);
    let again = good("curl", &["-sSf", "--etag-compare", &tags, "-o", &out, "-w", "%{http_code}", &url]);
    assert!(again.ends_with("304"), "{again}");
}

#[test]
fn openssl_hears_good_and_within_two_seconds_of_the_revocation_revoked() {
    if !have("openssl") {
        return;
    }
    let place = Place::new();
    let web = publishing(&place);
    let leaf = place.issue("leaf");
    let _node = place.up();
    let (root, url, file) =
        (place.node("ca/ca.crt"), format!("http://{web}/pki/ocsp"), format!("{leaf}.crt"));
    let ask = |more: &[&str]| {
        let asked = ["-issuer", &root, "-cert", &file, "-CAfile", &root, "-url", &url];
        let said = good("openssl", &[&["ocsp"][..], more, &asked].concat());
        assert!(said.contains("Response verify OK"), "{said}");
        said
    };
    let question = Question::about(&place, &leaf);
    let by_get = || {
        let answer = get(web, &format!("/pki/ocsp/{}", question.plain().to_get_path()), "");
        (question.verdict(question.plain(), &answer).unwrap(), answer)
    };
    for more in [&[][..], &["-no_nonce"], &["-sha256"]] {
        assert!(ask(more).contains(&format!("{file}: good")), "{more:?}");
    }
    let (status, answer) = by_get();
    assert_eq!(status, CertStatus::Good);
    assert!((1_700..=3_600).contains(&answer.max_age()), "{answer:?}");
    // Slashes and plus signs as they are, as some clients send them.
    let bare = question.plain().to_get_path().replace("%2F", "/").replace("%2B", "+").replace("%3D", "=");
    let answer = get(web, &format!("/pki/ocsp/{bare}"), "");
    assert_eq!(question.verdict(question.plain(), &answer), Some(CertStatus::Good));
    let nonced = question.nonced();
    let answer = post(web, nonced.der()).unwrap();
    assert_eq!(question.verdict(&nonced, &answer), Some(CertStatus::Good));
    assert_eq!(answer.header("cache-control"), "no-store");

    ok(&["cert", "revoke", "--ca", &place.node("ca"), "--cert", &file, "--reason", "key-compromise"]);
    let revoked = Instant::now();
    for more in [&["-no_nonce"][..], &[]] {
        let said = ask(more);
        assert!(said.contains(&format!("{file}: revoked")) && said.contains("keyCompromise"), "{said}");
    }
    assert!(matches!(by_get().0, CertStatus::Revoked { .. }));
    assert!(revoked.elapsed() < Duration::from_secs(2), "{:?}", revoked.elapsed());
    // The lists follow, and the delta names nobody else.
    let serial = question.leaf().serial();
    eventually(
        Duration::from_secs(2).saturating_sub(revoked.elapsed()),
        "the complete list names it",
        || Crl::from_der(&get(web, "/pki/ca.crl", "").body).unwrap().contains(&serial),
    );
    eventually(Duration::from_secs(2), "the delta names it", || holds(&delta(web), serial.as_be_bytes()));
}

#[test]
fn a_relying_party_finds_it_all_by_what_stands_in_the_certificate() {
    if !have("openssl") {
        return;
    }
    let place = Place::new();
    let web = publishing(&place);
    let (ca, root, pki) = (place.node("ca"), place.node("ca/ca.crt"), format!("http://{web}/pki"));
    for path in ["ca", "identity.crt", "identity.key"] {
        let path = place.path("node").join(path);
        let gone = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        gone.unwrap();
    }
    let (list, delta_list) = (format!("{pki}/ca.crl"), format!("{pki}/ca-delta.crl"));
    let (issuer, ocsp) = (format!("{pki}/ca.crt"), format!("{pki}/ocsp"));
    let init = ["cert", "ca", "init", "--dir", &ca, "--name", "Root", "--crl-url", &list];
    let more = ["--delta-url", &delta_list, "--issuer-url", &issuer, "--ocsp-url", &ocsp];
    ok(&[&init[..], &more].concat());
    let leaf = place.issue("leaf");
    let mut node = place.up();
    delta(web);
    let file = format!("{leaf}.crt");
    let fetched = ["verify", "-crl_check", "-crl_download", "-use_deltas", "-extended_crl", "-CAfile", &root];
    let verify = || Command::new("openssl").args(fetched).arg(&file).output().unwrap();
    let said = verify();
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    let named = good("openssl", &["x509", "-in", &file, "-noout", "-ocsp_uri"]);
    assert_eq!(named.trim(), ocsp);
    // The node itself believes lists that name their place.
    echo(place.target);
    let mut line = Line::dial(&place, place.listen, Some(&leaf)).unwrap();
    line.echo(b"let in").unwrap();
    ok(&["cert", "revoke", "--ca", &ca, "--cert", &file]);
    eventually(Duration::from_secs(2), "whoever fetches the list hears of it", || {
        String::from_utf8_lossy(&verify().stderr).contains("certificate revoked")
    });
    let (_, end) = line.rest(Duration::from_secs(2));
    assert!(end.is_err_and(|error| error.kind() != std::io::ErrorKind::TimedOut), "cut");
    assert!(node.lives());
}

#[test]
fn a_reload_moves_the_port_takes_it_away_and_changes_nothing_where_it_can_not() {
    let place = Place::new();
    let web = publishing(&place);
    let mut node = place.up();
    let serves =
        |address| TcpStream::connect(address).is_ok() && get(address, "/pki/ca.crl", "").status == 200;
    assert!(serves(web));
    // A port that somebody has: the old one stays.
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let busy = taken.local_addr().unwrap();
    place.edit(&web.to_string(), &busy.to_string());
    node.signal("HUP");
    eventually(PATIENCE, "the reload is refused", || {
        place.check("certs", "certs.reload").1.contains("embedded.publish can not listen")
    });
    assert!(serves(web));
    let other = SocketAddr::from(([127, 0, 0, 1], free_port()));
    place.edit(&busy.to_string(), &other.to_string());
    node.signal("HUP");
    eventually(PATIENCE, "it moves", || serves(other) && TcpStream::connect(web).is_err());
    // The admin listener goes on without it.
    place.edit(&format!("      publish: \"{other}\"\n"), "");
    node.signal("HUP");
    eventually(PATIENCE, "it is gone", || TcpStream::connect(other).is_err());
    let answer = place.ask("HEAD /pki/ca.crl HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("application/pkix-crl"), "{answer}");
    assert!(node.lives());
}

#[test]
fn an_idle_reader_does_not_hold_the_end_up() {
    let place = Place::new();
    let web = publishing(&place);
    let node = place.up();
    // Headers that are there, and a body that is waited for.
    let slow = "POST /pki/ocsp HTTP/1.1\r\nHost: a\r\nContent-Type: application/ocsp-request\r\nContent-Length: 9\r\n\r\n";
    let idle = |_| {
        let mut stream = TcpStream::connect(web).unwrap();
        stream.write_all(slow.as_bytes()).unwrap();
        stream
    };
    let _idle: Vec<TcpStream> = (0..8).map(idle).collect();
    assert_eq!(get(web, "/pki/ca.crl", "").status, 200);
    let begun = Instant::now();
    node.signal("TERM");
    assert_eq!(node.wait(PATIENCE), 0);
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
}

#[test]
fn a_configuration_in_which_addresses_or_paths_collide_is_refused() {
    let place = Place::new();
    let web = publishing(&place);
    let checked = |from: &str, to: &str| {
        let before = fs::read_to_string(place.config()).unwrap();
        place.edit(from, to);
        let (code, said) = refused(&["config", "check", &place.config()]);
        fs::write(place.config(), before).unwrap();
        (code, said)
    };
    let (code, said) = checked(&web.to_string(), &place.admin.to_string());
    assert!(code == 3 && said.contains("embedded.publish") && said.contains("is the admin"), "{said}");
    let (code, said) = checked(&web.to_string(), &place.listen.to_string());
    assert!(code == 3 && said.contains("node.listeners[example].listen"), "{said}");
    for taken in [web, place.admin] {
        let (code, said) =
            checked("      ca_dir: ca\n", &format!("      ca_dir: ca\n      enroll: \"{taken}\"\n"));
        assert!(code == 3 && said.contains("embedded.enroll") && said.contains("is the admin"), "{said}");
    }
    for taken in ["/pki/ca.crl", "/enroll/bundle"] {
        let path = format!("monitoring: {{prometheus: {{path: {taken}}}}}\nguard:\n");
        let (code, said) = checked("\nguard:\n", &format!("\n{path}"));
        assert!(code == 3 && said.contains("monitoring.prometheus.path"), "{said}");
    }
    assert_eq!(checked("node:", "node:").0, 0);
}

#[test]
fn a_node_without_an_authority_publishes_nothing() {
    let place = Place::new();
    publishing(&place);
    place.edit("provider: embedded ", "provider: manual ");
    place.edit("    min_version: \"1.3\" ", "    cert_file: identity.crt\n    key_file: identity.key\n    ca_file: ca/ca.crt\n    min_version: \"1.3\" ");
    let (code, said) = refused(&["config", "check", &place.config()]);
    assert!(code == 3 && said.contains("embedded.publish") && said.contains("holds no authority"), "{said}");
    let text = fs::read_to_string(place.config()).unwrap();
    let without: String =
        text.lines().filter(|line| !line.contains("publish:")).map(|line| format!("{line}\n")).collect();
    fs::write(place.config(), without).unwrap();
    let _node = place.up();
    for path in ["/pki/ca.crl", "/pki/ca.crt", "/pki/ocsp/MA"] {
        let answer = place.ask(&format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert!(answer.starts_with("HTTP/1.1 404"), "{path}: {answer}");
    }
}
