//! `dwcp cert validate`: every rule that can refuse a chain, each with the certificate that breaks it and what helps.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use dwcp_base::UnixTime;
use dwcp_pki::{Certificate, CertificateChain, ChainFault};
use std::collections::BTreeSet;
use std::time::Duration;
use support::foreign::{Foreign, IDS, LEAF, ROOT};
use support::have;
use support::judged::Files;

const DAY: Duration = Duration::from_secs(86_400);

fn leaf(files: &Files) -> Certificate {
    CertificateChain::from_pem(&files.read("leaf.crt")).unwrap().leaf().clone()
}

/// So much later than the leaf was issued.
fn later(files: &Files, by: Duration) -> UnixTime {
    leaf(files).not_before().plus(by)
}

#[test]
fn a_revoked_certificate_leads_whatever_else_is_wrong() {
    let files = Files::mesh();
    files.ok("cert revoke --ca west --cert leaf.crt --reason key-compromise");
    files.lists();
    files.write("broken.crl", "-----BEGIN X509 CRL-----\nMAMCAQU=\n-----END X509 CRL-----\n");
    files.ok("cert ca init --dir other --name Other");
    let expired = later(&files, DAY * 30);
    for line in [
        "--crl west.crl",
        "--crl root.crl --crl west.crl --crl-all --purpose client",
        "--crl west.crl --crl-all",
        "--crl west.crl --name wrong.example",
        "--crl west.crl --max-depth 0",
        "--crl broken.crl --crl west.crl",
        &format!("--crl west.crl --at {expired}"),
        "--crl west.crl --profile interop",
    ] {
        let (first, json) =
            files.refused(&format!("leaf.crt --roots root/ca.crt {line}"), "pki.chain.revoked");
        assert!(first.contains("is revoked (the leaf CN=a.example.org"), "{first}");
        assert_eq!((&json["revocation"], &json["error"]["rule"]), (&"checked".into(), &"revoked".into()));
        assert_eq!(json["error"]["certificate"]["serial"], leaf(&files).serial().to_string());
    }
    // The list of another issuer says nothing of it, and without a list nobody asks.
    files.valid("leaf.crt --roots root/ca.crt --crl root.crl");
    files.valid("leaf.crt --roots root/ca.crt");
    // An authority that was taken back takes all below it along.
    files.ok("cert revoke --ca root --cert west/ca.crt");
    files.lists();
    let (first, json) = files.refused("leaf.crt --roots root/ca.crt --crl root.crl", "pki.chain.revoked");
    assert!(first.contains("is revoked (intermediate 1 CN=West"), "{first}");
    assert_eq!(json["error"]["certificate"]["place"], "intermediate 1");
}

#[test]
fn a_list_that_can_not_be_read_denies_in_every_mode() {
    let files = Files::mesh();
    let pem = |body: &str| format!("-----BEGIN X509 CRL-----\n{body}\n-----END X509 CRL-----\n");
    files.write("sequence.crl", pem("MAMCAQU="));
    files.write("noise.crl", pem("AAAAAAAA"));
    files.write("nothing.crl", [0x30, 0]);
    let mut der = dwcp_pki::Crl::from_pem(&files.read("west.crl")).unwrap().der().to_vec();
    der.push(0);
    files.write("longer.crl", &der);
    for (list, why) in [
        ("sequence.crl", "the CRL is "),
        ("noise.crl", "the CRL is "),
        ("nothing.crl", "the CRL is "),
        ("longer.crl", "the CRL is "),
    ] {
        for mode in ["", "--crl west.crl", "--crl-all --crl root.crl --crl west.crl"] {
            let line = format!("leaf.crt --roots root/ca.crt --crl {list} {mode}");
            let (first, json) = files.refused(&line, "pki.trust.crl_malformed");
            assert!(first.contains(list) && first.contains(why), "{first}");
            assert_eq!((&json["revocation"], &json["error"]["certificate"]), (&().into(), &().into()));
        }
    }
}

