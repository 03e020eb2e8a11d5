//! Peers started for trying things by hand: an OpenSSL server, an OpenBao, a Pebble. Tests start their own.

use super::{cache, search_path};
use crate::report::{Failed, failed};
use crate::run;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

/// What can be started, and what its command line tells it by.
const SERVERS: &[(&str, &str)] = &[("openssl", "s_server"), ("openbao", "bao.hcl"), ("pebble", "pebble")];

/// Starts one, and says where it is.
pub(super) fn start(name: &str) -> Result<(), Failed> {
    if !SERVERS.iter().any(|(known, _)| *known == name) {
        return Err(failed(format!("unknown peer {name}; there are openssl, openbao and pebble")));
    }
    let place = place()?;
    if let Some(pid) = running(&place, name).first() {
        return Err(failed(format!("{name} already runs as {pid}; `cargo xtask peers stop` ends it")));
    }
    if name == "openssl" { openssl(&place) } else { released(&place, name) }
}

/// Ends all that was started.
pub(super) fn stop() -> Result<(), Failed> {
    let place = place()?;
    let mut ended = 0;
    for (name, _) in SERVERS {
        for pid in running(&place, name) {
            run::succeed(run::command("kill", &[&pid.to_string()]))?;
            ended += 1;
        }
        // The files alone say that something runs; left-overs are harmless, since the processes are looked at too.
        let _ = fs::remove_file(place.join(format!("{name}.pid")));
        if let Ok(directory) = fs::read_to_string(place.join(format!("{name}.directory"))) {
            let _ = fs::remove_dir_all(directory.trim());
            let _ = fs::remove_file(place.join(format!("{name}.directory")));
        }
    }
    if ended == 0 {
        println!("peers: nothing runs");
    }
    Ok(())
}

/// The test kit starts it as it does for a test, and leaves it.
fn released(place: &Path, name: &str) -> Result<(), Failed> {
    let mut starter =
        run::cargo(&["run", "--quiet", "--package", "dwcp-testkit", "--bin", "dwcp-peer", "--", name]);
    starter.env("PATH", search_path());
    let told = run::output(starter)?;
    let value = |key: &str| told.lines().find_map(|line| line.strip_prefix(key)).map(str::trim).unwrap_or("");
    let io = |e: std::io::Error| failed(format!("{}: {e}", place.display()));
    fs::write(place.join(format!("{name}.pid")), value("processes:")).map_err(io)?;
    fs::write(place.join(format!("{name}.directory")), value("directory:")).map_err(io)?;
    println!("peers: {name}, for `cargo xtask peers stop` to end\n{told}");
    Ok(())
}

/// An OpenSSL TLS 1.3 server on loopback with a throw-away certificate, for trying `dwcp tls handshake`.
fn openssl(place: &Path) -> Result<(), Failed> {
    let io = |e: std::io::Error| failed(format!("{}: {e}", place.display()));
    let file = |name: &str| place.join(name).to_string_lossy().into_owned();
    let (certificate, key) = (file("openssl.crt"), file("openssl.pem"));
    let request =
        ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"];
    let names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"];
    let files = ["-keyout", &key, "-out", &certificate];
    run::output(run::command("openssl", &[&request[..], &names, &files].concat()))?;
    // The kernel picks the port; the moment between closing and listening again is ours alone on a test machine.
    let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).map_err(io)?.port();
    let address = format!("127.0.0.1:{port}");
    let arguments =
        ["s_server", "-accept", &address, "-cert", &certificate, "-key", &key, "-tls1_3", "-quiet", "-rev"];
    let mut server = run::command("openssl", &arguments);
    let log = fs::File::create(file("openssl.log")).map_err(io)?;
    let child = server.stdout(Stdio::null()).stderr(log).spawn().map_err(io)?;
    fs::write(file("openssl.pid"), child.id().to_string()).map_err(io)?;
    println!("peers: openssl s_server {address}, process {}, certificate {certificate}", child.id());
    Ok(())
}

fn place() -> Result<PathBuf, Failed> {
    let place = cache().join("run");
    fs::create_dir_all(&place).map_err(|e| failed(format!("{}: {e}", place.display())))?;
    Ok(place)
}

/// The processes this program started, if they still are what they were: a number can have passed on to another.
fn running(place: &Path, name: &str) -> Vec<u32> {
    let word = SERVERS.iter().find(|(known, _)| *known == name).map_or("", |(_, word)| word);
    let numbers = fs::read_to_string(place.join(format!("{name}.pid"))).unwrap_or_default();
    let is_ours = |pid: &u32| {
        fs::read_to_string(format!("/proc/{pid}/cmdline")).is_ok_and(|command| command.contains(word))
    };
    numbers.split_whitespace().filter_map(|text| text.parse().ok()).filter(is_ours).collect()
}
