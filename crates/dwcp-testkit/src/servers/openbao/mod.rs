//! OpenBao, which speaks Vault's API: in production mode over TLS 1.3, initialised and unsealed.

mod launch;
mod pki;

pub use launch::OpenBaoOptions;

use super::curl::{Answer, Curl};
use super::process::{Process, command};
use super::{Place, STARTS, free_port, wait_until};
use crate::{Lab, peer};
use dwcp_pki::Certificate;
use launch::{configure, is_answering, serve};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

/// A running OpenBao, with ports and a directory of its own; both are gone when it is dropped. Methods panic where a test could not go on.
#[derive(Debug)]
pub struct OpenBao {
    program: PathBuf,
    curl: Curl,
    place: Place,
    options: OpenBaoOptions,
    port: u16,
    process: Process,
    unseal_key: String,
    root_token: String,
}

impl OpenBao {
    /// A server that keeps what it stores in memory, unsealed; `None` where there is no `bao` or no `curl`, said aloud.
    ///
    /// # Panics
    /// When it does not start, and in CI when a program is missing.
    pub fn start() -> Option<Self> {
        Self::start_with(&OpenBaoOptions::default())
    }

    /// A server of the test's choice, unsealed.
    ///
    /// # Panics
    /// As [`start`](Self::start).
    pub fn start_with(options: &OpenBaoOptions) -> Option<Self> {
        let (program, curl) = (peer("bao")?, peer("curl")?);
        let place = Place::new();
        let curl = Curl::new(curl, Some(&place.root));
        for _ in 0..STARTS {
            let port = free_port();
            configure(&place, options, port);
            let process = serve(&program, &place);
            if is_answering(&process, &curl, port) {
                let mut server = Self {
                    program,
                    curl,
                    place,
                    options: options.clone(),
                    port,
                    process,
                    unseal_key: String::new(),
                    root_token: String::new(),
                };
                server.initialise();
                server.unseal();
                return Some(server);
            }
        }
        panic!("bao did not start: {}", fs::read_to_string(place.path("log")).unwrap_or_default())
    }

    /// `https://127.0.0.1:PORT`.
    pub fn address(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }

    /// The port that it listens on, of 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The roots that its own TLS is certified by.
    pub fn roots(&self) -> Vec<Certificate> {
        self.place.roots()
    }

    /// The same as a file in PEM.
    pub fn ca_file(&self) -> &Path {
        &self.place.root
    }

    /// The lab that certified the server; it is as good for its clients.
    pub fn lab(&self) -> &Lab {
        &self.place.lab
    }

    /// A directory for files of the test, gone with the server.
    pub fn directory(&self) -> &Path {
        self.place.directory()
    }

    /// The token that may do everything.
    pub fn root_token(&self) -> &str {
        &self.root_token
    }

    /// The key that unseals it.
    pub fn unseal_key(&self) -> &str {
        &self.unseal_key
    }

    /// Requests and answers, a JSON object in a line each, of a server that is [audited](OpenBaoOptions::audited).
    pub fn audit_log(&self) -> PathBuf {
        self.place.path("audit.log")
    }

    /// The number of its process.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// What it printed last.
    pub fn said(&self) -> String {
        self.process.said()
    }

    /// Runs `bao` with `arguments` as root, and gives the JSON that it printed: null when it printed none. The token goes by the
    /// environment.
    ///
    /// # Panics
    /// When it fails.
    pub fn command(&self, arguments: &[&str]) -> Value {
        self.try_command(arguments).unwrap_or_else(|said| panic!("bao {}: {said}", arguments.join(" ")))
    }

    /// The same for what may fail.
    ///
    /// # Errors
    /// What it said.
    ///
    /// # Panics
    /// When it can not be run at all.
    pub fn try_command(&self, arguments: &[&str]) -> Result<Value, String> {
        let mut bao = command(&self.program);
        bao.args(arguments).env("BAO_FORMAT", "json").env("BAO_ADDR", self.address());
        bao.env("BAO_CACERT", self.ca_file())
            .env("BAO_TOKEN", &self.root_token)
            .env("HOME", self.directory());
        let output = bao.output().expect("bao runs");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        if output.status.success() {
            return Ok(serde_json::from_str(&text).unwrap_or(Value::Null));
        }
        Err(format!("{text}{}", String::from_utf8_lossy(&output.stderr)))
    }

