//! The cipher suites of TLS 1.3 that are offered, and their order.

use crate::policy::PolicyError;
use rustls::SupportedCipherSuite;
use rustls::crypto::ring::cipher_suite as ring;
use std::fmt;
use std::str::FromStr;

/// A cipher suite of TLS 1.3 (RFC 9846 §B.4). There are no others: what is not listed can not be configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CipherSuite {
    /// `TLS_AES_256_GCM_SHA384` (0x1302).
    Aes256GcmSha384,
    /// `TLS_AES_128_GCM_SHA256` (0x1301).
    Aes128GcmSha256,
    /// `TLS_CHACHA20_POLY1305_SHA256` (0x1303).
    ChaCha20Poly1305Sha256,
}

impl CipherSuite {
    /// Every suite, in the default order of a machine with AES instructions.
    pub const ALL: [Self; 3] = [Self::Aes256GcmSha384, Self::Aes128GcmSha256, Self::ChaCha20Poly1305Sha256];

    /// The default order on this machine: ChaCha20-Poly1305 goes first where the processor has no AES instructions.
    pub fn preferred() -> [Self; 3] {
        Self::preferred_where(aes_in_hardware())
    }

    /// The default order on a machine of which it is known whether it has AES instructions.
    const fn preferred_where(aes: bool) -> [Self; 3] {
        match aes {
            true => Self::ALL,
            false => [Self::ChaCha20Poly1305Sha256, Self::Aes256GcmSha384, Self::Aes128GcmSha256],
        }
    }

    /// The name in IANA's registry.
    pub fn name(self) -> &'static str {
        match self {
            Self::Aes256GcmSha384 => "TLS_AES_256_GCM_SHA384",
            Self::Aes128GcmSha256 => "TLS_AES_128_GCM_SHA256",
            Self::ChaCha20Poly1305Sha256 => "TLS_CHACHA20_POLY1305_SHA256",
        }
    }

    /// The code point in IANA's registry.
    pub fn code_point(self) -> u16 {
        u16::from(self.engine().suite())
    }

    pub(crate) fn engine(self) -> SupportedCipherSuite {
        match self {
            Self::Aes256GcmSha384 => ring::TLS13_AES_256_GCM_SHA384,
            Self::Aes128GcmSha256 => ring::TLS13_AES_128_GCM_SHA256,
            Self::ChaCha20Poly1305Sha256 => ring::TLS13_CHACHA20_POLY1305_SHA256,
        }
    }

    pub(crate) fn from_engine(suite: SupportedCipherSuite) -> Option<Self> {
        Self::ALL.into_iter().find(|ours| ours.engine().suite() == suite.suite())
    }
}

impl fmt::Display for CipherSuite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Reads IANA's name, with or without the leading `TLS_`, dashes and underscores alike, in any case.
impl FromStr for CipherSuite {
    type Err = PolicyError;

    fn from_str(text: &str) -> Result<Self, PolicyError> {
        let wanted = text.to_ascii_uppercase().replace('-', "_");
        let wanted = wanted.strip_prefix("TLS_").unwrap_or(&wanted);
        Self::ALL
            .into_iter()
            .find(|suite| suite.name().strip_prefix("TLS_") == Some(wanted))
            .ok_or(PolicyError::UnknownSuite)
    }
}

fn aes_in_hardware() -> bool {
    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    return std::arch::is_x86_feature_detected!("aes");
    #[cfg(target_arch = "aarch64")]
    return std::arch::is_aarch64_feature_detected!("aes");
    #[cfg(not(any(target_arch = "x86", target_arch = "x86_64", target_arch = "aarch64")))]
    return false;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_make_the_round_trip_and_weak_suites_have_none() {
        for suite in CipherSuite::ALL {
            assert_eq!(suite.name().parse(), Ok(suite));
            assert_eq!(CipherSuite::from_engine(suite.engine()), Some(suite));
        }
        assert_eq!("aes-256-gcm-sha384".parse(), Ok(CipherSuite::Aes256GcmSha384));
        for weak in ["TLS_AES_128_CCM_8_SHA256", "TLS_RSA_WITH_AES_128_CBC_SHA", "", "TLS_"] {
            assert_eq!(weak.parse::<CipherSuite>(), Err(PolicyError::UnknownSuite), "{weak}");
        }
    }

    #[test]
    fn a_processor_without_aes_puts_chacha20_first_and_leaves_nothing_out() {
        let first = |aes| CipherSuite::preferred_where(aes)[0];
        assert_eq!(first(false), CipherSuite::ChaCha20Poly1305Sha256);
        assert_eq!(first(true), CipherSuite::Aes256GcmSha384);
        for aes in [true, false] {
            let order = CipherSuite::preferred_where(aes);
            assert!(CipherSuite::ALL.iter().all(|suite| order.contains(suite)), "{aes}");
        }
        assert_eq!(CipherSuite::preferred(), CipherSuite::preferred_where(aes_in_hardware()));
    }

    #[test]
    fn code_points_are_those_of_the_registry() {
        assert_eq!(CipherSuite::ALL.map(CipherSuite::code_point), [0x1302, 0x1301, 0x1303]);
    }
}
