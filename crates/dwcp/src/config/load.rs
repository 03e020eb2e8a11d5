//! From a file and the environment to a [`Config`]: bounded, strict, and with the line of what is wrong.

use super::model::Config;
use super::problem::{ConfigProblem, nearest};
use dwcp_base::read_bounded;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// A configuration and where it came from.
#[derive(Debug)]
pub struct Loaded {
    /// What it says.
    pub config: Config,
    /// The directory relative paths resolve against.
    pub base: PathBuf,
    /// The file, for messages and reloads.
    pub file: PathBuf,
}

/// Reads `file`, then lets `environment` (names starting with `DWCP_SECTION__`) override it.
///
/// # Errors
/// A [`ConfigProblem`] with the line and, for an unknown key, the nearest known one.
pub fn load(file: &Path, environment: &[(String, String)]) -> Result<Loaded, ConfigProblem> {
    let bytes = read_bounded(file, MAX_FILE).map_err(|error| {
        let why = std::error::Error::source(&error).map(|s| format!(": {s}")).unwrap_or_default();
        ConfigProblem {
            file: Some(file.to_owned()),
            unreadable: true,
            ..ConfigProblem::new("", format!("{error}{why}"), error.fix())
        }
    })?;
    let text = String::from_utf8(bytes).map_err(|_| ConfigProblem {
        file: Some(file.to_owned()),
        ..ConfigProblem::new("", "the file is not UTF-8 text", "save it as UTF-8")
    })?;
    let config = parse(&text, environment)
        .map_err(|problem| ConfigProblem { file: Some(file.to_owned()), ..problem })?;
    let base = match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    Ok(Loaded { config, base, file: file.to_owned() })
}

/// Reads configuration text, then lets `environment` override it.
///
/// # Errors
/// As [`load`], without the file's name.
pub fn parse(text: &str, environment: &[(String, String)]) -> Result<Config, ConfigProblem> {
    // A file of comments alone is a configuration of defaults.
    let blank = text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#'));
    let text = if blank { "{}" } else { text };
    let config: Config =
        serde_saphyr::from_str_with_options(text, options()).map_err(|e| explain(&e, text))?;
    let overrides: Vec<_> =
        environment.iter().filter_map(|(name, value)| Some((key_of(name)?, name, value))).collect();
    if overrides.is_empty() {
        return Ok(config);
    }
    let mut tree: Value =
        serde_saphyr::from_str_with_options(text, options()).map_err(|e| explain(&e, text))?;
    for (path, name, value) in &overrides {
        let value: Value = serde_saphyr::from_str_with_options(value, options()).map_err(|_| {
            ConfigProblem::new(
                path.join("."),
                format!("the environment variable {name} is not a YAML value"),
                "quote it or unset it",
            )
        })?;
        set(&mut tree, path, value).ok_or_else(|| {
            ConfigProblem::new(
                path.join("."),
                format!("the environment variable {name} names no section"),
                "unset it",
            )
        })?;
    }
    serde_json::from_value(tree).map_err(|error| {
        let names: Vec<&str> = overrides.iter().map(|(_, name, _)| name.as_str()).collect();
        ConfigProblem::new(
            "",
            format!("{error} (with {})", names.join(", ")),
            "correct or unset the environment variable",
        )
    })
}

fn options() -> serde_saphyr::Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! { max_depth: 64, max_nodes: 20_000, max_documents: 1, max_aliases: 64, max_anchors: 64 },
        strict_booleans: true,
        with_snippet: false,
    }
}

/// Turns a parse error into a problem: an unknown key names its nearest neighbour, everything else keeps its line.
fn explain(error: &serde_saphyr::Error, text: &str) -> ConfigProblem {
    let error = error.without_snippet();
    let line = error.location().map(|l| l.line()).filter(|l| *l > 0);
    let problem = match error {
        serde_saphyr::Error::SerdeUnknownField { field, expected, .. } => {
            let shown: String = field.chars().filter(|c| !c.is_control()).take(80).collect();
            let fix = match nearest(field, expected) {
                Some(known) => format!("did you mean `{known}`?"),
                None => format!("known keys here: {}", expected.join(", ")),
            };
            ConfigProblem::new(section_at(text, line), format!("unknown key `{shown}`"), fix)
        }
        other => {
            let what = other.to_string();
            let what = what.lines().next().unwrap_or("not valid YAML").to_owned();
            ConfigProblem::new(section_at(text, line), what, "correct that line, then try again")
        }
    };
    ConfigProblem { line, ..problem }
}

/// The dotted section a line stands in, read off the indentation: a hint for humans, nothing depends on it.
fn section_at(text: &str, line: Option<u64>) -> String {
    let Some(line) = line.and_then(|l| usize::try_from(l).ok()) else { return String::new() };
    let Some(own) = text.lines().nth(line.saturating_sub(1)) else { return String::new() };
    let (mut limit, ..) = key_at(own);
    let mut path: Vec<&str> = Vec::new();
    for candidate in text.lines().take(line.saturating_sub(1)).collect::<Vec<_>>().into_iter().rev() {
        let (above, column, key) = key_at(candidate);
        if key.is_empty() || key.starts_with('#') || above >= limit {
            continue;
        }
        match key.split_once(':') {
            Some((key, _)) if column < limit => path.push(key),
            // The first key of an item stands beside what is looked for, not above it.
            _ if above < column => {}
            _ => continue,
        }
        limit = above;
    }
    path.reverse();
    path.join(".")
}

