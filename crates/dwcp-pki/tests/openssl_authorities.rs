//! OpenSSL judges what authorities below authorities issue: names, chains, lists and places on the web.
//!
//! Without an `openssl` program the tests say that they were skipped; with `CI=true` they fail then.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod foreign;

use dwcp_base::{Clock, LocalDisk, SystemClock, UnixTime};
use dwcp_crypto::{KeyType, SigningKey};
use dwcp_pki::{
    AuthorityKey, AuthorityParams, AuthorityUrls, CertificateAuthority, CertificateRequest, IssuancePolicy,
    NameConstraints, RevocationReason, SubjectName,
};
use foreign::{openssl, openssl_is_there, succeeds, text};
use std::fs;
use std::path::Path;
use std::sync::Arc;

fn now() -> UnixTime {
    SystemClock::new().unix()
}

fn issue(ca: &CertificateAuthority, names: &[&str], out: &Path) {
    let names: Vec<SubjectName> = names.iter().map(|name| name.parse().unwrap()).collect();
    let key = SigningKey::generate(KeyType::EcdsaP256).unwrap();
    let request = CertificateRequest::generate(&key, &names).unwrap();
    let chain = ca.issue(&request, &IssuancePolicy::default(), now()).unwrap();
    fs::write(out, chain.to_pem()).unwrap();
}

#[test]
fn openssl_follows_what_is_issued_to_the_root_and_sees_every_revocation() {
    if !openssl_is_there("openssl_follows_what_is_issued_to_the_root_and_sees_every_revocation") {
        return;
    }
    for key_type in [KeyType::EcdsaP256, KeyType::EcdsaP384, KeyType::Ed25519] {
        let directory = tempfile::tempdir().unwrap();
        let at = directory.path();
        let urls = |name: &str| AuthorityUrls {
            crl: Some(format!("http://ca.example.org/{name}.crl").parse().unwrap()),
            delta: None,
            issuer: Some(format!("http://ca.example.org/{name}.crt").parse().unwrap()),
            ocsp: Some("http://ca.example.org/ocsp".parse().unwrap()),
        };
        let constraints = NameConstraints {
            permitted: vec!["DNS:example.org".parse().unwrap(), "IP:10.0.0.0/8".parse().unwrap()],
            excluded: vec!["DNS:secret.example.org".parse().unwrap()],
        };
        let params = AuthorityParams {
            key_type,
            path_length: 1,
            urls: urls("root"),
            constraints,
            ..AuthorityParams::new("Root")
        };
        let root =
            CertificateAuthority::create(Arc::new(LocalDisk), &at.join("root"), &params, now()).unwrap();
        let params = AuthorityParams { urls: urls("one"), ..AuthorityParams::new("One") };
        let key = AuthorityKey::generate(key_type).unwrap();
        let one =
            root.create_intermediate(Arc::new(LocalDisk), &at.join("one"), &params, key, now()).unwrap();
        issue(
            &one,
            &["DNS:web.example.org", "IP:10.1.2.3", "URI:spiffe://example.org/web"],
            &at.join("leaf.crt"),
        );
        let lists = || {
            let lists = format!("{}{}", root.crl(now()).unwrap().to_pem(), one.crl(now()).unwrap().to_pem());
            fs::write(at.join("lists.crl"), lists).unwrap();
        };
        lists();
        let verify = [
            "verify",
            "-x509_strict",
            "-purpose",
            "sslserver",
            "-verify_hostname",
            "web.example.org",
            "-crl_check_all",
            "-CAfile",
            "root/ca.crt",
            "-CRLfile",
            "lists.crl",
            "-untrusted",
            "leaf.crt",
            "leaf.crt",
        ];
        succeeds(at, &verify);
        let shown = succeeds(at, &["x509", "-noout", "-text", "-in", "one/ca.crt"]);
        for part in [
            "pathlen:0",
            "Certificate Sign, CRL Sign",
            "http://ca.example.org/root.crl",
            "CA Issuers - URI:http://ca.example.org/root.crt",
            "OCSP - URI:http://ca.example.org/ocsp",
        ] {
            assert!(shown.contains(part), "{part}: {shown}");
        }
        let shown = succeeds(at, &["x509", "-noout", "-text", "-in", "root/ca.crt"]);
        assert!(
            shown.contains("X509v3 Name Constraints: critical") && shown.contains("DNS:secret.example.org"),
            "{shown}"
        );
        let shown = succeeds(at, &["crl", "-noout", "-text", "-in", "lists.crl"]);
        assert!(shown.contains("X509v3 Issuing Distribution Point: critical"), "{shown}");
        // Its own revocation is seen, and then that of what is above it.
        let _ = root.revoke(&one.certificate().serial(), RevocationReason::CaCompromise, now()).unwrap();
        lists();
        let refused = openssl(at, &verify);
        assert!(
            !refused.status.success() && text(&refused).contains("certificate revoked"),
            "{}",
            text(&refused)
        );
    }
}

