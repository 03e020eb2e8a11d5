//! Each published crate by itself: with no default, default and all features, and light where it says it is light.

use crate::metadata;
use crate::report::{Failed, failed};
use crate::run;

/// Crates whose default build brings no TLS along.
const LIGHT: &[&str] = &["dwcp-guard", "dwcp-telemetry", "dwcp-audit"];
/// What they must not bring along.
const HEAVY: &[&str] = &["rustls", "tokio-rustls", "ring", "dwcp-pki", "dwcp-tls", "dwcp-channel"];

/// Checks this workspace.
pub(crate) fn run() -> Result<(), Failed> {
    let packages = metadata::read()?;
    let mut checks = 0;
    for package in packages.iter().filter(|package| package.published) {
        // Without features of its own a crate has one build only.
        let has_default = package.features.iter().any(|feature| feature == "default");
        let builds: &[&[&str]] = match (package.features.is_empty(), has_default) {
            (true, _) => &[&[]],
            (false, false) => &[&[], &["--all-features"]],
            (false, true) => &[&["--no-default-features"], &[], &["--all-features"]],
        };
        for build in builds {
            let mut arguments = vec!["check", "--quiet", "--lib", "--package", package.name.as_str()];
            arguments.extend_from_slice(build);
            run::succeed(run::cargo(&arguments))?;
            checks += 1;
        }
    }
    for name in LIGHT {
        light(name)?;
    }
    println!("alone: {checks} builds of single crates, {} of them without TLS", LIGHT.len());
    Ok(())
}

fn light(name: &str) -> Result<(), Failed> {
    let arguments = ["tree", "--package", name, "--edges", "normal", "--prefix", "none", "--format", "{p}"];
    let tree = run::output(run::cargo(&arguments))?;
    let heavy = brought(&tree);
    if heavy.is_empty() { Ok(()) } else { Err(failed(format!("{name} brings {} along", heavy.join(", ")))) }
}

fn brought(tree: &str) -> Vec<&str> {
    let mut found: Vec<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    found.retain(|package| HEAVY.contains(package));
    found.sort_unstable();
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_heavy_package_in_the_tree_is_found() {
        assert_eq!(brought("dwcp-guard v0.1.0\ndwcp-base v0.1.0\nthiserror v2.0.0\n"), [""; 0]);
        assert_eq!(
            brought("dwcp-guard v0.1.0\nrustls v0.23.46\nring v0.17.14\nrustls v0.23.46 (*)\n"),
            ["ring", "rustls"]
        );
    }
}
