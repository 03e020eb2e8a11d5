//! HMAC (RFC 2104) over the parts of a packet, truncated (RFC 4868), under a key that is overwritten when it goes.

use crate::constant_time_eq;
use crate::hkdf::Hash;
use crate::stack::leaving_no_trace;
use ring::hmac;
use std::hint::black_box;

/// An HMAC key of ring in a place of its own: boxed, so that no move leaves a copy behind.
pub(super) struct MacKey(Box<hmac::Key>);

impl MacKey {
    pub(super) fn new(hash: Hash, bytes: &[u8]) -> Self {
        leaving_no_trace(|| Self(Box::new(hmac::Key::new(algorithm(hash), bytes))))
    }

    /// Writes as much of the code of all `parts`, one after the other, as `tag` has room for.
    #[inline]
    pub(super) fn tag(&self, parts: [&[u8]; 4], tag: &mut [u8]) {
        for (byte, computed) in tag.iter_mut().zip(self.code(parts).as_ref()) {
            *byte = *computed;
        }
    }

    /// Whether `tag` is how the code of `parts` begins, in a time that depends on lengths alone. How long it has to be is for the
    /// caller to know.
    #[inline]
    pub(super) fn verifies(&self, parts: [&[u8]; 4], tag: &[u8]) -> bool {
        let code = self.code(parts);
        code.as_ref().get(..tag.len()).is_some_and(|start| constant_time_eq(start, tag))
    }

    /// In a frame of its own: ring's context holds the key's outer state and is not wiped, so that it must not lie in the frame of a
    /// caller, which is there for longer. The next packet overwrites it, or the end of the key.
    #[inline(never)]
    fn code(&self, parts: [&[u8]; 4]) -> hmac::Tag {
        let mut context = hmac::Context::with_key(&self.0);
        for part in parts {
            context.update(part);
        }
        context.sign()
    }
}

impl Drop for MacKey {
    /// Puts a key of zeros in the place of the true one. SHA-512 has the largest state: it leaves no byte of any other.
    fn drop(&mut self) {
        leaving_no_trace(|| {
            *self.0 = hmac::Key::new(hmac::HMAC_SHA512, &[0; 64]);
            // Nobody reads the new key, so the compiler might think that nobody needs it to be written.
            black_box(&mut self.0);
        });
    }
}

fn algorithm(hash: Hash) -> hmac::Algorithm {
    match hash {
        Hash::Sha256 => hmac::HMAC_SHA256,
        Hash::Sha384 => hmac::HMAC_SHA384,
        Hash::Sha512 => hmac::HMAC_SHA512,
    }
}
