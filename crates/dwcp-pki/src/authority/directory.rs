//! The files of an authority: made together or not at all, never overwritten.

use super::AuthorityError;
use super::index::{self, Index};
use crate::certificate::{self, Certificate};
use crate::{KeyFileError, key_file};
use dwcp_base::Disk;
use dwcp_crypto::SigningKey;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Writes key, index and certificate in this order: the certificate makes the directory an authority, so it comes last.
pub(super) fn establish(
    disk: &Arc<dyn Disk>,
    directory: &Path,
    certificate: &Certificate,
    key: &SigningKey,
) -> Result<Index, AuthorityError> {
    let index = directory.join(INDEX);
    for path in [directory, &index] {
        disk.make_dir(path).map_err(|e| AuthorityError::storage("create", path, e))?;
    }
    refuse_exposed(directory)?;
    // Two processes that create at once meet here; the second finds the first's files.
    let guard = index::lock(&index)?;
    refuse_existing(&files(directory))?;
    let made = write_all(disk, directory, certificate, key);
    if made.is_err() {
        for path in files(directory) {
            // They were not there before and the lock is held, so they are ours; what failed first is what is reported.
            let _ = std::fs::remove_file(path);
        }
    }
    drop(guard);
    made
}

/// Reads and checks `ca.crt`.
pub(super) fn read_certificate(directory: &Path) -> Result<Certificate, AuthorityError> {
    refuse_exposed(directory)?;
    let text = dwcp_base::read_bounded(&directory.join(CERTIFICATE), certificate::LARGEST_PEM)
        .map_err(|source| AuthorityError::CertificateFile { source })?;
    let certificate =
        Certificate::from_pem(&text).map_err(|source| AuthorityError::Certificate { source })?;
    let may_revoke = certificate.extensions().key_usage.is_some_and(|usage| usage.crl_sign());
    if !certificate.is_authority() || !may_revoke {
        return Err(AuthorityError::NotAnAuthority);
    }
    Ok(certificate)
}

fn write_all(
    disk: &Arc<dyn Disk>,
    directory: &Path,
    certificate: &Certificate,
    key: &SigningKey,
) -> Result<Index, AuthorityError> {
    let write = |name: &str, bytes: &[u8], secret| {
        let path = directory.join(name);
        disk.replace(&path, bytes, secret).map_err(|e| AuthorityError::storage("write", path, e))
    };
    let pem = key_file::private_key_pem(key)
        .map_err(|source| AuthorityError::Key { source: KeyFileError::Format { source } })?;
    write(KEY, pem.expose(), true)?;
    let index = Index::create(Arc::clone(disk), &directory.join(INDEX), certificate.key_pin())?;
    write(CERTIFICATE, certificate.to_pem().as_bytes(), false)?;
    Ok(index)
}

fn files(directory: &Path) -> [PathBuf; 3] {
    [directory.join(CERTIFICATE), directory.join(KEY), directory.join(INDEX).join(index::LOG)]
}

fn refuse_existing(files: &[PathBuf]) -> Result<(), AuthorityError> {
    for path in files {
        match path.symlink_metadata() {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            Err(e) => return Err(AuthorityError::storage("look at", path, e)),
            Ok(_) => return Err(AuthorityError::AlreadyExists { path: path.clone() }),
        }
    }
    Ok(())
}

/// Where others may write, they may put a certificate, a key or an index of their own. A sticky directory keeps them from
/// replacing ours, but not from being there first, so it is refused as well.
#[cfg(unix)]
fn refuse_exposed(directory: &Path) -> Result<(), AuthorityError> {
    use std::os::unix::fs::PermissionsExt;
    let Ok(metadata) = std::fs::metadata(directory) else {
        // What is missing is reported by whoever needs it, under its own name.
        return Ok(());
    };
    match metadata.permissions().mode() & 0o7777 {
        mode if mode & 0o002 != 0 => Err(AuthorityError::Exposed { path: directory.to_owned(), mode }),
        _ => Ok(()),
    }
}

#[cfg(not(unix))]
fn refuse_exposed(_directory: &Path) -> Result<(), AuthorityError> {
    Ok(())
}

pub(super) const KEY: &str = "ca.key";
pub(super) const INDEX: &str = "index";
const CERTIFICATE: &str = "ca.crt";
