//! Archives of Debian fetched from the system's own mirror into the cache: known by their sum, or signed by the release.

use crate::report::{Failed, failed};
use crate::run;
use crate::scratch::Scratch;
use std::fs;
use std::path::{Path, PathBuf};

/// Fetches single files the way apt does, and checks their sums.
const HELPER: &str = "/usr/lib/apt/apt-helper";
/// What signs the releases.
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// Fetches one file of a mirror's pool by its sum; `{path}_ARCHITECTURE.deb` becomes `archive`. Gives the sum it has.
///
/// `sums` holds Debian's name of each architecture with the sum of its archive.
pub(super) fn pinned(
    path: &str,
    sums: &[(&str, &'static str)],
    archive: &Path,
) -> Result<&'static str, Failed> {
    let architecture = run::output(run::command("dpkg", &["--print-architecture"]))?;
    let architecture = architecture.trim();
    let (_, sum) = sums
        .iter()
        .find(|(name, _)| *name == architecture)
        .ok_or_else(|| failed(format!("there is no archive for {architecture}")))?;
    let mut tried = Err(failed("apt knows no mirror"));
    for mirror in mirrors()? {
        let from = format!("{mirror}{path}_{architecture}.deb");
        let mut fetch = run::command(HELPER, &["download-file", &from]);
        fetch.arg(archive).arg(format!("SHA256:{sum}"));
        tried = run::output(fetch).map(|_| *sum);
        if tried.is_ok() {
            break;
        }
    }
    tried
}

/// Fetches a package of another suite into `place`, with an apt of its own: lists and cache of the system stay as they are. The release is
/// signed, and holds the archive's sum.
pub(super) fn of_suite(suite: &str, package: &str, place: &Path) -> Result<PathBuf, Failed> {
    if !Path::new(KEYRING).is_file() {
        return Err(failed(format!("{KEYRING} is not here: this is no Debian")));
    }
    let io = |e: std::io::Error| failed(format!("peer cache {}: {e}", place.display()));
    let mut tried = Err(failed("apt knows no mirror"));
    for mirror in mirrors()? {
        let state = Scratch::new("apt")?;
        for directory in ["state/lists/partial", "cache/archives/partial", "none"] {
            state.directory(directory)?;
        }
        let file = |name: &str| state.path(name).to_string_lossy().into_owned();
        fs::write(file("status"), "").map_err(io)?;
        fs::write(file("sources.list"), format!("deb [signed-by={KEYRING}] {mirror} {suite} main\n"))
            .map_err(io)?;
        let configuration = [
            ("Dir::State", file("state")),
            ("Dir::State::status", file("status")),
            ("Dir::Cache", file("cache")),
            ("Dir::Etc::sourcelist", file("sources.list")),
            ("Dir::Etc::sourceparts", file("none")),
            ("Dir::Etc::preferencesparts", file("none")),
            ("Acquire::Languages", "none".to_owned()),
        ];
        let lines = configuration.iter().map(|(key, value)| format!("{key} \"{value}\";\n"));
        fs::write(file("apt.conf"), lines.collect::<String>()).map_err(io)?;
        let apt = |arguments: &[&str]| {
            let mut command = super::apt(arguments);
            command.current_dir(place).env("APT_CONFIG", file("apt.conf"));
            run::output(command)
        };
        tried = apt(&["update", "-qq"]).and_then(|_| apt(&["download", "-qq", package]));
        if tried.is_ok() {
            break;
        }
    }
    tried?;
    newest(package, place)
}

/// Fetches what the system's own suites have.
pub(super) fn of_system(package: &str, place: &Path) -> Result<PathBuf, Failed> {
    let mut download = super::apt(&["download", "-qq", package]);
    download.current_dir(place);
    run::output(download)?;
    newest(package, place)
}

/// Unpacks an archive; nothing in it is run, and the system does not know of it.
pub(super) fn unpack(archive: &Path, place: &Path) -> Result<(), Failed> {
    let mut dpkg = run::command("dpkg-deb", &["-x"]);
    dpkg.arg(archive).arg(place);
    run::succeed(dpkg)
}

/// The archive of a package in a directory; its name begins with the package's.
fn newest(package: &str, place: &Path) -> Result<PathBuf, Failed> {
    let io = |e: std::io::Error| failed(format!("peer cache {}: {e}", place.display()));
    let archives = fs::read_dir(place).map_err(io)?.filter_map(|entry| Some(entry.ok()?.path()));
    let of_package = |path: &PathBuf| {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        name.starts_with(&format!("{package}_")) && name.ends_with(".deb")
    };
    archives
        .filter(of_package)
        .max()
        .ok_or_else(|| failed(format!("apt-get download {package} left no archive")))
}

/// The places that this system takes its packages from, each with a slash at its end.
fn mirrors() -> Result<Vec<String>, Failed> {
    let arguments = ["indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"];
    let listed = run::output(run::command("apt-get", &arguments))?;
    let mut mirrors: Vec<String> = Vec::new();
    for line in listed.lines().map(|line| format!("{}/", line.trim_end_matches('/'))) {
        if !mirrors.contains(&line) {
            mirrors.push(line);
        }
    }
    Ok(mirrors)
}
