//! All that `dwcp cert` issues, as pkilint and zlint see it: no warning and no error that is not allowed by name.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "support/issued.rs"]
mod issued;
mod support;

use issued::{Issued, Kind};
use serde_json::{Map, Value};
use std::path::Path;
use std::process::Command;
use support::have;

/// As `cargo xtask peers install` makes them.
const PYTHON: &str = "dwcp-peer-python";
const ZLINT: &str = "dwcp-peer-zlint";

/// A finding that is no fault: its code, what the file's name holds (one of these), and why.
type Allowed = (&'static str, &'static [&'static str], &'static str);

/// Something a linter says of a file.
struct Finding {
    file: String,
    code: String,
    text: String,
}

const BY_PKILINT: &[Allowed] = &[
    (
        "pkix.invalid_domain_name_syntax",
        &["wildcard"],
        "RFC 5280 leaves wildcards to the user: RFC 9525 §6.3",
    ),
    ("pkix.invalid_domain_name_syntax", &["localhost"], "a name of one label is a name inside of a network"),
    ("pkix.invalid_uri_syntax", &["uri"], "pkilint knows no scheme `spiffe`; the host is a trust domain"),
];

/// Most are the Baseline Requirements for certificates of the public web, which a private authority does not issue.
const BY_ZLINT: &[Allowed] = &[
    (
        "e_algorithm_identifier_improper_encoding",
        &["ed25519"],
        "Mozilla's policy knows no Ed25519; RFC 8410 does",
    ),
    ("e_signature_algorithm_not_supported", &["ed25519"], "the Baseline Requirements know no Ed25519"),
    ("e_ca_country_name_missing", &["ca.crt"], "an authority here is a common name alone"),
    ("e_ca_organization_name_missing", &["ca.crt"], "an authority here is a common name alone"),
    ("e_dnsname_not_valid_tld", &["localhost"], "a name of one label is a name inside of a network"),
    ("e_ext_nc_intersects_reserved_ip", &["bound"], "private networks are what the authority is for"),
    ("e_ext_san_contains_reserved_ip", &["ip.crt"], "private networks are what the authority is for"),
    ("e_ext_san_uniform_resource_identifier_present", &["uri"], "a SPIFFE ID is a URI"),
    ("e_sub_ca_certificate_policies_missing", &["ca.crt"], "a private authority has no policies to name"),
    ("e_sub_cert_certificate_policies_missing", &[""], "a private authority has no policies to name"),
    ("e_sub_cert_cert_policy_empty", &[""], "a private authority has no policies to name"),
    ("e_sub_ca_crl_distribution_points_missing", &["nowhere"], "its issuer was made without --crl-url"),
    ("w_sub_ca_aia_missing", &["nowhere"], "its issuer was made without --issuer-url and --ocsp-url"),
    (
        "w_sub_ca_aia_does_not_contain_issuing_ca_url",
        &["nowhere"],
        "its issuer was made without --issuer-url",
    ),
    (
        "e_sub_cert_aia_missing",
        &["nowhere", "own-"],
        "its issuer was made without --issuer-url and --ocsp-url",
    ),
    (
        "e_sub_cert_aia_does_not_contain_ocsp_url",
        &["nowhere", "own-"],
        "its issuer was made without --ocsp-url",
    ),
    (
        "w_sub_cert_aia_does_not_contain_issuing_ca_url",
        &["nowhere", "own-"],
        "it was made without --issuer-url",
    ),
    (
        "w_root_ca_basic_constraints_path_len_constraint_field_present",
        &["ca.crt"],
        "roots here bind what is below",
    ),
    ("w_ext_subject_key_identifier_not_recommended_subscriber", &[""], "RFC 5280 §4.2.1.2 recommends it"),
    ("w_subject_common_name_included", &[""], "tools show it; nobody here matches names against it"),
    ("e_subject_common_name_not_exactly_from_san", &["own-"], "an issuer needs a name (RFC 5280 §4.1.2.4)"),
];

#[test]
fn pkilint_finds_nothing_that_is_not_allowed() {
    if !have(PYTHON) {
        return;
    }
    let issued = Issued::new();
    let mut jobs: Vec<Vec<&str>> = Vec::new();
    for (file, kind) in issued.files() {
        let word = match kind {
            Kind::Certificate => "certificate",
            Kind::List => "crl",
            Kind::Answer => "ocsp",
        };
        jobs.push(vec![word, file]);
    }
    for (issuer, subject) in issued.pairs() {
        jobs.push(vec!["chain", issuer, subject]);
    }
    judge(&pkilint(&issued, &jobs), BY_PKILINT);
}

#[test]
fn pkilint_tells_a_certificate_from_one_of_another_issuer() {
    if !have(PYTHON) {
        return;
    }
    let issued = Issued::new();
    let chain = |issuer| pkilint(&issued, &[vec!["chain", issuer, "nowhere.server.crt"]]);
    assert_eq!(chain("nowhere/ca.crt").len(), 0);
    assert!(!chain("bound/ca.crt").is_empty(), "anybody passes for the issuer");
}

#[test]
fn zlint_finds_nothing_that_is_not_allowed() {
    if !have(ZLINT) {
        return;
    }
    let issued = Issued::new();
    let files: Vec<&str> =
        issued.files().filter(|(_, kind)| *kind != Kind::Answer).map(|(file, _)| file).collect();
    let output = Command::new(ZLINT).args(files.iter().map(|file| issued.at(file))).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    let reports: Vec<Map<String, Value>> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(reports.len(), files.len(), "a report for each file");
    let mut found = Vec::new();
    for (file, report) in files.iter().zip(&reports) {
        let results = |of: &[&str]| {
            let of: Vec<Value> = of.iter().map(|one| Value::from(*one)).collect();
            report.iter().filter(move |(_, lint)| of.contains(&lint["result"]))
        };
        assert!(results(&["pass"]).count() > 0, "{file} was looked at by no lint");
        for (code, lint) in results(&["warn", "error", "fatal"]) {
            let file = (*file).to_owned();
            found.push(Finding { file, code: code.clone(), text: lint.to_string() });
        }
    }
    judge(&found, BY_ZLINT);
}

/// Nothing is found that is not allowed, and nothing is allowed that is not found.
#[track_caller]
fn judge(found: &[Finding], allowed: &[Allowed]) {
    let allows = |(code, names, _): &Allowed, finding: &Finding| {
        *code == finding.code && names.iter().any(|name| finding.file.contains(name))
    };
    let left: Vec<String> = found
        .iter()
        .filter(|finding| !allowed.iter().any(|one| allows(one, finding)))
        .map(|Finding { file, code, text }| format!("{file}: {code} {text}"))
        .collect();
    assert!(left.is_empty(), "{} findings:\n{}", left.len(), left.join("\n"));
    for one in allowed {
        let (code, names, _) = one;
        assert!(
            found.iter().any(|finding| allows(one, finding)),
            "{code} in {names:?} is not found any more"
        );
    }
}

/// Each job is what to look for and the names of the files to look at.
fn pkilint(issued: &Issued, jobs: &[Vec<&str>]) -> Vec<Finding> {
    let mut words: Vec<String> = Vec::new();
    for job in jobs {
        let (word, files) = job.split_first().unwrap();
        words.push((*word).to_owned());
        words.extend(files.iter().map(|file| issued.at(file)));
        words.push(",".to_owned());
    }
    words.pop();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lint_peer.py");
    let output = Command::new(PYTHON).arg(script).args(words).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let found: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let finding = |one: &Value| {
        let job = &jobs[usize::try_from(one["job"].as_u64().unwrap()).unwrap()];
        Finding { file: job.join(" "), code: text(&one["code"]), text: text(&one["text"]) }
    };
    found.iter().map(finding).collect()
}
