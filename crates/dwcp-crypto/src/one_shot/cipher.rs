//! The two libraries underneath behind one call each to seal and to open, with keys that are wiped as far as they let us.

use super::{DataAlgorithm, TAG_LEN};
use crate::ring_key::RingKey;
use crate::stack::leaving_no_trace;
use crate::{CryptoError, Secret};
use chacha20poly1305::aead::inout::InOutBuf;
use chacha20poly1305::{AeadInOut, Key, KeyInit, XChaCha20Poly1305, XNonce};
use ring::aead::{AES_128_GCM, AES_256_GCM, Aad, CHACHA20_POLY1305, NONCE_LEN, Nonce, Tag};

/// A key that is ready for use. Boxed: it must not leave copies where it was moved from.
pub(super) enum Cipher {
    Ring(RingKey),
    XChaCha(Box<XChaCha20Poly1305>),
}

impl Cipher {
    pub(super) fn new(algorithm: DataAlgorithm, key: &Secret) -> Result<Self, CryptoError> {
        leaving_no_trace(|| Self::expand(algorithm, key))
    }

    fn expand(algorithm: DataAlgorithm, key: &Secret) -> Result<Self, CryptoError> {
        let ring = match algorithm {
            DataAlgorithm::Aes256Gcm => &AES_256_GCM,
            DataAlgorithm::Aes128Gcm => &AES_128_GCM,
            DataAlgorithm::ChaCha20Poly1305 => &CHACHA20_POLY1305,
            DataAlgorithm::XChaCha20Poly1305 => {
                let key: &Key = key.expose().try_into().map_err(|_| CryptoError::InvalidKey)?;
                return Ok(Self::XChaCha(Box::new(XChaCha20Poly1305::new(key))));
            }
        };
        RingKey::new(ring, key.expose()).map(Self::Ring)
    }

    /// Encrypts `message` where it lies and returns its tag.
    pub(super) fn seal(
        &self,
        nonce: &[u8],
        aad: &[u8],
        message: &mut [u8],
    ) -> Result<[u8; TAG_LEN], CryptoError> {
        // The sizes were checked before: what is left to fail is the length that an algorithm bears.
        match self {
            Self::Ring(key) => {
                let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(too_large)?;
                let tag =
                    key.seal_in_place_separate_tag(nonce, Aad::from(aad), message).map_err(too_large)?;
                tag.as_ref().try_into().map_err(too_large)
            }
            Self::XChaCha(key) => {
                let nonce: &XNonce = nonce.try_into().map_err(too_large)?;
                let tag = key.encrypt_inout_detached(nonce, aad, InOutBuf::from(message));
                tag.map(Into::into).map_err(too_large)
            }
        }
    }

    /// Decrypts `message` where it lies if its tag verifies; else `message` is worthless and must be wiped.
    pub(super) fn open(
        &self,
        nonce: &[u8],
        aad: &[u8],
        message: &mut [u8],
        tag: [u8; TAG_LEN],
    ) -> Result<(), CryptoError> {
        match self {
            Self::Ring(key) => {
                let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(forged)?;
                let opened =
                    key.open_in_place_separate_tag(nonce, Aad::from(aad), Tag::from(tag), message, 0..);
                opened.map(|_| ()).map_err(forged)
            }
            Self::XChaCha(key) => {
                let nonce: &XNonce = nonce.try_into().map_err(forged)?;
                key.decrypt_inout_detached(nonce, aad, InOutBuf::from(message), &tag.into()).map_err(forged)
            }
        }
    }
}

fn too_large<E>(_: E) -> CryptoError {
    CryptoError::MessageTooLarge
}

fn forged<E>(_: E) -> CryptoError {
    CryptoError::NotAuthentic
}

const _: () = assert!(NONCE_LEN == 12 && TAG_LEN == 16, "ring's sizes are those of DataAlgorithm");
