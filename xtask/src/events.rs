//! Every event code has a row in docs/events.md, and every row a code.

use crate::report::{Failed, Violation, conclude};
use crate::tree::Tree;

const PAGE: &str = "docs/events.md";

/// Checks this repository.
pub(crate) fn run() -> Result<(), Failed> {
    let tree = Tree::read()?;
    let looked_at = format!("{} codes", codes(&tree).len());
    conclude("events", &looked_at, violations(&tree))
}

/// Codes without a row, rows without a code, codes of a wrong shape or said twice, rows that explain nothing.
fn violations(tree: &Tree) -> Vec<Violation> {
    let mut found = Vec::new();
    let codes = codes(tree);
    let rows = rows(tree.text(PAGE).unwrap_or(""));
    for (index, (code, place)) in codes.iter().enumerate() {
        let tell = |rule, what: String| Violation::new(place, rule, what);
        if !well_formed(code) {
            found.push(tell("event-shape", format!("`{code}` does not read layer.subject.verb")));
        }
        if !rows.iter().any(|(_, row, _)| row == code) {
            found.push(tell("event-row", format!("`{code}` has no row in {PAGE}")));
        }
        if codes.iter().take(index).any(|(earlier, _)| earlier == code) {
            found.push(tell("event-twice", format!("`{code}` is listed twice")));
        }
    }
    for (number, code, meaning) in rows {
        let place = format!("{PAGE}:{number}");
        if !codes.iter().any(|(known, _)| *known == code) {
            found.push(Violation::new(&place, "event-code", format!("no event has the code `{code}`")));
        }
        if meaning.len() < 10 {
            found.push(Violation::new(&place, "event-meaning", format!("`{code}` is not explained")));
        }
    }
    found
}

/// The literals of each `const CODES` in an `impl Event`, with their file.
fn codes(tree: &Tree) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for file in tree.rust().filter(|file| file.path.starts_with("crates/")) {
        for (at, _) in file.text.match_indices("const CODES") {
            let owner = file.text[..at].rfind("\nimpl ").map_or("", |start| &file.text[start + 6..at]);
            if !owner.starts_with("Event ") {
                continue;
            }
            let rest = file.text[at..].split_once('=').map_or("", |(_, rest)| rest);
            let list = rest.split_once(']').map_or("", |(list, _)| list);
            let literals = list.split('"').skip(1).step_by(2);
            found.extend(literals.map(|code| (code.to_owned(), file.path.clone())));
        }
    }
    found
}

/// Line number, code and meaning of each row `` | `code` | meaning | … ``.
fn rows(page: &str) -> Vec<(usize, String, String)> {
    let row = |(index, line): (usize, &str)| {
        let (code, rest) = line.strip_prefix("| `")?.split_once('`')?;
        let meaning = rest.trim_start_matches([' ', '|']).split(" | ").next()?;
        Some((index + 1, code.to_owned(), meaning.trim().to_owned()))
    };
    page.lines().enumerate().filter_map(row).collect()
}

fn well_formed(code: &str) -> bool {
    let part = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    code.split('.').count() == 3 && code.split('.').all(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(codes: &str, page: &str) -> Vec<&'static str> {
        let source = format!("//! E.\n\nimpl Event {{\n    pub const CODES: &[&str] = &[{codes}];\n}}\n");
        let tree = Tree::of(&[("crates/a/src/event.rs", source.as_str()), (PAGE, page)]);
        violations(&tree).iter().map(Violation::rule).collect()
    }

    #[test]
    fn codes_and_rows_match() {
        let page = "| code | when |\n|---|---|\n| `pki.slot.renewed` | a certificate was replaced | x |\n";
        assert_eq!(rules("\"pki.slot.renewed\"", page), [""; 0]);
        assert_eq!(rules("\"pki.slot.renewed\", \"pki.crl.published\"", page), ["event-row"]);
        assert_eq!(rules("", page), ["event-code"]);
        assert_eq!(rules("\"pki.slot.renewed\",\n\"pki.slot.renewed\"", page), ["event-twice"]);
        assert_eq!(rules("\"pki.slot.renewed\"", "| `pki.slot.renewed` | |\n"), ["event-meaning"]);
        assert_eq!(rules("\"renewed\"", "| `renewed` | a certificate was replaced |\n"), ["event-shape"]);
    }

    #[test]
    fn only_the_codes_of_events_count() {
        let source =
            "//! E.\n\nimpl ValidationError {\n    const CODES: &[&str] = &[\"pki.chain.expired\"];\n}\n";
        assert_eq!(codes(&Tree::of(&[("crates/a/src/error.rs", source)])), []);
    }
}
