//! Looking at documents of strangers: nothing moves a terminal, nothing panics, nothing grows beyond a multiple of what was read.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use base64ct::{Base64, Encoding};
use dwcp_base::{Coded, LocalDisk, UnixTime};
use dwcp_crypto::{KeyType, SigningKey};
use dwcp_pki::inspect::{
    AttributeValue, Contents, ExtensionValue, InspectError, Inspected, InspectedCertificate, InspectedCrl,
    InspectedRequest, OwnSignature, escaped,
};
use dwcp_pki::{
    AuthorityParams, CertificateAuthority, CertificateRequest, IssuancePolicy, RevocationReason, SubjectName,
};
use proptest::prelude::*;
use rcgen::{CertificateParams, CustomExtension, DnType, KeyPair, SanType};
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
        let names = ["DNS:a.example.org", "IP:2001:db8::1", "URI:spiffe://example.org/a"];
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

/// Everything that can be asked of a document, as one text.
fn all(document: &Inspected) -> String {
    match document {
        Inspected::Certificate(c) => {
            format!("{c:?}{}{}{:?}{:?}{:?}", c.subject, c.issuer, c.names(), c.remarks(NOW), c.key.name())
        }
        Inspected::Request(r) => format!("{r:?}{}{:?}{:?}", r.subject, r.names(), r.remarks()),
        Inspected::Crl(l) => {
            format!("{l:?}{}{:?}{:?}", l.issuer, l.remarks(NOW), l.entries().take(100).collect::<Vec<_>>())
        }
        _ => unreachable!("there are three kinds"),
    }
}

/// Reads as each of the three and as a file; what comes of it can be shown and is bounded.
fn look_at(bytes: &[u8]) {
    let documents = [
        InspectedCertificate::from_der(bytes).map(|read| Inspected::Certificate(Box::new(read))),
        InspectedRequest::from_der(bytes).map(|read| Inspected::Request(Box::new(read))),
        InspectedCrl::from_der(bytes).map(|read| Inspected::Crl(Box::new(read))),
        Inspected::from_der(bytes),
    ];
    for document in documents.iter().flatten() {
        let text = all(document);
        assert!(text.len() < 20_000 + 200 * bytes.len(), "{} of {}", text.len(), bytes.len());
        assert!(text.chars().all(is_inert), "{text:?}");
    }
    let _ = Contents::read(bytes);
}

