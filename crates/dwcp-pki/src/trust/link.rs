//! One certificate of a validated path, reduced to what a later re-check needs.

use super::scope::Place;
use crate::{KeyPin, Serial};
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
    /// The certificate's own serial number.
    pub(crate) serial: Serial,
    /// Which scoped CRLs of its issuer speak for the certificate.
    pub(crate) place: Place,
    /// SHA-256 of the certificate's own key.
    pub(crate) pin: KeyPin,
    /// The start of the certificate's life.
    pub(crate) not_before: UnixTime,
    /// The end of the certificate's life.
    pub(crate) not_after: UnixTime,
}