    /// Asks for a path below `/v1/` with a token of the test's choice, and gives whatever the server answered.
    pub fn ask(&self, token: &str, verb: &str, path: &str, body: Option<&Value>) -> Answer {
        let url = format!("{}/v1/{path}", self.address());
        let token = format!("X-Vault-Token: {token}");
        let body = body.map(Value::to_string);
        self.curl.ask(verb, &url, &[&token], body.as_deref())
    }

    /// Writes as root; gives the answer, null when it is empty.
    ///
    /// # Panics
    /// When it is refused.
    pub fn write(&self, path: &str, body: &Value) -> Value {
        self.done("POST", path, Some(body))
    }

    /// Reads as root.
    ///
    /// # Panics
    /// When it is refused, or when there is nothing.
    pub fn read(&self, path: &str) -> Value {
        self.done("GET", path, None)
    }

    /// Lists the names below a path as root.
    ///
    /// # Panics
    /// When it is refused, or when there is nothing.
    pub fn list(&self, path: &str) -> Value {
        self.done("LIST", path, None)
    }

    /// Deletes as root.
    ///
    /// # Panics
    /// When it is refused.
    pub fn delete(&self, path: &str) -> Value {
        self.done("DELETE", path, None)
    }

    fn done(&self, verb: &str, path: &str, body: Option<&Value>) -> Value {
        let answer = self.ask(&self.root_token, verb, path, body);
        assert!(answer.is_success(), "{verb} {path}: {} {}", answer.status, answer.text);
        answer.json()
    }

    /// A token under `policies` that lives for `ttl` ("30s"); further settings of `auth/token/create` in `more`.
    ///
    /// # Panics
    /// When it is refused.
    pub fn token(&self, policies: &[&str], ttl: &str, more: &Value) -> String {
        let mut body = json!({ "policies": policies, "ttl": ttl, "no_default_policy": false });
        if let (Some(body), Some(more)) = (body.as_object_mut(), more.as_object()) {
            body.extend(more.clone());
        }
        let made = self.write("auth/token/create", &body);
        made["auth"]["client_token"].as_str().expect("a token").to_owned()
    }

    /// Seals it: it answers, and gives nothing out until it is [unsealed](Self::unseal).
    ///
    /// # Panics
    /// When it is refused.
    pub fn seal(&self) {
        self.done("PUT", "sys/seal", None);
    }

    /// Unseals it, and waits until it serves.
    ///
    /// # Panics
    /// When it does not.
    pub fn unseal(&self) {
        let unsealed = self.ask("", "PUT", "sys/unseal", Some(&json!({ "key": self.unseal_key })));
        assert!(unsealed.is_success(), "unseal: {} {}", unsealed.status, unsealed.text);
        let serves = || self.ask("", "GET", "sys/health", None).status == 200;
        assert!(
            wait_until(serves, || !self.process.is_running()),
            "bao is not healthy: {}",
            self.process.said()
        );
    }

    /// Ends it on the spot, as a loss of power does: connections are refused from here on.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Ends it if it runs, and starts it anew at the same address, unsealed.
    ///
    /// # Panics
    /// When it was not started as durable, or does not start.
    pub fn restart(&mut self) {
        self.restart_sealed();
        self.unseal();
    }

    /// The same, and leaves it sealed.
    ///
    /// # Panics
    /// As [`restart`](Self::restart).
    pub fn restart_sealed(&mut self) {
        assert!(self.options.durable, "a server in memory forgets everything: start it as durable");
        for _ in 0..STARTS {
            self.process.kill();
            self.process = serve(&self.program, &self.place);
            if is_answering(&self.process, &self.curl, self.port) {
                return;
            }
        }
        panic!("bao did not start again: {}", self.process.said())
    }

    /// Stops it in the middle of whatever it does: connections come about, and nothing answers.
    pub fn pause(&self) {
        self.process.pause();
    }

    /// Lets it go on after [`pause`](Self::pause).
    pub fn resume(&self) {
        self.process.resume();
    }

    /// Leaves it running, with its directory: for trying things by hand.
    pub fn release(self) {
        self.process.release();
        self.place.lab.keep();
    }

    fn initialise(&mut self) {
        let shares = json!({ "secret_shares": 1, "secret_threshold": 1 });
        let made = self.ask("", "PUT", "sys/init", Some(&shares));
        assert!(made.is_success(), "init: {} {}", made.status, made.text);
        let made = made.json();
        let text = |value: &Value| value.as_str().expect("a key and a token").to_owned();
        self.unseal_key = text(&made["keys_base64"][0]);
        self.root_token = text(&made["root_token"]);
    }
}
