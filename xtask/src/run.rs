//! Runs other programs: loudly, with their exit status taken seriously.

use crate::report::{Failed, failed};
use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// A command in the workspace's root, so that tasks work from any directory inside it.
pub(crate) fn command(program: impl AsRef<OsStr>, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(crate::tree::root()).stdin(Stdio::null());
    command
}

/// The cargo that runs this task.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    command(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()), arguments)
}

/// Runs to the end with output passed through.
pub(crate) fn succeed(mut command: Command) -> Result<(), Failed> {
    println!("$ {}", shown(&command));
    let status = command.status().map_err(|e| failed(format!("can not start {}: {e}", shown(&command))))?;
    if status.success() { Ok(()) } else { Err(failed(format!("{} ended with {status}", shown(&command)))) }
}

/// Runs quietly and gives back standard output.
pub(crate) fn output(mut command: Command) -> Result<String, Failed> {
    let out = command.output().map_err(|e| failed(format!("can not start {}: {e}", shown(&command))))?;
    if !out.status.success() {
        let said = String::from_utf8_lossy(&out.stderr);
        return Err(failed(format!("{} ended with {}\n{said}", shown(&command), out.status)));
    }
    String::from_utf8(out.stdout).map_err(|_| failed(format!("{} printed no UTF-8", shown(&command))))
}

/// Runs with output passed through while `line` sees each line of standard output and standard error.
pub(crate) fn watched(mut command: Command, line: &(dyn Fn(&str) + Sync)) -> Result<(), Failed> {
    println!("$ {}", shown(&command));
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|e| failed(format!("can not start {}: {e}", shown(&command))))?;
    let (out, err) = (child.stdout.take(), child.stderr.take());
    std::thread::scope(|scope| {
        if let Some(err) = err {
            scope.spawn(move || {
                for text in BufReader::new(err).lines().map_while(Result::ok) {
                    line(&text);
                    eprintln!("{text}");
                }
            });
        }
        if let Some(out) = out {
            for text in BufReader::new(out).lines().map_while(Result::ok) {
                line(&text);
                println!("{text}");
            }
        }
    });
    let status = child.wait().map_err(|e| failed(format!("{}: {e}", shown(&command))))?;
    if status.success() { Ok(()) } else { Err(failed(format!("{} ended with {status}", shown(&command)))) }
}

/// Whether a program of this name answers on the search path.
pub(crate) fn on_path(program: &str) -> bool {
    let extended = crate::peers::search_path();
    std::env::split_paths(&extended).any(|directory| {
        directory.join(program).is_file() || directory.join(format!("{program}.exe")).is_file()
    })
}

/// Where programs that tasks install for themselves are kept: `$HOME/.cache/dwcp-tools`.
pub(crate) fn tools() -> PathBuf {
    let home = PathBuf::from(std::env::var_os("HOME").unwrap_or_else(|| ".".into()));
    home.join(".cache/dwcp-tools")
}

/// Whether this is CI, where a missing peer is installed and a skipped test is an error.
pub(crate) fn in_ci() -> bool {
    std::env::var("CI").is_ok_and(|value| value == "true")
}

fn shown(command: &Command) -> String {
    let program = command.get_program().to_string_lossy();
    let name = program.rsplit(['/', '\\']).next().unwrap_or(&program).to_owned();
    command.get_args().fold(name, |text, argument| format!("{text} {}", argument.to_string_lossy()))
}
