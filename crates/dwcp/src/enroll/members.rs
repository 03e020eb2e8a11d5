//! Who joined, in `CA_DIR/members`: one file a node, by the digest of its identity.

use super::error::EnrollError;
use super::file;
use super::member::Member;
use super::token::{bytes_of_hex, hex};
use super::tokens::Held;
use dwcp_base::Disk;
use dwcp_crypto::digest;
use dwcp_pki::SpiffeId;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The members of one authority's mesh. Whoever changes them holds the lock of the tokens.
#[derive(Clone)]
pub struct Members {
    disk: Arc<dyn Disk>,
    directory: PathBuf,
}

impl Members {
    /// The most members.
    pub const MOST: usize = 65_536;

    /// The members of the authority in `ca_dir`. Nothing is read or made yet.
    pub fn of(disk: Arc<dyn Disk>, ca_dir: &Path) -> Self {
        Self { disk, directory: ca_dir.join("members") }
    }

    /// Whether anybody ever joined.
    pub(super) fn are_there(&self) -> bool {
        self.directory.is_dir()
    }

    /// The member of this identity, or of one that differs from it by the case of letters alone.
    ///
    /// # Errors
    /// [`EnrollError::Record`] where the record is damaged or another's, and what the disk says.
    pub fn read(&self, identity: &SpiffeId) -> Result<Option<Member>, EnrollError> {
        let path = self.path(identity);
        let Some(bytes) = file::read(&path)? else { return Ok(None) };
        let same = |member: &Member| member.identity.as_str().eq_ignore_ascii_case(identity.as_str());
        match Member::from_bytes(&bytes).filter(same) {
            Some(member) => Ok(Some(member)),
            None => Err(EnrollError::Record { path }),
        }
    }

    /// Whether one more than there are now has room.
    pub(super) fn check_room(&self, _held: &Held) -> Result<(), EnrollError> {
        let count = file::list(&self.directory, |name| bytes_of_hex::<32>(name).map(drop))?.len();
        if count < Self::MOST { Ok(()) } else { Err(EnrollError::Full { limit: Self::MOST }) }
    }

    /// Returns once the record is on stable storage.
    pub(super) fn write(&self, _held: &Held, member: &Member) -> Result<(), EnrollError> {
        self.disk
            .make_dir(&self.directory)
            .map_err(|source| EnrollError::storage("make", &self.directory, source))?;
        file::write(&*self.disk, &self.path(&member.identity), &member.to_bytes())
    }

    /// Removes the member of exactly this identity, which joins anew as anybody would. `false`: there was none.
    ///
    /// # Errors
    /// [`EnrollError::Record`] where the record is damaged or another's, and what the disk says.
    pub fn forget(&self, _held: &Held, identity: &SpiffeId) -> Result<bool, EnrollError> {
        if self.read(identity)?.is_none_or(|member| member.identity != *identity) {
            return Ok(false);
        }
        let path = self.path(identity);
        std::fs::remove_file(&path).map_err(|source| EnrollError::storage("remove", &path, source))?;
        Ok(true)
    }

    fn path(&self, identity: &SpiffeId) -> PathBuf {
        // Where case means nothing to the file system either, and no path of a peer's choosing.
        self.directory.join(hex(&digest::sha256(identity.as_str().to_ascii_lowercase().as_bytes())))
    }
}
