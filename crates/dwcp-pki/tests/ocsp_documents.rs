//! OCSP requests and responses as strangers may write them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod inquiry;
mod workbench;

use dwcp_base::{Blame, Coded};
use dwcp_pki::{
    CertIdHash, CertStatus, Certificate, OcspError, OcspNonce, OcspRefusal, OcspRequest, OcspResponse,
    ParseError, RevocationReason, Serial,
};
use inquiry::*;
use proptest::prelude::*;
use std::sync::OnceLock;
use workbench::*;

/// One DER value of at most 65 535 octets.
fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let length = match content.len() {
        short @ 0..=127 => vec![u8::try_from(short).unwrap()],
        medium @ 128..=255 => vec![0x81, u8::try_from(medium).unwrap()],
        long => [&[0x82], &u16::try_from(long).unwrap().to_be_bytes()[..]].concat(),
    };
    [&[tag], &length[..], &content].concat()
}

const NONCE_OID: &[u8] = &[6, 9, 0x2b, 6, 1, 5, 5, 7, 0x30, 1, 2];

fn nonce_extension(critical: bool, value: &[u8]) -> Vec<u8> {
    let critical: &[u8] = if critical { &[1, 1, 0xff] } else { &[] };
    der(0x30, &[NONCE_OID, critical, &der(4, &[value])])
}

/// A request made by hand: certificate ids and extensions as given.
fn raw_request(ids: &[&[u8]], extensions: &[&[u8]]) -> Vec<u8> {
    let singles: Vec<Vec<u8>> = ids.iter().map(|id| der(0x30, &[id])).collect();
    let singles: Vec<&[u8]> = singles.iter().map(Vec::as_slice).collect();
    let list = der(0x30, &singles);
    let extensions = if extensions.is_empty() { Vec::new() } else { der(0xa2, &[&der(0x30, extensions)]) };
    der(0x30, &[&der(0x30, &[&list, &extensions])])
}

/// The DER of the one certificate id of a request without a nonce.
fn id_of(request: &OcspRequest) -> Vec<u8> {
    // Four headers of two octets each stand around it.
    request.der()[8..].to_vec()
}

#[test]
fn a_nonce_is_repeated_and_its_answer_is_for_that_request_alone() {
    let bench = Bench::new();
    let leaf = bench.leaf();
    for length in [1, 32, 128] {
        let nonce = OcspNonce::from_bytes(&vec![7; length]).unwrap();
        let asked = bench.ask(&leaf).with_nonce(nonce.clone()).unwrap();
        let answer = bench.responder.answer(asked.der(), NOW);
        assert_eq!((answer.refusal(), answer.keep_until()), (None, None));
        let response = OcspResponse::from_der(answer.der()).unwrap();
        let verify = |nonce| response.verify(&leaf, bench.ca.certificate(), nonce, NOW);
        assert_eq!(verify(Some(&nonce)).unwrap().status(), CertStatus::Good);
        let other = OcspNonce::random().unwrap();
        assert_eq!(verify(Some(&other)), Err(OcspError::Nonce { missing: false }));
        assert_ne!(bench.responder.answer(asked.der(), NOW).der(), answer.der(), "signed afresh");
    }
    for length in [0, 129, 4_000] {
        assert!(OcspNonce::from_bytes(&vec![7; length]).is_err());
        let value = der(4, &[&vec![7; length]]);
        let asked = raw_request(&[&id_of(&bench.ask(&leaf))], &[&nonce_extension(false, &value)]);
        let answer = bench.responder.answer(&asked, NOW);
        assert_eq!(answer.refusal(), Some(OcspRefusal::MalformedRequest), "{length}");
    }
    assert_ne!(OcspNonce::random().unwrap(), OcspNonce::random().unwrap());
    assert_eq!(OcspNonce::random().unwrap().as_bytes().len(), 32);
}

