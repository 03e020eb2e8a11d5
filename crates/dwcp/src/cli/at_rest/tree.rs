//! Directories: one output for each file, under the same name. What is done already is skipped, so a second run goes on
//! where the first one stopped; what fails does not keep the others from being done.

use super::file::{Source, Trouble, bytes, counted, is_stream, one, precious, unreadable};
use super::job::{Job, Way};
use super::progress::Progress;
use super::walk::{Entry, Found};
use crate::cli::exit::{Exit, Failure, inert};
use crate::cli::output::{Output, Report, tell};
use dwcp_base::{Disk, LocalDisk};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Runs the job on every regular file below IN.
pub(super) fn run(job: &Job<'_>, output: Output, stopped: &Arc<AtomicBool>) -> Result<Report, Failure> {
    let (input, target) = (job.args.input.as_path(), job.args.output.as_path());
    apart(input, target)?;
    let found = Found::below(input);
    judge_targets(input, target, &found)?;
    let total = found.files.iter().map(|file| file.metadata.len()).sum();
    let mut progress = Progress::new(output, Some(total), Arc::clone(stopped));
    let mut failures = Failures { output, all: Vec::new(), count: 0, exit: Exit::Success };
    for (name, error) in &found.unread {
        failures.add(unreadable(job.way, &input.join(name), error), &progress);
    }
    for name in &found.empty {
        let to = target.join(name);
        if let Err(error) = LocalDisk.make_dir(&to) {
            failures.add(unwritable(&to, &error), &progress);
        }
    }
    let (mut done, mut skipped, mut length) = (0_u64, 0_u64, 0_u64);
    for file in &found.files {
        match each(job, file, &mut progress) {
            Ok(Some(bytes)) => (done, length) = (done + 1, length + bytes),
            Ok(None) => skipped += 1,
            Err(Trouble { failure, for_all }) => {
                failures.add(failure, &progress);
                if for_all {
                    break;
                }
            }
        }
        progress.next_file(file.metadata.len());
    }
    drop(progress);
    let verb = if job.way == Way::Encrypt { "encrypted" } else { "decrypted" };
    let mut text = format!("{verb} {}, {}, to {}", counted(done, "file"), bytes(length), inert(target));
    for (count, what) in [
        (skipped, "done already"),
        (found.others, "left out: links, devices, temporary files"),
        (failures.count, "failed"),
    ] {
        if count > 0 {
            text.push_str(&format!("; {count} {what}"));
        }
    }
    let json = json!({
        "input": input.display().to_string(),
        "output": target.display().to_string(),
        "files": done,
        "skipped": skipped,
        "left_out": found.others,
        "failed": failures.count,
        "failures": failures.all,
        "bytes": length,
        "format": job.args.format.name(),
    });
    Ok(Report::new(text, json).ending(failures.exit))
}

/// Does one file; `None` where that is done already.
fn each(job: &Job<'_>, file: &Entry, progress: &mut Progress) -> Result<Option<u64>, Trouble> {
    let (from, to) = (job.args.input.join(&file.name), job.args.output.join(&file.name));
    if fs::symlink_metadata(&to).is_ok_and(|there| job.is_done(&file.metadata, &there, &to)) {
        return Ok(None);
    }
    precious(job.args, &to)?;
    let parent = to.parent().unwrap_or(&job.args.output);
    LocalDisk.make_dir(parent).map_err(|error| unwritable(&to, &error))?;
    let opened = File::open(&from).map_err(|error| unreadable(job.way, &from, &error))?;
    let source = Source { from: &mut &opened, file: Some(&opened), name: &from };
    one(job, source, &to, progress).map(|done| Some(done.bytes))
}

/// What failed, while the rest went on.
struct Failures {
    output: Output,
    /// The first of them, for `--json`.
    all: Vec<Value>,
    count: u64,
    /// A verdict of no outweighs what this machine could not do.
    exit: Exit,
}

impl Failures {
    fn add(&mut self, failure: Failure, progress: &Progress) {
        self.count += 1;
        if self.exit == Exit::Success || failure.exit == Exit::Verification {
            self.exit = failure.exit;
        }
        if self.output.is_json() {
            if self.all.len() < MOST_LISTED {
                self.all.push(failure.to_json()["error"].take());
            }
        } else if self.count <= MOST_SHOWN {
            progress.aside(|| tell(&failure.to_string()));
        } else if self.count == MOST_SHOWN + 1 {
            progress.aside(|| tell(&format!("error: more files failed; --json lists {MOST_LISTED}")));
        }
    }
}

/// The output must not lie in the input, or it would be found there as further input.
fn apart(input: &Path, target: &Path) -> Result<(), Failure> {
    let refuse = |why: String, fix: &str| {
        let what = format!("the files below {} can not be written there", input.display());
        Err(Failure::plain(Exit::Usage, what, why, fix))
    };
    if is_stream(target) {
        return refuse("many files do not fit into one stream".to_owned(), "name a directory as OUT");
    }
    match fs::metadata(target) {
        Ok(there) if !there.is_dir() => {
            return refuse(format!("{} is not a directory", target.display()), "name a directory as OUT");
        }
        _ => {}
    }
    if lies_within(target, input) {
        return refuse("OUT lies within IN".to_owned(), "name a directory outside of IN");
    }
    Ok(())
}

/// A directory of OUT can lead back into IN, by a link or because IN holds a directory of its own name: what is written there
/// would take the place of what is still to be read. All are judged before the first is written.
fn judge_targets(input: &Path, target: &Path, found: &Found) -> Result<(), Failure> {
    let parents = found.files.iter().filter_map(|file| file.name.parent());
    let directories: BTreeSet<&Path> = parents.chain(found.empty.iter().map(PathBuf::as_path)).collect();
    match directories.into_iter().map(|below| target.join(below)).find(|to| lies_within(to, input)) {
        Some(to) => Err(Failure::plain(
            Exit::Usage,
            format!("the files below {} can not be written to {}", input.display(), target.display()),
            format!("{} leads back into IN, whose files would be replaced", to.display()),
            "name a new directory as OUT",
        )),
        None => Ok(()),
    }
}

/// Whether `target` is in `input`. What does not exist yet is judged by the part of it that does.
fn lies_within(target: &Path, input: &Path) -> bool {
    let existing = target.ancestors().find_map(|path| {
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        path.canonicalize().ok()
    });
    matches!((input.canonicalize(), existing), (Ok(input), Some(target)) if target.starts_with(&input))
}

fn unwritable(target: &Path, error: &io::Error) -> Failure {
    let what = format!("{} was not written", target.display());
    Failure::new(Exit::Failure, what, error, "name a directory that this user can write to")
}

/// Lines that somebody still reads.
const MOST_SHOWN: u64 = 20;
const MOST_LISTED: usize = 1_000;
