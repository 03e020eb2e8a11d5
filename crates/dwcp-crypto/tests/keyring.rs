//! The life of keys in a keyring, and what messages say of the keys they need.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use dwcp_base::{Coded, UnixTime};
use dwcp_crypto::stream::StreamParameters;
use dwcp_crypto::{CryptoError, DataAlgorithm, KeyInfo, KeyStatus, KeyTemplate, Keyring, KeyringError};

const AES: KeyTemplate = KeyTemplate::Aead(DataAlgorithm::Aes256Gcm);
const STREAM: KeyTemplate = KeyTemplate::Stream(StreamParameters::AES256_1M);
const NOW: UnixTime = UnixTime::from_secs(1_790_000_000);
const LATER: UnixTime = UnixTime::from_secs(1_790_000_060);
const FORGED: KeyringError = KeyringError::NotOpened { source: CryptoError::NotAuthentic };

fn keyring() -> Keyring {
    Keyring::create(AES, NOW).unwrap()
}

fn info(keyring: &Keyring, id: u32) -> KeyInfo {
    keyring.keys().into_iter().find(|key| key.id == id).unwrap()
}

#[test]
fn a_new_keyring_has_one_key_and_seals_under_it() {
    let keyring = keyring();
    let id = keyring.primary();
    let keys = keyring.keys();
    let [key] = keys.as_slice() else { panic!("{keys:?}") };
    assert_eq!((key.id, key.status, key.primary, key.template), (id, KeyStatus::Enabled, true, Some(AES)));
    assert_eq!((key.created, key.changed, key.sealed_messages), (Some(NOW), None, 0));
    assert_ne!(id, 0);
    let sealed = keyring.seal(b"aad", b"message").unwrap();
    assert_eq!(sealed[..5], [&[1][..], &id.to_be_bytes()].concat());
    assert_eq!(sealed.len(), 5 + 12 + 7 + 16);
    assert_eq!(keyring.open(b"aad", &sealed).unwrap(), b"message");
    assert_eq!(keyring.open_secret(b"aad", &sealed).unwrap().expose(), b"message");
    assert_eq!(info(&keyring, id).sealed_messages, 1);
}

#[test]
fn rotation_seals_under_the_new_key_and_opens_under_the_old() {
    let mut keyring = keyring();
    let old = keyring.primary();
    let sealed_before = keyring.seal(b"", b"before").unwrap();
    let new = keyring.rotate(LATER).unwrap();
    assert_eq!((keyring.primary(), keyring.template()), (new, AES));
    assert_eq!(keyring.open(b"", &sealed_before).unwrap(), b"before");
    let sealed_after = keyring.seal(b"", b"after").unwrap();
    assert_eq!(sealed_after[1..5], new.to_be_bytes());
    assert_eq!(keyring.open(b"", &sealed_after).unwrap(), b"after");
    assert_eq!(
        keyring.keys().iter().map(|key| (key.id, key.primary)).collect::<Vec<_>>(),
        [(old, false), (new, true)]
    );
}

#[test]
fn an_added_key_opens_before_it_seals() {
    let mut keyring = keyring();
    let old = keyring.primary();
    let added = keyring.add(KeyTemplate::Aead(DataAlgorithm::XChaCha20Poly1305), LATER).unwrap();
    assert_eq!(keyring.seal(b"", b"m").unwrap()[1..5], old.to_be_bytes());
    keyring.promote(added, LATER).unwrap();
    assert_eq!(keyring.template(), KeyTemplate::Aead(DataAlgorithm::XChaCha20Poly1305));
    let sealed = keyring.seal(b"", b"m").unwrap();
    assert_eq!(sealed[1..5], added.to_be_bytes());
    assert_eq!(sealed.len(), 5 + 24 + 1 + 16);
    assert_eq!(info(&keyring, added).changed, Some(LATER));
    let before = keyring.keys();
    keyring.promote(added, NOW).unwrap();
    assert_eq!(keyring.keys(), before, "to promote the primary is nothing to do");
}

#[test]
fn a_retired_key_opens_nothing_until_it_is_restored() {
    let mut keyring = keyring();
    let old = keyring.primary();
    let sealed = keyring.seal(b"", b"m").unwrap();
    keyring.rotate(NOW).unwrap();
    keyring.retire(old, LATER).unwrap();
    assert_eq!(keyring.open(b"", &sealed), Err(KeyringError::RetiredKey { id: old }));
    assert_eq!(keyring.promote(old, LATER), Err(KeyringError::RetiredKey { id: old }));
    assert_eq!((info(&keyring, old).status, info(&keyring, old).changed), (KeyStatus::Retired, Some(LATER)));
    let before = keyring.keys();
    keyring.retire(old, NOW).unwrap();
    assert_eq!(keyring.keys(), before, "to retire a retired key is nothing to do");
    keyring.restore(old, LATER).unwrap();
    assert_eq!(keyring.open(b"", &sealed).unwrap(), b"m");
    keyring.promote(old, LATER).unwrap();
    assert_eq!(keyring.seal(b"", b"m").unwrap()[..5], sealed[..5]);
}

