//! Whether a server's certificate is for the name that was asked for (RFC 9525).

use crate::{Certificate, ChainFault, SubjectName, ValidationError};
use rustls_pki_types::{CertificateDer, DnsName, ServerName};
use webpki::EndEntityCert;

/// Checks that a server's leaf is for `name`: a DNS name, an IP address, or a SPIFFE ID as a URI.
///
/// DNS names are compared without regard to case, and a certificate may have `*` as its whole left-most label, which
/// stands for exactly one (RFC 9525 §6.3). Addresses match addresses alone, URIs are compared octet by octet and must
/// be SPIFFE IDs. The subject's common name is never looked at.
///
/// # Security
/// This says nothing about who issued the certificate; [`TrustStore::validate`](crate::TrustStore::validate) does.
///
/// # Errors
/// [`ChainFault::Name`] when it is for other names, or when `name` is a wildcard, a mail address, or a URI that is
/// no SPIFFE ID; [`ChainFault::Malformed`] when the leaf can not be read.
pub fn check_server_name(leaf: &CertificateDer<'_>, name: &SubjectName) -> Result<(), ValidationError> {
    bears(leaf, name).map_err(ValidationError::from)
}

fn bears(leaf: &CertificateDer<'_>, name: &SubjectName) -> Result<(), ChainFault> {
    let malformed = |what: String| ChainFault::Malformed { what };
    let other = || ChainFault::Name { expected: name.to_string() };
    match name {
        SubjectName::Uri(uri) => {
            name.spiffe_id().ok_or_else(other)?;
            let certificate = Certificate::from_der(leaf).map_err(|e| malformed(e.to_string()))?;
            let mut uris = certificate.names().iter().filter(|found| matches!(found, SubjectName::Uri(_)));
            // X.509-SVID §2: with a second URI beside it neither is an identity.
            match (uris.next(), uris.next()) {
                (Some(SubjectName::Uri(found)), None) if found == uri => Ok(()),
                _ => Err(other()),
            }
        }
        SubjectName::Dns(dns) => {
            let dns = DnsName::try_from(dns.as_str()).map_err(|_| other())?;
            check_host(leaf, &ServerName::DnsName(dns)).map_err(malformed)?.then_some(()).ok_or_else(other)
        }
        SubjectName::Ip(address) => {
            let address = ServerName::IpAddress((*address).into());
            check_host(leaf, &address).map_err(malformed)?.then_some(()).ok_or_else(other)
        }
        SubjectName::Email(_) => Err(other()),
    }
}

/// Whether `name` is met by one of `names`, by the rules of [`check_server_name`].
///
/// Over names that were read and checked before, so that a validated identity is asked and not its certificate, which may
/// carry more than its anchor vouches for.
pub(crate) fn names_include(names: &[SubjectName], name: &SubjectName) -> bool {
    match name {
        SubjectName::Uri(_) => name.spiffe_id().is_some() && names.contains(name),
        SubjectName::Dns(dns) => {
            // Whatever could not be asked for in a ClientHello is nobody's name.
            DnsName::try_from(dns.as_str()).is_ok()
                && names.iter().any(|found| matches!(found, SubjectName::Dns(found) if is_host(found, dns)))
        }
        SubjectName::Ip(_) => names.contains(name),
        SubjectName::Email(_) => false,
    }
}

/// RFC 9525 §6.3: case does not matter, and `*` as the whole left-most label stands for exactly one.
fn is_host(found: &str, asked: &str) -> bool {
    // RFC 1034 §3.1: a trailing dot says that the name is complete, as it is here in any case.
    let asked = asked.strip_suffix('.').unwrap_or(asked);
    match found.strip_prefix("*.") {
        Some(rest) => asked
            .split_once('.')
            .is_some_and(|(label, above)| !label.is_empty() && rest.eq_ignore_ascii_case(above)),
        None => found.eq_ignore_ascii_case(asked),
    }
}

fn check_host(leaf: &CertificateDer<'_>, name: &ServerName<'_>) -> Result<bool, String> {
    let certificate = EndEntityCert::try_from(leaf).map_err(|e| e.to_string())?;
    Ok(certificate.verify_is_valid_for_subject_name(name).is_ok())
}
