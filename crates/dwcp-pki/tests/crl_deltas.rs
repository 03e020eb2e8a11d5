//! Deltas in a trust store, from one generation to the next and along a path.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod lab;
mod lists;

use dwcp_base::Coded;
use dwcp_crypto::{KeyType, SigningKey};
use dwcp_pki::{
    CertificateRequest, ChainFault, Crl, DeltaCrl, IssuancePolicy, Purpose, RevocationMode, RevocationReason,
    TrustStore,
};
use lab::*;
use lists::List;
use rustls_pki_types::CertificateDer;

const WEB: &str = "URI:spiffe://mesh.example/web";

fn list(issuer: &Party, number: u64) -> List {
    List::of(&issuer.der, number, NOW)
}

fn delta(issuer: &Party, number: u64, base: u64, revoked: &[&Party]) -> DeltaCrl {
    let list = revoked.iter().fold(list(issuer, number).delta(base), |list, party| {
        list.listing(&party.params.serial_number.as_ref().unwrap().to_bytes(), None)
    });
    DeltaCrl::from_der(&list.sign(&issuer.key)).unwrap()
}

fn code(store: &TrustStore, chain: &[&Party]) -> &'static str {
    verdict(store, chain).map_or_else(|error| error.code(), |_| "ok")
}

#[test]
fn what_an_authority_revokes_its_delta_refuses_and_lives_on_with_the_crl_of_before() {
    let (_directory, authority) = mesh_authority();
    let key = SigningKey::generate(KeyType::EcdsaP256).unwrap();
    let request = CertificateRequest::generate(&key, &[WEB.parse().unwrap()]).unwrap();
    let chain = authority.issue(&request, &IssuancePolicy::default(), NOW).unwrap();
    let anchor = CertificateDer::from(authority.certificate().der().to_vec());
    let complete = authority.crl(NOW).unwrap();
    let before = TrustStore::new(vec![anchor], vec![complete], RevocationMode::Required).unwrap();
    let identity = before.validate(&chain.ders(), Purpose::Client, NOW).unwrap();
    let with = |at| before.clone().with_deltas(vec![authority.delta_crl(at).unwrap()]).unwrap();
    assert!(with(NOW).recheck(&identity, NOW).is_ok());
    // Past the end of the complete CRL the delta is what keeps the identity alive.
    let late = NOW.plus(23 * HOUR);
    assert_eq!(before.crl_expiry(), Some(NOW.plus(DAY)));
    let last = late.plus(HOUR - MINUTE);
    assert!(with(last).crl_expiry() > before.crl_expiry());
    let _ = authority.revoke(&identity.serial(), RevocationReason::KeyCompromise, NOW).unwrap();
    let after = with(NOW.plus(MINUTE));
    let revoked = Err(ChainFault::Revoked { serial: identity.serial() });
    assert_eq!(after.recheck(&identity, NOW.plus(MINUTE)).by_rule(), revoked);
    let judged = after.validate(&chain.ders(), Purpose::Client, NOW.plus(MINUTE)).by_rule();
    assert_eq!(judged.map(|_| ()), revoked);
}

#[test]
fn at_x13_a_delta_under_the_same_name_by_another_key_is_not_the_issuers() {
    let (root, impostor) = (Party::root("root"), Party::root("root"));
    let leaf = root.leaf(&[WEB]);
    let held = list(&root, 5).listing(&leaf.params.serial_number.as_ref().unwrap().to_bytes(), Some(6));
    let held = Crl::from_der(&held.sign(&root.key)).unwrap();
    let taken_off = |by: &Party| {
        let serial = leaf.params.serial_number.as_ref().unwrap().to_bytes();
        DeltaCrl::from_der(&list(by, 9).delta(5).listing(&serial, Some(8)).sign(&by.key)).unwrap()
    };
    let store = |deltas| strict(&[&root], vec![held.clone()]).with_deltas(deltas).unwrap();
    assert_eq!(code(&store(vec![taken_off(&impostor)]), &[&leaf]), "pki.chain.revoked");
    assert_eq!(code(&store(vec![taken_off(&root)]), &[&leaf]), "ok");
    // Nor does a forged newer one push a real one aside.
    let real = delta(&root, 7, 5, &[&leaf]);
    let store = strict(&[&root], vec![root.crl(5, &[])]);
    let store = store.with_deltas(vec![real, delta(&impostor, 99, 5, &[])]).unwrap();
    assert_eq!(code(&store, &[&leaf]), "pki.chain.revoked");
}

