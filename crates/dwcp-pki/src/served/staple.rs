//! OCSP responses that are served beside a certificate (RFC 9846 §4.4.2.1).

use super::index::ServedCertificates;
use super::staple_error::StapleError;
use crate::{CertStatus, Certificate, OcspError, OcspResponse};
use dwcp_base::UnixTime;
use std::collections::HashMap;

/// A response that says of one certificate of this side that it is good: verified when it was installed, served until it lapses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Staple {
    der: Vec<u8>,
    this_update: UnixTime,
    until: UnixTime,
}

impl Staple {
    /// The DER, at most 16 KiB.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// When what it says was known to hold.
    pub fn this_update(&self) -> UnixTime {
        self.this_update
    }

    /// Until when it is served: its nextUpdate, the end of the responder's office, or seven days after its thisUpdate, whichever comes
    /// first. Peers of this stack believe it no longer than that.
    pub fn until(&self) -> UnixTime {
        self.until
    }

    /// Reads and verifies a response about `leaf`, which one of `issuers` issued.
    fn about(
        response: &OcspResponse,
        leaf: &Certificate,
        issuers: &[&Certificate],
        now: UnixTime,
    ) -> Result<Self, StapleError> {
        let mut why = OcspError::WrongIssuer;
        for issuer in issuers {
            match response.verify(leaf, issuer, None, now) {
                // Another certificate may be the issuer.
                Err(OcspError::WrongIssuer) => continue,
                Err(error) => {
                    why = error;
                    continue;
                }
                Ok(verdict) if verdict.status() != CertStatus::Good => {
                    return Err(StapleError::NotGood { serial: leaf.serial() });
                }
                Ok(_) => {}
            }
            let (verdict, until) = response
                .signed_by(issuer, now)
                .and_then(|signed| signed.standing(leaf, now))
                .map_err(StapleError::Unusable)?;
            return Ok(Self { der: response.der().to_vec(), this_update: verdict.this_update(), until });
        }
        Err(StapleError::Unusable(why))
    }
}

/// The staples of one generation, by the fingerprint of the leaf: at most one for each certificate that is shown.
#[derive(Clone, Debug, Default)]
pub(crate) struct Staples(HashMap<[u8; 32], Staple>);

impl Staples {
    pub(crate) fn of(&self, leaf: &Certificate) -> Option<&Staple> {
        self.0.get(&leaf.fingerprint())
    }

    /// Only those of certificates that are still shown.
    pub(crate) fn kept_for(&self, served: &ServedCertificates) -> Self {
        let leaves = served.iter().map(|certificate| certificate.credential().chain().leaf());
        Self(leaves.filter_map(|leaf| Some((leaf.fingerprint(), self.of(leaf)?.clone()))).collect())
    }

    /// With one more, in place of an older one for the same certificate.
    pub(crate) fn with(
        &self,
        der: &[u8],
        served: &ServedCertificates,
        anchors: &[&Certificate],
        now: UnixTime,
    ) -> Result<Self, StapleError> {
        if der.len() > LARGEST {
            return Err(StapleError::TooLarge { limit: LARGEST });
        }
        let response = OcspResponse::from_der(der).map_err(StapleError::Malformed)?;
        let mut taken = None;
        let mut staples = self.clone();
        for certificate in served.iter() {
            let chain = certificate.credential().chain();
            let leaf = chain.leaf();
            let issuers: Vec<&Certificate> = chain.iter().skip(1).chain(anchors.iter().copied()).collect();
            if !issuers.iter().any(|issuer| response.is_about(leaf, issuer)) {
                continue;
            }
            let staple = Staple::about(&response, leaf, &issuers, now)?;
            if self.of(leaf).is_some_and(|known| known.this_update > staple.this_update) {
                return Err(StapleError::Older { this_update: staple.this_update });
            }
            staples.0.insert(leaf.fingerprint(), staple);
            taken = Some(());
        }
        taken.map(|()| staples).ok_or(StapleError::OfNobody)
    }
}

/// As much as peers of this stack read.
const LARGEST: usize = 16 << 10;
