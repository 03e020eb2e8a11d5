//! From a stream key to the key and the nonces of one stream, as each format prescribes.

use super::layout::TAG;
use super::{LARGEST_ASSOCIATED_DATA, StreamFormat, StreamKey, StreamLayout};
use crate::hkdf::{Hash, Prk};
use crate::ring_key::RingKey;
use crate::stack::leaving_no_trace;
use crate::{CryptoError, Secret, constant_time_eq, random};
use ring::aead::{AES_128_GCM, AES_256_GCM, Aad, Nonce};
use zeroize::Zeroize;

/// The cipher of one stream: any segment by its index.
///
/// It is for the engine alone, which sees to it that no index is sealed twice.
pub(super) struct Segments {
    key: RingKey,
    nonces: Nonces,
    layout: StreamLayout,
    limit: u64,
}

enum Nonces {
    /// Prefix, 32-bit index, flag of the last segment.
    Tink([u8; 7]),
    /// Exclusive or of the index, big-endian.
    C2sp([u8; 12]),
}

impl Segments {
    /// A fresh stream: its header, with a salt that nobody had before, and its cipher.
    pub(super) fn fresh(
        key: &StreamKey,
        format: StreamFormat,
        aad: &[u8],
    ) -> Result<(Vec<u8>, Self), CryptoError> {
        Self::salted_by(random::fill, key, format, aad)
    }

    /// The same with the randomness as an argument.
    fn salted_by(
        fill: impl Fn(&mut [u8]) -> Result<(), CryptoError>,
        key: &StreamKey,
        format: StreamFormat,
        aad: &[u8],
    ) -> Result<(Vec<u8>, Self), CryptoError> {
        let layout = StreamLayout::new(format, key.parameters());
        let mut header = vec![0; layout.header_len()];
        match format {
            StreamFormat::Tink => {
                header[0] = header_byte(&layout)?;
                fill(&mut header[1..])?;
            }
            StreamFormat::C2sp => fill(&mut header[..C2SP_SALT])?,
        }
        let (segments, commitment) = leaving_no_trace(|| Self::derive(key, format, aad, &header))?;
        if let Some(commitment) = commitment {
            header[C2SP_SALT..].copy_from_slice(&commitment);
        }
        Ok((header, segments))
    }

    /// The cipher of an existing stream, from its header.
    pub(super) fn of_header(
        key: &StreamKey,
        format: StreamFormat,
        aad: &[u8],
        header: &[u8],
    ) -> Result<Self, CryptoError> {
        let layout = StreamLayout::new(format, key.parameters());
        if header.len() != layout.header_len() {
            return Err(CryptoError::Truncated);
        }
        if format == StreamFormat::Tink && header[0] != header_byte(&layout)? {
            return Err(CryptoError::NotAuthentic);
        }
        let (segments, commitment) = leaving_no_trace(|| Self::derive(key, format, aad, header))?;
        match commitment {
            // "When decrypting, implementations MUST check the commitment": before anything is opened.
            Some(expected) if !constant_time_eq(&expected, &header[C2SP_SALT..]) => {
                Err(CryptoError::NotAuthentic)
            }
            _ => Ok(segments),
        }
    }

    fn derive(
        key: &StreamKey,
        format: StreamFormat,
        aad: &[u8],
        header: &[u8],
    ) -> Result<(Self, Option<[u8; C2SP_COMMITMENT]>), CryptoError> {
        if aad.len() > LARGEST_ASSOCIATED_DATA {
            return Err(CryptoError::DerivationTooLarge);
        }
        let layout = StreamLayout::new(format, key.parameters());
        match format {
            StreamFormat::Tink => {
                let size = key.parameters().derived_key_size();
                let (salt, prefix) = header[1..].split_at(size);
                let prk = Prk::extract(key.parameters().hash(), salt, key.material());
                let derived = Secret::build(size, |out| prk.expand(aad, out))?;
                let prefix = prefix.try_into().map_err(|_| CryptoError::InvalidKey)?;
                Ok((
                    Self { key: aes(&derived)?, nonces: Nonces::Tink(prefix), layout, limit: SEGMENT_LIMIT },
                    None,
                ))
            }
            StreamFormat::C2sp => {
                // "An input key of len(key) bytes": exactly 32 for AES-256.
                if key.material().len() != C2SP_KEY {
                    return Err(CryptoError::InvalidKey);
                }
                let info = [C2SP_INFO, &header[..C2SP_SALT], aad].concat();
                let prk = Prk::from_uniform(Hash::Sha512, key.material());
                let derived = Secret::build(C2SP_KEY + 12 + C2SP_COMMITMENT, |out| prk.expand(&info, out))?;
                let (secret, rest) = derived.expose().split_at(C2SP_KEY);
                let (nonce, commitment) = rest.split_at(12);
                let nonce = nonce.try_into().map_err(|_| CryptoError::InvalidKey)?;
                let commitment = commitment.try_into().map_err(|_| CryptoError::InvalidKey)?;
                let key = RingKey::new(&AES_256_GCM, secret)?;
                let segments = Self { key, nonces: Nonces::C2sp(nonce), layout, limit: SEGMENT_LIMIT };
                Ok((segments, Some(commitment)))
            }
        }
    }

    /// The same with fewer segments, so that a test can see the end.
    #[cfg(test)]
    pub(super) fn limited(mut self, limit: u64) -> Self {
        self.limit = limit;
        self
    }

    /// How many segments a stream may have.
    pub(super) fn limit(&self) -> u64 {
        self.limit
    }

    pub(super) fn layout(&self) -> &StreamLayout {
        &self.layout
    }

