//! What an authority refuses, by name, and without a trace in its index.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod workbench;

use dwcp_base::{Blame, Coded, LocalDisk, UnixTime};
use dwcp_crypto::{KeyType, SigningKey};
use dwcp_pki::{
    AllowedNames, AuthorityError, AuthorityParams, CertificateAuthority, CertificateRequest, IssuancePolicy,
    NameRule, Refusal, RevocationReason, Revoked, Usage,
};
use std::sync::Arc;
use std::time::Duration;
use workbench::*;

/// A request as a stranger may write it.
fn stranger(change: impl FnOnce(&mut rcgen::CertificateParams)) -> CertificateRequest {
    let mut params = rcgen::CertificateParams::new(vec!["a.example.org".to_owned()]).unwrap();
    change(&mut params);
    let key = rcgen::KeyPair::generate().unwrap();
    CertificateRequest::from_der(params.serialize_request(&key).unwrap().der()).unwrap()
}

fn refusal(result: Result<dwcp_pki::CertificateChain, AuthorityError>) -> Refusal {
    let error = result.unwrap_err();
    assert_eq!((error.code(), error.blame()), ("pki.request.refused", Blame::Peer));
    match error {
        AuthorityError::Refused { source } => source,
        other => panic!("{other}"),
    }
}

#[test]
fn at_x15_what_a_request_asks_beyond_the_policy_is_refused_by_name() {
    let directory = tempfile::tempdir().unwrap();
    let ca = authority(directory.path());
    let policy = IssuancePolicy::default();
    let judge = |request: &CertificateRequest| refusal(ca.issue(request, &policy, NOW));

    let constrained = rcgen::IsCa::Ca(rcgen::BasicConstraints::Constrained(0));
    assert_eq!(judge(&stranger(|p| p.is_ca = constrained)), Refusal::AuthorityRights);
    for usage in [rcgen::KeyUsagePurpose::KeyCertSign, rcgen::KeyUsagePurpose::CrlSign] {
        assert_eq!(judge(&stranger(|p| p.key_usages = vec![usage])), Refusal::AuthorityRights);
    }
    let signing = stranger(|p| p.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::CodeSigning]);
    assert_eq!(judge(&signing), Refusal::Purpose { purpose: "1.3.6.1.5.5.7.3.3".to_owned() });
    let client = stranger(|p| p.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth]);
    let server_only = policy.clone().with_usage(Usage::Server);
    let refused = refusal(ca.issue(&client, &server_only, NOW));
    assert_eq!(refused, Refusal::Purpose { purpose: "1.3.6.1.5.5.7.3.2".to_owned() });
    let custom = rcgen::CustomExtension::from_oid_content(&[1, 2, 3, 4], vec![5, 0]);
    let odd = judge(&stranger(|p| p.custom_extensions = vec![custom]));
    assert_eq!(odd, Refusal::Extension { extension: "1.2.3.4".to_owned() });
    assert_eq!(judge(&stranger(|p| p.subject_alt_names.clear())), Refusal::NoNames);
    let mail = "EMAIL:root@example.org".parse().unwrap();
    assert_eq!(judge(&request(&["EMAIL:root@example.org"])), Refusal::NameNotAllowed { name: mail });
    let two = request(&["URI:spiffe://example.org/a", "URI:spiffe://example.org/b"]);
    assert_eq!(judge(&two), Refusal::ManyIdentities);
    assert!(ca.issued().unwrap().is_empty());
}

#[test]
fn at_p9_a_name_in_a_request_that_reads_as_another_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let ca = authority(directory.path());
    for name in
        ["192.0.2.1", "../../etc/x", "a..example.org", "*.org", "a.*.org", "-a.org", "a_/b.org", "a.org."]
    {
        let odd = rcgen::SanType::DnsName(name.try_into().unwrap());
        let refused = refusal(ca.issue(
            &stranger(|p| p.subject_alt_names = vec![odd]),
            &IssuancePolicy::default(),
            NOW,
        ));
        assert!(matches!(refused, Refusal::BadName { .. }), "{name}: {refused}");
    }
    for name in ["a\0.example.org", "a b.example.org", ""] {
        let mut params = rcgen::CertificateParams::default();
        params.subject_alt_names = vec![rcgen::SanType::DnsName(name.try_into().unwrap())];
        let key = rcgen::KeyPair::generate().unwrap();
        assert!(
            CertificateRequest::from_der(params.serialize_request(&key).unwrap().der()).is_err(),
            "{name:?}"
        );
    }
}

