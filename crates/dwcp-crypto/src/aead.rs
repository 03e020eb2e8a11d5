//! From an algorithm to keys: pairs of them, one for each direction.

use crate::hkdf::Prk;
use crate::{Algorithm, CryptoError, OpeningKey, SealingKey, Secret, random};

/// Makes the keys of one algorithm in pairs, so that what one seals the other opens and nobody seals with both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Aead {
    algorithm: Algorithm,
}

impl Aead {
    /// The factory for `algorithm`.
    pub fn new(algorithm: Algorithm) -> Self {
        Self { algorithm }
    }

    /// A fresh random key as its two halves, for a conversation with oneself: a queue, a spool, a cache in memory.
    ///
    /// # Errors
    /// [`CryptoError::Randomness`] when there is none.
    pub fn pair(&self) -> Result<(SealingKey, OpeningKey), CryptoError> {
        let material = Secret::build(self.algorithm.material_len(), random::fill)?;
        let copy = Secret::build(material.len(), |out| {
            out.copy_from_slice(material.expose());
            Ok(())
        })?;
        Ok((SealingKey::new(self.algorithm, copy)?, OpeningKey::new(self.algorithm, material)?))
    }

    /// One side's two keys of a conversation: what it seals with, and what it opens the other side's messages with.
    ///
    /// Each direction has material of its own, so that a message sent back to its sender does not open. `context` binds
    /// the keys to who talks and about what (both identities and the transcript of the agreement); at most 65 535 bytes.
    ///
    /// # Errors
    /// [`CryptoError::DerivationTooLarge`] when `context` is too long.
    ///
    /// # Security
    /// Call it once per side, `prk` and `context`: the second [`SealingKey`] would repeat the nonces of the first.
    pub fn duplex(
        &self,
        prk: &Prk,
        side: Side,
        context: &[u8],
    ) -> Result<(SealingKey, OpeningKey), CryptoError> {
        let material = |from: Side| prk.secret(from.label(), context, self.algorithm.material_len());
        let sealing = SealingKey::new(self.algorithm, material(side)?)?;
        let opening = OpeningKey::new(self.algorithm, material(side.other())?)?;
        Ok((sealing, opening))
    }

    /// The algorithm of the keys.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

/// Which end of a conversation one is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// The one that spoke first.
    Initiator,
    /// The one that answered.
    Responder,
}

impl Side {
    /// The other end.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Initiator => Self::Responder,
            Self::Responder => Self::Initiator,
        }
    }

    fn label(self) -> &'static [u8] {
        match self {
            Self::Initiator => b"initiator seals",
            Self::Responder => b"responder seals",
        }
    }
}
