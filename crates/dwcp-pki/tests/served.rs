//! What a server side shows beside its own certificate: chosen by name, protocol and key, and taken whole or not at all.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod lab;

use dwcp_base::Coded;
use dwcp_crypto::{KeyType, Secret, SigningKey};
use dwcp_pki::{
    CertificateChain, CertificateStore, Challenges, Credential, FurtherCertificate, FurtherCertificates,
    FurtherError, ShownFor, SubjectName,
};
use lab::*;
use rcgen::{CertificateParams, CustomExtension, ExtendedKeyUsagePurpose, Issuer, KeyPair};
use std::sync::Arc;

const WEB: &str = "URI:spiffe://mesh.example/web";

fn credential(party: &Party) -> Credential {
    pair(&party.der, &party.key)
}

fn pair(der: &rustls_pki_types::CertificateDer<'static>, key: &KeyPair) -> Credential {
    let chain = CertificateChain::from_der_list(std::slice::from_ref(der)).unwrap();
    Credential::new(chain, SigningKey::from_pkcs8(Secret::from(key.serialize_der())).unwrap()).unwrap()
}

/// The same leaf, with a key of another kind.
fn ed25519(root: &Party, names: &[&str]) -> Credential {
    let key = KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    let params = root.leaf(names).params;
    pair(params.signed_by(&key, &Issuer::from_params(&root.params, &root.key)).unwrap().der(), &key)
}

fn set(certificates: Vec<FurtherCertificate>) -> FurtherCertificates {
    FurtherCertificates::new(certificates).unwrap()
}

fn mesh(root: &Party, names: &[&str]) -> FurtherCertificate {
    FurtherCertificate::mesh(credential(&root.leaf(names)))
}

/// Which place is chosen by a client that checks every signature and speaks these protocols.
fn chosen(store: &CertificateStore, name: &str, spoken: &[&str]) -> ShownFor {
    let speaks = |protocol: &[u8]| spoken.iter().any(|spoken| spoken.as_bytes() == protocol);
    store.current().served().choose(name, speaks, |_| true)
}

#[test]
fn the_exact_name_comes_before_a_wildcard_and_the_own_certificate_before_further_ones() {
    let root = Party::root("root");
    let store =
        CertificateStore::new(credential(&root.leaf(&[WEB, "DNS:a.example"])), lax(&[&root])).unwrap();
    let further = vec![
        mesh(&root, &["DNS:*.shop.example", "DNS:a.example"]),
        mesh(&root, &["DNS:eu.shop.example", "DNS:b.example"]),
    ];
    assert_eq!(store.install_further(set(further)).unwrap(), 2);
    for (name, place) in [
        ("a.example", ShownFor::Certificate(0)),
        ("A.Example.", ShownFor::Certificate(0)),
        ("us.shop.example", ShownFor::Certificate(1)),
        ("eu.SHOP.example", ShownFor::Certificate(2)),
        ("b.example", ShownFor::Certificate(2)),
        ("c.example", ShownFor::Nobody),
        ("shop.example", ShownFor::Nobody),
        ("x.eu.shop.example", ShownFor::Nobody),
        ("*.shop.example", ShownFor::Nobody),
        (".shop.example", ShownFor::Nobody),
        ("", ShownFor::Nobody),
        (&"a".repeat(300), ShownFor::Nobody),
    ] {
        assert_eq!(chosen(&store, name, &[]), place, "{name}");
    }
}

#[test]
fn of_two_for_one_name_the_protocol_decides_and_then_the_key() {
    let root = Party::root("root");
    let store = CertificateStore::new(credential(&root.leaf(&[WEB])), lax(&[&root])).unwrap();
    let name = &["DNS:a.example"];
    let further = vec![
        FurtherCertificate::mesh(ed25519(&root, name)),
        mesh(&root, name),
        mesh(&root, name).for_protocols(["h2"]),
        mesh(&root, &["DNS:only.example"]).for_protocols(["h2", "http/1.1"]),
    ];
    store.install_further(set(further)).unwrap();
    assert_eq!(chosen(&store, "a.example", &[]), ShownFor::Certificate(1), "the first");
    assert_eq!(chosen(&store, "a.example", &["h2"]), ShownFor::Certificate(3), "meant for it");
    assert_eq!(chosen(&store, "a.example", &["http/1.1"]), ShownFor::Certificate(1));
    assert_eq!(chosen(&store, "only.example", &["http/1.1"]), ShownFor::Certificate(4));
    assert_eq!(chosen(&store, "only.example", &["dwcp/1"]), ShownFor::OtherProtocols);
    let current = store.current();
    let by_key = |wanted: KeyType| current.served().choose("a.example", |_| false, |key| key == wanted);
    assert_eq!(by_key(KeyType::Ed25519), ShownFor::Certificate(1));
    assert_eq!(by_key(KeyType::EcdsaP256), ShownFor::Certificate(2));
    assert_eq!(by_key(KeyType::EcdsaP384), ShownFor::Certificate(1), "the handshake says what is missing");
}

