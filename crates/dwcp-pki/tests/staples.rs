//! Staples: responses that are served beside a certificate, only when peers would believe them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod inquiry;
mod workbench;

use dwcp_base::{Coded, UnixTime};
use dwcp_crypto::{KeyType, SigningKey};
use dwcp_pki::{
    CertificateRequest, CertificateStore, Credential, FurtherCertificate, FurtherCertificates,
    IssuancePolicy, RevocationMode, RevocationReason, TrustStore,
};
use inquiry::*;
use std::sync::Arc;
use std::time::Duration;
use workbench::*;

const MINUTE: Duration = Duration::from_secs(60);

fn credential(bench: &Bench, name: &str) -> Credential {
    let key = SigningKey::generate(KeyType::EcdsaP256).unwrap();
    let request = CertificateRequest::generate(&key, &names(&[name])).unwrap();
    Credential::new(bench.ca.issue(&request, &IssuancePolicy::default(), NOW).unwrap(), key).unwrap()
}

fn trust(bench: &Bench) -> TrustStore {
    let anchor = bench.ca.certificate().certificate_der().clone();
    TrustStore::new(vec![anchor], Vec::new(), RevocationMode::Off).unwrap()
}

fn response(bench: &Bench, credential: &Credential, at: UnixTime) -> Vec<u8> {
    bench.responder.answer(bench.ask(credential.chain().leaf()).der(), at).der().to_vec()
}

#[test]
fn a_staple_is_kept_for_its_certificate_until_that_is_replaced() {
    let bench = Bench::new();
    let store = CertificateStore::new(credential(&bench, "DNS:a.example"), trust(&bench)).unwrap();
    let own = Arc::clone(store.current().credential());
    let first = store.current();
    let der = response(&bench, &own, NOW);
    assert_eq!(store.install_staple(&der, NOW).unwrap(), 2);
    let current = store.current();
    let staple = current.staple_for(&own).unwrap();
    assert_eq!((staple.der(), staple.this_update()), (&der[..], NOW));
    assert!(staple.until() > NOW.plus(MINUTE * 30) && staple.until() <= NOW.plus(DAY * 7));
    assert!(first.staple_for(&own).is_none(), "a generation does not change");
    assert!(Arc::ptr_eq(first.served(), current.served()), "no certificate changed, no ticket ends");

    // It outlives whatever leaves its certificate alone.
    store.install_trust(trust(&bench)).unwrap();
    let further = FurtherCertificate::mesh(credential(&bench, "DNS:b.example"));
    let shop = Arc::clone(further.credential());
    store.install_further(FurtherCertificates::new(vec![further]).unwrap()).unwrap();
    assert!(store.current().staple_for(&own).is_some());
    store.install_staple(&response(&bench, &shop, NOW), NOW).unwrap();
    assert!(store.current().staple_for(&own).is_some() && store.current().staple_for(&shop).is_some());
    store.install_credential(credential(&bench, "DNS:a.example")).unwrap();
    assert!(store.current().staple_for(&own).is_none() && store.current().staple_for(&shop).is_some());
    assert_eq!(store.install_staple(&der, NOW).unwrap_err().code(), "pki.staple.mismatched");
}

#[test]
fn what_peers_would_not_believe_is_not_served() {
    let bench = Bench::new();
    let store = CertificateStore::new(credential(&bench, "DNS:a.example"), trust(&bench)).unwrap();
    let own = Arc::clone(store.current().credential());
    let refused = |der: &[u8], at| store.install_staple(der, at).unwrap_err().code();
    let good = response(&bench, &own, NOW);
    assert_eq!(refused(&vec![0x30; (16 << 10) + 1], NOW), "pki.staple.too_large");
    assert_eq!(refused(&good[..good.len() - 1], NOW), "pki.document.malformed");
    assert_eq!(
        refused(&response(&bench, &credential(&bench, "DNS:b.example"), NOW), NOW),
        "pki.staple.mismatched"
    );
    assert_eq!(refused(&good, NOW.plus(DAY)), "pki.ocsp.stale");
    let last = good.len() - 1;
    for at in [last, good.len() / 2] {
        let mut forged = good.clone();
        forged[at] ^= 1;
        assert!(store.install_staple(&forged, NOW).is_err(), "a bit at {at}");
    }
    // The answer of another authority for the same serial says nothing here.
    let other = Bench::new();
    assert_eq!(
        refused(&response(&other, &credential(&other, "DNS:a.example"), NOW), NOW),
        "pki.staple.mismatched"
    );
    assert_eq!(store.number(), 1, "nothing changed");

    let newer = response(&bench, &own, NOW.plus(MINUTE * 31));
    store.install_staple(&newer, NOW.plus(MINUTE * 31)).unwrap();
    assert_eq!(refused(&good, NOW.plus(MINUTE * 31)), "pki.staple.older");
    bench.revoke(own.chain().leaf(), RevocationReason::Superseded, NOW.plus(MINUTE * 32));
    let revoked = response(&bench, &own, NOW.plus(MINUTE * 33));
    assert_eq!(refused(&revoked, NOW.plus(MINUTE * 33)), "pki.staple.not_good");
}
