//! What cells of both roles have in common: suites, groups, ways to be bad, and bulk.

use dwcp_tls::{CipherSuite, Group};

/// 1 MiB of lines.
pub(crate) fn bulk() -> Vec<u8> {
    let line = |number| format!("{number:062x}\n").into_bytes();
    (0..16_644_u32).flat_map(line).chain(*b"the last").take(1 << 20).collect()
}

/// By suite, group and key: the names of the cells and what they mean.
pub(crate) const SUITES: [(&str, CipherSuite); 3] = [
    ("suite.aes256", CipherSuite::Aes256GcmSha384),
    ("suite.aes128", CipherSuite::Aes128GcmSha256),
    ("suite.chacha20", CipherSuite::ChaCha20Poly1305Sha256),
];
pub(crate) const GROUPS: [(&str, Group); 4] = [
    ("group.hybrid", Group::X25519MlKem768),
    ("group.x25519", Group::X25519),
    ("group.p384", Group::P384),
    ("group.p256", Group::P256),
];
/// Cell, what is wrong with the certificate, and the code that it is refused with.
pub(crate) const BAD: [(&str, &str, &str); 4] = [
    ("bad.expired", "expired", "tls.certificate.expired"),
    ("bad.revoked", "revoked", "tls.certificate.revoked"),
    ("bad.purpose", "purpose", "tls.certificate.wrong_purpose"),
    ("bad.unknown_ca", "stranger", "tls.certificate.unknown_issuer"),
];

/// Keying material as tools print it, in either case, with colons or blanks or without.
pub(crate) fn contains_hex(said: &str, hex: &str) -> bool {
    let text: String = said.chars().filter(|c| c.is_ascii_alphanumeric()).collect();
    text.to_ascii_lowercase().contains(hex)
}
