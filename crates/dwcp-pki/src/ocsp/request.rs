//! OCSP requests (RFC 6960 §4.1).

use super::asn1::{RequestFields, SingleRequest, TbsRequest, Version};
use super::cert_id::{CertId, CertIdHash};
use super::nonce::{OcspNonce, refuse_critical};
use crate::{Certificate, Document, ParseError, Serial};
use base64ct::{Base64, Encoding};
use der::{Decode, Encode};
use std::fmt;

/// A question about the standing of certificates, read or made. A clone copies at most 64 KiB.
///
/// A signature of whoever asks, its name, and extensions other than the nonce are passed over: they change no answer here.
#[derive(Clone, PartialEq, Eq)]
pub struct OcspRequest {
    der: Vec<u8>,
    ids: Vec<CertId>,
    nonce: Option<OcspNonce>,
}

impl OcspRequest {
    /// Asks about `certificate`, which `issuer` issued, without a nonce.
    ///
    /// # Errors
    /// [`ParseError::Der`] when `issuer` has a key that can not be named by a hash.
    pub fn for_certificate(
        certificate: &Certificate,
        issuer: &Certificate,
        hash: CertIdHash,
    ) -> Result<Self, ParseError> {
        let broken = ParseError::der(Document::OcspRequest);
        let id = CertId::new(certificate.serial(), &issuer.raw()?, hash).map_err(&broken)?;
        Self::of(vec![id], None)
    }

    /// The same question, to be answered afresh: a responder that knows nonces signs an answer for this one alone.
    ///
    /// # Errors
    /// None for a request that was made here; [`ParseError::Der`] if it can not be encoded.
    pub fn with_nonce(self, nonce: OcspNonce) -> Result<Self, ParseError> {
        Self::of(self.ids, Some(nonce))
    }

    /// Reads DER of at most 64 KiB that asks about 1 to 16 certificates: the body of a POST.
    ///
    /// # Errors
    /// [`ParseError::TooLarge`] before anything is read; [`ParseError::Malformed`] for more certificates, two nonces or one
    /// outside 1 to 128 octets (RFC 9654 §2.1), and critical extensions other than the nonce; [`ParseError::Serial`] for a
    /// serial that no certificate may have; [`ParseError::Der`] for the rest.
    pub fn from_der(der: &[u8]) -> Result<Self, ParseError> {
        let document = Document::OcspRequest;
        ParseError::check_size(document, der, LARGEST)?;
        let fields = RequestFields::from_der(der).map_err(ParseError::der(document))?.tbs_request;
        if fields.requests.is_empty() || fields.requests.len() > MOST_IDS {
            return Err(ParseError::malformed(document, "it asks about none or more than 16 certificates"));
        }
        let nonce = OcspNonce::among(document, fields.extensions.as_deref().unwrap_or(&[]))?;
        let read = |single: SingleRequest| {
            refuse_critical(document, single.extensions.as_deref().unwrap_or(&[]), &[])?;
            CertId::read(document, single.cert_id)
        };
        let ids = fields.requests.into_iter().map(read).collect::<Result<_, _>>()?;
        Ok(Self { der: der.to_vec(), ids, nonce })
    }

    /// Reads what follows the responder's own path and a slash in the URL of a GET: base64 of the DER, its `+`, `/` and `=`
    /// as such or percent-encoded (RFC 6960 appendix A.1). At most 8 KiB of text.
    ///
    /// # Errors
    /// [`ParseError::TooLarge`] before anything is read, [`ParseError::Malformed`] for what is not base64; otherwise as
    /// [`from_der`](Self::from_der).
    pub fn from_get_path(path: &str) -> Result<Self, ParseError> {
        let document = Document::OcspRequest;
        ParseError::check_size(document, path.as_bytes(), LONGEST_PATH)?;
        let refused = || ParseError::malformed(document, "its path is not percent-encoded base64");
        let text = percent_decoded(path).ok_or_else(refused)?;
        Self::from_der(&Base64::decode_vec(&text).map_err(|_| refused())?)
    }

    /// What follows the responder's URL and a slash in a GET: for requests without a nonce that caches may answer.
    pub fn to_get_path(&self) -> String {
        Base64::encode_string(&self.der).replace('+', "%2B").replace('/', "%2F").replace('=', "%3D")
    }

    /// The DER: the body of a POST, of type `application/ocsp-request`.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The nonce, if it has one.
    pub fn nonce(&self) -> Option<&OcspNonce> {
        self.nonce.as_ref()
    }

    /// The serials that it asks about, in order: 1 to 16.
    pub fn serials(&self) -> impl Iterator<Item = Serial> {
        self.ids.iter().map(|id| *id.serial())
    }

    pub(crate) fn ids(&self) -> &[CertId] {
        &self.ids
    }

    fn of(ids: Vec<CertId>, nonce: Option<OcspNonce>) -> Result<Self, ParseError> {
        let broken = ParseError::der(Document::OcspRequest);
        let extensions = nonce.as_ref().map(|nonce| nonce.to_extension().map(|one| vec![one]));
        let requests =
            ids.iter().map(|id| SingleRequest { cert_id: id.fields.clone(), extensions: None }).collect();
        let tbs_request = TbsRequest {
            version: Version::V1,
            requestor: None,
            requests,
            extensions: extensions.transpose().map_err(&broken)?,
        };
        let der = RequestFields { tbs_request, signature: None }.to_der().map_err(&broken)?;
        Ok(Self { der, ids, nonce })
    }
}

impl fmt::Debug for OcspRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OcspRequest")
            .field("serials", &self.serials().collect::<Vec<_>>())
            .field("nonce", &self.nonce)
            .finish_non_exhaustive()
    }
}

/// `%` and two digits are one octet (RFC 3986 §2.1); nothing but ASCII remains.
fn percent_decoded(path: &str) -> Option<String> {
    let mut rest = path.bytes();
    let mut text = String::with_capacity(path.len());
    while let Some(byte) = rest.next() {
        let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
        let code = match byte {
            b'%' => digit(rest.next())? << 4 | digit(rest.next())?,
            plain => u32::from(plain),
        };
        text.push(char::from_u32(code).filter(char::is_ascii)?);
    }
    Some(text)
}

const LARGEST: usize = 64 << 10;
/// RFC 5019 §2.1.1 asks for one; more are a courtesy that must stay cheap.
const MOST_IDS: usize = 16;
/// RFC 6960 appendix A.1 leaves a GET to requests of fewer than 255 bytes; a path of this size holds sixteen ids.
const LONGEST_PATH: usize = 8 << 10;