/// Whatever our refusal of names misses, OpenSSL would refuse, and the other way round.
#[test]
fn openssl_agrees_on_names_that_an_authority_is_bound_to() {
    if !openssl_is_there("openssl_agrees_on_names_that_an_authority_is_bound_to") {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let create = |name: &str, constraints| {
        let params = AuthorityParams { constraints, ..AuthorityParams::new("Same Name") };
        let key = SigningKey::generate(KeyType::EcdsaP256).unwrap();
        (CertificateAuthority::create(Arc::new(LocalDisk), &at.join(name), &params, now()).unwrap(), key)
    };
    for (place, (permitted, excluded, name)) in [
        (&["DNS:example.org"][..], &[][..], "DNS:example.org"),
        (&["DNS:example.org"], &[], "DNS:a.example.org"),
        (&["DNS:example.org"], &[], "DNS:badexample.org"),
        (&["DNS:example.org"], &[], "DNS:*.example.org"),
        (&["DNS:example.org"], &["DNS:a.example.org"], "DNS:x.a.example.org"),
        (&["DNS:example.org"], &[], "IP:192.0.2.1"),
        (&["IP:10.0.0.0/8"], &[], "IP:10.255.0.1"),
        (&["IP:10.0.0.0/8"], &[], "IP:11.0.0.1"),
        (&["IP:10.0.0.0/8"], &[], "IP:2001:db8::1"),
        (&["IP:2001:db8::/32"], &[], "IP:2001:db8:1::1"),
        (&[], &["IP:0.0.0.0/0"], "IP:192.0.2.1"),
        (&[], &["IP:0.0.0.0/0"], "DNS:a.b"),
    ]
    .into_iter()
    .enumerate()
    {
        let all = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
        let (ca, key) = create(
            &format!("{place}"),
            NameConstraints { permitted: all(permitted), excluded: all(excluded) },
        );
        let request = CertificateRequest::generate(&key, &[name.parse().unwrap()]).unwrap();
        let ours = ca.issue(&request, &IssuancePolicy::default(), now()).is_ok();
        // What we refuse is issued by OpenSSL with the same key, to ask what it thinks of the result.
        fs::write(at.join("r.csr"), request.to_pem()).unwrap();
        fs::write(
            at.join("ext"),
            format!(
                "subjectAltName={name}\nbasicConstraints=critical,CA:FALSE\nauthorityKeyIdentifier=keyid\n"
            ),
        )
        .unwrap();
        let (crt, key) = (format!("{place}/ca.crt"), format!("{place}/ca.key"));
        succeeds(
            at,
            &[
                "x509", "-req", "-in", "r.csr", "-CA", &crt, "-CAkey", &key, "-extfile", "ext", "-days", "1",
                "-out", "leaf.crt",
            ],
        );
        let theirs = openssl(at, &["verify", "-CAfile", &crt, "leaf.crt"]);
        // X.509 binds what is below an authority; a trusted root's own constraints are applied by OpenSSL too.
        assert_eq!(ours, theirs.status.success(), "{permitted:?} {excluded:?} {name}: {}", text(&theirs));
    }
}
