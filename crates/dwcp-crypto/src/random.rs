//! Randomness of the operating system, as an operation that can fail instead of one that aborts.

use crate::CryptoError;
use ring::rand::{SecureRandom, SystemRandom};

/// Fills `bytes` with randomness of the operating system.
///
/// # Errors
/// [`CryptoError::Randomness`] when there is none; `bytes` must not be used then.
pub fn fill(bytes: &mut [u8]) -> Result<(), CryptoError> {
    SystemRandom::new().fill(bytes).map_err(|_| CryptoError::Randomness)
}

/// `N` random bytes, for what is not secret: serials, salts, identifiers. For keys see
/// [`Secret::build`](crate::Secret::build) with [`fill`].
///
/// # Errors
/// As [`fill`].
pub fn array<const N: usize>() -> Result<[u8; N], CryptoError> {
    let mut bytes = [0; N];
    fill(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_draws_differ() {
        assert_ne!(array::<32>().unwrap(), array::<32>().unwrap());
        assert_eq!(fill(&mut []), Ok(()));
    }
}
