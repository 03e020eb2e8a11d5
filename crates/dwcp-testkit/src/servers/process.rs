//! A process that does not outlive the test that started it, however that ends.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

/// Starts its arguments with their output in a file, tells their process number, and ends them when its input ends: that happens when
/// the one who holds the other end lets go or dies.
const GUARD: &str = r#"
log=$1; shift
"$@" >>"$log" 2>&1 & child=$!
echo "$child"
read -r _
kill -9 "$child" 2>/dev/null
wait "$child" 2>/dev/null
"#;

/// A running program with its output in a file.
#[derive(Debug)]
pub(super) struct Process {
    guard: Child,
    /// Its end is the program's.
    leash: Option<ChildStdin>,
    pid: u32,
    log: PathBuf,
}

impl Process {
    /// Starts `command`; what it prints is appended to `log`.
    ///
    /// # Panics
    /// When there is no shell.
    pub(super) fn start(command: &Command, log: &Path) -> Self {
        let file = File::options().create(true).append(true).open(log).expect("a log file");
        let mut guard = Command::new("/bin/sh");
        guard.arg("-c").arg(GUARD).arg("guard").arg(log).arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => guard.env(name, value),
                None => guard.env_remove(name),
            };
        }
        if let Some(directory) = command.get_current_dir() {
            guard.current_dir(directory);
        }
        let guard = guard.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(file);
        let mut guard = guard.spawn().expect("a shell");
        let mut told = String::new();
        let mut output = BufReader::new(guard.stdout.take().expect("the guard's output"));
        let _ = output.read_line(&mut told);
        let pid = told.trim().parse().unwrap_or_else(|_| panic!("the guard told {told:?}"));
        let leash = guard.stdin.take();
        Self { guard, leash, pid, log: log.to_owned() }
    }

    /// Its number.
    pub(super) fn pid(&self) -> u32 {
        self.pid
    }

    /// Whether it runs, or is paused; where the system does not say, as long as it was not ended.
    pub(super) fn is_running(&self) -> bool {
        if self.leash.is_none() {
            return false;
        }
        match fs::read_to_string(format!("/proc/{}/stat", self.pid)) {
            // Dead, and not yet waited for: the letter follows the name in brackets.
            Ok(stat) => !stat.rsplit(')').next().unwrap_or("").trim_start().starts_with(['Z', 'X']),
            Err(_) => !Path::new("/proc/self/stat").exists(),
        }
    }

    /// Ends it on the spot, as a loss of power does; it is gone when this returns.
    pub(super) fn kill(&mut self) {
        drop(self.leash.take());
        let _ = self.guard.wait();
    }

    /// Stops it in the middle of whatever it does: connections stay, nothing answers.
    pub(super) fn pause(&self) {
        self.signal("STOP");
        // The signal is sent: each thread stops when it comes to it, and may answer until then.
        let stopped = super::wait_until(|| self.is_stopped(), || !self.is_running());
        assert!(stopped, "{} goes on", self.pid);
    }

    /// Whether every thread of it stands still; where the system does not tell, taken for granted.
    fn is_stopped(&self) -> bool {
        let Ok(threads) = fs::read_dir(format!("/proc/{}/task", self.pid)) else { return true };
        threads.filter_map(Result::ok).all(|thread| {
            let stat = fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
            // `pid (name) state …`; a name may hold anything.
            stat.rsplit_once(") ").is_none_or(|(_, rest)| rest.starts_with(['T', 't']))
        })
    }

    /// Lets it go on.
    pub(super) fn resume(&self) {
        self.signal("CONT");
    }

    fn signal(&self, name: &str) {
        if !self.is_running() {
            return;
        }
        let mut kill = Command::new("kill");
        let status = kill.arg(format!("-{name}")).arg(self.pid.to_string()).stderr(Stdio::null()).status();
        assert!(status.is_ok_and(|status| status.success()), "no signal {name} for {}", self.pid);
    }

    /// What it printed, the last 4 KiB of it.
    pub(super) fn said(&self) -> String {
        let bytes = fs::read(&self.log).unwrap_or_default();
        let start = bytes.len().saturating_sub(4096);
        String::from_utf8_lossy(bytes.get(start..).unwrap_or_default()).into_owned()
    }

    /// Leaves it running when the test ends; whoever asks for that ends it by its number.
    pub(super) fn release(mut self) {
        // The guard alone goes, and takes nothing with it.
        let _ = self.guard.kill();
        let _ = self.guard.wait();
        self.leash = None;
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.leash.is_some() {
            self.kill();
        }
    }
}

/// A command without any of this process's settings of a proxy, or of the programs themselves.
pub(super) fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy().to_ascii_uppercase();
        if ["BAO_", "VAULT_", "PEBBLE_"].iter().any(|start| text.starts_with(start))
            || text.ends_with("_PROXY")
        {
            command.env_remove(&name);
        }
    }
    command
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::servers::wait_until;

    #[test]
    fn a_process_is_paused_goes_on_and_is_gone_when_it_is_killed() {
        let directory = tempfile::tempdir().unwrap();
        let mut sleeper = Command::new("sleep");
        sleeper.arg("60");
        let mut process = Process::start(&sleeper, &directory.path().join("log"));
        assert!(process.is_running());
        process.pause();
        let stat = format!("/proc/{}/stat", process.pid());
        let stopped = || fs::read_to_string(&stat).is_ok_and(|stat| stat.contains(") T"));
        assert!(!Path::new("/proc").exists() || wait_until(stopped, || false));
        process.resume();
        process.kill();
        assert!(!process.is_running() && !Path::new(&stat).exists());
        process.kill();
    }

    #[test]
    fn a_process_that_ends_by_itself_is_seen_and_what_it_said_is_kept() {
        let directory = tempfile::tempdir().unwrap();
        let mut teller = Command::new("sh");
        teller.arg("-c").arg("echo out; echo err >&2; exit 3");
        let process = Process::start(&teller, &directory.path().join("log"));
        assert!(wait_until(|| !process.is_running(), || false));
        assert_eq!(process.said(), "out\nerr\n");
    }
}
