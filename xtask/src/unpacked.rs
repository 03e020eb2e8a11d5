//! The archives that a registry would get, unpacked side by side and built as one workspace; the demonstration runs from there.

use crate::metadata::{self, Package};
use crate::report::{Failed, failed};
use crate::{publish, run};
use std::fs;
use std::path::{Path, PathBuf};

/// Our crates are built as a release is in what their code does: without debug assertions and overflow checks.
const AS_RELEASED: &[&str] = &["debug-assertions", "overflow-checks"];

/// Packs every published crate, unpacks the archives and compiles them with their examples, each other's archives standing in for the
/// registry.
///
/// `cargo package` would verify by a build of its own of everything there is, and a release build of everything besides took as long: most of that
/// went into third parties' code that the tests had built already. Same target directory, same profile, same features: of theirs nearly nothing is
/// built again. What a release build adds, optimisation and LTO, changes speed alone; `nightly` and `compare` have it. That each crate
/// builds by itself, with each set of features, is the step `alone`.
pub(crate) fn build() -> Result<(), Failed> {
    let place = directory()?;
    if place.is_dir() {
        fs::remove_dir_all(&place).map_err(|e| io(&place, &e))?;
    }
    fs::create_dir_all(&place).map_err(|e| io(&place, &e))?;
    run::succeed(publish::package(&["--no-verify", "--quiet"])?)?;
    let archives = PathBuf::from(metadata::target_directory()?).join("package");
    let published = publish::ordered(metadata::read()?);
    for package in &published {
        let mut tar = run::command("tar", &["-xzf"]);
        tar.arg(archives.join(format!("{}.crate", name(package)))).arg("-C").arg(&place);
        run::succeed(tar)?;
    }
    let manifest = place.join("Cargo.toml");
    fs::write(&manifest, workspace(&published, &profile()?)).map_err(|e| io(&manifest, &e))?;
    // The same versions of everything else; what nobody needs here falls out of the file.
    let lock = place.join("Cargo.lock");
    fs::copy(crate::tree::root().join("Cargo.lock"), &lock).map_err(|e| io(&lock, &e))?;
    let mut build = run::cargo(&[
        "build",
        "--workspace",
        "--all-features",
        "--lib",
        "--bins",
        "--examples",
        "--manifest-path",
    ]);
    build.arg(&manifest).arg("--target-dir").arg(metadata::target_directory()?);
    for (package, setting) in published.iter().flat_map(|p| AS_RELEASED.iter().map(move |s| (p, s))) {
        build.arg("--config").arg(format!("profile.dev.package.{}.{setting}=false", package.name));
    }
    run::succeed(build)?;
    same_versions(&lock)
}

/// The demonstration, by the program that [`build`] left last.
pub(crate) fn demo() -> Result<(), Failed> {
    let directory = PathBuf::from(metadata::target_directory()?).join("debug");
    let program = directory.join(format!("dwcp{}", std::env::consts::EXE_SUFFIX));
    run::succeed(run::command(program, &["demo"]))
}

/// How the repository builds what is not released: its manifest's sections on that.
fn profile() -> Result<String, Failed> {
    let path = crate::tree::root().join("Cargo.toml");
    let text = fs::read_to_string(&path).map_err(|e| io(&path, &e))?;
    Ok(sections(&text, "[profile.dev"))
}

/// The sections of a manifest whose heading begins so.
fn sections(text: &str, heading: &str) -> String {
    let mut within = false;
    let wanted = text.lines().filter(|line| {
        if line.starts_with('[') {
            within = line.starts_with(heading);
        }
        within
    });
    wanted.map(|line| format!("{line}\n")).collect()
}

fn directory() -> Result<PathBuf, Failed> {
    Ok(PathBuf::from(metadata::target_directory()?).join("verify"))
}

fn name(package: &Package) -> String {
    format!("{}-{}", package.name, package.version)
}

/// A workspace of the unpacked crates, in which they find each other although their manifests ask a registry.
fn workspace(published: &[Package], profile: &str) -> String {
    let members: String = published.iter().map(|package| format!("    \"{}\",\n", name(package))).collect();
    let patches: String = published
        .iter()
        .map(|package| format!("{} = {{ path = \"{}\" }}\n", package.name, name(package)))
        .collect();
    format!(
        "[workspace]\nresolver = \"3\"\nmembers = [\n{members}]\n\n[patch.crates-io]\n{patches}\n{profile}"
    )
}

/// Fails when the build chose another version of anything than the repository did.
fn same_versions(lock: &Path) -> Result<(), Failed> {
    let read = |path: &Path| fs::read_to_string(path).map_err(|e| io(path, &e));
    let (ours, theirs) = (read(&crate::tree::root().join("Cargo.lock"))?, read(lock)?);
    let strangers = strangers(&ours, &theirs);
    if strangers.is_empty() { Ok(()) } else { Err(failed(format!("built with {}", strangers.join(", ")))) }
}

/// Packages of the second file that the first does not have, as `NAME VERSION`.
fn strangers(ours: &str, theirs: &str) -> Vec<String> {
    let packages = |text: &str| {
        let lines: Vec<&str> = text.lines().collect();
        let value = |line: &str| line.split('"').nth(1).unwrap_or("").to_owned();
        let pairs = lines.windows(2).filter(|pair| pair[0].starts_with("name = "));
        pairs.map(|pair| format!("{} {}", value(pair[0]), value(pair[1]))).collect::<Vec<String>>()
    };
    let known = packages(ours);
    packages(theirs).into_iter().filter(|package| !known.contains(package)).collect()
}

fn io(path: &Path, error: &std::io::Error) -> Failed {
    failed(format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_that_the_repository_does_not_have_is_told() {
        let ours = "[[package]]\nname = \"a\"\nversion = \"1.0.0\"\n\n[[package]]\nname = \"b\"\nversion = \"2.0.0\"\n";
        let theirs = "[[package]]\nname = \"b\"\nversion = \"2.0.0\"\ndependencies = [\n \"a\",\n]\n";
        assert_eq!(strangers(ours, theirs), [""; 0]);
        assert_eq!(strangers(theirs, ours), ["a 1.0.0"]);
        assert_eq!(strangers(ours, &theirs.replace("2.0.0", "2.0.1")), ["b 2.0.1"]);
    }

    #[test]
    fn the_crates_find_each_other_by_their_archives() {
        let json = r#"{"packages":[{"name":"dwcp-base","version":"0.1.0","dependencies":[]}]}"#;
        let profile =
            sections("[a]\nx = 1\n[profile.dev]\ny = 2\n# why\n[profile.release]\nz = 3\n", "[profile.dev");
        assert_eq!(profile, "[profile.dev]\ny = 2\n# why\n");
        let text = workspace(&metadata::parse(json).unwrap(), &profile);
        assert!(text.ends_with(&profile), "{text}");
        assert!(text.contains("members = [\n    \"dwcp-base-0.1.0\",\n]"), "{text}");
        assert!(text.contains("dwcp-base = { path = \"dwcp-base-0.1.0\" }"), "{text}");
    }
}
