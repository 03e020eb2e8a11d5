//! An authority at work: what it grants, what it revokes and what it publishes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod workbench;

use dwcp_base::{Blame, Coded, LocalDisk, Recorder};
use dwcp_crypto::KeyType;
use dwcp_pki::{
    AuthorityError, AuthorityParams, Certificate, CertificateAuthority, CrlNumber, Event, IssuancePolicy,
    IssuedStanding, Refusal, RevocationReason, Revoked, Usage,
};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use workbench::*;
use x509_cert::der::Decode;
use x509_cert::ext::pkix::{
    AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectKeyIdentifier,
};

#[test]
fn a_new_authority_is_a_root_that_signs_leaves_only() {
    for key_type in [KeyType::EcdsaP256, KeyType::EcdsaP384, KeyType::Ed25519] {
        let directory = tempfile::tempdir().unwrap();
        let params = AuthorityParams { key_type, ..AuthorityParams::new("Root") };
        let ca = CertificateAuthority::create(Arc::new(LocalDisk), directory.path(), &params, NOW).unwrap();
        let root = ca.certificate();
        assert!(root.is_authority());
        assert_eq!(root.path_length(), Some(0));
        assert_eq!((root.subject(), root.issuer()), ("CN=Root", "CN=Root"));
        assert_eq!(root.not_after(), NOW.plus(DAY * 3_650));
        let parsed = x509_cert::Certificate::from_der(root.der()).unwrap();
        let (critical, usage) = parsed.tbs_certificate().get_extension::<KeyUsage>().unwrap().unwrap();
        assert!(critical && usage.key_cert_sign() && usage.crl_sign() && usage.digital_signature());
        assert!(parsed.tbs_certificate().get_extension::<SubjectKeyIdentifier>().unwrap().is_some());
        let chain = ca.issue(&request(&["DNS:a.example.org"]), &IssuancePolicy::default(), NOW).unwrap();
        assert_eq!(chain.leaf().issuer(), "CN=Root");
    }
}

#[test]
fn at_x15_a_leaf_says_what_the_policy_says() {
    let directory = tempfile::tempdir().unwrap();
    let ca = authority(directory.path());
    let wanted =
        request(&["DNS:a.example.org", "IP:192.0.2.1", "URI:spiffe://example.org/a", "DNS:a.example.org"]);
    let chain = ca.issue(&wanted, &IssuancePolicy::default().with_usage(Usage::Server), NOW).unwrap();
    let leaf = chain.leaf();
    assert_eq!(chain.len(), 1);
    assert_eq!(leaf.names(), names(&["DNS:a.example.org", "IP:192.0.2.1", "URI:spiffe://example.org/a"]));
    assert_eq!(leaf.key_pin(), wanted.key_pin());
    assert_eq!(leaf.not_before(), NOW.minus(Duration::from_secs(60)));
    assert_eq!(leaf.not_after(), NOW.plus(DAY));
    assert!(!leaf.is_authority());
    let parsed = x509_cert::Certificate::from_der(leaf.der()).unwrap();
    let fields = parsed.tbs_certificate();
    let (critical, constraints) = fields.get_extension::<BasicConstraints>().unwrap().unwrap();
    assert!(critical && !constraints.ca && constraints.path_len_constraint.is_none());
    let (critical, usage) = fields.get_extension::<KeyUsage>().unwrap().unwrap();
    assert!(critical && usage.digital_signature() && !usage.key_cert_sign() && !usage.crl_sign());
    let (_, purposes) = fields.get_extension::<ExtendedKeyUsage>().unwrap().unwrap();
    assert_eq!(purposes.0.iter().map(ToString::to_string).collect::<Vec<_>>(), ["1.3.6.1.5.5.7.3.1"]);
    let root = x509_cert::Certificate::from_der(ca.certificate().der()).unwrap();
    let (_, root_id) = root.tbs_certificate().get_extension::<SubjectKeyIdentifier>().unwrap().unwrap();
    let (_, authority_id) = fields.get_extension::<AuthorityKeyIdentifier>().unwrap().unwrap();
    assert_eq!(authority_id.key_identifier.unwrap(), root_id.0);
    assert!(fields.get_extension::<SubjectKeyIdentifier>().unwrap().is_some());
}

