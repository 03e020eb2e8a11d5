//! OpenSSL's own tools: `s_server` and `s_client`.

use crate::process::{Process, wait_for};
use crate::trouble::Trouble;
use crate::wish::{Client, LABEL, Server, Serving, Speech, Visit, Wish};
use crate::world::World;
use crate::{dialled, have, received, version_of};
use dwcp_tls::Group;
use std::process::Command;

struct OpenSsl;

#[test]
fn openssl_serves_us() {
    if have("openssl") {
        dialled::run(&OpenSsl);
    }
}

#[test]
fn openssl_visits_us() {
    if have("openssl") {
        received::run(&OpenSsl);
    }
}

/// What both tools are told alike.
fn common(world: &World, wish: &Wish, tool: &str) -> Command {
    let mut command = Command::new("openssl");
    command.args([tool, if wish.old { "-tls1_2" } else { "-tls1_3" }]);
    command.args(["-CAfile", &world.text(&format!("{}.pem", wish.trusts)), "-verify_return_error"]);
    if let Some(shown) = wish.shows {
        let (certificate, key) = (format!("{shown}.pem"), format!("{shown}.key"));
        command.args(["-cert", &world.text(&certificate), "-key", &world.text(&key)]);
    }
    if wish.group.is_some() {
        command.args(["-groups", "P-384"]);
    }
    if let Some(protocol) = wish.alpn {
        command.args(["-alpn", protocol]);
    }
    if wish.exports {
        command.args(["-keymatexport", LABEL, "-keymatexportlen", "32"]);
    }
    if !wish.commands && !wish.exports {
        command.arg("-quiet");
    }
    command
}

impl Server for OpenSsl {
    fn name(&self) -> &'static str {
        "openssl"
    }

    fn version(&self) -> String {
        version_of("openssl", &["version"])
    }

    fn has(&self, group: Group) -> bool {
        has(group)
    }

    fn start(&self, world: &World, wish: &Wish) -> Result<Serving, Trouble> {
        let (mut process, port) = Process::serve(|port| {
            let mut command = common(world, wish, "s_server");
            command.args(["-accept", &format!("127.0.0.1:{port}")]);
            if wish.asks {
                command.args(["-Verify", "1"]);
            }
            command
        })?;
        if !wish.commands && !wish.exports {
            process.echo();
        }
        Ok(Serving { process, port, speech: Speech::Echo })
    }

    fn update(&self, serving: &mut Serving) -> Result<(), Trouble> {
        serving.process.write(b"K\n")
    }

    fn updated(&self, said: &str) -> usize {
        said.matches("SSL_do_handshake -> 1").count()
    }
}

impl Client for OpenSsl {
    fn name(&self) -> &'static str {
        "openssl"
    }

    fn version(&self) -> String {
        version_of("openssl", &["version"])
    }

    fn has(&self, group: Group) -> bool {
        has(group)
    }

    fn start(&self, world: &World, port: u16, wish: &Wish) -> Result<Visit, Trouble> {
        let mut command = common(world, wish, "s_client");
        command.args(["-connect", &format!("127.0.0.1:{port}"), "-servername", wish.name, "-no_ign_eof"]);
        command.args(["-verify_hostname", wish.name]);
        if wish.returns {
            let session = world.file("openssl.session");
            if session.is_file() {
                command.arg("-sess_in").arg(&session);
            }
            command.arg("-sess_out").arg(&session);
        }
        Ok(Visit::piped(Process::start(&mut command)?))
    }

    fn update(&self, visit: &mut Visit) -> Result<(), Trouble> {
        let done = |visit: &Visit| visit.process.said().matches("KEYUPDATE").count();
        let before = done(visit);
        visit.process.write(b"K\n")?;
        wait_for("the update", || (done(visit) > before).then_some(()))
    }
}

/// The hybrid came with OpenSSL 3.5.
fn has(group: Group) -> bool {
    let version = version_of("openssl", &["version"]);
    let mut numbers = version.split(['.', ' ']).filter_map(|part| part.parse::<u32>().ok());
    let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    group != Group::X25519MlKem768 || version >= (3, 5)
}
