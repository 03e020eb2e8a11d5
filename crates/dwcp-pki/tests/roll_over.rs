//! One root takes over from another: overlap, cross-certificates, the end of the old one, and what is told of it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod lab;

use dwcp_base::{Coded, Recorder};
use dwcp_crypto::{Secret, SigningKey};
use dwcp_pki::{
    CertificateChain, CertificateStore, ChainFault, Credential, Event, TrustBundle, TrustDomain, TrustStore,
};
use lab::*;
use std::sync::Arc;

const WEB: &str = "URI:spiffe://mesh.example/web";
const DB: &str = "URI:spiffe://mesh.example/db";

fn credential(chain: &[&Party]) -> Credential {
    let ders: Vec<_> = chain.iter().map(|party| party.der.clone()).collect();
    let key = SigningKey::from_pkcs8(Secret::from(chain[0].key.serialize_der())).unwrap();
    Credential::new(CertificateChain::from_der_list(&ders).unwrap(), key).unwrap()
}

fn domain(name: &str) -> TrustDomain {
    name.parse().unwrap()
}

fn bundle(name: &str, anchors: &[&Party]) -> TrustBundle {
    TrustBundle::new(domain(name), anchors.iter().map(|party| party.der.clone()).collect()).unwrap()
}

/// A store and what it tells.
fn observed(own: Credential, trust: TrustStore) -> (CertificateStore, Arc<Recorder<Event>>) {
    let events = Arc::new(Recorder::with_capacity(64));
    let store = CertificateStore::new(own, trust).unwrap().observed_by(Arc::clone(&events) as _);
    (store, events)
}

/// What was told about lost trust: anchors and trust domains.
fn contractions(events: &Recorder<Event>) -> Vec<(usize, String)> {
    let lost = |event: &Event| match event {
        Event::TrustContracted { anchors, trust_domains, .. } => Some((*anchors, trust_domains.clone())),
        _ => None,
    };
    events.events().iter().filter_map(lost).collect()
}

#[test]
fn a_root_rolls_over_without_a_moment_in_which_a_good_peer_is_refused() {
    let (old, new) = (Party::root("Mesh Root 1"), Party::root("Mesh Root 2"));
    let crossed = old.cross_sign(&new, |_| {});
    let (ours, of_old, of_new) = (old.leaf(&[WEB]), old.leaf(&[DB]), new.leaf(&[DB]));
    let (store, events) = observed(credential(&[&ours]), lax(&[&old]));
    let trust = || Arc::clone(store.current().trust());

    // Before: whoever was issued by the new root shows the cross-certificate, and leads to the old one.
    let early = verdict(&trust(), &[&of_new, &crossed]).unwrap();
    assert_eq!(verdict(&trust(), &[&of_new]), Err(ChainFault::UnknownIssuer));
    let lasting = verdict(&trust(), &[&of_old]).unwrap();

    // Overlap: both are anchors. Nothing was lost, so nothing is told of a loss.
    store.install_trust(lax(&[&old, &new])).unwrap();
    for chain in [&[&of_old][..], &[&of_new], &[&of_new, &crossed], &[&of_old, &crossed]] {
        assert!(verdict(&trust(), chain).is_ok());
    }
    let late = verdict(&trust(), &[&of_new, &crossed]).unwrap();
    assert_eq!(contractions(&events), []);

    // A peer that only trusts the old root, and one that only trusts the new, both take what has moved over.
    assert!(verdict(&lax(&[&old]), &[&of_new, &crossed]).is_ok());
    assert!(verdict(&lax(&[&new]), &[&of_new, &crossed]).is_ok());

    // The own certificate has to move before the old root can go.
    assert!(store.install_trust(lax(&[&new])).is_err());
    store.install_credential(credential(&[&new.leaf(&[WEB]), &crossed])).unwrap();
    assert_eq!(contractions(&events), [], "a change of certificate takes no trust away");
    for identity in [&early, &late, &lasting] {
        assert_eq!(trust().recheck(identity, NOW), Ok(()));
    }

    // After: the old root is gone, and with it whoever it alone vouched for.
    let number = store.install_trust(lax(&[&new])).unwrap();
    let told = events.events();
    assert_eq!(
        told[told.len() - 2..],
        [
            Event::TrustChanged { generation: number, anchors: 1, crls: 0 },
            Event::TrustContracted { generation: number, anchors: 1, trust_domains: String::new() },
        ]
    );
    let refusal = trust().recheck(&lasting, NOW).unwrap_err();
    assert_eq!((refusal.code(), refusal.is_revocation()), ("pki.chain.unknown_issuer", false));
    for identity in [&early, &late] {
        assert_eq!(trust().recheck(identity, NOW), Ok(()), "the new root vouches for it");
    }
    assert!(verdict(&trust(), &[&of_new, &crossed]).is_ok());
    assert_eq!(verdict(&trust(), &[&of_old]), Err(ChainFault::UnknownIssuer));
}

