//! Builds leaves, whose every field comes from the policy.

use super::Line;
use super::policy::{IssuancePolicy, Usage};
use super::{AuthorityError, Refusal};
use crate::extensions::{CLIENT_AUTH, SERVER_AUTH};
use crate::request::encoder_names;
use crate::signer::Lent;
use crate::{Certificate, CertificateRequest, Serial, SubjectName, signature};
use dwcp_base::UnixTime;
use dwcp_crypto::Signer;
use rcgen::{
    CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyUsagePurpose, SubjectPublicKeyInfo,
};
use std::time::Duration;
use time::OffsetDateTime;
use x509_cert::ext::pkix::{KeyUsage, KeyUsages};
use x509_cert::spki::ObjectIdentifier;

/// What a request gets, before it is signed.
pub(super) struct Grant {
    names: Vec<SubjectName>,
    not_before: UnixTime,
    not_after: UnixTime,
    usage: Usage,
}

impl Grant {
    /// Judges a request by the policy and by the issuer's own validity.
    pub(super) fn judge(
        request: &CertificateRequest,
        policy: &IssuancePolicy,
        line: &Line,
        now: UnixTime,
    ) -> Result<Self, AuthorityError> {
        let (from, to) = line.validity_at(now)?;
        if line.certificates().any(|issuer| request.key_pin() == issuer.key_pin()) {
            return Err(Refusal::AuthorityKey.into());
        }
        let names = granted_names(request, policy)?;
        line.judge(&names)?;
        check_wishes(request, policy.usage())?;
        let not_before = now.minus(BACKDATED).max(from);
        let not_after = now.plus(policy.ttl()).min(to);
        Ok(Self { names, not_before, not_after, usage: policy.usage() })
    }

    /// Signs the certificate and reads it back: what does not say exactly what was granted never leaves.
    pub(super) fn sign(
        &self,
        serial: &Serial,
        request: &CertificateRequest,
        line: &Line,
        key: &dyn Signer,
    ) -> Result<Certificate, AuthorityError> {
        let issuer = line.own();
        let defective = |rule| Err(AuthorityError::Defective { rule });
        let mut template = CertificateParams::default();
        // RFC 5280 §4.1.2.6: where no DNS name can be shown the subject is empty and the names extension critical.
        template.distinguished_name = match self.names.first() {
            Some(SubjectName::Dns(dns)) if dns.len() <= LONGEST_COMMON_NAME => common_name(dns),
            _ => DistinguishedName::new(),
        };
        template.serial_number = Some(encoder_serial(serial));
        template.not_before = encoder_time(self.not_before)?;
        template.not_after = encoder_time(self.not_after)?;
        template.subject_alt_names = encoder_names(&self.names)
            .map_err(|_| AuthorityError::Defective { rule: "a granted name can not be encoded" })?;
        template.is_ca = IsCa::ExplicitNoCa;
        template.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        template.extended_key_usages = self.usage.purposes();
        template.use_authority_key_identifier_extension = true;
        template.crl_distribution_points = line.urls().points();
        template.custom_extensions.extend(line.urls().access()?);
        let subject_key =
            SubjectPublicKeyInfo::from_der(request.key_info()).map_err(AuthorityError::encoding)?;
        let signer = Issuer::from_ca_cert_der(issuer.certificate_der(), Lent(key))
            .map_err(AuthorityError::encoding)?;
        let built = template.signed_by(&subject_key, &signer).map_err(AuthorityError::encoding)?;
        let certificate = Certificate::from_der(built.der())
            .map_err(|_| AuthorityError::Defective { rule: "the certificate does not read back" })?;
        check_signed_by(certificate.der(), issuer)?;
        let raw = |c: &Certificate, issuer_of: bool| {
            c.raw().map(|raw| if issuer_of { raw.issuer } else { raw.subject }.to_vec()).ok()
        };
        if raw(&certificate, true).is_none() || raw(&certificate, true) != raw(issuer, false) {
            return defective("it does not name its issuer as the issuer names itself");
        }
        if certificate.key_pin() != request.key_pin() || certificate.serial() != *serial {
            return defective("it is not for the key and serial it was made for");
        }
        if certificate.is_authority() || certificate.names() != self.names {
            return defective("it grants what was not granted");
        }
        let extensions = certificate.extensions();
        if extensions.key_usage != Some(KeyUsage(KeyUsages::DigitalSignature.into()))
            || extensions.purposes != purposes(self.usage)
        {
            return defective("it has other usages than were granted");
        }
        if certificate.not_before().secs() != self.not_before.secs()
            || certificate.not_after().secs() != self.not_after.secs()
        {
            return defective("it is valid at other times than were granted");
        }
        Ok(certificate)
    }
}

