//! NIST PKITS: chains with a CRL of each issuer, judged on the day BoringSSL judges them.

use super::{Asked, Case, Expected, Names, Suite, decode, entries, words};
use dwcp_base::UnixTime;
use dwcp_pki::{PolicyRequirements, RevocationMode};
use rustls_pki_types::CertificateDer;
use std::collections::HashMap;

/// A name and base64 on each line.
const BLOBS: &str = include_str!("../vectors/pkits/blobs.txt");
const CASES: &str = include_str!("../vectors/pkits/cases.txt");

/// 2011-04-14.
const NOW: UnixTime = UnixTime::from_secs(1_302_739_200);

/// 2.16.840.1.101.3.2.1.48, whose arcs 1 to 6 are NIST's test policies.
const TEST_POLICIES: &str = "2.16.840.1.101.3.2.1.48";

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
    Case {
        id: format!("{number}:{}", title.replace(' ', "")),
        expected: match expected {
            "valid" => Expected::Accepted,
            "invalid" => Expected::Refused,
            other => panic!("{other}"),
        },
        inexpressible: None,
        anchors: vec![anchor],
        blocked: Vec::new(),
        chain,
        crls: list(crls).collect(),
        mode: RevocationMode::Required,
        asked: Asked::NoUsage,
        names: Names::NotAsked,
        at: NOW,
        max_depth: None,
        policies: policies(settings),
    }
}

/// The inputs of RFC 5280 §6.1.1 (c) to (g).
fn policies(settings: &str) -> PolicyRequirements {
    let mut asked = PolicyRequirements::default();
    for setting in entries(settings) {
        asked = match setting.split_once('=').unwrap() {
            ("SetInitialExplicitPolicy", "true") => asked.explicit(),
            ("SetInitialPolicyMappingInhibit", "true") => asked.without_mapping(),
            ("SetInitialInhibitAnyPolicy", "true") => asked.without_any_policy(),
            ("SetInitialPolicySet", names) => names.split('+').fold(asked, |asked, name| {
                let arc = name.strip_prefix("NIST-test-policy-").unwrap();
                asked.accepting(&format!("{TEST_POLICIES}.{arc}")).unwrap()
            }),
            // An output (§6.1.6), which nobody asks for here.
            ("SetUserConstrainedPolicySet", _) => asked,
            other => panic!("{other:?}"),
        };
    }
    asked
}
