//! A certificate authority in a directory: `ca.crt`, `ca.key` and `index/`.

mod delta;
mod directory;
mod error;
mod index;
mod issuance;
mod list;
mod ocsp;
mod params;
mod policy;
mod publication;
mod reason;
mod record;
mod self_signed;

pub use error::{AuthorityError, Refusal};
pub use index::Revocation;
pub use params::AuthorityParams;
pub use policy::{AllowedNames, BadLifetime, IssuancePolicy, NameRule, Usage};
pub use reason::{RevocationReason, UnknownReason};
pub use record::{IssuedRecord, IssuedStanding};

use crate::{
    Certificate, CertificateChain, CertificateRequest, Crl, CrlNumber, Event, KeyPin, Serial, key_file,
};
use dwcp_base::{Disk, Observer, Silent, UnixTime};
use dwcp_crypto::SigningKey;
use index::{Index, IssuedEntry};
use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// A certificate authority: it issues leaves, revokes them and publishes CRLs.
///
/// Everything it promises is in its index on stable storage before the caller hears of it. Several processes may use one
/// directory at once: each call takes a lock across processes, for which it waits ten seconds at most
/// ([`AuthorityError::IndexBusy`]), and first reads and syncs what the others added. So calls wait for the disk and for each
/// other: make them where waiting is fine, not on an event loop.
///
/// # Security
/// Keep `ca.key` where nothing else runs; whoever reads it is this authority.
pub struct CertificateAuthority {
    certificate: Certificate,
    key: SigningKey,
    index: Index,
    observer: Arc<dyn Observer<Event>>,
}

/// The outcome of a revocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Revoked {
    /// It is revoked from now on, or for a graver reason than before; the next CRL says so.
    Now,
    /// It was revoked before, and what was said then stands.
    Already(Revocation),
}

impl CertificateAuthority {
    /// Makes a new self-signed authority in `directory`, which is created if it is not there.
    ///
    /// Writes `ca.key` (0600), `index/` and, last of all, `ca.crt`; after a failure nothing of them is left behind.
    ///
    /// # Errors
    /// [`AuthorityError::AlreadyExists`] when any of them is there: nothing is ever overwritten.
    /// [`AuthorityError::BadParameter`] for a name or lifetime out of bounds, [`AuthorityError::Exposed`] when others can write
    /// to the directory, [`AuthorityError::Storage`] for the disk.
    pub fn create(
        disk: Arc<dyn Disk>,
        directory: &Path,
        params: &AuthorityParams,
        now: UnixTime,
    ) -> Result<Self, AuthorityError> {
        let key =
            SigningKey::generate(params.key_type).map_err(|source| AuthorityError::Crypto { source })?;
        let certificate = issuance::root(&key, params, now)?;
        let index = directory::establish(&disk, directory, &certificate, &key)?;
        Ok(Self { certificate, key, index, observer: Arc::new(Silent) })
    }

    /// Opens the authority in `directory`. One that has expired still opens: it can revoke and publish.
    ///
    /// # Errors
    /// [`AuthorityError::Key`] also when others can read the key, [`AuthorityError::KeyMismatch`] when key and certificate do
    /// not belong together, [`AuthorityError::IndexCorrupt`] when the index is damaged elsewhere than in a last line that a
    /// power loss left half-written, [`AuthorityError::IndexMissing`] when it is gone.
    pub fn open(disk: Arc<dyn Disk>, directory: &Path) -> Result<Self, AuthorityError> {
        let certificate = directory::read_certificate(directory)?;
        let key = key_file::read(&directory.join(directory::KEY))
            .map_err(|source| AuthorityError::Key { source })?;
        if KeyPin::of_key(&key) != certificate.key_pin() {
            return Err(AuthorityError::KeyMismatch);
        }
        let index = Index::open(disk, &directory.join(directory::INDEX), certificate.key_pin())?;
        Ok(Self { certificate, key, index, observer: Arc::new(Silent) })
    }

    /// Tells `observer` of everything that is issued, revoked and published through this value.
    #[must_use]
    pub fn observed_by(mut self, observer: Arc<dyn Observer<Event>>) -> Self {
        self.observer = observer;
        self
    }

