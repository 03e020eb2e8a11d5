//! Looking at a ClientHello before the handshake: from the bytes of a segment to its fields, what is weak about them, and JA4.
//!
//! `cargo bench -p dwcp-tls --bench inspection`. Three hellos that others captured: a small one of TLS 1.2, a browser's, and a browser's
//! with a post-quantum key share. Each line is the time for one connection, the best of many rounds and the median; inspection is to add
//! no more than 2 µs to a connection, by the best round, since what others do on the machine only adds to it. It ends with an error
//! when that is missed. The limit is for what a connection needs: all of it, JA4 included.
#![allow(clippy::unwrap_used, reason = "a bench ends where it can not go on")]

#[path = "../tests/hellos/mod.rs"]
mod hellos;

use dwcp_base::{Clock, SystemClock};
use dwcp_tls::ClientHello;
use dwcp_tls::inspect::HelloAssembler;
use hellos::captured;
use std::hint::black_box;
use std::process::ExitCode;

fn main() -> ExitCode {
    let clock = SystemClock::new();
    let mut missed = 0;
    for captured in captured().iter().filter(|captured| TAKEN.contains(&captured.name)) {
        println!("{}, {} B", captured.name, captured.records.len());
        let (message, records) = (captured.message(), &captured.records);
        line(&clock, "fields, borrowed", || {
            black_box(ClientHello::parse(black_box(message)).unwrap());
        });
        let hello = ClientHello::parse(message).unwrap();
        line(&clock, "what is weak", || {
            black_box(black_box(&hello).weaknesses());
        });
        line(&clock, "JA4", || {
            black_box(black_box(&hello).ja4());
        });
        let all = line(&clock, "all of it, from a segment (2 at most)", || {
            let mut assembler = HelloAssembler::new();
            assembler.push(black_box(records)).unwrap();
            let hello = assembler.hello().unwrap();
            black_box((hello.ja4(), hello.weaknesses()));
        });
        missed += u32::from(all > LIMIT);
    }
    if missed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Prints what `work` takes and returns the best, in microseconds.
fn line(clock: &SystemClock, name: &str, work: impl Fn()) -> f64 {
    let mut rounds: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let start = clock.tick();
            for _ in 0..TIMES {
                work();
            }
            clock.tick().since(start).as_secs_f64() * 1e6 / f64::from(TIMES)
        })
        .collect();
    rounds.sort_by(f64::total_cmp);
    println!("  {name:<40} {:>6.2} µs at best, {:>6.2} in the median", rounds[0], rounds[ROUNDS / 2]);
    rounds[0]
}

const TAKEN: [&str; 3] = ["suricata ja4-tls", "suricata ja4-rules", "zeek chrome-1250-tls-x25519-kyber"];

const LIMIT: f64 = 2.0;

const ROUNDS: usize = 100;

const TIMES: u32 = 1_000;
