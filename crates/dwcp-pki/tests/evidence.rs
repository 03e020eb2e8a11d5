//! OCSP responses that come along with a chain: for whom they count, how long, and what leads over them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod lab;
mod lists;
mod responses;

use dwcp_base::{Blame, Coded, LocalDisk, UnixTime};
use dwcp_crypto::{KeyType, SigningKey};
use dwcp_pki::{
    AuthorityKey, AuthorityParams, CertIdHash, CertificateAuthority, CertificateChain, CertificateRequest,
    ChainPlace, Evidence, IssuancePolicy, OcspRequest, OcspResponder, Purpose, RevocationChecked,
    RevocationMode, RevocationReason, TrustStore, ValidationError,
};
use lab::*;
use responses::{appointed, good};
use rustls_pki_types::CertificateDer;
use std::sync::Arc;

struct Bench {
    _directory: tempfile::TempDir,
    authority: Arc<CertificateAuthority>,
    responder: OcspResponder,
    store: TrustStore,
}

impl Bench {
    fn new() -> Self {
        let (directory, authority) = mesh_authority();
        let authority = Arc::new(authority);
        let anchor = CertificateDer::from(authority.certificate().der().to_vec());
        let store = TrustStore::new(vec![anchor], Vec::new(), RevocationMode::Required).unwrap();
        let responder = OcspResponder::new(Arc::clone(&authority));
        Self { _directory: directory, authority, responder, store }
    }

    fn issue(&self) -> CertificateChain {
        issue(&self.authority)
    }

    fn response(&self, chain: &CertificateChain, at: UnixTime) -> Vec<u8> {
        let issuer = self.authority.certificate();
        let asked = OcspRequest::for_certificate(chain.leaf(), issuer, CertIdHash::Sha256).unwrap();
        self.responder.answer(asked.der(), at).der().to_vec()
    }

    fn judge(
        &self,
        chain: &CertificateChain,
        responses: &[&[u8]],
        now: UnixTime,
    ) -> Result<dwcp_pki::PeerIdentity, ValidationError> {
        let evidence = Evidence::of_responses(responses);
        self.store.validate_with(&chain.ders(), Purpose::Client, now, &evidence)
    }
}

fn issue(authority: &CertificateAuthority) -> CertificateChain {
    let key = SigningKey::generate(KeyType::EcdsaP256).unwrap();
    let name = "URI:spiffe://mesh.example/web".parse().unwrap();
    let request = CertificateRequest::generate(&key, &[name]).unwrap();
    authority.issue(&request, &IssuancePolicy::default(), NOW).unwrap()
}

#[test]
fn a_good_response_carries_an_identity_until_it_lapses() {
    let bench = Bench::new();
    let chain = bench.issue();
    let good = bench.response(&chain, NOW);
    let identity = bench.judge(&chain, &[&good], NOW).unwrap();
    assert_eq!(identity.revocation(), RevocationChecked::Covered);
    assert_eq!(identity.vouched_until(), Some(NOW.plus(HOUR)));
    let second = std::time::Duration::from_secs(1);
    assert!(bench.store.recheck(&identity, NOW.plus(HOUR).minus(second)).is_ok());
    let lapsed = bench.store.recheck(&identity, NOW.plus(HOUR)).unwrap_err();
    assert_eq!(lapsed.code(), "pki.chain.crl_missing");
    // A revocation that this side hears of ends it at once.
    let _ = bench.authority.revoke(&identity.serial(), RevocationReason::KeyCompromise, NOW).unwrap();
    let anchors = bench.store.anchors().map(|anchor| anchor.certificate_der().clone()).collect();
    let crls = vec![bench.authority.crl(NOW).unwrap()];
    let told = TrustStore::new(anchors, crls, RevocationMode::Required).unwrap();
    assert!(told.recheck(&identity, NOW).unwrap_err().is_revocation());
}

