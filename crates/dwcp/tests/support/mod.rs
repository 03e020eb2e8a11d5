//! Running the real binary: commands, nodes that are waited for, scratch directories.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(dead_code, reason = "each test binary uses its part")]
#![allow(clippy::disallowed_methods, reason = "a deadline of a test is wall time")]

#[cfg(unix)]
pub(crate) mod acme;
#[cfg(unix)]
pub(crate) mod ahead;
#[cfg(unix)]
pub(crate) mod at_rest;
#[cfg(unix)]
pub(crate) mod authority;
pub(crate) mod enroll;
#[cfg(unix)]
pub(crate) mod foreign;
#[cfg(unix)]
pub(crate) mod issuer;
#[cfg(unix)]
pub(crate) mod judged;
mod line;
#[cfg(unix)]
pub(crate) mod packet;
#[cfg(unix)]
pub(crate) mod site;
#[cfg(unix)]
pub(crate) mod vault;
pub(crate) mod web;

pub(crate) use line::{Line, PATIENCE};

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Runs `dwcp` with no configuration of the machine in sight.
pub(crate) fn dwcp(arguments: &[&str]) -> Output {
    command().args(arguments).output().unwrap()
}

/// The binary in an empty environment.
pub(crate) fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dwcp"));
    command.env_clear().env("HOME", "/nonexistent").env("NO_COLOR", "1").stdin(Stdio::null());
    command
}

