//! The path behind an identity: every certificate in its place, and what a CRL says of each.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod lab;

use dwcp_pki::{
    Certificate, ChainFault, ChainPlace, Purpose, RevocationChecked, RevocationMode, TrustPath, TrustStore,
};
use lab::*;
use rustls_pki_types::CertificateDer;

const WEB: &str = "URI:spiffe://mesh.example/web";

/// The path of a chain, judged twice: the second time the issuer is known.
fn path(store: &TrustStore, chain: &[&Party]) -> TrustPath {
    let ders: Vec<CertificateDer<'_>> = chain.iter().map(|party| party.der.clone()).collect();
    let judged = || store.validate(&ders, Purpose::Client, NOW).unwrap();
    let first = store.path_of(&judged(), NOW).unwrap();
    assert_eq!(store.path_of(&judged(), NOW), Ok(first.clone()));
    first
}

#[test]
fn every_certificate_of_the_path_is_in_its_place_and_those_beside_it_are_not() {
    let root = Party::root("root");
    let (sub, other) = (root.authority("sub", |_| {}), root.authority("other", |_| {}));
    let low = sub.authority("low", |_| {});
    let leaf = low.leaf(&[WEB]);
    let path = path(&lax(&[&other, &root]), &[&leaf, &other, &sub, &root, &low]);
    let steps = path.steps();
    let places: Vec<ChainPlace> = steps.iter().map(|step| step.place).collect();
    assert_eq!(places, [ChainPlace::Leaf, ChainPlace::Intermediate(1), ChainPlace::Intermediate(2)]);
    for (step, party) in steps.iter().zip([&leaf, &low, &sub]) {
        let certificate = Certificate::from_der(&party.der).unwrap();
        assert_eq!(step.fingerprint, certificate.fingerprint());
        assert_eq!((step.serial, step.key_pin), (certificate.serial(), certificate.key_pin()));
        assert_eq!((step.not_before, step.not_after), (certificate.not_before(), certificate.not_after()));
        assert_eq!(step.revocation, RevocationChecked::NotChecked);
    }
    assert_eq!(path.anchor().der(), &*root.der);
}

#[test]
fn coverage_is_told_for_each_certificate() {
    let root = Party::root("root");
    let sub = root.authority("sub", |_| {});
    let leaf = sub.leaf(&[WEB]);
    let covered = |crls| {
        let store = trust(&[&root], crls, RevocationMode::WhereKnown);
        path(&store, &[&leaf, &sub]).steps().iter().map(|step| step.revocation).collect::<Vec<_>>()
    };
    use RevocationChecked::{Covered, NotCovered};
    assert_eq!(covered(vec![]), [NotCovered, NotCovered]);
    assert_eq!(covered(vec![root.crl(1, &[])]), [NotCovered, Covered]);
    assert_eq!(covered(vec![sub.crl(1, &[])]), [Covered, NotCovered]);
    assert_eq!(covered(vec![root.crl(1, &[]), sub.crl(1, &[])]), [Covered, Covered]);
}

#[test]
fn a_renewed_anchor_is_the_one_that_is_named() {
    let old = Party::root_with("root", |params| params.not_after = date(NOW.minus(DAY)));
    let new = old.reissued(|params| params.not_after = date(NOW.plus(DAY)));
    let leaf = new.leaf(&[WEB]);
    let path = path(&lax(&[&old, &new]), &[&leaf]);
    assert_eq!(path.anchor().der(), &*new.der);
}

#[test]
fn what_does_not_hold_here_any_more_has_no_path() {
    let root = Party::root("root");
    let leaf = root.leaf(&[WEB]);
    let identity = judge(&lax(&[&root]), &[&leaf], Purpose::Client, NOW).unwrap();
    let fault = |store: &TrustStore, now| store.path_of(&identity, now).by_rule().unwrap_err();
    assert_eq!(fault(&lax(&[&Party::root("root")]), NOW), ChainFault::UnknownIssuer);
    assert_eq!(fault(&lax(&[&root]), NOW.plus(DAY * 400)), ChainFault::AnchorExpired);
    assert!(matches!(fault(&strict(&[&root], vec![]), NOW), ChainFault::CrlMissing { .. }));
}
