//! Tink keysets in both forms: whatever is read is written back the same, and bytes that are no keyset end with a refusal.
#![no_main]
use dwcp_crypto::Keyring;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(keyring) = Keyring::from_tink_binary(data) {
        let again = Keyring::from_tink_binary(keyring.to_tink_binary().expose()).unwrap();
        assert_eq!(again.to_tink_json().expose(), keyring.to_tink_json().expose());
        let _ = keyring.open(b"", data);
    }
    if let Ok(keyring) = Keyring::from_tink_json(data) {
        let again = Keyring::from_tink_json(keyring.to_tink_json().expose()).unwrap();
        assert_eq!(again.to_tink_binary().expose(), keyring.to_tink_binary().expose());
        let _ = keyring.open(b"", data);
    }
});
