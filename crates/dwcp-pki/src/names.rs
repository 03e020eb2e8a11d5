//! The names of a subject: what a certificate says its holder is called (RFC 5280 §4.2.1.6).

use crate::{NameError, SpiffeId};
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// One subject alternative name. The text form is `DNS:…`, `IP:…`, `URI:…` or `EMAIL:…`, reading and writing alike.
///
/// Reading normalises: the kind may be in any case, DNS names are folded to lower case. A value built by hand is not
/// checked until [`check`](Self::check) is called; everything in this crate that puts a name into a request or a
/// certificate calls it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SubjectName {
    /// A DNS name of at most 253 bytes in lower case, perhaps with `*` as its leftmost label.
    Dns(String),
    /// An IPv4 or IPv6 address.
    Ip(IpAddr),
    /// An absolute URI of at most 2048 bytes; with the scheme `spiffe` it is a SPIFFE ID.
    Uri(String),
    /// A mail address of at most 254 bytes.
    Email(String),
}

impl SubjectName {
    /// A DNS name, folded to lower case.
    ///
    /// # Errors
    /// [`NameError`] when it is none: see [`check`](Self::check).
    pub fn dns(text: &str) -> Result<Self, NameError> {
        Self::Dns(text.to_ascii_lowercase()).checked()
    }

    /// A URI, taken as it stands.
    ///
    /// # Errors
    /// [`NameError`] when it is none: see [`check`](Self::check).
    pub fn uri(text: &str) -> Result<Self, NameError> {
        Self::Uri(text.to_owned()).checked()
    }

    /// Whether the name may stand in a certificate made here.
    ///
    /// # Errors
    /// [`NameError`] for NUL, control and non-ASCII characters, empty labels, an IP address as a DNS name, a misplaced
    /// wildcard, a relative URI, a malformed SPIFFE ID, and names over the bounds of their kind.
    pub fn check(&self) -> Result<(), NameError> {
        match self {
            Self::Dns(text) => check_dns(text),
            // Some readers take it for the IPv4 address, and constraints of either kind then miss it.
            Self::Ip(IpAddr::V6(address)) if address.to_ipv4_mapped().is_some() => Err(NameError::BadAddress),
            Self::Ip(_) => Ok(()),
            Self::Uri(text) => check_uri(text),
            Self::Email(text) => check_email(text),
        }
    }

    /// The SPIFFE ID, when this is a URI that is one.
    pub fn spiffe_id(&self) -> Option<SpiffeId> {
        match self {
            Self::Uri(text) => text.parse().ok(),
            _ => None,
        }
    }

    /// The kind as the text form writes it: `DNS`, `IP`, `URI` or `EMAIL`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Dns(_) => "DNS",
            Self::Ip(_) => "IP",
            Self::Uri(_) => "URI",
            Self::Email(_) => "EMAIL",
        }
    }

    fn checked(self) -> Result<Self, NameError> {
        self.check()?;
        Ok(self)
    }
}

impl FromStr for SubjectName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let (kind, value) = text.split_once(':').ok_or(NameError::UnknownKind)?;
        match kind.to_ascii_uppercase().as_str() {
            "DNS" => Self::dns(value),
            "IP" => value.parse().map(Self::Ip).map_err(|_| NameError::BadAddress),
            "URI" => Self::uri(value),
            "EMAIL" => Self::Email(value.to_owned()).checked(),
            _ => Err(NameError::UnknownKind),
        }
    }
}

impl fmt::Display for SubjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(text) | Self::Uri(text) | Self::Email(text) => write!(f, "{}:{text}", self.kind()),
            Self::Ip(address) => write!(f, "IP:{address}"),
        }
    }
}

fn check_dns(text: &str) -> Result<(), NameError> {
    bounded(text, LONGEST_DNS)?;
    let labels = text.split('.').count();
    for (at, label) in text.split('.').enumerate() {
        if label == "*" && at == 0 && labels >= 3 {
            continue;
        }
        if label.contains('*') {
            return Err(NameError::BadWildcard);
        }
        if label.is_empty() || label.len() > LONGEST_LABEL || label.starts_with('-') || label.ends_with('-') {
            return Err(NameError::BadLabel);
        }
        // Underscores are no host names (RFC 952), yet service names with them are issued everywhere.
        if !label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_')) {
            return Err(NameError::ForbiddenCharacter);
        }
    }
    // A last label of digits makes the whole an IPv4 address to a URL parser, however many labels it has.
    let last = text.rsplit('.').next().unwrap_or("");
    if last.bytes().all(|b| b.is_ascii_digit()) {
        return Err(NameError::AddressAsDns);
    }
    Ok(())
}

fn check_uri(text: &str) -> Result<(), NameError> {
    bounded(text, LONGEST_URI)?;
    if text.bytes().any(|b| !b.is_ascii_graphic() || matches!(b, b'"' | b'<' | b'>' | b'\\' | b'^' | b'`')) {
        return Err(NameError::ForbiddenCharacter);
    }
    let (scheme, rest) = text.split_once(':').ok_or(NameError::BadUri)?;
    let mut letters = scheme.bytes();
    let first = letters.next().is_some_and(|b| b.is_ascii_alphabetic());
    if !first
        || !letters.all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
        || rest.is_empty()
    {
        return Err(NameError::BadUri);
    }
    if scheme.eq_ignore_ascii_case("spiffe") {
        text.parse::<SpiffeId>()?;
    }
    Ok(())
}

fn check_email(text: &str) -> Result<(), NameError> {
    bounded(text, LONGEST_EMAIL)?;
    if text.bytes().any(|b| !b.is_ascii_graphic()) {
        return Err(NameError::ForbiddenCharacter);
    }
    let (local, domain) = text.split_once('@').ok_or(NameError::BadEmail)?;
    if local.is_empty() || local.len() > 64 || domain.contains(['@', '*']) {
        return Err(NameError::BadEmail);
    }
    check_dns(&domain.to_ascii_lowercase()).map_err(|_| NameError::BadEmail)
}

fn bounded(text: &str, limit: usize) -> Result<(), NameError> {
    if text.is_empty() {
        return Err(NameError::Empty);
    }
    if text.len() > limit {
        return Err(NameError::TooLong { limit });
    }
    Ok(())
}

const LONGEST_DNS: usize = 253;
const LONGEST_LABEL: usize = 63;
pub(crate) const LONGEST_URI: usize = 2048;
const LONGEST_EMAIL: usize = 254;

#[cfg(test)]
#[path = "names_tests.rs"]
mod tests;
