//! OCSP answers that OpenSSL signed, by the issuer's key and by responders that were appointed rightly and wrongly.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod foreign;

use dwcp_base::{Clock, LocalDisk, SystemClock, UnixTime};
use dwcp_crypto::{KeyType, SigningKey};
use dwcp_pki::{
    AuthorityParams, CertStatus, Certificate, CertificateAuthority, CertificateRequest, IssuancePolicy,
    OcspError, OcspRequest, OcspResponse, RevocationReason,
};
use foreign::*;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

fn now() -> UnixTime {
    SystemClock::new().unix()
}

fn authority(directory: &Path, name: &str, key_type: KeyType) -> CertificateAuthority {
    let params = AuthorityParams { key_type, ..AuthorityParams::new(name) };
    CertificateAuthority::create(Arc::new(LocalDisk), directory, &params, now()).unwrap()
}

/// Issues a leaf and writes it to a file.
fn leaf(ca: &CertificateAuthority, at: &Path, file: &str) -> Certificate {
    let key = SigningKey::generate(KeyType::EcdsaP256).unwrap();
    let request = CertificateRequest::generate(&key, &["DNS:a.example.org".parse().unwrap()]).unwrap();
    let chain = ca.issue(&request, &IssuancePolicy::default(), now()).unwrap();
    fs::write(at.join(file), chain.to_pem()).unwrap();
    chain.leaf().clone()
}

/// A laboratory in which OpenSSL answers from its own index, for an authority of ours.
struct TheirResponder {
    directory: tempfile::TempDir,
    ca: CertificateAuthority,
    good: Certificate,
    revoked: Certificate,
}

impl TheirResponder {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let at = directory.path();
        let ca = authority(at, "Interop Root", KeyType::EcdsaP256);
        let (good, revoked) = (leaf(&ca, at, "good.crt"), leaf(&ca, at, "revoked.crt"));
        let line = |mark: &str, certificate: &Certificate| {
            let serial = certificate.serial().to_string().to_uppercase();
            format!("{mark}\t{serial}\tunknown\t/CN=x\n")
        };
        let index =
            line("V\t491231235959Z\t", &good) + &line("R\t491231235959Z\t260101000000Z,superseded", &revoked);
        fs::write(at.join("db"), index).unwrap();
        Self { directory, ca, good, revoked }
    }

    fn at(&self) -> &Path {
        self.directory.path()
    }

    /// A responder's certificate from the key of `ca`, with these extensions.
    fn appoint(&self, ca: &str, name: &str, extensions: &str) {
        let at = self.at();
        fs::write(at.join("ext"), extensions).unwrap();
        let key = format!("{name}.key");
        succeeds(
            at,
            &[
                "req",
                "-new",
                "-nodes",
                "-newkey",
                "ed25519",
                "-subj",
                &format!("/CN={name}"),
                "-keyout",
                &key,
                "-out",
                "r.csr",
            ],
        );
        let (crt, ca_key) = (format!("{ca}ca.crt"), format!("{ca}ca.key"));
        succeeds(
            at,
            &[
                "x509",
                "-req",
                "-in",
                "r.csr",
                "-CA",
                &crt,
                "-CAkey",
                &ca_key,
                "-set_serial",
                "77",
                "-days",
                "1",
                "-extfile",
                "ext",
                "-out",
                &format!("{name}.crt"),
            ],
        );
    }

    /// OpenSSL's answer to our request, signed by a responder.
    fn answer(&self, request: &OcspRequest, signer: &str, more: &[&str]) -> OcspResponse {
        let at = self.at();
        fs::write(at.join("request"), request.der()).unwrap();
        let (crt, key) = (format!("{signer}.crt"), format!("{signer}.key"));
        let arguments = [
            &["ocsp", "-index", "db", "-CA", "ca.crt", "-rsigner", &crt, "-rkey", &key, "-reqin", "request"]
                [..],
            &["-respout", "response"],
            more,
        ];
        succeeds(at, &arguments.concat());
        OcspResponse::from_der(&fs::read(at.join("response")).unwrap()).unwrap()
    }

    fn ask(&self, certificate: &Certificate) -> OcspRequest {
        OcspRequest::for_certificate(certificate, self.ca.certificate(), dwcp_pki::CertIdHash::Sha1).unwrap()
    }

    fn verdict(
        &self,
        request: &OcspRequest,
        response: &OcspResponse,
        certificate: &Certificate,
        at: UnixTime,
    ) -> Result<CertStatus, OcspError> {
        let verdict = response.verify(certificate, self.ca.certificate(), request.nonce(), at)?;
        Ok(verdict.status())
    }
}

