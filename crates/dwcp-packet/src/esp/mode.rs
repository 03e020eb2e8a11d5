//! What packets are sealed with, by name; and why some ways are not offered.

use dwcp_base::{Blame, Coded};
use dwcp_crypto::packet::PacketCipher;
use std::fmt;
use std::str::FromStr;

/// How packets are encrypted and authenticated. The default is AES-256-GCM.
///
/// The names of [`Display`](fmt::Display) and [`FromStr`] are stable: `aes-256-gcm`, `aes-128-gcm`, `chacha20-poly1305`, each with
/// `-implicit-iv` behind it as well, and `aes-256-cbc-hmac-sha-256`, `-384`, `-512`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EncryptionMode {
    /// AES-256-GCM with a tag of 16 bytes (RFC 4106).
    #[default]
    Aes256Gcm,
    /// AES-128-GCM with a tag of 16 bytes (RFC 4106).
    Aes128Gcm,
    /// ChaCha20-Poly1305 (RFC 7634): for machines without AES instructions.
    ChaCha20Poly1305,
    /// AES-256-GCM whose IV is the sequence number and is not sent: 8 bytes fewer in each packet (RFC 8750).
    Aes256GcmImplicitIv,
    /// AES-128-GCM whose IV is the sequence number and is not sent (RFC 8750).
    Aes128GcmImplicitIv,
    /// ChaCha20-Poly1305 whose IV is the sequence number and is not sent (RFC 8750).
    ChaCha20Poly1305ImplicitIv,
    /// AES-256-CBC, then HMAC-SHA-256-128 over the ciphertext (RFC 3602, RFC 4868).
    Aes256CbcHmacSha256,
    /// AES-256-CBC, then HMAC-SHA-384-192 over the ciphertext (RFC 3602, RFC 4868).
    Aes256CbcHmacSha384,
    /// AES-256-CBC, then HMAC-SHA-512-256 over the ciphertext (RFC 3602, RFC 4868).
    Aes256CbcHmacSha512,
}

impl EncryptionMode {
    /// All of them, in the order of their codes.
    pub const ALL: [Self; 9] = [
        Self::Aes256Gcm,
        Self::Aes128Gcm,
        Self::ChaCha20Poly1305,
        Self::Aes256GcmImplicitIv,
        Self::Aes128GcmImplicitIv,
        Self::ChaCha20Poly1305ImplicitIv,
        Self::Aes256CbcHmacSha256,
        Self::Aes256CbcHmacSha384,
        Self::Aes256CbcHmacSha512,
    ];

    /// The stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Aes256Gcm => "aes-256-gcm",
            Self::Aes128Gcm => "aes-128-gcm",
            Self::ChaCha20Poly1305 => "chacha20-poly1305",
            Self::Aes256GcmImplicitIv => "aes-256-gcm-implicit-iv",
            Self::Aes128GcmImplicitIv => "aes-128-gcm-implicit-iv",
            Self::ChaCha20Poly1305ImplicitIv => "chacha20-poly1305-implicit-iv",
            Self::Aes256CbcHmacSha256 => "aes-256-cbc-hmac-sha-256",
            Self::Aes256CbcHmacSha384 => "aes-256-cbc-hmac-sha-384",
            Self::Aes256CbcHmacSha512 => "aes-256-cbc-hmac-sha-512",
        }
    }

    /// Whether encryption and tag are one algorithm. Otherwise there are two keys, and the tag covers the ciphertext.
    pub const fn is_aead(self) -> bool {
        !matches!(self, Self::Aes256CbcHmacSha256 | Self::Aes256CbcHmacSha384 | Self::Aes256CbcHmacSha512)
    }

    /// Whether the IV is left out of the packet.
    pub const fn has_implicit_iv(self) -> bool {
        matches!(
            self,
            Self::Aes256GcmImplicitIv | Self::Aes128GcmImplicitIv | Self::ChaCha20Poly1305ImplicitIv
        )
    }

    /// How many bytes of key material there are: 36 (AES-256-GCM and ChaCha20-Poly1305: key, salt of 4), 20 (AES-128-GCM), or 64, 80
    /// and 96 (AES key, then that of the HMAC).
    pub fn material_len(self) -> usize {
        self.cipher().material_len()
    }

    pub(super) const fn cipher(self) -> PacketCipher {
        match self {
            Self::Aes256Gcm | Self::Aes256GcmImplicitIv => PacketCipher::Aes256Gcm,
            Self::Aes128Gcm | Self::Aes128GcmImplicitIv => PacketCipher::Aes128Gcm,
            Self::ChaCha20Poly1305 | Self::ChaCha20Poly1305ImplicitIv => PacketCipher::ChaCha20Poly1305,
            Self::Aes256CbcHmacSha256 => PacketCipher::Aes256CbcHmacSha256,
            Self::Aes256CbcHmacSha384 => PacketCipher::Aes256CbcHmacSha384,
            Self::Aes256CbcHmacSha512 => PacketCipher::Aes256CbcHmacSha512,
        }
    }

    /// The code in an announcement.
    pub(super) const fn code(self) -> u8 {
        match self {
            Self::Aes256Gcm => 1,
            Self::Aes128Gcm => 2,
            Self::ChaCha20Poly1305 => 3,
            Self::Aes256GcmImplicitIv => 4,
            Self::Aes128GcmImplicitIv => 5,
            Self::ChaCha20Poly1305ImplicitIv => 6,
            Self::Aes256CbcHmacSha256 => 7,
            Self::Aes256CbcHmacSha384 => 8,
            Self::Aes256CbcHmacSha512 => 9,
        }
    }

    pub(super) fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.code() == code)
    }
}

