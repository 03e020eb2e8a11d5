//! Classic captures, as far as tests of this crate write and read them: little-endian, microseconds, raw IP.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

/// The packets of a capture with link type 101.
pub fn packets(capture: &[u8]) -> Vec<&[u8]> {
    let word = |at: usize| u32::from_le_bytes(capture[at..at + 4].try_into().unwrap());
    assert_eq!((word(0), word(20)), (0xA1B2_C3D4, 101), "a little-endian capture of raw IP");
    let mut found = Vec::new();
    let mut at = 24;
    while at < capture.len() {
        let length = usize::try_from(word(at + 8)).unwrap();
        found.push(&capture[at + 16..at + 16 + length]);
        at += 16 + length;
    }
    found
}
