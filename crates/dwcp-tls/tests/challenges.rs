//! Domain validation over TLS (RFC 8737): answered with its certificate, then closed, whatever else a listener asks for.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;
mod plain;

use common::{Authority, Leaf, clock, manager, required, server_dns, talk};
use dwcp_base::{Blame, Coded};
use dwcp_crypto::{Secret, SigningKey};
use dwcp_pki::{CertificateChain, Challenges, Credential};
use dwcp_tls::{
    ClientAuth, ClientSettings, Group, ServerSettings, TlsError, TlsPolicy, UnknownName, WithoutAlpn,
};
use plain::Plain;
use rcgen::{CertificateParams, CustomExtension, KeyPair};
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

fn answer(domain: &str) -> Credential {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec![domain.to_owned()]).unwrap();
    params.custom_extensions = vec![CustomExtension::new_acme_identifier(&[7; 32])];
    let certificate = params.self_signed(&key).unwrap();
    let chain = CertificateChain::from_der_list(&[certificate.der().clone()]).unwrap();
    Credential::new(chain, SigningKey::from_pkcs8(Secret::from(key.serialize_der())).unwrap()).unwrap()
}

#[tokio::test]
async fn at_t6_at_p13_a_challenge_is_answered_with_its_certificate_and_nothing_else() {
    let authority = Authority::new("challenges");
    let store = authority.store(&Leaf::named("server"));
    let node = manager(Arc::clone(&store), TlsPolicy::new(), &clock());
    let credential = answer("shop.example");
    let der = credential.chain().leaf().der().to_vec();
    store.install_challenges(Challenges::new([credential]).unwrap());
    for settings in [
        required(),
        required().with_alpn(["dwcp/1"]).without_alpn(WithoutAlpn::Refuse),
        ServerSettings::new(ClientAuth::Optional).with_unknown_name(UnknownName::Serve),
    ] {
        let server = node.server(settings).unwrap();
        for groups in [&Group::ALL[..], &[Group::P256, Group::X25519MlKem768]] {
            let validation = Plain::asking("Shop.example").speaking(&["acme-tls/1"]).preferring(groups);
            let (near, far) = validation.greet(&server).await;
            let error = near.unwrap_err();
            assert!(
                matches!(&error, TlsError::ChallengeAnswered { domain } if domain == "shop.example"),
                "{error:?}"
            );
            assert_eq!((error.code(), error.blame()), ("tls.challenge.answered", Blame::Network));
            assert!(TlsError::REASONS.contains(&error.reason()));
            let mut seen = far.unwrap();
            assert_eq!((&seen.leaf, seen.alpn.as_deref()), (&der, Some(&b"acme-tls/1"[..])));
            // Not a byte of an application, and the end is a clean one.
            let _ = seen.stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await;
            let mut said = Vec::new();
            seen.stream.read_to_end(&mut said).await.unwrap();
            assert!(said.is_empty());
        }
    }
}

#[tokio::test]
async fn at_t6_the_certificate_of_a_challenge_is_shown_to_no_other_offer() {
    let authority = Authority::new("nobody else");
    let store = authority.store(&Leaf::named("server"));
    let node = manager(Arc::clone(&store), TlsPolicy::new(), &clock());
    store.install_challenges(Challenges::new([answer("shop.example"), answer("server.mesh")]).unwrap());
    let server = node.server(ServerSettings::new(ClientAuth::Optional).with_alpn(["dwcp/1"])).unwrap();
    let refused = |plain: Plain| {
        let server = server.clone();
        async move { plain.greet(&server).await.0.unwrap_err().code() }
    };
    let shop = Plain::asking("shop.example");
    assert_eq!(refused(shop.clone()).await, "tls.name.unknown");
    assert_eq!(refused(shop.clone().speaking(&["dwcp/1"])).await, "tls.name.unknown");
    assert_eq!(refused(shop.speaking(&["acme-tls/1", "dwcp/1"])).await, "tls.name.unknown");
    let other = Plain::asking("other.example").speaking(&["acme-tls/1"]);
    assert_eq!(refused(other).await, "tls.name.unknown", "of no order of ours");
    let silent = Plain { name: None, ..Plain::asking("x.invalid") }.speaking(&["acme-tls/1"]);
    assert_eq!(refused(silent).await, "tls.protocol.unspoken", "a validation asks by name");
    // The name is ours as well: conversations go on with the own certificate, and those of an order are over when it is.
    let own = store.current().credential().chain().leaf().der().to_vec();
    let both = Plain::asking("server.mesh").speaking(&["acme-tls/1", "dwcp/1"]);
    assert_eq!(both.shown(&server).await, own);
    let client = authority.node("client").client(ClientSettings::new().with_alpn(["dwcp/1"])).unwrap();
    talk(&server, &client, &server_dns()).await;
    store.install_challenges(Challenges::default());
    let late = Plain::asking("server.mesh").speaking(&["acme-tls/1"]);
    assert_eq!(refused(late).await, "tls.protocol.unspoken");
}

#[tokio::test]
async fn names_and_addresses_are_answered_with_certificates_made_here() {
    let authority = Authority::new("made here");
    let store = authority.store(&Leaf::named("server"));
    let node = manager(Arc::clone(&store), TlsPolicy::new(), &clock());
    let server = node.server(required()).unwrap();
    for (name, asked) in [
        ("DNS:shop.example", "shop.example"),
        ("IP:192.0.2.1", "1.2.0.192.in-addr.arpa"),
        ("IP:::1", "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa"),
    ] {
        let made = Credential::for_challenge(&name.parse().unwrap(), "token.thumbprint", common::now());
        let made = Arc::new(made.unwrap());
        store.change_challenges(|set| set.with(Arc::clone(&made))).unwrap();
        let validation = Plain::asking(asked).speaking(&["acme-tls/1"]);
        let (near, far) = validation.greet(&server).await;
        let error = near.unwrap_err();
        assert!(matches!(&error, TlsError::ChallengeAnswered { domain } if domain == asked), "{error:?}");
        assert_eq!(far.unwrap().leaf, made.chain().leaf().der());
        let _ = store.change_challenges(|set| Ok::<_, std::convert::Infallible>(set.without(&made)));
        let (near, _) = validation.greet(&server).await;
        assert_eq!(near.unwrap_err().code(), "tls.name.unknown", "nothing stays behind");
    }
}
