//! GnuTLS's own tools: `gnutls-serv` and `gnutls-cli`.

use crate::process::{Process, wait_for};
use crate::trouble::{Trouble, lacks};
use crate::wish::{Client, LABEL, Server, Serving, Speech, Visit, Wish};
use crate::world::World;
use crate::{dialled, have, received, version_of};
use dwcp_tls::Group;
use std::process::Command;
use std::time::Duration;

struct GnuTls;

#[test]
fn gnutls_serves_us() {
    if have("gnutls-serv") {
        dialled::run(&GnuTls);
    }
}

#[test]
fn gnutls_visits_us() {
    if have("gnutls-cli") {
        received::run(&GnuTls);
    }
}

/// What both tools are told alike.
fn common(world: &World, wish: &Wish, tool: &str, port: u16) -> Command {
    let mut command = Command::new(tool);
    command.args(["--port", &port.to_string()]);
    let groups = if wish.group.is_some() { ":-GROUP-ALL:+GROUP-SECP384R1" } else { "" };
    let version = if wish.old { "1.2" } else { "1.3" };
    command.arg(format!("--priority=NORMAL:-VERS-ALL:+VERS-TLS{version}{groups}"));
    command.args(["--x509cafile", &world.text(&format!("{}.pem", wish.trusts))]);
    if let Some(shown) = wish.shows {
        let (certificate, key) = (format!("{shown}.pem"), format!("{shown}.key"));
        command.args(["--x509certfile", &world.text(&certificate), "--x509keyfile", &world.text(&key)]);
    }
    if let Some(protocol) = wish.alpn {
        command.args(["--alpn", protocol]);
    }
    if wish.exports {
        command.args(["--keymatexport", LABEL, "--keymatexportsize", "32"]);
    }
    command
}

impl Server for GnuTls {
    fn name(&self) -> &'static str {
        "gnutls"
    }

    fn version(&self) -> String {
        version_of("gnutls-serv", &["--version"])
    }

    fn has(&self, group: Group) -> bool {
        has(group)
    }

    /// It takes 8 updates in a second and no more.
    fn breath(&self) -> Duration {
        Duration::from_millis(140)
    }

    fn start(&self, world: &World, wish: &Wish) -> Result<Serving, Trouble> {
        if wish.commands {
            return lacks("its tool does not update keys on request");
        }
        let (process, port) = Process::serve(|port| {
            let mut command = common(world, wish, "gnutls-serv", port);
            // Without it the server names no alert.
            command.args(["--echo", "--crlf", "--debug", "5"]);
            if wish.asks {
                command.args(["--require-client-cert", "--verify-client-cert"]);
            } else {
                command.arg("--disable-client-cert");
            }
            if wish.alpn.is_some() {
                command.arg("--alpn-fatal");
            }
            command
        })?;
        Ok(Serving { process, port, speech: Speech::Echo })
    }
}

impl Client for GnuTls {
    fn name(&self) -> &'static str {
        "gnutls"
    }

    fn version(&self) -> String {
        version_of("gnutls-cli", &["--version"])
    }

    fn has(&self, group: Group) -> bool {
        has(group)
    }

    /// It takes 8 updates in a second and no more.
    fn breath(&self) -> Duration {
        Duration::from_millis(140)
    }

    fn start(&self, world: &World, port: u16, wish: &Wish) -> Result<Visit, Trouble> {
        let mut command = common(world, wish, "gnutls-cli", port);
        command.args(["--sni-hostname", wish.name, "--verify-hostname", wish.name]);
        if wish.returns {
            command.arg("--resume");
        }
        if wish.commands {
            command.arg("--inline-commands");
        }
        command.arg("127.0.0.1");
        Ok(Visit::piped(Process::start(&mut command)?))
    }

    fn update(&self, visit: &mut Visit) -> Result<(), Trouble> {
        let done = |visit: &Visit| visit.process.said().matches("Rekey was completed").count();
        let before = done(visit);
        visit.process.write(b"^rekey^\n")?;
        wait_for("the update", || (done(visit) > before).then_some(()))
    }

    fn returns_by_itself(&self) -> bool {
        true
    }
}

/// GnuTLS has the hybrid where it was built with an ML-KEM.
fn has(group: Group) -> bool {
    let listed = Command::new("gnutls-cli").arg("--list").output();
    let listed = listed.map(|output| output.stdout).unwrap_or_default();
    group != Group::X25519MlKem768 || String::from_utf8_lossy(&listed).contains("X25519-MLKEM768")
}
