//! Passphrases as keyboards, files and attackers bring them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use dwcp_base::Coded;
use dwcp_crypto::{Kdf, NewPassphrase, Passphrase, PassphraseError};
use proptest::prelude::*;

/// The cheapest derivation there is: what is compared here is the passphrase that goes into it.
fn key(passphrase: &[u8]) -> Vec<u8> {
    key_of(&Passphrase::new(passphrase).unwrap())
}

fn key_of(passphrase: &Passphrase) -> Vec<u8> {
    let kdf = Kdf::from_phc("$pbkdf2-sha256$i=1$AAECAwQFBgcICQoLDA0ODw").unwrap();
    kdf.derive(passphrase, 32).unwrap().expose().to_vec()
}

#[test]
fn at_e9_composed_and_decomposed_text_give_one_key() {
    for (composed, decomposed) in [
        ("Zürich", "Zu\u{308}rich"),
        ("\u{212b}ngström", "A\u{30a}ngstro\u{308}m"),
        ("각", "\u{1100}\u{1161}\u{11a8}"),
        ("ệ", "e\u{302}\u{323}"),
        ("\u{1e69}", "s\u{307}\u{323}"),
    ] {
        assert_eq!(key(composed.as_bytes()), key(decomposed.as_bytes()), "{composed}");
    }
    // Compatibility forms are other texts (NFC, not NFKC), and case is kept.
    assert_ne!(key("ﬁre".as_bytes()), key(b"fire"));
    assert_ne!(key("Zürich".as_bytes()), key("zürich".as_bytes()));
}

#[test]
fn at_e9_every_space_is_the_space_of_the_keyboard() {
    // White space as the standard library has it is the category Zs, the separators of lines and paragraphs, and controls.
    let mut spaces = 0;
    for white in (char::MIN..=char::MAX).filter(|char| char.is_whitespace()) {
        let typed = key(format!("a{white}b").as_bytes());
        let space = !white.is_control() && !matches!(white, '\u{2028}' | '\u{2029}');
        assert_eq!(typed == key(b"a b"), space, "{:x}", u32::from(white));
        spaces += usize::from(space);
    }
    assert_eq!(spaces, 17);
    for other in ["a\u{180e}b", "a\u{1fff}b", "a\u{200b}b", "a\u{2060}b", "a\u{feff}b", "ab"] {
        assert_ne!(key(other.as_bytes()), key(b"a b"), "{other:?}");
    }
}

#[test]
fn at_e9_empty_and_huge_passphrases_are_refused() {
    let refusal = |bytes: &[u8]| Passphrase::new(bytes).map(|_| ()).unwrap_err();
    assert_eq!(refusal(b""), PassphraseError::Empty);
    assert_eq!(refusal(&vec![b'a'; 1024 * 1024]), PassphraseError::TooLong);
    assert_eq!(refusal(&vec![b'a'; Passphrase::MAX_LEN + 1]), PassphraseError::TooLong);
    assert!(Passphrase::new(&vec![b'a'; Passphrase::MAX_LEN]).is_ok());
    assert_eq!(Passphrase::from_file_bytes(b"\n").map(|_| ()), Err(PassphraseError::Empty));
    assert_eq!(PassphraseError::TooLong.to_string(), "the passphrase is longer than 64 KiB");
}

#[test]
fn one_newline_at_the_end_of_a_file_is_no_part_of_it() {
    let from_file = |content: &[u8]| key_of(&Passphrase::from_file_bytes(content).unwrap());
    for content in [b"open sesame".as_slice(), b"open sesame\n", b"open sesame\r\n"] {
        assert_eq!(from_file(content), key(b"open sesame"), "{content:?}");
    }
    for (content, passphrase) in [
        (b"open sesame\n\n".as_slice(), b"open sesame\n".as_slice()),
        (b"open sesame\r", b"open sesame\r"),
        (b" open sesame \n", b" open sesame "),
        (b"\nopen sesame", b"\nopen sesame"),
    ] {
        assert_eq!(from_file(content), key(passphrase), "{content:?}");
    }
    assert_ne!(key(b"open sesame\n"), key(b"open sesame"), "what was typed is taken as it is");
}

#[test]
fn a_verbatim_passphrase_keeps_its_form() {
    let verbatim = |bytes: &[u8]| key_of(&Passphrase::verbatim(bytes).unwrap());
    assert_ne!(verbatim("Zu\u{308}rich".as_bytes()), verbatim("Zürich".as_bytes()));
    assert_eq!(verbatim("Zürich".as_bytes()), key("Zürich".as_bytes()));
    assert_eq!(Passphrase::verbatim(b"").map(|_| ()), Err(PassphraseError::Empty));
    assert_eq!(Passphrase::verbatim(&[0; 65_537]).map(|_| ()), Err(PassphraseError::TooLong));
}

#[test]
fn bytes_that_are_no_text_are_taken_as_they_are() {
    assert_ne!(key(b"\xff\x00\xfe"), key(b"\xff\x00\xfd"));
    assert_ne!(key(b"\xff a"), key(b"\xff\xc2\xa0a"), "a space in what is no text is no space");
}

#[cfg(feature = "strength")]
mod chosen {
    use super::*;
    use dwcp_crypto::Weakness;

    fn judged(text: &[u8]) -> Result<NewPassphrase, PassphraseError> {
        NewPassphrase::chosen(Passphrase::new(text).unwrap())
    }

