//! Certificates, chains, requests and CRLs as strangers may write them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use dwcp_base::{Coded, LocalDisk, UnixTime};
use dwcp_crypto::{KeyType, SigningKey};
use dwcp_pki::{
    AuthorityParams, Certificate, CertificateAuthority, CertificateChain, CertificateRequest, Crl, CrlNumber,
    IssuancePolicy, ParseError, RequestError, RevocationReason, SubjectName,
};
use proptest::prelude::*;
use rcgen::{CertificateParams, CustomExtension, KeyPair, SerialNumber};
use std::sync::{Arc, OnceLock};

const NOW: UnixTime = UnixTime::from_secs(1_790_000_000);

struct Samples {
    certificate: Vec<u8>,
    request: Vec<u8>,
    crl: Vec<u8>,
}

fn samples() -> &'static Samples {
    static SAMPLES: OnceLock<Samples> = OnceLock::new();
    SAMPLES.get_or_init(|| {
        let directory = tempfile::tempdir().unwrap();
        let params = AuthorityParams::new("Root");
        let ca = CertificateAuthority::create(Arc::new(LocalDisk), directory.path(), &params, NOW).unwrap();
        let names = ["DNS:a.example.org", "IP:192.0.2.1", "IP:2001:db8::1", "URI:spiffe://example.org/a"];
        let names: Vec<SubjectName> = names.iter().map(|n| n.parse().unwrap()).collect();
        let key = SigningKey::generate(KeyType::EcdsaP256).unwrap();
        let request = CertificateRequest::generate(&key, &names).unwrap();
        let chain = ca.issue(&request, &IssuancePolicy::default(), NOW).unwrap();
        let _ = ca.revoke(&chain.leaf().serial(), RevocationReason::KeyCompromise, NOW).unwrap();
        let crl = ca.crl(NOW).unwrap();
        Samples {
            certificate: chain.leaf().der().to_vec(),
            request: request.der().to_vec(),
            crl: crl.der().to_vec(),
        }
    })
}

fn self_signed(change: impl FnOnce(&mut CertificateParams)) -> Vec<u8> {
    let mut params = CertificateParams::new(vec!["a.example.org".to_owned()]).unwrap();
    change(&mut params);
    params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
}

#[test]
fn at_x10_certificates_with_impossible_serials_are_refused() {
    for serial in [&[0][..], &[0x11; 21], &[0x91; 21]] {
        let der = self_signed(|p| p.serial_number = Some(SerialNumber::from_slice(serial)));
        assert_eq!(Certificate::from_der(&der).unwrap_err().code(), "pki.serial.invalid", "{serial:x?}");
    }
    // A serial of one octet, then made negative in place.
    let der = self_signed(|p| p.serial_number = Some(SerialNumber::from_slice(&[0x11])));
    let at = der.windows(3).position(|w| w == [0x02, 0x01, 0x11]).unwrap();
    let mut negative = der.clone();
    negative[at + 2] = 0x91;
    assert!(Certificate::from_der(&der).is_ok());
    assert_eq!(Certificate::from_der(&negative), Err(ParseError::Serial));
    let longest = self_signed(|p| p.serial_number = Some(SerialNumber::from_slice(&[0xff; 20])));
    assert_eq!(Certificate::from_der(&longest).unwrap().serial().to_string(), "ff".repeat(20));
}

#[test]
fn at_x11_an_inner_signature_algorithm_that_differs_from_the_outer_is_refused() {
    let mut der = samples().certificate.clone();
    // ecdsa-with-SHA256 (…4.3.2) becomes ecdsa-with-SHA384 (…4.3.3) outside alone.
    let oid = [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];
    let at = der.windows(oid.len()).rposition(|w| w == oid).unwrap();
    der[at + 7] = 3;
    assert_eq!(Certificate::from_der(&der).unwrap_err().code(), "pki.document.malformed");
}

#[test]
fn an_extension_that_stands_twice_is_refused() {
    let names = CustomExtension::from_oid_content(&[2, 5, 29, 17], vec![0x30, 0x03, 0x82, 0x01, b'b']);
    let der = self_signed(|p| p.custom_extensions = vec![names.clone()]);
    assert_eq!(Certificate::from_der(&der).unwrap_err().code(), "pki.document.malformed");
    let mut params = CertificateParams::new(vec!["a.example.org".to_owned()]).unwrap();
    params.custom_extensions = vec![names];
    let request = params.serialize_request(&KeyPair::generate().unwrap()).unwrap();
    assert_eq!(CertificateRequest::from_der(request.der()).unwrap_err().code(), "pki.document.malformed");
}

