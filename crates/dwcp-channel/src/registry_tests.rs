//! What the registry counts, beyond the peers it remembers and while connections come and go.

use super::*;
use crate::Direction;
use crate::statistics::CAPACITY;
use dwcp_base::SystemClock;
use dwcp_pki::WhyAnonymous;

fn registry() -> Arc<Registry> {
    Registry::new(1_000, Arc::new(SystemClock::new()))
}

fn connection(registry: &Arc<Registry>, label: String, bytes_in: u64, bytes_out: u64) -> Tracked {
    let newcomer = Newcomer {
        peer: Peer::Anonymous(WhyAnonymous::NoneSent),
        source: "192.0.2.1:1".parse().unwrap(),
        listener: "test".into(),
        direction: Direction::Accepted,
        agreed: None,
    };
    let tracked = registry.enter(newcomer, label).unwrap();
    tracked.entry.bytes_in.store(bytes_in, Ordering::Relaxed);
    tracked.entry.bytes_out.store(bytes_out, Ordering::Relaxed);
    tracked
}

#[test]
fn the_totals_keep_the_bytes_of_peers_that_were_forgotten() {
    let registry = registry();
    let peers = CAPACITY as u64 + 1_000;
    let living = connection(&registry, "living".into(), 70, 7);
    for n in 0..peers {
        drop(connection(&registry, format!("peer-{n}"), 3, 5));
    }
    let rows = registry.peers();
    assert_eq!(rows.len(), CAPACITY);
    assert!(rows.iter().map(|row| row.bytes_in).sum::<u64>() < 3 * peers, "the table has forgotten some");
    assert_eq!(registry.totals(), (3 * peers + 70, 5 * peers + 7));
    drop(living);
    assert_eq!(registry.totals(), (3 * peers + 70, 5 * peers + 7));
}

#[test]
fn the_totals_never_fall_while_connections_end() {
    let registry = registry();
    let others = Arc::clone(&registry);
    // One at a time: a reader is done in a microsecond, and sees each end from close by.
    let churn = std::thread::spawn(move || {
        for _ in 0..50_000 {
            drop(connection(&others, "peer".into(), 1, 2));
        }
    });
    let mut seen = (0, 0);
    while !churn.is_finished() {
        let now = registry.totals();
        assert!(now.0 >= seen.0 && now.1 >= seen.1, "{seen:?} then {now:?}");
        seen = now;
    }
    churn.join().unwrap();
    assert_eq!(registry.totals(), (50_000, 100_000));
}