#[test]
fn requests_beyond_the_bounds_or_the_standard_are_malformed() {
    let bench = Bench::new();
    let leaf = bench.leaf();
    let asked = bench.ask(&leaf);
    let id = id_of(&asked);
    let value = der(4, &[&[7; 32]]);
    let (nonce, critical) = (nonce_extension(false, &value), nonce_extension(true, &value));
    let strange = |critical: &[u8]| der(0x30, &[&[6, 3, 0x2a, 3, 4], critical, &der(4, &[&[5, 0]])]);
    let (lenient, strict) = (strange(&[]), strange(&[1, 1, 0xff]));

    assert_eq!(raw_request(&[&id], &[]), asked.der(), "the tool makes what we make");
    let accepted: [Vec<u8>; 5] = [
        raw_request(&[&id[..]; 16], &[]),
        raw_request(&[&id], &[&critical]),
        raw_request(&[&id], &[&lenient, &nonce]),
        // A version that need not be there, a name, and a signature that nothing rests on.
        der(
            0x30,
            &[
                &der(
                    0x30,
                    &[
                        &[0xa0, 3, 2, 1, 0],
                        &der(0xa1, &[&der(0x82, &[b"a.example.org"])]),
                        &der(0x30, &[&der(0x30, &[&id])]),
                    ],
                ),
                &der(0xa0, &[&der(0x30, &[&[5, 0]])]),
            ],
        ),
        // An extension of the single request that nobody has to understand.
        der(
            0x30,
            &[&der(0x30, &[&der(0x30, &[&der(0x30, &[&id, &der(0xa0, &[&der(0x30, &[&lenient])])])])])],
        ),
    ];
    for (at, asked) in accepted.iter().enumerate() {
        let answer = bench.responder.answer(asked, NOW);
        assert_eq!(answer.refusal(), None, "{at}: {:?}", answer.problem());
    }
    let serial = leaf.serial().as_be_bytes().to_vec();
    let refused: [Vec<u8>; 12] = [
        Vec::new(),
        asked.der()[..asked.der().len() - 1].to_vec(),
        [asked.der(), &[0]].concat(),
        raw_request(&[], &[]),
        raw_request(&[&id[..]; 17], &[]),
        raw_request(&[&id], &[&strict]),
        raw_request(&[&id], &[&nonce, &nonce]),
        raw_request(&[&id], &[&nonce_extension(false, b"no octet string")]),
        der(0x30, &[&der(0x30, &[&der(0x30, &[&der(0x30, &[&id, &der(0xa0, &[&der(0x30, &[&strict])])])])])]),
        der(0x30, &[&der(0x30, &[&[0xa0, 3, 2, 1, 1], &der(0x30, &[&der(0x30, &[&id])])])]),
        // AT-X10: zero, and negative.
        edited(&asked, &serial, &vec![0; serial.len()]),
        edited(&asked, &serial, &vec![0xff; serial.len()]),
    ];
    for (at, asked) in refused.iter().enumerate() {
        let answer = bench.responder.answer(asked, NOW);
        assert_eq!(answer.refusal(), Some(OcspRefusal::MalformedRequest), "{at}");
        assert_eq!(answer.der(), [0x30, 3, 0x0a, 1, 1]);
        assert_eq!(answer.problem().unwrap().blame(), Blame::Peer);
    }
    let large = vec![0x30; (64 << 10) + 1];
    assert_eq!(OcspRequest::from_der(&large).unwrap_err().code(), "pki.document.oversized");
    assert_eq!(OcspResponse::from_der(&large).unwrap_err().code(), "pki.document.oversized");
    // A hash that is not known here can be anybody's: refused as such, not as malformed.
    let sha512 = edited(&asked, &[6, 5, 0x2b, 0x0e, 3, 2, 0x1a], &[6, 5, 0x2b, 0x0e, 3, 2, 0x1b]);
    assert_eq!(bench.responder.answer(&sha512, NOW).refusal(), Some(OcspRefusal::Unauthorized));
}

#[test]
fn the_path_of_a_get_is_read_in_the_spellings_that_clients_use() {
    let bench = Bench::new();
    // Until its base64 has both characters that a URL gives another meaning.
    let leaf = std::iter::repeat_with(|| bench.leaf())
        .find(|leaf| {
            let path = bench.ask(leaf).to_get_path();
            path.contains("%2B") && path.contains("%2F")
        })
        .unwrap();
    let asked = bench.ask(&leaf);
    let path = asked.to_get_path();
    let plain = path.replace("%2B", "+").replace("%2F", "/").replace("%3D", "=");
    for path in [&path, &plain] {
        assert_eq!(OcspRequest::from_get_path(path).unwrap(), asked);
        let answer = bench.responder.answer_path(path, NOW);
        assert_eq!(answer.refusal(), None);
        assert_eq!(answer.der(), bench.responder.answer(asked.der(), NOW).der(), "one answer for both");
    }
    assert_eq!(OcspRequest::from_get_path(&path.replace("%2F", "%2f")).unwrap(), asked);
    let broken = ["", "%", "%2", "%zz", "%ff", "é", "a b", "AAAA", &plain[1..], &format!("/{plain}")];
    for path in broken {
        assert_eq!(
            bench.responder.answer_path(path, NOW).refusal(),
            Some(OcspRefusal::MalformedRequest),
            "{path}"
        );
    }
    let long = "A".repeat((8 << 10) + 1);
    assert!(matches!(OcspRequest::from_get_path(&long), Err(ParseError::TooLarge { .. })));
}

