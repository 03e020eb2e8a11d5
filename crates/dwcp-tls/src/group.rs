//! The key-exchange groups that are offered, and whether the post-quantum hybrid is among them.

use crate::hybrid::X25519_MLKEM768;
use crate::policy::PolicyError;
use rustls::NamedGroup;
use rustls::crypto::SupportedKxGroup;
use rustls::crypto::ring::kx_group as ring;
use std::fmt;
use std::str::FromStr;

/// A key-exchange group (RFC 9846 §4.2.7; the hybrid: RFC 10024).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Group {
    /// `X25519MLKEM768` (0x11EC): secure while either of X25519 and ML-KEM-768 is.
    X25519MlKem768,
    /// `x25519` (0x001D).
    X25519,
    /// `secp384r1` (0x0018).
    P384,
    /// `secp256r1` (0x0017).
    P256,
}

/// What part the hybrid group plays. The default is [`Prefer`](Self::Prefer).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum PostQuantum {
    /// The hybrid comes first where it is listed; peers without it get a classic group.
    #[default]
    Prefer,
    /// The hybrid alone: a peer without it is refused.
    Require,
    /// Classic groups alone.
    Off,
}

impl Group {
    /// Every group, in the default order.
    pub const ALL: [Self; 4] = [Self::X25519MlKem768, Self::X25519, Self::P384, Self::P256];

    /// The name in IANA's registry.
    pub fn name(self) -> &'static str {
        match self {
            Self::X25519MlKem768 => "X25519MLKEM768",
            Self::X25519 => "x25519",
            Self::P384 => "secp384r1",
            Self::P256 => "secp256r1",
        }
    }

    /// The code point in IANA's registry.
    pub fn code_point(self) -> u16 {
        u16::from(self.named())
    }

    /// The hybrid or one of the classic groups.
    pub fn is_post_quantum(self) -> bool {
        self == Self::X25519MlKem768
    }

    pub(crate) fn named(self) -> NamedGroup {
        match self {
            Self::X25519MlKem768 => NamedGroup::X25519MLKEM768,
            Self::X25519 => NamedGroup::X25519,
            Self::P384 => NamedGroup::secp384r1,
            Self::P256 => NamedGroup::secp256r1,
        }
    }

    pub(crate) fn from_named(group: NamedGroup) -> Option<Self> {
        Self::ALL.into_iter().find(|ours| ours.named() == group)
    }

    pub(crate) fn engine(self) -> &'static dyn SupportedKxGroup {
        match self {
            Self::X25519MlKem768 => X25519_MLKEM768,
            Self::X25519 => ring::X25519,
            Self::P384 => ring::SECP384R1,
            Self::P256 => ring::SECP256R1,
        }
    }
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Reads IANA's name or NIST's (`P-256`, `P-384`), in any case, with or without the dash.
impl FromStr for Group {
    type Err = PolicyError;

    fn from_str(text: &str) -> Result<Self, PolicyError> {
        match text.to_ascii_lowercase().replace(['-', '_'], "").as_str() {
            "x25519mlkem768" => Ok(Self::X25519MlKem768),
            "x25519" => Ok(Self::X25519),
            "p384" | "secp384r1" => Ok(Self::P384),
            "p256" | "secp256r1" => Ok(Self::P256),
            _ => Err(PolicyError::UnknownGroup),
        }
    }
}

/// Reads `prefer`, `require` or `off`.
impl FromStr for PostQuantum {
    type Err = PolicyError;

    fn from_str(text: &str) -> Result<Self, PolicyError> {
        match text {
            "prefer" => Ok(Self::Prefer),
            "require" => Ok(Self::Require),
            "off" => Ok(Self::Off),
            _ => Err(PolicyError::UnknownPostQuantum),
        }
    }
}

impl fmt::Display for PostQuantum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Prefer => "prefer",
            Self::Require => "require",
            Self::Off => "off",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_make_the_round_trip() {
        for group in Group::ALL {
            assert_eq!(group.name().parse(), Ok(group));
            assert_eq!(group.engine().name(), group.named());
            assert_eq!(Group::from_named(group.named()), Some(group));
        }
        assert_eq!("P-256".parse(), Ok(Group::P256));
        assert_eq!("secp521r1".parse::<Group>(), Err(PolicyError::UnknownGroup));
        for pq in [PostQuantum::Prefer, PostQuantum::Require, PostQuantum::Off] {
            assert_eq!(pq.to_string().parse(), Ok(pq));
        }
        assert_eq!("on".parse::<PostQuantum>(), Err(PolicyError::UnknownPostQuantum));
    }

    #[test]
    fn code_points_are_those_of_the_registry() {
        assert_eq!(Group::ALL.map(Group::code_point), [0x11ec, 0x001d, 0x0018, 0x0017]);
    }
}
