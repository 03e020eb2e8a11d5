//! A node's link against a relay of sixty lines: handshakes and bytes per CPU-second, bytes per second, memory per idle
//! connection. `cargo bench -p dwcp`; both links run as processes of their own, measured in turn.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a bench ends where it can not go on"
)]
#![allow(clippy::disallowed_methods, clippy::cast_precision_loss, reason = "wall time is what is measured")]

mod child;
mod load;
mod plain_relay;

use dwcp_base::{Clock, LocalDisk, SystemClock};
use dwcp_pki::{AuthorityParams, CertificateAuthority};
use load::{Figures, Link};
use std::path::Path;
use std::sync::Arc;

fn main() {
    if let Ok(role) = std::env::var(ROLE) {
        let var = |name: &str| std::env::var(name).unwrap();
        let target = var("DWCP_BENCH_TARGET").parse().unwrap();
        return child::run(
            &role,
            Path::new(&var("DWCP_BENCH_DIR")),
            target,
            var("DWCP_BENCH_RESUME") == "true",
        );
    }
    // `cargo test --benches` only wants to know that it builds and starts.
    let rounds = if std::env::args().any(|argument| argument == "--test") { 1 } else { ROUNDS };
    let dir = tempfile::tempdir().unwrap();
    let params = AuthorityParams::new("Bench");
    CertificateAuthority::create(
        Arc::new(LocalDisk),
        &dir.path().join("ca"),
        &params,
        SystemClock::new().unix(),
    )
    .unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let target = load::target().await;
        for (name, resume) in [("full mutual handshakes", false), ("resumed mutual handshakes", true)] {
            let mut node = Link::start("node", dir.path(), target, resume);
            let mut plain = Link::start("plain", dir.path(), target, resume);
            let mut rows = Vec::new();
            for _ in 0..rounds {
                rows.push((node.handshakes().await, plain.handshakes().await));
            }
            report(name, "per CPU-second", &rows, |figures| figures.per_cpu_second());
            report(name, "per second", &rows, |figures| figures.per_second());
        }
        let mut node = Link::start("node", dir.path(), target, false);
        let mut plain = Link::start("plain", dir.path(), target, false);
        let mut rows = Vec::new();
        for _ in 0..rounds {
            rows.push((node.bulk().await, plain.bulk().await));
        }
        report("bulk", "MB per CPU-second", &rows, |figures| figures.per_cpu_second() / 1e6);
        report("bulk", "MB per second", &rows, |figures| figures.per_second() / 1e6);
        let (ours, theirs) = (node.idle_memory().await, plain.idle_memory().await);
        println!(
            "{:<26} {:<18} node {ours:>9.0}   plain {theirs:>9.0}   ratio {:.3} ({:+.0} B)",
            "idle connection",
            "bytes of RSS",
            ours / theirs,
            ours - theirs
        );
    });
}

/// The medians, and the median of the ratios pair by pair: what holds when the machine's speed drifts.
fn report(name: &str, unit: &str, rows: &[(Figures, Figures)], value: impl Fn(&Figures) -> f64) {
    let median = |mut values: Vec<f64>| {
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    let ours = median(rows.iter().map(|row| value(&row.0)).collect());
    let theirs = median(rows.iter().map(|row| value(&row.1)).collect());
    let ratio = median(rows.iter().map(|row| value(&row.0) / value(&row.1)).collect());
    println!("{name:<26} {unit:<18} node {ours:>9.0}   plain {theirs:>9.0}   ratio {ratio:.3}");
}

const ROLE: &str = "DWCP_BENCH_ROLE";
const ROUNDS: usize = 7;
