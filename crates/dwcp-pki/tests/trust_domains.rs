//! Trust bundles: which anchor vouches for which trust domain, and for which names of a leaf.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod lab;

use dwcp_base::Coded;
use dwcp_pki::{
    AllowList, AnchorScope, ChainFault, ChainPlace, Peer, PeerIdentity, Purpose, RevocationMode, SubjectName,
    TrustBundle, TrustDomain, TrustError, TrustStore,
};
use lab::*;

const OURS: &str = "URI:spiffe://own.example/db";
const THEIRS: &str = "URI:spiffe://partner.example/web";
const STRANGE: &str = "URI:spiffe://elsewhere.example/a";

fn domain(name: &str) -> TrustDomain {
    name.parse().unwrap()
}

fn bundle(name: &str, anchors: &[&Party]) -> TrustBundle {
    TrustBundle::new(domain(name), anchors.iter().map(|party| party.der.clone()).collect()).unwrap()
}

/// Own anchors bound to `own.example`, and a bundle of `partner.example`.
fn federated(own: &[&Party], partner: &[&Party]) -> TrustStore {
    let store = lax(own).with_trust_domain(domain("own.example"));
    store.with_bundles(vec![bundle("partner.example", partner)]).unwrap()
}

fn is_refused(verdict: Result<PeerIdentity, ChainFault>, leaf: Option<&str>, anchor: AnchorScope) {
    assert_eq!(verdict, Err(ChainFault::TrustDomain { leaf: leaf.map(domain), anchor }));
}

#[test]
fn each_authority_speaks_for_its_own_trust_domain_and_for_no_other() {
    let (ours, theirs) = (Party::root("ours"), Party::root("theirs"));
    let store = federated(&[&ours], &[&theirs]);
    assert!(verdict(&store, &[&ours.leaf(&[OURS])]).is_ok());
    assert!(verdict(&store, &[&theirs.leaf(&[THEIRS])]).is_ok());
    let own = AnchorScope::Own(domain("own.example"));
    let partner = AnchorScope::Federated(vec![domain("partner.example")]);
    is_refused(verdict(&store, &[&theirs.leaf(&[OURS])]), Some("own.example"), partner.clone());
    is_refused(verdict(&store, &[&ours.leaf(&[THEIRS])]), Some("partner.example"), own.clone());
    is_refused(verdict(&store, &[&ours.leaf(&[STRANGE])]), Some("elsewhere.example"), own);
    is_refused(verdict(&store, &[&theirs.leaf(&[STRANGE])]), Some("elsewhere.example"), partner.clone());
    is_refused(verdict(&store, &[&theirs.leaf(&["DNS:db.own.example"])]), None, partner);
    // The refusal says what happened, and of which certificate.
    let minted = theirs.leaf(&[OURS]);
    let refusal = store.validate(std::slice::from_ref(&minted.der), Purpose::Client, NOW).unwrap_err();
    assert_eq!(refusal.code(), "pki.chain.trust_domain");
    assert_eq!(refusal.certificate().unwrap().place, ChainPlace::Leaf);
    let text = refusal.to_string();
    let said = "the certificate is of the trust domain own.example, and the anchor of its chain is for partner.example";
    assert!(text.starts_with(said), "{text}");
}

#[test]
fn own_anchors_that_are_not_bound_have_every_name_but_those_of_a_bundle() {
    let (ours, theirs) = (Party::root("ours"), Party::root("theirs"));
    let unbound = lax(&[&ours]);
    for name in [OURS, THEIRS, STRANGE, "DNS:db.own.example"] {
        assert!(verdict(&unbound, &[&ours.leaf(&[name])]).is_ok(), "{name}");
    }
    let store = unbound.with_bundles(vec![bundle("partner.example", &[&theirs])]).unwrap();
    for name in [OURS, STRANGE, "DNS:db.own.example"] {
        assert!(verdict(&store, &[&ours.leaf(&[name])]).is_ok(), "{name}");
    }
    is_refused(verdict(&store, &[&ours.leaf(&[THEIRS])]), Some("partner.example"), AnchorScope::Unbound);
    assert!(verdict(&store, &[&theirs.leaf(&[THEIRS])]).is_ok());
    assert!(verdict(&store, &[&theirs.leaf(&[OURS])]).is_err());
}

