//! HKDF (RFC 5869) with SHA-256, SHA-384 and SHA-512, and labels that can not be confused.

use crate::stack::leaving_no_trace;
use crate::{CryptoError, Secret};
use ring::hkdf;
use std::fmt;
use std::hint::black_box;

/// The hash under the derivation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Hash {
    /// SHA-256: outputs of up to 8160 bytes.
    Sha256,
    /// SHA-384: outputs of up to 12 240 bytes.
    Sha384,
    /// SHA-512: outputs of up to 16 320 bytes.
    Sha512,
}

impl Hash {
    /// Bytes of one hash: 32, 48 or 64.
    #[allow(clippy::len_without_is_empty, reason = "no hash is empty")]
    pub(crate) fn len(self) -> usize {
        self.ring().hmac_algorithm().digest_algorithm().output_len()
    }

    fn ring(self) -> hkdf::Algorithm {
        match self {
            Self::Sha256 => hkdf::HKDF_SHA256,
            Self::Sha384 => hkdf::HKDF_SHA384,
            Self::Sha512 => hkdf::HKDF_SHA512,
        }
    }
}

/// A pseudorandom key: the one thing that keys are expanded from. It is overwritten when it goes, which ring does not do.
pub struct Prk {
    /// Boxed, so that no move leaves a copy behind.
    prk: Box<hkdf::Prk>,
    hash: Hash,
}

impl Prk {
    /// HKDF-Extract (RFC 5869 §2.2). An empty salt stands for a string of zeros, as the standard says.
    pub fn extract(hash: Hash, salt: &[u8], secret: &Secret) -> Self {
        Self::boxed(hash, || hkdf::Salt::new(hash.ring(), salt).extract(secret.expose()))
    }

    /// Takes a key that is uniformly random already and leaves HKDF-Extract out, as RFC 5869 §3.3 allows, for formats
    /// that prescribe it.
    pub(crate) fn from_uniform(hash: Hash, key: &Secret) -> Self {
        Self::boxed(hash, || hkdf::Prk::new_less_safe(hash.ring(), key.expose()))
    }

    fn boxed(hash: Hash, make: impl FnOnce() -> hkdf::Prk) -> Self {
        leaving_no_trace(|| Self { prk: Box::new(make()), hash })
    }

    /// HKDF-Expand (RFC 5869 §2.3) with `info` as it stands, for formats that prescribe it byte by byte.
    ///
    /// # Errors
    /// [`CryptoError::DerivationTooLarge`] when `out` is longer than 255 hashes; nothing is written then.
    ///
    /// # Security
    /// The same `info` always gives the same bytes. Where the format is ours, use [`expand_label`](Self::expand_label).
    pub fn expand(&self, info: &[u8], out: &mut [u8]) -> Result<(), CryptoError> {
        self.expand_parts(&[info], out)
    }

    /// Expands under a label and a context, both of which two parties must agree on to get the same bytes.
    ///
    /// The `info` is, in network order, in the manner of RFC 9846 §7.1:
    /// `uint16 length of out`, `uint8 length of label`, `label`, `uint16 length of context`, `context`, where `label` stands with
    /// the prefix `"dwcp1 "` before it. So no label is a part of another's, and a different output length gives
    /// different bytes altogether.
    ///
    /// # Errors
    /// [`CryptoError::DerivationTooLarge`] when `label` is longer than 249 bytes, `context` than 65 535, or `out` than
    /// 255 hashes; nothing is written then.
    pub fn expand_label(&self, label: &[u8], context: &[u8], out: &mut [u8]) -> Result<(), CryptoError> {
        let length = u16::try_from(out.len()).map_err(too_large)?;
        let label_length = u8::try_from(LABEL_PREFIX.len() + label.len()).map_err(too_large)?;
        let context_length = u16::try_from(context.len()).map_err(too_large)?;
        self.expand_parts(
            &[
                &length.to_be_bytes(),
                &[label_length],
                LABEL_PREFIX,
                label,
                &context_length.to_be_bytes(),
                context,
            ],
            out,
        )
    }

    /// As [`expand_label`](Self::expand_label), into a [`Secret`] of `length` bytes.
    ///
    /// # Errors
    /// As [`expand_label`](Self::expand_label).
    pub fn secret(&self, label: &[u8], context: &[u8], length: usize) -> Result<Secret, CryptoError> {
        if length > usize::from(u16::MAX) {
            return Err(CryptoError::DerivationTooLarge);
        }
        Secret::build(length, |out| self.expand_label(label, context, out))
    }

    /// The hash under the derivation.
    pub fn hash(&self) -> Hash {
        self.hash
    }

    fn expand_parts(&self, info: &[&[u8]], out: &mut [u8]) -> Result<(), CryptoError> {
        // What is expanded is a key as a rule, and ring computes it on the stack.
        leaving_no_trace(|| {
            let okm = self.prk.expand(info, OutputLength(out.len())).map_err(too_large)?;
            okm.fill(out).map_err(too_large)
        })
    }
}

impl Drop for Prk {
    /// Puts a key of zeros in the place of the true one. SHA-512 has the largest state: it leaves no byte of any other.
    fn drop(&mut self) {
        leaving_no_trace(|| {
            *self.prk = hkdf::Prk::new_less_safe(hkdf::HKDF_SHA512, &[0; 64]);
            // Nobody reads the new key, so the compiler might think that nobody needs it to be written.
            black_box(&mut self.prk);
        });
    }
}

impl fmt::Debug for Prk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Prk({:?})", self.hash)
    }
}

struct OutputLength(usize);

impl hkdf::KeyType for OutputLength {
    fn len(&self) -> usize {
        self.0
    }
}

fn too_large<E>(_: E) -> CryptoError {
    CryptoError::DerivationTooLarge
}

const LABEL_PREFIX: &[u8] = b"dwcp1 ";
