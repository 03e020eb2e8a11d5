//! A store whose own certificate is a public one: judged by its issuers, for servers alone, and never mixed with what peers are judged by.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod lab;
mod scripted;

use dwcp_base::{Clock, Coded, ManualClock, Silent};
use dwcp_crypto::{Secret, SigningKey};
use dwcp_pki::{
    CertificateChain, CertificateManager, CertificateStore, ChainFault, Credential, FurtherCertificate,
    FurtherCertificates, IdentityKind, InstallError, IssuedFault, ManagedSlot, ManagerError, Purpose,
    SlotError, SlotSpec, TrustBundle, TrustStore, Usage,
};
use lab::*;
use rcgen::ExtendedKeyUsagePurpose;
use scripted::{DEADLINE, Scripted, run, sign};
use std::sync::Arc;
use std::time::Duration;

const SHOP: &str = "DNS:shop.example";

fn credential(party: &Party) -> Credential {
    let chain = CertificateChain::from_der_list(std::slice::from_ref(&party.der)).unwrap();
    Credential::new(chain, SigningKey::from_pkcs8(Secret::from(party.key.serialize_der())).unwrap()).unwrap()
}

/// As public authorities issue today.
fn for_servers(root: &Party, names: &[&str]) -> Credential {
    let server = |params: &mut rcgen::CertificateParams| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    };
    credential(&root.leaf_with(names, server))
}

fn fault(result: Result<impl std::fmt::Debug, InstallError>) -> ChainFault {
    result.unwrap_err().verdict().fault().clone()
}

#[test]
fn the_own_certificate_leads_to_an_issuer_and_peers_to_an_anchor() {
    let (mesh, public) = (Party::root("mesh"), Party::root("public"));
    let store =
        CertificateStore::new_public(for_servers(&public, &[SHOP]), lax(&[&mesh]), lax(&[&public])).unwrap();
    let generation = store.current();
    assert_eq!(generation.kind(), IdentityKind::Public);
    assert_eq!(generation.served().iter().next().unwrap().kind(), IdentityKind::Public);
    let peer = mesh.leaf(&["URI:spiffe://mesh.example/web"]);
    assert!(generation.trust().validate(std::slice::from_ref(&peer.der), Purpose::Client, NOW).is_ok());
    // What the public authority issues is nobody in the mesh.
    let stranger = public.leaf(&[SHOP]);
    let refused =
        generation.trust().validate(std::slice::from_ref(&stranger.der), Purpose::Client, NOW).unwrap_err();
    assert_eq!(refused.fault(), &ChainFault::UnknownIssuer);
    // And a store of the mesh says so.
    let of_mesh = CertificateStore::new(credential(&peer), lax(&[&mesh])).unwrap();
    assert_eq!(of_mesh.current().kind(), IdentityKind::Mesh);
    assert!(Arc::ptr_eq(of_mesh.current().own_trust(), of_mesh.current().trust()));
}

#[test]
fn what_is_no_public_server_certificate_is_refused_now_and_later() {
    let (mesh, public) = (Party::root("mesh"), Party::root("public"));
    let new = |own: Credential| CertificateStore::new_public(own, lax(&[&mesh]), lax(&[&public]));
    let client = |params: &mut rcgen::CertificateParams| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    };
    let client = || credential(&public.leaf_with(&[SHOP], client));
    let spiffe = || for_servers(&public, &["URI:SPIFFE://mesh.example/web", SHOP]);
    let spiffe_is_readable = spiffe().names().len() == 2;
    assert!(spiffe_is_readable);
    assert_eq!(fault(new(for_servers(&mesh, &[SHOP]))), ChainFault::UnknownIssuer);
    assert!(matches!(fault(new(client())), ChainFault::Purpose { .. }));
    assert!(matches!(fault(new(spiffe())), ChainFault::Names { .. }));
    // An address has no name to ask for, and is what a client that asks for none is shown.
    let store = new(for_servers(&public, &["IP:127.0.0.1"])).unwrap();
    let before = store.current();
    for refused in [for_servers(&mesh, &[SHOP]), client(), spiffe()] {
        assert_eq!(store.install_credential(refused).unwrap_err().code(), "pki.generation.refused");
    }
    assert!(Arc::ptr_eq(&before, &store.current()));
    assert_eq!(store.install_credential(for_servers(&public, &[SHOP])).unwrap(), 2);
    assert_eq!(store.current().kind(), IdentityKind::Public);
}

