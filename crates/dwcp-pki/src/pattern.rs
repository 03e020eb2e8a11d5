//! Patterns that name peers: SPIFFE IDs, DNS names, key pins, and nobody.

use crate::{KeyPin, Peer, PeerIdentity, SpiffeId, SubjectName, TrustDomain};
use dwcp_base::{Blame, Coded};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use thiserror::Error;

/// Names a set of peers.
///
/// | text | peers |
/// |---|---|
/// | `spiffe://domain/path/*` | the SPIFFE IDs of exactly this trust domain; `*` stands for one path segment, `**` at the end for one or more |
/// | `dns:*.example` | those with such a DNS name; `*` stands for one label, `**` at the start for one or more |
/// | `pin:sha256/BASE64` | the holder of this key, whatever its names |
/// | `anonymous` | those without a certificate |
///
/// A wildcard is a whole segment or label, never part of one. DNS labels are compared without regard to case; a wildcard
/// in the peer's own certificate matches no pattern. The text is at most 2048 bytes. Cloning copies a pointer.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct IdentityPattern(Arc<Shape>);

#[derive(PartialEq, Eq, Hash)]
enum Shape {
    Spiffe {
        domain: TrustDomain,
        path: Vec<Part>,
    },
    /// Labels from right to left, so that the rest comes last here as well.
    Dns {
        labels: Vec<Part>,
    },
    Pin(KeyPin),
    Anonymous,
}

#[derive(PartialEq, Eq, Hash)]
enum Part {
    Exactly(String),
    One,
    /// One or more, up to the end.
    Rest,
}

impl IdentityPattern {
    /// Whether `peer` is one of those the pattern names.
    ///
    /// # Security
    /// A match grants nothing by itself: [`AllowList::judge`](crate::AllowList::judge) makes the grant.
    pub fn matches(&self, peer: &Peer) -> bool {
        match peer {
            Peer::Identified(identity) => self.names(identity),
            Peer::Anonymous(_) => matches!(*self.0, Shape::Anonymous),
        }
    }

    fn names(&self, identity: &PeerIdentity) -> bool {
        match &*self.0 {
            Shape::Spiffe { .. } => identity.spiffe_id().is_some_and(|id| self.names_spiffe(id)),
            Shape::Dns { .. } => identity.names().iter().any(|name| match name {
                SubjectName::Dns(dns) => self.names_dns(dns),
                _ => false,
            }),
            Shape::Pin(pin) => identity.key_pin() == *pin,
            Shape::Anonymous => false,
        }
    }

    fn names_spiffe(&self, id: &SpiffeId) -> bool {
        match &*self.0 {
            Shape::Spiffe { domain, path } => {
                id.trust_domain() == domain && fits(path, id.path().split('/').skip(1), str::eq)
            }
            _ => false,
        }
    }

    fn names_dns(&self, name: &str) -> bool {
        match &*self.0 {
            Shape::Dns { labels } => {
                !name.contains('*') && fits(labels, name.rsplit('.'), str::eq_ignore_ascii_case)
            }
            _ => false,
        }
    }
}

/// Whether the segments are those that the parts describe, one after the other.
fn fits<'a>(parts: &[Part], segments: impl Iterator<Item = &'a str>, same: fn(&str, &str) -> bool) -> bool {
    let mut parts = parts.iter();
    for segment in segments {
        match parts.next() {
            Some(Part::Exactly(text)) if same(text, segment) => {}
            Some(Part::One) => {}
            Some(Part::Rest) => return true,
            Some(Part::Exactly(_)) | None => return false,
        }
    }
    parts.next().is_none()
}

impl FromStr for IdentityPattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        if text.len() > LONGEST {
            return Err(PatternError::TooLong);
        }
        let shape = if text == "anonymous" {
            Shape::Anonymous
        } else if let Some(rest) = text.strip_prefix("spiffe://") {
            spiffe(rest)?
        } else if let Some(name) = text.strip_prefix("dns:") {
            dns(name)?
        } else if let Some(pin) = text.strip_prefix("pin:") {
            Shape::Pin(pin.parse().map_err(|_| PatternError::Pin)?)
        } else {
            return Err(PatternError::Kind);
        };
        Ok(Self(Arc::new(shape)))
    }
}

