//! Rotations under load: no handshake fails, no session ends, a pair is always a pair, whatever the writer of the files does.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "a deadline of a test is wall time")]

mod support;

use dwcp_pki::Serial;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use support::site::{Pair, Site, dial, says, serial};
use support::{PATIENCE, Place, eventually};

/// Here, and in `cargo xtask nightly rotations`, which says how many.
fn count() -> usize {
    std::env::var("DWCP_ROTATIONS").ok().and_then(|count| count.parse().ok()).unwrap_or(250)
}

/// What runs beside the rotations, until it is told to end.
#[derive(Default)]
struct Load {
    over: AtomicBool,
    handshakes: AtomicU64,
    echoes: AtomicU64,
}

impl Load {
    /// Live sessions that echo all the time, and newcomers that dial one after the other: each must be shown one of `known`.
    fn begin(
        self: &Arc<Self>,
        site: &Site,
        listener: std::net::SocketAddr,
        known: &Arc<Vec<Serial>>,
        (sessions, newcomers): (usize, usize),
    ) -> tokio::task::JoinSet<()> {
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..sessions {
            let (load, guest) = (Arc::clone(self), site.guest());
            tasks.spawn(async move {
                let mut session = dial(&guest, listener).await.unwrap();
                while !load.over.load(Ordering::Relaxed) {
                    says(&mut session, &[7; 1_024]).await;
                    load.echoes.fetch_add(1, Ordering::Relaxed);
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            });
        }
        for _ in 0..newcomers {
            let (load, guest, known) = (Arc::clone(self), site.guest(), Arc::clone(known));
            tasks.spawn(async move {
                while !load.over.load(Ordering::Relaxed) {
                    // A handshake is signed with the key and judged by the certificate: a pair that is none ends it.
                    let session = dial(&guest, listener).await.expect("no handshake fails");
                    assert!(known.contains(&serial(&session)));
                    load.handshakes.fetch_add(1, Ordering::Relaxed);
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
            });
        }
        tasks
    }

    async fn end(&self, mut tasks: tokio::task::JoinSet<()>) {
        self.over.store(true, Ordering::Relaxed);
        while let Some(done) = tasks.join_next().await {
            done.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rocket_2683_rotations_under_load_lose_nothing_and_are_seen_at_once() {
    let site = Site::new();
    let pairs: Vec<Pair> = (0..40).map(|_| site.pair()).collect();
    site.put(&pairs[0]);
    let up = site.up().await;
    let known = Arc::new(pairs.iter().map(|pair| pair.serial).collect());
    let load = Arc::new(Load::default());
    let tasks = load.begin(&site, up.listener, &known, (16, 2));
    let guest = site.guest();
    let mut took = Vec::new();
    for round in 1..=count() {
        let next = &pairs[round % pairs.len()];
        site.put(next);
        took.push(up.shows(&guest, next.serial, PATIENCE).await);
    }
    load.end(tasks).await;
    took.sort_unstable();
    let at = |share: usize| took[(took.len() * share / 100).min(took.len() - 1)];
    println!(
        "{} rotations, {} handshakes, {} echoes on 16 live sessions: first handshake with the new certificate after {:?} (median), {:?} (99 %), {:?} (all)",
        took.len(),
        load.handshakes.load(Ordering::Relaxed),
        load.echoes.load(Ordering::Relaxed),
        at(50),
        at(99),
        at(100),
    );
    assert!(load.handshakes.load(Ordering::Relaxed) > 0 && load.echoes.load(Ordering::Relaxed) > 0);
    up.node.settle(PATIENCE).await;
    assert_eq!(site.records("files_not_loaded").len(), 0);
    up.node.stop().await;
}

/// Puts `to` in place of `path` by renaming, as quickly as that goes.
fn flip(path: &Path, to: &Path) {
    let next = path.with_extension("flip");
    fs::hard_link(to, &next).unwrap();
    fs::rename(&next, path).unwrap();
    // Two names of one file are left alone by a rename.
    let _ = fs::remove_file(&next);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_p11_a_writer_that_flips_pairs_ten_thousand_times_a_second_never_has_a_torn_pair_served() {
    let site = Site::new();
    let pairs = [site.pair(), site.pair()];
    let mut files = Vec::new();
    for (pair, name) in pairs.iter().zip(["one", "two"]) {
        let (cert, key) = (site.dir().join(format!("{name}.crt")), site.dir().join(format!("{name}.key")));
        support::site::replace(&cert, &pair.cert, 0o644);
        support::site::replace(&key, &pair.key, 0o600);
        files.push((cert, key));
    }
    site.put(&pairs[0]);
    let up = site.up().await;
    let load = Arc::new(Load::default());
    let known = Arc::new(pairs.iter().map(|pair| pair.serial).collect());
    let tasks = load.begin(&site, up.listener, &known, (2, 2));
    for round in 0..3_usize {
        let (cert, key) = (site.cert.clone(), site.key.clone());
        let files = files.clone();
        let writer = std::thread::spawn(move || {
            let (started, mut flips) = (Instant::now(), 0_u64);
            while started.elapsed() < Duration::from_secs(1) {
                let (next_cert, next_key) = &files[usize::try_from(flips / 2 % 2).unwrap()];
                if flips % 2 == 0 {
                    flip(&key, next_key)
                } else {
                    flip(&cert, next_cert)
                }
                flips += 1;
                while started.elapsed() < Duration::from_micros(100 * flips) {
                    std::hint::spin_loop();
                }
            }
            // It ends with the pair of the round's choice.
            let (last_cert, last_key) = &files[round % 2];
            flip(&key, last_key);
            flip(&cert, last_cert);
            (flips, Instant::now())
        });
        let (flips, ended) = tokio::task::spawn_blocking(move || writer.join().unwrap()).await.unwrap();
        let guest = site.guest();
        up.shows(&guest, pairs[round % 2].serial, PATIENCE).await;
        println!("{flips} flips in a second; the last pair is shown {:?} after them", ended.elapsed());
        tokio::time::sleep(Duration::from_millis(400)).await;
        assert_eq!(up.shown(&guest).await, pairs[round % 2].serial, "and stays");
    }
    load.end(tasks).await;
    println!("{} handshakes meanwhile", load.handshakes.load(Ordering::Relaxed));
    up.node.settle(PATIENCE).await;
    assert_eq!(site.records("files_not_loaded").len(), 0, "what is in the middle of its writing is no alarm");
    up.node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reloads_and_changed_files_at_once_end_with_what_the_files_hold() {
    let site = Site::new();
    let up = site.up().await;
    let guest = site.guest();
    for _ in 0..20 {
        let next = site.pair();
        let (_, reloads) = tokio::join!(async { site.put(&next) }, async {
            let mut taken = 0;
            for _ in 0..3 {
                taken += u32::from(up.node.reload(up.plan.clone()).await.is_ok());
            }
            taken
        });
        assert!(reloads > 0);
        up.shows(&guest, next.serial, PATIENCE).await;
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(up.stands(&guest, "pass").await, "4 files are followed, and what they hold is in use");
    up.node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_watch_a_reload_alone_takes_new_files() {
    let site = Site::new();
    let up = site.up_with(", watch: false").await;
    let guest = site.guest();
    let (before, next) = (up.shown(&guest).await, site.pair());
    site.put(&next);
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!((up.shown(&guest).await, up.finding(&guest).await.0.as_str()), (before, ""));
    up.node.reload(up.plan.clone()).await.unwrap();
    assert_eq!(up.shown(&guest).await, next.serial);
    // A reload switches it on, and off again.
    let on = site.plan(up.plan.listeners[0].target.parse().unwrap(), ", watch: true");
    up.node.reload(on).await.unwrap();
    let third = site.pair();
    site.put(&third);
    up.shows(&guest, third.serial, PATIENCE).await;
    up.node.reload(up.plan.clone()).await.unwrap();
    site.put(&next);
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(up.shown(&guest).await, third.serial);
    up.node.stop().await;
}

#[test]
fn at_d2_consul_template_1259_no_signal_and_no_file_issues_anything() {
    let place = Place::new();
    support::echo(place.target);
    let who = place.issue("b");
    let roots = place.node("more.pem");
    fs::copy(place.node("ca/ca.crt"), &roots).unwrap();
    place.edit("    pq: prefer ", "    ca_file: more.pem\n    pq: prefer ");
    let mut node = place.up();
    let own = fs::read(place.node("identity.crt")).unwrap();
    let issued = || fs::read_to_string(place.node("ca/index/log")).unwrap().lines().count();
    let before = issued();
    let mut line = support::Line::dial(&place, place.listen, Some(&who)).unwrap();
    for round in 0..40_u8 {
        node.signal("HUP");
        if round % 4 == 0 {
            let text = fs::read_to_string(&roots).unwrap() + "\n";
            fs::write(&roots, text).unwrap();
        }
        line.echo(&[round; 512]).unwrap();
    }
    eventually(PATIENCE, "a reload was taken", || {
        place.ask("GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").lines().any(|line| {
            line.starts_with("dwcp_config_reloads_total{result=\"applied\"}") && !line.ends_with(" 0")
        })
    });
    assert!(node.lives());
    assert_eq!(fs::read(place.node("identity.crt")).unwrap(), own, "the certificate is the one from before");
    assert_eq!(issued(), before, "and the authority has signed none");
    assert_eq!(place.check("certs", "certs.files").0, "pass");
}
