//! The relays that are compared, each a process of its own: mutual TLS in front, the plain service behind. What they have in common
//! is the certificate, the roots, the revocation list, X25519 and AES-256-GCM.

use crate::binary::{Binary, text};
use crate::report::{Failed, failed};
use crate::run;
use crate::scratch::Scratch;
use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::Duration;

/// What all of them are made from.
pub(super) struct Bench<'a> {
    dwcp: &'a Binary,
    scratch: &'a Scratch,
    service: SocketAddr,
}

/// One relay at work; it ends when dropped.
pub(super) struct Relay {
    pub(super) name: String,
    pub(super) address: SocketAddr,
    process: Process,
}

/// The node that dials the relays: the same client for all of them.
pub(super) struct Dialers {
    /// Plain addresses, in the order of the relays.
    pub(super) near: Vec<SocketAddr>,
    _process: Process,
}

struct Process(Child);

impl<'a> Bench<'a> {
    /// Issues certificates and a list.
    pub(super) fn new(dwcp: &'a Binary, scratch: &'a Scratch, service: SocketAddr) -> Result<Self, Failed> {
        let bench = Self { dwcp, scratch, service };
        let at = |name: &str| bench.at(name);
        dwcp.good(&["cert", "ca", "init", "--dir", &at("ca"), "--name", "Compare"])?;
        for name in ["relay", "near"] {
            let id = format!("URI:spiffe://compare/{name}");
            dwcp.good(&["cert", "issue", "--ca", &at("ca"), "--san", &id, "--out", &at(name)])?;
        }
        dwcp.good(&["cert", "crl", "--ca", &at("ca"), "--out", &at("ca.crl")])?;
        let part = |name: &str| fs::read(bench.at(name)).map_err(|e| failed(format!("{name}: {e}")));
        bench.write("relay.pem", &[part("relay.crt")?, part("relay.key")?].concat())?;
        Ok(bench)
    }

    /// Ours first.
    pub(super) fn relays(&self) -> Result<Vec<Relay>, Failed> {
        Ok(vec![self.dwcp()?, self.stunnel()?, self.nginx()?, self.haproxy()?])
    }

    fn dwcp(&self) -> Result<Relay, Failed> {
        let (listen, service) = (free()?, self.service);
        let what = format!(
            "listeners: [{{name: l, listen: '{listen}', target: '{service}', allow: ['spiffe://compare/near']}}]"
        );
        self.relay("dwcp up", listen, self.node("relay", &what)?)
    }

    fn stunnel(&self) -> Result<Relay, Failed> {
        let listen = free()?;
        let config = format!(
            "foreground = yes\npid =\nsyslog = no\ndebug = err\n[r]\naccept = {listen}\nconnect = {}\ncert = {}\nkey = {}\nCAfile = {}\n\
             CRLfile = {}\nverifyChain = yes\nsslVersionMin = TLSv1.3\ncurves = X25519\nciphersuites = TLS_AES_256_GCM_SHA384\n\
             TIMEOUTclose = 0\n",
            self.service,
            self.at("relay.crt"),
            self.at("relay.key"),
            self.at("ca/ca.crt"),
            self.at("ca.crl"),
        );
        let file = self.write("stunnel.conf", config.as_bytes())?;
        self.relay(&version("stunnel4", "-version")?, listen, self.start("stunnel4", &[&file])?)
    }

    fn nginx(&self) -> Result<Relay, Failed> {
        let listen = free()?;
        let place = self.at("");
        let config = format!(
            "load_module /usr/lib/nginx/modules/ngx_stream_module.so;\ndaemon off; worker_processes 1; pid {place}nginx.pid; \
             error_log {place}nginx.log;\nevents {{ }}\nstream {{ server {{\n listen {listen} ssl; proxy_pass {};\n tcp_nodelay on;\n \
             proxy_buffer_size 64k;\n ssl_protocols TLSv1.3; ssl_ecdh_curve X25519; ssl_conf_command Ciphersuites TLS_AES_256_GCM_SHA384;\n \
             ssl_certificate {}; ssl_certificate_key {};\n ssl_client_certificate {}; ssl_crl {}; ssl_verify_client on;\n}} }}\n",
            self.service,
            self.at("relay.crt"),
            self.at("relay.key"),
            self.at("ca/ca.crt"),
            self.at("ca.crl"),
        );
        let file = self.write("nginx.conf", config.as_bytes())?;
        self.relay(&version("nginx", "-v")?, listen, self.start("nginx", &["-p", &place, "-c", &file])?)
    }

    fn haproxy(&self) -> Result<Relay, Failed> {
        let listen = free()?;
        let config = format!(
            "global\n maxconn 1000\n tune.bufsize 65536\ndefaults\n mode tcp\n timeout connect 2s\n timeout client 30s\n timeout server 30s\n\
             listen r\n bind {listen} ssl crt {} ca-file {} crl-file {} verify required ssl-min-ver TLSv1.3 curves X25519 ciphersuites \
             TLS_AES_256_GCM_SHA384\n server s {}\n",
            self.at("relay.pem"),
            self.at("ca/ca.crt"),
            self.at("ca.crl"),
            self.service,
        );
        let file = self.write("haproxy.cfg", config.as_bytes())?;
        self.relay(&version("haproxy", "-v")?, listen, self.start("haproxy", &["-db", "-f", &file])?)
    }

