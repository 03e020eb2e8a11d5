//! Numbers of IANA's registries as a client offered them: kept as they are, named where they are known.

use super::suites::suite_name;
use crate::group::Group;
use std::fmt;
use std::marker::PhantomData;

macro_rules! code_point {
    ($(#[$doc:meta])* $name:ident, $names:path) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u16);

        impl $name {
            /// The number on the wire.
            pub fn code_point(self) -> u16 {
                self.0
            }

            /// Its name, where it is known here.
            pub fn name(self) -> Option<&'static str> {
                $names(self.0)
            }

            /// It means nothing: clients offer such numbers so that servers keep ignoring what they do not know (RFC 8701).
            pub fn is_grease(self) -> bool {
                grease(self.0)
            }
        }

        impl From<u16> for $name {
            fn from(code_point: u16) -> Self {
                Self(code_point)
            }
        }

        /// The name, or the number as in `0x1a2b`.
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self.name() {
                    Some(name) => f.write_str(name),
                    None => write!(f, "{:#06x}", self.0),
                }
            }
        }
    };
}

code_point! {
    /// A cipher suite (RFC 9846 §B.4, and all that came before), or one of the signals that are sent as one.
    SuiteCode, suite_name
}
code_point! {
    /// A key-exchange group (RFC 9846 §4.2.7).
    GroupCode, group_name
}
code_point! {
    /// A signature scheme (RFC 9846 §4.2.3), or a pair of hash and signature in TLS 1.2 (RFC 5246 §7.4.1.4.1).
    SchemeCode, scheme_name
}
code_point! {
    /// A protocol version.
    VersionCode, version_name
}
code_point! {
    /// The type of an extension (RFC 9846 §4.2).
    ExtensionCode, extension_name
}

impl SuiteCode {
    /// A suite of TLS 1.3: their numbers begin with 0x13, which no older one does.
    pub fn is_tls13(self) -> bool {
        self.0 >> 8 == 0x13
    }
}

impl GroupCode {
    /// The group, where it is one that can be agreed on here.
    pub fn known(self) -> Option<Group> {
        Group::ALL.into_iter().find(|group| group.code_point() == self.0)
    }
}

impl ExtensionCode {
    pub(super) const fn of(code_point: u16) -> Self {
        Self(code_point)
    }
}

impl VersionCode {
    /// TLS 1.3.
    pub const TLS13: Self = Self(0x0304);
}

/// A list of numbers, in the order of the client.
#[derive(Clone)]
pub struct CodePoints<'a, T> {
    bytes: &'a [u8],
    of: PhantomData<T>,
}

impl<'a, T> CodePoints<'a, T> {
    /// From the bytes of a list; half a number at its end is ignored.
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, of: PhantomData }
    }
}

impl<T: From<u16>> Iterator for CodePoints<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        let (number, rest) = self.bytes.split_first_chunk()?;
        self.bytes = rest;
        Some(u16::from_be_bytes(*number).into())
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.bytes.len() / 2, Some(self.bytes.len() / 2))
    }
}

impl<T: From<u16>> ExactSizeIterator for CodePoints<'_, T> {}

impl<T: From<u16> + fmt::Debug> fmt::Debug for CodePoints<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(Self::new(self.bytes)).finish()
    }
}

/// RFC 8701 §2: two equal bytes that end in ten.
fn grease(code_point: u16) -> bool {
    let [high, low] = code_point.to_be_bytes();
    high == low && low & 0x0f == 0x0a
}

fn version_name(code_point: u16) -> Option<&'static str> {
    Some(match code_point {
        0x0002 => "SSL 2.0",
        0x0300 => "SSL 3.0",
        0x0301 => "TLS 1.0",
        0x0302 => "TLS 1.1",
        0x0303 => "TLS 1.2",
        0x0304 => "TLS 1.3",
        _ => return None,
    })
}

