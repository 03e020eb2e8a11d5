//! `SEQUENCE { signed, algorithm, BIT STRING }`, the shape of everything that is signed in a PKI (RFC 5280 §4.1.1), for documents that
//! the encoder of certificates does not know.

use crate::AuthorityError;
use der::asn1::{AnyRef, BitString};
use der::oid::ObjectIdentifier;
use der::{Decode, Encode, Sequence};
use dwcp_crypto::{CryptoError, KeyType, Signer};
use x509_cert::spki::AlgorithmIdentifierOwned;

#[derive(Sequence)]
struct SignedForm<'a> {
    signed: AnyRef<'a>,
    algorithm: AlgorithmIdentifierOwned,
    signature: BitString,
}

/// Why nothing was signed.
pub(crate) enum SignError {
    Key(CryptoError),
    Encoding(der::Error),
}

impl SignError {
    pub(crate) fn into_authority(self) -> AuthorityError {
        match self {
            Self::Key(source) => AuthorityError::Crypto { source },
            Self::Encoding(error) => AuthorityError::Encoding { source: Box::new(error) },
        }
    }
}

/// Signs one DER value and puts it into the form. Whoever calls verifies the result before it leaves.
pub(crate) fn sign(signed: &[u8], key: &dyn Signer) -> Result<Vec<u8>, SignError> {
    if key.key_type() == KeyType::Rsa {
        return Err(SignError::Key(CryptoError::InvalidKey));
    }
    let signature = key.sign(signed).map_err(SignError::Key)?;
    let assemble = || {
        let form = SignedForm {
            signed: AnyRef::from_der(signed)?,
            algorithm: algorithm(key),
            signature: BitString::from_bytes(&signature)?,
        };
        form.to_der()
    };
    assemble().map_err(SignError::Encoding)
}

/// The algorithm of a key's signatures, without parameters (RFC 5480 appendix A for ECDSA, RFC 8410 §3 for Ed25519).
pub(crate) fn algorithm(key: &dyn Signer) -> AlgorithmIdentifierOwned {
    let oid = match key.key_type() {
        KeyType::EcdsaP384 => ECDSA_SHA384,
        KeyType::Ed25519 => ED25519,
        // A kind added later would be named wrongly here; the check of every finished document catches it.
        _ => ECDSA_SHA256,
    };
    AlgorithmIdentifierOwned { oid, parameters: None }
}

const ECDSA_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2");
const ECDSA_SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.3");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
