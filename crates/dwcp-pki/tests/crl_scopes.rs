//! CRLs that speak for some certificates of their issuer alone, and what is never asked of one's own certificate.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod lab;

use dwcp_base::Coded;
use dwcp_pki::{CertificateChain, ChainFault, Crl, Purpose, RevocationChecked, RevocationMode};
use lab::*;
use rcgen::{CrlDistributionPoint, CrlIssuingDistributionPoint, CrlScope};

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
