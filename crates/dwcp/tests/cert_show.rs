//! `dwcp cert show`: what it prints of certificates, requests and lists, and what it never prints.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use dwcp_base::{Clock, LocalDisk, SystemClock};
use dwcp_crypto::{KeyType, SigningKey};
use dwcp_pki::{AuthorityParams, CertificateAuthority, CertificateRequest, IssuancePolicy, RevocationReason};
use serde_json::Value;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use support::{assert_three_lines, command, dwcp, ok, refused};

struct Files(tempfile::TempDir);

impl Files {
    /// An authority, and a certificate with its key and request.
    fn new() -> Self {
        let files = Self(tempfile::tempdir().unwrap());
        let (ca, leaf) = (files.path("ca"), files.path("leaf"));
        ok(&["cert", "ca", "init", "--dir", &ca, "--name", "Show CA"]);
        ok(&[
            "cert",
            "issue",
            "--ca",
            &ca,
            "--san",
            "DNS:a.example.org",
            "--san",
            "IP:192.0.2.7",
            "--out",
            &leaf,
        ]);
        files
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        fs::write(self.path(name), bytes).unwrap();
        self.path(name)
    }
}

fn json(file: &str) -> Value {
    serde_json::from_str(&ok(&["--json", "cert", "show", file])).unwrap()
}

/// Every number, time and name that people are shown is in the JSON as well.
fn agree(file: &str) {
    let (text, json) = (ok(&["cert", "show", file]), ok(&["--json", "cert", "show", file]));
    let telling = |word: &&str| word.len() > 7 && word.contains(|char: char| char.is_ascii_digit());
    let words: Vec<&str> =
        text.split_whitespace().map(|word| word.trim_matches(',')).filter(telling).collect();
    assert!(words.len() >= 3, "{text}");
    for word in words {
        let word = word.strip_prefix("pin:").unwrap_or(word);
        assert!(json.contains(word), "{word} is not in {json}");
    }
}

