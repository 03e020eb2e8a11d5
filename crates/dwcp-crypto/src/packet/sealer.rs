//! The key that seals packets: it numbers them and stops before its limits.

use super::aead::AeadKeys;
use super::cipher::Construction;
use super::encrypt_then_mac::MacSealing;
use super::turn::SealerId;
use super::{PacketCipher, PacketParts, Turn};
use crate::budget::{Budget, Limits};
use crate::{CryptoError, Secret};
use std::fmt;

/// A key that seals packets under numbers which it counts itself, from 1.
///
/// First a [`turn`](Self::turn) is taken, which spends a number; then a packet is [sealed](Self::seal) with it. In between the number can
/// be written into the packet. Turns are given one at a time, and packets are sealed by as many threads as there are.
///
/// # Security
/// Key material belongs to **one** sealer in its life. Two that are made of the same material (by two senders, after a crash, from the
/// snapshot of a machine) repeat nonces, which for AES-GCM gives away both packets and the power to forge. Never store the material to
/// go on later: derive it anew. For the same reason the type is not `Clone`. A process that forks has a sealer on both sides, with one
/// count: one of them must seal nothing more under it.
#[must_use]
pub struct PacketSealer {
    keys: Keys,
    budget: Budget,
    id: SealerId,
    cipher: PacketCipher,
}

enum Keys {
    Aead(AeadKeys),
    EncryptThenMac(MacSealing),
}

impl PacketSealer {
    /// A key of exactly [`PacketCipher::material_len`] bytes of fresh material, which is wiped.
    ///
    /// # Errors
    /// [`CryptoError::InvalidKey`] for another length.
    pub fn new(cipher: PacketCipher, material: Secret) -> Result<Self, CryptoError> {
        Self::with_limits(cipher, material, 1, cipher.limits())
    }

    /// A key that starts elsewhere or stops earlier, so that tests see its end and known answers can be met.
    pub(super) fn with_limits(
        cipher: PacketCipher,
        material: Secret,
        first: u64,
        limits: Limits,
    ) -> Result<Self, CryptoError> {
        let keys = match cipher.construction() {
            Construction::Aead(algorithm) => Keys::Aead(AeadKeys::new(algorithm, &material)?),
            Construction::EncryptThenMac(hash) => Keys::EncryptThenMac(MacSealing::new(hash, &material)?),
        };
        // The budget counts from zero, packets from one.
        let budget = Budget::new(first.saturating_sub(1), limits);
        Ok(Self { keys, budget, id: SealerId::fresh(), cipher })
    }

    /// Spends the next number for a packet of at most `bytes` bytes of head, body and tail.
    ///
    /// # Errors
    /// [`CryptoError::KeyExhausted`] when one more packet, or this many more bytes, would pass [`PacketCipher::record_limit`] or
    /// [`PacketCipher::byte_limit`]. A later, shorter packet does not revive an exhausted key.
    #[inline]
    pub fn turn(&mut self, bytes: usize) -> Result<Turn, CryptoError> {
        let number = self.budget.spend(bytes)? + 1;
        Ok(Turn::new(number, bytes, self.id))
    }

    /// Seals a packet in place: `body` becomes ciphertext, `iv` and `tag` are written. Allocates nothing and makes no system call.
    ///
    /// For an AEAD algorithm `head` is the associated data, the nonce is the salt and the turn's number in network order, and `iv` gets
    /// that number. For encrypt-then-MAC `iv` gets a block that only the key's owner could have foretold, and the MAC covers `head`,
    /// `iv`, the encrypted `body` and `tail`.
    ///
    /// # Errors
    /// [`CryptoError::ForeignTurn`] for the turn of another sealer, [`CryptoError::InvalidLayout`] when a part or the tag has a length that
    /// the cipher does not have or the packet is longer than its turn is for, and [`CryptoError::MessageTooLarge`] for more than the
    /// algorithm bears under one nonce. The number is spent all the same, and `body` still holds the plaintext.
    #[inline]
    pub fn seal(&self, turn: Turn, parts: PacketParts<'_>, tag: &mut [u8]) -> Result<(), CryptoError> {
        if turn.sealer() != self.id {
            return Err(CryptoError::ForeignTurn);
        }
        let bytes = parts.head.len().saturating_add(parts.body.len()).saturating_add(parts.tail.len());
        if bytes > turn.bytes() {
            return Err(CryptoError::InvalidLayout);
        }
        match &self.keys {
            Keys::Aead(keys) => keys.seal(turn.number(), parts, tag),
            Keys::EncryptThenMac(keys) => keys.seal(turn.number(), parts, tag),
        }
    }

    /// How many more packets the key seals at most; zero once it is exhausted. A good moment for a new key is well before.
    pub fn remaining(&self) -> u64 {
        self.budget.remaining()
    }

    /// The cipher of the key.
    pub fn cipher(&self) -> PacketCipher {
        self.cipher
    }
}

impl fmt::Debug for PacketSealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PacketSealer({:?}, {} left)", self.cipher, self.remaining())
    }
}
