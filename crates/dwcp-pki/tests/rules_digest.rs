//! The digest of what a store trusts and asks: equal where the rules are, and nowhere else.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod lab;

use dwcp_pki::{PolicyRequirements, Profile, TrustBundle, TrustDomain, TrustStore};
use lab::{Party, lax, strict};
use std::collections::HashSet;

fn domain(name: &str) -> TrustDomain {
    name.parse().unwrap()
}

fn bundle(name: &str, anchors: &[&Party]) -> TrustBundle {
    TrustBundle::new(domain(name), anchors.iter().map(|party| party.der.clone()).collect()).unwrap()
}

#[test]
fn each_rule_changes_the_digest_and_lists_do_not() {
    let (one, two) = (Party::root("one"), Party::root("two"));
    let plain = || lax(&[&one]);
    let asking = |asked: PolicyRequirements| plain().with_policies(asked);
    let policy = || PolicyRequirements::default().accepting("2.16.840.1.101.3.2.1.48.1").unwrap();
    let bundled = |bundles| plain().with_bundles(bundles).unwrap();
    let different: Vec<TrustStore> = vec![
        plain(),
        lax(&[&two]),
        lax(&[&one, &two]),
        plain().with_trust_domain(domain("mesh.example")),
        plain().with_trust_domain(domain("mesh.example.org")),
        bundled(vec![bundle("mesh.example", &[&one])]),
        bundled(vec![bundle("mesh.example", &[&two])]),
        bundled(vec![bundle("mesh.example", &[&two]), bundle("other.example", &[&two])]),
        bundled(vec![bundle("mesh.example", &[&one, &two])]),
        plain().with_profile(Profile::Interop),
        plain().with_max_depth(0),
        plain().with_max_depth(1),
        asking(policy()),
        asking(policy().explicit()),
        asking(PolicyRequirements::default().explicit()),
        asking(PolicyRequirements::default().without_mapping()),
        asking(PolicyRequirements::default().without_any_policy()),
    ];
    let digests: HashSet<_> = different.iter().map(TrustStore::rules_digest).collect();
    assert_eq!(digests.len(), different.len());
    for store in &different {
        for other in &different {
            let same = store.has_anchors_of(other) && store.asks_the_same_as(other);
            assert_eq!(store.rules_digest() == other.rules_digest(), same);
        }
    }
    let ours = plain().rules_digest();
    assert_eq!(
        ours,
        strict(&[&one], vec![one.crl(1, &[])]).rules_digest(),
        "lists and how strict they are taken"
    );
    assert_eq!(ours, plain().with_generation(9).rules_digest());
    assert_eq!(lax(&[&one, &two]).rules_digest(), lax(&[&two, &one]).rules_digest(), "the order of anchors");
}
