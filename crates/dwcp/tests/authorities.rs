//! Authorities, requests, policies, lists and answers from the command line; OpenSSL says whether they hold.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![cfg(unix)]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use support::authority::{Place, json};
use support::{have, ok, refused};

#[test]
fn a_sealed_root_and_an_intermediate_issue_what_openssl_follows() {
    let place = Place::new();
    let pass = place.at("pass");
    place.root(&["--passphrase-file", &pass, "--permit", "DNS:example.org", "--permit", "IP:10.0.0.0/8"]);
    let key = fs::read_to_string(place.path("root/ca.key")).unwrap();
    assert!(!key.contains("PRIVATE KEY"), "{key}");
    assert_eq!(fs::metadata(place.path("root/ca.key")).unwrap().permissions().mode() & 0o777, 0o600);
    let intermediate = |dir: &str, more: &[&str]| {
        let (root, dir) = (place.at("root"), place.at(dir));
        refused(
            &[&["cert", "ca", "intermediate", "--ca", &root, "--dir", &dir, "--name", "West"], more].concat(),
        )
    };
    let (code, text) = intermediate("west", &["--key-file", "/nonexistent"]);
    assert_ne!(code, 0, "{text}");
    assert_eq!(intermediate("west", &["--passphrase-file", &pass, "--key-type", "p384"]).0, 0);
    let (code, text) = intermediate("deep", &["--passphrase-file", &pass, "--path-length", "1"]);
    assert!(code == 2 && text.contains("path length"), "{code} {text}");
    let issue = |san: &str| {
        refused(&["cert", "issue", "--ca", &place.at("west"), "--san", san, "--out", &place.at("leaf")])
    };
    assert_eq!(issue("DNS:web.example.org").0, 0);
    for beyond in ["DNS:example.com", "IP:192.0.2.1"] {
        let (code, text) = issue(beyond);
        assert!(code == 4 && text.contains("bound to other names"), "{code} {text}");
    }
    if have("openssl") {
        place.holds(&[
            "verify",
            "-x509_strict",
            "-purpose",
            "sslserver",
            "-verify_hostname",
            "web.example.org",
            "-CAfile",
            "root/ca.crt",
            "-untrusted",
            "leaf.crt",
            "leaf.crt",
        ]);
    }
    // It is in the index of the root, which needs no key to be read, and can be revoked there.
    let listed = json(&ok(&["cert", "list", "--ca", &place.at("root"), "--json"]));
    assert_eq!(listed["certificates"].as_array().unwrap().len(), 1);
    ok(&[
        "cert",
        "revoke",
        "--ca",
        &place.at("root"),
        "--cert",
        &place.at("west/ca.crt"),
        "--passphrase-file",
        &pass,
    ]);
    let listed = json(&ok(&["cert", "list", "--ca", &place.at("root"), "--json"]));
    assert_eq!(listed["certificates"][0]["standing"], "revoked");
    let none = ok(&["cert", "list", "--ca", &place.at("root"), "--valid"]);
    assert_eq!(none.trim(), "none");
}

#[test]
fn a_sealed_key_is_used_with_its_passphrase_alone() {
    let place = Place::new();
    let (root, pass) = (place.at("root"), place.at("pass"));
    place.root(&[]);
    place.secret("wrong", "eleven copper kettles in the attic\n");
    let crl =
        |more: &[&str]| refused(&[&["cert", "crl", "--ca", &root, "--out", &place.at("crl")], more].concat());
    assert_eq!(crl(&[]).0, 0);
    let (code, text) = crl(&["--passphrase-file", &pass]);
    assert!(code == 3 && text.contains("not sealed"), "{code} {text}");
    ok(&["cert", "ca", "seal", "--dir", &root, "--passphrase-file", &pass]);
    assert_eq!(refused(&["cert", "ca", "seal", "--dir", &root, "--passphrase-file", &pass]).0, 1);
    assert_eq!(crl(&["--passphrase-file", &pass]).0, 0);
    assert_eq!(crl(&["--passphrase-file", &place.at("wrong")]).0, 7);
    assert_eq!(crl(&[]).0, 2, "there is no terminal to ask on");
    // A key file, and a passphrase that is made up.
    let (key_file, made_up) = (place.at("kek"), place.at("made-up"));
    ok(&["cert", "ca", "init", "--dir", &place.at("two"), "--name", "Two", "--key-file", &key_file]);
    ok(&["cert", "crl", "--ca", &place.at("two"), "--out", &place.at("crl"), "--key-file", &key_file]);
    let three = place.at("three");
    ok(&[
        "cert",
        "ca",
        "init",
        "--dir",
        &three,
        "--name",
        "Three",
        "--generate",
        "--passphrase-file",
        &made_up,
    ]);
    ok(&["cert", "crl", "--ca", &three, "--out", &place.at("crl"), "--passphrase-file", &made_up]);
    let shown = json(&ok(&[
        "cert",
        "ca",
        "init",
        "--dir",
        &place.at("four"),
        "--name",
        "Four",
        "--generate",
        "--json",
    ]));
    place.secret("shown", shown["passphrase"].as_str().unwrap());
    let four = place.at("four");
    ok(&["cert", "crl", "--ca", &four, "--out", &place.at("crl"), "--passphrase-file", &place.at("shown")]);
}

