//! One certificate of a validated path, reduced to what a later re-check needs.

use super::crl_signers::CrlSigner;
use super::evidence::Voucher;
use super::scope::{Place, Role};
use crate::{Certificate, KeyPin, Serial};
use dwcp_base::UnixTime;
use std::sync::Arc;

/// A certificate below the anchor and who signed it.
#[derive(Clone)]
pub(crate) struct Link {
    /// The issuer's name: the content of the DER `Name`, without its header.
    pub(crate) issuer: Arc<[u8]>,
    /// The issuer's SubjectPublicKeyInfo, whole.
    pub(crate) issuer_key: Arc<[u8]>,
    /// SHA-256 of `issuer_key`.
    pub(crate) issuer_pin: KeyPin,
    /// Whether the issuer's own certificate lets it sign CRLs.
    pub(crate) issuer_signs_crls: bool,
    /// Keys besides `issuer_key` that sign the issuer's CRLs.
    pub(crate) crl_signers: Arc<[CrlSigner]>,
    /// The certificate's own serial number.
    pub(crate) serial: Serial,
    /// Which scoped CRLs of its issuer speak for the certificate.
    pub(crate) place: Place,
    /// SHA-256 of the certificate's own key.
    pub(crate) pin: KeyPin,
    /// SHA-256 of the certificate, by which a report finds it again.
    pub(crate) fingerprint: [u8; 32],
    /// The response that says that it is not revoked.
    pub(crate) voucher: Option<Voucher>,
    /// The start of the certificate's life.
    pub(crate) not_before: UnixTime,
    /// The end of the certificate's life.
    pub(crate) not_after: UnixTime,
}

impl Link {
    /// A certificate and its issuer's name, key and pin.
    pub(super) fn new(
        certificate: &Certificate,
        role: Role,
        (issuer, issuer_key, issuer_pin): (Arc<[u8]>, Arc<[u8]>, KeyPin),
        issuer_signs_crls: bool,
    ) -> Self {
        // RFC 5280 §6.3.3 (b)(2)(ii): the certificate says what it is, wherever it stands.
        let role = if certificate.extensions().authority { Role::Authority } else { role };
        let place = Place::new(role, certificate.extensions().crl_points.as_deref(), &issuer);
        Self {
            issuer,
            issuer_key,
            issuer_pin,
            issuer_signs_crls,
            crl_signers: Arc::from([]),
            serial: certificate.serial(),
            place,
            voucher: None,
            pin: certificate.key_pin(),
            fingerprint: certificate.fingerprint(),
            not_before: certificate.not_before(),
            not_after: certificate.not_after(),
        }
    }

    /// The keys whose CRLs are its issuer's, each with whether it may sign them.
    pub(super) fn keys_for_crls(&self) -> impl Iterator<Item = (&KeyPin, bool)> {
        let others = self.crl_signers.iter().map(|signer| (&signer.pin, true));
        std::iter::once((&self.issuer_pin, self.issuer_signs_crls)).chain(others)
    }

    /// Whether `now` is within the certificate's validity; whole seconds, both ends included (RFC 5280 §4.1.2.5).
    pub(super) fn is_valid_at(&self, now: UnixTime) -> bool {
        self.not_before.secs() <= now.secs() && now.secs() <= self.not_after.secs()
    }
}