impl fmt::Display for EncryptionMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for EncryptionMode {
    type Err = ModeError;

    /// Reads a stable name. Case does not matter, and neither do `_` for `-` or hyphens left out.
    fn from_str(name: &str) -> Result<Self, ModeError> {
        // No name is nearly as long; what is longer is not copied to be compared.
        if name.len() > 64 {
            return Err(ModeError::Unknown);
        }
        let plain = squeezed(name);
        match Self::ALL.into_iter().find(|mode| squeezed(mode.name()) == plain) {
            Some(mode) => Ok(mode),
            None => Err(ModeError::of(&plain)),
        }
    }
}

/// Why a name stands for no way to seal packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum ModeError {
    /// MAC-then-encrypt: what is decrypted before it is authenticated tells by its padding what it held.
    #[error(
        "MAC-then-encrypt is not offered: padding is looked at before anything is authenticated, which gives the plaintext away \
         (docs/packets.md); write aes-256-gcm or aes-256-cbc-hmac-sha-256, which authenticates the ciphertext"
    )]
    MacThenEncrypt,
    /// Encrypt-and-MAC: a tag over the plaintext says when two plaintexts are equal, and is checked after decryption.
    #[error(
        "encrypt-and-MAC is not offered: its tag is over the plaintext and is checked after decryption (docs/packets.md); write \
         aes-256-gcm or aes-256-cbc-hmac-sha-256"
    )]
    EncryptAndMac,
    /// Encryption without authentication: anybody can alter what arrives.
    #[error(
        "encryption without authentication is not offered: anybody could alter what arrives (docs/packets.md); write aes-256-gcm or \
         aes-256-cbc-hmac-sha-256"
    )]
    Unauthenticated,
    /// Authentication without encryption: AH, null encryption, GMAC.
    #[error("authentication without encryption is not offered (docs/packets.md); write aes-256-gcm")]
    Unencrypted,
    /// A cipher, hash or tag that is too weak for new packets.
    #[error(
        "the cipher or hash is too weak (docs/packets.md); write aes-256-gcm or aes-256-cbc-hmac-sha-256"
    )]
    Weak,
    /// No name that is known.
    #[error(
        "the name is none of aes-256-gcm, aes-128-gcm, chacha20-poly1305 (each with -implicit-iv as well), aes-256-cbc-hmac-sha-256, \
         -384 and -512"
    )]
    Unknown,
}

