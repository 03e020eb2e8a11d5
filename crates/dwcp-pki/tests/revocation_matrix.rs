//! Every row of `docs/revocation.md`, tried in every mode: the page says what the code does.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod lab;
mod lists;
#[path = "revocation_matrix/mod.rs"]
mod matrix;

use matrix::Given;
use std::collections::BTreeMap;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/revocation.md");

/// The rows of the tables with three modes: what is known, and the three outcomes.
fn page() -> BTreeMap<String, [String; 3]> {
    let text = std::fs::read_to_string(PAGE).unwrap();
    let mut rows = BTreeMap::new();
    for line in text.lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [name, outcomes @ ..] = &cells[..] else { continue };
        if outcomes.len() != 3 || outcomes[0] == "Required" {
            continue;
        }
        let outcomes = [0, 1, 2].map(|at| outcomes[at].trim_matches('`').to_owned());
        assert!(rows.insert((*name).to_owned(), outcomes).is_none(), "{name} stands there twice");
    }
    rows
}

#[test]
fn each_row_of_the_page_is_what_the_code_does() {
    let mut page = page();
    let mut wrong = Vec::new();
    for row in matrix::all() {
        let said = page.remove(row.name).unwrap_or_else(|| panic!("the page has no row: {}", row.name));
        let done = row.outcomes();
        if said != done {
            wrong.push(format!("{}: the page says {said:?}, the code does {done:?}", row.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_page_has_no_row_that_is_not_tried() {
    let rows = matrix::all();
    let tried: Vec<&str> = rows.iter().map(|row| row.name).collect();
    let untried: Vec<String> = page().into_keys().filter(|name| !tried.contains(&name.as_str())).collect();
    assert!(untried.is_empty(), "{untried:?}");
    let distinct: std::collections::BTreeSet<_> = tried.iter().collect();
    assert_eq!(distinct.len(), tried.len(), "a row stands here twice");
}

#[test]
fn at_x7_no_row_without_a_list_of_the_issuer_is_accepted_where_one_is_required() {
    for row in matrix::all() {
        let silent = row.given.iter().all(|given| matches!(given, Given::Known(known) if known.is_empty()));
        if silent && row.responses.is_empty() {
            assert_eq!(row.outcomes()[0], "pki.chain.crl_missing", "{}", row.name);
        }
    }
}
