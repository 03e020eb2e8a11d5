//! Secrets sealed for rest: for one purpose, under one key-encryption key at a time, and whole or not at all.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "support/passphrase.rs"]
#[allow(dead_code, reason = "part of it is for other tests")]
mod support;

use dwcp_base::{Coded, LocalDisk, UnixTime};
use dwcp_crypto::kek::{BoxFuture, FileKek, KekError, KeyEncryptionKey, WrappedKey, at_once};
use dwcp_crypto::{Envelope, EnvelopeError, Secret};
use proptest::prelude::*;
use std::time::Duration;
use support::judged;

const NOW: UnixTime = UnixTime::from_secs(1_790_000_000);
const DEADLINE: Duration = Duration::from_secs(10);

struct Lab {
    directory: tempfile::TempDir,
    kek: FileKek,
}

fn lab() -> Lab {
    let directory = tempfile::tempdir().unwrap();
    let kek = FileKek::create(&directory.path().join("kek"), &LocalDisk, NOW).unwrap();
    Lab { directory, kek }
}

fn seal(purpose: &str, secret: &[u8], kek: &dyn KeyEncryptionKey) -> Result<Envelope, EnvelopeError> {
    at_once(Envelope::seal(purpose, &Secret::from(secret.to_vec()), kek, NOW, DEADLINE))
}

fn open(envelope: &Envelope, purpose: &str, kek: &dyn KeyEncryptionKey) -> Result<Vec<u8>, EnvelopeError> {
    at_once(envelope.open(purpose, kek, DEADLINE)).map(|secret| secret.expose().to_vec())
}

#[test]
fn a_secret_makes_the_round_trip_through_its_text() {
    let Lab { kek, directory: _directory } = lab();
    for secret in [&b""[..], b"the key of the authority", &[7; 512 * 1024]] {
        let envelope = seal(Envelope::CA_KEY, secret, &kek).unwrap();
        let text = envelope.to_json();
        assert!(
            text.starts_with("{\n  \"dwcpEnvelope\": 1,\n  \"purpose\": \"ca-key\",\n")
                && text.ends_with("}\n")
        );
        let read = Envelope::from_json(text.as_bytes()).unwrap();
        assert_eq!(read, envelope);
        assert_eq!(open(&read, Envelope::CA_KEY, &kek).unwrap(), secret);
        assert_eq!((read.purpose(), read.wrapping().made()), ("ca-key", NOW));
    }
    let too_large = seal(Envelope::CA_KEY, &[7; 512 * 1024 + 1], &kek);
    assert!(matches!(too_large, Err(EnvelopeError::TooLarge { limit: 524_288 })));
}

#[test]
fn what_was_sealed_for_one_purpose_opens_for_no_other() {
    let Lab { kek, directory: _directory } = lab();
    let envelope = seal(Envelope::CA_KEY, b"secret", &kek).unwrap();
    assert!(matches!(open(&envelope, Envelope::NODE_STATE, &kek), Err(EnvelopeError::Purpose)));
    // Nor when the text is made to say so.
    let text = envelope.to_json().replace("\"ca-key\"", "\"node-state\"");
    let renamed = Envelope::from_json(text.as_bytes()).unwrap();
    assert_eq!(open(&renamed, Envelope::NODE_STATE, &kek).unwrap_err().code(), "crypto.kek.wrong");
    for purpose in ["", "CA", "a b", "ä", &"a".repeat(33)] {
        assert!(matches!(seal(purpose, b"secret", &kek), Err(EnvelopeError::Purpose)), "{purpose}");
        let text = envelope.to_json().replace("\"ca-key\"", &format!("\"{purpose}\""));
        assert!(matches!(Envelope::from_json(text.as_bytes()), Err(EnvelopeError::Purpose)), "{purpose}");
    }
}

#[test]
fn the_parts_of_two_envelopes_do_not_mix() {
    let Lab { kek, directory: _directory } = lab();
    let (one, other) =
        (seal(Envelope::CA_KEY, b"one", &kek).unwrap(), seal(Envelope::CA_KEY, b"other", &kek).unwrap());
    let mut mixed: serde_json::Value = serde_json::from_str(&one.to_json()).unwrap();
    let other: serde_json::Value = serde_json::from_str(&other.to_json()).unwrap();
    mixed["sealed"] = other["sealed"].clone();
    let mixed = Envelope::from_json(mixed.to_string().as_bytes()).unwrap();
    assert!(matches!(open(&mixed, Envelope::CA_KEY, &kek), Err(EnvelopeError::Damaged)));
}

#[test]
fn every_flipped_bit_of_the_text_is_refused() {
    let Lab { kek, directory: _directory } = lab();
    let text = seal(Envelope::CA_KEY, b"secret", &kek).unwrap().to_json().into_bytes();
    for at in 0..text.len() {
        for bit in 0..8 {
            let mut damaged = text.clone();
            damaged[at] ^= 1 << bit;
            let opened =
                Envelope::from_json(&damaged).and_then(|envelope| open(&envelope, Envelope::CA_KEY, &kek));
            assert!(opened.is_err(), "byte {at} bit {bit}");
        }
    }
    for length in 0..text.len() - 2 {
        assert!(Envelope::from_json(&text[..length]).is_err(), "{length} bytes");
    }
}

