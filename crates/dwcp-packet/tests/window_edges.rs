//! Numbers at every edge there is: of the window, of its words, of 32 and of 64 bits (AT-C3), by both windows.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use dwcp_packet::{Replay, ReplayWindow, SharedReplayWindow};
use std::collections::BTreeSet;

const SIZES: [u32; 8] = [64, 65, 127, 128, 1000, 8192, 65_535, 65_536];

/// Both windows, and the set of what was taken.
struct Three {
    window: ReplayWindow,
    shared: SharedReplayWindow,
    taken: BTreeSet<u64>,
}

impl Three {
    fn new(size: u32) -> Self {
        let (window, shared) = (ReplayWindow::new(size).unwrap(), SharedReplayWindow::new(size).unwrap());
        assert_eq!((window.size(), shared.size()), (size, size));
        Self { window, shared, taken: BTreeSet::new() }
    }

    fn expected(&self, number: u64) -> Result<(), Replay> {
        match self.taken.last() {
            Some(highest) if *highest >= number && highest - number >= u64::from(self.window.size()) => {
                Err(Replay::TooOld)
            }
            _ if self.taken.contains(&number) => Err(Replay::Seen),
            _ => Ok(()),
        }
    }

    /// Offers `number` to both; all have to agree.
    fn accept(&mut self, number: u64) -> Result<(), Replay> {
        let expected = self.expected(number);
        let told = [
            self.window.check(number),
            self.window.accept(number),
            self.shared.check(number),
            self.shared.accept(number),
        ];
        assert_eq!(told, [expected; 4], "size {}, {number}", self.window.size());
        if expected.is_ok() {
            self.taken.insert(number);
        }
        let highest = self.taken.last().copied();
        assert_eq!((self.window.highest(), self.shared.highest()), (highest, highest));
        expected
    }
}

/// The numbers around what is special for a window of that size.
fn edges(size: u32) -> Vec<u64> {
    let size = u64::from(size);
    // Rings are longer than windows; a jump of twice as much leaves everything behind.
    let rings = [size, size + 63, size + 64, 2 * size, 4 * size, 64, 128, 1 << 18];
    let mut edges: BTreeSet<u64> = BTreeSet::new();
    for special in rings.into_iter().chain([0, 1 << 32, 1 << 63]) {
        for near in [special.checked_sub(1), Some(special), Some(special + 1)] {
            edges.extend(near);
        }
    }
    edges.extend([u64::MAX, u64::MAX - 1, u64::MAX - size, u64::MAX - size + 1, u64::MAX - size - 1]);
    edges.into_iter().collect()
}

#[test]
fn at_c3_every_three_edges_in_every_order_and_what_is_around_the_window_then() {
    for size in SIZES {
        let edges = edges(size);
        // Windows of many words take long to make: there two are enough.
        let thirds: &[u64] = if size <= 128 { &edges } else { &edges[..1] };
        for &first in &edges {
            for &second in &edges {
                for &third in thirds {
                    let mut three = Three::new(size);
                    for number in [first, second, third] {
                        let _ = three.accept(number);
                    }
                    let highest = *three.taken.last().unwrap();
                    for behind in [0, 1, size - 2, size - 1, size, size + 1].map(u64::from) {
                        if let Some(number) = highest.checked_sub(behind) {
                            let _ = three.accept(number);
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn the_window_is_as_long_as_it_says_to_the_number() {
    for size in SIZES {
        for highest in [u64::from(size) - 1, u64::from(size), 1 << 32, u64::MAX] {
            let mut three = Three::new(size);
            assert_eq!(three.accept(highest), Ok(()));
            let lowest = highest - (u64::from(size) - 1);
            if let Some(below) = lowest.checked_sub(1) {
                assert_eq!(three.accept(below), Err(Replay::TooOld));
            }
            for number in lowest..highest {
                assert_eq!(three.accept(number), Ok(()));
            }
            for number in lowest..=highest {
                assert_eq!(three.window.accept(number), Err(Replay::Seen));
                assert_eq!(three.shared.accept(number), Err(Replay::Seen));
            }
        }
    }
}

#[test]
fn a_new_window_has_taken_nothing_not_even_0() {
    for size in SIZES {
        let mut three = Three::new(size);
        assert_eq!((three.window.highest(), three.shared.highest()), (None, None));
        assert_eq!(three.accept(0), Ok(()));
        assert_eq!(three.accept(0), Err(Replay::Seen));
        assert_eq!(three.accept(u64::MAX), Ok(()));
        assert_eq!(three.accept(u64::MAX), Err(Replay::Seen));
        assert_eq!(three.accept(0), Err(Replay::TooOld));
    }
}

#[test]
fn sizes_are_bounded_and_defaults_and_descriptions_are_those_of_the_contract() {
    for size in [0, 63, 65_537, u32::MAX] {
        assert_eq!(ReplayWindow::new(size).unwrap_err().size(), size);
        assert_eq!(SharedReplayWindow::new(size).unwrap_err().size(), size);
    }
    let (mut window, shared) = (ReplayWindow::default(), SharedReplayWindow::default());
    assert_eq!((window.size(), shared.size()), (8192, 8192));
    assert_eq!((ReplayWindow::MIN, ReplayWindow::MAX, ReplayWindow::DEFAULT), (64, 65_536, 8192));
    window.accept(7).unwrap();
    shared.accept(9).unwrap();
    assert_eq!(format!("{window:?}"), "ReplayWindow { size: 8192, highest: Some(7), .. }");
    assert_eq!(format!("{shared:?}"), "SharedReplayWindow { size: 8192, highest: Some(9), .. }");
    // A copy goes its own way.
    let mut copy = window.clone();
    copy.accept(8).unwrap();
    assert_eq!((window.highest(), copy.highest()), (Some(7), Some(8)));
}
