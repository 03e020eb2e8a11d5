//! Receivers on real threads: whatever they race for, each number is taken once.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use dwcp_packet::{Replay, SharedReplayWindow};
use std::thread;

#[test]
fn each_number_that_all_bring_is_taken_by_exactly_one() {
    const NUMBERS: u64 = 300_000;
    for size in [64, 8192, 65_536] {
        let window = SharedReplayWindow::new(size).unwrap();
        // All in order: whoever is behind is so because another has been there.
        let bring = || (0..NUMBERS).filter(|number| window.accept(*number).is_ok()).collect::<Vec<u64>>();
        let mut taken: Vec<u64> = thread::scope(|scope| {
            let queues = [0; 4].map(|_| scope.spawn(bring));
            queues.into_iter().flat_map(|queue| queue.join().unwrap()).collect()
        });
        taken.sort_unstable();
        assert!(taken.into_iter().eq(0..NUMBERS), "size {size}");
        assert_eq!(window.highest(), Some(NUMBERS - 1));
    }
}

#[test]
fn numbers_spread_over_queues_are_all_taken_while_none_is_a_window_behind() {
    const ROUNDS: u64 = 40;
    const SPAN: u64 = 4096;
    let window = SharedReplayWindow::default();
    // A round is half a window, and all have ended one before the next begins.
    for round in 0..ROUNDS {
        let first = round * SPAN;
        thread::scope(|scope| {
            for queue in 0..4 {
                let window = &window;
                scope.spawn(move || {
                    for number in (first..first + SPAN).filter(|number| number % 4 == queue) {
                        assert_eq!(window.check(number), Ok(()));
                        assert_eq!(window.accept(number), Ok(()));
                        assert_eq!(window.accept(number), Err(Replay::Seen));
                    }
                });
            }
        });
        assert_eq!(window.highest(), Some(first + SPAN - 1));
    }
}
