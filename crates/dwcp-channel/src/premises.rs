//! What acceptors and dialers of one node share, and the step both end with: register, then judge once more.

use crate::{Newcomer, RefusedCause, Registry, Tracked};
use dwcp_base::Clock;
use dwcp_pki::{CertificateStore, Peer};
use std::fmt;
use std::sync::Arc;

/// The certificate store, the registry and the clock of a node. Clones share all three.
#[derive(Clone)]
pub struct Premises {
    /// Whose trust a finished handshake is judged by once more.
    pub store: Arc<CertificateStore>,
    /// Where live connections are kept.
    pub registry: Arc<Registry>,
    /// Wall time for that judgement.
    pub clock: Arc<dyn Clock>,
}

impl Premises {
    /// Registers a newcomer and judges it by the trust of this moment.
    ///
    /// The order closes a gap: trust that changed while the handshake ran is caught here, trust that changes later finds the
    /// connection in the registry.
    pub(crate) fn enlist(&self, newcomer: Newcomer) -> Result<Tracked, RefusedCause> {
        let peer = newcomer.peer.clone();
        let tracked = self.registry.register(newcomer).map_err(RefusedCause::Full)?;
        if let Peer::Identified(identity) = &peer {
            let now = self.clock.unix();
            self.store.current().trust().recheck(identity, now).map_err(RefusedCause::Trust)?;
        }
        Ok(tracked)
    }
}

impl fmt::Debug for Premises {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Premises").field("registry", &self.registry).finish_non_exhaustive()
    }
}
