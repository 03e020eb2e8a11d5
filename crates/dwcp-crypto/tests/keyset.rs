//! Tink's keysets: read as Tink wrote them, written as Tink reads them, refused with the key's id when they are not right.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "support/table.rs"]
mod table;

use dwcp_base::{Coded, UnixTime};
use dwcp_crypto::stream::StreamParameters;
use dwcp_crypto::{DataAlgorithm, KeyProblem, KeyStatus, KeyTemplate, Keyring, KeyringError, KeysetError};
use proptest::prelude::*;

const TABLE: &str = include_str!("data/tink.txt");
const NOW: UnixTime = UnixTime::from_secs(1_790_000_000);

fn refusal(result: Result<Keyring, KeyringError>) -> KeysetError {
    match result {
        Err(KeyringError::Keyset { source }) => source,
        other => panic!("{other:?}"),
    }
}

#[test]
fn keysets_of_tink_are_read_in_both_forms_and_written_as_tink_writes_them() {
    for case in table::cases(TABLE) {
        let template = case.text("template");
        let from_json = Keyring::from_tink_json(case.text("keyset").as_bytes()).unwrap();
        let from_binary = Keyring::from_tink_binary(&case.bytes("binary")).unwrap();
        assert_eq!(from_json.keys(), from_binary.keys());
        for keyring in [&from_json, &from_binary] {
            assert_eq!(keyring.to_tink_binary().expose(), case.bytes("binary"), "{template}");
            let text = keyring.to_tink_json();
            let text = str::from_utf8(text.expose()).unwrap();
            let compact: String = text.split_whitespace().collect();
            assert_eq!(compact, case.text("keyset"));
            assert!(text.starts_with("{\n  \"primaryKeyId\": ") && text.ends_with("}\n"));
            assert_eq!(keyring.template().to_string(), template.trim_end_matches("_RAW"));
        }
    }
}

#[test]
fn messages_sealed_by_tink_open_and_name_their_key() {
    let mut opened = 0;
    for case in table::cases(TABLE) {
        let keyring = Keyring::from_tink_json(case.text("keyset").as_bytes()).unwrap();
        let messages: usize = case.text("messages").parse().unwrap();
        for n in 0..messages {
            let (aad, sealed) = (case.bytes(&format!("aad{n}")), case.bytes(&format!("ct{n}")));
            assert_eq!(keyring.open(&aad, &sealed).unwrap(), case.bytes(&format!("msg{n}")));
            assert_eq!(keyring.open_secret(&aad, &sealed).unwrap().expose(), case.bytes(&format!("msg{n}")));
            let refused = keyring.open(b"other", &sealed).unwrap_err();
            assert_eq!(refused.code(), "crypto.message.forged");
            opened += 1;
        }
        let streams = keyring.stream_keys().count();
        assert_eq!(streams, usize::from(messages == 0));
    }
    assert_eq!(opened, 8);
}

#[test]
fn every_kind_of_key_makes_the_round_trip() {
    let odd = StreamParameters::new(32, dwcp_crypto::hkdf::Hash::Sha512, 65_537).unwrap();
    for template in [
        KeyTemplate::Aead(DataAlgorithm::Aes256Gcm),
        KeyTemplate::Aead(DataAlgorithm::Aes128Gcm),
        KeyTemplate::Aead(DataAlgorithm::ChaCha20Poly1305),
        KeyTemplate::Aead(DataAlgorithm::XChaCha20Poly1305),
        KeyTemplate::Stream(StreamParameters::AES256_1M),
        KeyTemplate::Stream(StreamParameters::AES128_64K),
        KeyTemplate::Stream(odd),
    ] {
        let mut keyring = Keyring::create(template, NOW).unwrap();
        let old = keyring.primary();
        keyring.rotate(NOW).unwrap();
        keyring.retire(old, NOW).unwrap();
        let (text, binary) = (keyring.to_tink_json(), keyring.to_tink_binary());
        let again = Keyring::from_tink_json(text.expose()).unwrap();
        assert_eq!(again.to_tink_binary().expose(), binary.expose());
        let again = Keyring::from_tink_binary(binary.expose()).unwrap();
        assert_eq!(again.to_tink_json().expose(), text.expose());
        assert_eq!(again.template(), template);
        let told: Vec<_> =
            again.keys().iter().map(|key| (key.id, key.status, key.primary, key.created)).collect();
        let expected =
            [(old, KeyStatus::Retired, false, None), (keyring.primary(), KeyStatus::Enabled, true, None)];
        assert_eq!(told, expected);
    }
}

