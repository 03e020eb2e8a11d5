//! Bytes that bind things together: each with its length, so that no two lists of things give the same bytes.

/// What is authenticated beside a ciphertext, or derived from.
#[derive(Default)]
pub(crate) struct Binding(Vec<u8>);

impl Binding {
    /// Adds a thing: its length in four bytes, the highest first, then itself.
    pub(crate) fn field(&mut self, bytes: &[u8]) -> &mut Self {
        // Whatever is bound was bounded before, far below 4 GiB.
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        self.0.extend_from_slice(&length.to_be_bytes());
        self.0.extend_from_slice(bytes);
        self
    }

    /// Adds a number in four bytes, the highest first.
    pub(crate) fn number(&mut self, number: u32) -> &mut Self {
        self.0.extend_from_slice(&number.to_be_bytes());
        self
    }

    /// Adds how many things follow.
    pub(crate) fn count(&mut self, count: usize) -> &mut Self {
        self.number(u32::try_from(count).unwrap_or(u32::MAX))
    }

    /// Adds a number in eight bytes, the highest first.
    pub(crate) fn long(&mut self, number: u64) -> &mut Self {
        self.0.extend_from_slice(&number.to_be_bytes());
        self
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn borders_between_things_leave_their_trace() {
        let bind = |things: &[&[u8]]| {
            let mut binding = Binding::default();
            for thing in things {
                binding.field(thing);
            }
            binding.bytes().to_vec()
        };
        assert_eq!(bind(&[b"ab", b"c"]), b"\0\0\0\x02ab\0\0\0\x01c");
        assert_ne!(bind(&[b"ab", b"c"]), bind(&[b"a", b"bc"]));
        assert_ne!(bind(&[b"ab"]), bind(&[b"ab", b""]));
        let mut binding = Binding::default();
        assert_eq!(binding.number(7).count(1).long(2).bytes(), b"\0\0\0\x07\0\0\0\x01\0\0\0\0\0\0\0\x02");
    }
}
