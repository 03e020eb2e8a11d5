//! What is dropped is gone: the memory of this process is searched for it. A binary of its own, with one test, so that nobody else writes.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "support/memory.rs"]
mod memory;

use dwcp_crypto::hkdf::{Hash, Prk};
use dwcp_crypto::{
    DataAlgorithm, DataEncryptor, DataKey, EncryptionConfig, Kdf, KdfParams, NewPassphrase, Passphrase,
    Secret,
};
use memory::{Pattern, assert_gone, assert_wiped, letters};

#[test]
fn what_is_dropped_is_nowhere_in_memory() {
    // The control: what is not wiped is found, also after it was freed.
    let careless = letters(1, 64).expose().to_vec();
    let pattern = Pattern::of(&careless[32..]);
    assert!(pattern.sightings() > 0);
    drop(careless);
    assert!(pattern.sightings() > 0, "the search does not see freed memory");

    secrets();
    passphrases();
    derivations();
    data_keys();
    forgeries();
    encryptors();
}

fn secrets() {
    let secret = letters(2, 4096);
    let pattern = Pattern::of(&secret.expose()[1000..1032]);
    assert_wiped("Secret", secret, &[pattern]);
}

fn passphrases() {
    let typed = letters(3, 40);
    let pattern = Pattern::of(typed.expose());
    let passphrase = Passphrase::new(typed.expose()).unwrap();
    assert_wiped("Passphrase", (typed, passphrase), &[pattern]);

    // Letters with marks, first apart and then in one: both forms pass through memory.
    let base = letters(4, 20);
    let apart = Secret::build(60, |out| {
        for (place, letter) in out.chunks_mut(3).zip(base.expose()) {
            place.copy_from_slice(&[*letter, 0xcc, 0x88]);
        }
        Ok::<(), ()>(())
    })
    .unwrap();
    let pattern = Pattern::of(apart.expose());
    let passphrase = Passphrase::new(apart.expose()).unwrap();
    assert_wiped("Passphrase with marks", (base, apart, passphrase), &[pattern]);

    let (new, text) = NewPassphrase::generate().unwrap();
    let pattern = Pattern::of(text.expose());
    assert_wiped("NewPassphrase", (new, text), &[pattern]);
}

fn derivations() {
    let typed = letters(5, 40);
    let passphrase = Passphrase::new(typed.expose()).unwrap();
    let mut patterns = vec![Pattern::of(typed.expose())];
    let kdf = Kdf::fresh(KdfParams::argon2id(19_456, 2, 1).unwrap()).unwrap();
    patterns.push(block(&kdf, typed.expose()));
    assert_gone("Argon2id before it began", &patterns[1..]);
    let key = kdf.derive(&passphrase, 32).unwrap();
    patterns.push(Pattern::of(key.expose()));
    assert_gone("Argon2id's memory", &patterns[1..2]);
    let pbkdf2 = Kdf::fresh(KdfParams::pbkdf2(600_000).unwrap()).unwrap();
    let other = pbkdf2.derive(&passphrase, 32).unwrap();
    patterns.push(Pattern::of(other.expose()));
    patterns.remove(1);
    assert_wiped("Kdf", (typed, passphrase, key, other), &patterns);
}

/// A part of what Argon2id writes into its memory for this derivation, found out by doing the same by hand.
fn block(kdf: &Kdf, passphrase: &[u8]) -> Pattern {
    use argon2::{Algorithm, Argon2, Block, Params, Version};
    use base64ct::{Base64Unpadded, Encoding};
    use zeroize::Zeroizing;

    let phc = kdf.phc();
    let salt = Base64Unpadded::decode_vec(phc.rsplit_once('$').unwrap().1).unwrap();
    let argon2 =
        Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(19_456, 2, 1, Some(32)).unwrap());
    let mut memory = Zeroizing::new(vec![Block::new(); 19_456]);
    let mut out = Zeroizing::new([0; 32]);
    argon2.hash_password_into_with_memory(passphrase, &salt, &mut *out, memory.as_mut_slice()).unwrap();
    let bytes: Zeroizing<Vec<u8>> =
        Zeroizing::new(memory[9_000].as_ref()[..8].iter().flat_map(|word| word.to_le_bytes()).collect());
    let pattern = Pattern::of(&bytes);
    assert!(pattern.sightings() > 0, "Argon2id's memory is not there in the first place");
    pattern
}

