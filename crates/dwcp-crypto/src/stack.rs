//! Overwrites what calls that have returned left on the stack.

use std::hint::black_box;

/// Runs `work` and then writes zeros over the stack that it used, [`DEPTH`] bytes deep.
///
/// Libraries underneath keep keys and passphrases in local variables, moves leave copies behind, and neither is wiped. Later calls
/// overwrite them by and by; this does so at once. It costs about a microsecond: for keys, not for every message.
///
/// What `work` returns passes through memory that is not overwritten: it must hold its secrets behind a pointer.
pub(crate) fn leaving_no_trace<T>(work: impl FnOnce() -> T) -> T {
    let out = deeper(work);
    overwrite();
    out
}

/// A frame of its own, so that nothing of `work` lies in the caller's.
#[inline(never)]
fn deeper<T>(work: impl FnOnce() -> T) -> T {
    work()
}

/// Begins where [`deeper`] began, since both have the same caller.
#[inline(never)]
fn overwrite() {
    let mut zeros = [0_u8; DEPTH];
    black_box(&mut zeros);
}

/// More than Argon2 uses, whose blocks of 1 KiB make it the deepest.
const DEPTH: usize = 32 * 1024;
