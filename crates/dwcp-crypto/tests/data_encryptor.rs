//! Data under passphrases: rotated, reopened, damaged, and older than this crate.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use dwcp_crypto::{
    CryptoError, DataAlgorithm, DataEncryptor, EncryptionConfig, Kdf, KdfParams, NewPassphrase, Passphrase,
    Secret,
};
use proptest::prelude::*;
use std::sync::OnceLock;

/// The cheapest that new data may have, so that many tests take little time.
fn config(algorithm: DataAlgorithm) -> EncryptionConfig {
    EncryptionConfig { algorithm, kdf: KdfParams::argon2id(19_456, 2, 1).unwrap() }
}

fn generated() -> (NewPassphrase, Passphrase) {
    let (new, text) = NewPassphrase::generate().unwrap();
    (new, Passphrase::new(text.expose()).unwrap())
}

/// One encryptor for the tests that do not change it.
fn shared() -> &'static (DataEncryptor, Passphrase) {
    static SHARED: OnceLock<(DataEncryptor, Passphrase)> = OnceLock::new();
    SHARED.get_or_init(|| {
        let (new, passphrase) = generated();
        (DataEncryptor::create(&new, config(DataAlgorithm::Aes256Gcm)).unwrap(), passphrase)
    })
}

fn refusal(result: Result<DataEncryptor, CryptoError>) -> CryptoError {
    result.map(|encryptor| format!("{encryptor:?}")).unwrap_err()
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

#[test]
fn the_passphrase_and_the_stored_text_open_what_was_sealed() {
    for algorithm in DataAlgorithm::ALL {
        let (new, passphrase) = generated();
        let encryptor = DataEncryptor::create(&new, config(algorithm)).unwrap();
        let sealed = encryptor.encrypt(b"the bridge is open", b"note 1").unwrap();
        assert_eq!(sealed[0], 1);
        assert_eq!(sealed[1..5], encryptor.key_id().to_be_bytes());
        assert_eq!(sealed.len(), 18 + 5 + algorithm.overhead());
        let again = DataEncryptor::open(&passphrase, encryptor.stored()).unwrap();
        assert_eq!((again.key_id(), again.algorithm()), (encryptor.key_id(), algorithm));
        assert_eq!(again.stored(), encryptor.stored());
        assert_eq!(again.decrypt(&sealed, b"note 1").unwrap(), b"the bridge is open");
        assert_eq!(again.decrypt(&sealed, b"note 2"), Err(CryptoError::NotAuthentic));
        encryptor.erase();
    }
}

#[test]
fn the_default_is_aes_256_gcm_under_argon2id() {
    let (new, _) = generated();
    let encryptor = DataEncryptor::create(&new, EncryptionConfig::default()).unwrap();
    assert!(encryptor.stored().starts_with("dwcp-data-1 tink aes-256-gcm $argon2id$v=19$m=65536,t=3,p=4$"));
}

#[test]
fn at_c7_a_stored_text_commits_to_one_passphrase_so_that_a_wrong_one_is_told_from_damaged_data() {
    let (encryptor, passphrase) = shared();
    let (_, other) = generated();
    assert_eq!(refusal(DataEncryptor::open(&other, encryptor.stored())), CryptoError::WrongPassphrase);
    let mut sealed = encryptor.encrypt(b"message", b"").unwrap();
    sealed[20] ^= 1;
    let again = DataEncryptor::open(passphrase, encryptor.stored()).unwrap();
    assert_eq!(again.decrypt(&sealed, b""), Err(CryptoError::NotAuthentic));
}

#[test]
fn two_encryptors_of_one_passphrase_have_nothing_in_common() {
    let (new, passphrase) = generated();
    let make = || DataEncryptor::create(&new, config(DataAlgorithm::Aes256Gcm)).unwrap();
    let (a, b) = (make(), make());
    assert_ne!(a.key_id(), b.key_id());
    assert_ne!(a.stored(), b.stored());
    assert_eq!(b.decrypt(&a.encrypt(b"message", b"").unwrap(), b""), Err(CryptoError::NotAuthentic));
    assert!(DataEncryptor::open(&passphrase, b.stored()).is_ok());
}

#[test]
fn at_c1_two_sealed_copies_of_a_message_differ() {
    let (encryptor, _) = shared();
    let (a, b) = (encryptor.encrypt(b"message", b"").unwrap(), encryptor.encrypt(b"message", b"").unwrap());
    assert_eq!(a[..5], b[..5]);
    assert_ne!(a[5..17], b[5..17]);
}

#[test]
fn rotated_keys_still_open_and_new_data_has_the_new_key() {
    let (first, first_passphrase) = generated();
    let mut encryptor = DataEncryptor::create(&first, config(DataAlgorithm::Aes128Gcm)).unwrap();
    let first_stored = encryptor.stored().to_owned();
    let mut sealed = vec![encryptor.encrypt(b"0", b"aad").unwrap()];
    let mut passphrases = vec![];
    for algorithm in [DataAlgorithm::XChaCha20Poly1305, DataAlgorithm::Aes256Gcm] {
        let (new, passphrase) = generated();
        encryptor.rotate(&new, config(algorithm)).unwrap();
        assert_eq!(encryptor.algorithm(), algorithm);
        sealed.push(encryptor.encrypt(sealed.len().to_string().as_bytes(), b"aad").unwrap());
        passphrases.push(passphrase);
    }
    assert!(sealed[0][..5] != sealed[1][..5] && sealed[1][..5] != sealed[2][..5]);
    let again = DataEncryptor::open(&passphrases[1], encryptor.stored()).unwrap();
    for (number, sealed) in sealed.iter().enumerate() {
        assert_eq!(encryptor.decrypt(sealed, b"aad").unwrap(), number.to_string().as_bytes());
        assert_eq!(again.decrypt(sealed, b"aad").unwrap(), number.to_string().as_bytes());
    }
    // Passphrases of before open the new text as little as any other, and the old text knows nothing of new data.
    for old in [&first_passphrase, &passphrases[0]] {
        assert_eq!(refusal(DataEncryptor::open(old, encryptor.stored())), CryptoError::WrongPassphrase);
    }
    let old = DataEncryptor::open(&first_passphrase, &first_stored).unwrap();
    assert_eq!(old.decrypt(&sealed[0], b"aad").unwrap(), b"0");
    assert_eq!(old.decrypt(&sealed[2], b"aad"), Err(CryptoError::NotAuthentic));
    assert_eq!(
        format!("{encryptor:?}"),
        format!("DataEncryptor(Aes256Gcm, key {:08x}, 2 older)", encryptor.key_id())
    );
}

/// Sealed with Python's `cryptography` and `hashlib` the way the original did it.
#[test]
fn data_of_the_original_opens_and_its_key_never_seals() {
    let passphrase = Passphrase::new(b"correct horse battery staple").unwrap();
    for (phc, algorithm, sealed) in [
        (
            "$argon2id$v=19$m=65536,t=1,p=4$AAECAwQFBgcICQoLDA0ODw",
            DataAlgorithm::Aes256Gcm,
            "000102030405060708090a0b173d2bb13fcb90f520dfef6c7e46e7dc822ed6a94d4a7aeb562d82a017bf84",
        ),
        (
            "$pbkdf2-sha256$i=100000$AAECAwQFBgcICQoLDA0ODw",
            DataAlgorithm::Aes256Gcm,
            "0102030405060708090a0b0c09cc39f26519345115f93d9d61aa321eaafedb5ec137354a3b84ef965a99e9",
        ),
        (
            "$pbkdf2-sha256$i=100000$AAECAwQFBgcICQoLDA0ODw",
            DataAlgorithm::Aes128Gcm,
            "0102030405060708090a0b0c973fd7257c1ce78e3798ece9f326fa5b0c7a9272dcce877494d8f89fec30c0",
        ),
        (
            "$pbkdf2-sha256$i=1000000$AAECAwQFBgcICQoLDA0ODw",
            DataAlgorithm::ChaCha20Poly1305,
            "02030405060708090a0b0c0dca37d2165270153690eb72ddb221245e2402a52b56a07a75cb80dae987f12f",
        ),
    ] {
        let sealed = unhex(sealed);
        let kdf = Kdf::from_phc(phc).unwrap();
        let mut encryptor = DataEncryptor::open_original(&passphrase, algorithm, kdf.clone()).unwrap();
        assert_eq!(encryptor.decrypt(&sealed, b"").unwrap(), b"sealed long ago", "{phc}");
        assert_eq!(encryptor.decrypt(&sealed, b"aad"), Err(CryptoError::NotAuthentic));
        assert_eq!(encryptor.encrypt(b"new data", b""), Err(CryptoError::LegacyKey), "{phc}");
        let again = DataEncryptor::open(&passphrase, encryptor.stored()).unwrap();
        assert_eq!(again.decrypt(&sealed, b"").unwrap(), b"sealed long ago");
        assert_eq!(again.encrypt(b"new data", b""), Err(CryptoError::LegacyKey));
        let wrong = Passphrase::new(b"incorrect horse").unwrap();
        let other = DataEncryptor::open_original(&wrong, algorithm, kdf).unwrap();
        assert_eq!(other.decrypt(&sealed, b""), Err(CryptoError::NotAuthentic));
        let (new, new_passphrase) = generated();
        encryptor.rotate(&new, config(DataAlgorithm::Aes256Gcm)).unwrap();
        let fresh = encryptor.encrypt(b"new data", b"aad").unwrap();
        let again = DataEncryptor::open(&new_passphrase, encryptor.stored()).unwrap();
        assert_eq!(again.decrypt(&sealed, b"").unwrap(), b"sealed long ago");
        assert_eq!(again.decrypt(&fresh, b"aad").unwrap(), b"new data");
    }
}

/// Text and message were made by `docs/formats/data_encryptor.py`, which shares no code with this crate.
#[test]
fn what_another_implementation_stored_and_sealed_opens() {
    let passphrase = Passphrase::new("Zürich im Regen".as_bytes()).unwrap();
    let stored = "dwcp-data-1 tink aes-256-gcm $pbkdf2-sha256$i=600001$EBESExQVFhcYGRobHB0eHw 2NcFcgk2yirQcZaJAQEASvABkSS8esIqd3hx1+sq4Cc AAECAwQFBgcICQoLd0ZfB/gkke5vBp21iq2uSxXNC2Fbxziri0BSzATTTVrL4+goGLoSo0xmU8ay30qzXiOSQGVb";
    let encryptor = DataEncryptor::open(&passphrase, stored).unwrap();
    assert_eq!(encryptor.key_id(), 0xb420_3b90);
    assert_eq!(encryptor.decrypt(&unhex("01b4203b90202122232425262728292a2b480634b8db7757fedc08f7020d59de354a7b76ddcf9f092a01bbb644f8cf22afc2db"), b"context").unwrap(), b"the bridge is open");
    assert_eq!(encryptor.decrypt(&unhex("019bbe6429101112131415161718191a1b5e22a44479186e41f42dab3633afa14eda889444bfbdd1a93bfc0e5dfb7914f274c88604"), b"context").unwrap(), b"the bridge is closed");
}

#[test]
fn every_flipped_bit_and_every_truncation_is_refused() {
    let (encryptor, _) = shared();
    let sealed = encryptor.encrypt(b"attack at dawn", b"aad").unwrap();
    for bit in 0..sealed.len() * 8 {
        let mut flipped = sealed.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(encryptor.decrypt(&flipped, b"aad"), Err(CryptoError::NotAuthentic), "bit {bit}");
    }
    for length in 0..sealed.len() {
        assert_eq!(encryptor.decrypt(&sealed[..length], b"aad"), Err(CryptoError::NotAuthentic), "{length}");
        assert_eq!(
            encryptor.decrypt(&sealed[length + 1..], b"aad"),
            Err(CryptoError::NotAuthentic),
            "{length}"
        );
    }
}

#[test]
fn at_e2_every_change_of_the_stored_text_is_refused() {
    let (first, _) = generated();
    let (second, passphrase) = generated();
    let mut encryptor = DataEncryptor::create(&first, config(DataAlgorithm::Aes256Gcm)).unwrap();
    encryptor.rotate(&second, config(DataAlgorithm::Aes256Gcm)).unwrap();
    let stored = encryptor.stored();
    for (from, to, expected) in [
        ("t=2", "t=1", CryptoError::WrongPassphrase),
        ("m=19456", "m=8", CryptoError::WrongPassphrase),
        ("m=19456", "m=4294967296", CryptoError::ExcessiveParameters),
        ("aes-256-gcm", "xchacha20-poly1305", CryptoError::WrongPassphrase),
        ("aes-256-gcm", "AES-256-GCM", CryptoError::InvalidParameters),
        (" tink ", " original ", CryptoError::WrongPassphrase),
        (" tink ", " raw ", CryptoError::InvalidParameters),
        (" tink ", "  tink ", CryptoError::InvalidParameters),
        ("dwcp-data-1", "dwcp-data-2", CryptoError::InvalidParameters),
        ("argon2id", "argon2i", CryptoError::InvalidParameters),
    ] {
        let changed = stored.replacen(from, to, 1);
        assert_ne!(changed, stored);
        assert_eq!(refusal(DataEncryptor::open(&passphrase, &changed)), expected, "{from} to {to}");
    }
    // Without the older keys, with another's, with a word more, and cut anywhere.
    let without = stored.rsplit_once(' ').unwrap().0;
    assert_eq!(refusal(DataEncryptor::open(&passphrase, without)), CryptoError::WrongPassphrase);
    for added in [" ", " AAAA", "\n"] {
        let changed = format!("{stored}{added}");
        assert_ne!(refusal(DataEncryptor::open(&passphrase, &changed)), CryptoError::NotAuthentic);
    }
    assert_eq!(refusal(DataEncryptor::open(&passphrase, &"a".repeat(2049))), CryptoError::InvalidParameters);
    let start = without.rsplit_once(' ').unwrap().0.len();
    for at in (0..start).chain((start..stored.len()).step_by(17)) {
        assert!(DataEncryptor::open(&passphrase, &stored[..at]).is_err(), "cut at {at}");
        let mut changed = stored.as_bytes().to_vec();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(changed).unwrap();
        assert!(DataEncryptor::open(&passphrase, &changed).is_err(), "changed at {at}");
    }
    assert!(DataEncryptor::open(&passphrase, stored).is_ok());
}

#[test]
fn nothing_shows_a_secret() {
    let text = Secret::from(b"abcdef-0123456789-ghijkl".to_vec());
    let passphrase = Passphrase::new(text.expose()).unwrap();
    let kdf = Kdf::from_phc("$pbkdf2-sha256$i=1$AAECAwQFBgcICQoLDA0ODw").unwrap();
    let key = kdf.derive(&passphrase, 32).unwrap();
    let encryptor = DataEncryptor::open_original(&passphrase, DataAlgorithm::Aes256Gcm, kdf.clone()).unwrap();
    let shown = format!("{encryptor:?} {passphrase:?} {kdf:?} {key:?} {} {text:?}", encryptor.stored());
    assert!(!shown.contains("abcdef"));
    let hex: String = key.expose().iter().map(|byte| format!("{byte:02x}")).collect();
    let list = format!("{:?}", key.expose());
    assert!(!shown.contains(&hex[..8]) && !shown.contains(&list[1..12]), "{shown}");
}

#[test]
fn encryptors_cross_threads() {
    fn crosses<T: Send + Sync>() {}
    crosses::<DataEncryptor>();
    crosses::<Passphrase>();
    crosses::<NewPassphrase>();
    crosses::<Kdf>();
}

proptest! {
    #[test]
    fn what_is_encrypted_is_decrypted(
        message in prop::collection::vec(any::<u8>(), 0..300),
        aad in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let (encryptor, _) = shared();
        let sealed = encryptor.encrypt(&message, &aad).unwrap();
        prop_assert_eq!(encryptor.decrypt(&sealed, &aad).unwrap(), message);
    }

    #[test]
    fn arbitrary_bytes_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
        let (encryptor, _) = shared();
        prop_assert_eq!(encryptor.decrypt(&bytes, b""), Err(CryptoError::NotAuthentic));
        let named = [&[1], encryptor.key_id().to_be_bytes().as_slice(), &bytes].concat();
        prop_assert_eq!(encryptor.decrypt(&named, b""), Err(CryptoError::NotAuthentic));
    }

    #[test]
    fn arbitrary_text_is_no_encryptor(text in ".{0,200}") {
        prop_assert!(DataEncryptor::open(&shared().1, &text).is_err());
    }
}
