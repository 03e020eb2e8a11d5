//! Private keys that sign: ECDSA on P-256 and P-384, Ed25519, and RSA where it comes from elsewhere, kept as PKCS#8.

use crate::hkdf::Hash;
use crate::{CryptoError, Secret, random};
use ring::rand::SystemRandom;
use ring::rsa;
use ring::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm,
    Ed25519KeyPair, KeyPair, RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512, RsaEncoding,
};
use std::fmt;
use std::str::FromStr;
use zeroize::Zeroizing;

/// The kinds of signing key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyType {
    /// ECDSA on P-256 with SHA-256 (FIPS 186-5): the default of the mesh.
    EcdsaP256,
    /// ECDSA on P-384 with SHA-384 (FIPS 186-5).
    EcdsaP384,
    /// Ed25519 (RFC 8032).
    Ed25519,
    /// RSA of 2048 to 4096 bits, which signs with PSS (RFC 8017 §8.1): for certificates that others issued. None is made here, and
    /// neither an authority nor a request of ours is signed by one.
    Rsa,
}

impl KeyType {
    /// The name in configurations and on the command line: `p256`, `p384` or `ed25519`; `rsa` is shown and never asked for.
    pub fn name(self) -> &'static str {
        match self {
            Self::EcdsaP256 => "p256",
            Self::EcdsaP384 => "p384",
            Self::Ed25519 => "ed25519",
            Self::Rsa => "rsa",
        }
    }
}

impl fmt::Display for KeyType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for KeyType {
    type Err = CryptoError;

    fn from_str(name: &str) -> Result<Self, CryptoError> {
        [Self::EcdsaP256, Self::EcdsaP384, Self::Ed25519]
            .into_iter()
            .find(|kind| kind.name() == name)
            .ok_or(CryptoError::UnknownName)
    }
}

/// A private key that signs, wherever it is kept: in this process, or in a module that never gives it out.
///
/// [`SigningKey`] is the one in memory. Signing may take as long as the holder of the key needs: call it off event loops.
pub trait Signer: fmt::Debug + Send + Sync {
    /// What kind of key it is.
    fn key_type(&self) -> KeyType;

    /// The raw public key: the uncompressed point `04 || x || y` for ECDSA (65 or 97 bytes), 32 bytes for Ed25519, DER
    /// `RSAPublicKey` (RFC 8017 §A.1.1) for RSA.
    fn public_key(&self) -> &[u8];

    /// Signs `message`: DER `Ecdsa-Sig-Value` (RFC 3279 §2.2.3) for ECDSA, the 64 raw bytes for Ed25519, PSS with SHA-256 for RSA.
    ///
    /// # Errors
    /// [`CryptoError::SignerUnavailable`] when the holder of the key does not answer or refuses,
    /// [`CryptoError::Randomness`] when an ECDSA nonce can not be drawn.
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, CryptoError>;
}

impl Signer for SigningKey {
    fn key_type(&self) -> KeyType {
        self.key_type()
    }

    fn public_key(&self) -> &[u8] {
        self.public_key()
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, CryptoError> {
        self.sign(message)
    }
}

/// A private key that signs. Its PKCS#8 form is wiped on drop and `Debug` shows the kind alone.
///
/// # Security
/// ring keeps an expanded copy for signing that it does not wipe; see the crate documentation.
pub struct SigningKey {
    pkcs8: Secret,
    pair: Pair,
}

enum Pair {
    Ecdsa(KeyType, EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Rsa(Box<rsa::KeyPair>),
}

impl SigningKey {
    /// A fresh key from the operating system's randomness.
    ///
    /// # Errors
    /// [`CryptoError::Randomness`] when there is none; [`CryptoError::InvalidKey`] for RSA, which is read and not made.
    pub fn generate(key_type: KeyType) -> Result<Self, CryptoError> {
        let pkcs8 = match key_type {
            KeyType::EcdsaP256 => ecdsa_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING)?,
            KeyType::EcdsaP384 => ecdsa_pkcs8(&ECDSA_P384_SHA384_ASN1_SIGNING)?,
            KeyType::Ed25519 => ed25519_pkcs8()?,
            KeyType::Rsa => return Err(CryptoError::InvalidKey),
        };
        Self::from_pkcs8(pkcs8)
    }

    /// Reads a key in PKCS#8 DER (RFC 5958) of at most 4 KiB; its kind is the one written in it.
    ///
    /// Ed25519 is read with or without its public key (RFC 8410 §7); ECDSA must carry the public key, as OpenSSL writes
    /// it, and the two must match; RSA has 2048 to 4096 bits, an exponent of 65537 or more and numbers that belong together.
    ///
    /// # Errors
    /// [`CryptoError::InvalidKey`] for anything else; the bytes are wiped then as well.
    pub fn from_pkcs8(pkcs8: Secret) -> Result<Self, CryptoError> {
        if pkcs8.len() > LARGEST_PKCS8 {
            return Err(CryptoError::InvalidKey);
        }
        let pair = Pair::read(pkcs8.expose())?;
        Ok(Self { pkcs8, pair })
    }

    /// The key in PKCS#8 DER, as it was read or made.
    pub fn pkcs8(&self) -> &Secret {
        &self.pkcs8
    }

    /// What kind of key it is.
    pub fn key_type(&self) -> KeyType {
        match &self.pair {
            Pair::Ecdsa(key_type, _) => *key_type,
            Pair::Ed25519(_) => KeyType::Ed25519,
            Pair::Rsa(_) => KeyType::Rsa,
        }
    }

