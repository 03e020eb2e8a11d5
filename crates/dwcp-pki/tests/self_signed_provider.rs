//! The throw-away root: short, known by nobody beforehand, and over when it is over.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod lab;

use dwcp_base::{Clock, Coded, ManualClock};
use dwcp_crypto::{KeyType, SigningKey};
use dwcp_pki::{
    AllowedNames, CertProvider, CertificateRequest, NameRule, Purpose, RevocationMode, SelfSignedProvider,
    TrustStore,
};
use lab::*;
use std::sync::Arc;
use std::time::Duration;

const WEEK: Duration = SelfSignedProvider::ROOT_LIFE;

fn made(clock: &Arc<ManualClock>) -> SelfSignedProvider {
    SelfSignedProvider::new(Arc::<ManualClock>::clone(clock) as Arc<dyn Clock>).unwrap()
}

fn request(name: &str) -> CertificateRequest {
    let key = SigningKey::generate(KeyType::EcdsaP256).unwrap();
    CertificateRequest::generate(&key, &[name.parse().unwrap()]).unwrap()
}

const WEB: &str = "URI:spiffe://mesh.example/web";

#[test]
fn it_issues_for_a_day_until_its_root_ends_and_never_beyond() {
    let clock = Arc::new(ManualClock::at(NOW));
    let provider = made(&clock);
    assert_eq!(provider.name(), "self-signed");
    assert_eq!(provider.root().not_after(), NOW.plus(WEEK));
    let first = provider.sign(&request(WEB)).unwrap();
    assert_eq!(first.chain.leaf().not_after(), NOW.plus(DAY));
    clock.advance(WEEK - HOUR);
    let last = provider.sign(&request(WEB)).unwrap();
    assert_eq!(last.chain.leaf().not_after(), provider.root().not_after());
    clock.advance(HOUR * 2);
    assert_eq!(provider.sign(&request(WEB)).unwrap_err().code(), "pki.provider.refused");
    // A clock that was set back to before the root is a matter of waiting.
    clock.set_unix(NOW.minus(DAY));
    assert_eq!(provider.sign(&request(WEB)).unwrap_err().code(), "pki.provider.unavailable");
}

#[test]
fn two_of_them_have_nothing_in_common() {
    let clock = Arc::new(ManualClock::at(NOW));
    let (ours, theirs) = (made(&clock), made(&clock));
    assert!(ours.root().subject().starts_with("CN=throw-away root "), "{}", ours.root().subject());
    assert_ne!(ours.root().subject(), theirs.root().subject());
    assert_ne!(ours.root().key_pin(), theirs.root().key_pin());
    let store = |provider: &SelfSignedProvider| {
        let (anchor, list) = (provider.root().certificate_der().clone(), provider.empty_list().unwrap());
        TrustStore::new(vec![anchor], vec![list], RevocationMode::Required).unwrap()
    };
    let issued = ours.sign(&request(WEB)).unwrap();
    assert!(issued.chain.leaf().issuer().starts_with("CN=throw-away root "));
    // Its list is good for as long as it is, so a store that asks for one is content.
    for at in [NOW, NOW.plus(DAY)] {
        assert!(store(&ours).validate(&issued.chain.ders(), Purpose::Client, at).is_ok());
    }
    assert!(store(&theirs).validate(&issued.chain.ders(), Purpose::Client, NOW).is_err());
}

#[test]
fn lives_beyond_a_day_and_of_no_time_are_refused_and_names_can_be_bound() {
    let clock = Arc::new(ManualClock::at(NOW));
    for bad in [Duration::ZERO, Duration::from_millis(999), DAY + Duration::from_secs(1), WEEK] {
        assert_eq!(made(&clock).with_ttl(bad).unwrap_err().code(), "pki.authority.parameter", "{bad:?}");
    }
    let bound = made(&clock)
        .with_ttl(MINUTE)
        .unwrap()
        .with_names(AllowedNames::Only(vec![NameRule::Exact(WEB.parse().unwrap())]));
    assert_eq!(bound.sign(&request(WEB)).unwrap().chain.leaf().not_after(), NOW.plus(MINUTE));
    assert_eq!(bound.sign(&request("DNS:a.example")).unwrap_err().code(), "pki.provider.refused");
    assert!(!format!("{bound:?}").contains("PRIVATE"));
}
