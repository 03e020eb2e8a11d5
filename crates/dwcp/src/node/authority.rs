//! Opening the embedded authority, whose key lies in clear or sealed.

use super::error::NodeError;
use crate::config::UnsealPlan;
use dwcp_base::{LocalDisk, read_secret};
use dwcp_crypto::Passphrase;
use dwcp_crypto::kek::{FileKek, KeyEncryptionKey, PassphraseKek, at_once};
use dwcp_pki::{AuthorityKey, CertificateAuthority};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use zeroize::Zeroizing;

/// The authority in `dir`. With a passphrase a key is derived from it, which takes a good part of a second and the memory
/// that it was sealed with: not for an event loop.
///
/// A key that is sealed opens with what the plan names alone; one that lies in clear is refused where the plan names anything,
/// since whoever believes that it is sealed should know.
pub(super) fn open(dir: &Path, unseal: Option<&UnsealPlan>) -> Result<CertificateAuthority, NodeError> {
    let failed = |source| NodeError::Authority { dir: dir.to_owned(), source };
    let disk = Arc::new(LocalDisk);
    let Some(unseal) = unseal else { return CertificateAuthority::open(disk, dir).map_err(failed) };
    let kek = opening(unseal)?;
    let key = at_once(AuthorityKey::unseal(dir, &*kek, AT_ONCE)).map_err(failed)?;
    CertificateAuthority::open_with(disk, dir, key).map_err(failed)
}

/// What opens a sealed secret of this node.
pub(super) fn opening(unseal: &UnsealPlan) -> Result<Box<dyn KeyEncryptionKey>, NodeError> {
    Ok(match unseal {
        UnsealPlan::Passphrase(path) => Box::new(PassphraseKek::opening(passphrase(path)?)),
        UnsealPlan::KeyFile(path) => {
            Box::new(FileKek::open(path).map_err(|source| NodeError::KeyFile { path: path.clone(), source })?)
        }
    })
}

fn passphrase(path: &Path) -> Result<Passphrase, NodeError> {
    // A line's end is no part of it.
    let limit = Passphrase::MAX_LEN as u64 + 2;
    let content =
        read_secret(path, limit).map_err(|source| NodeError::File { role: "passphrase file", source })?;
    Passphrase::from_file_bytes(&Zeroizing::new(content))
        .map_err(|source| NodeError::Passphrase { path: path.to_owned(), source })
}

/// Passphrases and key files never wait for anybody.
pub(super) const AT_ONCE: Duration = Duration::from_secs(60);
