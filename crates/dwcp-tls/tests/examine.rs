//! What each rule says of a chain that was shown: a diagnosis that makes no session.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::{Authority, DEADLINE, HOUR, Leaf, among, expected, now, required, serial};
use dwcp_pki::{AllowList, KeyPin, PeerIdentity, Purpose, TrustStore};
use dwcp_tls::{
    CheckRefusal, Group, PeerCheck, PeerRule, PeerRules, RuleCode, RuleOutcome, RuleVerdict, Shown,
    TlsPolicy, presented_by,
};
use rcgen::CustomExtension;
use rcgen::ExtendedKeyUsagePurpose::ServerAuth;
use rustls::pki_types::CertificateDer;
use std::sync::Arc;

struct Refuses;

impl PeerCheck for Refuses {
    fn name(&self) -> &'static str {
        "inventory"
    }

    fn check(&self, _: &PeerIdentity, _: &[CertificateDer<'_>]) -> Result<(), CheckRefusal> {
        Err(CheckRefusal::new(RuleCode::new("inventory.peer.unknown").unwrap(), "nobody knows it"))
    }
}

fn names(patterns: &[&str]) -> AllowList {
    AllowList::new(patterns.iter().map(|text| text.parse().unwrap()).collect())
}

/// Rules of every kind, of which names and the check refuse.
fn rules(pin: KeyPin) -> PeerRules {
    PeerRules::new()
        .with_names(names(&["spiffe://mesh/other"]))
        .with_pins([pin])
        .with_post_quantum_for(names(&["spiffe://mesh/server", "spiffe://mesh/client"]))
        .with_check(Arc::new(Refuses))
}

