//! Which certificates a CRL speaks for (RFC 5280 §5.2.5), and where a certificate says that its CRL is (§4.2.1.13).

use der::Decode;
use std::sync::Arc;
use x509_cert::ext::pkix::name::{DistributionPointName, GeneralName};
use x509_cert::ext::pkix::{CrlDistributionPoints, crl::dp::IssuingDistributionPoint};

/// The issuing distribution point of a CRL that is not about all certificates of its issuer.
pub(super) struct Scope {
    role: Option<Role>,
    uris: Vec<Box<[u8]>>,
}

impl Scope {
    /// Reads the extension. What else it may say (some reasons only, other issuers, attribute certificates) was refused
    /// when the CRL was read.
    pub(super) fn read(der: &[u8]) -> der::Result<Self> {
        let point = IssuingDistributionPoint::from_der(der)?;
        let role = match (point.only_contains_user_certs, point.only_contains_ca_certs) {
            (false, false) => None,
            (true, false) => Some(Role::Leaf),
            (false, true) => Some(Role::Authority),
            (true, true) => return Err(der::ErrorKind::Failed.into()),
        };
        Ok(Self { role, uris: uris(point.distribution_point) })
    }

    /// Whether the CRL says something about a certificate of this place.
    ///
    /// A certificate that names no distribution point is in every scope of its role; one that names some needs one of the
    /// CRL's, whichever of its own it is.
    pub(super) fn covers(&self, place: &Place) -> bool {
        if self.role.is_some_and(|role| role != place.role) {
            return false;
        }
        match &place.points {
            None => true,
            Some(points) => points.iter().any(|point| self.uris.contains(point)),
        }
    }
}

/// Where a certificate stands among the certificates of its issuer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    role: Role,
    /// The URIs of its distribution points; `None` when it names no point at all.
    points: Option<Arc<[Box<[u8]>]>>,
}

/// Whether a certificate is the first of a path or issued another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Leaf,
    Authority,
}

impl Place {
    /// Reads a certificate's distribution points. Points that can not be read, are those of other issuers or of some
    /// reasons alone lead to no CRL, so that a certificate with no others is covered by unscoped CRLs alone.
    pub(super) fn new(role: Role, crl_points: Option<&[u8]>) -> Self {
        let read = |der: &[u8]| {
            let Ok(points) = CrlDistributionPoints::from_der(der) else { return Vec::new() };
            let plain = points.0.into_iter().filter(|p| p.crl_issuer.is_none() && p.reasons.is_none());
            plain.flat_map(|point| uris(point.distribution_point)).collect()
        };
        Self { role, points: crl_points.map(|der| read(der).into()) }
    }
}

fn uris(name: Option<DistributionPointName>) -> Vec<Box<[u8]>> {
    let Some(DistributionPointName::FullName(names)) = name else { return Vec::new() };
    let uri = |name: &GeneralName| match name {
        GeneralName::UniformResourceIdentifier(uri) => Some(uri.as_bytes().into()),
        _ => None,
    };
    names.iter().filter_map(uri).collect()
}
