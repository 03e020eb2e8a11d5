//! What a command prints: text for people, or one JSON object with `--json`, and a closed pipe ends quietly.

use super::exit::{Exit, Failure};
use serde_json::Value;
use std::io::{self, Write};

/// Where a command's result goes.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    json: bool,
    quiet: bool,
}

/// What a command has to say when it is done.
#[derive(Debug)]
pub struct Report {
    /// For people; may be several lines.
    pub text: String,
    /// The same for scripts.
    pub json: Value,
    /// Usually success; a verdict of no has its own code.
    pub exit: Exit,
    output: Wanted,
}

/// Whether the text is what the command was asked to write, or tells what it did.
#[derive(Clone, Copy, Debug)]
enum Wanted {
    AskedFor,
    Message,
    Nothing,
}

impl Report {
    /// A report of success.
    pub fn new(text: impl Into<String>, json: Value) -> Self {
        Self { text: text.into(), json, exit: Exit::Success, output: Wanted::Message }
    }

    /// A document that was asked for with `--out -`: `-q` does not hold it back.
    pub fn document(text: impl Into<String>, json: Value) -> Self {
        Self { output: Wanted::AskedFor, ..Self::new(text, json) }
    }

    /// Nothing to say: what was asked for is on standard output already.
    pub fn silent() -> Self {
        Self { output: Wanted::Nothing, ..Self::new("", Value::Null) }
    }

    /// The same report with another exit code.
    #[must_use]
    pub fn ending(mut self, exit: Exit) -> Self {
        self.exit = exit;
        self
    }
}

impl Output {
    /// Text unless `json`; nothing but errors where `quiet`.
    pub fn new(json: bool, quiet: bool) -> Self {
        Self { json, quiet }
    }

    /// Whether results are printed as JSON.
    pub fn is_json(self) -> bool {
        self.json
    }

    /// Whether progress may be shown to people.
    pub fn is_chatty(self) -> bool {
        !self.json && !self.quiet
    }

    /// Prints a result before the work is over, because it can not be told again; says whether that worked.
    pub(super) fn tell(self, report: &Report) -> io::Result<()> {
        let mut out = io::stdout().lock();
        let text = if self.json { report.json.to_string() } else { report.text.clone() };
        writeln!(out, "{text}").and_then(|()| out.flush())
    }

    /// Prints progress for people; silent with `--json` and `-q`.
    pub fn say(self, text: &str) {
        if !self.json && !self.quiet {
            // Whoever stopped reading does not stop the work: what it made is cleaned up at its end.
            let _ = print(text);
        }
    }

    /// Prints a result that is better not held in memory as a whole; says whether that worked.
    pub(super) fn stream(self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Exit {
        printed(write)
    }

    /// Prints the end of a command and gives its exit code.
    pub fn finish(self, result: Result<Report, Failure>) -> Exit {
        match result {
            Ok(report) => {
                let printed = match report.output {
                    Wanted::Nothing => Exit::Success,
                    _ if self.json => print(&report.json.to_string()),
                    Wanted::AskedFor => print(&report.text),
                    Wanted::Message if self.quiet || report.text.is_empty() => Exit::Success,
                    Wanted::Message => print(&report.text),
                };
                if printed == Exit::Success { report.exit } else { printed }
            }
            Err(failure) => {
                if self.json && failure.aside {
                    let _ = writeln!(io::stderr(), "{}", failure.to_json());
                } else if self.json {
                    let _ = print(&failure.to_json().to_string());
                } else {
                    if let Some(found) = failure.found.as_ref().filter(|_| !self.quiet) {
                        // Its exit code is the verdict's, whoever reads on.
                        let _ = print(&found.text);
                    }
                    // Nothing is left to tell if standard error is gone as well.
                    let _ = writeln!(io::stderr(), "{failure}");
                }
                failure.exit
            }
        }
    }
}

/// Says something beside the result. Nothing is left to tell if standard error is gone.
pub(super) fn tell(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// Prints one result.
fn print(text: &str) -> Exit {
    printed(|out| writeln!(out, "{text}").and_then(|()| out.flush()))
}

/// A reader that has seen enough (`dwcp … | head`) is no error of ours; a full disk is.
fn printed(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Exit {
    match write(&mut io::stdout().lock()) {
        Ok(()) => Exit::Success,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Success,
        Err(error) => {
            let _ = writeln!(
                io::stderr(),
                "error: the result was not written\n  why: {error}\n  fix: make room where standard output leads"
            );
            Exit::Failure
        }
    }
}
