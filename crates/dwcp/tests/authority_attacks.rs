//! What a hostile user of the authority tries: keys that are overwritten, forged files, patterns that say more than they seem.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![cfg(unix)]

mod support;

use std::fs;
use support::authority::{Place, json};
use support::{assert_three_lines, have, ok, refused};

#[test]
fn at_p8_a_key_is_replaced_by_its_next_pair_alone_and_an_authority_s_never() {
    let place = Place::new();
    place.root(&[]);
    let (root, web) = (place.at("root"), place.at("web"));
    let issue =
        |out: &str| refused(&["cert", "issue", "--ca", &root, "--san", "DNS:web.example.org", "--out", out]);
    let csr = |out: &str| refused(&["cert", "csr", "--san", "DNS:web.example.org", "--out", out]);
    let ca_key = fs::read(place.path("root/ca.key")).unwrap();
    for (code, text) in [issue(&place.at("root/ca")), csr(&place.at("root/ca"))] {
        assert!(code == 1 && text.contains("a key is there"), "{code} {text}");
    }
    assert_eq!(fs::read(place.path("root/ca.key")).unwrap(), ca_key);
    assert_eq!(csr(&web).0, 0);
    let key = fs::read(place.path("web.key")).unwrap();
    assert_eq!((csr(&web).0, issue(&web).0), (1, 1), "the request may be on its way");
    assert_eq!(fs::read(place.path("web.key")).unwrap(), key);
    // A pair gives way to the next pair, as a job that renews wants it.
    let pair = place.at("pair");
    assert_eq!((issue(&pair).0, issue(&pair).0), (0, 0));
    // What can not be written is not issued, and leaves what is there as it was.
    let before = (fs::read(place.path("pair.key")).unwrap(), fs::read(place.path("pair.crt")).unwrap());
    let count =
        || json(&ok(&["cert", "list", "--ca", &root, "--json"]))["certificates"].as_array().unwrap().len();
    let issued = count();
    fs::remove_file(place.path("pair.csr")).unwrap();
    fs::create_dir(place.path("pair.csr")).unwrap();
    assert_eq!((issue(&pair).0, issue(&place.at("no/where")).0, count()), (1, 1, issued));
    assert_eq!(
        (fs::read(place.path("pair.key")).unwrap(), fs::read(place.path("pair.crt")).unwrap()),
        before
    );
    // A link in the place of a key is not followed (AT-P10).
    place.secret("precious", "precious");
    std::os::unix::fs::symlink("precious", place.path("link.key")).unwrap();
    assert_eq!(csr(&place.at("link")).0, 1);
    assert_eq!(fs::read(place.path("precious")).unwrap(), b"precious");
    assert_eq!(refused(&["cert", "ocsp", "--ca", &root, "--cert", &place.at("pair.crt"), "--out", "-"]).0, 2);
}

#[test]
fn a_forged_file_revokes_nobody_and_other_certificates_of_a_lost_key_are_told() {
    let place = Place::new();
    let root = place.at("root");
    place.root(&[]);
    place.csr(&["DNS:a.example.org"]);
    let mut serials = Vec::new();
    for name in ["one", "two"] {
        let out = place.at(&format!("{name}.crt"));
        let told =
            json(&ok(&["cert", "sign", "--ca", &root, "--csr", &place.at("r.csr"), "--out", &out, "--json"]));
        serials.push(told["serial"].as_str().unwrap().to_owned());
    }
    if have("openssl") {
        place.holds(&[
            "req",
            "-x509",
            "-newkey",
            "ed25519",
            "-nodes",
            "-keyout",
            "/dev/null",
            "-subj",
            "/CN=attacker",
            "-set_serial",
            &format!("0x{}", serials[0]),
            "-days",
            "3",
            "-out",
            "forged.crt",
        ]);
        let (code, text) = refused(&["cert", "revoke", "--ca", &root, "--cert", &place.at("forged.crt")]);
        assert_eq!(code, 5, "{text}");
    }
    let told = json(&ok(&[
        "cert",
        "revoke",
        "--ca",
        &root,
        "--cert",
        &place.at("one.crt"),
        "--reason",
        "ca-compromise",
        "--json",
    ]));
    assert_eq!(told["same_key"], serde_json::json!([serials[1]]), "{told}");
    assert_eq!(place.sign(&[]).0, 4, "the key gets nothing any more");
}

#[test]
fn patterns_that_say_more_or_less_than_they_seem_are_refused() {
    let place = Place::new();
    place.root(&[]);
    place.csr(&["DNS:*.example.org"]);
    for allow in ["dns:*.example.org", "DNS:*.example.org", "Dns:*.org"] {
        assert_eq!(place.sign(&["--allow", allow]).0, 4, "{allow}: a wildcard is granted by no pattern");
    }
    for allow in [
        "DNS:*.*.example.org",
        "DNS:a*.example.org",
        "URI:https://x/*",
        "IP:10.0.0.*",
        "example.org",
        "DNS:*.",
    ] {
        assert_eq!(place.sign(&["--allow", allow]).0, 2, "{allow}");
    }
    let mapped = refused(&[
        "cert",
        "issue",
        "--ca",
        &place.at("root"),
        "--san",
        "IP:::ffff:10.1.2.3",
        "--out",
        &place.at("m"),
    ]);
    assert_eq!(mapped.0, 2, "{}", mapped.1);
    if have("openssl") {
        // Names of kinds that are never granted are refused, not left out.
        place.holds(&[
            "req",
            "-new",
            "-nodes",
            "-newkey",
            "ed25519",
            "-subj",
            "/CN=x",
            "-keyout",
            "k",
            "-out",
            "r.csr",
            "-addext",
            "subjectAltName=DNS:a.example.org,RID:1.2.3.4",
        ]);
        let (code, text) = place.sign(&[]);
        assert!(code == 4 && text.contains("kind"), "{code} {text}");
    }
}

#[test]
fn what_is_public_never_takes_the_place_of_a_key_or_of_an_authority() {
    let place = Place::new();
    let at = |name: &str| place.at(name);
    let [one, two] = ["one", "two"].map(at);
    for dir in [&one, &two] {
        ok(&["cert", "ca", "init", "--dir", dir, "--name", "Test Root"]);
    }
    ok(&["cert", "issue", "--ca", &one, "--san", "DNS:a.example", "--out", &at("a")]);
    ok(&["cert", "csr", "--san", "DNS:b.example", "--out", &at("b")]);
    let kept = |path: &str| fs::read(path).unwrap();
    for out in [format!("{one}/ca.key"), format!("{one}/ca.crt"), format!("{two}/ca.crt"), at("a.key")] {
        let before = kept(&out);
        for verb in [
            &["cert", "ca", "cross-sign", "--ca", &one, "--cert", &format!("{two}/ca.crt")][..],
            &["cert", "crl", "--ca", &one],
            &["cert", "sign", "--ca", &one, "--csr", &at("b.csr")],
        ] {
            let (code, said) = refused(&[verb, &["--out", &out]].concat());
            assert_eq!(code, 1, "{said}");
            assert_three_lines(&said);
            assert_eq!(kept(&out), before, "{verb:?} {out}");
        }
    }
    // A list is there to be replaced.
    for _ in 0..2 {
        ok(&["cert", "crl", "--ca", &one, "--out", &at("list.crl")]);
    }
}
