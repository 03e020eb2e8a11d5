//! One trust anchor: an authority's certificate, judged once when it is taken in.

use super::profile::{self, Form, Profile, ProfileRule};
use super::trust_error::TrustError;
use super::vouching::Vouches;
use crate::{Certificate, KeyPin};
use dwcp_base::UnixTime;
use rustls_pki_types::{CertificateDer, TrustAnchor};
use std::sync::Arc;

/// A certificate that chains may lead to. Cloning copies pointers and the few bytes that webpki compares.
#[derive(Clone)]
pub(crate) struct Anchor {
    pub(crate) certificate: Certificate,
    /// What webpki compares: the content of the name, the content of the key, name constraints.
    pub(crate) trust: TrustAnchor<'static>,
    /// The whole SubjectPublicKeyInfo.
    pub(crate) key: Arc<[u8]>,
    pub(crate) pin: KeyPin,
    pub(crate) form: Arc<Form>,
    /// For whom it vouches; nobody until a store takes it in.
    pub(super) vouches: Arc<Vouches>,
    /// What the mesh profile says of its form, which does not change.
    mesh: Result<(), ProfileRule>,
}

impl Anchor {
    /// Takes in an authority's certificate. Its signature is not checked: an anchor is trusted by being listed.
    pub(crate) fn new(der: &CertificateDer<'_>) -> Result<Self, TrustError> {
        let certificate = Certificate::from_der(der).map_err(TrustError::Anchor)?;
        if !certificate.is_authority() {
            return Err(TrustError::NotAnAuthority { subject: called(&certificate) });
        }
        // Reading an anchor alone would pass over critical extensions that are not understood (RFC 5280 §4.2).
        webpki::EndEntityCert::try_from(der).map_err(TrustError::AnchorUnusable)?;
        let trust = webpki::anchor_from_trusted_cert(der).map_err(TrustError::AnchorUnusable)?.to_owned();
        let key = certificate.raw().map_err(TrustError::Anchor)?.key_info.into();
        let pin = certificate.key_pin();
        let form = Arc::new(Form::read(&certificate).map_err(TrustError::Anchor)?);
        let mesh = profile::check_anchor(&form);
        Ok(Self { certificate, trust, key, pin, form, vouches: Arc::default(), mesh })
    }

    /// Whether its form is as the profile asks.
    pub(crate) fn suits(&self, profile: Profile) -> Result<(), ProfileRule> {
        if profile == Profile::Mesh { self.mesh } else { Ok(()) }
    }

    /// The content of its DER name.
    pub(crate) fn name(&self) -> &[u8] {
        self.trust.subject.as_ref()
    }

    pub(crate) fn is_valid_at(&self, now: UnixTime) -> bool {
        // Whole seconds, as webpki compares: the second that notAfter names still counts (RFC 5280 §4.1.2.5).
        self.certificate.not_before().secs() <= now.secs()
            && now.secs() <= self.certificate.not_after().secs()
    }
}

/// What to call a certificate that has perhaps no subject, as those of a mesh: its first name, or its serial number.
fn called(certificate: &Certificate) -> String {
    match (certificate.subject(), certificate.names().first()) {
        ("", Some(name)) => crate::certificate::printable(&name.to_string()),
        ("", None) => format!("serial {}", certificate.serial()),
        (subject, _) => subject.to_owned(),
    }
}

/// RFC 5280 §6.3.3 (f): a key usage that is present must name cRLSign; an absent one restricts nothing.
pub(crate) fn signs_crls(certificate: &Certificate) -> bool {
    certificate.extensions().key_usage.is_none_or(|usage| usage.crl_sign())
}
