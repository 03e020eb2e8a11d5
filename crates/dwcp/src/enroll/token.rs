//! The join token: one text that says where to join, who answers there, what its root is, and the secret that is good for it once.

use dwcp_crypto::{CryptoError, Secret, constant_time_eq, digest, random};
use dwcp_pki::SpiffeId;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use thiserror::Error;
use zeroize::Zeroizing;

use super::base64url;

/// What a machine is given to join with. The format is `docs/formats/join-token.md`.
///
/// # Security
/// Whoever has the text, and comes first, gets a certificate of what the token grants. `Debug` shows neither secret nor text; memory
/// of the secret is wiped.
pub struct JoinToken {
    /// `HOST:PORT` of the node that answers.
    pub address: String,
    /// Who the node is that may be told the secret.
    pub server: SpiffeId,
    /// SHA-256 of the DER of the root that its chain has to lead to.
    pub root: [u8; 32],
    /// Which token it is; no secret.
    pub id: TokenId,
    /// What proves that the token is held.
    pub secret: TokenSecret,
}

impl JoinToken {
    /// The longest text that is read, in bytes.
    pub const LONGEST: usize = 2_048;

    /// Reads a token; white space around it does not matter, and each token has one text alone.
    ///
    /// # Errors
    /// [`BadToken`]; nothing of the text is in it.
    pub fn parse(text: &str) -> Result<Self, BadToken> {
        let text = text.trim_ascii();
        if text.len() > Self::LONGEST {
            return Err(BadToken::TooLong);
        }
        let body = text.strip_prefix(PREFIX).ok_or(BadToken::Prefix)?;
        let json = base64url::decode(body).ok_or(BadToken::Encoding)?;
        let written: Written<'_> = serde_json::from_slice(&json).map_err(|_| BadToken::Fields)?;
        let token = Self {
            address: checked_address(written.a).ok_or(BadToken::Address)?.to_owned(),
            server: written.s.parse().map_err(|_| BadToken::Server)?,
            root: bytes_of_hex(written.f).ok_or(BadToken::Root)?,
            id: written.t.parse()?,
            secret: written.k.parse()?,
        };
        // White space, other orders, escapes: what was not written by us was changed by somebody.
        if !constant_time_eq(token.to_text().as_bytes(), text.as_bytes()) {
            return Err(BadToken::Fields);
        }
        Ok(token)
    }

    /// The text that is handed over. It holds the secret: keep it out of logs.
    pub fn to_text(&self) -> Zeroizing<String> {
        let (secret, id) = (self.secret.to_text(), self.id.to_string());
        let root = hex(&self.root);
        let written =
            Written { a: &self.address, s: self.server.as_str(), f: &root, t: &id, k: secret.as_str() };
        // Built once at its full size, so that no copy is left behind by growth.
        let mut json = Zeroizing::new(Vec::with_capacity(Self::LONGEST * 4));
        // Writing five texts into memory does not fail; a text that is no token is refused wherever it is read.
        let _ = serde_json::to_writer(&mut *json, &written);
        let mut text = Zeroizing::new(String::with_capacity(PREFIX.len() + json.len() * 4 / 3 + 4));
        text.push_str(PREFIX);
        text.push_str(&base64url::encode(&json));
        text
    }
}

impl fmt::Debug for JoinToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinToken")
            .field("address", &self.address)
            .field("server", &self.server.as_str())
            .field("id", &self.id.to_string())
            .finish_non_exhaustive()
    }
}

/// The body, in the order of its fields.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Written<'a> {
    a: &'a str,
    s: &'a str,
    f: &'a str,
    t: &'a str,
    k: &'a str,
}

/// Which token: 64 random bits, written as 16 hexadecimal digits in lower case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenId([u8; 8]);

impl TokenId {
    /// A fresh one.
    ///
    /// # Errors
    /// [`CryptoError`] for want of randomness.
    pub fn random() -> Result<Self, CryptoError> {
        random::array().map(Self)
    }
}

impl fmt::Display for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl FromStr for TokenId {
    type Err = BadToken;

    fn from_str(text: &str) -> Result<Self, BadToken> {
        bytes_of_hex(text).map(Self).ok_or(BadToken::Id)
    }
}

/// 256 random bits, written as base64url without padding; wiped when dropped.
pub struct TokenSecret(Secret);

impl TokenSecret {
    /// A fresh one.
    ///
    /// # Errors
    /// [`CryptoError`] for want of randomness.
    pub fn random() -> Result<Self, CryptoError> {
        Secret::build(SECRET, random::fill).map(Self)
    }

    /// What is kept of it where it was made.
    pub fn digest(&self) -> [u8; 32] {
        digest::sha256(self.0.expose())
    }

    /// The text that goes into a token and into a request to join.
    pub fn to_text(&self) -> Zeroizing<String> {
        base64url::encode(self.0.expose())
    }
}

impl fmt::Debug for TokenSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenSecret")
    }
}

impl FromStr for TokenSecret {
    type Err = BadToken;

    fn from_str(text: &str) -> Result<Self, BadToken> {
        let bytes = base64url::decode(text).filter(|bytes| bytes.len() == SECRET).ok_or(BadToken::Secret)?;
        let filled = Secret::build(SECRET, |into| {
            into.copy_from_slice(&bytes);
            Ok::<_, BadToken>(())
        });
        filled.map(Self)
    }
}

/// Why a text is no token. It says nothing of what the text was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BadToken {
    /// It is longer than a token can be.
    #[error("it is longer than {} bytes", JoinToken::LONGEST)]
    TooLong,
    /// It does not begin as a token does.
    #[error("it does not begin with dwcp1_")]
    Prefix,
    /// What follows is no base64url.
    #[error("it is cut off, or its letters were changed")]
    Encoding,
    /// What is encoded are not the fields of a token.
    #[error("it does not hold what a token holds")]
    Fields,
    /// The address is none.
    #[error("its address is not HOST:PORT")]
    Address,
    /// The server's identity is none.
    #[error("the identity in it is no SPIFFE ID")]
    Server,
    /// The fingerprint is none.
    #[error("the fingerprint in it is not SHA-256 in hexadecimal digits")]
    Root,
    /// The identifier is none.
    #[error("its identifier is not 16 hexadecimal digits")]
    Id,
    /// The secret is none.
    #[error("its secret has not 32 bytes")]
    Secret,
}

/// `HOST:PORT`, the host a DNS name, an IPv4 address, or an IPv6 address in brackets, the port from 1 to 65535; at most 300 bytes.
pub fn checked_address(text: &str) -> Option<&str> {
    let (host, port) = text.rsplit_once(':')?;
    let digits = port.len() <= 5 && port.bytes().all(|b| b.is_ascii_digit()) && !port.starts_with('0');
    if !digits || port.parse::<u16>().is_err() || text.len() > 300 {
        return None;
    }
    let is_host = match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(inside) => inside.parse::<std::net::Ipv6Addr>().is_ok(),
        None => {
            !host.is_empty()
                && host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))
        }
    };
    is_host.then_some(text)
}

/// Lower case, as it is read.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|octet| format!("{octet:02x}")).collect()
}

/// Exactly `N` bytes in lower-case hexadecimal digits.
pub(super) fn bytes_of_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    let digits = text.as_bytes();
    if digits.len() != 2 * N || !digits.iter().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
        return None;
    }
    for (into, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *into = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}

const PREFIX: &str = "dwcp1_";
const SECRET: usize = 32;
