//! What a handshake costs before and after a peer is known, counted and not timed.

use super::anchors::Anchors;
use super::crl_entry::LOOKS;
use super::lab::*;
use super::presented::Presented;
use super::responses::{appointed, good};
use crate::{Certificate, ChainFault, Evidence, Purpose, RevocationMode, TrustStore, signature};
use rustls_pki_types::CertificateDer;

const WEB: &str = "URI:spiffe://mesh.example/web";

/// How many CRL signatures were verified meanwhile.
fn verified<T>(work: impl FnOnce() -> T) -> (usize, T) {
    let before = signature::CHECKS.get();
    let result = work();
    (signature::CHECKS.get() - before, result)
}

/// Three self-made authorities under the intermediate's name and a leaf of the first, with the real intermediate last.
fn hostile(sub: &Party) -> Vec<CertificateDer<'static>> {
    let fakes: Vec<Party> = (0..3).map(|_| Party::root("other").authority("sub", |_| {})).collect();
    let leaf = fakes[0].leaf(&[WEB]);
    let fakes = fakes.iter().map(|fake| fake.der.clone());
    std::iter::once(leaf.der.clone()).chain(fakes).chain([sub.der.clone()]).collect()
}

#[test]
fn at_x5_a_stranger_has_no_crl_verified_whatever_keys_it_presents() {
    let root = Party::root("root");
    let sub = root.authority("sub", |_| {});
    let store = strict(&[&root], vec![root.crl(1, &[]), sub.crl(1, &[]), Party::root("sub").crl(9, &[])]);
    let chain = hostile(&sub);
    for purpose in [Purpose::Client, Purpose::Server, Purpose::Any] {
        let (checks, verdict) = verified(|| store.validate(&chain, purpose, NOW).by_rule());
        assert_eq!((checks, verdict), (0, Err(ChainFault::UnknownIssuer)));
    }
    // Under the anchor's own name, too.
    let bait = Party::root("root");
    let leaf = bait.leaf(&[WEB]);
    let (checks, verdict) = verified(|| judge(&store, &[&leaf, &bait], Purpose::Client, NOW));
    assert_eq!((checks, verdict), (0, Err(ChainFault::UnknownIssuer)));
}

#[test]
fn at_x5_a_crl_is_verified_once_and_not_again_for_each_connection_or_reload() {
    let root = Party::root("root");
    let sub = root.authority("sub", |_| {});
    let leaf = sub.leaf(&[WEB]);
    let (of_root, of_sub, forged) = (root.crl(1, &[]), sub.crl(1, &[]), Party::root("sub").crl(9, &[]));
    let crls = || vec![of_root.clone(), of_sub.clone(), forged.clone()];
    let (checks, store) = verified(|| strict(&[&root], crls()));
    assert_eq!(checks, 1, "the root's, when the store is made");
    let handshake = |store: &TrustStore| {
        let (checks, verdict) = verified(|| judge(store, &[&leaf, &sub], Purpose::Client, NOW));
        let identity = verdict.unwrap();
        let (rechecks, again) = verified(|| store.recheck(&identity, NOW).by_rule());
        assert_eq!((rechecks, again), (0, Ok(())));
        checks
    };
    assert_eq!(handshake(&store), 2, "the intermediate's key on its own CRL and on the forged one");
    assert_eq!(handshake(&store), 0);
    let reloaded = strict(&[&root], crls()).adopting_newer_crls(&store);
    assert_eq!(handshake(&reloaded), 0, "the same files again");
    let (checks, newer) =
        verified(|| strict(&[&root], vec![of_root.clone(), sub.crl(2, &[])]).adopting_newer_crls(&reloaded));
    assert!(checks <= 3, "a new file is verified by the reload: {checks}");
    assert_eq!(handshake(&newer), 0, "and by no handshake");
}

#[test]
fn at_x5_a_search_sees_the_anchors_that_the_chain_names_however_many_there_are() {
    let root = Party::root("root 0");
    let named = |at: usize| {
        root.reissued(|params| {
            let name = format!("root {at}");
            params.distinguished_name = rcgen::DistinguishedName::new();
            params.distinguished_name.push(rcgen::DnType::CommonName, name);
        })
    };
    let ders: Vec<CertificateDer<'static>> = (0..600).map(|at| named(at).der).collect();
    let anchors = Anchors::new(&ders).unwrap();
    assert_eq!(anchors.len(), 600);
    let fakes: Vec<Party> = (0..15).map(|at| Party::root(&format!("root {at}"))).collect();
    let leaf = fakes[0].leaf(&[WEB]);
    let chain: Vec<CertificateDer<'static>> =
        std::iter::once(leaf.der).chain(fakes.into_iter().map(|fake| fake.der)).collect();
    let presented = Presented::read(&chain).unwrap();
    assert_eq!(anchors.roots(presented.issuers()).len(), 15);
    let store = TrustStore::new(ders, Vec::new(), RevocationMode::Off).unwrap();
    assert_eq!(store.validate(&chain, Purpose::Client, NOW).by_rule(), Err(ChainFault::UnknownIssuer));
    assert_eq!(judge(&store, &[&named(599).leaf(&[WEB])], Purpose::Client, NOW).map(|_| ()), Ok(()));
}

