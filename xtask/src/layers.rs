//! Every dependency between our crates goes down, whatever its kind.

use crate::metadata::{self, Dependency, Package};
use crate::report::{Failed, Violation, conclude};

/// Test-only helpers: may be a dev-dependency of any crate.
const TESTKIT: &str = "dwcp-testkit";
/// The highest layer the testkit may build on: dwcp-pki.
const TESTKIT_CEILING: u64 = 20;
/// Not part of the stack: this program.
const OUTSIDE: &str = "xtask";
/// Alternatives to each other, so they share one number.
const SIBLINGS: &[&str] = &["dwcp-pki-acme", "dwcp-pki-vault"];

/// Checks this workspace.
pub(crate) fn run() -> Result<(), Failed> {
    let packages = metadata::read()?;
    let edges: usize = packages.iter().map(|package| ours(package, &packages).count()).sum();
    let looked_at = format!("{} packages, {edges} edges between them", packages.len());
    conclude("layers", &looked_at, violations(&packages))
}

/// All broken rules of a workspace.
pub(crate) fn violations(packages: &[Package]) -> Vec<Violation> {
    let mut found = Vec::new();
    for package in packages.iter().filter(|package| package.name != OUTSIDE) {
        if package.layer.is_none() {
            found.push(Violation::new(
                &package.name,
                "layer-missing",
                "no `package.metadata.dwcp.layer` in the manifest",
            ));
        }
        found.extend(clash(package, packages));
    }
    for package in packages {
        for dependency in ours(package, packages) {
            found.extend(edge(package, dependency, packages));
        }
        found.extend(strangers(package, packages));
    }
    found
}

fn ours<'a>(package: &'a Package, packages: &'a [Package]) -> impl Iterator<Item = &'a Dependency> {
    package.dependencies.iter().filter(|d| packages.iter().any(|other| other.name == d.name))
}

fn clash(package: &Package, packages: &[Package]) -> Option<Violation> {
    let sibling = |name: &str| SIBLINGS.contains(&name);
    let other = packages.iter().find(|other| {
        other.name < package.name
            && other.layer.is_some()
            && other.layer == package.layer
            && !(sibling(&other.name) && sibling(&package.name))
    })?;
    let what = format!("shares layer {} with {}", package.layer.unwrap_or(0), other.name);
    Some(Violation::new(&package.name, "layer-clash", what))
}

fn edge(package: &Package, dependency: &Dependency, packages: &[Package]) -> Option<Violation> {
    let target = packages.iter().find(|other| other.name == dependency.name)?;
    let words = |rest: &str| {
        let manner =
            if dependency.manner.is_empty() { String::new() } else { format!(" ({})", dependency.manner) };
        format!("{} dependency{manner} on {} {rest}", dependency.kind, target.name)
    };
    let broken = |rule, rest: &str| Some(Violation::new(&package.name, rule, words(rest)));
    if package.name == OUTSIDE {
        return broken("layer-outside", "from the task runner, which stands outside the stack");
    }
    if target.name == OUTSIDE {
        return broken("layer-outside", "which stands outside the stack");
    }
    if target.name == TESTKIT {
        return match dependency.kind.as_str() {
            "dev" if dependency.requirement != "*" || !dependency.by_path => {
                broken("testkit-version", "must be by path without a version, or packaging fails")
            }
            "dev" => None,
            _ => broken("testkit-kind", "which is for tests alone"),
        };
    }
    if package.published && !target.published && dependency.kind != "dev" {
        return broken("layer-unpublished", "which is never published");
    }
    if dependency.requirement == "*" {
        return broken("layer-version", "has no version, so it can not be published");
    }
    let (from, to) = (package.layer?, target.layer?);
    if package.name == TESTKIT && to > TESTKIT_CEILING {
        return broken(
            "testkit-ceiling",
            &format!("at layer {to}: the testkit stays at {TESTKIT_CEILING} and below"),
        );
    }
    if to >= from {
        return broken("layer-up", &format!("goes from layer {from} to {to}"));
    }
    None
}

/// A crate of our name that is not a member would come from a registry and escape the rules above.
fn strangers(package: &Package, packages: &[Package]) -> Vec<Violation> {
    let foreign = |d: &&Dependency| {
        (d.name == "dwcp" || d.name.starts_with("dwcp-") || d.by_path)
            && !packages.iter().any(|other| other.name == d.name)
    };
    let told = |d: &Dependency| {
        let what = format!("depends on {}, which is not a member of this workspace", d.name);
        Violation::new(&package.name, "layer-stranger", what)
    };
    package.dependencies.iter().filter(foreign).map(told).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules_of(fixture: &str) -> Vec<&'static str> {
        let path = crate::tree::root().join("xtask/fixtures/layers").join(fixture);
        let text = std::fs::read_to_string(&path).unwrap();
        violations(&metadata::parse(&text).unwrap()).iter().map(Violation::rule).collect()
    }

    #[test]
    fn a_sound_workspace_passes() {
        assert_eq!(rules_of("sound.json"), [""; 0]);
    }

    #[test]
    fn an_edge_that_does_not_go_down_is_found_in_every_disguise() {
        for fixture in [
            "up-normal.json",
            "up-dev.json",
            "up-build.json",
            "up-optional.json",
            "up-renamed.json",
            "up-target.json",
            "level.json",
        ] {
            assert_eq!(rules_of(fixture), ["layer-up"], "{fixture}");
        }
    }

    #[test]
    fn every_other_rule_fires() {
        for (fixture, rule) in [
            ("missing.json", "layer-missing"),
            ("clash.json", "layer-clash"),
            ("testkit-normal.json", "testkit-kind"),
            ("testkit-version.json", "testkit-version"),
            ("testkit-high.json", "testkit-ceiling"),
            ("unpublished.json", "layer-unpublished"),
            ("no-version.json", "layer-version"),
            ("outside.json", "layer-outside"),
            ("stranger.json", "layer-stranger"),
        ] {
            assert_eq!(rules_of(fixture), [rule], "{fixture}");
        }
    }

    #[test]
    fn every_violation_is_listed_not_the_first() {
        assert_eq!(rules_of("several.json"), ["layer-missing", "layer-up", "layer-up"]);
    }
}
