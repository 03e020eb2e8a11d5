//! Directories: one output for each file, under the same name. What is done already is skipped, so a second run goes on
//! where the first one stopped.

use super::file::{is_stream, one, unreadable};
use super::job::{Job, Way};
use super::progress::Progress;
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::{Output, Report};
use dwcp_base::{Disk, LocalDisk};
use serde_json::json;
use std::fs::{self, File, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Runs the job on every regular file below IN.
pub(super) fn run(job: &Job<'_>, output: Output, stopped: &Arc<AtomicBool>) -> Result<Report, Failure> {
    let (input, target) = (job.args.input.as_path(), job.args.output.as_path());
    apart(input, target)?;
    let mut files = Vec::new();
    let mut others = 0;
    collect(input, Path::new(""), 0, &mut files, &mut others)
        .map_err(|error| unreadable(job.way, input, &error))?;
    let total = files.iter().map(|file| file.metadata.len()).sum();
    let mut progress = Progress::new(output, Some(total), Arc::clone(stopped));
    let (mut done, mut skipped, mut bytes) = (0_u64, 0_u64, 0_u64);
    for file in &files {
        let (from, to) = (input.join(&file.name), target.join(&file.name));
        if fs::symlink_metadata(&to).is_ok_and(|there| job.is_done(&file.metadata, &there, &to)) {
            skipped += 1;
        } else {
            super::file::precious(job.args, &to)?;
            let parent = to.parent().unwrap_or(target);
            LocalDisk.make_dir(parent).map_err(|error| unwritable(&to, &error))?;
            let mut source = File::open(&from).map_err(|error| unreadable(job.way, &from, &error))?;
            bytes += one(job, &mut source, &from, &to, &mut progress)?.bytes;
            done += 1;
        }
        progress.next_file(file.metadata.len());
    }
    drop(progress);
    let verb = if job.way == Way::Encrypt { "encrypted" } else { "decrypted" };
    let mut text = format!("{verb} {done} files, {bytes} bytes, to {}", target.display());
    if skipped > 0 {
        text.push_str(&format!("; {skipped} were done already"));
    }
    if others > 0 {
        text.push_str(&format!("; {others} left out: links, devices, temporary files"));
    }
    let json = json!({
        "input": input.display().to_string(),
        "output": target.display().to_string(),
        "files": done,
        "skipped": skipped,
        "left_out": others,
        "bytes": bytes,
        "format": job.args.format.name(),
    });
    Ok(Report::new(text, json))
}

struct Entry {
    /// Below the directory.
    name: PathBuf,
    metadata: Metadata,
}

/// Regular files in the order of their names. Links are not followed: they could lead out, or around in a circle.
fn collect(
    root: &Path,
    below: &Path,
    depth: usize,
    files: &mut Vec<Entry>,
    others: &mut u64,
) -> io::Result<()> {
    if depth > DEEPEST {
        return Err(io::Error::other("the directories are nested too deep"));
    }
    let mut names: Vec<_> =
        fs::read_dir(root.join(below))?.map(|entry| Ok(entry?.file_name())).collect::<io::Result<_>>()?;
    names.sort();
    for name in names {
        let name = below.join(name);
        let metadata = fs::symlink_metadata(root.join(&name))?;
        if metadata.is_dir() {
            collect(root, &name, depth + 1, files, others)?;
        } else if metadata.is_file() && !is_temporary(&name) {
            files.push(Entry { name, metadata });
        } else {
            *others += 1;
        }
    }
    Ok(())
}

/// What a run that was killed leaves beside an output is no file of anybody's.
fn is_temporary(name: &Path) -> bool {
    let name = name.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let Some(parts) = name.strip_prefix('.').and_then(|name| name.strip_suffix(".tmp")) else { return false };
    let mut parts = parts.rsplit('.');
    let mut is = |hex: bool| {
        parts.next().is_some_and(|part| {
            let digit = |char: char| if hex { char.is_ascii_hexdigit() } else { char.is_ascii_digit() };
            !part.is_empty() && part.chars().all(digit) && (!hex || part.len() == 16)
        })
    };
    is(true) && is(false) && is(false)
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
    // What does not exist yet is judged by the part of it that does.
    let existing = target.ancestors().find_map(|path| {
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        path.canonicalize().ok()
    });
    match (input.canonicalize(), existing) {
        (Ok(input), Some(target)) if target.starts_with(&input) => {
            refuse("OUT lies within IN".to_owned(), "name a directory outside of IN")
        }
        _ => Ok(()),
    }
}

fn unwritable(target: &Path, error: &io::Error) -> Failure {
    let what = format!("{} was not written", target.display());
    Failure::new(Exit::Failure, what, error, "name a directory that this user can write to")
}

const DEEPEST: usize = 200;
