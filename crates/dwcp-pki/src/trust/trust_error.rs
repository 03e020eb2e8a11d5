//! Why a trust store can not be made.

use super::bundle::{MAX_BUNDLE_ANCHORS, MAX_BUNDLES};
use super::store::{MAX_ANCHORS, MAX_CRLS};
use crate::{ParseError, TrustDomain};
use dwcp_base::{Blame, Coded};
use thiserror::Error;

/// Why a trust store can not be made of what was given.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TrustError {
    /// There is no anchor, so nobody could ever be accepted.
    #[error("there is no trust anchor")]
    NoAnchor,
    /// An anchor is no certificate.
    #[error("a trust anchor is not readable")]
    Anchor(#[source] ParseError),
    /// An anchor uses something that path building does not support.
    #[error("a trust anchor can not be used")]
    AnchorUnusable(#[source] webpki::Error),
    /// A certificate was given as anchor that is not an authority's, or whose key usage leaves out keyCertSign.
    #[error("{subject} is not the certificate of an authority")]
    NotAnAuthority {
        /// Its subject; its first name or its serial number where it has none.
        subject: String,
    },
    /// The scope of a CRL can not be read.
    #[error("a CRL can not be used")]
    Crl(#[source] ParseError),
    /// A CRL has no number (RFC 5280 §5.2.3), so that it could not be told from an older one.
    #[error("the CRL of {issuer} has no number")]
    CrlUnnumbered {
        /// Its issuer.
        issuer: String,
    },
    /// More anchors or CRLs than are taken in.
    #[error("more than {MAX_ANCHORS} anchors or {MAX_CRLS} CRLs")]
    TooMany,
    /// A bundle without anchors would make its trust domain vanish; one of very many is none.
    #[error("the bundle of {domain} has {anchors} anchors; 1 to {MAX_BUNDLE_ANCHORS} are taken in")]
    BundleSize {
        /// Its trust domain.
        domain: TrustDomain,
        /// How many anchors were given.
        anchors: usize,
    },
    /// More trust domains than are taken in.
    #[error("more than {MAX_BUNDLES} trust domains have bundles")]
    TooManyBundles,
}

impl Coded for TrustError {
    fn code(&self) -> &'static str {
        match self {
            Self::NoAnchor => "pki.trust.empty",
            Self::Anchor(_) | Self::AnchorUnusable(_) => "pki.trust.anchor_malformed",
            Self::NotAnAuthority { .. } => "pki.trust.anchor_not_authority",
            Self::Crl(_) | Self::CrlUnnumbered { .. } => "pki.trust.crl_malformed",
            Self::TooMany | Self::TooManyBundles => "pki.trust.too_many",
            Self::BundleSize { .. } => "pki.trust.bundle_size",
        }
    }

    fn blame(&self) -> Blame {
        Blame::Local
    }
}
