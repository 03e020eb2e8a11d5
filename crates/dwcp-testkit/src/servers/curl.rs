//! Requests by curl, so that a test kit brings no HTTP client of its own along. What is secret goes by its standard input.

use super::process::command;
use serde_json::Value;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;

/// What a server answered.
#[derive(Clone, Debug)]
#[must_use]
pub struct Answer {
    /// The status; 0 when nothing answered.
    pub status: u16,
    /// The body as it came, or why nothing came.
    pub text: String,
}

impl Answer {
    /// The body as JSON; null when it is none.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }

    /// Whether the status is one of success.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// A way to one server.
#[derive(Clone, Debug)]
pub(super) struct Curl {
    program: PathBuf,
    root: Option<PathBuf>,
}

impl Curl {
    /// Trusts `root` alone; `None` is for what speaks without TLS.
    pub(super) fn new(program: PathBuf, root: Option<&Path>) -> Self {
        Self { program, root: root.map(Path::to_owned) }
    }

    /// Asks, and waits for ten seconds at most.
    pub(super) fn ask(&self, verb: &str, url: &str, headers: &[&str], body: Option<&str>) -> Answer {
        let mut lines = vec![
            ("url", url.to_owned()),
            ("request", verb.to_owned()),
            ("write-out", "\n%{http_code}".to_owned()),
            ("max-time", "10".to_owned()),
        ];
        lines.extend(self.root.iter().map(|root| ("cacert", root.display().to_string())));
        lines.extend(headers.iter().map(|header| ("header", (*header).to_owned())));
        lines.extend(body.map(|body| ("data-raw", body.to_owned())));
        let configuration: String =
            lines.iter().map(|(name, value)| format!("{name} = \"{}\"\n", quoted(value))).collect();
        // Settings of the user's own are left out (`-q` has to be the first), and so is any proxy.
        let mut curl = command(&self.program);
        curl.args(["-q", "--silent", "--show-error", "--noproxy", "*", "--config", "-"]);
        let curl = curl.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut curl = curl.spawn().expect("curl");
        let mut input = curl.stdin.take().expect("curl's input");
        input.write_all(configuration.as_bytes()).expect("curl reads what it is to do");
        drop(input);
        let output = curl.wait_with_output().expect("curl's output");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let (body, status) = text.rsplit_once('\n').unwrap_or(("", "0"));
        let status = if output.status.success() { status.parse().unwrap_or(0) } else { 0 };
        let said =
            if status == 0 { String::from_utf8_lossy(&output.stderr).into_owned() } else { body.to_owned() };
        Answer { status, text: said }
    }
}

/// As curl's files of settings want it.
fn quoted(value: &str) -> String {
    value
        .replace('\\', r"\\")
        .replace('"', "\\\"")
        .replace('\n', r"\n")
        .replace('\r', r"\r")
        .replace('\t', r"\t")
}
