//! Private keys from files.
#![no_main]
use dwcp_crypto::{Secret, SigningKey};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(key) = SigningKey::from_pkcs8(Secret::from(data.to_vec())) {
        assert!(key.sign(b"message").is_ok());
    }
    let data = Secret::from(data.to_vec());
    for key in [SigningKey::from_sec1(&data), SigningKey::from_pkcs1(&data)].into_iter().flatten() {
        // What an older form was put into reads back as the same key.
        let again = SigningKey::from_pkcs8(Secret::from(key.pkcs8().expose().to_vec()));
        assert!(again.is_ok_and(|again| again.public_key() == key.public_key()));
    }
});
