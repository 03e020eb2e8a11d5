//! What can be negotiated, for listings.

use crate::group::Group;
use crate::inspect::SchemeCode;
use crate::suite::CipherSuite;

/// Everything that can be negotiated here, in the default order of preference on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Capabilities {
    /// The versions: TLS 1.3 alone.
    pub versions: &'static [&'static str],
    /// The cipher suites.
    pub suites: [CipherSuite; 3],
    /// The key-exchange groups.
    pub groups: [Group; 4],
    /// The signature schemes that peers may prove their keys with, by IANA's names.
    pub signature_schemes: Vec<String>,
}

/// Lists what can be negotiated; a [`TlsPolicy`](crate::TlsPolicy) offers all of it or less.
pub fn ciphers() -> Capabilities {
    let verification = rustls::crypto::ring::default_provider().signature_verification_algorithms;
    Capabilities {
        versions: &["TLS 1.3"],
        suites: CipherSuite::preferred(),
        groups: Group::ALL,
        signature_schemes: verification
            .supported_schemes()
            .into_iter()
            // The engine has names of its own.
            .filter_map(|scheme| SchemeCode::from(u16::from(scheme)).name())
            // RFC 9846 §4.2.3: PKCS#1 v1.5 signs certificates at most, never a handshake.
            .filter(|name| !name.starts_with("rsa_pkcs1"))
            .map(str::to_owned)
            .collect(),
    }
}
