//! Data at rest: `dwcp encrypt`, `dwcp decrypt` and `dwcp keyring`.

mod data;
mod file;
mod job;
mod kdf_bench;
mod keyring;
mod lock;
mod passphrase;
mod patient;
mod progress;
mod secret_file;
mod signals;
mod terminal;
mod tree;
mod unlock;
mod walk;
mod watch;

use super::args_at_rest::{Decrypt, Encrypt, FileJob, Keyring, Unlock};
use super::exit::Failure;
use super::output::{Output, Report};
use dwcp_crypto::kek::KeyEncryptionKey;
use job::{Job, Way};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

pub(super) use lock::{Lock, Wanted};
pub(super) use secret_file::write as write_secret;
pub(super) use unlock::key_file_failure;

/// Signals are heard from now on: a question for a passphrase can be interrupted.
pub(super) fn listen(output: Output) -> Result<(), Failure> {
    signals::listen_for(output)
}

/// What root replaces would be root's: refused where it is somebody else's.
pub(super) fn refuse_foreign(path: &Path, what: &str) -> Result<(), Failure> {
    unlock::refuse_foreign(path, what)
}

/// What opens something that is sealed; the passphrase is asked for where the command line names nothing.
pub(super) fn opens(unlock: &Unlock) -> Result<Box<dyn KeyEncryptionKey>, Failure> {
    unlock::existing(unlock)
}

/// What something new is to be sealed under.
pub(super) fn new_lock(wanted: &Wanted<'_>, named: Option<&Path>) -> Result<Lock, Failure> {
    lock::new(wanted, named, None)
}

/// Runs one of the encryption verbs.
pub(super) fn encrypt(verb: &Encrypt, output: Output) -> Result<Report, Failure> {
    signals::listen_for(output)?;
    match verb {
        Encrypt::File(args) => file(Way::Encrypt, args, output),
        Encrypt::Data(args) => data::run(Way::Encrypt, args),
        Encrypt::Packet(args) => super::packet::run(args, output),
        Encrypt::KdfBench(args) => kdf_bench::run(args, output),
    }
}

/// Runs one of the decryption verbs.
pub(super) fn decrypt(verb: &Decrypt, output: Output) -> Result<Report, Failure> {
    signals::listen_for(output)?;
    match verb {
        Decrypt::File(args) => file(Way::Decrypt, args, output),
        Decrypt::Data(args) => data::run(Way::Decrypt, args),
    }
}

/// Runs one of the keyring verbs.
pub(super) fn keyring(verb: &Keyring, output: Output, named: Option<&Path>) -> Result<Report, Failure> {
    signals::listen_for(output)?;
    keyring::run(verb, output, named)
}

/// A signal is heard between batches and while input is waited for: the work then ends and leaves nothing behind.
fn file(way: Way, args: &FileJob, output: Output) -> Result<Report, Failure> {
    let to_stream = file::is_stream(&args.output);
    let aside = |failure: Failure| if to_stream { failure.aside() } else { failure };
    // Before the passphrase is asked for and a derivation spent on it.
    file::check_up_front(way, args).map_err(aside)?;
    let keyring = unlock::keyring(&args.keyring, &args.unlock).map_err(aside)?;
    let job = Job::new(way, args, &keyring.0).map_err(aside)?;
    let stopped = Arc::new(AtomicBool::new(false));
    signals::work(&stopped, to_stream).map_err(aside)?;
    file::run(&job, output, &stopped).map_err(aside)
}
