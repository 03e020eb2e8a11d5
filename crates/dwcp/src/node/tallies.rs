//! What came of the handshakes of each listener and dialer, over reloads.

use crate::config::NodePlan;
use dwcp_tls::{HandshakeFacts, Resumption};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Counts by listener and dialer; as many as the configuration names.
#[derive(Default)]
pub(crate) struct Tallies(Mutex<BTreeMap<(Side, String), Arc<Tally>>>);

/// Whose handshakes they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Side {
    Listener,
    Dialer,
}

/// The counts of one of them, since the node started or the name was new.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    completed: AtomicU64,
    resumed: AtomicU64,
    failed: AtomicU64,
}

impl Tallies {
    /// The tally of that name, begun where it is new.
    pub(crate) fn of(&self, side: Side, name: &str) -> Arc<Tally> {
        Arc::clone(self.lock().entry((side, name.to_owned())).or_default())
    }

    /// Forgets those that `plan` no longer has.
    pub(crate) fn retain(&self, plan: &NodePlan) {
        self.lock().retain(|(side, name), _| match side {
            Side::Listener => plan.listeners.iter().any(|listener| listener.name == *name),
            Side::Dialer => plan.dialers.iter().any(|dialer| dialer.name == *name),
        });
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<(Side, String), Arc<Tally>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tally {
    /// A handshake was completed.
    pub(crate) fn completed(&self, facts: &HandshakeFacts) {
        self.completed.fetch_add(1, Ordering::Relaxed);
        if facts.resumed == Resumption::Resumed {
            self.resumed.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// One came to nothing, or to nobody who may come in.
    pub(crate) fn failed(&self) {
        self.failed.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn to_json(&self) -> Value {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        json!({
            "completed": count(&self.completed),
            "resumed": count(&self.resumed),
            "failed": count(&self.failed),
        })
    }
}
