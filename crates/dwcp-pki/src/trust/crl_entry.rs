//! One CRL or delta, ready for lookups: its signature is checked once per key that a trusted path showed.

use super::presented;
use super::scope::{self, Place};
use super::trust_error::TrustError;
use crate::crl::{List, Reasons, Standing};
use crate::{Crl, CrlNumber, DeltaCrl, Document, KeyPin, ParseError, Serial, signature};
use dwcp_base::UnixTime;
use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

/// A CRL or delta and what was learnt about it.
pub(crate) struct CrlEntry {
    document: Issue,
    number: CrlNumber,
    /// The content of the issuer's DER `Name`.
    issuer: Arc<[u8]>,
    /// The one trusted key that is known to have signed it, set once.
    signer: OnceLock<Signer>,
    /// Trusted keys under its issuer's name that did not sign it, so that none is tried twice.
    strangers: Mutex<HashSet<KeyPin>>,
}

enum Issue {
    Complete(Crl),
    Delta(DeltaCrl),
}

struct Signer {
    pin: KeyPin,
    key: Box<[u8]>,
    duty: Duty,
}

/// What a key that signs CRLs is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Duty {
    /// It issues certificates.
    Certificates,
    /// It signs an authority's lists and nothing else, so that a peer can leave its certificate out.
    Lists,
}

impl CrlEntry {
    /// Takes in a complete CRL. Its signature is checked later, when a trusted key is at hand that claims to be its issuer's.
    pub(crate) fn new(crl: Crl) -> Result<Self, TrustError> {
        let Some(number) = crl.number() else {
            return Err(TrustError::CrlUnnumbered { issuer: crl.issuer().to_owned() });
        };
        let issuer = issuer(crl.raw_issuer())?;
        Ok(Self::of(Issue::Complete(crl), number, issuer))
    }

    /// Takes in a delta, as [`new`](Self::new) does a complete CRL.
    pub(crate) fn of_delta(delta: DeltaCrl) -> Result<Self, TrustError> {
        let (number, issuer) = (delta.number(), issuer(delta.raw_issuer())?);
        Ok(Self::of(Issue::Delta(delta), number, issuer))
    }

    fn of(document: Issue, number: CrlNumber, issuer: Arc<[u8]>) -> Self {
        Self { document, number, issuer, signer: OnceLock::new(), strangers: Mutex::default() }
    }

    /// The complete CRL, if it is one.
    pub(crate) fn crl(&self) -> Option<&Crl> {
        match &self.document {
            Issue::Complete(crl) => Some(crl),
            Issue::Delta(_) => None,
        }
    }

    /// The delta, if it is one.
    pub(crate) fn delta(&self) -> Option<&DeltaCrl> {
        match &self.document {
            Issue::Complete(_) => None,
            Issue::Delta(delta) => Some(delta),
        }
    }

    fn list(&self) -> &List {
        match &self.document {
            Issue::Complete(crl) => crl.list(),
            Issue::Delta(delta) => delta.list(),
        }
    }

    pub(crate) fn number(&self) -> CrlNumber {
        self.number
    }

    pub(crate) fn this_update(&self) -> UnixTime {
        self.list().header().this_update
    }

    pub(crate) fn next_update(&self) -> UnixTime {
        self.list().header().next_update
    }

    /// How many entries it has.
    pub(crate) fn len(&self) -> usize {
        self.list().len()
    }

    /// The whole document.
    pub(crate) fn der(&self) -> &[u8] {
        self.list().der()
    }

