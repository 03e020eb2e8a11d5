//! One CRL, ready for lookups: its signature is checked once per key that a trusted path showed.

use super::presented;
use super::scope::{Place, Scope};
use super::trust_error::TrustError;
use crate::{Crl, Document, KeyPin, ParseError, Serial, signature};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// A CRL and what was learnt about it.
pub(crate) struct CrlEntry {
    crl: Crl,
    /// The content of the issuer's DER `Name`.
    issuer: Arc<[u8]>,
    scope: Option<Scope>,
    /// The one trusted key that is known to have signed it, set once.
    signer: OnceLock<Signer>,
    /// Trusted keys under its issuer's name that did not sign it, so that none is tried twice.
    strangers: Mutex<Vec<KeyPin>>,
}

struct Signer {
    pin: KeyPin,
    key: Box<[u8]>,
}

impl CrlEntry {
    /// Indexes a CRL. Its signature is checked later, when a trusted key is at hand that claims to be its issuer's.
    pub(crate) fn new(crl: Crl) -> Result<Self, TrustError> {
        if crl.number().is_none() {
            return Err(TrustError::CrlUnnumbered { issuer: crl.issuer().to_owned() });
        }
        let refused = |source| TrustError::Crl(ParseError::Der { document: Document::Crl, source });
        let issuer = presented::name(crl.raw_issuer()).map_err(refused)?;
        let scope = crl.raw_scope().map(Scope::read).transpose().map_err(refused)?;
        Ok(Self { crl, issuer, scope, signer: OnceLock::new(), strangers: Mutex::default() })
    }

    pub(crate) fn crl(&self) -> &Crl {
        &self.crl
    }

    /// The issuer's name: the content of the DER `Name`.
    pub(crate) fn issuer(&self) -> &[u8] {
        &self.issuer
    }

    pub(crate) fn lists(&self, serial: &Serial) -> bool {
        self.crl.contains(serial)
    }

    /// Whether it says something about a certificate of this place.
    pub(crate) fn covers(&self, place: &Place) -> bool {
        self.scope.as_ref().is_none_or(|scope| scope.covers(place))
    }

    /// Whether the key of this pin is known to have signed it: a comparison, never a verification.
    pub(crate) fn is_signed_by(&self, pin: &KeyPin) -> bool {
        self.signer.get().is_some_and(|signer| signer.pin == *pin)
    }

    /// Remembers whether `key` is the signer. Only for the key of an anchor or of a path that was verified.
    ///
    /// # Security
    /// For any ECDSA signature a key can be computed under which it verifies, so a stranger who presents such a key under the
    /// issuer's name must not become the CRL's signer, nor have this side verify a large CRL for each connection.
    pub(crate) fn confirm_signer(&self, key: &[u8], pin: &KeyPin) {
        if self.signer.get().is_some() {
            return;
        }
        // Held while verifying, so that connections that arrive at once wait for one verification.
        let mut strangers = self.strangers.lock().unwrap_or_else(PoisonError::into_inner);
        if self.signer.get().is_some() || strangers.contains(pin) {
            return;
        }
        if signature::verify(self.crl.der(), key).is_ok() {
            let _ = self.signer.set(Signer { pin: *pin, key: key.into() });
        } else {
            if strangers.len() == MOST_STRANGERS {
                strangers.remove(0);
            }
            strangers.push(*pin);
        }
    }

    /// Tries the key that is known to have signed this one on `other`, and the other way round.
    pub(crate) fn share_signer(&self, other: &Self) {
        for (known, unknown) in [(self, other), (other, self)] {
            if let Some(signer) = known.signer.get() {
                unknown.confirm_signer(&signer.key, &signer.pin);
            }
        }
    }

    /// Whether `other`, which is [alike](Self::is_alike), is no newer, and nothing says that another key signed it. Call
    /// [`share_signer`](Self::share_signer) before.
    pub(crate) fn replaces(&self, other: &Self) -> bool {
        let same_key = match (self.signer.get(), other.signer.get()) {
            (Some(one), Some(two)) => one.pin == two.pin,
            (None, None) => true,
            _ => false,
        };
        same_key && !other.is_newer_than(self)
    }

    /// Whether it is older than `other` and nothing is known of the signer of either.
    pub(crate) fn may_roll_back(&self, other: &Self) -> bool {
        self.signer.get().is_none() && other.signer.get().is_none() && other.is_newer_than(self)
    }

    /// Whether the key that is known to have signed `other` signed this newer one of the same scope.
    pub(crate) fn outdates(&self, other: &Self) -> bool {
        other.signer.get().is_some_and(|signer| self.is_signed_by(&signer.pin))
            && self.is_alike(other)
            && self.is_newer_than(other)
    }

    /// Whether it is a CRL of the same issuer name and the same scope.
    pub(crate) fn is_alike(&self, other: &Self) -> bool {
        self.issuer == other.issuer && self.crl.raw_scope() == other.crl.raw_scope()
    }

    /// Whether it replaces `other`: a higher CRL number, or the same and a later thisUpdate (RFC 5280 §5.2.3).
    pub(crate) fn is_newer_than(&self, other: &Self) -> bool {
        (self.crl.number(), self.crl.this_update()) > (other.crl.number(), other.crl.this_update())
    }
}

/// An issuer has few keys under one name; one that is tried again costs a verification and nothing else.
const MOST_STRANGERS: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{
        CertificateParams, CertificateRevocationListParams, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose,
        PublicKeyData,
    };

    #[test]
    fn at_x13_a_key_that_merely_verifies_does_not_become_the_signer() {
        let key = KeyPair::generate().unwrap();
        let mut issuer = CertificateParams::default();
        issuer.key_usages = vec![KeyUsagePurpose::CrlSign];
        let params = CertificateRevocationListParams {
            this_update: time::OffsetDateTime::UNIX_EPOCH,
            next_update: time::OffsetDateTime::UNIX_EPOCH + time::Duration::days(1),
            crl_number: 1_u64.into(),
            issuing_distribution_point: None,
            revoked_certs: Vec::new(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let crl = params.signed_by(&Issuer::from_params(&issuer, &key)).unwrap();
        let entry = CrlEntry::new(Crl::from_der(crl.der()).unwrap()).unwrap();
        let key = key.subject_public_key_info();
        let pin = KeyPin::of_key_info(&key);
        assert!(!entry.is_signed_by(&pin), "unknown until a trusted path shows the key");
        let other = KeyPair::generate().unwrap().subject_public_key_info();
        entry.confirm_signer(&other, &KeyPin::of_key_info(&other));
        assert!(entry.signer.get().is_none());
        entry.confirm_signer(&key, &pin);
        assert!(entry.is_signed_by(&pin));
        // From here on a pin decides, whatever else would verify.
        entry.confirm_signer(&key, &KeyPin::from([0; 32]));
        assert!(entry.is_signed_by(&pin) && !entry.is_signed_by(&KeyPin::from([0; 32])));
    }
}
