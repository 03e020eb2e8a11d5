//! docs/originals.md keeps its word: what a row names here is there.

use crate::report::Violation;
use crate::tree::Tree;

const PAGE: &str = "docs/originals.md";
/// A row that names nothing yet, or nothing any more, says so with one of these.
const EXCUSED: &[&str] = &["later: ", "gone: ", "elsewhere: "];
/// What may stand before the name of an item.
const DECLARED: &[&str] =
    &["fn ", "struct ", "enum ", "trait ", "type ", "mod ", "const ", "static ", "macro_rules! "];

/// Rows are `| the original's name | here | shown by |`; the last two columns name things in backticks.
pub(super) fn violations(tree: &Tree) -> Vec<Violation> {
    let Some(page) = tree.text(PAGE) else {
        return vec![Violation::new(PAGE, "originals", "the page is missing")];
    };
    let mut found = Vec::new();
    for (number, cells) in rows(page) {
        let place = format!("{PAGE}:{number}");
        let [_, here, shown] = cells.as_slice() else {
            found.push(Violation::new(place, "originals", "a row has three columns"));
            continue;
        };
        let excused = EXCUSED.iter().any(|word| here.strip_prefix(word).is_some_and(|why| why.len() > 3));
        if names(here).is_empty() && !excused {
            let what = "names nothing here and says neither `later: …`, `elsewhere: …` nor `gone: …`";
            found.push(Violation::new(&place, "originals", what));
        }
        if !excused && names(shown).is_empty() && !shown.starts_with("later: ") {
            found.push(Violation::new(&place, "originals", "no test or command shows it"));
        }
        let named = names(here).into_iter().filter(|_| !excused).chain(names(shown));
        for name in named.filter(|name| !exists(tree, name)) {
            found.push(Violation::new(&place, "originals", format!("`{name}` does not exist")));
        }
    }
    found
}

/// How many rows stand for something that is there.
pub(super) fn summary(tree: &Tree) -> String {
    let rows = rows(tree.text(PAGE).unwrap_or(""));
    let count = |word: &str| {
        rows.iter().filter(|(_, cells)| cells.get(1).is_some_and(|c| c.starts_with(word))).count()
    };
    let (later, gone, elsewhere) = (count("later: "), count("gone: "), count("elsewhere: "));
    let built = rows.len() - later - gone - elsewhere;
    format!(
        "originals: {} rows: {built} built, {elsewhere} elsewhere, {later} later, {gone} gone",
        rows.len()
    )
}

/// The rows of all tables without their heads, with their line numbers.
fn rows(page: &str) -> Vec<(usize, Vec<&str>)> {
    let lines: Vec<&str> = page.lines().collect();
    let is_rule = |line: &str| line.starts_with("|--") || line.starts_with("| --");
    let mut found = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let head = lines.get(index + 1).is_some_and(|next| is_rule(next));
        if line.starts_with('|') && !is_rule(line) && !head {
            let inner = line.trim_matches('|');
            found.push((index + 1, inner.split(" | ").map(str::trim).collect()));
        }
    }
    found
}

