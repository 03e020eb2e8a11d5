//! Everything that can be reloaded is, a thousand times, while two nodes shake hands without a pause.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::{Authority, DEADLINE, Leaf, clock, manager, required, say, server_dns};
use dwcp_pki::TrustStore;
use dwcp_tls::{ClientSettings, Group, Resumption, TlsConnector, TlsContext, TlsManager, TlsPolicy};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

const RELOADS: usize = 1_000;
const CALLERS: usize = 4;

#[derive(Default)]
struct Tally {
    over: AtomicBool,
    full: AtomicUsize,
    resumed: AtomicUsize,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_reloads_of_everything_on_both_sides_fail_no_handshake() {
    let authority = Arc::new(Authority::new("reload"));
    let [serving, calling] = ["server", "client"]
        .map(|name| manager(authority.store(&Leaf::named(name)), TlsPolicy::new(), &clock()));
    let server = serving.server(required()).unwrap();
    let tally = Arc::new(Tally::default());
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..CALLERS {
        let client = calling.client(ClientSettings::new()).unwrap();
        callers.spawn(call(server.clone(), client, Arc::clone(&tally)));
    }
    // Reloads come from threads of their own, as they do in a node.
    let reloading: Vec<_> = ["server", "client"]
        .into_iter()
        .zip([serving, calling])
        .map(|(name, node)| {
            let authority = Arc::clone(&authority);
            thread::spawn(move || reload(&authority, &node, name))
        })
        .collect();
    while reloading.iter().any(|side| !side.is_finished()) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    tally.over.store(true, Ordering::SeqCst);
    while let Some(caller) = callers.join_next().await {
        caller.unwrap();
    }
    for side in reloading {
        assert_eq!(side.join().unwrap(), 1 + RELOADS as u64, "each reload is a generation");
    }
    let (full, resumed) = (tally.full.load(Ordering::SeqCst), tally.resumed.load(Ordering::SeqCst));
    println!("{full} full and {resumed} resumed handshakes under {RELOADS} reloads of each side");
    assert!(full > 100 && resumed > 0, "{full} full, {resumed} resumed");
}

/// One handshake after the other, some of them with a ticket of the one before; none may fail.
async fn call(server: TlsContext, client: TlsConnector, tally: Arc<Tally>) {
    while !tally.over.load(Ordering::SeqCst) {
        for _ in 0..3 {
            let (near, far) = tokio::io::duplex(64 * 1024);
            let expected = server_dns();
            let (near, far) =
                tokio::join!(server.accept(near, DEADLINE), client.connect(far, &expected, DEADLINE));
            let (mut near, mut far) = (near.unwrap(), far.unwrap());
            say(&mut far, &mut near, b"ping").await;
            say(&mut near, &mut far, b"pong").await;
            let count = match near.facts().resumed {
                Resumption::Full => &tally.full,
                _ => &tally.resumed,
            };
            count.fetch_add(1, Ordering::SeqCst);
        }
    }
}

/// In turn: a new certificate, new revocation lists, both at once, a new policy, all of it. Returns the number of the last generation.
fn reload(authority: &Authority, node: &TlsManager, name: &str) -> u64 {
    let store = node.store();
    let stranger = common::serial(&authority.issue(&Leaf::named("stranger")));
    for turn in 0..RELOADS {
        let trust = || -> TrustStore {
            authority.trust(if turn % 2 == 0 { &[] } else { std::slice::from_ref(&stranger) })
        };
        let credential = || authority.issue(&Leaf::named(name));
        // Any two of them have a group in common, and none is the one before.
        let groups = [Group::X25519MlKem768, Group::X25519, Group::P256];
        let policy = || TlsPolicy::new().with_groups(&[groups[turn % 3], Group::P384]).unwrap();
        match turn % 5 {
            0 => store.install_trust(trust()).unwrap(),
            1 => store.install_credential(credential()).unwrap(),
            2 => store.install(credential(), trust()).unwrap(),
            3 => node.install(None, None, policy()).unwrap(),
            _ => node.install(Some(credential()), Some(trust()), policy()).unwrap(),
        };
        thread::sleep(Duration::from_millis(1));
    }
    store.number()
}