fn spiffe(rest: &str) -> Result<Shape, PatternError> {
    let (domain, path) = rest.split_once('/').map_or((rest, None), |(domain, path)| (domain, Some(path)));
    let domain: TrustDomain = domain.parse().map_err(|_| PatternError::Spiffe)?;
    let segments = path.map(|path| path.split('/')).into_iter().flatten();
    let is_segment = |text: &str| {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
        !text.is_empty() && text != "." && text != ".." && text.bytes().all(allowed)
    };
    Ok(Shape::Spiffe { domain, path: parts(segments, is_segment, PatternError::Spiffe)? })
}

fn dns(name: &str) -> Result<Shape, PatternError> {
    let is_label = |text: &str| {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
        let hyphens = text.starts_with('-') || text.ends_with('-');
        !text.is_empty() && text.len() <= 63 && !hyphens && text.bytes().all(allowed)
    };
    let lower = name.to_ascii_lowercase();
    Ok(Shape::Dns { labels: parts(lower.rsplit('.'), is_label, PatternError::Dns)? })
}

fn parts<'a>(
    segments: impl Iterator<Item = &'a str>,
    is_plain: fn(&str) -> bool,
    malformed: PatternError,
) -> Result<Vec<Part>, PatternError> {
    let mut parts = Vec::new();
    for segment in segments {
        if matches!(parts.last(), Some(Part::Rest)) {
            return Err(PatternError::RestNotLast);
        }
        parts.push(match segment {
            "*" => Part::One,
            "**" => Part::Rest,
            plain if is_plain(plain) => Part::Exactly(plain.to_owned()),
            _ => return Err(malformed),
        });
    }
    Ok(parts)
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Exactly(text) => text,
            Self::One => "*",
            Self::Rest => "**",
        })
    }
}

impl fmt::Display for IdentityPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0 {
            Shape::Spiffe { domain, path } => {
                write!(f, "spiffe://{domain}")?;
                path.iter().try_for_each(|part| write!(f, "/{part}"))
            }
            Shape::Dns { labels } => {
                let texts: Vec<String> = labels.iter().rev().map(ToString::to_string).collect();
                write!(f, "dns:{}", texts.join("."))
            }
            Shape::Pin(pin) => write!(f, "pin:{pin}"),
            Shape::Anonymous => f.write_str("anonymous"),
        }
    }
}

impl fmt::Debug for IdentityPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IdentityPattern({self})")
    }
}

/// Why a text is no pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum PatternError {
    /// It starts with none of the four kinds.
    #[error("a pattern is spiffe://…, dns:…, pin:sha256/… or anonymous")]
    Kind,
    /// It is longer than 2048 bytes.
    #[error("a pattern has at most {LONGEST} bytes")]
    TooLong,
    /// The trust domain or a path segment breaks the SPIFFE rules, or a wildcard is only part of a segment.
    #[error("a SPIFFE pattern is a trust domain and path segments, each plain, * or **")]
    Spiffe,
    /// A label breaks the rules for host names, or a wildcard is only part of a label.
    #[error("a DNS pattern is labels, each plain, * or **")]
    Dns,
    /// The pin is not `sha256/` and the base64 of 32 bytes.
    #[error("a pin is sha256/ and the base64 of 32 bytes")]
    Pin,
    /// `**` stands in the middle.
    #[error("** stands only at the end of a path or the start of a DNS name")]
    RestNotLast,
}

impl Coded for PatternError {
    fn code(&self) -> &'static str {
        "pki.pattern.malformed"
    }

    fn blame(&self) -> Blame {
        Blame::Local
    }
}

const LONGEST: usize = 2048;

#[cfg(test)]
#[path = "pattern_tests.rs"]
mod tests;