fn group_name(code_point: u16) -> Option<&'static str> {
    Some(match code_point {
        0x0017 => "secp256r1",
        0x0018 => "secp384r1",
        0x0019 => "secp521r1",
        0x001d => "x25519",
        0x001e => "x448",
        0x0100 => "ffdhe2048",
        0x0101 => "ffdhe3072",
        0x0102 => "ffdhe4096",
        0x0103 => "ffdhe6144",
        0x0104 => "ffdhe8192",
        0x0200 => "MLKEM512",
        0x0201 => "MLKEM768",
        0x0202 => "MLKEM1024",
        0x11eb => "SecP256r1MLKEM768",
        0x11ec => "X25519MLKEM768",
        0x11ed => "SecP384r1MLKEM1024",
        0x6399 => "X25519Kyber768Draft00",
        _ => return None,
    })
}

fn scheme_name(code_point: u16) -> Option<&'static str> {
    Some(match code_point {
        0x0201 => "rsa_pkcs1_sha1",
        0x0203 => "ecdsa_sha1",
        0x0401 => "rsa_pkcs1_sha256",
        0x0403 => "ecdsa_secp256r1_sha256",
        0x0501 => "rsa_pkcs1_sha384",
        0x0503 => "ecdsa_secp384r1_sha384",
        0x0601 => "rsa_pkcs1_sha512",
        0x0603 => "ecdsa_secp521r1_sha512",
        0x0804 => "rsa_pss_rsae_sha256",
        0x0805 => "rsa_pss_rsae_sha384",
        0x0806 => "rsa_pss_rsae_sha512",
        0x0807 => "ed25519",
        0x0808 => "ed448",
        0x0809 => "rsa_pss_pss_sha256",
        0x080a => "rsa_pss_pss_sha384",
        0x080b => "rsa_pss_pss_sha512",
        0x0904 => "mldsa44",
        0x0905 => "mldsa65",
        0x0906 => "mldsa87",
        _ => return None,
    })
}

fn extension_name(code_point: u16) -> Option<&'static str> {
    Some(match code_point {
        0 => "server_name",
        1 => "max_fragment_length",
        5 => "status_request",
        10 => "supported_groups",
        11 => "ec_point_formats",
        13 => "signature_algorithms",
        14 => "use_srtp",
        15 => "heartbeat",
        16 => "application_layer_protocol_negotiation",
        18 => "signed_certificate_timestamp",
        19 => "client_certificate_type",
        20 => "server_certificate_type",
        21 => "padding",
        22 => "encrypt_then_mac",
        23 => "extended_master_secret",
        27 => "compress_certificate",
        28 => "record_size_limit",
        35 => "session_ticket",
        41 => "pre_shared_key",
        42 => "early_data",
        43 => "supported_versions",
        44 => "cookie",
        45 => "psk_key_exchange_modes",
        47 => "certificate_authorities",
        49 => "post_handshake_auth",
        50 => "signature_algorithms_cert",
        51 => "key_share",
        57 => "quic_transport_parameters",
        58 => "ticket_request",
        0xfe0d => "encrypted_client_hello",
        0xff01 => "renegotiation_info",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sixteen_numbers_of_rfc_8701_are_grease_and_no_other() {
        let listed: Vec<u16> = (0..16).map(|number| 0x0a0a + 0x1010 * number).collect();
        let found: Vec<u16> = (0..=u16::MAX).filter(|number| grease(*number)).collect();
        assert_eq!(found, listed);
    }

    #[test]
    fn a_number_prints_its_name_or_itself() {
        assert_eq!(VersionCode::TLS13.to_string(), "TLS 1.3");
        assert_eq!(ExtensionCode::from(0xfe0d).to_string(), "encrypted_client_hello");
        assert_eq!(SchemeCode::from(0x7777).to_string(), "0x7777");
        for group in Group::ALL {
            let code = GroupCode::from(group.code_point());
            assert_eq!((code.name(), code.known()), (Some(group.name()), Some(group)));
        }
    }
}