#[test]
fn names_that_read_differently_elsewhere_and_floods_of_names_are_refused() {
    let with_names = |content: Vec<u8>| {
        let mut der = vec![0x30, 0x82];
        der.extend_from_slice(&u16::try_from(content.len()).unwrap().to_be_bytes());
        der.extend(content);
        self_signed(|p| {
            p.subject_alt_names.clear();
            p.custom_extensions = vec![CustomExtension::from_oid_content(&[2, 5, 29, 17], der)];
        })
    };
    let entry = |tag: u8, value: &[u8]| [&[tag, u8::try_from(value.len()).unwrap()], value].concat();
    let padding = entry(0x82, &[b'p'; 120]).repeat(2);
    for bad in [
        entry(0x82, b"a\0.example.org"),
        entry(0x82, b"a\n.example.org"),
        entry(0x82, "ü.example".as_bytes()),
        entry(0x82, b""),
        entry(0x87, &[1, 2, 3]),
        entry(0x87, &[1; 8]),
        entry(0x86, b"https://a b"),
        entry(0x0c, b"text"),
    ] {
        let der = with_names([padding.clone(), bad.clone()].concat());
        assert!(Certificate::from_der(&der).is_err(), "{bad:x?}");
    }
    let der = with_names([padding, entry(0x88, &[0x2a, 3]), entry(0x82, b"A.example")].concat());
    let read = Certificate::from_der(&der).unwrap();
    assert_eq!(read.names().last(), Some(&SubjectName::Dns("a.example".to_owned())));
    assert!(Certificate::from_der(&with_names(entry(0x82, b"a").repeat(256))).is_ok());
    let flood = Certificate::from_der(&with_names(entry(0x82, b"a").repeat(257)));
    assert_eq!(flood.unwrap_err().to_string(), "the certificate is malformed: it has more than 256 names");
}

#[test]
fn a_subject_is_shown_without_what_could_fool_a_terminal() {
    let der =
        self_signed(|p| p.distinguished_name.push(rcgen::DnType::CommonName, "a\u{1b}[2Jb\nc\u{202e}d"));
    let subject = Certificate::from_der(&der).unwrap().subject().to_owned();
    assert!(!subject.contains(['\u{1b}', '\n', '\u{202e}']), "{subject:?}");
    let der = self_signed(|p| p.distinguished_name.push(rcgen::DnType::CommonName, "x".repeat(4_000)));
    assert_eq!(Certificate::from_der(&der).unwrap().subject().chars().count(), 257);
}

#[test]
fn at_x15_a_request_without_proof_of_possession_is_refused() {
    let good = &samples().request;
    assert!(CertificateRequest::from_der(good).is_ok());
    // The key of another request under the same signature: as if it were asked for a key of somebody else.
    let other = SigningKey::generate(KeyType::EcdsaP256).unwrap();
    let own = CertificateRequest::from_der(good).unwrap();
    let point = good.windows(3).position(|w| w == [0x42, 0x00, 0x04]).unwrap() + 2;
    let mut stolen = good.clone();
    stolen[point..point + 65].copy_from_slice(other.public_key());
    assert_eq!(CertificateRequest::from_der(&stolen).unwrap_err(), ParseError::NoPossession);
    let mut renamed = good.clone();
    let at = good.windows(9).position(|w| w == b"a.example").unwrap();
    renamed[at] = b'b';
    assert_eq!(CertificateRequest::from_der(&renamed).unwrap_err(), ParseError::NoPossession);
    assert_eq!(own.names().len(), 4);
}

#[test]
fn a_request_says_what_kind_of_key_it_is_for() {
    for kind in [KeyType::EcdsaP256, KeyType::EcdsaP384, KeyType::Ed25519] {
        let key = SigningKey::generate(kind).unwrap();
        let request = CertificateRequest::generate(&key, &["DNS:a.example".parse().unwrap()]).unwrap();
        assert_eq!(request.key_type(), kind);
    }
}

#[test]
fn requests_are_made_only_for_names_that_may_stand_in_a_certificate() {
    let key = SigningKey::generate(KeyType::Ed25519).unwrap();
    let none = CertificateRequest::generate(&key, &[]);
    assert_eq!(none.unwrap_err(), RequestError::NameCount { limit: 256 });
    let upper = CertificateRequest::generate(&key, &[SubjectName::Dns("UPPER".to_owned())]);
    assert_eq!(upper.unwrap_err().code(), "pki.name.invalid");
    for key_type in [KeyType::EcdsaP256, KeyType::EcdsaP384, KeyType::Ed25519] {
        let key = SigningKey::generate(key_type).unwrap();
        let made = CertificateRequest::generate(&key, &[SubjectName::Dns("a.example".to_owned())]).unwrap();
        let read = CertificateRequest::from_pem(made.to_pem().as_bytes()).unwrap();
        assert_eq!((read.der(), read.key_pin()), (made.der(), dwcp_pki::KeyPin::of_key(&key)));
    }
}

