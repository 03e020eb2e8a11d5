//! Keys from passphrases: Argon2id (RFC 9106) and PBKDF2-HMAC-SHA-256 (RFC 8018), with parameters that are stored and bounded.
//!
//! [`KdfParams`] are strong enough for new data by construction. [`Kdf`] is what is stored beside the data: parameters, weak
//! ones of old data included, and salt. One derivation runs at a time in a process; the others wait for their turn.

mod calibrate;
mod derive;
mod params;
mod phc;

pub use calibrate::{calibrate, measure};
pub use params::KdfParams;

use crate::{CryptoError, Passphrase, Secret, random};
use params::Cost;

/// A derivation as it is stored beside what it protects: its cost and its salt, and nothing secret.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Kdf {
    cost: Cost,
    salt: Vec<u8>,
}

impl Kdf {
    /// `params` with a fresh salt of [`SALT_LEN`](Self::SALT_LEN) bytes from the operating system: for a new key, never to
    /// derive one again.
    ///
    /// # Errors
    /// [`CryptoError::Randomness`] when there is none.
    pub fn fresh(params: KdfParams) -> Result<Self, CryptoError> {
        Self::salted_by(params, random::fill)
    }

    /// Reads a parameter string in the PHC form, as [`phc`](Self::phc) writes it and in no other spelling:
    /// `$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHRzYWx0c2FsdA` or `$pbkdf2-sha256$i=1000000$c2FsdHNhbHRzYWx0c2FsdA`.
    ///
    /// Parameters below the floor for new data are read, so that old data opens; see [`is_current`](Self::is_current).
    ///
    /// # Errors
    /// [`CryptoError::ExcessiveParameters`] for more than 2 GiB of memory, 10 passes, 16 lanes or 10 000 000 iterations;
    /// [`CryptoError::InvalidParameters`] for everything else that is not such a string: other algorithms (Argon2i and
    /// Argon2d among them) and versions, numbers that are not canonical, other orders, a salt that is not 8 to 64 bytes of
    /// unpadded base64, a hash behind the salt, more than 256 bytes of text.
    ///
    /// # Security
    /// The text may be an attacker's: it is judged before any memory is taken for what it asks.
    pub fn from_phc(text: &str) -> Result<Self, CryptoError> {
        let (cost, salt) = phc::read(text)?;
        Ok(Self { cost, salt })
    }

    /// The parameter string, to be stored beside the data; [`from_phc`](Self::from_phc) reads it.
    pub fn phc(&self) -> String {
        phc::write(self.cost, &self.salt)
    }

    /// Whether a key derived with these parameters may seal new data: at or above the floors of [`KdfParams`], with at
    /// least 16 bytes of salt. A key that was derived more cheaply only opens what is there.
    pub fn is_current(&self) -> bool {
        self.cost.is_strong() && self.salt.len() >= Self::SALT_LEN
    }

    /// What it costs, if that protects new data.
    pub fn params(&self) -> Option<KdfParams> {
        self.is_current().then(|| KdfParams::strong(self.cost)).flatten()
    }

    /// Derives `length` bytes, 16 to 64, from `passphrase`. The same of all three gives the same bytes.
    ///
    /// It blocks for as long as it computes (a fraction of a second by default, more than a minute at the ceilings) and before
    /// that for as long as other threads of the process derive: keep it off event loops. Argon2's lanes are computed one after
    /// the other.
    ///
    /// # Errors
    /// [`CryptoError::InvalidKey`] for another `length`, [`CryptoError::OutOfMemory`] when the memory that the parameters
    /// ask for is not there.
    ///
    /// # Security
    /// Argon2's memory is wiped before it is given back, also on failure.
    pub fn derive(&self, passphrase: &Passphrase, length: usize) -> Result<Secret, CryptoError> {
        derive::Turn::wait().derive(self.cost, &self.salt, passphrase.expose(), length)
    }

    /// Bytes of a fresh salt: 16 (RFC 9106 §3.1).
    pub const SALT_LEN: usize = 16;

    fn salted_by(
        params: KdfParams,
        fill: impl FnOnce(&mut [u8]) -> Result<(), CryptoError>,
    ) -> Result<Self, CryptoError> {
        let mut salt = vec![0; Self::SALT_LEN];
        fill(&mut salt)?;
        Ok(Self { cost: params.cost(), salt })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_e6_failing_randomness_gives_no_salt_instead_of_a_weak_one() {
        let failed = Kdf::salted_by(KdfParams::default(), |_| Err(CryptoError::Randomness));
        assert_eq!(failed, Err(CryptoError::Randomness));
    }

    #[test]
    fn no_two_derivations_have_one_salt() {
        let (a, b) = (Kdf::fresh(KdfParams::default()).unwrap(), Kdf::fresh(KdfParams::default()).unwrap());
        assert_ne!(a.salt, b.salt);
        assert_eq!(a.salt.len(), 16);
        assert!(a.is_current());
    }

    #[test]
    fn a_short_salt_is_not_current() {
        let kdf = Kdf { cost: KdfParams::default().cost(), salt: vec![1; 15] };
        assert!(!kdf.is_current());
    }
}
