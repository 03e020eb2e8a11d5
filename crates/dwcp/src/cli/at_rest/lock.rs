//! What a keyring is wrapped with from now on: a passphrase that was judged or made up, or a key file.

use super::secret_file::SecretFile;
use super::unlock::{FILE, PASSPHRASE};
use super::{passphrase, unlock};
use crate::cli::args_at_rest::Unlock;
use crate::cli::exit::Failure;
use crate::config;
use dwcp_base::{Clock, LocalDisk, SystemClock};
use dwcp_crypto::kek::{FileKek, KeyEncryptionKey, PassphraseKek};
use dwcp_crypto::{KdfParams, KeyringFile, KeyringFileError, Secret};
use std::path::Path;

/// What the command line says of it.
#[derive(Clone, Copy)]
pub(super) struct Wanted<'a> {
    pub(super) file: Option<&'a Path>,
    pub(super) descriptor: Option<u32>,
    pub(super) key_file: Option<&'a Path>,
    pub(super) generate: bool,
}

impl<'a> Wanted<'a> {
    pub(super) fn of(lock: &'a Unlock, generate: bool) -> Self {
        Self {
            file: lock.passphrase_file.as_deref(),
            descriptor: lock.passphrase_fd,
            key_file: lock.key_file.as_deref(),
            generate,
        }
    }

    pub(super) fn is_nothing(&self) -> bool {
        self.file.is_none() && self.descriptor.is_none() && self.key_file.is_none() && !self.generate
    }
}

/// A key-encryption key for new data.
pub(super) struct Lock {
    pub(super) kek: Box<dyn KeyEncryptionKey>,
    /// `passphrase` or `file`, as the keyring file will say.
    pub(super) kind: &'static str,
    /// A passphrase that was made up and has to be shown.
    pub(super) shown: Option<Secret>,
    /// The file that was made for it; it goes when the keyring does not come.
    made: Option<SecretFile>,
}

impl Lock {
    /// The keyring needs it from now on, or may: after an `error` of the disk it can be wrapped this way already.
    pub(super) fn keep_after<T>(&mut self, result: &Result<T, KeyringFileError>) {
        let needed = matches!(result, Ok(_) | Err(KeyringFileError::Storage { action: "write", .. }));
        if let Some(made) = self.made.take_if(|_| needed) {
            made.keep();
        }
    }
}

/// Takes or makes what is wanted. `named` is the configuration that `--config` names; a derivation costs no less than `floor`.
pub(super) fn new(
    wanted: &Wanted<'_>,
    named: Option<&Path>,
    floor: Option<KdfParams>,
) -> Result<Lock, Failure> {
    if let Some(path) = wanted.key_file {
        if path.exists() {
            let kek = unlock::key_file(path)?;
            return Ok(Lock { kek: Box::new(kek), kind: FILE, shown: None, made: None });
        }
        let kek = FileKek::create(path, &LocalDisk, SystemClock::new().unix())
            .map_err(|error| unlock::key_file_failure(path, &error))?;
        let made = Some(SecretFile::made(path));
        return Ok(Lock { kek: Box::new(kek), kind: FILE, shown: None, made });
    }
    let params = params(named, floor)?;
    let new = passphrase::new(wanted.file, wanted.descriptor, wanted.generate)?;
    let kek = Box::new(PassphraseKek::new(new.passphrase, params));
    Ok(Lock { kek, kind: PASSPHRASE, shown: new.shown, made: new.file })
}

/// Opens the keyring in `path` and wraps it with the same secret again: a fresh salt, and no cheaper than it was.
pub(super) fn again(
    path: &Path,
    unlock: &Unlock,
    named: Option<&Path>,
) -> Result<(KeyringFile, Lock), Failure> {
    let kek: Box<dyn KeyEncryptionKey> = match &unlock.key_file {
        Some(path) => Box::new(unlock::key_file(path)?),
        // It can be read once, and serves twice: to open, and judged to wrap.
        None => {
            let floor = KeyringFile::wrapping_in(path).ok().and_then(|wrapping| wrapping.derivation());
            let params = params(named, floor)?;
            Box::new(PassphraseKek::new(passphrase::judged(passphrase::existing(unlock)?)?, params))
        }
    };
    let file = unlock::edit_with(path, &*kek)?;
    let kind = if unlock.key_file.is_some() { FILE } else { PASSPHRASE };
    Ok((file, Lock { kek, kind, shown: None, made: None }))
}

/// The cost of a derivation: the configuration's, where one is named or lies where it is looked for, else the default; and
/// no less than `floor`.
fn params(named: Option<&Path>, floor: Option<KdfParams>) -> Result<KdfParams, Failure> {
    let wanted = configured(named)?;
    Ok(floor.map_or(wanted, |floor| wanted.at_least(floor)))
}

fn configured(named: Option<&Path>) -> Result<KdfParams, Failure> {
    let found = match named {
        Some(path) => path.to_owned(),
        None => match crate::cli::config::locate(None) {
            Ok(path) => path,
            Err(_) => return Ok(KdfParams::default()),
        },
    };
    let loaded = config::load(&found, &crate::cli::config::environment())?;
    Ok(config::key_derivation(&loaded)?)
}
