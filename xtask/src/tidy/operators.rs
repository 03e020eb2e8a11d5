//! What an operator can meet stands in the operator's pages: every configuration key, health check and metric they name.

use crate::report::Violation;
use crate::tree::Tree;

const MODEL: &str = "crates/dwcp/src/config/model.rs";
/// The sections about TLS, in a file of their own.
const MODEL_TLS: &str = "crates/dwcp/src/config/model_tls.rs";
/// Those about issuers elsewhere.
const MODEL_PROVIDERS: &str = "crates/dwcp/src/config/model_providers.rs";
const REFERENCE: &str = "docs/configuration.md";
const GUIDE: &str = "docs/operating.md";
const CHECKS: &[&str] = &[
    "crates/dwcp/src/node/checks.rs",
    "crates/dwcp/src/node/cert_checks.rs",
    "crates/dwcp/src/node/provider_checks.rs",
    "crates/dwcp/src/node/trust_checks.rs",
    "crates/dwcp/src/node/shared.rs",
];
const METRICS: &str = "crates/dwcp-telemetry/src/metric.rs";
/// How the id of a health check begins.
const CHECK_STARTS: &[&str] = &["node.", "tls.", "certs.", "security."];
/// What an exposition adds to the name of a histogram.
const SUFFIXES: &[&str] = &["_bucket", "_sum", "_count"];

pub(super) fn violations(tree: &Tree) -> Vec<Violation> {
    let text = |path: &str| tree.text(path).unwrap_or("");
    let mut found = Vec::new();
    let keys = keys(&[text(MODEL), text(MODEL_TLS), text(MODEL_PROVIDERS)].concat(), "Config", "", 0);
    found.extend(compare(&keys, &rows(text(REFERENCE), ""), MODEL, REFERENCE, "configuration-key"));
    let ids: Vec<String> = CHECKS.iter().flat_map(|path| ids(text(path))).collect();
    found.extend(compare(&ids, &rows(text(GUIDE), "## Health checks"), CHECKS[0], GUIDE, "health-check"));
    for (number, name) in metrics(text(GUIDE)) {
        let base = SUFFIXES.iter().find_map(|suffix| name.strip_suffix(suffix)).unwrap_or(name);
        if ![name, base].iter().any(|name| text(METRICS).contains(&format!("\"{name}\""))) {
            found.push(Violation::new(format!("{GUIDE}:{number}"), "metric", format!("there is no {name}")));
        }
    }
    found
}

/// Each side names what the other has.
fn compare(
    code: &[String],
    page: &[(usize, String)],
    source: &str,
    path: &str,
    rule: &'static str,
) -> Vec<Violation> {
    let unwritten = code.iter().filter(|name| !page.iter().any(|(_, row)| row == *name));
    let unknown = page.iter().filter(|(_, row)| !code.contains(row));
    unwritten
        .map(|name| Violation::new(source, rule, format!("`{name}` has no row in {path}")))
        .chain(unknown.map(|(number, row)| {
            Violation::new(format!("{path}:{number}"), rule, format!("`{row}` is not in {source}"))
        }))
        .collect()
}

/// The dotted keys below a struct of the model; a list's items are written `key[]`.
fn keys(model: &str, name: &str, above: &str, depth: usize) -> Vec<String> {
    let fields = fields(model, name);
    // No section contains itself; a bound keeps a mistake here from running for ever.
    if fields.is_empty() || depth > 8 {
        return vec![above.to_owned()];
    }
    let mut found = Vec::new();
    for (field, kind) in fields {
        let list = if kind.contains("Vec<") { "[]" } else { "" };
        let kind = kind.trim_start_matches("Option<").trim_start_matches("Vec<").trim_end_matches('>');
        let dot = if above.is_empty() { "" } else { "." };
        let is_section = model.contains(&format!("pub struct {kind} {{"));
        let list = if is_section { list } else { "" };
        found.extend(keys(model, kind, &format!("{above}{dot}{field}{list}"), depth + 1));
    }
    found
}

/// The public fields of a struct, with their types.
fn fields<'a>(model: &'a str, name: &str) -> Vec<(&'a str, &'a str)> {
    let Some((_, rest)) = model.split_once(&format!("pub struct {name} {{\n")) else { return Vec::new() };
    let body = rest.split("\n}").next().unwrap_or("");
    let field = |line: &'a str| {
        let (field, kind) = line.trim().strip_prefix("pub ")?.split_once(": ")?;
        Some((field, kind.trim_end_matches(',')))
    };
    body.lines().filter_map(field).collect()
}

