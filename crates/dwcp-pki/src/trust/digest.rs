//! What a store trusts and asks, in 32 bytes: equal in two processes that judge by the same rules.

use super::anchor::Anchor;
use super::profile::Profile;
use super::store::TrustStore;
use crate::TrustDomain;
use dwcp_crypto::digest::sha256_of;
use std::collections::BTreeSet;

impl TrustStore {
    /// SHA-256 over anchors with the trust domains they are bound to, profile, depth and policies, as `docs/formats/ticket-keys.md`
    /// lays them out. It is equal where [`has_anchors_of`](Self::has_anchors_of) and [`asks_the_same_as`](Self::asks_the_same_as) both
    /// hold, also between processes. CRLs, blocked keys and how strictly revocation is taken are no part of it.
    pub fn rules_digest(&self) -> [u8; 32] {
        let mut out = Encoding::of(b"dwcp-pki trust rules v1");
        out.domains(self.domains.own.as_ref());
        out.domains(&self.domains.bundled);
        let by_fingerprint = |anchor: &Anchor| (anchor.certificate.fingerprint(), anchor.vouches.own);
        let mut anchors: Vec<_> =
            self.anchors.iter().map(|anchor| (by_fingerprint(anchor), &anchor.vouches.bundles)).collect();
        anchors.sort();
        out.number(anchors.len());
        for ((fingerprint, own), bundles) in anchors {
            out.bytes(&fingerprint);
            out.number(usize::from(own));
            out.domains(bundles);
        }
        let asked = self.rules();
        out.number(match asked.profile {
            Profile::Mesh => 1,
            Profile::Interop => 2,
        });
        // No bound differs from each bound.
        out.number(asked.max_depth.map_or(0, |depth| depth.saturating_add(1)));
        let (acceptable, switches) = asked.policies.parts();
        out.number(acceptable.len());
        acceptable.iter().for_each(|policy| out.bytes(policy));
        switches.iter().for_each(|switch| out.number(usize::from(*switch)));
        sha256_of(&[&out.0])
    }
}

/// Every part with its length before it, every list with its count.
struct Encoding(Vec<u8>);

impl Encoding {
    fn of(label: &[u8]) -> Self {
        let mut out = Self(Vec::new());
        out.bytes(label);
        out
    }

    fn number(&mut self, number: usize) {
        self.0.extend_from_slice(&(number as u64).to_be_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len());
        self.0.extend_from_slice(bytes);
    }

    fn domains<'a>(&mut self, domains: impl IntoIterator<Item = &'a TrustDomain>) {
        // In order, whatever they were kept in.
        let domains: BTreeSet<_> = domains.into_iter().collect();
        self.number(domains.len());
        domains.iter().for_each(|domain| self.bytes(domain.as_str().as_bytes()));
    }
}
