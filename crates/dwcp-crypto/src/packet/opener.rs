//! The key that opens packets: plaintext only after the tag, and an end to guessing.

use super::aead::AeadKeys;
use super::cipher::Construction;
use super::encrypt_then_mac::MacOpening;
use super::{PacketCipher, SealedParts};
use crate::forgeries::Forgeries;
use crate::{CryptoError, Secret};
use std::fmt;

/// A key that opens what a [`PacketSealer`](super::PacketSealer) of the same material sealed.
///
/// It takes packets in any order and from several threads. It keeps no window: whether a number was seen before is for the caller to
/// judge, and to remember after the packet has opened, never before.
#[must_use]
pub struct PacketOpener {
    keys: Keys,
    forgeries: Forgeries,
    cipher: PacketCipher,
}

enum Keys {
    Aead(AeadKeys),
    EncryptThenMac(MacOpening),
}

impl PacketOpener {
    /// A key of exactly [`PacketCipher::material_len`] bytes, which are wiped.
    ///
    /// # Errors
    /// [`CryptoError::InvalidKey`] for another length.
    pub fn new(cipher: PacketCipher, material: Secret) -> Result<Self, CryptoError> {
        Self::with_limit(cipher, material, cipher.forgery_limit())
    }

    /// A key that gives up earlier, so that a test can see its end.
    pub(super) fn with_limit(
        cipher: PacketCipher,
        material: Secret,
        forgery_limit: u64,
    ) -> Result<Self, CryptoError> {
        let keys = match cipher.construction() {
            Construction::Aead(algorithm) => Keys::Aead(AeadKeys::new(algorithm, &material)?),
            Construction::EncryptThenMac(hash) => Keys::EncryptThenMac(MacOpening::new(hash, &material)?),
        };
        Ok(Self { keys, forgeries: Forgeries::new(forgery_limit), cipher })
    }

    /// Opens a packet in place: `body` becomes plaintext. Allocates nothing and makes no system call.
    ///
    /// `number` is the counter half of the nonce where an AEAD algorithm has an implicit IV (`iv` is empty); where an IV travels, it is
    /// that half itself, and `number` is not looked at: what a packet's number is comes from `head` and `tail`, which the tag covers.
    ///
    /// # Errors
    /// [`CryptoError::NotAuthentic`] when anything is not as it was sealed, the lengths of `body` and tag included, and
    /// [`CryptoError::TooManyForgeries`] once [`PacketCipher::forgery_limit`] of these were refused. [`CryptoError::InvalidLayout`] when
    /// `head`, `iv` or `tail` has a length that the cipher does not have: that is not counted as a forgery.
    ///
    /// # Security
    /// After an error `body` holds zeros alone: neither plaintext nor ciphertext is left for a caller who does not look.
    #[inline]
    pub fn open(&self, number: u64, mut parts: SealedParts<'_>, tag: &[u8]) -> Result<(), CryptoError> {
        match self.try_open(number, &mut parts, tag) {
            Ok(()) => Ok(()),
            Err(error) => Err(self.refuse(error, parts.body)),
        }
    }

    /// How many packets were refused so far.
    pub fn forgeries(&self) -> u64 {
        self.forgeries.count()
    }

    /// The cipher of the key.
    pub fn cipher(&self) -> PacketCipher {
        self.cipher
    }

    #[inline]
    fn try_open(&self, number: u64, parts: &mut SealedParts<'_>, tag: &[u8]) -> Result<(), CryptoError> {
        self.forgeries.admit()?;
        match &self.keys {
            Keys::Aead(keys) => keys.open(number, parts, tag),
            Keys::EncryptThenMac(keys) => keys.open(parts, tag),
        }
    }

    #[cold]
    fn refuse(&self, error: CryptoError, body: &mut [u8]) -> CryptoError {
        // Not a wipe of memory that goes: the caller may read it, so that the zeros have to be written.
        body.fill(0);
        match error {
            CryptoError::NotAuthentic => self.forgeries.refuse(&self.cipher),
            other => other,
        }
    }
}

impl fmt::Debug for PacketOpener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PacketOpener({:?}, {} forgeries)", self.cipher, self.forgeries())
    }
}