#[test]
fn bound_own_anchors_still_vouch_for_leaves_without_a_spiffe_id() {
    let (ours, theirs) = (Party::root("ours"), Party::root("theirs"));
    let store = federated(&[&ours], &[&theirs]);
    let identity = verdict(&store, &[&ours.leaf(&["DNS:db.own.example", "IP:192.0.2.1"])]).unwrap();
    assert_eq!(identity.names().len(), 2);
    let both = verdict(&store, &[&ours.leaf(&[OURS, "DNS:db.own.example"])]).unwrap();
    assert_eq!(both.names().len(), 2);
}

#[test]
fn a_partner_puts_no_name_into_effect_but_its_spiffe_id() {
    let (ours, theirs) = (Party::root("ours"), Party::root("theirs"));
    let store = federated(&[&ours], &[&theirs]);
    let leaf = theirs.leaf(&["DNS:db.own.example", "IP:192.0.2.1", THEIRS, "DNS:*.own.example"]);
    let identity = judge(&store, &[&leaf], Purpose::Server, NOW).unwrap();
    assert_eq!(identity.names(), [THEIRS.parse::<SubjectName>().unwrap()]);
    assert_eq!(identity.label(), "spiffe://partner.example/web");
    for name in ["DNS:db.own.example", "DNS:x.own.example", "IP:192.0.2.1", OURS] {
        let fault = identity.check_name(&name.parse().unwrap()).unwrap_err();
        assert_eq!(fault.code(), "pki.chain.name", "{name}");
    }
    assert!(identity.check_name(&THEIRS.parse().unwrap()).is_ok());
    let peer = Peer::from(identity);
    let allows = |pattern: &str| AllowList::new(vec![pattern.parse().unwrap()]).judge(&peer).is_ok();
    assert!(!allows("dns:db.own.example") && !allows("dns:**.example") && !allows("spiffe://own.example/**"));
    assert!(allows("spiffe://partner.example/*"));
}

#[test]
fn bundles_of_one_trust_domain_are_one_and_one_certificate_may_be_in_two() {
    let (ours, first, second) = (Party::root("ours"), Party::root("first"), Party::root("second"));
    let store = federated(&[&ours], &[&first]);
    let store = store.with_bundles(vec![bundle("partner.example", &[&second, &second])]).unwrap();
    assert!(verdict(&store, &[&first.leaf(&[THEIRS])]).is_ok());
    assert!(verdict(&store, &[&second.leaf(&[THEIRS])]).is_ok());
    assert_eq!(store.anchors_of(&domain("partner.example")).count(), 2);
    // The same root for one domain more, and as an own one.
    let store = store.with_bundles(vec![bundle("elsewhere.example", &[&second, &ours])]).unwrap();
    assert_eq!(store.anchors().count(), 3);
    assert_eq!(
        store.federated().map(TrustDomain::as_str).collect::<Vec<_>>(),
        ["elsewhere.example", "partner.example"]
    );
    for name in [THEIRS, STRANGE] {
        assert!(verdict(&store, &[&second.leaf(&[name])]).is_ok(), "{name}");
    }
    assert!(verdict(&store, &[&second.leaf(&[OURS])]).is_err());
    let two_ways = [&ours.leaf(&[OURS, "DNS:a.example"]), &ours.leaf(&[STRANGE, "DNS:a.example"])];
    assert_eq!(verdict(&store, &two_ways[..1]).unwrap().names().len(), 2);
    assert_eq!(verdict(&store, &two_ways[1..]).unwrap().names().len(), 1);
}

