//! `dwcp encrypt file` and `dwcp decrypt file`: one file, a stream, or every file of a directory.

use super::job::{Job, Way};
use super::patient::Patient;
use super::progress::Progress;
use crate::cli::args_at_rest::FileJob;
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::{Output, Report};
use dwcp_base::LocalDisk;
use dwcp_crypto::stream::{open_all, open_to_file, seal_all, seal_to_file};
use serde_json::json;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// What can be said before a key is derived: IN is there, and OUT is not IN.
pub(super) fn check_up_front(way: Way, args: &FileJob) -> Result<(), Failure> {
    let input = args.input.as_path();
    precious(args, &args.output)?;
    if is_stream(input) {
        return Ok(());
    }
    fs::metadata(input).map_err(|error| unreadable(way, input, &error))?;
    apart(input, &args.output, "IN and OUT are the same file")
}

/// What opens the data is not replaced by the data.
pub(super) fn precious(args: &FileJob, target: &Path) -> Result<(), Failure> {
    apart(&args.keyring, target, "OUT is the keyring")?;
    for (secret, why) in [
        (&args.unlock.key_file, "OUT is the key file"),
        (&args.unlock.passphrase_file, "OUT is the passphrase file"),
    ] {
        secret.as_deref().map_or(Ok(()), |secret| apart(secret, target, why))?;
    }
    Ok(())
}

/// Runs the job until it is done or `stopped`.
pub(super) fn run(job: &Job<'_>, output: Output, stopped: &Arc<AtomicBool>) -> Result<Report, Failure> {
    let (input, target) = (job.args.input.as_path(), job.args.output.as_path());
    if !is_stream(input) && fs::metadata(input).is_ok_and(|there| there.is_dir()) {
        return super::tree::run(job, output, stopped);
    }
    let total = fs::metadata(input).ok().filter(|there| there.is_file()).map(|there| there.len());
    let mut progress = Progress::new(output, total, Arc::clone(stopped));
    let done = if is_stream(input) {
        one(job, &mut Patient::new(io::stdin(), stopped), input, target, &mut progress)?
    } else {
        let mut from = File::open(input).map_err(|error| unreadable(job.way, input, &error))?;
        // A file does not keep anybody waiting; a pipe may.
        match total {
            Some(_) => one(job, &mut from, input, target, &mut progress)?,
            None => one(job, &mut Patient::new(from, stopped), input, target, &mut progress)?,
        }
    };
    drop(progress);
    // The data itself is on standard output: nothing may follow it there.
    if is_stream(target) {
        // Who reads no further does not know whether the rest is authentic, or there.
        return Ok(Report::silent().ending(if done.whole { Exit::Success } else { Exit::Failure }));
    }
    let id = super::keyring::id_text(done.key);
    let json = json!({
        "input": input.display().to_string(),
        "output": target.display().to_string(),
        "bytes": done.bytes,
        "key_id": id,
        "format": job.args.format.name(),
    });
    let text = match job.way {
        Way::Encrypt => format!("encrypted {} bytes under key {id} to {}", done.bytes, target.display()),
        Way::Decrypt => format!("decrypted {} bytes under key {id} to {}", done.bytes, target.display()),
    };
    Ok(Report::new(text, json))
}

/// What came of one file.
pub(super) struct Done {
    pub(super) bytes: u64,
    pub(super) key: u32,
    /// Not so when whoever reads standard output has seen enough.
    pub(super) whole: bool,
}

/// Seals or opens one input into one output.
pub(super) fn one(
    job: &Job<'_>,
    from: &mut dyn Read,
    input: &Path,
    target: &Path,
    progress: &mut Progress,
) -> Result<Done, Failure> {
    let (format, aad) = (job.format(), job.aad());
    let mut begun = false;
    let step = &mut |done| {
        begun |= done > 0;
        progress.at(done)
    };
    let (primary, key) = job.keys[0];
    let candidates = job.candidates();
    let done = match (job.way, is_stream(target)) {
        (Way::Encrypt, false) => seal_to_file(key, format, aad, from, target, &LocalDisk, step)
            .map(|bytes| Done { bytes, key: primary, whole: true }),
        (Way::Encrypt, true) => seal_all(key, format, aad, from, &mut io::stdout().lock(), step)
            .map(|bytes| Done { bytes, key: primary, whole: true }),
        (Way::Decrypt, false) => open_to_file(candidates, format, aad, from, target, &LocalDisk, step)
            .map(|(bytes, place)| Done { bytes, key: job.keys[place].0, whole: true }),
        (Way::Decrypt, true) => open_all(candidates, format, aad, from, &mut io::stdout().lock(), step)
            .map(|(bytes, place)| Done { bytes, key: job.keys[place].0, whole: true }),
    };
    match done {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe && is_stream(target) => {
            Ok(Done { bytes: 0, key: primary, whole: false })
        }
        Err(error) => Err(job.failure(input, target, begun, &error)),
        Ok(done) => Ok(done),
    }
}

/// `-` is standard input or output.
pub(super) fn is_stream(path: &Path) -> bool {
    path == Path::new("-")
}

pub(super) fn unreadable(way: Way, input: &Path, error: &io::Error) -> Failure {
    let what = match way {
        Way::Encrypt => format!("{} was not encrypted", input.display()),
        Way::Decrypt => format!("{} was not decrypted", input.display()),
    };
    let fix = format!("check that {} is there and that this user can read it", input.display());
    Failure::new(Exit::Failure, what, error, fix)
}

/// Whether `target` would replace `kept`, by whatever path it is named.
fn apart(kept: &Path, target: &Path, why: &str) -> Result<(), Failure> {
    if is_stream(kept) || is_stream(target) || !same_file(kept, target) {
        return Ok(());
    }
    Err(Failure::plain(
        Exit::Usage,
        format!("{} would be replaced", kept.display()),
        why,
        "name another file as OUT; what is read stays as it is",
    ))
}

fn same_file(one: &Path, other: &Path) -> bool {
    matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}
