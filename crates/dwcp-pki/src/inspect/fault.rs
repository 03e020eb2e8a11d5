//! Why a document can not be shown at all: which field stopped the reading, and where.

use super::Fault;
use crate::Document;
use dwcp_base::{Blame, Coded};

/// Why nothing is shown of a file or of one document in it. No variant repeats bytes of the document.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InspectError {
    /// The file has more bytes than are read; nothing of it was parsed.
    #[error("it is larger than {limit} bytes")]
    TooLarge {
        /// The most bytes that are read.
        limit: usize,
    },
    /// The file has more PEM sections than are read.
    #[error("it has more than {limit} PEM sections")]
    TooMany {
        /// The most sections that are read.
        limit: usize,
    },
    /// There is nothing in the file.
    #[error("it is empty")]
    Empty,
    /// It is neither PEM nor the DER of a certificate, a request or a CRL.
    #[error("it is no certificate, certificate request or CRL, neither in PEM nor in DER")]
    Unknown,
    /// It is a private key, of which nothing is ever shown.
    #[error("it is a private key, and those are not shown")]
    PrivateKey,
    /// The PEM section has no end line, or another one.
    #[error("its PEM section has no matching END line")]
    NoEnd,
    /// What stands between the PEM lines is not base64 (RFC 7468 §3).
    #[error("its PEM section is not base64")]
    Base64,
    /// A field that the rest hangs on is not what its standard says.
    #[error("the {document} can not be read: its {field} is malformed")]
    Field {
        /// What was to be read.
        document: Document,
        /// The field's name in its standard.
        field: &'static str,
        /// What is wrong with it, and where.
        source: Fault,
    },
}

impl InspectError {
    /// For `map_err` while the fields of a document are read.
    pub(super) fn field(document: Document, field: &'static str) -> impl Fn(Fault) -> Self {
        move |source| Self::Field { document, field, source }
    }
}

impl Coded for InspectError {
    fn code(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } | Self::TooMany { .. } => "pki.document.oversized",
            Self::Empty | Self::Unknown => "pki.document.missing",
            Self::PrivateKey => "pki.document.secret",
            Self::NoEnd | Self::Base64 | Self::Field { .. } => "pki.document.malformed",
        }
    }

    /// Whoever made the document; a caller that read it from a file of its own knows better.
    fn blame(&self) -> Blame {
        Blame::Peer
    }
}
