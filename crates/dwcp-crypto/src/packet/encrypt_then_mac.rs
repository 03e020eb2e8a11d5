//! Packets under AES-256-CBC and then HMAC: separate keys, and the MAC is checked before anything is decrypted.

use super::cipher::{AES_256_KEY, AES_BLOCK};
use super::mac::MacKey;
use super::{PacketParts, SealedParts, cbc};
use crate::hkdf::{Hash, Prk};
use crate::stack::leaving_no_trace;
use crate::{CryptoError, Secret};
use aes::cipher::BlockCipherEncrypt;
use aes::{Aes256Dec, Aes256Enc};

/// The keys of the side that seals.
pub(super) struct MacSealing {
    cipher: Box<Aes256Enc>,
    /// Makes the IVs: SP 800-38A appendix C wants them unpredictable, and a block cipher over a counter neither repeats one nor asks
    /// the system for randomness. Its key is its own, so that who chooses plaintext never meets the cipher that makes IVs.
    iv_cipher: Box<Aes256Enc>,
    mac: MacKey,
    tag_len: usize,
}

impl MacSealing {
    pub(super) fn new(hash: Hash, material: &Secret) -> Result<Self, CryptoError> {
        let (key, mac_key) = split(hash, material)?;
        let iv_key = iv_key(key)?;
        Ok(Self {
            cipher: cbc::schedule(key)?,
            iv_cipher: cbc::schedule(iv_key.expose())?,
            mac: MacKey::new(hash, mac_key),
            tag_len: tag_len(hash),
        })
    }

    /// A call of its own, so that packets under an AEAD algorithm do not pay for its frame.
    #[inline(never)]
    pub(super) fn seal(
        &self,
        number: u64,
        parts: PacketParts<'_>,
        tag: &mut [u8],
    ) -> Result<(), CryptoError> {
        fixed(parts.head, parts.tail)?;
        let iv: &mut [u8; AES_BLOCK] = parts.iv.try_into().map_err(|_| CryptoError::InvalidLayout)?;
        if tag.len() != self.tag_len {
            return Err(CryptoError::InvalidLayout);
        }
        self.seal_under(self.iv(number), PacketParts { iv, ..parts }, tag)
    }

    /// The IV of a number.
    #[inline]
    pub(super) fn iv(&self, number: u64) -> [u8; AES_BLOCK] {
        let mut block = u128::from(number).to_be_bytes();
        self.iv_cipher.encrypt_block((&mut block).into());
        block
    }

    /// Seals under a given IV, which known answers prescribe and nobody else.
    #[inline]
    pub(super) fn seal_under(
        &self,
        iv: [u8; AES_BLOCK],
        parts: PacketParts<'_>,
        tag: &mut [u8],
    ) -> Result<(), CryptoError> {
        cbc::encrypt(&*self.cipher, &iv, parts.body)?;
        parts.iv.copy_from_slice(&iv);
        self.mac.tag([parts.head, &iv, parts.body, parts.tail], tag);
        Ok(())
    }
}

/// The keys of the side that opens.
pub(super) struct MacOpening {
    cipher: Box<Aes256Dec>,
    mac: MacKey,
    tag_len: usize,
}

impl MacOpening {
    pub(super) fn new(hash: Hash, material: &Secret) -> Result<Self, CryptoError> {
        let (key, mac_key) = split(hash, material)?;
        let mac = MacKey::new(hash, mac_key);
        Ok(Self { cipher: cbc::schedule(key)?, mac, tag_len: tag_len(hash) })
    }

    /// A call of its own, as [`MacSealing::seal`].
    #[inline(never)]
    pub(super) fn open(&self, parts: &mut SealedParts<'_>, tag: &[u8]) -> Result<(), CryptoError> {
        fixed(parts.head, parts.tail)?;
        let iv: &[u8; AES_BLOCK] = parts.iv.try_into().map_err(|_| CryptoError::InvalidLayout)?;
        // Lengths are public. No sealer makes others, and a shorter tag would be the easier to guess.
        if tag.len() != self.tag_len || !parts.body.len().is_multiple_of(AES_BLOCK) {
            return Err(CryptoError::NotAuthentic);
        }
        if !self.mac.verifies([parts.head, iv, parts.body, parts.tail], tag) {
            return Err(CryptoError::NotAuthentic);
        }
        cbc::decrypt(&*self.cipher, iv, parts.body)
    }
}

/// The MAC covers the parts one after the other and none of their lengths, so that these must not vary: no byte of one part can pass for
/// one of another. RFC 4303 §2.1, §2.2 and §2.2.1 give them.
#[inline]
fn fixed(head: &[u8], tail: &[u8]) -> Result<(), CryptoError> {
    if head.len() == HEAD && matches!(tail.len(), 0 | TAIL) {
        Ok(())
    } else {
        Err(CryptoError::InvalidLayout)
    }
}

/// Splits key material into the AES key and the HMAC key, which has the length of its hash (RFC 4868 §2.1.1).
fn split(hash: Hash, material: &Secret) -> Result<(&[u8], &[u8]), CryptoError> {
    let parts = material.expose().split_at_checked(AES_256_KEY).ok_or(CryptoError::InvalidKey)?;
    if parts.1.len() == hash.len() { Ok(parts) } else { Err(CryptoError::InvalidKey) }
}

fn iv_key(key: &[u8]) -> Result<Secret, CryptoError> {
    leaving_no_trace(|| {
        Prk::from_uniform(Hash::Sha256, &Secret::concat(&[key])).secret(IV_LABEL, b"", AES_256_KEY)
    })
}

/// RFC 4868 §2.1.1: half of the hash.
fn tag_len(hash: Hash) -> usize {
    hash.len() / 2
}

/// SPI and the low half of the sequence number.
const HEAD: usize = 8;
/// The high half, where there is one.
const TAIL: usize = 4;
const IV_LABEL: &[u8] = b"packet iv";
