//! A client that shows a ticket under another name than the one it got it for: the engine itself, told to.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::gullible::Gullible;
use common::{Authority, DEADLINE, Leaf, clock, manager};
use dwcp_pki::SubjectName;
use dwcp_tls::{
    ClientAuth, EarlyData, Resumption, ServerSettings, TicketKeySet, Tickets, TlsContext, TlsPolicy,
    UnknownName,
};
use rustls::client::{
    ClientSessionStore, Resumption as Sessions, Tls12ClientSessionValue, Tls13ClientSessionValue,
};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, NamedGroup};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Hands out whatever ticket came last, whoever is asked for.
#[derive(Debug, Default)]
struct Careless(Mutex<Vec<Tls13ClientSessionValue>>);

impl ClientSessionStore for Careless {
    fn set_kx_hint(&self, _: ServerName<'static>, _: NamedGroup) {}

    fn kx_hint(&self, _: &ServerName<'_>) -> Option<NamedGroup> {
        None
    }

    fn set_tls12_session(&self, _: ServerName<'static>, _: Tls12ClientSessionValue) {}

    fn tls12_session(&self, _: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        None
    }

    fn remove_tls12_session(&self, _: &ServerName<'static>) {}

    fn insert_tls13_ticket(&self, _: ServerName<'static>, ticket: Tls13ClientSessionValue) {
        self.0.lock().unwrap().push(ticket);
    }

    fn take_tls13_ticket(&self, _: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        self.0.lock().unwrap().pop()
    }
}

fn careless() -> Arc<ClientConfig> {
    let mut config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Gullible))
        .with_no_client_auth();
    config.resumption = Sessions::store(Arc::new(Careless::default()));
    Arc::new(config)
}

async fn dial(server: &TlsContext, config: &Arc<ClientConfig>, name: &'static str) -> Resumption {
    let (near, far) = tokio::io::duplex(64 * 1024);
    let connector = tokio_rustls::TlsConnector::from(Arc::clone(config));
    let dialling = connector.connect(ServerName::try_from(name).unwrap(), far);
    let (near, far) = tokio::join!(server.accept(near, DEADLINE), dialling);
    let (mut near, mut far) = (near.unwrap(), far.unwrap());
    near.write_all(b"pong").await.unwrap();
    near.flush().await.unwrap();
    far.read_exact(&mut [0; 4]).await.unwrap();
    near.facts().resumed
}

#[tokio::test]
async fn at_t4_a_ticket_counts_under_the_name_it_was_issued_for_alone() {
    let authority = Authority::new("names");
    let mut leaf = Leaf::named("server");
    leaf.names.push(SubjectName::dns("other.mesh").unwrap());
    let store = authority.store(&leaf);
    let node = manager(store, TlsPolicy::new(), &clock());
    let optional = || ServerSettings::new(ClientAuth::Optional);
    let shared = TicketKeySet::generate().unwrap().for_listener("front").unwrap();
    for settings in [
        optional(),
        optional().with_unknown_name(UnknownName::Serve),
        optional().with_tickets(Tickets::Shared(shared)),
        optional().with_early_data(EarlyData::new()),
    ] {
        let told = format!("{settings:?}");
        let server = node.server(settings).unwrap();
        let config = careless();
        assert_eq!(dial(&server, &config, "server.mesh").await, Resumption::Full, "{told}");
        assert_eq!(dial(&server, &config, "other.mesh").await, Resumption::Full, "{told}");
        // The one that came last is for the other name.
        assert_eq!(dial(&server, &config, "other.mesh").await, Resumption::Resumed, "{told}");
    }
}

#[tokio::test]
async fn at_t3_a_stranger_does_not_come_back_where_a_certificate_is_required_since() {
    // Two processes share tickets; one of them was told to ask everybody for a certificate.
    let authority = Authority::new("policy");
    let node = authority.node("server");
    let keys = TicketKeySet::generate().unwrap();
    let tickets = || Tickets::Shared(keys.for_listener("front").unwrap());
    let open = node.server(ServerSettings::new(ClientAuth::Optional).with_tickets(tickets())).unwrap();
    let strict = node.server(ServerSettings::new(ClientAuth::Required).with_tickets(tickets())).unwrap();
    let config = careless();
    dial(&open, &config, "server.mesh").await;
    assert_eq!(dial(&open, &config, "server.mesh").await, Resumption::Resumed);
    let (near, far) = tokio::io::duplex(64 * 1024);
    let connector = tokio_rustls::TlsConnector::from(Arc::clone(&config));
    let dialling = connector.connect(ServerName::try_from("server.mesh").unwrap(), far);
    let (near, _far) = tokio::join!(strict.accept(near, DEADLINE), dialling);
    assert_eq!(near.unwrap_err().reason(), "certificate_missing");
}