/// The names of the request, each once, if the policy grants every one of them.
fn granted_names(request: &CertificateRequest, policy: &IssuancePolicy) -> Result<Vec<SubjectName>, Refusal> {
    let mut names: Vec<SubjectName> = Vec::new();
    for name in request.names() {
        name.check().map_err(|source| Refusal::BadName { name: name.clone(), source })?;
        if !policy.names().allow(name) {
            return Err(Refusal::NameNotAllowed { name: name.clone() });
        }
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
    if names.is_empty() {
        return Err(Refusal::NoNames);
    }
    let uris = names.iter().filter(|name| matches!(name, SubjectName::Uri(_))).count();
    if uris > 1 && names.iter().any(|name| name.spiffe_id().is_some()) {
        return Err(Refusal::ManyIdentities);
    }
    Ok(names)
}

/// Refuses what is asked for beyond the policy by name, rather than drop it and let the asker believe.
///
/// Key usages that a signature does not need (keyEncipherment, which OpenSSL's default asks for) are not granted and not
/// refused; a subject key identifier is ours to choose.
fn check_wishes(request: &CertificateRequest, usage: Usage) -> Result<(), Refusal> {
    let wishes = request.wishes();
    if wishes.other_names {
        return Err(Refusal::NameKind);
    }
    if wishes.authority || wishes.key_usage.is_some_and(|k| k.key_cert_sign() || k.crl_sign()) {
        return Err(Refusal::AuthorityRights);
    }
    let granted = purposes(usage);
    if let Some(purpose) = wishes.purposes.iter().find(|purpose| !granted.contains(purpose)) {
        return Err(Refusal::Purpose { purpose: purpose.to_string() });
    }
    match wishes.others.first() {
        Some(extension) => Err(Refusal::Extension { extension: extension.to_string() }),
        None => Ok(()),
    }
}

fn purposes(usage: Usage) -> &'static [ObjectIdentifier] {
    match usage {
        Usage::Server => &[SERVER_AUTH],
        Usage::Client => &[CLIENT_AUTH],
        Usage::Both => &[SERVER_AUTH, CLIENT_AUTH],
    }
}

/// The signature of `der` under the issuer's key: a fault of the signer must not leave this process.
pub(super) fn check_signed_by(der: &[u8], issuer: &Certificate) -> Result<(), AuthorityError> {
    let raw = issuer.raw().map_err(|source| AuthorityError::Certificate { source })?;
    signature::verify(der, raw.key_info)
        .map_err(|_| AuthorityError::Defective { rule: "its signature does not verify" })
}

pub(super) fn new_serial() -> Result<Serial, AuthorityError> {
    Serial::random().map_err(|source| AuthorityError::Crypto { source })
}

pub(super) fn encoder_serial(serial: &Serial) -> rcgen::SerialNumber {
    rcgen::SerialNumber::from_slice(serial.as_be_bytes())
}

pub(super) fn encoder_time(at: UnixTime) -> Result<OffsetDateTime, AuthorityError> {
    // RFC 5280 §4.1.2.5.2: GeneralizedTime has four digits for the year and no sign.
    OffsetDateTime::from_unix_timestamp(at.secs())
        .ok()
        .filter(|date| (0..=9_999).contains(&date.year()))
        .ok_or(AuthorityError::BadParameter { what: "a date lies outside the years that can be written" })
}

pub(super) fn common_name(text: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, text);
    name
}

/// Clocks of the mesh may differ by this much.
pub(super) const BACKDATED: Duration = Duration::from_secs(60);
/// RFC 5280 appendix A.1.
pub(super) const LONGEST_COMMON_NAME: usize = 64;
