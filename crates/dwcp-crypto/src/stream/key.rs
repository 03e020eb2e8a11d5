//! Keys that streams are sealed under: input to a derivation, never used on data themselves.

use crate::hkdf::Hash;
use crate::{CryptoError, Secret, random};
use std::fmt;

/// What a stream key is for: the AES key derived for each stream, by which hash, and how long a segment is.
///
/// The default is AES-256 with SHA-256 and segments of 1 MiB. The sizes are of ciphertext, as Tink counts them: the first segment
/// includes the header, each includes its tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StreamParameters {
    derived_key_size: usize,
    hash: Hash,
    segment_size: usize,
}

impl StreamParameters {
    /// AES-256, segments of 4 KiB: Tink's template `AES256_GCM_HKDF_4KB`.
    pub const AES256_4K: Self = Self::sha256(32, 4 << 10);
    /// AES-256, segments of 64 KiB.
    pub const AES256_64K: Self = Self::sha256(32, 64 << 10);
    /// AES-256, segments of 1 MiB: Tink's template `AES256_GCM_HKDF_1MB`.
    pub const AES256_1M: Self = Self::sha256(32, 1 << 20);
    /// AES-128, segments of 4 KiB: Tink's template `AES128_GCM_HKDF_4KB`.
    pub const AES128_4K: Self = Self::sha256(16, 4 << 10);
    /// AES-128, segments of 64 KiB.
    pub const AES128_64K: Self = Self::sha256(16, 64 << 10);
    /// AES-128, segments of 1 MiB: Tink's template `AES128_GCM_HKDF_1MB`.
    pub const AES128_1M: Self = Self::sha256(16, 1 << 20);

    /// Parameters as a keyset may state them: a derived key of 16 or 32 bytes, SHA-256 or SHA-512, segments of 64 bytes to 8 MiB.
    ///
    /// # Errors
    /// [`CryptoError::InvalidKey`] for anything else. Tink allows SHA-1 and larger segments; both are refused here, the
    /// latter because a reader has to hold a whole segment before it may show any of it.
    pub fn new(derived_key_size: usize, hash: Hash, segment_size: usize) -> Result<Self, CryptoError> {
        let fits = matches!(derived_key_size, 16 | 32)
            && matches!(hash, Hash::Sha256 | Hash::Sha512)
            && (SMALLEST_SEGMENT..=LARGEST_SEGMENT).contains(&segment_size);
        if fits { Ok(Self { derived_key_size, hash, segment_size }) } else { Err(CryptoError::InvalidKey) }
    }

    /// Bytes of the AES key derived for each stream: 16 or 32.
    pub fn derived_key_size(self) -> usize {
        self.derived_key_size
    }

    /// The hash of the derivation.
    pub fn hash(self) -> Hash {
        self.hash
    }

    /// Bytes of a full segment of ciphertext, tag included, and in the first one the header as well.
    pub fn segment_size(self) -> usize {
        self.segment_size
    }

    const fn sha256(derived_key_size: usize, segment_size: usize) -> Self {
        Self { derived_key_size, hash: Hash::Sha256, segment_size }
    }
}

impl Default for StreamParameters {
    fn default() -> Self {
        Self::AES256_1M
    }
}

/// A key for many streams: each derives a key of its own from it, from a random salt and from the associated data.
///
/// It is not `Clone` and wiped on drop; `Debug` shows the parameters alone.
pub struct StreamKey {
    parameters: StreamParameters,
    material: Secret,
}

impl StreamKey {
    /// A fresh random key, as long as the keys it derives.
    ///
    /// # Errors
    /// [`CryptoError::Randomness`] when the operating system gives none.
    pub fn generate(parameters: StreamParameters) -> Result<Self, CryptoError> {
        let material = Secret::build(parameters.derived_key_size, random::fill)?;
        Ok(Self { parameters, material })
    }

    /// A key of existing material: uniformly random, at least as long as the keys it derives, at most 64 bytes.
    ///
    /// # Errors
    /// [`CryptoError::InvalidKey`] for another length.
    pub fn from_material(parameters: StreamParameters, material: Secret) -> Result<Self, CryptoError> {
        if (parameters.derived_key_size..=LARGEST_MATERIAL).contains(&material.len()) {
            Ok(Self { parameters, material })
        } else {
            Err(CryptoError::InvalidKey)
        }
    }

    /// The parameters that the key was made with.
    pub fn parameters(&self) -> StreamParameters {
        self.parameters
    }

    pub(crate) fn material(&self) -> &Secret {
        &self.material
    }
}

impl fmt::Debug for StreamKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StreamKey({:?})", self.parameters)
    }
}

/// Room for a header, a tag and at least one byte.
const SMALLEST_SEGMENT: usize = 64;
const LARGEST_SEGMENT: usize = 8 << 20;
const LARGEST_MATERIAL: usize = 64;