#[test]
fn a_shorter_path_stands_in_only_for_a_root_that_asks_nothing_besides() {
    let old = Party::root("old");
    let plain = Party::root("new");
    let crossed = old.cross_sign(&plain, |_| {});
    let leaf = plain.leaf(&[WEB]);
    let identity = verdict(&lax(&[&old]), &[&leaf, &crossed]).unwrap();
    assert_eq!(lax(&[&plain]).recheck(&identity, NOW), Ok(()));
    // The same key under a certificate that would have to be held against the leaf's names, purposes or depth.
    let bound = plain.reissued(|p| {
        p.name_constraints = Some(rcgen::NameConstraints {
            permitted_subtrees: vec![rcgen::GeneralSubtree::DnsName("other.example".to_owned())],
            excluded_subtrees: Vec::new(),
        });
    });
    let narrow = plain.reissued(|p| p.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth]);
    for root in [&bound, &narrow] {
        let refusal = lax(&[root]).recheck(&identity, NOW).unwrap_err();
        assert_eq!(refusal.code(), "pki.chain.unknown_issuer");
    }
    let ended = plain.reissued(|p| p.not_after = date(NOW.minus(MINUTE)));
    assert!(lax(&[&ended]).recheck(&identity, NOW).is_err());
    // A revocation stays one, whichever path is left.
    let revoked = strict(&[&plain], vec![plain.crl(1, &[&leaf])]);
    assert!(revoked.recheck(&identity, NOW).unwrap_err().is_revocation());
}

#[test]
fn a_renewed_root_with_the_same_key_is_the_same_anchor() {
    let root = Party::root_with("root", |p| p.not_after = date(NOW.plus(HOUR)));
    let renewed = root.reissued(|p| {
        p.not_after = date(NOW.plus(DAY * 3_650));
        p.serial_number = Some(vec![0x22].into());
    });
    let peer = root.leaf(&[DB]);
    let (store, events) = observed(credential(&[&root.leaf(&[WEB])]), lax(&[&root]));
    let identity = verdict(store.current().trust(), &[&peer]).unwrap();
    store.install_trust(lax(&[&renewed])).unwrap();
    assert_eq!(contractions(&events), []);
    let trust = Arc::clone(store.current().trust());
    assert_eq!(trust.recheck(&identity, NOW), Ok(()));
    assert!(verdict(&trust, &[&peer]).is_ok());
    assert!(verdict(&trust, &[&peer, &root, &renewed]).is_ok(), "either root may be presented");
}

#[test]
fn at_x12_an_expired_alternative_path_beside_a_good_one_does_no_harm() {
    // As AddTrust ended: servers go on showing a cross-certificate below a root that has expired.
    let ended = NOW.minus(MINUTE);
    let legacy = Party::root_with("legacy", |p| p.not_after = date(ended));
    let modern = Party::root("modern");
    let crossed = legacy.cross_sign(&modern, |p| p.not_after = date(ended));
    let sub = modern.authority("sub", |_| {});
    let leaf = sub.leaf(&[WEB]);
    for anchors in [&[&modern][..], &[&legacy, &modern], &[&modern, &legacy]] {
        for chain in [
            &[&leaf, &sub, &crossed, &legacy][..],
            &[&leaf, &crossed, &legacy, &sub],
            &[&leaf, &legacy, &crossed, &sub, &modern],
            &[&leaf, &sub],
        ] {
            assert!(verdict(&lax(anchors), chain).is_ok());
        }
    }
    // Without the good anchor the bad path is refused for what it is.
    let refusal = verdict(&lax(&[&legacy]), &[&leaf, &sub, &crossed]).unwrap_err();
    assert!(matches!(refusal, ChainFault::Expired { .. } | ChainFault::AnchorExpired), "{refusal}");
}

