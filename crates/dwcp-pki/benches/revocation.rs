//! A million revoked serial numbers: what reading them takes, what they take in memory, and what a lookup takes.
//!
//! `cargo bench -p dwcp-pki --bench revocation`. Three lists: without reason codes, with one in every other entry, and with one in each.
//! The limits are 2 s for reading, 1 µs for a lookup and, where there is a reason in every other entry, 56 octets an entry, DER included;
//! beside the DER 6 octets an entry. The serial numbers are random, of 20 octets; so are those that are looked up. It ends with an error when
//! a limit is missed.
#![allow(clippy::unwrap_used, reason = "a bench ends where it can not go on")]

#[path = "../tests/lists/mod.rs"]
mod lists;

use allocation_counter::measure;
use dwcp_base::{Clock, SystemClock, UnixTime};
use dwcp_pki::{Crl, Serial};
use lists::{List, entry};
use rcgen::{CertificateParams, KeyPair};
use std::hint::black_box;
use std::process::ExitCode;
use std::time::Duration;

fn main() -> ExitCode {
    let clock = SystemClock::new();
    let key = KeyPair::generate().unwrap();
    let issuer = CertificateParams::default().self_signed(&key).unwrap();
    let serials: Vec<Serial> = (0..ENTRIES).map(|_| Serial::random().unwrap()).collect();
    let strangers: Vec<Serial> = (0..LOOKUPS).map(|_| Serial::random().unwrap()).collect();
    let mut missed = 0;
    for (name, reasons) in [("no reasons", 0), ("reasons in every other entry", 2), ("reasons in each", 1)] {
        let mut list = List::of(issuer.der(), 1, UnixTime::from_secs(1_800_000_000));
        for (at, serial) in serials.iter().enumerate() {
            let reason = (reasons != 0 && at % reasons == 0).then_some(1);
            list.entries.extend(entry(&content(serial), reason));
        }
        let der = list.sign(&key);
        println!("{name}, {:.1} octets of DER an entry", der.len() as f64 / ENTRIES as f64);
        let mut crl = None;
        let start = clock.tick();
        let heap = measure(|| crl = Some(Crl::from_der(black_box(&der)).unwrap()));
        let took = clock.tick().since(start);
        let crl = crl.unwrap();
        assert_eq!(crl.len(), ENTRIES);
        let each = |octets: f64| octets / ENTRIES as f64;
        let kept = each(heap.bytes_current as f64);
        let beside = each(heap.bytes_current as f64 - der.len() as f64);
        let most = each(heap.bytes_max as f64 - heap.bytes_current as f64);
        missed += line("  read", took.as_secs_f64(), "s", 2.0);
        missed += line("  kept an entry beside the DER", beside, "octets", 6.0);
        if reasons == 2 {
            missed += line("  kept an entry in all", kept, "octets", 56.0);
        }
        missed += line("  more while reading, an entry", most, "octets", 6.0);
        let known = serials.iter().step_by(ENTRIES / LOOKUPS);
        missed += lookups(&clock, "  lookup of one that is listed", &crl, known, LOOKUPS);
        missed += lookups(&clock, "  lookup of one that is not", &crl, strangers.iter(), 0);
    }
    if missed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The time for one of these, none of which is in a cache for having been looked up just before. The best round counts, since what
/// others do on the machine only adds to it; the median is told.
fn lookups<'a>(
    clock: &SystemClock,
    name: &str,
    crl: &Crl,
    serials: impl Iterator<Item = &'a Serial> + Clone,
    listed: usize,
) -> usize {
    let mut rounds: Vec<Duration> = (0..ROUNDS)
        .map(|_| {
            let start = clock.tick();
            let found = serials.clone().filter(|serial| crl.contains(black_box(serial))).count();
            let took = clock.tick().since(start);
            assert_eq!(found, listed);
            took / u32::try_from(LOOKUPS).unwrap()
        })
        .collect();
    rounds.sort();
    let missed = line(name, micros(rounds[0]), "µs", 1.0);
    println!("{:<34} {:>7.2} µs in the median", "", micros(rounds[ROUNDS / 2]));
    missed
}

/// Prints a figure beside its limit; 1 when it is missed.
fn line(name: &str, figure: f64, unit: &str, limit: f64) -> usize {
    let missed = figure > limit;
    println!("{name:<34} {figure:>7.2} {unit} (≤ {limit}){}", if missed { ": MISSED" } else { "" });
    usize::from(missed)
}

/// The content of the INTEGER.
fn content(serial: &Serial) -> Vec<u8> {
    let octets = serial.as_be_bytes();
    let sign = octets.first().filter(|first| **first >= 0x80).map(|_| 0);
    sign.into_iter().chain(octets.iter().copied()).collect()
}

fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}

const ENTRIES: usize = 1_000_000;
const LOOKUPS: usize = 100_000;
const ROUNDS: usize = 11;
