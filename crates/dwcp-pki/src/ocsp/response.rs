//! OCSP responses (RFC 6960 §4.2), read with the signed bytes kept as they came.

use super::asn1::{BASIC, ResponseData, ResponseFields};
use super::cert_id::CertId;
use super::nonce::{OcspNonce, refuse_critical};
use super::status::{CertStatus, OcspRefusal};
use crate::certificate::unix;
use crate::fields::Fields;
use crate::{Document, ParseError};
use der::{Decode, Tag};
use dwcp_base::UnixTime;
use std::fmt;
use std::sync::Arc;

/// A response that was read; its signature is for [`verify`](Self::verify) to check. A clone shares the bytes.
#[derive(Clone)]
pub struct OcspResponse {
    der: Arc<[u8]>,
    content: Result<Arc<Basic>, OcspRefusal>,
}

/// A basic response: the one kind there is.
pub(super) struct Basic {
    /// The whole BasicOCSPResponse, whose first field is what was signed.
    pub(super) der: Box<[u8]>,
    pub(super) data: ResponseData,
    pub(super) singles: Vec<Single>,
    pub(super) nonce: Option<OcspNonce>,
    /// The DER of the certificates that came along.
    pub(super) certificates: Vec<Box<[u8]>>,
}

/// What a response says of one certificate.
pub(super) struct Single {
    pub(super) id: CertId,
    pub(super) status: CertStatus,
    pub(super) this_update: UnixTime,
    pub(super) next_update: Option<UnixTime>,
}

impl OcspResponse {
    /// Reads DER of at most 64 KiB with at most 64 answers and 8 certificates, or a responder's refusal.
    ///
    /// # Errors
    /// [`ParseError::TooLarge`] before anything is read; [`ParseError::Malformed`] for kinds other than the basic one, more
    /// answers or certificates, and critical extensions other than the nonce; [`ParseError::Serial`] for a serial that no
    /// certificate may have; [`ParseError::Der`] for the rest.
    pub fn from_der(der: &[u8]) -> Result<Self, ParseError> {
        let document = Document::OcspResponse;
        ParseError::check_size(document, der, LARGEST)?;
        let fields = ResponseFields::from_der(der).map_err(ParseError::der(document))?;
        let malformed = |rule| Err(ParseError::malformed(document, rule));
        let content = match (OcspRefusal::read(fields.status), fields.bytes) {
            (None, Some(bytes)) if bytes.kind == BASIC => {
                Ok(Arc::new(Basic::read(document, bytes.response.into_bytes())?))
            }
            (None, Some(_)) => return malformed("it is of another kind than the basic one"),
            (None, None) => return malformed("it has no answer and no reason for that"),
            (Some(refusal), None) => Err(refusal),
            (Some(_), Some(_)) => return malformed("it refuses and answers at once"),
        };
        Ok(Self { der: der.into(), content })
    }

    /// The DER: the body of an HTTP response, of type `application/ocsp-response`.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// Why there is no answer in it; `None` when there is one.
    pub fn refusal(&self) -> Option<OcspRefusal> {
        self.content.as_ref().err().copied()
    }

    pub(crate) fn refused(refusal: OcspRefusal) -> Self {
        Self { der: refusal.der().into(), content: Err(refusal) }
    }

    pub(super) fn content(&self) -> Result<&Basic, OcspRefusal> {
        self.content.as_deref().map_err(|refusal| *refusal)
    }

    pub(super) fn shared_der(&self) -> Arc<[u8]> {
        Arc::clone(&self.der)
    }
}

impl Basic {
    fn read(document: Document, der: Box<[u8]>) -> Result<Self, ParseError> {
        let broken = ParseError::der(document);
        let mut fields = Fields::of_sequence(&der).map_err(&broken)?;
        let signed = fields.sequence().map_err(&broken)?;
        fields.sequence().map_err(&broken)?;
        fields.required().and_then(|signature| signature.expect(Tag::BitString)).map_err(&broken)?;
        let mut certificates = Vec::new();
        if let Some(list) = fields.next().map_err(&broken)? {
            let mut list = Fields::of_sequence(explicit_zero(list.tag, list.content).map_err(&broken)?)
                .map_err(&broken)?;
            while let Some(certificate) = list.next().map_err(&broken)? {
                if certificates.len() == MOST_CERTIFICATES {
                    return Err(ParseError::malformed(document, "it carries more than 8 certificates"));
                }
                certificates.push(certificate.whole.into());
            }
        }
        if fields.next().map_err(&broken)?.is_some() {
            return Err(ParseError::malformed(document, "fields follow the certificates"));
        }
        let mut data = ResponseData::from_der(signed.whole).map_err(&broken)?;
        if data.responses.len() > MOST_SINGLES {
            return Err(ParseError::malformed(document, "it has more than 64 answers"));
        }
        let nonce = OcspNonce::among(document, data.extensions.as_deref().unwrap_or(&[]))?;
        let mut singles = Vec::new();
        for single in std::mem::take(&mut data.responses) {
            refuse_critical(document, single.extensions.as_deref().unwrap_or(&[]), &[])?;
            singles.push(Single {
                id: CertId::read(document, single.cert_id)?,
                status: CertStatus::read(&single.status),
                this_update: unix(single.this_update.into()),
                next_update: single.next_update.map(|at| unix(at.into())),
            });
        }
        Ok(Self { data, singles, nonce, certificates, der })
    }
}

impl PartialEq for OcspResponse {
    fn eq(&self, other: &Self) -> bool {
        self.der == other.der
    }
}

impl Eq for OcspResponse {}

impl fmt::Debug for OcspResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("OcspResponse");
        match self.content() {
            Ok(basic) => shown.field("answers", &basic.singles.len()).field("nonce", &basic.nonce),
            Err(refusal) => shown.field("refusal", &refusal),
        };
        shown.finish_non_exhaustive()
    }
}

/// The content of a field with the tag `[0]`.
fn explicit_zero(tag: Tag, content: &[u8]) -> der::Result<&[u8]> {
    match tag {
        Tag::ContextSpecific { constructed: true, number } if number.value() == 0 => Ok(content),
        other => Err(der::ErrorKind::TagUnexpected { expected: None, actual: other }.into()),
    }
}

const LARGEST: usize = 64 << 10;
const MOST_SINGLES: usize = 64;
const MOST_CERTIFICATES: usize = 8;

#[cfg(test)]
#[path = "response_tests.rs"]
mod tests;