/// A keyset of one AES-128-GCM key whose every member can be replaced.
struct Written {
    primary: &'static str,
    type_url: &'static str,
    value: &'static str,
    material: &'static str,
    status: &'static str,
    id: &'static str,
    prefix: &'static str,
    more: &'static str,
}

impl Default for Written {
    fn default() -> Self {
        Self {
            primary: "7",
            type_url: "AesGcmKey",
            value: "GhBdYUXs+RYC/4HwUFBQccGb",
            material: "SYMMETRIC",
            status: "ENABLED",
            id: "7",
            prefix: "TINK",
            more: "",
        }
    }
}

impl Written {
    fn key(&self) -> String {
        format!(
            r#"{{"keyData":{{"typeUrl":"type.googleapis.com/google.crypto.tink.{}","value":"{}","keyMaterialType":"{}"}},
            "status":"{}","keyId":{},"outputPrefixType":"{}"}}"#,
            self.type_url, self.value, self.material, self.status, self.id, self.prefix
        )
    }

    fn read(&self) -> Result<Keyring, KeyringError> {
        let text = format!(r#"{{"primaryKeyId":{},"key":[{}{}]}}"#, self.primary, self.key(), self.more);
        Keyring::from_tink_json(text.as_bytes())
    }

    fn problem(self) -> KeyProblem {
        match refusal(self.read()) {
            KeysetError::Key { id, problem } => {
                assert_eq!(id.to_string(), self.id);
                problem
            }
            other => panic!("{other}"),
        }
    }
}

#[test]
fn what_is_wrong_with_a_key_is_told_with_its_id() {
    let base = Written::default;
    assert!(base().read().is_ok());
    assert_eq!(Written { id: "0", ..base() }.problem(), KeyProblem::ZeroId);
    assert_eq!(Written { status: "UNKNOWN_STATUS", ..base() }.problem(), KeyProblem::Status);
    assert_eq!(Written { status: "enabled", ..base() }.problem(), KeyProblem::Status);
    assert_eq!(Written { prefix: "UNKNOWN_PREFIX", ..base() }.problem(), KeyProblem::Prefix);
    assert_eq!(Written { material: "ASYMMETRIC_PRIVATE", ..base() }.problem(), KeyProblem::Asymmetric);
    assert_eq!(Written { material: "REMOTE", ..base() }.problem(), KeyProblem::Asymmetric);
    assert_eq!(Written { type_url: "HmacKey", ..base() }.problem(), KeyProblem::Type);
    assert_eq!(Written { type_url: "aesGcmKey", ..base() }.problem(), KeyProblem::Type);
    assert_eq!(Written { value: "", ..base() }.problem(), KeyProblem::Empty);
    assert_eq!(Written { status: "DESTROYED", ..base() }.problem(), KeyProblem::NotDestroyed);
    // Base64 that is not canonical, not padded, or of the other alphabet.
    for value in ["GhBdYUXs+RYC/4HwUFBQccG", "GhBdYUXs-RYC_4HwUFBQccGb", "GhBdYUXs+RYC/4HwUFBQccGb ", "Gh=="]
    {
        assert_eq!(Written { value, ..base() }.problem(), KeyProblem::Malformed, "{value}");
    }
    // version = 1; 15, 24 and 33 bytes of AES key; 16 bytes of ChaCha20 key.
    assert_eq!(Written { value: "CAEaEF1hRez5FgL/gfBQUFBxwZs=", ..base() }.problem(), KeyProblem::Version);
    assert_eq!(Written { value: "Gg9dYUXs+RYC/4HwUFBQccE=", ..base() }.problem(), KeyProblem::Length);
    let aes192 = "GhgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    assert_eq!(Written { value: aes192, ..base() }.problem(), KeyProblem::Length);
    let long = "GiEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    assert_eq!(Written { value: long, ..base() }.problem(), KeyProblem::Length);
    let chacha = "EhBdYUXs+RYC/4HwUFBQccGb";
    let short = Written { type_url: "ChaCha20Poly1305Key", value: chacha, ..base() };
    assert_eq!(short.problem(), KeyProblem::Length);
    // An unknown field (4 = 1), the key twice, the key's number for another type of field, a field that is cut short.
    for value in ["GhBdYUXs+RYC/4HwUFBQccGbIAE=", "GgEAGgEA", "GAE=", "GhA="] {
        assert_eq!(Written { value, ..base() }.problem(), KeyProblem::Malformed, "{value}");
    }
}