#[test]
fn a_destroyed_key_is_gone_for_good() {
    let mut keyring = keyring();
    let old = keyring.primary();
    let sealed = keyring.seal(b"", b"m").unwrap();
    let new = keyring.rotate(NOW).unwrap();
    let material = keyring.to_tink_json();
    assert!(str::from_utf8(material.expose()).unwrap().contains(&old.to_string()));
    keyring.destroy(old, LATER).unwrap();
    let gone = Err(KeyringError::DestroyedKey { id: old });
    assert_eq!(keyring.open(b"", &sealed).map(|_| ()), gone);
    for refused in [
        keyring.restore(old, LATER),
        keyring.promote(old, LATER),
        keyring.retire(old, LATER),
        keyring.destroy(old, LATER),
    ] {
        assert_eq!(refused, gone);
    }
    let told = info(&keyring, old);
    assert_eq!((told.status, told.created, told.changed), (KeyStatus::Destroyed, Some(NOW), Some(LATER)));
    assert_eq!((told.template, told.primary), (None, false));
    let text = keyring.to_tink_json();
    assert!(!str::from_utf8(text.expose()).unwrap().contains(&old.to_string()));
    assert_eq!(keyring.keys().len(), 2);
    assert_eq!(keyring.primary(), new);
}

#[test]
fn a_retired_key_can_be_destroyed_and_the_primary_can_not() {
    let mut keyring = keyring();
    let old = keyring.primary();
    let refused = Err(KeyringError::PrimaryKey { id: old });
    assert_eq!((keyring.retire(old, NOW), keyring.destroy(old, NOW)), (refused, refused));
    assert_eq!(keyring.restore(old, NOW), Ok(()));
    keyring.rotate(NOW).unwrap();
    keyring.retire(old, NOW).unwrap();
    keyring.destroy(old, LATER).unwrap();
    assert_eq!(info(&keyring, old).status, KeyStatus::Destroyed);
}

#[test]
fn ids_that_nobody_has_are_told() {
    let mut keyring = keyring();
    let none = [0, 7].into_iter().find(|id| *id != keyring.primary()).unwrap();
    let unknown = Err(KeyringError::UnknownKey { id: none });
    for refused in [
        keyring.promote(none, NOW),
        keyring.retire(none, NOW),
        keyring.restore(none, NOW),
        keyring.destroy(none, NOW),
    ] {
        assert_eq!(refused, unknown);
        assert_eq!(refused.unwrap_err().code(), "crypto.key.unknown");
    }
}

#[test]
fn a_message_says_which_key_it_needs() {
    let (one, other) = (keyring(), keyring());
    let sealed = other.seal(b"", b"m").unwrap();
    assert_eq!(one.open(b"", &sealed), Err(KeyringError::UnknownKey { id: other.primary() }));
    let sealed = one.seal(b"aad", b"message").unwrap();
    assert_eq!(one.open(b"", &sealed), Err(FORGED));
    for at in 5..sealed.len() {
        let mut damaged = sealed.clone();
        damaged[at] ^= 1;
        assert_eq!(one.open(b"aad", &damaged), Err(FORGED), "byte {at}");
    }
    for at in 0..5 {
        let mut damaged = sealed.clone();
        damaged[at] ^= 0x80;
        assert!(one.open(b"aad", &damaged).is_err(), "byte {at}");
    }
    for length in 0..sealed.len() {
        assert_eq!(one.open(b"aad", &sealed[..length]), Err(FORGED), "{length} bytes");
    }
}

fn imported(keys: &[(u32, &str, &str, &str)]) -> Keyring {
    let keys: Vec<String> = keys
        .iter()
        .map(|(id, value, status, prefix)| {
            format!(
                r#"{{"keyData":{{"typeUrl":"type.googleapis.com/google.crypto.tink.AesGcmKey","value":"{value}",
                "keyMaterialType":"SYMMETRIC"}},"status":"{status}","keyId":{id},"outputPrefixType":"{prefix}"}}"#
            )
        })
        .collect();
    let text = format!(r#"{{"primaryKeyId":1,"key":[{}]}}"#, keys.join(","));
    Keyring::from_tink_json(text.as_bytes()).unwrap()
}

const A: &str = "GhBdYUXs+RYC/4HwUFBQccGb";
const B: &str = "GhCdYUXs+RYC/4HwUFBQccGb";