/// The ids of health checks that a source makes; what is filled in at run time is written `NAME`.
fn ids(source: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for literal in source.split('"').skip(1).step_by(2) {
        let plain = |c: char| c.is_ascii_lowercase() || matches!(c, '.' | '_' | '{' | '}');
        if CHECK_STARTS.iter().any(|start| literal.starts_with(start)) && literal.chars().all(plain) {
            let id = literal.replace("{}", "NAME");
            if !found.contains(&id) {
                found.push(id);
            }
        }
    }
    found
}

/// The first cells, in backticks, of the table rows after a heading, with their line numbers.
fn rows(page: &str, heading: &str) -> Vec<(usize, String)> {
    let mut within = heading.is_empty();
    let mut found = Vec::new();
    for (index, line) in page.lines().enumerate() {
        if line.starts_with("## ") && !heading.is_empty() {
            within = line == heading;
        }
        if let Some(cell) = line.strip_prefix("| `").filter(|_| within) {
            found.push((index + 1, cell.split('`').next().unwrap_or("").to_owned()));
        }
    }
    found
}

/// The metrics that a page names, with their line numbers.
fn metrics(page: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    for (index, line) in page.lines().enumerate() {
        let word = |c: char| !(c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        found.extend(line.split(word).filter(|word| word.starts_with("dwcp_")).map(|word| (index + 1, word)));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const STRUCTS: &str = "pub struct Config {\n    /// A.\n    pub tls: Tls,\n    pub other: Option<IgnoredAny>,\n}\n\
        pub struct Tls {\n    pub suites: Option<Vec<String>>,\n    pub items: Vec<Item>,\n}\n\
        pub struct Item {\n    pub name: String,\n}\n";
    const SOURCE: &str = "Finding::pass(\"certs.identity\", \"set security.tls.crl_file\");\nformat!(\"tls.target.{}\", name);\n";
    const NAMES: &str = "\"dwcp_x_seconds\"";

    fn rules(reference: &str, guide: &str) -> Vec<&'static str> {
        let files =
            [(MODEL, STRUCTS), (CHECKS[0], SOURCE), (METRICS, NAMES), (REFERENCE, reference), (GUIDE, guide)];
        violations(&Tree::of(&files)).iter().map(Violation::rule).collect()
    }

    const REFERENCE_ROWS: &str = "| `tls.suites` | a |\n| `tls.items[].name` | b |\n| `other` | c |\n";
    const GUIDE_ROWS: &str = "## Health checks\n\n| `certs.identity` | a |\n| `tls.target.NAME` | b |\n\n## More\n\n\
        | `certs.made_up` | no check |\n`rate(dwcp_x_seconds_bucket[5m])`\n";

    #[test]
    fn pages_that_name_everything_pass() {
        assert_eq!(rules(REFERENCE_ROWS, GUIDE_ROWS), [""; 0]);
    }

    #[test]
    fn a_key_without_a_row_and_a_row_without_a_key_are_found() {
        let short = REFERENCE_ROWS.replace("| `tls.items[].name` | b |\n", "");
        assert_eq!(rules(&short, GUIDE_ROWS), ["configuration-key"]);
        let long = format!("{REFERENCE_ROWS}| `tls.made_up` | d |\n");
        assert_eq!(rules(&long, GUIDE_ROWS), ["configuration-key"]);
    }

    #[test]
    fn a_check_without_a_row_and_a_row_without_a_check_are_found() {
        let short = GUIDE_ROWS.replace("| `tls.target.NAME` | b |\n", "");
        assert_eq!(rules(REFERENCE_ROWS, &short), ["health-check"]);
        let long = GUIDE_ROWS.replace("\n\n## More", "\n| `certs.made_up` | c |\n\n## More");
        assert_eq!(rules(REFERENCE_ROWS, &long), ["health-check"]);
    }

    #[test]
    fn a_metric_that_nobody_exports_is_found() {
        let guide = format!("{GUIDE_ROWS}`dwcp_made_up_total > 0`\n");
        assert_eq!(rules(REFERENCE_ROWS, &guide), ["metric"]);
    }
}
