//! Searches the memory of this process for what should have been wiped.

use dwcp_crypto::Secret;
use std::fs::{self, File};
use std::hint::black_box;
use std::io::BufRead;
use std::os::unix::fs::FileExt;

/// Bytes to search for, kept inverted so that the pattern does not find itself.
pub(crate) struct Pattern(Vec<u8>);

impl Pattern {
    /// What is to be searched for, at least 16 bytes.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        assert!(bytes.len() >= 16, "a shorter one is found by chance");
        Self(bytes.iter().map(|byte| !byte).collect())
    }

    /// How often it lies in memory that this process may write.
    pub(crate) fn sightings(&self) -> usize {
        let memory = File::open("/proc/self/mem").unwrap();
        let mut buffer = vec![0; CHUNK];
        let mut found = 0;
        for line in fs::read_to_string("/proc/self/maps").unwrap().lines() {
            let (range, rest) = line.split_once(' ').unwrap();
            let (start, end) = range.split_once('-').unwrap();
            let (start, end) =
                (u64::from_str_radix(start, 16).unwrap(), u64::from_str_radix(end, 16).unwrap());
            if !rest.starts_with("rw") {
                continue;
            }
            // Chunks overlap by a pattern, so that none hides on a border.
            for at in (start..end).step_by(CHUNK - self.0.len()) {
                buffer.fill(0);
                let length = usize::try_from(end - at).unwrap().min(CHUNK);
                if memory.read_exact_at(&mut buffer[..length], at).is_ok() {
                    found += self.count(&buffer[..length]);
                }
            }
        }
        buffer.fill(0);
        black_box(&mut buffer);
        found
    }

    fn count(&self, bytes: &[u8]) -> usize {
        let (mut rest, mut found) = (bytes, 0);
        // The standard library's search for a byte is a fast one, also where this test is not optimized.
        while rest.skip_until(!self.0[0]).unwrap() > 0 {
            found += usize::from(self.is_at(&bytes[bytes.len() - rest.len() - 1..]));
        }
        found
    }

    fn is_at(&self, bytes: &[u8]) -> bool {
        bytes.len() >= self.0.len() && self.0.iter().zip(bytes).all(|(inverted, byte)| !inverted == *byte)
    }
}

/// `length` letters that nobody else has in memory, written straight into what is wiped.
pub(crate) fn letters(seed: u32, length: usize) -> Secret {
    Secret::build(length, |out| {
        let mut state = black_box(seed);
        for byte in out {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *byte = b'a' + u8::try_from((state >> 16) % 26).unwrap();
        }
        Ok::<(), ()>(())
    })
    .unwrap()
}

/// Found while `value` lives, and nowhere afterwards.
pub(crate) fn assert_wiped<T>(what: &str, value: T, patterns: &[Pattern]) {
    for (number, pattern) in patterns.iter().enumerate() {
        assert!(pattern.sightings() > 0, "{what}: pattern {number} is not there in the first place");
    }
    drop(value);
    assert_gone(what, patterns);
}

/// Found nowhere.
pub(crate) fn assert_gone(what: &str, patterns: &[Pattern]) {
    for (number, pattern) in patterns.iter().enumerate() {
        assert_eq!(pattern.sightings(), 0, "{what}: pattern {number} is left behind");
    }
}

const CHUNK: usize = 1 << 20;