#[test]
fn trust_and_further_certificates_change_beside_it() {
    let (mesh, other, public) = (Party::root("mesh"), Party::root("other"), Party::root("public"));
    let own = for_servers(&public, &[SHOP]);
    let store = CertificateStore::new_public(own, lax(&[&mesh]), lax(&[&public])).unwrap();
    let of_mesh = FurtherCertificate::mesh(credential(&mesh.leaf(&["DNS:a.mesh"])));
    store.install_further(FurtherCertificates::new(vec![of_mesh]).unwrap()).unwrap();
    // Those of the mesh still have to lead to an anchor; the own one does not care.
    assert_eq!(fault(store.install_trust(lax(&[&other]))), ChainFault::UnknownIssuer);
    store.install_further(FurtherCertificates::default()).unwrap();
    store.install_trust(lax(&[&other])).unwrap();
    store.install_trust(TrustStore::of_nobody()).unwrap();
    let generation = store.current();
    let issuers: Vec<_> = generation.own_trust().anchors().map(|anchor| anchor.subject()).collect();
    assert_eq!((generation.kind(), issuers.len()), (IdentityKind::Public, 1));
}

#[test]
fn a_store_of_nobody_trusts_nobody_but_whom_a_bundle_vouches_for() {
    let (mesh, public) = (Party::root("mesh"), Party::root("public"));
    let nobody = TrustStore::of_nobody();
    assert_eq!((nobody.anchors().count(), nobody.crls().count()), (0, 0));
    let peer = mesh.leaf(&["URI:spiffe://mesh.example/web"]);
    let refused = |store: &TrustStore| {
        store
            .validate(std::slice::from_ref(&peer.der), Purpose::Client, NOW)
            .map(|_| ())
            .map_err(|e| e.into_fault())
    };
    assert_eq!(refused(&nobody), Err(ChainFault::UnknownIssuer));
    let own = for_servers(&public, &[SHOP]);
    let store = CertificateStore::new_public(own, nobody.clone(), lax(&[&public])).unwrap();
    assert_eq!(refused(store.current().trust()), Err(ChainFault::UnknownIssuer));
    let bundle = TrustBundle::new("mesh.example".parse().unwrap(), vec![mesh.der.clone()]).unwrap();
    let bundled = nobody.with_bundles(vec![bundle]).unwrap();
    assert_eq!(refused(&bundled), Ok(()));
}

#[test]
fn a_renewal_is_judged_by_the_issuers_and_for_servers_alone() {
    let (mesh, public) = (Party::root("mesh"), Party::root("public"));
    let own = for_servers(&public, &[SHOP]);
    let store = CertificateStore::new_public(own, lax(&[&mesh]), lax(&[&public])).unwrap();
    let store = Arc::new(store);
    let clock = Arc::new(ManualClock::at(NOW));
    let manager = CertificateManager::new(Arc::clone(&clock) as Arc<dyn Clock>, Arc::new(Silent));
    let spec = |usage| SlotSpec { usage, ..SlotSpec::new("shop", vec![SHOP.parse().unwrap()]) };
    let server = |root: &Party| {
        let root = root.reissued(|_| {});
        move |request: &dwcp_pki::CertificateRequest| {
            Ok(sign(&root, request, |params| {
                params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
            }))
        }
    };
    let provider = Scripted::new(server(&mesh));
    let slot = |usage| {
        ManagedSlot::new(spec(usage), Arc::clone(&store)).with_provider(Arc::<Scripted>::clone(&provider))
    };
    for usage in [Usage::Both, Usage::Client] {
        let error = manager.manage(slot(usage)).unwrap_err();
        assert_eq!((&error, error.code()), (&SlotError::PublicClient, "pki.slot.public_client"));
    }
    manager.manage(slot(Usage::Server)).unwrap();
    let renew = || run(manager.renew("shop", dwcp_pki::Activation::Now, DEADLINE));
    // An authority that peers of the mesh are judged by is not one that may issue this.
    let Err(ManagerError::Issued(IssuedFault::Invalid(error))) = renew() else { panic!("taken") };
    assert_eq!(error.fault(), &ChainFault::UnknownIssuer);
    provider.now_answers(server(&public));
    clock.advance(Duration::from_secs(60));
    renew().unwrap();
    let generation = store.current();
    assert_eq!((generation.number(), generation.kind()), (2, IdentityKind::Public));
}
