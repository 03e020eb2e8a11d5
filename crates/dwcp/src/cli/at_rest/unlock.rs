//! Opening a keyring with what the command line names, and how its errors read.

use super::passphrase;
use crate::cli::args_at_rest::Unlock;
use crate::cli::exit::{Exit, Failure};
use dwcp_base::{LocalDisk, SecretFileError};
use dwcp_crypto::kek::{self, FileKek, KekFileError, KeyEncryptionKey, PassphraseKek};
use dwcp_crypto::{KekError, Keyring, KeyringFile, KeyringFileError};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// What opens a keyring.
pub(super) fn existing(unlock: &Unlock) -> Result<Box<dyn KeyEncryptionKey>, Failure> {
    match &unlock.key_file {
        Some(path) => Ok(Box::new(key_file(path)?)),
        None => Ok(Box::new(PassphraseKek::opening(passphrase::existing(unlock)?))),
    }
}

/// The keyring in `path`, to be used.
pub(super) fn keyring(path: &Path, unlock: &Unlock) -> Result<Opened, Failure> {
    look(path, unlock).map(Opened)
}

/// A keyring that was loaded to be used.
pub(super) struct Opened(pub(super) KeyringFile);

impl std::ops::Deref for Opened {
    type Target = Keyring;

    fn deref(&self) -> &Keyring {
        self.0.keyring()
    }
}

/// The keyring file in `path`, to be looked at.
pub(super) fn look(path: &Path, unlock: &Unlock) -> Result<KeyringFile, Failure> {
    fits(path, unlock)?;
    let kek = existing(unlock)?;
    kek::at_once(KeyringFile::load(path, Arc::new(LocalDisk), &*kek, AT_ONCE))
        .map_err(|error| failure(format!("the keyring {} was not opened", path.display()), path, &error))
}

/// The keyring file in `path`, to be changed.
pub(super) fn edit(path: &Path, unlock: &Unlock) -> Result<KeyringFile, Failure> {
    refuse_foreign(path, &format!("the keyring {} is unchanged", path.display()))?;
    fits(path, unlock)?;
    edit_with(path, &*existing(unlock)?)
}

/// The same with a key-encryption key that is at hand.
pub(super) fn edit_with(path: &Path, kek: &dyn KeyEncryptionKey) -> Result<KeyringFile, Failure> {
    refuse_foreign(path, &format!("the keyring {} is unchanged", path.display()))?;
    kek::at_once(KeyringFile::edit(path, Arc::new(LocalDisk), kek, AT_ONCE))
        .map_err(|error| failure(format!("the keyring {} was not opened", path.display()), path, &error))
}

/// What can be said before a passphrase is asked for: the keyring is there, it reads as one, and this is what opens its kind.
pub(super) fn fits(path: &Path, unlock: &Unlock) -> Result<(), Failure> {
    let what = || format!("the keyring {} was not opened", path.display());
    // Opening would wait where a FIFO is; what is no file is refused when it is read.
    std::fs::metadata(path).map_err(|error| {
        let fix = format!("check the path, or make one with `dwcp keyring create {}`", path.display());
        Failure::new(Exit::Failure, what(), &error, fix)
    })?;
    let wrapping = KeyringFile::wrapping_in(path).map_err(|error| failure(what(), path, &error))?;
    let (found, given) = (wrapping.key().kind(), if unlock.key_file.is_some() { FILE } else { PASSPHRASE });
    if found == given {
        return Ok(());
    }
    let source = KekError::OtherKind { expected: given, found: found.to_owned() };
    Err(failure(what(), path, &KeyringFileError::Kek { source }))
}

/// What root replaces is root's, and its owner would be locked out of it. To give it back is no way out: in a directory of
/// somebody else's, that somebody chooses what is given away.
#[cfg(unix)]
pub(super) fn refuse_foreign(path: &Path, what: &str) -> Result<(), Failure> {
    use std::os::unix::fs::MetadataExt;
    let owner = std::fs::metadata(path).map_or(0, |there| there.uid());
    if owner == 0 || !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    Err(Failure::plain(
        Exit::Denied,
        what,
        format!("it belongs to user {owner}, and what root writes would be root's"),
        format!("run it as that user, for example with `sudo -u '#{owner}'`"),
    ))
}

#[cfg(not(unix))]
pub(super) fn refuse_foreign(_path: &Path, _what: &str) -> Result<(), Failure> {
    Ok(())
}