#[test]
fn a_delta_counts_on_top_of_the_list_that_it_changes() {
    let files = Files::mesh();
    files.issue("second", "DNS:b.example.org");
    let line = |lists: &str| format!("leaf.crt --roots root/ca.crt {lists}");
    files.ok("cert crl --ca west --out before.crl --delta");
    let (_, json) = files.valid(&line("--crl root.crl --crl west.crl --crl before.crl --crl-all"));
    assert_eq!(json["revocation"], "checked");
    files.ok("cert revoke --ca west --cert leaf.crt");
    files.ok("cert crl --ca west --out delta.crl --delta");
    files.write("both.crl", [files.read("west.crl"), files.read("delta.crl")].concat());
    files.valid(&line("--crl west.crl"));
    for lists in ["--crl west.crl --crl delta.crl", "--crl both.crl", "--crl delta.crl"] {
        let (first, _) = files.refused(&line(lists), "pki.chain.revoked");
        assert!(first.contains("is revoked (the leaf"), "{first}");
    }
    // What it says alone is not all that there is to say.
    let (_, json) = files.valid("second.crt --roots root/ca.crt --crl delta.crl");
    assert_eq!(json["path"][0]["revocation"], "not covered");
    files.refused("second.crt --roots root/ca.crt --crl delta.crl --crl-all", "pki.chain.crl_missing");
}

#[test]
fn lists_that_are_asked_for_and_not_there_are_missed() {
    let files = Files::mesh();
    for (line, issuer, place) in [
        ("--crl root.crl --crl-all", "CN=West", "leaf"),
        ("--crl west.crl --crl-all", "CN=Root", "intermediate 1"),
        ("--crl-all", "CN=West", "leaf"),
    ] {
        let (first, json) =
            files.refused(&format!("leaf.crt --roots root/ca.crt {line}"), "pki.chain.crl_missing");
        assert!(first.contains(issuer), "{first}");
        assert!(json["error"]["fix"].as_str().unwrap().contains(issuer), "{json}");
        assert_eq!(json["error"]["certificate"]["place"], place);
        assert_eq!(json["revocation"], "not covered");
    }
}

