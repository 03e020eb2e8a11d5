//! The real programs that tests talk to: installed in CI, named loudly where they are missing elsewhere.

mod by_hand;
mod debian;
mod openbao;
mod pebble;
mod python;
mod sslyze;
mod zlint;

use crate::report::{Failed, failed};
use crate::run;
use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// Program, the Debian package that has it, and how it gets here.
const PEERS: &[(&str, &str, Way)] = &[
    ("openssl", "openssl", Way::Install),
    ("curl", "curl", Way::Install),
    ("faketime", "faketime", Way::Install),
    ("gnutls-serv", "gnutls-bin", Way::Install),
    ("gnutls-cli", "gnutls-bin", Way::Install),
    ("selfserv", "libnss3-tools", Way::Install),
    ("tstclnt", "libnss3-tools", Way::Install),
    ("python3", "python3", Way::Install),
    ("tshark", "tshark", Way::Install),
    ("promtool", "prometheus", Way::Unpack),
];

/// Program, whether it is here, and what brings it into the cache without a change of the system.
type Pinned = (&'static str, fn() -> bool, fn() -> Result<(), Failed>);

/// Known by their sums.
const PINNED: &[Pinned] = &[
    (python::PROGRAM, python::is_ready, python::install),
    (sslyze::PROGRAM, sslyze::is_ready, sslyze::install),
    (zlint::PROGRAM, zlint::is_ready, zlint::install),
    (openbao::PROGRAM, openbao::is_ready, openbao::install),
    (pebble::PROGRAM, pebble::is_ready, pebble::install),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// Into the system.
    Install,
    /// Into the cache alone: the package would start a daemon that nobody asked for.
    Unpack,
}

/// Where peers are kept: `$PEERS`, else `$HOME/.cache/dwcp-peers`.
pub(crate) fn cache() -> PathBuf {
    let home = || PathBuf::from(std::env::var_os("HOME").unwrap_or_else(|| ".".into()));
    std::env::var_os("PEERS").map_or_else(|| home().join(".cache/dwcp-peers"), PathBuf::from)
}

/// The search path with the cache's programs at its end.
pub(crate) fn search_path() -> OsString {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let directories = std::env::split_paths(&path).chain([cache().join("bin")]);
    std::env::join_paths(directories).unwrap_or(path)
}

/// Which peers do not answer here.
pub(crate) fn missing() -> Vec<&'static str> {
    let programs = PEERS.iter().map(|(program, ..)| *program).filter(|program| !run::on_path(program));
    let pinned = PINNED.iter().filter(|(_, is_ready, _)| !is_ready()).map(|(program, ..)| *program);
    programs.chain(pinned).collect()
}

/// `install`, `start [NAME]` or `stop`.
pub(crate) fn run(words: &[&str]) -> Result<(), Failed> {
    match words {
        ["install"] => install(),
        ["start"] => by_hand::start("openssl"),
        ["start", name] => by_hand::start(name),
        ["stop"] => by_hand::stop(),
        _ => Err(failed(format!("unknown: peers {}; there are install, start and stop", words.join(" ")))),
    }
}

/// Installs what is missing: packages when this is CI and we are root, else it says what is missing and changes nothing but
/// the cache.
pub(crate) fn install() -> Result<(), Failed> {
    let outcome = install_missing();
    if let Some(note) = pebble::note() {
        println!("peers: NOTE: {note}");
    }
    outcome
}

fn install_missing() -> Result<(), Failed> {
    if missing().is_empty() {
        println!("peers: all {} are here", PEERS.len() + PINNED.len());
        return Ok(());
    }
    if !may_install_packages() {
        for (program, _, install) in PINNED {
            if let Err(error) = install() {
                println!("peers: {program}: {error}");
            }
        }
        match missing() {
            missing if missing.is_empty() => println!("peers: all {} are here", PEERS.len() + PINNED.len()),
            missing => {
                println!("peers: MISSING: {}. Tests that need them say that they skip.", missing.join(", "));
                println!("peers: as root with CI=true, `cargo xtask peers install` installs them");
            }
        }
        return Ok(());
    }
    let wanted = |way| {
        let package = move |peer: &(&str, &'static str, Way)| {
            (peer.2 == way && missing_program(peer.0)).then_some(peer.1)
        };
        PEERS.iter().filter_map(package).collect::<Vec<&str>>()
    };
    let installed = wanted(Way::Install);
    if !installed.is_empty() {
        packages(&installed)?;
    }
    for package in wanted(Way::Unpack) {
        unpack(package)?;
    }
    PINNED.iter().try_for_each(|(.., install)| install())?;
    let still = missing();
    if still.is_empty() { Ok(()) } else { Err(failed(format!("peers still missing: {}", still.join(", ")))) }
}

/// Programs that one task alone needs, with their packages: installed where that is allowed. Gives those that are not here.
pub(crate) fn tools(wanted: &[(&'static str, &'static str)]) -> Result<Vec<&'static str>, Failed> {
    let absent = || wanted.iter().filter(|(program, _)| missing_program(program));
    let wanted: Vec<&str> = absent().map(|(_, package)| *package).collect();
    if !wanted.is_empty() && may_install_packages() {
        packages(&wanted)?;
    }
    Ok(absent().map(|(program, _)| *program).collect())
}

/// The system is changed in CI alone.
fn may_install_packages() -> bool {
    run::in_ci() && root()
}

fn packages(names: &[&str]) -> Result<(), Failed> {
    run::succeed(apt(&["update", "-qq"]))?;
    run::succeed(apt(&[&["install", "-qq", "-y", "--no-install-recommends"], names].concat()))
}

fn missing_program(program: &str) -> bool {
    !run::on_path(program)
}

fn unpack(package: &str) -> Result<(), Failed> {
    let place = cache().join(package);
    let io = |e: std::io::Error| failed(format!("peer cache {}: {e}", place.display()));
    fs::create_dir_all(cache().join("bin")).map_err(io)?;
    fs::create_dir_all(&place).map_err(io)?;
    run::succeed(apt(&["update", "-qq"]))?;
    debian::unpack(&debian::of_system(package, &place)?, &place)?;
    for (program, ..) in PEERS.iter().filter(|peer| peer.1 == package) {
        let link = cache().join("bin").join(program);
        // A link of an earlier unpacking is replaced.
        let _ = fs::remove_file(&link);
        fs::copy(place.join("usr/bin").join(program), &link).map_err(io)?;
    }
    Ok(())
}

fn apt(arguments: &[&str]) -> Command {
    let mut command = run::command("apt-get", arguments);
    command.env("DEBIAN_FRONTEND", "noninteractive");
    command
}

/// Whether we are root.
pub(crate) fn root() -> bool {
    run::output(run::command("id", &["-u"])).is_ok_and(|id| id.trim() == "0")
}