    /// Seals `slot`, plaintext and then room for the tag, in place.
    pub(super) fn seal(&self, index: u64, last: bool, slot: &mut [u8]) -> Result<(), CryptoError> {
        let nonce = self.nonce(index, last)?;
        let plaintext = slot.len().checked_sub(TAG).ok_or(CryptoError::InvalidLayout)?;
        let (text, room) = slot.split_at_mut(plaintext);
        let tag = self
            .key
            .seal_in_place_separate_tag(nonce, Aad::empty(), text)
            .map_err(|_| CryptoError::KeyExhausted)?;
        room.copy_from_slice(tag.as_ref());
        Ok(())
    }

    /// Opens `slot` in place: the plaintext is its beginning. After an error it holds zeros.
    pub(super) fn open(&self, index: u64, last: bool, slot: &mut [u8]) -> Result<(), CryptoError> {
        let nonce = self.nonce(index, last)?;
        if self.key.open_in_place(nonce, Aad::empty(), slot).is_err() {
            slot.zeroize();
            return Err(CryptoError::NotAuthentic);
        }
        Ok(())
    }

    fn nonce(&self, index: u64, last: bool) -> Result<Nonce, CryptoError> {
        self.nonce_bytes(index, last).map(Nonce::assume_unique_for_key)
    }

    fn nonce_bytes(&self, index: u64, last: bool) -> Result<[u8; 12], CryptoError> {
        if index >= self.limit {
            return Err(CryptoError::KeyExhausted);
        }
        let index32 = u32::try_from(index).map_err(|_| CryptoError::KeyExhausted)?;
        let mut bytes = [0; 12];
        match &self.nonces {
            Nonces::Tink(prefix) => {
                bytes[..7].copy_from_slice(prefix);
                bytes[7..11].copy_from_slice(&index32.to_be_bytes());
                bytes[11] = u8::from(last);
            }
            Nonces::C2sp(base) => {
                bytes = *base;
                for (byte, counted) in bytes[4..].iter_mut().zip(index.to_be_bytes()) {
                    *byte ^= counted;
                }
            }
        }
        Ok(bytes)
    }
}

fn aes(key: &Secret) -> Result<RingKey, CryptoError> {
    let algorithm = if key.len() == 16 { &AES_128_GCM } else { &AES_256_GCM };
    RingKey::new(algorithm, key.expose())
}

/// Tink's first byte: the length of the header, itself included.
fn header_byte(layout: &StreamLayout) -> Result<u8, CryptoError> {
    u8::try_from(layout.header_len()).map_err(|_| CryptoError::InvalidKey)
}

/// How many segments a stream may have: as many as Tink's nonce counts. C2SP would allow 2^38, and no less than this.
const SEGMENT_LIMIT: u64 = 1 << 32;
const C2SP_INFO: &[u8] = b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\0";
const C2SP_KEY: usize = 32;
const C2SP_SALT: usize = 24;
const C2SP_COMMITMENT: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::StreamParameters;
    use std::collections::BTreeSet;

    const FORMATS: [StreamFormat; 2] = [StreamFormat::Tink, StreamFormat::C2sp];

    fn key() -> StreamKey {
        StreamKey::generate(StreamParameters::AES256_4K).unwrap()
    }

    #[test]
    fn at_e6_every_byte_of_salt_and_prefix_is_drawn_and_failing_randomness_is_refused() {
        for (format, drawn) in [(StreamFormat::Tink, 1..40), (StreamFormat::C2sp, 0..24)] {
            let ones = |out: &mut [u8]| {
                out.fill(0xff);
                Ok(())
            };
            let (header, _) = Segments::salted_by(ones, &key(), format, b"").unwrap();
            assert!(header[drawn.clone()].iter().all(|byte| *byte == 0xff), "{format:?}");
            let none = |_: &mut [u8]| Err(CryptoError::Randomness);
            let refused = Segments::salted_by(none, &key(), format, b"").map(|_| ());
            assert_eq!(refused, Err(CryptoError::Randomness));
            let headers: BTreeSet<Vec<u8>> =
                (0..50).map(|_| Segments::fresh(&key(), format, b"").unwrap().0).collect();
            assert_eq!(headers.len(), 50);
            for at in drawn {
                let values: BTreeSet<u8> = headers.iter().map(|header| header[at]).collect();
                assert!(values.len() > 10, "{format:?}: byte {at} is drawn from the system");
            }
        }
    }

    #[test]
    fn at_c1_no_two_segments_of_a_stream_have_one_nonce() {
        assert_eq!(SEGMENT_LIMIT, 1 << 32);
        for format in FORMATS {
            let (header, segments) = Segments::fresh(&key(), format, b"").unwrap();
            let indexes = [0, 1, 255, 256, 65_535, 65_536, (1 << 24) - 1, 1 << 24, (1 << 32) - 1];
            let nonces: BTreeSet<[u8; 12]> =
                indexes.iter().map(|index| segments.nonce_bytes(*index, false).unwrap()).collect();
            assert_eq!(nonces.len(), indexes.len(), "{format:?}");
            for refused in [1 << 32, (1 << 32) + 1, u64::MAX] {
                assert_eq!(segments.nonce_bytes(refused, true), Err(CryptoError::KeyExhausted));
            }
            if format == StreamFormat::Tink {
                assert_ne!(segments.nonce_bytes(7, false), segments.nonce_bytes(7, true));
                let nonce = segments.nonce_bytes(0x0102_0304, true).unwrap();
                assert_eq!(nonce[..7], header[33..40]);
                assert_eq!(nonce[7..], [1, 2, 3, 4, 1]);
            }
        }
    }
}