fn data_keys() {
    for (seed, algorithm) in (6..).zip(DataAlgorithm::ALL) {
        let material = letters(seed, algorithm.key_len());
        let mut patterns = vec![Pattern::of(material.expose())];
        let key = DataKey::new(algorithm, material).unwrap();
        let message = letters(seed + 10, 64);
        patterns.push(Pattern::of(message.expose()));
        let sealed = key.seal(b"aad", message.expose()).unwrap();
        let opened = key.open_secret(b"aad", &sealed).unwrap();
        assert_wiped(algorithm.name(), (key, message, opened), &patterns);
        drop(sealed);
    }
}

/// Of a message whose tag is wrong nothing stays in what `open` worked in: neither plaintext nor a second copy of the ciphertext.
fn forgeries() {
    for (seed, algorithm) in (30..).zip(DataAlgorithm::ALL) {
        let key = DataKey::generate(algorithm).unwrap();
        // Short: what is freed must not be overwritten by the search itself, as long pieces are.
        let message = letters(seed, 96);
        let plain = Pattern::of(&message.expose()[40..72]);
        let mut sealed = key.seal(b"aad", message.expose()).unwrap();
        drop(message);
        *sealed.last_mut().unwrap() ^= 1;
        let at = algorithm.nonce_len() + 40;
        let cipher = Pattern::of(&sealed[at..at + 32]);
        assert_eq!(cipher.sightings(), 1, "{}", algorithm.name());
        assert!(key.open(b"aad", &sealed).is_err());
        assert_eq!(cipher.sightings(), 1, "{}: open left a copy behind", algorithm.name());
        assert!(key.open_secret(b"aad", &sealed).is_err());
        assert_eq!(cipher.sightings(), 1, "{}: open_secret left a copy behind", algorithm.name());
        assert!(key.open_in_place(b"aad", &mut sealed).is_err());
        assert_gone(algorithm.name(), &[plain, cipher]);
        assert!(sealed.iter().all(|byte| *byte == 0), "{}", algorithm.name());
    }
}

fn encryptors() {
    let config = EncryptionConfig {
        algorithm: DataAlgorithm::Aes256Gcm,
        kdf: KdfParams::argon2id(19_456, 2, 1).unwrap(),
    };
    let (first, first_text) = NewPassphrase::generate().unwrap();
    let (second, second_text) = NewPassphrase::generate().unwrap();
    let mut patterns = vec![Pattern::of(first_text.expose()), Pattern::of(second_text.expose())];
    let mut encryptor = DataEncryptor::create(&first, config).unwrap();
    patterns.extend(keys(&first, encryptor.stored()));
    encryptor.rotate(&second, config).unwrap();
    patterns.extend(keys(&second, encryptor.stored()));
    let again = DataEncryptor::open(second.passphrase(), encryptor.stored()).unwrap();
    let sealed = encryptor.encrypt(b"message", b"").unwrap();
    assert_eq!(again.decrypt(&sealed, b"").unwrap(), b"message");
    for (number, pattern) in patterns[2..].iter().enumerate() {
        assert!(pattern.sightings() > 0, "DataEncryptor: key {number} is not there in the first place");
    }
    encryptor.erase();
    assert_wiped("DataEncryptor", (again, first, first_text, second, second_text), &patterns);
}

/// The data key that an encryptor derives, by the public way (`docs/formats/data-encryptor.md`).
fn keys(passphrase: &NewPassphrase, stored: &str) -> Vec<Pattern> {
    let words: Vec<_> = stored.split(' ').collect();
    let derived = Kdf::from_phc(words[3]).unwrap().derive(passphrase.passphrase(), 32).unwrap();
    let prk = Prk::extract(Hash::Sha256, b"", &derived);
    let key = prk.secret(b"data key", words[..4].join(" ").as_bytes(), 32).unwrap();
    vec![Pattern::of(key.expose())]
}
