//! What a leaf must be and must not be, beyond its path.

use super::leaf_key;
use super::profile::{self, Form, Profile};
use crate::extensions::{ANY_USAGE, CLIENT_AUTH, SERVER_AUTH};
use crate::{Certificate, ChainFault, Purpose, PurposeFault, SubjectName};
use webpki::{ExtendedKeyUsageValidator, KeyPurposeIdIter, KeyUsage, RequiredEkuNotFoundContext};

/// Checks a leaf whose path is sound.
pub(super) fn check(leaf: &Certificate, form: &Form, usages: Usages) -> Result<(), ChainFault> {
    let raw = leaf.raw().map_err(|error| ChainFault::Malformed { what: error.to_string() })?;
    if !leaf_key::is_accepted(raw.key_info) {
        return Err(ChainFault::WeakAlgorithm);
    }
    check_purpose(leaf, usages).map_err(|why| ChainFault::Purpose { why })?;
    check_names(leaf.names(), usages).map_err(|why| ChainFault::Names { why })?;
    if usages.profile != Profile::Mesh {
        return Ok(());
    }
    profile::check_leaf(form, leaf).map_err(|rule| ChainFault::Profile { rule })
}

pub(super) fn check_purpose(leaf: &Certificate, usages: Usages) -> Result<(), PurposeFault> {
    let Usages { purpose, profile } = usages;
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
    let wanted = match purpose {
        Purpose::Server => &SERVER_AUTH,
        Purpose::Client => &CLIENT_AUTH,
        Purpose::Any => return Ok(()),
    };
    let purposes = &extensions.purposes;
    match profile {
        // RFC 5280 §4.2.1.12: what is not there restricts nothing.
        Profile::Interop if purposes.is_empty() || purposes.contains(&ANY_USAGE) => Ok(()),
        Profile::Mesh if purposes.is_empty() => Err(PurposeFault::Missing),
        Profile::Mesh if purposes.contains(&ANY_USAGE) => Err(PurposeFault::AnyUsage),
        _ if purposes.contains(wanted) => Ok(()),
        _ => Err(PurposeFault::Other),
    }
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
        if dns.contains('*') && usages.is_for_client() {
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
pub(super) struct Usages {
    /// The purpose that must be served.
    pub(super) purpose: Purpose,
    /// How strictly that is taken.
    pub(super) profile: Profile,
}

impl Usages {
    fn is_for_client(self) -> bool {
        self.purpose == Purpose::Client
    }

    /// Whether an authority with these extended key usages passes the purpose on.
    pub(super) fn pass_through(self, authority: &Certificate) -> bool {
        let Self { purpose, profile } = self;
        let purposes = &authority.extensions().purposes;
        let any = profile == Profile::Interop && purposes.contains(&ANY_USAGE);
        match purpose {
            _ if purposes.is_empty() || any => true,
            Purpose::Server => purposes.contains(&SERVER_AUTH),
            Purpose::Client => purposes.contains(&CLIENT_AUTH),
            Purpose::Any => true,
        }
    }
}

impl ExtendedKeyUsageValidator for Usages {
    fn validate(&self, present: KeyPurposeIdIter<'_, '_>) -> Result<(), webpki::Error> {
        let mut found = Vec::new();
        for usage in present {
            found.push(usage?.to_decoded_oid());
        }
        let Self { purpose, profile } = *self;
        let has = |wanted: &[usize]| found.iter().any(|usage| usage == wanted);
        let served = match purpose {
            Purpose::Server => has(KeyUsage::SERVER_AUTH_REPR),
            Purpose::Client => has(KeyUsage::CLIENT_AUTH_REPR),
            Purpose::Any => true,
        };
        if served || found.is_empty() || (profile == Profile::Interop && has(ANY_USAGE_ARCS)) {
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

/// anyExtendedKeyUsage (RFC 5280 §4.2.1.12).
const ANY_USAGE_ARCS: &[usize] = &[2, 5, 29, 37, 0];
