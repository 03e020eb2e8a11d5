//! System calls that fail: each one of an operation in turn, until a run meets no failure.

use super::disturb::Stage;
use super::scene::{Attempt, Found, Operation, Scene};
use super::{Outcome, Settings};
use crate::binary::{Binary, ended, text};
use crate::dice::Dice;
use crate::peers;
use crate::report::{Failed, failed};
use crate::run;
use crate::scratch::Scratch;
use std::fs;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

/// Calls, and what they say when they fail.
const FAULTS: &[(&str, &str)] = &[
    ("write,pwrite64,writev", "EIO"),
    ("write,pwrite64,writev", "ENOSPC"),
    ("fsync", "EIO"),
    ("fdatasync", "EIO"),
    ("rename,renameat,renameat2", "EIO"),
    ("rename,renameat,renameat2", "ENOSPC"),
    ("openat", "ENOSPC"),
    ("openat", "EMFILE"),
    ("read,pread64,readv", "EIO"),
    ("getrandom", "EIO"),
];
const OPERATIONS: &[Operation] =
    &[Operation::Encrypt, Operation::Decrypt, Operation::Rotate, Operation::Rewrap];
/// Far longer than any of them takes under a tracer.
const PATIENCE: Duration = Duration::from_secs(10);
/// No operation makes so many calls of one kind.
const MOST: usize = 2_000;

/// Runs every operation against every fault.
pub(super) fn run(settings: &Settings, dwcp: &Binary) -> Result<Vec<Outcome>, Failed> {
    let missing = peers::tools(&[("strace", "strace")])?;
    let scratch = Scratch::new("faults")?;
    let log = scratch.path("strace");
    let traces = || run::output(run::command("strace", &["-o", &text(&log), "true"]));
    if !missing.is_empty() || traces().is_err() {
        return Ok(vec![Outcome::Skipped("faults: strace is not here, or may not trace".to_owned())]);
    }
    let (home, place) = (scratch.directory("home")?, scratch.directory("place")?);
    let mut scene = Scene::set(dwcp, &home, &place, &mut Dice::new(settings.seed))?;
    let mut outcomes = Vec::new();
    for operation in OPERATIONS {
        let (mut runs, mut struck) = (0, 0);
        for (calls, error) in FAULTS {
            let hit = every_call(&mut scene, dwcp, *operation, (calls, error), &place, &log)?;
            (runs, struck) = (runs + hit + 1, struck + hit);
        }
        let what = format!("faults: {operation:?}, {runs} runs, {struck} with a call that failed");
        outcomes.push(Outcome::Done(what));
    }
    Ok(outcomes)
}

/// Lets the first call fail, then the second, until none is left to fail. Returns how many did.
fn every_call(
    scene: &mut Scene,
    dwcp: &Binary,
    operation: Operation,
    (calls, error): (&str, &str),
    place: &Path,
    log: &Path,
) -> Result<usize, Failed> {
    for which in 1..=MOST {
        let attempt = scene.attempt(operation)?;
        let told =
            |Failed(what)| failed(format!("faults, {operation:?}, {calls} {which} says {error}: {what}"));
        let fault = format!("error={error}:when={which}");
        let status = traced(dwcp, &attempt, calls, &fault, log).map_err(told)?;
        let text = fs::read_to_string(log).map_err(|e| failed(format!("{}: {e}", log.display())))?;
        let injected: Vec<&str> = text.lines().filter(|line| line.contains("(INJECTED)")).collect();
        let acknowledged = status.is_some_and(|status| status.success());
        let found = scene.state(&attempt, acknowledged).map_err(told)?;
        let left_over = scene.left_overs().map_err(told)?;
        // No disk is behind it, and a runtime whose threads can not wake each other may do what it likes, but not do harm.
        if injected.iter().any(|line| line.contains("<anon_inode:")) {
            continue;
        }
        let Some(status) = status else { return Err(told(failed("it does not end"))) };
        if injected.is_empty() {
            return if status.success() {
                Ok(which - 1)
            } else {
                Err(told(failed(format!("nothing failed, and it ended with {status}"))))
            };
        }
        let tell = |what: &str| Err(told(failed(format!("{what}, {status}, {}", injected.join("; ")))));
        if left_over > 0 {
            return tell("a temporary file is left");
        }
        if wrong_code(status, &injected, place) {
            return tell("not the code of a failure");
        }
        if !status.success() && found == Found::New && !injected.iter().any(|line| is_late(line, place)) {
            return tell("told as a failure, and done");
        }
    }
    Err(failed(format!("faults, {operation:?}: more than {MOST} calls of {calls}")))
}

fn traced(
    dwcp: &Binary,
    attempt: &Attempt,
    calls: &str,
    fault: &str,
    log: &Path,
) -> Result<Option<ExitStatus>, Failed> {
    let mut command = Command::new("strace");
    command.args(["-f", "-y", "-s", "0", "-o", &text(log), "-e", &format!("trace={calls}")]);
    command.args(["-e", &format!("inject={calls}:{fault}")]).arg(dwcp.path()).args(&attempt.arguments);
    // As `Binary::command` has it.
    command.env("HOME", "/nonexistent").env("NO_COLOR", "1");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    // What is traced goes on when its tracer is killed, so both are killed as one group.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let mut child = command.spawn().map_err(|e| failed(format!("strace: {e}")))?;
    let status = ended(&mut child, PATIENCE)?;
    if status.is_none() {
        run::output(run::command("kill", &["-KILL", "--", &format!("-{}", child.id())]))?;
        ended(&mut child, PATIENCE)?;
    }
    Ok(status)
}

/// A failure of the files themselves is told by exit code 1. Before the program's own first call, in the loader say, codes
/// are not its own.
fn wrong_code(status: ExitStatus, injected: &[&str], place: &Path) -> bool {
    let ours = injected.iter().any(|line| line.contains(&text(place)));
    ours && !matches!(status.code(), Some(0 | 1))
}

/// Comes after the new file has its name: opening and syncing the directory, or what is told about it.
fn is_late(line: &str, place: &Path) -> bool {
    let directory = ["<>", "\"\""].map(|marks| format!("{}{}{}", &marks[..1], text(place), &marks[1..]));
    directory.iter().any(|directory| line.contains(directory)) || !line.contains(&text(place))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_told_by_the_file_it_struck() {
        let place = Path::new("/tmp/x/place");
        let file = "7 fsync(5</tmp/x/place/.sealed.7.0.ab.tmp>) = -1 EIO (Input/output error) (INJECTED)";
        let directory = "7 fsync(5</tmp/x/place>) = -1 EIO (Input/output error) (INJECTED)";
        let report = "7 write(1</dev/null>, \"\"..., 9) = -1 EIO (Input/output error) (INJECTED)";
        let opened = "7 openat(AT_FDCWD</>, \"/tmp/x/place\", O_RDONLY) = -1 ENOSPC (No space) (INJECTED)";
        assert!(!is_late(file, place));
        assert!([directory, report, opened].iter().all(|line| is_late(line, place)));
    }
}
