//! Rules on peers in real handshakes: who is refused by which, in both roles, at first and when it comes back.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::{Authority, DEADLINE, Leaf, clock, manager, required, server_dns, shake, talk, what_it_is_told};
use dwcp_base::{Blame, Coded};
use dwcp_pki::{AllowList, KeyPin, Peer, PeerIdentity};
use dwcp_tls::{
    CheckRefusal, ClientAuth, ClientIdentity, ClientSettings, Group, MOST_PINS, PeerCheck, PeerRules,
    Resumption, RuleCode, RuleRefusal, ServerSettings, TlsConnector, TlsContext, TlsError, TlsPolicy,
};
use rustls::pki_types::CertificateDer;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use tokio::io::{AsyncReadExt, duplex};

fn names(patterns: &[&str]) -> AllowList {
    AllowList::new(patterns.iter().map(|text| text.parse().unwrap()).collect())
}

/// A server with rules, and a client without.
fn guarded(authority: &Authority, rules: PeerRules) -> (TlsContext, TlsConnector) {
    let server = authority.node("server").server(required().with_rules(rules)).unwrap();
    (server, authority.node("client").client(ClientSettings::new()).unwrap())
}

/// The other way round.
fn wary(authority: &Authority, rules: PeerRules) -> (TlsContext, TlsConnector) {
    let client = authority.node("client").client(ClientSettings::new().with_rules(rules)).unwrap();
    (authority.node("server").server(required()).unwrap(), client)
}

/// What the server says, and what the client is told.
async fn refused(pair: &(TlsContext, TlsConnector)) -> (TlsError, &'static str) {
    let (near, far) = shake(&pair.0, &pair.1, &server_dns()).await;
    (near.unwrap_err(), what_it_is_told(far).await.code())
}

/// What the client says, and what the server is told.
async fn refuses(pair: &(TlsContext, TlsConnector)) -> (TlsError, &'static str) {
    let (near, far) = shake(&pair.0, &pair.1, &server_dns()).await;
    (far.unwrap_err(), near.unwrap_err().code())
}

/// A check whose answer changes, and which counts how often it was asked.
#[derive(Default)]
struct Inventory {
    retired: AtomicBool,
    asked: AtomicUsize,
}

impl PeerCheck for Inventory {
    fn name(&self) -> &'static str {
        "inventory"
    }

    fn check(&self, peer: &PeerIdentity, chain: &[CertificateDer<'_>]) -> Result<(), CheckRefusal> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        assert_eq!(dwcp_pki::Certificate::from_der(&chain[0]).unwrap().serial(), peer.serial());
        if !self.retired.load(Ordering::SeqCst) {
            return Ok(());
        }
        let code = RuleCode::new("inventory.peer.retired").unwrap();
        Err(CheckRefusal::new(code, &format!("{} was retired", peer.label())))
    }
}

