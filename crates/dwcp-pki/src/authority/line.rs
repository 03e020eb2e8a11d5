//! An authority's own certificate with those of the authorities above it, up to the root.

use super::{AuthorityError, AuthorityUrls, NameConstraints, Refusal};
use crate::{Certificate, CertificateChain, MAX_PRESENTED, SubjectName, signature};
use dwcp_base::UnixTime;
use std::path::Path;

/// From the authority to its root, each signed by the next.
#[derive(Clone, Debug)]
pub(super) struct Line {
    own: Certificate,
    /// Nothing for a root; else it ends with one.
    above: Vec<Certificate>,
    /// Of all of them: each binds what is below it.
    constraints: Vec<NameConstraints>,
    urls: AuthorityUrls,
}

impl Line {
    /// Reads what the certificates say, once.
    pub(super) fn new(
        own: Certificate,
        above: Vec<Certificate>,
        urls: AuthorityUrls,
    ) -> Result<Self, AuthorityError> {
        let constraints =
            std::iter::once(&own).chain(&above).map(NameConstraints::of).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { own, above, constraints, urls })
    }

    /// The authority's own certificate.
    pub(super) fn own(&self) -> &Certificate {
        &self.own
    }

    /// Those above it, the root last; empty for a root.
    pub(super) fn above(&self) -> &[Certificate] {
        &self.above
    }

    /// What relying parties trust.
    pub(super) fn root(&self) -> &Certificate {
        self.above.last().unwrap_or(&self.own)
    }

    /// All of them, the authority first.
    pub(super) fn certificates(&self) -> impl Iterator<Item = &Certificate> {
        std::iter::once(&self.own).chain(&self.above)
    }

    pub(super) fn urls(&self) -> &AuthorityUrls {
        &self.urls
    }

    /// A leaf with what has to be presented beside it: everything but the root.
    pub(super) fn chain(&self, leaf: Certificate) -> Result<CertificateChain, AuthorityError> {
        let presented = self.certificates().take(self.above.len()).cloned();
        CertificateChain::new(std::iter::once(leaf).chain(presented).collect())
            .map_err(|_| AuthorityError::Defective { rule: "the chain is too long" })
    }

    /// When all of them are valid, if `now` is within.
    pub(super) fn validity_at(&self, now: UnixTime) -> Result<(UnixTime, UnixTime), AuthorityError> {
        let (mut from, mut to) = (self.own.not_before(), self.own.not_after());
        for above in &self.above {
            (from, to) = (from.max(above.not_before()), to.min(above.not_after()));
        }
        if now > to {
            return Err(AuthorityError::Expired { not_after: to });
        }
        if now < from {
            return Err(AuthorityError::NotYetValid { not_before: from });
        }
        Ok((from, to))
    }

    /// How many authorities may stand below this one; `None` where nothing limits them.
    pub(super) fn room_below(&self) -> Option<u8> {
        // One that stands n places above counts those between as well.
        let room = |(place, one): (usize, &Certificate)| {
            Some(one.path_length()?.saturating_sub(u8::try_from(place).unwrap_or(u8::MAX)))
        };
        self.certificates().enumerate().filter_map(room).min()
    }

    /// Refuses names that any of them may not vouch for.
    pub(super) fn judge(&self, names: &[SubjectName]) -> Result<(), Refusal> {
        self.constraints.iter().try_for_each(|constraints| constraints.judge(names))
    }

    /// Whether each is signed by the next, and the last by itself: `path` is where they were read.
    pub(super) fn check(&self, path: &Path) -> Result<(), AuthorityError> {
        let wrong = |rule| Err(AuthorityError::Issuers { path: path.to_owned(), rule });
        if self.above.len() >= MAX_PRESENTED {
            return wrong("there are too many");
        }
        if self.certificates().enumerate().any(|(place, one)| self.above.iter().skip(place).any(|c| c == one))
        {
            return wrong("one of them is there twice");
        }
        let root = self.root();
        for (below, above) in self.certificates().zip(self.above.iter().chain([root])) {
            let (Ok(low), Ok(high)) = (below.raw(), above.raw()) else {
                return wrong("it does not read back");
            };
            if !above.is_authority() {
                return wrong("one of them is no authority");
            }
            if low.issuer != high.subject || signature::verify(below.der(), high.key_info).is_err() {
                return wrong("one of them was not signed by the next");
            }
        }
        Ok(())
    }
}
