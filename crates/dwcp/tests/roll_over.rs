//! A root that another one takes over from, by the commands of the manual.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![cfg(unix)]

mod support;

use std::fs;
use std::process::Command;
use support::{Line, Place, assert_three_lines, echo, have, ok, refused, text};

#[test]
fn who_trusts_the_old_root_alone_takes_what_the_new_one_issued_with_the_cross_certificate() {
    let place = Place::new();
    echo(place.target);
    let at = |name: &str| text(&place.path(name));
    let (old, new) = (at("root1"), at("root2"));
    for (dir, name) in [(&old, "Test Root 1"), (&new, "Test Root 2")] {
        ok(&["cert", "ca", "init", "--dir", dir, "--name", name]);
    }
    // The node of an authority with room below it, and with an identity from there.
    place.edit("ca_dir: ca", &format!("ca_dir: '{old}'"));
    for file in ["identity.crt", "identity.key"] {
        fs::remove_file(place.node(file)).unwrap();
    }
    let (root, crossed, list) = (format!("{new}/ca.crt"), at("crossed.crt"), at("two.crl"));
    let said = ok(&["cert", "ca", "cross-sign", "--ca", &old, "--cert", &root, "--out", &crossed]);
    assert!(said.starts_with("CN=Test Root 2 under CN=Test Root 1 until "), "{said}");
    let names = ["--san", "URI:spiffe://test.example/node/b", "--san", "DNS:b.test.example"];
    ok(&[&["cert", "issue", "--ca", &new, "--out", &at("b")][..], &names].concat());
    ok(&["cert", "crl", "--ca", &new, "--out", &list]);
    fs::copy(at("b.crt"), at("bare.crt")).unwrap();
    fs::copy(at("b.key"), at("bare.key")).unwrap();
    let both = fs::read_to_string(at("b.crt")).unwrap() + &fs::read_to_string(&crossed).unwrap();
    fs::write(at("b.crt"), both).unwrap();

    // Another program follows both paths.
    if have("openssl") {
        for (anchor, between) in [(format!("{old}/ca.crt"), &crossed), (root.clone(), &crossed)] {
            let verify =
                ["verify", "-x509_strict", "-CAfile", &anchor, "-untrusted", between, &at("bare.crt")];
            let output = Command::new("openssl").args(verify).output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
    }

    // A node that has the old root alone; whoever the new one revoked it learns from that one's list.
    place.edit("    pq: prefer", &format!("    crl_file: '{list}'\n    pq: prefer"));
    let _node = place.up();
    let dial = |who: &str| Line::dial_over(place.listen, &format!("{old}/ca.crt"), Some(&at(who)));
    let mut line = dial("b").unwrap();
    line.echo(b"over the bridge").unwrap();
    let without = dial("bare");
    assert!(without.map_or(true, |mut line| line.echo(b"no bridge").is_err()), "the new root is no anchor");
}

#[test]
fn what_is_no_root_is_not_cross_signed_and_nothing_is_written() {
    let place = Place::new();
    let (old, out) = (place.node("ca"), text(&place.path("out.crt")));
    let leaf = place.issue("b") + ".crt";
    let sign = |cert: &str| {
        let (code, said) =
            refused(&["cert", "ca", "cross-sign", "--ca", &old, "--cert", cert, "--out", &out]);
        assert_three_lines(&said);
        assert!(!place.path("out.crt").exists(), "{cert}");
        (code, said)
    };
    let before = ok(&["cert", "list", "--ca", &old, "--json"]);
    assert_eq!(sign(&leaf).0, 2);
    assert_eq!(sign(&place.node("ca/ca.crt")).0, 4, "itself");
    assert_eq!(sign(&place.config()).0, 7);
    assert_eq!(sign("/nonexistent/ca.crt").0, 1);
    let two = text(&place.path("two.pem"));
    fs::write(&two, fs::read_to_string(&leaf).unwrap().repeat(2)).unwrap();
    let (code, said) = sign(&two);
    assert!(code == 2 && said.contains("2 certificates"), "{said}");
    assert_eq!(ok(&["cert", "list", "--ca", &old, "--json"]), before);
}
