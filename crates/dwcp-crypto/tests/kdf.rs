//! Stored derivations as they are written, read, changed by an attacker, and run.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use dwcp_crypto::{CryptoError, Kdf, KdfParams, Passphrase};
use proptest::prelude::*;

const ARGON2ID: &str = "$argon2id$v=19$m=65536,t=3,p=4$AAECAwQFBgcICQoLDA0ODw";
const PBKDF2: &str = "$pbkdf2-sha256$i=1000000$AAECAwQFBgcICQoLDA0ODw";

fn refusal(text: &str) -> CryptoError {
    Kdf::from_phc(text).map(|kdf| kdf.phc()).expect_err(text)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The expected bytes come from another implementation of both (Python's `cryptography` and `hashlib`).
#[test]
fn what_is_stored_leads_to_the_key_that_others_derive_from_it() {
    let passphrase = Passphrase::new("Zürich im Regen".as_bytes()).unwrap();
    for (phc, current, expected) in [
        (ARGON2ID, true, "2d6e241d623afe898a3d3335b2989aa069eba79470d80d76c3ceeffc37cf485a"),
        (
            "$argon2id$v=19$m=65536,t=1,p=4$AAECAwQFBgcICQoLDA0ODw",
            false,
            "b259abb2ce413760c7c1efe61665ad4136b906f687a9cfaecbc134cc7abb0d7c",
        ),
        (
            "$pbkdf2-sha256$i=100000$AAECAwQFBgcICQoLDA0ODw",
            false,
            "95d7b8b611b3dbb6c793ac483612df788925e6eb7b40f03972792902576019fa",
        ),
    ] {
        let kdf = Kdf::from_phc(phc).unwrap();
        assert_eq!(kdf.is_current(), current, "{phc}");
        assert_eq!(hex(kdf.derive(&passphrase, 32).unwrap().expose()), expected, "{phc}");
    }
}

#[test]
fn at_e2_cheaper_derivations_and_other_algorithms_never_become_those_of_new_data() {
    for legacy in [
        "$argon2id$v=19$m=65536,t=1,p=4$AAECAwQFBgcICQoLDA0ODw",
        "$argon2id$v=19$m=8,t=3,p=1$AAECAwQFBgcICQoLDA0ODw",
        "$argon2id$v=19$m=19455,t=10,p=1$AAECAwQFBgcICQoLDA0ODw",
        "$argon2id$v=19$m=65536,t=3,p=4$AAECAwQFBgc",
        "$pbkdf2-sha256$i=1$AAECAwQFBgcICQoLDA0ODw",
        "$pbkdf2-sha256$i=100000$AAECAwQFBgcICQoLDA0ODw",
        "$pbkdf2-sha256$i=599999$AAECAwQFBgcICQoLDA0ODw",
    ] {
        assert!(!Kdf::from_phc(legacy).unwrap().is_current(), "{legacy}");
    }
    for refused in [
        "$argon2i$v=19$m=65536,t=3,p=4$AAECAwQFBgcICQoLDA0ODw",
        "$argon2d$v=19$m=65536,t=3,p=4$AAECAwQFBgcICQoLDA0ODw",
        "$argon2id$v=16$m=65536,t=3,p=4$AAECAwQFBgcICQoLDA0ODw",
        "$argon2id$m=65536,t=3,p=4$AAECAwQFBgcICQoLDA0ODw",
        "$pbkdf2$i=1000000$AAECAwQFBgcICQoLDA0ODw",
        "$pbkdf2-sha1$i=1000000$AAECAwQFBgcICQoLDA0ODw",
        "$scrypt$ln=17,r=8,p=1$AAECAwQFBgcICQoLDA0ODw",
    ] {
        assert_eq!(refusal(refused), CryptoError::InvalidParameters, "{refused}");
    }
}

#[test]
fn at_e3_parameters_beyond_the_ceilings_are_refused_as_excessive() {
    for excessive in [
        "$argon2id$v=19$m=4294967296,t=3,p=4$AAECAwQFBgcICQoLDA0ODw",
        "$argon2id$v=19$m=4294967295,t=3,p=4$AAECAwQFBgcICQoLDA0ODw",
        "$argon2id$v=19$m=2097153,t=3,p=4$AAECAwQFBgcICQoLDA0ODw",
        "$argon2id$v=19$m=65536,t=11,p=4$AAECAwQFBgcICQoLDA0ODw",
        "$argon2id$v=19$m=65536,t=4294967295,p=4$AAECAwQFBgcICQoLDA0ODw",
        "$argon2id$v=19$m=65536,t=3,p=17$AAECAwQFBgcICQoLDA0ODw",
        "$argon2id$v=19$m=65536,t=3,p=16777215$AAECAwQFBgcICQoLDA0ODw",
        "$argon2id$v=19$m=99999999999999999999999999999999999999,t=3,p=4$AAECAwQFBgcICQoLDA0ODw",
        "$pbkdf2-sha256$i=10000001$AAECAwQFBgcICQoLDA0ODw",
        "$pbkdf2-sha256$i=4294967295$AAECAwQFBgcICQoLDA0ODw",
    ] {
        assert_eq!(refusal(excessive), CryptoError::ExcessiveParameters, "{excessive}");
    }
    for largest in [
        "$argon2id$v=19$m=2097152,t=10,p=16$AAECAwQFBgcICQoLDA0ODw",
        "$pbkdf2-sha256$i=10000000$AAECAwQFBgcICQoLDA0ODw",
    ] {
        assert_eq!(Kdf::from_phc(largest).unwrap().phc(), largest);
    }
}

#[test]
fn every_other_spelling_of_the_same_derivation_is_refused() {
    for refused in [
        "",
        "$",
        "argon2id$v=19$m=65536,t=3,p=4$AAECAwQFBgcICQoLDA0ODw",
        " $argon2id$v=19$m=65536,t=3,p=4$AAECAwQFBgcICQoLDA0ODw",
        "$argon2id$v=19$m=65536,t=3,p=4$AAECAwQFBgcICQoLDA0ODw\n",
        "$Argon2id$v=19$m=65536,t=3,p=4$AAECAwQFBgcICQoLDA0ODw",
        "$argon2id$v=019$m=65536,t=3,p=4$AAECAwQFBgcICQoLDA0ODw",
        "$argon2id$v=19$t=3,m=65536,p=4$AAECAwQFBgcICQoLDA0ODw",
        "$argon2id$v=19$m=65536,t=3$AAECAwQFBgcICQoLDA0ODw",
        "$argon2id$v=19$m=65536,t=3,p=4,p=4$AAECAwQFBgcICQoLDA0ODw",
        "$argon2id$v=19$m=65536,m=65536,t=3,p=4$AAECAwQFBgcICQoLDA0ODw",
        "$argon2id$v=19$m=65536,t=3,p=4,keyid=AAAA$AAECAwQFBgcICQoLDA0ODw",
        "$argon2id$v=19$m=065536,t=3,p=4$AAECAwQFBgcICQoLDA0ODw",
        "$argon2id$v=19$m=+65536,t=3,p=4$AAECAwQFBgcICQoLDA0ODw",
        "$argon2id$v=19$m=-1,t=3,p=4$AAECAwQFBgcICQoLDA0ODw",
        "$argon2id$v=19$m=65536,t=,p=4$AAECAwQFBgcICQoLDA0ODw",
        "$argon2id$v=19$m=65536,t=0,p=4$AAECAwQFBgcICQoLDA0ODw",
        "$argon2id$v=19$m=65536,t=3,p=0$AAECAwQFBgcICQoLDA0ODw",
        "$argon2id$v=19$m=31,t=3,p=4$AAECAwQFBgcICQoLDA0ODw",
        "$argon2id$v=19$m=65536,t=٣,p=4$AAECAwQFBgcICQoLDA0ODw",
        "$argon2id$v=19$m=65536,t=3,p=4",
        "$argon2id$v=19$m=65536,t=3,p=4$",
        "$argon2id$v=19$m=65536,t=3,p=4$AAECAwQFBg",
        "$argon2id$v=19$m=65536,t=3,p=4$AAECAwQFBgcICQoLDA0ODw==",
        "$argon2id$v=19$m=65536,t=3,p=4$AAECAwQFBgcICQoLDA0ODx",
        "$argon2id$v=19$m=65536,t=3,p=4$AAECAwQFBgcICQoLDA0OD",
        "$argon2id$v=19$m=65536,t=3,p=4$AAECAwQFBgcICQoLDA0-_w",
        "$argon2id$v=19$m=65536,t=3,p=4$AAECAwQFBgcICQoLDA0ODw$AAECAwQFBgcICQoLDA0ODw",
        "$argon2id$v=19$m=65536,t=3,p=4$AAECAwQFBgcICQoLDA0ODw$",
        "$pbkdf2-sha256$i=0$AAECAwQFBgcICQoLDA0ODw",
        "$pbkdf2-sha256$i=1000000,l=32$AAECAwQFBgcICQoLDA0ODw",
        "$pbkdf2-sha256$v=19$i=1000000$AAECAwQFBgcICQoLDA0ODw",
        "$pbkdf2-sha256$1000000$AAECAwQFBgcICQoLDA0ODw",
    ] {
        assert_eq!(refusal(refused), CryptoError::InvalidParameters, "{refused}");
    }
    assert_eq!(refusal(&format!("{PBKDF2}{}", "A".repeat(256))), CryptoError::InvalidParameters);
}

#[test]
fn a_salt_has_8_to_64_bytes() {
    let sized = |base64: usize| format!("$pbkdf2-sha256$i=1000000${}", "A".repeat(base64));
    for (base64, reads) in [(10, false), (11, true), (86, true), (87, false), (88, false)] {
        assert_eq!(Kdf::from_phc(&sized(base64)).is_ok(), reads, "{base64} characters");
    }
}

#[test]
fn debug_texts_show_no_passphrase() {
    let passphrase = Passphrase::new(b"open sesame").unwrap();
    assert_eq!(format!("{passphrase:?}"), "Passphrase(..)");
    let key = Kdf::from_phc("$pbkdf2-sha256$i=1$AAECAwQFBgcICQoLDA0ODw").unwrap().derive(&passphrase, 32);
    assert_eq!(format!("{key:?}"), "Ok(Secret(32 bytes))");
}

fn params() -> impl Strategy<Value = KdfParams> {
    prop_oneof![
        (19_456_u32..=2_097_152, 2_u32..=10, 1_u32..=16)
            .prop_map(|(memory, passes, lanes)| KdfParams::argon2id(memory, passes, lanes).unwrap()),
        (600_000_u32..=10_000_000).prop_map(|iterations| KdfParams::pbkdf2(iterations).unwrap()),
    ]
}

proptest! {
    #[test]
    fn what_is_written_is_read_and_is_current(params in params()) {
        let kdf = Kdf::fresh(params).unwrap();
        prop_assert!(kdf.is_current());
        prop_assert_eq!(Kdf::from_phc(&kdf.phc()), Ok(kdf));
    }

    /// Whatever is read has one spelling, so that a text can not be changed without changing the derivation.
    #[test]
    fn what_is_read_is_written_as_it_was(
        at in 0..ARGON2ID.len(),
        with in "[ -~]{0,3}",
        cut in 0..4_usize,
        pbkdf2 in any::<bool>(),
    ) {
        let text = if pbkdf2 { PBKDF2 } else { ARGON2ID };
        let at = at.min(text.len());
        let text = format!("{}{with}{}", &text[..at], &text[(at + cut).min(text.len())..]);
        if let Ok(kdf) = Kdf::from_phc(&text) {
            prop_assert_eq!(kdf.phc(), text);
        }
    }

    #[test]
    fn arbitrary_text_is_refused_and_breaks_nothing(text in ".{0,300}") {
        prop_assert!(Kdf::from_phc(&text).is_err());
    }
}
