//! What a data encryptor stores and seals, as somebody else may have written it.
#![no_main]
use dwcp_crypto::{CryptoError, DataAlgorithm, DataEncryptor, Kdf, Passphrase};
use libfuzzer_sys::fuzz_target;

/// The cheapest derivation that is read; a text that asks for more would have the fuzzer wait for it.
const CHEAP: &str = "$pbkdf2-sha256$i=1$AAECAwQFBgcICQoLDA0ODw";

fuzz_target!(|data: &[u8]| {
    let passphrase = Passphrase::new(b"of the fuzzer").unwrap();
    let kdf = || Kdf::from_phc(CHEAP).unwrap();
    let genuine = DataEncryptor::open_original(&passphrase, DataAlgorithm::default(), kdf()).unwrap();
    assert_eq!(genuine.decrypt(data, b""), Err(CryptoError::NotAuthentic));

    let Ok(text) = std::str::from_utf8(data) else { return };
    let derivation = text.split(' ').nth(3).and_then(|word| Kdf::from_phc(word).ok());
    if derivation.is_none_or(|kdf| kdf.phc().starts_with("$pbkdf2-sha256$i=1$")) {
        // Only who knows the passphrase can write a text that opens, and this one writes one text.
        match DataEncryptor::open(&passphrase, text) {
            Ok(opened) => assert_eq!(opened.stored(), text),
            Err(error) => assert_ne!(text, genuine.stored(), "{error}"),
        }
    }
});
