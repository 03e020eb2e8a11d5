//! Keys wrapped by the transit engine of a real server.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod mount;

use dwcp_base::{Clock, Coded, LocalDisk, SystemClock};
use dwcp_crypto::kek::WrappedKey;
use dwcp_crypto::{
    DataAlgorithm, Envelope, KekError, KeyEncryptionKey, KeyTemplate, Keyring, KeyringFile, Secret,
};
use dwcp_pki_vault::TransitKek;
use dwcp_testkit::OpenBao;
use mount::{SOON, client, root, settings};
use serde_json::json;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A server with a transit mount and one key of it, and a login that may use the key and nothing else.
fn transit() -> Option<(OpenBao, String)> {
    let bao = OpenBao::start()?;
    bao.command(&["secrets", "enable", "transit"]);
    bao.write("transit/keys/node", &json!({}));
    let policy = "path \"transit/encrypt/node\" { capabilities = [\"update\"] }\n\
                  path \"transit/decrypt/node\" { capabilities = [\"update\"] }";
    bao.write("sys/policies/acl/node", &json!({ "policy": policy }));
    let token = bao.token(&["node"], "1h", &json!({}));
    Some((bao, token))
}

fn kek(bao: &OpenBao, token: &str) -> TransitKek {
    TransitKek::new(client(settings(bao, token)).0, "transit", "node").unwrap()
}

fn key() -> Secret {
    Secret::from(b"0123456789abcdef0123456789abcdef".to_vec())
}

fn cause(error: &KekError) -> String {
    std::error::Error::source(error).map(ToString::to_string).unwrap_or_default()
}

#[tokio::test]
async fn a_key_is_wrapped_for_one_purpose_and_opens_for_no_other() {
    let Some((bao, token)) = transit() else { return };
    let kek = kek(&bao, &token);
    let wrapped = kek.wrap(&key(), b"keyring", SOON).await.unwrap();
    assert_eq!((wrapped.kind(), wrapped.parameter("key")), ("vault-transit", Some("transit/node")));
    assert!(wrapped.wrapped().starts_with(b"vault:v1:"));
    assert_eq!(kek.unwrap(&wrapped, b"keyring", SOON).await.unwrap().expose(), key().expose());
    for context in [&b"ca-key"[..], b"", b"keyring "] {
        let error = kek.unwrap(&wrapped, context, SOON).await.unwrap_err();
        assert!(matches!(error, KekError::Damaged), "{error:?}");
    }
    // What was stored was changed.
    let mut bytes = wrapped.wrapped().to_vec();
    let last = bytes.len() - 5;
    bytes[last] = if bytes[last] == b'A' { b'B' } else { b'A' };
    let damaged = WrappedKey::new("vault-transit", [("key", "transit/node".to_owned())], bytes).unwrap();
    assert!(matches!(kek.unwrap(&damaged, b"keyring", SOON).await, Err(KekError::Damaged)));
    for bytes in [&b"no ciphertext"[..], b"vault:v1:AA==", b"vault:v1:\r\nX: y", &[0xff; 8]] {
        let other =
            WrappedKey::new("vault-transit", [("key", "transit/node".to_owned())], bytes.to_vec()).unwrap();
        assert!(matches!(kek.unwrap(&other, b"keyring", SOON).await, Err(KekError::Damaged)), "{bytes:?}");
    }
    let other = WrappedKey::new("passphrase", [], vec![1]).unwrap();
    assert!(matches!(kek.unwrap(&other, b"keyring", SOON).await, Err(KekError::OtherKind { .. })));
    let elsewhere = TransitKek::new(root(&bao), "transit", "other").unwrap();
    assert!(matches!(elsewhere.unwrap(&wrapped, b"keyring", SOON).await, Err(KekError::WrongKey)));
}

#[tokio::test]
async fn a_key_that_derives_binds_the_context_too_and_one_that_can_not_is_refused() {
    let Some((bao, _)) = transit() else { return };
    bao.write("transit/keys/derived", &json!({ "derived": true }));
    bao.write("transit/keys/rsa", &json!({ "type": "rsa-2048" }));
    bao.write("transit/keys/chacha", &json!({ "type": "chacha20-poly1305" }));
    for name in ["derived", "chacha"] {
        let kek = TransitKek::new(root(&bao), "transit", name).unwrap();
        let wrapped = kek.wrap(&key(), b"keyring", SOON).await.unwrap();
        assert_eq!(kek.unwrap(&wrapped, b"keyring", SOON).await.unwrap().expose(), key().expose());
        assert!(matches!(kek.unwrap(&wrapped, b"other", SOON).await, Err(KekError::Damaged)), "{name}");
    }
    let rsa = TransitKek::new(root(&bao), "transit", "rsa").unwrap();
    assert!(matches!(rsa.wrap(&key(), b"keyring", SOON).await, Err(KekError::Refused(_))));
}

#[tokio::test]
async fn old_wrappings_open_after_a_rotation_until_the_server_says_otherwise() {
    let Some((bao, token)) = transit() else { return };
    let kek = kek(&bao, &token);
    let old = kek.wrap(&key(), b"keyring", SOON).await.unwrap();
    bao.write("transit/keys/node/rotate", &json!({}));
    let new = kek.wrap(&key(), b"keyring", SOON).await.unwrap();
    assert!(new.wrapped().starts_with(b"vault:v2:"));
    for wrapped in [&old, &new] {
        assert_eq!(kek.unwrap(wrapped, b"keyring", SOON).await.unwrap().expose(), key().expose());
    }
    bao.write("transit/keys/node/config", &json!({ "min_decryption_version": 2 }));
    let error = kek.unwrap(&old, b"keyring", SOON).await.unwrap_err();
    assert!(matches!(error, KekError::Refused(_)) && cause(&error).contains("too old"), "{error:?}");
    assert!(kek.unwrap(&new, b"keyring", SOON).await.is_ok());
}