#[test]
fn refusals_are_read_back_and_prove_nothing() {
    let bench = Bench::new();
    let leaf = bench.leaf();
    for (code, refusal) in [
        (1, OcspRefusal::MalformedRequest),
        (2, OcspRefusal::InternalError),
        (3, OcspRefusal::TryLater),
        (5, OcspRefusal::SignatureRequired),
        (6, OcspRefusal::Unauthorized),
    ] {
        let response = OcspResponse::from_der(&[0x30, 3, 0x0a, 1, code]).unwrap();
        assert_eq!(response.refusal(), Some(refusal));
        let error = response.verify(&leaf, bench.ca.certificate(), None, NOW).unwrap_err();
        assert_eq!((error.code(), error), ("pki.ocsp.refused", OcspError::Refused { refusal }));
    }
    // No answer and no reason; codes that do not exist.
    for code in [0, 4, 7] {
        assert!(OcspResponse::from_der(&[0x30, 3, 0x0a, 1, code]).is_err(), "{code}");
    }
}

#[test]
fn one_bit_of_an_answer_changed_is_never_believed() {
    let bench = Bench::new();
    let leaf = bench.leaf();
    let asked = bench.ask(&leaf).with_nonce(OcspNonce::random().unwrap()).unwrap();
    let answer = bench.responder.answer(asked.der(), NOW);
    for at in 0..answer.der().len() * 8 {
        let mut changed = answer.der().to_vec();
        changed[at / 8] ^= 1 << (at % 8);
        if let Ok(response) = OcspResponse::from_der(&changed) {
            assert!(response.verify(&leaf, bench.ca.certificate(), asked.nonce(), NOW).is_err(), "bit {at}");
        }
    }
}

struct Samples {
    leaf: Certificate,
    issuer: Certificate,
    request: OcspRequest,
    response: Vec<u8>,
    serial: Serial,
}

fn samples() -> &'static Samples {
    static SAMPLES: OnceLock<Samples> = OnceLock::new();
    SAMPLES.get_or_init(|| {
        let bench = Bench::new();
        let leaf = bench.leaf();
        bench.revoke(&leaf, RevocationReason::Superseded, NOW);
        let request = bench.ask(&leaf).with_nonce(OcspNonce::random().unwrap()).unwrap();
        let response = bench.responder.answer(request.der(), NOW).der().to_vec();
        let (issuer, serial) = (bench.ca.certificate().clone(), leaf.serial());
        Samples { leaf, issuer, request, response, serial }
    })
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
    fn a_mutated_request_never_panics(der in mutated(samples().request.der())) {
        if let Ok(read) = OcspRequest::from_der(&der) {
            prop_assert_eq!(read.der(), &der[..]);
            prop_assert!((1..=16).contains(&read.serials().count()));
            prop_assert_eq!(OcspRequest::from_get_path(&read.to_get_path()), Ok(read));
        }
    }

    #[test]
    fn a_mutated_response_never_panics_and_is_never_believed(der in mutated(&samples().response)) {
        let Samples { leaf, issuer, request, response, .. } = samples();
        if let Ok(read) = OcspResponse::from_der(&der) {
            prop_assert_eq!(read.der(), &der[..]);
            let believed = read.verify(leaf, issuer, request.nonce(), NOW).is_ok();
            prop_assert!(!believed || der == *response);
        }
    }

    #[test]
    fn any_bytes_and_any_path_get_an_answer(bytes in proptest::collection::vec(any::<u8>(), 0..300), path in "\\PC{0,60}") {
        let _ = OcspResponse::from_der(&bytes);
        let _ = OcspRequest::from_der(&bytes);
        let _ = OcspRequest::from_get_path(&path);
    }

    #[test]
    fn a_request_makes_the_round_trip(nonce in proptest::collection::vec(any::<u8>(), 1..=128), sha256: bool) {
        let Samples { leaf, issuer, serial, .. } = samples();
        let hash = if sha256 { CertIdHash::Sha256 } else { CertIdHash::Sha1 };
        let nonce = OcspNonce::from_bytes(&nonce).unwrap();
        let made = OcspRequest::for_certificate(leaf, issuer, hash).unwrap().with_nonce(nonce.clone()).unwrap();
        let read = OcspRequest::from_der(made.der()).unwrap();
        prop_assert_eq!(read.nonce(), Some(&nonce));
        prop_assert_eq!(read.serials().collect::<Vec<_>>(), vec![*serial]);
        prop_assert_eq!(read, made);
    }
}