fn names(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

/// `dwcp_pki::Crl::number`, `crates/x/tests/a.rs::scenario`, `docs/page.md`, `dwcp cert issue`, `/health/tls`,
/// a metric or a configuration key.
fn exists(tree: &Tree, name: &str) -> bool {
    if let Some((file, item)) = name.split_once(".rs::") {
        return tree.text(&format!("{file}.rs")).is_some_and(|text| declared(text, item));
    }
    if let Some((package, path)) = name.split_once("::") {
        let directory = format!("crates/{}/src/", package.replace('_', "-"));
        return path.split("::").all(|item| in_sources(tree, &directory, &|text| declared(text, item)));
    }
    if let Some(words) = name.strip_prefix("dwcp ") {
        let words = words
            .split(' ')
            .filter(|word| !word.starts_with('-') && word.chars().all(|c| c.is_ascii_lowercase()));
        return words
            .into_iter()
            .all(|word| in_sources(tree, "crates/dwcp/src/", &|text| command(text, word)));
    }
    if name.starts_with("cargo xtask ") {
        let word = name.split(' ').nth(2).unwrap_or("");
        return in_sources(tree, "xtask/src/main.rs", &|text| text.contains(&format!("[\"{word}\"")));
    }
    if name.starts_with('/') || name.starts_with("dwcp_") {
        let bare = name.split('{').next().unwrap_or(name);
        return in_sources(tree, "crates/", &|text| text.contains(bare));
    }
    if name.contains('/') || name.ends_with(".toml") || name.ends_with(".md") {
        return tree.files.iter().any(|file| file.path == name || file.path.starts_with(&format!("{name}/")));
    }
    // A configuration key: its last word is a field or a string of the node.
    let key = name.rsplit('.').next().unwrap_or(name);
    in_sources(tree, "crates/dwcp/src/", &|text| text.contains(key))
}

fn in_sources(tree: &Tree, directory: &str, holds: &dyn Fn(&str) -> bool) -> bool {
    tree.rust()
        .any(|file| file.path.starts_with(directory) && !file.path.contains("/tests/") && holds(&file.text))
}

/// Declared here, re-exported, or a variant of an enum.
fn declared(text: &str, item: &str) -> bool {
    let word = |at: usize, length: usize| {
        let edge = |c: Option<char>| c.is_none_or(|c| !(c.is_alphanumeric() || c == '_'));
        edge(text[..at].chars().next_back()) && edge(text[at + length..].chars().next())
    };
    text.match_indices(item).any(|(at, _)| {
        let line = text[..at].rsplit('\n').next().unwrap_or("");
        let code = !line.trim_start().starts_with("//");
        let variant = line.trim().is_empty() && item.starts_with(char::is_uppercase);
        let reexport = line.trim_start().starts_with("pub use ");
        code && word(at, item.len())
            && (variant || reexport || DECLARED.iter().any(|start| line.ends_with(start)))
    })
}

/// A word of the command line: a string, a variant of an enum, or a module of its own.
fn command(text: &str, word: &str) -> bool {
    let mut capital = word.to_owned();
    if let Some(first) = capital.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    text.contains(&format!("\"{word}\"")) || declared(text, &capital)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "| original | here | shown by |\n|---|---|---|\n";

    fn count(row: &str) -> usize {
        let page = format!("{HEAD}{row}\n");
        violations(&Tree::of(&[
            (PAGE, page.as_str()),
            (
                "crates/dwcp-pki/src/crl.rs",
                "//! CRLs.\npub struct Crl;\nimpl Crl {\n    pub fn number(&self) {}\n}\n",
            ),
            ("crates/dwcp-pki/tests/crl.rs", "//! CRLs.\nfn a_crl_is_read() {}\n"),
            (
                "crates/dwcp/src/cli.rs",
                "//! CLI.\nenum Verb {\n    Cert,\n}\nconst PATH: &str = \"/health/tls\";\n",
            ),
            ("docs/events.md", "# Events"),
        ]))
        .len()
    }

    #[test]
    fn a_row_that_names_what_is_there_passes() {
        let test = "`crates/dwcp-pki/tests/crl.rs::a_crl_is_read`";
        assert_eq!(count(&format!("| CRL | `dwcp_pki::Crl::number` | {test} |")), 0);
        assert_eq!(count(&format!("| cert | `dwcp cert` | {test} |")), 0);
        assert_eq!(count(&format!("| health | `/health/tls`, `docs/events.md` | {test} |")), 0);
        assert_eq!(count("| HSM | later: PKCS#11 keys | |"), 0);
        assert_eq!(count("| line counts | gone: no measure of quality | |"), 0);
    }

    #[test]
    fn a_row_that_names_what_is_not_there_is_found() {
        let test = "`crates/dwcp-pki/tests/crl.rs::a_crl_is_read`";
        assert_eq!(count(&format!("| CRL | `dwcp_pki::Crl::missing` | {test} |")), 1);
        assert_eq!(count(&format!("| CRL | `dwcp_pki::Missing` | {test} |")), 1);
        assert_eq!(count(&format!("| ddos | `dwcp ddos` | {test} |")), 1);
        assert_eq!(count(&format!("| metric | `dwcp_missing_total` | {test} |")), 1);
        assert_eq!(count(&format!("| page | `docs/missing.md` | {test} |")), 1);
        assert_eq!(count("| CRL | `dwcp_pki::Crl` | `crates/dwcp-pki/tests/crl.rs::missing` |"), 1);
    }

    #[test]
    fn a_row_that_says_nothing_is_found() {
        assert_eq!(count("| CRL | `dwcp_pki::Crl` | |"), 1);
        assert_eq!(count("| CRL | soon | |"), 2);
        assert_eq!(count("| CRL | later: | |"), 2);
        assert_eq!(count("| CRL |"), 1);
    }

    #[test]
    fn a_missing_page_is_found() {
        assert_eq!(violations(&Tree::default()).len(), 1);
    }
}
