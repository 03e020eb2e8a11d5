//! Who may come in: a list of patterns that grants or denies.

use crate::{IdentityPattern, Peer, WhyAnonymous};
use dwcp_base::{Blame, Coded};
use std::fmt;
use std::sync::Arc;

/// The peers that are let in: any that one of the patterns names. An empty list denies everybody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowList(Arc<[IdentityPattern]>);

impl AllowList {
    /// A list of these patterns. The first that names a peer is the one its grant cites.
    pub fn new(patterns: Vec<IdentityPattern>) -> Self {
        Self(patterns.into())
    }

    /// The patterns, in order.
    pub fn patterns(&self) -> &[IdentityPattern] {
        &self.0
    }

    /// Whether a peer without a certificate could be let in, so that a listener knows whether to insist on one.
    pub fn admits_anonymous(&self) -> bool {
        self.0.iter().any(|pattern| pattern.matches(&Peer::Anonymous(WhyAnonymous::NoneSent)))
    }

    /// Lets a peer in or not.
    ///
    /// # Errors
    /// [`Denial`] when no pattern names the peer.
    pub fn judge(&self, peer: &Peer) -> Result<Grant, Denial> {
        match self.0.iter().find(|pattern| pattern.matches(peer)) {
            Some(pattern) => Ok(Grant { pattern: pattern.clone() }),
            None => Err(Denial { peer: peer.clone() }),
        }
    }
}

/// Proof that an [`AllowList`] let a peer in; nothing else makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Grant {
    pattern: IdentityPattern,
}

impl Grant {
    /// The pattern that named the peer.
    pub fn pattern(&self) -> &IdentityPattern {
        &self.pattern
    }
}

/// A peer that no pattern of the list names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    peer: Peer,
}

impl Denial {
    /// The peer that was denied.
    pub fn peer(&self) -> &Peer {
        &self.peer
    }
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.peer {
            Peer::Identified(identity) => write!(f, "{} is not on the allow list", identity.label()),
            Peer::Anonymous(why) => {
                write!(f, "the peer is anonymous ({why}), and the allow list names it nowhere")
            }
        }
    }
}

impl std::error::Error for Denial {}

impl Coded for Denial {
    fn code(&self) -> &'static str {
        "pki.policy.denied"
    }

    fn blame(&self) -> Blame {
        Blame::Peer
    }
}
