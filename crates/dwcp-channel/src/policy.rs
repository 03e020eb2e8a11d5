//! The allow list of a listener, replaceable while connections come in.

use dwcp_pki::AllowList;
use std::sync::{Arc, PoisonError, RwLock};

/// Who may use a listener. The list is replaced as a whole; live connections are judged by whoever replaces it, with
/// [`Registry::judge`](crate::Registry::judge), after it.
#[derive(Debug)]
pub struct LivePolicy(RwLock<Arc<AllowList>>);

impl LivePolicy {
    /// A policy that starts with `list`.
    pub fn new(list: AllowList) -> Arc<Self> {
        Arc::new(Self(RwLock::new(Arc::new(list))))
    }

    /// The list in force.
    pub fn current(&self) -> Arc<AllowList> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts another list in force, for every connection that is not judged yet.
    pub fn replace(&self, list: AllowList) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(list);
    }
}
