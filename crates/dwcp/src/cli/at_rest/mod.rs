//! Data at rest: `dwcp encrypt`, `dwcp decrypt` and `dwcp keyring`.

mod data;
mod file;
mod job;
mod kdf_bench;
mod keyring;
mod lock;
mod passphrase;
mod progress;
mod tree;
mod unlock;

use super::args_at_rest::{Decrypt, Encrypt, FileJob, Keyring};
use super::exit::Failure;
use super::output::{Output, Report};
use job::{Job, Way};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Runs one of the encryption verbs.
pub(super) fn encrypt(verb: &Encrypt, output: Output) -> Result<Report, Failure> {
    match verb {
        Encrypt::File(args) => file(Way::Encrypt, args, output),
        Encrypt::Data(args) => data::run(Way::Encrypt, args),
        Encrypt::KdfBench(args) => kdf_bench::run(args, output),
    }
}

/// Runs one of the decryption verbs.
pub(super) fn decrypt(verb: &Decrypt, output: Output) -> Result<Report, Failure> {
    match verb {
        Decrypt::File(args) => file(Way::Decrypt, args, output),
        Decrypt::Data(args) => data::run(Way::Decrypt, args),
    }
}

/// Runs one of the keyring verbs.
pub(super) fn keyring(verb: &Keyring, output: Output, named: Option<&Path>) -> Result<Report, Failure> {
    keyring::run(verb, output, named)
}

/// The job runs on a thread of its own, so that a signal is heard: it then ends at the next batch and leaves nothing behind.
fn file(way: Way, args: &FileJob, output: Output) -> Result<Report, Failure> {
    // Before the passphrase is asked for and a derivation spent on it.
    file::check_up_front(way, args)?;
    let keyring = unlock::keyring(&args.keyring, &args.unlock)?;
    let job = Job::new(way, args, &keyring)?;
    let stopped = Arc::new(AtomicBool::new(false));
    let runtime = super::up::runtime()?;
    let (flag, guard) = (Arc::clone(&stopped), runtime.enter());
    let mut signals = super::up::Signals::new()?;
    runtime.spawn(async move {
        signals.stopped().await;
        flag.store(true, Ordering::Relaxed);
    });
    let done = file::run(&job, output, &stopped);
    drop(guard);
    runtime.shutdown_background();
    done
}
