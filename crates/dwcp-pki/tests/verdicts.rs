//! Which verdict leads, and that judging again asks no less than judging did.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod lab;

use dwcp_base::Coded;
use dwcp_pki::{
    Certificate, CertificateChain, ChainFault, ChainPlace, PolicyRequirements, Profile, Purpose,
    RevocationMode, TrustStore,
};
use lab::*;
use rcgen::{BasicConstraints, CertificateParams, GeneralSubtree, IsCa, KeyUsagePurpose, NameConstraints};

const WEB: &str = "URI:spiffe://mesh.example/web";

fn only(domain: &str) -> Option<NameConstraints> {
    let permitted_subtrees = vec![GeneralSubtree::DnsName(domain.to_owned())];
    Some(NameConstraints { permitted_subtrees, excluded_subtrees: Vec::new() })
}

fn off(anchors: &[&Party]) -> TrustStore {
    trust(anchors, Vec::new(), RevocationMode::Off)
}

#[test]
fn a_revoked_certificate_leads_whatever_else_is_wrong() {
    let code =
        |store: &TrustStore, chain: &[&Party]| judge(store, chain, Purpose::Client, NOW).unwrap_err().code();
    let short = Party::root_with("root", |p| p.is_ca = IsCa::Ca(BasicConstraints::Constrained(0)));
    let sub = short.authority("sub", |_| {});
    let leaf = sub.leaf(&[WEB]);
    let store = strict(&[&short], vec![short.crl(1, &[]), sub.crl(1, &[&leaf])]);
    assert_eq!(code(&store, &[&leaf, &sub]), "pki.chain.revoked", "beyond the anchor's path length");

    let root = Party::root("root");
    let named = root.authority("named", |p| p.name_constraints = only("example"));
    let outside = named.leaf(&["DNS:a.other"]);
    let store = strict(&[&root], vec![root.crl(1, &[]), named.crl(1, &[&outside])]);
    assert_eq!(code(&store, &[&outside, &named]), "pki.chain.revoked", "outside its issuer's names");

    let no_sign = root.authority("no sign", |p| p.key_usages = vec![KeyUsagePurpose::CrlSign]);
    let below = no_sign.leaf(&[WEB]);
    let store = strict(&[&root], vec![root.crl(1, &[&no_sign]), no_sign.crl(1, &[])]);
    assert_ne!(code(&store, &[&below, &no_sign]), "pki.chain.revoked", "what is no authority is on no path");

    // No moment suits both: the leaf had ended when the certificate of its issuer was renewed.
    let issuer = root.authority("sub", |p| p.not_before = date(NOW.minus(HOUR * 4)));
    let ended = |p: &mut CertificateParams| {
        (p.not_before, p.not_after) = (date(NOW.minus(HOUR * 3)), date(NOW.minus(HOUR)));
    };
    let ended = issuer.leaf_with(&[WEB], ended);
    let renewed = root.cross_sign(&issuer, |p| {
        p.not_before = date(NOW.minus(MINUTE));
        p.serial_number = Some(vec![8].into());
    });
    let store = strict(&[&root], vec![root.crl(1, &[]), issuer.crl(1, &[&ended])]);
    for shown in [&issuer, &renewed] {
        assert_eq!(code(&store, &[&ended, shown]), "pki.chain.revoked");
    }
    // It is still the node's own: the node starts, says so and renews.
    let own = CertificateChain::from_der_list(&[ended.der.clone(), renewed.der.clone()]).unwrap();
    assert_eq!(store.covers(&own), Ok(()));
    let stranger = Party::root("root");
    assert!(off(&[&stranger]).covers(&own).is_err());
}

#[test]
fn of_several_certificates_of_an_anchor_one_that_will_do_is_enough() {
    let old = Party::root_with("root", |p| p.is_ca = IsCa::Ca(BasicConstraints::Constrained(0)));
    let renewed = old.reissued(|p| {
        p.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        p.serial_number = Some(vec![7].into());
    });
    let sub = renewed.authority("sub", |_| {});
    let leaf = sub.leaf(&[WEB]);
    for anchors in [[&old, &renewed], [&renewed, &old]] {
        assert!(verdict(&off(&anchors), &[&leaf, &sub]).is_ok());
    }
    assert_eq!(verdict(&off(&[&old]), &[&leaf, &sub]).unwrap_err().code(), "pki.chain.authority");
}

#[test]
fn judging_again_asks_no_less_than_judging() {
    let root = Party::root("root");
    let sub = root.authority("sub", |_| {});
    let leaf = sub.leaf(&["DNS:a.other"]);
    let first = off(&[&root]);
    let identity = judge(&first, &[&leaf, &sub], Purpose::Server, NOW).unwrap();
    let again = |store: &TrustStore| store.recheck(&identity, NOW).by_rule().map_err(|fault| fault.code());
    assert_eq!(again(&first), Ok(()));
    let policies = PolicyRequirements::default().accepting("1.2.3").unwrap().explicit();
    for stricter in [first.clone().with_max_depth(0), first.clone().with_policies(policies)] {
        assert!(judge(&stricter, &[&leaf, &sub], Purpose::Server, NOW).is_err());
        assert_eq!(again(&stricter), Err("pki.chain.rules_changed"));
    }
    for laxer in [first.clone().with_max_depth(1), first.clone().with_profile(Profile::Interop)] {
        assert_eq!(again(&laxer), Ok(()));
    }
    // The root again, under another certificate: one that asks more was never held against this chain.
    assert_eq!(again(&off(&[&root.reissued(|p| p.serial_number = Some(vec![7].into()))])), Ok(()));
    let constrained = off(&[&root.reissued(|p| p.name_constraints = only("example"))]);
    assert!(judge(&constrained, &[&leaf, &sub], Purpose::Server, NOW).is_err());
    assert!(again(&constrained).is_err());

    let bare = root.leaf_with(&[WEB], |p| p.extended_key_usages = Vec::new());
    let loose = off(&[&root]).with_profile(Profile::Interop);
    let identity = judge(&loose, &[&bare], Purpose::Server, NOW).unwrap();
    let mesh = loose.clone().with_profile(Profile::Mesh).recheck(&identity, NOW).by_rule();
    assert_eq!(mesh, Err(ChainFault::RulesChanged));
    assert_eq!(loose.recheck(&identity, NOW).by_rule(), Ok(()));
}

#[test]
fn a_blocked_authority_is_the_one_that_is_named_when_it_is_judged_again() {
    let root = Party::root("root");
    let sub = root.authority("sub", |_| {});
    let leaf = sub.leaf(&[WEB]);
    let identity = judge(&off(&[&root]), &[&leaf, &sub], Purpose::Client, NOW).unwrap();
    let pin = |party: &Party| Certificate::from_der(&party.der).unwrap().key_pin();
    for (blocked, place) in
        [(&leaf, Some(ChainPlace::Leaf)), (&sub, Some(ChainPlace::Intermediate(1))), (&root, None)]
    {
        let store = off(&[&root]).with_blocked_keys([pin(blocked)]);
        let error = store.recheck(&identity, NOW).unwrap_err();
        assert_eq!(*error.fault(), ChainFault::KeyRevoked { pin: pin(blocked) });
        assert_eq!(error.certificate().map(|member| member.place), place);
    }
}
