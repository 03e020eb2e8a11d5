//! NIST PKITS: chains with a CRL of each issuer, judged on the day BoringSSL judges them.

use super::{Asked, Case, Expected, Names, Suite, decode, entries, words};
use dwcp_base::UnixTime;
use dwcp_pki::RevocationMode;
use rustls_pki_types::CertificateDer;
use std::collections::HashMap;

/// A name and base64 on each line.
const BLOBS: &str = include_str!("../vectors/pkits/blobs.txt");
const CASES: &str = include_str!("../vectors/pkits/cases.txt");

/// 2011-04-14.
const NOW: UnixTime = UnixTime::from_secs(1_302_739_200);

/// Inputs of RFC 5280 §6.1.1 (c) to (g). Without them a case has the initial values that the validator stands for: any policy,
/// none of the three inhibitions. `SetUserConstrainedPolicySet` is an output (§6.1.6).
const POLICY_INPUTS: [&str; 4] = [
    "SetInitialPolicySet",
    "SetInitialExplicitPolicy",
    "SetInitialPolicyMappingInhibit",
    "SetInitialInhibitAnyPolicy",
];

pub(crate) fn read() -> Suite {
    let blobs = BLOBS.lines().map(|line| {
        let [name, text] = words(line);
        (name, decode(text))
    });
    let blobs: HashMap<&str, Vec<u8>> = blobs.collect();
    Suite { name: "pkits", cases: CASES.lines().map(|line| case(&blobs, line)).collect() }
}

fn case(blobs: &HashMap<&str, Vec<u8>>, line: &str) -> Case {
    let [number, expected, settings, certificates, crls, title] = words(line);
    let list = |names| entries(names).map(|name| blobs[name].clone());
    let mut chain: Vec<_> = list(certificates).map(CertificateDer::from).collect();
    let anchor = chain.remove(0);
    chain.reverse();
    let is_input = |setting: &str| POLICY_INPUTS.iter().any(|input| setting.split('=').next() == Some(input));
    Case {
        id: format!("{number}:{}", title.replace(' ', "")),
        expected: match expected {
            "valid" => Expected::Accepted,
            "invalid" => Expected::Refused,
            other => panic!("{other}"),
        },
        inexpressible: entries(settings).any(is_input).then_some("inputs about certificate policies"),
        anchors: vec![anchor],
        blocked: Vec::new(),
        chain,
        crls: list(crls).collect(),
        mode: RevocationMode::Required,
        asked: Asked::NoUsage,
        names: Names::NotAsked,
        at: NOW,
        max_depth: None,
    }
}