#[test]
fn a_response_counts_for_the_chain_it_came_with_and_for_no_other() {
    let bench = Bench::new();
    let (chain, other) = (bench.issue(), bench.issue());
    let good = bench.response(&chain, NOW);
    assert!(bench.judge(&chain, &[&good], NOW).is_ok());
    assert_eq!(bench.judge(&chain, &[], NOW).unwrap_err().code(), "pki.chain.crl_missing");
    let borrowed = bench.judge(&other, &[&good], NOW).unwrap_err();
    assert_eq!((borrowed.code(), borrowed.blame()), ("pki.chain.status_response", Blame::Peer));
    assert!(borrowed.to_string().contains("about no certificate of the chain"), "{borrowed}");
    // Of another authority with the same name.
    let elsewhere = Bench::new();
    let foreign = elsewhere.response(&elsewhere.issue(), NOW);
    assert_eq!(bench.judge(&chain, &[&good, &foreign], NOW).unwrap_err().code(), "pki.chain.status_response");
}

#[test]
fn what_one_peer_shows_of_its_issuer_spares_no_other_peer_from_showing_it() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    let params = AuthorityParams { path_length: 1, ..AuthorityParams::new("Root") };
    let root = CertificateAuthority::create(Arc::new(LocalDisk), &at("root"), &params, NOW).unwrap();
    let (params, key) = (AuthorityParams::new("Rack"), AuthorityKey::generate(KeyType::EcdsaP256).unwrap());
    let rack = root.create_intermediate(Arc::new(LocalDisk), &at("rack"), &params, key, NOW).unwrap();
    let anchor = root.certificate().certificate_der().clone();
    // The rack's own CRL covers what it issued; of the rack itself a response alone says anything.
    let crls = vec![rack.crl(NOW).unwrap()];
    let store = TrustStore::new(vec![anchor], crls, RevocationMode::Required).unwrap();
    let asked =
        OcspRequest::for_certificate(rack.certificate(), root.certificate(), CertIdHash::Sha1).unwrap();
    let of_rack = OcspResponder::new(Arc::new(root)).answer(asked.der(), NOW).der().to_vec();
    let judge = |chain: &CertificateChain, responses: &[&[u8]]| {
        let evidence = Evidence::of_responses(responses);
        let judged = store.validate_with(&chain.ders(), Purpose::Client, NOW, &evidence);
        judged.map(|identity| identity.revocation()).map_err(|error| error.code())
    };
    let (one, two) = (issue(&rack), issue(&rack));
    for _ in 0..2 {
        assert_eq!(judge(&two, &[]), Err("pki.chain.crl_missing"));
        assert_eq!(judge(&one, &[&of_rack]), Ok(RevocationChecked::Covered));
        assert_eq!(judge(&one, &[]), Err("pki.chain.crl_missing"));
    }
}

#[test]
fn revoked_leads_over_every_other_rule_and_names_the_leaf() {
    let bench = Bench::new();
    let chain = bench.issue();
    let good = bench.response(&chain, NOW);
    let _ = bench.authority.revoke(&chain.leaf().serial(), RevocationReason::KeyCompromise, NOW).unwrap();
    let revoked = bench.response(&chain, NOW);
    let after_its_end = chain.leaf().not_after().plus(DAY);
    for (responses, now) in [
        (&[&revoked[..]][..], NOW),
        (&[&good, &revoked], NOW),
        (&[&revoked, b"x"], NOW),
        (&[&revoked], NOW.plus(2 * HOUR)),
        (&[&revoked], after_its_end),
    ] {
        let error = bench.judge(&chain, responses, now).unwrap_err();
        assert!(error.is_revocation(), "{error}");
        assert_eq!(error.certificate().unwrap().place, ChainPlace::Leaf);
    }
}

#[test]
fn no_cut_and_no_flipped_bit_of_a_response_is_good() {
    let bench = Bench::new();
    let chain = bench.issue();
    let _ = bench.authority.revoke(&chain.leaf().serial(), RevocationReason::KeyCompromise, NOW).unwrap();
    let revoked = bench.response(&chain, NOW);
    for at in 0..revoked.len() {
        let mut flipped = revoked.clone();
        flipped[at] ^= 1 << (at % 8);
        for der in [&revoked[..at], &flipped] {
            assert!(bench.judge(&chain, &[der], NOW).is_err());
        }
    }
}

#[test]
fn a_chain_that_leads_nowhere_has_no_response_verified() {
    let bench = Bench::new();
    let chain = bench.issue();
    let good = bench.response(&chain, NOW);
    let other = Bench::new();
    let evidence: [&[u8]; 1] = [&good];
    let error = other.judge(&chain, &evidence, NOW).unwrap_err();
    assert_eq!(error.code(), "pki.chain.unknown_issuer");
}