#[test]
fn at_x15_a_request_gets_what_the_policy_allows_and_is_told_what_it_does_not() {
    let place = Place::new();
    place.root(&[]);
    place.csr(&["DNS:web.example.org", "IP:10.1.2.3"]);
    assert_eq!(place.sign(&[]).0, 0, "by default any name that is not a mail address");
    for (allow, code) in [
        (&["--allow", "DNS:*.example.org", "--allow", "IP:10.0.0.0/8"][..], 0),
        (&["--allow", "DNS:*.example.org"], 4),
        (&["--allow", "DNS:web.example.org", "--allow", "IP:10.1.2.3"], 0),
        (&["--allow", "DNS:*.example.com", "--allow", "IP:10.0.0.0/8"], 4),
        (&["--allow", "example.org"], 2),
    ] {
        assert_eq!(place.sign(allow).0, code, "{allow:?}");
    }
    fs::write(
        place.path("root/policies.yaml"),
        "web:\n  names: [\"DNS:*.example.org\", \"IP:10.0.0.0/8\"]\n  usage: server\n  ttl: 48h\nnodes:\n  names: [\"URI:spiffe://example.org/*\"]\n",
    )
    .unwrap();
    assert_eq!(place.sign(&["--policy", "web"]).0, 0);
    if have("openssl") {
        let shown = place.holds(&["x509", "-noout", "-ext", "extendedKeyUsage", "-in", "signed.crt"]);
        assert!(shown.contains("Server") && !shown.contains("Client"), "{shown}");
    }
    assert_eq!(place.sign(&["--policy", "web", "--ttl", "48h"]).0, 0);
    let (code, text) = place.sign(&["--policy", "web", "--ttl", "49h"]);
    assert!(code == 4 && text.contains("48h"), "{code} {text}");
    let (code, text) = place.sign(&["--policy", "web", "--usage", "client"]);
    assert!(code == 4 && text.contains("--usage server"), "{code} {text}");
    assert_eq!(place.sign(&["--policy", "nodes"]).0, 4);
    let (code, text) = place.sign(&["--policy", "database"]);
    assert!(code == 5 && text.contains("nodes, web"), "{code} {text}");
    fs::write(place.path("root/policies.yaml"), "web: {names: [\"DNS:a\"], ttls: 1h}\n").unwrap();
    assert_eq!(place.sign(&["--policy", "web"]).0, 3);
    // Without proof of possession nothing is signed.
    let good = fs::read_to_string(place.path("r.csr")).unwrap();
    place.csr(&["DNS:other.example.org"]);
    let other = fs::read_to_string(place.path("r.csr")).unwrap();
    let (front, back) = (&good[..good.len() / 2], &other[other.len() / 2..]);
    fs::write(place.path("r.csr"), format!("{front}{back}")).unwrap();
    assert_eq!(place.sign(&[]).0, 7);
    if have("openssl") {
        // What a request of OpenSSL asks for beyond the policy is refused by name.
        let ask = |extension: &str| {
            place.holds(&[
                "req",
                "-new",
                "-nodes",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:prime256v1",
                "-subj",
                "/CN=x",
                "-keyout",
                "k",
                "-out",
                "r.csr",
                "-addext",
                "subjectAltName=DNS:a.example.org",
                "-addext",
                extension,
            ]);
            place.sign(&[])
        };
        assert_eq!(ask("keyUsage=digitalSignature").0, 0);
        for extension in
            ["basicConstraints=critical,CA:TRUE", "extendedKeyUsage=codeSigning", "nsComment=hello"]
        {
            let (code, text) = ask(extension);
            assert_eq!(code, 4, "{extension}: {text}");
        }
    }
}

