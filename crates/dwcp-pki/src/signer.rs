//! Lends a signing key to the encoder of certificates, so that the key itself never leaves its owner.

use dwcp_crypto::{KeyType, Signer};
use rcgen::{PublicKeyData, SignatureAlgorithm};

/// A signing key as the encoder sees it.
pub(crate) struct Lent<'a>(pub(crate) &'a dyn Signer);

impl PublicKeyData for Lent<'_> {
    fn der_bytes(&self) -> &[u8] {
        self.0.public_key()
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        match self.0.key_type() {
            KeyType::EcdsaP384 => &rcgen::PKCS_ECDSA_P384_SHA384,
            KeyType::Ed25519 => &rcgen::PKCS_ED25519,
            // Names the key, as its pin needs; no document is signed under this name: see `sign`.
            KeyType::Rsa => &rcgen::PKCS_RSA_SHA256,
            // A kind added later would be encoded wrongly here; the check of every finished document catches it.
            _ => &rcgen::PKCS_ECDSA_P256_SHA256,
        }
    }
}

impl rcgen::SigningKey for Lent<'_> {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        match self.0.key_type() {
            // RSA keys sign handshakes alone, with PSS; documents would say PKCS#1.
            KeyType::Rsa => Err(rcgen::Error::RemoteKeyError),
            _ => self.0.sign(message).map_err(|_| rcgen::Error::RemoteKeyError),
        }
    }
}