/// The column that a key above `line` must stand left of, the column of the line's own key, and the line from there on.
fn key_at(line: &str) -> (usize, usize, &str) {
    let item = line.trim_start();
    let key = item.trim_start_matches("- ").trim_start();
    let (indent, column) = (line.len() - item.len(), line.len() - key.len());
    // The key above a list may stand as far to the right as the list's dashes.
    (if indent < column { indent + 1 } else { indent }, column, key)
}

/// `DWCP_SECURITY__TLS__CERT_FILE` → `security.tls.cert_file`; `None` for variables that are no override.
fn key_of(name: &str) -> Option<Vec<String>> {
    let path: Vec<String> = name.strip_prefix("DWCP_")?.split("__").map(str::to_ascii_lowercase).collect();
    let ours = matches!(path.first()?.as_str(), "security" | "monitoring" | "node" | "guard" | "telemetry");
    (ours && path.len() > 1).then_some(path)
}

fn set(tree: &mut Value, path: &[String], value: Value) -> Option<()> {
    let (last, sections) = path.split_last()?;
    let mut at = tree;
    for section in sections {
        if at.is_null() {
            *at = Value::Object(serde_json::Map::new());
        }
        at = at.as_object_mut()?.entry(section.clone()).or_insert(Value::Null);
    }
    if at.is_null() {
        *at = Value::Object(serde_json::Map::new());
    }
    at.as_object_mut()?.insert(last.clone(), value);
    Some(())
}

/// Far above any real configuration; a larger file is not one.
const MAX_FILE: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_key_names_its_line_section_and_nearest_neighbour() {
        let problem = parse("security:\n  tls:\n    certfile: x\n", &[]).map(|_| ()).unwrap_err();
        assert_eq!(problem.line, Some(3));
        assert_eq!(problem.key, "security.tls");
        assert_eq!(problem.fix, "did you mean `cert_file`?");
        assert!(parse("sercurity: {}\n", &[]).map(|_| ()).unwrap_err().fix.contains("security"));
    }

    #[test]
    fn what_is_wrong_in_an_item_of_a_list_stands_in_the_list_and_not_in_its_first_key() {
        let section = |text: &str| {
            let problem = parse(text, &[]).map(|_| ()).unwrap_err();
            (problem.line.unwrap(), problem.key)
        };
        let indented = "node:\n  listeners:\n    - name: x\n      listen: bad\n";
        let flush = "node:\n  listeners:\n  - name: w\n    listen: '1.1.1.1:1'\n    target: a:1\n  - name: x\n    listen: bad\n";
        let first = "node:\n  dialers: []\n  # ours\n  listeners:\n  - listen: bad\n    name: x\n";
        let first_indented =
            "node:\n  listeners:\n    - {name: w, listen: '1.1.1.1:1', target: a}\n    - listen: bad\n";
        assert_eq!(section(indented), (4, "node.listeners".to_owned()));
        assert_eq!(section(flush), (7, "node.listeners".to_owned()));
        assert_eq!(section(first), (5, "node.listeners".to_owned()));
        assert_eq!(section(first_indented), (4, "node.listeners".to_owned()));
        // After a list, and below a key that itself is an item's first.
        let after = "node:\n  dialers:\n  - name: x\n  admin:\n    listen: bad\n";
        assert_eq!(section_at(after, Some(5)), "node.admin");
        assert_eq!(section_at("a:\n- tls:\n    cert: 1\n", Some(3)), "a.tls");
        assert_eq!(section_at("a:\n  - - b: 1\n      c: 1\n", Some(3)), "a");
        assert_eq!(section_at("a:\n  -\n    b: 1\n", Some(3)), "a");
    }

    #[test]
    fn sections_of_others_are_left_alone() {
        assert!(parse("network: {anything: [1, 2]}\nfederation: 5\n", &[]).is_ok());
        assert!(parse("# nothing\n\n", &[]).is_ok());
    }

    #[test]
    fn the_environment_overrides_the_file() {
        let env = [
            ("DWCP_SECURITY__TLS__CERT_FILE".to_owned(), "/b".to_owned()),
            ("DWCP_CONFIG".to_owned(), "x".to_owned()),
        ];
        let config = parse("security: {tls: {cert_file: /a}}", &env).unwrap();
        assert_eq!(config.security.tls.cert_file, Some(PathBuf::from("/b")));
        let bad = [("DWCP_SECURITY__TLS__CERTFILE".to_owned(), "/b".to_owned())];
        assert!(parse("", &bad).map(|_| ()).unwrap_err().what.contains("DWCP_SECURITY__TLS__CERTFILE"));
    }

    #[test]
    fn at_d4_hostile_yaml_is_refused_within_bounds() {
        let deep = "a: ".repeat(10) + &"[".repeat(5_000);
        let laughs = "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nnetwork: [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\n";
        for text in [
            deep.as_str(),
            laughs,
            "security: {}\nsecurity: {}\n",
            "security: !!python/object {}\nfoo: 1",
            "node: &a {name: *a}",
            "\u{0}",
        ] {
            assert!(parse(text, &[]).is_err(), "{text:.40}");
        }
    }
}
