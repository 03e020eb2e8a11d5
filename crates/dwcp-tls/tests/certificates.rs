//! Which certificate a client is shown: by name, protocol and signature scheme, from one snapshot of the store.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;
mod plain;

use common::{Authority, Leaf, among, clock, manager, required, serial, server_dns, shake, talk};
use dwcp_base::Coded;
use dwcp_pki::{CertificateStore, Credential, FurtherCertificate, FurtherCertificates, Peer};
use dwcp_tls::{ClientAuth, ClientSettings, Resumption, ServerSettings, TlsContext, TlsPolicy, UnknownName};
use plain::Plain;
use rustls::SignatureScheme;
use std::sync::Arc;

fn bearing(names: &[&str]) -> Leaf {
    Leaf { names: names.iter().map(|name| name.parse().unwrap()).collect(), ..Leaf::named("server") }
}

fn der(of: &Credential) -> Vec<u8> {
    of.chain().leaf().der().to_vec()
}

fn set(store: &CertificateStore, further: Vec<FurtherCertificate>) {
    store.install_further(FurtherCertificates::new(further).unwrap()).unwrap();
}

fn open(store: &Arc<CertificateStore>, settings: ServerSettings) -> TlsContext {
    manager(Arc::clone(store), TlsPolicy::new(), &clock()).server(settings).unwrap()
}

#[tokio::test]
async fn at_t6_each_name_has_its_certificate_and_an_unknown_one_none() {
    let (authority, public) = (Authority::new("names"), Authority::new("public"));
    let store = authority.store(&Leaf::named("server"));
    let shop = authority.issue(&bearing(&["DNS:*.shop.example"]));
    let exact = authority.issue(&bearing(&["DNS:eu.shop.example"]));
    let front = public.issue(&bearing(&["DNS:www.example"]));
    let own = der(store.current().credential());
    let (shop_der, exact_der, front_der) = (der(&shop), der(&exact), der(&front));
    let settings = ServerSettings::new(ClientAuth::Optional);
    let (server, routing) =
        (open(&store, settings.clone()), open(&store, settings.with_unknown_name(UnknownName::Serve)));
    assert!(Plain::asking("www.example").greet(&server).await.0.is_err(), "not before it is installed");
    set(
        &store,
        vec![
            FurtherCertificate::mesh(shop),
            FurtherCertificate::mesh(exact),
            FurtherCertificate::public(front),
        ],
    );
    for (name, shown) in [
        ("server.mesh", &own),
        ("SERVER.mesh", &own),
        ("us.shop.example", &shop_der),
        ("eu.shop.example", &exact_der),
        ("www.example", &front_der),
    ] {
        for server in [&server, &routing] {
            assert_eq!(Plain::asking(name).shown(server).await, *shown, "{name}");
        }
    }
    let silent = Plain { name: None, ..Plain::asking("nobody.invalid") };
    assert_eq!(silent.shown(&server).await, own, "no name is asked for");
    for name in ["shop.example", "a.eu.shop.example", "example"] {
        let (near, far) = Plain::asking(name).greet(&server).await;
        assert_eq!(near.unwrap_err().code(), "tls.name.unknown", "{name}");
        assert!(far.is_err());
        assert_eq!(Plain::asking(name).shown(&routing).await, own, "routed: {name}");
    }
}

#[tokio::test]
async fn two_keys_for_one_name_are_chosen_by_the_clients_schemes() {
    let authority = Authority::new("keys");
    let store = authority.store(&Leaf::named("server"));
    let p256 = authority.issue(&bearing(&["DNS:shop.example"]));
    let ed25519 = Leaf { algorithm: &rcgen::PKCS_ED25519, ..bearing(&["DNS:shop.example"]) };
    let ed25519 = authority.issue(&ed25519);
    let (with_p256, with_ed25519) = (der(&p256), der(&ed25519));
    set(&store, vec![FurtherCertificate::mesh(p256), FurtherCertificate::mesh(ed25519)]);
    let server = open(&store, ServerSettings::new(ClientAuth::Optional));
    let asking = Plain::asking("shop.example");
    let (p256, ed25519) = (SignatureScheme::ECDSA_NISTP256_SHA256, SignatureScheme::ED25519);
    for (schemes, shown) in
        [(&[p256][..], &with_p256), (&[ed25519], &with_ed25519), (&[ed25519, p256], &with_p256)]
    {
        assert_eq!(asking.clone().verifying(schemes).shown(&server).await, *shown, "{schemes:?}");
    }
    let (near, _far) =
        asking.clone().verifying(&[SignatureScheme::ECDSA_NISTP384_SHA384]).greet(&server).await;
    assert_eq!(near.unwrap_err().code(), "tls.protocol.incompatible", "no key will do");
}

