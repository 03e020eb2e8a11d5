//! Which certificates a CRL speaks for, and for which reasons (RFC 5280 §5.2.5, §6.3.3 (b) and (d)).

use crate::crl::{IssuingPoint, Point, Reasons, directory_name, points};
use std::sync::Arc;

/// For which reasons a list of the certificate's issuer speaks for a certificate of this place.
pub(super) fn covered(scope: Option<&IssuingPoint>, place: &Place) -> Reasons {
    let Some(scope) = scope else { return Reasons::ALL };
    let excluded = match place.role {
        Role::Leaf => scope.authorities_only,
        Role::Authority => scope.users_only,
    };
    if excluded {
        return Reasons::NONE;
    }
    // A list without a name of its point is found by its issuer's name, whatever points the certificate names.
    let Some(names) = &scope.names else { return scope.reasons };
    let named = |point: &&Point| point.names.iter().any(|name| names.contains(name));
    let by_point = place.points.iter().filter(named).map(|point| point.reasons);
    by_point.fold(Reasons::NONE, Reasons::or).and(scope.reasons)
}

/// Where a certificate stands among the certificates of its issuer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    role: Role,
    points: Arc<[Point]>,
}

/// Whether a certificate is the first of a path or issued another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Leaf,
    Authority,
}

impl Place {
    /// Reads a certificate's distribution points. Points that can not be read and those of other issuers lead to no CRL, so that a
    /// certificate with no others is covered by CRLs alone that name no point.
    ///
    /// A certificate that names none is at the point that bears its issuer's name, given as the content of the DER `Name` (RFC 5280
    /// §6.3.3). One that names some is not there besides: its issuer said where its CRL is, and a CRL of another part of the
    /// certificates proves nothing about it.
    pub(super) fn new(role: Role, crl_points: Option<&[u8]>, issuer: &[u8]) -> Self {
        let assumed =
            || directory_name(issuer).map(|name| Point { names: vec![name], reasons: Reasons::ALL });
        let points = match crl_points {
            Some(der) => points(der, issuer).unwrap_or_default(),
            None => assumed().into_iter().collect(),
        };
        Self { role, points: points.into() }
    }
}