fn is_inert(char: char) -> bool {
    !char.is_control()
        && !matches!(char, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[test]
fn at_a1_no_text_of_a_document_moves_reorders_or_hides_anything() {
    let hostile = "a\u{1b}[2J\u{1b}]0;x\u{7}\r\n\u{202e}b\u{2066}\u{200b}\u{9b}\u{feff}\u{e0041}";
    let ascii = "a\u{1b}[2J\r\n\u{7}\u{7f}";
    let comment = [&[0x16, u8::try_from(hostile.len()).unwrap()], hostile.as_bytes()].concat();
    let der = self_signed(|p| {
        p.distinguished_name.push(DnType::CommonName, hostile);
        p.distinguished_name.push(DnType::OrganizationName, hostile);
        p.subject_alt_names = vec![
            SanType::DnsName(ascii.try_into().unwrap()),
            SanType::URI(ascii.try_into().unwrap()),
            SanType::Rfc822Name(ascii.try_into().unwrap()),
        ];
        p.custom_extensions =
            vec![CustomExtension::from_oid_content(&[2, 16, 840, 1, 113_730, 1, 13], comment.clone())];
    });
    let read = InspectedCertificate::from_der(&der).unwrap();
    assert_eq!(read.names().len(), 3);
    assert_eq!(read.names()[0].to_string(), "DNS:a\\u{1b}[2J\\u{d}\\u{a}\\u{7}\\u{7f}");
    assert!(
        read.subject.to_string().contains("CN=a\\1B[2J\\1B]0\\;x\\07\\0D\\0A\\E2\\80\\AEb"),
        "{}",
        read.subject
    );
    assert_eq!(read.subject.first("CN").unwrap().value, escaped(hostile));
    let comments = read.extensions.iter().filter(|e| e.value == Ok(ExtensionValue::Text(escaped(hostile))));
    assert_eq!(comments.count(), 1);
    look_at(&der);
    // Also in what is said of a section that is left out.
    let file = b"-----BEGIN A\x1b[2J\xe2\x80\xaeB-----\nAAAA\n-----END A\x1b[2J\xe2\x80\xaeB-----\n";
    assert_eq!(Contents::read(file).unwrap().left_out, ["A\\u{1b}[2J\\u{202e}B"]);
}

#[test]
fn every_cut_and_every_flipped_bit_of_a_document_is_survived() {
    for der in [&samples().certificate, &samples().request, &samples().crl] {
        let read = Inspected::from_der(der).unwrap();
        for cut in 0..der.len() {
            assert!(Inspected::from_der(&der[..cut]).is_err(), "{cut}");
            look_at(&der[..cut]);
        }
        for bit in 0..der.len() * 8 {
            let mut flipped = der.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            look_at(&flipped);
            assert_ne!(Inspected::from_der(&flipped).ok().as_ref(), Some(&read), "bit {bit}");
        }
        let longer = [&der[..], &[0]].concat();
        let error = Inspected::from_der(&longer).unwrap_err();
        assert!(matches!(error, InspectError::Field { field: "outer SEQUENCE", .. }), "{error:?}");
    }
}

#[test]
fn a_file_is_taken_apart_and_its_private_keys_are_only_counted() {
    let pem = |label: &str, der: &[u8]| {
        let text = Base64::encode_string(der);
        let lines: Vec<&str> =
            text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
        format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
    };
    let (certificate, request, crl) = (&samples().certificate, &samples().request, &samples().crl);
    let file = [
        "subject=a comment\r\n".to_owned(),
        pem("CERTIFICATE", certificate).replace('\n', "\r\n"),
        pem("EC PARAMETERS", b"abc"),
        "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END RSA PRIVATE KEY-----\n"
            .to_owned(),
        pem("PRIVATE KEY", b"TOPSECRET"),
        pem("X509 CERTIFICATE", certificate),
        pem("NEW CERTIFICATE REQUEST", request),
        pem("X509 CRL", crl),
        "-----BEGIN CERTIFICATE-----\nA*AA\n-----END CERTIFICATE-----\n".to_owned(),
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END X509 CRL-----\n".to_owned(),
        "-----BEGIN CERTIFICATE-----\nAAAA\n".to_owned(),
        pem("CERTIFICATE", &certificate[..100]),
        "-----BEGIN CERTIFICATE-----\nAAAA\n".to_owned(),
    ]
    .concat();
    let contents = Contents::read(file.as_bytes()).unwrap();
    assert_eq!((contents.private_keys, contents.left_out.as_slice()), (2, &["EC PARAMETERS".to_owned()][..]));
    let kinds: Vec<&str> = contents
        .documents
        .iter()
        .map(|document| match document {
            Ok(Inspected::Certificate(_)) => "certificate",
            Ok(Inspected::Request(_)) => "request",
            Ok(Inspected::Crl(_)) => "crl",
            Err(InspectError::Base64) => "base64",
            Err(InspectError::NoEnd) => "end",
            Err(InspectError::Field { .. }) => "field",
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        kinds,
        ["certificate", "certificate", "request", "crl", "base64", "end", "end", "field", "end"]
    );
    assert!(
        !format!("{contents:?}").contains("TOPSECRET") && !format!("{contents:?}").contains("84, 79, 80")
    );
}

#[test]
fn what_is_no_document_is_told_apart_and_bounds_come_first() {
    let key = KeyPair::generate().unwrap();
    for (file, code) in [
        (&b""[..], "pki.document.missing"),
        (b" \n\n", "pki.document.missing"),
        (b"hello", "pki.document.missing"),
        (&[0x30, 0], "pki.document.missing"),
        (&key.serialize_der(), "pki.document.secret"),
        (&[0x30, 6, 2, 1, 1, 4, 1, 0], "pki.document.secret"),
        (&vec![b' '; (92 << 20) + 1], "pki.document.oversized"),
        ("-----BEGIN X-----\n-----END X-----\n".repeat(4_097).as_bytes(), "pki.document.oversized"),
    ] {
        assert_eq!(Contents::read(file).unwrap_err().code(), code);
    }
    assert_eq!(
        InspectedCertificate::from_der(&[0x30; (64 << 10) + 1]).unwrap_err().code(),
        "pki.document.oversized"
    );
    assert_eq!(
        InspectedRequest::from_der(&[0x30; (64 << 10) + 1]).unwrap_err().code(),
        "pki.document.oversized"
    );
    let many = "-----BEGIN X-----\n-----END X-----\n".repeat(4_096);
    assert_eq!(Contents::read(many.as_bytes()).unwrap().left_out.len(), 4_096);
}

#[test]
fn at_x15_possession_is_shown_and_a_challenge_password_is_not() {
    let read = InspectedRequest::from_der(&samples().request).unwrap();
    assert_eq!(read.possession, OwnSignature::Good);
    assert!(read.remarks().is_empty(), "{:?}", read.remarks());
    let mut stolen = samples().request.clone();
    let at = stolen.windows(9).position(|w| w == b"a.example").unwrap();
    stolen[at] = b'b';
    let read = InspectedRequest::from_der(&stolen).unwrap();
    assert_eq!(read.possession, OwnSignature::Bad);
    assert!(read.remarks().iter().any(|remark| remark.code == "no-possession"));

    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let password = rcgen::Attribute {
        oid: &[1, 2, 840, 113_549, 1, 9, 7],
        values: vec![0x31, 0x0b, 0x0c, 9, b'T', b'O', b'P', b'S', b'E', b'C', b'R', b'E', b'T'],
    };
    let key = KeyPair::generate().unwrap();
    let request = params.serialize_request_with_attributes(&key, vec![password]).unwrap();
    let read = InspectedRequest::from_der(request.der()).unwrap();
    assert!(read.attributes.iter().any(|a| a.values == Ok(vec![AttributeValue::Withheld])));
    let codes: Vec<&str> = read.remarks().iter().map(|remark| remark.code).collect();
    assert_eq!(codes, ["no-san", "asks-for-ca"]);
}

#[test]
fn what_everybody_should_notice_is_said() {
    let codes = |der: &[u8], now: UnixTime| -> Vec<&str> {
        InspectedCertificate::from_der(der).unwrap().remarks(now).iter().map(|remark| remark.code).collect()
    };
    let leaf = &samples().certificate;
    assert!(codes(leaf, NOW).is_empty());
    assert_eq!(codes(leaf, UnixTime::from_secs(1_800_000_000)), ["expired"]);
    assert_eq!(codes(leaf, UnixTime::from_secs(1_700_000_000)), ["not-yet-valid"]);
    let bare = self_signed(|p| p.subject_alt_names.clear());
    assert_eq!(codes(&bare, NOW), ["no-san", "self-signed"]);
    let authority = self_signed(|p| {
        p.subject_alt_names.clear();
        p.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        p.key_usages = vec![rcgen::KeyUsagePurpose::CrlSign];
        p.custom_extensions = vec![CustomExtension::from_oid_content(&[1, 2, 3], vec![5, 0])];
        p.custom_extensions[0].set_criticality(true);
    });
    assert_eq!(codes(&authority, NOW), ["ca-cannot-sign", "critical-unknown"]);
    let crl = InspectedCrl::from_der(&samples().crl).unwrap();
    assert!(crl.remarks(NOW).is_empty(), "{:?}", crl.remarks(NOW));
    assert_eq!(crl.remarks(UnixTime::from_secs(1_800_000_000))[0].code, "expired");
    assert_eq!(crl.entries().next().unwrap().unwrap().reason().unwrap().as_u64(), Some(1));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        look_at(&bytes);
    }

    #[test]
    fn random_values_of_every_extension_never_panic(
        value in proptest::collection::vec(any::<u8>(), 0..80),
        number in 0_u64..60,
        arc in 0_usize..5,
    ) {
        let arcs: &[&[u64]] = &[&[2, 5, 29], &[1, 3, 6, 1, 5, 5, 7, 1], &[2, 16, 840, 1, 113_730, 1],
            &[1, 3, 6, 1, 4, 1, 11_129, 2, 4], &[1, 3, 6, 1, 4, 1, 311, 21]];
        look_at(&extension_alone(&[arcs[arc], &[number]].concat(), &value));
    }

    #[test]
    fn several_changes_at_once_never_panic(
        edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        which in 0_usize..3,
    ) {
        let mut der = [&samples().certificate, &samples().request, &samples().crl][which].clone();
        for (index, byte) in edits {
            let at = index.index(der.len());
            der[at] = byte;
        }
        look_at(&der);
    }
}

/// The sample certificate with one more extension, its signature left as it is.
fn extension_alone(arcs: &[u64], value: &[u8]) -> Vec<u8> {
    static TEMPLATE: OnceLock<KeyPair> = OnceLock::new();
    let key = TEMPLATE.get_or_init(|| KeyPair::generate().unwrap());
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.custom_extensions = vec![CustomExtension::from_oid_content(arcs, value.to_vec())];
    params.self_signed(key).unwrap().der().to_vec()
}
