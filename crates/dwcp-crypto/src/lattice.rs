//! ML-KEM-768 (FIPS 203): the half of the hybrid group that a quantum computer does not break.

use crate::{CryptoError, random};
use ml_kem::ml_kem_768::{DecapsulationKey, EncapsulationKey};
use ml_kem::{Decapsulate, KeyExport, Seed};
use zeroize::{Zeroize, Zeroizing};

#[cfg(test)]
mod known_answers;

/// Bytes of an encapsulation key, of a ciphertext and of a shared secret (FIPS 203 §8, table 3).
pub(crate) const ENCAPSULATION_KEY: usize = 1184;
pub(crate) const CIPHERTEXT: usize = 1088;
pub(crate) const SHARED: usize = 32;

/// The private half; wiped on drop.
pub(crate) struct Decapsulator(DecapsulationKey);

impl Decapsulator {
    pub(crate) fn generate() -> Result<Self, CryptoError> {
        let mut seed = Zeroizing::new([0; 64]);
        random::fill(seed.as_mut())?;
        Ok(Self::from_seed(&seed))
    }

    fn from_seed(bytes: &[u8; 64]) -> Self {
        let mut seed = Seed::from(*bytes);
        let key = DecapsulationKey::from_seed(seed);
        seed.as_mut_slice().zeroize();
        Self(key)
    }

    pub(crate) fn encapsulation_key(&self) -> [u8; ENCAPSULATION_KEY] {
        self.0.encapsulation_key().to_bytes().into()
    }

    /// Writes the shared secret. A ciphertext that was tampered with gives a secret that nobody else has (implicit
    /// rejection), so only a wrong length is an error.
    pub(crate) fn decapsulate(&self, ciphertext: &[u8], out: &mut [u8]) -> Result<(), CryptoError> {
        let ciphertext = ciphertext.try_into().map_err(|_| CryptoError::InvalidShare)?;
        let mut shared = self.0.decapsulate(ciphertext);
        out.copy_from_slice(&shared);
        shared.as_mut_slice().zeroize();
        Ok(())
    }
}

/// Encapsulates to the holder of `key`: returns the ciphertext and writes the shared secret.
pub(crate) fn encapsulate(key: &[u8], out: &mut [u8]) -> Result<[u8; CIPHERTEXT], CryptoError> {
    let mut message = Zeroizing::new([0; 32]);
    random::fill(message.as_mut())?;
    encapsulate_message(key, &message, out)
}

fn encapsulate_message(
    key: &[u8],
    message: &[u8; 32],
    out: &mut [u8],
) -> Result<[u8; CIPHERTEXT], CryptoError> {
    let key = key.try_into().map_err(|_| CryptoError::InvalidShare)?;
    // FIPS 203 §7.2: coefficients that are not reduced modulo q make the key invalid.
    let key = EncapsulationKey::new(key).map_err(|_| CryptoError::InvalidShare)?;
    let mut message = ml_kem::B32::from(*message);
    let (ciphertext, mut shared) = key.encapsulate_deterministic(&message);
    message.as_mut_slice().zeroize();
    out.copy_from_slice(&shared);
    shared.as_mut_slice().zeroize();
    Ok(ciphertext.into())
}
