//! Builds the certificates of authorities: roots, and those that another authority vouches for.

use super::issuance::{BACKDATED, check_signed_by, common_name, encoder_serial, encoder_time, new_serial};
use super::{AuthorityError, AuthorityParams, Line};
use crate::signer::Lent;
use crate::{Certificate, Serial};
use dwcp_base::UnixTime;
use dwcp_crypto::Signer;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyUsagePurpose};

/// A self-signed authority (RFC 5280 §4.2.1.9: cA and pathLen, critical; §4.2.1.3: keyCertSign and cRLSign).
pub(super) fn root(
    key: &dyn Signer,
    params: &AuthorityParams,
    now: UnixTime,
) -> Result<Certificate, AuthorityError> {
    let mut template = template(params, &new_serial()?, now.minus(BACKDATED), params.check(now)?)?;
    // Its list names this place, and who checks a whole chain asks the root about itself as well (OpenSSL: "different CRL scope").
    template.crl_distribution_points = params.urls.points();
    let built = template.self_signed(&Lent(key)).map_err(AuthorityError::encoding)?;
    let certificate = read_back(built.der())?;
    check_signed_by(certificate.der(), &certificate)?;
    Ok(certificate)
}

/// An authority below that of `line`, within its validity, its path length and its names.
pub(super) fn intermediate(
    key: &dyn Signer,
    params: &AuthorityParams,
    serial: &Serial,
    (line, issuer_key): (&Line, &dyn Signer),
    now: UnixTime,
) -> Result<Certificate, AuthorityError> {
    let wanted = params.check(now)?;
    let (from, to) = line.validity_at(now)?;
    if line.room_below().is_some_and(|room| params.path_length >= room) {
        return Err(AuthorityError::BadParameter {
            what: "the path length of the authority above leaves no room for this one below it",
        });
    }
    let mut template = template(params, serial, now.minus(BACKDATED).max(from), wanted.min(to))?;
    template.use_authority_key_identifier_extension = true;
    template.crl_distribution_points = line.urls().points();
    template.custom_extensions.extend(line.urls().access()?);
    let issuer = Issuer::from_ca_cert_der(line.own().certificate_der(), Lent(issuer_key))
        .map_err(AuthorityError::encoding)?;
    let built = template.signed_by(&Lent(key), &issuer).map_err(AuthorityError::encoding)?;
    let certificate = read_back(built.der())?;
    check_signed_by(certificate.der(), line.own())?;
    if certificate.serial() != *serial || certificate.path_length() != Some(params.path_length) {
        return Err(AuthorityError::Defective { rule: "it is not what it was made to be" });
    }
    Ok(certificate)
}

fn template(
    params: &AuthorityParams,
    serial: &Serial,
    not_before: UnixTime,
    not_after: UnixTime,
) -> Result<CertificateParams, AuthorityError> {
    let mut template = CertificateParams::default();
    template.distinguished_name = common_name(&params.common_name);
    template.serial_number = Some(encoder_serial(serial));
    template.not_before = encoder_time(not_before)?;
    template.not_after = encoder_time(not_after)?;
    template.is_ca = IsCa::Ca(BasicConstraints::Constrained(params.path_length));
    // digitalSignature: its key signs OCSP responses as well (RFC 5280 §4.2.1.3).
    template.key_usages =
        vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    template.name_constraints = params.constraints.encoder();
    Ok(template)
}

fn read_back(der: &[u8]) -> Result<Certificate, AuthorityError> {
    let certificate = Certificate::from_der(der).map_err(|source| AuthorityError::Certificate { source })?;
    if !certificate.is_authority() {
        return Err(AuthorityError::Defective { rule: "it is no authority" });
    }
    Ok(certificate)
}
