//! The suite that every provider passes, over the mesh: with a server that speaks the protocol of enrolment on loopback.

#[path = "../../tests/support/issuer.rs"]
mod issuer;

use super::MeshProvider;
use crate::config::MeshPlan;
use dwcp_base::SystemClock;
use dwcp_crypto::KeyType;
use dwcp_pki::testing::conformance::{Means, Rule, check};
use dwcp_pki::{CertificateStore, Credential, RevocationMode, SubjectName, TrustStore};
use dwcp_tls::TlsPolicy;
use issuer::{Issuer, SERVER};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

fn names(texts: &[&str]) -> Vec<SubjectName> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

#[test]
fn the_mesh_provider_keeps_every_rule() {
    let issuer = Issuer::start();
    let credential = Credential::load_saved(Path::new(&issuer.identity("b"))).unwrap();
    let anchors = vec![issuer.root().certificate_der().clone()];
    let trust = TrustStore::new(anchors, Vec::new(), RevocationMode::Off).unwrap();
    let store = Arc::new(CertificateStore::new(credential, trust).unwrap());
    let at = |address: SocketAddr| {
        let plan = MeshPlan { place: address.to_string().parse().unwrap(), server: SERVER.parse().unwrap() };
        MeshProvider::new(Arc::clone(&store), plan, TlsPolicy::default())
    };
    // One that takes connections and says nothing, and one that is gone.
    let quiet = TcpListener::bind("127.0.0.1:0").unwrap();
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (provider, silent, failing) = (at(issuer.address), at(quiet.local_addr().unwrap()), at(gone));
    let own = "URI:spiffe://test.example/node/b";
    let means = Means::new(vec![names(&[own]), names(&[own, "DNS:localhost"])], Arc::new(SystemClock::new()))
        .with_key_types(&[KeyType::EcdsaP256, KeyType::EcdsaP384, KeyType::Ed25519])
        .refusing(names(&[own, "EMAIL:b@test.example"]))
        .over_silence(&silent)
        .over_failure(&failing)
        .with_deadline(Duration::from_secs(2), Duration::from_secs(1));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let report = runtime.block_on(check(&provider, &means)).verdict().unwrap();
    assert_eq!(report.held().len(), Rule::ALL.len(), "{report}");
}
