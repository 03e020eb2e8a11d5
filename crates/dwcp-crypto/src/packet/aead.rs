//! Packets under an AEAD algorithm: salt and counter are the nonce (RFC 4106 §4, RFC 7634 §2).

use super::cipher::COUNTER;
use super::{PacketParts, SealedParts};
use crate::algorithm::NONCE_PREFIX;
use crate::ring_key::RingKey;
use crate::sealing::{nonce, split};
use crate::stack::leaving_no_trace;
use crate::{Algorithm, CryptoError, Secret};
use ring::aead::{Aad, Tag};
use std::hint::black_box;

/// The key and the salt, for either side.
pub(super) struct AeadKeys {
    key: RingKey,
    /// Overwritten at the end. Not boxed, as keys are: a move may leave a copy, which is worth nothing without the key.
    salt: [u8; NONCE_PREFIX],
}

impl AeadKeys {
    pub(super) fn new(algorithm: Algorithm, material: &Secret) -> Result<Self, CryptoError> {
        leaving_no_trace(|| {
            let (key, salt) = split(algorithm, material)?;
            Ok(Self { key, salt })
        })
    }

    /// The salt is a part of the secret; [`RingKey`] sees to the key.
    fn wipe(&mut self) {
        self.salt.fill(0);
        // Nobody reads the zeros, so the compiler might think that nobody needs them to be written.
        black_box(&mut self.salt);
    }

    #[inline]
    pub(super) fn seal(
        &self,
        number: u64,
        parts: PacketParts<'_>,
        tag: &mut [u8],
    ) -> Result<(), CryptoError> {
        let counter: [u8; COUNTER] = number.to_be_bytes();
        if !parts.tail.is_empty() {
            return Err(CryptoError::InvalidLayout);
        }
        if !parts.iv.is_empty() {
            let iv: &mut [u8; COUNTER] = parts.iv.try_into().map_err(|_| CryptoError::InvalidLayout)?;
            *iv = counter;
        }
        let tag: &mut [u8; TAG] = tag.try_into().map_err(|_| CryptoError::InvalidLayout)?;
        let nonce = nonce(self.salt, counter);
        // The tag goes from ring's return slot to its place: moved once more in between, it costs a tenth of a small packet.
        match &self.key.seal_in_place_separate_tag(nonce, Aad::from(parts.head), parts.body) {
            Ok(sealed) => tag.copy_from_slice(sealed.as_ref()),
            Err(_) => return Err(CryptoError::MessageTooLarge),
        }
        Ok(())
    }

    /// The number counts only where no IV travelled.
    #[inline]
    pub(super) fn open(
        &self,
        number: u64,
        parts: &mut SealedParts<'_>,
        tag: &[u8],
    ) -> Result<(), CryptoError> {
        if !parts.tail.is_empty() {
            return Err(CryptoError::InvalidLayout);
        }
        let counter = if parts.iv.is_empty() {
            number.to_be_bytes()
        } else {
            parts.iv.try_into().map_err(|_| CryptoError::InvalidLayout)?
        };
        let tag = Tag::try_from(tag).map_err(|_| CryptoError::NotAuthentic)?;
        self.key
            .open_in_place_separate_tag(
                nonce(self.salt, counter),
                Aad::from(parts.head),
                tag,
                parts.body,
                0..,
            )
            .map_err(|_| CryptoError::NotAuthentic)?;
        Ok(())
    }
}

impl Drop for AeadKeys {
    fn drop(&mut self) {
        self.wipe();
    }
}

/// Bytes of a tag.
const TAG: usize = ring::aead::MAX_TAG_LEN;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_salt_is_wiped_with_the_key() {
        let material = Secret::from(vec![7; Algorithm::Aes256Gcm.material_len()]);
        let mut keys = AeadKeys::new(Algorithm::Aes256Gcm, &material).unwrap();
        assert_eq!(keys.salt, [7; NONCE_PREFIX]);
        keys.wipe();
        assert_eq!(keys.salt, [0; NONCE_PREFIX]);
    }
}