pub(super) fn key_file(path: &Path) -> Result<FileKek, Failure> {
    FileKek::open(path).map_err(|error| key_file_failure(path, &error))
}

pub(in crate::cli) fn key_file_failure(path: &Path, error: &KekFileError) -> Failure {
    let what = format!("the key file {} was not used", path.display());
    match error {
        KekFileError::Read { source } => Failure::file(what, source),
        KekFileError::Storage { .. } | KekFileError::Busy { .. } => {
            let fix = format!(
                "check that this user can write beside {}, and that the disk has room",
                path.display()
            );
            Failure::new(Exit::Failure, what, error, fix).coded(error)
        }
        _ => {
            let fix = "name a key file that `--key-file` of `dwcp keyring create` or `dwcp cert ca` made";
            Failure::new(Exit::Configuration, what, error, fix).coded(error)
        }
    }
}

/// What to tell of an error of a keyring file.
pub(super) fn failure(what: String, path: &Path, error: &KeyringFileError) -> Failure {
    let (exit, fix) = match error {
        KeyringFileError::Read { source: source @ SecretFileError::TooLarge { .. } } => {
            (Exit::Verification, source.fix())
        }
        KeyringFileError::Read { source } => return Failure::file(what, source),
        KeyringFileError::Kek { source } => match source {
            KekError::WrongKey => (
                Exit::Verification,
                "check the passphrase or the key file; if it is right, take the keyring from a backup"
                    .to_owned(),
            ),
            KekError::OtherKind { found, .. } if found == PASSPHRASE => {
                (Exit::Verification, "give its passphrase instead of --key-file".to_owned())
            }
            KekError::OtherKind { found, .. } if found == FILE => {
                (Exit::Verification, "give --key-file instead of a passphrase".to_owned())
            }
            KekError::OtherKind { .. } => (
                Exit::Verification,
                "no version of dwcp wraps by that; take the keyring from a backup".to_owned(),
            ),
            KekError::Damaged | KekError::Parameters { .. } => {
                (Exit::Verification, "take the keyring from a backup".to_owned())
            }
            KekError::Refused(_) => (Exit::Denied, "ask whoever holds the key-encryption key".to_owned()),
            KekError::Unavailable(_) | KekError::TimedOut { .. } => {
                (Exit::Unavailable, "try again when the holder of the key-encryption key answers".to_owned())
            }
            _ => (Exit::Failure, "check the memory and the random source of this system".to_owned()),
        },
        KeyringFileError::Malformed { .. } | KeyringFileError::Damaged => {
            (Exit::Verification, "take the keyring from a backup; nothing was changed".to_owned())
        }
        KeyringFileError::Version { .. } => (
            Exit::Verification,
            "use the version of dwcp that wrote it; if that is this one, take the keyring from a backup"
                .to_owned(),
        ),
        KeyringFileError::Keyring { source } => return super::keyring::keyring_failure(&what, path, source),
        KeyringFileError::Weak => {
            (Exit::Configuration, format!("`dwcp keyring rewrap {}` brings it up to date", path.display()))
        }
        KeyringFileError::AlreadyExists { .. } => {
            (Exit::Failure, "name a file that does not exist yet".to_owned())
        }
        KeyringFileError::Busy { .. } | KeyringFileError::Changed { .. } => {
            (Exit::Failure, "try again when nobody else changes it".to_owned())
        }
        KeyringFileError::Unsynced { .. } => {
            let fix = "keep the old secret and the new one, check the disk, and run it again once `dwcp keyring list` works";
            let what = format!("the keyring {} is written, but may not survive a power loss", path.display());
            return Failure::new(Exit::Failure, what, error, fix).coded(error);
        }
        KeyringFileError::Storage { action: "lock", path: lock, .. } => (
            Exit::Failure,
            format!("let {} belong to this user, or remove it while nobody uses the keyring", lock.display()),
        ),
        _ => (
            Exit::Failure,
            format!("check that this user can write beside {}, and that the disk has room", path.display()),
        ),
    };
    Failure::new(exit, what, error, fix).coded(error)
}

/// Passphrases and key files never wait for anybody.
pub(super) const AT_ONCE: Duration = Duration::from_secs(60);
/// What key files and passphrases are called in a keyring file.
pub(super) const FILE: &str = "file";
pub(super) const PASSPHRASE: &str = "passphrase";
