//! Private keys from files.
#![no_main]
use dwcp_crypto::{Secret, SigningKey};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(key) = SigningKey::from_pkcs8(Secret::from(data.to_vec())) {
        assert!(key.sign(b"message").is_ok());
    }
});