#[test]
fn parameters_of_streams_are_judged() {
    let base = || Written {
        type_url: "AesGcmHkdfStreamingKey",
        value: "EgcIgCAQEBgDGhANbk9ExYZspEiS7b2BkK9h",
        prefix: "RAW",
        ..Written::default()
    };
    assert!(base().read().is_ok());
    assert_eq!(Written { prefix: "TINK", ..base() }.problem(), KeyProblem::Prefix);
    for (value, problem) in [
        // SHA-1, SHA-384, no hash, no parameters; derived size 24; segments of one byte.
        ("EgcIgCAQEBgBGhANbk9ExYZspEiS7b2BkK9h", KeyProblem::Parameters),
        ("EgcIgCAQEBgCGhANbk9ExYZspEiS7b2BkK9h", KeyProblem::Parameters),
        ("EgUIgCAQEBoQDW5PRMWGbKRIku29gZCvYQ==", KeyProblem::Parameters),
        ("GhANbk9ExYZspEiS7b2BkK9h", KeyProblem::Parameters),
        ("EgcIgCAQGBgDGhANbk9ExYZspEiS7b2BkK9h", KeyProblem::Parameters),
        ("EgYIARAQGAMaEA1uT0TFhmykSJLtvYGQr2E=", KeyProblem::Parameters),
        // 32 derived bytes from a key of 16; a fourth parameter.
        ("EgcIgCAQIBgDGhANbk9ExYZspEiS7b2BkK9h", KeyProblem::Length),
        ("EgkIgCAQEBgDIAEaEA1uT0TFhmykSJLtvYGQr2E=", KeyProblem::Malformed),
    ] {
        assert_eq!(Written { value, ..base() }.problem(), problem, "{value}");
    }
}

#[test]
fn a_keyset_as_a_whole_is_judged() {
    let base = Written::default;
    let gone = r#",{"keyData":{"typeUrl":"x","value":"","keyMaterialType":"SYMMETRIC"},"status":"DESTROYED","keyId":9,
        "outputPrefixType":"TINK"}"#;
    let keyring = Written { more: gone, ..base() }.read().unwrap();
    assert_eq!(keyring.keys().last().map(|key| (key.id, key.status)), Some((9, KeyStatus::Destroyed)));
    assert_eq!(keyring.open(b"", b"\x01\0\0\0\x09rest"), Err(KeyringError::DestroyedKey { id: 9 }));
    // Tink's key managers clear the key data altogether.
    let cleared = r#",{"status":"DESTROYED","keyId":9,"outputPrefixType":"TINK"}"#;
    assert!(Written { more: cleared, ..base() }.read().is_ok());

    let refused = |written: Written| refusal(written.read());
    assert_eq!(refused(Written { primary: "8", ..base() }), KeysetError::PrimaryMissing { id: 8 });
    assert_eq!(refused(Written { status: "DISABLED", ..base() }), KeysetError::PrimaryNotEnabled { id: 7 });
    let gone_primary = refused(Written { primary: "9", more: gone, ..base() });
    assert_eq!(gone_primary, KeysetError::PrimaryNotEnabled { id: 9 });
    for twice in [
        r#",{"status":"DESTROYED","keyId":7,"outputPrefixType":"TINK"}"#,
        r#",{"keyData":{"typeUrl":"type.googleapis.com/google.crypto.tink.AesGcmKey","value":"GhBdYUXs+RYC/4HwUFBQccGb",
            "keyMaterialType":"SYMMETRIC"},"status":"DISABLED","keyId":7,"outputPrefixType":"RAW"}"#,
    ] {
        let problem = Written { more: twice, ..base() }.problem();
        assert_eq!(problem, KeyProblem::DoubleId);
    }
    let stream = r#",{"keyData":{"typeUrl":"type.googleapis.com/google.crypto.tink.AesGcmHkdfStreamingKey",
        "value":"EgcIgCAQEBgDGhANbk9ExYZspEiS7b2BkK9h","keyMaterialType":"SYMMETRIC"},"status":"ENABLED","keyId":8,
        "outputPrefixType":"RAW"}"#;
    let mixed = refused(Written { more: stream, ..base() });
    assert_eq!(mixed, KeysetError::Key { id: 8, problem: KeyProblem::Mixed });
}

