//! The certificates a peer presented, read once.

use super::anchor::{Anchor, signs_crls};
use super::link::Link;
use super::scope::{Place, Role};
use crate::fields::Fields;
use crate::{Certificate, KeyPin, MAX_PRESENTED, ValidationError};
use dwcp_base::UnixTime;
use rustls_pki_types::CertificateDer;
use std::sync::Arc;
use webpki::VerifiedPath;

/// A presented chain: the leaf, which must be readable, and the others, of which those that are not are ignored.
pub(super) struct Presented<'a> {
    pub(super) leaf: Certificate,
    pub(super) leaf_der: &'a CertificateDer<'a>,
    leaf_issuer: Arc<[u8]>,
    /// What is readable after the leaf, as it came, each once.
    pub(super) rest: Vec<CertificateDer<'a>>,
    others: Vec<Other>,
}

/// A certificate after the leaf.
struct Other {
    certificate: Certificate,
    /// The content of its subject's and its issuer's DER `Name`.
    subject: Arc<[u8]>,
    issuer: Arc<[u8]>,
    key: Arc<[u8]>,
    pin: KeyPin,
}

impl<'a> Presented<'a> {
    pub(super) fn read(chain: &'a [CertificateDer<'a>]) -> Result<Self, ValidationError> {
        if chain.len() > MAX_PRESENTED {
            return Err(ValidationError::TooMany { presented: chain.len(), limit: MAX_PRESENTED });
        }
        let (first, after) = chain.split_first().ok_or(ValidationError::Empty)?;
        let malformed =
            |error: &dyn std::error::Error| ValidationError::Malformed { what: error.to_string() };
        let leaf = Certificate::from_der(first).map_err(|e| malformed(&e))?;
        let leaf_issuer = name(leaf.raw().map_err(|e| malformed(&e))?.issuer).map_err(|e| malformed(&e))?;
        let (mut others, mut rest): (Vec<Other>, Vec<_>) = Default::default();
        for der in after {
            let Some(other) = Other::read(der) else { continue };
            if others.iter().any(|known| known.certificate == other.certificate) {
                continue;
            }
            // Paths branch only where several certificates bear the name that is looked for, and webpki walks 200 000
            // steps before it gives up: far too many for somebody who is not known yet.
            if others.iter().filter(|known| known.subject == other.subject).count() == MOST_OF_ONE_NAME {
                return Err(ValidationError::TooComplex);
            }
            rest.push(CertificateDer::from(&**der));
            others.push(other);
        }
        Ok(Self { leaf, leaf_der: first, leaf_issuer, rest, others })
    }

    /// The names of the issuers, leaf first, each once.
    pub(super) fn issuers(&self) -> impl Iterator<Item = &[u8]> {
        let all =
            || std::iter::once(&*self.leaf_issuer).chain(self.others.iter().map(|other| &*other.issuer));
        all()
            .enumerate()
            .filter(move |(at, name)| !all().take(*at).any(|earlier| earlier == *name))
            .map(|(_, n)| n)
    }

    /// A moment at which all of them were valid, if there is one: the latest start, but no later than the leaf's end.
    pub(super) fn common_moment(&self) -> UnixTime {
        let starts = self.others.iter().map(|other| other.certificate.not_before());
        starts.fold(self.leaf.not_before(), Ord::max).min(self.leaf.not_after())
    }

    /// The certificates of a path that webpki found, leaf first, each with its issuer.
    ///
    /// webpki looks at the extensions of an issuer but not at its keyCertSign (RFC 5280 §6.1.4 (n)): that is done here.
    pub(super) fn links(
        &self,
        path: &VerifiedPath<'_>,
        anchor: &Anchor,
    ) -> Result<Vec<Link>, ValidationError> {
        let mut issuers = Vec::new();
        for certificate in path.intermediate_certificates() {
            let found = self.others.iter().find(|other| other.certificate.der() == &*certificate.der());
            let Some(other) = found else {
                return Err(ValidationError::Malformed {
                    what: "an issuing certificate is not readable".to_owned(),
                });
            };
            if !other.certificate.is_authority() {
                return Err(ValidationError::Authority { why: "its key usage leaves out keyCertSign" });
            }
            issuers.push(other);
        }
        let subjects = std::iter::once(&self.leaf).chain(issuers.iter().map(|other| &other.certificate));
        let link = |(at, certificate): (usize, &Certificate)| {
            let (issuer, issuer_key, issuer_pin, issuer_certificate) = match issuers.get(at) {
                Some(other) => (Arc::clone(&other.subject), &other.key, other.pin, &other.certificate),
                None => (anchor.name().into(), &anchor.key, anchor.pin, &anchor.certificate),
            };
            Link {
                issuer,
                issuer_key: Arc::clone(issuer_key),
                issuer_pin,
                issuer_signs_crls: signs_crls(issuer_certificate),
                serial: certificate.serial(),
                place: Place::new(
                    if at == 0 { Role::Leaf } else { Role::Authority },
                    certificate.extensions().crl_points.as_deref(),
                ),
                pin: certificate.key_pin(),
                not_before: certificate.not_before(),
                not_after: certificate.not_after(),
            }
        };
        Ok(subjects.enumerate().map(link).collect())
    }
}

impl Other {
    fn read(der: &CertificateDer<'_>) -> Option<Self> {
        let certificate = Certificate::from_der(der).ok()?;
        let raw = certificate.raw().ok()?;
        let (subject, issuer) = (name(raw.subject).ok()?, name(raw.issuer).ok()?);
        let (key, pin) = (raw.key_info.into(), certificate.key_pin());
        Some(Self { certificate, subject, issuer, key, pin })
    }
}

/// The content of a DER `Name`, the form in which webpki compares names.
pub(super) fn name(whole: &[u8]) -> der::Result<Arc<[u8]>> {
    Ok(Fields::of_content(whole)?.sequence()?.content.into())
}

/// An authority that is certified by several others shows one certificate of each; more than two are rare.
const MOST_OF_ONE_NAME: usize = 4;
