//! BoringSSL's parse cases: what is broken is named, and everything around it is shown.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use base64ct::{Base64, Encoding};
use dwcp_base::UnixTime;
use dwcp_pki::inspect::{Extension, InspectError, Inspected, InspectedCertificate, InspectedCrl};
use rcgen::{CertificateParams, CustomExtension, KeyPair};
use std::collections::BTreeMap;

/// `certificate`, `crl` or the identifier of an extension; a name; base64.
const CASES: &str = include_str!("vectors/boringssl-pki/cases.txt");
/// A kind, a name and what is to be noticed of it, reviewed against the case's description; cases that are not named are read whole.
const NOTICED: &str = include_str!("vectors/boringssl-pki/noticed.txt");

/// Within the validity of the cases.
const THEN: UnixTime = UnixTime::from_secs(1_460_000_000);

#[test]
fn every_parse_case_of_boringssl_is_read_or_says_which_field_is_broken() {
    let expected: BTreeMap<&str, &str> = NOTICED.lines().filter_map(|line| line.split_once(": ")).collect();
    let mut differ = Vec::new();
    for case in CASES.lines() {
        let mut words = case.split(' ');
        let (kind, name, text) = (words.next().unwrap(), words.next().unwrap(), words.next().unwrap());
        let der = Base64::decode_vec(text).unwrap();
        let found = noticed(kind, &der);
        let case = format!("{kind} {name}");
        if found != expected.get(case.as_str()).copied().unwrap_or("") {
            differ.push(format!("{case}: {found}"));
        }
    }
    assert_eq!(CASES.lines().count(), 243);
    assert!(differ.is_empty(), "{}", differ.join("\n"));
}

fn noticed(kind: &str, der: &[u8]) -> String {
    match kind {
        "certificate" => InspectedCertificate::from_der(der)
            .map_or_else(told, |read| odd(Inspected::Certificate(Box::new(read)))),
        "crl" => InspectedCrl::from_der(der).map_or_else(told, |read| odd(Inspected::Crl(Box::new(read)))),
        oid => extension(oid, der).value.as_ref().err().map(ToString::to_string).unwrap_or_default(),
    }
}

fn told(error: InspectError) -> String {
    match error {
        InspectError::Field { field, source, .. } => format!("{field}: {source}"),
        other => panic!("{other}"),
    }
}

/// What is wrong with the encoding; what is merely old or weak is every second case.
fn odd(document: Inspected) -> String {
    let (remarks, entries) = match &document {
        Inspected::Certificate(certificate) => (certificate.remarks(THEN), Vec::new()),
        Inspected::Crl(crl) => {
            assert_eq!(crl.entries().count(), crl.len());
            let faults = |entry: Result<dwcp_pki::inspect::CrlEntry, _>| match entry {
                Err(fault) => Some(format!("entry: {fault}")),
                Ok(entry) => entry.revoked_at.oddity.map(|oddity| format!("entry: {oddity}")),
            };
            (crl.remarks(THEN), crl.entries().filter_map(faults).collect())
        }
        _ => unreachable!("only these two are here"),
    };
    let encoding = [
        "serial-odd",
        "version-odd",
        "signature-odd",
        "time-odd",
        "key-malformed",
        "extension-malformed",
        "extension-repeated",
        "critical-unknown",
        "path-length-odd",
        "name-odd",
    ];
    let remarks =
        remarks.into_iter().filter(|remark| encoding.contains(&remark.code)).map(|remark| remark.text);
    remarks.chain(entries).collect::<Vec<_>>().join("; ")
}

/// The extension with this value in a good certificate.
fn extension(oid: &str, der: &[u8]) -> Extension {
    let arcs: Vec<u64> = oid.split('.').map(|arc| arc.parse().unwrap()).collect();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.custom_extensions = vec![CustomExtension::from_oid_content(&arcs, der.to_vec())];
    let made = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
    let mut read = InspectedCertificate::from_der(made.der()).unwrap();
    let mut found = read.extensions.pop().unwrap();
    assert_eq!(found.der, der);
    // Places count from the beginning of the certificate, which is another one every time.
    if let Err(fault) = &mut found.value {
        let start = made.der().windows(der.len()).rposition(|window| window == der).unwrap();
        fault.at -= start;
    }
    found
}
