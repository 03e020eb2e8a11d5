//! What a lab issues is judged by the same rules as everything else.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use dwcp_base::{Coded, UnixTime};
use dwcp_crypto::KeyType;
use dwcp_pki::{IssuancePolicy, Purpose, RevocationMode, Usage};
use dwcp_testkit::{Lab, peer};
use std::process::Command;
use std::time::Duration;

#[test]
fn a_lab_issues_identities_that_its_trust_accepts_and_no_other() {
    let (lab, other) = (Lab::new(), Lab::new());
    let chain = lab.node("a/b").chain().ders();
    let identity = lab.trust().validate(&chain, Purpose::Client, lab.now()).unwrap();
    assert_eq!(identity.spiffe_id().unwrap().to_string(), "spiffe://lab.example/a/b");
    assert_eq!(
        other.trust().validate(&chain, Purpose::Client, lab.now()).unwrap_err().code(),
        "pki.chain.unknown_issuer"
    );
}

#[test]
fn what_a_lab_revoked_is_refused_and_its_neighbour_is_not() {
    let lab = Lab::new();
    let (good, bad) = (lab.node("good"), lab.node("bad"));
    lab.revoke(&bad);
    let trust = lab.trust();
    assert!(trust.validate(&good.chain().ders(), Purpose::Server, lab.now()).is_ok());
    let verdict = trust.validate(&bad.chain().ders(), Purpose::Server, lab.now()).unwrap_err();
    assert_eq!(verdict.code(), "pki.chain.revoked");
}

#[test]
fn policy_and_time_of_the_test_hold() {
    let mut lab = Lab::at(UnixTime::from_secs(1_700_000_000));
    let policy =
        IssuancePolicy::default().with_ttl(Duration::from_secs(600)).unwrap().with_usage(Usage::Server);
    let early = lab.credential_under(&["DNS:a.example"], &policy, KeyType::Ed25519);
    let trust = lab.trust_with(Vec::new(), RevocationMode::Off);
    assert!(trust.validate(&early.chain().ders(), Purpose::Server, lab.now()).is_ok());
    assert!(trust.validate(&early.chain().ders(), Purpose::Client, lab.now()).is_err());
    lab.set_now(lab.now().plus(Duration::from_secs(700)));
    let verdict = trust.validate(&early.chain().ders(), Purpose::Server, lab.now()).unwrap_err();
    assert_eq!(verdict.code(), "pki.chain.expired");
    let late = lab.credential_under(&["DNS:a.example"], &policy, KeyType::EcdsaP384);
    assert!(trust.validate(&late.chain().ders(), Purpose::Server, lab.now()).is_ok());
}

#[test]
fn openssl_accepts_what_a_lab_writes() {
    let Some(openssl) = peer("openssl") else { return };
    let lab = Lab::new();
    let files = lab.write("web", &lab.node("web"));
    let verified = Command::new(&openssl)
        .args(["verify", "-x509_strict", "-purpose", "sslserver", "-verify_hostname", "localhost", "-CAfile"])
        .arg(&files.root)
        .arg(&files.certificate)
        .output()
        .unwrap();
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stderr));
    let key =
        Command::new(&openssl).args(["pkey", "-noout", "-check", "-in"]).arg(&files.key).output().unwrap();
    assert!(key.status.success(), "{}", String::from_utf8_lossy(&key.stderr));
}