#[tokio::test]
async fn the_protocol_that_is_agreed_on_chooses_among_certificates_for_one_name() {
    let authority = Authority::new("protocols");
    let store = authority.store(&Leaf::named("server"));
    let general = authority.issue(&bearing(&["DNS:shop.example"]));
    let for_h2 = authority.issue(&bearing(&["DNS:shop.example", "DNS:h2.example"]));
    let (general_der, h2_der) = (der(&general), der(&for_h2));
    set(
        &store,
        vec![FurtherCertificate::mesh(general), FurtherCertificate::mesh(for_h2).for_protocols(["h2"])],
    );
    let server = open(&store, ServerSettings::new(ClientAuth::Optional).with_alpn(["dwcp/1", "h2"]));
    let shop = Plain::asking("shop.example");
    assert_eq!(shop.clone().speaking(&["h2"]).shown(&server).await, h2_der);
    // Ours is the order: dwcp/1 is agreed on, and so the other certificate is shown.
    assert_eq!(shop.clone().speaking(&["h2", "dwcp/1"]).shown(&server).await, general_der);
    assert_eq!(shop.shown(&server).await, general_der);
    let (near, _far) = Plain::asking("h2.example").speaking(&["dwcp/1"]).greet(&server).await;
    assert_eq!(near.unwrap_err().code(), "tls.protocol.unspoken");
    assert_eq!(Plain::asking("h2.example").speaking(&["h2"]).shown(&server).await, h2_der);
}

#[tokio::test]
async fn at_t3_tickets_end_when_the_set_changes_and_for_nothing_less() {
    let authority = Authority::new("tickets");
    let store = authority.store(&Leaf::named("server"));
    let server = open(&store, required());
    let client = authority.node("client").client(ClientSettings::new()).unwrap();
    let resumed = || async { talk(&server, &client, &server_dns()).await.0.facts().resumed };
    assert_eq!(resumed().await, Resumption::Full);
    store.install_challenges(dwcp_pki::Challenges::default());
    store.install_trust(authority.trust(&[])).unwrap();
    assert_eq!(resumed().await, Resumption::Resumed, "what is shown is the same");
    set(&store, vec![FurtherCertificate::mesh(authority.issue(&bearing(&["DNS:shop.example"])))]);
    assert_eq!(resumed().await, Resumption::Full, "another set");
    assert_eq!(resumed().await, Resumption::Resumed);
    set(&store, Vec::new());
    assert_eq!(resumed().await, Resumption::Full, "a smaller one");
}

#[tokio::test]
async fn at_t4_a_ticket_for_one_name_resumes_nothing_under_another() {
    let authority = Authority::new("across names");
    let store = authority.store(&Leaf::named("server"));
    let shop = authority.issue(&bearing(&["URI:spiffe://mesh/shop", "DNS:shop.example"]));
    let shop_serial = serial(&shop);
    set(&store, vec![FurtherCertificate::mesh(shop)]);
    let server = open(&store, required());
    let client = authority.node("client").client(ClientSettings::new()).unwrap();
    let asking = |name: &str| among(&["spiffe://mesh/*"]).asking_for(name).unwrap();
    let (near, _far) = talk(&server, &client, &asking("server.mesh")).await;
    assert_eq!(near.facts().resumed, Resumption::Full);
    let (near, far) = talk(&server, &client, &asking("shop.example")).await;
    assert_eq!(near.facts().resumed, Resumption::Full);
    let Peer::Identified(identity) = far.peer() else { panic!("an anonymous server") };
    assert_eq!(identity.serial(), shop_serial);
}

#[tokio::test]
async fn a_mesh_identity_shown_by_name_is_judged_like_any_other() {
    let (authority, public) = (Authority::new("judged"), Authority::new("strangers"));
    let store = authority.store(&Leaf::named("server"));
    set(&store, vec![FurtherCertificate::public(public.issue(&bearing(&["DNS:www.example"])))]);
    let server = open(&store, required());
    let client = authority.node("client").client(ClientSettings::new()).unwrap();
    let (_near, far) = shake(&server, &client, &common::expected("DNS:www.example")).await;
    assert_eq!(far.unwrap_err().code(), "tls.certificate.unknown_issuer", "public is no mesh identity");
}
