//! Which certificate a refusal is about, where webpki does not say.

use super::leaf::Usages;
use super::presented::{Other, Presented};
use crate::{Certificate, ChainFault, ChainMember, ChainPlace, PurposeFault, ValidationError, signature};
use dwcp_base::UnixTime;
use webpki::EndEntityCert;

/// Adds the certificate that breaks the rule, found along the names: no signature is verified for it.
pub(super) fn attribute(
    fault: ChainFault,
    presented: &Presented<'_>,
    usages: Usages,
    at: UnixTime,
) -> ValidationError {
    let is_guilty = |place: ChainPlace, certificate: &Certificate| match &fault {
        ChainFault::Expired { not_after } => certificate.not_after().secs() == not_after.secs(),
        ChainFault::NotYetValid { .. } => certificate.not_before().secs() > at.secs(),
        ChainFault::Purpose { why: PurposeFault::Other } if place != ChainPlace::Leaf => {
            !usages.pass_through(certificate)
        }
        ChainFault::Purpose { .. } | ChainFault::Names { .. } | ChainFault::NameConstraint => {
            place == ChainPlace::Leaf
        }
        // Read by us, yet not by webpki.
        ChainFault::Malformed { .. } => EndEntityCert::try_from(certificate.certificate_der()).is_err(),
        ChainFault::WeakAlgorithm => !signature::is_accepted(certificate.der()),
        ChainFault::Authority { .. } => place != ChainPlace::Leaf && !certificate.is_authority(),
        _ => false,
    };
    let guilty = walk(presented).find(|(place, certificate)| is_guilty(*place, certificate));
    let error = ValidationError::from(fault.clone());
    match guilty {
        Some((place, certificate)) => error.of(ChainMember::new(place, certificate)),
        None => error,
    }
}

/// The refusal of a chain that leads to no anchor: the last certificate along the names is the one whose issuer is not known.
pub(super) fn no_anchor(presented: &Presented<'_>) -> ValidationError {
    let error = ValidationError::from(ChainFault::UnknownIssuer);
    match walk(presented).last() {
        Some((place, certificate)) => error.of(ChainMember::new(place, certificate)),
        None => error,
    }
}

/// The leaf, and what was presented above it along the names, each certificate once.
fn walk<'a>(presented: &'a Presented<'_>) -> impl Iterator<Item = (ChainPlace, &'a Certificate)> {
    let mut steps: Vec<(ChainPlace, &Certificate)> = vec![(ChainPlace::Leaf, &presented.leaf)];
    let mut wanted = presented.leaf_issuer();
    let mut left: Vec<&Other> = presented.others().iter().collect();
    while let Some(next) = left.iter().position(|other| *other.subject == *wanted) {
        let other = left.remove(next);
        steps.push((ChainPlace::Intermediate(steps.len()), &other.certificate));
        wanted = &other.issuer;
    }
    steps.into_iter()
}
