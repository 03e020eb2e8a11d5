//! Which policy a generation of the store has: the two are swapped as one.

use crate::policy::TlsPolicy;
use arc_swap::ArcSwap;
use std::sync::Arc;

/// The policy of now and the one before it. Readers take no lock.
#[derive(Debug)]
pub(crate) struct Policies(ArcSwap<Both>);

#[derive(Clone, Debug)]
struct Both {
    /// The first generation of the newer one.
    since: u64,
    newer: Arc<TlsPolicy>,
    older: Arc<TlsPolicy>,
}

impl Policies {
    pub(crate) fn new(policy: TlsPolicy) -> Self {
        let policy = Arc::new(policy);
        Self(ArcSwap::from_pointee(Both { since: 0, older: Arc::clone(&policy), newer: policy }))
    }

    /// The policy that a generation is served under. One older than the last change has the one before it: whoever still holds such a
    /// generation looks for a newer one with the next handshake.
    pub(crate) fn of(&self, generation: u64) -> Arc<TlsPolicy> {
        let both = self.0.load();
        Arc::clone(if generation >= both.since { &both.newer } else { &both.older })
    }

    /// Has `policy` in force from `generation` on, which nobody has seen yet. Writers come one after the other: the store sees to that.
    pub(crate) fn begin(&self, generation: u64, policy: TlsPolicy) {
        let older = Arc::clone(&self.0.load().newer);
        self.0.store(Arc::new(Both { since: generation, newer: Arc::new(policy), older }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Group;

    #[test]
    fn a_policy_begins_with_its_generation() {
        let of = |group| TlsPolicy::new().with_groups(&[group]).unwrap();
        let policies = Policies::new(of(Group::X25519));
        assert_eq!(*policies.of(7), of(Group::X25519));
        policies.begin(8, of(Group::P256));
        assert_eq!((&*policies.of(7), &*policies.of(8)), (&of(Group::X25519), &of(Group::P256)));
        policies.begin(11, of(Group::P384));
        assert_eq!((&*policies.of(10), &*policies.of(11)), (&of(Group::P256), &of(Group::P384)));
    }
}
