//! Reading the tour's evidence back: when a revocation took effect, and whether a log holds.

use super::TourError;
use dwcp_audit::EventKind;
use dwcp_base::LocalDisk;
use dwcp_pki::{CertificateAuthority, IssuedStanding, Serial};
use std::fs;
use std::path::Path;
use std::sync::Arc;

/// Milliseconds from a revocation, as the authority's index dates it, to the first cut of `peer`, as the audit log dates it.
pub(super) fn revocation_to_cut(
    ca_dir: &Path,
    audit_dir: &Path,
    serial: &Serial,
    peer: &str,
) -> Result<Option<i64>, TourError> {
    let authority = CertificateAuthority::open(Arc::new(LocalDisk), ca_dir)?;
    let revoked_at = authority.issued()?.into_iter().find_map(|record| match record.standing {
        IssuedStanding::Revoked(revocation) if record.serial == *serial => Some(revocation.at),
        _ => None,
    });
    let Some(revoked_at) = revoked_at else { return Ok(None) };
    for entry in dwcp_audit::read(audit_dir)? {
        let entry = entry?;
        let cut = entry.kind() == Some(EventKind::ConnectionCut);
        if cut && entry.peer().is_some_and(|label| label.as_str() == peer) {
            return Ok(Some(entry.time().millis() - revoked_at.millis()));
        }
    }
    Ok(None)
}

/// Copies a log, flips one bit in the middle of its largest file, and says whether the copy still verifies.
pub(super) fn tampered_copy_verifies(audit_dir: &Path, copy: &Path, flip: bool) -> Result<bool, TourError> {
    fs::create_dir_all(copy)?;
    let mut largest = (0, None);
    for file in fs::read_dir(audit_dir)? {
        let file = file?;
        let to = copy.join(file.file_name());
        let length = fs::copy(file.path(), &to)?;
        if length > largest.0 {
            largest = (length, Some(to));
        }
    }
    let path = largest.1.ok_or("the audit log is empty")?;
    if flip {
        let mut bytes = fs::read(&path)?;
        let middle = bytes.len() / 2;
        let byte = bytes.get_mut(middle).ok_or("the audit log is empty")?;
        *byte ^= 1;
        fs::write(&path, bytes)?;
    }
    Ok(dwcp_audit::verify(copy).is_ok())
}