    /// The authority's own certificate.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// Issues what `policy` grants of `request`: a leaf whose serial has 159 random bits, valid from 60 s ago, never beyond
    /// the authority's own end, with names from the request and every other field from the policy.
    ///
    /// The chain has the leaf alone, since a root is not presented.
    ///
    /// # Errors
    /// [`AuthorityError::Refused`] names what was asked beyond the policy; [`AuthorityError::Expired`] when the authority's
    /// own time is over; [`AuthorityError::Storage`] when the index could not be written, and then nothing was issued.
    pub fn issue(
        &self,
        request: &CertificateRequest,
        policy: &IssuancePolicy,
        now: UnixTime,
    ) -> Result<CertificateChain, AuthorityError> {
        let grant = issuance::Grant::judge(request, policy, &self.certificate, now)?;
        let mut index = self.index.settled()?;
        if index.is_compromised(&request.key_pin()) {
            return Err(Refusal::CompromisedKey.into());
        }
        let serial = issuance::new_serial()?;
        if index.standing(&serial).is_some() || serial == self.certificate.serial() {
            return Err(AuthorityError::Defective { rule: "159 random bits came twice" });
        }
        let certificate = grant.sign(&serial, request, &self.certificate, &self.key)?;
        index.add_issued(IssuedEntry {
            at: now,
            serial,
            not_before: certificate.not_before(),
            not_after: certificate.not_after(),
            key_pin: certificate.key_pin(),
            names: certificate.names().to_vec(),
        })?;
        drop(index);
        self.observer.observe(&Event::CertificateIssued { serial, not_after: certificate.not_after() });
        CertificateChain::new(vec![certificate])
            .map_err(|_| AuthorityError::Defective { rule: "a chain of one is too long" })
    }

    /// Revokes a certificate that was issued here; doing so again changes nothing, save that
    /// [`RevocationReason::KeyCompromise`] replaces any other reason, and the key gets no certificate from then on.
    ///
    /// # Errors
    /// [`AuthorityError::UnknownSerial`] when none of this serial was issued here, [`AuthorityError::BadParameter`] for a time
    /// outside the years 0 to 9999, [`AuthorityError::Storage`] when the index could not be written, and then nothing was
    /// revoked.
    pub fn revoke(
        &self,
        serial: &Serial,
        reason: RevocationReason,
        now: UnixTime,
    ) -> Result<Revoked, AuthorityError> {
        // A time that no CRL can name would be in the way of each one from then on.
        issuance::encoder_time(now)?;
        let mut index = self.index.settled()?;
        let standing = index.standing(serial).ok_or(AuthorityError::UnknownSerial { serial: *serial })?;
        if let Some(revocation) = standing.revoked
            && !reason.outweighs(revocation.reason)
        {
            return Ok(Revoked::Already(revocation));
        }
        index.add_revoked(*serial, Revocation { at: now, reason })?;
        drop(index);
        self.observer.observe(&Event::CertificateRevoked { serial: *serial, reason });
        Ok(Revoked::Now)
    }

    /// Signs a complete CRL with a number above every earlier one and nextUpdate 24 h from `now`.
    ///
    /// Entries leave the CRL seven days after their certificate expired.
    ///
    /// # Errors
    /// [`AuthorityError::Storage`] when the number could not be kept, and then nothing was published.
    pub fn crl(&self, now: UnixTime) -> Result<Crl, AuthorityError> {
        let crl = publication::publish(&mut self.index.settled()?, &self.certificate, &self.key, now)?;
        self.observer.observe(&Event::CrlPublished {
            number: crl.number().unwrap_or(CrlNumber::from(0)),
            revoked: crl.len(),
            next_update: crl.next_update(),
        });
        Ok(crl)
    }

    /// Everything that was ever issued here, oldest first, by whatever process.
    ///
    /// # Errors
    /// As [`open`](Self::open) for the index.
    pub fn issued(&self) -> Result<Vec<IssuedRecord>, AuthorityError> {
        let entries = self.index.locked()?.issued()?;
        Ok(entries.into_iter().map(|(entry, revoked)| IssuedRecord::new(entry, revoked)).collect())
    }

    /// A number that changes whenever something was issued or revoked, by whatever process: one `stat`, to be polled.
    ///
    /// # Errors
    /// [`AuthorityError::Storage`] when the index is not there.
    pub fn revision(&self) -> Result<u64, AuthorityError> {
        self.index.revision()
    }
}

impl fmt::Debug for CertificateAuthority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CertificateAuthority").field("certificate", &self.certificate).finish_non_exhaustive()
    }
}
