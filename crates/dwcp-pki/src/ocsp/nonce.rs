//! Nonces, which bind an answer to the question it was made for (RFC 9654).

use super::asn1::NONCE;
use crate::{Document, ParseError};
use der::asn1::OctetString;
use der::{Decode, Encode};
use dwcp_crypto::CryptoError;
use std::fmt;
use x509_cert::ext::Extension;

/// The nonce of a request: 1 to 128 octets (RFC 9654 §2.1).
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct OcspNonce(Box<[u8]>);

impl OcspNonce {
    /// 32 random octets, the length that RFC 9654 §2.1 asks of clients.
    ///
    /// # Errors
    /// [`CryptoError::Randomness`] when the operating system gives none.
    pub fn random() -> Result<Self, CryptoError> {
        Ok(Self(Box::new(dwcp_crypto::random::array::<32>()?)))
    }

    /// Takes octets that were drawn elsewhere.
    ///
    /// # Errors
    /// [`ParseError::Malformed`] for none and for more than 128.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ParseError> {
        Self::checked(Document::OcspRequest, bytes)
    }

    /// The octets.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub(super) fn to_extension(&self) -> der::Result<Extension> {
        let value = OctetString::new(self.0.clone())?.to_der()?;
        Ok(Extension { extn_id: NONCE, critical: false, extn_value: OctetString::new(value)? })
    }

    /// The nonce among the extensions of a request or a response, which has at most one and no critical extension beside it.
    pub(super) fn among(document: Document, extensions: &[Extension]) -> Result<Option<Self>, ParseError> {
        refuse_critical(document, extensions, &[NONCE])?;
        let mut nonces = extensions.iter().filter(|extension| extension.extn_id == NONCE);
        match (nonces.next(), nonces.next()) {
            (None, _) => Ok(None),
            (Some(nonce), None) => {
                let value = OctetString::from_der(nonce.extn_value.as_bytes());
                let value = value.map_err(ParseError::der(document))?;
                Self::checked(document, value.as_bytes()).map(Some)
            }
            _ => Err(ParseError::malformed(document, "it has two nonces")),
        }
    }

    fn checked(document: Document, bytes: &[u8]) -> Result<Self, ParseError> {
        match bytes.len() {
            1..=LONGEST => Ok(Self(bytes.into())),
            _ => Err(ParseError::malformed(document, "a nonce has 1 to 128 octets")),
        }
    }
}

impl fmt::Debug for OcspNonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hex: String = self.0.iter().map(|octet| format!("{octet:02x}")).collect();
        write!(f, "OcspNonce({hex})")
    }
}

/// RFC 5280 §4.2, RFC 6960 §4.4: a critical extension that is not understood refuses the whole.
pub(super) fn refuse_critical(
    document: Document,
    extensions: &[Extension],
    known: &[der::oid::ObjectIdentifier],
) -> Result<(), ParseError> {
    match extensions.iter().find(|extension| extension.critical && !known.contains(&extension.extn_id)) {
        Some(_) => Err(ParseError::malformed(document, "it has a critical extension that is not known")),
        None => Ok(()),
    }
}

const LONGEST: usize = 128;
