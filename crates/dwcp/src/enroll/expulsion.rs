//! What is revoked with a certificate of somebody who joined: all that this one got, so that none of it is left to renew with.

use super::error::EnrollError;
use super::members::Members;
use super::tokens::{Held, Tokens};
use dwcp_base::{Disk, UnixTime};
use dwcp_pki::{CertificateAuthority, IssuedRecord, IssuedStanding, Serial, SpiffeId, SubjectName};
use std::path::Path;
use std::sync::Arc;

/// The certificates of a member that stand; nobody joins or renews as long as this lives, so none is added meanwhile.
#[derive(Debug)]
pub struct Line {
    /// Whose they are.
    pub identity: SpiffeId,
    /// Their serials, the oldest first.
    pub serials: Vec<Serial>,
    _held: Held,
}

impl Line {
    /// The line that the certificate `serial` is of: what was issued for its identity since that joined, and is neither revoked nor over at `now`.
    /// That is more than the last two that could renew, since an answer that was lost left one behind that nobody has, or a thief.
    /// `None` where it is no member's. Waits for whoever is joining or renewing, at most five seconds: not for an event loop.
    ///
    /// # Errors
    /// [`EnrollError::Busy`], [`EnrollError::Record`], and what the disk or the index says.
    pub fn of(
        authority: &CertificateAuthority,
        disk: &Arc<dyn Disk>,
        ca_dir: &Path,
        serial: &Serial,
        now: UnixTime,
    ) -> Result<Option<Self>, EnrollError> {
        let members = Members::of(Arc::clone(disk), ca_dir);
        // An authority that nobody ever joined at gets no files of enrolment by this.
        if !members.are_there() {
            return Ok(None);
        }
        let held = Tokens::of(Arc::clone(disk), ca_dir).held()?;
        let issued = authority.issued().map_err(EnrollError::of_authority)?;
        let Some(named) = issued.iter().find(|record| record.serial == *serial) else { return Ok(None) };
        let Some(identity) = identity(named) else { return Ok(None) };
        let Some(member) = members.read(&identity)?.filter(|member| member.identity == identity) else {
            return Ok(None);
        };
        // The index may know the second alone.
        let since_joined = |record: &IssuedRecord| record.issued_at.secs() >= member.joined.secs();
        if !since_joined(named) {
            return Ok(None);
        }
        let stands = |record: &&IssuedRecord| {
            record.standing == IssuedStanding::Good
                && record.not_after >= now
                && since_joined(record)
                && self::identity(record).as_ref() == Some(&identity)
        };
        let serials = issued.iter().filter(stands).map(|record| record.serial).collect();
        Ok(Some(Self { identity, serials, _held: held }))
    }
}

fn identity(record: &IssuedRecord) -> Option<SpiffeId> {
    record.names.iter().find_map(SubjectName::spiffe_id)
}