#[test]
fn a_set_with_one_bad_certificate_is_refused_whole() {
    let (root, public) = (Party::root("root"), Party::root("public"));
    let store = CertificateStore::new(credential(&root.leaf(&[WEB])), lax(&[&root])).unwrap();
    let shop = |root: &Party| credential(&root.leaf(&["DNS:shop.example"]));
    store.install_further(set(vec![FurtherCertificate::public(shop(&public))])).unwrap();
    // What strangers judge need not lead to our anchors; what the mesh judges must.
    let stray = set(vec![mesh(&root, &["DNS:b.example"]), FurtherCertificate::mesh(shop(&public))]);
    assert_eq!(store.install_further(stray).unwrap_err().code(), "pki.generation.refused");
    assert_eq!((store.number(), chosen(&store, "b.example", &[])), (2, ShownFor::Nobody));
    assert_eq!(chosen(&store, "shop.example", &[]), ShownFor::Certificate(1), "the old set stays");

    let client_only = root.leaf_with(&["DNS:c.example"], |params: &mut CertificateParams| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    });
    let good = || mesh(&root, &["DNS:a.example"]);
    for (bad, code) in [
        (mesh(&root, &[WEB]), "pki.served.nameless"),
        (FurtherCertificate::mesh(credential(&client_only)), "pki.served.purpose"),
        (FurtherCertificate::public(credential(&public.leaf(&[WEB, "DNS:a.example"]))), "pki.served.mixed"),
        (good().for_protocols([""]), "pki.served.protocols"),
        (good().for_protocols(vec!["a"; 17]), "pki.served.protocols"),
    ] {
        let refused = FurtherCertificates::new(vec![good(), bad]).unwrap_err();
        assert_eq!(refused.code(), code, "{refused}");
    }
}

