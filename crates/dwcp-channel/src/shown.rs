//! The newest certificates of peers whose connections have ended: an older one of the same identity may still be up.

use dwcp_base::UnixTime;
use dwcp_pki::{Peer, PeerIdentity, TrustStore};
use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// By identity, at most [`MOST`]; the one that ends first makes room.
#[derive(Debug, Default)]
pub(crate) struct Shown(Mutex<HashMap<String, PeerIdentity>>);

impl Shown {
    /// Takes note of what a connection that ends was accepted by.
    pub(crate) fn remember(&self, peer: &Peer) {
        let Peer::Identified(identity) = peer else { return };
        let label = peer.label();
        let mut shown = self.lock();
        if let Some(known) = shown.get_mut(&label) {
            if known.not_after() < identity.not_after() {
                *known = identity.clone();
            }
            return;
        }
        if shown.len() >= MOST {
            let first = shown.iter().min_by_key(|(_, known)| known.not_after());
            let first = first.filter(|(_, known)| known.not_after() < identity.not_after());
            let Some(label) = first.map(|(label, _)| label.clone()) else { return };
            shown.remove(&label);
        }
        shown.insert(label, identity.clone());
    }

    /// The identities with a certificate that is good today. Those that have ended are forgotten.
    pub(crate) fn good(&self, trust: &TrustStore, now: UnixTime) -> HashSet<String> {
        // Checked without the lock: connections come and go meanwhile.
        let candidates: Vec<(String, PeerIdentity)> = {
            let mut shown = self.lock();
            shown.retain(|_, identity| identity.not_after() > now);
            shown.iter().map(|(label, identity)| (label.clone(), identity.clone())).collect()
        };
        let good = candidates.into_iter().filter(|(_, identity)| trust.recheck(identity, now).is_ok());
        good.map(|(label, _)| label).collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, PeerIdentity>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// As many as there are rows of statistics. An identity is some hundred bytes, shared with what it was made for.
const MOST: usize = 4_096;
