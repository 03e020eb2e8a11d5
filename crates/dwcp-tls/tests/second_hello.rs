//! A second ClientHello that asks for something else than the first (RFC 9846 §4.1.2): what was judged is what is served.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;
mod plain;

use common::{Authority, DEADLINE, Leaf, Outcome, clock, manager};
use dwcp_base::{Blame, Coded};
use dwcp_crypto::{Secret, SigningKey};
use dwcp_pki::{
    BoxFuture, Cause, CertificateChain, CertificateStore, Challenges, Credential, FurtherCertificate,
    FurtherCertificates,
};
use dwcp_tls::{
    CertificateResolver, ClientAuth, ClientOffer, Group, Resolved, ServerSettings, TlsContext, TlsPolicy,
    WithoutAlpn,
};
use plain::Plain;
use rcgen::{CertificateParams, CustomExtension, KeyPair};
use rustls::pki_types::ServerName;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

/// One read is one flight: the pipe holds all that was written since.
async fn flight(from: &mut DuplexStream) -> Vec<u8> {
    let mut bytes = vec![0; 64 * 1024];
    let length = from.read(&mut bytes).await.unwrap();
    bytes.truncate(length);
    bytes
}

/// Shakes hands by way of a HelloRetryRequest, with `from` in the second hello written as `to`.
async fn altered(server: &TlsContext, offer: Plain, from: &[u8], to: &[u8]) -> Outcome {
    let offer = offer.preferring(&[Group::P256, Group::X25519MlKem768]);
    let name = ServerName::try_from(offer.name.unwrap()).unwrap();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(offer.config().0));
    let (near, mut to_server) = tokio::io::duplex(64 * 1024);
    let (far, mut to_client) = tokio::io::duplex(64 * 1024);
    let server = server.clone();
    let accepting = tokio::spawn(async move { server.accept(near, DEADLINE).await });
    let connecting = tokio::spawn(async move { connector.connect(name, far).await });
    let first = flight(&mut to_client).await;
    to_server.write_all(&first).await.unwrap();
    let retry = flight(&mut to_server).await;
    assert_eq!((retry[0], retry[5]), (22, 2), "a HelloRetryRequest");
    to_client.write_all(&retry).await.unwrap();
    let mut second = flight(&mut to_client).await;
    let at = second.windows(from.len()).position(|window| window == from).unwrap();
    second[at..at + from.len()].copy_from_slice(to);
    to_server.write_all(&second).await.unwrap();
    to_server.shutdown().await.unwrap();
    connecting.abort();
    accepting.await.unwrap()
}

fn open() -> ServerSettings {
    ServerSettings::new(ClientAuth::Optional)
}

fn server(store: &Arc<CertificateStore>) -> TlsContext {
    serving(store, open().with_alpn(["dwcp/1", "dwcp/2"]))
}

fn serving(store: &Arc<CertificateStore>, settings: ServerSettings) -> TlsContext {
    // Without the group that the client sends a share for, so that each handshake is asked to start again.
    let policy = TlsPolicy::new().with_groups(&[Group::X25519MlKem768, Group::X25519]).unwrap();
    let settings = settings.with_policy(policy);
    manager(Arc::clone(store), TlsPolicy::new(), &clock()).server(settings).unwrap()
}

#[tokio::test]
async fn at_t6_a_second_hello_gets_no_certificate_that_the_first_would_not_have_got() {
    let authority = Authority::new("second");
    let store = authority.store(&Leaf::named("server"));
    let leaf = Leaf { names: vec!["DNS:shop.example".parse().unwrap()], ..Leaf::named("server") };
    let shop = FurtherCertificate::mesh(authority.issue(&leaf)).for_protocols(["dwcp/1"]);
    store.install_further(FurtherCertificates::new(vec![shop]).unwrap()).unwrap();
    let server = server(&store);
    let offer = || Plain::asking("shop.example").speaking(&["dwcp/1"]);
    let protocol = altered(&server, offer(), b"dwcp/1", b"dwcp/2").await.unwrap_err();
    assert_eq!((protocol.code(), protocol.blame()), ("tls.protocol.violated", Blame::Peer), "{protocol:?}");
    let name = altered(&server, offer(), b"shop.example", b"bank.example").await.unwrap_err();
    assert_eq!(name.code(), "tls.protocol.violated", "{name:?}");
    // Nothing altered: it goes on, up to the end of what was sent.
    let same = altered(&server, offer(), b"dwcp/1", b"dwcp/1").await.unwrap_err();
    assert_eq!(same.code(), "tls.peer.closed", "{same:?}");
}

