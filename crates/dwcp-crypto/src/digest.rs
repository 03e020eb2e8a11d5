//! SHA-256 (FIPS 180-4), for fingerprints and pins, and SHA-1 where an old standard names things by it or an old tool shows
//! nothing else.

use ring::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};

/// SHA-256 of `bytes`.
#[must_use]
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    sha256_of(&[bytes])
}

/// SHA-256 of `parts` one after the other, without gluing them together first.
///
/// # Security
/// Borders between parts leave no trace: `["ab", "c"]` and `["a", "bc"]` have one digest. Where that matters, make the
/// lengths a part of the message.
#[must_use]
pub fn sha256_of(parts: &[&[u8]]) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(part);
    }
    let mut out = [0; 32];
    out.copy_from_slice(context.finish().as_ref());
    out
}

/// SHA-1 of `bytes`, for looking up what a standard names by it (certificate and responder ids of OCSP, RFC 6960 §4.1.1, §4.2.1),
/// and to be shown beside a better fingerprint.
///
/// # Security
/// Two texts with one SHA-1 can be made at will. Nothing may be believed because such a digest matches; a signature with a
/// stronger hash must stand behind it.
#[must_use]
pub fn sha1_for_lookup(bytes: &[u8]) -> [u8; 20] {
    let mut out = [0; 20];
    out.copy_from_slice(digest(&SHA1_FOR_LEGACY_USE_ONLY, bytes).as_ref());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fips_180_4_example() {
        let expected = [
            0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40, 0xde, 0x5d, 0xae, 0x22, 0x23,
            0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17, 0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad,
        ];
        assert_eq!(sha256(b"abc"), expected);
        assert_eq!(sha256_of(&[b"a", b"", b"bc"]), expected);
    }

    #[test]
    fn sha_1_gives_the_fips_180_4_example() {
        let expected = [
            0xa9, 0x99, 0x3e, 0x36, 0x47, 0x06, 0x81, 0x6a, 0xba, 0x3e, 0x25, 0x71, 0x78, 0x50, 0xc2, 0x6c,
            0x9c, 0xd0, 0xd8, 0x9d,
        ];
        assert_eq!(sha1_for_lookup(b"abc"), expected);
    }
}
