//! OCSP responses beside a certificate (RFC 9846 §4.4.2.1): served while they last, replaced without an end to tickets.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;
mod plain;

use common::{HOUR, clock, manager, now};
use dwcp_base::LocalDisk;
use dwcp_crypto::{KeyType, SigningKey};
use dwcp_pki::{
    AuthorityParams, CertIdHash, CertificateAuthority, CertificateRequest, CertificateStore, Credential,
    FurtherCertificate, FurtherCertificates, IssuancePolicy, OcspRequest, OcspResponder, RevocationMode,
    TrustStore,
};
use dwcp_tls::{ClientAuth, ExpectedServer, Resumption, ServerSettings, TlsPolicy};
use plain::Plain;
use std::sync::Arc;

struct Desk {
    _directory: tempfile::TempDir,
    ca: Arc<CertificateAuthority>,
    responder: OcspResponder,
}

impl Desk {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let params = AuthorityParams::new("Stapling");
        let ca = CertificateAuthority::create(Arc::new(LocalDisk), directory.path(), &params, now());
        let ca = Arc::new(ca.unwrap());
        Self { responder: OcspResponder::new(Arc::clone(&ca)), ca, _directory: directory }
    }

    fn credential(&self, names: &[&str]) -> Credential {
        let key = SigningKey::generate(KeyType::EcdsaP256).unwrap();
        let names: Vec<_> = names.iter().map(|name| name.parse().unwrap()).collect();
        let request = CertificateRequest::generate(&key, &names).unwrap();
        let chain = self.ca.issue(&request, &IssuancePolicy::default(), now()).unwrap();
        Credential::new(chain, key).unwrap()
    }

    fn response(&self, credential: &Credential) -> Vec<u8> {
        let leaf = credential.chain().leaf();
        let asked = OcspRequest::for_certificate(leaf, self.ca.certificate(), CertIdHash::Sha1).unwrap();
        self.responder.answer(asked.der(), now()).der().to_vec()
    }

    fn store(&self) -> Arc<CertificateStore> {
        let anchor = self.ca.certificate().certificate_der().clone();
        let trust = TrustStore::new(vec![anchor], Vec::new(), RevocationMode::Off).unwrap();
        let own = self.credential(&["URI:spiffe://mesh/server", "DNS:server.mesh"]);
        Arc::new(CertificateStore::new(own, trust).unwrap())
    }
}

#[tokio::test]
async fn a_staple_is_served_until_it_lapses_and_each_beside_its_certificate() {
    let desk = Desk::new();
    let store = desk.store();
    let clock = clock();
    let node = manager(Arc::clone(&store), TlsPolicy::new(), &clock);
    let server = node.server(ServerSettings::new(ClientAuth::Optional)).unwrap();
    let further = FurtherCertificate::mesh(desk.credential(&["DNS:shop.example"]));
    let shop = Arc::clone(further.credential());
    store.install_further(FurtherCertificates::new(vec![further]).unwrap()).unwrap();
    let stapled = |name: &'static str| {
        let server = server.clone();
        async move { Plain::asking(name).greet(&server).await.1.unwrap().ocsp }
    };
    assert!(stapled("server.mesh").await.is_empty());
    let (own, other) = (desk.response(store.current().credential()), desk.response(&shop));
    store.install_staple(&own, now()).unwrap();
    assert_eq!(stapled("server.mesh").await, own);
    assert!(stapled("shop.example").await.is_empty());
    store.install_staple(&other, now()).unwrap();
    assert_eq!((stapled("server.mesh").await, stapled("shop.example").await), (own.clone(), other));

    let until = store.current().staple_for(&shop).unwrap().until();
    clock.set_unix(until.minus(std::time::Duration::from_secs(1)));
    assert_eq!(stapled("server.mesh").await, own, "to its last second");
    clock.set_unix(until);
    assert!(stapled("server.mesh").await.is_empty(), "no generation came, and it is gone");
    assert!(until <= now().plus(24 * HOUR));
}

#[tokio::test]
async fn a_new_staple_ends_no_ticket() {
    let desk = Desk::new();
    let store = desk.store();
    let node = manager(Arc::clone(&store), TlsPolicy::new(), &clock());
    let server = node.server(ServerSettings::new(ClientAuth::Required)).unwrap();
    let clients = desk.store();
    let client = manager(clients, TlsPolicy::new(), &clock()).client(Default::default()).unwrap();
    let expected = ExpectedServer::name("DNS:server.mesh".parse().unwrap()).unwrap();
    for resumed in [Resumption::Full, Resumption::Resumed] {
        let (near, _far) = common::talk(&server, &client, &expected).await;
        assert_eq!(near.facts().resumed, resumed);
    }
    store.install_staple(&desk.response(store.current().credential()), now()).unwrap();
    let (near, _far) = common::talk(&server, &client, &expected).await;
    assert_eq!(near.facts().resumed, Resumption::Resumed);
    assert_eq!(near.generation(), 2);
}
