//! Which signatures count, and the check of one over a finished document: certificate, request and CRL share one outer shape
//! (RFC 5280 §4.1.1).

use crate::fields::Fields;
use der::Tag;
use dwcp_crypto::KeyType;
use rustls_pki_types::{SignatureVerificationAlgorithm, SubjectPublicKeyInfoDer};
use webpki::{Error, RawPublicKeyEntity};

/// Why a signature does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SignatureFault {
    /// The key or the algorithm is none that is supported, or the two do not go together.
    Unsupported,
    /// The key did not make this signature over these bytes.
    Wrong,
}

/// Checks `SEQUENCE { signed, algorithm, BIT STRING }` against a whole SubjectPublicKeyInfo.
pub(crate) fn verify(document: &[u8], key_info: &[u8]) -> Result<(), SignatureFault> {
    match parts(document) {
        Some((parts, true)) => check(&parts, key_info),
        _ => Err(SignatureFault::Wrong),
    }
}

/// As [`verify`], of a document in which unsigned fields may follow: an OCSP response carries certificates there.
pub(crate) fn verify_with_more(document: &[u8], key_info: &[u8]) -> Result<(), SignatureFault> {
    parts(document).map_or(Err(SignatureFault::Wrong), |(parts, _)| check(&parts, key_info))
}

fn check(parts: &Parts<'_>, key_info: &[u8]) -> Result<(), SignatureFault> {
    #[cfg(test)]
    CHECKS.with(|checks| checks.set(checks.get() + 1));
    let key_info = SubjectPublicKeyInfoDer::from(key_info);
    let key = RawPublicKeyEntity::try_from(&key_info).map_err(|_| SignatureFault::Unsupported)?;
    let mut fault = SignatureFault::Unsupported;
    for candidate in ACCEPTED.iter().filter(|c| c.signature_alg_id().as_ref() == parts.algorithm) {
        match key.verify_signature(*candidate, parts.signed, parts.signature) {
            Ok(()) => return Ok(()),
            Err(Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_)) => {}
            Err(_) => fault = SignatureFault::Wrong,
        }
    }
    Err(fault)
}

/// Whether a document names an algorithm that counts, whoever signed it.
pub(crate) fn is_accepted(document: &[u8]) -> bool {
    parts(document).is_some_and(|(parts, _)| {
        ACCEPTED.iter().any(|accepted| accepted.signature_alg_id().as_ref() == parts.algorithm)
    })
}

/// Whether the holder of `key_info` (a whole SubjectPublicKeyInfo) made this bare signature.
pub(crate) fn is_made_by(key_info: &[u8], key_type: KeyType, message: &[u8], signature: &[u8]) -> bool {
    let algorithm = match key_type {
        KeyType::EcdsaP256 => webpki::ring::ECDSA_P256_SHA256,
        KeyType::EcdsaP384 => webpki::ring::ECDSA_P384_SHA384,
        KeyType::Ed25519 => webpki::ring::ED25519,
        KeyType::Rsa => webpki::ring::RSA_PSS_2048_8192_SHA256_LEGACY_KEY,
        _ => return false,
    };
    let key_info = SubjectPublicKeyInfoDer::from(key_info);
    RawPublicKeyEntity::try_from(&key_info)
        .and_then(|key| key.verify_signature(algorithm, message, signature))
        .is_ok()
}

/// The kind of a key in a whole SubjectPublicKeyInfo; none for kinds that sign nothing here.
pub(crate) fn key_type(key_info: &[u8]) -> Option<KeyType> {
    let mut fields = Fields::of_sequence(key_info).ok()?;
    let algorithm = fields.sequence().ok()?.content;
    [
        (KeyType::EcdsaP256, webpki::ring::ECDSA_P256_SHA256),
        (KeyType::EcdsaP384, webpki::ring::ECDSA_P384_SHA384),
        (KeyType::Ed25519, webpki::ring::ED25519),
        (KeyType::Rsa, webpki::ring::RSA_PSS_2048_8192_SHA256_LEGACY_KEY),
    ]
    .into_iter()
    .find_map(|(kind, known)| (known.public_key_alg_id().as_ref() == algorithm).then_some(kind))
}

/// The signed bytes as they came, the content of the algorithm identifier, and the signature.
struct Parts<'a> {
    signed: &'a [u8],
    algorithm: &'a [u8],
    signature: &'a [u8],
}

/// The parts of a document, and whether nothing follows them.
fn parts(document: &[u8]) -> Option<(Parts<'_>, bool)> {
    let mut fields = Fields::of_sequence(document).ok()?;
    let signed = fields.sequence().ok()?.whole;
    let algorithm = fields.sequence().ok()?.content;
    let bits = fields.required().ok()?;
    bits.expect(Tag::BitString).ok()?;
    match bits.content.split_first()? {
        (0, signature) => Some((Parts { signed, algorithm, signature }, fields.next().ok()?.is_none())),
        _ => None,
    }
}

/// ECDSA, Ed25519, and RSA of at least 2048 bits with SHA-2, which public authorities use. No SHA-1 and no explicit curve
/// parameters: ring has neither here.
pub(crate) static ACCEPTED: &[&dyn SignatureVerificationAlgorithm] = &[
    webpki::ring::ECDSA_P256_SHA256,
    webpki::ring::ECDSA_P256_SHA384,
    webpki::ring::ECDSA_P384_SHA256,
    webpki::ring::ECDSA_P384_SHA384,
    webpki::ring::ED25519,
    webpki::ring::RSA_PKCS1_2048_8192_SHA256,
    webpki::ring::RSA_PKCS1_2048_8192_SHA384,
    webpki::ring::RSA_PKCS1_2048_8192_SHA512,
    webpki::ring::RSA_PSS_2048_8192_SHA256_LEGACY_KEY,
    webpki::ring::RSA_PSS_2048_8192_SHA384_LEGACY_KEY,
    webpki::ring::RSA_PSS_2048_8192_SHA512_LEGACY_KEY,
];

#[cfg(test)]
thread_local! {
    /// How many documents this thread verified: what a test of cost counts instead of time.
    pub(crate) static CHECKS: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}
