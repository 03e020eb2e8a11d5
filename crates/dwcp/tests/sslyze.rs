//! A node's listener as an auditor's scanner rates it: sslyze finds nothing, and finds something where there is something.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "support/server.rs"]
mod server;
mod support;

use serde_json::Value;
use server::OpenSsl;
use std::path::Path;
use std::process::{Command, Output};
use support::foreign::{Foreign, IDS, LEAF};
use support::{Place, echo, have, ok};

/// As `cargo xtask peers install` makes it.
const SSLYZE: &str = "dwcp-peer-sslyze";

/// Scans for everything and compares with Mozilla's `modern`; gives how it ended and what was found.
fn scan(address: &str, report: &Path, more: &[&str]) -> (Output, Value) {
    let file = report.to_str().unwrap();
    let everything = ["--mozilla_config=modern", "--early_data", "--resum", "--json_out", file, address];
    let output = Command::new(SSLYZE).args(more).args(everything).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    let json = std::fs::read(report).unwrap_or_else(|error| panic!("{error}: {said}"));
    let json: Value = serde_json::from_slice(&json).unwrap();
    let result = &json["server_scan_results"][0];
    assert_eq!(result["scan_status"], "COMPLETED", "{said}");
    (output, result["scan_result"].clone())
}

#[test]
fn sslyze_finds_nothing_about_a_listener_and_something_about_a_server_of_old_versions() {
    if !have(SSLYZE) || !have("openssl") {
        return;
    }
    let place = Place::new();
    // A scan is five hundred connections, and one that the guard turns away proves nothing.
    place.edit("  burst: 40", "  burst: 40\n  exempt: [\"127.0.0.0/8\"]");
    echo(place.target);
    let who = place.issue("scanner");
    let _node = place.up();
    let (cert, key) = (format!("{who}.crt"), format!("{who}.key"));
    let root = place.node("ca/ca.crt");
    let more = ["--cert", &cert, "--key", &key, "--certinfo_ca_file", &root];
    let (output, found) = scan(&place.listen.to_string(), &place.path("listener.json"), &more);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("OK - Compliant"), "{said}");
    for old in ["ssl_2_0", "ssl_3_0", "tls_1_0", "tls_1_1", "tls_1_2"] {
        let suites = &found[format!("{old}_cipher_suites")]["result"];
        assert_eq!(suites["is_tls_version_supported"], false, "{old}: {suites}");
    }
    let suites = found["tls_1_3_cipher_suites"]["result"]["accepted_cipher_suites"].as_array().unwrap();
    assert_eq!(suites.len(), 3, "{suites:?}");
    for (scan, finding, good) in [
        ("tls_compression", "supports_compression", false),
        ("tls_1_3_early_data", "supports_early_data", false),
        ("openssl_ccs_injection", "is_vulnerable_to_ccs_injection", false),
        ("heartbleed", "is_vulnerable_to_heartbleed", false),
        ("session_renegotiation", "is_vulnerable_to_client_renegotiation_dos", false),
        ("tls_fallback_scsv", "supports_fallback_scsv", true),
    ] {
        assert_eq!(found[scan]["result"][finding], good, "{scan}: {}", found[scan]);
    }
    let curves = found["elliptic_curves"]["result"]["supported_curves"].as_array().unwrap();
    let curves: Vec<&str> = curves.iter().map(|curve| curve["name"].as_str().unwrap()).collect();
    assert_eq!(curves, ["X25519", "secp256r1", "secp384r1"]);
    // The scan itself is on record: nobody offers such things unseen.
    let metrics = place.ask("GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    for weakness in ["old_protocol", "export_suites", "rc4_suites"] {
        let none = format!("dwcp_tls_weak_offers_total{{weakness=\"{weakness}\"}} 0\n");
        assert!(metrics.contains(weakness) && !metrics.contains(&none), "{weakness}: {metrics}");
    }
    ok(&["audit", "verify", &place.node("audit")]);

    let made = Foreign::chain();
    made.leaf("old", &format!("{LEAF}\n{IDS}"));
    let server = OpenSsl::start(&made.0.path(""), "old", &["-cert_chain", "sub.crt"]);
    let (output, found) = scan(&server.address, &place.path("old.json"), &[]);
    assert!(!output.status.success(), "TLS 1.2 is a finding");
    assert_eq!(found["tls_1_2_cipher_suites"]["result"]["is_tls_version_supported"], true);
}
