//! What only a version that this crate does not make any more can show.

use super::*;
use crate::Secret;
use base64ct::{Base64Unpadded, Encoding};

fn any(text: &[u8]) -> Passphrase {
    Passphrase::new(text).unwrap()
}

/// An encryptor as an earlier release with lower floors would have stored it.
fn earlier(phc: &str) -> DataEncryptor {
    let header =
        Header { form: Form::Tink, algorithm: DataAlgorithm::Aes256Gcm, kdf: Kdf::from_phc(phc).unwrap() };
    let schedule = Schedule::derive(&any(b"passphrase of then"), &header).unwrap();
    let stored = stored::write(&header, &schedule, [].into_iter()).unwrap();
    DataEncryptor::of(schedule.version(header).unwrap(), stored)
}

#[test]
fn at_e2_a_key_below_the_floor_of_today_opens_and_refuses_to_seal() {
    for phc in [
        "$argon2id$v=19$m=1024,t=1,p=4$AAECAwQFBgcICQoLDA0ODw",
        "$pbkdf2-sha256$i=100000$AAECAwQFBgcICQoLDA0ODw",
    ] {
        let then = earlier(phc);
        let sealed = then.newest.key.seal_prefixed(&then.newest.prefix(), b"aad", b"old data").unwrap();
        let now = DataEncryptor::open(&any(b"passphrase of then"), then.stored()).unwrap();
        assert_eq!(now.decrypt(&sealed, b"aad").unwrap(), b"old data");
        assert_eq!(now.encrypt(b"new data", b""), Err(CryptoError::LegacyKey));
        assert_eq!(now.sealed_messages(), 0);
    }
}

#[test]
fn sixteen_older_keys_are_kept_and_all_of_them_come_back() {
    let mut encryptor = earlier("$pbkdf2-sha256$i=1$AAECAwQFBgcICQoLDA0ODw");
    let mut sealed = vec![];
    for number in 0_u8..16 {
        // Rotation by hand, with a cheap derivation: seventeen of today's would take a while.
        let algorithm = DataAlgorithm::ALL[usize::from(number % 4)];
        let kdf = Kdf::from_phc("$pbkdf2-sha256$i=2$AAECAwQFBgcICQoLDA0ODw").unwrap();
        let header = Header { form: Form::Tink, algorithm, kdf };
        let schedule = Schedule::derive(&any(&[b'a' + number]), &header).unwrap();
        let older = std::iter::once(&encryptor.newest).chain(&encryptor.older);
        encryptor.stored = stored::write(&header, &schedule, older).unwrap();
        let newest = schedule.version(header).unwrap();
        encryptor.older.insert(0, std::mem::replace(&mut encryptor.newest, newest));
        let newest = &encryptor.newest;
        sealed.push(newest.key.seal_prefixed(&newest.prefix(), b"", &[number]).unwrap());
    }
    assert!(encryptor.stored().len() < 2048, "{}", encryptor.stored().len());
    let mut again = DataEncryptor::open(&any(b"p"), encryptor.stored()).unwrap();
    assert_eq!(again.older.len(), 16);
    for (number, sealed) in (0..).zip(&sealed) {
        assert_eq!(again.decrypt(sealed, b"").unwrap(), [number]);
    }
    let (passphrase, _) = NewPassphrase::generate().unwrap();
    let refused = again.rotate(&passphrase, EncryptionConfig::default());
    assert_eq!(refused, Err(CryptoError::TooManyKeys));
    assert_eq!(again.stored(), encryptor.stored(), "a refused rotation changes nothing");
}

/// Two keys may have one id by chance, or by the will of who chose passphrases until they did.
#[test]
fn a_key_with_the_id_of_another_does_not_hide_it() {
    let mut encryptor = earlier("$pbkdf2-sha256$i=1$AAECAwQFBgcICQoLDA0ODw");
    let key = DataKey::new(DataAlgorithm::Aes128Gcm, Secret::from(vec![7; 16])).unwrap();
    let twin = Version { form: Form::Tink, id: encryptor.newest.id, key, may_seal: false };
    let sealed = twin.key.seal_prefixed(&twin.prefix(), b"", b"of the twin").unwrap();
    encryptor.older.push(twin);
    assert_eq!(encryptor.decrypt(&sealed, b"").unwrap(), b"of the twin");
}

#[test]
fn an_original_nonce_that_looks_like_a_prefix_still_opens() {
    let original = Kdf::from_phc("$pbkdf2-sha256$i=1$AAECAwQFBgcICQoLDA0ODw").unwrap();
    let mut encryptor = earlier("$pbkdf2-sha256$i=1$AAECAwQFBgcICQoLDA0ODw");
    let opened = DataEncryptor::open_original(&any(b"p"), DataAlgorithm::Aes256Gcm, original).unwrap();
    let sealed = opened.newest.key.seal(b"", b"old data").unwrap();
    let prefix: [u8; 4] = sealed[1..5].try_into().unwrap();
    encryptor.newest.id = prefix;
    encryptor.older.push(opened.newest);
    let mut found = sealed;
    // The prefix matches when the first byte does as well, once in 256 messages: draw until it does.
    while found[0] != TINK {
        found = encryptor.older[0].key.seal(b"", b"old data").unwrap();
        encryptor.newest.id = found[1..5].try_into().unwrap();
    }
    assert_eq!(encryptor.decrypt(&found, b"").unwrap(), b"old data");
    assert_eq!(encryptor.decrypt(&found, b"aad"), Err(CryptoError::NotAuthentic));
}

