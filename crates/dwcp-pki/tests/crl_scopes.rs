//! CRLs that speak for some certificates of their issuer alone, and what is never asked of one's own certificate.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod lab;

use dwcp_base::{Coded, LocalDisk};
use dwcp_crypto::{KeyType, SigningKey};
use dwcp_pki::{
    AuthorityParams, AuthorityUrls, CertificateAuthority, CertificateChain, CertificateRequest, ChainFault,
    Crl, IssuancePolicy, Purpose, RevocationChecked, RevocationMode, TrustStore,
};
use lab::*;
use rcgen::{CrlDistributionPoint, CrlIssuingDistributionPoint, CrlScope};
use std::sync::Arc;

const WEB: &str = "URI:spiffe://mesh.example/web";

fn point(name: &str) -> CrlDistributionPoint {
    CrlDistributionPoint { uris: vec![format!("http://crl.example/{name}")] }
}

fn scoped(issuer: &Party, name: &str, scope: Option<CrlScope>, revoked: &[&Party]) -> Crl {
    issuer.crl_with(1, revoked, |p| {
        p.issuing_distribution_point =
            Some(CrlIssuingDistributionPoint { distribution_point: point(name), scope });
    })
}

#[test]
fn at_x1_every_distribution_point_of_a_certificate_is_looked_at_and_a_recheck_agrees() {
    let root = Party::root("root");
    for names in [&["a"][..], &["b", "a"], &["b", "c", "a"]] {
        let leaf =
            root.leaf_with(&[WEB], |p| p.crl_distribution_points = names.iter().map(|n| point(n)).collect());
        let store =
            |name: &str, revoked: &[&Party]| strict(&[&root], vec![scoped(&root, name, None, revoked)]);
        let identity = verdict(&store("a", &[]), &[&leaf]).unwrap();
        assert_eq!(identity.revocation(), RevocationChecked::Covered);
        assert_eq!(verdict(&store("z", &[]), &[&leaf]).unwrap_err().code(), "pki.chain.crl_missing");
        let recheck = |name: &str| store(name, &[]).recheck(&identity, NOW).by_rule();
        assert_eq!(recheck("a"), Ok(()));
        assert_eq!(recheck("z").unwrap_err().code(), "pki.chain.crl_missing");
        // Listed is listed, in whatever scope the issuer says so.
        let revoked = ChainFault::Revoked { serial: leaf.serial() };
        for name in ["a", "z"] {
            assert_eq!(verdict(&store(name, &[&leaf]), &[&leaf]), Err(revoked.clone()), "{name}");
        }
    }
}

#[test]
fn at_x1_a_crl_of_a_point_covers_no_certificate_that_names_none() {
    // What is revoked of such a certificate stands in another CRL (RFC 5280 §6.3.3 (b)(2)(i)).
    let root = Party::root("root");
    let leaf = root.leaf(&[WEB]);
    for scope in [None, Some(CrlScope::UserCertsOnly)] {
        let silent = scoped(&root, "a", scope, &[]);
        let store = strict(&[&root], vec![silent.clone()]);
        assert_eq!(verdict(&store, &[&leaf]).unwrap_err().code(), "pki.chain.crl_missing");
        // Nor do several of them together, whatever one of its own says beside them.
        let store = strict(&[&root], vec![silent, scoped(&root, "b", None, &[]), root.crl(1, &[&leaf])]);
        assert_eq!(verdict(&store, &[&leaf]), Err(ChainFault::Revoked { serial: leaf.serial() }));
    }
}

#[test]
fn lists_and_certificates_of_one_authority_find_each_other_with_and_without_a_place() {
    for place in [None, Some("http://crl.example/a.crl")] {
        let directory = tempfile::tempdir().unwrap();
        let urls = AuthorityUrls { crl: place.map(|url| url.parse().unwrap()), ..AuthorityUrls::default() };
        let params = AuthorityParams { urls, ..AuthorityParams::new("Mesh CA") };
        let at = directory.path().join("ca");
        let authority = CertificateAuthority::create(Arc::new(LocalDisk), &at, &params, NOW).unwrap();
        let key = SigningKey::generate(KeyType::EcdsaP256).unwrap();
        let request = CertificateRequest::generate(&key, &[WEB.parse().unwrap()]).unwrap();
        let chain = authority.issue(&request, &IssuancePolicy::default(), NOW).unwrap();
        let anchor = authority.certificate().certificate_der().clone();
        let crl = authority.crl(NOW).unwrap();
        let store = TrustStore::new(vec![anchor], vec![crl], RevocationMode::Required).unwrap();
        let store = store.with_deltas(vec![authority.delta_crl(NOW).unwrap()]).unwrap();
        let identity = store.validate(&chain.ders(), Purpose::Client, NOW).unwrap();
        assert_eq!(identity.revocation(), RevocationChecked::Covered, "{place:?}");
    }
}

#[test]
fn a_crl_for_leaves_does_not_cover_authorities_nor_the_other_way_round() {
    let root = Party::root("root");
    let with_point = |p: &mut rcgen::CertificateParams| p.crl_distribution_points = vec![point("a")];
    let sub = root.authority("sub", with_point);
    let (leaf, of_sub) = (root.leaf_with(&[WEB], with_point), sub.leaf(&[WEB]));
    let check = |scope: Option<CrlScope>, chain: &[&Party]| {
        let store = strict(&[&root], vec![scoped(&root, "a", scope, &[]), sub.crl(1, &[])]);
        verdict(&store, chain).map_or_else(|error| error.code(), |_| "ok")
    };
    for (scope, of_leaf, of_authority) in [
        (None, "ok", "ok"),
        (Some(CrlScope::UserCertsOnly), "ok", "pki.chain.crl_missing"),
        (Some(CrlScope::CaCertsOnly), "pki.chain.crl_missing", "ok"),
    ] {
        assert_eq!(check(scope, &[&leaf]), of_leaf, "{scope:?}");
        assert_eq!(check(scope, &[&of_sub, &sub]), of_authority, "{scope:?}");
    }
}

#[test]
fn ones_own_certificate_waits_for_no_crl_and_is_refused_when_one_lists_it() {
    let root = Party::root("root");
    let leaf = root.leaf(&[WEB]);
    let chain = CertificateChain::from_der_list(std::slice::from_ref(&leaf.der)).unwrap();
    let stale =
        |revoked: &[&Party]| root.crl_with(1, revoked, |p| p.next_update = date(NOW.minus(MINUTE / 2)));
    let early = root.crl_with(1, &[], |p| p.this_update = date(NOW.plus(HOUR)));
    let forged = Party::root("root").crl(9, &[&leaf]);
    for mode in [RevocationMode::Required, RevocationMode::WhereKnown, RevocationMode::Off] {
        for crls in [vec![], vec![stale(&[])], vec![early.clone()], vec![forged.clone()]] {
            let own = trust(&[&root], crls, mode).validate_own(&chain, Purpose::Any, NOW).by_rule();
            assert!(own.is_ok(), "{mode:?}: {own:?}");
        }
        let listed =
            trust(&[&root], vec![stale(&[&leaf])], mode).validate_own(&chain, Purpose::Any, NOW).by_rule();
        assert_eq!(listed, Err(ChainFault::Revoked { serial: leaf.serial() }));
    }
}
