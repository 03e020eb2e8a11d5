//! Known answers of RFC 5869 and Project Wycheproof.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "support/table.rs"]
mod table;

use dwcp_crypto::hkdf::{Hash, Prk};
use dwcp_crypto::{Algorithm, CryptoError, Group, OpeningKey, Secret, Sequence, agreement};
use table::cases;

#[test]
fn aead_opens_what_others_sealed_and_refuses_what_they_damaged() {
    let (mut opened, mut refused) = (0, 0);
    for case in cases(include_str!("data/aead.txt")) {
        let name = format!("{} {}", case.text("algorithm"), case.text("case"));
        let algorithm = match case.text("algorithm") {
            "aes-128-gcm" => Algorithm::Aes128Gcm,
            "aes-256-gcm" => Algorithm::Aes256Gcm,
            "chacha20-poly1305" => Algorithm::ChaCha20Poly1305,
            other => panic!("unknown algorithm {other}"),
        };
        let iv = case.bytes("iv");
        let material = [case.bytes("key").as_slice(), &iv[..4]].concat();
        let key = OpeningKey::new(algorithm, Secret::from(material)).unwrap();
        let sequence = Sequence::new(u64::from_be_bytes(iv[4..].try_into().unwrap()));
        let mut sealed = [case.bytes("ct"), case.bytes("tag")].concat();
        let result =
            key.open_in_place(sequence, &case.bytes("aad"), &mut sealed).map(|message| message.to_vec());
        if case.text("result") == "valid" {
            assert_eq!(result.unwrap(), case.bytes("msg"), "{name}");
            opened += 1;
        } else {
            assert_eq!(result, Err(CryptoError::NotAuthentic), "{name}");
            assert!(sealed.iter().all(|byte| *byte == 0), "{name} left something in the buffer");
            refused += 1;
        }
    }
    assert!(opened > 60 && refused > 60, "{opened} opened, {refused} refused");
}

#[test]
fn at_c6_small_order_points_invalid_curves_and_zero_secrets_are_refused() {
    let (mut accepted, mut refused) = (0, 0);
    for case in cases(include_str!("data/shares.txt")) {
        let name = format!("{} {}", case.text("group"), case.text("case"));
        let group = match case.text("group") {
            "x25519" => Group::X25519,
            "p256" => Group::P256,
            "p384" => Group::P384,
            other => panic!("unknown group {other}"),
        };
        let share = case.bytes("public");
        let responded = agreement::respond(group, &share).map(|_| ());
        let completed = agreement::KeyAgreement::start(group).unwrap().complete(&share).map(|_| ());
        assert_eq!(responded, completed, "{name}: both sides judge alike");
        if case.text("verdict") == "accept" {
            assert_eq!(responded, Ok(()), "{name}");
            accepted += 1;
        } else {
            assert_eq!(responded, Err(CryptoError::InvalidShare), "{name}");
            refused += 1;
        }
    }
    assert!(accepted > 30 && refused > 40, "{accepted} accepted, {refused} refused");
}

#[test]
fn hkdf_expands_as_rfc_5869_says_and_refuses_more_than_255_hashes() {
    let (mut derived, mut refused) = (0, 0);
    for case in cases(include_str!("data/hkdf.txt")) {
        let hash = match case.text("hash") {
            "sha256" => Hash::Sha256,
            "sha384" => Hash::Sha384,
            other => panic!("unknown hash {other}"),
        };
        let prk = Prk::extract(hash, &case.bytes("salt"), &Secret::from(case.bytes("ikm")));
        let mut out = vec![0; case.text("size").parse().unwrap()];
        let result = prk.expand(&case.bytes("info"), &mut out);
        if case.text("okm").is_empty() {
            assert_eq!(result, Err(CryptoError::DerivationTooLarge), "{}", case.text("case"));
            refused += 1;
        } else {
            assert_eq!((result, out), (Ok(()), case.bytes("okm")), "{}", case.text("case"));
            derived += 1;
        }
    }
    assert!(derived > 20 && refused >= 4, "{derived} derived, {refused} refused");
}