#[test]
fn text_that_is_no_keyset_is_refused_without_a_word_of_it() {
    let malformed = |text: &str| {
        let error = refusal(Keyring::from_tink_json(text.as_bytes()));
        assert!(!format!("{error} {error:?}").contains("SESAME"), "{error}");
        error.code()
    };
    for text in [
        "",
        "null",
        "[]",
        "{}",
        r#"{"primaryKeyId":7}"#,
        r#"{"primaryKeyId":"SESAME","key":[]}"#,
        r#"{"primaryKeyId":-7,"key":[]}"#,
        r#"{"primaryKeyId":7.0,"key":[]}"#,
        r#"{"primaryKeyId":4294967296,"key":[]}"#,
        r#"{"primaryKeyId":7,"primaryKeyId":7,"key":[]}"#,
        r#"{"primaryKeyId":7,"key":[],"SESAME":1}"#,
        r#"{"primaryKeyId":7,"key":[{"status":"SESAME"}]}"#,
        r#"{"primaryKeyId":7,"key":"SESAME"}"#,
        r#"{"primaryKeyId":7,"key":["#,
        r#"{"primary_key_id":7,"key":[]}"#,
        r#"{"primaryKeyId":7,"key":[]} SESAME"#,
        "{\"primaryKeyId\":7,\"key\":[{\"status\":\"\u{7}SESAME\"}]}",
        r#"{"primaryKeyId":7,"key":[{"status":"\u0045SESAME"}]}"#,
    ] {
        assert_eq!(malformed(text), "crypto.keyset.malformed", "{text}");
    }
    assert_eq!(malformed(r#"{"primaryKeyId":7,"key":[]}"#), "crypto.keyset.headless");
    let deep = format!(r#"{{"primaryKeyId":7,"key":{}"#, "[".repeat(60_000));
    assert_eq!(malformed(&deep), "crypto.keyset.malformed");
}

#[test]
fn sizes_are_bounded_before_anything_is_read() {
    let large = vec![b' '; 64 * 1024 + 1];
    for refused in [Keyring::from_tink_json(&large), Keyring::from_tink_binary(&large)] {
        assert_eq!(refusal(refused), KeysetError::TooLarge { limit: 64 * 1024 });
    }
    let many = format!(r#"{{"primaryKeyId":7,"key":[{}]}}"#, vec![Written::default().key(); 129].join(","));
    assert_eq!(refusal(Keyring::from_tink_json(many.as_bytes())), KeysetError::TooManyKeys { limit: 128 });
    assert_eq!(
        refusal(Keyring::from_tink_binary(&b"\x12\0".repeat(129))),
        KeysetError::TooManyKeys { limit: 128 }
    );
    let mut full = Keyring::create(KeyTemplate::Stream(StreamParameters::AES256_1M), NOW).unwrap();
    for _ in 1..128 {
        full.add(full.template(), NOW).unwrap();
    }
    assert_eq!(full.rotate(NOW), Err(KeyringError::Full { limit: 128 }));
    assert!(full.to_tink_json().len() <= 64 * 1024, "what is written can be read");
    assert_eq!(Keyring::from_tink_json(full.to_tink_json().expose()).unwrap().keys().len(), 128);
}

#[test]
fn binary_keysets_with_anything_unknown_are_refused() {
    let case = table::cases(TABLE).into_iter().find(|case| case.text("template") == "AES256_GCM").unwrap();
    let bytes = case.bytes("binary");
    for more in [&b"\x18\x01"[..], b"\x1a\0", b"\x08\x01", b"\x12", b"\x0d\0\0\0\0", b"\0\0"] {
        let damaged = [bytes.as_slice(), more].concat();
        assert_eq!(refusal(Keyring::from_tink_binary(&damaged)), KeysetError::MalformedBinary, "{more:?}");
    }
    for length in 0..bytes.len() {
        assert!(Keyring::from_tink_binary(&bytes[..length]).is_err(), "{length} bytes");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = Keyring::from_tink_binary(&bytes);
        let _ = Keyring::from_tink_json(&bytes);
    }

    #[test]
    fn a_damaged_keyset_is_refused_or_is_another_whole_one(at in any::<prop::sample::Index>(), with in any::<u8>()) {
        for case in table::cases(TABLE) {
            let mut bytes = case.bytes("binary");
            let index = at.index(bytes.len());
            bytes[index] = with;
            if let Ok(keyring) = Keyring::from_tink_binary(&bytes) {
                let written = keyring.to_tink_binary();
                prop_assert_eq!(written.expose(), bytes);
            }
            let mut text = case.text("keyset").as_bytes().to_vec();
            let index = at.index(text.len());
            text[index] = with;
            if let Ok(keyring) = Keyring::from_tink_json(&text) {
                let again = Keyring::from_tink_json(keyring.to_tink_json().expose()).unwrap();
                prop_assert_eq!(again.keys(), keyring.keys());
            }
        }
    }
}
