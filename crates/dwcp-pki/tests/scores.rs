//! The chain validator against the suites of others: every difference from what they expect is listed and has a reason.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "scores/mod.rs"]
mod suites;

use dwcp_pki::Profile;
use std::collections::BTreeSet;
use std::path::Path;
use suites::bare;
use suites::judge::{PROFILES, Refused, ask, judge, store};
use suites::table::{self, Column};
use suites::{reasons, score};

/// Where the result is kept.
const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/validation-scores.md");
/// Set to anything, it has the page written instead of compared.
const WRITE: &str = "DWCP_WRITE_SCORES";

#[test]
fn the_page_of_scores_says_what_the_validator_does_and_every_difference_has_a_reason() {
    let suites = suites::all();
    let columns: Vec<Column> = suites
        .iter()
        .flat_map(|suite| PROFILES.iter().map(move |profile| score::run(suite, *profile)))
        .collect();
    for column in &columns {
        print!("{}", table::told(column));
    }

    let panicked: Vec<_> = columns.iter().flat_map(Column::panicked).collect();
    assert!(panicked.is_empty(), "cases that made the validator panic: {panicked:?}");
    let reasons = reasons::read();
    let unargued = reasons::missing(&reasons, &columns);
    assert!(unargued.is_empty(), "differences without a line in reasons.txt:\n{}", unargued.join("\n"));
    let outdated = reasons::outdated(&reasons, &columns);
    assert!(outdated.is_empty(), "lines of reasons.txt without a difference:\n{}", outdated.join("\n"));

    let page = table::page(&columns, &reasons);
    if std::env::var_os(WRITE).is_some() {
        std::fs::write(PAGE, &page).unwrap();
    }
    let kept = std::fs::read_to_string(Path::new(PAGE)).unwrap_or_default();
    assert!(
        kept == page,
        "docs/validation-scores.md is not what the validator does now: look at the difference after \
         `{WRITE}=1 cargo test -p dwcp-pki --test scores`"
    );
}

#[test]
fn the_suites_are_complete() {
    let counts: Vec<_> = suites::all().iter().map(|suite| (suite.name, suite.cases.len())).collect();
    let expected = [("x509-limbo", 208), ("pkits", 247), ("boringssl-chains", 197), ("boringssl-crls", 66)];
    assert_eq!(counts, expected);
    for suite in suites::all() {
        let ids: BTreeSet<&str> = suite.cases.iter().map(|case| case.id.as_str()).collect();
        assert_eq!(ids.len(), suite.cases.len(), "{} has two cases of one name", suite.name);
    }
}

#[test]
fn what_mesh_accepts_interop_accepts_and_what_interop_accepts_webpki_accepts() {
    for suite in suites::all() {
        for case in &suite.cases {
            let [mesh, interop] =
                [Profile::Mesh, Profile::Interop].map(|profile| judge(case, profile).is_ok());
            assert!(interop || !mesh, "{} {}", suite.name, case.id);
            assert!(bare::accepts(case) || !interop, "{} {}", suite.name, case.id);
        }
    }
}

#[test]
fn a_verdict_is_the_same_when_the_issuers_are_known() {
    for suite in suites::all() {
        for case in &suite.cases {
            for profile in PROFILES {
                let Ok(store) = store(case, *profile) else { continue };
                let told = |verdict: Result<_, Refused>| verdict.map_err(|refused| refused.code);
                let first = told(ask(&store, case));
                assert_eq!(told(ask(&store, case)), first, "{} {}", suite.name, case.id);
            }
        }
    }
}
