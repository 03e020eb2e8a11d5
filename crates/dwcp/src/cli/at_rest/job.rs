//! What sealing and opening have in common: the keys, the format, and how an error reads.

use super::progress::is_stopped;
use super::watch::{Changed, Watch};
use crate::cli::args_at_rest::{FileJob, Format};
use crate::cli::exit::{Exit, Failure};
use dwcp_crypto::KeyringFile;
use dwcp_crypto::stream::{StreamLayout, refusal};
use dwcp_crypto::{CryptoError, StreamDecryptor, StreamFormat, StreamKey};
use std::fs::{File, Metadata};
use std::io;
use std::path::Path;

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Encrypt,
    Decrypt,
}

/// A job on one file or many.
pub(super) struct Job<'a> {
    pub(super) way: Way,
    pub(super) args: &'a FileJob,
    pub(super) keys: Vec<(u32, &'a StreamKey)>,
    retired: Vec<(u32, &'a StreamKey)>,
    file: &'a KeyringFile,
}

impl<'a> Job<'a> {
    pub(super) fn new(way: Way, args: &'a FileJob, file: &'a KeyringFile) -> Result<Self, Failure> {
        let keyring = file.keyring();
        let keys: Vec<_> = keyring.stream_keys().collect();
        if keys.is_empty() {
            return Err(Failure::plain(
                Exit::Configuration,
                format!("{} is no keyring for files", args.keyring.display()),
                "its keys seal short messages (type aead)",
                "use `dwcp encrypt data` with it, or make one with `dwcp keyring create FILE --type stream`",
            ));
        }
        let job = Self { way, args, keys, retired: keyring.retired_keys().collect(), file };
        let primary = job.keys.first().map(|(_, key)| key.parameters());
        if way == Way::Encrypt
            && args.format == Format::C2sp
            && primary.is_some_and(|primary| primary.derived_key_size() != 32)
        {
            return Err(Failure::plain(
                Exit::Configuration,
                "this keyring's primary key does not fit the format c2sp",
                "it is a key for AES-128, and the format takes AES-256",
                "leave --format out, or make a keyring of 256-bit keys with `dwcp keyring create`",
            ));
        }
        Ok(job)
    }

    pub(super) fn format(&self) -> StreamFormat {
        match self.args.format {
            Format::Tink => StreamFormat::Tink,
            Format::C2sp => StreamFormat::C2sp,
        }
    }

    pub(super) fn aad(&self) -> &[u8] {
        self.args.aad.as_bytes()
    }

    /// What must not change while data is sealed under the primary key; `None` where data is opened.
    pub(super) fn watch<'w>(&'w self, source: Option<&'w File>) -> io::Result<Option<Watch<'w>>> {
        if self.way == Way::Decrypt {
            return Ok(None);
        }
        Watch::new(self.file, &self.args.keyring, self.keys[0].0, source).map(Some)
    }

    /// The keys without their ids, in the same order.
    pub(super) fn candidates(&self) -> Vec<&'a StreamKey> {
        self.keys.iter().map(|(_, key)| *key).collect()
    }

    /// Whether `output` holds what this job would make of `input`: as long as it must be, and not older.
    pub(super) fn is_done(&self, input: &Metadata, output: &Metadata, made: &Path) -> bool {
        if !output.is_file() {
            return false;
        }
        // What was made under another key, for other associated data or in another format is not what this job makes.
        if self.way == Way::Encrypt && !self.begins_as_ours(made) {
            return false;
        }
        let newer = match (input.modified(), output.modified()) {
            (Ok(input), Ok(output)) => output >= input,
            _ => false,
        };
        let fits = |key: &StreamKey| {
            let layout = StreamLayout::new(self.format(), key.parameters());
            match self.way {
                Way::Encrypt => layout.ciphertext_len(input.len()) == output.len(),
                Way::Decrypt => layout.plaintext_len(input.len()) == Some(output.len()),
            }
        };
        let keys = if self.way == Way::Encrypt { &self.keys[..1] } else { &self.keys[..] };
        newer && keys.iter().any(|(_, key)| fits(key))
    }

    /// Whether the first segment of `made` opens under the primary key.
    fn begins_as_ours(&self, made: &Path) -> bool {
        let Some((_, key)) = self.keys.first() else { return false };
        File::open(made).is_ok_and(|mut from| self.begins(key, &mut from))
    }

    fn begins(&self, key: &StreamKey, from: &mut File) -> bool {
        let one = std::num::NonZeroUsize::MIN;
        StreamDecryptor::with_threads([key], self.format(), self.aad(), from, one)
            .is_ok_and(|mut stream| io::Read::read(&mut stream, &mut [0]).is_ok())
    }

    /// What to tell of an error between `input` and `output`.
    pub(super) fn failure(&self, input: &Path, output: &Path, begun: bool, error: &io::Error) -> Failure {
        let what = match self.way {
            Way::Encrypt => format!("{} was not encrypted", input.display()),
            Way::Decrypt => format!("{} was not decrypted", input.display()),
        };
        match refusal(error) {
            Some(error) => self.refused(what, input, begun, error),
            None if is_stopped(error) => {
                Failure::new(Exit::Failure, what, error, "run it again; nothing was left behind")
            }
            None if let Some(changed) = error.get_ref().and_then(|cause| cause.downcast_ref::<Changed>()) => {
                let fix = match changed {
                    Changed::Source => "run it again when nobody writes to it, or give a snapshot of it",
                    Changed::Keyring(_) => "check that the keyring is where it was, and run it again",
                    Changed::Key(_) => "run it again: it will be encrypted under the key that is primary now",
                };
                Failure::new(Exit::Failure, what, error, fix)
            }
            None => {
                let fix = match error.kind() {
                    io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                        format!("make room where {} is to be", output.display())
                    }
                    io::ErrorKind::InvalidInput => {
                        "name a file that does not exist yet as OUT, or - for standard output".to_owned()
                    }
                    io::ErrorKind::IsADirectory => {
                        format!("name a file instead of {}", input.display())
                    }
                    _ => format!(
                        "check that this user can read {} and write beside {}",
                        input.display(),
                        output.display()
                    ),
                };
                Failure::new(Exit::Failure, what, error, fix)
            }
        }
    }

    fn refused(&self, what: String, input: &Path, begun: bool, error: CryptoError) -> Failure {
        if let Some(id) = self.sealed_under_retired(input) {
            let id = super::keyring::id_text(id);
            let restore = format!(
                "`dwcp keyring restore {} {id}` puts the key back into use",
                self.args.keyring.display()
            );
            let why = format!("it was encrypted under key {id}, which is retired");
            let mut failure = Failure::plain(Exit::Verification, what, why, restore);
            "crypto.key.retired".clone_into(&mut failure.code);
            return failure;
        }
        let (why, fix) = match error {
            CryptoError::Truncated => {
                ("it ends before its end: the tail is missing", "copy it again from where it was whole")
            }
            CryptoError::NotAuthentic if begun => (
                "its beginning is authentic and a later part is not: it was altered or cut short",
                "take the file from a backup",
            ),
            CryptoError::NotAuthentic => (
                "no key of this keyring opens it: another keyring, --aad or --format, or it was altered",
                "check --keyring, --aad and --format; if they are right, take the file from a backup",
            ),
            CryptoError::InvalidKey => {
                ("the keys of this keyring do not fit the format", "check --format and --keyring")
            }
            CryptoError::DerivationTooLarge => {
                let why = "--aad is longer than 64 KiB";
                return Failure::plain(Exit::Usage, what, why, "give a shorter --aad").coded(&error);
            }
            CryptoError::Randomness => {
                let fix = "check the system's random source";
                return Failure::new(Exit::Failure, what, &error, fix).coded(&error);
            }
            _ => ("it is not a stream of this format", "check --format"),
        };
        Failure::plain(Exit::Verification, what, why, fix).coded(&error)
    }

    /// Which retired key would open the beginning of `input`, so that the operator is told what to do.
    fn sealed_under_retired(&self, input: &Path) -> Option<u32> {
        if self.way == Way::Encrypt || self.retired.is_empty() || !input.is_file() {
            return None;
        }
        self.retired.iter().find_map(|(id, key)| {
            let mut from = File::open(input).ok()?;
            self.begins(key, &mut from).then_some(*id)
        })
    }
}
