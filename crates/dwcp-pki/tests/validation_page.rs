//! The page that users read has every rule that can refuse a chain, and no other.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use dwcp_pki::ChainFault;
use std::collections::{BTreeMap, BTreeSet};

const RULES: &str = include_str!("../src/trust/profile/rule.rs");

fn page() -> String {
    std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/validation.md")).unwrap()
}

/// The rows below a heading, by the names in backticks in their first cell.
fn rows<'a>(page: &'a str, heading: &str) -> BTreeMap<&'a str, &'a str> {
    let section = page.split_once(&format!("\n## {heading}\n")).unwrap().1;
    let section = section.split("\n## ").next().unwrap();
    let cells = section.lines().filter(|line| line.starts_with("| `"));
    let named = |line: &'a str| {
        line.split('|').nth(1).unwrap().split('`').skip(1).step_by(2).map(move |name| (name, line))
    };
    cells.flat_map(named).collect()
}

/// Each rule's name with the sections that its comment cites, from the source: the enumeration has no list of itself.
fn rules() -> BTreeMap<&'static str, Vec<&'static str>> {
    let (variants, names) = RULES.split_once("impl ProfileRule").unwrap();
    let mut cited: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut sections = Vec::new();
    for line in variants.lines().map(str::trim) {
        if let Some(comment) = line.strip_prefix("/// ") {
            let tokens = comment.split([' ', ',', ':', ';']).map(|token| token.trim_end_matches('.'));
            sections.extend(tokens.filter(|token| token.starts_with('§')));
        } else if let Some(variant) =
            line.strip_suffix(',').filter(|word| word.chars().all(char::is_alphanumeric))
        {
            cited.insert(variant, std::mem::take(&mut sections));
        } else if !line.starts_with("#[error") {
            sections.clear();
        }
    }
    let arms = names.lines().filter_map(|line| line.trim().strip_prefix("Self::")?.split_once(" => "));
    let named: BTreeMap<_, _> = arms
        .map(|(variant, name)| {
            (name.trim_matches(['"', ',']), cited.remove(variant).unwrap_or_else(|| panic!("{variant}")))
        })
        .collect();
    assert!(cited.is_empty() && named.len() > 20, "{cited:?}");
    named
}

#[test]
fn every_rule_of_the_profiles_is_in_the_table_with_its_source() {
    let (page, rules) = (page(), rules());
    let table = rows(&page, "Rules of the profiles");
    assert_eq!(table.keys().collect::<Vec<_>>(), rules.keys().collect::<Vec<_>>());
    for (name, sections) in rules {
        assert!(!sections.is_empty(), "{name} has no source");
        let source = table[name].trim_end_matches(['|', ' ']).rsplit('|').next().unwrap();
        let written: Vec<&str> = source.split([' ', ',']).filter(|word| word.starts_with('§')).collect();
        assert_eq!(written, sections, "{name}");
    }
}

#[test]
fn every_code_of_a_chain_is_explained() {
    let page = page();
    let explained: BTreeSet<&str> =
        rows(&page, "Refusals").into_keys().filter(|code| code.starts_with("pki.chain.")).collect();
    assert_eq!(explained, ChainFault::CODES.iter().copied().collect());
}
