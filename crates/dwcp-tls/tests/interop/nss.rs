//! NSS's own tools: `selfserv` and `tstclnt`.

use crate::process::Process;
use crate::trouble::{Trouble, failed, lacks};
use crate::wish::{Client, LABEL, Server, Serving, Speech, Visit, Wish};
use crate::world::World;
use crate::{dialled, have, received};
use dwcp_tls::Group;
use std::process::Command;

struct Nss;

#[test]
fn nss_serves_us() {
    if have("selfserv") && have("pk12util") && have("openssl") {
        dialled::run(&Nss);
    }
}

#[test]
fn nss_visits_us() {
    if have("tstclnt") && have("pk12util") && have("openssl") {
        received::run(&Nss);
    }
}

/// A database with what the wish shows and trusts, made when it is first asked for.
fn database(world: &World, wish: &Wish) -> Result<String, Trouble> {
    let name = format!("nss-{}-{}", wish.trusts, wish.shows.unwrap_or("nothing"));
    let place = world.file(&name);
    let database = format!("sql:{}", place.display());
    if place.is_dir() {
        return Ok(database);
    }
    std::fs::create_dir(&place)?;
    run(Command::new("certutil").args(["-N", "-d", &database, "--empty-password"]))?;
    let anchor = world.text(&format!("{}.pem", wish.trusts));
    run(Command::new("certutil")
        .args(["-A", "-d", &database, "-n", "anchor", "-t", "CT,C,C", "-a", "-i", &anchor]))?;
    if let Some(shown) = wish.shows {
        let file = |end: &str| world.text(&format!("{shown}.{end}"));
        run(Command::new("openssl")
            .args(["pkcs12", "-export", "-name", "shown", "-passout", "pass:"])
            .args(["-in", &file("pem"), "-inkey", &file("key"), "-out", &file("p12")]))?;
        run(Command::new("pk12util").args(["-i", &file("p12"), "-d", &database, "-W", ""]))?;
    }
    Ok(database)
}

fn run(command: &mut Command) -> Result<(), Trouble> {
    let output = command.output()?;
    let said = [output.stdout, output.stderr].concat();
    if output.status.success() { Ok(()) } else { Err(failed(String::from_utf8_lossy(&said))) }
}

/// What both tools are told alike.
fn common(world: &World, wish: &Wish, tool: &str, port: u16, database: &str) -> Command {
    let mut command = Command::new(tool);
    let version = if wish.old { "tls1.2:tls1.2" } else { "tls1.3:tls1.3" };
    command.args(["-d", database, "-p", &port.to_string(), "-V", version, "-v"]);
    if wish.group.is_some() {
        command.args(["-I", "P384"]);
    }
    if wish.exports {
        command.args(["-x", &format!("{LABEL}:32")]);
    }
    command.current_dir(world.directory());
    command
}

impl Server for Nss {
    fn names_alerts(&self) -> bool {
        false
    }

    fn name(&self) -> &'static str {
        "nss"
    }

    fn version(&self) -> String {
        version()
    }

    fn has(&self, group: Group) -> bool {
        has(group)
    }

    fn knows_ed25519(&self) -> bool {
        false
    }

    fn start(&self, world: &World, wish: &Wish) -> Result<Serving, Trouble> {
        if wish.commands {
            return lacks("its tool does not update keys on request");
        }
        let database = database(world, wish)?;
        let (process, port) = Process::serve(|port| {
            let mut command = common(world, wish, "selfserv", port, &database);
            command.args(["-n", "shown", "-u"]);
            if wish.asks {
                command.args(["-r", "-r"]);
            }
            if wish.alpn.is_some() {
                command.arg("-Q");
            }
            command
        })?;
        Ok(Serving { process, port, speech: Speech::Http })
    }
}

impl Client for Nss {
    fn name(&self) -> &'static str {
        "nss"
    }

    fn version(&self) -> String {
        version()
    }

    fn has(&self, group: Group) -> bool {
        has(group)
    }

    fn knows_ed25519(&self) -> bool {
        false
    }

    fn start(&self, world: &World, port: u16, wish: &Wish) -> Result<Visit, Trouble> {
        if wish.commands {
            return lacks("its tool does not update keys on request");
        }
        if wish.shows == Some("client-purpose") {
            return lacks("it shows no certificate that is not for clients");
        }
        if wish.alpn.is_some() {
            return lacks("its tool offers no protocol of choice");
        }
        let mut command = common(world, wish, "tstclnt", port, &database(world, wish)?);
        command.args(["-h", "127.0.0.1", "-a", wish.name]);
        if wish.shows.is_some() {
            command.args(["-n", "shown"]);
        }
        Ok(Visit::piped(Process::start(&mut command)?))
    }
}

/// The tools of NSS do not tell; the package does.
fn version() -> String {
    let asked = ["--show", "--showformat", "NSS ${Version}", "libnss3-tools"];
    crate::version_of("dpkg-query", &asked)
}

/// The tool names the groups that it takes.
fn has(group: Group) -> bool {
    let output = Command::new("tstclnt").arg("-H").output();
    let said = output.map(|output| [output.stdout, output.stderr].concat()).unwrap_or_default();
    group != Group::X25519MlKem768 || String::from_utf8_lossy(&said).contains("mlkem768")
}