#[test]
fn a_leaf_without_a_dns_name_has_no_subject_and_critical_names() {
    let directory = tempfile::tempdir().unwrap();
    let ca = authority(directory.path());
    let chain = ca.issue(&request(&["URI:spiffe://example.org/a"]), &IssuancePolicy::default(), NOW).unwrap();
    assert_eq!(chain.leaf().subject(), "");
    let parsed = x509_cert::Certificate::from_der(chain.leaf().der()).unwrap();
    let names = parsed.tbs_certificate().get_extension::<x509_cert::ext::pkix::SubjectAltName>().unwrap();
    assert!(names.unwrap().0);
}

#[test]
fn at_x15_no_leaf_outlives_its_issuer_and_an_expired_authority_only_revokes() {
    let directory = tempfile::tempdir().unwrap();
    let params = AuthorityParams { lifetime: DAY, ..AuthorityParams::new("Short") };
    let ca = CertificateAuthority::create(Arc::new(LocalDisk), directory.path(), &params, NOW).unwrap();
    let late = NOW.plus(DAY / 2);
    let chain = ca.issue(&request(&["DNS:a.example.org"]), &IssuancePolicy::default(), late).unwrap();
    assert_eq!(chain.leaf().not_after(), ca.certificate().not_after());

    let over = NOW.plus(DAY * 2);
    let ca = CertificateAuthority::open(Arc::new(LocalDisk), directory.path()).unwrap();
    let error = ca.issue(&request(&["DNS:a.example.org"]), &IssuancePolicy::default(), over).unwrap_err();
    assert_eq!((error.code(), error.blame()), ("pki.authority.expired", Blame::Local));
    let early =
        ca.issue(&request(&["DNS:a.example.org"]), &IssuancePolicy::default(), NOW.minus(DAY)).unwrap_err();
    assert_eq!(early.code(), "pki.authority.early");
    let serial = chain.leaf().serial();
    assert_eq!(ca.revoke(&serial, RevocationReason::Superseded, over).unwrap(), Revoked::Now);
    assert!(ca.crl(over).unwrap().contains(&serial));
}

#[test]
fn at_x15_serials_are_random_and_never_the_same_for_the_same_request() {
    let directory = tempfile::tempdir().unwrap();
    let ca = authority(directory.path());
    let wanted = request(&["DNS:a.example.org"]);
    let serials: BTreeSet<_> = (0..40)
        .map(|_| ca.issue(&wanted, &IssuancePolicy::default(), NOW).unwrap().leaf().serial())
        .collect();
    assert_eq!(serials.len(), 40);
    assert!(serials.iter().all(|serial| serial.as_be_bytes().len() <= 20));
    assert!(serials.iter().filter(|serial| serial.as_be_bytes().len() >= 18).count() >= 38);
}

#[test]
fn revoking_is_idempotent_and_shows_in_the_next_crl() {
    let directory = tempfile::tempdir().unwrap();
    let news = Arc::new(Recorder::with_capacity(16));
    let ca = authority(directory.path()).observed_by(Arc::clone(&news) as Arc<_>);
    let chain = ca.issue(&request(&["DNS:a.example.org"]), &IssuancePolicy::default(), NOW).unwrap();
    let serial = chain.leaf().serial();
    let before = ca.revision().unwrap();
    let first = ca.crl(NOW).unwrap();
    assert!(first.is_empty() && !first.contains(&serial));
    assert_eq!(ca.revision().unwrap(), before);

    assert_eq!(ca.revoke(&serial, RevocationReason::KeyCompromise, NOW).unwrap(), Revoked::Now);
    assert_ne!(ca.revision().unwrap(), before);
    let again = ca.revoke(&serial, RevocationReason::Superseded, NOW.plus(DAY)).unwrap();
    let Revoked::Already(revocation) = again else { panic!("revoked twice") };
    assert_eq!((revocation.at, revocation.reason), (NOW, RevocationReason::KeyCompromise));
    let record = ca.issued().unwrap().remove(0);
    assert_eq!((record.serial, record.standing), (serial, IssuedStanding::Revoked(revocation)));

    let second = ca.crl(NOW).unwrap();
    assert_eq!((second.serials().collect(), second.issuer()), (vec![serial], "CN=Test Root"));
    assert_eq!((second.this_update(), second.next_update()), (NOW, NOW.plus(DAY)));
    assert!(second.number() > first.number());
    let unknown = "1234".parse().unwrap();
    let error = ca.revoke(&unknown, RevocationReason::Unspecified, NOW).unwrap_err();
    assert_eq!(error.code(), "pki.certificate.unknown");
    let codes: Vec<_> = news.events().iter().map(Event::code).collect();
    let expected =
        ["pki.certificate.issued", "pki.crl.published", "pki.certificate.revoked", "pki.crl.published"];
    assert_eq!(codes, expected);
    assert!(codes.iter().all(|code| Event::CODES.contains(code)));
}

