//! Pebble, an ACME authority for tests, with the name server that it asks.

mod launch;

pub use launch::PebbleOptions;

use super::curl::{Answer, Curl};
use super::process::Process;
use super::{Place, STARTS};
use crate::{Lab, lacking, peer};
use dwcp_pki::Certificate;
use launch::{Ports, configure, is_answering, serve, serve_names};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

/// A running Pebble and its name server, with ports and a directory of their own; all is gone when it is dropped. It forgets everything when it
/// ends, its roots too. Methods panic where a test could not go on.
#[derive(Debug)]
pub struct Pebble {
    program: PathBuf,
    curl: Curl,
    place: Place,
    options: PebbleOptions,
    ports: Ports,
    process: Process,
    names: Process,
}

impl Pebble {
    /// Starts one; `None` where there is no `pebble`, `pebble-challtestsrv` or `curl`, said aloud.
    ///
    /// # Panics
    /// When it does not start, and in CI when a program is missing.
    pub fn start(options: &PebbleOptions) -> Option<Self> {
        let (program, name_server) = (peer("pebble")?, peer("pebble-challtestsrv")?);
        let curl_program = peer("curl")?;
        let place = Place::new();
        let curl = Curl::new(curl_program, Some(&place.root));
        for _ in 0..STARTS {
            let ports = Ports::free(options);
            configure(&place, options, ports);
            let names = serve_names(&name_server, &place, options, ports);
            let process = serve(&program, &place, options, ports);
            let (program, curl) = (program.clone(), curl.clone());
            if is_answering(&process, &names, &curl, ports) {
                return Some(Self { program, curl, place, options: options.clone(), ports, process, names });
            }
        }
        let said = |name: &str| fs::read_to_string(place.path(name)).unwrap_or_default();
        panic!("pebble did not start: {}\n{}", said("log"), said("names.log"))
    }

    /// The URL of its directory.
    pub fn directory_url(&self) -> String {
        format!("https://127.0.0.1:{}/dir", self.ports.acme)
    }

