//! Requests and revocation lists of OpenSSL are shown as OpenSSL shows them.
//!
//! Without an `openssl` program the test says that it was skipped; with `CI=true` it fails then.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod openssl_peer;

use dwcp_pki::inspect::{
    Contents, ExtensionValue, GeneralName, Inspected, InspectedCrl, InspectedRequest, OwnSignature, hex,
};
use openssl_peer::{iso, openssl, openssl_is_there, plain};
use std::fs;

#[test]
fn requests_and_lists_of_openssl_are_read() {
    if !openssl_is_there("requests_and_lists_of_openssl_are_read") {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    openssl(
        at,
        &[
            "req",
            "-new",
            "-newkey",
            "ed25519",
            "-nodes",
            "-subj",
            "/CN=a",
            "-addext",
            "subjectAltName=DNS:a.example",
            "-keyout",
            "k",
            "-out",
            "r.csr",
        ],
    );
    let Ok(Inspected::Request(request)) =
        &Contents::read(&fs::read(at.join("r.csr")).unwrap()).unwrap().documents[0]
    else {
        panic!("no request")
    };
    assert_eq!((request.possession, request.version), (OwnSignature::Good, 1));
    assert_eq!(request.names(), [GeneralName::Dns("a.example".to_owned())]);
    openssl(at, &["req", "-in", "r.csr", "-outform", "DER", "-out", "r.der"]);
    let der = fs::read(at.join("r.der")).unwrap();
    assert_eq!(InspectedRequest::from_der(&der).as_ref(), Ok(&**request));

    openssl(at, &["req", "-x509", "-key", "k", "-subj", "/C=CH/CN=Root", "-out", "ca.crt"]);
    fs::write(at.join("ca.cnf"), "[ca]\ndefault_ca=d\n[d]\ndatabase=db\ncrlnumber=n\ndefault_md=default\ndefault_crl_days=1\n\
        [x]\nauthorityKeyIdentifier=keyid\nissuingDistributionPoint=critical,@idp\n[delta]\ndeltaCRL=critical,ASN1:INTEGER:0x0fff\n\
        [idp]\nfullname=URI:http://crl.example/a.crl\nonlyuser=TRUE\nonlysomereasons=keyCompromise\nindirectCRL=TRUE\n").unwrap();
    fs::write(
        at.join("db"),
        "R\t491231235959Z\t260101000000Z,keyCompromise\t0AB1\tunknown\t/CN=x\n\
        R\t491231235959Z\t260102000000Z,CAkeyTime,20250101000000Z\tFF00\tunknown\t/CN=y\n\
        R\t491231235959Z\t260103000000Z,holdInstruction,holdInstructionReject\t03\tunknown\t/CN=z\n\
        R\t491231235959Z\t260104000000Z\t04\tunknown\t/CN=w\n",
    )
    .unwrap();
    fs::write(at.join("n"), "1001\n").unwrap();
    let generate = |extensions: &str, out: &str| {
        openssl(
            at,
            &[
                "ca", "-gencrl", "-config", "ca.cnf", "-keyfile", "k", "-cert", "ca.crt", "-crlexts",
                extensions, "-out", out,
            ],
        );
        match Contents::read(&fs::read(at.join(out)).unwrap()).unwrap().documents.remove(0) {
            Ok(Inspected::Crl(crl)) => *crl,
            other => panic!("{other:?}"),
        }
    };
    let crl: InspectedCrl = generate("x", "a.crl");
    assert_eq!(
        (crl.len(), crl.version, crl.number().unwrap().as_u64(), crl.base_number()),
        (4, 2, Some(0x1001), None)
    );
    let entries: Vec<String> = crl
        .entries()
        .map(|entry| {
            let entry = entry.unwrap();
            let reason = entry.reason().map_or("none", dwcp_pki::inspect::reason_name);
            let since = entry.invalid_since().map(|since| since.at.unwrap().to_string()).unwrap_or_default();
            format!("{} {} {reason} {since}", entry.serial, entry.revoked_at.at.unwrap())
        })
        .collect();
    assert_eq!(
        entries,
        [
            "03 2026-01-03T00:00:00Z certificateHold ",
            "04 2026-01-04T00:00:00Z none ",
            "0ab1 2026-01-01T00:00:00Z keyCompromise ",
            "ff00 2026-01-02T00:00:00Z cACompromise 2025-01-01T00:00:00Z"
        ]
    );
    let times =
        openssl(at, &["crl", "-in", "a.crl", "-noout", "-lastupdate", "-nextupdate", "-dateopt", "iso_8601"]);
    assert_eq!(
        times,
        format!(
            "lastUpdate={}\nnextUpdate={}",
            iso(&crl.this_update),
            iso(crl.next_update.as_ref().unwrap())
        )
    );
    let fingerprint = openssl(at, &["crl", "-in", "a.crl", "-noout", "-fingerprint", "-sha256"]);
    assert_eq!(plain(&fingerprint), hex(&crl.sha256()));
    let point = crl.extensions.iter().find_map(|e| match &e.value {
        Ok(ExtensionValue::IssuingDistributionPoint(point)) => Some(point.clone()),
        _ => None,
    });
    let point = point.unwrap();
    assert!(point.only_users && point.indirect && !point.only_authorities && point.name.is_some());
    assert!(point.only_reasons.unwrap().has("keyCompromise"));
    let delta = generate("delta", "d.crl");
    assert_eq!(delta.base_number().unwrap().to_string(), "0fff");
    assert!(delta.remarks(delta.this_update.at.unwrap()).iter().any(|remark| remark.code == "delta"));
}