#[tokio::test]
async fn at_p13_a_challenge_does_not_become_a_conversation_in_its_second_hello() {
    let authority = Authority::new("second challenge");
    let store = authority.store(&Leaf::named("server"));
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["shop.example".to_owned()]).unwrap();
    params.custom_extensions = vec![CustomExtension::new_acme_identifier(&[7; 32])];
    let certificate = params.self_signed(&key).unwrap();
    let chain = CertificateChain::from_der_list(&[certificate.der().clone()]).unwrap();
    let key = SigningKey::from_pkcs8(Secret::from(key.serialize_der())).unwrap();
    store.install_challenges(Challenges::new([Credential::new(chain, key).unwrap()]).unwrap());
    let server = server(&store);
    let offer = Plain::asking("shop.example").speaking(&["acme-tls/1"]);
    let error = altered(&server, offer, b"acme-tls/1", b"acme-tls/2").await.unwrap_err();
    assert_eq!(error.code(), "tls.protocol.violated", "{error:?}");
}

/// Has a certificate for `dwcp/1`, and for nothing else.
struct First(Arc<Credential>);

impl CertificateResolver for First {
    fn resolve<'a>(&'a self, offer: &'a ClientOffer) -> BoxFuture<'a, Result<Resolved, Cause>> {
        Box::pin(async move {
            match offer.alpn() {
                [only] if only == b"dwcp/1" => Ok(Resolved::Credential(Arc::clone(&self.0))),
                _ => Err("not for that".into()),
            }
        })
    }
}

#[tokio::test]
async fn at_t6_what_a_resolver_answered_is_for_what_the_first_hello_speaks() {
    let authority = Authority::new("second resolved");
    let store = authority.store(&Leaf::named("server"));
    let tenant = Leaf { names: vec!["DNS:shop.example".parse().unwrap()], ..Leaf::named("tenant") };
    let resolver = Arc::new(First(Arc::new(authority.issue(&tenant))));
    for settings in [
        open().with_alpn(["dwcp/1", "dwcp/2"]),
        open(),
        open().with_alpn(["else"]).without_alpn(WithoutAlpn::AcceptOthers),
    ] {
        let resolver: Arc<dyn CertificateResolver> = Arc::<First>::clone(&resolver);
        let server = serving(&store, settings.with_resolver(resolver, DEADLINE));
        let offer = || Plain::asking("shop.example").speaking(&["dwcp/1"]);
        let error = altered(&server, offer(), b"dwcp/1", b"dwcp/2").await.unwrap_err();
        assert_eq!(error.code(), "tls.protocol.violated", "{error:?}");
        let same = altered(&server, offer(), b"dwcp/1", b"dwcp/1").await.unwrap_err();
        assert_eq!(same.code(), "tls.peer.closed", "{same:?}");
    }
}

#[tokio::test]
async fn at_t6_a_second_hello_speaks_no_protocol_that_the_first_would_have_been_refused_for() {
    let authority = Authority::new("second protocols");
    let store = authority.store(&Leaf::named("server"));
    let (validation, other) = (&b"acme-tls/1"[..], &b"acme-tls/2"[..]);
    for settings in [open(), open().with_alpn(["dwcp/1"]).without_alpn(WithoutAlpn::AcceptOthers)] {
        let server = serving(&store, settings);
        let offer = || Plain::asking("server.mesh").speaking(&["acme-tls/2"]);
        let error = altered(&server, offer(), other, validation).await.unwrap_err();
        assert_eq!(error.code(), "tls.protocol.violated", "{error:?}");
        let same = altered(&server, offer(), other, other).await.unwrap_err();
        assert_eq!(same.code(), "tls.peer.closed", "{same:?}");
    }
    // The extension becomes one that nobody knows.
    let server = serving(&store, open().with_alpn(["dwcp/1"]).without_alpn(WithoutAlpn::Refuse));
    let (protocols, unknown) = (b"\0\x10\0\x09\0\x07\x06dwcp/1", b"\xfa\xfa\0\x09\0\x07\x06dwcp/1");
    let offer = Plain::asking("server.mesh").speaking(&["dwcp/1"]);
    let error = altered(&server, offer, protocols, unknown).await.unwrap_err();
    assert_eq!(error.code(), "tls.protocol.violated", "{error:?}");
}
