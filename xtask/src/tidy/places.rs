//! The repository names no machine: no home directory, no checkout path, no registry host.

use crate::report::Violation;
use crate::tree::Tree;

/// Written in two halves, so that this file does not find itself.
const DIRECTORIES: &[&str] =
    &[concat!("/", "work/"), concat!("/", "root/"), concat!("/", "home/"), concat!("/", "Users/")];
/// Where packages come from is the business of the machine that builds.
const HOSTS: &[&str] = &[
    concat!("crates", ".io"),
    concat!("pypi", ".org"),
    concat!("pythonhosted", ".org"),
    concat!("npmjs", ".org"),
    concat!("deb.debian", ".org"),
    concat!("proxy.golang", ".org"),
];
/// Says where each file of the originals stood.
const ORIGINALS: &str = "docs/originals.md";

pub(super) fn violations(tree: &Tree) -> Vec<Violation> {
    let mut found = Vec::new();
    for file in tree.files.iter().filter(|file| !file.path.ends_with("Cargo.lock")) {
        for (number, line) in file.lines() {
            let place = || format!("{}:{number}", file.path);
            if file.path != ORIGINALS && DIRECTORIES.iter().any(|directory| starts_a_path(line, directory)) {
                found.push(Violation::new(place(), "machine-path", "a path of one machine"));
            }
            if let Some(host) = HOSTS.iter().find(|host| line.contains(**host)) {
                found.push(Violation::new(place(), "registry-host", format!("names {host}")));
            }
        }
    }
    found
}

/// The `root` inside `pki/root/generate` starts no path of a machine.
fn starts_a_path(line: &str, directory: &str) -> bool {
    line.match_indices(directory).any(|(at, _)| {
        let before = line.get(..at).and_then(|text| text.chars().next_back());
        before.is_none_or(|c| !(c.is_ascii_alphanumeric() || "}_-.*".contains(c)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(path: &str, text: &str) -> Vec<&'static str> {
        violations(&Tree::of(&[(path, text)])).iter().map(Violation::rule).collect()
    }

    #[test]
    fn paths_of_a_machine_are_found() {
        for directory in DIRECTORIES {
            assert_eq!(rules("a.rs", &format!("let path = \"{directory}x\";\n")), ["machine-path"]);
            assert_eq!(rules("a.rs", &format!("POST pki{directory}x\n")), [""; 0]);
        }
        assert_eq!(rules(ORIGINALS, &format!("{}kp\n", DIRECTORIES[2])), [""; 0]);
    }

    #[test]
    fn hosts_of_registries_are_found() {
        for host in HOSTS {
            assert_eq!(rules("README.md", &format!("get it from https://{host}/\n")), ["registry-host"]);
            assert_eq!(rules("Cargo.lock", host), [""; 0]);
        }
    }
}
