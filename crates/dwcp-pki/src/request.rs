//! Certificate signing requests: PKCS#10 with proof of possession (RFC 2986).

use crate::extensions::{ExtensionFacts, MOST_NAMES};
use crate::fields::Fields;
use crate::signature::{self, SignatureFault};
use crate::signer::Lent;
use crate::{Document, KeyPin, NameError, ParseError, SubjectName, certificate, pem};
use der::Decode;
use der::oid::AssociatedOid;
use dwcp_base::{Blame, Coded};
use dwcp_crypto::{KeyType, SigningKey};
use rcgen::{CertificateParams, DistinguishedName, SanType};
use rustls_pki_types::CertificateSigningRequestDer;
use std::fmt;
use x509_cert::request::{CertReq, ExtensionReq};

/// A request whose signature was checked: whoever made it holds the private key it names.
///
/// What it asks for is only that. An authority's policy says what it gets.
#[derive(Clone)]
pub struct CertificateRequest {
    der: CertificateSigningRequestDer<'static>,
    wishes: ExtensionFacts,
    key_info: Vec<u8>,
    key_pin: KeyPin,
}

impl CertificateRequest {
    /// Makes a request for `names` (1 to 256 of them) with the public half of `key`, signed by `key`.
    ///
    /// # Errors
    /// [`RequestError::Name`] for the first name that no certificate may carry, [`RequestError::NameCount`] for none or too
    /// many, [`RequestError::Signing`] when the key does not sign.
    pub fn generate(key: &SigningKey, names: &[SubjectName]) -> Result<Self, RequestError> {
        if names.is_empty() || names.len() > MOST_NAMES {
            return Err(RequestError::NameCount { limit: MOST_NAMES });
        }
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.subject_alt_names = encoder_names(names).map_err(|source| RequestError::Name { source })?;
        let request = params.serialize_request(&Lent(key)).map_err(|_| RequestError::Signing)?;
        // Reading it back proves that what leaves here would be accepted here.
        Self::from_der(request.der()).map_err(|source| RequestError::Unreadable { source })
    }

    /// Reads DER of at most 64 KiB and checks its signature against its own key: ECDSA on P-256 or P-384, Ed25519, or RSA
    /// of at least 2048 bits.
    ///
    /// # Errors
    /// [`ParseError::NoPossession`] when the signature does not match, [`ParseError::UnsupportedKey`] for other kinds of
    /// key; otherwise as [`Certificate::from_der`](crate::Certificate::from_der).
    pub fn from_der(der: &[u8]) -> Result<Self, ParseError> {
        let document = Document::Request;
        ParseError::check_size(document, der, certificate::LARGEST)?;
        let broken = ParseError::der(document);
        let parsed = CertReq::from_der(der).map_err(&broken)?;
        let signed = Fields::of_sequence(der).and_then(|mut f| f.sequence()).map_err(&broken)?;
        let mut fields = Fields::of_content(signed.content).map_err(&broken)?;
        fields.required().map_err(&broken)?;
        fields.sequence().map_err(&broken)?;
        let key_info = fields.sequence().map_err(&broken)?.whole.to_vec();
        signature::verify(der, &key_info).map_err(|fault| match fault {
            SignatureFault::Wrong => ParseError::NoPossession,
            SignatureFault::Unsupported => ParseError::UnsupportedKey { document },
        })?;
        let wishes = ExtensionFacts::read(document, &extensions(&parsed)?)?;
        let der = CertificateSigningRequestDer::from(der.to_vec());
        Ok(Self { der, wishes, key_pin: KeyPin::of_key_info(&key_info), key_info })
    }

    /// Reads a PEM file of at most 1 MiB that holds exactly one request.
    ///
    /// # Errors
    /// [`ParseError::Missing`] when there is none, [`ParseError::Pem`] when it is damaged; otherwise as
    /// [`from_der`](Self::from_der).
    pub fn from_pem(text: &[u8]) -> Result<Self, ParseError> {
        let der: CertificateSigningRequestDer<'static> =
            pem::section(Document::Request, text, pem::LARGEST_FILE)?;
        Self::from_der(&der)
    }