#[test]
fn certificates_and_their_names_are_bounded() {
    let root = Party::root("root");
    let one = mesh(&root, &["DNS:a.example"]);
    assert!(FurtherCertificates::new(vec![one.clone(); 255]).is_ok());
    assert_eq!(FurtherCertificates::new(vec![one; 256]).unwrap_err().code(), "pki.served.too_many");
    let names: Vec<String> = (0..241).map(|at| format!("DNS:n{at}.example")).collect();
    let many = mesh(&root, &names.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(FurtherCertificates::new(vec![many.clone(); 16]).is_ok());
    assert_eq!(FurtherCertificates::new(vec![many; 17]).unwrap_err().code(), "pki.served.too_many");
}

#[test]
fn own_certificate_further_ones_and_trust_change_as_one() {
    let (one, two) = (Party::root("one"), Party::root("two"));
    let store = CertificateStore::new(credential(&one.leaf(&[WEB])), lax(&[&one])).unwrap();
    store.install_further(set(vec![mesh(&one, &["DNS:a.example"])])).unwrap();
    let before = store.current();
    store.install_trust(lax(&[&one, &two])).unwrap();
    assert!(Arc::ptr_eq(before.served(), store.current().served()), "nothing shown has changed");
    store.install_credential(credential(&two.leaf(&[WEB]))).unwrap();
    assert_eq!(chosen(&store, "a.example", &[]), ShownFor::Certificate(1), "a renewal leaves the others");
    assert!(!Arc::ptr_eq(before.served(), store.current().served()));
    // The further one still leads to the first root, which can not go before it.
    assert!(store.install_trust(lax(&[&two])).is_err());
    let own = credential(&two.leaf(&[WEB]));
    let number = store.install_served(own, set(vec![mesh(&two, &["DNS:b.example"])]), lax(&[&two])).unwrap();
    assert_eq!((number, store.number()), (5, 5));
    assert_eq!(chosen(&store, "a.example", &[]), ShownFor::Nobody);
    assert_eq!(chosen(&store, "b.example", &[]), ShownFor::Certificate(1));
    assert!(store.install_served(credential(&two.leaf(&[WEB])), set(Vec::new()), lax(&[&one])).is_err());
    assert_eq!(store.number(), 5);
}

#[test]
fn choosing_allocates_nothing() {
    let root = Party::root("root");
    let store = CertificateStore::new(credential(&root.leaf(&[WEB])), lax(&[&root])).unwrap();
    let further = (0..100).map(|at| mesh(&root, &[&format!("DNS:*.n{at}.example"), "DNS:all.example"]));
    store.install_further(set(further.collect())).unwrap();
    let current = store.current();
    let counted = allocation_counter::measure(|| {
        for name in ["X.n99.example", "ALL.example", "nobody.example"] {
            std::hint::black_box(current.served().choose(name, |_| true, |_| true));
        }
    });
    assert_eq!(counted.count_total, 0);
}

/// A certificate that signs itself, as an order of ACME asks for it.
fn answer(names: &[&str], identifier: Option<CustomExtension>) -> Credential {
    let root = Party::root("unused");
    let mut params = root.leaf(names).params;
    params.custom_extensions = identifier.into_iter().collect();
    params.use_authority_key_identifier_extension = false;
    let key = KeyPair::generate().unwrap();
    pair(params.self_signed(&key).unwrap().der(), &key)
}

#[test]
fn at_p13_what_answers_a_challenge_is_kept_apart_and_can_be_nothing_else() {
    let root = Party::root("root");
    let store = CertificateStore::new(credential(&root.leaf(&[WEB])), lax(&[&root])).unwrap();
    let identifier = || CustomExtension::new_acme_identifier(&[7; 32]);
    let before = store.current();
    let challenges = Challenges::new([answer(&["DNS:shop.example"], Some(identifier()))]).unwrap();
    assert_eq!(store.install_challenges(challenges), 2);
    let current = store.current();
    assert!(Arc::ptr_eq(before.served(), current.served()));
    assert!(current.challenges().answer_for("shop.example").is_some());
    assert!(current.challenges().answer_for("other.example").is_none());
    assert_eq!(chosen(&store, "shop.example", &["acme-tls/1"]), ShownFor::Nobody);
    assert_eq!(current.trust().generation(), 2);
    assert_eq!(store.install_challenges(Challenges::default()), 3);
    assert!(store.current().challenges().is_empty(), "nothing stays installed");

    let mut lax_identifier = identifier();
    lax_identifier.set_criticality(false);
    for (names, extension) in [
        (&["DNS:shop.example"][..], None),
        (&["DNS:shop.example"], Some(lax_identifier)),
        (&["DNS:shop.example", "DNS:b.example"], Some(identifier())),
        (&["DNS:shop.example", "IP:127.0.0.1"], Some(identifier())),
        (&["DNS:*.shop.example"], Some(identifier())),
        (&["URI:https://shop.example/"], Some(identifier())),
    ] {
        let refused = Challenges::new([answer(names, extension)]).unwrap_err();
        assert_eq!(refused.code(), "pki.served.challenge", "{names:?}");
    }
}

#[test]
fn an_address_is_asked_for_in_the_reverse_tree() {
    for (name, asked) in [
        ("DNS:Shop.example", "shop.example"),
        ("IP:192.0.2.1", "1.2.0.192.in-addr.arpa"),
        ("IP:2001:db8::567:89ab", "b.a.9.8.7.6.5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"),
    ] {
        let name: SubjectName = name.parse().unwrap();
        assert_eq!(Challenges::asked_for(&name).as_deref(), Some(asked));
        let made = Credential::for_challenge(&name, "token.thumbprint", NOW).unwrap();
        let challenges = Challenges::new([made]).unwrap();
        assert_eq!(challenges.iter().map(|(domain, _)| domain).collect::<Vec<_>>(), [asked]);
    }
    for name in ["URI:spiffe://mesh.example/web", "EMAIL:a@shop.example", "DNS:*.shop.example"] {
        let refused = Credential::for_challenge(&name.parse().unwrap(), "token.thumbprint", NOW).unwrap_err();
        assert_eq!(refused.code(), "pki.request.refused", "{name}");
    }
}

#[test]
fn at_p13_one_of_several_that_have_answers_takes_away_its_own_alone() {
    let root = Party::root("root");
    let store = CertificateStore::new(credential(&root.leaf(&[WEB])), lax(&[&root])).unwrap();
    let made = |name: &str| {
        Arc::new(Credential::for_challenge(&name.parse().unwrap(), "token.thumbprint", NOW).unwrap())
    };
    let add = |answer: &Arc<Credential>| store.change_challenges(|set| set.with(Arc::clone(answer)));
    let remove = |answer: &Arc<Credential>| {
        let _ = store.change_challenges(|set| Ok::<_, FurtherError>(set.without(answer)));
    };
    let shown = |domain: &str| store.current().challenges().answer_for(domain).cloned();
    let (ours, theirs, later) = (made("DNS:shop.example"), made("DNS:b.example"), made("DNS:shop.example"));
    for answer in [&ours, &theirs, &later] {
        add(answer).unwrap();
    }
    // What took the place of the first one is not the first one's to remove.
    remove(&ours);
    assert!(Arc::ptr_eq(&shown("shop.example").unwrap(), &later));
    remove(&later);
    assert!(shown("shop.example").is_none());
    assert!(Arc::ptr_eq(&shown("b.example").unwrap(), &theirs));
    // At most 255, and nothing is changed by what does not fit.
    for number in 0..254 {
        add(&made(&format!("DNS:n{number}.example"))).unwrap();
    }
    let before = store.current();
    assert_eq!(add(&ours).unwrap_err(), FurtherError::TooMany { limit: 255 });
    assert!(Arc::ptr_eq(&before, &store.current()));
}
