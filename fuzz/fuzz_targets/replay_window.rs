//! Numbers offered to both replay windows, in any order and with any jumps: each answer is what the set of all taken says.
#![no_main]

use dwcp_packet::{Replay, ReplayWindow, SharedReplayWindow, esn};
use libfuzzer_sys::fuzz_target;
use std::collections::BTreeSet;

/// Two bytes choose the size, then each step is a byte for what kind it is and two for how far.
fn steps(data: &[u8]) -> Option<(u32, impl Iterator<Item = (u8, u64)> + '_)> {
    let (size, rest) = data.split_first_chunk::<2>()?;
    let steps = rest.chunks_exact(3).map(|step| (step[0], u64::from(step[1]) << 8 | u64::from(step[2])));
    Some((u32::from(u16::from_be_bytes(*size)) + ReplayWindow::MIN, steps))
}

/// The number of a step: beside the highest, beside the window's edge, far ahead by a power of two, or beside the last of all.
fn number((kind, far): (u8, u64), highest: u64, size: u64) -> u64 {
    let power = 1u64 << (kind >> 2);
    match kind & 3 {
        0 => highest.saturating_add(far),
        1 => highest.saturating_sub(far),
        2 => highest.saturating_sub(size).saturating_add(far & 7).saturating_sub(4),
        _ if far == 0xffff => u64::MAX,
        _ => highest.saturating_add(power.saturating_mul(far | 1)),
    }
}

fuzz_target!(|data: &[u8]| {
    let Some((size, steps)) = steps(data) else { return };
    let (Ok(mut window), Ok(shared)) = (ReplayWindow::new(size), SharedReplayWindow::new(size)) else {
        assert!(size > ReplayWindow::MAX);
        return;
    };
    let mut taken = BTreeSet::new();
    for step in steps {
        let highest = taken.last().copied();
        let number = number(step, highest.unwrap_or(0), u64::from(size));
        let expected = match highest {
            Some(highest) if number <= highest && highest - number >= u64::from(size) => Err(Replay::TooOld),
            _ if taken.contains(&number) => Err(Replay::Seen),
            _ => Ok(()),
        };
        assert_eq!((window.check(number), shared.check(number)), (expected, expected));
        assert_eq!((window.accept(number), shared.accept(number)), (expected, expected));
        // The high half of a number in the window is known from its low half.
        if expected != Err(Replay::TooOld) && highest.is_none_or(|highest| number <= highest) {
            let low = u32::try_from(number & u64::from(u32::MAX)).unwrap();
            assert!(highest.is_none() || esn::infer(highest, size, low) == Some(number));
        }
        if expected.is_ok() {
            taken.insert(number);
        }
        let highest = taken.last().copied();
        assert_eq!((window.highest(), shared.highest()), (highest, highest));
    }
});
