//! Lists that come later than the store they belong into: who may bring them, and the store with them.

use super::crl_entry::CrlEntry;
use super::presented;
use super::revocation::{RevocationIndex, RevocationMode};
use super::store::{MAX_CRLS, TrustStore, confirm};
use super::trust_error::TrustError;
use crate::{CertificateChain, Crl, signature};
use std::sync::Arc;

/// The name of an authority, and its key.
type Vouched = (Box<[u8]>, Arc<[u8]>);

impl TrustStore {
    /// The same store with these complete CRLs besides, and without those that they supersede. Of several of one key and scope the newest
    /// alone counts, so that nothing older takes effect. Of more than 1024 in all it is decided as in
    /// [`adopting_newer_crls`](Self::adopting_newer_crls) which go.
    ///
    /// # Errors
    /// [`TrustError`] for more than 1024 at once, and for a CRL of a kind that can not be looked up, as [`new`](Self::new).
    pub fn with_crls(mut self, crls: Vec<Crl>) -> Result<Self, TrustError> {
        if crls.len() > MAX_CRLS {
            return Err(TrustError::TooMany);
        }
        let entries: Vec<_> =
            crls.into_iter().map(|crl| CrlEntry::new(crl).map(Arc::new)).collect::<Result<_, _>>()?;
        let mut index = RevocationIndex::new(entries);
        index.block(self.index.blocked_keys().copied());
        confirm(&self.anchors, &index);
        // Lists come for as long as a node runs: what is superseded must go, or there is no room one day.
        index.adopt(&self.index, MAX_CRLS);
        self.index = Arc::new(index);
        Ok(self.forget_issuers())
    }

    /// The same store that takes revocation as `mode` says.
    ///
    /// # Security
    /// For a connection that fetches what this side lacks, such as a fresh list: with [`RevocationMode::Off`] what is listed is still
    /// refused, and a peer whose list has lapsed is not.
    #[must_use]
    pub fn with_mode(mut self, mode: RevocationMode) -> Self {
        self.mode = mode;
        self.forget_issuers()
    }

    /// Whether an own anchor signed a list, or an authority of `chain` that leads to one. Anchors of bundles sign nothing here.
    pub fn signed(&self, list: &Crl, chain: &CertificateChain) -> bool {
        // A name that can not be read is nobody's.
        let Ok(issuer) = presented::name(list.raw_issuer()) else { return false };
        let own = self.anchors.iter().filter(|anchor| self.domains.is_own(&anchor.vouches));
        let mut keys: Vec<Vouched> =
            own.map(|anchor| (Box::from(anchor.name()), Arc::from(&*anchor.key))).collect();
        // Those nearest to the root come last.
        let authorities: Vec<_> = chain.iter().skip(1).filter(|one| one.is_authority()).collect();
        for authority in authorities.into_iter().rev() {
            let Ok(raw) = authority.raw() else { continue };
            let (Ok(subject), Ok(above)) = (presented::name(raw.subject), presented::name(raw.issuer)) else {
                continue;
            };
            let vouched =
                |(name, key): &Vouched| **name == *above && signature::verify(authority.der(), key).is_ok();
            if keys.iter().any(vouched) {
                keys.push((Box::from(&*subject), Arc::from(raw.key_info)));
            }
        }
        let mut named = keys.iter().filter(|(name, _)| **name == *issuer);
        named.any(|(_, key)| signature::verify(list.der(), key).is_ok())
    }
}
