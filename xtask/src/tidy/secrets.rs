//! No key and nothing that looks like a password is tracked.

use crate::report::Violation;
use crate::tree::{SourceFile, Tree};

/// Files that hold keys, by name.
const KEY_FILES: &[&str] =
    &[".key", ".p12", ".pfx", ".jks", ".keystore", ".kdbx", "id_rsa", "id_ecdsa", "id_ed25519"];
/// Public test vectors live here.
const VECTORS: &str = "tests/data/";
/// Tokens that carry their kind in front, and how many characters follow at least.
const TOKENS: &[(&str, usize)] =
    &[("AKIA", 16), ("ghp_", 36), ("github_pat_", 22), ("glpat-", 20), ("hvs.", 24), ("xoxb-", 20)];
/// A literal given to a name that ends so is a secret when it looks like one.
const NAMES: &[&str] = &["password", "passphrase", "secret", "token", "api_key", "apikey", "private_key"];
/// Shorter literals are words, not keys.
const SHORTEST: usize = 20;

pub(super) fn violations(tree: &Tree) -> Vec<Violation> {
    let mut found = Vec::new();
    for file in tree.files.iter().filter(|file| !file.path.contains(VECTORS)) {
        if KEY_FILES.iter().any(|end| file.path.ends_with(end)) {
            found.push(Violation::new(&file.path, "key-file", "a key file is tracked"));
        }
        found.extend(literals(file));
    }
    found
}

fn literals(file: &SourceFile) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut armour = false;
    for (number, line) in file.lines() {
        let mut tell = |what: &str| {
            found.push(Violation::new(format!("{}:{number}", file.path), "secret", what));
        };
        // The marker alone is what a parser compares with; a key follows it on the next line or behind `\n`.
        if armour && body(line.trim_start_matches(['"', ' ', '\t'])) {
            tell("a private key in PEM");
        }
        armour = line.contains("-----BEGIN ") && line.contains(concat!("PRIVATE ", "KEY-----"));
        if armour && line.split_once("KEY-----").is_some_and(|(_, rest)| body(rest.trim_start_matches("\\n")))
        {
            tell("a private key in PEM");
        }
        if TOKENS.iter().any(|(prefix, length)| token(line, prefix, *length)) {
            tell("an access token");
        }
        if assigned(line) {
            tell("a literal that looks like a secret");
        }
    }
    found
}

/// Base64 of at least 32 characters.
fn body(text: &str) -> bool {
    run_of(text, |c| c.is_ascii_alphanumeric() || c == '+' || c == '/') >= 32
}

fn token(line: &str, prefix: &str, length: usize) -> bool {
    line.match_indices(prefix).any(|(at, _)| {
        let before = line.get(..at).and_then(|text| text.chars().next_back());
        let rest = line.get(at + prefix.len()..).unwrap_or("");
        before.is_none_or(|c| !c.is_ascii_alphanumeric())
            && run_of(rest, |c| c.is_ascii_alphanumeric() || c == '_' || c == '-') >= length
    })
}

/// `name = "literal"` or `name: "literal"`, where the literal mixes letters and digits and has no space.
fn assigned(line: &str) -> bool {
    let lower = line.to_ascii_lowercase();
    NAMES.iter().flat_map(|name| lower.match_indices(name)).any(|(at, name)| {
        let rest = line.get(at + name.len()..).unwrap_or("").trim_start_matches(['"', '\'', ' ']);
        let Some(value) = rest.strip_prefix([':', '=']) else { return false };
        let value = value.trim_start();
        let Some(value) = value.strip_prefix(['"', '\'']) else { return false };
        let length = run_of(value, |c| c.is_ascii_alphanumeric() || "+/=_-.".contains(c));
        let value = value.get(..length).unwrap_or("");
        length >= SHORTEST
            && value.contains(|c: char| c.is_ascii_digit())
            && value.contains(|c: char| c.is_ascii_alphabetic())
    })
}

fn run_of(text: &str, accepted: impl Fn(char) -> bool) -> usize {
    text.len() - text.trim_start_matches(accepted).len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(path: &str, text: &str) -> usize {
        violations(&Tree::of(&[(path, text)])).len()
    }

    #[test]
    fn key_files_are_found_by_name_outside_the_vectors() {
        for name in ["a/ca.key", "client.p12", "x/id_ed25519"] {
            assert_eq!(count(name, ""), 1, "{name}");
        }
        assert_eq!(count("crates/dwcp-pki/tests/data/ca.key", ""), 0);
    }

    #[test]
    fn a_private_key_is_found_and_its_marker_alone_is_not() {
        // Put together at run time, so that the rule does not find this test.
        let marker = ["-----BEGIN EC PRIVATE", " KEY-----"].concat();
        let bytes = "MHcCAQEE".repeat(8);
        assert_eq!(count("a.pem", &format!("{marker}\n{bytes}\n")), 1);
        assert_eq!(count("a.rs", &format!("const KEY: &str = \"{marker}\\n{bytes}\";\n")), 1);
        assert_eq!(count("a.rs", &format!("const MARK: &str = \"{marker}\";\nlet next = 1;\n")), 0);
    }

    #[test]
    fn tokens_and_assigned_literals_are_found() {
        let literal = "a1".repeat(12);
        assert_eq!(count("a.sh", &format!("export VAULT={}{literal}\n", ["hv", "s."].concat())), 1);
        assert_eq!(count("a.yaml", &format!("{}: \"{literal}\"\n", "smtp_password")), 1);
        assert_eq!(count("a.rs", &format!("let {} = \"{literal}\";\n", "api_key")), 1);
        assert_eq!(count("a.rs", "let password = \"correct horse battery staple\";\n"), 0);
        assert_eq!(count("a.yaml", "password_file: \"secrets/smtp-password-2026.txt\"\n"), 0);
    }
}
