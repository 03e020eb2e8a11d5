//! Passphrases as they are typed and as they stand in files: prepared as RFC 8265 says, whatever the bytes.
#![no_main]
use dwcp_crypto::{Kdf, Passphrase};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|typed: &[u8]| {
    // A carriage return before the newline belongs to the newline.
    if typed.ends_with(b"\r") {
        return;
    }
    let in_file = Passphrase::from_file_bytes(&[typed, b"\n"].concat());
    // The cheapest derivation that is read: all that matters is whether both give one key.
    let kdf = Kdf::from_phc("$pbkdf2-sha256$i=1$AAECAwQFBgcICQoLDA0ODw").unwrap();
    match (Passphrase::new(typed), in_file) {
        (Ok(typed), Ok(in_file)) => {
            let (one, other) = (kdf.derive(&typed, 32).unwrap(), kdf.derive(&in_file, 32).unwrap());
            assert_eq!(one.expose(), other.expose());
        }
        (typed, in_file) => assert_eq!(typed.map(|_| ()), in_file.map(|_| ())),
    }
});
