//! Who asks: where from, and with which certificate the TLS session was made.

use super::answer::Trouble;
use crate::enroll::EnrollError;
use crate::node::shared::Shared;
use dwcp_pki::{Certificate, Peer, PeerIdentity, SpiffeId};
use dwcp_tls::TlsSession;
use std::net::SocketAddr;
use std::sync::Arc;

/// One session's other side.
#[derive(Clone)]
pub(in crate::node) struct Caller {
    pub(in crate::node) source: SocketAddr,
    pub(super) peer: Peer,
    /// The leaf that was shown, as it stands.
    leaf: Option<Arc<[u8]>>,
}

impl Caller {
    pub(in crate::node) fn of<IO>(session: &TlsSession<IO>, source: SocketAddr) -> Self {
        let leaf = session.presented().first().map(|leaf| Arc::from(leaf.as_ref()));
        Self { source, peer: session.peer().clone(), leaf }
    }

    /// The certificate whose key the other side has, if it still stands: what was good when hands were shaken may be revoked since.
    pub(super) fn proven(&self, shared: &Shared) -> Result<(Certificate, SpiffeId), Trouble> {
        let Peer::Identified(identity) = &self.peer else { return Err(EnrollError::IdentityMissing.into()) };
        let current = shared.store.current();
        current.trust().recheck(identity, shared.now()).map_err(|error| {
            if error.is_revocation() { EnrollError::IdentityRevoked } else { EnrollError::IdentityUnknown }
        })?;
        self.holder(identity).ok_or(EnrollError::IdentityUnknown.into())
    }

    fn holder(&self, identity: &PeerIdentity) -> Option<(Certificate, SpiffeId)> {
        let leaf = Certificate::from_der(self.leaf.as_deref()?).ok()?;
        // What was shown and what was proven are one and the same, or nobody is.
        (leaf.fingerprint() == identity.fingerprint()).then_some(())?;
        Some((leaf, identity.spiffe_id()?.clone()))
    }
}