#[test]
fn messages_without_prefix_are_tried_with_every_raw_key() {
    let sealed = imported(&[(1, A, "ENABLED", "RAW")]).seal(b"", b"m").unwrap();
    assert_eq!(sealed.len(), 12 + 1 + 16);
    let both = imported(&[(1, B, "ENABLED", "TINK"), (2, A, "ENABLED", "RAW")]);
    assert_eq!(both.open(b"", &sealed).unwrap(), b"m");
    let retired = imported(&[(1, B, "ENABLED", "RAW"), (2, A, "DISABLED", "RAW")]);
    assert_eq!(retired.open(b"", &sealed), Err(KeyringError::RetiredKey { id: 2 }));
    let other = imported(&[(1, B, "ENABLED", "RAW")]);
    assert_eq!(other.open(b"", &sealed), Err(FORGED));
    // With RAW keys there, no first byte proves that a key is named.
    let foreign = imported(&[(1, A, "ENABLED", "TINK")]).seal(b"", b"m").unwrap();
    let raw_alone =
        Keyring::from_tink_json(imported(&[(1, B, "ENABLED", "RAW")]).to_tink_json().expose()).unwrap();
    assert_eq!(raw_alone.open(b"", &foreign), Err(FORGED));
}

/// A nonce may begin like the prefix of another key: the RAW key is still found.
#[test]
fn a_nonce_that_looks_like_a_prefix_misleads_nobody() {
    let sealer = imported(&[(1, A, "ENABLED", "RAW")]);
    let sealed = sealer.seal(b"", b"m").unwrap();
    let id = u32::from_be_bytes(sealed[1..5].try_into().unwrap()).max(2);
    for prefix in ["TINK", "CRUNCHY"] {
        let keyring = imported(&[(1, A, "ENABLED", "RAW"), (id, B, "DISABLED", prefix)]);
        assert_eq!(keyring.open(b"", &sealed).unwrap(), b"m");
    }
}

#[test]
fn the_older_prefixes_of_tink_are_understood() {
    for prefix in ["CRUNCHY", "LEGACY"] {
        let keyring = imported(&[(1, A, "ENABLED", prefix)]);
        let sealed = keyring.seal(b"", b"m").unwrap();
        assert_eq!(sealed[..5], [0, 0, 0, 0, 1]);
        assert_eq!(keyring.open(b"", &sealed).unwrap(), b"m");
    }
}

#[test]
fn keys_of_streams_come_primary_first_and_retired_ones_apart() {
    let mut keyring = Keyring::create(STREAM, NOW).unwrap();
    let first = keyring.primary();
    let second = keyring.rotate(NOW).unwrap();
    let third = keyring.add(KeyTemplate::Stream(StreamParameters::AES128_4K), NOW).unwrap();
    keyring.retire(first, NOW).unwrap();
    let ids = |keys: Vec<(u32, StreamParameters)>| keys;
    let in_use = ids(keyring.stream_keys().map(|(id, key)| (id, key.parameters())).collect());
    assert_eq!(in_use, [(second, StreamParameters::AES256_1M), (third, StreamParameters::AES128_4K)]);
    assert_eq!(keyring.retired_keys().map(|(id, _)| id).collect::<Vec<_>>(), [first]);
    keyring.promote(third, NOW).unwrap();
    assert_eq!(keyring.stream_keys().map(|(id, _)| id).collect::<Vec<_>>(), [third, second]);
    keyring.destroy(first, NOW).unwrap();
    assert_eq!(keyring.retired_keys().count(), 0);
}

#[test]
fn keys_for_messages_and_for_streams_do_not_mix() {
    let (mut messages, mut streams) = (keyring(), Keyring::create(STREAM, NOW).unwrap());
    assert_eq!(messages.add(STREAM, NOW), Err(KeyringError::WrongKind { streams: false }));
    let refused = KeyringError::WrongKind { streams: true };
    assert_eq!(streams.add(AES, NOW), Err(refused));
    assert_eq!(streams.seal(b"", b"m"), Err(refused));
    assert_eq!(streams.open(b"", &messages.seal(b"", b"m").unwrap()), Err(refused));
    assert_eq!(messages.stream_keys().count(), 0);
}

#[test]
fn destroyed_keys_beyond_the_last_thousand_are_forgotten() {
    let mut keyring = keyring();
    let first = keyring.primary();
    for _ in 0..1025 {
        let old = keyring.primary();
        keyring.rotate(NOW).unwrap();
        keyring.destroy(old, NOW).unwrap();
    }
    assert_eq!(keyring.keys().len(), 1 + 1024);
    assert_eq!(keyring.destroy(first, NOW), Err(KeyringError::UnknownKey { id: first }));
}

#[test]
fn at_p12_nothing_that_is_printed_holds_a_byte_of_a_key() {
    let keyring = imported(&[(1, A, "ENABLED", "TINK"), (2, B, "DISABLED", "RAW")]);
    let printed = format!("{keyring:?} {keyring:#?} {:?}", keyring.to_tink_json());
    for part in [A, B, "5d, 61", "93, 97, 69", "XWFF"] {
        assert!(!printed.contains(part), "{printed}");
    }
    assert!(printed.contains("AES128_GCM") || printed.contains("Aes128Gcm"));
}
