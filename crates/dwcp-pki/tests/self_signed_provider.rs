//! The throw-away root: short, known by nobody beforehand, and over when it is over.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod lab;
mod waiting;

use dwcp_base::{Clock, Coded, ManualClock, Silent};
use dwcp_crypto::{KeyType, SigningKey};
use dwcp_pki::{
    Activation, AllowedNames, CertProvider, CertificateManager, CertificateRequest, CertificateStore,
    Credential, ManagedSlot, NameRule, NextStep, OverdueLevel, Purpose, RevocationMode, SelfSignedProvider,
    SlotSpec, TrustStore,
};
use lab::*;
use std::sync::Arc;
use std::time::Duration;
use waiting::block_on;

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
fn a_manager_renews_for_a_week_without_a_gap_or_a_storm_and_then_says_that_it_is_over() {
    let clock = Arc::new(ManualClock::at(NOW));
    let provider = Arc::new(made(&clock));
    let anchors = vec![provider.root().certificate_der().clone()];
    let trust = TrustStore::new(anchors, Vec::new(), RevocationMode::Off).unwrap();
    let spec = SlotSpec::new("node", vec![WEB.parse().unwrap()]);
    let key = SigningKey::generate(KeyType::EcdsaP256).unwrap();
    let first = provider.sign(&CertificateRequest::generate(&key, &spec.names).unwrap()).unwrap();
    let credential = Credential::new(first.chain, key).unwrap();
    let store = Arc::new(CertificateStore::new(credential, trust).unwrap());
    let (clock_of_all, observer) = (Arc::<ManualClock>::clone(&clock) as Arc<dyn Clock>, Arc::new(Silent));
    let manager = CertificateManager::new(clock_of_all, observer);
    manager.manage(ManagedSlot::new(spec, Arc::clone(&store)).with_provider(provider)).unwrap();
    let renew = || block_on(manager.renew("node", Activation::Now, MINUTE));
    let (mut renewals, mut on_the_last_day) = (0, 0);
    while clock.unix() < NOW.plus(WEEK) {
        match manager.next(clock.unix()) {
            NextStep::Wait(wait) => clock.advance(wait),
            NextStep::Renew { overdue, .. } => {
                // Lives of minutes, under back-offs of a minute, end in alarms: late, but before the end.
                let late = clock.unix() > NOW.plus(WEEK - MINUTE * 10);
                assert!(overdue.is_none() || late, "{overdue:?} at {}", clock.unix());
                renew().unwrap();
                renewals += 1;
                on_the_last_day += u32::from(NOW.plus(WEEK - DAY) < clock.unix());
            }
            other => panic!("{other:?}"),
        }
        let generation = store.current();
        let over = clock.unix() >= NOW.plus(WEEK);
        assert!(over || clock.unix() <= generation.credential().not_after(), "a gap at {}", clock.unix());
    }
    // Each is shorter than the one before it once the root's end is near, and there is an end to that.
    assert!((12..=60).contains(&renewals) && on_the_last_day <= 40, "{renewals}, {on_the_last_day}");
    clock.advance(MINUTE);
    assert_eq!(renew().unwrap_err().code(), "pki.provider.refused");
    assert_eq!(manager.state("node").unwrap().overdue, Some(OverdueLevel::Expired));
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
