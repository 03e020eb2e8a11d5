//! Signing keys: made, written, read back, and used.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use dwcp_crypto::{CryptoError, KeyType, Secret, SigningKey};
use proptest::prelude::*;
use ring::signature::{ECDSA_P256_SHA256_ASN1, ECDSA_P384_SHA384_ASN1, ED25519, UnparsedPublicKey};

const KINDS: [KeyType; 3] = [KeyType::EcdsaP256, KeyType::EcdsaP384, KeyType::Ed25519];

fn verifies(key: &SigningKey, message: &[u8], signature: &[u8]) -> bool {
    match key.key_type() {
        KeyType::EcdsaP256 => UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, key.public_key()),
        KeyType::EcdsaP384 => UnparsedPublicKey::new(&ECDSA_P384_SHA384_ASN1, key.public_key()),
        KeyType::Ed25519 => UnparsedPublicKey::new(&ED25519, key.public_key()),
        other => panic!("no verifier for {other}"),
    }
    .verify(message, signature)
    .is_ok()
}

fn copy(secret: &Secret) -> Secret {
    Secret::from(secret.expose().to_vec())
}

#[test]
fn a_key_signs_and_survives_its_pkcs8_form() {
    for (kind, public_len) in [(KeyType::EcdsaP256, 65), (KeyType::EcdsaP384, 97), (KeyType::Ed25519, 32)] {
        let key = SigningKey::generate(kind).unwrap();
        assert_eq!((key.key_type(), key.public_key().len()), (kind, public_len));
        let signature = key.sign(b"message").unwrap();
        assert!(verifies(&key, b"message", &signature));
        assert!(!verifies(&key, b"massage", &signature));
        let read = SigningKey::from_pkcs8(copy(key.pkcs8())).unwrap();
        assert_eq!((read.key_type(), read.public_key()), (kind, key.public_key()));
        assert!(verifies(&key, b"again", &read.sign(b"again").unwrap()));
        assert_ne!(SigningKey::generate(kind).unwrap().public_key(), key.public_key());
        assert_eq!(format!("{key:?}"), format!("SigningKey({kind})"));
    }
}

/// RFC 8410 §10.3 has the private key and its public key; the encoding is the one that this crate writes too.
#[test]
fn ed25519_reads_and_writes_the_form_of_rfc_8410() {
    let seed = "d4ee72dbf913584ad5b6d8f1f769f8ad3afe7c28cbf1d4fbe097a88f44755842";
    let public = "19bf44096984cdfe8541bac167dc3b96c85086aa30b6b6cb0c5c38ad703166e1";
    let bytes = |hex: &str| -> Vec<u8> {
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
    };
    let der = [bytes("302e020100300506032b657004220420"), bytes(seed)].concat();
    let key = SigningKey::from_pkcs8(Secret::from(der)).unwrap();
    assert_eq!((key.key_type(), key.public_key()), (KeyType::Ed25519, bytes(public).as_slice()));
    let fresh = SigningKey::generate(KeyType::Ed25519).unwrap();
    assert_eq!(fresh.pkcs8().len(), 48);
    assert_eq!(fresh.pkcs8().expose()[..16], key.pkcs8().expose()[..16]);
}

#[test]
fn a_public_key_that_does_not_belong_to_the_private_one_is_refused() {
    for kind in [KeyType::EcdsaP256, KeyType::EcdsaP384] {
        let (ours, other) = (SigningKey::generate(kind).unwrap(), SigningKey::generate(kind).unwrap());
        let mut der = ours.pkcs8().expose().to_vec();
        let at = der.len() - other.public_key().len();
        assert_eq!(der[at..], *ours.public_key(), "the public key stands at the end");
        der[at..].copy_from_slice(other.public_key());
        assert_eq!(SigningKey::from_pkcs8(Secret::from(der)).map(|_| ()), Err(CryptoError::InvalidKey));
    }
}

#[test]
fn truncated_extended_and_oversized_keys_are_refused() {
    for kind in KINDS {
        let der = SigningKey::generate(kind).unwrap().pkcs8().expose().to_vec();
        for length in 0..der.len() {
            let cut = SigningKey::from_pkcs8(Secret::from(der[..length].to_vec()));
            assert_eq!(cut.map(|_| ()), Err(CryptoError::InvalidKey), "{kind} cut to {length}");
        }
        for extra in [1, 5000] {
            let longer = [der.as_slice(), &vec![0; extra]].concat();
            assert_eq!(
                SigningKey::from_pkcs8(Secret::from(longer)).map(|_| ()),
                Err(CryptoError::InvalidKey)
            );
        }
    }
}

#[test]
fn names_make_the_round_trip_and_others_are_refused() {
    for kind in KINDS {
        assert_eq!(kind.to_string().parse(), Ok(kind));
    }
    for name in ["", "P256", "p256 ", "p-256", "rsa", "ed448"] {
        assert_eq!(name.parse::<KeyType>(), Err(CryptoError::UnknownName), "{name:?}");
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_are_no_key_and_do_not_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert_eq!(SigningKey::from_pkcs8(Secret::from(bytes)).map(|_| ()), Err(CryptoError::InvalidKey));
    }
}
