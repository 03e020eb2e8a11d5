//! A root that takes over, certified by the one that goes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod workbench;

use dwcp_base::{Coded, LocalDisk};
use dwcp_crypto::KeyType;
use dwcp_pki::{
    AuthorityError, AuthorityParams, Certificate, CertificateAuthority, CertificateChain, IssuancePolicy,
    NameConstraints, Purpose, Refusal, RevocationMode, RevocationReason, TrustStore,
};
use rustls_pki_types::CertificateDer;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use workbench::{DAY, NOW, request};

fn root(directory: &Path, params: &AuthorityParams) -> CertificateAuthority {
    CertificateAuthority::create(Arc::new(LocalDisk), directory, params, NOW).unwrap()
}

fn trust(anchor: &CertificateAuthority, lists: &[&CertificateAuthority]) -> TrustStore {
    let lists = lists.iter().map(|ca| ca.crl(NOW).unwrap()).collect();
    let anchors = vec![anchor.certificate().certificate_der().clone()];
    TrustStore::new(anchors, lists, RevocationMode::Required).unwrap()
}

fn leaf(ca: &CertificateAuthority, name: &str) -> CertificateChain {
    ca.issue(&request(&[name]), &IssuancePolicy::default(), NOW).unwrap()
}

fn accepts(store: &TrustStore, chain: &[&Certificate]) -> Result<(), &'static str> {
    let ders: Vec<CertificateDer<'_>> = chain.iter().map(|one| one.certificate_der().clone()).collect();
    [Purpose::Server, Purpose::Client]
        .iter()
        .try_for_each(|purpose| store.validate(&ders, *purpose, NOW).map(|_| ()).map_err(|e| e.code()))
}

#[test]
fn what_the_new_root_issues_leads_to_the_old_one_and_to_itself() {
    let directory = tempfile::tempdir().unwrap();
    for key_type in [KeyType::EcdsaP256, KeyType::EcdsaP384, KeyType::Ed25519] {
        let at = |name: &str| directory.path().join(format!("{name}-{key_type:?}"));
        let old =
            root(&at("old"), &AuthorityParams { path_length: 1, ..AuthorityParams::new("Mesh Root 1") });
        let mut params =
            AuthorityParams { path_length: 1, ..AuthorityParams::new("Mesh Root 2 (neu, größer)") };
        params.key_type = key_type;
        let new = root(&at("new"), &params);
        let crossed = old.cross_sign(new.certificate(), DAY * 30, NOW).unwrap();
        assert_eq!((crossed.subject(), crossed.issuer()), (new.certificate().subject(), "CN=Mesh Root 1"));
        assert_eq!((crossed.path_length(), crossed.not_after()), (Some(0), NOW.plus(DAY * 30)));
        assert_eq!(crossed.key_pin(), new.certificate().key_pin());
        let leaf = leaf(&new, "DNS:a.example.org");
        for (anchor, chain) in
            [(&old, &[leaf.leaf(), &crossed][..]), (&new, &[leaf.leaf(), &crossed]), (&new, &[leaf.leaf()])]
        {
            assert_eq!(accepts(&trust(anchor, &[&old, &new]), chain), Ok(()), "mesh profile, both lists");
        }
        assert!(accepts(&trust(&old, &[&old, &new]), &[leaf.leaf()]).is_err());
        // It is issued like any other, and taken back like any other.
        assert_eq!(old.issued().unwrap().len(), 1);
        let _ = old.revoke(&crossed.serial(), RevocationReason::Superseded, NOW).unwrap();
        let revoked = accepts(&trust(&old, &[&old, &new]), &[leaf.leaf(), &crossed]);
        assert_eq!(revoked, Err("pki.chain.revoked"));
        assert_eq!(accepts(&trust(&new, &[&old, &new]), &[leaf.leaf(), &crossed]), Ok(()));
    }
}

#[test]
fn names_that_the_new_root_is_bound_to_bind_it_on_the_other_path_too() {
    let directory = tempfile::tempdir().unwrap();
    let old = root(
        &directory.path().join("old"),
        &AuthorityParams { path_length: 1, ..AuthorityParams::new("Old") },
    );
    let permitted = vec!["DNS:inside.example".parse().unwrap()];
    let constraints = NameConstraints { permitted, excluded: Vec::new() };
    let params = AuthorityParams { constraints, ..AuthorityParams::new("New") };
    let new = root(&directory.path().join("new"), &params);
    let crossed = old.cross_sign(new.certificate(), DAY, NOW).unwrap();
    let binding = b"inside.example";
    assert!(crossed.der().windows(binding.len()).any(|bytes| bytes == binding), "nothing else names it");
    let inside = leaf(&new, "DNS:a.inside.example");
    assert_eq!(accepts(&trust(&old, &[&old, &new]), &[inside.leaf(), &crossed]), Ok(()));
}

#[test]
fn at_x15_only_a_root_with_a_name_and_a_key_of_its_own_is_certified() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    let with_room = |name: &str, room| AuthorityParams { path_length: room, ..AuthorityParams::new(name) };
    let old = root(&at("old"), &with_room("Old", 1));
    let new = root(&at("new"), &with_room("New", 1));
    let below = new
        .create_intermediate(
            Arc::new(LocalDisk),
            &at("below"),
            &AuthorityParams::new("Below"),
            dwcp_pki::AuthorityKey::generate(KeyType::EcdsaP256).unwrap(),
            NOW,
        )
        .unwrap();
    let is_bad = |result: Result<Certificate, AuthorityError>| {
        matches!(result, Err(AuthorityError::BadParameter { .. }))
    };
    assert!(is_bad(old.cross_sign(below.certificate(), DAY, NOW)), "an intermediate");
    assert!(is_bad(old.cross_sign(leaf(&new, "DNS:a.example").leaf(), DAY, NOW)), "a leaf");
    let own = old.cross_sign(old.certificate(), DAY, NOW).unwrap_err();
    assert!(matches!(own, AuthorityError::Refused { source: Refusal::AuthorityKey, .. }), "{own:?}");
    let narrow = root(&at("narrow"), &with_room("Narrow", 0));
    assert!(is_bad(narrow.cross_sign(new.certificate(), DAY, NOW)), "no room");
    assert!(is_bad(old.cross_sign(new.certificate(), Duration::ZERO, NOW)), "no time");
    let end = old.certificate().not_after();
    assert!(old.cross_sign(new.certificate(), DAY, end.plus(DAY)).is_err(), "after the end");
    let foreign = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::default();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    params.distinguished_name.push(rcgen::DnType::OrganizationName, "Foreign");
    let foreign = params.self_signed(&foreign).unwrap();
    let foreign = Certificate::from_der(foreign.der()).unwrap();
    assert!(is_bad(old.cross_sign(&foreign, DAY, NOW)), "a name of several parts");
    assert!(old.issued().unwrap().is_empty(), "nothing was issued on the way");
    // No later than either root.
    let crossed = old.cross_sign(new.certificate(), DAY * 36_500, NOW).unwrap();
    assert_eq!(crossed.not_after(), end.min(new.certificate().not_after()));
}
