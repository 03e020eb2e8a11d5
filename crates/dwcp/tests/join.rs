//! `dwcp init --join`: a machine becomes part of a mesh, and is not led astray on the way.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "a deadline of a test is wall time")]
#![cfg(unix)]

mod support;

use dwcp_base::Clock;
use dwcp_pki::{Certificate, CertificateChain};
use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};
use support::issuer::{Issuer, Manner, SERVER};
use support::{assert_three_lines, command, dwcp, have, ok, text};

/// Joins into `dir`; gives exit code and standard error.
fn joining(dir: &Path, token: &str, more: &[&str]) -> (i32, String) {
    let dir = text(dir);
    let mut arguments = vec!["init", &dir, "--join", token, "--name", "b"];
    arguments.extend(more);
    let output = dwcp(&arguments);
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn a_machine_that_joins_has_a_configuration_and_an_identity_and_overwrites_nothing() {
    let issuer = Issuer::start();
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("node");
    let said = ok(&[
        "--json",
        "init",
        &text(&dir),
        "--join",
        &issuer.token(),
        "--name",
        "b",
        "--san",
        "DNS:b.example",
    ]);
    let said: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(said["names"][0], "URI:spiffe://test.example/node/b", "{said}");
    assert_eq!(said["server"], SERVER);
    let (targets, _) = issuer.asked("/enroll/join");
    assert!(targets == 1 && issuer.heard_the_secret());
    let leaf = Certificate::from_pem(&std::fs::read(dir.join("identity.crt")).unwrap()).unwrap();
    let names: Vec<String> = leaf.names().iter().map(ToString::to_string).collect();
    assert!(
        names.contains(&"DNS:b.example".to_owned()) && names.contains(&"DNS:localhost".to_owned()),
        "{names:?}"
    );
    assert!(std::fs::read_to_string(dir.join("mesh-ca.crt")).unwrap().contains(&issuer.root().to_pem()));
    assert!(std::fs::read_to_string(dir.join("mesh.crl")).unwrap().contains("BEGIN X509 CRL"));
    let mode = |name: &str| {
        use std::os::unix::fs::PermissionsExt;
        std::fs::metadata(dir.join(name)).unwrap().permissions().mode() & 0o777
    };
    assert_eq!(mode("identity.key"), 0o600);
    let config = text(&dir.join("dwcp.yaml"));
    let good = ok(&["config", "check", "--files", &config]);
    assert!(good.contains(": good"), "{good}");
    let written = std::fs::read_to_string(&config).unwrap();
    assert!(written.contains("provider: mesh") && written.contains(&issuer.address.to_string()), "{written}");
    assert!(!written.contains("dwcp1_") && !written.contains(support::issuer::SECRET));
    // What is there stays.
    let (code, said) = joining(&dir, &issuer.token(), &[]);
    assert_eq!(code, 1, "{said}");
    assert_three_lines(&said);
    assert_eq!(std::fs::read_to_string(&config).unwrap(), written);
    assert_eq!(issuer.asked("/enroll/join").0, 1, "a token is not spent for a directory that is taken");
}

#[test]
fn a_token_comes_by_standard_input_too_and_what_is_none_is_a_wrong_command_line() {
    let issuer = Issuer::start();
    let home = tempfile::tempdir().unwrap();
    let dir = text(&home.path().join("node"));
    let mut child = command()
        .args(["init", &dir, "--join", "-", "--name", "b"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(format!("{}\n", issuer.token()).as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
    let other = home.path().join("other");
    for bad in ["", "dwcp1_", "dwcp1_AAAA", "token", &issuer.token()[..60], &"x".repeat(5_000)] {
        let (code, said) = joining(&other, bad, &[]);
        assert_eq!(code, 2, "{bad}: {said}");
        assert_three_lines(&said);
        assert!(bad.len() < 20 || !said.contains(bad), "a token is not repeated: {said}");
    }
    let (code, said) = joining(&other, &issuer.token(), &["--trust-domain", "x.example"]);
    assert_eq!(code, 2, "{said}");
    let (code, said) = joining(&other, &issuer.token(), &["--san", "nonsense"]);
    assert_eq!(code, 2, "{said}");
    assert!(!other.exists());
}

#[test]
fn the_name_of_the_host_is_taken_where_none_is_given() {
    let issuer = Issuer::start();
    let home = tempfile::tempdir().unwrap();
    let said = ok(&["--json", "init", &text(&home.path().join("node")), "--join", &issuer.token()]);
    let said: serde_json::Value = serde_json::from_str(&said).unwrap();
    let id = said["names"][0].as_str().unwrap();
    assert!(id.starts_with("URI:spiffe://test.example/node/") && id.len() > 31, "{id}");
}

/// Joins, expects this exit code and text, that nothing is left, and that the secret was said or not.
#[track_caller]
fn fails(issuer: &Issuer, token: &str, code: i32, part: &str, secret_was_said: bool) {
    issuer.set(|state| state.heard.clear());
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("node");
    let (found, said) = joining(&dir, token, &[]);
    assert_eq!(found, code, "{said}");
    assert_three_lines(&said);
    assert!(said.contains(part), "{part} in {said}");
    assert!(!dir.exists(), "something was left: {:?}", std::fs::read_dir(&dir).unwrap().collect::<Vec<_>>());
    assert_eq!(issuer.heard_the_secret(), secret_was_said, "{said}");
    // A directory that was there stays, and stays empty.
    std::fs::create_dir(&dir).unwrap();
    assert_eq!(joining(&dir, token, &[]).0, code);
    assert_eq!(std::fs::read_dir(&dir).unwrap().count(), 0);
}

#[test]
fn at_d10_a_server_that_is_another_never_hears_the_secret() {
    let issuer = Issuer::start();
    let here = issuer.address.to_string();
    let root = issuer.root().fingerprint();
    // The name leads elsewhere: to a mesh of somebody else, complete with the same names.
    let elsewhere = Issuer::start();
    let led_astray = issuer.token_of(&elsewhere.address.to_string(), SERVER, &root);
    fails(&elsewhere, &led_astray, 7, "another authority", false);
    fails(&issuer, &issuer.token_of(&here, SERVER, &[0x55; 32]), 7, "another authority", false);
    // A member of the same mesh that is not the one which made the token.
    let other = issuer.token_of(&here, "spiffe://test.example/node/z", &root);
    fails(&issuer, &other, 7, "does not prove that it is", false);
    let domain = issuer.token_of(&here, "spiffe://other.example/node/a", &root);
    fails(&issuer, &domain, 7, "does not prove that it is", false);
}

#[test]
fn at_d10_a_leaf_that_is_pinned_is_no_authority() {
    let issuer = Issuer::start();
    let shown = std::fs::read(issuer.dir.path().join("a.crt")).unwrap();
    let shown = CertificateChain::from_pem(&shown).unwrap();
    let leaf = shown.leaf();
    let token = issuer.token_of(&issuer.address.to_string(), SERVER, &leaf.fingerprint());
    fails(&issuer, &token, 7, "can not be trusted", false);
}

#[test]
fn what_is_granted_is_checked_as_every_answer_of_a_provider() {
    let issuer = Issuer::start();
    for (manner, part) in [
        (Manner::AnotherKey, "another key"),
        (Manner::Expired, "does not validate"),
        (Manner::Stranger, "does not validate"),
        (Manner::OtherRoots, "root of the token"),
        (Manner::AnotherIdentity, "another identity"),
    ] {
        issuer.set(|state| state.manner = manner);
        fails(&issuer, &issuer.token(), 7, part, true);
    }
    if have("openssl") {
        issuer.set(|state| state.manner = Manner::MoreNames);
        fails(&issuer, &issuer.token(), 7, "not asked for: DNS:payroll.example", true);
    }
}

#[test]
fn a_list_that_no_authority_of_the_mesh_signed_is_left_out_and_told() {
    let issuer = Issuer::start();
    issuer.set(|state| state.lists = Some(state.strange_list().to_pem() + &state.list().to_pem()));
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("node");
    let said = ok(&["init", &text(&dir), "--join", &issuer.token(), "--name", "b"]);
    assert!(said.contains("left out: a revocation list of CN=stranger"), "{said}");
    let kept = std::fs::read_to_string(dir.join("mesh.crl")).unwrap();
    let own = issuer.root().subject().to_owned();
    let kept = dwcp_pki::Crl::from_pem(kept.as_bytes()).unwrap();
    assert_eq!(kept.issuer(), own);
}

#[test]
fn a_refusal_is_told_in_the_words_of_whoever_refused() {
    let issuer = Issuer::start();
    let says = |status: &str, body: &str| {
        Manner::Says(format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len()))
    };
    let spent =
        r#"{"error":{"code":"enroll.token.spent","message":"the token was spent","fix":"make another one"}}"#;
    let odd = r#"{"error":{"code":"x","message":"a\u001b[2Jb","fix":""}}"#;
    for (answer, code, part) in [
        (says("403 No", spent), 4, "fix: make another one"),
        (says("403 No", odd), 4, "a[2Jb"),
        (says("401 Who", ""), 4, "refuses (401"),
        (says("429 Slow", "{}"), 6, "can not issue now"),
        (says("503 Busy", "{}"), 6, "can not issue now"),
        (says("200 OK", "{}"), 7, "not understood"),
        (says("200 OK", "not json"), 7, "not understood"),
        (says("404 What", "{}"), 7, "answers 404"),
        (says("302 Go\r\nLocation: http://127.0.0.1:1/", ""), 7, "redirects to"),
        (says("200 OK\r\nContent-Encoding: gzip", "{}"), 7, "encoding"),
    ] {
        issuer.set(|state| state.manner = answer);
        fails(&issuer, &issuer.token(), code, part, true);
    }
    issuer.set(|state| state.manner = says("403 No", spent));
    let home = tempfile::tempdir().unwrap();
    let output =
        dwcp(&["--json", "init", &text(&home.path().join("n")), "--join", &issuer.token(), "--name", "b"]);
    let error: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(error["error"]["code"], "enroll.token.spent", "{error}");
}

#[test]
fn at_x9_answers_that_never_end_are_left() {
    let issuer = Issuer::start();
    issuer
        .set(|state| state.manner = Manner::Floods("HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n"));
    fails(&issuer, &issuer.token(), 7, "sends more than", true);
    issuer.set(|state| state.manner = Manner::Floods("HTTP/1.1 200 OK\r\nX-A: "));
    fails(&issuer, &issuer.token(), 6, "as HTTP/1.1 does", true);
}

#[test]
fn at_x9_silence_ends_with_the_deadline_and_nobody_there_at_once() {
    let stalling = TcpListener::bind("127.0.0.1:0").unwrap();
    let stalled: SocketAddr = stalling.local_addr().unwrap();
    let (issuer, quiet) = (Issuer::start(), Issuer::start());
    quiet.set(|state| state.manner = Manner::Silence);
    let root = issuer.root().fingerprint();
    let begin = Instant::now();
    std::thread::scope(|scope| {
        let one = scope.spawn(|| {
            let home = tempfile::tempdir().unwrap();
            let dir = home.path().join("node");
            let ended = joining(&dir, &issuer.token_of(&stalled.to_string(), SERVER, &root), &[]);
            (ended, dir.exists())
        });
        let other = scope.spawn(|| {
            let home = tempfile::tempdir().unwrap();
            let dir = home.path().join("node");
            (joining(&dir, &quiet.token(), &[]), dir.exists())
        });
        for ended in [one.join().unwrap(), other.join().unwrap()] {
            let ((code, said), left) = ended;
            assert!(code == 6 && !left, "{said}");
            assert_three_lines(&said);
        }
    });
    assert!(begin.elapsed() < Duration::from_secs(30), "{:?}", begin.elapsed());
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    fails(&issuer, &issuer.token_of(&gone.to_string(), SERVER, &root), 6, "nobody answers", false);
}

#[test]
fn a_node_whose_certificate_ended_joins_again_and_keeps_the_rest() {
    let issuer = Issuer::start();
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("node");
    assert_eq!(joining(&dir, &issuer.token(), &["--san", "DNS:b.example"]).0, 0);
    let config = dir.join("dwcp.yaml");
    let edited = std::fs::read_to_string(&config).unwrap().replace("127.0.0.1:8080", "127.0.0.1:8081");
    std::fs::write(&config, &edited).unwrap();
    let before = Certificate::from_pem(&std::fs::read(dir.join("identity.crt")).unwrap()).unwrap();
    let again = |token: &str, more: &[&str]| {
        let dir = text(&dir);
        let mut arguments = vec!["init", &dir, "--join", token, "--rejoin"];
        arguments.extend(more);
        let output = dwcp(&arguments);
        (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    assert_eq!(again(&issuer.token(), &["--name", "c"]).0, 2);
    let other = issuer.token_of(
        &issuer.address.to_string(),
        "spiffe://test.example/node/z",
        &issuer.root().fingerprint(),
    );
    assert_eq!(again(&other, &[]).0, 3);
    issuer.set(|state| state.manner = Manner::Expired);
    assert_eq!(again(&issuer.token(), &[]).0, 7);
    let now = Certificate::from_pem(&std::fs::read(dir.join("identity.crt")).unwrap()).unwrap();
    assert_eq!(now.serial(), before.serial(), "what was there stays when it fails");
    issuer.set(|state| state.manner = Manner::Good);
    let (code, said) = again(&issuer.token(), &[]);
    assert_eq!(code, 0, "{said}");
    let after = Certificate::from_pem(&std::fs::read(dir.join("identity.crt")).unwrap()).unwrap();
    assert!(after.serial() != before.serial() && after.names() == before.names());
    assert!(after.not_after() > dwcp_base::SystemClock::new().unix());
    assert_eq!(std::fs::read_to_string(&config).unwrap(), edited);
}

/// Connections that are passed on to `to` as `step` says of each, the first one being 0: after how long, or never.
fn between(to: SocketAddr, step: fn(usize) -> Option<Duration>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for (count, stream) in listener.incoming().enumerate() {
            let (Ok(mut near), Some(wait)) = (stream, step(count)) else { continue };
            std::thread::sleep(wait);
            let mut far = std::net::TcpStream::connect(to).unwrap();
            let (mut back_from, mut back_to) = (far.try_clone().unwrap(), near.try_clone().unwrap());
            std::thread::spawn(move || std::io::copy(&mut back_from, &mut back_to));
            std::thread::spawn(move || std::io::copy(&mut near, &mut far));
        }
    });
    address
}

#[test]
fn a_connection_that_breaks_is_no_impostor_and_all_of_it_has_one_deadline() {
    let issuer = Issuer::start();
    let root = issuer.root().fingerprint();
    let torn = between(issuer.address, |count| (count % 2 == 0).then_some(Duration::ZERO));
    fails(&issuer, &issuer.token_of(&torn.to_string(), SERVER, &root), 6, "nobody answers", false);
    issuer.set(|state| state.manner = Manner::Silence);
    let slow = between(issuer.address, |_| Some(Duration::from_secs(12)));
    let home = tempfile::tempdir().unwrap();
    let begin = Instant::now();
    let token = issuer.token_of(&slow.to_string(), SERVER, &root);
    let (code, said) = joining(&home.path().join("node"), &token, &[]);
    assert_eq!(code, 6, "{said}");
    assert!(begin.elapsed() < Duration::from_secs(25), "{:?}", begin.elapsed());
}
