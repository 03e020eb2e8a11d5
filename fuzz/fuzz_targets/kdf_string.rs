//! Stored parameters of key derivations: what reads has one spelling, and judging it costs nothing of what it asks for.
#![no_main]
use dwcp_crypto::Kdf;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(kdf) = Kdf::from_phc(text) {
        assert_eq!(kdf.phc(), text);
        assert!(text.len() <= 256);
        // What may seal new data has all of its 16 bytes of salt: 22 characters.
        assert!(!kdf.is_current() || text.rsplit('$').next().is_some_and(|salt| salt.len() >= 22));
    }
});
