//! What is asked for in a parameter string is refused before memory is taken for it. A binary of its own: it counts allocations.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use allocation_counter::measure;
use dwcp_base::{Clock, SystemClock};
use dwcp_crypto::{Kdf, Passphrase, PassphraseError};
use std::time::Duration;

const MIB: u64 = 1024 * 1024;

#[test]
fn at_e3_four_terabytes_and_four_billion_passes_cost_neither_memory_nor_time() {
    let clock = SystemClock::new();
    for refused in [
        "$argon2id$v=19$m=4294967296,t=3,p=4$AAECAwQFBgcICQoLDA0ODw",
        "$argon2id$v=19$m=4294967295,t=3,p=4$AAECAwQFBgcICQoLDA0ODw",
        "$argon2id$v=19$m=65536,t=4294967295,p=4$AAECAwQFBgcICQoLDA0ODw",
        "$argon2id$v=19$m=134217720,t=3,p=16777215$AAECAwQFBgcICQoLDA0ODw",
        "$argon2id$v=19$m=4294967295,t=4294967295,p=16777215$AAECAwQFBgcICQoLDA0ODw",
        "$pbkdf2-sha256$i=4294967295$AAECAwQFBgcICQoLDA0ODw",
    ] {
        let start = clock.tick();
        let counted = measure(|| assert!(Kdf::from_phc(refused).is_err(), "{refused}"));
        let taken = clock.tick().since(start);
        assert!(counted.bytes_total < MIB, "{refused} took {} bytes", counted.bytes_total);
        assert!(taken < Duration::from_secs(1), "{refused} took {taken:?}");
    }
}

#[test]
fn a_derivation_takes_the_memory_it_was_given_once_and_gives_it_back() {
    let kdf = Kdf::from_phc("$argon2id$v=19$m=19456,t=2,p=1$AAECAwQFBgcICQoLDA0ODw").unwrap();
    let passphrase = Passphrase::new(b"open sesame").unwrap();
    let counted = measure(|| assert!(kdf.derive(&passphrase, 32).is_ok()));
    assert!((19 * MIB..20 * MIB).contains(&counted.bytes_total), "{} bytes", counted.bytes_total);
    assert_eq!(counted.bytes_current, 0);
}

#[test]
fn at_e9_a_megabyte_of_passphrase_is_refused_before_it_is_copied() {
    let long = vec![b'a'; 1024 * 1024];
    let counted = measure(|| assert_eq!(Passphrase::new(&long).map(|_| ()), Err(PassphraseError::TooLong)));
    assert_eq!(counted.bytes_total, 0);
}