#[test]
fn at_x12_loops_of_cross_certificates_end() {
    let (a, b, c) = (Party::root("a"), Party::root("b"), Party::root("c"));
    let circle = [a.cross_sign(&b, |_| {}), b.cross_sign(&c, |_| {}), c.cross_sign(&a, |_| {})];
    let leaf = c.leaf(&[WEB]);
    let chain: Vec<&Party> = std::iter::once(&leaf).chain(&circle).collect();
    let stranger = Party::root("stranger");
    assert_eq!(verdict(&lax(&[&stranger]), &chain), Err(ChainFault::UnknownIssuer));
    for anchor in [&a, &b, &c] {
        assert!(verdict(&lax(&[anchor]), &chain).is_ok());
    }
    // Two that certify each other, and one that certifies itself anew.
    let pair = [a.cross_sign(&b, |_| {}), b.cross_sign(&a, |_| {})];
    let again = a.reissued(|p| p.serial_number = Some(vec![0x23].into()));
    let leaf = a.leaf(&[WEB]);
    let chain = [&leaf, &pair[1], &pair[0], &again, &a];
    assert_eq!(verdict(&lax(&[&stranger]), &chain), Err(ChainFault::UnknownIssuer));
    assert!(verdict(&lax(&[&b]), &chain).is_ok());
}

#[test]
fn what_is_lost_is_told_by_anchors_and_by_trust_domains() {
    let own = Party::root("own");
    let (first, second) = (Party::root("first"), Party::root("second"));
    let all = || lax(&[&own]).with_trust_domain(domain("mesh.example"));
    let whole = || {
        let bundles = vec![bundle("one.example", &[&first, &second]), bundle("two.example", &[&second])];
        all().with_bundles(bundles).unwrap()
    };
    let (store, events) = observed(credential(&[&own.leaf(&[WEB])]), whole());
    store.install_trust(whole()).unwrap();
    assert_eq!(contractions(&events), [], "the same again");
    // One anchor of a bundle, which stays in another.
    let bundles = vec![bundle("one.example", &[&first]), bundle("two.example", &[&second])];
    store.install_trust(all().with_bundles(bundles).unwrap()).unwrap();
    assert_eq!(contractions(&events), [(1, String::new())]);
    // A whole trust domain, then the last one.
    store.install_trust(all().with_bundles(vec![bundle("one.example", &[&first])]).unwrap()).unwrap();
    assert_eq!(contractions(&events)[1..], [(1, "two.example".to_owned())]);
    store.install_trust(all()).unwrap();
    assert_eq!(contractions(&events)[2..], [(1, "one.example".to_owned())]);
    // More trust takes nothing away, and neither does binding what was not bound.
    store.install_trust(whole()).unwrap();
    assert_eq!(contractions(&events).len(), 3);
    let (unbound, told) = observed(credential(&[&own.leaf(&[WEB])]), lax(&[&own]));
    unbound.install_trust(all()).unwrap();
    assert_eq!(contractions(&told), []);
    // Many at once are counted, not listed without end.
    let many = (0..200).map(|n| bundle(&format!("d{n:03}.example"), &[&first])).collect();
    unbound.install_trust(all().with_bundles(many).unwrap()).unwrap();
    unbound.install_trust(all()).unwrap();
    let (anchors, text) = contractions(&told).remove(0);
    assert_eq!(anchors, 200);
    assert_eq!(text, "d000.example, d001.example, d002.example, d003.example and 196 more");
}

#[test]
fn an_own_certificate_of_another_trust_domain_is_not_installed() {
    let (own, partner) = (Party::root("own"), Party::root("partner"));
    let bound = lax(&[&own]).with_trust_domain(domain("mesh.example"));
    let foreign = own.leaf(&["URI:spiffe://other.example/web"]);
    let error = CertificateStore::new(credential(&[&foreign]), bound.clone()).unwrap_err();
    assert_eq!(error.verdict().code(), "pki.chain.trust_domain");
    let federated = bound.with_bundles(vec![bundle("other.example", &[&partner])]).unwrap();
    assert!(CertificateStore::new(credential(&[&foreign]), federated.clone()).is_err());
    assert!(CertificateStore::new(credential(&[&own.leaf(&[WEB])]), federated).is_ok());
}