#[tokio::test]
async fn a_key_that_was_deleted_is_missing_and_not_made_anew() {
    let Some((bao, token)) = transit() else { return };
    let kek = kek(&bao, &token);
    let wrapped = kek.wrap(&key(), b"keyring", SOON).await.unwrap();
    bao.write("transit/keys/node/config", &json!({ "deletion_allowed": true }));
    bao.delete("transit/keys/node");
    let error = kek.unwrap(&wrapped, b"keyring", SOON).await.unwrap_err();
    assert!(matches!(error, KekError::Refused(_)), "{error:?}");
    assert!(cause(&error).contains("no key at transit/keys/node"), "{}", cause(&error));
    let error = kek.wrap(&key(), b"keyring", SOON).await.unwrap_err();
    assert!(matches!(error, KekError::Refused(_)), "{error:?}");
    assert_eq!(bao.ask(bao.root_token(), "GET", "transit/keys/node", None).status, 404);
}

#[tokio::test]
async fn who_may_not_and_who_can_not_are_told_apart() {
    let Some((mut bao, token)) = transit() else { return };
    let good = kek(&bao, &token);
    let wrapped = good.wrap(&key(), b"keyring", SOON).await.unwrap();
    let stranger = bao.token(&["default"], "1h", &json!({}));
    let denied = kek(&bao, &stranger).unwrap(&wrapped, b"keyring", SOON).await.unwrap_err();
    assert!(matches!(denied, KekError::Refused(_)), "{denied:?}");
    assert!(cause(&denied).contains("permission denied"), "{}", cause(&denied));
    let none = TransitKek::new(root(&bao), "elsewhere", "node").unwrap();
    let none = none.wrap(&key(), b"keyring", SOON).await.unwrap_err();
    assert!(matches!(none, KekError::Refused(_)) && cause(&none).contains("mount"), "{none:?}");

    let good = TransitKek::new(root(&bao), "transit", "node").unwrap();
    good.unwrap(&wrapped, b"keyring", SOON).await.unwrap();
    bao.seal();
    let sealed = good.unwrap(&wrapped, b"keyring", SOON).await.unwrap_err();
    assert!(matches!(sealed, KekError::Unavailable(_)) && cause(&sealed).contains("sealed"), "{sealed:?}");
    bao.unseal();
    good.unwrap(&wrapped, b"keyring", SOON).await.unwrap();
    bao.pause();
    let mut tries = 0;
    // A loaded machine stops a process a moment after it was told to.
    let (silent, took) = loop {
        let begin = now();
        match good.unwrap(&wrapped, b"keyring", Duration::from_millis(400)).await {
            Err(error) => break (error, begin.elapsed()),
            Ok(_) => tries += 1,
        }
        assert!(tries < 50, "it answers while it is stopped");
    };
    assert!(matches!(silent, KekError::TimedOut { .. }), "{silent:?}");
    assert!(took < Duration::from_secs(3));
    bao.resume();
    bao.kill();
    let gone = good.unwrap(&wrapped, b"keyring", SOON).await.unwrap_err();
    assert_eq!(gone.code(), "crypto.kek.unavailable", "{gone:?}");
}

#[tokio::test]
async fn a_keyring_lives_under_a_key_that_never_leaves_the_server() {
    let Some((bao, token)) = transit() else { return };
    let (kek, now) = (kek(&bao, &token), SystemClock::new().unix());
    let path = bao.directory().join("keyring.json");
    let keyring = Keyring::create(KeyTemplate::Aead(DataAlgorithm::Aes256Gcm), now).unwrap();
    let made = KeyringFile::create(&path, Arc::new(LocalDisk), keyring, &kek, now, SOON).await.unwrap();
    let sealed = made.keyring().seal(b"aad", b"message").unwrap();
    bao.write("transit/keys/node/rotate", &json!({}));
    let opened = KeyringFile::load(&path, Arc::new(LocalDisk), &kek, SOON).await.unwrap();
    assert_eq!(opened.keyring().open(b"aad", &sealed).unwrap(), b"message");
    assert_eq!(opened.wrapping().key().kind(), "vault-transit");

    let envelope = Envelope::seal(Envelope::CA_KEY, &key(), &kek, now, SOON).await.unwrap();
    let envelope = Envelope::from_json(envelope.to_json().as_bytes()).unwrap();
    assert_eq!(envelope.open(Envelope::CA_KEY, &kek, SOON).await.unwrap().expose(), key().expose());
}

#[test]
fn a_name_stays_in_its_path() {
    let Some((bao, _)) = transit() else { return };
    for (mount, name) in
        [("../sys", "a"), ("transit", "a/b"), ("transit", "a?x"), ("transit", ""), ("a\r\n", "b")]
    {
        assert!(TransitKek::new(root(&bao), mount, name).is_err(), "{mount} {name}");
    }
}

#[allow(clippy::disallowed_methods, reason = "how long it really took")]
fn now() -> Instant {
    Instant::now()
}
