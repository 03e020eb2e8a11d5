//! The anchors of somebody else's trust domain (SPIFFE Trust Domain and Bundle §3).

use super::anchor::Anchor;
use super::presented;
use super::trust_error::TrustError;
use crate::{Certificate, Crl, TrustDomain, signature};
use rustls_pki_types::CertificateDer;
use std::fmt;

/// A trust domain and the anchors that vouch for its SPIFFE IDs: 1 to 256 of them, each once.
///
/// # Security
/// In [`TrustStore::with_bundles`](crate::TrustStore::with_bundles) such an anchor vouches for SPIFFE IDs of this trust
/// domain and for nothing else: no DNS name, no address, no mail address, no other trust domain.
#[derive(Clone)]
pub struct TrustBundle {
    domain: TrustDomain,
    pub(super) anchors: Vec<Anchor>,
}

impl TrustBundle {
    /// A bundle of these anchors. One outside its validity is taken in and refused when a chain leads to it.
    ///
    /// # Errors
    /// [`TrustError`] when there is no anchor or there are more than 256, and when one is no certificate of an authority.
    pub fn new(domain: TrustDomain, anchors: Vec<CertificateDer<'static>>) -> Result<Self, TrustError> {
        if anchors.is_empty() || anchors.len() > MAX_BUNDLE_ANCHORS {
            return Err(TrustError::BundleSize { domain, anchors: anchors.len() });
        }
        let mut bundle = Self { domain, anchors: Vec::with_capacity(anchors.len()) };
        for der in &anchors {
            if bundle.anchors.iter().all(|known| known.certificate.der() != &**der) {
                bundle.anchors.push(Anchor::new(der)?);
            }
        }
        Ok(bundle)
    }

    /// The trust domain.
    pub fn trust_domain(&self) -> &TrustDomain {
        &self.domain
    }

    /// The anchors' certificates.
    pub fn anchors(&self) -> impl Iterator<Item = &Certificate> {
        self.anchors.iter().map(|anchor| &anchor.certificate)
    }

    /// Whether one of the anchors issued a list: it bears the anchor's name and verifies under its key.
    pub fn signed(&self, list: &Crl) -> bool {
        // A name that can not be read is nobody's.
        let Ok(issuer) = presented::name(list.raw_issuer()) else { return false };
        let mut named = self.anchors.iter().filter(|anchor| *anchor.name() == *issuer);
        named.any(|anchor| signature::verify(list.der(), &anchor.key).is_ok())
    }
}

impl fmt::Debug for TrustBundle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("TrustBundle");
        shown.field("domain", &self.domain).field("anchors", &self.anchors.len()).finish()
    }
}

pub(super) const MAX_BUNDLE_ANCHORS: usize = 256;
/// How many trust domains one store has bundles of.
pub(super) const MAX_BUNDLES: usize = 256;
