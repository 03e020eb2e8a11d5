//! What can be wrong with a configuration, said so that it can be mended.

use std::fmt;
use std::path::PathBuf;

/// One thing that is wrong: where, what, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigProblem {
    /// The file, where there is one.
    pub file: Option<PathBuf>,
    /// Line in that file, from 1.
    pub line: Option<u64>,
    /// Dotted key, for example `security.tls.min_version`.
    pub key: String,
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub fix: String,
    /// Whether the file could not be read at all, rather than says something wrong.
    pub unreadable: bool,
}

impl ConfigProblem {
    /// A problem with a key whose line is not known.
    pub fn new(key: impl Into<String>, what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            file: None,
            line: None,
            key: key.into(),
            what: what.into(),
            fix: fix.into(),
            unreadable: false,
        }
    }
}

impl fmt::Display for ConfigProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(f, "{}", file.display())?;
            if let Some(line) = self.line {
                write!(f, ":{line}")?;
            }
            f.write_str(": ")?;
        }
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.what)
    }
}

impl std::error::Error for ConfigProblem {}

/// The known key nearest to `key` by edit distance, where one is near enough to have been meant.
pub(crate) fn nearest<'a>(key: &str, known: &[&'a str]) -> Option<&'a str> {
    let best = known.iter().map(|k| (edit_distance(key, k), *k)).min()?;
    (best.0 <= (key.chars().count() / 2).max(2)).then_some(best.1)
}

/// Levenshtein distance; keys are short, so one row is enough.
fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().take(MAX_COMPARED).enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

/// An unknown key may be as long as the file; nothing longer than this is near a known one.
const MAX_COMPARED: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_key_is_named_only_when_it_is_near() {
        let known = ["cert_file", "key_file", "ca_file"];
        assert_eq!(nearest("certfile", &known), Some("cert_file"));
        assert_eq!(nearest("key-file", &known), Some("key_file"));
        assert_eq!(nearest("bandwidth_limit_mbps", &["tls", "mtls"]), None);
    }
}
