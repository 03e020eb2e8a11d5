//! Manifests: one lint table, a README that is the documentation, a reason for each dependency group, what a registry asks for.

use crate::metadata::Package;
use crate::report::Violation;
use crate::tree::Tree;

/// A registry takes no more.
const MOST_KEYWORDS: usize = 5;
/// A word before each group in these tables; dev-dependencies explain themselves by their tests.
const EXPLAINED: &[&str] = &["dependencies]", "build-dependencies]"];

pub(super) fn violations(tree: &Tree, packages: &[Package]) -> Vec<Violation> {
    let mut found = Vec::new();
    for file in tree.files.iter().filter(|file| file.path.ends_with("Cargo.toml")) {
        found.extend(unexplained(&file.path, &file.text));
        let Some(directory) = file.crate_dir() else { continue };
        if !file.text.contains("[lints]\nworkspace = true") {
            found.push(Violation::new(&file.path, "lints", "no `[lints] workspace = true`"));
        }
        if !directory.starts_with("crates/") {
            continue;
        }
        if tree.text(&format!("{directory}/README.md")).is_none_or(|text| text.trim().is_empty()) {
            found.push(Violation::new(directory, "readme", "no README.md"));
        }
        let root = tree.text(&format!("{directory}/src/lib.rs")).unwrap_or("");
        if !root.contains("#![doc = include_str!(\"../README.md\")]") {
            let what = "the README is not the crate documentation (`include_str!` in src/lib.rs)";
            found.push(Violation::new(directory, "readme-doc", what));
        }
    }
    for package in packages.iter().filter(|package| package.published) {
        found.extend(unready(package));
    }
    found.extend(same_example(packages));
    found
}

/// Dependency groups (runs of lines after a header, a blank line or a comment) that say no word on why.
fn unexplained(path: &str, text: &str) -> Vec<Violation> {
    let mut found = Vec::new();
    let (mut inside, mut explained) = (false, false);
    for (index, line) in text.lines().map(str::trim).enumerate() {
        if line.starts_with('[') {
            let dev = line.ends_with("dev-dependencies]");
            inside = !dev && EXPLAINED.iter().any(|end| line.ends_with(end));
            explained = false;
        } else if line.is_empty() {
            explained = false;
        } else if line.starts_with('#') {
            explained = true;
        } else if inside && !explained {
            let what = format!("no comment says why: {line}");
            found.push(Violation::new(format!("{path}:{}", index + 1), "dependency-reason", what));
            // One violation per group.
            explained = true;
        }
    }
    found
}

fn unready(package: &Package) -> Vec<Violation> {
    let tell = |what: &str| Violation::new(&package.name, "publish", what);
    let mut found = Vec::new();
    if package.description.as_deref().is_none_or(|text| text.len() < 20) {
        found.push(tell("no description of a sentence's length"));
    }
    if package.keywords.is_empty() || package.keywords.len() > MOST_KEYWORDS {
        found.push(tell("needs one to five keywords"));
    }
    if package.keywords.iter().any(|word| word.len() > 20) {
        found.push(tell("a keyword is longer than 20 characters"));
    }
    if package.categories.is_empty() {
        found.push(tell("no category"));
    }
    if !package.has_docs_rs {
        found.push(tell("no `package.metadata.docs.rs`"));
    }
    if !package.has_readme {
        found.push(tell("no readme"));
    }
    if !package.has_license {
        found.push(tell("no license expression"));
    }
    found
}

/// Examples of all crates land in one directory, so two of one name overwrite each other.
fn same_example(packages: &[Package]) -> Vec<Violation> {
    let mut all: Vec<(&str, &str)> = packages
        .iter()
        .flat_map(|package| package.examples.iter().map(|name| (name.as_str(), package.name.as_str())))
        .collect();
    all.sort_unstable();
    let twice = |pair: &[(&str, &str)]| match pair {
        [(name, first), (other, second)] if name == other => {
            let what = format!("example `{name}` has the name of one in {first}");
            Some(Violation::new(*second, "example-name", what))
        }
        _ => None,
    };
    all.windows(2).filter_map(twice).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metadata;

    const SOUND: &str = "[lints]\nworkspace = true\n[dependencies]\n# why\na = \"1\"\nb = \"1\"\n";

    fn rules(files: &[(&str, &str)]) -> Vec<&'static str> {
        violations(&Tree::of(files), &[]).iter().map(Violation::rule).collect()
    }

    #[test]
    fn a_crate_has_lints_readme_and_its_readme_as_documentation() {
        let readme = ("crates/a/README.md", "# a");
        let lib = ("crates/a/src/lib.rs", "#![doc = include_str!(\"../README.md\")]");
        assert_eq!(rules(&[("crates/a/Cargo.toml", SOUND), readme, lib]), [""; 0]);
        assert_eq!(rules(&[("crates/a/Cargo.toml", SOUND), lib]), ["readme"]);
        assert_eq!(rules(&[("crates/a/Cargo.toml", SOUND), readme]), ["readme-doc"]);
        assert_eq!(rules(&[("crates/a/Cargo.toml", "[dependencies]\n"), readme, lib]), ["lints"]);
        assert_eq!(rules(&[("xtask/Cargo.toml", "[dependencies]\n")]), ["lints"]);
    }

    #[test]
    fn each_group_of_dependencies_has_a_word_on_why() {
        for table in ["[dependencies]", "[workspace.dependencies]", "[target.'cfg(unix)'.dependencies]"] {
            assert_eq!(
                unexplained("Cargo.toml", &format!("{table}\na = \"1\"\nb = \"1\"\n")).len(),
                1,
                "{table}"
            );
            assert_eq!(
                unexplained("Cargo.toml", &format!("{table}\n# a\na = \"1\"\n\nb = \"1\"\n")).len(),
                1
            );
            assert_eq!(unexplained("Cargo.toml", &format!("{table}\n# a\na = \"1\"\nb = \"1\"\n")), []);
        }
        assert_eq!(unexplained("Cargo.toml", "[dev-dependencies]\na = \"1\"\n"), []);
    }

    #[test]
    fn a_published_crate_says_what_a_registry_asks_for() {
        let of = |body: &str| {
            let json = format!(r#"{{"packages":[{{"name":"a",{body}"dependencies":[]}}]}}"#);
            violations(&Tree::default(), &metadata::parse(&json).unwrap()).len()
        };
        assert_eq!(of(""), 6);
        assert_eq!(of(r#""publish":[],"#), 0);
        let sound = r#""description":"A sentence that says something.","categories":["x"],"readme":"README.md",
            "license":"MIT","metadata":{"docs":{"rs":{"all-features":true}}},"#;
        assert_eq!(of(&format!(r#"{sound}"keywords":["one"],"#)), 0);
        assert_eq!(of(&format!(r#"{sound}"keywords":["1","2","3","4","5","6"],"#)), 1);
        assert_eq!(of(&format!(r#"{sound}"keywords":["a-keyword-of-many-letters"],"#)), 1);
    }

    #[test]
    fn two_examples_of_one_name_are_found() {
        let target = r#""publish":[],"dependencies":[],"targets":[{"kind":["example"],"name":"hello"}]"#;
        let json = format!(r#"{{"packages":[{{"name":"a",{target}}},{{"name":"b",{target}}}]}}"#);
        let found = violations(&Tree::default(), &metadata::parse(&json).unwrap());
        assert_eq!(found.iter().map(Violation::rule).collect::<Vec<_>>(), ["example-name"]);
    }
}
