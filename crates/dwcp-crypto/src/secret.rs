//! Bytes that are wiped when they go and that never show themselves.

use std::fmt;
use zeroize::Zeroizing;

/// Owned secret bytes: wiped on drop, `Debug` shows the length alone.
///
/// It is neither `Clone` nor comparable: a copy is made on purpose through [`expose`](Self::expose), a comparison through
/// [`constant_time_eq`].
///
/// # Security
/// The wipe reaches the vector's whole allocation, not copies that it left behind when it grew before. Build it at its
/// final size.
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// `length` zero bytes handed to `fill`, so that the secret is written straight into the memory that will be wiped.
    ///
    /// # Errors
    /// Whatever `fill` returns; the bytes are wiped then as well.
    pub fn build<E>(length: usize, fill: impl FnOnce(&mut [u8]) -> Result<(), E>) -> Result<Self, E> {
        let mut bytes = Zeroizing::new(vec![0; length]);
        fill(&mut bytes)?;
        Ok(Self(bytes))
    }

    /// A copy of bytes that lie elsewhere, in memory of its own.
    pub(crate) fn copy_of(bytes: &[u8]) -> Self {
        let mut copy = Zeroizing::new(vec![0; bytes.len()]);
        copy.copy_from_slice(bytes);
        Self(copy)
    }

    /// The bytes themselves. Do not copy them into anything that is not wiped.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// How many bytes there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no bytes at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Takes the vector over without a copy.
impl From<Vec<u8>> for Secret {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({} bytes)", self.len())
    }
}

/// Compares in a time that depends on the lengths alone, never on where the first difference is.
///
/// This is the one function of the crate that answers with a `bool`: it is a comparison, not a verdict, and a caller who
/// needs a verdict wraps it in a type of its own. Slices of different lengths are unequal at once.
#[must_use]
pub fn constant_time_eq(a: &[u8], b: &[u8]) -> bool {
    // ring deprecates the export because it rather has callers use its whole checks; it is the comparison under its own
    // tag checks, out of reach of the compiler that could shorten a loop of ours.
    #[allow(deprecated, reason = "the only constant-time comparison that ring exports")]
    ring::constant_time::verify_slices_are_equal(a, b).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_text_holds_no_byte_of_the_secret() {
        let secret = Secret::from(b"open sesame".to_vec());
        assert_eq!(format!("{secret:?}"), "Secret(11 bytes)");
        assert_eq!(secret.expose(), b"open sesame");
        assert_eq!((secret.len(), secret.is_empty()), (11, false));
    }

    #[test]
    fn a_failed_build_passes_its_error_on() {
        let failed = Secret::build(4, |_| Err("no"));
        assert_eq!(failed.map(|_| ()), Err("no"));
        let built = Secret::build(2, |bytes| {
            bytes.copy_from_slice(&[7, 8]);
            Ok::<(), ()>(())
        });
        assert_eq!(built.unwrap().expose(), [7, 8]);
    }

    #[test]
    fn comparison_sees_every_position_and_the_length() {
        let a = [5_u8; 33];
        assert!(constant_time_eq(&a, &a));
        assert!(constant_time_eq(&[], &[]));
        assert!(!constant_time_eq(&a, &a[..32]));
        for at in 0..a.len() {
            let mut b = a;
            b[at] ^= 0x80;
            assert!(!constant_time_eq(&a, &b), "position {at}");
        }
    }
}
