//! OpenSSL reads what is written here, and the other way round.
//!
//! Without an `openssl` program the tests say that they were skipped; with `CI=true` they fail then.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod foreign;

use dwcp_base::{Clock, LocalDisk, SystemClock, UnixTime};
use dwcp_crypto::{KeyType, SigningKey};
use dwcp_pki::{
    AuthorityParams, Certificate, CertificateAuthority, CertificateRequest, Credential, Crl, IssuancePolicy,
    RevocationReason, SubjectName,
};
use foreign::{openssl, openssl_is_there, succeeds, text};
use std::fs;
use std::path::Path;
use std::sync::Arc;

fn now() -> UnixTime {
    SystemClock::new().unix()
}

fn authority(directory: &Path, key_type: KeyType) -> CertificateAuthority {
    let params = AuthorityParams { key_type, ..AuthorityParams::new("Interop Root") };
    CertificateAuthority::create(Arc::new(LocalDisk), directory, &params, now()).unwrap()
}

#[test]
fn openssl_verifies_chain_request_and_crl_and_sees_a_revocation() {
    if !openssl_is_there("openssl_verifies_chain_request_and_crl_and_sees_a_revocation") {
        return;
    }
    for key_type in [KeyType::EcdsaP256, KeyType::EcdsaP384, KeyType::Ed25519] {
        let directory = tempfile::tempdir().unwrap();
        let at = directory.path();
        let ca = authority(at, key_type);
        for (file, names) in
            [("a", &["DNS:a.example.org", "IP:2001:db8::1"][..]), ("b", &["URI:spiffe://example.org/b"])]
        {
            let names: Vec<SubjectName> = names.iter().map(|name| name.parse().unwrap()).collect();
            let request =
                CertificateRequest::generate(&SigningKey::generate(key_type).unwrap(), &names).unwrap();
            fs::write(at.join(format!("{file}.csr")), request.to_pem()).unwrap();
            succeeds(at, &["req", "-verify", "-noout", "-in", &format!("{file}.csr")]);
            let chain = ca.issue(&request, &IssuancePolicy::default(), now()).unwrap();
            fs::write(at.join(format!("{file}.crt")), chain.to_pem()).unwrap();
            for purpose in ["sslserver", "sslclient"] {
                let leaf = format!("{file}.crt");
                succeeds(at, &["verify", "-x509_strict", "-purpose", purpose, "-CAfile", "ca.crt", &leaf]);
            }
        }
        let leaf = Certificate::from_pem(&fs::read(at.join("a.crt")).unwrap()).unwrap();
        let shown = succeeds(at, &["x509", "-noout", "-serial", "-in", "a.crt"]).to_ascii_lowercase();
        assert!(shown.contains(&leaf.serial().to_string()), "{shown}");
        succeeds(at, &["pkey", "-noout", "-in", "ca.key"]);

        fs::write(at.join("ca.crl"), ca.crl(now()).unwrap().to_pem()).unwrap();
        succeeds(at, &["crl", "-noout", "-verify", "-CAfile", "ca.crt", "-in", "ca.crl"]);
        let check =
            ["verify", "-x509_strict", "-crl_check", "-CAfile", "ca.crt", "-CRLfile", "ca.crl", "a.crt"];
        succeeds(at, &check);
        let _ = ca.revoke(&leaf.serial(), RevocationReason::KeyCompromise, now()).unwrap();
        let crl = ca.crl(now()).unwrap();
        fs::write(at.join("ca.crl"), crl.to_pem()).unwrap();
        let refused = openssl(at, &check);
        assert!(
            !refused.status.success() && text(&refused).contains("certificate revoked"),
            "{}",
            text(&refused)
        );
        let shown = succeeds(at, &["crl", "-noout", "-text", "-in", "ca.crl"]);
        assert!(
            shown.contains("Key Compromise") && shown.contains("X509v3 Authority Key Identifier"),
            "{shown}"
        );
        let number = succeeds(at, &["crl", "-noout", "-crlnumber", "-in", "ca.crl"]).to_ascii_lowercase();
        assert!(number.contains(&crl.number().unwrap().to_string()), "{number}");
    }
}

