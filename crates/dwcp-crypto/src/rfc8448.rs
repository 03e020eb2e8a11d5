//! The traces of RFC 8448: what TLS 1.3 computes, computed with what is here.

use crate::digest::sha256;
use crate::hkdf::{Hash, Prk};
use crate::table::{Case, cases};
use crate::{Algorithm, OpeningKey, SealingKey, Secret, Sequence};

fn secret(bytes: &[u8]) -> Secret {
    Secret::from(bytes.to_vec())
}

fn uniform(bytes: &[u8]) -> Prk {
    Prk::from_uniform(Hash::Sha256, &secret(bytes))
}

/// Whether two keys are one: a key shows itself by what it expands to alone.
fn same(ours: &Prk, theirs: &[u8]) -> bool {
    let expanded = |prk: &Prk| {
        let mut out = [0; 64];
        prk.expand(b"compared", &mut out).unwrap();
        out
    };
    expanded(ours) == expanded(&uniform(theirs))
}

/// HMAC-SHA256, which is what HKDF-Extract is (RFC 5869 §2.2).
fn hmac(key: &[u8], message: &[u8]) -> Prk {
    Prk::extract(Hash::Sha256, key, &secret(message))
}

/// HkdfLabel (RFC 9846 §7.1).
fn info(length: u8, label: &str, context: &[u8]) -> Vec<u8> {
    let label = format!("tls13 {label}");
    let lengths = [u8::try_from(label.len()).unwrap(), u8::try_from(context.len()).unwrap()];
    [&[0, length, lengths[0]][..], label.as_bytes(), &[lengths[1]], context].concat()
}

fn expanded(prk: &[u8], info: &[u8], length: usize) -> Vec<u8> {
    let mut out = vec![0; length];
    uniform(prk).expand(info, &mut out).unwrap();
    out
}

/// The hash of each beginning of a handshake. A first hello that is answered by a retry is replaced by its hash (RFC 9846 §4.4.1).
fn transcripts(cases: &[Case], section: &str) -> Vec<[u8; 32]> {
    let messages =
        cases.iter().filter(|case| case.text("what") == "message" && case.text("section") == section);
    let (mut so_far, mut hashes) = (Vec::new(), vec![sha256(&[])]);
    for message in messages.map(|case| case.bytes("bytes")) {
        if message.get(6..14) == Some(&RETRY) {
            so_far = [&[254, 0, 0, 32][..], &sha256(&so_far)].concat();
        }
        so_far.extend(message);
        hashes.push(sha256(&so_far));
    }
    hashes
}

/// How the random of a HelloRetryRequest begins (RFC 9846 §4.1.3).
const RETRY: [u8; 8] = [0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11];

fn cases_of_all() -> Vec<Case> {
    cases(include_str!("../tests/data/rfc8448.txt"))
}

