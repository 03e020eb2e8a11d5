//! `dwcp cert validate`: certificates as OpenSSL makes them, by the profile mesh and by the profile interop.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use support::foreign::{Foreign, IDS, LEAF, ROOT};
use support::have;

#[test]
fn what_openssl_makes_by_the_book_is_accepted_by_both() {
    if !have("openssl") {
        return;
    }
    let foreign = Foreign::chain();
    foreign.leaf("leaf", &format!("{LEAF}\n{IDS}"));
    foreign.party("rsa", "/CN=rsa", Some("sub"), &format!("{LEAF}\n{IDS}"), &["-newkey", "rsa:2048"]);
    foreign.list("sub.crl", "sub", "authorityKeyIdentifier=keyid", &[]);
    foreign.list("root.crl", "root", "authorityKeyIdentifier=keyid", &[]);
    for profile in ["mesh", "interop"] {
        for purpose in ["any", "server", "client"] {
            for leaf in ["leaf", "rsa"] {
                let (_, json) = foreign.0.valid(&format!(
                    "{leaf}.crt sub.crt --roots root.crt --crl root.crl --crl sub.crl --crl-all --profile {profile} --purpose {purpose} --name a.example.org"
                ));
                assert_eq!((&json["revocation"], &json["profile"]), (&"checked".into(), &profile.into()));
            }
        }
    }
}

#[test]
fn the_mesh_asks_for_form_and_interop_for_what_changes_the_answer() {
    if !have("openssl") {
        return;
    }
    let foreign = Foreign::chain();
    let without = |left_out: &str| {
        LEAF.lines().filter(|line| !line.starts_with(left_out)).collect::<Vec<_>>().join("\n")
    };
    let usage = "extendedKeyUsage";
    for (name, extensions, purpose, code, rule) in [
        ("bare", LEAF.to_owned(), "any", "pki.chain.profile", "authority_key_id_missing"),
        ("usageless", format!("{}\n{IDS}", without(usage)), "server", "pki.chain.purpose", "purpose"),
        (
            "any",
            format!("{}\n{usage}=anyExtendedKeyUsage\n{IDS}", without(usage)),
            "client",
            "pki.chain.purpose",
            "purpose",
        ),
        (
            "urgent",
            format!("{}\n{usage}=critical,serverAuth\n{IDS}", without(usage)),
            "server",
            "pki.chain.profile",
            "extended_key_usage_critical",
        ),
        (
            "urgent-names",
            format!("{}\n{IDS}\nsubjectAltName=critical,DNS:a.example.org", without("subjectAltName")),
            "any",
            "pki.chain.profile",
            "alternative_names_criticality",
        ),
    ] {
        foreign.leaf(name, &extensions);
        let line = format!("{name}.crt sub.crt --roots root.crt --purpose {purpose}");
        let (first, json) = foreign.0.refused(&line, code);
        assert_eq!(
            (&json["error"]["rule"], &json["error"]["certificate"]["place"]),
            (&rule.into(), &"leaf".into())
        );
        assert!(json["error"]["fix"].as_str().unwrap().contains("--profile interop"), "{json}");
        assert!(
            code != "pki.chain.profile" || first.contains(&format!("(rule {rule} of the profile mesh)")),
            "{first}"
        );
        foreign.0.valid(&format!("{line} --profile interop"));
    }
    // What would change who is accepted is asked in both.
    let line = "urgent.crt sub.crt --roots root.crt --purpose client --profile interop";
    foreign.0.refused(line, "pki.chain.purpose");
}

#[test]
fn a_rule_names_the_authority_that_breaks_it() {
    if !have("openssl") {
        return;
    }
    let foreign = Foreign::new();
    foreign.party("root", "/CN=Root", None, ROOT, &[]);
    foreign.party("leaf", "/CN=leaf", Some("root"), LEAF, &[]);
    let (first, json) = foreign.0.refused("leaf.crt --roots root.crt", "pki.chain.profile");
    assert!(first.contains("the anchor CN=Root"), "{first}");
    assert_eq!(json["error"]["rule"], "subject_key_id_missing");
    assert_eq!(json["error"]["certificate"]["place"], "anchor");
    let fix = json["error"]["fix"].as_str().unwrap();
    assert!(fix.contains("the anchor issued anew with a subject key identifier"), "{fix}");
    foreign.0.valid("leaf.crt --roots root.crt --profile interop");
}

