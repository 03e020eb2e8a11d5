//! OpenSSL asks our responder, and believes what it says.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod foreign;

use dwcp_base::{Clock, LocalDisk, SystemClock, UnixTime};
use dwcp_crypto::{KeyType, SigningKey};
use dwcp_pki::{
    AuthorityParams, Certificate, CertificateAuthority, CertificateRequest, IssuancePolicy, OcspRefusal,
    OcspResponder, RevocationReason,
};
use foreign::*;
use std::fs;
use std::path::Path;
use std::sync::Arc;

fn now() -> UnixTime {
    SystemClock::new().unix()
}

fn authority(directory: &Path, name: &str, key_type: KeyType) -> CertificateAuthority {
    let params = AuthorityParams { key_type, ..AuthorityParams::new(name) };
    CertificateAuthority::create(Arc::new(LocalDisk), directory, &params, now()).unwrap()
}

/// Issues a leaf and writes it to a file.
fn leaf(ca: &CertificateAuthority, at: &Path, file: &str) -> Certificate {
    let key = SigningKey::generate(KeyType::EcdsaP256).unwrap();
    let request = CertificateRequest::generate(&key, &["DNS:a.example.org".parse().unwrap()]).unwrap();
    let chain = ca.issue(&request, &IssuancePolicy::default(), now()).unwrap();
    fs::write(at.join(file), chain.to_pem()).unwrap();
    chain.leaf().clone()
}

#[test]
fn openssl_believes_our_answers_of_every_kind() {
    if !openssl_is_there("openssl_believes_our_answers_of_every_kind") {
        return;
    }
    for key_type in [KeyType::EcdsaP256, KeyType::EcdsaP384, KeyType::Ed25519] {
        let directory = tempfile::tempdir().unwrap();
        let at = directory.path();
        let ca = Arc::new(authority(at, "Interop Root", key_type));
        leaf(&ca, at, "good.crt");
        let revoked = leaf(&ca, at, "revoked.crt");
        let _ = ca.revoke(&revoked.serial(), RevocationReason::KeyCompromise, now()).unwrap();
        let responder = OcspResponder::new(Arc::clone(&ca));
        let check =
            ["ocsp", "-no_nonce", "-respin", "response", "-issuer", "ca.crt", "-CAfile", "ca.crt", "-reqin"];
        // Each once more, from what was kept.
        for (hash, nonce) in [("-sha1", "-nonce"), ("-sha1", "-no_nonce"), ("-sha256", "-no_nonce")].repeat(2)
        {
            let questions: [(&[&str], &str); 3] = [
                (&["-cert", "good.crt"], ": good"),
                (&["-cert", "revoked.crt"], ": revoked"),
                (&["-serial", "0x1234"], ": unknown"),
            ];
            for (question, verdict) in questions {
                let mut ask = vec!["ocsp", nonce, hash, "-issuer", "ca.crt", "-reqout", "request"];
                ask.extend(question);
                succeeds(at, &ask);
                let answer = responder.answer(&fs::read(at.join("request")).unwrap(), now());
                assert_eq!(answer.refusal(), None, "{:?}", answer.problem());
                fs::write(at.join("response"), answer.der()).unwrap();
                // The signature, and the nonce of this very request.
                let shown = succeeds(at, &[&check[..], &["request"]].concat());
                assert!(shown.contains("Response verify OK") && !shown.contains("WARNING"), "{shown}");
                let mut judge = vec!["ocsp", "-no_nonce", hash, "-respin", "response", "-CAfile", "ca.crt"];
                judge.extend(["-issuer", "ca.crt", "-resp_text"].iter().chain(question));
                let shown = succeeds(at, &judge);
                assert!(shown.contains(verdict), "{shown}");
                assert_eq!(shown.contains("Reason: keyCompromise"), verdict == ": revoked", "{shown}");
                assert!(shown.contains("Next Update: "), "{shown}");
            }
        }
        // A nonce of another request is noticed.
        succeeds(at, &["ocsp", "-nonce", "-issuer", "ca.crt", "-cert", "good.crt", "-reqout", "one"]);
        succeeds(at, &["ocsp", "-nonce", "-issuer", "ca.crt", "-cert", "good.crt", "-reqout", "two"]);
        fs::write(at.join("response"), responder.answer(&fs::read(at.join("one")).unwrap(), now()).der())
            .unwrap();
        assert!(openssl(at, &[&check[..], &["one"]].concat()).status.success());
        let shown = text(&openssl(at, &[&check[..], &["two"]].concat()));
        assert!(shown.contains("Nonce Verify error"), "{shown}");
    }
}

#[test]
fn openssl_asks_about_several_certificates_at_once_and_about_strangers() {
    if !openssl_is_there("openssl_asks_about_several_certificates_at_once_and_about_strangers") {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let ca = Arc::new(authority(at, "Interop Root", KeyType::EcdsaP256));
    let other = authority(&at.join("other"), "Other Root", KeyType::EcdsaP256);
    leaf(&ca, at, "a.crt");
    let b = leaf(&ca, at, "b.crt");
    leaf(&other, at, "c.crt");
    let _ = ca.revoke(&b.serial(), RevocationReason::Unspecified, now()).unwrap();
    let responder = OcspResponder::new(ca);
    let questions = [
        "-issuer",
        "ca.crt",
        "-cert",
        "a.crt",
        "-cert",
        "b.crt",
        "-issuer",
        "other/ca.crt",
        "-cert",
        "c.crt",
    ];
    succeeds(at, &[&["ocsp", "-no_nonce", "-reqout", "request"], &questions[..]].concat());
    let answer = responder.answer(&fs::read(at.join("request")).unwrap(), now());
    fs::write(at.join("response"), answer.der()).unwrap();
    let judge = ["ocsp", "-no_nonce", "-respin", "response", "-CAfile", "ca.crt", "-resp_text"];
    let shown = succeeds(at, &[&judge[..], &questions].concat());
    for verdict in ["a.crt: good", "b.crt: revoked", "c.crt: unknown"] {
        assert!(shown.contains(verdict), "{shown}");
    }
    assert!(!shown.contains("Reason:"), "no reason was given: {shown}");

    // Of strangers alone nothing is said, and nothing signed.
    let stranger = ["ocsp", "-no_nonce", "-issuer", "other/ca.crt", "-cert", "c.crt"];
    succeeds(at, &[&stranger[..], &["-reqout", "request"]].concat());
    let answer = responder.answer(&fs::read(at.join("request")).unwrap(), now());
    assert_eq!(answer.refusal(), Some(OcspRefusal::Unauthorized));
    fs::write(at.join("response"), answer.der()).unwrap();
    let shown = text(&openssl(at, &[&stranger[..], &["-respin", "response"]].concat()));
    assert!(shown.contains("unauthorized (6)"), "{shown}");
    let answer = responder.answer(b"not a request", now());
    assert_eq!(answer.refusal(), Some(OcspRefusal::MalformedRequest));
    fs::write(at.join("response"), answer.der()).unwrap();
    let shown = text(&openssl(at, &[&stranger[..], &["-respin", "response"]].concat()));
    assert!(shown.contains("malformedrequest (1)"), "{shown}");
}