#[test]
fn a_delta_of_an_intermediate_counts_once_a_path_has_shown_its_key() {
    let root = Party::root("root");
    let sub = root.authority("sub", |_| {});
    let leaf = sub.leaf(&[WEB]);
    for mode in [RevocationMode::Required, RevocationMode::WhereKnown, RevocationMode::Off] {
        let store = trust(&[&root], vec![root.crl(1, &[]), sub.crl(1, &[])], mode);
        assert_eq!(code(&store, &[&leaf, &sub]), "ok");
        let store = store.with_deltas(vec![delta(&sub, 2, 1, &[&leaf])]).unwrap();
        assert_eq!(code(&store, &[&leaf, &sub]), "pki.chain.revoked", "{mode:?}");
        let store = trust(&[&root], vec![root.crl(1, &[])], mode);
        let store = store.with_deltas(vec![delta(&sub, 2, 1, &[&leaf])]).unwrap();
        assert_eq!(code(&store, &[&leaf, &sub]), "pki.chain.revoked", "{mode:?}, without a CRL");
    }
}

#[test]
fn at_x7_a_delta_that_is_left_out_or_put_back_revokes_nobody_less() {
    let root = Party::root("root");
    let leaf = root.leaf(&[WEB]);
    let current = strict(&[&root], vec![root.crl(5, &[])]);
    let current = current.with_deltas(vec![delta(&root, 8, 5, &[&leaf])]).unwrap();
    let next = |crl: u64, deltas: Vec<DeltaCrl>| {
        strict(&[&root], vec![root.crl(crl, &[])]).with_deltas(deltas).unwrap().adopting_newer_crls(&current)
    };
    for (crl, deltas) in [
        (5, vec![]),
        (4, vec![]),
        (5, vec![delta(&root, 6, 5, &[])]),
        (7, vec![]),
        // A newer one that reaches less far back does not say what happened before its base.
        (5, vec![delta(&root, 9, 7, &[])]),
    ] {
        let numbers: Vec<_> = deltas.iter().map(DeltaCrl::number).collect();
        assert_eq!(code(&next(crl, deltas), &[&leaf]), "pki.chain.revoked", "{crl} {numbers:?}");
    }
    // What is newer and as far-reaching counts: it is listed no more.
    assert_eq!(code(&next(8, vec![]), &[&leaf]), "ok");
    assert_eq!(code(&next(5, vec![delta(&root, 9, 5, &[])]), &[&leaf]), "ok");
}

#[test]
fn at_x7_deltas_do_not_pile_up_over_a_day_of_reloads() {
    let root = Party::root("root");
    let mut store = strict(&[&root], vec![root.crl(1, &[])]);
    for number in 2..=288 {
        // A complete CRL with every twelfth, as they are published.
        let base = number - number % 12;
        let crls = vec![root.crl(base.max(1), &[])];
        let deltas = vec![delta(&root, number + 1, base.max(1), &[])];
        store = strict(&[&root], crls).with_deltas(deltas).unwrap().adopting_newer_crls(&store);
        let (crls, deltas) = (store.revocation().crl_count(), store.revocation().deltas().count());
        assert!(crls == 1 && deltas <= 2, "{number}: {crls} CRLs, {deltas} deltas");
    }
}

#[test]
fn more_deltas_than_are_held_are_refused() {
    let root = Party::root("root");
    let one = delta(&root, 2, 1, &[]);
    let store = strict(&[&root], vec![root.crl(1, &[])]);
    assert!(store.clone().with_deltas(vec![one.clone(); 1023]).is_ok());
    assert_eq!(store.with_deltas(vec![one; 1024]).unwrap_err().code(), "pki.trust.too_many");
}
