//! What only a version that this crate does not make any more can show.

use super::*;
use crate::Secret;

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
