//! What a trust store asks of paths besides being sound: a profile, a depth, policies.

use super::anchor::Anchor;
use super::policies::PolicyRequirements;
use super::profile::{Profile, ProfileRule};
use super::store::TrustStore;
use crate::Certificate;
use std::sync::Arc;

/// What a store asks of paths besides being sound.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(super) profile: Profile,
    pub(super) max_depth: Option<usize>,
    pub(super) policies: Arc<PolicyRequirements>,
}

impl TrustStore {
    /// The same store with another profile; [`Profile::Mesh`] is the one it starts with.
    #[must_use]
    pub fn with_profile(mut self, profile: Profile) -> Self {
        self.asked.profile = profile;
        self.forget_issuers()
    }

    /// The same store that allows at most `authorities` between leaf and anchor, self-issued ones not counted.
    #[must_use]
    pub fn with_max_depth(mut self, authorities: usize) -> Self {
        self.asked.max_depth = Some(authorities);
        self.forget_issuers()
    }

    /// The same store that asks for certificate policies besides what the authorities of a path ask for (RFC 5280 §6.1.1).
    #[must_use]
    pub fn with_policies(mut self, asked: PolicyRequirements) -> Self {
        self.asked.policies = Arc::new(asked);
        self.forget_issuers()
    }

    /// How strictly the form of certificates is taken.
    pub fn profile(&self) -> Profile {
        self.asked.profile
    }

    /// Whether both ask the same of paths: profile, depth and policies.
    pub fn asks_the_same_as(&self, other: &Self) -> bool {
        self.asked == other.asked
    }

    pub(super) fn rules(&self) -> &Asked {
        &self.asked
    }

    pub(super) fn policies(&self) -> &PolicyRequirements {
        &self.asked.policies
    }

    pub(super) fn max_depth(&self) -> Option<usize> {
        self.asked.max_depth
    }

    /// The anchors whose form the profile refuses, with the rule: no chain to them is accepted.
    pub fn unsuitable_anchors(&self) -> impl Iterator<Item = (&Certificate, ProfileRule)> {
        let unsuitable = |anchor: &Anchor| anchor.suits(self.asked.profile).err();
        self.anchors.iter().filter_map(move |anchor| Some((&anchor.certificate, unsuitable(anchor)?)))
    }
}
