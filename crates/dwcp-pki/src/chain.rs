//! A certificate with those that lead from it towards a root, leaf first (RFC 9846 §4.4.2).

use crate::{Certificate, Document, ParseError, pem};
use rustls_pki_types::CertificateDer;

/// 1 to 16 certificates, the leaf first. What they prove is for a trust store to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateChain {
    leaf: Certificate,
    rest: Vec<Certificate>,
}

impl CertificateChain {
    /// A chain of certificates that were read before.
    ///
    /// # Errors
    /// [`ParseError::ChainLength`] for none or more than 16.
    pub fn new(certificates: Vec<Certificate>) -> Result<Self, ParseError> {
        if certificates.len() > MAX_PRESENTED {
            return Err(ParseError::ChainLength { limit: MAX_PRESENTED });
        }
        let mut all = certificates.into_iter();
        let leaf = all.next().ok_or(ParseError::ChainLength { limit: MAX_PRESENTED })?;
        Ok(Self { leaf, rest: all.collect() })
    }

    /// Reads a PEM file of at most 1 MiB; sections of other kinds are passed over.
    ///
    /// # Errors
    /// [`ParseError::ChainLength`] for more than 16 certificates; otherwise as [`Certificate::from_der`] for the first
    /// certificate that is bad.
    pub fn from_pem(text: &[u8]) -> Result<Self, ParseError> {
        let found: Vec<CertificateDer<'static>> =
            match pem::sections(Document::Certificate, text, pem::LARGEST_FILE, MAX_PRESENTED) {
                Err(ParseError::Malformed { .. }) => {
                    return Err(ParseError::ChainLength { limit: MAX_PRESENTED });
                }
                other => other?,
            };
        Self::from_der_list(&found)
    }

    /// Reads certificates as a handshake carries them.
    ///
    /// # Errors
    /// [`ParseError::ChainLength`] for none or more than 16, before any is parsed; otherwise as [`Certificate::from_der`].
    pub fn from_der_list(ders: &[CertificateDer<'_>]) -> Result<Self, ParseError> {
        if ders.len() > MAX_PRESENTED {
            return Err(ParseError::ChainLength { limit: MAX_PRESENTED });
        }
        Self::new(ders.iter().map(|der| Certificate::from_der(der)).collect::<Result<_, _>>()?)
    }

    /// The certificate of the subject itself.
    pub fn leaf(&self) -> &Certificate {
        &self.leaf
    }

    /// All of them, leaf first.
    pub fn iter(&self) -> impl Iterator<Item = &Certificate> {
        std::iter::once(&self.leaf).chain(&self.rest)
    }

    /// How many there are: 1 to 16.
    #[allow(clippy::len_without_is_empty, reason = "a chain is never empty")]
    pub fn len(&self) -> usize {
        self.rest.len() + 1
    }

    /// PEM sections, leaf first.
    pub fn to_pem(&self) -> String {
        self.iter().map(Certificate::to_pem).collect()
    }

    /// The DER of each, leaf first.
    pub fn ders(&self) -> Vec<CertificateDer<'static>> {
        self.iter().map(|certificate| certificate.certificate_der().clone()).collect()
    }
}

/// How many certificates a chain has at most, presented or read from a file: more are refused before any is looked at.
pub const MAX_PRESENTED: usize = 16;