    /// The subject alternative names it asks for. A common name in the subject asks for nothing (RFC 9525 §2).
    pub fn names(&self) -> &[SubjectName] {
        &self.wishes.names
    }

    /// The pin of its public key.
    pub fn key_pin(&self) -> KeyPin {
        self.key_pin
    }

    /// The kind of its public key: an authority may take some alone.
    pub fn key_type(&self) -> KeyType {
        // A request whose signature was checked has a key of one of the four kinds; what is no other is RSA.
        signature::key_type(&self.key_info).unwrap_or(KeyType::Rsa)
    }

    /// The DER that was signed, byte for byte.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// One PEM section.
    pub fn to_pem(&self) -> String {
        pem::encode("CERTIFICATE REQUEST", &self.der)
    }

    pub(crate) fn wishes(&self) -> &ExtensionFacts {
        &self.wishes
    }

    /// The whole SubjectPublicKeyInfo.
    pub(crate) fn key_info(&self) -> &[u8] {
        &self.key_info
    }
}

impl fmt::Debug for CertificateRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CertificateRequest")
            .field("names", &self.wishes.names)
            .field("key_pin", &self.key_pin)
            .finish_non_exhaustive()
    }
}

/// Why no request was made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// There are no names, or too many.
    #[error("a request has 1 to {limit} names")]
    NameCount {
        /// The most names a request may have.
        limit: usize,
    },
    /// A name may not stand in a certificate.
    #[error("a name may not stand in a certificate")]
    Name {
        /// Which rule it breaks.
        source: NameError,
    },
    /// The key did not sign.
    #[error("the key did not sign the request")]
    Signing,
    /// What was made does not read back: a defect.
    #[error("the finished request does not read back")]
    Unreadable {
        /// What is wrong with it.
        source: ParseError,
    },
}

impl Coded for RequestError {
    fn code(&self) -> &'static str {
        match self {
            Self::NameCount { .. } | Self::Name { .. } => "pki.name.invalid",
            Self::Signing => "pki.request.unsigned",
            Self::Unreadable { .. } => "pki.request.unreadable",
        }
    }

    fn blame(&self) -> Blame {
        Blame::Local
    }
}

/// Names for the encoder, each checked first.
pub(crate) fn encoder_names(names: &[SubjectName]) -> Result<Vec<SanType>, NameError> {
    let text = |text: &String| text.as_str().try_into().map_err(|_| NameError::ForbiddenCharacter);
    let encode = |name: &SubjectName| {
        name.check()?;
        Ok(match name {
            SubjectName::Dns(dns) => SanType::DnsName(text(dns)?),
            SubjectName::Ip(address) => SanType::IpAddress(*address),
            SubjectName::Uri(uri) => SanType::URI(text(uri)?),
            SubjectName::Email(email) => SanType::Rfc822Name(text(email)?),
        })
    };
    names.iter().map(encode).collect()
}

/// The extensions asked for: in one attribute with one value (RFC 2985 §5.4.2), or none.
fn extensions(request: &CertReq) -> Result<Vec<x509_cert::ext::Extension>, ParseError> {
    let ambiguous =
        || ParseError::malformed(Document::Request, "it asks for extensions in more than one place");
    let mut found: Option<Vec<_>> = None;
    for attribute in request.info.attributes.iter().filter(|a| a.oid == ExtensionReq::OID) {
        let mut values = attribute.values.iter();
        let (Some(value), None, None) = (values.next(), values.next(), &found) else {
            return Err(ambiguous());
        };
        found = Some(value.decode_as().map_err(ParseError::der(Document::Request))?);
    }
    Ok(found.unwrap_or_default())
}
