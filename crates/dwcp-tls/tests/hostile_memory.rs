//! What a server side holds for a client that is not known yet, whatever that client sends: at most 32 KiB, with all that its system has to
//! keep for that at most 34 KiB of resident memory, and nothing once its time is up.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;
mod stalling;

use allocation_counter::measure;
use common::{Authority, DEADLINE, Leaf, required};
use dwcp_pki::{BoxFuture, Cause, Credential};
use dwcp_tls::{
    CertificateResolver, ClientOffer, HandshakeState, LARGEST_CLIENT_FLIGHT, LARGEST_CLIENT_HELLO, Resolved,
    TlsContext, TlsError,
};
use stalling::{Stalling, crumbs, padded, promise, uncounted};
use std::env;
use std::fs;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

/// Connections of each kind: 250, or as many as the environment says.
fn connections() -> usize {
    env::var("DWCP_HOSTILE_CONNECTIONS").map_or(250, |count| count.parse().unwrap())
}

/// Of memory that was asked for, the task and its future included.
const MOST_ALLOCATED: i64 = 32 * 1024;

/// Of resident memory.
const MOST_RESIDENT: i64 = 34 * 1024;

/// Tells a child which kind is its own.
const KIND: &str = "DWCP_HOSTILE_KIND";

/// Somebody who sends what it likes.
struct Kind<'a> {
    what: &'static str,
    peer: Box<dyn Fn() -> Stalling + 'a>,
    /// Where it stops, or `None` when it is refused before.
    stops: Option<HandshakeState>,
    /// Whether the server asks a resolver that does not answer.
    asks: bool,
}

/// A resolver that takes longer than the handshake may.
struct Pending;

impl CertificateResolver for Pending {
    fn resolve<'a>(&'a self, _: &'a ClientOffer) -> BoxFuture<'a, Result<Resolved, Cause>> {
        Box::pin(std::future::pending())
    }
}

fn kind<'a>(what: &'static str, stops: Option<HandshakeState>, peer: impl Fn() -> Stalling + 'a) -> Kind<'a> {
    Kind { what, stops, peer: Box::new(peer), asks: false }
}

/// The same, at a server that asks a resolver.
fn asking<'a>(what: &'static str, peer: impl Fn() -> Stalling + 'a) -> Kind<'a> {
    Kind { asks: true, ..kind(what, Some(HandshakeState::Choosing), peer) }
}

/// A hello of nearly 16 KiB that is nothing but protocols of one byte each: the engine makes an allocation of every one.
fn many_protocols(hello: &[u8]) -> Vec<u8> {
    let count = (LARGEST_CLIENT_HELLO - hello.len() - 6) / 2;
    let list = [1, b'x'].repeat(count);
    let padded = padded(hello, hello.len() + list.len() + 6);
    let from = padded.len() - list.len() - 6;
    let length = |bytes: usize| u16::try_from(bytes).unwrap().to_be_bytes();
    [&padded[..from], &[0, 16], &length(list.len() + 2), &length(list.len()), &list].concat()
}

fn kinds<'a>(
    hello: &'a [u8],
    small: &'a Credential,
    fitting: &'a Credential,
    large: &'a Credential,
) -> Vec<Kind<'a>> {
    // One byte short of what is read at most.
    let most = LARGEST_CLIENT_HELLO - 1;
    let unfinished = promise(LARGEST_CLIENT_HELLO - 5);
    let (awaiting, negotiating) = (Some(HandshakeState::AwaitingHello), Some(HandshakeState::Negotiating));
    let flight = hello.len() + LARGEST_CLIENT_FLIGHT;
    let cut = move |sizes: &'static [usize], step| {
        let bytes = crumbs(&unfinished[5..], sizes);
        move || Stalling::bytes(&bytes[..most], step)
    };
    vec![
        kind("half open", awaiting, || Stalling::bytes(&[], 1)),
        kind("a hello but for its last byte, bytewise", awaiting, || {
            Stalling::bytes(&hello[..hello.len() - 1], 1)
        }),
        kind("16 KiB of hello but for a byte, in one piece", awaiting, cut(&[16_384], 4096)),
        kind("the same bytewise", awaiting, cut(&[16_384], 1)),
        kind("the same in records of one byte", awaiting, cut(&[1], 7)),
        kind("the same in records of every size", awaiting, cut(&[1, 2, 3, 5, 8, 13, 100, 500, 1000], 4096)),
        kind("48 kB of hello, bytewise", None, || Stalling::bytes(&promise(48_000), 1)),
        kind("garbage", None, || Stalling::bytes(&[0x5a; 16_384], 4096)),
        kind("a hello and nothing more", negotiating, || Stalling::bytes(hello, 4096)),
        kind("a whole hello of 16 KiB", negotiating, || {
            Stalling::bytes(&padded(hello, LARGEST_CLIENT_HELLO), 4096)
        }),
        kind("a whole hello in crumbs of five bytes", negotiating, || {
            Stalling::bytes(&crumbs(&padded(hello, 8000)[5..], &[5]), 4096)
        }),
        kind("a chain to the bound but for a byte", negotiating, move || {
            Stalling::client(large, flight - 1, 4096)
        }),
        kind("the same in segments of 16 bytes", negotiating, move || {
            Stalling::client(large, flight - 1, 16)
        }),
        kind("half of a chain", negotiating, move || Stalling::client(large, flight / 2, 4096)),
        kind("all but the last byte of its Finished", negotiating, || {
            Stalling::client(small, usize::MAX, 4096).short(1)
        }),
        kind(
            "a proof but for its end, behind nearly all that is read",
            Some(HandshakeState::AwaitingProof),
            || Stalling::unproven(small, fitting),
        ),
        asking("a whole hello of 16 KiB while a resolver is asked", || {
            Stalling::bytes(&padded(hello, LARGEST_CLIENT_HELLO), 4096)
        }),
        asking("8 000 protocols while a resolver is asked", || Stalling::bytes(&many_protocols(hello), 4096)),
    ]
}

