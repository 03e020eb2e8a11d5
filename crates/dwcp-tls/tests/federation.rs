//! Peers of another trust domain: who they can be, and who they can not pretend to be.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::{Authority, Leaf, among, clock, expected, manager, required, shake, talk, what_it_is_told};
use dwcp_base::{Blame, Coded};
use dwcp_pki::{CertificateStore, RevocationMode, SubjectName, TrustBundle, TrustStore};
use dwcp_tls::{ClientSettings, Resumption, TlsConnector, TlsContext, TlsError, TlsPolicy};
use std::sync::Arc;

fn named(names: &[&str]) -> Leaf {
    let names: Vec<SubjectName> = names.iter().map(|name| name.parse().unwrap()).collect();
    Leaf { names, ..Leaf::named("unused") }
}

/// Trust of `own.example` in its authority, with the bundle of `partner.example`.
fn federated(own: &Authority, partner: &Authority) -> TrustStore {
    let ders = |authority: &Authority| vec![authority.certificate.certificate_der().clone()];
    let bundle = TrustBundle::new("partner.example".parse().unwrap(), ders(partner)).unwrap();
    let lists = vec![own.crl(1, &[]), partner.crl(1, &[])];
    let store = TrustStore::new(ders(own), lists, RevocationMode::Required).unwrap();
    store.with_trust_domain("own.example".parse().unwrap()).with_bundles(vec![bundle]).unwrap()
}

fn client_of(store: CertificateStore) -> (Arc<CertificateStore>, TlsConnector) {
    let store = Arc::new(store);
    let manager = manager(Arc::clone(&store), TlsPolicy::new(), &clock());
    (store, manager.client(ClientSettings::new()).unwrap())
}

/// A server of the partner's authority with these names, which trusts both sides' authorities.
fn server_of(own: &Authority, partner: &Authority, names: &[&str]) -> TlsContext {
    let both = [own, partner].map(|authority| authority.certificate.certificate_der().clone());
    let trust = TrustStore::new(both.to_vec(), Vec::new(), RevocationMode::Off).unwrap();
    let store = CertificateStore::new(partner.issue(&named(names)), trust).unwrap();
    manager(Arc::new(store), TlsPolicy::new(), &clock()).server(required()).unwrap()
}

fn own_client(own: &Authority, trust: TrustStore) -> (Arc<CertificateStore>, TlsConnector) {
    client_of(CertificateStore::new(own.issue(&named(&["URI:spiffe://own.example/web"])), trust).unwrap())
}

const PARTNER: &[&str] = &["DNS:db.own.example", "IP:127.0.0.1", "URI:spiffe://partner.example/db"];

#[tokio::test]
async fn a_federated_server_is_found_by_its_spiffe_id_and_by_no_name_of_ours() {
    let (own, partner) = (Authority::new("own"), Authority::new("partner"));
    let server = server_of(&own, &partner, PARTNER);
    let (_, client) = own_client(&own, federated(&own, &partner));
    for who in [expected("URI:spiffe://partner.example/db"), among(&["spiffe://partner.example/*"])] {
        // A full handshake, then resumed ones: the same answer.
        for resumed in [Resumption::Full, Resumption::Resumed] {
            let (_near, far) = talk(&server, &client, &who).await;
            assert_eq!(far.facts().resumed, resumed);
            assert_eq!(far.peer().label(), "spiffe://partner.example/db");
        }
    }
    for name in ["DNS:db.own.example", "IP:127.0.0.1"] {
        let (near, far) = shake(&server, &client, &expected(name)).await;
        let error = far.unwrap_err();
        assert_eq!(error.code(), "tls.certificate.wrong_name", "{name}");
        let TlsError::Certificate { error: rule, claimed } = &error else { panic!("{error:?}") };
        assert_eq!(rule.code(), "pki.chain.name");
        assert!(claimed.contains("DNS:db.own.example"), "what it claims is on record: {claimed}");
        assert_eq!(near.unwrap_err().code(), "tls.peer.bad_certificate");
    }
    let (_, far) = shake(&server, &client, &among(&["dns:**.own.example"])).await;
    assert_eq!(far.unwrap_err().code(), "tls.certificate.unexpected");
}

#[tokio::test]
async fn a_session_from_before_the_binding_is_not_resumed_under_the_old_names() {
    let (own, partner) = (Authority::new("own"), Authority::new("partner"));
    let server = server_of(&own, &partner, PARTNER);
    // At first the partner's root is one of ours, as it was before there were bundles.
    let both = [&own, &partner].map(|authority| authority.certificate.certificate_der().clone());
    let lists = vec![own.crl(1, &[]), partner.crl(1, &[])];
    let trust = TrustStore::new(both.to_vec(), lists, RevocationMode::Required).unwrap();
    let (store, client) = own_client(&own, trust);
    let who = expected("DNS:db.own.example");
    for resumed in [Resumption::Full, Resumption::Resumed] {
        let (_near, far) = talk(&server, &client, &who).await;
        assert_eq!(far.facts().resumed, resumed);
    }
    store.install_trust(federated(&own, &partner)).unwrap();
    let (_, far) = shake(&server, &client, &who).await;
    let error = far.unwrap_err();
    assert_eq!(error.validation().map(Coded::code), Some("pki.chain.name"), "{error:?}");
}

#[tokio::test]
async fn a_client_whose_authority_mints_our_spiffe_ids_is_refused_and_told_little() {
    let (own, partner) = (Authority::new("own"), Authority::new("partner"));
    let credential = own.issue(&named(&["URI:spiffe://own.example/db", "DNS:db.own.example"]));
    let store = Arc::new(CertificateStore::new(credential, federated(&own, &partner)).unwrap());
    let server = manager(store, TlsPolicy::new(), &clock()).server(required()).unwrap();
    let dial = |names: &[&str]| {
        let any =
            TrustStore::new(vec![own.certificate.certificate_der().clone()], Vec::new(), RevocationMode::Off);
        client_of(CertificateStore::for_client(partner.issue(&named(names)), any.unwrap())).1
    };
    let who = expected("DNS:db.own.example");
    let (near, _far) = talk(&server, &dial(&["URI:spiffe://partner.example/a"]), &who).await;
    assert_eq!(near.peer().label(), "spiffe://partner.example/a");
    for names in [&["URI:spiffe://own.example/admin"][..], &["DNS:admin.own.example"]] {
        let (near, far) = shake(&server, &dial(names), &who).await;
        let error = near.unwrap_err();
        assert_eq!((error.code(), error.blame()), ("tls.certificate.wrong_name", Blame::Peer));
        assert_eq!(error.validation().map(Coded::code), Some("pki.chain.trust_domain"));
        assert!(TlsError::REASONS.contains(&error.reason()));
        assert_eq!(what_it_is_told(far).await.code(), "tls.peer.bad_certificate");
    }
}
