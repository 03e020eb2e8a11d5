//! `dwcp tls ciphers`: what can be spoken on this machine, and what a configuration leaves of it.

use crate::cli::config;
use crate::cli::exit::Failure;
use crate::cli::output::Report;
use dwcp_tls::inspect::SchemeCode;
use dwcp_tls::{CipherSuite, Group, PostQuantum, TlsPolicy, ciphers};
use serde_json::{Value, json};
use std::path::Path;

/// Lists everything, or with `--config` what that configuration offers.
pub(super) fn run(named: Option<&Path>) -> Result<Report, Failure> {
    let all = ciphers();
    let policy = match named {
        Some(file) => config::read(file, None)?.1.tls,
        None => TlsPolicy::default(),
    };
    let groups = policy.groups();
    let pq = match policy.post_quantum() {
        PostQuantum::Prefer => "prefer",
        PostQuantum::Require => "require",
        PostQuantum::Off => "off",
    };
    let suite_rows = policy.suites().iter().map(|suite| row(suite.code_point(), suite.name(), ""));
    let group_rows = groups.iter().map(|group| row(group.code_point(), group.name(), holds(*group)));
    let scheme_rows = all.signature_schemes.iter().map(|name| match scheme(name) {
        Some(code) => row(code, name, ""),
        None => name.clone(),
    });
    let text = [
        labelled("version", vec!["TLS 1.3".to_owned()]),
        labelled("suites", suite_rows.collect()),
        labelled("groups", group_rows.collect()),
        labelled("pq", vec![pq.to_owned()]),
        labelled("signatures", scheme_rows.collect()),
    ]
    .concat()
    .join("\n");
    let suites: Vec<&str> = policy.suites().iter().map(|suite| suite.name()).collect();
    let names: Vec<&str> = groups.iter().map(|group| group.name()).collect();
    let json = json!({
        "version": "1.3",
        "suites": suites,
        "groups": names,
        "pq": pq,
        "configuration": named.map(|file| file.display().to_string()),
        "suite_details": policy.suites().iter().map(|suite| suite_json(*suite)).collect::<Vec<_>>(),
        "group_details": groups.iter().map(|group| group_json(*group)).collect::<Vec<_>>(),
        "signature_schemes": all.signature_schemes.iter().map(|name| json!({
            "name": name,
            "code_point": scheme(name).map(hex),
        })).collect::<Vec<_>>(),
        "preferred_on_this_cpu": all.suites.first().map(|suite| suite.name()),
    });
    Ok(Report::new(text, json))
}

fn suite_json(suite: CipherSuite) -> Value {
    json!({ "name": suite.name(), "code_point": hex(suite.code_point()) })
}

fn group_json(group: Group) -> Value {
    json!({
        "name": group.name(),
        "code_point": hex(group.code_point()),
        "post_quantum": group.is_post_quantum(),
    })
}

fn holds(group: Group) -> &'static str {
    if group.is_post_quantum() { "  holds against quantum computers" } else { "" }
}

fn row(code: u16, name: &str, more: &str) -> String {
    format!("{}  {name}{more}", hex(code))
}

fn hex(code: u16) -> String {
    format!("{code:#06x}")
}

/// The number of a signature scheme by its name.
fn scheme(name: &str) -> Option<u16> {
    (0..=u16::MAX).find(|code| SchemeCode::from(*code).name() == Some(name))
}

fn labelled(label: &str, values: Vec<String>) -> Vec<String> {
    let rows = values.into_iter().enumerate();
    rows.map(|(at, value)| format!("{:<12} {value}", if at == 0 { label } else { "" })).collect()
}
