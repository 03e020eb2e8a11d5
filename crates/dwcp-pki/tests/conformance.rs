//! The suite for providers: ours pass it, and what it says of itself.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod lab;
mod mutants;
mod waiting;

use dwcp_base::{Clock, ManualClock};
use dwcp_crypto::KeyType;
use dwcp_pki::testing::conformance::{Means, Rule, check};
use dwcp_pki::testing::{Conduct, Lie};
use dwcp_pki::{EmbeddedProvider, IssuancePolicy, SelfSignedProvider, SubjectName, Usage};
use lab::{NOW, mesh_authority};
use mutants::{Bench, but_for_refusals, names, node};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use waiting::block_on;

fn every_kind() -> Vec<Vec<SubjectName>> {
    vec![node(), names(&["DNS:a.example"]), names(&["IP:2001:db8::1"])]
}

const EVERY_KEY: &[KeyType] = &[KeyType::EcdsaP256, KeyType::EcdsaP384, KeyType::Ed25519];

#[test]
fn the_embedded_provider_keeps_every_rule() {
    let (_directory, authority) = mesh_authority();
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(NOW));
    let provider = EmbeddedProvider::new(Arc::new(authority), IssuancePolicy::default(), Arc::clone(&clock));
    let means = Means::new(every_kind(), clock)
        .with_key_types(EVERY_KEY)
        .refusing(names(&["EMAIL:a@mesh.example"]))
        .refusing(names(&["URI:spiffe://mesh.example/a", "URI:https://mesh.example/b"]))
        .waiving(Rule::Deadline, "it waits for its disk alone, and does not interrupt that");
    let report = block_on(check(&provider, &means)).verdict().unwrap();
    assert_eq!(
        report.untried(),
        [(Rule::Deadline, "it waits for its disk alone, and does not interrupt that")]
    );
    assert_eq!(report.held().len(), Rule::ALL.len() - 1);
}

#[test]
fn a_wildcard_is_issued_for_servers() {
    let (_directory, authority) = mesh_authority();
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(NOW));
    let provider = EmbeddedProvider::new(Arc::new(authority), IssuancePolicy::default(), Arc::clone(&clock));
    let means = Means::new(vec![names(&["DNS:*.a.example"])], clock).for_usage(Usage::Server);
    let report = block_on(check(&provider, &means));
    assert!(report.broken().is_empty(), "{report}");
}

#[test]
fn the_self_signed_provider_keeps_every_rule() {
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(NOW));
    let provider = SelfSignedProvider::new(Arc::clone(&clock)).unwrap();
    let means = Means::new(every_kind(), clock)
        .with_key_types(EVERY_KEY)
        .refusing(names(&["EMAIL:a@mesh.example"]))
        .waiving(Rule::Deadline, "it waits for nobody");
    let report = block_on(check(&provider, &means)).verdict().unwrap();
    assert_eq!(report.held().len(), Rule::ALL.len() - 1);
}

#[test]
fn an_honest_double_is_without_fault() {
    let bench = Bench::new();
    let report = bench.report(&but_for_refusals(bench.honest.clone())).verdict().unwrap();
    assert_eq!(report.held().len(), Rule::ALL.len());
    let slow = but_for_refusals(bench.double(Conduct::Slow(Duration::from_millis(20))));
    assert!(bench.report(&slow).verdict().is_ok());
}

#[test]
fn a_rule_that_is_neither_tried_nor_waived_is_no_success() {
    let bench = Bench::new();
    let means = || Means::new(vec![node()], Arc::clone(&bench.clock));
    let report = block_on(check(&bench.honest, &means()));
    assert!(report.broken().is_empty(), "{report}");
    let broken = report.verdict().unwrap_err();
    assert_eq!(broken.report().broken(), BTreeSet::from([Rule::Refuses, Rule::Deadline, Rule::NoSecrets]));
    let waiving = [Rule::Refuses, Rule::Deadline, Rule::NoSecrets]
        .into_iter()
        .fold(means(), |means, rule| means.waiving(rule, "it has no backend"));
    assert!(block_on(check(&bench.honest, &waiving)).verdict().is_ok());
    let nothing = block_on(check(&bench.honest, &Means::new(Vec::new(), Arc::clone(&bench.clock))));
    assert!(nothing.verdict().is_err(), "who claims nothing proves nothing");
}

#[test]
fn a_claim_of_less_is_judged_by_less() {
    let bench = Bench::new();
    let server = bench.double(Conduct::Lies(Lie::ServerOnly));
    let means = Means::new(vec![node()], Arc::clone(&bench.clock)).for_usage(Usage::Server);
    let report = block_on(check(&server, &means));
    assert!(report.broken().is_empty(), "{report}");
    assert_eq!(bench.report(&server).findings()[0].rule, Rule::Usable);
    assert!(server.calls() > 16, "{}", server.calls());
}

#[test]
fn every_rule_has_a_name_of_its_own_and_says_what_to_mend() {
    let names: BTreeSet<_> = Rule::ALL.iter().map(|rule| rule.name()).collect();
    let mends: BTreeSet<_> = Rule::ALL.iter().map(|rule| rule.mend()).collect();
    assert_eq!((names.len(), mends.len()), (Rule::ALL.len(), Rule::ALL.len()));
}
