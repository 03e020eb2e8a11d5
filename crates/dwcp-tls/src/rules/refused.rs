//! The rules by name, and the refusal of each.

use super::check::CheckRefusal;
use crate::group::Group;
use dwcp_base::{Blame, Coded};
use dwcp_pki::{Denial, KeyPin, PublicMark};
use std::fmt;
use thiserror::Error;

/// A rule that peers are judged by, as a diagnosis names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PeerRule {
    /// A path to an anchor that holds, with nothing revoked on it.
    Chain,
    /// The certificate is made for what it is used for.
    Purpose,
    /// The certificate of a client is none of a public authority.
    Public,
    /// A server whose certificate asks for a status response showed one.
    Staple,
    /// The server is the one that was meant.
    Expected,
    /// A list of names.
    Names,
    /// A set of pins.
    Pins,
    /// A list of peers that must have agreed on a post-quantum group.
    PostQuantum,
    /// A check of the caller's own, by its name.
    Check(&'static str),
}

impl fmt::Display for PeerRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Chain => f.write_str("chain"),
            Self::Purpose => f.write_str("purpose"),
            Self::Public => f.write_str("public"),
            Self::Staple => f.write_str("staple"),
            Self::Expected => f.write_str("expected"),
            Self::Names => f.write_str("names"),
            Self::Pins => f.write_str("pins"),
            Self::PostQuantum => f.write_str("post_quantum"),
            Self::Check(name) => write!(f, "check:{name}"),
        }
    }
}

/// Which of the [`PeerRules`](crate::PeerRules) refuses a peer whose chain is good, and what it found.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RuleRefusal {
    /// A client showed the certificate of a public authority.
    #[error(
        "it is the certificate of a public authority: {mark}; these no longer issue for client authentication, and such a name \
         proves control of a web site, not of a node"
    )]
    Public {
        /// What says so.
        mark: PublicMark,
    },
    /// The certificate of a server says that a status response comes along (RFC 7633), and none that counts did.
    #[error("its certificate has to come with a status response, and none that counts came")]
    Unstapled,
    /// A list of names does not name the peer.
    #[error("{denial}")]
    Unlisted {
        /// What the list said.
        denial: Denial,
    },
    /// The peer's key is none of the pinned ones.
    #[error("its key {pin} is not pinned")]
    Unpinned {
        /// The key that it proved to hold, or was to prove.
        pin: KeyPin,
    },
    /// Keys were agreed on by classical means alone with a peer for which that is not enough.
    #[error("a post-quantum key agreement is required of it, and the group was {group}")]
    Classical {
        /// The group that was agreed on.
        group: Group,
    },
    /// A check of the caller's own refused.
    #[error("{refusal}")]
    Check {
        /// What the check said.
        refusal: CheckRefusal,
    },
}

impl RuleRefusal {
    /// A short static label for metrics.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Public { .. } => "certificate_public",
            Self::Unstapled => "certificate_unstapled",
            Self::Unlisted { .. } => "certificate_unlisted",
            Self::Unpinned { .. } => "certificate_unpinned",
            Self::Classical { .. } => "classical_group",
            Self::Check { .. } => "peer_check",
        }
    }
}

impl Coded for RuleRefusal {
    /// That of a check is its own.
    fn code(&self) -> &'static str {
        match self {
            Self::Public { .. } => "tls.certificate.public",
            Self::Unstapled => "tls.certificate.unstapled",
            Self::Unlisted { .. } => "tls.certificate.unlisted",
            Self::Unpinned { .. } => "tls.certificate.unpinned",
            Self::Classical { .. } => "tls.group.classical",
            Self::Check { refusal } => refusal.code().as_str(),
        }
    }

    fn blame(&self) -> Blame {
        Blame::Peer
    }
}