#[test]
fn lists_deltas_and_answers_say_what_was_revoked() {
    let place = Place::new();
    let root = place.at("root");
    place.root(&[
        "--crl-url",
        "http://ca.example.org/r.crl",
        "--delta-url",
        "http://ca.example.org/d.crl",
        "--ocsp-url",
        "http://ca.example.org/ocsp",
    ]);
    for name in ["a", "b"] {
        ok(&[
            "cert",
            "issue",
            "--ca",
            &root,
            "--san",
            &format!("DNS:{name}.example.org"),
            "--out",
            &place.at(name),
        ]);
    }
    let (code, text) = refused(&["cert", "crl", "--ca", &root, "--out", &place.at("delta.crl"), "--delta"]);
    assert!(code == 5 && text.contains("complete"), "{code} {text}");
    ok(&["cert", "crl", "--ca", &root, "--out", &place.at("base.crl")]);
    ok(&["cert", "revoke", "--ca", &root, "--cert", &place.at("a.crt"), "--reason", "key-compromise"]);
    let delta =
        json(&ok(&["cert", "crl", "--ca", &root, "--out", &place.at("delta.crl"), "--delta", "--json"]));
    assert_eq!(delta["entries"], 1, "{delta}");
    for (name, status) in [("a", "revoked"), ("b", "good")] {
        let (cert, out) = (place.at(&format!("{name}.crt")), place.at(&format!("{name}.ocsp")));
        let answer = json(&ok(&["cert", "ocsp", "--ca", &root, "--cert", &cert, "--out", &out, "--json"]));
        assert_eq!(answer["status"], status, "{answer}");
    }
    ok(&["cert", "selfsigned", "--san", "DNS:x.example.org", "--out", &place.at("own")]);
    let (code, text) = refused(&[
        "cert",
        "ocsp",
        "--ca",
        &root,
        "--cert",
        &place.at("own.crt"),
        "--out",
        &place.at("own.ocsp"),
    ]);
    assert_eq!(code, 5, "{text}");
    if have("openssl") {
        let check = |leaf: &str| {
            let output = place.openssl(&[
                "verify",
                "-crl_check",
                "-use_deltas",
                "-CAfile",
                "root/ca.crt",
                "-CRLfile",
                "base.crl",
                "-CRLfile",
                "delta.crl",
                leaf,
            ]);
            (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
        };
        assert!(check("b.crt").0, "{}", check("b.crt").1);
        assert!(check("a.crt").1.contains("certificate revoked"), "{}", check("a.crt").1);
        for (name, status) in [("a", "revoked"), ("b", "good")] {
            let said = place.holds(&[
                "ocsp",
                "-issuer",
                "root/ca.crt",
                "-cert",
                &format!("{name}.crt"),
                "-CAfile",
                "root/ca.crt",
                "-no_nonce",
                "-respin",
                &format!("{name}.ocsp"),
            ]);
            assert!(said.contains(&format!("{name}.crt: {status}")) && said.contains("verify OK"), "{said}");
        }
    }
}

#[test]
fn what_a_new_authority_is_told_wrongly_makes_nothing() {
    let place = Place::new();
    for more in [
        &["--permit", "example.org"][..],
        &["--exclude", "IP:10.0.0.1/8"],
        &["--crl-url", "https://ca.example.org/r.crl"],
        &["--ocsp-url", "file:///etc/passwd"],
        &["--key-type", "rsa"],
    ] {
        let root = place.at("root");
        let (code, text) =
            refused(&[&["cert", "ca", "init", "--dir", &root, "--name", "Root"], more].concat());
        assert_eq!(code, 2, "{more:?}: {text}");
        assert!(!place.path("root").exists(), "{more:?}");
    }
}