impl ModeError {
    /// What is wrong with a name, given without hyphens and in lower case.
    fn of(name: &str) -> Self {
        let has = |word: &str| name.contains(word);
        // Words for the order come first: whoever writes one means the order, whatever ciphers stand beside it.
        if has("macthenenc") || has("authenticatethenencrypt") || name == "mte" {
            Self::MacThenEncrypt
        } else if has("encryptandmac") || has("encandmac") || has("encryptandauthenticate") || name == "eam" {
            Self::EncryptAndMac
        } else if has("null") || has("gmac") || name == "ah" || name == "none" || name.starts_with("ahhmac") {
            Self::Unencrypted
        } else if has("3des") || has("descbc") || has("md5") || has("sha1") || has("rc4") || has("blowfish") {
            Self::Weak
        } else if (has("hmac") && hmac_stands_first(name)) || has("mte") {
            Self::MacThenEncrypt
        } else if has("hmac") {
            Self::Unknown
        } else if has("cbc") || has("ctr") || has("ecb") || has("cfb") || has("ofb") || name == "chacha20" {
            Self::Unauthenticated
        } else {
            Self::Unknown
        }
    }
}

/// `hmac-sha-256-aes-256-cbc`: named in the order in which it is computed.
fn hmac_stands_first(name: &str) -> bool {
    match (name.find("hmac"), name.find("aes").or_else(|| name.find("cbc"))) {
        (Some(mac), Some(cipher)) => mac < cipher,
        _ => false,
    }
}

fn squeezed(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, '-' | '_' | ' ')).map(|c| c.to_ascii_lowercase()).collect()
}

impl Coded for ModeError {
    fn code(&self) -> &'static str {
        match self {
            Self::MacThenEncrypt => "packet.mode.mac_then_encrypt",
            Self::EncryptAndMac => "packet.mode.encrypt_and_mac",
            Self::Unauthenticated => "packet.mode.unauthenticated",
            Self::Unencrypted => "packet.mode.unencrypted",
            Self::Weak => "packet.mode.weak",
            Self::Unknown => "packet.mode.unknown",
        }
    }

    fn blame(&self) -> Blame {
        Blame::Local
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mode_is_read_back_from_its_name_and_its_code() {
        for mode in EncryptionMode::ALL {
            assert_eq!(mode.name().parse(), Ok(mode));
            assert_eq!(mode.name().to_uppercase().replace('-', "_").parse(), Ok(mode));
            assert_eq!(EncryptionMode::from_code(mode.code()), Some(mode));
        }
        assert_eq!("AES256-GCM".parse(), Ok(EncryptionMode::Aes256Gcm));
        assert_eq!(EncryptionMode::from_code(0), None);
        assert_eq!(EncryptionMode::from_code(10), None);
    }

    #[test]
    fn what_is_not_offered_is_refused_by_name_and_says_where_to_read_why() {
        let cases = [
            ("mac-then-encrypt", ModeError::MacThenEncrypt),
            ("MAC_THEN_ENCRYPT", ModeError::MacThenEncrypt),
            ("macthenenc", ModeError::MacThenEncrypt),
            ("aes-256-cbc-mac-then-encrypt", ModeError::MacThenEncrypt),
            ("mte", ModeError::MacThenEncrypt),
            ("aes-256-cbc-hmac-sha-256-mte", ModeError::MacThenEncrypt),
            ("authenticate-then-encrypt", ModeError::MacThenEncrypt),
            ("hmac-sha-256-aes-256-cbc", ModeError::MacThenEncrypt),
            ("encrypt-and-mac", ModeError::EncryptAndMac),
            ("aes-256-cbc", ModeError::Unauthenticated),
            ("aes-ctr", ModeError::Unauthenticated),
            ("chacha20", ModeError::Unauthenticated),
            ("ah", ModeError::Unencrypted),
            ("null", ModeError::Unencrypted),
            ("null-hmac-sha-256", ModeError::Unencrypted),
            ("aes-gmac", ModeError::Unencrypted),
            ("none", ModeError::Unencrypted),
            ("3des-cbc-hmac-sha1", ModeError::Weak),
            ("aes-256-cbc-hmac-md5", ModeError::Weak),
            ("aes-512-gcm", ModeError::Unknown),
            ("", ModeError::Unknown),
        ];
        for (name, why) in cases {
            assert_eq!(name.parse::<EncryptionMode>(), Err(why), "{name}");
            assert!(why.to_string().contains("aes-256-gcm"), "{why}");
            assert!(why == ModeError::Unknown || why.to_string().contains("docs/packets.md"), "{why}");
        }
        assert_eq!("m".repeat(1 << 20).parse::<EncryptionMode>(), Err(ModeError::Unknown));
    }
}
