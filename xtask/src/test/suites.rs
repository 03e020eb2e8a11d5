//! Test programs side by side: most of them wait for a server, a life or a deadline, and one after another they wait in vain.

use crate::metadata;
use crate::report::{Failed, failed};
use crate::run;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Something to run to its end.
pub(super) struct Suite {
    /// As it is announced.
    title: String,
    /// Higher ones start first: the node's own wait longest.
    layer: u64,
    command: Command,
}

/// Builds every test program of the workspace; the documentation's examples are one suite more.
pub(super) fn build() -> Result<Vec<Suite>, Failed> {
    // Options that the compiler reads have to be the same everywhere, or it builds twice.
    let build = ["test", "--workspace", "--all-features", "--no-run", "--quiet"];
    let mut cargo = run::cargo(&build);
    cargo.arg("--message-format=json-render-diagnostics").stderr(std::process::Stdio::inherit());
    let said = run::output(cargo)?;
    let layers = layers()?;
    let mut suites = Vec::new();
    for line in said.lines() {
        let Some(program) = Program::read(line) else { continue };
        let layer = layers.iter().find(|(root, _)| *root == program.root).map_or(0, |(_, layer)| *layer);
        let mut command = run::command(&program.executable, &["--show-output"]);
        // As cargo runs them: relative paths are those of the package.
        command.current_dir(&program.root).env("CARGO_MANIFEST_DIR", &program.root);
        suites.push(Suite { title: program.title, layer, command });
    }
    if suites.is_empty() {
        return Err(failed("cargo built no test program"));
    }
    let documentation =
        run::cargo(&["test", "--workspace", "--all-features", "--doc", "--", "--show-output"]);
    suites.push(Suite {
        title: "examples of the documentation".to_owned(),
        layer: u64::MAX,
        command: documentation,
    });
    suites.sort_by(|a, b| b.layer.cmp(&a.layer).then_with(|| a.title.cmp(&b.title)));
    Ok(suites)
}

/// How many run at a time: one more than there are cores, since most of them wait.
pub(super) fn at_a_time() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from) + 1
}

/// Runs all of them, `at_a_time` at once, each one's output in one piece; `line` sees every line. Gives the names of those
/// that failed.
pub(super) fn run_all(suites: Vec<Suite>, at_a_time: usize, line: &(dyn Fn(&str) + Sync)) -> Vec<String> {
    let queue: Vec<Mutex<Option<Suite>>> = suites.into_iter().map(|suite| Mutex::new(Some(suite))).collect();
    let next = AtomicUsize::new(0);
    let failures = Mutex::new(Vec::new());
    // Held while one suite's output is printed.
    let printing = Mutex::new(());
    let work = || {
        while let Some(place) = queue.get(next.fetch_add(1, Ordering::Relaxed)) {
            let Some(suite) = place.lock().unwrap_or_else(PoisonError::into_inner).take() else { continue };
            let (title, outcome) = (suite.title.clone(), suite.run());
            let _alone = printing.lock().unwrap_or_else(PoisonError::into_inner);
            println!("\n     Running {title}");
            let (text, fault) = match outcome {
                Ok(ran) => ran,
                Err(error) => (String::new(), Some(error.to_string())),
            };
            for said in text.lines() {
                line(said);
                println!("{said}");
            }
            if let Some(fault) = fault {
                println!("{title}: {fault}");
                failures.lock().unwrap_or_else(PoisonError::into_inner).push(title);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..at_a_time {
            scope.spawn(work);
        }
    });
    let mut failures = failures.into_inner().unwrap_or_else(PoisonError::into_inner);
    failures.sort_unstable();
    failures
}

impl Suite {
    /// What it printed, and why it counts as failed if it does.
    fn run(mut self) -> Result<(String, Option<String>), Failed> {
        self.command.env("PATH", crate::peers::search_path());
        let done = self.command.output().map_err(|e| failed(format!("can not start: {e}")))?;
        let mut text = String::from_utf8_lossy(&done.stdout).into_owned();
        text.push_str(&String::from_utf8_lossy(&done.stderr));
        Ok((text, (!done.status.success()).then(|| done.status.to_string())))
    }
}

/// A test program as cargo tells of it.
#[derive(Debug, PartialEq, Eq)]
struct Program {
    title: String,
    executable: PathBuf,
    /// Of its package.
    root: PathBuf,
}

impl Program {
    /// Reads one line of cargo's messages; `None` for what is no test program.
    fn read(line: &str) -> Option<Self> {
        let message: Value = serde_json::from_str(line).ok()?;
        let is_test = message["profile"]["test"].as_bool()?;
        let executable = PathBuf::from(message["executable"].as_str()?);
        let root = Path::new(message["manifest_path"].as_str()?).parent()?.to_owned();
        let source = Path::new(message["target"]["src_path"].as_str()?);
        let source = source.strip_prefix(&root).unwrap_or(source);
        let package = root.file_name()?.to_string_lossy().into_owned();
        is_test.then(|| Self { title: format!("{package} {}", source.display()), executable, root })
    }
}

/// The layer of each package, by its directory.
fn layers() -> Result<Vec<(PathBuf, u64)>, Failed> {
    let packages = metadata::read()?;
    Ok(packages.into_iter().map(|package| (package.root, package.layer.unwrap_or(0))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(title: &str, script: &str) -> Suite {
        Suite { title: title.to_owned(), layer: 0, command: run::command("sh", &["-c", script]) }
    }

    #[test]
    fn a_test_program_is_told_from_what_else_cargo_builds() {
        let line = |test: bool, executable: &str| {
            format!(
                r#"{{"reason":"compiler-artifact","manifest_path":"/w/crates/a/Cargo.toml","target":{{"kind":["test"],"src_path":"/w/crates/a/tests/b.rs"}},"profile":{{"test":{test}}},"executable":{executable}}}"#
            )
        };
        let program = Program::read(&line(true, r#""/w/target/b-1""#)).unwrap();
        assert_eq!(program.title, format!("a {}", Path::new("tests/b.rs").display()));
        assert_eq!((program.executable, program.root), ("/w/target/b-1".into(), "/w/crates/a".into()));
        assert_eq!(Program::read(&line(false, r#""/w/target/b-1""#)), None, "an ordinary program");
        assert_eq!(Program::read(&line(true, "null")), None, "a library");
        assert_eq!(Program::read(r#"{"reason":"build-finished","success":true}"#), None);
        assert_eq!(Program::read("   Compiling a v0.1.0"), None);
    }

    #[cfg(unix)]
    #[test]
    fn every_suite_runs_and_each_that_fails_is_named() {
        let suites = || {
            vec![
                shell("good", "echo well"),
                shell("bad", "echo said; exit 101"),
                shell("killed", "kill -9 $$"),
                shell("told on the other stream", "echo aside >&2"),
            ]
        };
        for at_a_time in [1, 3] {
            let seen = Mutex::new(Vec::new());
            let see = |line: &str| seen.lock().unwrap().push(line.to_owned());
            assert_eq!(run_all(suites(), at_a_time, &see), ["bad", "killed"]);
            let mut seen = seen.into_inner().unwrap();
            seen.sort_unstable();
            assert_eq!(seen, ["aside", "said", "well"]);
        }
    }

    #[cfg(unix)]
    #[test]
    fn what_can_not_be_started_has_failed() {
        let absent =
            Suite { title: "absent".to_owned(), layer: 0, command: Command::new("/no/such/program") };
        assert_eq!(run_all(vec![absent], 2, &|_| ()), ["absent"]);
    }
}