    /// One node that dials all of them.
    pub(super) fn dialers(&self, relays: &[Relay]) -> Result<Dialers, Failed> {
        let near = relays.iter().map(|_| free()).collect::<Result<Vec<_>, _>>()?;
        let dialers: Vec<String> = relays
            .iter()
            .zip(&near)
            .enumerate()
            .map(|(at, (relay, near))| {
                let remote = relay.address;
                format!("{{name: d{at}, listen: '{near}', remote: '{remote}', expect: ['spiffe://compare/relay']}}")
            })
            .collect();
        let process = self.node("near", &format!("dialers: [{}]", dialers.join(", ")))?;
        near.iter().try_for_each(|near| answers(*near, "near"))?;
        Ok(Dialers { near, _process: process })
    }

    fn node(&self, name: &str, what: &str) -> Result<Process, Failed> {
        // Every relay gives tickets, and the client takes none.
        let tickets = name == "relay";
        let config = format!(
            "node: {{name: {name}, trust_domain: compare, state_dir: {name}, admin: {{listen: '{}'}}, {what}}}\n\
             security:\n  tls: {{cert_file: {name}.crt, key_file: {name}.key, ca_file: ca/ca.crt, crl_file: ca.crl, tickets: {tickets},\n    \
             pq: off, groups: [X25519], suites: [TLS_AES_256_GCM_SHA384]}}\n  cert_management: {{provider: manual}}\n\
             guard: {{exempt: ['127.0.0.0/8']}}\n",
            free()?
        );
        let file = self.write(&format!("{name}.yaml"), config.as_bytes())?;
        let log = self.log(name)?;
        let child = self.dwcp.command(&["up", "--config", &file]).stderr(log).spawn();
        child.map(Process).map_err(|e| failed(format!("{name}: {e}")))
    }

    fn start(&self, program: &str, arguments: &[&str]) -> Result<Process, Failed> {
        let mut command = run::command(program, arguments);
        let child = command.stdout(Stdio::null()).stderr(self.log(program)?).spawn();
        child.map(Process).map_err(|e| failed(format!("{program}: {e}")))
    }

    fn relay(&self, name: &str, address: SocketAddr, process: Process) -> Result<Relay, Failed> {
        let waited = answers(address, name);
        waited.map_err(|error| failed(format!("{error}\n{}", self.said(name))))?;
        Ok(Relay { name: name.to_owned(), address, process })
    }

    /// What a program wrote to its log: the name of a relay begins with that of its program.
    fn said(&self, name: &str) -> String {
        let program = name.split(' ').next().unwrap_or(name);
        fs::read_to_string(self.at(&format!("{program}.err"))).unwrap_or_default()
    }

    fn log(&self, name: &str) -> Result<fs::File, Failed> {
        fs::File::create(self.at(&format!("{name}.err"))).map_err(|e| failed(format!("{name}.err: {e}")))
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<String, Failed> {
        let path: PathBuf = self.scratch.path(name);
        fs::write(&path, bytes).map_err(|e| failed(format!("{}: {e}", path.display())))?;
        Ok(text(&path))
    }

    fn at(&self, name: &str) -> String {
        text(&self.scratch.path(name))
    }
}

impl Relay {
    /// Seconds of CPU so far, user and system, of the process and those below it (proc(5), in ticks of 10 ms).
    pub(super) fn cpu(&self) -> Result<f64, Failed> {
        let own = self.process.0.id();
        let io = |e: std::io::Error| failed(format!("/proc: {e}"));
        let mut ticks = 0.0;
        for entry in fs::read_dir("/proc").map_err(io)? {
            let name = entry.map_err(io)?.file_name();
            let Some(pid) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
            // One that ended meanwhile is none of ours: those stay.
            let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else { continue };
            let fields: Vec<&str> =
                stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().collect();
            let number =
                |at: usize| fields.get(at).and_then(|field| field.parse::<f64>().ok()).unwrap_or(0.0);
            let parent = fields.get(1).and_then(|field| field.parse::<u32>().ok());
            if pid == own || parent == Some(own) {
                ticks += number(11) + number(12);
            }
        }
        Ok(ticks / 100.0)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Asked first, since nginx ends its workers then.
        let _ = run::command("kill", &["-TERM", &self.0.id().to_string()]).status();
        if crate::binary::ended(&mut self.0, Duration::from_secs(9)).ok().flatten().is_none() {
            let _ = self.0.kill();
        }
        let _ = self.0.wait();
    }
}

/// Name and version as the program prints them, in a few words.
fn version(program: &str, flag: &str) -> Result<String, Failed> {
    let output = run::command(program, &[flag]).stdout(Stdio::piped()).stderr(Stdio::piped()).output();
    let output = output.map_err(|e| failed(format!("{program}: {e}")))?;
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    let digits = |word: &str| word.trim_start_matches(|c: char| !c.is_ascii_digit()).to_owned();
    let version = said.split_whitespace().map(digits).find(|word| word.contains('.')).unwrap_or_default();
    let short: String = version.chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
    Ok(format!("{program} {short}"))
}

fn free() -> Result<SocketAddr, Failed> {
    // The moment between closing and listening again is ours alone on a machine that measures.
    let bound = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    bound.map_err(|e| failed(format!("no port: {e}")))
}

fn answers(address: SocketAddr, name: &str) -> Result<(), Failed> {
    for _ in 0..200 {
        if TcpStream::connect(address).is_ok() {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Err(failed(format!("{name} does not answer at {address}")))
}
