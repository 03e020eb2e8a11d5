//! Issuing a certificate: without a disk over a raw signature and a raw verification, and with the durable index by many at once.
//!
//! `cargo bench -p dwcp-pki --bench issuance`. The first figure is what is left of an issuance's median when one P-256 signature and one
//! verification are taken away, in the same run; 40 µs is the most that is wanted. Its index lies in memory (`/dev/shm`, where there
//! is one), so that it costs system calls and no disk. The second is certificates a second with the index on the disk of the
//! temporary directory (`TMPDIR`), each acknowledged after it was synced; 2 000 is the least that is wanted of 64 threads.
#![allow(clippy::unwrap_used, reason = "a bench ends where it can not go on")]

use dwcp_base::{Clock, LocalDisk, SystemClock, UnixTime};
use dwcp_crypto::{KeyType, SigningKey};
use dwcp_pki::{AuthorityParams, CertificateAuthority, CertificateRequest, IssuancePolicy};
use rustls_pki_types::{AlgorithmIdentifier, SubjectPublicKeyInfoDer, alg_id};
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

fn main() {
    let clock = SystemClock::new();
    let memory = Path::new("/dev/shm");
    let directory = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap();
    let ca = authority(&clock, directory.path());
    let request = request();
    let (key, message) = (SigningKey::generate(KeyType::EcdsaP256).unwrap(), [7; 400]);
    let signature = key.sign(&message).unwrap();
    let mut rounds: Vec<(Duration, Duration)> = (0..ROUNDS)
        .map(|_| {
            let raw = timed(&clock, || {
                black_box(key.sign(black_box(&message)).unwrap());
                assert!(verifies(&key, &message, &signature));
            });
            let issued = timed(&clock, || {
                black_box(ca.issue(&request, &IssuancePolicy::default(), now(&clock)).unwrap());
            });
            (raw, issued)
        })
        .collect();
    rounds.sort_by_key(|(raw, issued)| issued.saturating_sub(*raw));
    let (raw, issued) = rounds[ROUNDS / 2];
    println!(
        "issued without a disk: {:.1} µs, of which signing and verifying {:.1} µs: {:.1} µs more",
        micros(issued),
        micros(raw),
        micros(issued.saturating_sub(raw))
    );
    drop(directory);
    for threads in [1, 8, 64] {
        let directory = tempfile::tempdir().unwrap();
        let ca = authority(&clock, directory.path());
        let (next, start) = (AtomicUsize::new(0), clock.tick());
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    while next.fetch_add(1, Ordering::Relaxed) < threads * EACH {
                        ca.issue(&request, &IssuancePolicy::default(), now(&clock)).unwrap();
                    }
                });
            }
        });
        let took = clock.tick().since(start).as_secs_f64();
        println!("durable, {threads} at once: {:.0} certificates a second", (threads * EACH) as f64 / took);
    }
}

fn authority(clock: &SystemClock, directory: &Path) -> CertificateAuthority {
    let params = AuthorityParams::new("Bench");
    CertificateAuthority::create(Arc::new(LocalDisk), directory, &params, now(clock)).unwrap()
}

fn request() -> CertificateRequest {
    let key = SigningKey::generate(KeyType::EcdsaP256).unwrap();
    let names = ["DNS:a.example.org", "URI:spiffe://example.org/a"].map(|name| name.parse().unwrap());
    CertificateRequest::generate(&key, &names).unwrap()
}

/// The verification that every certificate gets before it leaves, without anything around it.
fn verifies(key: &SigningKey, message: &[u8], signature: &[u8]) -> bool {
    use webpki::RawPublicKeyEntity;
    let mut info = vec![0x30, 0x59, 0x30, 0x13];
    let algorithm: AlgorithmIdentifier = alg_id::ECDSA_P256;
    info.extend_from_slice(algorithm.as_ref());
    info.extend_from_slice(&[0x03, 0x42, 0x00]);
    info.extend_from_slice(key.public_key());
    let info = SubjectPublicKeyInfoDer::from(info.as_slice());
    RawPublicKeyEntity::try_from(&info)
        .and_then(|raw| raw.verify_signature(webpki::ring::ECDSA_P256_SHA256, message, signature))
        .is_ok()
}

fn timed(clock: &SystemClock, work: impl Fn()) -> Duration {
    let start = clock.tick();
    for _ in 0..TIMES {
        work();
    }
    clock.tick().since(start) / TIMES
}

fn now(clock: &SystemClock) -> UnixTime {
    clock.unix()
}

fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}

const ROUNDS: usize = 101;
const TIMES: u32 = 20;
/// Certificates for each thread.
const EACH: usize = 100;
