//! A scratch directory, and what `dwcp cert validate` says of the files in it.

use super::{assert_three_lines, command};
use serde_json::Value;
use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Output, Stdio};

/// Commands run inside of it, so that files are named by their names alone.
pub(crate) struct Files(tempfile::TempDir);

impl Files {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// The authorities Root and West, West below Root, each with its list (`root.crl`, `west.crl`), and `leaf.crt` of West.
    pub(crate) fn mesh() -> Self {
        let files = Self::new();
        files.ok("cert ca init --dir root --name Root");
        files.ok("cert ca intermediate --ca root --dir west --name West");
        files.issue("leaf", "DNS:a.example.org IP:192.0.2.7 URI:spiffe://example.org/a");
        files.lists();
        files
    }

    /// A certificate of West, of three days.
    pub(crate) fn issue(&self, name: &str, sans: &str) {
        let sans: String = sans.split(' ').map(|san| format!(" --san {san}")).collect();
        self.ok(&format!("cert issue --ca west --ttl 72h --out {name}{sans}"));
    }

    /// The lists of both authorities as they are now.
    pub(crate) fn lists(&self) {
        self.ok("cert crl --ca root --out root.crl");
        self.ok("cert crl --ca west --out west.crl");
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.path(name), bytes).unwrap();
    }

    /// Runs `dwcp` with these words.
    pub(crate) fn run(&self, line: &str) -> Output {
        command().args(line.split_whitespace()).current_dir(self.0.path()).output().unwrap()
    }

    /// The same with something on standard input.
    pub(crate) fn feed(&self, line: &str, input: &[u8]) -> Output {
        let mut child = command()
            .args(line.split_whitespace())
            .current_dir(self.0.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // What is refused early is not read to its end.
        let _ = child.stdin.take().unwrap().write_all(input);
        child.wait_with_output().unwrap()
    }

    #[track_caller]
    pub(crate) fn ok(&self, line: &str) -> String {
        let output = self.run(line);
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// The exit code of `dwcp cert validate`, which fails before it judges: three lines, and an object with nothing but the error.
    #[track_caller]
    pub(crate) fn fails(&self, line: &str) -> (i32, String) {
        let output = self.run(&format!("cert validate {line}"));
        let said = String::from_utf8(output.stderr).unwrap();
        assert_three_lines(&said);
        assert!(output.stdout.is_empty(), "{}", String::from_utf8_lossy(&output.stdout));
        let json = self.run(&format!("--json cert validate {line}"));
        assert_eq!(json.status.code(), output.status.code());
        let object = object(&json);
        assert_eq!(object.as_object().unwrap().len(), 1, "{object}");
        (output.status.code().unwrap(), object["error"]["code"].as_str().unwrap().to_owned())
    }

    /// A chain that is accepted: the report, and the same as an object.
    #[track_caller]
    pub(crate) fn valid(&self, line: &str) -> (String, Value) {
        let output = self.run(&format!("cert validate {line}"));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{line}: {}{said}", String::from_utf8_lossy(&output.stdout));
        assert_eq!(said, "");
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.starts_with("valid\n"), "{text}");
        let json = self.run(&format!("--json cert validate {line}"));
        assert_eq!(json.status.code(), Some(0));
        let object = object(&json);
        assert_eq!((&object["valid"], object.get("error")), (&true.into(), None));
        (text, object)
    }

    /// A chain that is refused by this code: the first line of the report, and the verdict as an object.
    #[track_caller]
    pub(crate) fn refused(&self, line: &str, code: &str) -> (String, Value) {
        let output = self.run(&format!("cert validate {line}"));
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(7), "{line}: {text}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert_three_lines(&said);
        let first = text.lines().next().unwrap().to_owned();
        assert!(first.starts_with("refused: ") && said.contains(&first["refused: ".len()..]), "{text}{said}");
        let json = self.run(&format!("--json cert validate {line}"));
        assert_eq!(json.status.code(), Some(7));
        let object = object(&json);
        assert_eq!((&object["error"]["code"], &object["valid"]), (&code.into(), &false.into()), "{object}");
        (first, object)
    }
}

/// One object on standard output, and nothing beside it.
#[track_caller]
pub(crate) fn object(output: &Output) -> Value {
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    let text = std::str::from_utf8(&output.stdout).unwrap();
    assert_eq!(text.lines().count(), 1, "{text}");
    serde_json::from_str(text).unwrap()
}
