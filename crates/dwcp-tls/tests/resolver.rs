//! A caller's own resolver: what it answers is shown, and a client that it fails for is refused.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;
mod plain;

use common::{Authority, DEADLINE, Leaf, clock, manager, required, talk};
use dwcp_base::{Blame, Coded};
use dwcp_crypto::KeyType;
use dwcp_pki::{BoxFuture, Cause, CertificateStore, Credential};
use dwcp_tls::{
    CertificateResolver, ClientAuth, ClientOffer, ClientSettings, EarlyData, ExpectedServer, Group, Resolved,
    Resumption, ServerSettings, TlsContext, TlsError, TlsPolicy, WithoutAlpn,
};
use plain::Plain;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const SOON: Duration = Duration::from_millis(50);

/// Knows one tenant, by name.
struct Tenants {
    tenant: Arc<Credential>,
    asked: AtomicUsize,
}

impl CertificateResolver for Tenants {
    fn resolve<'a>(&'a self, offer: &'a ClientOffer) -> BoxFuture<'a, Result<Resolved, Cause>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move {
            tokio::task::yield_now().await;
            match offer.server_name() {
                Some("tenant.example" | "mistaken.example") => {
                    assert!(offer.key_types().contains(&KeyType::EcdsaP256));
                    Ok(Resolved::Credential(Arc::clone(&self.tenant)))
                }
                Some("broken.example") => Err("the table of tenants is gone".into()),
                Some("slow.example") => std::future::pending().await,
                _ => Ok(Resolved::Store),
            }
        })
    }
}

struct Stage {
    authority: Authority,
    tenants: Arc<Tenants>,
    server: TlsContext,
}

impl Stage {
    fn with(settings: ServerSettings) -> Self {
        let authority = Authority::new("resolver");
        let names = vec!["DNS:tenant.example".parse().unwrap(), "DNS:slow.example".parse().unwrap()];
        let tenant = Arc::new(authority.issue(&Leaf { names, ..Leaf::named("tenant") }));
        let tenants = Arc::new(Tenants { tenant, asked: AtomicUsize::new(0) });
        let resolver: Arc<dyn CertificateResolver> = Arc::<Tenants>::clone(&tenants);
        let node = manager(authority.store(&Leaf::named("server")), TlsPolicy::new(), &clock());
        let server = node.server(settings.with_resolver(resolver, SOON)).unwrap();
        Self { authority, tenants, server }
    }

    fn asked(&self) -> usize {
        self.tenants.asked.load(Ordering::SeqCst)
    }
}

fn open() -> ServerSettings {
    ServerSettings::new(ClientAuth::Optional)
}

#[tokio::test]
async fn what_it_answers_is_shown_and_what_it_leaves_to_the_store_is_the_stores() {
    let stage = Stage::with(open());
    let tenant = stage.tenants.tenant.chain().leaf().der().to_vec();
    assert_eq!(Plain::asking("tenant.example").shown(&stage.server).await, tenant);
    // Also where another hello is asked for: it is asked once.
    let retried = Plain::asking("tenant.example").preferring(&[Group::P256, Group::X25519MlKem768]);
    assert_eq!(retried.shown(&stage.server).await, tenant);
    assert_eq!(stage.asked(), 2);
    assert_ne!(Plain::asking("server.mesh").shown(&stage.server).await, tenant);
    let (near, _far) = Plain::asking("other.example").greet(&stage.server).await;
    assert_eq!(near.unwrap_err().code(), "tls.name.unknown", "the store's rule for the store's names");
    let (near, _far) = Plain::asking("mistaken.example").greet(&stage.server).await;
    assert_eq!(near.unwrap_err().code(), "tls.name.unknown", "nobody is served in another's name");
}

#[tokio::test]
async fn a_client_that_it_fails_for_is_refused_and_shown_nothing() {
    let stage = Stage::with(open());
    for (name, code) in [("broken.example", "tls.resolver.failed"), ("slow.example", "tls.resolver.late")] {
        let (near, far) = Plain::asking(name).greet(&stage.server).await;
        let error = near.unwrap_err();
        assert_eq!((error.code(), error.blame(), error.reason()), (code, Blame::Local, "resolver"));
        assert!(TlsError::REASONS.contains(&error.reason()));
        let told = far.err().unwrap().to_string();
        assert!(told.contains("InternalError"), "{told}");
    }
}

