//! `dwcp encrypt file` and `dwcp decrypt file`: one file, a stream, or every file of a directory.

use super::job::{Job, Way};
use super::patient::Patient;
use super::progress::{Progress, is_stopped};
use super::watch::{Watch, is_of_the_key};
use crate::cli::args_at_rest::FileJob;
use crate::cli::exit::{Exit, Failure, inert};
use crate::cli::output::{Output, Report};
use dwcp_base::LocalDisk;
use dwcp_crypto::stream::{open_all, open_to_file, seal_all, seal_to_file};
use serde_json::json;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// What can be said before a key is derived: IN is there, and OUT is not IN.
pub(super) fn check_up_front(way: Way, args: &FileJob) -> Result<(), Failure> {
    let input = args.input.as_path();
    precious(args, &args.output)?;
    if is_stream(input) {
        if args.unlock.passphrase_fd == Some(0) {
            return Err(super::passphrase::twice_from_stdin(format!("{} was not read", input.display())));
        }
        return Ok(());
    }
    fs::metadata(input).map_err(|error| unreadable(way, input, &error))?;
    apart(input, &args.output, "IN and OUT are the same file")
}

/// What opens the data is not replaced by the data.
pub(super) fn precious(args: &FileJob, target: &Path) -> Result<(), Failure> {
    apart(&args.keyring, target, "OUT is the keyring")?;
    apart(&lock_of(&args.keyring), target, "OUT is the lock of the keyring")?;
    for (secret, why) in [
        (&args.unlock.key_file, "OUT is the key file"),
        (&args.unlock.passphrase_file, "OUT is the passphrase file"),
    ] {
        secret.as_deref().map_or(Ok(()), |secret| apart(secret, target, why))?;
    }
    Ok(())
}

/// Beside the keyring, whatever links lead to it.
fn lock_of(keyring: &Path) -> PathBuf {
    let keyring = keyring.canonicalize().unwrap_or_else(|_| keyring.to_owned());
    let mut name = std::ffi::OsString::from(".");
    name.push(keyring.file_name().unwrap_or_default());
    name.push(".lock");
    keyring.with_file_name(name)
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
        let mut from = Patient::new(|| Ok(io::stdin()), stopped);
        one(job, Source { from: &mut from, file: None, name: input }, target, &mut progress)?
    } else {
        // A file does not keep anybody waiting; a pipe may, and already when it is opened.
        if total.is_some() {
            let file = File::open(input).map_err(|error| unreadable(job.way, input, &error))?;
            let from = &mut &file;
            one(job, Source { from, file: Some(&file), name: input }, target, &mut progress)?
        } else {
            let path = input.to_owned();
            let from = &mut Patient::new(move || File::open(path), stopped);
            one(job, Source { from, file: None, name: input }, target, &mut progress)?
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
        Way::Encrypt => format!("encrypted {} under key {id} to {}", bytes(done.bytes), inert(target)),
        Way::Decrypt => format!("decrypted {} under key {id} to {}", bytes(done.bytes), inert(target)),
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

/// Where one file comes from.
pub(super) struct Source<'a> {
    pub(super) from: &'a mut dyn Read,
    /// The file that is read, where it is one and not a pipe.
    pub(super) file: Option<&'a File>,
    pub(super) name: &'a Path,
}

/// Why there is nothing at the output.
pub(super) struct Trouble {
    pub(super) failure: Failure,
    /// Whether it would be the same with every other file.
    pub(super) for_all: bool,
}

impl From<Failure> for Trouble {
    /// What is wrong with the command line is wrong for every file.
    fn from(failure: Failure) -> Self {
        let for_all = failure.exit == Exit::Usage;
        Self { failure, for_all }
    }
}

impl From<Trouble> for Failure {
    fn from(trouble: Trouble) -> Self {
        trouble.failure
    }
}

/// Seals or opens one input into one output.
pub(super) fn one(
    job: &Job<'_>,
    source: Source<'_>,
    target: &Path,
    progress: &mut Progress,
) -> Result<Done, Trouble> {
    let Source { from, file, name: input } = source;
    let (format, aad) = (job.format(), job.aad());
    let mut begun = false;
    let mut watch = job.watch(file).map_err(|error| unreadable(job.way, input, &error))?;
    // Called a last time when all is sealed, before anything appears at the output.
    let step = &mut |done| {
        begun |= done > 0;
        progress.at(done)?;
        watch.as_mut().map_or(Ok(()), Watch::look)
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
        Err(error) => {
            let full = [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded];
            let mut trouble = Trouble::from(job.failure(input, target, begun, &error));
            trouble.for_all |= is_stopped(&error) || full.contains(&error.kind()) || is_of_the_key(&error);
            Err(trouble)
        }
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

pub(super) fn bytes(count: u64) -> String {
    counted(count, "byte")
}

/// `1 file`, `2 files`.
pub(super) fn counted(count: u64, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