#[test]
fn a_bundle_of_the_own_trust_domain_adds_to_the_own_anchors() {
    let (ours, more) = (Party::root("ours"), Party::root("more"));
    let bundles = || vec![bundle("own.example", &[&more])];
    let before = lax(&[&ours]).with_trust_domain(domain("own.example")).with_bundles(bundles()).unwrap();
    let after = lax(&[&ours]).with_bundles(bundles()).unwrap().with_trust_domain(domain("own.example"));
    for store in [before, after] {
        assert_eq!(store.federated().count(), 0);
        for root in [&ours, &more] {
            let identity = verdict(&store, &[&root.leaf(&[OURS, "DNS:db.own.example"])]).unwrap();
            assert_eq!(identity.names().len(), 2);
            assert!(verdict(&store, &[&root.leaf(&["DNS:db.own.example"])]).is_ok());
        }
    }
}

#[test]
fn an_issuer_that_was_judged_before_is_bound_like_a_new_one() {
    let (ours, theirs) = (Party::root("ours"), Party::root("theirs"));
    let sub = theirs.authority("sub", |_| {});
    let store = federated(&[&ours], &[&theirs]);
    // The first is judged by the whole path, the others by what was remembered of their issuer.
    for _ in 0..3 {
        let identity = verdict(&store, &[&sub.leaf(&[THEIRS, "DNS:db.own.example"]), &sub]).unwrap();
        assert_eq!(identity.names().len(), 1);
        let partner = AnchorScope::Federated(vec![domain("partner.example")]);
        is_refused(verdict(&store, &[&sub.leaf(&[OURS]), &sub]), Some("own.example"), partner.clone());
        is_refused(verdict(&store, &[&sub.leaf(&["DNS:db.own.example"]), &sub]), None, partner);
    }
    // And what was remembered under one binding is not under another.
    let unbound = lax(&[&theirs]);
    assert!(verdict(&unbound, &[&sub.leaf(&[OURS]), &sub]).is_ok());
    assert!(verdict(&unbound.with_trust_domain(domain("x.example")), &[&sub.leaf(&[OURS]), &sub]).is_err());
}

#[test]
fn a_path_to_an_anchor_that_does_not_vouch_does_not_hide_one_that_does() {
    let (ours, theirs) = (Party::root("ours"), Party::root("theirs"));
    // Each has certified the other; the own root must not lend its word to the partner's names.
    let crossed = ours.cross_sign(&theirs, |_| {});
    let back = theirs.cross_sign(&ours, |_| {});
    let leaf = theirs.leaf(&[THEIRS]);
    let bound = lax(&[&ours]).with_trust_domain(domain("own.example"));
    assert!(verdict(&bound, &[&leaf, &crossed]).is_err());
    let store = federated(&[&ours], &[&theirs]);
    assert_eq!(verdict(&store, &[&leaf, &crossed, &back]).unwrap().names().len(), 1);
    assert!(verdict(&store, &[&ours.leaf(&[OURS]), &back, &crossed]).is_ok());
    // What we certified of the partner's root ourselves speaks for our domain, as any authority below ours.
    assert!(verdict(&store, &[&theirs.leaf(&[OURS]), &crossed]).is_ok());
    assert!(verdict(&store, &[&theirs.leaf(&[OURS])]).is_err());
}

#[test]
fn two_certificates_of_one_key_each_vouch_for_their_own() {
    let theirs = Party::root("theirs");
    let again = theirs.reissued(|p| p.not_after = date(NOW.plus(DAY)));
    let store = lax(&[&theirs]).with_trust_domain(domain("own.example"));
    let store = store.with_bundles(vec![bundle("partner.example", &[&again])]).unwrap();
    assert_eq!(verdict(&store, &[&theirs.leaf(&[OURS, "DNS:a.example"])]).unwrap().names().len(), 2);
    assert_eq!(verdict(&store, &[&theirs.leaf(&[THEIRS, "DNS:a.example"])]).unwrap().names().len(), 1);
    assert!(verdict(&store, &[&theirs.leaf(&[STRANGE])]).is_err());
}

