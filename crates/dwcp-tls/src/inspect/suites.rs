//! What is to be said about a cipher suite: its name, and whether it is one of those that are weak.

/// The name in IANA's registry, where the suite is known.
pub(super) fn suite_name(code_point: u16) -> Option<&'static str> {
    // The engine's names differ from the registry's for these.
    Some(match code_point {
        0x001e => "TLS_KRB5_WITH_DES_CBC_SHA",
        0x1301 => "TLS_AES_128_GCM_SHA256",
        0x1302 => "TLS_AES_256_GCM_SHA384",
        0x1303 => "TLS_CHACHA20_POLY1305_SHA256",
        0x1304 => "TLS_AES_128_CCM_SHA256",
        0x1305 => "TLS_AES_128_CCM_8_SHA256",
        0x5600 => "TLS_FALLBACK_SCSV",
        0xd001 => "TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256",
        0xd002 => "TLS_ECDHE_PSK_WITH_AES_256_GCM_SHA384",
        0xd003 => "TLS_ECDHE_PSK_WITH_AES_128_CCM_8_SHA256",
        0xd005 => "TLS_ECDHE_PSK_WITH_AES_128_CCM_SHA256",
        _ => return rustls::CipherSuite::from(code_point).as_str(),
    })
}

/// Keys of 40 or 56 bits, as they once could be exported.
pub(super) fn exportable(suite: u16) -> bool {
    matches!(
        suite,
        0x0003
            | 0x0006
            | 0x0008
            | 0x000b
            | 0x000e
            | 0x0011
            | 0x0014
            | 0x0017
            | 0x0019
            | 0x0026..=0x002b
            | 0x0060..=0x0065
    )
}

/// Nothing is encrypted.
pub(super) fn unencrypted(suite: u16) -> bool {
    matches!(
        suite,
        0x0000..=0x0002
            | 0x002c..=0x002e
            | 0x003b
            | 0x00b0
            | 0x00b1
            | 0x00b4
            | 0x00b5
            | 0x00b8
            | 0x00b9
            | 0xc001
            | 0xc006
            | 0xc00b
            | 0xc010
            | 0xc015
            | 0xc039..=0xc03b
            | 0xc0b4
            | 0xc0b5
    )
}

/// Nobody is authenticated.
pub(super) fn anonymous(suite: u16) -> bool {
    matches!(
        suite,
        0x0017..=0x001b
            | 0x0034
            | 0x003a
            | 0x0046
            | 0x006c
            | 0x006d
            | 0x0089
            | 0x009b
            | 0x00a6
            | 0x00a7
            | 0x00bf
            | 0x00c5
            | 0xc015..=0xc019
            | 0xc046
            | 0xc047
            | 0xc05a
            | 0xc05b
            | 0xc084
            | 0xc085
    )
}

/// RC4.
pub(super) fn rc4(suite: u16) -> bool {
    matches!(
        suite,
        0x0003..=0x0005
            | 0x0017
            | 0x0018
            | 0x0020
            | 0x0024
            | 0x0028
            | 0x002b
            | 0x0060
            | 0x0064..=0x0066
            | 0x008a
            | 0x008e
            | 0x0092
            | 0xc002
            | 0xc007
            | 0xc00c
            | 0xc011
            | 0xc016
            | 0xc033
    )
}

/// A block of 64 bits: DES, 3DES, RC2 and IDEA.
pub(super) fn small_blocks(suite: u16) -> bool {
    matches!(
        suite,
        0x0006..=0x0016
            | 0x0019..=0x001b
            | 0x001e
            | 0x001f
            | 0x0021..=0x0023
            | 0x0025..=0x0027
            | 0x0029
            | 0x002a
            | 0x0061..=0x0063
            | 0x008b
            | 0x008f
            | 0x0093
            | 0xc003
            | 0xc008
            | 0xc00d
            | 0xc012
            | 0xc017
            | 0xc01a..=0xc01c
            | 0xc034
    )
}

/// An AEAD: GCM, CCM or ChaCha20-Poly1305, and whatever TLS 1.3 has.
pub(super) fn aead(suite: u16) -> bool {
    matches!(
        suite,
        0x009c..=0x00ad
            | 0x1301..=0x13ff
            | 0xc02b..=0xc032
            | 0xc050..=0xc063
            | 0xc06a..=0xc06f
            | 0xc07a..=0xc093
            | 0xc09c..=0xc0b3
            | 0xcca8..=0xccae
            | 0xd001..=0xd005
    )
}

/// A signal that is sent as a suite and never chosen.
pub(super) fn is_signal(suite: u16) -> bool {
    matches!(suite, 0x00ff | 0x5600)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Drafts and vendors had these numbers; the registry keeps them free or for private use.
    fn registered(suite: u16) -> bool {
        !matches!(suite, 0x001c | 0x001d | 0x0047..=0x005f | 0x0072..=0x0083 | 0xfe00..)
    }

    #[test]
    fn the_tables_say_what_the_names_say() {
        let mut named = 0;
        for suite in (0..=u16::MAX).filter(|suite| registered(*suite)) {
            let Some(name) = suite_name(suite) else { continue };
            named += 1;
            let says = |words: &[&str]| words.iter().any(|word| name.contains(word));
            assert_eq!(exportable(suite), says(&["EXPORT"]), "{name}");
            assert_eq!(unencrypted(suite), says(&["WITH_NULL"]), "{name}");
            assert_eq!(anonymous(suite), says(&["anon"]), "{name}");
            assert_eq!(rc4(suite), says(&["RC4"]), "{name}");
            assert_eq!(small_blocks(suite), says(&["_DES_", "DES40", "3DES", "RC2", "IDEA"]), "{name}");
            assert_eq!(aead(suite), says(&["GCM", "CCM", "POLY1305"]), "{name}");
        }
        assert!(named > 300, "{named}");
    }

    #[test]
    fn no_number_without_a_name_is_called_weak() {
        for suite in (0..=u16::MAX).filter(|suite| suite_name(*suite).is_none()) {
            let weak = exportable(suite) || anonymous(suite) || rc4(suite) || small_blocks(suite);
            assert!(!weak, "{suite:#06x}");
        }
    }
}
