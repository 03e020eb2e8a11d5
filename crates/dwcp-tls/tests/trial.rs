//! A certificate is tried out before it serves: what works passes, and what a peer would not take is named.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::{Authority, HOUR, Leaf, clock, manager, now, serial};
use dwcp_base::{Clock, Coded, SystemClock, UnixTime};
use dwcp_crypto::{Secret, SigningKey};
use dwcp_pki::{
    Certificate, CertificateChain, ChainFault, Credential, Profile, RevocationMode, SubjectName, Trial,
    TrustStore, Usage,
};
use dwcp_tls::{CipherSuite, Group, HandshakeTrial, PostQuantum, TlsPolicy, TrialError};
use rcgen::ExtendedKeyUsagePurpose;
use std::error::Error;

const USAGES: [Usage; 3] = [Usage::Server, Usage::Client, Usage::Both];

fn trial() -> HandshakeTrial {
    HandshakeTrial::new(TlsPolicy::new())
}

/// What the trial says, by its own error.
fn tried(credential: &Credential, trust: &TrustStore, usage: Usage) -> Result<(), TrialError> {
    tried_at(credential, trust, usage, now())
}

fn tried_at(
    credential: &Credential,
    trust: &TrustStore,
    usage: Usage,
    at: UnixTime,
) -> Result<(), TrialError> {
    trial().try_out(credential, trust, usage, at).map_err(|fault| {
        assert!(fault.source().is_some());
        *fault.0.downcast::<TrialError>().unwrap()
    })
}

