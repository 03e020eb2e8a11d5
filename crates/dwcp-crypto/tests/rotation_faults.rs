//! A rotation that fails half-way, for want of memory. A binary of its own, with one test: it lowers what its process may have.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use dwcp_crypto::{CryptoError, DataAlgorithm, DataEncryptor, EncryptionConfig, KdfParams, NewPassphrase};
use std::process::Command;

const LIMITED: &str = "DWCP_TEST_ADDRESS_SPACE_IS_LIMITED";
/// What the second run may have: enough for the cheapest derivation and far from enough for the dearest. KiB.
const ADDRESS_SPACE: u32 = 1024 * 1024;

fn config(memory_kib: u32) -> EncryptionConfig {
    let kdf = KdfParams::argon2id(memory_kib, 2, 1).unwrap();
    EncryptionConfig { algorithm: DataAlgorithm::ChaCha20Poly1305, kdf }
}

#[test]
fn at_e7_a_rotation_that_fails_leaves_the_keys_and_the_text_of_before() {
    if std::env::var_os(LIMITED).is_none() {
        let limited = format!("ulimit -v {ADDRESS_SPACE} && exec \"$0\" --test-threads=1 --nocapture");
        let mut again = Command::new("sh");
        again.args(["-c", &limited]).arg(std::env::current_exe().unwrap()).env(LIMITED, "1");
        assert!(again.status().unwrap().success());
        return;
    }
    let new = || NewPassphrase::generate().unwrap().0;
    let (first, second) = (new(), new());
    let mut encryptor = DataEncryptor::create(&first, config(19_456)).unwrap();
    let mut sealed = vec![encryptor.encrypt(b"0", b"aad").unwrap()];
    // Both the first rotation and one with older keys to lose.
    for (number, newest) in (1..).zip([&first, &second]) {
        let (stored, id, told) =
            (encryptor.stored().to_owned(), encryptor.key_id(), format!("{encryptor:?}"));
        for _ in 0..2 {
            let refused = encryptor.rotate(&new(), config(2 * 1024 * 1024));
            assert_eq!(refused, Err(CryptoError::OutOfMemory));
            assert_eq!((encryptor.stored(), encryptor.key_id()), (stored.as_str(), id));
            assert_eq!(format!("{encryptor:?}"), told);
        }
        sealed.push(encryptor.encrypt(b"1", b"aad").unwrap());
        let again = DataEncryptor::open(newest.passphrase(), encryptor.stored()).unwrap();
        for sealed in &sealed {
            assert_eq!(encryptor.decrypt(sealed, b"aad"), again.decrypt(sealed, b"aad"));
            assert!(encryptor.decrypt(sealed, b"aad").is_ok());
        }
        if number == 1 {
            encryptor.rotate(&second, config(19_456)).unwrap();
        }
    }
}