#[test]
fn at_x7_crl_numbers_only_grow_whatever_happens_to_clock_and_directory() {
    let directory = tempfile::tempdir().unwrap();
    let ca = authority(directory.path());
    let mut last = CrlNumber::from(0);
    // The clock stands still, steps back, and goes on.
    for at in [NOW, NOW, NOW.minus(DAY), NOW.plus(DAY), NOW] {
        let number = ca.crl(at).unwrap().number().unwrap();
        assert!(number > last);
        last = number;
    }
    // A directory restored from before the first CRL.
    std::fs::remove_file(directory.path().join("index/crl-number")).unwrap();
    assert!(ca.crl(NOW.plus(DAY * 2)).unwrap().number().unwrap() > last);
    std::fs::write(directory.path().join("index/crl-number"), "many").unwrap();
    assert_eq!(ca.crl(NOW).unwrap_err().code(), "pki.index.corrupt");
}

#[test]
fn entries_leave_the_crl_a_week_after_their_certificate_expired() {
    let directory = tempfile::tempdir().unwrap();
    let ca = authority(directory.path());
    let chain = ca.issue(&request(&["DNS:a.example.org"]), &IssuancePolicy::default(), NOW).unwrap();
    let _ = ca.revoke(&chain.leaf().serial(), RevocationReason::Unspecified, NOW).unwrap();
    assert_eq!(ca.crl(NOW.plus(DAY * 8)).unwrap().len(), 1);
    assert_eq!(ca.crl(NOW.plus(DAY * 9)).unwrap().len(), 0);
}

#[test]
fn what_still_stands_is_renewed_for_the_same_names_and_a_fresh_key() {
    let directory = tempfile::tempdir().unwrap();
    let ca = authority(directory.path());
    let policy = IssuancePolicy::default();
    let names = ["DNS:a.example.org", "URI:spiffe://example.org/a"];
    let old = ca.issue(&request(&names), &policy, NOW).unwrap();
    let later = NOW.plus(DAY / 2);
    let swapped = request(&[names[1], names[0]]);
    let new = ca.renew(old.leaf(), &swapped, &policy, later).unwrap();
    assert_ne!((new.leaf().serial(), new.leaf().key_pin()), (old.leaf().serial(), old.leaf().key_pin()));
    assert_eq!(new.leaf().not_after(), later.plus(DAY));
    let refusal = |old: &Certificate, names: &[&str], now| match ca.renew(old, &request(names), &policy, now)
    {
        Err(AuthorityError::Refused { source }) => source,
        other => panic!("{other:?}"),
    };
    assert_eq!(refusal(old.leaf(), &names[..1], later), Refusal::OtherNames);
    let more = [names[0], names[1], "DNS:b.example.org"];
    assert_eq!(refusal(old.leaf(), &more, later), Refusal::OtherNames);
    let expired = Refusal::Expired { not_after: old.leaf().not_after() };
    assert_eq!(refusal(old.leaf(), &names, NOW.plus(DAY * 2)), expired);
    let _ = ca.revoke(&old.leaf().serial(), RevocationReason::Superseded, later).unwrap();
    assert_eq!(refusal(old.leaf(), &names, later), Refusal::Revoked);
    // A certificate of the same serial from elsewhere is not this one.
    let elsewhere = tempfile::tempdir().unwrap();
    let foreign = authority(elsewhere.path()).issue(&request(&names), &policy, NOW).unwrap();
    let renewed = ca.renew(foreign.leaf(), &request(&names), &policy, later);
    assert!(matches!(renewed, Err(AuthorityError::UnknownSerial { .. })));
}