fn fault(error: TrialError) -> ChainFault {
    match error {
        TrialError::Refused { error, .. } => error.into_fault(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_good_certificate_passes_whatever_it_is_for_and_whatever_key_it_has() {
    let authority = Authority::new("root");
    for algorithm in [&rcgen::PKCS_ECDSA_P256_SHA256, &rcgen::PKCS_ECDSA_P384_SHA384, &rcgen::PKCS_ED25519] {
        let credential = authority.issue(&Leaf { algorithm, ..Leaf::named("node") });
        for usage in USAGES {
            tried(&credential, &authority.trust(&[]), usage).unwrap();
        }
    }
    let server = authority.issue(&Leaf::named("server").only(ExtendedKeyUsagePurpose::ServerAuth));
    tried(&server, &authority.trust(&[]), Usage::Server).unwrap();
    let client = authority.issue(&Leaf::named("client").only(ExtendedKeyUsagePurpose::ClientAuth));
    tried(&client, &authority.trust(&[]), Usage::Client).unwrap();
}

#[test]
fn it_passes_under_every_policy_and_follows_that_of_a_manager() {
    let authority = Authority::new("root");
    let credential = authority.issue(&Leaf::named("node"));
    let policy = TlsPolicy::new();
    let mut policies = vec![
        policy.clone().with_post_quantum(PostQuantum::Require).unwrap(),
        policy.clone().with_post_quantum(PostQuantum::Off).unwrap(),
    ];
    policies.extend(Group::ALL.iter().map(|group| policy.clone().with_groups(&[*group]).unwrap()));
    policies.extend(CipherSuite::ALL.iter().map(|suite| policy.clone().with_suites(&[*suite]).unwrap()));
    for policy in policies {
        let trial = HandshakeTrial::new(policy.clone());
        trial.try_out(&credential, &authority.trust(&[]), Usage::Both, now()).unwrap();
        let followed =
            HandshakeTrial::following(&manager(authority.store(&Leaf::named("a")), policy.clone(), &clock()));
        assert_eq!(format!("{followed:?}"), format!("{trial:?}"));
        followed.try_out(&credential, &authority.trust(&[]), Usage::Both, now()).unwrap();
    }
}

#[test]
fn the_time_is_the_argument_and_not_the_clock() {
    let authority = Authority::new("root");
    let (credential, trust) = (authority.issue(&Leaf::named("node")), authority.trust(&[]));
    let at = |at| tried_at(&credential, &trust, Usage::Both, at);
    at(now()).unwrap();
    assert!(matches!(fault(at(now().plus(25 * HOUR)).unwrap_err()), ChainFault::Expired { .. }));
    assert!(matches!(fault(at(now().minus(2 * HOUR)).unwrap_err()), ChainFault::NotYetValid { .. }));
}

#[test]
fn a_certificate_for_one_side_alone_fails_on_the_other() {
    let authority = Authority::new("root");
    let trust = authority.trust(&[]);
    let server = authority.issue(&Leaf::named("a").only(ExtendedKeyUsagePurpose::ServerAuth));
    let client = authority.issue(&Leaf::named("a").only(ExtendedKeyUsagePurpose::ClientAuth));
    for (credential, usage, side) in [
        (&server, Usage::Client, "client"),
        (&server, Usage::Both, "client"),
        (&client, Usage::Server, "server"),
        (&client, Usage::Both, "server"),
    ] {
        let error = tried(credential, &trust, usage).unwrap_err();
        assert!(error.to_string().contains(side), "{error}");
        assert_eq!(error.code(), "tls.trial.refused");
        assert!(matches!(fault(error), ChainFault::Purpose { .. }));
    }
}

#[test]
fn what_peers_refuse_is_refused_by_the_same_rule() {
    let (authority, other) = (Authority::new("root"), Authority::new("other"));
    let credential = authority.issue(&Leaf::named("a"));
    let untrusted = tried(&credential, &other.trust(&[]), Usage::Both).unwrap_err();
    assert_eq!(fault(untrusted), ChainFault::UnknownIssuer);
    let revoked = tried(&credential, &authority.trust(&[serial(&credential)]), Usage::Both).unwrap_err();
    assert!(fault(revoked).is_revocation());
    // A rule of the profile: `mesh` asks what `interop` does not.
    let odd = authority
        .issue_with(&Leaf::named("a"), |params| params.use_authority_key_identifier_extension = false);
    let strict = tried(&odd, &authority.trust(&[]), Usage::Both).unwrap_err();
    assert!(matches!(fault(strict), ChainFault::Profile { .. }));
    tried(&odd, &authority.trust(&[]).with_profile(Profile::Interop), Usage::Both).unwrap();
}

#[test]
fn lists_that_are_missing_or_stale_hold_nothing_up() {
    let authority = Authority::new("root");
    let anchors = vec![authority.certificate.certificate_der().clone()];
    let unlisted = TrustStore::new(anchors, Vec::new(), RevocationMode::Required).unwrap();
    let leaf = Leaf::named("a").until(now().plus(1_000 * HOUR));
    tried(&authority.issue(&leaf), &unlisted, Usage::Both).unwrap();
    let stale = now().plus(500 * HOUR);
    tried_at(&authority.issue(&leaf), &authority.trust(&[]), Usage::Both, stale).unwrap();
}

#[test]
fn a_server_without_a_name_that_clients_ask_for_is_refused() {
    let authority = Authority::new("root");
    let trust = authority.trust(&[]).with_profile(Profile::Interop);
    let named = |names: Vec<SubjectName>| authority.issue(&Leaf { names, ..Leaf::named("a") });
    for nameless in [vec![], vec!["EMAIL:a@mesh.example".parse().unwrap()]] {
        let credential = named(nameless);
        for usage in [Usage::Server, Usage::Both] {
            let error = tried(&credential, &trust, usage).unwrap_err();
            assert!(matches!(error, TrialError::Nameless), "{error:?}");
        }
    }
    for name in ["DNS:*.mesh.example", "DNS:a.mesh", "IP:2001:db8::1", "URI:spiffe://mesh/a"] {
        tried(&named(vec![name.parse().unwrap()]), &trust, Usage::Server).unwrap();
    }
}

#[test]
fn a_chain_that_peers_would_not_read_to_its_end_is_refused_with_the_numbers() {
    let authority = Authority::new("root");
    let trust = authority.trust(&[]);
    // Names make a leaf as large as it takes; the bounds of the two sides differ.
    let large = |count: usize| {
        let mut leaf = Leaf::named("a");
        leaf.names.extend(
            (0..count)
                .map(|n| format!("DNS:{}{n}.mesh", "a".repeat(60)).replace("a60", "b").parse().unwrap()),
        );
        authority.issue(&leaf)
    };
    for usage in USAGES {
        tried(&large(60), &trust, usage).unwrap();
    }
    let beyond_a_client = large(170);
    tried(&beyond_a_client, &trust, Usage::Server).unwrap();
    for usage in [Usage::Client, Usage::Both] {
        let error = tried(&beyond_a_client, &trust, usage).unwrap_err();
        let TrialError::TooLong { side, bytes, limit } = error else { panic!("{error:?}") };
        assert_eq!((side, limit), ("client", dwcp_tls::LARGEST_CLIENT_FLIGHT));
        assert!(bytes > limit);
    }
    let padding = (0..3).map(|_| large(170).chain().leaf().clone());
    let leaf = large(170);
    let chain: Vec<Certificate> = std::iter::once(leaf.chain().leaf().clone()).chain(padding).collect();
    let key = SigningKey::from_pkcs8(Secret::from(leaf.key().pkcs8().expose().to_vec())).unwrap();
    let beyond_a_server = Credential::new(CertificateChain::new(chain).unwrap(), key).unwrap();
    let error = tried(&beyond_a_server, &trust, Usage::Server).unwrap_err();
    assert!(matches!(error, TrialError::TooLong { side: "server", .. }), "{error:?}");
}

#[tokio::test]
async fn the_bound_that_the_trial_knows_is_the_one_that_peers_keep() {
    use common::{required, server_dns, shake};
    let authority = Authority::new("root");
    let server = authority.node("server").server(required()).unwrap();
    // Around the bound of a client's flight: the trial and a real server agree on each size.
    let mut verdicts = Vec::new();
    for count in (140..190).step_by(5) {
        let mut leaf = Leaf::named("client");
        leaf.names.extend((0..count).map(|n| format!("DNS:{}{n}.mesh", "a".repeat(55)).parse().unwrap()));
        let store = authority.store(&leaf);
        let tried = tried(store.current().credential(), &authority.trust(&[]), Usage::Client).is_ok();
        let client =
            manager(store, TlsPolicy::new(), &clock()).client(dwcp_tls::ClientSettings::new()).unwrap();
        let taken = shake(&server, &client, &server_dns()).await.0.is_ok();
        assert_eq!(tried, taken, "{count} names");
        verdicts.push(tried);
    }
    assert!(verdicts.contains(&true) && verdicts.contains(&false), "{verdicts:?}");
}

#[test]
fn a_trial_is_a_matter_of_milliseconds() {
    let authority = Authority::new("root");
    let (credential, trust) = (authority.issue(&Leaf::named("node")), authority.trust(&[]));
    let (trial, clock) = (trial(), SystemClock::new());
    trial.try_out(&credential, &trust, Usage::Both, now()).unwrap();
    let began = clock.tick();
    for _ in 0..20 {
        trial.try_out(&credential, &trust, Usage::Both, now()).unwrap();
    }
    println!("a trial of three suites, both ways: {:?}", clock.tick().since(began) / 20);
}
