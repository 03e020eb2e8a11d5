//! SPIFFE IDs and trust domains (SPIFFE ID standard §2).

use crate::NameError;
use std::fmt;
use std::str::FromStr;

/// A trust domain: 1 to 255 bytes of `a-z`, `0-9`, `.`, `-` and `_` (SPIFFE ID standard §2.1).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TrustDomain(String);

impl TrustDomain {
    /// The bare name, for example `example.org`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Reads the bare name, without `spiffe://`. Upper case is refused rather than folded, as the standard asks.
impl FromStr for TrustDomain {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        check_trust_domain(text)?;
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for TrustDomain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A SPIFFE ID, `spiffe://trust-domain/path`, at most 2048 bytes (SPIFFE ID standard §2).
///
/// The path is empty (the ID of the trust domain itself) or made of non-empty segments of `a-z A-Z 0-9 . - _`, none of
/// them `.` or `..`. Percent-encoding, port, user, query and fragment do not exist, so equal IDs are equal texts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpiffeId {
    text: String,
    trust_domain: TrustDomain,
}

impl SpiffeId {
    /// The trust domain that vouches for the identity.
    pub fn trust_domain(&self) -> &TrustDomain {
        &self.trust_domain
    }

    /// The path with its leading slash, or the empty text.
    pub fn path(&self) -> &str {
        self.text.get(SCHEME.len() + self.trust_domain.0.len()..).unwrap_or("")
    }

    /// The whole ID.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl FromStr for SpiffeId {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        if text.len() > LONGEST_ID {
            return Err(NameError::TooLong { limit: LONGEST_ID });
        }
        let rest = text.strip_prefix(SCHEME).ok_or(NameError::BadSpiffeId)?;
        let (domain, path) = match rest.find('/') {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        };
        check_trust_domain(domain)?;
        if !path.is_empty() && !path.split('/').skip(1).all(is_segment) {
            return Err(NameError::BadSpiffeId);
        }
        Ok(Self { text: text.to_owned(), trust_domain: TrustDomain(domain.to_owned()) })
    }
}

impl fmt::Display for SpiffeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn check_trust_domain(text: &str) -> Result<(), NameError> {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'_');
    if text.len() > LONGEST_TRUST_DOMAIN {
        return Err(NameError::TooLong { limit: LONGEST_TRUST_DOMAIN });
    }
    if text.is_empty() || !text.bytes().all(allowed) {
        return Err(NameError::BadSpiffeId);
    }
    Ok(())
}

fn is_segment(segment: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
    !segment.is_empty() && segment != "." && segment != ".." && segment.bytes().all(allowed)
}

const SCHEME: &str = "spiffe://";
const LONGEST_ID: usize = 2048;
const LONGEST_TRUST_DOMAIN: usize = 255;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_taken_apart_and_put_together_again() {
        let id: SpiffeId = "spiffe://example.org/ns/prod/sa/Web_1".parse().unwrap();
        assert_eq!(id.trust_domain().as_str(), "example.org");
        assert_eq!(id.path(), "/ns/prod/sa/Web_1");
        assert_eq!(id.to_string(), "spiffe://example.org/ns/prod/sa/Web_1");
        assert_eq!("spiffe://example.org".parse::<SpiffeId>().unwrap().path(), "");
    }

    #[test]
    fn what_the_standard_forbids_is_refused() {
        for text in [
            "",
            "spiffe://",
            "spiffe:///path",
            "SPIFFE://example.org/a",
            "https://example.org/a",
            "spiffe://Example.org/a",
            "spiffe://example.org/",
            "spiffe://example.org//a",
            "spiffe://example.org/a/",
            "spiffe://example.org/a/../b",
            "spiffe://example.org/./b",
            "spiffe://example.org/%41",
            "spiffe://example.org:8443/a",
            "spiffe://user@example.org/a",
            "spiffe://example.org/a?b",
            "spiffe://example.org/a#b",
            "spiffe://example.org/a*",
            "spiffe://example.org/\u{0}",
            "spiffe://exämple.org/a",
        ] {
            assert!(text.parse::<SpiffeId>().is_err(), "{text:?}");
        }
        let long = format!("spiffe://example.org/{}", "a".repeat(2048));
        assert_eq!(long.parse::<SpiffeId>(), Err(NameError::TooLong { limit: 2048 }));
        assert!("a".repeat(256).parse::<TrustDomain>().is_err());
    }
}
