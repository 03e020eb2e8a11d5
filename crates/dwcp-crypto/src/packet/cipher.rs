//! What packets are sealed with, the key material of each, and how much one key of each may be used.

use crate::Algorithm;
use crate::budget::Limits;
use crate::hkdf::Hash;

/// A way to seal packets: an AEAD algorithm, or encrypt-then-MAC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PacketCipher {
    /// AES-256-GCM with a tag of 16 bytes (RFC 4106).
    Aes256Gcm,
    /// AES-128-GCM with a tag of 16 bytes (RFC 4106).
    Aes128Gcm,
    /// ChaCha20-Poly1305 (RFC 7634).
    ChaCha20Poly1305,
    /// AES-256-CBC (RFC 3602), then HMAC-SHA-256-128 over the ciphertext (RFC 4868).
    Aes256CbcHmacSha256,
    /// AES-256-CBC (RFC 3602), then HMAC-SHA-384-192 over the ciphertext (RFC 4868).
    Aes256CbcHmacSha384,
    /// AES-256-CBC (RFC 3602), then HMAC-SHA-512-256 over the ciphertext (RFC 4868).
    Aes256CbcHmacSha512,
}

impl PacketCipher {
    /// Each of them once.
    pub const ALL: [Self; 6] = [
        Self::Aes256Gcm,
        Self::Aes128Gcm,
        Self::ChaCha20Poly1305,
        Self::Aes256CbcHmacSha256,
        Self::Aes256CbcHmacSha384,
        Self::Aes256CbcHmacSha512,
    ];

    /// Bytes of key material: the key and then the salt (RFC 4106 §8.1, RFC 7634 §2), or the AES key and then the HMAC key.
    pub fn material_len(self) -> usize {
        self.key_len() + self.salt_len() + self.auth_key_len()
    }

    /// Bytes of the key that encrypts: 16 or 32.
    pub fn key_len(self) -> usize {
        match self.construction() {
            Construction::Aead(algorithm) => algorithm.key_len(),
            Construction::EncryptThenMac(_) => AES_256_KEY,
        }
    }

    /// Secret bytes that open each nonce of an AEAD algorithm: 4; encrypt-then-MAC has none.
    pub fn salt_len(self) -> usize {
        match self.construction() {
            Construction::Aead(algorithm) => algorithm.material_len() - algorithm.key_len(),
            Construction::EncryptThenMac(_) => 0,
        }
    }

    /// Bytes of the HMAC key: as many as its hash has, 32, 48 or 64 (RFC 4868 §2.1.1); an AEAD algorithm has none.
    pub fn auth_key_len(self) -> usize {
        match self.construction() {
            Construction::Aead(_) => 0,
            Construction::EncryptThenMac(hash) => hash.len(),
        }
    }

    /// Bytes of a tag: 16, or half a hash of HMAC, 16, 24 or 32 (RFC 4868 §2.1.1). Shorter tags do not exist here.
    pub fn tag_len(self) -> usize {
        match self.construction() {
            Construction::Aead(algorithm) => algorithm.tag_len(),
            Construction::EncryptThenMac(hash) => hash.len() / 2,
        }
    }

    /// Bytes of an IV that travels: 8, or 16 for CBC. That of an AEAD algorithm may also stay at home (RFC 8750).
    pub fn iv_len(self) -> usize {
        match self.construction() {
            Construction::Aead(_) => COUNTER,
            Construction::EncryptThenMac(_) => AES_BLOCK,
        }
    }

    /// What the length of a body is a multiple of: 1, or 16 for CBC.
    pub fn block_len(self) -> usize {
        match self.construction() {
            Construction::Aead(_) => 1,
            Construction::EncryptThenMac(_) => AES_BLOCK,
        }
    }

    /// How many packets one key seals: [`Algorithm::record_limit`] of an AEAD algorithm, 2^32 for encrypt-then-MAC.
    pub fn record_limit(self) -> u64 {
        self.limits().records
    }

    /// How many bytes one key covers: [`Algorithm::byte_limit`] of an AEAD algorithm, 2^39 for encrypt-then-MAC.
    ///
    /// CBC tells something once two of its blocks of 128 bits meet. Among the 2^35 blocks of 2^39 bytes some pair does with a chance
    /// below 2^-58, which is the margin that RFC 9846 §5.5 leaves AES-GCM.
    pub fn byte_limit(self) -> u64 {
        self.limits().bytes
    }

    /// How many forgeries one key refuses before it opens nothing more: 2^36 (RFC 9147 §4.5.3), for each of them.
    pub fn forgery_limit(self) -> u64 {
        match self.construction() {
            Construction::Aead(algorithm) => algorithm.forgery_limit(),
            Construction::EncryptThenMac(_) => 1 << 36,
        }
    }

    pub(super) fn limits(self) -> Limits {
        match self.construction() {
            Construction::Aead(algorithm) => algorithm.limits(),
            Construction::EncryptThenMac(_) => Limits { records: 1 << 32, bytes: 1 << 39 },
        }
    }

    pub(super) fn construction(self) -> Construction {
        match self {
            Self::Aes256Gcm => Construction::Aead(Algorithm::Aes256Gcm),
            Self::Aes128Gcm => Construction::Aead(Algorithm::Aes128Gcm),
            Self::ChaCha20Poly1305 => Construction::Aead(Algorithm::ChaCha20Poly1305),
            Self::Aes256CbcHmacSha256 => Construction::EncryptThenMac(Hash::Sha256),
            Self::Aes256CbcHmacSha384 => Construction::EncryptThenMac(Hash::Sha384),
            Self::Aes256CbcHmacSha512 => Construction::EncryptThenMac(Hash::Sha512),
        }
    }
}

/// What a cipher is built of.
pub(super) enum Construction {
    Aead(Algorithm),
    EncryptThenMac(Hash),
}

/// Bytes of the counter half of a nonce.
pub(super) const COUNTER: usize = 8;
/// Bytes of a block of AES, and so of an IV of CBC.
pub(super) const AES_BLOCK: usize = 16;
pub(super) const AES_256_KEY: usize = 32;