#[test]
fn names_outside_the_rules_are_not_granted_even_beside_good_ones() {
    let directory = tempfile::tempdir().unwrap();
    let ca = authority(directory.path());
    let rules = AllowedNames::Only(vec![NameRule::DnsBelow("example.org".to_owned())]);
    let policy = IssuancePolicy::default().with_names(rules);
    assert!(ca.issue(&request(&["DNS:a.example.org"]), &policy, NOW).is_ok());
    for bad in ["DNS:evil.org", "IP:192.0.2.1", "DNS:*.example.org"] {
        let refused = refusal(ca.issue(&request(&["DNS:a.example.org", bad]), &policy, NOW));
        assert_eq!(refused, Refusal::NameNotAllowed { name: bad.parse().unwrap() });
    }
}

#[test]
fn a_compromised_key_gets_no_new_certificate() {
    let directory = tempfile::tempdir().unwrap();
    let ca = authority(directory.path());
    let wanted = request(&["DNS:a.example.org"]);
    let chain = ca.issue(&wanted, &IssuancePolicy::default(), NOW).unwrap();
    let _ = ca.revoke(&chain.leaf().serial(), RevocationReason::Superseded, NOW).unwrap();
    let chain = ca.issue(&wanted, &IssuancePolicy::default(), NOW).unwrap();
    let _ = ca.revoke(&chain.leaf().serial(), RevocationReason::KeyCompromise, NOW).unwrap();
    let reopened = CertificateAuthority::open(Arc::new(LocalDisk), directory.path()).unwrap();
    for ca in [ca, reopened] {
        assert_eq!(refusal(ca.issue(&wanted, &IssuancePolicy::default(), NOW)), Refusal::CompromisedKey);
    }
}

#[test]
fn parameters_out_of_bounds_make_no_authority() {
    let directory = tempfile::tempdir().unwrap();
    let bad = [
        AuthorityParams::new(""),
        AuthorityParams::new(" padded "),
        AuthorityParams::new("a\nb"),
        AuthorityParams::new("x".repeat(65)),
        AuthorityParams { lifetime: Duration::ZERO, ..AuthorityParams::new("Root") },
        AuthorityParams { lifetime: DAY * 365 * 9_000, ..AuthorityParams::new("Root") },
    ];
    for params in bad {
        let error =
            CertificateAuthority::create(Arc::new(LocalDisk), directory.path(), &params, NOW).unwrap_err();
        assert_eq!(error.code(), "pki.authority.parameter", "{params:?}");
    }
    assert!(!directory.path().join("ca.key").exists());
}

#[test]
fn at_x14_a_clock_that_is_off_by_ages_spoils_neither_index_nor_crl() {
    let directory = tempfile::tempdir().unwrap();
    let ca = authority(directory.path());
    let serial =
        ca.issue(&request(&["DNS:a.example.org"]), &IssuancePolicy::default(), NOW).unwrap().leaf().serial();
    let before = ca.revision().unwrap();
    // The first second of the year 10 000, far beyond, and the last of the year -1.
    for seconds in [253_402_300_800, i64::MAX / 1_000, -62_167_219_201] {
        let at = UnixTime::from_secs(seconds);
        assert!(ca.revoke(&serial, RevocationReason::KeyCompromise, at).is_err(), "{seconds}");
        assert!(ca.crl(at).is_err(), "{seconds}");
    }
    assert_eq!(ca.revision().unwrap(), before, "nothing was written");
    let reopened = CertificateAuthority::open(Arc::new(LocalDisk), directory.path()).unwrap();
    for ca in [&ca, &reopened] {
        let _ = ca.revoke(&serial, RevocationReason::KeyCompromise, NOW).unwrap();
        assert!(ca.crl(NOW).unwrap().contains(&serial));
    }
}