#[test]
fn a_revoked_certificate_of_the_wrong_domain_is_called_revoked() {
    let (ours, theirs) = (Party::root("ours"), Party::root("theirs"));
    let minted = theirs.leaf(&[OURS]);
    let crls = vec![ours.crl(1, &[]), theirs.crl(1, &[&minted])];
    let store = strict(&[&ours], crls).with_trust_domain(domain("own.example"));
    let store = store.with_bundles(vec![bundle("partner.example", &[&theirs])]).unwrap();
    assert_eq!(verdict(&store, &[&minted]).unwrap_err().code(), "pki.chain.revoked");
}

#[test]
fn an_identity_ends_with_the_binding_it_was_made_under() {
    let (ours, theirs) = (Party::root("ours"), Party::root("theirs"));
    let store = federated(&[&ours], &[&theirs]);
    let partner = verdict(&store, &[&theirs.leaf(&[THEIRS, "DNS:db.own.example"])]).unwrap();
    let own = verdict(&store, &[&ours.leaf(&[OURS, "DNS:a.example"])]).unwrap();
    let code = |store: &TrustStore, identity: &PeerIdentity| {
        store.recheck(identity, NOW).map_err(|error| error.code()).err()
    };
    assert_eq!((code(&store, &partner), code(&store, &own)), (None, None));
    let gone = Some("pki.chain.trust_domain");
    let alone = lax(&[&ours]).with_trust_domain(domain("own.example"));
    assert_eq!((code(&alone, &partner), code(&alone, &own)), (Some("pki.chain.unknown_issuer"), None));
    // The root is still here, but for another domain.
    let moved = alone.clone().with_bundles(vec![bundle("elsewhere.example", &[&theirs])]).unwrap();
    assert_eq!(code(&moved, &partner), gone);
    let renamed = lax(&[&ours]).with_trust_domain(domain("new.example"));
    assert_eq!(code(&renamed, &own), gone);
    let taken = lax(&[&theirs]).with_bundles(vec![bundle("own.example", &[&theirs])]).unwrap();
    assert_eq!(code(&taken, &own), Some("pki.chain.unknown_issuer"));
    // A root that becomes a partner's keeps no identity with names that a partner's has not.
    let demoted = lax(&[&theirs]).with_bundles(vec![bundle("own.example", &[&ours])]).unwrap();
    assert_eq!(code(&demoted, &own), Some("pki.chain.names"));
    let bare = verdict(&store, &[&ours.leaf(&[OURS])]).unwrap();
    assert_eq!(code(&demoted, &bare), None);
}

#[test]
fn a_bundle_of_nothing_or_of_no_authority_is_refused() {
    let root = Party::root("root");
    let make = |anchors| TrustBundle::new(domain("partner.example"), anchors).map(|_| ());
    let error = make(Vec::new()).unwrap_err();
    assert_eq!(error.code(), "pki.trust.bundle_size");
    assert_eq!(error.to_string(), "the bundle of partner.example has 0 anchors; 1 to 256 are taken in");
    assert!(matches!(make(vec![root.der.clone(); 257]), Err(TrustError::BundleSize { anchors: 257, .. })));
    assert!(make(vec![root.der.clone(); 256]).is_ok());
    assert!(matches!(make(vec![root.leaf(&[OURS]).der]), Err(TrustError::NotAnAuthority { .. })));
    assert!(matches!(make(vec![vec![0x30, 0x80].into()]), Err(TrustError::Anchor(_))));
    let many = (0..257).map(|n| bundle(&format!("d{n}.example"), &[&root])).collect();
    assert!(matches!(lax(&[&root]).with_bundles(many), Err(TrustError::TooManyBundles)));
}