const GOOD_RESPONDER: &str =
    "keyUsage=critical,digitalSignature\nextendedKeyUsage=OCSPSigning\nnoCheck=ignored\n";

#[test]
fn answers_of_openssl_are_judged_by_the_issuers_key_and_by_that_of_a_responder_it_appointed() {
    if !openssl_is_there(
        "answers_of_openssl_are_judged_by_the_issuers_key_and_by_that_of_a_responder_it_appointed",
    ) {
        return;
    }
    let theirs = TheirResponder::new();
    theirs.appoint("", "responder", GOOD_RESPONDER);
    for signer in ["ca", "responder"] {
        for more in [&["-nmin", "5"][..], &["-nmin", "5", "-resp_key_id"]] {
            for nonce in [true, false] {
                let request = |certificate: &Certificate| match nonce {
                    true => {
                        theirs.ask(certificate).with_nonce(dwcp_pki::OcspNonce::random().unwrap()).unwrap()
                    }
                    false => theirs.ask(certificate),
                };
                for (certificate, revoked) in [(&theirs.good, false), (&theirs.revoked, true)] {
                    let request = request(certificate);
                    let response = theirs.answer(&request, signer, more);
                    let status = theirs.verdict(&request, &response, certificate, now()).unwrap();
                    match status {
                        CertStatus::Good => assert!(!revoked),
                        CertStatus::Revoked { at, reason } => {
                            assert!(revoked);
                            assert_eq!(at, UnixTime::from_secs(1_767_225_600));
                            assert_eq!(reason, Some(RevocationReason::Superseded));
                        }
                        CertStatus::Unknown => panic!("{signer} {more:?}"),
                    }
                }
            }
        }
    }
    let stranger = leaf(&theirs.ca, theirs.at(), "stranger.crt");
    let request = theirs.ask(&stranger);
    let response = theirs.answer(&request, "ca", &["-nmin", "5"]);
    assert_eq!(theirs.verdict(&request, &response, &stranger, now()), Ok(CertStatus::Unknown));
}

