//! The AEAD algorithms and how much one key of each may be used.

use crate::budget::Limits;
use ring::aead;

/// An AEAD algorithm with a 96-bit nonce and a 128-bit tag; shorter tags do not exist here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Algorithm {
    /// AES-256-GCM (SP 800-38D).
    Aes256Gcm,
    /// AES-128-GCM (SP 800-38D).
    Aes128Gcm,
    /// ChaCha20-Poly1305 (RFC 8439).
    ChaCha20Poly1305,
}

impl Algorithm {
    /// Bytes of a key: 16 or 32.
    pub fn key_len(self) -> usize {
        self.ring().key_len()
    }

    /// Bytes of key material that a [`SealingKey`](crate::SealingKey) is made of: the key and then the four secret bytes
    /// that open each of its nonces, as RFC 4106 §8.1 and RFC 7634 §2 draw them.
    pub fn material_len(self) -> usize {
        self.key_len() + NONCE_PREFIX
    }

    /// Bytes of a tag: 16.
    pub fn tag_len(self) -> usize {
        self.ring().tag_len()
    }

    /// How many messages one key seals: 2^24 for AES-GCM, below the 2^24.5 of RFC 9846 §5.5; 2^48 for
    /// ChaCha20-Poly1305, where the numbers of a DTLS epoch run out before the algorithm does.
    pub fn record_limit(self) -> u64 {
        match self {
            Self::Aes256Gcm | Self::Aes128Gcm => 1 << 24,
            Self::ChaCha20Poly1305 => 1 << 48,
        }
    }

    /// How many bytes of messages and associated data one key covers: [`record_limit`](Self::record_limit) full TLS
    /// records of 2^14 bytes, which is what the record limit was computed for.
    pub fn byte_limit(self) -> u64 {
        self.record_limit() << 14
    }

    /// How many forgeries one key refuses before it opens nothing more: 2^36 (RFC 9147 §4.5.3).
    pub fn forgery_limit(self) -> u64 {
        1 << 36
    }

    pub(crate) fn limits(self) -> Limits {
        Limits { records: self.record_limit(), bytes: self.byte_limit() }
    }

    pub(crate) fn ring(self) -> &'static aead::Algorithm {
        match self {
            Self::Aes256Gcm => &aead::AES_256_GCM,
            Self::Aes128Gcm => &aead::AES_128_GCM,
            Self::ChaCha20Poly1305 => &aead::CHACHA20_POLY1305,
        }
    }
}

/// Bytes of a nonce that belong to the key; the other eight count.
pub(crate) const NONCE_PREFIX: usize = 4;
