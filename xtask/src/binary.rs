//! The release build of `dwcp`, run with nothing of this machine's configuration in sight.

use crate::metadata;
use crate::report::{Failed, failed};
use crate::run;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

/// The program under test.
#[derive(Clone, Debug)]
pub(crate) struct Binary(PathBuf);

impl Binary {
    /// Builds it, which is quick where nothing changed.
    pub(crate) fn build() -> Result<Self, Failed> {
        run::succeed(run::cargo(&["build", "--release", "--locked", "--package", "dwcp"]))?;
        let directory = PathBuf::from(metadata::target_directory()?).join("release");
        Ok(Self(directory.join(format!("dwcp{}", std::env::consts::EXE_SUFFIX))))
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// A command with an empty environment and nothing on its three streams.
    pub(crate) fn command<S: AsRef<str>>(&self, arguments: &[S]) -> Command {
        let mut command = Command::new(&self.0);
        command.args(arguments.iter().map(AsRef::as_ref)).env_clear().env("HOME", "/nonexistent");
        command.env("NO_COLOR", "1").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    /// Runs to the end, whatever that is.
    pub(crate) fn output<S: AsRef<str>>(&self, arguments: &[S]) -> Result<Output, Failed> {
        let mut command = self.command(arguments);
        command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .output()
            .map_err(|e| failed(format!("can not start {}: {e}", self.0.display())))
    }

    /// Runs to an end that must be good; gives what it printed.
    pub(crate) fn good<S: AsRef<str>>(&self, arguments: &[S]) -> Result<String, Failed> {
        let output = self.output(arguments)?;
        if !output.status.success() {
            let words: Vec<&str> = arguments.iter().map(AsRef::as_ref).collect();
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(failed(format!("dwcp {} ended with {}\n{said}", words.join(" "), output.status)));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Whether it ends well.
    pub(crate) fn succeeds<S: AsRef<str>>(&self, arguments: &[S]) -> Result<bool, Failed> {
        Ok(self.output(arguments)?.status.success())
    }
}

/// Waits for the end of `child`, at most `limit`; `None` where it still runs then.
#[allow(clippy::disallowed_methods, reason = "a deadline of a test is wall time")]
pub(crate) fn ended(child: &mut Child, limit: Duration) -> Result<Option<ExitStatus>, Failed> {
    let end = Instant::now() + limit;
    loop {
        let status = child.try_wait().map_err(|e| failed(format!("waiting for {}: {e}", child.id())))?;
        if status.is_some() || Instant::now() > end {
            return Ok(status);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// A path as an argument.
pub(crate) fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
