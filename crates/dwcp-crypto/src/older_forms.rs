//! Keys in the forms of before PKCS#8, put into it: SEC1 (`EC PRIVATE KEY`) and PKCS#1 (`RSA PRIVATE KEY`).

use crate::{CryptoError, Secret, SigningKey};

impl SigningKey {
    /// Reads an ECDSA key in SEC1 DER (RFC 5915 §3) of at most 4 KiB. Its curve is found by trying: P-256, then P-384.
    ///
    /// # Errors
    /// [`CryptoError::InvalidKey`] for anything else, and for a key without its public half; the bytes are wiped then as well.
    pub fn from_sec1(sec1: &Secret) -> Result<Self, CryptoError> {
        wrapped(EC_P256, sec1)
            .and_then(Self::from_pkcs8)
            .or_else(|_| wrapped(EC_P384, sec1).and_then(Self::from_pkcs8))
    }

    /// Reads an RSA key in PKCS#1 DER (RFC 8017 §A.1.2) of at most 4 KiB.
    ///
    /// # Errors
    /// [`CryptoError::InvalidKey`] for anything else; the bytes are wiped then as well.
    pub fn from_pkcs1(pkcs1: &Secret) -> Result<Self, CryptoError> {
        wrapped(RSA, pkcs1).and_then(Self::from_pkcs8)
    }
}

/// `PrivateKeyInfo` version 1 (RFC 5958 §2): the key in an OCTET STRING, with its algorithm in front.
fn wrapped(algorithm: &[u8], key: &Secret) -> Result<Secret, CryptoError> {
    let octets = header(OCTET_STRING, key.len())?;
    let parts = [VERSION_1, algorithm, octets.as_slice(), key.expose()];
    let whole = header(SEQUENCE, parts.iter().map(|part| part.len()).sum())?;
    let length = whole.as_slice().len() + parts.iter().map(|part| part.len()).sum::<usize>();
    Secret::build(length, |out| {
        let mut rest = out;
        for part in std::iter::once(whole.as_slice()).chain(parts) {
            let (place, after) = rest.split_at_mut_checked(part.len()).ok_or(CryptoError::InvalidKey)?;
            place.copy_from_slice(part);
            rest = after;
        }
        Ok(())
    })
}

/// Tag and length of a DER value (X.690 §8.1.3).
struct Header {
    bytes: [u8; 4],
    used: usize,
}

impl Header {
    fn as_slice(&self) -> &[u8] {
        self.bytes.get(..self.used).unwrap_or_default()
    }
}

fn header(tag: u8, length: usize) -> Result<Header, CryptoError> {
    let [high, low] = u16::try_from(length).map_err(|_| CryptoError::InvalidKey)?.to_be_bytes();
    Ok(match (high, low) {
        (0, 0..=0x7f) => Header { bytes: [tag, low, 0, 0], used: 2 },
        (0, _) => Header { bytes: [tag, 0x81, low, 0], used: 3 },
        _ => Header { bytes: [tag, 0x82, high, low], used: 4 },
    })
}

const SEQUENCE: u8 = 0x30;
const OCTET_STRING: u8 = 0x04;
const VERSION_1: &[u8] = &[0x02, 0x01, 0x00];

/// `SEQUENCE { id-ecPublicKey, secp256r1 }` (RFC 5480 §2.1.1).
const EC_P256: &[u8] = &[
    0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 0x03, 0x01, 0x07,
];

/// `SEQUENCE { id-ecPublicKey, secp384r1 }`.
const EC_P384: &[u8] = &[
    0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00,
    0x22,
];

/// `SEQUENCE { rsaEncryption, NULL }` (RFC 8017 §A.1).
const RSA: &[u8] =
    &[0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];
