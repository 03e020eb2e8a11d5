//! The innermost acceptor: handshake, registry, trust, policy, under one deadline.

use crate::owed::{Owed, tell};
use crate::signal::Order;
use crate::{
    Accept, Agreed, Arrival, Direction, Incoming, LivePolicy, Newcomer, Premises, Refused, RefusedCause,
    Session, Standing,
};
use dwcp_tls::{TlsContext, TlsSession};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Shakes hands, registers the peer and judges it by the allow list.
///
/// A node peer (ALPN `dwcp/1`) that the list refuses is told so by a verdict frame; one it grants is told when its target
/// is reached. A stranger that is refused sees a reset.
#[derive(Clone, Debug)]
pub struct TlsAcceptor {
    context: TlsContext,
    premises: Premises,
    policy: Arc<LivePolicy>,
    listener: Arc<str>,
    deadline: Duration,
}

impl TlsAcceptor {
    /// An acceptor for the listener of that name, with a deadline of 10 s.
    pub fn new(context: TlsContext, premises: Premises, policy: Arc<LivePolicy>, listener: &str) -> Self {
        Self { context, premises, policy, listener: listener.into(), deadline: dwcp_tls::HANDSHAKE_DEADLINE }
    }

    /// Another deadline for the whole acceptance, from the first byte to the last judgement.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    fn judge(
        &self,
        tls: &TlsSession<TcpStream>,
        arrival: &Arrival,
    ) -> Result<(crate::Tracked, Standing), RefusedCause> {
        let tracked = self.premises.enlist(Newcomer {
            peer: tls.peer().clone(),
            source: arrival.source,
            listener: Arc::clone(&self.listener),
            direction: Direction::Accepted,
            agreed: Some(Agreed::of(tls)),
        })?;
        // Read after the registration, for the same reason as the trust: see `Premises::enlist`.
        let grant = self.policy.current().judge(tls.peer()).map_err(RefusedCause::Policy)?;
        if let Order::Cut(reason) = tracked.entry.signal.order() {
            return Err(RefusedCause::Cut(reason));
        }
        Ok((tracked, Standing::Granted(grant)))
    }
}

impl Accept for TlsAcceptor {
    async fn accept(&self, incoming: Incoming) -> Result<Session, Refused> {
        let (stream, arrival) = incoming.into_parts();
        let source = arrival.source;
        let shaken = timeout(self.deadline + FAREWELL, self.context.accept(stream, self.deadline)).await;
        let mut tls = match shaken {
            Ok(Ok(tls)) => tls,
            Ok(Err(error)) => return Err(Refused::unidentified(source, RefusedCause::Tls(error))),
            Err(_) => return Err(Refused::unidentified(source, RefusedCause::Deadline(self.deadline))),
        };
        let mut owed = Owed::to_peer_of(&tls);
        match self.judge(&tls, &arrival) {
            Ok((tracked, standing)) => {
                // Only now: of a client that is not let in nobody is to act by a byte.
                let early = tls.early_data().unwrap_or_default();
                Ok(Session::new(tls, tracked, source, standing, owed).led_by(&early))
            }
            Err(cause) => {
                let refused = Refused::known(source, tls.peer().clone(), cause);
                tell(&mut tls, &mut owed, refused.verdict()).await;
                Err(refused)
            }
        }
    }
}

/// What a failed handshake may take beyond its deadline to let the peer read the alert.
const FAREWELL: Duration = Duration::from_millis(500);