#[tokio::test]
async fn it_is_not_asked_about_offers_that_are_refused_anyway() {
    let stage = Stage::with(open().with_alpn(["dwcp/1"]).without_alpn(WithoutAlpn::Refuse));
    let asking = Plain::asking("tenant.example");
    for (offer, code) in [
        (asking.clone(), "tls.protocol.unspoken"),
        (asking.clone().speaking(&["h2"]), "tls.protocol.unspoken"),
        (asking.clone().speaking(&["acme-tls/1"]), "tls.protocol.unspoken"),
    ] {
        assert_eq!(offer.greet(&stage.server).await.0.unwrap_err().code(), code);
    }
    let strict = Stage::with(open().with_policy(TlsPolicy::new().with_groups(&[Group::P384]).unwrap()));
    let (near, _far) = asking.clone().preferring(&[Group::X25519]).greet(&strict.server).await;
    assert_eq!(near.unwrap_err().code(), "tls.protocol.incompatible");
    assert_eq!((stage.asked(), strict.asked()), (0, 0));
    asking.speaking(&["dwcp/1"]).greet(&stage.server).await.0.unwrap();
    assert_eq!(stage.asked(), 1);
}

#[tokio::test]
async fn what_was_resolved_is_never_resumed() {
    let stage = Stage::with(required());
    let client = stage.authority.node("client").client(ClientSettings::new()).unwrap();
    let dns = |name: &str| ExpectedServer::name(name.parse().unwrap()).unwrap();
    for _ in 0..2 {
        let (near, _far) = talk(&stage.server, &client, &dns("DNS:tenant.example")).await;
        assert_eq!(near.facts().resumed, Resumption::Full);
    }
    for resumed in [Resumption::Full, Resumption::Resumed] {
        let (near, _far) = talk(&stage.server, &client, &dns("DNS:server.mesh")).await;
        assert_eq!(near.facts().resumed, resumed, "the store's goes on as ever");
    }
    assert_eq!(stage.asked(), 4, "a ticket is no way around it");
}

/// Leaves the choice to the store, in which the own certificate is replaced meanwhile.
struct Slow {
    store: Arc<CertificateStore>,
    next: Mutex<Option<Credential>>,
}

impl CertificateResolver for Slow {
    fn resolve<'a>(&'a self, _: &'a ClientOffer) -> BoxFuture<'a, Result<Resolved, Cause>> {
        Box::pin(async {
            if let Some(next) = self.next.lock().unwrap().take() {
                self.store.install_credential(next)?;
            }
            Ok(Resolved::Store)
        })
    }
}

#[tokio::test]
async fn at_d1_what_was_replaced_while_it_was_asked_is_not_shown() {
    let authority = Authority::new("meanwhile");
    for (next, asked) in [("server", "server.mesh"), ("other", "other.mesh"), ("other", "server.mesh")] {
        let store = authority.store(&Leaf::named("server"));
        let next = authority.issue(&Leaf::named(next));
        let leaf = next.chain().leaf().der().to_vec();
        let slow = Slow { store: Arc::clone(&store), next: Mutex::new(Some(next)) };
        let server = manager(store, TlsPolicy::new(), &clock());
        let server = server.server(open().with_resolver(Arc::new(slow), DEADLINE)).unwrap();
        let (near, far) = Plain::asking(asked).greet(&server).await;
        // Gone is the name of the one that was replaced, if the new one does not bear it.
        match near {
            Ok(_) => assert_eq!(far.unwrap().leaf, leaf, "{asked}"),
            Err(error) => assert_eq!((error.code(), asked), ("tls.name.unknown", "server.mesh")),
        }
    }
}

/// Leaves the first clients to the store, and has a certificate of its own for the others.
struct Later {
    credential: Arc<Credential>,
    asked: AtomicUsize,
}

impl CertificateResolver for Later {
    fn resolve<'a>(&'a self, _: &'a ClientOffer) -> BoxFuture<'a, Result<Resolved, Cause>> {
        let asked = self.asked.fetch_add(1, Ordering::SeqCst);
        let own = || Resolved::Credential(Arc::clone(&self.credential));
        Box::pin(std::future::ready(Ok(if asked < 2 { Resolved::Store } else { own() })))
    }
}

#[tokio::test]
async fn a_ticket_of_the_stores_stands_in_for_nothing_that_is_resolved_later() {
    for settings in [required(), required().with_early_data(EarlyData::new())] {
        let authority = Authority::new("later");
        let credential = Arc::new(authority.issue(&Leaf::named("server")));
        let shown = credential.chain().leaf().der().to_vec();
        let resolver: Arc<dyn CertificateResolver> =
            Arc::new(Later { credential, asked: AtomicUsize::new(0) });
        let server = authority.node("server").server(settings.with_resolver(resolver, SOON)).unwrap();
        let client = authority.node("client").client(ClientSettings::new().with_streams(8)).unwrap();
        for (resumed, by_store) in [
            (Resumption::Full, true),
            (Resumption::Resumed, true),
            (Resumption::Full, false),
            (Resumption::Full, false),
        ] {
            let (near, far) = talk(&server, &client, &common::server_dns()).await;
            assert_eq!((near.facts().resumed, far.facts().resumed), (resumed, resumed));
            assert!(!client.tickets(&common::server_dns()).is_empty(), "there were tickets all the time");
            assert_eq!(far.presented()[0].to_vec() != shown, by_store);
        }
    }
}