#[test]
fn a_chain_is_shown_without_the_key_beside_it() {
    let files = Files::new();
    let key = files.read("leaf.key");
    let all = files.write("all.pem", [files.read("leaf.crt"), key.clone(), files.read("ca/ca.crt")].concat());
    let text = ok(&["cert", "show", &all]);
    for part in [
        "1 of 2: certificate",
        "DNS:a.example.org",
        "IP:192.0.2.7",
        "CN=Show CA",
        "(expires in 24 hours)",
        "serverAuth, clientAuth",
        "P-256, 256 bits",
        "2 of 2: certificate of an authority",
        "signed with its own key",
        "private keys that are not shown: 1",
        "nothing was verified",
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    let secret = key.lines().nth(1).unwrap();
    let printed = ok(&["--json", "cert", "show", &all]);
    assert!(!text.contains(secret) && !printed.contains(secret));
    let shown: Value = serde_json::from_str(&printed).unwrap();
    let issued: Value = serde_json::from_str(&ok(&[
        "--json",
        "cert",
        "issue",
        "--ca",
        &files.path("ca"),
        "--san",
        "DNS:b.example",
        "--out",
        &files.path("b"),
    ]))
    .unwrap();
    let again = json(&files.path("b.crt"));
    // The fields that `cert issue` prints are the same here.
    for (field, value) in issued.as_object().unwrap() {
        assert_eq!(again.get(field), Some(value), "{field}");
    }
    assert_eq!(
        (&shown["kind"], &shown["verified"], &shown["private_keys"]),
        (&"certificate".into(), &false.into(), &1.into())
    );
    assert_eq!(shown["further"][0]["self_signed"], "good");
    agree(&all);
    agree(&files.path("leaf.csr"));
    assert_eq!(json(&files.path("leaf.csr"))["possession"], "good");
}

#[test]
fn standard_input_is_read_and_output_may_end_early() {
    let files = Files::new();
    let mut child = command()
        .args(["--json", "cert", "show", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(files.read("leaf.crt").as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let mut shown: Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut again = json(&files.path("leaf.crt"));
    // A second may have begun between the two.
    for document in [&mut shown, &mut again] {
        assert!(document["validity"]["seconds_left"].take().is_i64());
    }
    assert_eq!(shown, again, "the same from a file");

    let mut child = command()
        .args(["--json", "cert", "show", &files.path("leaf.crt")])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    assert!(child.wait().unwrap().success());
}

#[test]
fn at_a1_a_hostile_certificate_moves_no_terminal() {
    let files = Files::new();
    // Also where a name of the same length stands: in the subject, in the names.
    let der = der_of(&files.read("leaf.crt"));
    let hostile = "\u{1b}[2J\u{202e}\u{200b}\r\n\u{7}".as_bytes();
    assert_eq!(hostile.len(), "a.example.org".len());
    let mut bad = der.clone();
    let mut count = 0;
    while let Some(at) = bad.windows(13).position(|window| window == b"a.example.org") {
        bad[at..at + 13].copy_from_slice(hostile);
        count += 1;
    }
    assert_eq!(count, 2);
    let file = files.write("bad.der", &bad);
    for output in [dwcp(&["cert", "show", &file]), dwcp(&["--json", "cert", "show", &file])] {
        assert!(output.status.success());
        let text = String::from_utf8(output.stdout).unwrap();
        let moves = |char: char| char.is_control() && char != '\n' || "\u{202e}\u{200b}".contains(char);
        assert!(!text.contains(moves), "{text:?}");
        assert!(text.contains("u{1b}[2J") && text.contains("1B[2J"), "{text}");
    }
    // And in a label that is left out, and in an error.
    let label = "-----BEGIN X\u{1b}[2J-----\n-----END X\u{1b}[2J-----\n";
    let (code, said) = refused(&["cert", "show", &files.write("label.pem", label)]);
    assert!(code == 1 && said.contains("X\\u{1b}[2J") && !said.contains('\u{1b}'), "{said}");
}

#[test]
fn a_long_list_is_cut_for_people_and_whole_for_scripts() {
    let directory = tempfile::tempdir().unwrap();
    let now = SystemClock::new().unix();
    let params = AuthorityParams::new("Show CA");
    let ca = CertificateAuthority::create(Arc::new(LocalDisk), directory.path(), &params, now).unwrap();
    for number in 0..23 {
        let name = format!("DNS:n{number}.example").parse().unwrap();
        let request =
            CertificateRequest::generate(&SigningKey::generate(KeyType::EcdsaP256).unwrap(), &[name])
                .unwrap();
        let chain = ca.issue(&request, &IssuancePolicy::default(), now).unwrap();
        let _ = ca.revoke(&chain.leaf().serial(), RevocationReason::KeyCompromise, now).unwrap();
    }
    let file = directory.path().join("ca.crl");
    fs::write(&file, ca.crl(now).unwrap().to_pem()).unwrap();
    let file = file.to_str().unwrap();
    let text = ok(&["cert", "show", file]);
    assert!(text.contains("and 3 more; --json lists them all") && text.contains("keyCompromise"), "{text}");
    let shown = json(file);
    let entries = shown["entries"].as_array().unwrap();
    assert_eq!((entries.len(), &shown["revoked"], &shown["delta"]), (23, &23.into(), &false.into()));
    assert!(
        entries
            .iter()
            .all(|entry| entry["reason"] == "keyCompromise" && entry["revoked_at"] == now_text(&shown))
    );
    agree(file);
}

fn now_text(shown: &Value) -> Value {
    shown["this_update"].clone()
}

#[test]
fn what_can_not_be_shown_says_why_and_the_rest_is_shown() {
    let files = Files::new();
    let (good, key) = (files.read("leaf.crt"), files.read("leaf.key"));
    let broken = "-----BEGIN CERTIFICATE-----\nMAMCAQU=\n-----END CERTIFICATE-----\n";
    for (name, content, code) in [
        ("none", "hello".to_owned(), "pki.document.missing"),
        ("empty", String::new(), "pki.document.missing"),
        ("key", key, "pki.document.secret"),
        ("broken", broken.to_owned(), "pki.document.malformed"),
        ("other", "-----BEGIN PKCS7-----\nAAAA\n-----END PKCS7-----\n".to_owned(), "pki.document.missing"),
    ] {
        let file = files.write(name, content);
        let (exit, said) = refused(&["cert", "show", &file]);
        assert_three_lines(&said);
        assert_eq!(exit, 1, "{said}");
        let output = dwcp(&["--json", "cert", "show", &file]);
        let error: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!((output.status.code(), &error["error"]["code"]), (Some(1), &code.into()));
    }
    assert_eq!(refused(&["cert", "show", &files.path("missing")]).0, 1);
    let both = files.write("both", [good.as_str(), broken, &good].concat());
    let output = dwcp(&["--json", "cert", "show", &both]);
    let shown: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), &shown["further"][0]["kind"]), (Some(1), &"unreadable".into()));
    assert_eq!(shown["further"][1]["serial"], shown["serial"]);
    let output = dwcp(&["cert", "show", &both]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("2 of 3: unreadable") && text.contains("signed part is malformed"), "{text}");
}

fn der_of(pem: &str) -> Vec<u8> {
    dwcp_pki::Certificate::bundle_from_pem(pem.as_bytes()).unwrap()[0].der().to_vec()
}

#[test]
fn the_certificates_of_this_machine_are_all_shown() {
    let bundle = Path::new("/etc/ssl/certs/ca-certificates.crt");
    if !bundle.is_file() {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "ca-certificates is not installed");
        println!(
            "skipped: 1 (the_certificates_of_this_machine_are_all_shown: ca-certificates is not installed)"
        );
        return;
    }
    let file = bundle.to_str().unwrap();
    let shown = json(file);
    let count = fs::read_to_string(bundle).unwrap().matches("-----BEGIN CERTIFICATE-----").count();
    let further = shown["further"].as_array().unwrap();
    assert_eq!(further.len() + 1, count);
    for one in further {
        let malformed = one["extensions"]
            .as_array()
            .unwrap()
            .iter()
            .find(|extension| extension.get("malformed").is_some());
        assert_eq!((&one["kind"], malformed), (&"certificate".into(), None), "{one}");
    }
}

#[test]
fn a_server_is_asked_for_its_chain_and_not_believed() {
    let place = support::Place::new();
    let _running = place.up();
    let url = format!("https://{}", place.admin);
    let text = ok(&["cert", "show", &url]);
    assert!(text.contains("nothing was verified") && text.contains("spiffe://test.example/"), "{text}");
    let shown = json(&url);
    assert_eq!(shown["serial"], json(&place.node("identity.crt"))["serial"]);
    // Nobody listens, nothing of TLS listens, and what is no server.
    let closed = format!("https://127.0.0.1:{}", support::free_port());
    assert_eq!(refused(&["cert", "show", &closed]).0, 6);
    assert_eq!(refused(&["cert", "show", "https://a/b"]).0, 2);
}