/// A leaf of twenty days, and what the responder says of it for ten years.
fn vouched_for(root: &Party, responder: &Party) -> (Party, Vec<u8>) {
    let leaf = root.leaf_with(&[WEB], |params| params.not_after = date(NOW.plus(20 * DAY)));
    let response = good(root, &leaf, responder, NOW.plus(3_650 * DAY), &[responder]);
    (leaf, response)
}

fn shown(
    store: &TrustStore,
    leaf: &Party,
    response: &[u8],
    now: UnixTime,
) -> Result<dwcp_pki::PeerIdentity, ValidationError> {
    let responses = [response];
    let evidence = Evidence::of_responses(&responses);
    store.validate_with(std::slice::from_ref(&leaf.der), Purpose::Client, now, &evidence)
}

#[test]
fn a_responder_that_was_taken_back_vouches_for_nothing() {
    let root = Party::root("root");
    let responder = appointed(&root, NOW.plus(10 * DAY));
    let (leaf, response) = vouched_for(&root, &responder);
    let store = strict(&[&root], Vec::new());
    let identity = shown(&store, &leaf, &response, NOW).unwrap();
    assert_eq!(identity.revocation(), RevocationChecked::Covered);

    let second = std::time::Duration::from_secs(1);
    let blocked = store.clone().with_blocked_keys([pin(&responder)]);
    let stale = root.crl_with(1, &[&responder], |crl| crl.next_update = date(NOW.minus(second)));
    let listed = strict(&[&root], vec![root.crl(1, &[&responder])]);
    let listed_once = strict(&[&root], vec![stale]);
    for (store, recheck) in [
        (&blocked, Err("pki.chain.crl_missing")),
        (&listed_once, Err("pki.chain.crl_stale")),
        // The list that takes the responder back covers the leaf itself.
        (&listed, Ok(())),
    ] {
        let refused = shown(store, &leaf, &response, NOW).unwrap_err();
        assert_eq!(refused.code(), "pki.chain.status_response");
        assert!(refused.to_string().contains("took its responder back"), "{refused}");
        assert_eq!(store.recheck(&identity, NOW).map_err(|error| error.code()), recheck);
    }
    // Somebody else's serial number, and somebody else's key.
    let other = Party::root("other");
    let elsewhere = strict(&[&root, &other], vec![other.crl(1, &[&responder])]);
    let elsewhere = elsewhere.with_blocked_keys([pin(&other.leaf(&[WEB]))]);
    assert!(shown(&elsewhere, &leaf, &response, NOW).is_ok());
    assert_eq!(elsewhere.recheck(&identity, NOW), Ok(()));
}

#[test]
fn a_response_of_ten_years_vouches_no_longer_than_its_responder_is_in_office_and_for_seven_days() {
    let root = Party::root("root");
    let store = strict(&[&root], Vec::new());
    let second = std::time::Duration::from_secs(1);
    for (office, end) in [(HOUR, NOW.plus(HOUR)), (10 * DAY, NOW.minus(MINUTE).plus(7 * DAY))] {
        let (leaf, response) = vouched_for(&root, &appointed(&root, NOW.plus(office)));
        let identity = shown(&store, &leaf, &response, NOW).unwrap();
        let last = end.minus(second);
        assert_eq!(store.recheck(&identity, last), Ok(()));
        assert_eq!(store.recheck(&identity, end).unwrap_err().code(), "pki.chain.crl_missing");
        assert!(shown(&store, &leaf, &response, last).is_ok());
        assert_eq!(shown(&store, &leaf, &response, end).unwrap_err().code(), "pki.chain.status_response");
    }
    // The issuer's own, too.
    let (leaf, response) = vouched_for(&root, &root);
    let end = NOW.minus(MINUTE).plus(7 * DAY);
    let identity = shown(&store, &leaf, &response, NOW).unwrap();
    assert_eq!(store.recheck(&identity, end.minus(second)), Ok(()));
    assert_eq!(store.recheck(&identity, end).unwrap_err().code(), "pki.chain.crl_missing");
}

fn pin(party: &Party) -> dwcp_pki::KeyPin {
    dwcp_pki::Certificate::from_der(&party.der).unwrap().key_pin()
}

const WEB: &str = "URI:spiffe://mesh.example/web";
