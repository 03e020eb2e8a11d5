//! Ten thousand managed certificates: what asking for the next step costs, and what readers of a store pay while a writer swaps.
//!
//! `cargo bench -p dwcp-pki --bench manager`. Each call stands for one poll of a node, every 100 ms. The first figure is with nothing due. The
//! second is a day's busy hours: all of them come due, nine of ten are renewed and activated, the issuer of the tenth is down; timed is what
//! the manager is asked, not what issuers take. 1 % of a core is the most that is wanted of either. The last are reads of the current
//! generation, alone and beside a thread that swaps without pause: no lock is taken, so no reader waits for a writer.
#![allow(clippy::unwrap_used, reason = "a bench ends where it can not go on")]

use dwcp_base::{Clock, LocalDisk, ManualClock, Silent, SystemClock, UnixTime};
use dwcp_crypto::{KeyType, Secret, SigningKey};
use dwcp_pki::{
    Activation, AuthorityParams, BoxFuture, CertProvider, CertificateAuthority, CertificateChain,
    CertificateManager, CertificateRequest, CertificateStore, Credential, EmbeddedProvider, IssuancePolicy,
    Issued, ManagedSlot, NextStep, ProviderError, RevocationMode, SlotSpec, TrustStore,
};
use std::hint::black_box;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

fn main() {
    let clock = SystemClock::new();
    let shop = Shop::new(clock.unix());
    let manager = shop.manager();
    idle(&clock, &manager, shop.time.unix());
    at_work(&clock, &manager, &shop.time);
    readers(&clock, &shop);
}

fn idle(clock: &SystemClock, manager: &CertificateManager, now: UnixTime) {
    // Each is looked at once when it is new.
    while manager.next(now) == NextStep::Wait(Duration::ZERO) {}
    let taken = timed(clock, || {
        for poll in 0..POLLS {
            black_box(manager.next(now.plus(POLL * poll)));
        }
    });
    tell("idle", taken, POLLS, "");
}

fn at_work(clock: &SystemClock, manager: &CertificateManager, time: &ManualClock) {
    let start = time.unix();
    // The first come due at 45 % of the life, the last at 55 %.
    time.advance(LIFE / 100 * 44);
    let (mut taken, mut polls, mut renewed, mut failed) = (Duration::ZERO, 0, 0_u32, 0_u32);
    while time.unix() < start.plus(LIFE / 100 * 57) {
        let (mut step, now) = (NextStep::Wait(Duration::ZERO), time.unix());
        taken += timed(clock, || step = manager.next(now));
        match step {
            NextStep::Renew { slot, .. } => {
                failed += u32::from(run(manager.renew(&slot, Activation::AfterGrace, LIFE)).is_err());
            }
            NextStep::Activate { slot } => {
                manager.activate(&slot).unwrap();
                renewed += 1;
            }
            _ => {
                polls += 1;
                time.advance(POLL);
            }
        }
    }
    tell("at work", taken, polls, &format!("; {renewed} renewals and {failed} failures in it"));
}

fn readers(clock: &SystemClock, shop: &Shop) {
    let store = shop.store();
    let read = || {
        timed(clock, || {
            for _ in 0..READS {
                black_box(store.current());
            }
        })
    };
    let alone = read();
    let (done, other) = (AtomicBool::new(false), Arc::clone(store.current().credential()));
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut swaps = 0_u32;
            while !done.load(Ordering::Relaxed) {
                store.install_credential(Arc::clone(&other)).unwrap();
                swaps += 1;
            }
            swaps
        });
        let beside = read();
        done.store(true, Ordering::Relaxed);
        println!(
            "a read of the store: {:.1} ns alone, {:.1} ns beside a writer that made {} swaps meanwhile",
            alone.as_secs_f64() * 1e9 / f64::from(READS),
            beside.as_secs_f64() * 1e9 / f64::from(READS),
            writer.join().unwrap()
        );
    });
}

/// An authority in memory, where there is any, and what each slot begins with.
struct Shop {
    time: Arc<ManualClock>,
    provider: Arc<EmbeddedProvider>,
    key: SigningKey,
    chain: CertificateChain,
    trust: TrustStore,
    _directory: tempfile::TempDir,
}

impl Shop {
    fn new(now: UnixTime) -> Self {
        let memory = Path::new("/dev/shm");
        let directory =
            if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap();
        let (home, params) = (directory.path().join("ca"), AuthorityParams::new("bench"));
        let ca = CertificateAuthority::create(Arc::new(LocalDisk), &home, &params, now).unwrap();
        let time = Arc::new(ManualClock::at(now));
        let anchors = vec![ca.root().certificate_der().clone()];
        let policy = IssuancePolicy::default();
        let provider = Arc::new(EmbeddedProvider::new(Arc::new(ca), policy, Arc::clone(&time) as _));
        let key = SigningKey::generate(KeyType::EcdsaP256).unwrap();
        let request = CertificateRequest::generate(&key, &spec(0).names).unwrap();
        let chain = run(provider.issue(&request, LIFE)).unwrap().chain;
        let trust = TrustStore::new(anchors, Vec::new(), RevocationMode::Off).unwrap();
        Self { time, provider, key, chain, trust, _directory: directory }
    }

    fn store(&self) -> CertificateStore {
        let key = SigningKey::from_pkcs8(Secret::from(self.key.pkcs8().expose().to_vec())).unwrap();
        CertificateStore::new(Credential::new(self.chain.clone(), key).unwrap(), self.trust.clone()).unwrap()
    }

    /// Each slot has a store of its own.
    fn manager(&self) -> CertificateManager {
        let manager = CertificateManager::new(Arc::clone(&self.time) as _, Arc::new(Silent));
        for number in 0..SLOTS {
            let provider: Arc<dyn CertProvider> =
                if number % 10 == 0 { Arc::new(Down) } else { Arc::clone(&self.provider) as _ };
            let slot = ManagedSlot::new(spec(number), Arc::new(self.store())).with_provider(provider);
            manager.manage(slot).unwrap();
        }
        manager
    }
}

/// An issuer that can not be reached.
struct Down;

impl CertProvider for Down {
    fn name(&self) -> &str {
        "down"
    }

    fn issue<'a>(
        &'a self,
        _: &'a CertificateRequest,
        deadline: Duration,
    ) -> BoxFuture<'a, Result<Issued, ProviderError>> {
        Box::pin(async move { Err(ProviderError::TimedOut { deadline }) })
    }
}

fn spec(number: u32) -> SlotSpec {
    SlotSpec::new(format!("slot-{number}"), vec!["URI:spiffe://mesh.example/node/a".parse().unwrap()])
}

fn tell(what: &str, taken: Duration, polls: u32, more: &str) {
    let each = taken / polls;
    let share = each.as_secs_f64() / POLL.as_secs_f64() * 100.0;
    println!("{what}: {SLOTS} slots, {polls} polls: {each:?} each, {share:.4} % of a core{more}");
}

fn timed(clock: &SystemClock, work: impl FnOnce()) -> Duration {
    let start = clock.tick();
    work();
    clock.tick().since(start)
}

/// Runs a future that never waits for anything outside itself.
fn run<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => unreachable!("nothing here waits"),
    }
}

const SLOTS: u32 = 10_000;
const POLL: Duration = Duration::from_millis(100);
const POLLS: u32 = 100_000;
const READS: u32 = 5_000_000;
const LIFE: Duration = Duration::from_secs(24 * 3_600);
