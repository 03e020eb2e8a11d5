//! What a leaf must be and must not be, beyond its path.

use super::leaf_key;
use crate::extensions::{ANY_USAGE, CLIENT_AUTH, SERVER_AUTH};
use crate::{Certificate, Purpose, PurposeFault, SubjectName, ValidationError};
use webpki::{ExtendedKeyUsageValidator, KeyPurposeIdIter, KeyUsage, RequiredEkuNotFoundContext};

/// Checks a leaf whose path is sound.
pub(super) fn check(leaf: &Certificate, usages: Usages) -> Result<(), ValidationError> {
    let raw = leaf.raw().map_err(|error| ValidationError::Malformed { what: error.to_string() })?;
    if !leaf_key::is_accepted(raw.key_info) {
        return Err(ValidationError::WeakAlgorithm);
    }
    check_purpose(leaf, usages).map_err(|why| ValidationError::Purpose { why })?;
    check_names(leaf.names(), usages).map_err(|why| ValidationError::Names { why })
}

pub(super) fn check_purpose(leaf: &Certificate, usages: Usages) -> Result<(), PurposeFault> {
    let Usages::For(purpose) = usages else { return Ok(()) };
    let extensions = leaf.extensions();
    if extensions.authority {
        return Err(PurposeFault::IsAuthority);
    }
    if let Some(usage) = extensions.key_usage {
        if !usage.digital_signature() {
            return Err(PurposeFault::CanNotSign);
        }
        // X.509-SVID §4.3: a leaf sets neither.
        if usage.key_cert_sign() || usage.crl_sign() {
            return Err(PurposeFault::IsAuthority);
        }
    }
    let purposes = &extensions.purposes;
    if purposes.is_empty() {
        return Err(PurposeFault::Missing);
    }
    if purposes.contains(&ANY_USAGE) {
        return Err(PurposeFault::AnyUsage);
    }
    let served = match purpose {
        Purpose::Server => purposes.contains(&SERVER_AUTH),
        Purpose::Client => purposes.contains(&CLIENT_AUTH),
        Purpose::Any => purposes.contains(&SERVER_AUTH) || purposes.contains(&CLIENT_AUTH),
    };
    if served { Ok(()) } else { Err(PurposeFault::Other) }
}

fn check_names(names: &[SubjectName], usages: Usages) -> Result<(), &'static str> {
    let uris =
        || names.iter().filter_map(|name| if let SubjectName::Uri(uri) = name { Some(uri) } else { None });
    let is_spiffe = |uri: &String| uri.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case("spiffe:"));
    if uris().any(is_spiffe) {
        // X.509-SVID §2: exactly one URI, and it is the identity.
        if uris().count() != 1 {
            return Err("a SPIFFE certificate has exactly one URI");
        }
        if names.iter().all(|name| name.spiffe_id().is_none()) {
            return Err("the URI is not a valid SPIFFE ID");
        }
    }
    for name in names {
        let SubjectName::Dns(dns) = name else { continue };
        if dns.contains('*') && usages == Usages::For(Purpose::Client) {
            return Err("a client has no wildcard name");
        }
        if name.check().is_err() {
            return Err("a DNS name is malformed or an IP address");
        }
    }
    Ok(())
}

/// What webpki asks of the extended key usages along a path: an authority that has none is not restricted; one that has some
/// passes on only those. That the leaf has some is checked by [`check`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Usages {
    /// The purpose must be served.
    For(Purpose),
    /// Usage does not matter: the search is for revoked certificates alone.
    Whatever,
}

impl ExtendedKeyUsageValidator for Usages {
    fn validate(&self, present: KeyPurposeIdIter<'_, '_>) -> Result<(), webpki::Error> {
        let mut found = Vec::new();
        for usage in present {
            found.push(usage?.to_decoded_oid());
        }
        let Self::For(purpose) = *self else { return Ok(()) };
        let has = |wanted: &[usize]| found.iter().any(|usage| usage == wanted);
        let served = match purpose {
            Purpose::Server => has(KeyUsage::SERVER_AUTH_REPR),
            Purpose::Client => has(KeyUsage::CLIENT_AUTH_REPR),
            Purpose::Any => has(KeyUsage::SERVER_AUTH_REPR) || has(KeyUsage::CLIENT_AUTH_REPR),
        };
        if served || found.is_empty() {
            return Ok(());
        }
        let required =
            if purpose == Purpose::Server { KeyUsage::server_auth() } else { KeyUsage::client_auth() };
        Err(webpki::Error::RequiredEkuNotFoundContext(RequiredEkuNotFoundContext {
            required,
            present: found,
        }))
    }
}
