//! How a command ends: the exit code, and three lines that say what failed, why, and what to do next.

use crate::config::ConfigProblem;
use dwcp_base::{Coded, SecretFileError};
use std::fmt;
use std::path::Path;
use std::process::ExitCode;

/// The documented exit codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done, also where there was nothing to do.
    Success = 0,
    /// It failed for a reason of this machine: unreadable input, full disk, port in use.
    Failure = 1,
    /// The command line is wrong.
    Usage = 2,
    /// The configuration, a key or a certificate is not fit for use.
    Configuration = 3,
    /// The peer or a policy refused us.
    Denied = 4,
    /// What was named does not exist.
    NotFound = 5,
    /// Nothing answers, or not in time.
    Unavailable = 6,
    /// A verification said no.
    Verification = 7,
    /// It runs, but not as it should.
    Degraded = 8,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

impl Exit {
    /// The stable code of a failure that has no more exact one.
    fn code(self) -> &'static str {
        match self {
            Self::Usage => "cli.usage.refused",
            Self::Configuration => "config.value.refused",
            Self::Denied => "cli.request.denied",
            Self::NotFound => "cli.item.unknown",
            Self::Unavailable => "cli.peer.unavailable",
            Self::Verification => "cli.verification.failed",
            Self::Success | Self::Failure | Self::Degraded => "cli.command.failed",
        }
    }
}

/// A command's failure.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The exit code.
    pub exit: Exit,
    /// A stable name for scripts.
    pub code: String,
    /// What failed.
    pub what: String,
    /// Why, outermost cause first.
    pub why: Vec<String>,
    /// What to do next.
    pub fix: String,
    /// Whether standard output carries data, so that `--json` must not write there.
    pub(super) aside: bool,
    /// What was found out all the same.
    pub(super) found: Option<Box<Found>>,
}

/// What a command prints although its answer is no, before the error or around it.
#[derive(Clone, Debug)]
pub(super) struct Found {
    /// For people, on standard output.
    pub(super) text: String,
    /// The object that the error becomes a field of.
    pub(super) json: serde_json::Value,
    /// Further fields of the error itself.
    pub(super) about: serde_json::Value,
}

impl Failure {
    /// A failure with its causes taken from `error`.
    pub fn new(
        exit: Exit,
        what: impl Into<String>,
        error: &dyn std::error::Error,
        fix: impl Into<String>,
    ) -> Self {
        let mut why = vec![error.to_string()];
        let mut cause = error.source();
        while let Some(error) = cause.filter(|_| why.len() < 8) {
            why.push(error.to_string());
            cause = error.source();
        }
        let what = what.into();
        // An error that says no more than what failed is left out where it has a cause that does.
        if why.len() > 1 && why.first() == Some(&what) {
            why.remove(0);
        }
        Self { exit, code: exit.code().to_owned(), what, why, fix: fix.into(), aside: false, found: None }
    }

    /// A failure whose cause is one sentence.
    pub fn plain(
        exit: Exit,
        what: impl Into<String>,
        why: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        let why = vec![why.into()];
        Self {
            exit,
            code: exit.code().to_owned(),
            what: what.into(),
            why,
            fix: fix.into(),
            aside: false,
            found: None,
        }
    }

    /// The same with the stable code of the error behind it.
    #[must_use]
    pub fn coded(mut self, error: &dyn Coded) -> Self {
        error.code().clone_into(&mut self.code);
        self
    }

    /// The same where standard output carries data.
    #[must_use]
    pub(super) fn aside(mut self) -> Self {
        self.aside = true;
        self
    }

    /// The same under a code that no error carries.
    #[must_use]
    pub(super) fn called(mut self, code: &str) -> Self {
        code.clone_into(&mut self.code);
        self
    }

    /// The same with what was found out all the same.
    #[must_use]
    pub(super) fn after(mut self, found: Found) -> Self {
        self.found = Some(Box::new(found));
        self
    }

    /// The failure as the object that `--json` prints.
    pub fn to_json(&self) -> serde_json::Value {
        let message = format!("{}: {}", self.what, self.why.join(": "));
        let mut error = serde_json::json!({ "code": self.code, "message": message, "fix": self.fix });
        let Some(found) = &self.found else { return serde_json::json!({ "error": error }) };
        for (key, value) in found.about.as_object().into_iter().flatten() {
            error[key.as_str()] = value.clone();
        }
        let mut json = found.json.clone();
        json["error"] = error;
        json
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "error: {}", inert(&self.what))?;
        writeln!(f, "  why: {}", inert(self.why.join(": ")))?;
        write!(f, "  fix: {}", inert(&self.fix))
    }
}

/// An error with its causes.
pub(super) fn in_full(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// Names of files and keys are anybody's: what controls a terminal, begins a line or turns text around is written out.
pub(super) fn inert(text: impl AsRef<Path>) -> String {
    let turns =
        |char| matches!(char, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let escaped = |char: char| match char {
        char if char.is_control() || turns(char) => char.escape_default().to_string(),
        char => char.to_string(),
    };
    text.as_ref().to_string_lossy().chars().map(escaped).collect()
}

impl From<ConfigProblem> for Failure {
    fn from(problem: ConfigProblem) -> Self {
        let fix = problem.fix.clone();
        let exit = if problem.unreadable { Exit::Failure } else { Exit::Configuration };
        let mut failure = Self::plain(exit, "the configuration can not be used", problem.to_string(), fix);
        failure.code =
            if problem.unreadable { "config.file.unreadable" } else { "config.value.refused" }.to_owned();
        failure
    }
}

impl Failure {
    /// A file that could not be read: 3 where its permissions are the problem, else 1.
    pub fn file(what: impl Into<String>, error: &SecretFileError) -> Self {
        let exit = if matches!(error, SecretFileError::Exposed { .. }) {
            Exit::Configuration
        } else {
            Exit::Failure
        };
        Self::new(exit, what, error, error.fix()).coded(error)
    }
}
