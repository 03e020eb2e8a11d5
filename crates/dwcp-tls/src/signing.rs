//! The store's credential as rustls wants to present it.

use dwcp_crypto::KeyType;
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
    scheme(key_type).is_some_and(|scheme| offered.contains(&scheme))
}

#[derive(Debug)]
struct CredentialKey(Arc<Credential>);

impl SigningKey for CredentialKey {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        let scheme = scheme(self.0.key().key_type())?;
        offered.contains(&scheme).then(|| {
            Box::new(CredentialSigner { credential: Arc::clone(&self.0), scheme }) as Box<dyn Signer>
        })
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        match self.0.key().key_type() {
            KeyType::Ed25519 => SignatureAlgorithm::ED25519,
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
        self.credential.key().sign(message).map_err(|_| Error::FailedToGetRandomBytes)
    }

    fn scheme(&self) -> SignatureScheme {
        self.scheme
    }
}

/// RFC 9846 §4.2.3 binds each ECDSA scheme to its curve.
fn scheme(key_type: KeyType) -> Option<SignatureScheme> {
    match key_type {
        KeyType::EcdsaP256 => Some(SignatureScheme::ECDSA_NISTP256_SHA256),
        KeyType::EcdsaP384 => Some(SignatureScheme::ECDSA_NISTP384_SHA384),
        KeyType::Ed25519 => Some(SignatureScheme::ED25519),
        _ => None,
    }
}
