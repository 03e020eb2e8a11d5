//! The sequences of WireGuard's self-test (AT-C3), by both windows.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use dwcp_packet::{Replay, ReplayWindow, SharedReplayWindow};
use serde_json::Value;

const SEQUENCES: &str = include_str!("data/antireplay/wireguard-replay-sequences.json");

fn number(value: &Value) -> u64 {
    value.as_str().unwrap().parse().unwrap()
}

#[test]
fn at_c3_every_sequence_of_wireguard_is_answered_as_it_says() {
    let document: Value = serde_json::from_str(SEQUENCES).unwrap();
    // Where WireGuard's keys end; the layer above the window refuses these, as ESP does at its limit.
    let limit = number(&document["limit"]);
    let (mut sequences, mut numbers) = (0, 0);
    for (size, cases) in document["cases"].as_object().unwrap() {
        // Its window reaches `size` back from the highest: with that, one more.
        let size: u32 = size.parse::<u32>().unwrap() + 1;
        for (name, case) in cases.as_object().unwrap() {
            let mut window = ReplayWindow::new(size).unwrap();
            let shared = SharedReplayWindow::new(size).unwrap();
            for (step, pair) in case.as_array().unwrap().iter().enumerate() {
                let (number, taken) = (number(&pair[0]), pair[1].as_bool().unwrap());
                numbers += 1;
                if number >= limit {
                    assert!(!taken);
                    continue;
                }
                let told = [
                    window.check(number),
                    window.accept(number),
                    shared.check(number),
                    shared.accept(number),
                ];
                assert_eq!(told.map(|told| told.is_ok()), [taken; 4], "{size} {name} {step}: {number}");
                assert_eq!(
                    (window.check(number), shared.check(number)),
                    (window.accept(number), shared.accept(number))
                );
                assert!(window.check(number) == Err(Replay::Seen) || !taken);
                assert_eq!(window.highest(), shared.highest());
            }
            sequences += 1;
        }
    }
    assert_eq!((sequences, numbers), (35, 68_577));
}