#[test]
fn an_answer_that_is_old_undated_for_another_or_signed_by_a_stranger_is_refused() {
    if !openssl_is_there("an_answer_that_is_old_undated_for_another_or_signed_by_a_stranger_is_refused") {
        return;
    }
    let theirs = TheirResponder::new();
    let good = &theirs.good;
    let request = theirs.ask(good);
    let asked = theirs.ask(good).with_nonce(dwcp_pki::OcspNonce::random().unwrap()).unwrap();
    let response = theirs.answer(&request, "ca", &["-nmin", "5"]);
    let minutes = |n: u64| Duration::from_secs(n * 60);

    assert!(theirs.verdict(&request, &response, good, now().plus(minutes(4))).is_ok());
    let refused = |response: &OcspResponse, at| theirs.verdict(&request, response, good, at).unwrap_err();
    assert!(matches!(refused(&response, now().plus(minutes(5))), OcspError::Stale { .. }));
    assert!(matches!(refused(&response, now().minus(minutes(2))), OcspError::Early { .. }));
    let undated = theirs.answer(&request, "ca", &[]);
    assert_eq!(refused(&undated, now()), OcspError::Undated);
    let undated = theirs.answer(&asked, "ca", &[]);
    assert_eq!(theirs.verdict(&asked, &undated, good, now()), Ok(CertStatus::Good), "made for this request");

    assert_eq!(theirs.verdict(&asked, &response, good, now()), Err(OcspError::Nonce { missing: true }));
    let again = theirs.ask(good).with_nonce(dwcp_pki::OcspNonce::random().unwrap()).unwrap();
    let earlier = theirs.answer(&again, "ca", &["-nmin", "5"]);
    assert_eq!(theirs.verdict(&asked, &earlier, good, now()), Err(OcspError::Nonce { missing: false }));
    assert_eq!(
        theirs.verdict(&request, &response, &theirs.revoked, now()),
        Err(OcspError::NotOne { count: 0 }),
        "a good answer about another certificate"
    );

    // The same name, another key: its certificates, its answers and its responders are not this one's.
    let twin = authority(&theirs.at().join("twin"), "Interop Root", KeyType::EcdsaP256);
    assert_eq!(
        response.verify(good, twin.certificate(), None, now()),
        Err(OcspError::WrongIssuer),
        "at_x13: the issuer is told by its key, not by its name"
    );
    let by_twin = theirs.answer(&request, "twin/ca", &["-nmin", "5"]);
    assert_eq!(refused(&by_twin, now()), OcspError::Signature, "named by name, signed by another key");
    let by_twin = theirs.answer(&request, "twin/ca", &["-nmin", "5", "-resp_key_id"]);
    assert!(matches!(refused(&by_twin, now()), OcspError::Stranger { .. }));

    for (name, ca, extensions, rule) in [
        ("noeku", "", "noCheck=ignored\n", "not for signing"),
        ("server", "", "extendedKeyUsage=serverAuth\nnoCheck=ignored\n", "not for signing"),
        ("any", "", "extendedKeyUsage=anyExtendedKeyUsage\nnoCheck=ignored\n", "not for signing"),
        ("checked", "", "extendedKeyUsage=OCSPSigning\n", "exempt"),
        (
            "cannot",
            "",
            "extendedKeyUsage=OCSPSigning\nnoCheck=ignored\nkeyUsage=critical,keyAgreement\n",
            "let its key sign",
        ),
        (
            "critical",
            "",
            "extendedKeyUsage=OCSPSigning\nnoCheck=ignored\n1.3.6.1.4.1.55555.1=critical,ASN1:NULL\n",
            "critical extension",
        ),
        ("twins", "twin/", GOOD_RESPONDER, "did not appoint"),
    ] {
        theirs.appoint(ca, name, extensions);
        for more in [&["-nmin", "5"][..], &["-nmin", "5", "-resp_key_id"]] {
            let response = theirs.answer(&request, name, more);
            match refused(&response, now()) {
                OcspError::Stranger { why } => assert!(why.contains(rule), "{name}: {why}"),
                other => panic!("{name}: {other}"),
            }
        }
    }
    theirs.appoint("", "responder", GOOD_RESPONDER);
    let response = theirs.answer(&request, "responder", &["-ndays", "9"]);
    assert!(theirs.verdict(&request, &response, good, now()).is_ok());
    match refused(&response, now().plus(minutes(25 * 60))) {
        OcspError::Stranger { why } => assert!(why.contains("not in force"), "{why}"),
        other => panic!("{other}"),
    }
    let response = theirs.answer(&request, "responder", &["-nmin", "5", "-resp_no_certs"]);
    match refused(&response, now()) {
        OcspError::Stranger { why } => assert!(why.contains("sent no certificate"), "{why}"),
        other => panic!("{other}"),
    }
    let response = theirs.answer(&request, "ca", &["-nmin", "5", "-badsig"]);
    assert_eq!(refused(&response, now()), OcspError::Signature);
}