const CHEAP: &str = "$pbkdf2-sha256$i=1$AAECAwQFBgcICQoLDA0ODw";
const THEN: &[u8] = b"passphrase of then";

fn refusal(stored: &str) -> CryptoError {
    DataEncryptor::open(&any(THEN), stored).map(|_| ()).unwrap_err()
}

/// A text whose commitment is true, with whatever in the place of older keys.
fn committed(older: &str) -> String {
    let header =
        Header { form: Form::Tink, algorithm: DataAlgorithm::Aes256Gcm, kdf: Kdf::from_phc(CHEAP).unwrap() };
    let schedule = Schedule::derive(&any(THEN), &header).unwrap();
    let commitment = Base64Unpadded::encode_string(&schedule.commitment(older).unwrap());
    format!("{header} {commitment} {older}")
}

/// The same, with `entries` as its older keys, sealed as they should be.
fn holding(entries: &[u8]) -> String {
    let header =
        Header { form: Form::Tink, algorithm: DataAlgorithm::Aes256Gcm, kdf: Kdf::from_phc(CHEAP).unwrap() };
    let key = Schedule::derive(&any(THEN), &header).unwrap().older_keys().unwrap();
    let sealed = key.seal(header.to_string().as_bytes(), entries).unwrap();
    committed(&Base64Unpadded::encode_string(&sealed))
}

#[test]
fn a_stored_text_has_2048_bytes_at_most() {
    let encryptor = earlier(CHEAP);
    // Of what is read whole the commitment tells that it is another text.
    for (length, expected) in [
        (2047, CryptoError::WrongPassphrase),
        (2048, CryptoError::WrongPassphrase),
        (2049, CryptoError::InvalidParameters),
    ] {
        let text = format!("{} {}", encryptor.stored(), "A".repeat(length - encryptor.stored().len() - 1));
        assert_eq!((text.len(), refusal(&text)), (length, expected));
    }
}

#[test]
fn a_stored_text_has_five_words_or_six() {
    let encryptor = earlier(CHEAP);
    let words: Vec<&str> = encryptor.stored().split(' ').collect();
    assert_eq!(words.len(), 5);
    assert!(DataEncryptor::open(&any(THEN), encryptor.stored()).is_ok());
    for count in 0..5 {
        assert_eq!(refusal(&words[..count].join(" ")), CryptoError::InvalidParameters, "{count} words");
    }
    assert_eq!(refusal(&format!("{} AAAA", encryptor.stored())), CryptoError::WrongPassphrase);
    for more in [" ", "  ", "  AAAA", " AAAA ", " AAAA AAAA", " AAAA AAAA AAAA"] {
        let text = format!("{}{more}", encryptor.stored());
        assert_eq!(refusal(&text), CryptoError::InvalidParameters, "{more:?}");
    }
}

#[test]
fn a_commitment_has_32_bytes() {
    let encryptor = earlier(CHEAP);
    let (start, _) = encryptor.stored().rsplit_once(' ').unwrap();
    for length in [0, 1, 31, 33, 64] {
        let text = format!("{start} {}", Base64Unpadded::encode_string(&vec![7; length]));
        assert_eq!(refusal(&text), CryptoError::InvalidParameters, "{length}");
    }
    let text = format!("{start} {}", Base64Unpadded::encode_string(&[7; 32]));
    assert_eq!(refusal(&text), CryptoError::WrongPassphrase);
}

#[test]
fn older_keys_are_16_at_most_and_whole() {
    // Form, algorithm, id, key.
    let aes_256 = [&[1, 1, 0, 0, 0, 9][..], &[7; 32]].concat();
    let aes_128 = [&[1, 2, 0, 0, 0, 9][..], &[7; 16]].concat();
    let opened = |entries: &[u8]| {
        DataEncryptor::open(&any(THEN), &holding(entries)).map(|encryptor| encryptor.older.len())
    };
    for count in [1, 15, 16] {
        assert_eq!(opened(&aes_256.repeat(count)), Ok(count));
        assert_eq!(opened(&aes_128.repeat(count)), Ok(count));
    }
    for count in [17, 18] {
        assert_eq!(opened(&aes_128.repeat(count)), Err(CryptoError::InvalidParameters), "{count}");
    }
    let two = [aes_256.as_slice(), &aes_128].concat();
    assert_eq!(opened(&two), Ok(2));
    for length in (1..two.len()).filter(|length| *length != aes_256.len()) {
        assert_eq!(opened(&two[..length]), Err(CryptoError::InvalidParameters), "{length} bytes");
    }
    for (at, code) in [(0, 0), (0, 3), (1, 0), (1, 5)] {
        let mut other = aes_256.clone();
        other[at] = code;
        assert_eq!(opened(&other), Err(CryptoError::InvalidParameters), "{code} at {at}");
    }
}

#[test]
fn older_keys_that_were_not_sealed_under_the_newest_are_refused() {
    // A seal is nonce and tag at least, and canonical base64.
    for (older, expected) in [
        (Base64Unpadded::encode_string(&[7; 27]), CryptoError::NotAuthentic),
        (Base64Unpadded::encode_string(&[7; 28]), CryptoError::NotAuthentic),
        ("A".to_owned(), CryptoError::InvalidParameters),
        ("AB".to_owned(), CryptoError::InvalidParameters),
        ("AA==".to_owned(), CryptoError::InvalidParameters),
    ] {
        assert_eq!(refusal(&committed(&older)), expected, "{older}");
    }
}
