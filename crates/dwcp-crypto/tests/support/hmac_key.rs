//! What a key of HMAC looks like in memory: ring keeps two states of the hash, from which codes are made without the key itself.

use crate::memory::Pattern;
use ring::hmac;
use std::fs::File;
use std::hint::black_box;
use std::os::unix::fs::FileExt;

/// The inner and the outer state of an HMAC key, as they lie in memory: what differs between this key and another.
pub(crate) fn states(algorithm: hmac::Algorithm, key: &[u8]) -> [Pattern; 2] {
    let mut this = Box::new(hmac::Key::new(algorithm, key));
    let mut image = image(&this);
    let other = self::image(&hmac::Key::new(algorithm, &[0; 32]));
    *this = hmac::Key::new(hmac::HMAC_SHA512, &[0; 64]);
    black_box(&mut this);
    let half = image.len() / 2;
    let found = [0, half].map(|start| {
        let differs = |at: &usize| image[*at] != other[*at];
        let first = (start..start + half).find(differs).unwrap();
        let last = (start..start + half).rev().find(differs).unwrap();
        Pattern::of(&image[first..=last])
    });
    image.fill(0);
    black_box(&mut image);
    found
}

/// The bytes of a key as they lie in memory.
fn image(key: &hmac::Key) -> Vec<u8> {
    let mut bytes = vec![0; size_of_val(key)];
    let at = u64::try_from(std::ptr::from_ref(key).addr()).unwrap();
    File::open("/proc/self/mem").unwrap().read_exact_at(&mut bytes, at).unwrap();
    bytes
}

/// Runs `work` and overwrites the stack that it used.
pub(crate) fn apart<T>(work: impl FnOnce() -> T) -> T {
    #[inline(never)]
    fn deeper<T>(work: impl FnOnce() -> T) -> T {
        work()
    }
    #[inline(never)]
    fn overwrite() {
        black_box(&mut [0_u8; 64 * 1024]);
    }
    let out = deeper(work);
    overwrite();
    out
}
