//! What keys are derived from is gone once it is dropped. A binary of its own, with one test, so that nobody else writes.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "support/hmac_key.rs"]
mod hmac_key;
#[path = "support/memory.rs"]
mod memory;

use dwcp_crypto::Secret;
use dwcp_crypto::hkdf::{Hash, Prk};
use hmac_key::{apart, states};
use memory::{Pattern, assert_gone, assert_wiped, letters};
use ring::hmac;
use std::hint::black_box;

#[test]
fn what_is_dropped_is_nowhere_in_memory() {
    let hashes = [
        (Hash::Sha256, hmac::HMAC_SHA256),
        (Hash::Sha384, hmac::HMAC_SHA384),
        (Hash::Sha512, hmac::HMAC_SHA512),
    ];
    for (seed, (hash, algorithm)) in (1..).zip(hashes) {
        let made = apart(|| patterns(algorithm, letters(seed, 40).expose()));
        assert_gone("the search itself", &made);
        let prk = Prk::extract(hash, b"salt", &letters(seed, 40));
        // Used and moved, as a key is that lives for long.
        let used = prk.secret(b"label", b"context", 100).unwrap();
        let moved = Box::new(prk);
        drop(used);
        assert_wiped(&format!("{hash:?}"), moved, &made);
    }
}

/// Both states of HMAC under the pseudorandom key, which is HMAC of the secret under the salt (RFC 5869 §2.2).
fn patterns(algorithm: hmac::Algorithm, secret: &[u8]) -> Vec<Pattern> {
    let mut salt = Box::new(hmac::Key::new(algorithm, b"salt"));
    let prk = Secret::from(hmac::sign(&salt, secret).as_ref().to_vec());
    *salt = hmac::Key::new(hmac::HMAC_SHA512, &[0; 64]);
    black_box(&mut salt);
    states(algorithm, prk.expose()).into()
}