/// The exit code and what was printed to standard error.
pub(crate) fn refused(arguments: &[&str]) -> (i32, String) {
    let output = dwcp(arguments);
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

/// Runs `dwcp`, expects success, gives standard output.
pub(crate) fn ok(arguments: &[&str]) -> String {
    let output = dwcp(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Three lines: what failed, why, what to do.
pub(crate) fn assert_three_lines(text: &str) {
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 3, "{text}");
    assert!(
        lines[0].starts_with("error: ") && lines[1].starts_with("  why: ") && lines[2].starts_with("  fix: "),
        "{text}"
    );
}

/// A port that was free a moment ago, and that this process gives to nobody else.
///
/// Below those that the system hands out by itself, so that no other connection takes it in the meantime.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    loop {
        // Test binaries that run side by side start at different places.
        let step = std::process::id().wrapping_mul(97).wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
        let port = u16::try_from(20_000 + step % 12_000).unwrap();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// A node that was initialised in a directory, with ports of its own.
pub(crate) struct Place {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) listen: SocketAddr,
    pub(crate) admin: SocketAddr,
    pub(crate) target: SocketAddr,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self::of("test.example")
    }

    /// A node of this trust domain.
    pub(crate) fn of(domain: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let local = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let place =
            Self { dir, listen: local(free_port()), admin: local(free_port()), target: local(free_port()) };
        ok(&[
            "init",
            place.path("node").to_str().unwrap(),
            "--name",
            "a",
            "--trust-domain",
            domain,
            "--listen",
            &place.listen.to_string(),
        ]);
        place.edit("127.0.0.1:9443", &place.admin.to_string());
        place.edit("127.0.0.1:8080", &place.target.to_string());
        place
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A path inside of the node's directory, as text.
    pub(crate) fn node(&self, name: &str) -> String {
        self.path("node").join(name).to_str().unwrap().to_owned()
    }

    pub(crate) fn config(&self) -> String {
        self.node("dwcp.yaml")
    }

    /// Replaces text in the configuration that must be there.
    pub(crate) fn edit(&self, from: &str, to: &str) {
        let text = std::fs::read_to_string(self.config()).unwrap();
        assert!(text.contains(from), "{from} is not in {text}");
        std::fs::write(self.config(), text.replace(from, to)).unwrap();
    }

    /// Issues a certificate for `spiffe://test.example/node/NAME`; gives the prefix of its files.
    pub(crate) fn issue(&self, name: &str) -> String {
        let prefix = self.path(name).to_str().unwrap().to_owned();
        ok(&[
            "cert",
            "issue",
            "--ca",
            &self.node("ca"),
            "--san",
            &format!("URI:spiffe://test.example/node/{name}"),
            "--out",
            &prefix,
        ]);
        prefix
    }

    /// Starts the node and waits until it answers.
    pub(crate) fn up(&self) -> Running {
        Running::start(command().args(["up", "--config", &self.config()]), self.admin)
    }

    /// Sends `request` to the admin listener and gives all that it answers until it closes.
    pub(crate) fn ask(&self, request: &str) -> String {
        self.ask_over(request, &self.node("ca/ca.crt"))
    }

    /// The same, to a node whose certificate leads to the root in the file `ca`.
    fn ask_over(&self, request: &str, ca: &str) -> String {
        let mut line = Line::dial_over(self.admin, ca, None).unwrap();
        // What is refused early is not read to its end, which a writer may feel.
        let _ = line.send(request.as_bytes());
        let (answer, end) = line.rest(PATIENCE);
        let open = end.is_err_and(|error| error.kind() == std::io::ErrorKind::TimedOut);
        assert!(!open, "the connection stays open after {}", String::from_utf8_lossy(&answer));
        String::from_utf8(answer).unwrap()
    }

    /// One of the health reports: the HTTP status and the object.
    pub(crate) fn health(&self, which: &str) -> (u16, serde_json::Value) {
        self.health_over(which, &self.node("ca/ca.crt"))
    }

    fn health_over(&self, which: &str, ca: &str) -> (u16, serde_json::Value) {
        let request = format!("GET /health/{which} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        let answer = self.ask_over(&request, ca);
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {answer}"));
        (head[9..12].parse().unwrap(), serde_json::from_str(body).unwrap())
    }

    /// Status and reason of one check of a health report; empty where it is not there.
    pub(crate) fn check(&self, which: &str, id: &str) -> (String, String) {
        self.check_over(which, id, &self.node("ca/ca.crt"))
    }

    /// The same, of a node whose certificate leads to the root in the file `ca`.
    pub(crate) fn check_over(&self, which: &str, id: &str, ca: &str) -> (String, String) {
        let (_, report) = self.health_over(which, ca);
        let checks = report["checks"].as_array().unwrap();
        let Some(check) = checks.iter().find(|check| check["id"] == id) else { return Default::default() };
        (check["status"].as_str().unwrap().to_owned(), check["reason"].as_str().unwrap().to_owned())
    }
}

/// A node process; killed when dropped.
pub(crate) struct Running {
    child: Child,
    said: Arc<Mutex<Vec<u8>>>,
}

impl Running {
    /// Starts a node with `command` and waits until it answers at `admin`, by when its other addresses listen too.
    pub(crate) fn start(command: &mut Command, admin: SocketAddr) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut log = child.stderr.take().unwrap();
        let said = Arc::<Mutex<Vec<u8>>>::default();
        let heard = Arc::clone(&said);
        // Read all the time, since a full pipe would stop the node.
        let reader = std::thread::spawn(move || {
            let mut some = [0; 4096];
            while let Ok(count @ 1..) = log.read(&mut some) {
                heard.lock().unwrap().extend_from_slice(&some[..count]);
            }
        });
        let end = Instant::now() + PATIENCE;
        while !answers(admin) {
            if let Some(status) = child.try_wait().unwrap() {
                reader.join().unwrap();
                panic!("the node ended with {status}: {}", String::from_utf8_lossy(&said.lock().unwrap()));
            }
            assert!(Instant::now() < end, "the node does not answer");
            std::thread::sleep(Duration::from_millis(20));
        }
        Self { child, said }
    }

    /// What it printed to standard error so far: its log.
    pub(crate) fn said(&self) -> String {
        String::from_utf8_lossy(&self.said.lock().unwrap()).into_owned()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, name: &str) {
        let status =
            Command::new("kill").args([&format!("-{name}"), &self.pid().to_string()]).status().unwrap();
        assert!(status.success());
    }

    /// Asks it to end, and gives the exit code.
    pub(crate) fn wait_after_term(self) -> i32 {
        self.signal("TERM");
        self.wait(PATIENCE)
    }

    /// Whether it has not ended.
    pub(crate) fn lives(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Waits for the end and gives the exit code.
    pub(crate) fn wait(self, within: Duration) -> i32 {
        self.end(within).0
    }

    /// Waits for the end and gives the exit code and what was printed to standard output.
    pub(crate) fn end(mut self, within: Duration) -> (i32, String) {
        let end = Instant::now() + within;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                let mut printed = String::new();
                self.child.stdout.take().unwrap().read_to_string(&mut printed).unwrap();
                return (status.code().unwrap_or(-1), printed);
            }
            assert!(Instant::now() < end, "the node does not end");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether a TLS server at `address` says something to what is no TLS. A connection alone is the kernel's doing.
fn answers(address: SocketAddr) -> bool {
    let Ok(mut stream) = TcpStream::connect(address) else { return false };
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(b"no TLS at all\n").is_ok() && stream.read(&mut [0]).is_ok_and(|count| count == 1)
}

/// A plain service that sends back what it gets, on a given address.
pub(crate) fn echo(address: SocketAddr) {
    let listener = TcpListener::bind(address).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            std::thread::spawn(move || {
                let mut back = stream.try_clone().unwrap();
                let _ = std::io::copy(&mut stream, &mut back);
                let _ = back.shutdown(std::net::Shutdown::Write);
            });
        }
    });
}

/// Polls until `done` or the time is over.
pub(crate) fn eventually(within: Duration, what: &str, mut done: impl FnMut() -> bool) {
    let end = Instant::now() + within;
    while !done() {
        assert!(Instant::now() < end, "not within {within:?}: {what}");
        std::thread::sleep(Duration::from_millis(25));
    }
}

/// Whether a program is installed; under CI its absence is a failure, elsewhere a counted line.
pub(crate) fn have(program: &str) -> bool {
    let found = std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|dir| dir.join(program).is_file()));
    if !found {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "{program} is missing, and CI must have it");
        println!("skipped: {program} is not installed");
    }
    found
}

/// `path` as text.
pub(crate) fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}