    #[test]
    fn guessable_passphrases_are_refused_with_what_is_wrong_with_them() {
        for (text, weakness) in [
            ("password", Weakness::Common),
            ("qwertyuiop", Weakness::Common),
            ("p4ssw0rd", Weakness::NearlyCommon),
            ("michael", Weakness::Name),
            ("zxcvbnm,./", Weakness::Keyboard),
            ("aaaaaaaaaaaa", Weakness::Repeats),
            ("abcdefghij", Weakness::Sequence),
            ("19991231", Weakness::Date),
            ("x", Weakness::Short),
            ("dwcp", Weakness::Short),
        ] {
            let refused = judged(text.as_bytes()).map(|_| ()).unwrap_err();
            assert_eq!(refused, PassphraseError::Guessable(weakness), "{text}");
        }
        let error = PassphraseError::Guessable(Weakness::Keyboard);
        assert_eq!(
            error.to_string(),
            "the passphrase is easy to guess: its keys lie side by side; take several words that have nothing to do \
             with each other"
        );
        assert_eq!(error.code(), "crypto.passphrase.guessable");
    }

    #[test]
    fn a_score_of_2_is_refused_and_one_of_3_is_taken() {
        use zxcvbn::{Score, zxcvbn};
        // Without a word in them each character counts ten guesses, and the border is at 10^8: one character more is over it.
        for (text, score) in [("h8Vq2xZk", Score::Two), ("h8Vq2xZkJ", Score::Three)] {
            assert_eq!(zxcvbn(text, &[]).score(), score, "{text}");
            let expected = match score {
                Score::Two => Err(PassphraseError::Guessable(Weakness::Short)),
                _ => Ok(()),
            };
            assert_eq!(judged(text.as_bytes()).map(|_| ()), expected, "{text}");
        }
    }

    #[test]
    fn the_refusal_shows_nothing_of_the_passphrase() {
        let refused = judged(b"michael").map(|_| ()).unwrap_err();
        assert!(!format!("{refused} {refused:?}").contains("michael"));
    }

    #[test]
    fn passphrases_that_are_hard_to_guess_are_taken_as_they_are() {
        for text in [
            "correct horse battery staple",
            "q7 Zu\u{308}rich im Regen",
            "\u{1f40e}\u{1f50b} und 17 Klammern",
        ] {
            let new = judged(text.as_bytes()).unwrap();
            assert_eq!(key_of(new.passphrase()), key(text.as_bytes()), "{text}");
            assert_eq!(format!("{new:?}"), "NewPassphrase(..)");
        }
    }

    #[test]
    fn random_bytes_of_a_key_file_are_hard_to_guess_and_a_few_are_not() {
        let bytes: Vec<u8> = (0..32_u8).map(|at| at.wrapping_mul(151) ^ 0xc5).collect();
        assert!(std::str::from_utf8(&bytes).is_err() && judged(&bytes).is_ok());
        assert!(judged(&bytes[..3]).is_err());
    }

    #[test]
    fn at_e9_a_long_passphrase_is_judged_by_its_first_hundred_characters() {
        let long = [b"correct horse battery staple ".repeat(3).as_slice(), &[b'a'; 60_000]].concat();
        assert!(judged(&long).is_ok());
        let weak = [[b'a'; 100].as_slice(), b"correct horse battery staple"].concat();
        assert!(judged(&weak).is_err());
    }
}

#[test]
fn generated_passphrases_differ_and_are_typed_as_they_are_shown() {
    let (one, text) = NewPassphrase::generate().unwrap();
    let (other, _) = NewPassphrase::generate().unwrap();
    assert_ne!(key_of(one.passphrase()), key_of(other.passphrase()));
    let typed = std::str::from_utf8(text.expose()).unwrap();
    assert_eq!(key_of(one.passphrase()), key(typed.as_bytes()));
    assert_eq!(format!("{one:?} {text:?}"), "NewPassphrase(..) Secret(35 bytes)");
    let groups: Vec<_> = typed.split('-').collect();
    assert_eq!(groups.len(), 6, "{typed}");
    for group in groups {
        assert!(
            group.len() == 5 && group.bytes().all(|byte| b"abcdefghijkmnpqrstuvwxyz23456789".contains(&byte))
        );
    }
    #[cfg(feature = "strength")]
    assert!(NewPassphrase::chosen(Passphrase::new(text.expose()).unwrap()).is_ok());
}

#[test]
fn refusals_have_codes_and_are_our_own_fault() {
    assert_eq!(PassphraseError::Empty.code(), "crypto.passphrase.empty");
    assert_eq!(PassphraseError::TooLong.code(), "crypto.passphrase.oversized");
    assert_eq!(PassphraseError::Empty.blame(), dwcp_base::Blame::Local);
}

proptest! {
    #[test]
    fn the_form_of_a_text_never_matters(text in "\\PC{1,40}") {
        use unicode_normalization::UnicodeNormalization;
        let decomposed: String = text.nfd().collect();
        let composed: String = text.nfc().collect();
        prop_assert_eq!(key(decomposed.as_bytes()), key(composed.as_bytes()));
    }

    #[test]
    fn two_ascii_passphrases_never_give_one_key(a in "[ -~]{1,20}", b in "[ -~]{1,20}") {
        prop_assume!(a != b);
        prop_assert_ne!(key(a.as_bytes()), key(b.as_bytes()));
    }
}