#[tokio::test]
async fn a_peer_that_every_rule_lets_in_gets_in() {
    let authority = Authority::new("all");
    let inventory = Arc::new(Inventory::default());
    let store = authority.store(&Leaf::named("client"));
    let pin = store.current().credential().chain().leaf().key_pin();
    let rules = PeerRules::new()
        .with_names(names(&["spiffe://mesh/client"]))
        .with_names(names(&["spiffe://mesh/*"]))
        .with_pins([KeyPin::from([0; 32]), pin])
        .with_post_quantum_for(names(&["spiffe://mesh/*"]))
        .with_check(Arc::<Inventory>::clone(&inventory));
    let server = authority.node("server").server(required().with_rules(rules)).unwrap();
    let client = manager(store, TlsPolicy::new(), &clock()).client(ClientSettings::new()).unwrap();
    for resumed in [Resumption::Full, Resumption::Resumed] {
        let (near, _far) = talk(&server, &client, &server_dns()).await;
        assert_eq!((near.facts().resumed, near.peer().label().as_str()), (resumed, "spiffe://mesh/client"));
    }
    // When the certificate was shown, when the session was made, and when it was resumed.
    assert_eq!(inventory.asked.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn names_and_pins_refuse_in_both_roles_and_the_peer_is_told_access_denied() {
    let authority = Authority::new("each");
    let zero = KeyPin::from([0; 32]);
    for (rules, why) in [
        (PeerRules::new().with_names(names(&["spiffe://mesh/other", "dns:other.mesh"])), "unlisted"),
        // Both lists, not either.
        (
            PeerRules::new().with_names(names(&["spiffe://mesh/*"])).with_names(names(&["spiffe://other/*"])),
            "unlisted",
        ),
        (PeerRules::new().with_pins([zero]), "unpinned"),
        // Default deny: nobody is on an empty list.
        (PeerRules::new().with_names(names(&[])), "unlisted"),
        (PeerRules::new().with_pins([]), "unpinned"),
    ] {
        let here = refused(&guarded(&authority, rules.clone())).await;
        let there = refuses(&wary(&authority, rules)).await;
        for (error, told) in [here, there] {
            assert_eq!(error.code(), format!("tls.certificate.{why}"), "{error:?}");
            assert_eq!(error.reason(), format!("certificate_{why}"));
            assert_eq!((told, error.blame()), ("tls.peer.access_denied", Blame::Peer));
            assert!(matches!(error, TlsError::Refused { ref peer, resumed: Resumption::Full, .. }
                if peer.starts_with("spiffe://mesh/")));
        }
    }
}

#[tokio::test]
async fn a_check_of_ones_own_refuses_with_its_own_code() {
    let authority = Authority::new("check");
    let inventory = Arc::new(Inventory::default());
    inventory.retired.store(true, Ordering::SeqCst);
    let rules = || PeerRules::new().with_check(Arc::<Inventory>::clone(&inventory));
    let (error, told) = refused(&guarded(&authority, rules())).await;
    assert_eq!((error.code(), told), ("inventory.peer.retired", "tls.peer.access_denied"));
    assert_eq!((error.reason(), error.blame()), ("peer_check", Blame::Peer));
    let source = std::error::Error::source(&error).unwrap();
    assert_eq!(source.to_string(), "spiffe://mesh/client was retired");
    let (error, told) = refuses(&wary(&authority, rules())).await;
    assert_eq!((error.code(), told), ("inventory.peer.retired", "tls.peer.access_denied"));
    // Whom the chain refuses it never sees.
    let asked = inventory.asked.load(Ordering::SeqCst);
    let stranger = Authority::new("stranger");
    let server = authority.node("server").server(required().with_rules(rules())).unwrap();
    let store = dwcp_pki::CertificateStore::new(stranger.issue(&Leaf::named("client")), {
        let both = [&authority, &stranger].map(|known| known.certificate.certificate_der().clone());
        let crls = vec![authority.crl(1, &[]), stranger.crl(1, &[])];
        dwcp_pki::TrustStore::new(both.to_vec(), crls, dwcp_pki::RevocationMode::Required).unwrap()
    });
    let client = manager(Arc::new(store.unwrap()), TlsPolicy::new(), &clock());
    let client = client.client(ClientSettings::new()).unwrap();
    assert_eq!(refused(&(server, client)).await.0.code(), "tls.certificate.unknown_issuer");
    assert_eq!(inventory.asked.load(Ordering::SeqCst), asked);
}

#[tokio::test]
async fn a_rule_that_refuses_today_refuses_who_was_let_in_yesterday() {
    let authority = Authority::new("since");
    for role in [guarded, wary] {
        let inventory = Arc::new(Inventory::default());
        let (server, client) =
            role(&authority, PeerRules::new().with_check(Arc::<Inventory>::clone(&inventory)));
        talk(&server, &client, &server_dns()).await;
        inventory.retired.store(true, Ordering::SeqCst);
        let (near, far) = shake(&server, &client, &server_dns()).await;
        let error = near.err().or(far.err()).unwrap();
        assert_eq!(error.code(), "inventory.peer.retired");
        assert!(matches!(error, TlsError::Refused { resumed: Resumption::Resumed, .. }), "{error:?}");
        assert!(error.asks_for_a_full_handshake(Resumption::Full), "a full handshake may end better");
        inventory.retired.store(false, Ordering::SeqCst);
        talk(&server, &client, &server_dns()).await;
    }
}

#[tokio::test]
async fn those_who_must_be_post_quantum_are_refused_when_they_are_classical() {
    let authority = Authority::new("quantum");
    let classical = TlsPolicy::new().with_groups(&[Group::X25519]).unwrap();
    let rules =
        PeerRules::new().with_post_quantum_for(names(&["spiffe://mesh/client", "spiffe://mesh/server"]));
    let dial = |name: &str, policy: &TlsPolicy, settings: ClientSettings| {
        manager(authority.store(&Leaf::named(name)), policy.clone(), &clock()).client(settings).unwrap()
    };
    let server = authority.node("server").server(required().with_rules(rules.clone())).unwrap();
    let (near, far) = shake(&server, &dial("client", &classical, ClientSettings::new()), &server_dns()).await;
    let error = near.unwrap_err();
    assert_eq!((error.code(), error.reason()), ("tls.group.classical", "classical_group"));
    let rule = RuleRefusal::Classical { group: Group::X25519 };
    assert!(matches!(&error, TlsError::Refused { rule: found, .. } if *found == rule));
    // The handshake is done by then: no alert, and no clean end either.
    let mut far = far.unwrap();
    let told = TlsError::from_stream(far.read(&mut [0; 16]).await.unwrap_err());
    assert!(matches!(told, TlsError::Truncated), "{told:?}");
    // The same peer in a hybrid handshake, and a peer that is not on the list.
    talk(&server, &dial("client", &TlsPolicy::new(), ClientSettings::new()), &server_dns()).await;
    let (near, _) = talk(&server, &dial("other", &classical, ClientSettings::new()), &server_dns()).await;
    assert!(!near.facts().post_quantum());
    // A client asks it of servers in the same way.
    let plain = authority.node("server").server(required()).unwrap();
    let (_, far) =
        shake(&plain, &dial("client", &classical, ClientSettings::new().with_rules(rules)), &server_dns())
            .await;
    assert_eq!(far.unwrap_err().code(), "tls.group.classical");
}

#[tokio::test]
async fn rules_decide_whether_a_client_may_come_without_a_certificate() {
    let authority = Authority::new("nobody");
    let anonymous = ClientSettings::new().with_identity(ClientIdentity::Anonymous);
    let open = |rules| ServerSettings::new(ClientAuth::Optional).with_rules(rules);
    for (rules, let_in) in [
        (PeerRules::new(), true),
        (PeerRules::new().with_names(names(&["spiffe://mesh/client", "anonymous"])), true),
        (PeerRules::new().with_names(names(&["spiffe://mesh/client"])), false),
        (PeerRules::new().with_pins([KeyPin::from([0; 32])]), false),
        (PeerRules::new().with_check(Arc::new(Inventory::default())), false),
    ] {
        let server = authority.node("server").server(open(rules.clone())).unwrap();
        let client = authority.node("client").client(anonymous.clone()).unwrap();
        if let_in {
            let (near, _far) = talk(&server, &client, &server_dns()).await;
            assert!(matches!(near.peer(), Peer::Anonymous(_)), "{rules:?}");
        } else {
            let (error, told) = refused(&(server, client)).await;
            assert_eq!((error.code(), told), ("tls.certificate.missing", "tls.peer.certificate_required"));
        }
    }
}

struct Panics;

impl PeerCheck for Panics {
    fn name(&self) -> &'static str {
        "defect"
    }

    fn check(&self, peer: &PeerIdentity, _: &[CertificateDer<'_>]) -> Result<(), CheckRefusal> {
        assert_eq!(peer.label(), "spiffe://mesh/client", "a defect that shows with this peer alone");
        Ok(())
    }
}

#[tokio::test]
async fn a_check_that_panics_refuses_and_the_side_goes_on_with_others() {
    let authority = Authority::new("panic");
    let rules = PeerRules::new().with_check(Arc::new(Panics));
    let server = authority.node("server").server(required().with_rules(rules)).unwrap();
    let connect = |name: &str| authority.node(name).client(ClientSettings::new()).unwrap();
    for _ in 0..3 {
        let (near, far) = duplex(64 * 1024);
        let accepting = tokio::spawn({
            let server = server.clone();
            async move { server.accept(near, DEADLINE).await }
        });
        let dialled = connect("other").connect(far, &server_dns(), DEADLINE).await;
        assert!(accepting.await.unwrap_err().is_panic(), "nothing catches it but the runtime");
        // No alert and no word: the transport is gone.
        let told = what_it_is_told(dialled).await;
        assert!(matches!(told, TlsError::Truncated | TlsError::Transport(_)), "{told:?}");
        let (near, _far) = talk(&server, &connect("client"), &server_dns()).await;
        assert_eq!(near.peer().label(), "spiffe://mesh/client");
    }
}

#[tokio::test]
async fn too_many_rules_or_pins_are_refused_before_anybody_comes() {
    let authority = Authority::new("bounds");
    let pins = |count: u8| PeerRules::new().with_pins((0..count).map(|n| KeyPin::from([n; 32])));
    let node = authority.node("server");
    assert!(node.server(required().with_rules(pins(64))).is_ok());
    let more = pins(u8::try_from(MOST_PINS).unwrap() + 1);
    let error = node.server(required().with_rules(more.clone())).unwrap_err();
    assert_eq!((error.code(), error.blame()), ("tls.config.rules", Blame::Local));
    assert!(matches!(node.client(ClientSettings::new().with_rules(more)), Err(TlsError::Rules)));
}
