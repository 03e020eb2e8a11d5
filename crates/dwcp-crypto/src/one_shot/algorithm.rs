//! The algorithms for data at rest, their sizes and how much one key of each may seal.

use super::TAG_LEN;

/// An AEAD algorithm whose nonces are drawn at random, message by message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DataAlgorithm {
    /// AES-256-GCM (SP 800-38D), the default.
    #[default]
    Aes256Gcm,
    /// AES-128-GCM (SP 800-38D).
    Aes128Gcm,
    /// ChaCha20-Poly1305 (RFC 8439).
    ChaCha20Poly1305,
    /// XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha), whose 192-bit nonces do not meet by chance. The only one for more than 2^32
    /// messages under one key; about ten times slower than the others on small messages.
    XChaCha20Poly1305,
}

impl DataAlgorithm {
    /// Bytes of a key: 16 or 32.
    pub fn key_len(self) -> usize {
        match self {
            Self::Aes128Gcm => 16,
            Self::Aes256Gcm | Self::ChaCha20Poly1305 | Self::XChaCha20Poly1305 => 32,
        }
    }

    /// Bytes of a nonce: 12 or 24.
    pub fn nonce_len(self) -> usize {
        match self {
            Self::Aes256Gcm | Self::Aes128Gcm | Self::ChaCha20Poly1305 => 12,
            Self::XChaCha20Poly1305 => 24,
        }
    }

    /// By how many bytes a sealed message is longer: nonce and tag, 28 or 40.
    pub fn overhead(self) -> usize {
        self.nonce_len() + TAG_LEN
    }

    /// How many messages one key seals: 2^32 where the nonce has 96 bits, since random ones meet with a chance of 2^-33 by then
    /// (SP 800-38D §8.3); 2^64 - 1 for XChaCha20-Poly1305.
    pub fn message_limit(self) -> u64 {
        match self {
            Self::Aes256Gcm | Self::Aes128Gcm | Self::ChaCha20Poly1305 => 1 << 32,
            Self::XChaCha20Poly1305 => u64::MAX,
        }
    }

    /// How many bytes one message may have: 64 GiB less 32 bytes for AES-GCM (SP 800-38D §5.2.1.1), 256 GiB less 128 bytes for the
    /// others, whose block counters have 32 bits.
    pub fn max_message_len(self) -> u64 {
        match self {
            Self::Aes256Gcm | Self::Aes128Gcm => (1 << 36) - 32,
            Self::ChaCha20Poly1305 | Self::XChaCha20Poly1305 => (1 << 38) - 128,
        }
    }

    /// The name in stored texts: `aes-256-gcm`, `aes-128-gcm`, `chacha20-poly1305` or `xchacha20-poly1305`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Aes256Gcm => "aes-256-gcm",
            Self::Aes128Gcm => "aes-128-gcm",
            Self::ChaCha20Poly1305 => "chacha20-poly1305",
            Self::XChaCha20Poly1305 => "xchacha20-poly1305",
        }
    }

    /// The algorithm of this [`name`](Self::name), if it is one.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }

    /// All of them, the default first.
    pub const ALL: [Self; 4] =
        [Self::Aes256Gcm, Self::Aes128Gcm, Self::ChaCha20Poly1305, Self::XChaCha20Poly1305];
}
