//! A certificate authority in a directory: `ca.crt`, `ca.key` and `index/`.

mod challenge;
mod constraints;
mod crossing;
mod delta;
mod directory;
mod error;
mod index;
mod issuance;
mod key;
mod line;
mod list;
mod making;
mod ocsp;
mod params;
mod policy;
mod publication;
mod reason;
mod record;
mod renewal;
mod self_signed;
mod throw_away;
mod urls;

pub use constraints::{BadSubtree, NameConstraints, NameSubtree};
pub use error::{AuthorityError, Refusal};
pub use index::Revocation;
pub use key::{AuthorityKey, KeyStorage};
pub use params::AuthorityParams;
pub use policy::{AllowedNames, BadLifetime, IssuancePolicy, NameRule, Usage};
pub use reason::{RevocationReason, UnknownReason};
pub use record::{IssuedRecord, IssuedStanding};
pub use throw_away::SelfSignedProvider;
pub use urls::{AuthorityUrls, BadUrl, HttpUrl};

use crate::{
    Certificate, CertificateChain, CertificateRequest, Crl, CrlNumber, Event, KeyPin, MAX_PRESENTED, Serial,
};
use dwcp_base::{Disk, Observer, Silent, UnixTime};
use dwcp_crypto::Signer;
use index::{Index, IssuedEntry};
use line::Line;
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
    line: Line,
    key: Arc<dyn Signer>,
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
        Self::create_with(disk, directory, params, AuthorityKey::generate(params.key_type)?, now)
    }

    /// As [`create`](Self::create) with a key that is sealed, or held elsewhere.
    ///
    /// # Errors
    /// As [`create`](Self::create).
    pub fn create_with(
        disk: Arc<dyn Disk>,
        directory: &Path,
        params: &AuthorityParams,
        key: AuthorityKey,
        now: UnixTime,
    ) -> Result<Self, AuthorityError> {
        let certificate = making::root(&**key.signer(), params, now)?;
        let line = Line::new(certificate, Vec::new(), params.urls.clone())?;
        let index = directory::establish(&disk, directory, &line, &key)?;
        Ok(Self { line, key: key.into_signer(), index, observer: Arc::new(Silent) })
    }

    /// Makes an authority in `directory` that this one vouches for: valid no longer than this one and those above it, and bound
    /// by their names as well as by its own. It is in the index of this one, and can be revoked there.
    ///
    /// What it issues comes with its own certificate; relying parties trust the root alone.
    ///
    /// # Errors
    /// [`AuthorityError::BadParameter`] also where the path length leaves no room, [`AuthorityError::Expired`]; else as
    /// [`create`](Self::create). When its files could not be written it is revoked again.
    pub fn create_intermediate(
        &self,
        disk: Arc<dyn Disk>,
        directory: &Path,
        params: &AuthorityParams,
        key: AuthorityKey,
        now: UnixTime,
    ) -> Result<Self, AuthorityError> {
        directory::check_free(directory)?;
        if self.line.above().len() + 2 >= MAX_PRESENTED {
            return Err(AuthorityError::BadParameter {
                what: "there are as many authorities above as a chain can hold",
            });
        }
        let serial = self.fresh_serial()?;
        if self.line.certificates().any(|above| KeyPin::of_key(&**key.signer()) == above.key_pin()) {
            return Err(Refusal::AuthorityKey.into());
        }
        let above = (&self.line, &*self.key);
        let certificate = making::intermediate(&**key.signer(), params, &serial, above, now)?;
        self.index.issue(IssuedEntry::of(&certificate, now), None)?;
        self.observer.observe(&Event::CertificateIssued { serial, not_after: certificate.not_after() });
        let line = Line::new(certificate, self.line.certificates().cloned().collect(), params.urls.clone())?;
        match directory::establish(&disk, directory, &line, &key) {
            Ok(index) => Ok(Self { line, key: key.into_signer(), index, observer: Arc::new(Silent) }),
            Err(error) => {
                // Nobody has it; what failed first is what is reported.
                let _ = self.revoke(&serial, RevocationReason::CessationOfOperation, now);
                Err(error)
            }
        }
    }

    /// Whether an authority could be made in `directory`, before anything is made for it.
    ///
    /// # Errors
    /// [`AuthorityError::AlreadyExists`] and [`AuthorityError::Exposed`], as [`create`](Self::create) would say.
    pub fn check_free(directory: &Path) -> Result<(), AuthorityError> {
        directory::check_free(directory)
    }

    /// Opens the authority in `directory`. One that has expired still opens: it can revoke and publish.
    ///
    /// # Errors
    /// [`AuthorityError::Key`] also when others can read the key, [`AuthorityError::KeyMismatch`] when key and certificate do
    /// not belong together, [`AuthorityError::IndexCorrupt`] when the index is damaged elsewhere than in a last line that a
    /// power loss left half-written, [`AuthorityError::IndexMissing`] when it is gone.
    pub fn open(disk: Arc<dyn Disk>, directory: &Path) -> Result<Self, AuthorityError> {
        let line = directory::read_line(directory)?;
        Self::over(disk, directory, line, AuthorityKey::read(directory)?)
    }

    /// As [`open`](Self::open) with a key that was sealed, or that is held elsewhere.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_with(
        disk: Arc<dyn Disk>,
        directory: &Path,
        key: AuthorityKey,
    ) -> Result<Self, AuthorityError> {
        Self::over(disk, directory, directory::read_line(directory)?, key)
    }

    fn over(
        disk: Arc<dyn Disk>,
        directory: &Path,
        line: Line,
        key: AuthorityKey,
    ) -> Result<Self, AuthorityError> {
        let pin = line.own().key_pin();
        if KeyPin::of_key(&**key.signer()) != pin {
            return Err(AuthorityError::KeyMismatch);
        }
        let index = Index::open(disk, &directory.join(directory::INDEX), pin)?;
        Ok(Self { line, key: key.into_signer(), index, observer: Arc::new(Silent) })
    }

    /// Tells `observer` of everything that is issued, revoked and published through this value.
    #[must_use]
    pub fn observed_by(mut self, observer: Arc<dyn Observer<Event>>) -> Self {
        self.observer = observer;
        self
    }

    /// The authority's own certificate.
    pub fn certificate(&self) -> &Certificate {
        self.line.own()
    }

    /// The certificates of the authorities above it, the root last; none for a root.
    pub fn issuers(&self) -> &[Certificate] {
        self.line.above()
    }

    /// What relying parties trust to trust it: itself, or the root above it.
    pub fn root(&self) -> &Certificate {
        self.line.root()
    }

    /// Where its lists, its certificate and its answers are found.
    pub fn urls(&self) -> &AuthorityUrls {
        self.line.urls()
    }

    /// Issues what `policy` grants of `request`: a leaf whose serial has 159 random bits, valid from 60 s ago, never beyond
    /// the authority's own end, with names from the request and every other field from the policy.
    ///
    /// The chain has the leaf and every authority above it but the root, which is not presented.
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
        self.issue_after(None, request, policy, now)
    }

    /// Whether [`issue`](Self::issue) would refuse the request by what it asks for: before something is given up for it that can be had
    /// once. Nothing is signed or written.
    ///
    /// # Errors
    /// As [`issue`](Self::issue), save for the index and a key that was given up.
    pub fn would_grant(
        &self,
        request: &CertificateRequest,
        policy: &IssuancePolicy,
        now: UnixTime,
    ) -> Result<(), AuthorityError> {
        issuance::Grant::judge(request, policy, &self.line, now).map(drop)
    }

    /// Issues what succeeds the certificate `old`, unless that was revoked by the time the line is written.
    fn issue_after(
        &self,
        old: Option<Serial>,
        request: &CertificateRequest,
        policy: &IssuancePolicy,
        now: UnixTime,
    ) -> Result<CertificateChain, AuthorityError> {
        let grant = issuance::Grant::judge(request, policy, &self.line, now)?;
        let serial = self.fresh_serial()?;
        // Nobody waits for the signature; that the key was given up meanwhile is found where the line is written.
        let certificate = grant.sign(&serial, request, &self.line, &*self.key)?;
        self.index.issue(IssuedEntry::of(&certificate, now), old)?;
        self.observer.observe(&Event::CertificateIssued { serial, not_after: certificate.not_after() });
        self.line.chain(certificate)
    }

    /// That it is fresh for the index too is found where its line is written.
    fn fresh_serial(&self) -> Result<Serial, AuthorityError> {
        let serial = issuance::new_serial()?;
        if serial == self.line.own().serial() {
            return Err(AuthorityError::Defective { rule: "159 random bits came twice" });
        }
        Ok(serial)
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

    /// Revokes this certificate: as [`revoke`](Self::revoke) by its serial, if serial and key are those of one that was issued here.
    /// A serial alone can be written into any certificate.
    ///
    /// # Errors
    /// [`AuthorityError::UnknownSerial`] also when the key is another; else as [`revoke`](Self::revoke).
    pub fn revoke_certificate(
        &self,
        certificate: &Certificate,
        reason: RevocationReason,
        now: UnixTime,
    ) -> Result<Revoked, AuthorityError> {
        let serial = certificate.serial();
        let standing = self.index.settled()?.standing(&serial);
        match standing {
            Some(standing) if standing.key_pin == certificate.key_pin() => self.revoke(&serial, reason, now),
            _ => Err(AuthorityError::UnknownSerial { serial }),
        }
    }

    /// Signs a complete CRL with a number above every earlier one and nextUpdate 24 h from `now`.
    ///
    /// Entries leave the CRL seven days after their certificate expired.
    ///
    /// # Errors
    /// [`AuthorityError::Storage`] when the number could not be kept, and then nothing was published.
    pub fn crl(&self, now: UnixTime) -> Result<Crl, AuthorityError> {
        let crl = publication::publish(&mut self.index.settled()?, &self.line, &*self.key, now)?;
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
        records(&self.index)
    }

    /// Everything that was ever issued by the authority in `directory`, whose key is not needed for that.
    ///
    /// # Errors
    /// As [`open`](Self::open), save for the key.
    pub fn records(disk: Arc<dyn Disk>, directory: &Path) -> Result<Vec<IssuedRecord>, AuthorityError> {
        let line = directory::read_line(directory)?;
        let index = Index::open(disk, &directory.join(directory::INDEX), line.own().key_pin())?;
        records(&index)
    }

    /// What relying parties trust to trust the authority in `directory`, whose key is not needed for that.
    ///
    /// # Errors
    /// As [`open`](Self::open), save for key and index.
    pub fn root_in(directory: &Path) -> Result<Certificate, AuthorityError> {
        directory::read_line(directory).map(|line| line.root().clone())
    }

    /// A number that changes whenever something was issued or revoked, by whatever process: one `stat`, to be polled.
    ///
    /// # Errors
    /// [`AuthorityError::Storage`] when the index is not there.
    pub fn revision(&self) -> Result<u64, AuthorityError> {
        self.index.revision()
    }
}

fn records(index: &Index) -> Result<Vec<IssuedRecord>, AuthorityError> {
    let entries = index.locked()?.issued()?;
    Ok(entries.into_iter().map(|(entry, revoked)| IssuedRecord::new(entry, revoked)).collect())
}

impl fmt::Debug for CertificateAuthority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CertificateAuthority").field("certificate", self.line.own()).finish_non_exhaustive()
    }
}