#[test]
fn pem_files_are_bounded_and_tolerant_of_white_space_only() {
    let certificate = Certificate::from_der(&samples().certificate).unwrap();
    let pem = certificate.to_pem();
    assert_eq!(Certificate::from_pem(format!("# a root\n\n{pem}  \n\n").as_bytes()), Ok(certificate.clone()));
    for (text, code) in [
        (String::new(), "pki.document.missing"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n".to_owned(), "pki.document.malformed"),
        (pem.replace("MII", "M*I"), "pki.document.malformed"),
        (format!("{pem}{pem}"), "pki.document.malformed"),
        (format!("{pem}{}", " ".repeat(1 << 20)), "pki.document.oversized"),
    ] {
        assert_eq!(Certificate::from_pem(text.as_bytes()).unwrap_err().code(), code);
    }
    assert_eq!(CertificateChain::from_pem(pem.repeat(16).as_bytes()).unwrap().len(), 16);
    assert_eq!(
        CertificateChain::from_pem(pem.repeat(17).as_bytes()),
        Err(ParseError::ChainLength { limit: 16 })
    );
    assert_eq!(Certificate::bundle_from_pem(pem.repeat(17).as_bytes()).unwrap().len(), 17);
    let ders = vec![certificate.certificate_der().clone(); 17];
    assert_eq!(CertificateChain::from_der_list(&ders), Err(ParseError::ChainLength { limit: 16 }));
    assert_eq!(CertificateChain::from_der_list(&[]), Err(ParseError::ChainLength { limit: 16 }));
    assert_eq!(Certificate::from_der(&[0x30; (64 << 10) + 1]).unwrap_err().code(), "pki.document.oversized");
}

#[test]
fn a_crl_makes_the_round_trip_and_incomplete_ones_are_refused() {
    let crl = Crl::from_der(&samples().crl).unwrap();
    assert_eq!(Crl::from_pem(crl.to_pem().as_bytes()).unwrap(), crl);
    assert_eq!(crl.number(), Some(CrlNumber::from(1_790_000_000)));
    assert_eq!(crl.number().unwrap().to_string(), "6ab13b80");
    let leaf = Certificate::from_der(&samples().certificate).unwrap();
    assert!(crl.contains(&leaf.serial()) && !crl.contains(&"1".parse().unwrap()));
    // The CRL number's identifier (2.5.29.20) becomes that of a delta (2.5.29.27).
    let mut delta = samples().crl.clone();
    let at = delta.windows(5).position(|w| w == [0x06, 0x03, 0x55, 0x1d, 0x14]).unwrap();
    delta[at + 4] = 27;
    let error = Crl::from_der(&delta).unwrap_err();
    assert_eq!(error.to_string(), "the CRL is malformed: a delta CRL is not complete");
}

/// One sample with a few bytes changed, cut off or added.
fn mutated(original: &'static [u8]) -> impl Strategy<Value = Vec<u8>> {
    let edits = proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0_u8..4), 1..6);
    edits.prop_map(move |edits| {
        let mut der = original.to_vec();
        for (index, byte, kind) in edits {
            if der.is_empty() {
                break;
            }
            let at = index.index(der.len());
            match kind {
                0 => der[at] = byte,
                1 => der[at] ^= 1 << (byte % 8),
                2 => der.insert(at, byte),
                _ => {
                    der.remove(at);
                }
            }
        }
        der
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_mutated_certificate_never_panics(der in mutated(&samples().certificate)) {
        if let Ok(read) = Certificate::from_der(&der) {
            prop_assert_eq!(Certificate::from_pem(read.to_pem().as_bytes()), Ok(read));
        }
    }

    #[test]
    fn a_mutated_request_never_panics_and_never_proves_possession(der in mutated(&samples().request)) {
        if let Ok(read) = CertificateRequest::from_der(&der) {
            prop_assert_eq!(read.der(), &samples().request[..]);
        }
    }

    #[test]
    fn at_x4_a_mutated_crl_never_panics(der in mutated(&samples().crl)) {
        if let Ok(read) = Crl::from_der(&der) {
            prop_assert_eq!(read.serials().filter(|serial| read.contains(serial)).count(), read.len());
        }
    }

    #[test]
    fn any_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = Certificate::from_der(&bytes);
        let _ = CertificateRequest::from_der(&bytes);
        let _ = Crl::from_der(&bytes);
        let _ = CertificateChain::from_pem(&bytes);
    }
}
