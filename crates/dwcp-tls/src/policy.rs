//! Which suites and groups are on offer, and in which order.

use crate::group::{Group, PostQuantum};
use crate::suite::CipherSuite;
use dwcp_base::{Blame, Coded};
use thiserror::Error;

/// The suites and groups of a node, in order of preference. The version is TLS 1.3 (RFC 9846, before it 8446) and can not
/// be lowered.
///
/// Default: AES-256-GCM, AES-128-GCM, ChaCha20-Poly1305 (ChaCha20 first without AES instructions); X25519MLKEM768, X25519,
/// P-384, P-256; post-quantum [`PostQuantum::Prefer`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TlsPolicy {
    suites: Vec<CipherSuite>,
    groups: Vec<Group>,
    post_quantum: PostQuantum,
}

impl TlsPolicy {
    /// The default policy, ready to be narrowed.
    pub fn new() -> Self {
        Self {
            suites: CipherSuite::preferred().to_vec(),
            groups: Group::ALL.to_vec(),
            post_quantum: PostQuantum::default(),
        }
    }

    /// Offers these suites alone, in this order; a repeated one counts where it comes first.
    ///
    /// # Errors
    /// [`PolicyError::NoSuite`] when there are none.
    pub fn with_suites(mut self, suites: &[CipherSuite]) -> Result<Self, PolicyError> {
        if suites.is_empty() {
            return Err(PolicyError::NoSuite);
        }
        self.suites = first_of_each(suites);
        Ok(self)
    }

    /// Offers these groups alone, in this order; a repeated one counts where it comes first.
    ///
    /// # Errors
    /// [`PolicyError::NoGroup`] when nothing would be left to offer under the policy's [`PostQuantum`].
    pub fn with_groups(mut self, groups: &[Group]) -> Result<Self, PolicyError> {
        self.groups = first_of_each(groups);
        self.checked()
    }

    /// Says what part the hybrid group plays.
    ///
    /// # Errors
    /// [`PolicyError::NoGroup`] when nothing would be left to offer: the hybrid is required but not listed, or it is
    /// switched off and nothing else is listed.
    pub fn with_post_quantum(mut self, post_quantum: PostQuantum) -> Result<Self, PolicyError> {
        self.post_quantum = post_quantum;
        self.checked()
    }

    /// The suites on offer, most preferred first. Never empty.
    pub fn suites(&self) -> &[CipherSuite] {
        &self.suites
    }

    /// The groups on offer after [`PostQuantum`] was applied, most preferred first. Never empty.
    pub fn groups(&self) -> Vec<Group> {
        let (hybrid, classic): (Vec<_>, Vec<_>) =
            self.groups.iter().partition(|group| group.is_post_quantum());
        match self.post_quantum {
            PostQuantum::Prefer => [hybrid, classic].concat(),
            PostQuantum::Require => hybrid,
            PostQuantum::Off => classic,
        }
    }

    /// What part the hybrid group plays.
    pub fn post_quantum(&self) -> PostQuantum {
        self.post_quantum
    }

    fn checked(self) -> Result<Self, PolicyError> {
        if self.groups().is_empty() { Err(PolicyError::NoGroup) } else { Ok(self) }
    }
}

impl Default for TlsPolicy {
    fn default() -> Self {
        Self::new()
    }
}

/// Why a policy was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// The list of suites is empty.
    #[error("no cipher suite is left to offer")]
    NoSuite,
    /// The list of groups is empty, or post-quantum leaves none of it.
    #[error("no key-exchange group is left to offer")]
    NoGroup,
    /// No suite of TLS 1.3 that is offered here has this name.
    #[error("the cipher suite is not one of {}, {} and {}", CipherSuite::ALL[0], CipherSuite::ALL[1], CipherSuite::ALL[2])]
    UnknownSuite,
    /// No group that is offered here has this name.
    #[error("the group is not one of X25519MLKEM768, X25519, P-384 and P-256")]
    UnknownGroup,
    /// The word is not `prefer`, `require` or `off`.
    #[error("post-quantum is prefer, require or off")]
    UnknownPostQuantum,
}

impl Coded for PolicyError {
    fn code(&self) -> &'static str {
        match self {
            Self::NoSuite | Self::NoGroup => "tls.config.empty",
            Self::UnknownSuite | Self::UnknownGroup | Self::UnknownPostQuantum => "tls.config.unknown",
        }
    }

    fn blame(&self) -> Blame {
        Blame::Local
    }
}

fn first_of_each<T: Copy + PartialEq>(items: &[T]) -> Vec<T> {
    let mut kept = Vec::with_capacity(items.len());
    for item in items {
        if !kept.contains(item) {
            kept.push(*item);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn post_quantum_orders_or_narrows_the_groups() {
        let policy = TlsPolicy::new();
        assert_eq!(policy.groups(), Group::ALL);
        let last = policy.clone().with_groups(&[Group::P256, Group::X25519MlKem768]).unwrap();
        assert_eq!(last.groups(), [Group::X25519MlKem768, Group::P256]);
        let required = policy.clone().with_post_quantum(PostQuantum::Require).unwrap();
        assert_eq!(required.groups(), [Group::X25519MlKem768]);
        let off = policy.with_post_quantum(PostQuantum::Off).unwrap();
        assert_eq!(off.groups(), [Group::X25519, Group::P384, Group::P256]);
    }

    #[test]
    fn a_policy_that_offers_nothing_is_refused() {
        let policy = TlsPolicy::new();
        assert_eq!(policy.clone().with_suites(&[]), Err(PolicyError::NoSuite));
        assert_eq!(policy.clone().with_groups(&[]), Err(PolicyError::NoGroup));
        let classic = policy.clone().with_groups(&[Group::X25519]).unwrap();
        assert_eq!(classic.with_post_quantum(PostQuantum::Require), Err(PolicyError::NoGroup));
        let off = policy.with_post_quantum(PostQuantum::Off).unwrap();
        assert_eq!(off.with_groups(&[Group::X25519MlKem768]), Err(PolicyError::NoGroup));
    }

    #[test]
    fn a_repeated_suite_counts_once() {
        let suites =
            [CipherSuite::Aes128GcmSha256, CipherSuite::Aes256GcmSha384, CipherSuite::Aes128GcmSha256];
        assert_eq!(TlsPolicy::new().with_suites(&suites).unwrap().suites(), &suites[..2]);
    }
}
