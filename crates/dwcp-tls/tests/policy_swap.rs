//! A policy changes with certificate and trust, as one generation, or not at all.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::{Authority, DEADLINE, Leaf, required, say, server_dns, shake, talk};
use dwcp_base::{Blame, Coded};
use dwcp_tls::{ClientSettings, Group, PostQuantum, Tickets, TlsPolicy};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

fn only(group: Group) -> TlsPolicy {
    TlsPolicy::new().with_groups(&[group]).unwrap()
}

#[tokio::test]
async fn a_policy_is_in_force_from_the_next_handshake_on_and_a_refused_one_never() {
    let authority = Authority::new("swap");
    let node = authority.node("server");
    let follows = node.server(required()).unwrap();
    let own = node.server(required().with_policy(only(Group::P384))).unwrap();
    let client = authority.node("client").client(ClientSettings::new()).unwrap();
    let (mut near, mut far) = talk(&follows, &client, &server_dns()).await;
    assert_eq!(near.facts().group, Group::X25519MlKem768);

    assert_eq!(node.install(None, None, only(Group::P256)).unwrap(), 2);
    let (now, _far) = talk(&follows, &client, &server_dns()).await;
    assert_eq!((now.facts().group, now.generation()), (Group::P256, 2));
    let (now, _far) = talk(&own, &client, &server_dns()).await;
    assert_eq!(now.facts().group, Group::P384, "its own is its own");
    say(&mut near, &mut far, b"the old connection goes on").await;

    // Somebody else's certificate: neither it nor the policy that came with it.
    let stranger = Authority::new("elsewhere").issue(&Leaf::named("server"));
    let refused = node.install(Some(stranger), None, only(Group::X25519)).unwrap_err();
    assert_eq!((refused.code(), refused.blame()), ("pki.generation.refused", Blame::Local));
    assert_eq!((&*node.policy(), node.store().number()), (&only(Group::P256), 2));
    let (now, _far) = talk(&follows, &client, &server_dns()).await;
    assert_eq!((now.facts().group, now.generation()), (Group::P256, 2));
}

#[tokio::test]
async fn a_client_side_follows_and_tickets_are_no_way_round_a_stricter_policy() {
    let authority = Authority::new("stricter");
    let (node, peer) = (authority.node("server"), authority.node("client"));
    let server = node.server(required()).unwrap();
    let client = peer.client(ClientSettings::new()).unwrap();
    peer.install(None, None, only(Group::X25519)).unwrap();
    let (near, _far) = talk(&server, &client, &server_dns()).await;
    assert_eq!(near.facts().group, Group::X25519);
    assert!(!client.tickets(&server_dns()).is_empty(), "it could come back");
    node.install(None, None, TlsPolicy::new().with_post_quantum(PostQuantum::Require).unwrap()).unwrap();
    let (near, _far) = shake(&server, &client, &server_dns()).await;
    assert_eq!(near.unwrap_err().code(), "tls.protocol.incompatible");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_handshake_meets_a_policy_without_the_certificate_it_came_with() {
    let authority = Authority::new("pairs");
    let node = authority.node("server");
    let server = node.server(required().with_tickets(Tickets::Off)).unwrap();
    let client = authority.node("client").client(ClientSettings::new().with_tickets(Tickets::Off)).unwrap();
    // The certificate says in its names which group came with it.
    let pairs = [("p256", Group::P256), ("p384", Group::P384)];
    let leaf = |name: &str| {
        let mut leaf = Leaf::named("server");
        leaf.names.push(format!("DNS:{name}.server.mesh").parse().unwrap());
        authority.issue(&leaf)
    };
    node.install(Some(leaf("p256")), None, only(Group::P256)).unwrap();
    let over = AtomicBool::new(false);
    let (mut met, mut handshakes) = ([0, 0], 0);
    thread::scope(|scope| {
        scope.spawn(|| {
            for turn in 0.. {
                if over.load(Ordering::SeqCst) {
                    break;
                }
                let (name, group) = pairs[turn % 2];
                node.install(Some(leaf(name)), None, only(group)).unwrap();
            }
        });
        // Also when a handshake fails: the scope waits for the thread above.
        let _end = End(&over);
        tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current().block_on(async {
                while handshakes < 400 {
                    let (near, far) = tokio::io::duplex(64 * 1024);
                    let expected = server_dns();
                    let (near, far) =
                        tokio::join!(server.accept(near, DEADLINE), client.connect(far, &expected, DEADLINE));
                    let (_near, far) = (near.unwrap(), far.unwrap());
                    let leaf = dwcp_pki::Certificate::from_der(&far.presented()[0]).unwrap();
                    let at = pairs.iter().position(|(_, group)| *group == far.facts().group).unwrap();
                    let name = format!("DNS:{}.server.mesh", pairs[at].0).parse().unwrap();
                    assert!(leaf.names().contains(&name), "{:?} with {:?}", far.facts().group, leaf.names());
                    met[at] += 1;
                    handshakes += 1;
                }
            });
        });
    });
    assert!(met[0] > 10 && met[1] > 10, "both were met: {met:?}");
}

/// Says that it is over when it goes, by a panic too.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}