#[test]
fn texts_that_are_no_envelope_are_refused() {
    let Lab { kek, directory: _directory } = lab();
    let text = seal(Envelope::CA_KEY, b"secret", &kek).unwrap().to_json();
    let code = |text: &str| Envelope::from_json(text.as_bytes()).unwrap_err().code();
    for text in ["", "null", "{}", "[]", &text[..40], &text.replace("\"sealed\"", "\"more\": 1, \"sealed\"")]
    {
        assert_eq!(code(text), "crypto.envelope.malformed", "{text}");
    }
    let twice = text.replace("\"purpose\"", "\"purpose\": \"ca-key\", \"purpose\"");
    assert_eq!(code(&twice), "crypto.envelope.malformed");
    assert_eq!(code(&text.replace("\"dwcpEnvelope\": 1", "\"dwcpEnvelope\": 2")), "crypto.envelope.unknown");
    assert_eq!(
        code(&text.replace("2026-09-21T14:13:20Z", "2026-09-21T14:13:20.000Z")),
        "crypto.envelope.malformed"
    );
    assert_eq!(code(&" ".repeat(1024 * 1024 + 1)), "crypto.envelope.oversized");
    let redated = text.replace("2026-09-21T14:13:20Z", "2027-09-21T14:13:20Z");
    let redated = Envelope::from_json(redated.as_bytes()).unwrap();
    assert!(matches!(open(&redated, Envelope::CA_KEY, &kek), Err(EnvelopeError::Damaged)));
}

#[test]
fn rewrapping_leaves_nothing_that_the_old_key_opens() {
    let Lab { kek, directory } = lab();
    let old = seal(Envelope::NODE_STATE, b"secret", &kek).unwrap();
    let new = judged();
    let later = NOW.plus(Duration::from_secs(91 * 86_400));
    assert!(old.wrapping().is_due(later));
    let rewrapped = at_once(old.rewrap(&kek, new, later, DEADLINE)).unwrap();
    assert!(!rewrapped.wrapping().is_due(later) && rewrapped.wrapping().is_current());
    assert_eq!(open(&rewrapped, Envelope::NODE_STATE, new).unwrap(), b"secret");
    assert_eq!(open(&rewrapped, Envelope::NODE_STATE, &kek).unwrap_err().code(), "crypto.kek.mismatched");
    let back = at_once(rewrapped.rewrap(new, &kek, later, DEADLINE)).unwrap();
    assert_eq!(open(&back, Envelope::NODE_STATE, &kek).unwrap(), b"secret");
    // The old envelope still opens with the old key: only its replacement on disk ends that.
    assert_eq!(open(&old, Envelope::NODE_STATE, &kek).unwrap(), b"secret");
    let other = FileKek::create(&directory.path().join("other"), &LocalDisk, NOW).unwrap();
    let refused = at_once(old.rewrap(&other, new, later, DEADLINE)).unwrap_err();
    assert!(matches!(refused, EnvelopeError::Kek { source: KekError::WrongKey }));
}

/// A key-encryption key that hands the key back as it is, and one that wraps nothing.
struct Careless;

impl KeyEncryptionKey for Careless {
    fn wrap<'a>(
        &'a self,
        key: &'a Secret,
        _: &'a [u8],
        _: Duration,
    ) -> BoxFuture<'a, Result<WrappedKey, KekError>> {
        Box::pin(async move { WrappedKey::new("careless", [], key.expose().to_vec()) })
    }

    fn unwrap<'a>(
        &'a self,
        wrapped: &'a WrappedKey,
        _: &'a [u8],
        _: Duration,
    ) -> BoxFuture<'a, Result<Secret, KekError>> {
        let bytes = wrapped.wrapped().to_vec();
        Box::pin(async move { Ok(Secret::from(bytes)) })
    }
}

#[test]
fn a_key_of_another_length_from_a_remote_holder_is_damage() {
    let envelope = seal(Envelope::CA_KEY, b"secret", &Careless).unwrap();
    assert_eq!(open(&envelope, Envelope::CA_KEY, &Careless).unwrap(), b"secret");
    let mut json: serde_json::Value = serde_json::from_str(&envelope.to_json()).unwrap();
    json["wrapping"]["key"]["wrapped"] = "AAAA".into();
    let short = Envelope::from_json(json.to_string().as_bytes()).unwrap();
    let refused = open(&short, Envelope::CA_KEY, &Careless).unwrap_err();
    assert!(matches!(refused, EnvelopeError::Kek { source: KekError::Damaged }));
}

#[test]
fn any_executor_may_run_it() {
    fn travels<T: Send>(_: &T) {}
    let Lab { kek, directory: _directory } = lab();
    let secret = Secret::from(vec![1]);
    let envelope = seal(Envelope::CA_KEY, b"secret", &kek).unwrap();
    travels(&Envelope::seal(Envelope::CA_KEY, &secret, &kek, NOW, DEADLINE));
    travels(&envelope.open(Envelope::CA_KEY, &kek, DEADLINE));
    travels(&envelope.rewrap(&kek, &kek, NOW, DEADLINE));
    let run = async { envelope.open(Envelope::CA_KEY, &kek, DEADLINE).await.unwrap().expose().to_vec() };
    assert_eq!(tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(run), b"secret");
}

#[test]
fn at_p12_nothing_that_is_printed_holds_the_secret() {
    let Lab { kek, directory: _directory } = lab();
    let envelope = seal(Envelope::CA_KEY, b"open sesame", &kek).unwrap();
    let printed = format!("{envelope:?} {envelope:#?} {}", envelope.to_json());
    assert!(!printed.contains("sesame") && !printed.contains("111, 112, 101, 110"), "{printed}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn arbitrary_text_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300), text in ".{0,200}") {
        let _ = (Envelope::from_json(&bytes), Envelope::from_json(text.as_bytes()));
    }
}
