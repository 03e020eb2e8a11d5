//! Labels and contexts of HKDF, and the keys of the two directions.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use dwcp_crypto::hkdf::{Hash, Prk};
use dwcp_crypto::{Aead, Algorithm, CryptoError, Secret, Side};

fn prk(hash: Hash) -> Prk {
    Prk::extract(hash, b"salt", &Secret::from((0..32).collect::<Vec<u8>>()))
}

fn label(prk: &Prk, label: &[u8], context: &[u8], length: usize) -> Vec<u8> {
    let mut out = vec![0; length];
    prk.expand_label(label, context, &mut out).unwrap();
    out
}

/// The expected bytes come from a separate implementation of the documented layout over HMAC.
#[test]
fn expand_label_has_the_documented_layout() {
    for (hash, expected) in [
        (Hash::Sha256, "43d0cbfc27f22952e2bf177293bbd9b111defb71725617bbeb5b9f3220be578611e397e1"),
        (Hash::Sha384, "105486553b073d48a8fa2e5754348ba9a95d24eb07b200c9fae5eb98f96b10fb2f1fe5a1"),
    ] {
        let out = label(&prk(hash), b"initiator seals", b"a and b", 36);
        let hex: String = out.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, expected);
    }
}

#[test]
fn no_label_context_or_length_leads_to_the_bytes_of_another() {
    let prk = prk(Hash::Sha256);
    let base = label(&prk, b"ab", b"c", 32);
    assert_ne!(base, label(&prk, b"a", b"bc", 32));
    assert_ne!(base, label(&prk, b"abc", b"", 32));
    assert_ne!(base, label(&prk, b"ab", b"C", 32));
    assert_ne!(base[..16], label(&prk, b"ab", b"c", 16), "a shorter output is no beginning of a longer one");
    assert_eq!(base, label(&prk, b"ab", b"c", 32));
}

#[test]
fn derivations_out_of_bounds_are_refused_and_write_nothing() {
    let prk = prk(Hash::Sha256);
    let mut out = [7; 32];
    assert_eq!(prk.expand_label(&[0; 250], b"", &mut out), Err(CryptoError::DerivationTooLarge));
    assert_eq!(prk.expand_label(b"", &[0; 65_536], &mut out), Err(CryptoError::DerivationTooLarge));
    assert_eq!(out, [7; 32]);
    let mut long = [7; 255 * 32 + 1];
    assert_eq!(prk.expand_label(b"", b"", &mut long), Err(CryptoError::DerivationTooLarge));
    assert!(long.iter().all(|byte| *byte == 7));
    assert_eq!(prk.secret(b"", b"", usize::MAX).map(|_| ()), Err(CryptoError::DerivationTooLarge));
    assert_eq!(prk.expand_label(&[0; 249], &[0; 65_535], &mut out), Ok(()));
}

#[test]
fn at_c4_a_message_reflected_to_its_sender_does_not_open() {
    let aead = Aead::new(Algorithm::Aes256Gcm);
    let (mut seal_a, open_a) = aead.duplex(&prk(Hash::Sha384), Side::Initiator, b"a and b").unwrap();
    let (mut seal_b, open_b) = aead.duplex(&prk(Hash::Sha384), Side::Responder, b"a and b").unwrap();
    let mut message = b"to b".to_vec();
    let sequence = seal_a.seal_in_place(b"", &mut message).unwrap();
    assert_eq!(open_a.open_in_place(sequence, b"", &mut message.clone()), Err(CryptoError::NotAuthentic));
    assert_eq!(open_b.open_in_place(sequence, b"", &mut message).unwrap(), b"to b");
    let mut answer = b"to a".to_vec();
    let sequence = seal_b.seal_in_place(b"", &mut answer).unwrap();
    assert_eq!(open_b.open_in_place(sequence, b"", &mut answer.clone()), Err(CryptoError::NotAuthentic));
    assert_eq!(open_a.open_in_place(sequence, b"", &mut answer).unwrap(), b"to a");
}

#[test]
fn at_c5_keys_of_another_conversation_do_not_open() {
    let aead = Aead::new(Algorithm::ChaCha20Poly1305);
    let (mut seal, _) = aead.duplex(&prk(Hash::Sha256), Side::Initiator, b"a and b").unwrap();
    let (_, open) = aead.duplex(&prk(Hash::Sha256), Side::Responder, b"a and mallory").unwrap();
    let mut message = b"to b".to_vec();
    let sequence = seal.seal_in_place(b"", &mut message).unwrap();
    assert_eq!(open.open_in_place(sequence, b"", &mut message), Err(CryptoError::NotAuthentic));
}