#[test]
fn requests_certificates_and_crls_of_openssl_are_read() {
    if !openssl_is_there("requests_certificates_and_crls_of_openssl_are_read") {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let ca = authority(&at.join("ours"), KeyType::EcdsaP256);
    let keys: [&[&str]; 4] = [
        &["ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"],
        &["ec", "-pkeyopt", "ec_paramgen_curve:secp384r1"],
        &["ed25519"],
        &["rsa:2048"],
    ];
    for key in keys {
        let mut arguments =
            vec!["req", "-new", "-nodes", "-subj", "/CN=ignored", "-keyout", "k", "-out", "r.csr"];
        arguments.extend(["-addext", "subjectAltName=DNS:web.example.org,IP:192.0.2.7", "-newkey"]);
        arguments.extend(key);
        succeeds(at, &arguments);
        let request = CertificateRequest::from_pem(&fs::read(at.join("r.csr")).unwrap()).unwrap();
        let chain = ca.issue(&request, &IssuancePolicy::default(), now()).unwrap();
        assert_eq!(chain.leaf().subject(), "CN=web.example.org");
        assert_eq!(chain.leaf().names(), request.names());
        fs::write(at.join("leaf.crt"), chain.to_pem()).unwrap();
        succeeds(at, &["verify", "-x509_strict", "-CAfile", "ours/ca.crt", "leaf.crt"]);
    }
    // Too weak a key proves nothing here.
    let weak =
        ["req", "-new", "-nodes", "-subj", "/CN=x", "-keyout", "k", "-out", "r.csr", "-newkey", "rsa:1024"];
    if openssl(at, &weak).status.success() {
        assert!(CertificateRequest::from_pem(&fs::read(at.join("r.csr")).unwrap()).is_err());
    }

    succeeds(
        at,
        &[
            "req",
            "-x509",
            "-nodes",
            "-newkey",
            "ed25519",
            "-subj",
            "/C=CH/O=Theirs/CN=Root",
            "-keyout",
            "t.key",
            "-out",
            "t.crt",
        ],
    );
    let theirs = Certificate::from_pem(&fs::read(at.join("t.crt")).unwrap()).unwrap();
    assert!(theirs.is_authority());
    assert_eq!(theirs.subject(), "CN=Root,O=Theirs,C=CH");
    fs::write(at.join("ca.cnf"), "[ca]\ndefault_ca=d\n[d]\ndatabase=db\ncrlnumber=n\ndefault_md=default\ndefault_crl_days=1\ncrl_extensions=x\n[x]\nauthorityKeyIdentifier=keyid\n").unwrap();
    fs::write(at.join("db"), "R\t491231235959Z\t260101000000Z,keyCompromise\t0AB1\tunknown\t/CN=x\n")
        .unwrap();
    fs::write(at.join("n"), "1001\n").unwrap();
    succeeds(
        at,
        &["ca", "-gencrl", "-config", "ca.cnf", "-keyfile", "t.key", "-cert", "t.crt", "-out", "t.crl"],
    );
    let crl = Crl::from_pem(&fs::read(at.join("t.crl")).unwrap()).unwrap();
    assert!(crl.serials().eq(["ab1".parse().unwrap()]));
    assert_eq!(crl.number().unwrap().to_string(), "1001");
    assert_eq!(crl.issuer(), theirs.subject());
}

#[test]
fn openssl_reads_the_certificate_of_a_challenge_as_the_standard_has_it() {
    if !openssl_is_there("openssl_reads_the_certificate_of_a_challenge_as_the_standard_has_it") {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let authorization =
        "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA.9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI";
    let digest = dwcp_crypto::digest::sha256(authorization.as_bytes());
    let digest: Vec<String> = digest.iter().map(|byte| format!("{byte:02X}")).collect();
    for (name, shown_name) in [
        ("DNS:shop.example.org", "DNS:shop.example.org"),
        ("IP:192.0.2.1", "IP Address:192.0.2.1"),
        ("IP:2001:db8::1", "IP Address:2001:DB8:0:0:0:0:0:1"),
    ] {
        let made = Credential::for_challenge(&name.parse().unwrap(), authorization, now()).unwrap();
        fs::write(at.join("answer.crt"), made.chain().to_pem()).unwrap();
        // It signs itself as it should, and who does not know what it is for takes it for nothing.
        let verify = ["verify", "-x509_strict", "-partial_chain", "-CAfile", "answer.crt", "answer.crt"];
        let refused = openssl(at, &verify);
        assert!(!refused.status.success() && text(&refused).contains("unhandled critical extension"));
        succeeds(at, &[&verify[..1], &["-ignore_critical"], &verify[1..]].concat());
        let shown = succeeds(at, &["x509", "-noout", "-text", "-in", "answer.crt"]);
        // RFC 8737 §3: critical, an OCTET STRING of 32 bytes, and one name alone.
        let (_, extension) = shown.split_once("1.3.6.1.5.5.7.1.31: critical").expect("acmeIdentifier");
        // What OpenSSL does not know it prints as it stands, unprintable bytes as full stops; the ASN.1 has the bytes.
        assert!(extension.trim_start().starts_with(". "), "{extension}");
        let parsed = succeeds(at, &["asn1parse", "-in", "answer.crt"]);
        let whole = format!("0420{}", digest.concat());
        assert!(parsed.contains(&format!("[HEX DUMP]:{whole}")), "{parsed}");
        let (_, names) = shown.split_once("X509v3 Subject Alternative Name:").expect("names");
        assert_eq!(names.lines().nth(1).unwrap().trim(), shown_name);
    }
}