#[test]
fn at_x4_a_hostile_list_is_a_verdict_and_no_panic() {
    if !have("openssl") {
        return;
    }
    let foreign = Foreign::chain();
    foreign.leaf("leaf", &format!("{LEAF}\n{IDS}"));
    for (name, extensions) in [
        ("indirect.crl", "issuingDistributionPoint=critical,@point\n[point]\nindirectCRL=TRUE"),
        ("unknown.crl", "1.2.3.4=critical,ASN1:NULL"),
        ("reasons.crl", "2.5.29.28=critical,DER:30:03:83:01:00"),
        ("no-bits.crl", "2.5.29.28=critical,DER:30:02:83:00"),
    ] {
        foreign.list(name, "sub", extensions, &[]);
        for profile in ["mesh", "interop"] {
            let line = format!("leaf.crt sub.crt --roots root.crt --crl {name} --profile {profile}");
            let (first, _) = foreign.0.refused(&line, "pki.trust.crl_malformed");
            assert!(first.contains(name), "{first}");
        }
    }
}

#[test]
fn policies_are_asked_for_on_the_command_line() {
    if !have("openssl") {
        return;
    }
    let foreign = Foreign::chain();
    foreign.party(
        "wide",
        "/CN=Wide",
        Some("root"),
        &format!("{ROOT}\n{IDS}\ncertificatePolicies=2.5.29.32.0"),
        &[],
    );
    foreign.party(
        "leaf",
        "/CN=leaf",
        Some("wide"),
        &format!("{LEAF}\n{IDS}\ncertificatePolicies=1.2.3.4"),
        &[],
    );
    foreign.leaf("without", &format!("{LEAF}\n{IDS}"));
    for profile in ["mesh", "interop"] {
        let line = |rest: &str| format!("leaf.crt wide.crt --roots root.crt --profile {profile} {rest}");
        for asked in [
            "--require-policy",
            "--require-policy --policy 1.2.3.4 --policy 1.2.3.5",
            "--policy=1.2.3.5",
            "--no-policy-mapping",
        ] {
            foreign.0.valid(&line(asked));
        }
        for asked in ["--require-policy --policy 1.2.3.5", "--require-policy --no-any-policy"] {
            let (_, json) = foreign.0.refused(&line(asked), "pki.chain.profile");
            assert_eq!(json["error"]["rule"], "policies_required");
            assert!(!json["error"]["fix"].as_str().unwrap().contains("interop"), "{json}");
        }
        let line = format!("without.crt sub.crt --roots root.crt --profile {profile}");
        foreign.0.valid(&line);
        foreign.0.refused(&format!("{line} --require-policy"), "pki.chain.profile");
    }
    assert_eq!(foreign.0.fails("leaf.crt wide.crt --roots root.crt --policy x").0, 2);
}

#[test]
fn at_a1_text_of_others_moves_no_terminal() {
    if !have("openssl") {
        return;
    }
    let foreign = Foreign::chain();
    let hostile = "\u{1b}[2J\u{202e}\u{7}";
    let subject = format!("/CN=x{hostile}y");
    foreign.party("leaf", &subject, Some("sub"), &format!("{LEAF}\n{IDS}"), &["-utf8"]);
    foreign.party(
        "other",
        &format!("/CN=Other{hostile}"),
        None,
        &format!("{ROOT}\nsubjectKeyIdentifier=hash"),
        &["-utf8"],
    );
    for line in [
        "leaf.crt sub.crt --roots root.crt",
        "leaf.crt sub.crt --roots root.crt --at 2001-01-01T00:00:00Z",
        "leaf.crt sub.crt --roots other.crt",
        "other.crt --roots leaf.crt",
    ] {
        for line in [format!("cert validate {line}"), format!("--json cert validate {line}")] {
            let output = foreign.0.run(&line);
            let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
            let moves = |char: char| char.is_control() && char != '\n' || char == '\u{202e}';
            assert!(!text.contains(moves) && text.contains("[2J"), "{line}: {text:?}");
        }
    }
}
