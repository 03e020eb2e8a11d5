//! The store's credential as rustls wants to present it.

use dwcp_crypto::KeyType;
use dwcp_crypto::hkdf::Hash;
use dwcp_pki::Credential;
use rustls::sign::{CertifiedKey, Signer, SigningKey, SingleCertAndKey};
use rustls::{Error, SignatureAlgorithm, SignatureScheme};
use std::sync::Arc;

/// The credential as a resolver for either side. The private key is signed with where it is, never copied out.
pub(crate) fn resolver(credential: &Arc<Credential>) -> Arc<SingleCertAndKey> {
    Arc::new(SingleCertAndKey::from(certified(credential)))
}

/// The credential as the engine presents it.
pub(crate) fn certified(credential: &Arc<Credential>) -> CertifiedKey {
    CertifiedKey::new(credential.chain().ders(), Arc::new(CredentialKey(Arc::clone(credential))))
}

/// Whether a peer that can check these schemes can check a signature of such a key.
pub(crate) fn is_verifiable(key_type: KeyType, offered: &[SignatureScheme]) -> bool {
    schemes(key_type).iter().any(|scheme| offered.contains(scheme))
}

#[derive(Debug)]
struct CredentialKey(Arc<Credential>);

impl SigningKey for CredentialKey {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        let ours = schemes(self.0.key().key_type());
        let scheme = *ours.iter().find(|scheme| offered.contains(scheme))?;
        Some(Box::new(CredentialSigner { credential: Arc::clone(&self.0), scheme }))
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        match self.0.key().key_type() {
            KeyType::Ed25519 => SignatureAlgorithm::ED25519,
            KeyType::Rsa => SignatureAlgorithm::RSA,
            _ => SignatureAlgorithm::ECDSA,
        }
    }
}

#[derive(Debug)]
struct CredentialSigner {
    credential: Arc<Credential>,
    scheme: SignatureScheme,
}

impl Signer for CredentialSigner {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        let key = self.credential.key();
        match self.scheme {
            SignatureScheme::RSA_PSS_SHA512 => key.sign_pss(Hash::Sha512, message),
            SignatureScheme::RSA_PSS_SHA384 => key.sign_pss(Hash::Sha384, message),
            // Every other kind of key has one scheme, and RSA's own is this one with SHA-256.
            _ => key.sign(message),
        }
        .map_err(|_| Error::FailedToGetRandomBytes)
    }

    fn scheme(&self) -> SignatureScheme {
        self.scheme
    }
}

/// What a key signs handshakes with, most preferred first. RFC 9846 §4.2.3 binds each ECDSA scheme to its curve, and leaves RSA
/// nothing but PSS.
fn schemes(key_type: KeyType) -> &'static [SignatureScheme] {
    match key_type {
        KeyType::EcdsaP256 => &[SignatureScheme::ECDSA_NISTP256_SHA256],
        KeyType::EcdsaP384 => &[SignatureScheme::ECDSA_NISTP384_SHA384],
        KeyType::Ed25519 => &[SignatureScheme::ED25519],
        KeyType::Rsa => &[
            SignatureScheme::RSA_PSS_SHA256,
            SignatureScheme::RSA_PSS_SHA384,
            SignatureScheme::RSA_PSS_SHA512,
        ],
        _ => &[],
    }
}
