//! A store of a public certificate: shown by servers, judged by strangers, and never by a client.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::{Authority, Leaf, clock, expected, manager, required, shake, talk};
use dwcp_base::Coded;
use dwcp_pki::{CertificateStore, RevocationMode, TrustStore};
use dwcp_tls::{ClientAuth, ClientIdentity, ClientSettings, HandshakeTrial, ServerSettings, TlsPolicy};
use rcgen::ExtendedKeyUsagePurpose;
use std::sync::Arc;

fn anchored(authority: &Authority) -> TrustStore {
    let anchor = authority.certificate.certificate_der().clone();
    TrustStore::new(vec![anchor], Vec::new(), RevocationMode::Off).unwrap()
}

fn public(authority: &Authority, trust: TrustStore) -> Arc<CertificateStore> {
    let leaf = Leaf { names: vec!["DNS:shop.example".parse().unwrap()], ..Leaf::named("shop") };
    let own = authority.issue(&leaf.only(ExtendedKeyUsagePurpose::ServerAuth));
    Arc::new(CertificateStore::new_public(own, trust, anchored(authority)).unwrap())
}

#[tokio::test]
async fn strangers_judge_the_server_by_their_roots_and_it_judges_its_peers_by_its_own() {
    let (web, mesh) = (Authority::new("web"), Authority::new("mesh"));
    let node = manager(public(&web, anchored(&mesh)), TlsPolicy::new(), &clock());
    let shop = expected("DNS:shop.example");
    // A visitor with no certificate, and a member of the mesh that knows the public root too.
    let visitor = Leaf::named("visitor");
    let of_mesh = CertificateStore::for_client(mesh.issue(&visitor), anchored(&web));
    let client =
        manager(Arc::new(of_mesh), TlsPolicy::new(), &clock()).client(ClientSettings::new()).unwrap();
    talk(&node.server(required()).unwrap(), &client, &shop).await;
    // Whoever the public authority knows is no peer.
    let stranger = CertificateStore::for_client(web.issue(&visitor), anchored(&web));
    let client =
        manager(Arc::new(stranger), TlsPolicy::new(), &clock()).client(ClientSettings::new()).unwrap();
    let (server, _) = shake(&node.server(required()).unwrap(), &client, &shop).await;
    assert_eq!(server.unwrap_err().code(), "tls.certificate.unknown_issuer");
}

#[tokio::test]
async fn a_server_that_trusts_nobody_serves_whoever_shows_nothing_and_refuses_all_others() {
    let (web, mesh) = (Authority::new("web"), Authority::new("mesh"));
    let node = manager(public(&web, TrustStore::of_nobody()), TlsPolicy::new(), &clock());
    let shop = expected("DNS:shop.example");
    let server = node.server(ServerSettings::new(ClientAuth::Optional)).unwrap();
    let member = CertificateStore::for_client(mesh.issue(&Leaf::named("visitor")), anchored(&web));
    let client = manager(Arc::new(member), TlsPolicy::new(), &clock()).client(ClientSettings::new()).unwrap();
    let (near, _) = shake(&server, &client, &shop).await;
    assert_eq!(near.unwrap_err().code(), "tls.certificate.unknown_issuer");
    let client = manager(web.store(&Leaf::named("x")), TlsPolicy::new(), &clock());
    let client = client.client(ClientSettings::new().with_identity(ClientIdentity::Anonymous)).unwrap();
    talk(&server, &client, &shop).await;
}

#[test]
fn no_client_side_shows_it() {
    let web = Authority::new("web");
    let node = manager(public(&web, TrustStore::of_nobody()), TlsPolicy::new(), &clock());
    let error = node.client(ClientSettings::new()).unwrap_err();
    assert_eq!((error.code(), error.reason()), ("tls.config.public_identity", "configuration"));
    assert!(node.client(ClientSettings::new().with_identity(ClientIdentity::Anonymous)).is_ok());
}

#[test]
fn its_successors_are_tried_out_among_clients_that_trust_its_issuers() {
    use dwcp_pki::{Trial, Usage};
    let web = Authority::new("web");
    let store = public(&web, TrustStore::of_nobody());
    let generation = store.current();
    let trial = HandshakeTrial::new(TlsPolicy::new());
    let tried = |trust: &TrustStore| {
        trial.try_out(generation.credential(), trust, Usage::Server, common::now()).is_ok()
    };
    assert!(tried(generation.own_trust()) && !tried(generation.trust()));
}
