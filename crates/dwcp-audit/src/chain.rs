//! The hash that ties each entry to all before it.

use sha2::{Digest, Sha256};
use std::fmt;
use std::str::FromStr;

/// A SHA-256 value of the chain; shown as 64 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Hash([u8; 32]);

impl Hash {
    /// What the first entry of a log names as the hash before it.
    pub const ZERO: Self = Self([0; 32]);

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Of entry `sequence` whose line up to (not including) its `hash` member is `body`.
    ///
    /// Every part is preceded by its length, so no two inputs run into each other, and the label keeps an entry's
    /// hash from standing in for a checkpoint's; what is hashed ends in the body's own bytes, whose length came
    /// before them, so extending a hash gives no hash of a longer entry.
    pub(crate) fn of_entry(sequence: u64, previous: &Self, body: &[u8]) -> Self {
        labelled(b"dwcp-audit entry v1", &[&sequence.to_be_bytes(), &previous.0, body])
    }

    /// Of a checkpoint whose line up to its `check` member is `body`.
    pub(crate) fn of_checkpoint(body: &[u8]) -> Self {
        labelled(b"dwcp-audit checkpoint v1", &[body])
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hash({self})")
    }
}

impl FromStr for Hash {
    type Err = crate::UnknownName;

    /// Reads exactly 64 lower-case hex digits.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digit = |b: u8| match b {
            b'0'..=b'9' => Some(b - b'0'),
            b'a'..=b'f' => Some(b - b'a' + 10),
            _ => None,
        };
        let mut bytes = [0; 32];
        if text.len() != 64 {
            return Err(crate::UnknownName::of("hash"));
        }
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            match (digit(pair[0]), digit(pair[1])) {
                (Some(high), Some(low)) => *byte = high << 4 | low,
                _ => return Err(crate::UnknownName::of("hash")),
            }
        }
        Ok(Self(bytes))
    }
}

/// Where the chain stands: the last entry and what the next one must name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tip {
    pub(crate) sequence: u64,
    pub(crate) hash: Hash,
}

impl Tip {
    /// Before the first entry.
    pub(crate) const START: Self = Self { sequence: 0, hash: Hash::ZERO };
}

fn labelled(label: &[u8], parts: &[&[u8]]) -> Hash {
    let mut state = Sha256::new();
    for part in std::iter::once(&label).chain(parts) {
        state.update((part.len() as u64).to_be_bytes());
        state.update(part);
    }
    Hash(state.finalize().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_a5_sequence_previous_body_and_label_each_change_the_hash() {
        let base = Hash::of_entry(1, &Hash::ZERO, b"body");
        assert_ne!(base, Hash::of_entry(2, &Hash::ZERO, b"body"));
        assert_ne!(base, Hash::of_entry(1, &base, b"body"));
        assert_ne!(base, Hash::of_entry(1, &Hash::ZERO, b"body2"));
        assert_ne!(labelled(b"a", &[b"bc"]), labelled(b"ab", &[b"c"]));
        assert_ne!(Hash::of_checkpoint(b"x"), labelled(b"dwcp-audit entry v1", &[b"x"]));
    }

    #[test]
    fn only_canonical_hex_is_read() {
        let hash = Hash::of_checkpoint(b"x");
        assert_eq!(hash.to_string().parse(), Ok(hash));
        assert!(hash.to_string().to_uppercase().parse::<Hash>().is_err());
        assert!("00".parse::<Hash>().is_err());
    }
}
