//! Sealed messages as an attacker would change them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use dwcp_crypto::{Aead, Algorithm, CryptoError, OpeningKey, SealingKey, Secret, Sequence};
use proptest::prelude::*;

const ALGORITHMS: [Algorithm; 3] = [Algorithm::Aes256Gcm, Algorithm::Aes128Gcm, Algorithm::ChaCha20Poly1305];

fn assert_refused(key: &OpeningKey, sequence: Sequence, aad: &[u8], mut sealed: Vec<u8>, what: &str) {
    let result = key.open_in_place(sequence, aad, &mut sealed).map(|_| ());
    assert_eq!(result, Err(CryptoError::NotAuthentic), "{what}");
    assert!(sealed.iter().all(|byte| *byte == 0), "{what}: the buffer is not wiped");
}

#[test]
fn every_flipped_bit_is_refused_and_leaves_no_plaintext() {
    for algorithm in ALGORITHMS {
        let (mut sealing, opening) = Aead::new(algorithm).pair().unwrap();
        let mut sealed = b"attack at dawn".to_vec();
        let sequence = sealing.seal_in_place(b"to b", &mut sealed).unwrap();
        for bit in 0..sealed.len() * 8 {
            let mut flipped = sealed.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_refused(&opening, sequence, b"to b", flipped, &format!("{algorithm:?} bit {bit}"));
        }
        for bit in 0..32 {
            let mut aad = *b"to b";
            aad[bit / 8] ^= 1 << (bit % 8);
            assert_refused(&opening, sequence, &aad, sealed.clone(), &format!("{algorithm:?} aad bit {bit}"));
        }
        for bit in 0..64 {
            let other = Sequence::new(sequence.number() ^ (1 << bit));
            assert_refused(
                &opening,
                other,
                b"to b",
                sealed.clone(),
                &format!("{algorithm:?} number bit {bit}"),
            );
        }
        assert_eq!(opening.open_in_place(sequence, b"to b", &mut sealed).unwrap(), b"attack at dawn");
    }
}

#[test]
fn at_c8_truncated_tags_and_lengths_that_lie_are_refused() {
    for algorithm in ALGORITHMS {
        let (mut sealing, opening) = Aead::new(algorithm).pair().unwrap();
        let mut sealed = b"message".to_vec();
        let sequence = sealing.seal_in_place(b"aad", &mut sealed).unwrap();
        for length in 0..sealed.len() {
            let what = format!("{algorithm:?} cut to {length}");
            assert_refused(&opening, sequence, b"aad", sealed[..length].to_vec(), &what);
            assert_refused(&opening, sequence, b"aad", sealed[sealed.len() - length..].to_vec(), &what);
        }
        let longer = [sealed.as_slice(), &[0]].concat();
        assert_refused(&opening, sequence, b"aad", longer, "one byte more");
        // The border between associated data and message moves, the bytes in a row stay the same.
        let moved = [b"d".as_slice(), &sealed].concat();
        assert_refused(&opening, sequence, b"aa", moved, "a byte of associated data as message");
        let aad = [b"aad".as_slice(), &sealed[..1]].concat();
        assert_refused(
            &opening,
            sequence,
            &aad,
            sealed[1..].to_vec(),
            "a byte of message as associated data",
        );
    }
}

#[test]
fn at_c8_an_empty_message_has_a_full_tag() {
    for algorithm in ALGORITHMS {
        let (mut sealing, opening) = Aead::new(algorithm).pair().unwrap();
        let mut sealed = vec![];
        let sequence = sealing.seal_in_place(b"", &mut sealed).unwrap();
        assert_eq!(sealed.len(), algorithm.tag_len());
        assert_refused(&opening, sequence, b"", sealed[..15].to_vec(), "15 bytes of tag");
        assert_refused(&opening, sequence, b"", vec![], "no tag at all");
        assert_eq!(opening.open_in_place(sequence, b"", &mut sealed).unwrap(), b"");
    }
}

#[test]
fn at_c1_equal_messages_never_have_equal_ciphertexts() {
    for algorithm in ALGORITHMS {
        let (mut sealing, _) = Aead::new(algorithm).pair().unwrap();
        let mut seen = std::collections::HashSet::new();
        for number in 0..1000 {
            let mut message = vec![0; 16];
            assert_eq!(sealing.seal_in_place(b"", &mut message).unwrap().number(), number);
            assert!(seen.insert(message), "message {number} repeats");
        }
    }
}

#[test]
fn debug_texts_show_no_key() {
    let material = Secret::from(vec![0xab; 36]);
    let sealing = SealingKey::new(Algorithm::Aes256Gcm, material).unwrap();
    assert_eq!(format!("{sealing:?}"), "SealingKey(Aes256Gcm, next 0)");
    let opening = OpeningKey::new(Algorithm::Aes256Gcm, Secret::from(vec![0xab; 36])).unwrap();
    assert_eq!(format!("{opening:?}"), "OpeningKey(Aes256Gcm, 0 forgeries)");
}

fn algorithm() -> impl Strategy<Value = Algorithm> {
    prop::sample::select(ALGORITHMS.to_vec())
}

proptest! {
    #[test]
    fn what_is_sealed_opens_in_any_order(
        algorithm in algorithm(),
        messages in prop::collection::vec(
            (prop::collection::vec(any::<u8>(), 0..200), prop::collection::vec(any::<u8>(), 0..40)), 1..8),
    ) {
        let (mut sealing, opening) = Aead::new(algorithm).pair().unwrap();
        let mut sealed = Vec::new();
        for (message, aad) in &messages {
            let mut buffer = message.clone();
            let sequence = sealing.seal_in_place(aad, &mut buffer).unwrap();
            prop_assert_eq!(buffer.len(), message.len() + algorithm.tag_len());
            sealed.push((sequence, buffer));
        }
        for ((sequence, buffer), (message, aad)) in sealed.iter_mut().zip(&messages).rev() {
            prop_assert_eq!(&*opening.open_in_place(*sequence, aad, buffer).unwrap(), message.as_slice());
        }
    }

    #[test]
    fn arbitrary_bytes_never_open(
        algorithm in algorithm(),
        number in any::<u64>(),
        mut bytes in prop::collection::vec(any::<u8>(), 0..100),
    ) {
        let (_, opening) = Aead::new(algorithm).pair().unwrap();
        prop_assert_eq!(
            opening.open_in_place(Sequence::new(number), b"", &mut bytes),
            Err(CryptoError::NotAuthentic)
        );
        prop_assert!(bytes.iter().all(|byte| *byte == 0));
    }
}

#[test]
fn keys_may_cross_threads() {
    fn crosses<T: Send + Sync>() {}
    crosses::<SealingKey>();
    crosses::<OpeningKey>();
    crosses::<Secret>();
    crosses::<dwcp_crypto::SigningKey>();
    crosses::<dwcp_crypto::KeyAgreement>();
    crosses::<dwcp_crypto::hkdf::Prk>();
}