/// Of a row of values that belong together: the case, the section's transcripts, and how many values of the RFC were used.
fn check(case: &Case, transcripts: &[[u8; 32]]) -> usize {
    let bytes = |name: &str| case.bytes(name);
    let at = format!("section {}, {}", case.text("section"), case.text("what"));
    match case.text("what") {
        "extract" => {
            let ours = Prk::extract(Hash::Sha256, &bytes("salt"), &secret(&bytes("ikm")));
            assert!(same(&ours, &bytes("secret")), "{at}");
            2 + usize::from(!case.text("salt").is_empty())
        }
        "expand" => {
            let (context, expected) = (bytes("context"), bytes("expanded"));
            assert!(
                context.len() < 32 || transcripts.iter().any(|hash| context == hash),
                "{at}: another transcript"
            );
            assert_eq!(expanded(&bytes("prk"), &bytes("info"), expected.len()), expected, "{at}");
            let labels = [
                "derived",
                "c e traffic",
                "e exp master",
                "c hs traffic",
                "s hs traffic",
                "c ap traffic",
                "s ap traffic",
                "exp master",
                "res master",
                "resumption",
            ];
            assert!(labels.iter().any(|label| info(32, label, &context) == bytes("info")), "{at}");
            4
        }
        "keys" => {
            assert_eq!(
                [info(16, "key", &[]), info(12, "iv", &[])],
                [bytes("key_info"), bytes("iv_info")],
                "{at}"
            );
            assert_eq!(expanded(&bytes("prk"), &bytes("key_info"), 16), bytes("key"), "{at}");
            assert_eq!(expanded(&bytes("prk"), &bytes("iv_info"), 12), bytes("iv"), "{at}");
            5
        }
        "finished" | "binder" => {
            assert_eq!(info(32, "finished", &[]), bytes("info"), "{at}");
            let key = expanded(&bytes("prk"), &bytes("info"), 32);
            assert_eq!(key, bytes("expanded"), "{at}");
            if case.text("what") == "binder" {
                assert_eq!(sha256(&bytes("prefix")).to_vec(), bytes("binder_hash"), "{at}");
                assert!(same(&hmac(&key, &bytes("binder_hash")), &bytes("finished")), "{at}");
                return 7;
            }
            let of = |hash: &[u8; 32]| same(&hmac(&key, hash), &bytes("finished"));
            assert!(transcripts.iter().any(of), "{at}: no transcript is finished by it");
            5
        }
        "message" => 1,
        "record" => {
            let (sealed, payload) = (bytes("complete"), bytes("payload"));
            let (header, body) = sealed.split_first_chunk::<5>().unwrap();
            let material = [bytes("key"), bytes("iv")[..4].to_vec()].concat();
            let iv = u64::from_be_bytes(bytes("iv")[4..].try_into().unwrap());
            let number = u64::from_be_bytes(bytes("sequence").try_into().unwrap());
            // RFC 9846 §5.3: the nonce is the vector, its last eight bytes mixed with the number of the record.
            let sequence = Sequence::new(iv ^ number);
            let key = OpeningKey::new(Algorithm::Aes128Gcm, secret(&material)).unwrap();
            let mut opened = body.to_vec();
            let opened = key.open_in_place(sequence, header, &mut opened).unwrap();
            let (content_type, plain) = opened.split_last().unwrap();
            assert!(plain == payload && matches!(content_type, 21..=23), "{at}");
            2
        }
        other => panic!("{other} is not known"),
    }
}

#[test]
fn every_value_that_is_computed_here_is_the_one_of_the_rfc() {
    let all = cases_of_all();
    let mut used = 0;
    for section in ["3", "4", "5", "6", "7"] {
        let transcripts = transcripts(&all, section);
        let of_section = all.iter().filter(|case| case.text("section") == section);
        used += of_section.map(|case| check(case, &transcripts)).sum::<usize>();
    }
    // Of 538 in all. The others: 22 halves of ephemeral key pairs, which are made elsewhere and only from fresh randomness, and
    // 28 of the 14 records in the clear, which dwcp-tls reads.
    assert_eq!(used, 538 - 22 - 28);
}

#[test]
fn a_sealed_record_differs_with_its_number_and_opens_with_no_other() {
    let material = [7; 20];
    let mut sealing = SealingKey::new(Algorithm::Aes128Gcm, secret(&material)).unwrap();
    let opening = OpeningKey::new(Algorithm::Aes128Gcm, secret(&material)).unwrap();
    let mut record = b"payload\x17".to_vec();
    let sequence = sealing.seal_in_place(&[23, 3, 3, 0, 24], &mut record).unwrap();
    let wrong = Sequence::new(sequence.number() ^ 1);
    assert!(opening.open_in_place(wrong, &[23, 3, 3, 0, 24], &mut record.clone()).is_err());
    assert_eq!(opening.open_in_place(sequence, &[23, 3, 3, 0, 24], &mut record).unwrap(), b"payload\x17");
}