#[test]
fn the_lists_of_a_partner_are_counted_apart_from_the_own() {
    let (ours, theirs) = (Party::root("ours"), Party::root("theirs"));
    let sooner = theirs.crl_with(1, &[], |p| p.next_update = date(NOW.plus(MINUTE)));
    let store = strict(&[&ours], vec![ours.crl(1, &[]), sooner]).with_trust_domain(domain("own.example"));
    assert_eq!(store.crl_expiry(), Some(NOW.plus(DAY)));
    let store = store.with_bundles(vec![bundle("partner.example", &[&theirs])]).unwrap();
    assert_eq!(store.crl_expiry(), Some(NOW.plus(DAY)));
    assert_eq!(store.crl_expiry_of(&domain("partner.example")), Some(NOW.plus(MINUTE)));
    assert_eq!(store.crl_expiry_of(&domain("elsewhere.example")), None);
    assert_eq!(store.mode(), RevocationMode::Required);
    assert!(verdict(&store, &[&theirs.leaf(&[THEIRS])]).is_ok());
}

#[test]
fn an_identity_has_the_names_that_its_certificate_has_by_the_same_rules() {
    let root = Party::root("root");
    let names = ["DNS:a.example", "DNS:*.b.example", "IP:192.0.2.1", "IP:2001:db8::1", OURS];
    let leaf = root.leaf(&names);
    let identity = judge(&lax(&[&root]), &[&leaf], Purpose::Server, NOW).unwrap();
    for asked in [
        "DNS:a.example",
        "DNS:A.EXAMPLE",
        "DNS:x.a.example",
        "DNS:example",
        "DNS:x.b.example",
        "DNS:X.B.example",
        "DNS:x.y.b.example",
        "DNS:b.example",
        "DNS:a.example.evil.example",
        "DNS:_x.b.example",
        "IP:192.0.2.1",
        "IP:192.0.2.2",
        "IP:2001:db8::1",
        OURS,
        THEIRS,
        "URI:spiffe://own.example",
        "EMAIL:a@a.example",
    ] {
        let name: SubjectName = asked.parse().unwrap();
        let of_leaf = dwcp_pki::check_server_name(&leaf.der, &name);
        assert_eq!(identity.check_name(&name), of_leaf, "{asked}");
    }
    // Names that no reader lets through, made by hand.
    let by_hand =
        ["A.Example", "a.example.", "a.example..", ".", "", "*.b.example", "x.*.example", ".b.example", "*"];
    for name in by_hand.map(|text| SubjectName::Dns(text.to_owned())) {
        let of_leaf = dwcp_pki::check_server_name(&leaf.der, &name);
        assert_eq!(identity.check_name(&name), of_leaf, "{name}");
    }
}

#[test]
fn a_bundle_has_signed_the_lists_of_its_own_anchors_and_no_others() {
    let theirs = Party::root("theirs");
    let rack = theirs.authority("rack", |_| {});
    let of_root = bundle("partner.example", &[&theirs]);
    assert!(of_root.signed(&theirs.crl(1, &[])));
    assert!(!of_root.signed(&rack.crl(1, &[])), "of an authority below");
    assert!(!of_root.signed(&Party::root("theirs").crl(1, &[])), "of the name, by another key");
    let renamed = theirs.reissued(|params| {
        params.distinguished_name.push(rcgen::DnType::OrganizationName, "other");
    });
    assert!(!of_root.signed(&renamed.crl(1, &[])), "by the key, under another name");

    // Beside its root the authority below is an anchor whose list can be brought.
    let of_both = bundle("partner.example", &[&theirs, &rack]);
    let lists = vec![Party::root("ours").crl(1, &[]), rack.crl(1, &[])];
    assert!(of_both.signed(&lists[1]));
    let ours = Party::root("ours");
    let store = strict(&[&ours], lists).with_trust_domain(domain("own.example"));
    let leaf = rack.leaf(&[THEIRS]);
    let with = |bundle: &TrustBundle| store.clone().with_bundles(vec![bundle.clone()]).unwrap();
    let missing = judge(&with(&of_root), &[&leaf, &rack], Purpose::Client, NOW).unwrap_err();
    assert_eq!(missing.code(), "pki.chain.crl_missing");
    let both = with(&of_both).with_profile(dwcp_pki::Profile::Mesh);
    assert!(judge(&both, &[&leaf, &rack], Purpose::Client, NOW).is_ok());
}