    /// The port that it speaks ACME on, of 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.ports.acme
    }

    /// Where it looks for HTTP-01 answers, at whatever address a name resolves to.
    pub fn http_port(&self) -> u16 {
        self.ports.http
    }

    /// Where it looks for TLS-ALPN-01 answers.
    pub fn tls_port(&self) -> u16 {
        self.ports.tls
    }

    /// The roots that its own TLS is certified by; not those of what it issues.
    pub fn roots(&self) -> Vec<Certificate> {
        self.place.roots()
    }

    /// The same as a file in PEM.
    pub fn ca_file(&self) -> &Path {
        &self.place.root
    }

    /// The lab that certified its TLS.
    pub fn lab(&self) -> &Lab {
        &self.place.lab
    }

    /// A directory for files of the test, gone with the server.
    pub fn directory(&self) -> &Path {
        self.place.directory()
    }

    /// The number of its process.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// What it printed last.
    pub fn said(&self) -> String {
        self.process.said()
    }

    /// All that it printed: every request, and why a challenge was not met.
    pub fn log(&self) -> String {
        fs::read_to_string(self.place.path("log")).unwrap_or_default()
    }

    /// The roots of what it issues, one more than its alternate roots. They are new ones after a restart.
    ///
    /// # Panics
    /// When it does not answer.
    pub fn issuing_roots(&self) -> Vec<Certificate> {
        let root = |index: u8| {
            let pem = self.managed("GET", &format!("roots/{index}"), None);
            Certificate::from_pem(pem.as_bytes()).expect("a root in PEM")
        };
        (0..=self.options.alternate_roots).map(root).collect()
    }

    /// The status of a certificate by its serial in hexadecimal: `Valid`, or `Revoked` with its reason; `None` when it is not one of this server.
    pub fn certificate_status(&self, serial: &str) -> Option<Value> {
        let answer = self.manage("GET", &format!("cert-status-by-serial/{serial}"), None);
        answer.is_success().then(|| answer.json())
    }

    /// Gives a certificate, in PEM, this renewal information: what the server answers about it from here on.
    ///
    /// # Panics
    /// When it does not take it.
    pub fn set_renewal_info(&self, certificate: &str, answer: &Value) {
        let body = json!({ "Certificate": certificate, "ARIResponse": answer.to_string() });
        let _ = self.managed("POST", "set-renewal-info/", Some(&body));
    }

    /// Whether it has renewal information (RFC 9773) and profiles. Where it is an older one, that is said aloud, and a test of these returns.
    ///
    /// # Panics
    /// When it does not answer.
    pub fn is_complete(&self) -> bool {
        let directory = self.curl.ask("GET", &self.directory_url(), &[], None);
        assert!(directory.is_success(), "{}", directory.text);
        let directory = directory.json();
        let complete = directory["renewalInfo"].is_string() && directory["meta"]["profiles"].is_object();
        if !complete {
            lacking("this pebble has no renewal information or no profiles");
        }
        complete
    }

    /// Resolves a name to these addresses, IPv4 and IPv6 as they come; in a family without any it has the default of the options.
    ///
    /// # Panics
    /// When the name server does not take it.
    pub fn resolve(&self, name: &str, addresses: &[&str]) {
        let host = format!("{}.", name.trim_end_matches('.'));
        let (six, four): (Vec<&str>, Vec<&str>) = addresses.iter().partition(|text| text.contains(':'));
        for (family, addresses) in [("a", four), ("aaaa", six)] {
            self.tell_names(&format!("clear-{family}"), &json!({ "host": host }));
            if !addresses.is_empty() {
                self.tell_names(&format!("add-{family}"), &json!({ "host": host, "addresses": addresses }));
            }
        }
    }

    /// Lets the name server fail for a name.
    ///
    /// # Panics
    /// When the name server does not take it.
    pub fn fail_to_resolve(&self, name: &str) {
        self.tell_names("set-servfail", &json!({ "host": format!("{}.", name.trim_end_matches('.')) }));
    }

    fn tell_names(&self, what: &str, body: &Value) {
        let url = format!("http://127.0.0.1:{}/{what}", self.ports.dns_management);
        let answer = self.curl.ask("POST", &url, &[], Some(&body.to_string()));
        assert!(answer.is_success(), "{what} {body}: {} {}", answer.status, answer.text);
    }

    fn manage(&self, verb: &str, path: &str, body: Option<&Value>) -> Answer {
        let url = format!("https://127.0.0.1:{}/{path}", self.ports.management);
        self.curl.ask(verb, &url, &[], body.map(Value::to_string).as_deref())
    }

    fn managed(&self, verb: &str, path: &str, body: Option<&Value>) -> String {
        let answer = self.manage(verb, path, body);
        assert!(answer.is_success(), "{verb} {path}: {} {}", answer.status, answer.text);
        answer.text
    }

    /// Ends it on the spot; its name server stays.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Ends it if it runs, and starts it anew at the same addresses: it knows no account, order or certificate of before.
    ///
    /// # Panics
    /// When it does not start.
    pub fn restart(&mut self) {
        for _ in 0..STARTS {
            self.process.kill();
            self.process = serve(&self.program, &self.place, &self.options, self.ports);
            if is_answering(&self.process, &self.names, &self.curl, self.ports) {
                return;
            }
        }
        panic!("pebble did not start again: {}", self.process.said())
    }

    /// Stops it in the middle of whatever it does: connections come about, and nothing answers.
    pub fn pause(&self) {
        self.process.pause();
    }

    /// Lets it go on after [`pause`](Self::pause).
    pub fn resume(&self) {
        self.process.resume();
    }

    /// Leaves it running with its name server and its directory, for trying things by hand; gives the numbers of both processes.
    pub fn release(self) -> [u32; 2] {
        let numbers = [self.process.pid(), self.names.pid()];
        self.process.release();
        self.names.release();
        self.place.lab.keep();
        numbers
    }
}
