//! Why bytes are no certificate, chain, request, CRL or key.

use crate::NameError;
use dwcp_base::{Blame, Coded};
use std::fmt;

/// The kinds of document this crate reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Document {
    /// An X.509 certificate (RFC 5280 §4).
    Certificate,
    /// A PKCS#10 certificate signing request (RFC 2986).
    Request,
    /// A certificate revocation list (RFC 5280 §5).
    Crl,
    /// A private key in PKCS#8 (RFC 5958).
    PrivateKey,
    /// An OCSP request (RFC 6960 §4.1).
    OcspRequest,
    /// An OCSP response (RFC 6960 §4.2).
    OcspResponse,
}

impl fmt::Display for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Certificate => "certificate",
            Self::Request => "certificate request",
            Self::Crl => "CRL",
            Self::PrivateKey => "private key",
            Self::OcspRequest => "OCSP request",
            Self::OcspResponse => "OCSP response",
        })
    }
}

/// Why a document was not read. No variant repeats bytes of the document.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseError {
    /// The bytes are more than a document of this kind may have; nothing of them was parsed.
    #[error("the {document} is larger than {limit} bytes")]
    TooLarge {
        /// What was to be read.
        document: Document,
        /// The most bytes that are read.
        limit: usize,
    },
    /// The file has no PEM section of this kind.
    #[error("there is no PEM {document}")]
    Missing {
        /// What was looked for.
        document: Document,
    },
    /// A PEM section is damaged: no end line, or text that is not base64 (RFC 7468).
    #[error("the PEM {document} is damaged")]
    Pem {
        /// What was to be read.
        document: Document,
    },
    /// The structure is not what its standard says.
    #[error("the {document} is malformed: {rule}")]
    Malformed {
        /// What was to be read.
        document: Document,
        /// The rule that is broken.
        rule: &'static str,
    },
    /// The DER itself is broken, or a field is of the wrong type.
    #[error("the {document} is not valid DER")]
    Der {
        /// What was to be read.
        document: Document,
        /// Where and how.
        source: der::Error,
    },
    /// A serial number is zero, negative, longer than 20 octets or not canonical (RFC 5280 §4.1.2.2).
    #[error("a serial number must be positive, canonical and at most 20 octets")]
    Serial,
    /// A name in it breaks the rules for names.
    #[error("a name in the {document} is not acceptable")]
    Name {
        /// What was to be read.
        document: Document,
        /// Which rule.
        source: NameError,
    },
    /// A chain has no certificate or more than 16.
    #[error("a chain has 1 to {limit} certificates")]
    ChainLength {
        /// The most certificates a chain may have.
        limit: usize,
    },
    /// The key is of a kind, size or encoding that is not supported.
    #[error("the key of the {document} is of an unsupported kind")]
    UnsupportedKey {
        /// What was to be read.
        document: Document,
    },
    /// The request is not signed with the key it names: no proof of possession (RFC 2986 §3).
    #[error("the certificate request is not signed with its own key")]
    NoPossession,
}

impl ParseError {
    pub(crate) fn malformed(document: Document, rule: &'static str) -> Self {
        Self::Malformed { document, rule }
    }

    /// For `map_err` on results of the DER layer.
    pub(crate) fn der(document: Document) -> impl Fn(der::Error) -> Self {
        move |source| Self::Der { document, source }
    }

    pub(crate) fn check_size(document: Document, bytes: &[u8], limit: usize) -> Result<(), Self> {
        if bytes.len() > limit {
            return Err(Self::TooLarge { document, limit });
        }
        Ok(())
    }
}

impl Coded for ParseError {
    fn code(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "pki.document.oversized",
            Self::Missing { .. } => "pki.document.missing",
            Self::Pem { .. } | Self::Malformed { .. } | Self::Der { .. } => "pki.document.malformed",
            Self::Serial => "pki.serial.invalid",
            Self::Name { .. } => "pki.name.invalid",
            Self::ChainLength { .. } => "pki.chain.length",
            Self::UnsupportedKey { .. } => "pki.key.unsupported",
            Self::NoPossession => "pki.request.unproven",
        }
    }

    /// Whoever made the document; a caller that read it from a file of its own knows better.
    fn blame(&self) -> Blame {
        Blame::Peer
    }
}
