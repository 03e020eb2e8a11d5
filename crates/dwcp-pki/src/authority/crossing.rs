//! Certifies a root that takes over: its name and its key, under this authority.

use super::issuance::{check_signed_by, encoder_serial, encoder_time};
use super::{AuthorityError, CertificateAuthority, IssuedEntry, NameConstraints, Refusal};
use crate::inspect::{DistinguishedName, ExtensionValue, Parts};
use crate::signer::Lent;
use crate::{Certificate, Event, Serial};
use dwcp_base::UnixTime;
use rcgen::{
    BasicConstraints, CertificateParams, IsCa, Issuer, KeyIdMethod, KeyUsagePurpose, SubjectPublicKeyInfo,
};
use std::time::Duration;

impl CertificateAuthority {
    /// A certificate of another root, by this authority: what the other one issues leads, with this certificate beside it,
    /// also to whoever trusts this authority's root alone, for at most `lifetime`.
    ///
    /// Name, key, key identifier and name constraints are the other root's, validity and path length the narrower of both. It is in
    /// the index like all that is issued, and can be revoked.
    ///
    /// # Security
    /// Whoever holds the other root's key becomes an authority below this one, for every name that this one has. It is meant for
    /// the next root of the same owner.
    ///
    /// # Errors
    /// [`AuthorityError::BadParameter`] when the other is no self-signed authority, when its name is not a common name alone, or when
    /// the path length leaves no room; [`Refusal::AuthorityKey`] when both have one key; [`AuthorityError::Expired`]; else as
    /// [`issue`](Self::issue).
    pub fn cross_sign(
        &self,
        root: &Certificate,
        lifetime: Duration,
        now: UnixTime,
    ) -> Result<Certificate, AuthorityError> {
        let bad = |what| AuthorityError::BadParameter { what };
        let raw = root.raw().map_err(|source| AuthorityError::Certificate { source })?;
        if !root.is_authority() || raw.issuer != raw.subject || check_signed_by(root.der(), root).is_err() {
            return Err(bad("the certificate is no self-signed authority's"));
        }
        if self.line.certificates().any(|above| above.key_pin() == root.key_pin()) {
            return Err(Refusal::AuthorityKey.into());
        }
        let (from, to) = self.line.validity_at(now)?;
        let not_before = from.max(root.not_before());
        let not_after = to.min(root.not_after()).min(now.plus(lifetime));
        if not_after <= now || not_before > now {
            return Err(bad("the other root is not valid now"));
        }
        let room = match self.line.room_below() {
            None => None,
            Some(0) => {
                return Err(bad("the path length of this authority leaves no room for another below it"));
            }
            Some(room) => Some(room - 1),
        };
        let path_length = room.into_iter().chain(root.path_length()).min();
        let serial = self.fresh_serial()?;
        let mut template = template(root, &serial)?;
        template.not_before = encoder_time(not_before)?;
        template.not_after = encoder_time(not_after)?;
        let limit = path_length.map_or(BasicConstraints::Unconstrained, BasicConstraints::Constrained);
        template.is_ca = IsCa::Ca(limit);
        template.crl_distribution_points = self.line.urls().points();
        template.custom_extensions.extend(self.line.urls().access()?);
        let key = SubjectPublicKeyInfo::from_der(raw.key_info).map_err(AuthorityError::encoding)?;
        let issuer = Issuer::from_ca_cert_der(self.line.own().certificate_der(), Lent(&*self.key))
            .map_err(AuthorityError::encoding)?;
        let built = template.signed_by(&key, &issuer).map_err(AuthorityError::encoding)?;
        let crossed =
            Certificate::from_der(built.der()).map_err(|source| AuthorityError::Certificate { source })?;
        check_signed_by(crossed.der(), self.line.own())?;
        let made = crossed.raw().map_err(|source| AuthorityError::Certificate { source })?;
        if made.subject != raw.subject || made.key_info != raw.key_info {
            return Err(bad("the name of the other root is more than a common name as it is written here"));
        }
        if crossed.serial() != serial || crossed.path_length() != path_length || !crossed.is_authority() {
            return Err(AuthorityError::Defective { rule: "it is not what it was made to be" });
        }
        self.index.issue(IssuedEntry::of(&crossed, now), None)?;
        self.observer.observe(&Event::CertificateIssued { serial, not_after });
        Ok(crossed)
    }
}

/// What the other root is: name, key identifier, and the names it is bound to.
fn template(root: &Certificate, serial: &Serial) -> Result<CertificateParams, AuthorityError> {
    let unreadable =
        || AuthorityError::BadParameter { what: "the certificate of the other root is not readable" };
    let raw = root.raw().map_err(|source| AuthorityError::Certificate { source })?;
    let name = DistinguishedName::from_der(raw.subject).map_err(|_| unreadable())?;
    let parts = Parts::read(root.der()).map_err(|_| unreadable())?;
    let key_id = parts.extensions.iter().find_map(|extension| match &extension.value {
        Ok(ExtensionValue::SubjectKeyId(id)) => Some(id.clone()),
        _ => None,
    });
    let mut template = CertificateParams::default();
    template.distinguished_name = rcgen::DistinguishedName::new();
    for attribute in name.attributes.iter().filter(|attribute| attribute.oid.name() == Some("CN")) {
        template.distinguished_name.push(rcgen::DnType::CommonName, attribute.value.as_str());
    }
    template.serial_number = Some(encoder_serial(serial));
    template.key_usages =
        vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    template.name_constraints = NameConstraints::of(root)?.encoder();
    template.use_authority_key_identifier_extension = true;
    // What it issued names this one; another would be another issuer to a strict reader.
    if let Some(id) = key_id {
        template.key_identifier_method = KeyIdMethod::PreSpecified(id);
    }
    Ok(template)
}