#[test]
fn at_x5_however_many_anchors_share_a_name_none_is_tried_twice_on_a_list() {
    let anchors: Vec<Party> = (0..40).map(|_| Party::root("root")).collect();
    let refs: Vec<&Party> = anchors.iter().collect();
    let of_nobody = Party::root("root").crl(1, &[]);
    let (checks, store) = verified(|| trust(&refs, vec![of_nobody], RevocationMode::Off));
    assert_eq!(checks, 40);
    for anchor in &anchors {
        let leaf = anchor.leaf(&[WEB]);
        let (checks, judged) = verified(|| judge(&store, &[&leaf], Purpose::Client, NOW));
        assert_eq!((checks, judged.is_ok()), (0, true));
    }
}

#[test]
fn at_x5_a_lookup_among_a_thousand_partitions_takes_a_few_looks_at_each() {
    let root = Party::root("root");
    let leaf = root.leaf(&[WEB]);
    let partition = |at: u64| {
        root.crl_with(at + 1, &[], |params| {
            let uris = vec![format!("http://crl.example/{at}")];
            params.issuing_distribution_point = Some(rcgen::CrlIssuingDistributionPoint {
                distribution_point: rcgen::CrlDistributionPoint { uris },
                scope: None,
            });
        })
    };
    let crls = (0..1_023).map(partition).chain([root.crl(5, &[])]).collect();
    let store = strict(&[&root], crls);
    let identity = judge(&store, &[&leaf], Purpose::Client, NOW).unwrap();
    let before = LOOKS.get();
    assert_eq!(store.recheck(&identity, NOW).by_rule(), Ok(()));
    let looks = LOOKS.get() - before;
    assert!(looks <= 20 * 1_024, "{looks}");
}

#[test]
fn two_keys_and_two_certificates_of_one_name_are_all_found() {
    let (one, two) = (Party::root("root"), Party::root("root"));
    let renewed = one.reissued(|params| params.not_after = date(NOW.plus(DAY)));
    let ders = [&one, &two, &renewed, &one].map(|party| party.der.clone());
    let anchors = Anchors::new(&ders).unwrap();
    assert_eq!(anchors.len(), 3, "a certificate that is listed twice is one anchor");
    let name = anchors.iter().next().unwrap().name().to_vec();
    assert_eq!(anchors.named(&name).count(), 3);
    assert!(anchors.named(b"another").next().is_none());
    assert_eq!(anchors.iter().next().unwrap().certificate, Certificate::from_der(&one.der).unwrap());
}

#[test]
fn at_x5_a_response_costs_two_signatures_at_most_whatever_comes_along() {
    let root = Party::root("root");
    let sub = root.authority("sub", |_| {});
    let leaf = sub.leaf(&[WEB]);
    let until = NOW.plus(HOUR);
    let responder = appointed(&sub, until);
    let store = TrustStore::new(vec![root.der.clone()], Vec::new(), RevocationMode::WhereKnown).unwrap();
    let chain = [leaf.der.clone(), sub.der.clone()];
    let show = |response: &[u8], times: usize| {
        let responses = vec![response; times];
        let evidence = Evidence::of_responses(&responses);
        verified(|| store.validate_with(&chain, Purpose::Client, NOW, &evidence).by_rule().is_ok())
    };
    let of_issuer = good(&sub, &leaf, &sub, until, &[]);
    let of_responder = good(&sub, &leaf, &responder, until, &[&responder]);
    assert_eq!(show(&of_issuer, 1), (1, true));
    assert_eq!(show(&of_responder, 1), (2, true));
    assert_eq!(show(&of_responder, 16), (32, true));

    // Eight others of the responder's name: the first decides.
    let fakes: Vec<Party> = (0..8).map(|_| appointed(&Party::root("sub"), until)).collect();
    let crowd = good(&sub, &leaf, &responder, until, &fakes.iter().collect::<Vec<_>>());
    let forged = good(&sub, &leaf, &Party::root("sub"), until, &[]);
    for bad in [&crowd, &forged] {
        assert_eq!(show(bad, 1), (1, false));
        assert_eq!(show(bad, 16), (1, false), "nothing is verified after the first that does not count");
    }
    // What is about nothing here costs nothing.
    let stranger = sub.leaf_with(&[WEB], |params| params.serial_number = Some(vec![0x55].into()));
    let elsewhere = good(&sub, &stranger, &responder, until, &[&responder]);
    assert_eq!(show(&elsewhere, 16), (0, false));
    assert_eq!(show(&of_issuer, 17), (0, false));
}
