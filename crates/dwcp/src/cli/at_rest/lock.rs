//! What a keyring is wrapped with from now on: a passphrase that was judged or made up, or a key file.

use super::unlock::{FILE, PASSPHRASE};
use super::{passphrase, unlock};
use crate::cli::args_at_rest::Unlock;
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::{Output, Report};
use crate::config;
use dwcp_base::{Clock, LocalDisk, SystemClock};
use dwcp_crypto::kek::{FileKek, KeyEncryptionKey, PassphraseKek};
use dwcp_crypto::{KdfParams, KeyringFile, Secret};
use serde_json::Value;
use std::path::Path;

/// What the command line says of it.
#[derive(Clone, Copy)]
pub(in crate::cli) struct Wanted<'a> {
    pub(in crate::cli) file: Option<&'a Path>,
    pub(in crate::cli) descriptor: Option<u32>,
    pub(in crate::cli) key_file: Option<&'a Path>,
    pub(in crate::cli) generate: bool,
}

impl<'a> Wanted<'a> {
    /// What the options say.
    pub(in crate::cli) fn of(lock: &'a Unlock, generate: bool) -> Self {
        Self {
            file: lock.passphrase_file.as_deref(),
            descriptor: lock.passphrase_fd,
            key_file: lock.key_file.as_deref(),
            generate,
        }
    }

    /// Whether they say nothing.
    pub(in crate::cli) fn is_nothing(&self) -> bool {
        self.file.is_none() && self.descriptor.is_none() && self.key_file.is_none() && !self.generate
    }
}

/// A key-encryption key for new data.
pub(in crate::cli) struct Lock {
    pub(super) kek: Box<dyn KeyEncryptionKey>,
    /// `passphrase` or `file`, as the keyring file will say.
    pub(super) kind: &'static str,
    /// A passphrase that was made up and has to be shown.
    pub(super) shown: Option<Secret>,
    /// Whether a key file, or a file with a passphrase, was made for it.
    made: bool,
}

impl Lock {
    /// What seals.
    pub(in crate::cli) fn kek(&self) -> &dyn KeyEncryptionKey {
        &*self.kek
    }

    /// `passphrase` or `file`.
    pub(in crate::cli) fn kind(&self) -> &'static str {
        self.kind
    }

    /// Shows a passphrase that was made up, with `json` under --json, and says whether there was one. It is shown before anything
    /// is sealed under it: were it shown after, and the showing failed, nobody could open it again.
    pub(in crate::cli) fn show(&self, mut json: Value, output: Output) -> Result<bool, Failure> {
        let Some(passphrase) = &self.shown else { return Ok(false) };
        let passphrase = String::from_utf8_lossy(passphrase.expose());
        let early =
            format!("passphrase: {passphrase}\nIt is shown this once; what it seals is lost without it.");
        json["passphrase"] = Value::String(passphrase.into_owned());
        output.tell(&Report::new(early, json)).map_err(|error| {
            let fix = "let standard output lead to somebody who reads it, or name a --passphrase-file that does not exist yet";
            Failure::new(Exit::Failure, "the passphrase could not be shown, so nothing was done", &error, fix)
        })?;
        Ok(true)
    }

    /// What is told when the keyring did not come: a secret that was made for it stays, since others may rely on it by now.
    pub(in crate::cli) fn failure(&self, mut failure: Failure) -> Failure {
        if self.made {
            failure.fix.push_str("; the secret that was made is kept: name it again, without --generate");
        }
        // What was shown is on standard output already.
        if self.shown.is_some() { failure.aside() } else { failure }
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
            return Ok(Lock { kek: Box::new(kek), kind: FILE, shown: None, made: false });
        }
        let kek = FileKek::create(path, &LocalDisk, SystemClock::new().unix())
            .map_err(|error| unlock::key_file_failure(path, &error))?;
        return Ok(Lock { kek: Box::new(kek), kind: FILE, shown: None, made: true });
    }
    let params = params(named, floor)?;
    let new = passphrase::new(wanted.file, wanted.descriptor, wanted.generate)?;
    let kek = Box::new(PassphraseKek::new(new.passphrase, params));
    Ok(Lock { kek, kind: PASSPHRASE, shown: new.shown, made: new.written })
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
    Ok((file, Lock { kek, kind, shown: None, made: false }))
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