    /// The raw public key: the uncompressed point `04 || x || y` for ECDSA (65 or 97 bytes), 32 bytes for Ed25519, DER
    /// `RSAPublicKey` (RFC 8017 §A.1.1) for RSA.
    pub fn public_key(&self) -> &[u8] {
        match &self.pair {
            Pair::Ecdsa(_, pair) => pair.public_key().as_ref(),
            Pair::Ed25519(pair) => pair.public_key().as_ref(),
            Pair::Rsa(pair) => pair.public_key().as_ref(),
        }
    }

    /// Signs `message`: DER `Ecdsa-Sig-Value` (RFC 3279 §2.2.3) for ECDSA, the 64 raw bytes for Ed25519, PSS with SHA-256 for RSA.
    ///
    /// # Errors
    /// [`CryptoError::Randomness`] when an ECDSA nonce or an RSA salt can not be drawn.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, CryptoError> {
        match &self.pair {
            Pair::Ecdsa(_, pair) => {
                let signature =
                    pair.sign(&SystemRandom::new(), message).map_err(|_| CryptoError::Randomness)?;
                Ok(signature.as_ref().to_vec())
            }
            Pair::Ed25519(pair) => Ok(pair.sign(message).as_ref().to_vec()),
            Pair::Rsa(pair) => sign_pss(pair, Hash::Sha256, message),
        }
    }

    /// Signs `message` by RSASSA-PSS with `hash`, a salt of its length and MGF1 over it (RFC 8017 §8.1, RFC 9846 §4.2.3).
    ///
    /// # Errors
    /// [`CryptoError::InvalidKey`] when the key is not RSA, [`CryptoError::Randomness`] when no salt can be drawn.
    pub fn sign_pss(&self, hash: Hash, message: &[u8]) -> Result<Vec<u8>, CryptoError> {
        match &self.pair {
            Pair::Rsa(pair) => sign_pss(pair, hash, message),
            Pair::Ecdsa(..) | Pair::Ed25519(_) => Err(CryptoError::InvalidKey),
        }
    }
}

fn sign_pss(pair: &rsa::KeyPair, hash: Hash, message: &[u8]) -> Result<Vec<u8>, CryptoError> {
    let padding: &'static dyn RsaEncoding = match hash {
        Hash::Sha256 => &RSA_PSS_SHA256,
        Hash::Sha384 => &RSA_PSS_SHA384,
        Hash::Sha512 => &RSA_PSS_SHA512,
    };
    let mut signature = vec![0; pair.public().modulus_len()];
    pair.sign(padding, &SystemRandom::new(), message, &mut signature).map_err(|_| CryptoError::Randomness)?;
    Ok(signature)
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.key_type())
    }
}

impl Pair {
    fn read(pkcs8: &[u8]) -> Result<Self, CryptoError> {
        let random = SystemRandom::new();
        for (key_type, algorithm) in [
            (KeyType::EcdsaP256, &ECDSA_P256_SHA256_ASN1_SIGNING),
            (KeyType::EcdsaP384, &ECDSA_P384_SHA384_ASN1_SIGNING),
        ] {
            if let Ok(pair) = EcdsaKeyPair::from_pkcs8(algorithm, pkcs8, &random) {
                return Ok(Self::Ecdsa(key_type, pair));
            }
        }
        // "Maybe unchecked" means that a public key is compared where there is one; version 1 has none to compare.
        if let Ok(pair) = Ed25519KeyPair::from_pkcs8_maybe_unchecked(pkcs8) {
            return Ok(Self::Ed25519(pair));
        }
        let pair = rsa::KeyPair::from_pkcs8(pkcs8).map_err(|_| CryptoError::InvalidKey)?;
        // ring checks some of the numbers when it reads them, and the rest by what a signature comes out as.
        sign_pss(&pair, Hash::Sha256, &[]).map_err(|_| CryptoError::InvalidKey)?;
        Ok(Self::Rsa(Box::new(pair)))
    }
}

fn ecdsa_pkcs8(algorithm: &'static EcdsaSigningAlgorithm) -> Result<Secret, CryptoError> {
    let document =
        EcdsaKeyPair::generate_pkcs8(algorithm, &SystemRandom::new()).map_err(|_| CryptoError::Randomness)?;
    Ok(Secret::from(document.as_ref().to_vec()))
}

/// PKCS#8 version 1 (RFC 8410 §7), which every tool reads; ring itself would write version 2, which older ones refuse.
fn ed25519_pkcs8() -> Result<Secret, CryptoError> {
    let mut seed = Zeroizing::new([0; 32]);
    random::fill(seed.as_mut())?;
    Secret::build(ED25519_HEADER.len() + seed.len(), |der| {
        let (header, rest) = der.split_at_mut(ED25519_HEADER.len());
        header.copy_from_slice(&ED25519_HEADER);
        rest.copy_from_slice(seed.as_ref());
        Ok(())
    })
}

/// `SEQUENCE { INTEGER 0, SEQUENCE { OID 1.3.101.112 }, OCTET STRING { OCTET STRING (32 bytes) } }` up to the seed.
const ED25519_HEADER: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

/// Above what RSA of 4096 bits needs (2 376 bytes), far below what could trouble the parser.
const LARGEST_PKCS8: usize = 4096;
