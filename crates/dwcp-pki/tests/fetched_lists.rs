//! Lists that come later than the store: who may bring them, and what they change.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod workbench;

use dwcp_base::LocalDisk;
use dwcp_pki::{
    AuthorityKey, AuthorityParams, CertificateAuthority, CertificateChain, ChainFault, Crl, IssuancePolicy,
    Purpose, RevocationMode, RevocationReason, TrustBundle, TrustStore,
};
use std::path::Path;
use std::sync::Arc;
use workbench::{DAY, NOW, request};

fn root(directory: &Path, name: &str) -> CertificateAuthority {
    let params = AuthorityParams { path_length: 2, ..AuthorityParams::new(name) };
    CertificateAuthority::create(Arc::new(LocalDisk), &directory.join(name), &params, NOW).unwrap()
}

fn below(ca: &CertificateAuthority, directory: &Path, name: &str, room: u8) -> CertificateAuthority {
    let params = AuthorityParams { path_length: room, ..AuthorityParams::new(name) };
    let key = AuthorityKey::generate(params.key_type).unwrap();
    ca.create_intermediate(Arc::new(LocalDisk), &directory.join(name), &params, key, NOW).unwrap()
}

fn chain(ca: &CertificateAuthority, name: &str) -> CertificateChain {
    ca.issue(&request(&[name]), &IssuancePolicy::default(), NOW).unwrap()
}

fn store(ca: &CertificateAuthority, lists: Vec<Crl>) -> TrustStore {
    TrustStore::new(vec![ca.root().certificate_der().clone()], lists, RevocationMode::Required).unwrap()
}

#[test]
fn a_list_is_an_authoritys_of_this_side_or_a_strangers() {
    let dir = tempfile::tempdir().unwrap();
    let (own, stranger) = (root(dir.path(), "own"), root(dir.path(), "stranger"));
    let region = below(&own, dir.path(), "region", 1);
    let rack = below(&region, dir.path(), "rack", 0);
    let (aside, theirs) = (below(&own, dir.path(), "aside", 0), below(&stranger, dir.path(), "theirs", 0));
    let of_rack = chain(&rack, "DNS:a.example.org");
    let trust = store(&own, Vec::new());
    let signed = |ca: &CertificateAuthority| trust.signed(&ca.crl(NOW).unwrap(), &of_rack);
    assert!(signed(&own) && signed(&region) && signed(&rack));
    // Nobody here has shown who this is; it may come with a chain of its own.
    assert!(!signed(&aside) && !signed(&stranger) && !signed(&theirs));
    // What the chain brings along without its own issuer vouches for nobody.
    let mut odd: Vec<_> = of_rack.iter().cloned().collect();
    odd.push(theirs.certificate().clone());
    odd.push(stranger.root().clone());
    let odd = CertificateChain::new(odd).unwrap();
    assert!(
        !trust.signed(&theirs.crl(NOW).unwrap(), &odd) && !trust.signed(&stranger.crl(NOW).unwrap(), &odd)
    );
    // An anchor of a bundle speaks for its own trust domain alone.
    let partner =
        TrustBundle::new("partner.example".parse().unwrap(), vec![stranger.root().certificate_der().clone()]);
    let federated = trust.clone().with_bundles(vec![partner.unwrap()]).unwrap();
    assert!(!federated.signed(&stranger.crl(NOW).unwrap(), &of_rack));
}

#[test]
fn at_x7_of_lists_that_come_later_the_newest_counts_whatever_their_order() {
    let dir = tempfile::tempdir().unwrap();
    let own = root(dir.path(), "own");
    let (good, bad) = (chain(&own, "DNS:a.example.org"), chain(&own, "DNS:b.example.org"));
    let older = own.crl(NOW).unwrap();
    let _ = own.revoke(&bad.leaf().serial(), RevocationReason::KeyCompromise, NOW).unwrap();
    let newer = own.crl(NOW).unwrap();
    let refused = |trust: &TrustStore, chain: &CertificateChain| {
        trust.validate(&chain.ders(), Purpose::Server, NOW).err().map(|error| error.is_revocation())
    };
    let late = store(&own, vec![older.clone()]).with_crls(vec![newer.clone()]).unwrap();
    let early = store(&own, vec![newer]).with_crls(vec![older]).unwrap();
    for trust in [late, early] {
        assert_eq!((refused(&trust, &good), refused(&trust, &bad)), (None, Some(true)));
    }
    let none = store(&own, Vec::new());
    let fault = none.validate(&good.ders(), Purpose::Server, NOW).unwrap_err();
    assert!(matches!(fault.fault(), ChainFault::CrlMissing { .. }), "{fault:?}");
}

#[test]
fn a_way_to_a_fresh_list_is_open_to_a_lapsed_one_and_closed_to_whom_it_names() {
    let dir = tempfile::tempdir().unwrap();
    let own = root(dir.path(), "own");
    let (good, bad) = (chain(&own, "DNS:a.example.org"), chain(&own, "DNS:b.example.org"));
    let _ = own.revoke(&bad.leaf().serial(), RevocationReason::KeyCompromise, NOW).unwrap();
    let policy = IssuancePolicy::default().with_ttl(9 * DAY).unwrap();
    let long = own.issue(&request(&["DNS:c.example.org"]), &policy, NOW).unwrap();
    let strict = store(&own, vec![own.crl(NOW).unwrap()]);
    let lenient = strict.clone().with_mode(RevocationMode::Off);
    let later = NOW.plus(3 * DAY);
    let judged =
        |trust: &TrustStore, chain: &CertificateChain, at| trust.validate(&chain.ders(), Purpose::Server, at);
    assert!(matches!(judged(&strict, &long, later).unwrap_err().fault(), ChainFault::CrlStale { .. }));
    assert!(judged(&lenient, &long, later).is_ok());
    assert!(judged(&lenient, &bad, NOW).unwrap_err().is_revocation());
    assert!(matches!(judged(&lenient, &good, later).unwrap_err().fault(), ChainFault::Expired { .. }));
}

#[test]
fn lists_that_come_one_after_the_other_take_the_room_of_one() {
    let dir = tempfile::tempdir().unwrap();
    let own = root(dir.path(), "own");
    let region = below(&own, dir.path(), "region", 0);
    let bad = chain(&region, "DNS:b.example.org");
    let _ = region.revoke(&bad.leaf().serial(), RevocationReason::KeyCompromise, NOW).unwrap();
    let blocked = chain(&own, "DNS:c.example.org").leaf().key_pin();
    let mut trust = store(&own, Vec::new()).with_blocked_keys([blocked]);
    let hour = DAY / 24;
    for step in 0..20 {
        let now = NOW.plus(hour * step);
        trust = trust.with_crls(vec![own.crl(now).unwrap(), region.crl(now).unwrap()]).unwrap();
        // A path shows who signs for the region, as with each peer that comes.
        assert!(trust.validate(&bad.ders(), Purpose::Server, now).unwrap_err().is_revocation());
        assert!(trust.crls().count() <= 4, "{step}: {}", trust.crls().count());
        assert!(trust.revocation().is_blocked(&blocked));
    }
    let mut many = trust;
    for step in 20..1_100 {
        many = many.with_crls(vec![own.crl(NOW.plus(hour * step)).unwrap()]).unwrap();
    }
    assert!(many.crls().count() <= 3, "{}", many.crls().count());
}