#[test]
fn a_certificate_revoked_for_less_can_still_be_given_up_as_compromised() {
    let directory = tempfile::tempdir().unwrap();
    let ca = authority(directory.path());
    let (wanted, later) = (request(&["DNS:a.example.org"]), NOW.plus(DAY));
    let serial = ca.issue(&wanted, &IssuancePolicy::default(), NOW).unwrap().leaf().serial();
    assert_eq!(ca.revoke(&serial, RevocationReason::Superseded, NOW).unwrap(), Revoked::Now);
    assert!(ca.issue(&wanted, &IssuancePolicy::default(), NOW).is_ok(), "its key may go on");
    assert_eq!(ca.revoke(&serial, RevocationReason::KeyCompromise, later).unwrap(), Revoked::Now);
    let reopened = CertificateAuthority::open(Arc::new(LocalDisk), directory.path()).unwrap();
    for ca in [ca, reopened] {
        assert_eq!(refusal(ca.issue(&wanted, &IssuancePolicy::default(), NOW)), Refusal::CompromisedKey);
        // Nothing takes it back, and its time is still that of the first revocation.
        for reason in [RevocationReason::Superseded, RevocationReason::KeyCompromise] {
            let Revoked::Already(stands) = ca.revoke(&serial, reason, later).unwrap() else {
                panic!("revoked a third time")
            };
            assert_eq!((stands.at, stands.reason), (NOW, RevocationReason::KeyCompromise));
        }
        let crl = ca.crl(later).unwrap();
        assert_eq!((crl.len(), crl.contains(&serial)), (1, true));
    }
}

#[test]
fn at_x15_dates_and_usages_are_granted_to_the_second_and_to_the_letter() {
    let directory = tempfile::tempdir().unwrap();
    let ca = authority(directory.path());
    let at = UnixTime::from_millis(NOW.secs() * 1_000 + 999);
    for usage in [Usage::Server, Usage::Client, Usage::Both] {
        let policy = IssuancePolicy::default().with_usage(usage);
        let chain = ca.issue(&request(&["DNS:a.example.org"]), &policy, at).unwrap();
        let leaf = chain.leaf();
        assert_eq!(leaf.not_before(), UnixTime::from_secs(NOW.secs() - 60));
        assert_eq!(leaf.not_after(), UnixTime::from_secs(NOW.secs()).plus(policy.ttl()));
    }
}

#[test]
fn a_certificate_is_revoked_by_its_key_as_well_and_a_compromise_of_any_kind_bars_the_key() {
    let directory = tempfile::tempdir().unwrap();
    let ca = authority(directory.path());
    let key = SigningKey::generate(KeyType::EcdsaP256).unwrap();
    let request = CertificateRequest::generate(&key, &names(&["DNS:a.example.org"])).unwrap();
    let issued = ca.issue(&request, &IssuancePolicy::default(), NOW).unwrap();
    // Anybody can write this serial into a certificate.
    let elsewhere = tempfile::tempdir().unwrap();
    let other = authority(elsewhere.path());
    let forged = other.issue(&request, &IssuancePolicy::default(), NOW).unwrap();
    let refused = ca.revoke_certificate(forged.leaf(), RevocationReason::KeyCompromise, NOW);
    assert!(matches!(refused, Err(AuthorityError::UnknownSerial { .. })));
    let done = ca.revoke_certificate(issued.leaf(), RevocationReason::CaCompromise, NOW).unwrap();
    assert_eq!(done, Revoked::Now);
    let refused = ca.issue(&request, &IssuancePolicy::default(), NOW);
    assert!(matches!(refused, Err(AuthorityError::Refused { source: Refusal::CompromisedKey })));
}