fn shown<'a>(chain: &'a [CertificateDer<'a>], purpose: Purpose) -> Shown<'a> {
    Shown { chain, staple: &[], purpose, group: Some(Group::X25519MlKem768) }
}

/// Rule by rule: `ok`, the code, or `-` where it was not asked.
fn said(verdicts: &[RuleVerdict]) -> Vec<(String, &'static str)> {
    let word = |outcome: &RuleOutcome| match outcome {
        RuleOutcome::Passed => "ok",
        RuleOutcome::Refused { code, why } => {
            assert!(!why.is_empty());
            code
        }
        RuleOutcome::NotAsked { .. } => "-",
    };
    verdicts.iter().map(|verdict| (verdict.rule.to_string(), word(&verdict.outcome))).collect()
}

fn table(rows: &[(&str, &'static str)]) -> Vec<(String, &'static str)> {
    rows.iter().map(|(rule, word)| ((*rule).to_owned(), *word)).collect()
}

#[tokio::test]
async fn every_rule_is_asked_about_what_a_server_showed_and_one_refusal_hides_no_other() {
    let authority = Authority::new("examined");
    let server = authority.node("server").server(required()).unwrap();
    let (near, far) = tokio::io::duplex(64 * 1024);
    let meant = expected("DNS:server.mesh");
    let policy = TlsPolicy::new();
    let (refused, chain) =
        tokio::join!(server.accept(near, DEADLINE), presented_by(far, &meant, &policy, DEADLINE));
    assert!(refused.is_err(), "no session came of it");
    let chain = chain.unwrap();
    let pin = dwcp_pki::Certificate::from_der(&chain[0]).unwrap().key_pin();
    let trust = authority.trust(&[]);
    let ask = |shown: &Shown<'_>, name: &str| {
        said(&rules(pin).examine(&trust, shown, Some(&expected(name)), now()))
    };
    let all = |expected, quantum| {
        table(&[
            ("chain", "ok"),
            ("purpose", "ok"),
            ("expected", expected),
            ("staple", "ok"),
            ("names", "tls.certificate.unlisted"),
            ("pins", "ok"),
            ("check:inventory", "inventory.peer.unknown"),
            ("post_quantum", quantum),
        ])
    };
    let server = shown(&chain, Purpose::Server);
    assert_eq!(ask(&server, "DNS:server.mesh"), all("ok", "ok"));
    assert_eq!(ask(&server, "DNS:other.mesh"), all("pki.chain.name", "ok"));
    let classical = Shown { group: Some(Group::X25519), ..server };
    assert_eq!(ask(&classical, "DNS:server.mesh"), all("ok", "tls.group.classical"));
    let unknown = Shown { group: None, ..server };
    assert_eq!(ask(&unknown, "DNS:server.mesh"), all("ok", "-"));
    let verdicts = rules(pin).examine(&trust, &server, Some(&among(&["spiffe://mesh/x"])), now());
    assert!(said(&verdicts).contains(&("expected".to_owned(), "pki.policy.denied")));
    // A staple that does not count is the chain's.
    let odd = Shown { staple: b"odd", ..server };
    assert_eq!(ask(&odd, "DNS:server.mesh")[0].1, "pki.chain.status_response");
}

#[test]
fn of_a_chain_that_does_not_stand_only_its_leaf_is_read() {
    let (authority, stranger) = (Authority::new("ours"), Authority::new("theirs"));
    let credential = authority.issue(&Leaf::named("client"));
    let (chain, pin) = (credential.chain().ders(), credential.chain().leaf().key_pin());
    let nothing = |code, public| {
        table(&[
            ("chain", code),
            ("purpose", "-"),
            ("public", public),
            ("names", "-"),
            ("pins", "-"),
            ("post_quantum", "-"),
            ("check:inventory", "-"),
        ])
    };
    let client = shown(&chain, Purpose::Client);
    let ask = |trust: &TrustStore, at| said(&rules(pin).examine(trust, &client, None, at));
    assert_eq!(ask(&stranger.trust(&[]), now()), nothing("pki.chain.unknown_issuer", "ok"));
    assert_eq!(ask(&authority.trust(&[serial(&credential)]), now()), nothing("pki.chain.revoked", "ok"));
    assert_eq!(ask(&authority.trust(&[]), now().plus(48 * HOUR)), nothing("pki.chain.expired", "ok"));
    let empty = rules(pin).examine(&authority.trust(&[]), &shown(&[], Purpose::Client), None, now());
    assert_eq!(said(&empty), nothing("pki.chain.empty", "-"));
}

#[test]
fn a_public_certificate_of_today_breaks_two_rules_and_both_are_said() {
    let authority = Authority::new("public");
    let credential = authority.issue_with(&Leaf::named("client").only(ServerAuth), |params| {
        let policy = vec![0x30, 10, 0x30, 8, 6, 6, 0x67, 0x81, 0x0c, 1, 2, 1];
        params.custom_extensions = vec![CustomExtension::from_oid_content(&[2, 5, 29, 32], policy)];
    });
    assert!(credential.chain().leaf().public_mark().is_some(), "what a configuration asks of its own");
    let chain = credential.chain().ders();
    let ask = |purpose, trust: &Authority| {
        PeerRules::new().examine(&trust.trust(&[]), &shown(&chain, purpose), None, now())
    };
    let rows = [("chain", "ok"), ("purpose", "pki.chain.purpose"), ("public", "tls.certificate.public")];
    assert_eq!(said(&ask(Purpose::Client, &authority)), table(&rows));
    // Also where the root is not trusted here: it is read of the leaf.
    let other = ask(Purpose::Client, &Authority::new("other"));
    assert_eq!(other.last().map(|verdict| verdict.rule), Some(PeerRule::Public));
    assert_eq!(said(&other).last().map(|(_, word)| *word), Some("tls.certificate.public"));
    assert_eq!(
        said(&ask(Purpose::Server, &authority)),
        table(&[("chain", "ok"), ("purpose", "ok"), ("staple", "ok")])
    );
    assert_eq!(said(&ask(Purpose::Any, &authority)), table(&[("chain", "ok")]));
}