    /// Whether it is the same document.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.der() == other.der()
    }

    /// The issuer's name: the content of the DER `Name`.
    pub(crate) fn issuer(&self) -> &[u8] {
        &self.issuer
    }

    /// What it says of a serial number of its issuer; `None` when it does not name it.
    pub(crate) fn standing(&self, serial: &Serial) -> Option<Standing> {
        match (self.list().find(serial)?, &self.document) {
            // Only a delta takes back; elsewhere the word means nothing, and what is listed is revoked.
            (Standing::Removed, Issue::Complete(_)) => Some(Standing::Revoked),
            (standing, _) => Some(standing),
        }
    }

    /// For which reasons it speaks for a certificate of this place.
    pub(crate) fn covers(&self, place: &Place) -> Reasons {
        scope::covered(self.list().header().scope.as_ref(), place)
    }

    /// Whether the key of this pin is known to have signed it: a comparison, never a verification.
    pub(crate) fn is_signed_by(&self, pin: &KeyPin) -> bool {
        #[cfg(test)]
        LOOKS.with(|looks| looks.set(looks.get() + 1));
        self.signer.get().is_some_and(|signer| signer.pin == *pin)
    }

    /// Remembers whether `key` is the signer, and what it is for. Only for the key of an anchor or of a path that was verified.
    ///
    /// # Security
    /// For any ECDSA signature a key can be computed under which it verifies, so a stranger who presents such a key under the
    /// issuer's name must not become the CRL's signer, nor have this side verify a large CRL for each connection.
    pub(crate) fn confirm_signer(&self, key: &[u8], pin: &KeyPin, duty: Duty) {
        if self.is_confirmed() || self.strangers().contains(pin) {
            return;
        }
        // Not while others wait: two who come at once verify it twice, and a large CRL holds up nobody who has another key.
        if signature::verify(self.der(), key).is_ok() {
            let _ = self.signer.set(Signer { pin: *pin, key: key.into(), duty });
            return;
        }
        let mut strangers = self.strangers();
        if strangers.len() < MOST_STRANGERS {
            strangers.insert(*pin);
        }
    }

    fn strangers(&self) -> MutexGuard<'_, HashSet<KeyPin>> {
        self.strangers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the key that signed it is unknown, or one for lists alone that some path showed.
    pub(crate) fn may_be_of_an_unseen_key(&self) -> bool {
        self.signer.get().is_none_or(|signer| signer.duty == Duty::Lists)
    }

    /// Tries the key that is known to have signed this one on `other`, and the other way round.
    pub(crate) fn share_signer(&self, other: &Self) {
        for (known, unknown) in [(self, other), (other, self)] {
            if let Some(signer) = known.signer.get() {
                unknown.confirm_signer(&signer.key, &signer.pin, signer.duty);
            }
        }
    }

    /// Whether a trusted key is known to have signed it.
    pub(crate) fn is_confirmed(&self) -> bool {
        self.signer.get().is_some()
    }

    /// Whether it makes `other` needless: one trusted key signed both. Call [`share_signer`](Self::share_signer) before.
    ///
    /// # Security
    /// A list whose signer is unknown displaces nothing: a forged one would make room for an older one of the issuer's.
    pub(crate) fn replaces(&self, other: &Self) -> bool {
        other.signer.get().is_some_and(|signer| self.is_signed_by(&signer.pin)) && self.supersedes(other)
    }

    /// Whether `other` lapsed long before `time` and this one stands in its place, while nothing is known of the signer of either: what
    /// no path ever asks for must not pile up.
    pub(crate) fn outlives(&self, other: &Self, time: UnixTime) -> bool {
        let unknown = !self.is_confirmed() && !other.is_confirmed();
        let lapsed = other.next_update().plus(LINGER).secs() < time.secs();
        // A complete CRL of an unseen signer must not make a delta vanish that adds to another one.
        unknown && lapsed && self.is_delta() == other.is_delta() && self.supersedes(other)
    }

    /// Whether it is older than `other` and nothing is known of the signer of either.
    pub(crate) fn may_roll_back(&self, other: &Self) -> bool {
        let unknown = !self.is_confirmed() && !other.is_confirmed();
        unknown && self.is_alike(other) && other.is_newer_than(self)
    }

    /// Whether the key that is known to have signed `other` signed this one, which says all that `other` does and is another one.
    pub(crate) fn outdates(&self, other: &Self) -> bool {
        self.replaces(other) && !other.supersedes(self)
    }

    /// Whether nothing that `other` says is lost or newer when this one is there: a complete CRL of the same scope supersedes what is
    /// no newer, and a delta a delta that is no newer and reaches no further back.
    fn supersedes(&self, other: &Self) -> bool {
        let no_older = match (self.delta(), other.delta()) {
            (None, None) => !other.is_newer_than(self),
            (None, Some(_)) => self.number >= other.number,
            (Some(one), Some(two)) => !other.is_newer_than(self) && one.base() <= two.base(),
            (Some(_), None) => false,
        };
        no_older && self.is_of_scope_of(other)
    }

    /// Whether it is a delta that can be put on top of `base` (RFC 5280 §5.2.4, §6.3.3 (c)).
    pub(crate) fn fits(&self, base: &Self) -> bool {
        let reaches = |delta: &DeltaCrl| delta.base() <= base.number && base.number < self.number;
        self.delta().is_some_and(reaches) && !base.is_delta() && self.is_of_scope_of(base)
    }

    pub(crate) fn is_delta(&self) -> bool {
        self.delta().is_some()
    }

    /// Whether it is of the same kind, issuer name and scope.
    pub(crate) fn is_alike(&self, other: &Self) -> bool {
        self.is_delta() == other.is_delta() && self.is_of_scope_of(other)
    }

    /// The DER of its issuing distribution point.
    pub(crate) fn scope(&self) -> Option<&[u8]> {
        self.list().header().raw_scope.as_deref()
    }

    /// Whether it has the same issuer name and the same scope.
    pub(crate) fn is_of_scope_of(&self, other: &Self) -> bool {
        self.issuer == other.issuer && self.scope() == other.scope()
    }

    /// Whether it is of a higher number, or of the same and a later thisUpdate (RFC 5280 §5.2.3).
    pub(crate) fn is_newer_than(&self, other: &Self) -> bool {
        (self.number, self.this_update()) > (other.number, other.this_update())
    }
}

fn issuer(raw: &[u8]) -> Result<Arc<[u8]>, TrustError> {
    let refused = |source| TrustError::Crl(ParseError::Der { document: Document::Crl, source });
    presented::name(raw).map_err(refused)
}

/// As many as there are anchors, and some of intermediates; a key beyond them costs a verification and nothing else.
const MOST_STRANGERS: usize = super::store::MAX_ANCHORS + 1024;
/// How long a list whose signer no path has shown is kept after it lapsed and another one came: an older one that is put back then is
/// stale for longer than this.
const LINGER: Duration = Duration::from_secs(30 * 86_400);

#[cfg(test)]
thread_local! {
    /// How many lists this thread compared with a key: what a test of cost counts instead of time.
    pub(crate) static LOOKS: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

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
        entry.confirm_signer(&other, &KeyPin::of_key_info(&other), Duty::Certificates);
        assert!(entry.signer.get().is_none());
        entry.confirm_signer(&key, &pin, Duty::Certificates);
        assert!(entry.is_signed_by(&pin));
        // From here on a pin decides, whatever else would verify.
        entry.confirm_signer(&key, &KeyPin::from([0; 32]), Duty::Certificates);
        assert!(entry.is_signed_by(&pin) && !entry.is_signed_by(&KeyPin::from([0; 32])));
    }
}
