//! Data at rest as an attacker would change it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use dwcp_crypto::{CryptoError, DataAlgorithm, DataKey, Secret};
use proptest::prelude::*;
use std::collections::HashSet;

/// All three ways to open refuse, and none leaves a byte.
fn assert_refused(key: &DataKey, aad: &[u8], sealed: &[u8], what: &str) {
    let what = format!("{:?}: {what}", key.algorithm());
    assert_eq!(key.open(aad, sealed), Err(CryptoError::NotAuthentic), "{what}");
    assert_eq!(key.open_secret(aad, sealed).map(|_| ()), Err(CryptoError::NotAuthentic), "{what}");
    let mut buffer = sealed.to_vec();
    assert_eq!(key.open_in_place(aad, &mut buffer), Err(CryptoError::NotAuthentic), "{what}");
    assert!(buffer.iter().all(|byte| *byte == 0), "{what}: the buffer is not wiped");
}

fn keys() -> impl Iterator<Item = DataKey> {
    DataAlgorithm::ALL.into_iter().map(|algorithm| DataKey::generate(algorithm).unwrap())
}

#[test]
fn at_e5_every_flipped_bit_is_refused_and_leaves_zeros() {
    for key in keys() {
        let sealed = key.seal(b"file 1", b"attack at dawn").unwrap();
        for bit in 0..sealed.len() * 8 {
            let mut flipped = sealed.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_refused(&key, b"file 1", &flipped, &format!("bit {bit}"));
        }
        for bit in 0..48 {
            let mut aad = *b"file 1";
            aad[bit / 8] ^= 1 << (bit % 8);
            assert_refused(&key, &aad, &sealed, &format!("bit {bit} of the associated data"));
        }
        assert_eq!(key.open(b"file 1", &sealed).unwrap(), b"attack at dawn");
    }
}

#[test]
fn at_c8_every_truncation_and_every_lie_about_lengths_is_refused() {
    for key in keys() {
        for message in [b"".as_slice(), b"attack at dawn"] {
            let sealed = key.seal(b"aad", message).unwrap();
            let (longer, moved) = ([sealed.as_slice(), &[0]].concat(), [b"d", sealed.as_slice()].concat());
            for length in 0..sealed.len() {
                assert_refused(&key, b"aad", &sealed[..length], &format!("cut to {length}"));
                assert_refused(&key, b"aad", &sealed[sealed.len() - length..], &format!("last {length}"));
            }
            assert_refused(&key, b"aad", &longer, "a byte more");
            assert_refused(&key, b"aad", &[sealed.as_slice(), &sealed].concat(), "twice");
            // The border between associated data and message moves, the bytes in a row stay the same.
            assert_refused(&key, b"aa", &moved, "a byte of associated data as message");
            assert_refused(&key, b"", &sealed, "without associated data");
        }
        for length in 0..=key.algorithm().overhead() {
            assert_refused(&key, b"", &vec![0; length], &format!("{length} zeros"));
        }
    }
}

#[test]
fn a_message_of_another_key_or_algorithm_does_not_open() {
    for (a, b) in keys().zip(keys()) {
        assert_refused(&b, b"", &a.seal(b"", b"message").unwrap(), "another key");
    }
    let material = || Secret::from(vec![7; 32]);
    let aes = DataKey::new(DataAlgorithm::Aes256Gcm, material()).unwrap();
    let chacha = DataKey::new(DataAlgorithm::ChaCha20Poly1305, material()).unwrap();
    assert_refused(&chacha, b"", &aes.seal(b"", b"message").unwrap(), "another algorithm");
}

#[test]
fn at_c1_two_copies_of_a_message_have_nothing_in_common() {
    for key in keys() {
        let mut nonces = HashSet::new();
        for _ in 0..1000 {
            let sealed = key.seal(b"", &[0; 16]).unwrap();
            assert_eq!(sealed.len(), 16 + key.algorithm().overhead());
            assert!(nonces.insert(sealed[..key.algorithm().nonce_len()].to_vec()), "a nonce repeats");
        }
    }
}

#[test]
fn at_c1_two_holders_of_one_key_draw_different_nonces() {
    for algorithm in DataAlgorithm::ALL {
        let holder = || DataKey::new(algorithm, Secret::from(vec![7; algorithm.key_len()])).unwrap();
        let (a, b) = (holder(), holder());
        assert_ne!(a.seal(b"", b"message"), b.seal(b"", b"message"));
        assert_eq!(a.open(b"", &b.seal(b"", b"message").unwrap()).unwrap(), b"message");
    }
}

#[test]
fn keys_of_other_lengths_are_refused() {
    for algorithm in DataAlgorithm::ALL {
        for length in (0..70).filter(|length| *length != algorithm.key_len()) {
            let made = DataKey::new(algorithm, Secret::from(vec![7; length])).map(|_| ());
            assert_eq!(made, Err(CryptoError::InvalidKey), "{algorithm:?} {length}");
        }
    }
}

#[test]
fn names_lead_back_to_their_algorithms() {
    for algorithm in DataAlgorithm::ALL {
        assert_eq!(DataAlgorithm::from_name(algorithm.name()), Some(algorithm));
    }
    for other in ["", "AES-256-GCM", "aes-256-cbc", "aes-256-gcm "] {
        assert_eq!(DataAlgorithm::from_name(other), None, "{other}");
    }
}

#[test]
fn debug_texts_show_no_key_and_keys_cross_threads() {
    fn crosses<T: Send + Sync>(_: &T) {}
    let key = DataKey::new(DataAlgorithm::XChaCha20Poly1305, Secret::from(vec![0xab; 32])).unwrap();
    crosses(&key);
    key.seal(b"", b"").unwrap();
    assert_eq!(format!("{key:?}"), "DataKey(XChaCha20Poly1305, 1 sealed)");
}

proptest! {
    #[test]
    fn what_is_sealed_opens_in_every_way(
        algorithm in prop::sample::select(DataAlgorithm::ALL.to_vec()),
        message in prop::collection::vec(any::<u8>(), 0..300),
        aad in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let key = DataKey::generate(algorithm).unwrap();
        let mut sealed = key.seal(&aad, &message).unwrap();
        prop_assert_eq!(sealed.len(), message.len() + algorithm.overhead());
        prop_assert_eq!(&key.open(&aad, &sealed).unwrap(), &message);
        let secret = key.open_secret(&aad, &sealed).unwrap();
        prop_assert_eq!(secret.expose(), message.as_slice());
        prop_assert_eq!(&*key.open_in_place(&aad, &mut sealed).unwrap(), message.as_slice());
    }

    #[test]
    fn arbitrary_bytes_never_open(
        algorithm in prop::sample::select(DataAlgorithm::ALL.to_vec()),
        bytes in prop::collection::vec(any::<u8>(), 0..100),
    ) {
        assert_refused(&DataKey::generate(algorithm).unwrap(), b"", &bytes, "arbitrary");
    }
}
