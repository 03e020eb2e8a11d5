//! Lends a [`SigningKey`] to the encoder of certificates, so that the key itself never leaves its owner.

use dwcp_crypto::{KeyType, SigningKey};
use rcgen::{PublicKeyData, SignatureAlgorithm};

/// A signing key as the encoder sees it.
pub(crate) struct Signer<'a>(pub(crate) &'a SigningKey);

impl PublicKeyData for Signer<'_> {
    fn der_bytes(&self) -> &[u8] {
        self.0.public_key()
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        match self.0.key_type() {
            KeyType::EcdsaP384 => &rcgen::PKCS_ECDSA_P384_SHA384,
            KeyType::Ed25519 => &rcgen::PKCS_ED25519,
            // A kind added later would be encoded wrongly here; the check of every finished document catches it.
            _ => &rcgen::PKCS_ECDSA_P256_SHA256,
        }
    }
}

impl rcgen::SigningKey for Signer<'_> {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        self.0.sign(message).map_err(|_| rcgen::Error::RemoteKeyError)
    }
}