#[test]
fn a_refusal_shows_what_was_presented_and_asked() {
    let files = Files::mesh();
    let broken = "-----BEGIN CERTIFICATE-----\nMAMCAQU=\n-----END CERTIFICATE-----\n";
    files.write("mixed.pem", [&files.read("leaf.crt"), broken.as_bytes()].concat());
    files.valid("mixed.pem --roots root/ca.crt");
    let line = "mixed.pem --roots root/ca.crt --roots west/ca.crt --at 2001-01-01T00:00:00Z --purpose client";
    let (_, json) = files.refused(line, "pki.chain.not_yet_valid");
    let presented = json["presented"].as_array().unwrap();
    assert_eq!(presented.len(), 3);
    assert_eq!(
        (&presented[0]["subject"], &presented[1]["subject"]),
        (&"CN=a.example.org".into(), &"CN=West".into())
    );
    assert_eq!(presented[0]["serial"], leaf(&files).serial().to_string());
    assert!(presented[2]["unreadable"].as_str().unwrap().contains("DER"), "{json}");
    assert_eq!(
        (&json["purpose"], &json["at"], &json["path"]),
        (&"client".into(), &"2001-01-01T00:00:00Z".into(), &Vec::<u8>::new().into())
    );
    assert_eq!(json["names"][0], "DNS:a.example.org");
    let output = files.run(&format!("cert validate {line}"));
    let text = String::from_utf8(output.stdout).unwrap();
    for part in [
        "  presented       1  CN=a.example.org  serial ",
        "2  CN=West",
        "3  unreadable: ",
        "  roots           CN=Root\n",
        "CN=West\n",
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    assert!(text.ends_with("revocation: not checked\n"), "{text}");
    // The same fields whether it is accepted or not.
    let (_, accepted) = files.valid("leaf.crt --roots root/ca.crt");
    for field in accepted.as_object().unwrap().keys() {
        assert!(json.get(field).is_some(), "{field}");
    }
}

#[test]
fn roots_that_can_not_be_used_are_left_out_and_named() {
    let files = Files::mesh();
    files.ok("cert selfsigned --san DNS:own.example.org --out own");
    files.write("some.pem", [files.read("own.crt"), files.read("root/ca.crt")].concat());
    let (text, json) = files.valid("leaf.crt --roots some.pem");
    assert!(
        text.contains("  left out        ") && text.contains("is not the certificate of an authority"),
        "{text}"
    );
    assert_eq!(json["left_out"].as_array().unwrap().len(), 1);
    let (first, json) = files.refused("leaf.crt --roots own.crt", "pki.trust.anchor_not_authority");
    assert!(first.contains("is not the certificate of an authority"), "{first}");
    assert_eq!(json["error"]["rule"], "anchor_not_authority");
    files.write("bad.pem", "-----BEGIN CERTIFICATE-----\nMAMCAQU=\n-----END CERTIFICATE-----\n");
    files.refused("leaf.crt --roots bad.pem", "pki.trust.anchor_malformed");
    // What is missing may be what was left out.
    files.write("others.pem", [files.read("bad.pem"), files.read("west/ca.crt")].concat());
    files.ok("cert issue --ca root --san DNS:b.example.org --out b");
    let (first, _) = files.refused("b.crt --roots others.pem", "pki.chain.unknown_issuer");
    assert!(first.contains("1 of the roots can not be used"), "{first}");
}

#[test]
fn every_rule_refuses_by_its_code_and_says_what_helps() {
    if !have("openssl") {
        return;
    }
    let (files, foreign) = (Files::mesh(), Foreign::chain());
    let mut seen = BTreeSet::new();
    let mut ours = |line: &str, code: &'static str, place: Option<&str>| {
        seen.insert(code);
        let (_, json) = files.refused(line, code);
        assert_eq!(json["error"]["certificate"]["place"].as_str(), place, "{line}");
        assert!(json["error"]["fix"].as_str().unwrap().len() > 20, "{json}");
    };
    files.ok("cert issue --ca west --san DNS:c.example.org --usage client --out client");
    files.ok("cert ca init --dir twin --name West");
    files.ok("cert crl --ca twin --out twin.crl");
    for number in 0..5 {
        files.ok(&format!("cert ca init --dir same{number} --name West"));
    }
    let same: Vec<u8> = (0..5).flat_map(|number| files.read(&format!("same{number}/ca.crt"))).collect();
    files.write("complex.pem", [files.read("leaf.crt"), same].concat());
    files.write("seventeen.pem", files.read("leaf.crt").repeat(9));
    files.write("malformed.pem", "-----BEGIN CERTIFICATE-----\nMAMCAQU=\n-----END CERTIFICATE-----\n");
    let (expired, stale) = (later(&files, DAY * 4), later(&files, DAY * 2));
    files.ok("cert revoke --ca west --cert client.crt");
    files.ok("cert crl --ca west --out revoked.crl");
    let root = "--roots root/ca.crt";
    ours(&format!("client.crt {root} --crl revoked.crl"), "pki.chain.revoked", Some("leaf"));
    ours(&format!("leaf.crt {root} --at {expired}"), "pki.chain.expired", Some("leaf"));
    ours(&format!("leaf.crt {root} --at 2001-01-01T00:00:00Z"), "pki.chain.not_yet_valid", Some("leaf"));
    ours("leaf.crt --roots twin/ca.crt", "pki.chain.unknown_issuer", Some("intermediate 1"));
    ours(&format!("client.crt {root} --purpose server"), "pki.chain.purpose", Some("leaf"));
    ours(&format!("leaf.crt {root} --name x.example"), "pki.chain.name", Some("leaf"));
    ours(&format!("leaf.crt {root} --crl-all"), "pki.chain.crl_missing", Some("leaf"));
    ours(&format!("leaf.crt {root} --crl west.crl --at {stale}"), "pki.chain.crl_stale", Some("leaf"));
    ours(&format!("leaf.crt {root} --crl twin.crl"), "pki.chain.crl_untrusted", Some("leaf"));
    ours(&format!("seventeen.pem {root}"), "pki.chain.too_many", None);
    ours(&format!("complex.pem {root}"), "pki.chain.too_complex", None);
    ours(&format!("malformed.pem {root}"), "pki.chain.malformed", None);
    ours(&format!("leaf.crt {root} --max-depth 0"), "pki.chain.too_deep", None);

    foreign.leaf("good", &format!("{LEAF}\n{IDS}"));
    foreign.leaf("bare", LEAF);
    foreign.leaf("spiffe", &format!("{IDS}\nsubjectAltName=URI:spiffe://a.example/b,URI:https://a.example/"));
    foreign.party("weak", "/CN=weak", Some("sub"), &format!("{LEAF}\n{IDS}"), &["-newkey", "rsa:1024"]);
    foreign
        .leaf("plain", &format!("basicConstraints=critical,CA:false\nkeyUsage=critical,keyCertSign\n{IDS}"));
    foreign.party("below", "/CN=below", Some("plain"), &format!("{LEAF}\n{IDS}"), &[]);
    let constraint = "nameConstraints=critical,permitted;DNS:b.example";
    foreign.party("bound", "/CN=Bound", Some("root"), &format!("{ROOT}\n{constraint}\n{IDS}"), &[]);
    foreign.party("outside", "/CN=outside", Some("bound"), &format!("{LEAF}\n{IDS}"), &[]);
    foreign.list(
        "early.crl",
        "sub",
        "",
        &["-crl_lastupdate", "20400101000000Z", "-crl_nextupdate", "20410101000000Z"],
    );
    let at =
        CertificateChain::from_pem(&foreign.0.read("good.crt")).unwrap().leaf().not_before().plus(DAY * 30);
    let mut theirs = |line: &str, code: &'static str, place: Option<&str>| {
        seen.insert(code);
        let (_, json) = foreign.0.refused(&format!("{line} --roots root.crt"), code);
        assert_eq!(json["error"]["certificate"]["place"].as_str(), place, "{line}: {json}");
        assert!(json["error"]["fix"].as_str().unwrap().len() > 20, "{json}");
    };
    theirs(&format!("good.crt sub.crt --at {at}"), "pki.chain.anchor_expired", Some("anchor"));
    theirs("below.crt plain.crt sub.crt", "pki.chain.authority", Some("intermediate 1"));
    theirs("spiffe.crt sub.crt", "pki.chain.names", Some("leaf"));
    theirs("outside.crt bound.crt", "pki.chain.name_constraint", Some("leaf"));
    theirs("good.crt sub.crt --crl early.crl", "pki.chain.crl_early", Some("leaf"));
    theirs("bare.crt sub.crt", "pki.chain.profile", Some("leaf"));
    theirs("good.crt sub.crt --ocsp good.crt", "pki.chain.status_response", None);
    theirs("weak.crt sub.crt", "pki.chain.weak_algorithm", Some("leaf"));

    // Nothing was forgotten. A command line blocks no keys, has no bundles, and a file without certificates is no chain.
    let all: BTreeSet<&str> = ChainFault::CODES.iter().copied().collect();
    let missing: Vec<&str> = all.difference(&seen).copied().collect();
    let unreachable = ["empty", "key_revoked", "rules_changed", "trust_domain"];
    assert_eq!(missing, unreachable.map(|rule| format!("pki.chain.{rule}")));
}
