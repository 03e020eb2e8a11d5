//! Policies of `dwcp cert sign`: patterns from the command line, or by name from `policies.yaml` beside the authority.

use crate::cli::exit::{Exit, Failure};
use crate::config::GoDuration;
use crate::enroll;
use dwcp_base::read_bounded;
use dwcp_pki::{AllowedNames, IssuancePolicy, NameRule, Usage};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

/// The most that is granted.
pub(super) struct Ceiling {
    pub(super) names: AllowedNames,
    pub(super) usage: Usage,
    pub(super) ttl: Option<GoDuration>,
}

impl Ceiling {
    /// What `--allow` says; without any, what an authority grants by itself.
    pub(super) fn of_patterns(patterns: &[String]) -> Result<Self, Failure> {
        let names = match patterns {
            [] => AllowedNames::default(),
            some => {
                AllowedNames::Only(some.iter().map(|text| rule(text, Exit::Usage)).collect::<Result<_, _>>()?)
            }
        };
        Ok(Self { names, usage: Usage::Both, ttl: None })
    }
}

/// One policy of the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    names: Vec<String>,
    #[serde(default)]
    usage: WrittenUsage,
    ttl: Option<GoDuration>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum WrittenUsage {
    Server,
    Client,
    #[default]
    Both,
}

/// Reads `policies.yaml` in the authority's directory.
pub(super) fn named(directory: &Path, name: &str) -> Result<Ceiling, Failure> {
    let path = directory.join(FILE);
    let refused = |error: &dyn std::error::Error| {
        let fix = format!("write policies as docs/authority.md shows them, at most {} KiB", LARGEST >> 10);
        Failure::new(Exit::Configuration, format!("{} was not understood", path.display()), error, fix)
    };
    let bytes = read_bounded(&path, LARGEST)
        .map_err(|error| Failure::file(format!("the policy `{name}` was not read"), &error))?;
    let text = String::from_utf8(bytes).map_err(|error| refused(&error))?;
    let mut all: BTreeMap<String, Written> =
        serde_saphyr::from_str(&text).map_err(|error| refused(&error))?;
    let Some(written) = all.remove(name) else {
        let known: Vec<_> = all.into_keys().collect();
        return Err(Failure::plain(
            Exit::NotFound,
            format!("there is no policy `{name}`"),
            format!(
                "{} has {}",
                path.display(),
                if known.is_empty() { "none".to_owned() } else { known.join(", ") }
            ),
            "name one of them, or add it to the file",
        ));
    };
    let names = written.names.iter().map(|text| rule(text, Exit::Configuration)).collect::<Result<_, _>>()?;
    let usage = match written.usage {
        WrittenUsage::Server => Usage::Server,
        WrittenUsage::Client => Usage::Client,
        WrittenUsage::Both => Usage::Both,
    };
    if written.ttl.is_some_and(|ttl| IssuancePolicy::default().with_ttl(ttl.0).is_err()) {
        let why = "ttl must be between 1s and 2160h";
        let what = format!("the policy `{name}` can not be used");
        return Err(Failure::plain(Exit::Configuration, what, why, format!("correct {}", path.display())));
    }
    Ok(Ceiling { names: AllowedNames::Only(names), usage, ttl: written.ttl })
}

/// A pattern of names; `exit` is that of a bad one.
fn rule(text: &str, exit: Exit) -> Result<NameRule, Failure> {
    enroll::rule(text).map_err(|error| {
        let fix =
            "write DNS:name, DNS:*.domain, IP:address, IP:address/prefix, URI:spiffe://domain/* or URI:…";
        Failure::new(exit, format!("`{text}` is no pattern of names"), &error, fix)
    })
}

const FILE: &str = "policies.yaml";
const LARGEST: u64 = 64 << 10;
