//! The packages the design is built on are direct dependencies of the crates where they belong.

use crate::metadata::Package;
use crate::report::Violation;

/// Package, the crate it belongs to, and whether that is due already or comes with a later part.
const CARD: &[(&str, &str, Due)] = &[
    ("ring", "dwcp-crypto", Due::Now),
    ("chacha20poly1305", "dwcp-crypto", Due::Later("encryption at rest")),
    ("argon2", "dwcp-crypto", Due::Later("encryption at rest")),
    ("rustls-webpki", "dwcp-pki", Due::Now),
    ("rcgen", "dwcp-pki", Due::Now),
    ("x509-cert", "dwcp-pki", Due::Now),
    ("der", "dwcp-pki", Due::Now),
    ("rustls", "dwcp-tls", Due::Now),
    ("tokio", "dwcp-tls", Due::Now),
    ("vaultrs", "dwcp-pki-vault", Due::Now),
    ("instant-acme", "dwcp-pki-acme", Due::Now),
];

/// In every published crate above the floor.
const THROUGHOUT: &[&str] = &["thiserror", "tracing"];
/// Has no dependencies at all.
const FLOOR: &str = "dwcp-base";

#[derive(Clone, Copy, Debug)]
enum Due {
    Now,
    Later(&'static str),
}

pub(super) fn violations(packages: &[Package]) -> Vec<Violation> {
    let mut found = Vec::new();
    for (name, home, due) in CARD {
        match (due, packages.iter().find(|package| package.name == *home)) {
            (_, Some(package)) if depends(package, name) => {}
            (Due::Now, Some(_)) => {
                found.push(Violation::new(*home, "card", format!("{name} is no direct dependency")));
            }
            (Due::Now, None) => found.push(Violation::new(*home, "card", "the crate does not exist")),
            (Due::Later(_), _) => {}
        }
    }
    for package in packages.iter().filter(|package| package.published) {
        if package.name == FLOOR {
            for dependency in &package.dependencies {
                let what = format!("depends on {}: the floor has no dependencies", dependency.name);
                found.push(Violation::new(FLOOR, "card", what));
            }
            continue;
        }
        for name in THROUGHOUT.iter().filter(|name| !depends(package, name)) {
            found.push(Violation::new(&package.name, "card", format!("{name} is no direct dependency")));
        }
    }
    found
}

/// What is still to come.
pub(super) fn notes(packages: &[Package]) -> Vec<String> {
    let later = |(name, home, due): &(&str, &str, Due)| match due {
        Due::Later(part) if !packages.iter().any(|p| p.name == *home && depends(p, name)) => {
            Some(format!("{name} comes to {home} with {part}"))
        }
        _ => None,
    };
    CARD.iter().filter_map(later).collect()
}

fn depends(package: &Package, name: &str) -> bool {
    package.dependencies.iter().any(|d| d.kind == "normal" && d.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metadata;

    fn workspace(without: &str, kind: &str) -> Vec<Package> {
        let mut homes: Vec<&str> = CARD.iter().map(|(_, home, _)| *home).collect();
        homes.sort_unstable();
        homes.dedup();
        let package = |home: &&str| {
            let listed = CARD
                .iter()
                .filter(|(_, h, _)| h == home)
                .map(|(name, _, _)| *name)
                .chain(["tracing", "thiserror"]);
            let one = |name: &str| {
                let kind = if name == without { kind } else { "null" };
                format!(r#"{{"name":"{name}","req":"^1","kind":{kind}}}"#)
            };
            let all: Vec<String> = listed.map(one).collect();
            format!(r#"{{"name":"{home}","dependencies":[{}]}}"#, all.join(","))
        };
        let all: Vec<String> = homes.iter().map(package).collect();
        metadata::parse(&format!(r#"{{"packages":[{}]}}"#, all.join(","))).unwrap()
    }

    #[test]
    fn each_package_of_the_card_is_missed_where_it_is_no_normal_dependency() {
        assert_eq!(violations(&workspace("", "null")), []);
        for (name, _, due) in CARD {
            let expected = usize::from(matches!(due, Due::Now));
            assert_eq!(violations(&workspace(name, "\"dev\"")).len(), expected, "{name}");
        }
        for name in THROUGHOUT {
            assert!(violations(&workspace(name, "\"dev\"")).len() >= 3, "{name}");
        }
    }

    #[test]
    fn the_floor_stays_without_dependencies() {
        let mut packages = workspace("", "null");
        let mut floor = packages[0].clone();
        floor.name = FLOOR.to_owned();
        let dependencies = floor.dependencies.len();
        packages.push(floor);
        assert_eq!(violations(&packages).len(), dependencies);
    }

    #[test]
    fn a_missing_crate_is_told() {
        let packages: Vec<Package> =
            workspace("", "null").into_iter().filter(|p| p.name != "dwcp-tls").collect();
        assert_eq!(violations(&packages).len(), 2);
    }
}