/// Each kind in a process of its own: memory that one left behind would be there for the next.
#[test]
fn at_t8_a_stranger_is_held_in_32_kib_whatever_it_sends_and_gone_when_its_time_is_up() {
    let authority = Authority::new("memory");
    let label = "a".repeat(60);
    let of_names = |count| {
        let mut leaf = Leaf::named("client");
        leaf.names.extend((0..count).map(|n| format!("DNS:{label}{n}.{label}.example").parse().unwrap()));
        authority.issue(&leaf)
    };
    let (small, fitting, large) = (of_names(0), of_names(46), of_names(240));
    let hello = Stalling::client(&small, usize::MAX, 1).hello();
    let kinds = kinds(&hello, &small, &fitting, &large);
    if let Ok(chosen) = env::var(KIND) {
        let kind = kinds.iter().find(|kind| kind.what == chosen).unwrap();
        let settings = match kind.asks {
            true => required().with_resolver(Arc::new(Pending), 2 * DEADLINE),
            false => required(),
        };
        let server = authority.node("server").server(settings).unwrap();
        let (resident, allocated) = held(&server, kind);
        println!("{}: {resident} bytes resident, {allocated} allocated", kind.what);
        assert!(
            resident <= MOST_RESIDENT && allocated <= MOST_ALLOCATED,
            "{resident}, {allocated} bytes each"
        );
        return;
    }
    for kind in &kinds {
        let child =
            Command::new(env::current_exe().unwrap()).arg("--nocapture").env(KIND, kind.what).output();
        let child = child.unwrap();
        let said = String::from_utf8_lossy(&child.stdout);
        print!("{}", said.lines().filter(|line| line.contains("resident")).collect::<String>() + "\n");
        let complaint = String::from_utf8_lossy(&child.stderr);
        assert!(child.status.success() && said.contains("resident"), "{}: {said}{complaint}", kind.what);
    }
}

/// What each connection of a kind holds: of resident memory, and as it was asked for.
fn held(server: &TlsContext, kind: &Kind<'_>) -> (i64, i64) {
    let count = connections();
    let connections = i64::try_from(count).unwrap();
    // Time stands still while anybody has something to do.
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let mut tasks = Vec::with_capacity(count);
    let before = resident();
    let all = measure(|| {
        runtime.block_on(async {
            for _ in 0..count {
                let (server, peer) = (server.clone(), uncounted(&kind.peer));
                tasks.push(tokio::spawn(async move { server.accept(peer, DEADLINE).await.map(|_| ()) }));
                // One after the other: what a peer needed for itself is there for the next one.
                for _ in 0..16 {
                    tokio::task::yield_now().await;
                }
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        });
    });
    let resident = resident() - before;
    let refused = tasks.iter().filter(|task| task.is_finished()).count();
    assert_eq!(refused, if kind.stops.is_none() { count } else { 0 }, "{}", kind.what);
    let end = measure(|| {
        runtime.block_on(async {
            for task in tasks {
                match (kind.stops, task.await.unwrap().unwrap_err()) {
                    (Some(stops), TlsError::Timeout { state, .. }) => {
                        assert_eq!(state, stops, "{}", kind.what)
                    }
                    (Some(_), error) => panic!("{}: {error:?}", kind.what),
                    (None, _) => {}
                }
            }
        });
    });
    let left = (all.bytes_current + end.bytes_current) / connections;
    assert!(left < 64, "{}: {left} bytes each are left", kind.what);
    (resident / connections, all.bytes_current / connections)
}

fn resident() -> i64 {
    let pages = fs::read_to_string("/proc/self/statm").unwrap();
    pages.split(' ').nth(1).unwrap().parse::<i64>().unwrap() * 4096
}
