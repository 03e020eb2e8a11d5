//! The files of an authority: made together or not at all, never overwritten.

use super::index::{self, Index};
use super::{AuthorityError, AuthorityKey, AuthorityUrls, Line};
use crate::certificate::{self, Certificate};
use dwcp_base::{Disk, SecretFileError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Whether an authority could be made here, before one is certified for it.
pub(super) fn check_free(directory: &Path) -> Result<(), AuthorityError> {
    refuse_exposed(directory)?;
    refuse_existing(&files(directory))
}

/// Writes everything and, last of all, the certificate, which makes the directory an authority.
pub(super) fn establish(
    disk: &Arc<dyn Disk>,
    directory: &Path,
    line: &Line,
    key: &AuthorityKey,
) -> Result<Index, AuthorityError> {
    let index = directory.join(INDEX);
    for path in [directory, &index] {
        disk.make_dir(path).map_err(|e| AuthorityError::storage("create", path, e))?;
    }
    refuse_exposed(directory)?;
    // Two processes that create at once meet here; the second finds the first's files.
    let guard = index::lock(&index)?;
    refuse_existing(&files(directory))?;
    let made = write_all(disk, directory, line, key);
    if made.is_err() {
        for path in files(directory) {
            // They were not there before and the lock is held, so they are ours; what failed first is what is reported.
            let _ = std::fs::remove_file(path);
        }
    }
    drop(guard);
    made
}

/// Reads and checks `ca.crt` and what is beside it.
pub(super) fn read_line(directory: &Path) -> Result<Line, AuthorityError> {
    refuse_exposed(directory)?;
    let text = dwcp_base::read_bounded(&directory.join(CERTIFICATE), certificate::LARGEST_PEM)
        .map_err(|source| AuthorityError::CertificateFile { source })?;
    let certificate =
        Certificate::from_pem(&text).map_err(|source| AuthorityError::Certificate { source })?;
    let may_revoke = certificate.extensions().key_usage.is_some_and(|usage| usage.crl_sign());
    if !certificate.is_authority() || !may_revoke {
        return Err(AuthorityError::NotAnAuthority);
    }
    let above = match optional(&directory.join(ISSUERS))? {
        Some(text) => {
            Certificate::bundle_from_pem(&text).map_err(|source| AuthorityError::Certificate { source })?
        }
        None => Vec::new(),
    };
    let urls = match optional(&directory.join(URLS))? {
        Some(text) => AuthorityUrls::from_text(&text)
            .ok_or_else(|| AuthorityError::Urls { path: directory.join(URLS) })?,
        None => AuthorityUrls::default(),
    };
    let line = Line::new(certificate, above, urls)?;
    line.check(&directory.join(ISSUERS))?;
    Ok(line)
}

/// A file that need not be there.
fn optional(path: &Path) -> Result<Option<Vec<u8>>, AuthorityError> {
    match dwcp_base::read_bounded(path, certificate::LARGEST_PEM) {
        Ok(text) => Ok(Some(text)),
        Err(SecretFileError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(AuthorityError::CertificateFile { source }),
    }
}

fn write_all(
    disk: &Arc<dyn Disk>,
    directory: &Path,
    line: &Line,
    key: &AuthorityKey,
) -> Result<Index, AuthorityError> {
    let write = |name: &str, bytes: &[u8], secret| {
        let path = directory.join(name);
        disk.replace(&path, bytes, secret).map_err(|e| AuthorityError::storage("write", path, e))
    };
    if let Some(file) = key.file() {
        write(KEY, file.expose(), true)?;
    }
    if !line.above().is_empty() {
        let pem: String = line.above().iter().map(Certificate::to_pem).collect();
        write(ISSUERS, pem.as_bytes(), false)?;
    }
    if !line.urls().is_empty() {
        write(URLS, line.urls().to_text().as_bytes(), false)?;
    }
    let index = Index::create(Arc::clone(disk), &directory.join(INDEX), line.own().key_pin())?;
    write(CERTIFICATE, line.own().to_pem().as_bytes(), false)?;
    Ok(index)
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = [CERTIFICATE, KEY, ISSUERS, URLS].map(|name| directory.join(name)).into();
    files.extend([index::LOG, index::NUMBER, index::BASE].map(|name| directory.join(INDEX).join(name)));
    files
}

fn refuse_existing(files: &[PathBuf]) -> Result<(), AuthorityError> {
    for path in files {
        match path.symlink_metadata() {
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
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
/// The authorities above this one, the root last; a root has none.
const ISSUERS: &str = "issuers.crt";
const URLS: &str = "urls";
